//! OpenAPI v3 to [`Schema`]; keeps what decides about values and merges, drops all prose.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Number, Value};

use crate::schema::{Limits, ListType, Logic, MAX_DEPTH, MapType, Pattern, Rule, Schema, SchemaError, Type};

/// Whose OpenAPI it is: they mean different things by an object without fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `spec.versions[].schema.openAPIV3Schema`: such an object is pruned to `{}`.
    Crd,
    /// `/openapi/v3` of the API server: such an object (RawExtension, FieldsV1) holds anything.
    BuiltIn,
}

/// The name in `#/components/schemas/NAME` (or v2's `#/definitions/NAME`).
pub fn definition_name(reference: &str) -> Option<String> {
    let name = (reference.strip_prefix("#/components/schemas/")).or_else(|| reference.strip_prefix("#/definitions/"))?;
    Some(name.to_owned())
}

impl Schema {
    /// Reads one OpenAPI v3 schema.
    ///
    /// `resolve_ref` gives the definition's name of a `$ref` text ([`definition_name`]); where it
    /// gives `None` (CRDs have no references) the document is refused.
    pub fn from_openapi(document: &Value, dialect: Dialect, resolve_ref: &dyn Fn(&str) -> Option<String>) -> Result<Schema, SchemaError> {
        let mut reader = Reader { dialect, resolve_ref, path: Vec::new() };
        reader.schema(document)
    }
}

struct Reader<'a> {
    dialect: Dialect,
    resolve_ref: &'a dyn Fn(&str) -> Option<String>,
    path: Vec<String>,
}

impl Reader<'_> {
    fn fail<T>(&self, reason: impl Into<String>) -> Result<T, SchemaError> {
        Err(SchemaError::OpenApi { path: if self.path.is_empty() { "schema".into() } else { self.path.join(".") }, reason: reason.into() })
    }

    fn within<T>(&mut self, name: &str, read: impl FnOnce(&mut Self) -> Result<T, SchemaError>) -> Result<T, SchemaError> {
        self.path.push(name.to_owned());
        let result = read(self);
        if result.is_ok() {
            self.path.pop();
        }
        result
    }

    fn schema(&mut self, document: &Value) -> Result<Schema, SchemaError> {
        if self.path.len() > MAX_DEPTH {
            return self.fail("nested too deep");
        }
        let Value::Object(map) = document else {
            return self.fail("a schema is an object");
        };
        let mut schema = Schema { reference: self.reference(map)?, ..Schema::default() };
        self.form(map, &mut schema)?;
        self.merging(map, &mut schema)?;
        schema.enumeration = list(map, "enum").to_vec();
        schema.default = map.get("default").cloned();
        schema.limits = self.limits(map)?;
        schema.logic = self.logic(map, schema.reference.is_some())?;
        schema.rules = list(map, "x-kubernetes-validations")
            .iter()
            .map(|rule| Rule { rule: text(rule, "rule").unwrap_or_default(), message: text(rule, "message") })
            .collect();
        if self.dialect == Dialect::BuiltIn && holds_anything(&schema) {
            schema.preserve_unknown_fields = true;
        }
        Ok(schema)
    }

    /// `$ref`, or the server's `allOf: [{$ref}]` that lets a default stand beside it.
    fn reference(&mut self, map: &Map<String, Value>) -> Result<Option<String>, SchemaError> {
        let direct = map.get("$ref");
        let wrapped = match list(map, "allOf") {
            [only] => only.get("$ref"),
            _ => None,
        };
        let Some(reference) = direct.or(wrapped).and_then(Value::as_str) else {
            return Ok(None);
        };
        match (self.resolve_ref)(reference) {
            Some(name) => Ok(Some(name)),
            None => self.fail(format!("reference {reference:?} leads nowhere")),
        }
    }

    fn form(&mut self, map: &Map<String, Value>, out: &mut Schema) -> Result<(), SchemaError> {
        out.int_or_string = flag(map, "x-kubernetes-int-or-string") || field(map, "format") == Some("int-or-string");
        if let Some(word) = field(map, "type") {
            match Type::parse(word) {
                // "type: string, format: int-or-string" is how v2 said it.
                Some(_) if out.int_or_string => {}
                Some(kind) => out.kind = Some(kind),
                None => return self.fail(format!("unknown type {word:?}")),
            }
        }
        out.nullable = flag(map, "nullable");
        out.preserve_unknown_fields = flag(map, "x-kubernetes-preserve-unknown-fields");
        out.embedded_resource = flag(map, "x-kubernetes-embedded-resource");
        out.required = strings(map, "required");
        if let Some(properties) = map.get("properties") {
            out.properties = self.within("properties", |r| r.properties(properties))?;
        }
        out.additional_properties = match map.get("additionalProperties") {
            None | Some(Value::Bool(false)) => None,
            Some(Value::Bool(true)) => Some(Arc::new(Schema::default())),
            Some(values) => Some(Arc::new(self.within("additionalProperties", |r| r.schema(values))?)),
        };
        if let Some(items) = map.get("items") {
            out.items = Some(Arc::new(self.within("items", |r| r.schema(items))?));
        }
        Ok(())
    }

    fn properties(&mut self, value: &Value) -> Result<BTreeMap<String, Arc<Schema>>, SchemaError> {
        let Value::Object(map) = value else {
            return self.fail("properties are an object");
        };
        map.iter()
            .map(|(name, schema)| {
                let schema = self.within(name, |r| r.schema(schema))?;
                Ok((name.clone(), Arc::new(schema)))
            })
            .collect()
    }

    fn merging(&mut self, map: &Map<String, Value>, out: &mut Schema) -> Result<(), SchemaError> {
        out.declared_list_type = match field(map, "x-kubernetes-list-type") {
            None => None,
            Some("atomic") => Some(ListType::Atomic),
            Some("set") => Some(ListType::Set),
            Some("map") => Some(ListType::Map),
            Some(other) => return self.fail(format!("unknown list type {other:?}")),
        };
        out.map_keys = strings(map, "x-kubernetes-list-map-keys");
        if out.declared_list_type == Some(ListType::Map) && out.map_keys.is_empty() {
            return self.fail("a list of type map needs x-kubernetes-list-map-keys");
        }
        out.declared_map_type = match field(map, "x-kubernetes-map-type") {
            None => None,
            Some("granular") => Some(MapType::Granular),
            Some("atomic") => Some(MapType::Atomic),
            Some(other) => return self.fail(format!("unknown map type {other:?}")),
        };
        out.patch_strategy = field(map, "x-kubernetes-patch-strategy").map(String::from);
        out.patch_merge_key = field(map, "x-kubernetes-patch-merge-key").map(String::from);
        Ok(())
    }

    fn limits(&mut self, map: &Map<String, Value>) -> Result<Option<Box<Limits>>, SchemaError> {
        let limits = Limits {
            minimum: self.number(map, "minimum")?,
            exclusive_minimum: flag(map, "exclusiveMinimum"),
            maximum: self.number(map, "maximum")?,
            exclusive_maximum: flag(map, "exclusiveMaximum"),
            multiple_of: self.number(map, "multipleOf")?,
            min_length: self.count(map, "minLength")?,
            max_length: self.count(map, "maxLength")?,
            min_items: self.count(map, "minItems")?,
            max_items: self.count(map, "maxItems")?,
            unique_items: flag(map, "uniqueItems"),
            min_properties: self.count(map, "minProperties")?,
            max_properties: self.count(map, "maxProperties")?,
            pattern: field(map, "pattern").filter(|p| !p.is_empty()).map(Pattern::new),
            format: (field(map, "format")).filter(|f| !f.is_empty() && *f != "int-or-string").map(String::from),
        };
        Ok((limits != Limits::default()).then(|| Box::new(limits)))
    }

    fn logic(&mut self, map: &Map<String, Value>, referring: bool) -> Result<Option<Box<Logic>>, SchemaError> {
        let logic = Logic {
            one_of: self.alternatives(map, "oneOf")?,
            any_of: self.alternatives(map, "anyOf")?,
            all_of: if referring { Vec::new() } else { self.alternatives(map, "allOf")? },
            not: match map.get("not") {
                None => None,
                Some(schema) => Some(Arc::new(self.within("not", |r| r.schema(schema))?)),
            },
        };
        Ok((logic != Logic::default()).then(|| Box::new(logic)))
    }

    fn alternatives(&mut self, map: &Map<String, Value>, word: &str) -> Result<Vec<Arc<Schema>>, SchemaError> {
        self.within(word, |reader| (list(map, word).iter()).map(|schema| reader.schema(schema).map(Arc::new)).collect())
    }

    fn number(&mut self, map: &Map<String, Value>, word: &str) -> Result<Option<Number>, SchemaError> {
        match map.get(word) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Number(number)) => Ok(Some(number.clone())),
            Some(_) => self.fail(format!("{word} is a number")),
        }
    }

    fn count(&mut self, map: &Map<String, Value>, word: &str) -> Result<Option<u64>, SchemaError> {
        match self.number(map, word)? {
            None => Ok(None),
            Some(number) => match number.as_u64() {
                Some(count) => Ok(Some(count)),
                None => self.fail(format!("{word} is a whole number, zero or more")),
            },
        }
    }
}

fn holds_anything(schema: &Schema) -> bool {
    schema.kind == Some(Type::Object) && schema.properties.is_empty() && schema.additional_properties.is_none()
}

fn flag(map: &Map<String, Value>, word: &str) -> bool {
    map.get(word).and_then(Value::as_bool).unwrap_or(false)
}

fn field<'a>(map: &'a Map<String, Value>, word: &str) -> Option<&'a str> {
    map.get(word).and_then(Value::as_str)
}

fn text(value: &Value, word: &str) -> Option<String> {
    Some(value.get(word)?.as_str()?.to_owned())
}

fn list<'a>(map: &'a Map<String, Value>, word: &str) -> &'a [Value] {
    map.get(word).and_then(Value::as_array).map_or(&[], |list| list)
}

fn strings(map: &Map<String, Value>, word: &str) -> Vec<String> {
    let texts = list(map, word).iter().filter_map(Value::as_str);
    texts.map(String::from).collect()
}
