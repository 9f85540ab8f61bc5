//! The schema of ObjectMeta, which CRDs do not spell out; knows no other kind.

use std::sync::{Arc, OnceLock};

use crate::schema::{Limits, ListType, MapType, Schema, Type};

/// Schema of `metadata` of every object (k8s.io/apimachinery `meta/v1.ObjectMeta`, v0.36).
pub fn object_meta() -> &'static Schema {
    static META: OnceLock<Schema> = OnceLock::new();
    META.get_or_init(build)
}

/// Schema of a plain string.
pub(crate) fn string_schema() -> &'static Schema {
    static STRING: OnceLock<Schema> = OnceLock::new();
    STRING.get_or_init(|| scalar(Type::String, None))
}

fn build() -> Schema {
    let string = || scalar(Type::String, None);
    let time = || scalar(Type::String, Some("date-time"));
    let string_map = || Schema { kind: Some(Type::Object), additional_properties: Some(Arc::new(string())), ..Schema::default() };
    object([
        ("annotations", string_map()),
        ("creationTimestamp", time()),
        ("deletionGracePeriodSeconds", scalar(Type::Integer, Some("int64"))),
        ("deletionTimestamp", time()),
        (
            "finalizers",
            Schema {
                kind: Some(Type::Array),
                items: Some(Arc::new(string())),
                declared_list_type: Some(ListType::Set),
                patch_strategy: Some("merge".into()),
                ..Schema::default()
            },
        ),
        ("generateName", string()),
        ("generation", scalar(Type::Integer, Some("int64"))),
        ("labels", string_map()),
        ("managedFields", list(managed_fields_entry())),
        ("name", string()),
        ("namespace", string()),
        (
            "ownerReferences",
            Schema {
                declared_list_type: Some(ListType::Map),
                map_keys: vec!["uid".into()],
                patch_strategy: Some("merge".into()),
                patch_merge_key: Some("uid".into()),
                ..list(owner_reference())
            },
        ),
        ("resourceVersion", string()),
        ("selfLink", string()),
        ("uid", string()),
    ])
}

fn owner_reference() -> Schema {
    let string = || scalar(Type::String, None);
    Schema {
        required: ["apiVersion", "kind", "name", "uid"].map(String::from).into(),
        declared_map_type: Some(MapType::Atomic),
        ..object([
            ("apiVersion", string()),
            ("blockOwnerDeletion", scalar(Type::Boolean, None)),
            ("controller", scalar(Type::Boolean, None)),
            ("kind", string()),
            ("name", string()),
            ("uid", string()),
        ])
    }
}

fn managed_fields_entry() -> Schema {
    let string = || scalar(Type::String, None);
    object([
        ("apiVersion", string()),
        ("fieldsType", string()),
        ("fieldsV1", Schema { kind: Some(Type::Object), preserve_unknown_fields: true, ..Schema::default() }),
        ("manager", string()),
        ("operation", string()),
        ("subresource", string()),
        ("time", scalar(Type::String, Some("date-time"))),
    ])
}

fn object<const N: usize>(fields: [(&str, Schema); N]) -> Schema {
    Schema {
        kind: Some(Type::Object),
        properties: fields.into_iter().map(|(name, schema)| (name.to_owned(), Arc::new(schema))).collect(),
        ..Schema::default()
    }
}

fn list(items: Schema) -> Schema {
    Schema { kind: Some(Type::Array), items: Some(Arc::new(items)), ..Schema::default() }
}

fn scalar(kind: Type, format: Option<&str>) -> Schema {
    Schema {
        kind: Some(kind),
        limits: format.map(|format| Box::new(Limits { format: Some(format.to_owned()), ..Limits::default() })),
        ..Schema::default()
    }
}
