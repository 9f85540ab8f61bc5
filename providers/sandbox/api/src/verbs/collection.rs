//! DELETE of a collection.

use serde_json::{Value, json};

use super::Call;
use super::delete::{DeleteOptions, Deleted, delete_object};
use crate::http::Answer;
use crate::selector::Selector;
use crate::status::Failure;

/// Deletes every object that the selectors of the call choose, and answers with the list of them.
pub(crate) async fn delete_collection(call: &mut Call, body: &Value) -> Result<Answer, Failure> {
    if call.resource().namespaced && call.namespace.is_empty() {
        return Err(Failure::method_not_allowed());
    }
    let options = DeleteOptions::read(call, body)?;
    let selector = Selector::parse(call.query.get("labelSelector"), call.query.get("fieldSelector"), call.resource())?;
    let (listed, version) = call.plane.world().list(&call.resource().id, &call.namespace, None);
    let mut items = Vec::new();
    for stored in listed.iter().filter(|stored| selector.matches(&stored.value)) {
        call.name.clone_from(&stored.key.name);
        match delete_object(call, &options).await {
            Ok(Deleted::Gone(stored) | Deleted::Marked(stored)) => items.push(call.show(&stored.value)),
            Err(failure) if failure.code == 404 => {}
            Err(failure) => return Err(failure),
        }
    }
    call.name.clear();
    Ok(Answer::ok(json!({
        "kind": call.resource().list_kind(),
        "apiVersion": call.served.api_version(),
        "metadata": {"resourceVersion": version.to_string()},
        "items": items,
    })))
}
