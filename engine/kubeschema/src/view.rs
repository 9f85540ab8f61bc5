//! A schema at a place in an object: references resolved, the metadata of resources known.

use std::ops::Deref;
use std::sync::OnceLock;

use serde_json::Value;

use crate::object_meta::{object_meta, string_schema};
use crate::schema::{Definitions, ListType, MAX_DEPTH, MapType, Schema};

/// A schema as a walk sees it: copyable, derefs to the resolved [`Schema`].
#[derive(Debug, Clone, Copy)]
pub struct SchemaRef<'a> {
    site: &'a Schema,
    target: &'a Schema,
    definitions: &'a Definitions,
    resource: bool,
}

impl<'a> SchemaRef<'a> {
    /// A schema whose references are found in `definitions`; an unknown one means "any value".
    pub fn new(schema: &'a Schema, definitions: &'a Definitions) -> SchemaRef<'a> {
        let mut target = schema;
        for _ in 0..MAX_DEPTH {
            match &target.reference {
                None => break,
                Some(name) => target = definitions.get(name).map_or(untyped(), |found| found),
            }
        }
        if target.reference.is_some() {
            target = untyped();
        }
        SchemaRef { site: schema, target, definitions, resource: target.embedded_resource || schema.embedded_resource }
    }

    /// A schema without references.
    pub fn of(schema: &'a Schema) -> SchemaRef<'a> {
        SchemaRef::new(schema, no_definitions())
    }

    /// The schema of nothing known: every value is allowed, its merge is deduced.
    pub fn untyped() -> SchemaRef<'static> {
        SchemaRef::of(untyped())
    }

    /// The same, as the root of a resource: it has apiVersion, kind and ObjectMeta.
    pub fn as_resource(self) -> SchemaRef<'a> {
        SchemaRef { resource: true, ..self }
    }

    /// This is the root of a resource (or of an embedded one).
    pub fn is_resource(&self) -> bool {
        self.resource
    }

    /// The root of a kind that is compiled into the API server: its metadata refers to ObjectMeta by name, which no
    /// CRD can do.
    pub fn is_built_in(&self) -> bool {
        self.target.properties.get("metadata").is_some_and(|metadata| metadata.reference.is_some())
    }

    /// The place refers to a definition by name.
    pub fn is_reference(&self) -> bool {
        self.site.reference.is_some()
    }

    /// The resolved schema.
    pub fn schema(&self) -> &'a Schema {
        self.target
    }

    /// The schemas that references are found in.
    pub fn definitions(&self) -> &'a Definitions {
        self.definitions
    }

    /// The schema of one field or map value.
    pub fn property(&self, name: &str) -> Option<SchemaRef<'a>> {
        self.declared(name).or_else(|| self.additional())
    }

    /// The schema of a declared field, not of a map's value.
    pub fn declared(&self, name: &str) -> Option<SchemaRef<'a>> {
        let declared = self.target.properties.get(name);
        if self.resource {
            match (name, declared) {
                ("metadata", Some(schema)) if schema.reference.is_some() => {}
                ("metadata", _) => return Some(SchemaRef::of(object_meta())),
                ("apiVersion" | "kind", None) => return Some(SchemaRef::of(string_schema())),
                _ => {}
            }
        }
        declared.map(|schema| SchemaRef::new(schema, self.definitions))
    }

    /// The schema of a map's values.
    pub fn additional(&self) -> Option<SchemaRef<'a>> {
        let schema = self.target.additional_properties.as_ref()?;
        Some(SchemaRef::new(schema, self.definitions))
    }

    /// The schema of a list's items.
    pub fn items(&self) -> Option<SchemaRef<'a>> {
        let schema = self.target.items.as_ref()?;
        Some(SchemaRef::new(schema, self.definitions))
    }

    /// What an absent value becomes: the site's word goes before the target's.
    pub fn default_value(&self) -> Option<&'a Value> {
        self.site.default.as_ref().or(self.target.default.as_ref())
    }

    /// `null` is a value here.
    pub fn is_nullable(&self) -> bool {
        self.site.nullable || self.target.nullable
    }

    /// The merge behaviour of a list at this place.
    pub fn list_type(&self) -> ListType {
        self.merging_site().list_type()
    }

    /// The fields that identify an item of a list of type map at this place.
    pub fn list_keys(&self) -> &'a [String] {
        self.merging_site().list_keys()
    }

    /// The merge behaviour of a map or struct at this place.
    pub fn map_type(&self) -> MapType {
        self.site.declared_map_type.unwrap_or_else(|| self.target.map_type())
    }

    /// Patch strategy words of a built-in at this place.
    pub fn patch_strategies(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let strategy = (self.site.patch_strategy.as_deref()).or(self.target.patch_strategy.as_deref()).unwrap_or("");
        strategy.split(',').filter(|word| !word.is_empty())
    }

    /// Patch merge key of a built-in at this place.
    pub fn patch_merge_key(&self) -> Option<&'a str> {
        (self.site.patch_merge_key.as_deref()).or(self.target.patch_merge_key.as_deref())
    }

    fn merging_site(&self) -> &'a Schema {
        if self.site.declared_list_type.is_some() || self.site.patch_strategy.is_some() { self.site } else { self.target }
    }
}

impl<'a> From<&'a Schema> for SchemaRef<'a> {
    fn from(schema: &'a Schema) -> SchemaRef<'a> {
        SchemaRef::of(schema)
    }
}

impl Deref for SchemaRef<'_> {
    type Target = Schema;

    fn deref(&self) -> &Schema {
        self.target
    }
}

fn no_definitions() -> &'static Definitions {
    static EMPTY: Definitions = Definitions::new();
    &EMPTY
}

fn untyped() -> &'static Schema {
    static UNTYPED: OnceLock<Schema> = OnceLock::new();
    UNTYPED.get_or_init(|| Schema { preserve_unknown_fields: true, ..Schema::default() })
}
