//! How a process speaks for a service account: a token that the API server signs, as a pod would have one.

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{Api, PostParams};

use crate::error::GroundError;
use crate::kubeconfig::kubeconfig_with_token;
use crate::plane::PlaneAccess;

/// Longer than any test; nobody renews it.
const SECONDS: i64 = 24 * 60 * 60;

/// A kubeconfig that speaks for an account.
///
/// # Errors
/// The account is not there, or the API server is not.
pub(super) async fn kubeconfig_of(plane: &PlaneAccess, namespace: &str, account: &str) -> Result<String, GroundError> {
    let what = format!("token of the service account {namespace}/{account}");
    let spec = TokenRequestSpec { expiration_seconds: Some(SECONDS), ..TokenRequestSpec::default() };
    let request = TokenRequest { spec, ..TokenRequest::default() };
    let accounts: Api<ServiceAccount> = Api::namespaced(plane.client.clone(), namespace);
    let answer = accounts.create_token_request(account, &PostParams::default(), &request).await.map_err(GroundError::api(&what))?;
    let token = answer.status.map(|status| status.token).unwrap_or_default();
    Ok(kubeconfig_with_token(&plane.name, &plane.server, &plane.ca_certificate, namespace, &token))
}
