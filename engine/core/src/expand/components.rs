//! The objects of a provider, as a list in the order in which they are applied: those that `clusterctl init` writes, so that clusterctl
//! goes on working beside us. Knows the carried facts and no plane.

use std::sync::OnceLock;

use serde_json::{Value as Json, json};
use windlass_kubeschema::facts_table::{bundle, bundles, latest};

use crate::encode::{cut_schemas, merge_patch};
use crate::marks::{CONTROL_PLANE_TAINT, INVENTORY_API_VERSION, LABEL_CLUSTERCTL, LABEL_CLUSTERCTL_CORE, LABEL_PROVIDER};
use crate::plan::ProviderSpec;

/// Facts of clusterctl's own kind.
const CLUSTERCTL: &str = "clusterctl";
/// The provider that brings clusterctl's inventory with it; it is always there, and the first.
const FIRST: &str = "cluster-api";

/// What stands before the manager's Secrets: namespace, kinds, account and rights.
pub fn before_credentials(provider: &ProviderSpec) -> Vec<Json> {
    let mut objects = vec![namespace(provider)];
    objects.extend_from_slice(before_components(provider));
    let own = definitions(&provider.facts, &provider.version).iter().filter(|crd| belongs(crd, provider));
    objects.extend(own.map(|crd| labelled(crd.clone(), provider)));
    objects.extend([service_account(provider), binding(provider)]);
    objects
}

/// What stands before the components of a repository: with the first provider the kind of clusterctl's inventory.
pub fn before_components(provider: &ProviderSpec) -> &'static [Json] {
    let inventory = latest(CLUSTERCTL).filter(|_| provider.name == FIRST);
    inventory.map_or(&[], |file| definitions(CLUSTERCTL, file.version))
}

/// What stands after them: clusterctl's entry of a provider.
pub fn after_components(provider: &ProviderSpec) -> Vec<Json> {
    if provider.is_cert_manager() { Vec::new() } else { vec![inventory_entry(provider)] }
}

/// What stands after the manager's Secrets: the manager, which mounts these Secrets, and clusterctl's entry of it.
pub fn after_credentials(provider: &ProviderSpec, secrets: &[&str]) -> Vec<Json> {
    vec![deployment(provider, secrets), inventory_entry(provider)]
}

/// The CustomResourceDefinitions of a carried release, schemas as digests; none if this release of windlass does not carry it.
fn definitions(facts: &str, version: &str) -> &'static [Json] {
    static CUT: OnceLock<Vec<OnceLock<Vec<Json>>>> = OnceLock::new();
    let all = CUT.get_or_init(|| bundles().iter().map(|_| OnceLock::new()).collect());
    let found = bundles().iter().zip(all).find(|(file, _)| file.name == facts && file.version == version);
    let Some((file, cell)) = found else { return &[] };
    cell.get_or_init(|| {
        let carried = bundle(file.name, file.version).and_then(Result::ok);
        let mut objects = carried.map(|bundle| bundle.crd_objects()).unwrap_or_default();
        objects.iter_mut().for_each(cut_schemas);
        objects
    })
}

fn belongs(crd: &Json, provider: &ProviderSpec) -> bool {
    let group = crd.pointer("/spec/group").and_then(Json::as_str).unwrap_or_default();
    provider.groups.is_empty() || provider.groups.iter().any(|wanted| wanted == group)
}

/// Adds clusterctl's labels and, where the facts have none, the contract label: the versions that are served, joined by `_`.
fn labelled(mut crd: Json, provider: &ProviderSpec) -> Json {
    let contract = format!("cluster.x-k8s.io/{}", provider.contract);
    let mut labels = labels(provider);
    if crd.pointer("/metadata/labels").and_then(|labels| labels.get(&contract)).is_none() {
        let versions = crd.pointer("/spec/versions").and_then(Json::as_array);
        let served: Vec<&str> = versions
            .into_iter()
            .flatten()
            .filter(|version| version.get("served").and_then(Json::as_bool) == Some(true))
            .filter_map(|version| version.get("name").and_then(Json::as_str))
            .collect();
        merge_patch(&mut labels, &json!({contract: served.join("_")}));
    }
    merge_patch(&mut crd, &json!({"metadata": {"labels": labels}}));
    crd
}

fn labels(provider: &ProviderSpec) -> Json {
    json!({LABEL_CLUSTERCTL: "", LABEL_PROVIDER: provider.label})
}

/// The namespace of a provider.
pub fn namespace(provider: &ProviderSpec) -> Json {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": provider.namespace, "labels": labels(provider)}})
}

fn service_account(provider: &ProviderSpec) -> Json {
    json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": provider.deployment, "namespace": provider.namespace, "labels": labels(provider)},
    })
}

fn binding(provider: &ProviderSpec) -> Json {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": format!("{}-{}", provider.namespace, provider.deployment), "labels": labels(provider)},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": provider.deployment, "namespace": provider.namespace}],
    })
}

fn deployment(provider: &ProviderSpec, secrets: &[&str]) -> Json {
    let selector = json!({LABEL_PROVIDER: provider.label, "control-plane": provider.deployment});
    let mut all = labels(provider);
    merge_patch(&mut all, &selector);
    let mut container = json!({
        "name": "manager",
        "image": format!("{}:{}", provider.image, provider.version),
        "args": ["--leader-elect"],
    });
    let mut pod = json!({
        "serviceAccountName": provider.deployment,
        "tolerations": [{"key": CONTROL_PLANE_TAINT, "operator": "Exists", "effect": "NoSchedule"}],
    });
    if !secrets.is_empty() {
        let mounts: Vec<Json> =
            secrets.iter().map(|name| json!({"name": name, "mountPath": format!("/etc/credentials/{name}"), "readOnly": true})).collect();
        let volumes: Vec<Json> = secrets.iter().map(|name| json!({"name": name, "secret": {"secretName": name}})).collect();
        merge_patch(&mut container, &json!({"volumeMounts": mounts}));
        merge_patch(&mut pod, &json!({"volumes": volumes}));
    }
    merge_patch(&mut pod, &json!({"containers": [container]}));
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": provider.deployment, "namespace": provider.namespace, "labels": all},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": selector},
            "template": {"metadata": {"labels": all}, "spec": pod},
        },
    })
}

/// clusterctl's inventory: the fields stand at the top, there is no spec.
fn inventory_entry(provider: &ProviderSpec) -> Json {
    let mut entry = json!({
        "apiVersion": INVENTORY_API_VERSION,
        "kind": "Provider",
        "metadata": {"name": provider.label, "namespace": provider.namespace, "labels": labels(provider)},
        "providerName": provider_name(provider),
        "type": provider.r#type,
        "version": provider.version,
    });
    merge_patch(&mut entry, &json!({"metadata": {"labels": {LABEL_CLUSTERCTL_CORE: "inventory"}}}));
    entry
}

/// `infrastructure-aws` is the provider `aws`; the core provider is `cluster-api`.
fn provider_name(provider: &ProviderSpec) -> &str {
    ["infrastructure-", "bootstrap-", "control-plane-"]
        .iter()
        .find_map(|prefix| provider.label.strip_prefix(prefix))
        .unwrap_or(&provider.label)
}
