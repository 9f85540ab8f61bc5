//! `capi_override`: merge patches on rendered Cluster API objects, before their names are made of what they hold (design sections 3 and 4).
//!
//! Knows which fields are the engine's. Everything else of a kind can be reached; what the kind does not have is refused.

use std::collections::BTreeSet;

use windlass_kubeschema::check::{unknown_fields, validate};

use crate::config::{CAPI_OVERRIDE, OverrideModel};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::kinds::known_kind;
use crate::value::Value;

use super::mark::merged;

/// Kind (`""`: each), path that no patch may touch, what to do instead.
type Owned = (&'static str, &'static [&'static str], &'static str);

const NAMES: &str = "windlass names its objects; set `name` or `namespace` of the cluster, or the name of the pool";
const REFERENCES: &str = "windlass writes the references between its objects";
const SERVERS: &str = "it is the API server's";

#[rustfmt::skip]
const OWNED: &[Owned] = &[
    ("", &["apiVersion"], "the version is that of the provider's release"),
    ("", &["kind"], "the kind is the one that is patched"),
    ("", &["status"], "a status is written by controllers"),
    ("", &["metadata", "name"], NAMES),
    ("", &["metadata", "namespace"], NAMES),
    ("", &["metadata", "generateName"], NAMES),
    ("", &["metadata", "uid"], SERVERS),
    ("", &["metadata", "resourceVersion"], SERVERS),
    ("", &["metadata", "generation"], SERVERS),
    ("", &["metadata", "creationTimestamp"], SERVERS),
    ("", &["metadata", "managedFields"], SERVERS),
    ("", &["metadata", "ownerReferences"], "Cluster API writes owner references"),
    ("", &["metadata", "finalizers"], "Cluster API writes finalizers"),
    ("", &["metadata", "labels", "cluster.x-k8s.io/cluster-name"], "Cluster API finds the cluster's objects by it"),
    ("Cluster", &["spec", "paused"], "the pivot pauses and resumes the cluster"),
    ("Cluster", &["spec", "topology"], "windlass writes the objects of the cluster itself"),
    ("Cluster", &["spec", "controlPlaneRef"], REFERENCES),
    ("Cluster", &["spec", "infrastructureRef"], REFERENCES),
    ("Cluster", &["spec", "clusterNetwork", "pods"], "set `pod_cidr` of the cluster"),
    ("Cluster", &["spec", "clusterNetwork", "services"], "set `service_cidr` of the cluster"),
    ("KubeadmControlPlane", &["spec", "replicas"], "set `replicas` in `control_plane`"),
    ("KubeadmControlPlane", &["spec", "version"], "set `version` in the profile's `kubernetes` layer"),
    ("KubeadmControlPlane", &["spec", "machineTemplate", "spec", "infrastructureRef"], REFERENCES),
    ("MachineDeployment", &["spec", "replicas"], "set `replicas` in `worker_pool`"),
    ("MachineDeployment", &["spec", "clusterName"], REFERENCES),
    ("MachineDeployment", &["spec", "selector"], REFERENCES),
    ("MachineDeployment", &["spec", "template", "metadata", "labels", "cluster.x-k8s.io/cluster-name"], REFERENCES),
    ("MachineDeployment", &["spec", "template", "metadata", "labels", "cluster.x-k8s.io/deployment-name"], REFERENCES),
    ("MachineDeployment", &["spec", "template", "spec", "clusterName"], REFERENCES),
    ("MachineDeployment", &["spec", "template", "spec", "version"], "set `version` in the profile's `kubernetes` layer"),
    ("MachineDeployment", &["spec", "template", "spec", "bootstrap"], REFERENCES),
    ("MachineDeployment", &["spec", "template", "spec", "infrastructureRef"], REFERENCES),
    ("MachineDeployment", &["spec", "template", "spec", "failureDomain"], "set `failure_domain` in `worker_pool`"),
];

/// Begin of the names of our marks.
const MARKS: &str = "windlass.dev/";

/// The patches of one cluster that may be applied, and what has been said of them.
#[derive(Default)]
pub struct Overrides {
    refused: BTreeSet<String>,
}

impl Overrides {
    /// Reports kinds that the block does not have and fields that are the engine's; patches with such faults are not applied.
    pub fn check(&mut self, model: &OverrideModel, kinds: &[&str], diagnostics: &mut Diagnostics) {
        for (kind, patch) in &model.patches {
            let mut faults = Vec::new();
            if !kinds.contains(&kind.as_str()) {
                let mut known = kinds.to_vec();
                known.sort_unstable();
                faults.push(
                    Diagnostic::error(Code::OVERRIDE, format!("{} has no {kind} to override", model.what))
                        .hint(format!("kinds are {}", known.join(", ")))
                        .did_you_mean(kind, kinds.iter().copied()),
                );
            }
            let owned = OWNED.iter().filter(|(of, _, _)| of.is_empty() || of == kind);
            for (path, instead) in owned.filter_map(|(_, path, instead)| Some((touched(patch, path)?, instead))) {
                faults.push(not_yours(&model.what, kind, &path, instead));
            }
            for path in marks(patch) {
                faults.push(not_yours(&model.what, kind, &path, "windlass marks its objects with it"));
            }
            if !faults.is_empty() {
                self.refused.insert(place(model, kind));
            }
            diagnostics.extend(faults.into_iter().map(|mut fault| {
                fault.primary = model.span;
                fault
            }));
        }
    }

    /// The object with the patches of its kind laid on, in this order. What its kind's facts refuse is reported at the patch, which is
    /// then left out.
    pub fn apply(&mut self, object: Value, models: &[&OverrideModel], diagnostics: &mut Diagnostics) -> Value {
        let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut object = object;
        for model in models {
            let Some(patch) = model.patches.get(&kind).filter(|_| !self.refused.contains(&place(model, &kind))) else { continue };
            let patched = merged(&object, patch);
            let before: BTreeSet<String> = violations(&object).into_iter().collect();
            let found: Vec<String> = violations(&patched).into_iter().filter(|violation| !before.contains(violation)).collect();
            if found.is_empty() {
                object = patched;
                continue;
            }
            self.refused.insert(place(model, &kind));
            for violation in found {
                let summary = format!("`{CAPI_OVERRIDE}.{kind}` of {} makes an object that would be refused", model.what);
                let mut diagnostic =
                    Diagnostic::error(Code::INVALID_OBJECT, summary).detail(violation).hint(format!("see the fields of {kind}"));
                diagnostic.primary = model.span;
                diagnostics.push(diagnostic);
            }
        }
        object
    }
}

fn place(model: &OverrideModel, kind: &str) -> String {
    format!("{}.{kind}", model.what)
}

fn not_yours(what: &str, kind: &str, path: &str, instead: &str) -> Diagnostic {
    Diagnostic::error(Code::OVERRIDE, format!("`{CAPI_OVERRIDE}.{kind}` of {what} may not change `{path}`")).hint(instead)
}

/// The part of a path at which a patch touches it: the path itself, or one above it that is replaced or removed as a whole.
fn touched(patch: &Value, path: &[&str]) -> Option<String> {
    let mut at = patch;
    for (depth, name) in path.iter().enumerate() {
        if depth > 0 && at.as_entries().is_none() {
            return Some(path.get(..depth)?.join("."));
        }
        at = at.as_entries()?.get(*name)?;
    }
    Some(path.join("."))
}

/// Labels and annotations that are our marks, wherever they stand.
fn marks(patch: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk_marks(patch, "", &mut found);
    found
}

fn walk_marks(value: &Value, path: &str, found: &mut Vec<String>) {
    for (name, inner) in value.as_entries().into_iter().flatten() {
        let path = if path.is_empty() { name.to_string() } else { format!("{path}.{name}") };
        if name.starts_with(MARKS) {
            found.push(path);
        } else {
            walk_marks(inner, &path, found);
        }
    }
}

/// What the facts of its kind say against an object; nothing of kinds without facts.
fn violations(object: &Value) -> Vec<String> {
    let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default();
    let Some(kind) = known_kind(text("apiVersion"), text("kind")) else { return Vec::new() };
    let Ok(mut json) = without_nulls(object).to_json() else { return Vec::new() };
    // Templates get their names after this.
    if let Some(metadata) = json.get_mut("metadata").and_then(serde_json::Value::as_object_mut) {
        metadata.entry("name").or_insert_with(|| "x".into());
    }
    let mut found: Vec<String> = validate(&json, kind.schema, &|_| false).into_iter().map(|violation| violation.to_string()).collect();
    found.extend(unknown_fields(&json, kind.schema));
    found
}

/// `null` in an item of a list means "not there" to every Kubernetes API, as it does elsewhere.
fn without_nulls(value: &Value) -> Value {
    if let Some(entries) = value.as_entries() {
        return Value::object(
            entries.iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.clone(), without_nulls(value))),
        );
    }
    match value.as_elements() {
        Some(elements) => Value::tuple(elements.iter().map(without_nulls).collect::<Vec<Value>>()),
        None => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn model(patches: serde_json::Value) -> OverrideModel {
        let patches = patches.as_object().unwrap().iter().map(|(kind, patch)| (kind.clone(), Value::from_json(patch))).collect();
        OverrideModel { patches, what: "cluster \"shop\"".to_owned(), span: None }
    }

    const KINDS: [&str; 3] = ["Cluster", "KubeadmControlPlane", "MachineDeployment"];

    #[test]
    fn what_a_patch_may_not_touch_is_named_with_what_to_do_instead() {
        for (patches, summary, hint) in [
            (json!({"MachineDeployment": {"spec": {"minReadySeconds": 5}}}), "", ""),
            (json!({"Cluster": {"metadata": {"labels": {"team": "web"}}, "spec": {"clusterNetwork": {"apiServerPort": 443}}}}), "", ""),
            (json!({"MachineDeploment": {}}), "cluster \"shop\" has no MachineDeploment to override", "did you mean `MachineDeployment`?"),
            (json!({"Pod": {}}), "has no Pod to override", "kinds are Cluster, KubeadmControlPlane, MachineDeployment"),
            (json!({"Cluster": {"kind": "Other"}}), "`capi_override.Cluster` of cluster \"shop\" may not change `kind`", "the kind is"),
            (json!({"Cluster": {"metadata": {"name": "x"}}}), "may not change `metadata.name`", "set `name`"),
            (json!({"Cluster": {"metadata": null}}), "may not change `metadata`", "set `name`"),
            (json!({"Cluster": {"spec": "x"}}), "may not change `spec`", "pauses"),
            (json!({"Cluster": {"spec": {"clusterNetwork": {"pods": {}}}}}), "may not change `spec.clusterNetwork.pods`", "set `pod_cidr`"),
            (json!({"Cluster": {"metadata": {"labels": {"windlass.dev/lineage": null}}}}), "windlass.dev/lineage`", "marks"),
            (
                json!({"KubeadmControlPlane": {"spec": {"replicas": 3}}}),
                "may not change `spec.replicas`",
                "set `replicas` in `control_plane`",
            ),
            (
                json!({"MachineDeployment": {"spec": {"template": {"spec": {"version": null}}}}}),
                "`spec.template.spec.version`",
                "`kubernetes`",
            ),
            (json!({"MachineDeployment": {"spec": {"template": {"spec": null}}}}), "may not change `spec.template.spec`", "references"),
        ] {
            let mut diagnostics = Diagnostics::new();
            Overrides::default().check(&model(patches.clone()), &KINDS, &mut diagnostics);
            let told: Vec<String> =
                diagnostics.iter().map(|found| format!("{} | {}", found.summary, found.hint.as_deref().unwrap_or_default())).collect();
            assert_eq!(told.is_empty(), summary.is_empty(), "{patches}: {told:?}");
            assert!(summary.is_empty() || told.iter().any(|told| told.contains(summary) && told.contains(hint)), "{patches}: {told:?}");
        }
    }

    #[test]
    fn patches_are_laid_on_in_order_and_what_the_kind_does_not_have_is_refused() {
        let deployment = json!({
            "apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "MachineDeployment", "metadata": {"namespace": "shop"},
            "spec": {"clusterName": "shop", "replicas": 2, "selector": {}, "rollout": {"strategy": {"type": "RollingUpdate"}},
                "template": {"spec": {"clusterName": "shop", "version": "v1.34.3", "bootstrap": {"dataSecretName": "x"},
                    "infrastructureRef": {"apiGroup": "infrastructure.cluster.x-k8s.io", "kind": "AWSMachineTemplate", "name": "x"}}}},
        });
        let apply = |of_cluster: serde_json::Value, of_pool: serde_json::Value| {
            let mut diagnostics = Diagnostics::new();
            let (of_cluster, mut of_pool) = (model(of_cluster), model(of_pool));
            of_pool.what = "worker_pool \"general\"".to_owned();
            let object = Overrides::default().apply(Value::from_json(&deployment), &[&of_cluster, &of_pool], &mut diagnostics);
            (object.to_json().unwrap(), diagnostics.iter().map(|found| format!("{} {}", found.summary, found.detail)).collect::<Vec<_>>())
        };
        let (same, told) = apply(json!({}), json!({}));
        assert_eq!((same, told), (deployment.clone(), vec![]));
        let (patched, told) = apply(
            json!({"MachineDeployment": {"spec": {"rollout": null, "template": {"spec": {"minReadySeconds": 5}}}}}),
            json!({"MachineDeployment": {"spec": {"template": {"spec": {"minReadySeconds": 9}}}}}),
        );
        assert_eq!(told, Vec::<String>::new());
        assert_eq!((patched.pointer("/spec/rollout"), patched.pointer("/spec/template/spec/minReadySeconds")), (None, Some(&json!(9))));
        for (patch, said) in [
            (json!({"spec": {"minRedySeconds": 5}}), "spec.minRedySeconds"),
            (json!({"spec": {"template": {"spec": {"minReadySeconds": "five"}}}}), "spec.template.spec.minReadySeconds"),
        ] {
            let (left, told) = apply(json!({}), json!({"MachineDeployment": patch}));
            assert_eq!(left, deployment, "{said}");
            assert!(told.iter().any(|told| told.contains(said) && told.contains("worker_pool \"general\"")), "{said}: {told:?}");
        }
    }
}
