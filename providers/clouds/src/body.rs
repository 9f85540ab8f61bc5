//! Reads evaluated blocks; must not know any cloud.

use windlass_core::provider::Body;
use windlass_core::value::Value;

/// Short ways into the object of a block. Null counts as absent. Paths are dotted (`load_balancer.type`).
pub trait Attributes {
    /// The value at the path, marks and all.
    fn find(&self, path: &str) -> Option<&Value>;

    /// The text at the path, if it is known and not secret.
    fn text(&self, path: &str) -> Option<&str> {
        self.find(path)?.as_str()
    }

    /// The whole number at the path, if it is known and not secret.
    fn whole(&self, path: &str) -> Option<i64> {
        self.find(path)?.as_i64()
    }

    /// Whether something stands at the path that could not be read, which has been told.
    fn is_unread(&self, path: &str) -> bool {
        self.find(path).is_some_and(Value::is_unknown)
    }

    /// Whether the truth value at the path is `true`.
    fn is_set(&self, path: &str) -> bool {
        self.find(path).and_then(Value::as_bool) == Some(true)
    }

    /// The texts of the list at the path, with their positions.
    fn texts(&self, path: &str) -> impl Iterator<Item = (usize, &str)> {
        let elements = self.find(path).and_then(Value::as_elements).unwrap_or_default();
        elements.iter().enumerate().filter_map(|(position, element)| Some((position, element.as_str()?)))
    }

    /// The entries of the map at the path.
    fn pairs(&self, path: &str) -> impl Iterator<Item = (&str, &Value)> {
        let entries = self.find(path).and_then(Value::as_entries);
        entries.into_iter().flatten().map(|(key, value)| (&**key, value))
    }

    /// Whether the list or map at the path holds anything.
    fn holds(&self, path: &str) -> bool {
        self.find(path).is_some_and(|value| {
            value.as_elements().is_some_and(|elements| !elements.is_empty())
                || value.as_entries().is_some_and(|entries| !entries.is_empty())
        })
    }
}

impl Attributes for Value {
    fn find(&self, path: &str) -> Option<&Value> {
        // What is in an unknown is unknown.
        let found = path.split('.').try_fold(self, |value, key| if value.is_unknown() { Some(value) } else { value.get(key) })?;
        (!found.is_null()).then_some(found)
    }
}

impl Attributes for Body {
    fn find(&self, path: &str) -> Option<&Value> {
        self.value.find(path)
    }
}
