//! Types: what a value may be. Knows the shape of types only; conversion and unification stand beside it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::{Value, unify};

/// A type, or a type constraint where it holds [`Type::Any`], optional attributes or defaults.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Type {
    /// Any type.
    Any,
    /// `bool`
    Bool,
    /// `number`
    Number,
    /// `string`
    String,
    /// `list(T)`
    List(Arc<Type>),
    /// `set(T)`
    Set(Arc<Type>),
    /// `map(T)`
    Map(Arc<Type>),
    /// `tuple([T, …])`
    Tuple(Arc<[Type]>),
    /// `object({ name = T, … })`
    Object(Arc<BTreeMap<Arc<str>, ObjectAttribute>>),
}

/// An attribute of an object type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectAttribute {
    /// Its type.
    pub ty: Type,
    /// Whether it may be missing; it is null then, or the default.
    pub optional: bool,
    /// What stands in for a missing or null attribute.
    pub default: Option<Value>,
}

impl Type {
    /// `list(T)`
    #[must_use]
    pub fn list(element: Type) -> Type {
        Type::List(Arc::new(element))
    }

    /// `set(T)`
    #[must_use]
    pub fn set(element: Type) -> Type {
        Type::Set(Arc::new(element))
    }

    /// `map(T)`
    #[must_use]
    pub fn map(element: Type) -> Type {
        Type::Map(Arc::new(element))
    }

    /// `tuple([T, …])`
    #[must_use]
    pub fn tuple(elements: impl IntoIterator<Item = Type>) -> Type {
        Type::Tuple(elements.into_iter().collect())
    }

    /// An object type whose attributes are all required.
    #[must_use]
    pub fn object<K: AsRef<str>>(attributes: impl IntoIterator<Item = (K, Type)>) -> Type {
        let attributes = attributes.into_iter().map(|(name, ty)| (Arc::from(name.as_ref()), ObjectAttribute::required(ty)));
        Type::Object(Arc::new(attributes.collect()))
    }

    /// True for `bool`, `number` and `string`.
    #[must_use]
    pub fn is_primitive(&self) -> bool {
        matches!(self, Type::Bool | Type::Number | Type::String)
    }

    /// True when `any` stands somewhere in it.
    #[must_use]
    pub fn contains_any(&self) -> bool {
        match self {
            Type::Any => true,
            Type::Bool | Type::Number | Type::String => false,
            Type::List(element) | Type::Set(element) | Type::Map(element) => element.contains_any(),
            Type::Tuple(elements) => elements.iter().any(Type::contains_any),
            Type::Object(attributes) => attributes.values().any(|attribute| attribute.ty.contains_any()),
        }
    }

    /// The type in words for a message: `a string`, `a list`, `an object`.
    #[must_use]
    pub fn with_article(&self) -> &'static str {
        match self {
            Type::Any => "a value",
            Type::Bool => "a bool",
            Type::Number => "a number",
            Type::String => "a string",
            Type::List(_) => "a list",
            Type::Set(_) => "a set",
            Type::Map(_) => "a map",
            Type::Tuple(_) => "a tuple",
            Type::Object(_) => "an object",
        }
    }
}

impl ObjectAttribute {
    /// An attribute that must be there.
    #[must_use]
    pub fn required(ty: Type) -> ObjectAttribute {
        ObjectAttribute { ty, optional: false, default: None }
    }

    /// An attribute that may be missing.
    #[must_use]
    pub fn optional(ty: Type, default: Option<Value>) -> ObjectAttribute {
        ObjectAttribute { ty, optional: true, default }
    }
}

/// Prints the type as one writes it in a `variable` block.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Any => f.write_str("any"),
            Type::Bool => f.write_str("bool"),
            Type::Number => f.write_str("number"),
            Type::String => f.write_str("string"),
            Type::List(element) => write!(f, "list({element})"),
            Type::Set(element) => write!(f, "set({element})"),
            Type::Map(element) => write!(f, "map({element})"),
            Type::Tuple(elements) => {
                f.write_str("tuple([")?;
                for (index, element) in elements.iter().enumerate() {
                    write!(f, "{}{element}", if index > 0 { ", " } else { "" })?;
                }
                f.write_str("])")
            }
            Type::Object(attributes) => {
                f.write_str("object({")?;
                for (index, (name, attribute)) in attributes.iter().enumerate() {
                    f.write_str(if index > 0 { ", " } else { "" })?;
                    match (attribute.optional, &attribute.default) {
                        (false, _) => write!(f, "{name} = {}", attribute.ty)?,
                        (true, None) => write!(f, "{name} = optional({})", attribute.ty)?,
                        (true, Some(default)) => write!(f, "{name} = optional({}, {default})", attribute.ty)?,
                    }
                }
                f.write_str("})")
            }
        }
    }
}

pub(super) fn type_of(value: &Value) -> Type {
    match value {
        Value::Null => Type::Any,
        Value::Bool(_) => Type::Bool,
        Value::Number(_) => Type::Number,
        Value::String(_) => Type::String,
        Value::List(elements) => Type::list(element_type(elements.iter())),
        Value::Set(elements) => Type::set(element_type(elements.iter())),
        Value::Map(entries) => Type::map(element_type(entries.values())),
        Value::Tuple(elements) => Type::tuple(elements.iter().map(type_of)),
        Value::Object(entries) => Type::object(entries.iter().map(|(name, value)| (name, type_of(value)))),
        Value::Unknown(unknown) => unknown.ty.clone(),
        Value::Secret(inner) => type_of(inner),
    }
}

/// The one type of the elements of a collection. Elements of the plain kinds are looked at one by one only as far as
/// needed: a collection is of one type by construction, so the first primitive decides.
fn element_type<'v>(elements: impl Iterator<Item = &'v Value>) -> Type {
    let mut types = Vec::new();
    for element in elements {
        let ty = type_of(element);
        if ty.is_primitive() {
            return ty;
        }
        if types.last() != Some(&ty) {
            types.push(ty);
        }
    }
    unify(&types).unwrap_or(Type::Any)
}
