//! The inventory of a layer: a ConfigMap that lists every object the layer applied, so that what is no longer rendered can go.
//!
//! Key of an entry: namespace, name, group and kind joined by `__`; value: `<uid> <version>` (uid empty while only intended).

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use windlass_core::marks::{FIELD_MANAGER, SYSTEM_NAMESPACE, layer_inventory};
use windlass_core::object::split_api_version;

use crate::apply::mark;
use crate::error::ApiError;
use crate::kinds::ObjectRef;
use crate::plane::{Force, Persist, Plane};

/// Objects of a layer with their uids.
pub type Inventory = BTreeMap<ObjectRef, String>;

/// Which ConfigMap it is.
pub fn reference(layer: &str) -> ObjectRef {
    ObjectRef::new("v1", "ConfigMap", Some(SYSTEM_NAMESPACE), &layer_inventory(layer))
}

/// Reads a layer's inventory; there is none before the first apply.
pub async fn read(plane: &Plane, layer: &str) -> Result<Inventory, ApiError> {
    let live = plane.get(&reference(layer)).await?;
    let data = live.as_ref().and_then(|live| live.get("data")).and_then(Json::as_object);
    Ok(data.into_iter().flatten().filter_map(|(key, value)| parse(key, value.as_str()?)).collect())
}

/// Writes a layer's inventory.
pub async fn write(plane: &Plane, layer: &str, lineage: &str, address: &str, inventory: &Inventory) -> Result<(), ApiError> {
    let data: BTreeMap<String, String> = inventory.iter().map(|(object, uid)| entry(object, uid)).collect();
    let reference = reference(layer);
    let mut object = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": reference.name, "namespace": reference.namespace},
        "data": data,
    });
    mark(&mut object, lineage, address);
    plane.apply(&object, FIELD_MANAGER, Force::Yes, Persist::Yes).await.map(|_| ())
}

fn entry(object: &ObjectRef, uid: &str) -> (String, String) {
    let (group, version) = split_api_version(&object.api_version);
    let namespace = object.namespace.as_deref().unwrap_or_default();
    (format!("{namespace}__{}__{group}__{}", escape(&object.name), object.kind), format!("{uid} {version}"))
}

fn parse(key: &str, value: &str) -> Option<(ObjectRef, String)> {
    let mut parts = key.split("__");
    let (namespace, name, group, kind) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let (uid, version) = value.split_once(' ')?;
    let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    let namespace = (!namespace.is_empty()).then_some(namespace);
    Some((ObjectRef::new(&api_version, kind, namespace, &unescape(name)?), uid.to_owned()))
}

/// Keys of a ConfigMap take `[-._a-zA-Z0-9]`; names of RBAC objects may hold more. `_` itself is escaped, so that `__` separates.
fn escape(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' => out.push(char::from(byte)),
            other => out.push_str(&format!("_{other:02x}")),
        }
    }
    out
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte == b'_' {
            let hex = std::str::from_utf8(rest.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(hex, 16).ok()?);
            rest = rest.get(2..)?;
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back() {
        for object in [
            ObjectRef::new("v1", "Namespace", None, "shop"),
            ObjectRef::new("apps/v1", "Deployment", Some("shop"), "web"),
            ObjectRef::new("rbac.authorization.k8s.io/v1", "ClusterRole", None, "system:a_b__c"),
            ObjectRef::new("v1", "ConfigMap", Some("a"), "_"),
        ] {
            let (key, value) = entry(&object, "u-1");
            assert!(key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)), "{key}");
            assert_eq!(parse(&key, &value), Some((object, "u-1".to_owned())));
        }
        assert_eq!(parse("x", "y"), None);
        assert_eq!(parse("____", "u"), None);
    }
}
