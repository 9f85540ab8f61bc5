//! A path inside a value: how leaves are named in messages and digests. Knows nothing of values.

use std::fmt;
use std::sync::Arc;

/// One step into a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PathStep {
    /// Into the entry of a map or object.
    Key(Arc<str>),
    /// Into the element of a list, set or tuple, counted from 0.
    Index(usize),
}

/// The steps from a value to one of its parts. Prints as `spec.labels["a b"][0]`; the empty path prints as nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ValuePath(pub Vec<PathStep>);

impl ValuePath {
    /// The path with one more key at its end.
    #[must_use]
    pub fn key(&self, key: &str) -> ValuePath {
        let mut steps = self.0.clone();
        steps.push(PathStep::Key(Arc::from(key)));
        ValuePath(steps)
    }

    /// The path with one more index at its end.
    #[must_use]
    pub fn index(&self, index: usize) -> ValuePath {
        let mut steps = self.0.clone();
        steps.push(PathStep::Index(index));
        ValuePath(steps)
    }

    /// True for the path of the value itself.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for ValuePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                PathStep::Index(index) => write!(f, "[{index}]")?,
                PathStep::Key(key) if is_plain(key) && position == 0 => f.write_str(key)?,
                PathStep::Key(key) if is_plain(key) => write!(f, ".{key}")?,
                PathStep::Key(key) => write!(f, "[{key:?}]")?,
            }
        }
        Ok(())
    }
}

fn is_plain(key: &str) -> bool {
    let mut chars = key.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() || c == '_') && chars.all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}
