//! Rendered objects by the rules that no schema says: names, labels, annotations, finalizers, keys of data. Values that are not known yet are
//! not judged.
//!
//! Source: `k8s.io/apimachinery/pkg/api/validation/objectmeta.go`, and the name function of each kind in `k8s.io/kubernetes/pkg/apis`.

use serde_json::{Map, Value as Json};

use crate::encode::Placeholder;
use crate::kube_names::{
    KEY_FORM, VALUE_FORM, is_data_key, is_dns_label, is_label_value, is_path_segment, is_qualified_name, is_subdomain,
};
use crate::object::ObjectKey;

/// All annotations of an object together, keys and values, in bytes.
const ANNOTATIONS_LIMIT: usize = 256 << 10;
const LABEL_FORM: &str = "it has up to 63 lower case letters, digits and `-`, and begins and ends with a letter or digit";

/// What is wrong, each with the rule that it breaks.
pub(super) fn faults(key: &ObjectKey, object: &Json) -> Vec<(String, &'static str)> {
    let mut found = Vec::new();
    if let Some(form) = name_form(key) {
        found.push((format!("metadata.name: {:?} is no name of a {}", key.name, key.kind), form));
    }
    if let Some((wanted, form)) = definition_name(key, object).filter(|(wanted, _)| *wanted != key.name) {
        found.push((format!("metadata.name: {:?} is not {wanted:?}", key.name), form));
    }
    if let Some(namespace) = key.namespace.as_deref().filter(|namespace| !is_label(namespace)) {
        found.push((format!("metadata.namespace: {namespace:?} is no name of a namespace"), LABEL_FORM));
    }
    labels(entries(object, "labels"), &mut found);
    annotations(entries(object, "annotations"), &mut found);
    let finalizers = object.pointer("/metadata/finalizers").and_then(Json::as_array);
    for finalizer in finalizers.into_iter().flatten().filter_map(Json::as_str).filter(|finalizer| !is_qualified_name(finalizer)) {
        found.push((format!("metadata.finalizers: {finalizer:?} is no name of a finalizer"), KEY_FORM));
    }
    data_keys(key, object, &mut found);
    found
}

fn data_keys(key: &ObjectKey, object: &Json, found: &mut Vec<(String, &'static str)>) {
    const FORM: &str = "it has up to 253 letters, digits, `-`, `_` and `.`, and does not begin with `..`";
    if !key.group.is_empty() || !matches!(key.kind.as_str(), "ConfigMap" | "Secret") {
        return;
    }
    for field in ["data", "stringData", "binaryData"] {
        let keys = object.get(field).filter(|map| Placeholder::of(map).is_none()).and_then(Json::as_object).into_iter().flat_map(Map::keys);
        found.extend(
            keys.filter(|entry| !is_data_key(entry)).map(|entry| (format!("{field}: {entry:?} is no key of a {}", key.kind), FORM)),
        );
    }
}

/// The rule that the name of an object breaks.
fn name_form(key: &ObjectKey) -> Option<&'static str> {
    const SEGMENT: &str = "it may hold no `/` and no `%`, and not be `.` or `..`";
    const SERVICE: &str = "it has up to 63 lower case letters, digits and `-`, begins with a letter and ends with a letter or digit";
    const SUBDOMAIN: &str = "it has up to 253 lower case letters, digits, `-` and `.`, and begins and ends with a letter or digit";
    let name = key.name.as_str();
    let (valid, form) = match (key.group.as_str(), key.kind.as_str()) {
        ("rbac.authorization.k8s.io", _) => (is_path_segment(name), SEGMENT),
        // Their names are addresses.
        ("networking.k8s.io", "IPAddress") => (true, ""),
        ("", "Namespace") => (is_label(name), LABEL_FORM),
        ("", "Service") => (is_label(name) && name.starts_with(|c: char| c.is_ascii_lowercase()), SERVICE),
        _ => (is_subdomain(name), SUBDOMAIN),
    };
    (!valid).then_some(form)
}

fn is_label(name: &str) -> bool {
    name.len() <= 63 && is_dns_label(name)
}

/// The one name that a definition of a kind may have.
fn definition_name(key: &ObjectKey, object: &Json) -> Option<(String, &'static str)> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Json::as_str);
    let is_definition = key.group == "apiextensions.k8s.io" && key.kind == "CustomResourceDefinition";
    let (plural, group) = (text("/spec/names/plural")?, text("/spec/group")?);
    is_definition.then(|| (format!("{plural}.{group}"), "a CustomResourceDefinition is named `<spec.names.plural>.<spec.group>`"))
}

fn entries<'o>(object: &'o Json, field: &str) -> impl Iterator<Item = (&'o String, &'o Json)> {
    let map = object.get("metadata").and_then(|metadata| metadata.get(field)).filter(|map| Placeholder::of(map).is_none());
    map.and_then(Json::as_object).into_iter().flat_map(Map::iter)
}

fn labels<'o>(labels: impl Iterator<Item = (&'o String, &'o Json)>, found: &mut Vec<(String, &'static str)>) {
    for (key, value) in labels {
        if !is_qualified_name(key) {
            found.push((format!("metadata.labels: {key:?} is no key of a label"), KEY_FORM));
        }
        if let Some(value) = value.as_str().filter(|value| !is_label_value(value)) {
            found.push((format!("metadata.labels: {value:?} is no value of label {key:?}"), VALUE_FORM));
        }
    }
}

fn annotations<'o>(annotations: impl Iterator<Item = (&'o String, &'o Json)>, found: &mut Vec<(String, &'static str)>) {
    let mut size = 0;
    for (key, value) in annotations {
        size += key.len() + value.as_str().map_or(0, str::len);
        // Their prefix may have capitals.
        if !is_qualified_name(&key.to_lowercase()) {
            found.push((format!("metadata.annotations: {key:?} is no key of an annotation"), KEY_FORM));
        }
    }
    if size > ANNOTATIONS_LIMIT {
        let fault = format!("metadata.annotations: {size} bytes are more than {ANNOTATIONS_LIMIT}");
        found.push((fault, "put what is large into a ConfigMap or a file"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::addr::{Address, Instance};

    fn told(group: &str, kind: &str, object: &Json) -> Vec<String> {
        let text = |field: &str| object["metadata"][field].as_str().map(str::to_owned);
        let key = ObjectKey {
            plane: Address::cluster(Instance::new("shop")),
            group: group.to_owned(),
            kind: kind.to_owned(),
            namespace: text("namespace"),
            name: text("name").unwrap(),
        };
        faults(&key, object).into_iter().map(|(fault, _)| fault).collect()
    }

    #[test]
    fn names_are_judged_by_kind() {
        for (group, kind, name, valid) in [
            ("", "ConfigMap", "a.b", true),
            ("", "ConfigMap", "A_b", false),
            ("", "Namespace", "a.b", false),
            ("", "Namespace", "1a", true),
            ("", "Service", "1a", false),
            ("", "Service", "a-1", true),
            ("rbac.authorization.k8s.io", "ClusterRole", "system:a_B", true),
            ("rbac.authorization.k8s.io", "ClusterRole", "a/b", false),
            ("example.com", "Thing", "a b", false),
        ] {
            assert_eq!(told(group, kind, &json!({"metadata": {"name": name}})).is_empty(), valid, "{kind} {name}");
        }
        let definition = |name: &str| json!({"metadata": {"name": name}, "spec": {"group": "x.io", "names": {"plural": "things"}}});
        assert_eq!(told("apiextensions.k8s.io", "CustomResourceDefinition", &definition("things.x.io")), Vec::<String>::new());
        assert_eq!(told("apiextensions.k8s.io", "CustomResourceDefinition", &definition("thing.x.io")).len(), 1);
    }

    #[test]
    fn keys_of_data_are_those_that_an_api_server_takes() {
        let object = json!({"metadata": {"name": "x"}, "data": {"a b/c": "x", "a": "y"}});
        assert_eq!(told("", "Secret", &object), ["data: \"a b/c\" is no key of a Secret"]);
        assert_eq!(told("example.com", "Secret", &object), Vec::<String>::new());
    }

    #[test]
    fn metadata_are_those_that_an_api_server_takes() {
        let unknown = Placeholder::Unknown { reference: "cluster.a.endpoint" }.to_json();
        for (metadata, want) in [
            (json!({"namespace": "De fault"}), "metadata.namespace: \"De fault\""),
            (json!({"labels": {"a b": "c"}}), "metadata.labels: \"a b\" is no key"),
            (json!({"labels": {"a": "c d!"}}), "metadata.labels: \"c d!\" is no value of label \"a\""),
            (json!({"labels": {"a": unknown}}), ""),
            (json!({"annotations": {"Example.com/a": "c d!"}}), ""),
            (json!({"annotations": {"a b": "c"}}), "metadata.annotations: \"a b\""),
            (json!({"annotations": {"a": "x".repeat(ANNOTATIONS_LIMIT)}}), "metadata.annotations: 262145 bytes"),
            (json!({"finalizers": ["x.io/a", "a b"]}), "metadata.finalizers: \"a b\""),
        ] {
            let mut object = json!({"metadata": metadata});
            object["metadata"]["name"] = json!("x");
            let found = told("", "ConfigMap", &object);
            assert_eq!(found.len(), usize::from(!want.is_empty()), "{object}: {found:?}");
            assert!(found.iter().all(|found| found.starts_with(want)), "{found:?}");
        }
    }
}
