//! The inventory of a layer: a ConfigMap that lists every object the layer applied, so that what is no longer rendered can go.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use windlass_core::inventory::Entry;
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
    let text = str::to_owned;
    let (namespace, name, kind) = (object.namespace.clone(), object.name.clone(), object.kind.clone());
    Entry { namespace, name, group: text(group), version: text(version), kind, uid: text(uid) }.written()
}

fn parse(key: &str, value: &str) -> Option<(ObjectRef, String)> {
    let entry = Entry::read(key, value)?;
    Some((ObjectRef::new(&entry.api_version(), &entry.kind, entry.namespace.as_deref(), &entry.name), entry.uid))
}
