//! Where a walk stands in a value, in the words of the API server's errors.

use std::fmt;

/// A place as a chain back to the root; text is made only for errors: `spec.items[0].name`.
///
/// A map's key stands behind a dot like a field, as the server writes it.
#[derive(Clone, Copy)]
pub enum Place<'p> {
    /// The value itself.
    Root,
    /// A field, or the value of a key.
    Field(&'p Place<'p>, &'p str),
    /// An item of a list.
    Index(&'p Place<'p>, usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Root => Ok(()),
            Place::Field(Place::Root, name) => f.write_str(name),
            Place::Field(parent, name) => write!(f, "{parent}.{name}"),
            Place::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}
