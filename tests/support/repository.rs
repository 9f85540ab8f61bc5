//! A component repository in clusterctl's layout, made of the carried facts: the shape of upstream's files, for managers that are simulated.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::path::Path;

use serde_json::{Value as Json, json};
use windlass_kubeschema::facts_table::{bundle, latest};

/// Folder of the repository in a module.
pub const FOLDER: &str = "components";

/// What may stand in it beside the managers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Certificates {
    /// Nothing: webhooks have theirs from elsewhere.
    None,
    /// Each provider asks cert-manager for one, and cert-manager stands beside them.
    Asked,
}

/// Label, file, namespace, manager, facts, end of API groups, contract.
type Row = (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str, &'static str);

const ROWS: [Row; 5] = [
    ("cluster-api", "core-components.yaml", "capi-system", "capi-controller-manager", "cluster-api", "", "v1beta2"),
    (
        "bootstrap-kubeadm",
        "bootstrap-components.yaml",
        "capi-kubeadm-bootstrap-system",
        "capi-kubeadm-bootstrap-controller-manager",
        "cluster-api",
        "bootstrap.cluster.x-k8s.io",
        "v1beta2",
    ),
    (
        "control-plane-kubeadm",
        "control-plane-components.yaml",
        "capi-kubeadm-control-plane-system",
        "capi-kubeadm-control-plane-controller-manager",
        "cluster-api",
        "controlplane.cluster.x-k8s.io",
        "v1beta2",
    ),
    ("infrastructure-aws", "infrastructure-components.yaml", "capa-system", "capa-controller-manager", "aws", "", "v1beta1"),
    ("infrastructure-docker", "infrastructure-components-development.yaml", "capd-system", "capd-controller-manager", "dev", "", "v1beta2"),
];

/// Version of a provider's folder.
pub fn version(facts: &str) -> &'static str {
    latest(facts).expect("facts").version
}

/// Version of cert-manager's folder.
pub const CERT_MANAGER: &str = "v1.21.1";

/// Makes the repository below a folder.
pub fn make(root: &Path, certificates: Certificates) {
    for row in ROWS {
        let (label, file, _, _, facts, ..) = row;
        let folder = root.join(label).join(version(facts));
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join(file), text(&components(row, certificates))).expect("a file");
        std::fs::write(folder.join("metadata.yaml"), text(&[metadata(row)])).expect("a file");
    }
    if certificates == Certificates::Asked {
        let folder = root.join("cert-manager").join(CERT_MANAGER);
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("cert-manager.yaml"), text(&cert_manager())).expect("a file");
    }
}

/// Components and metadata of a provider by its label, without any file.
pub fn texts(label: &str) -> [String; 2] {
    let row = ROWS.into_iter().find(|(own, ..)| *own == label).expect("a provider");
    [text(&components(row, Certificates::None)), text(&[metadata(row)])]
}

fn metadata((.., facts, _, contract): Row) -> Json {
    let numbers: Vec<u64> = version(facts).trim_start_matches('v').split('.').map(|part| part.parse().expect("a number")).collect();
    let series = json!([{"major": numbers[0], "minor": numbers[1], "contract": contract}]);
    json!({"apiVersion": "clusterctl.cluster.x-k8s.io/v1alpha3", "kind": "Metadata", "releaseSeries": series})
}

/// JSON is YAML; expressions in it are text.
fn text(objects: &[Json]) -> String {
    let text: String = objects.iter().map(|object| format!("---\n{object:#}\n")).collect();
    text.replace("\"${MANAGER_REPLICAS:=1}\"", "${MANAGER_REPLICAS:=1}")
}

/// A definition with the label by which Cluster API finds the versions that keep its contract.
fn with_contract(mut definition: Json, contract: &str) -> Json {
    let versions = definition["spec"]["versions"].as_array().expect("versions").iter();
    let served: Vec<&str> = versions.filter(|version| version["served"] == true).filter_map(|version| version["name"].as_str()).collect();
    definition["metadata"]["labels"][format!("cluster.x-k8s.io/{contract}")] = served.join("_").into();
    definition
}

fn components((label, _, namespace, manager, facts, group, contract): Row, certificates: Certificates) -> Vec<Json> {
    let facts = bundle(facts, version(facts)).expect("facts").expect("readable");
    let of_group = |crd: &Json| {
        let own = crd["spec"]["group"].as_str().unwrap_or_default();
        if group.is_empty() { !own.starts_with("bootstrap.") && !own.starts_with("controlplane.") } else { own == group }
    };
    let mut objects = vec![json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})];
    objects.extend(
        facts.crd_objects().into_iter().filter(of_group).map(|crd| if label == "cluster-api" { crd } else { with_contract(crd, contract) }),
    );
    objects.push(service_account(namespace, manager));
    objects.push(json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": format!("{manager}-aggregated")},
        "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"aggregate-to": manager}}]}, "rules": [],
    }));
    objects.push(binding(namespace, manager));
    let certificate = format!("{manager}-certificate");
    objects.push(deployment(namespace, manager, label));
    if label == "infrastructure-aws" {
        let secret = |name: &str, variable: &str| {
            let metadata = json!({"name": name, "namespace": namespace});
            json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": metadata, "stringData": {"credentials": variable}})
        };
        objects.push(secret("capa-manager-bootstrap-credentials", "${AWS_B64ENCODED_CREDENTIALS}"));
        objects.push(secret("capa-registry", "user:${REGISTRY_TOKEN}"));
    }
    if certificates == Certificates::Asked {
        let metadata = json!({"name": certificate, "namespace": namespace});
        objects.push(json!({
            "apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": metadata,
            "spec": {"secretName": certificate, "issuerRef": {"kind": "Issuer", "name": certificate}},
        }));
        objects.push(json!({"apiVersion": "cert-manager.io/v1", "kind": "Issuer", "metadata": metadata, "spec": {"selfSigned": {}}}));
    }
    objects
}

fn service_account(namespace: &str, name: &str) -> Json {
    json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}})
}

fn binding(namespace: &str, name: &str) -> Json {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": format!("{namespace}-{name}")},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
    })
}

fn deployment(namespace: &str, name: &str, label: &str) -> Json {
    let labels = json!({"cluster.x-k8s.io/provider": label, "control-plane": name});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": labels, "creationTimestamp": null},
        "spec": {
            "replicas": "${MANAGER_REPLICAS:=1}", "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {
                "serviceAccountName": name,
                "containers": [{"name": "manager", "image": "registry.example/manager:v1", "args": ["--feature-gates=MachinePool=${EXP_MACHINE_POOL:=true}"]}],
            }},
        },
    })
}

fn cert_manager() -> Vec<Json> {
    let namespace = "cert-manager";
    let mut objects = vec![json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})];
    for (kind, plural) in [("Certificate", "certificates"), ("Issuer", "issuers")] {
        let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
        objects.push(json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("{plural}.cert-manager.io")},
            "spec": {
                "group": "cert-manager.io", "scope": "Namespaced",
                "names": {"kind": kind, "listKind": format!("{kind}List"), "plural": plural, "singular": kind.to_lowercase()},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": schema}],
            },
        }));
    }
    for name in ["cert-manager-cainjector", "cert-manager", "cert-manager-webhook"] {
        objects.extend([service_account(namespace, name), binding(namespace, name), deployment(namespace, name, name)]);
    }
    objects
}
