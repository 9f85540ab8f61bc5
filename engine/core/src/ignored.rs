//! Leaves that are sent when an object is made and left alone afterwards (`lifecycle { ignore_changes }`): neither sent nor compared.
//!
//! They stand on the object itself, as an annotation, so that whoever compares or applies it knows them: planner, drift, agent. Must not know
//! where they were asked for.

use serde_json::Value as Json;
use windlass_kubeschema::fieldpath::{FieldPath, FieldSet, PathElement};

use crate::diff::{path_from_text, path_to_text};
use crate::marks::{ANNOTATION_ADDRESS, ANNOTATION_IGNORED, FIELD_MANAGER, LABEL_LINEAGE};

/// The leaves of one object that are left alone; each path stands for all that is below it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ignored(Vec<FieldPath>);

impl Ignored {
    /// Those that an object names, marks and identity never among them; what is no path counts as not there.
    pub fn of(object: &Json) -> Self {
        let text = object.get("metadata").and_then(|metadata| metadata.get("annotations")?.get(ANNOTATION_IGNORED)?.as_str());
        let texts: Vec<String> = text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let paths = texts.iter().filter_map(|text| path_from_text(text).ok());
        Self(paths.filter(|path| !holds_marks(path)).collect())
    }

    /// As [`Ignored::of`] reads it from the annotation.
    pub fn text(paths: &[FieldPath]) -> String {
        Json::from(paths.iter().map(path_to_text).collect::<Vec<_>>()).to_string()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a leaf is one of them or below one.
    pub fn covers(&self, leaf: &FieldPath) -> bool {
        self.0.iter().any(|path| leaf.starts_with(path))
    }

    /// The object as it is sent when it is there already: without them, and without maps that held nothing else.
    #[must_use]
    pub fn left_out(&self, object: &Json) -> Json {
        let mut rest = object.clone();
        for path in &self.0 {
            let mut path = path.clone();
            let mut gone = path.remove(&mut rest).is_some();
            while gone && path.0.pop().is_some() {
                let in_map = matches!(path.0.last(), Some(PathElement::Field(_)));
                gone = in_map && path.get(&rest).and_then(Json::as_object).is_some_and(serde_json::Map::is_empty);
                if gone {
                    path.remove(&mut rest);
                }
            }
        }
        rest
    }

    /// `metadata.managedFields` of a living object without our applying any of them; `None`: we apply none.
    ///
    /// A server takes a leaf away, or gives it its default, when its only owner applies the object without it. Of a leaf that is nobody's it
    /// leaves the value as it is, which is what Kubernetes' own change of field managers is made of (client-go `util/csaupgrade`).
    pub fn handed_over(&self, live: &Json) -> Option<Vec<Json>> {
        let ignored: FieldSet = self.0.iter().collect();
        let mut entries = live.pointer("/metadata/managedFields")?.as_array()?.clone();
        let mut changed = false;
        for entry in entries.iter_mut().filter(|entry| is_our_apply(entry)) {
            let Some(owned) = entry.get("fieldsV1").and_then(FieldSet::from_fields_v1) else { continue };
            let rest = owned.recursive_difference(&ignored);
            if rest != owned {
                changed = true;
                if let Some(fields) = entry.get_mut("fieldsV1") {
                    *fields = rest.to_fields_v1();
                }
            }
        }
        changed.then_some(entries)
    }
}

/// Whether an object without this path would not be known as ours any more, or as itself.
pub fn holds_marks(path: &FieldPath) -> bool {
    const KEPT: [&[&str]; 8] = [
        &["apiVersion"],
        &["kind"],
        &["metadata", "name"],
        &["metadata", "namespace"],
        &["metadata", "managedFields"],
        &["metadata", "labels", LABEL_LINEAGE],
        &["metadata", "annotations", ANNOTATION_ADDRESS],
        &["metadata", "annotations", ANNOTATION_IGNORED],
    ];
    KEPT.iter().any(|kept| FieldPath::of_fields(kept.iter().copied()).starts_with(path))
}

fn is_our_apply(entry: &Json) -> bool {
    let is = |field: &str, wanted: &str| entry.get(field).and_then(Json::as_str).unwrap_or_default() == wanted;
    is("manager", FIELD_MANAGER) && is("operation", "Apply") && is("subresource", "")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment(ignored: &Json) -> Json {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "annotations": {ANNOTATION_IGNORED: ignored.to_string()}},
            "spec": {"replicas": 3, "strategy": {"type": "Recreate"}, "template": {"spec": {"containers": [{"name": "web", "image": "a"}, {"name": "b"}]}}}})
    }

    #[test]
    fn left_out_is_what_is_named_and_nothing_else() {
        let object = deployment(&json!(["spec.replicas", "spec.strategy.type", "spec.template.spec.containers[name=\"web\"].image"]));
        let rest = Ignored::of(&object).left_out(&object);
        assert_eq!(rest["spec"], json!({"template": {"spec": {"containers": [{"name": "web"}, {"name": "b"}]}}}));
        assert_eq!(rest["metadata"], object["metadata"]);
    }

    #[test]
    fn marks_and_identity_are_never_left_out() {
        for path in ["metadata", "metadata.name", "metadata.annotations", "metadata.labels[\"windlass.dev/lineage\"]", "kind", ""] {
            assert!(Ignored::of(&deployment(&json!([path]))).is_empty(), "{path:?}");
        }
        for text in ["no list", "[1]", "[\"a..b\"]", "{}"] {
            let object = json!({"metadata": {"annotations": {ANNOTATION_IGNORED: text}}});
            assert!(Ignored::of(&object).is_empty(), "{text}");
        }
        assert!(!Ignored::of(&deployment(&json!(["metadata.labels.tier"]))).is_empty());
    }

    #[test]
    fn only_our_own_apply_lets_go() {
        let entry = |manager: &str, operation: &str, subresource: &str| {
            json!({"manager": manager, "operation": operation, "subresource": subresource, "fieldsType": "FieldsV1",
                "fieldsV1": {"f:spec": {"f:replicas": {}, "f:paused": {}}}})
        };
        let others = [entry("hpa", "Update", "scale"), entry(FIELD_MANAGER, "Update", ""), entry(FIELD_MANAGER, "Apply", "status")];
        let live = |ours: Option<Json>| json!({"metadata": {"managedFields": others.iter().cloned().chain(ours).collect::<Vec<_>>()}});
        let ignored = Ignored::of(&deployment(&json!(["spec.replicas"])));
        let entries = ignored.handed_over(&live(Some(entry(FIELD_MANAGER, "Apply", "")))).expect("we apply it");
        assert_eq!(entries[..3], others);
        assert_eq!(entries[3]["fieldsV1"], json!({"f:spec": {"f:paused": {}}}));
        assert_eq!(ignored.handed_over(&json!({"metadata": {"managedFields": entries}})), None, "twice is once");
        assert_eq!(ignored.handed_over(&live(None)), None);
        assert_eq!(ignored.handed_over(&json!({"metadata": {}})), None);
    }
}
