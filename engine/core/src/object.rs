//! Identity of Kubernetes objects across planes. Knows nothing of their content.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::addr::Address;

/// What makes an object one and the same: plane, group, kind, namespace, name.
///
/// The plane is the address of the management plane or of the cluster whose API holds the object. The version is left out
/// on purpose: an object is the same in all served versions of its group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectKey {
    /// `management.X` or `cluster.X`.
    pub plane: Address,
    /// API group, empty for the core group.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// Kind, as in `kind:`.
    pub kind: String,
    /// Namespace; `None` for cluster-scoped kinds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// `metadata.name`.
    pub name: String,
}

impl ObjectKey {
    /// The same object on another plane.
    pub fn on(&self, plane: &Address) -> Self {
        Self { plane: plane.clone(), ..self.clone() }
    }

    /// The Namespace that the object is in; `None` for cluster-scoped kinds.
    pub fn in_namespace(&self) -> Option<Self> {
        let name = self.namespace.clone()?;
        Some(Self { plane: self.plane.clone(), group: String::new(), kind: "Namespace".to_owned(), namespace: None, name })
    }

    /// `Kind namespace/name` as a person says it, without the plane.
    pub fn short(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{} {namespace}/{}", self.kind, self.name),
            None => format!("{} {}", self.kind, self.name),
        }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.short(), self.plane)
    }
}

/// Group and version of an `apiVersion` text; the group is empty for the core group.
pub fn split_api_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}
