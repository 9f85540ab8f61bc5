//! Whether the identity that an AWSCluster names exists with its Secret. Knows no cloud.

use crate::kinds::unwatched;
use crate::object::{Fields, Object};
use crate::plane::{Plane, Result};

/// Namespace of the provider, where Secrets of static identities live.
pub const NAMESPACE: &str = "capa-system";

/// Why the cluster's identity cannot be used; `None` when it can. No identity means the controller's own.
pub async fn missing(plane: &Plane, cluster: &Object) -> Result<Option<String>> {
    let reference = cluster.at("/spec/identityRef");
    let (kind, name) = (reference.text("/kind"), reference.text("/name"));
    if name.is_empty() || (kind, name) == ("AWSClusterControllerIdentity", "default") {
        return Ok(None);
    }
    let Some(resource) = unwatched::aws_identity(kind) else {
        return Ok(Some(format!("identityRef kind {kind} is not known")));
    };
    let Some(identity) = plane.read(&resource, "", name).await? else {
        return Ok(Some(format!("{kind} {name} not found")));
    };
    match kind {
        "AWSClusterStaticIdentity" => {
            let secret = identity.text("/spec/secretRef");
            let there = plane.read(&unwatched::secret(), NAMESPACE, secret).await?;
            Ok(there.is_none().then(|| format!("Secret {NAMESPACE}/{secret} of {kind} {name} not found")))
        }
        "AWSClusterRoleIdentity" => {
            let source = identity.at("/spec/sourceIdentityRef");
            let (kind, source) = (source.text("/kind"), source.text("/name"));
            let Some(resource) = unwatched::aws_identity(kind).filter(|_| (kind, source) != ("AWSClusterControllerIdentity", "default"))
            else {
                return Ok(None);
            };
            let there = plane.read(&resource, "", source).await?;
            Ok(there.is_none().then(|| format!("{kind} {source} not found")))
        }
        _ => Ok(None),
    }
}
