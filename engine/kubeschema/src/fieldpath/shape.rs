//! How a value at a place merges: by its schema, or deduced where there is none.
//!
//! Source of the rules: k8s.io/kube-openapi `schemaconv` and structured-merge-diff `typed`.

use serde_json::Value;

use super::element::PathElement;
use crate::schema::{ListType, MapType, Type};
use crate::view::SchemaRef;

/// The merge type of a place.
#[derive(Debug, Clone, Copy)]
pub enum Shape<'a> {
    /// A schema is known.
    Known {
        /// It.
        schema: SchemaRef<'a>,
        /// It or something above it keeps unknown fields.
        open: bool,
    },
    /// Nothing is known: maps merge by key, lists are atomic.
    Deduced,
    /// Nothing is known, inside an atomic list: everything is atomic.
    Opaque,
}

/// What a value is merged as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Struct or map.
    Map,
    /// List.
    List,
    /// Anything else, `null` included where no other form is allowed.
    Scalar,
}

impl<'a> Shape<'a> {
    /// The shape of a schema's values.
    pub fn of(schema: SchemaRef<'a>) -> Shape<'a> {
        Shape::Known { schema, open: schema.preserve_unknown_fields }
    }

    /// Values of this form may stand here.
    pub fn allows(&self, form: Form) -> bool {
        let Shape::Known { schema, .. } = self else {
            return true;
        };
        match schema.kind {
            None => true,
            Some(Type::Object) => form == Form::Map,
            Some(Type::Array) => form == Form::List,
            Some(_) => form == Form::Scalar,
        }
    }

    /// The form that a value takes here. Nothing, `null` and a value of a form that is not
    /// allowed take the first allowed of map, scalar, list.
    pub fn form(&self, value: Option<&Value>) -> Form {
        let own = match value {
            None | Some(Value::Null) => None,
            Some(Value::Object(_)) => Some(Form::Map),
            Some(Value::Array(_)) => Some(Form::List),
            Some(_) => Some(Form::Scalar),
        };
        let fallback = [Form::Map, Form::Scalar, Form::List];
        let mut candidates = own.into_iter().chain(fallback);
        candidates.find(|form| self.allows(*form)).unwrap_or(Form::Scalar)
    }

    /// The field is declared by name (it is not a map's key).
    pub fn declares(&self, name: &str) -> bool {
        match self {
            Shape::Known { schema, .. } => schema.declared(name).is_some(),
            _ => false,
        }
    }

    /// The shape of a field or map value; `None`: the schema has no such field.
    pub fn field(&self, name: &str) -> Option<Shape<'a>> {
        match self {
            Shape::Known { schema, open } => {
                if let Some(declared) = schema.declared(name) {
                    return Some(below(declared, *open));
                }
                match schema.additional() {
                    Some(values) => Some(below(values, *open)),
                    None if *open || schema.properties.is_empty() => Some(Shape::Deduced),
                    None => None,
                }
            }
            other => Some(*other),
        }
    }

    /// The shape of list items.
    pub fn item(&self) -> Shape<'a> {
        match self {
            Shape::Known { schema, open } => match schema.items() {
                Some(items) => below(items, *open),
                None => Shape::Deduced,
            },
            _ => Shape::Opaque,
        }
    }

    /// A map here is one leaf.
    pub fn is_atomic_map(&self) -> bool {
        match self {
            Shape::Known { schema, .. } => schema.map_type() == MapType::Atomic,
            Shape::Deduced => false,
            Shape::Opaque => true,
        }
    }

    /// A list here is one leaf.
    pub fn is_atomic_list(&self) -> bool {
        match self {
            Shape::Known { schema, .. } => schema.list_type() == ListType::Atomic,
            _ => true,
        }
    }

    /// The element that identifies an item of a set or keyed list; the error is the server's
    /// sentence.
    pub fn element(&self, item: &Value) -> Result<PathElement, String> {
        let keys = match self {
            Shape::Known { schema, .. } => schema.list_keys(),
            _ => &[],
        };
        if keys.is_empty() {
            return set_element(item);
        }
        let map = match item {
            Value::Object(map) => map,
            Value::Null => {
                return Err("associative list with keys may not have a null element".into());
            }
            _ => return Err("associative list with keys may not have non-map elements".into()),
        };
        let mut fields = Vec::with_capacity(keys.len());
        for name in keys {
            match map.get(name) {
                Some(value) => fields.push((name.clone(), value.clone())),
                None => fields.extend(self.key_default(name).map(|v| (name.clone(), v.clone()))),
            }
        }
        if fields.is_empty() {
            return Err(format!(
                "associative list with keys has an element that omits all key fields {} (and \
                 doesn't have default values for any key fields)",
                quoted(keys)
            ));
        }
        Ok(PathElement::key(fields))
    }

    fn key_default(&self, name: &str) -> Option<&'a Value> {
        match self {
            Shape::Known { schema, .. } => schema.items()?.declared(name)?.default_value(),
            _ => None,
        }
    }
}

/// References are types of their own in the server's schema: openness does not cross them.
fn below(schema: SchemaRef<'_>, open: bool) -> Shape<'_> {
    Shape::Known { schema, open: schema.preserve_unknown_fields || (open && !schema.is_reference()) }
}

fn set_element(item: &Value) -> Result<PathElement, String> {
    match item {
        Value::Object(_) => Err("associative list without keys has an element that's a map type".into()),
        Value::Array(_) => Err("not supported: associative list with lists as elements".into()),
        Value::Null => Err("associative list without keys has an element that's an explicit null".into()),
        scalar => Ok(PathElement::value(scalar.clone())),
    }
}

fn quoted(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    format!("[{}]", quoted.join(" "))
}
