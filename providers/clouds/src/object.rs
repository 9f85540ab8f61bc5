//! Builds object values field by field; must not know any kind.

use windlass_core::value::Value;

/// An object that is being built; absent fields are left out, so that nobody owns them.
#[derive(Default)]
pub struct Object(Vec<(String, Value)>);

impl Object {
    /// An object without fields.
    pub fn new() -> Object {
        Object::default()
    }

    /// With one more field.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Object {
        self.0.push((name.to_owned(), value.into()));
        self
    }

    /// With one more field if there is a value for it.
    pub fn with_some(self, name: &str, value: Option<impl Into<Value>>) -> Object {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// With one more field unless the object for it has no fields.
    pub fn with_filled(self, name: &str, object: Object) -> Object {
        if object.0.is_empty() { self } else { self.with(name, object) }
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Value {
        Value::object(object.0)
    }
}
