//! POST `serviceaccounts/NAME/token`.

use serde_json::{Value, json};

use super::Call;
use crate::clock::seconds;
use crate::http::Answer;
use crate::status::Failure;

/// Issues a token for the ServiceAccount of the call.
pub(crate) fn request_token(call: &Call, body: &Value) -> Result<Answer, Failure> {
    let account = call.stored().ok_or_else(|| call.not_found())?;
    let lifetime = match body.pointer("/spec/expirationSeconds") {
        None | Some(Value::Null) => 3600,
        Some(value) => value.as_i64().unwrap_or(0),
    };
    if lifetime < 600 {
        return Err(Failure::new(
            422,
            "Invalid",
            format!(
                "TokenRequest.authentication.k8s.io {:?} is invalid: spec.expirationSeconds: Invalid value: {lifetime}: may not \
                 specify a duration less than 10 minutes",
                call.name
            ),
        ));
    }
    let audiences: Vec<String> = body
        .pointer("/spec/audiences")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|audience| audience.as_str().map(str::to_owned))
        .collect();
    let now = call.plane.clock().now();
    let (token, audiences) =
        call.plane.service_account_token((&call.namespace, &call.name, account.meta("uid")), &audiences, now.as_second(), lifetime);
    let expires = now.checked_add(jiff::SignedDuration::from_secs(lifetime)).unwrap_or(now);
    Ok(Answer::Json {
        code: 201,
        value: json!({
            "kind": "TokenRequest",
            "apiVersion": "authentication.k8s.io/v1",
            "metadata": {"name": call.name, "namespace": call.namespace, "creationTimestamp": seconds(now)},
            "spec": {"audiences": audiences, "expirationSeconds": lifetime, "boundObjectRef": null},
            "status": {"token": token, "expirationTimestamp": seconds(expires)},
        }),
    })
}
