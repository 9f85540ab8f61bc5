//! Which kinds CustomResourceDefinitions define. Knows objects as text, and no plane.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use crate::object::split_api_version;

/// Kinds by group and name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Definitions(BTreeMap<(String, String), Defined>);

#[derive(Debug, Clone)]
struct Defined {
    namespaced: bool,
    served: BTreeSet<String>,
}

/// Group and kind that a CustomResourceDefinition defines.
pub(crate) fn defined(definition: &Json) -> Option<(&str, &str)> {
    let text = |pointer: &str| definition.pointer(pointer).and_then(Json::as_str);
    Some((text("/spec/group")?, text("/spec/names/kind")?))
}

impl Definitions {
    /// Adds what an object defines: nothing, unless it is a CustomResourceDefinition.
    pub(crate) fn add(&mut self, object: &Json) {
        if object.get("kind").and_then(Json::as_str) != Some("CustomResourceDefinition") {
            return;
        }
        let Some((group, kind)) = defined(object) else { return };
        let versions = object.pointer("/spec/versions").and_then(Json::as_array).into_iter().flatten();
        let served = versions.filter(|version| version.get("served").and_then(Json::as_bool) == Some(true));
        let served = served.filter_map(|version| version.get("name").and_then(Json::as_str)).map(str::to_owned).collect();
        let namespaced = object.pointer("/spec/scope").and_then(Json::as_str) == Some("Namespaced");
        self.0.insert((group.to_owned(), kind.to_owned()), Defined { namespaced, served });
    }

    /// Whether a kind is defined in this version.
    pub(crate) fn serve(&self, api_version: &str, kind: &str) -> bool {
        let (_, version) = split_api_version(api_version);
        self.find(api_version, kind).is_some_and(|defined| defined.served.contains(version))
    }

    /// Whether objects of a kind live in namespaces; `None`: it is not defined here.
    pub(crate) fn are_namespaced(&self, api_version: &str, kind: &str) -> Option<bool> {
        self.find(api_version, kind).map(|defined| defined.namespaced)
    }

    fn find(&self, api_version: &str, kind: &str) -> Option<&Defined> {
        self.0.get(&(split_api_version(api_version).0.to_owned(), kind.to_owned()))
    }
}

impl<'o> FromIterator<&'o Json> for Definitions {
    fn from_iter<I: IntoIterator<Item = &'o Json>>(objects: I) -> Self {
        let mut definitions = Self::default();
        objects.into_iter().for_each(|object| definitions.add(object));
        definitions
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_kind_is_served_in_the_versions_that_say_so() {
        let definition = json!({"kind": "CustomResourceDefinition", "spec": {
            "group": "example.org", "scope": "Cluster", "names": {"kind": "Thing"},
            "versions": [{"name": "v1", "served": true}, {"name": "v0", "served": false}],
        }});
        let known: Definitions = [&definition, &json!({"kind": "Other"})].into_iter().collect();
        assert!(known.serve("example.org/v1", "Thing") && !known.serve("example.org/v0", "Thing") && !known.serve("v1", "Thing"));
        assert_eq!(known.are_namespaced("example.org/v0", "Thing"), Some(false));
        assert_eq!(known.are_namespaced("example.org/v1", "Other"), None);
    }
}
