//! All objects of a cluster as JSON, and their check against the facts.

use serde_json::{Value as Json, json};
use windlass_core::provider::{ClusterInput, PoolInput, Role};
use windlass_core::value::Value;
use windlass_kubeschema::check::{is_never, unknown_fields, validate};
use windlass_kubeschema::facts_table::{bundle, latest};

use crate::input::aws;

/// Everything that is rendered for a cluster and its cloud, by what it is. Secret leaves are laid open only for validation.
pub struct Objects(Vec<(&'static str, Value)>);

impl Objects {
    pub fn of(cluster: &ClusterInput) -> Objects {
        let release = aws().releases().last().expect("a release");
        let mut objects = Vec::new();
        let many = |name, rendered: Vec<windlass_core::provider::Rendered>| rendered.into_iter().map(move |each| (name, each.object));
        objects.extend(many("manager credentials", aws().manager_credentials(&cluster.cloud, release)));
        objects.extend(many("identity", aws().identity(&cluster.cloud, release)));
        objects.push(("infrastructure", aws().infrastructure(cluster, release).object));
        let mut template = |name, pool: &PoolInput| {
            let template = aws().machine_template(cluster, pool, release);
            objects.push((name, object(&template.api_version, &template.kind, template.spec)));
        };
        template("control plane template", &cluster.control_plane);
        template("pool template", &cluster.worker_pools[0]);
        objects.push(("control plane kubeadm", control_plane(aws().kubeadm(cluster, Role::ControlPlane, "template"))));
        objects.push(("pool kubeadm", worker(aws().kubeadm(cluster, Role::Worker, "template"))));
        objects.extend(many("cloud controller", aws().cloud_controller(cluster)));
        Objects(objects)
    }

    /// The objects of one name.
    pub fn named(&self, name: &str) -> Vec<&Value> {
        self.0.iter().filter(|(each, _)| *each == name).map(|(_, value)| value).collect()
    }

    /// For goldens: JSON with secrets hidden.
    pub fn text(&self, names: &[&str]) -> String {
        let chosen = self.0.iter().filter(|(name, _)| names.contains(name));
        let texts = chosen.map(|(name, value)| {
            let json = hidden(value).to_json().expect("known and open");
            format!("# {name}\n{}\n", serde_json::to_string_pretty(&json).expect("JSON"))
        });
        texts.collect()
    }

    /// What the API server would say to these objects.
    pub fn faults(&self) -> Vec<String> {
        self.0
            .iter()
            .flat_map(|(name, value)| {
                faults(&open(value).to_json().expect("known")).into_iter().map(move |fault| format!("{name}: {fault}"))
            })
            .collect()
    }
}

fn hidden(value: &Value) -> Value {
    value.map_leaves(|_, leaf| if leaf.is_secret() { Value::from("(sensitive)") } else { leaf.clone() })
}

fn open(value: &Value) -> Value {
    value.map_leaves(|_, leaf| leaf.reveal().clone())
}

fn object(api_version: &str, kind: &str, spec: Value) -> Value {
    let name = Value::object([("name", "test")]);
    Value::object([("apiVersion", Value::from(api_version)), ("kind", Value::from(kind)), ("metadata", name), ("spec", spec)])
}

/// The smallest KubeadmControlPlane around a configuration.
fn control_plane(configuration: Value) -> Value {
    let reference = json!({"apiGroup": "infrastructure.cluster.x-k8s.io", "kind": "AWSMachineTemplate", "name": "test"});
    let spec = Value::object([
        ("version", Value::from("v1.34.3")),
        ("machineTemplate", Value::from_json(&json!({"spec": {"infrastructureRef": reference}}))),
        ("kubeadmConfigSpec", configuration),
    ]);
    object("controlplane.cluster.x-k8s.io/v1beta2", "KubeadmControlPlane", spec)
}

fn worker(configuration: Value) -> Value {
    let template = Value::object([("spec", configuration)]);
    object("bootstrap.cluster.x-k8s.io/v1beta2", "KubeadmConfigTemplate", Value::object([("template", template)]))
}

fn faults(object: &Json) -> Vec<String> {
    let (api_version, kind) = (object["apiVersion"].as_str().expect("apiVersion"), object["kind"].as_str().expect("kind"));
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let release = aws().releases().last().expect("a release");
    let bundles = [("aws", release.version), ("cluster-api", newest("cluster-api")), ("kubernetes", newest("kubernetes"))];
    for (name, file) in bundles {
        let facts = bundle(name, file).expect("in the table").expect("readable");
        if let Some(fact) = facts.kind(group, version, kind) {
            let schema = facts.schema_of(fact);
            let violations = validate(object, schema, &is_never).into_iter().map(|violation| format!("{kind} {violation:?}"));
            return violations.chain(unknown_fields(object, schema)).collect();
        }
    }
    vec![format!("no facts of {api_version} {kind}")]
}

fn newest(name: &str) -> &'static str {
    latest(name).expect("a facts file").version
}

#[test]
fn validation_finds_what_the_api_server_would() {
    let cluster = |spec: Json| json!({"apiVersion": "infrastructure.cluster.x-k8s.io/v1beta2", "kind": "AWSCluster", "metadata": {"name": "x"}, "spec": spec});
    assert_eq!(faults(&cluster(json!({"region": "eu-west-1"}))), Vec::<String>::new());
    for spec in [
        json!({"region": 1}),
        json!({"regoin": "x"}),
        json!({"controlPlaneLoadBalancer": {"scheme": "x"}}),
        json!({"identityRef": {"name": "x"}}),
    ] {
        assert_eq!(faults(&cluster(spec.clone())).len(), 1, "{spec}");
    }
}
