//! One resource of a plane in all its versions. Knows no objects.

use std::sync::Arc;

use windlass_kubeschema::facts::{PrinterColumn, ScalePaths};
use windlass_kubeschema::{Definitions, Schema, SchemaRef};

use crate::world::GroupResource;

/// A served (or once served) resource.
#[derive(Debug, Clone)]
pub(crate) struct Resource {
    pub id: GroupResource,
    pub singular: String,
    pub kind: String,
    pub short_names: Vec<String>,
    pub categories: Vec<String>,
    pub namespaced: bool,
    /// In order of preference.
    pub versions: Vec<Arc<Version>>,
    /// Version name that objects are stored in.
    pub storage: String,
    /// Defined by a CustomResourceDefinition.
    pub custom: bool,
    /// Its definition is being deleted: nothing new may be created.
    pub terminating: bool,
    /// `metadata.generation` is kept.
    pub generation: bool,
}

/// One version of a resource.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    pub name: String,
    pub served: bool,
    pub schema: Option<TypeSchema>,
    pub status: bool,
    pub scale: Option<ScalePaths>,
    pub columns: Vec<PrinterColumn>,
}

/// A schema with the definitions that it refers to.
#[derive(Debug, Clone)]
pub(crate) struct TypeSchema {
    pub schema: Arc<Schema>,
    pub definitions: Arc<Definitions>,
}

impl TypeSchema {
    pub fn view(&self) -> SchemaRef<'_> {
        SchemaRef::new(&self.schema, &self.definitions).as_resource()
    }
}

impl Resource {
    pub fn group(&self) -> &str {
        &self.id.group
    }

    pub fn plural(&self) -> &str {
        &self.id.plural
    }

    pub fn list_kind(&self) -> String {
        format!("{}List", self.kind)
    }

    /// A version by name, served or not.
    pub fn version(&self, name: &str) -> Option<&Version> {
        self.versions.iter().find(|version| version.name == name).map(Arc::as_ref)
    }

    /// `group/version` of one of its versions.
    pub fn api_version(&self, version: &str) -> String {
        if self.id.group.is_empty() { version.to_owned() } else { format!("{}/{version}", self.id.group) }
    }

    /// True for kinds of which the real server tells apart what the user wants and what is observed.
    pub fn is(&self, group: &str, plural: &str) -> bool {
        &*self.id.group == group && &*self.id.plural == plural
    }
}
