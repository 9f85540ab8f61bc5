//! Objects and lists in the form that the client asked for.

use std::sync::Arc;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::{Value, json};

use super::{Form, table};
use crate::http::Answer;
use crate::kinds::Resource;
use crate::status::Failure;
use crate::verbs::Call;
use crate::world::Stored;

/// One object as the answer to a request.
pub(crate) fn single(call: &Call, stored: &Stored) -> Result<Value, Failure> {
    Ok(match Form::read(&call.accept)? {
        Form::Object => call.show(&stored.value),
        Form::Metadata => partial(stored, true),
        Form::Table => table::table(call, &[stored], json!({"resourceVersion": stored.version.to_string()}), true),
    })
}

/// One object as a watch shows it; only the first table of a watch has columns.
pub(crate) fn watched(call: &Call, form: Form, stored: &Stored, columns: bool) -> Value {
    match form {
        Form::Object => call.show(&stored.value),
        Form::Metadata => partial(stored, true),
        Form::Table => table::table(call, &[stored], json!({"resourceVersion": stored.version.to_string()}), columns),
    }
}

/// A list.
pub(crate) fn list(call: &Call, page: &[Arc<Stored>], meta: Value) -> Result<Answer, Failure> {
    match Form::read(&call.accept)? {
        Form::Object => {
            let version = call.served.api_version();
            let head = call.resource().custom.then_some((version.as_str(), call.resource().kind.as_str()));
            let items = page.iter().map(|stored| Item { value: &stored.value, head }).collect();
            Answer::serialize(200, &List { kind: &call.resource().list_kind(), api_version: &version, metadata: &meta, items })
        }
        Form::Metadata => {
            let items: Vec<Value> = page.iter().map(|stored| partial(stored, false)).collect();
            Ok(Answer::ok(json!({
                "kind": "PartialObjectMetadataList",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": meta,
                "items": items,
            })))
        }
        Form::Table => {
            let rows: Vec<&Stored> = page.iter().map(Arc::as_ref).collect();
            Ok(Answer::ok(table::table(call, &rows, meta, true)))
        }
    }
}

/// Writes the stored form: the storage version's apiVersion.
pub(crate) fn to_storage(resource: &Resource, value: &mut Value) {
    if let Some(map) = value.as_object_mut() {
        map.insert("apiVersion".into(), resource.api_version(&resource.storage).into());
        map.insert("kind".into(), resource.kind.clone().into());
    }
}

/// `PartialObjectMetadata` of an object; items of lists name no kind.
pub(super) fn partial(stored: &Stored, headed: bool) -> Value {
    let metadata = stored.value.get("metadata").cloned().unwrap_or(Value::Null);
    if headed {
        json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata})
    } else {
        json!({"metadata": metadata})
    }
}

#[derive(Serialize)]
struct List<'a> {
    kind: &'a str,
    #[serde(rename = "apiVersion")]
    api_version: &'a str,
    metadata: &'a Value,
    items: Vec<Item<'a>>,
}

/// An item without a copy: custom ones name their kind, built-in ones do not.
struct Item<'a> {
    value: &'a Value,
    head: Option<(&'a str, &'a str)>,
}

impl Serialize for Item<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some((version, kind)) = self.head {
            map.serialize_entry("apiVersion", version)?;
            map.serialize_entry("kind", kind)?;
        }
        for (key, value) in self.value.as_object().into_iter().flatten() {
            if key != "apiVersion" && key != "kind" {
                map.serialize_entry(key, value)?;
            }
        }
        map.end()
    }
}
