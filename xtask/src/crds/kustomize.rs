//! The part of kustomize that upstream's `config/crd` folders use: a list of CRDs and labels put on them.
//! It must not know what a CRD's schema looks like.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::go_module::read;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kustomization {
    #[serde(default)]
    resources: Vec<String>,
    #[serde(default)]
    common_labels: BTreeMap<String, String>,
    #[serde(default)]
    labels: Vec<Labels>,
    #[serde(default)]
    patches: Vec<Patch>,
    #[serde(default)]
    patches_strategic_merge: Vec<String>,
}

#[derive(Deserialize)]
struct Labels {
    #[serde(default)]
    pairs: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Patch {
    path: Option<String>,
}

/// The CRDs that a folder's kustomization lists, in its order, each with the labels that the kustomization adds.
///
/// # Errors
/// A file that is missing, is no YAML or is no CRD with a name.
pub fn crds(folder: &Path) -> Result<Vec<Value>, String> {
    let kustomization: Kustomization = parse(&folder.join("kustomization.yaml"))?;
    let mut everywhere = kustomization.common_labels;
    everywhere.extend(kustomization.labels.into_iter().flat_map(|labels| labels.pairs));

    let patches = kustomization.patches.into_iter().filter_map(|patch| patch.path);
    let mut by_name: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for path in kustomization.patches_strategic_merge.into_iter().chain(patches) {
        let patch: Value = parse(&folder.join(&path))?;
        by_name.entry(name(&patch, &path)?).or_default().extend(labels(&patch));
    }

    let mut found = Vec::new();
    for path in kustomization.resources {
        let mut crd: Value = parse(&folder.join(&path))?;
        let mut all = labels(&crd);
        all.extend(everywhere.clone());
        all.extend(by_name.get(&name(&crd, &path)?).cloned().unwrap_or_default());
        if let Some(metadata) = crd.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.insert("labels".to_owned(), all.into_iter().collect());
        }
        found.push(crd);
    }
    Ok(found)
}

/// One YAML file as a value of the wanted type.
pub fn parse<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, String> {
    serde_saphyr::from_str(&read(path)?).map_err(|error| format!("{}: {error}", path.display()))
}

/// The labels in an object's metadata.
pub fn labels(object: &Value) -> BTreeMap<String, String> {
    let labels = object.pointer("/metadata/labels").and_then(Value::as_object);
    labels.into_iter().flatten().filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

fn name(object: &Value, path: &str) -> Result<String, String> {
    let name = object.pointer("/metadata/name").and_then(Value::as_str);
    name.map(str::to_owned).ok_or_else(|| format!("{path}: no metadata.name"))
}

#[cfg(test)]
mod tests {
    use super::{crds, labels};

    const CRD: &str = "kind: CustomResourceDefinition\nmetadata:\n  name: shops.example.org\n  labels: {own: a}\n";

    fn folder(name: &str, kustomization: &str) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("windlass-kustomize-{name}-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("bases")).expect("a folder");
        std::fs::write(folder.join("kustomization.yaml"), kustomization).expect("a file");
        std::fs::write(folder.join("bases/shops.yaml"), CRD).expect("a file");
        std::fs::write(folder.join("patch.yaml"), "metadata:\n  name: shops.example.org\n  labels: {patched: b}\n").expect("a file");
        folder
    }

    /// The three ways in which upstream's kustomizations put labels on CRDs.
    #[test]
    fn labels_come_from_everywhere() {
        let table = [
            ("common", "commonLabels: {all: c}\nresources: [bases/shops.yaml]\npatchesStrategicMerge: [patch.yaml]\n"),
            ("pairs", "labels: [{pairs: {all: c}}]\nresources: [bases/shops.yaml]\npatches: [{path: patch.yaml}]\n"),
        ];
        for (name, kustomization) in table {
            let folder = folder(name, kustomization);
            let found = crds(&folder).expect("readable");
            let found: Vec<_> =
                found.iter().map(|crd| labels(crd).into_iter().map(|(key, value)| key + &value).collect::<Vec<_>>()).collect();
            assert_eq!(found, [["allc", "owna", "patchedb"]], "{name}");
            std::fs::remove_dir_all(folder).expect("removed");
        }
    }

    #[test]
    fn a_missing_crd_is_named() {
        let folder = folder("missing", "resources: [bases/other.yaml]\n");
        assert!(crds(&folder).expect_err("it is missing").contains("bases/other.yaml"));
        std::fs::remove_dir_all(folder).expect("removed");
    }
}
