//! Names of things in a plane. Knows no values.

use std::sync::Arc;

/// A resource without its version: all versions of a kind share one store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct GroupResource {
    /// API group; empty for core.
    pub group: Arc<str>,
    /// Plural name.
    pub plural: Arc<str>,
}

impl GroupResource {
    pub fn new(group: &str, plural: &str) -> Self {
        GroupResource { group: group.into(), plural: plural.into() }
    }

    /// `plural.group`, as the store writes it.
    pub fn to_column(&self) -> String {
        crate::status::qualified(&self.group, &self.plural)
    }

    /// Inverse of [`GroupResource::to_column`]: a plural name holds no dot.
    pub fn from_column(column: &str) -> Self {
        match column.split_once('.') {
            Some((plural, group)) => GroupResource::new(group, plural),
            None => GroupResource::new("", column),
        }
    }
}

/// An object within its resource, in list order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ObjectKey {
    /// Empty for cluster scope.
    pub namespace: String,
    /// metadata.name.
    pub name: String,
}

impl ObjectKey {
    pub fn new(namespace: &str, name: &str) -> Self {
        ObjectKey { namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

/// One object of a plane.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    pub resource: GroupResource,
    pub key: ObjectKey,
}
