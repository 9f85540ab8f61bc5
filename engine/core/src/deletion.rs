//! An object that somebody has deleted and that is not gone yet: since when, and what holds it. Reads one live object; knows no plan.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value as Json;

/// What a live object says of its deletion. Nobody can know who asked for it, and nothing calls it back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Deletion {
    /// `metadata.deletionTimestamp`, RFC 3339.
    pub since: String,
    /// Those that must let go of it before it is gone, sorted; of a Namespace also those in its spec.
    pub finalizers: Vec<String>,
    /// The Namespace that is being deleted and takes the object along; `None`: the object itself is.
    #[serde(skip)]
    pub with: Option<String>,
}

impl Deletion {
    /// `None`: the object is not being deleted.
    pub fn of(live: &Json) -> Option<Self> {
        let since = live.pointer("/metadata/deletionTimestamp").and_then(Json::as_str)?.to_owned();
        let listed = |pointer: &str| live.pointer(pointer).and_then(Json::as_array).into_iter().flatten();
        let namespaces = listed("/spec/finalizers").filter(|_| live.get("kind").and_then(Json::as_str) == Some("Namespace"));
        let all: BTreeSet<&str> = listed("/metadata/finalizers").chain(namespaces).filter_map(Json::as_str).collect();
        Some(Self { since, finalizers: all.into_iter().map(str::to_owned).collect(), with: None })
    }

    /// The same, of what goes with a Namespace.
    pub(crate) fn with(self, namespace: &str) -> Self {
        Self { with: Some(namespace.to_owned()), ..self }
    }

    /// `being deleted since 2026-01-01T00:00:00Z, held by finalizer example.com/hold`.
    pub fn words(&self) -> String {
        let with = self.with.as_ref().map(|namespace| format!("going with Namespace {namespace}, which is ")).unwrap_or_default();
        let held = match self.finalizers.as_slice() {
            [] => String::new(),
            [one] => format!(", held by finalizer {one}"),
            many => format!(", held by finalizers {}", many.join(", ")),
        };
        format!("{with}being deleted since {}{held}", self.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_deletion_is_told_with_all_that_holds_it() {
        let at = "2026-01-01T00:00:00Z";
        for (live, expected) in [
            (json!({"metadata": {"finalizers": ["a/b"]}}), None),
            (json!({"metadata": {"deletionTimestamp": at}}), Some("being deleted since 2026-01-01T00:00:00Z")),
            (
                json!({"kind": "ConfigMap", "metadata": {"deletionTimestamp": at, "finalizers": ["a/b"]}, "spec": {"finalizers": ["no"]}}),
                Some("being deleted since 2026-01-01T00:00:00Z, held by finalizer a/b"),
            ),
            (
                json!({"kind": "Namespace", "metadata": {"deletionTimestamp": at, "finalizers": ["z/y", "a/b"]}, "spec": {"finalizers": ["kubernetes"]}}),
                Some("being deleted since 2026-01-01T00:00:00Z, held by finalizers a/b, kubernetes, z/y"),
            ),
        ] {
            assert_eq!(Deletion::of(&live).map(|deletion| deletion.words()).as_deref(), expected, "{live}");
        }
        let deletion = Deletion { since: at.to_owned(), ..Deletion::default() }.with("shop");
        assert_eq!(deletion.words(), "going with Namespace shop, which is being deleted since 2026-01-01T00:00:00Z");
    }
}
