//! `capi_override`: merge patches on rendered Cluster API objects, before their names are made of what they hold (design sections 3 and 4).
//!
//! What no patch may touch stands in tables: the engine's, and that of the cluster's provider. Everything else of a kind can be
//! reached; what the kind does not have is refused.

use std::collections::{BTreeMap, BTreeSet};

use windlass_kubeschema::check::{unknown_fields, validate};

use crate::config::{CAPI_OVERRIDE, OverrideModel};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::encode::canonical_text;
use crate::kinds::known_kind;
use crate::provider::{Claim, OwnedField};
use crate::value::Value;

use super::mark::merged;
use super::owned::{NOWHERE, OWNED};
use super::webhooks;

/// How many of the fields that a patch takes away are named.
const NAMED: usize = 3;

/// The patches of one cluster that may be applied, and what has been said of them.
pub struct Overrides {
    of_provider: &'static [OwnedField],
    refused: BTreeSet<String>,
}

impl Overrides {
    /// For a cluster whose provider owns these fields.
    pub fn new(of_provider: &'static [OwnedField]) -> Self {
        Self { of_provider, refused: BTreeSet::new() }
    }

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
            faults.extend(self.trespasses(model, kind, patch));
            for (path, why) in named_nowhere(patch) {
                faults.push(not_yours(&model.what, kind, &path, why));
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

    /// What a patch does to owned fields: one finding for each field that it names, and one for each part that it replaces or removes
    /// with owned fields in it.
    fn trespasses(&self, model: &OverrideModel, kind: &str, patch: &Value) -> Vec<Diagnostic> {
        let mut faults = Vec::new();
        let mut whole: BTreeMap<String, Loss<'_>> = BTreeMap::new();
        for row in self.rows(kind) {
            match (touch(patch, row.path), row.claim) {
                (Touch::At(_), Claim::Written) => faults.push(not_yours(&model.what, kind, &row.path.join("."), row.instead)),
                (Touch::At(value), Claim::LeftToOthers) if !value.is_null() => {
                    faults.push(not_yours(&model.what, kind, &row.path.join("."), row.instead));
                }
                (Touch::Above(depth, value), Claim::Written | Claim::Items(_)) => {
                    let part = row.path.get(..depth).unwrap_or_default().join(".");
                    let loss = whole.entry(part).or_insert_with(|| Loss { removed: value.is_null(), written: false, rows: Vec::new() });
                    loss.written |= row.claim == Claim::Written;
                    loss.rows.push(row);
                }
                // Lists are looked at when the object is there: what windlass writes in them depends on attributes.
                (Touch::No, _) | (Touch::At(_), Claim::LeftToOthers | Claim::Items(_)) | (Touch::Above(..), Claim::LeftToOthers) => {}
            }
        }
        faults.extend(whole.into_iter().filter(|(_, loss)| loss.written).map(|(part, loss)| loss.told(&model.what, kind, &part)));
        faults
    }

    fn rows<'a>(&self, kind: &'a str) -> impl Iterator<Item = &'static OwnedField> + use<'a> {
        OWNED.iter().chain(self.of_provider).filter(move |row| row.kind.is_empty() || row.kind == kind)
    }

    /// The object with the patches of its kind laid on, in this order. What its kind's facts refuse is reported at the patch, which is
    /// then left out.
    pub fn apply(&mut self, object: Value, models: &[&OverrideModel], diagnostics: &mut Diagnostics) -> Value {
        let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
        let rendered = object.clone();
        let mut object = object;
        for model in models {
            let Some(patch) = model.patches.get(&kind).filter(|_| !self.refused.contains(&place(model, &kind))) else { continue };
            let patched = merged(&object, patch);
            let mut faults = self.lost_items(&rendered, &patched, &model.what, &kind);
            if faults.is_empty() {
                faults = refusals(&object, &patched, &model.what, &kind);
            }
            if faults.is_empty() {
                object = patched;
                continue;
            }
            self.refused.insert(place(model, &kind));
            for mut fault in faults {
                fault.primary = model.span;
                diagnostics.push(fault);
            }
        }
        object
    }

    /// Items that windlass rendered in lists, and that a patched object does not hold as they were.
    fn lost_items(&self, rendered: &Value, patched: &Value, what: &str, kind: &str) -> Vec<Diagnostic> {
        let mut faults = Vec::new();
        for row in self.rows(kind) {
            let Claim::Items(keys) = row.claim else { continue };
            let items = rendered.get_path(row.path).and_then(Value::as_elements).unwrap_or_default();
            let left = patched.get_path(row.path).and_then(Value::as_elements).unwrap_or_default();
            let lost: Vec<String> = items.iter().filter(|item| !is_kept(item, left, keys)).map(shown).collect();
            if !lost.is_empty() {
                let path = row.path.join(".");
                let fault = Diagnostic::error(
                    Code::OVERRIDE,
                    format!("`{CAPI_OVERRIDE}.{kind}` of {what} takes items of windlass out of `{path}`"),
                )
                .detail(format!("A patch replaces a list as a whole. Windlass writes in it: {}.", lost.join(", ")))
                .hint(row.instead);
                faults.push(fault);
            }
        }
        faults
    }
}

/// What a patch that replaces or removes a part would take away.
struct Loss<'a> {
    removed: bool,
    written: bool,
    rows: Vec<&'a OwnedField>,
}

impl Loss<'_> {
    fn told(&self, what: &str, kind: &str, part: &str) -> Diagnostic {
        let verb = if self.removed { "remove" } else { "replace" };
        let mut named: Vec<String> =
            self.rows.iter().take(NAMED).map(|row| format!("`{}` ({})", row.path.join("."), row.instead)).collect();
        match self.rows.len().saturating_sub(NAMED) {
            0 => {}
            1 => named.push("1 more".to_owned()),
            more => named.push(format!("{more} more")),
        }
        Diagnostic::error(Code::OVERRIDE, format!("`{CAPI_OVERRIDE}.{kind}` of {what} may not {verb} `{part}` as a whole"))
            .detail(format!("Windlass writes fields in it: {}.", named.join(", ")))
            .hint(format!("patch the other fields below `{part}` by themselves; null removes one"))
    }
}

fn place(model: &OverrideModel, kind: &str) -> String {
    format!("{}.{kind}", model.what)
}

fn not_yours(what: &str, kind: &str, path: &str, instead: &str) -> Diagnostic {
    Diagnostic::error(Code::OVERRIDE, format!("`{CAPI_OVERRIDE}.{kind}` of {what} may not change `{path}`")).hint(instead)
}

/// How a patch touches a path.
enum Touch<'a> {
    No,
    /// It gives it this value, or one below it.
    At(&'a Value),
    /// It gives this value, which is no object, to what stands so many keys deep and holds the path.
    Above(usize, &'a Value),
}

fn touch<'a>(patch: &'a Value, path: &[&str]) -> Touch<'a> {
    let mut at = patch;
    for (depth, name) in path.iter().enumerate() {
        let Some(entries) = at.as_entries() else { return Touch::Above(depth, at) };
        let Some(inner) = entries.get(*name) else { return Touch::No };
        at = inner;
    }
    Touch::At(at)
}

/// Whether a list still holds an item, and no other with its keys.
fn is_kept(item: &Value, list: &[Value], keys: &[&str]) -> bool {
    if keys.is_empty() {
        return list.iter().any(|other| holds(other, item));
    }
    let mut same = list.iter().filter(|other| keys.iter().all(|key| other.get(key) == item.get(key))).peekable();
    same.peek().is_some() && same.all(|other| holds(other, item))
}

/// Whether a value has all that another has.
fn holds(value: &Value, part: &Value) -> bool {
    match part.as_entries() {
        Some(entries) => entries.iter().all(|(name, inner)| value.get(name).is_some_and(|value| holds(value, inner))),
        None => match (value.as_elements(), part.as_elements()) {
            (Some(elements), Some(parts)) => {
                elements.len() == parts.len() && elements.iter().zip(parts).all(|(value, part)| holds(value, part))
            }
            _ => value == part,
        },
    }
}

/// An item as text; rendered items of Cluster API objects hold no secrets.
fn shown(item: &Value) -> String {
    item.to_json().map_or_else(|_| "(sensitive)".to_owned(), |json| canonical_text(&json))
}

/// Labels and annotations that may stand nowhere, with the reason.
fn named_nowhere(patch: &Value) -> Vec<(String, &'static str)> {
    let mut found = Vec::new();
    walk_names(patch, "", &mut found);
    found
}

fn walk_names(value: &Value, path: &str, found: &mut Vec<(String, &'static str)>) {
    for (name, inner) in value.as_entries().into_iter().flatten() {
        let path = if path.is_empty() { name.to_string() } else { format!("{path}.{name}") };
        let is = |key: &str| if key.ends_with('/') { name.starts_with(key) } else { &**name == key };
        match NOWHERE.iter().find(|(key, _)| is(key)) {
            Some((_, why)) => found.push((path, why)),
            None => walk_names(inner, &path, found),
        }
    }
}

/// What would be refused of a patched object, and would not be without the patch.
fn refusals(object: &Value, patched: &Value, what: &str, kind: &str) -> Vec<Diagnostic> {
    let before: BTreeSet<String> = violations(object).into_iter().collect();
    let found = violations(patched).into_iter().filter(|violation| !before.contains(violation));
    let told = found.map(|violation| {
        let summary = format!("`{CAPI_OVERRIDE}.{kind}` of {what} makes an object that would be refused");
        Diagnostic::error(Code::INVALID_OBJECT, summary).detail(violation).hint(format!("see the fields of {kind}"))
    });
    told.collect()
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
    found.extend(webhooks::refusals(&json));
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
    const OF_PROVIDER: &[OwnedField] = &[OwnedField::written(
        "KubeadmControlPlane",
        &["spec", "kubeadmConfigSpec", "initConfiguration", "nodeRegistration", "name"],
        "the cloud names nodes",
    )];

    #[test]
    fn what_a_patch_may_not_touch_is_named_with_what_to_do_instead() {
        for (patches, summary, hint) in [
            (json!({"MachineDeployment": {"spec": {"minReadySeconds": 5}}}), "", ""),
            (json!({"Cluster": {"metadata": {"labels": {"team": "web"}}, "spec": {"clusterNetwork": {"apiServerPort": 443}}}}), "", ""),
            (json!({"MachineDeploment": {}}), "cluster \"shop\" has no MachineDeploment to override", "did you mean `MachineDeployment`?"),
            (json!({"Pod": {}}), "has no Pod to override", "kinds are Cluster, KubeadmControlPlane, MachineDeployment"),
            (json!({"Cluster": {"kind": "Other"}}), "`capi_override.Cluster` of cluster \"shop\" may not change `kind`", "the kind is"),
            (json!({"Cluster": {"metadata": {"name": "x"}}}), "may not change `metadata.name`", "set `name`"),
            (json!({"Cluster": {"spec": {"paused": true}}}), "may not change `spec.paused`", "pauses"),
            (json!({"Cluster": {"spec": {"paused": null}, "status": null}}), "", ""),
            (
                json!({"Cluster": {"spec": {"controlPlaneEndpoint": {"host": "a.example"}}}}),
                "may not change `spec.controlPlaneEndpoint`",
                "cloud's controller",
            ),
            (json!({"Cluster": {"metadata": {"annotations": null}}}), "", ""),
            (
                json!({"KubeadmControlPlane": {"spec": {"kubeadmConfigSpec": {"clusterConfiguration": {"controlPlaneEndpoint": "a:1"}}}}}),
                "may not change `spec.kubeadmConfigSpec.clusterConfiguration.controlPlaneEndpoint`",
                "certSANs",
            ),
            (
                json!({"Cluster": {"metadata": {"annotations": {"cluster.x-k8s.io/paused": ""}}}}),
                "may not change `metadata.annotations.cluster.x-k8s.io/paused`",
                "in vain",
            ),
            (json!({"MachineDeployment": {"spec": {"paused": true}}}), "may not change `spec.paused`", "no machine of the pool"),
            (
                json!({"MachineDeployment": {"spec": {"template": {"metadata": {"annotations": {"cluster.x-k8s.io/paused": "true"}}}}}}),
                "may not change `spec.template.metadata.annotations.cluster.x-k8s.io/paused`",
                "in vain",
            ),
            (
                json!({"KubeadmControlPlane": {"spec": {"kubeadmConfigSpec": {"initConfiguration": {"nodeRegistration": {"name": "x"}}}}}}),
                "may not change `spec.kubeadmConfigSpec.initConfiguration.nodeRegistration.name`",
                "the cloud names nodes",
            ),
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
        ] {
            let mut diagnostics = Diagnostics::new();
            Overrides::new(OF_PROVIDER).check(&model(patches.clone()), &KINDS, &mut diagnostics);
            let told: Vec<String> =
                diagnostics.iter().map(|found| format!("{} | {}", found.summary, found.hint.as_deref().unwrap_or_default())).collect();
            assert_eq!(told.is_empty(), summary.is_empty(), "{patches}: {told:?}");
            assert!(summary.is_empty() || told.iter().any(|told| told.contains(summary) && told.contains(hint)), "{patches}: {told:?}");
        }
    }

    #[test]
    fn a_part_with_owned_fields_in_it_is_one_finding() {
        for (patches, summary, detail) in [
            (
                json!({"Cluster": {"spec": null}}),
                "may not remove `spec` as a whole",
                "`spec.controlPlaneRef` (windlass writes the references between its objects), `spec.infrastructureRef` (windlass writes the \
                 references between its objects), `spec.clusterNetwork.pods` (set `pod_cidr` of the cluster), 1 more.",
            ),
            (json!({"Cluster": {"spec": "x"}}), "may not replace `spec` as a whole", "`spec.clusterNetwork.pods` ("),
            (
                json!({"Cluster": {"metadata": null}}),
                "may not remove `metadata` as a whole",
                "`metadata.name` (windlass names its objects;",
            ),
            (json!({"Cluster": {"metadata": {"labels": []}}}), "may not replace `metadata.labels` as a whole", "cluster-name` ("),
            (
                json!({"MachineDeployment": {"spec": {"template": {"spec": null}}}}),
                "may not remove `spec.template.spec` as a whole",
                "2 more.",
            ),
            (
                json!({"KubeadmControlPlane": {"spec": {"kubeadmConfigSpec": null}}}),
                "may not remove `spec.kubeadmConfigSpec` as a whole",
                "`spec.kubeadmConfigSpec.users` (keep the item",
            ),
        ] {
            let mut diagnostics = Diagnostics::new();
            Overrides::new(OF_PROVIDER).check(&model(patches.clone()), &KINDS, &mut diagnostics);
            let told: Vec<String> = diagnostics.iter().map(|found| format!("{} | {}", found.summary, found.detail)).collect();
            assert_eq!(told.len(), 1, "{patches}: {told:?}");
            assert!(told.iter().all(|told| told.contains(summary) && told.contains(detail)), "{patches}: {told:?}");
        }
    }

    #[test]
    fn a_list_keeps_the_items_of_windlass() {
        let external = json!({"name": "cloud-provider", "value": "external"});
        let plane = json!({
            "apiVersion": "controlplane.cluster.x-k8s.io/v1beta2", "kind": "KubeadmControlPlane", "metadata": {"namespace": "shop"},
            "spec": {"version": "v1.34.3", "replicas": 1,
                "machineTemplate": {"spec": {"infrastructureRef": {"apiGroup": "infrastructure.cluster.x-k8s.io", "kind": "AWSMachineTemplate", "name": "x"}}},
                "kubeadmConfigSpec": {"joinConfiguration": {"nodeRegistration": {"kubeletExtraArgs": [external]}}}},
        });
        let more = json!({"name": "max-pods", "value": "200"});
        for (patch, told) in [
            (json!({"nodeRegistration": {"kubeletExtraArgs": [more, external]}}), ""),
            (
                json!({"nodeRegistration": {"kubeletExtraArgs": [more]}}),
                r#"Windlass writes in it: {"name":"cloud-provider","value":"external"}."#,
            ),
            (json!({"nodeRegistration": {"kubeletExtraArgs": null}}), "Windlass writes in it:"),
            (json!({"nodeRegistration": {"kubeletExtraArgs": [{"name": "cloud-provider", "value": "aws"}]}}), "Windlass writes in it:"),
            (
                json!({"nodeRegistration": {"kubeletExtraArgs": [external, {"name": "cloud-provider", "value": "aws"}]}}),
                "Windlass writes in it:",
            ),
            (json!(null), "Windlass writes in it:"),
        ] {
            let mut diagnostics = Diagnostics::new();
            let all = model(json!({"KubeadmControlPlane": {"spec": {"kubeadmConfigSpec": {"joinConfiguration": patch}}}}));
            let mut overrides = Overrides::new(&[]);
            overrides.check(&all, &KINDS, &mut diagnostics);
            overrides.apply(Value::from_json(&plane), &[&all], &mut diagnostics);
            let found: Vec<&str> = diagnostics.iter().map(|found| found.detail.as_str()).collect();
            assert_eq!(found.len(), usize::from(!told.is_empty()), "{patch}: {found:?}");
            assert!(found.iter().all(|found| found.contains(told)), "{patch}: {found:?}");
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
            let object = Overrides::new(OF_PROVIDER).apply(Value::from_json(&deployment), &[&of_cluster, &of_pool], &mut diagnostics);
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
