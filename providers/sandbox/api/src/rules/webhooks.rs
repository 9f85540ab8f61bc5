//! What admission webhooks of Cluster API's providers refuse. No webhook is called here; the rules that clients build on stand here instead.

use serde_json::Value;

use crate::kinds::Resource;
use crate::status::{Cause, Failure};

/// Group, plural, webhook, and the path that no update changes, with the webhook's words.
const IMMUTABLE: &[(&str, &str, &str, &str, &str)] = &[(
    "infrastructure.cluster.x-k8s.io",
    "awsmachinetemplates",
    "validation.awsmachinetemplate.infrastructure.cluster.x-k8s.io",
    "spec.template.spec",
    "AWSMachineTemplate.Spec is immutable",
)];

/// Refuses an update as the webhook of the kind does.
pub(super) fn review(resource: &Resource, old: &Value, new: &Value) -> Result<(), Failure> {
    let Some((.., webhook, path, why)) = IMMUTABLE.iter().find(|(group, plural, ..)| resource.is(group, plural)) else { return Ok(()) };
    let pointer = format!("/{}", path.replace('.', "/"));
    let (before, after) = (old.pointer(&pointer).unwrap_or(&Value::Null), new.pointer(&pointer).unwrap_or(&Value::Null));
    if before == after || Some(before) == without_new_options(before, after).as_ref() {
        return Ok(());
    }
    let name = new.pointer("/metadata/name").and_then(Value::as_str).unwrap_or("");
    let refusal = Failure::invalid(resource.group(), &resource.kind, name, vec![Cause::invalid(path, after, why)]);
    Err(Failure { message: format!("admission webhook {webhook:?} denied the request: {}", refusal.message), ..refusal })
}

/// What is new without `instanceMetadataOptions`, which may be filled in where there were none.
fn without_new_options(before: &Value, after: &Value) -> Option<Value> {
    const OPTIONS: &str = "instanceMetadataOptions";
    let mut rest = after.as_object().filter(|_| before.get(OPTIONS).is_none())?.clone();
    rest.remove(OPTIONS);
    Some(Value::Object(rest))
}
