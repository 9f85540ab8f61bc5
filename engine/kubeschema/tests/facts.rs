//! The compiled-in facts, held against a table of fields that another reader made of the same CRDs, and against rules.
//!
//! `facts/fields.txt`: `# facts group version kind`, then one line per field: path (`[]` = items, `*` = required), type, constraints.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::Value;
use sha2::Digest as _;
use windlass_kubeschema::facts::{Bundle, Scope};
use windlass_kubeschema::facts_table::{bundle, bundles, latest};
use windlass_kubeschema::schema::{ListType, MapType, Type};
use windlass_kubeschema::{Schema, SchemaRef};

fn load(name: &str) -> &'static Bundle {
    let file = latest(name).expect("a facts file");
    bundle(name, file.version).expect("in the table").expect("readable")
}

/// Walks `spec.rules[].name`.
fn at<'a>(root: SchemaRef<'a>, path: &str) -> Option<SchemaRef<'a>> {
    let mut here = root;
    for part in path.split('.') {
        let (name, items) = part.strip_suffix("[]").map_or((part, false), |name| (name, true));
        here = here.declared(name)?;
        if items {
            here = here.items()?;
        }
    }
    Some(here)
}

fn word(schema: SchemaRef<'_>) -> String {
    match schema.kind {
        _ if schema.int_or_string => "int|str".to_owned(),
        Some(Type::Array) => format!("[]{}", schema.items().map_or_else(|| "any".to_owned(), |items| plain(&items))),
        Some(Type::Object) => match schema.additional() {
            Some(values) => format!("map<{}>", plain(&values)),
            None => "object".to_owned(),
        },
        _ => plain(&schema),
    }
}

fn plain(schema: &Schema) -> String {
    schema.kind.map_or("any", Type::as_str).to_owned()
}

/// What is wrong with one line of the table, if anything.
fn wrong(root: SchemaRef<'_>, line: &str) -> Option<String> {
    let mut words = line.split(' ');
    let (name, kind) = (words.next()?, words.next()?);
    let (path, required) = name.strip_suffix('*').map_or((name, false), |path| (path, true));
    let Some(schema) = at(root, path) else { return Some(format!("{path}: not there")) };

    let (parent, last) = path.rsplit_once('.').map_or((Some(root), path), |(parent, last)| (at(root, parent), last));
    let is_required = parent?.required.iter().any(|field| field == last);
    if is_required != required {
        return Some(format!("{path}: required {is_required}"));
    }
    if word(schema) != kind {
        return Some(format!("{path}: {} instead of {kind}", word(schema)));
    }
    let format = schema.limits.as_ref().and_then(|limits| limits.format.as_deref());
    for constraint in words {
        let holds = match constraint.split_once('=') {
            None => format == Some(constraint),
            Some(("enum", values)) => {
                let have: BTreeSet<&str> = schema.enumeration.iter().filter_map(Value::as_str).collect();
                have == values.split('|').collect()
            }
            Some(("def", value)) => schema.default.as_ref().is_some_and(|default| match default {
                Value::String(text) => text == value,
                other => value.eq_ignore_ascii_case(&other.to_string()),
            }),
            Some(("maxItems", value)) => {
                schema.limits.as_ref().and_then(|limits| limits.max_items).is_some_and(|most| most.to_string() == value)
            }
            Some(_) => false,
        };
        if !holds {
            return Some(format!("{path}: not {constraint}"));
        }
    }
    let enumerated = !schema.enumeration.is_empty() && !line.contains("enum=");
    enumerated.then(|| format!("{path}: an enum nobody asked for"))
}

#[test]
fn every_field_of_the_table_is_there() {
    let (mut lines, mut faults, mut root) = (0, Vec::new(), None);
    for line in include_str!("facts/fields.txt").lines() {
        if let Some(head) = line.strip_prefix("# ") {
            let words: Vec<&str> = head.split(' ').collect();
            let [name, group, version, kind] = words[..] else { panic!("{line}") };
            let bundle = load(name);
            root = bundle.kind(group, version, kind).map(|fact| bundle.schema_of(fact));
            assert!(root.is_some(), "no facts of {head}");
        } else if let Some(root) = root {
            lines += 1;
            faults.extend(wrong(root, line));
        }
    }
    assert_eq!((faults, lines), (Vec::<String>::new(), 818));
}

#[test]
fn the_table_test_can_fail() {
    let aws = load("aws");
    let cluster = aws.kind("infrastructure.cluster.x-k8s.io", "v1beta2", "AWSCluster").expect("AWSCluster");
    let root = aws.schema_of(cluster);
    for line in [
        "spec.regoin string",
        "spec.region* string",
        "spec.region integer",
        "spec.controlPlaneLoadBalancer.scheme string enum=internal",
        "spec.controlPlaneLoadBalancer.scheme string enum=internet-facing|internal def=internal",
        "spec.controlPlaneLoadBalancer.scheme string",
        "spec.controlPlaneEndpoint.port integer int64",
    ] {
        assert!(wrong(root, line).is_some(), "{line}");
    }
}

#[test]
fn a_file_says_what_the_table_says() {
    for file in bundles() {
        let bundle = bundle(file.name, file.version).expect("in the table").expect("readable");
        assert_eq!((bundle.origin.as_str(), bundle.version.as_str(), bundle.digest.as_str()), (file.name, file.version, file.digest));
        assert!(bundle.kinds.iter().all(|fact| fact.served), "only served versions are carried");
        let mut sorted = bundle.kinds.clone();
        sorted.sort_by(|a, b| (&a.group, &a.kind, &a.version).cmp(&(&b.group, &b.kind, &b.version)));
        assert_eq!(sorted, bundle.kinds);
    }
    assert!(bundle("aws", "v0.0.1").is_none());
    assert!(latest("nobody").is_none());
}

/// Whoever edits a facts file by hand, or changes the form in which facts are stored, is told here.
#[test]
fn a_digest_is_that_of_the_facts() {
    for file in bundles() {
        let loaded = bundle(file.name, file.version).expect("in the table").expect("readable");
        let text = serde_json::to_vec(&Bundle { digest: String::new(), ..loaded.clone() }).expect("JSON");
        let digest = data_encoding::HEXLOWER.encode(&sha2::Sha256::digest(text));
        assert_eq!(format!("sha256:{digest}"), file.digest, "{}: run `cargo xtask crds`", file.name);
    }
}

#[test]
fn contract_and_move_labels_are_those_of_the_released_components() {
    let label = |facts: &str, kind: &str, label: &str| {
        let fact = load(facts).kinds.iter().find(|fact| fact.kind == kind).expect("the kind");
        fact.labels.get(label).cloned()
    };
    let table = [
        ("aws", "AWSCluster", "cluster.x-k8s.io/v1beta1", Some("v1beta1_v1beta2")),
        ("aws", "AWSCluster", "cluster.x-k8s.io/v1beta2", None),
        ("aws", "AWSCluster", "cluster.x-k8s.io/provider", Some("infrastructure-aws")),
        ("aws", "AWSCluster", "clusterctl.cluster.x-k8s.io", Some("")),
        ("aws", "AWSCluster", "clusterctl.cluster.x-k8s.io/move-hierarchy", None),
        ("aws", "AWSClusterStaticIdentity", "clusterctl.cluster.x-k8s.io/move-hierarchy", Some("")),
        ("aws", "AWSClusterRoleIdentity", "clusterctl.cluster.x-k8s.io/move-hierarchy", Some("")),
        ("aws", "AWSClusterControllerIdentity", "clusterctl.cluster.x-k8s.io/move-hierarchy", Some("")),
        ("dev", "DevCluster", "cluster.x-k8s.io/v1beta2", Some("v1beta2")),
        ("dev", "DevMachineTemplate", "cluster.x-k8s.io/v1beta1", Some("v1beta1")),
        ("dev", "DevMachine", "cluster.x-k8s.io/provider", Some("infrastructure-docker")),
        ("dev", "DevClusterTemplate", "clusterctl.cluster.x-k8s.io", Some("")),
        ("cluster-api", "Cluster", "cluster.x-k8s.io/provider", Some("cluster-api")),
        ("cluster-api", "Cluster", "cluster.x-k8s.io/v1beta2", None),
        ("cluster-api", "KubeadmControlPlane", "cluster.x-k8s.io/v1beta2", Some("v1beta2")),
        ("cluster-api", "KubeadmControlPlane", "cluster.x-k8s.io/provider", Some("control-plane-kubeadm")),
        ("cluster-api", "KubeadmConfigTemplate", "cluster.x-k8s.io/v1beta1", Some("v1beta1")),
        ("cluster-api", "KubeadmConfigTemplate", "cluster.x-k8s.io/provider", Some("bootstrap-kubeadm")),
        ("clusterctl", "Provider", "clusterctl.cluster.x-k8s.io/core", Some("inventory")),
        ("clusterctl", "Provider", "clusterctl.cluster.x-k8s.io", None),
    ];
    for (facts, kind, name, want) in table {
        assert_eq!(label(facts, kind, name).as_deref(), want, "{kind} {name}");
    }
}

#[test]
fn provider_kinds_have_their_versions_names_and_subresources() {
    let capi = load("cluster-api");
    let versions = |kind: &str| -> Vec<(&str, bool)> {
        let facts = capi.kinds.iter().filter(|fact| fact.kind == kind);
        facts.map(|fact| (fact.version.as_str(), fact.storage)).collect()
    };
    assert_eq!(versions("Cluster"), [("v1beta1", false), ("v1beta2", true)]);
    assert_eq!(versions("IPAddress"), [("v1alpha1", false), ("v1beta1", false), ("v1beta2", true)]);

    let control_plane = capi.kind("controlplane.cluster.x-k8s.io", "v1beta2", "KubeadmControlPlane").expect("the kind");
    assert!(control_plane.subresources.status);
    let scale = control_plane.subresources.scale.as_ref().expect("scale");
    assert_eq!(
        (scale.spec.as_str(), scale.status.as_str(), scale.selector.as_deref()),
        (".spec.replicas", ".status.replicas", Some(".status.selector"))
    );
    assert_eq!(control_plane.short_names, ["kcp"]);
    assert_eq!(control_plane.verbs().count(), 8);
    assert!(control_plane.printer_columns.iter().any(|column| column.name == "Desired" && column.json_path == ".spec.replicas"));

    let identity = load("aws").kinds.iter().find(|fact| fact.kind == "AWSClusterStaticIdentity").expect("the kind");
    assert_eq!(identity.scope, Scope::Cluster);
    let unserved = load("aws").kinds.iter().filter(|fact| fact.version == "v1beta1").count();
    assert_eq!(unserved, 0, "AWS serves v1beta2 only");
}

#[test]
fn rules_are_carried_without_messages() {
    fn rules(schema: &Schema, found: &mut Vec<Option<String>>) {
        found.extend(schema.rules.iter().map(|rule| rule.message.clone()));
        let children = schema.properties.values().chain(&schema.items).chain(&schema.additional_properties);
        children.for_each(|child| rules(child, found));
    }
    let mut found = Vec::new();
    load("aws").kinds.iter().for_each(|fact| rules(&fact.schema, &mut found));
    assert!(found.len() > 20, "{}", found.len());
    assert!(found.iter().all(Option::is_none));
}

#[test]
fn lists_of_cluster_api_merge_by_their_keys() {
    let capi = load("cluster-api");
    let control_plane = capi.kind("controlplane.cluster.x-k8s.io", "v1beta2", "KubeadmControlPlane").expect("the kind");
    let root = capi.schema_of(control_plane);
    let list = |path: &str| {
        let schema = at(root, path).expect(path);
        (schema.list_type(), schema.list_keys().join(","))
    };
    let cluster = "spec.kubeadmConfigSpec.clusterConfiguration";
    assert_eq!(list(&format!("{cluster}.apiServer.extraArgs")), (ListType::Map, "name,value".to_owned()));
    assert_eq!(list("spec.machineTemplate.spec.readinessGates"), (ListType::Map, "conditionType".to_owned()));
    assert_eq!(list("spec.machineTemplate.spec.taints"), (ListType::Map, "key,effect".to_owned()));
    assert_eq!(list("spec.kubeadmConfigSpec.files").0, ListType::Atomic);
    assert_eq!(list("spec.kubeadmConfigSpec.preKubeadmCommands").0, ListType::Atomic);
}

#[test]
fn built_in_kinds_are_those_of_a_cluster() {
    let kubernetes = load("kubernetes");
    let find = |group: &str, version: &str, kind: &str| kubernetes.kind(group, version, kind).expect(kind);

    let deployment = find("apps", "v1", "Deployment");
    assert_eq!((deployment.plural.as_str(), deployment.singular.as_str()), ("deployments", "deployment"));
    assert_eq!(
        (deployment.short_names.as_slice(), deployment.categories.as_slice()),
        (&["deploy".to_owned()][..], &["all".to_owned()][..])
    );
    assert!(deployment.subresources.status && deployment.subresources.scale.is_some());
    assert_eq!(deployment.scope, Scope::Namespaced);

    let namespace = find("", "v1", "Namespace");
    assert_eq!((namespace.scope, namespace.missing_verbs.as_slice()), (Scope::Cluster, &["deletecollection".to_owned()][..]));
    assert_eq!(find("", "v1", "Endpoints").singular, "endpoints");
    assert!(!find("autoscaling", "v1", "HorizontalPodAutoscaler").storage);
    assert!(find("autoscaling", "v2", "HorizontalPodAutoscaler").storage);
    assert!(!find("coordination.k8s.io", "v1", "Lease").subresources.status);

    let kinds = kubernetes.kinds.iter().filter(|fact| fact.storage).count();
    let names: BTreeSet<_> = kubernetes.kinds.iter().map(|fact| (&fact.group, &fact.plural)).collect();
    assert_eq!(kinds, names.len(), "each resource is stored in one version");
    assert!(kubernetes.kinds.iter().all(|fact| fact.subresources.scale.is_none() || fact.subresources.status));
}

#[test]
fn built_in_schemas_say_how_lists_merge_and_what_is_the_default() {
    let kubernetes = load("kubernetes");
    let root = |group: &str, kind: &str| kubernetes.schema_of(kubernetes.kind(group, "v1", kind).expect(kind));
    let pod = at(root("apps", "Deployment"), "spec.template.spec").expect("pod");
    let containers = pod.declared("containers").expect("containers");
    assert_eq!((containers.list_type(), containers.list_keys()), (ListType::Map, &["name".to_owned()][..]));
    assert_eq!(containers.patch_merge_key(), Some("name"));
    let ports = at(pod, "containers[].ports").expect("ports");
    assert_eq!(ports.list_keys(), ["containerPort", "protocol"]);
    let protocol = at(pod, "containers[].ports[].protocol").expect("protocol");
    assert_eq!(protocol.default_value(), Some(&Value::from("TCP")));
    assert_eq!(at(pod, "nodeSelector").expect("nodeSelector").map_type(), MapType::Atomic);
    assert_eq!(at(pod, "containers[].args").expect("args").list_type(), ListType::Atomic);
    assert_eq!(at(pod, "volumes").expect("volumes").patch_strategies().collect::<Vec<_>>(), ["merge", "retainKeys"]);
    assert!(
        at(pod, "containers[].ports[].containerPort").expect("port").default_value() == Some(&Value::from(0)),
        "what is never omitted has its zero"
    );
    assert_eq!(at(pod, "containers[].resources").expect("resources").default_value(), Some(&serde_json::json!({})), "a struct");

    let target = at(root("", "Service"), "spec.ports[].targetPort").expect("targetPort");
    assert!(target.int_or_string);
    let limit = at(pod, "containers[].resources.limits").and_then(|limits| limits.additional()).expect("quantity");
    let alternatives = limit.logic.as_ref().expect("text or number").any_of.iter().filter_map(|branch| branch.kind);
    assert_eq!(alternatives.collect::<Vec<_>>(), [Type::String, Type::Number]);

    let crd = at(root("apiextensions.k8s.io", "CustomResourceDefinition"), "spec.versions[].schema.openAPIV3Schema").expect("schema");
    assert!(crd.property("properties").and_then(|p| p.additional()).and_then(|p| p.declared("items")).is_some(), "it refers to itself");
    assert!(at(root("apps", "Deployment"), "metadata.managedFields").is_some());
}

#[test]
fn crds_of_a_provider_install_again_as_they_were_read() {
    for name in ["aws", "cluster-api", "clusterctl"] {
        let bundle = load(name);
        for crd in bundle.crd_objects() {
            let facts = windlass_kubeschema::crd::kind_facts(&crd).expect("a CRD");
            for fact in facts {
                assert_eq!(bundle.kind(&fact.group, &fact.version, &fact.kind), Some(&fact));
            }
        }
    }
}

/// A plan reads a few bundles at its start, so loading must not be felt; the bound is for the slowest build.
#[test]
fn loading_is_fast() {
    for file in bundles() {
        let start = Instant::now();
        assert!(bundle(file.name, file.version).is_some_and(|loaded| loaded.is_ok()));
        assert!(start.elapsed() < Duration::from_millis(500), "{} took {:?}", file.name, start.elapsed());
    }
}
