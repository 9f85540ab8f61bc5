//! All resources of one plane: the built-in ones and those of its CustomResourceDefinitions. Immutable: a change of a
//! definition makes a new one, so that a request sees one state of the world from start to end.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Builtins, Resource, Version, custom_resource};
use crate::world::{GroupResource, Stored};

/// The resources of a plane.
#[derive(Debug, Clone)]
pub(crate) struct Kinds {
    resources: BTreeMap<GroupResource, Arc<Resource>>,
    kinds: BTreeMap<(String, String), GroupResource>,
    /// Definitions by name: the version that was read and what it said.
    read: BTreeMap<String, (u64, Arc<Resource>)>,
}

/// A resource in the version that was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Served {
    pub resource: Arc<Resource>,
    version: Arc<Version>,
}

impl Served {
    pub fn version(&self) -> &Version {
        &self.version
    }

    pub fn api_version(&self) -> String {
        self.resource.api_version(&self.version.name)
    }
}

impl Kinds {
    /// The resources of a plane with these definitions; those that `before` knows in the same version are not read again.
    /// A definition that describes nothing usable is left out.
    pub fn new(builtins: &Builtins, definitions: &[Arc<Stored>], before: Option<&Kinds>) -> Kinds {
        let mut resources = builtins.0.clone();
        let mut read = BTreeMap::new();
        for definition in definitions {
            let name = &definition.key.name;
            let known = before
                .and_then(|kinds| kinds.read.get(name))
                .filter(|(version, _)| *version == definition.version)
                .map(|(_, resource)| resource.clone());
            let resource = match known.map_or_else(|| custom_resource(&definition.value).map(Arc::new), Ok) {
                Ok(resource) => resource,
                Err(reason) => {
                    tracing::warn!(definition = name, reason, "definition is not served");
                    continue;
                }
            };
            read.insert(name.clone(), (definition.version, resource.clone()));
            // A definition cannot take the place of a built-in kind.
            resources.entry(resource.id.clone()).or_insert(resource);
        }
        let kinds =
            resources.values().map(|resource| ((resource.group().to_owned(), resource.kind.clone()), resource.id.clone())).collect();
        Kinds { resources, kinds, read }
    }

    pub fn resources(&self) -> impl Iterator<Item = &Arc<Resource>> {
        self.resources.values()
    }

    pub fn resource(&self, id: &GroupResource) -> Option<&Arc<Resource>> {
        self.resources.get(id)
    }

    /// A resource in a served version.
    pub fn served(&self, group: &str, version: &str, plural: &str) -> Option<Served> {
        let resource = self.resources.get(&GroupResource::new(group, plural))?;
        let version = resource.versions.iter().find(|known| known.name == version && known.served)?;
        Some(Served { resource: resource.clone(), version: version.clone() })
    }

    /// The resource of a kind.
    pub fn of_kind(&self, group: &str, kind: &str) -> Option<&Arc<Resource>> {
        self.resources.get(self.kinds.get(&(group.to_owned(), kind.to_owned()))?)
    }

    /// Changes when anything about the kinds of a group may have changed.
    pub fn stamp(&self, group: &str) -> String {
        let definitions = self.read.iter().filter(|(_, (_, resource))| resource.group() == group);
        definitions.fold(env!("CARGO_PKG_VERSION").to_owned(), |stamp, (name, (version, _))| format!("{stamp} {name}@{version}"))
    }

    /// Served groups with their served versions in order of preference; core is "".
    pub fn groups(&self) -> BTreeMap<String, Vec<String>> {
        let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for resource in self.resources.values() {
            let versions = groups.entry(resource.group().to_owned()).or_default();
            for version in resource.versions.iter().filter(|version| version.served) {
                if !versions.contains(&version.name) {
                    versions.push(version.name.clone());
                }
            }
        }
        groups.retain(|_, versions| !versions.is_empty());
        groups
    }
}
