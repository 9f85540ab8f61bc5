//! Conversion of a value to a type constraint, as Terraform converts: `"1"` is a number where one is needed, an object is a
//! map, missing optional attributes get their defaults. Must not print values: messages name types and paths only.

use std::fmt;
use std::sync::Arc;

use super::{Entries, ObjectAttribute, PathStep, Type, Unknown, Value, ValuePath, unify};

/// Why a value does not fit a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConvertError {
    /// The part of the value that does not fit; empty when it is the value itself.
    pub path: ValuePath,
    /// What is wrong there, without the content of the value: `a number is required, this is a list`.
    pub message: String,
}

impl fmt::Display for ConvertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() { f.write_str(&self.message) } else { write!(f, "{}: {}", self.path, self.message) }
    }
}

impl std::error::Error for ConvertError {}

/// The value as one of that type. Null fits every type; an unknown stays unknown, of that type; a secret stays secret.
///
/// # Errors
/// The first part, in order, that does not fit.
pub fn convert(value: &Value, ty: &Type) -> Result<Value, ConvertError> {
    match (value, ty) {
        // The path to what does not fit would tell keys.
        (Value::Secret(inner), _) => convert(inner, ty).map(Value::secret).map_err(|e| error(e.message)),
        (Value::Unknown(unknown), _) => convert_unknown(unknown, ty),
        (Value::Null, _) | (_, Type::Any) => Ok(value.clone()),
        (Value::Bool(_), Type::Bool) | (Value::Number(_), Type::Number) | (Value::String(_), Type::String) => Ok(value.clone()),
        (Value::Bool(truth), Type::String) => Ok(Value::from(if *truth { "true" } else { "false" })),
        (Value::Number(number), Type::String) => Ok(Value::from(number.to_string())),
        (Value::String(text), Type::Number) => match text.parse() {
            Ok(number) => Ok(Value::Number(number)),
            Err(_) => Err(error("a number is required, and this string does not read as one")),
        },
        (Value::String(text), Type::Bool) => match &**text {
            "true" | "1" => Ok(Value::Bool(true)),
            "false" | "0" => Ok(Value::Bool(false)),
            _ => Err(error("a bool is required, and this string is neither \"true\" nor \"false\"")),
        },
        (Value::List(elements) | Value::Set(elements) | Value::Tuple(elements), Type::List(element)) => {
            Ok(Value::List(convert_elements(elements, element, "list")?.into()))
        }
        (Value::List(elements) | Value::Set(elements) | Value::Tuple(elements), Type::Set(element)) => {
            Ok(Value::set(convert_elements(elements, element, "set")?))
        }
        (Value::Tuple(elements), Type::Tuple(types)) => convert_tuple(elements, types),
        (Value::Map(entries) | Value::Object(entries), Type::Map(element)) => convert_entries(entries, element),
        (Value::Map(entries) | Value::Object(entries), Type::Object(attributes)) => {
            let mut converted = Entries::new();
            for (name, attribute) in attributes.iter() {
                let value = convert_attribute(entries.get(name), attribute, name).map_err(|e| e.below_key(name))?;
                converted.insert(name.clone(), value);
            }
            Ok(Value::Object(Arc::new(converted)))
        }
        _ => Err(mismatch(ty, &value.type_of())),
    }
}

impl ConvertError {
    fn below_key(mut self, key: &Arc<str>) -> ConvertError {
        self.path.0.insert(0, PathStep::Key(key.clone()));
        self
    }

    fn below_index(mut self, index: usize) -> ConvertError {
        self.path.0.insert(0, PathStep::Index(index));
        self
    }
}

fn error(message: impl Into<String>) -> ConvertError {
    ConvertError { path: ValuePath::default(), message: message.into() }
}

fn mismatch(wanted: &Type, found: &Type) -> ConvertError {
    error(format!("{} is required, this is {}", wanted.with_article(), found.with_article()))
}

fn convert_unknown(unknown: &Arc<Unknown>, ty: &Type) -> Result<Value, ConvertError> {
    if *ty == Type::Any || unknown.ty == *ty {
        return Ok(Value::Unknown(unknown.clone()));
    }
    if !may_convert(&unknown.ty, ty) {
        return Err(mismatch(ty, &unknown.ty));
    }
    let reference = if unknown.ty == Type::Any { unknown.reference.clone() } else { None };
    Ok(Value::Unknown(Arc::new(Unknown { ty: ty.clone(), reference })))
}

/// Whether some value of the one type converts to the other.
fn may_convert(from: &Type, to: &Type) -> bool {
    match (from, to) {
        (Type::Any, _) | (_, Type::Any) => true,
        (Type::Bool, Type::Number) | (Type::Number, Type::Bool) => false,
        (from, to) if from.is_primitive() => to.is_primitive(),
        (Type::List(a) | Type::Set(a), Type::List(b) | Type::Set(b)) | (Type::Map(a), Type::Map(b)) => may_convert(a, b),
        (Type::Tuple(elements), Type::List(to) | Type::Set(to)) => elements.iter().all(|from| may_convert(from, to)),
        (Type::Tuple(a), Type::Tuple(b)) => a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| may_convert(a, b)),
        (Type::Object(attributes), Type::Map(to)) => attributes.values().all(|from| may_convert(&from.ty, to)),
        (Type::Map(from), Type::Object(attributes)) => attributes.values().all(|to| may_convert(from, &to.ty)),
        (Type::Object(from), Type::Object(to)) => to.iter().all(|(name, to)| match from.get(name) {
            Some(from) => may_convert(&from.ty, &to.ty),
            None => to.optional,
        }),
        _ => false,
    }
}

fn convert_elements(elements: &[Value], ty: &Type, kind: &str) -> Result<Vec<Value>, ConvertError> {
    let mut converted = Vec::with_capacity(elements.len());
    for (index, element) in elements.iter().enumerate() {
        converted.push(convert(element, ty).map_err(|e| e.below_index(index))?);
    }
    if ty.contains_any()
        && let Some(common) = common_type(converted.iter(), kind)?
    {
        for (index, element) in converted.iter_mut().enumerate() {
            *element = convert(element, &common).map_err(|e| e.below_index(index))?;
        }
    }
    Ok(converted)
}

fn convert_entries(entries: &Entries, ty: &Type) -> Result<Value, ConvertError> {
    let mut converted = Entries::new();
    for (key, entry) in entries {
        converted.insert(key.clone(), convert(entry, ty).map_err(|e| e.below_key(key))?);
    }
    if ty.contains_any()
        && let Some(common) = common_type(converted.values(), "map")?
    {
        for (key, entry) in &mut converted {
            *entry = convert(entry, &common).map_err(|e| e.below_key(key))?;
        }
    }
    Ok(Value::Map(Arc::new(converted)))
}

/// The type that the elements have to be brought to; `None` when they already have one type.
fn common_type<'v>(elements: impl Iterator<Item = &'v Value>, kind: &str) -> Result<Option<Type>, ConvertError> {
    let mut types: Vec<Type> = Vec::new();
    for element in elements {
        let ty = element.type_of();
        if types.last() != Some(&ty) {
            types.push(ty);
        }
    }
    if types.len() < 2 {
        return Ok(None);
    }
    match unify(&types) {
        Some(common) => Ok(Some(common)),
        None => Err(error(format!("all elements of a {kind} must have the same type"))),
    }
}

fn convert_tuple(elements: &[Value], types: &[Type]) -> Result<Value, ConvertError> {
    if elements.len() != types.len() {
        return Err(error(format!("a tuple of {} elements is required, this has {}", types.len(), elements.len())));
    }
    let mut converted = Vec::with_capacity(elements.len());
    for (index, (element, ty)) in elements.iter().zip(types).enumerate() {
        converted.push(convert(element, ty).map_err(|e| e.below_index(index))?);
    }
    Ok(Value::Tuple(converted.into()))
}

fn convert_attribute(value: Option<&Value>, attribute: &ObjectAttribute, name: &str) -> Result<Value, ConvertError> {
    match (value, &attribute.default) {
        (None | Some(Value::Null), Some(default)) => convert(default, &attribute.ty),
        (Some(value), _) => convert(value, &attribute.ty),
        (None, None) if attribute.optional => Ok(Value::Null),
        (None, None) => Err(error(format!("attribute `{name}` is required"))),
    }
}
