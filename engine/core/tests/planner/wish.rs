//! Wishes for tests, built like the real expansion builds them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};
use windlass_core::addr::{Address, Instance, Part};
use windlass_core::agent_objects::agent_objects;
use windlass_core::desired::{
    CertManager, Desired, DesiredCluster, DesiredLayer, DesiredManagement, DesiredObject, DesiredOutput, DesiredProvider, DesiredResource,
    Home,
};
use windlass_core::ignored::Ignored;
use windlass_core::layer::LayerKind;
use windlass_core::marks;
use windlass_core::object::{ObjectKey, split_api_version};
use windlass_core::plan::{Pace, ProviderSpec};
use windlass_core::value::{Type, Value};
use windlass_kubeschema::fieldpath::FieldPath;

pub const LINEAGE: &str = "11111111-2222-3333-4444-555555555555";

pub fn management() -> Address {
    Address::management("sandbox")
}

pub fn cluster(name: &str) -> Address {
    Address::cluster(Instance::new(name))
}

pub fn cloud() -> Address {
    Address::cloud("aws", Instance::new("main"))
}

/// What a test says of a cluster.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub name: String,
    pub pivot: bool,
    pub agent: bool,
    pub agent_mode: String,
    pub without_api: bool,
    pub replicas: u32,
    pub pools: BTreeMap<String, u32>,
    pub layers: Vec<(String, LayerKind, Vec<String>, Vec<Value>)>,
    pub version: String,
    pub prevent_destroy: bool,
    pub instance_type: String,
    /// Its etcd is external.
    pub etcd: bool,
    /// Sizes of pools and entries `key` of layers' ConfigMaps are left alone once they are made.
    pub left_alone: bool,
}

impl Wanted {
    pub fn new(name: &str) -> Self {
        let config = |name: &str, data: &str| {
            object(
                json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "kube-system"}, "data": {"key": data}}),
            )
        };
        Self {
            name: name.to_owned(),
            pivot: true,
            agent: true,
            agent_mode: "report".to_owned(),
            without_api: false,
            replicas: 3,
            pools: BTreeMap::from([("general".to_owned(), 2)]),
            layers: vec![
                ("cilium".to_owned(), LayerKind::Network, vec![], vec![config("cilium", "a")]),
                ("cloud-controller".to_owned(), LayerKind::CloudController, vec![], vec![config("ccm", "a")]),
                ("ebs".to_owned(), LayerKind::Storage, vec![], vec![config("ebs", "a")]),
                ("spaces".to_owned(), LayerKind::Addon, vec![], vec![config("spaces", "a")]),
                (
                    "ingress".to_owned(),
                    LayerKind::Addon,
                    vec!["spaces".to_owned()],
                    vec![config("ingress", "a"), secret("ingress", "s3cr3t")],
                ),
            ],
            version: "1.34.3".to_owned(),
            prevent_destroy: false,
            instance_type: "m6i.large".to_owned(),
            etcd: false,
            left_alone: false,
        }
    }
}

pub fn object(json: Json) -> Value {
    Value::from_json(&json)
}

/// A Secret whose data comes from a sensitive value.
pub fn secret(name: &str, text: &str) -> Value {
    let metadata = Value::object([("name", Value::string(name)), ("namespace", Value::string("kube-system"))]);
    Value::object([
        ("apiVersion", Value::string("v1")),
        ("kind", Value::string("Secret")),
        ("metadata", metadata),
        ("stringData", Value::object([("password", Value::secret(Value::string(text)))])),
    ])
}

/// Text of the private key of an API server as a client of external etcd.
pub const ETCD_KEY: &str = "k3y-0f-3tcd";

/// A Secret that Cluster API is given for a cluster.
fn given(cluster: &str, purpose: &str, data: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let labels = json!({"cluster.x-k8s.io/cluster-name": cluster});
    let metadata = object(json!({"name": format!("{cluster}-{purpose}"), "namespace": cluster, "labels": labels}));
    Value::object([
        ("apiVersion", Value::string("v1")),
        ("kind", Value::string("Secret")),
        ("metadata", metadata),
        ("type", Value::string("cluster.x-k8s.io/secret")),
        ("stringData", Value::object(data)),
    ])
}

/// Adds the marks, as the expansion does.
pub fn marked(value: &Value, owner: &Address, home: Home, plane: &Address) -> DesiredObject {
    let text = |path: &[&str]| value.get_path(path).and_then(Value::as_str).map(str::to_owned);
    let api_version = text(&["apiVersion"]).unwrap();
    let key = ObjectKey {
        plane: plane.clone(),
        group: split_api_version(&api_version).0.to_owned(),
        kind: text(&["kind"]).unwrap(),
        namespace: text(&["metadata", "namespace"]),
        name: text(&["metadata", "name"]).unwrap(),
    };
    let with = |value: &Value, name: &str, entry: Value| {
        let mut entries = value.as_entries().cloned().unwrap_or_default();
        entries.insert(name.into(), entry);
        Value::from(entries)
    };
    let metadata = value.get("metadata").unwrap();
    let empty = || Value::object::<&str, Value>([]);
    let labels = with(&metadata.get("labels").cloned().unwrap_or_else(empty), marks::LABEL_LINEAGE, Value::string(LINEAGE));
    let annotations =
        with(&metadata.get("annotations").cloned().unwrap_or_else(empty), marks::ANNOTATION_ADDRESS, Value::string(owner.to_string()));
    let metadata = with(&with(metadata, "labels", labels), "annotations", annotations);
    DesiredObject { home, api_version, key, content: with(value, "metadata", metadata), span: None }
}

/// The same with a leaf that is left alone, as the expansion writes it.
fn leaving_alone(mut object: DesiredObject, leaf: &[&str]) -> DesiredObject {
    let mut content = object.content.get("metadata").and_then(Value::as_entries).cloned().unwrap_or_default();
    let mut annotations = content.get("annotations").and_then(Value::as_entries).cloned().unwrap_or_default();
    let text = Ignored::text(&[FieldPath::of_fields(leaf.iter().copied())]);
    annotations.insert(marks::ANNOTATION_IGNORED.into(), Value::string(text));
    content.insert("annotations".into(), Value::from(annotations));
    let mut entries = object.content.as_entries().cloned().unwrap_or_default();
    entries.insert("metadata".into(), Value::from(content));
    object.content = Value::from(entries);
    object
}

fn provider(name: &str, namespace: &str, core: bool) -> DesiredProvider {
    let address = management().with(Part::Provider(name.to_owned()));
    let spec = ProviderSpec {
        name: name.to_owned(),
        label: name.to_owned(),
        r#type: "CoreProvider".to_owned(),
        version: "v1.14.2".to_owned(),
        contract: "v1beta2".to_owned(),
        namespace: namespace.to_owned(),
        deployment: format!("{name}-manager"),
        image: "registry/manager".to_owned(),
        facts: "cluster-api".to_owned(),
        groups: Vec::new(),
        install: true,
    };
    let mark = |json: Json| marked(&object(json), &address, Home::Management, &management());
    let schema = json!({"$wl": "content", "digest": "sha256:0000"});
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": format!("things.{name}.x-k8s.io")},
        "spec": {
            "group": format!("{name}.x-k8s.io"), "scope": "Namespaced", "names": {"kind": "Thing", "plural": "things"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": schema}],
        },
    });
    let manager = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": format!("{name}-manager"), "namespace": namespace},
        "spec": {
            "replicas": 1, "selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "manager", "image": "registry/manager:v1.14.2"}]}},
        },
    });
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": format!("{name}-manager")},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": "manager", "namespace": namespace}],
    });
    let inventory = json!({
        "apiVersion": marks::INVENTORY_API_VERSION, "kind": "Provider", "metadata": {"name": name, "namespace": namespace},
        "providerName": name, "type": "CoreProvider", "version": "v1.14.2",
    });
    let mut objects =
        vec![mark(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})), mark(definition), mark(binding)];
    if !core {
        let data = Value::object([("credentials", Value::secret(Value::string("AKIA")))]);
        let metadata = object(json!({"name": "capa-manager-bootstrap-credentials", "namespace": namespace}));
        let value = Value::object([
            ("apiVersion", Value::string("v1")),
            ("kind", Value::string("Secret")),
            ("metadata", metadata),
            ("stringData", data),
        ]);
        objects.push(marked(&value, &address, Home::Management, &management()));
    }
    objects.extend([mark(manager), mark(inventory)]);
    DesiredProvider { address, spec, objects, core, variables: None }
}

/// The whole wish for these clusters.
pub fn desired(clusters: &[Wanted]) -> Desired {
    let mut desired = Desired {
        pace: Pace::default(),
        management: Some(DesiredManagement {
            address: management(),
            sandbox: true,
            kubeconfig: None,
            context: None,
            install_providers: true,
            component_repository: None,
            component_repository_span: None,
            cert_manager: CertManager::Install,
            span: None,
        }),
        ..Desired::default()
    };
    if clusters.is_empty() {
        return desired;
    }
    let mut before = BTreeSet::new();
    for provider in [provider("cluster-api", "capi-system", true), provider("aws", "capa-system", false)] {
        let input = Value::object([("version", Value::string(&provider.spec.version))]);
        add(&mut desired, provider.address.clone(), input, Vec::new(), before.clone(), false);
        before.insert(provider.address.clone());
        desired.providers.push(provider);
    }
    let identity = object(json!({
        "apiVersion": "infrastructure.cluster.x-k8s.io/v1beta2", "kind": "AWSClusterRoleIdentity", "metadata": {"name": "aws-main"},
        "spec": {"roleARN": "arn:aws:iam::111122223333:role/capa", "sourceIdentityRef": {"kind": "AWSClusterControllerIdentity", "name": "default"}},
    }));
    let identity = marked(&identity, &cloud(), Home::Management, &management());
    add(&mut desired, cloud(), Value::object([("region", "eu-west-1")]), vec![identity], before, false);
    for wanted in clusters {
        add_cluster(&mut desired, wanted);
    }
    desired
}

fn add(
    desired: &mut Desired,
    address: Address,
    input: Value,
    objects: Vec<DesiredObject>,
    needs: BTreeSet<Address>,
    prevent_destroy: bool,
) {
    let places = BTreeMap::new();
    let fixed = BTreeMap::new();
    let resource =
        DesiredResource { address: address.clone(), input, render_revision: 1, objects, needs, prevent_destroy, span: None, places, fixed };
    desired.resources.insert(address, resource);
}

fn add_cluster(desired: &mut Desired, wanted: &Wanted) {
    let name = &wanted.name;
    let root = cluster(name);
    let capi = |owner: &Address, json: Json| marked(&object(json), owner, Home::Capi, &management());
    let labels = json!({"cluster.x-k8s.io/cluster-name": name});
    let metadata = |object: &str| json!({"name": object, "namespace": name, "labels": labels});
    let reference = |group: &str, kind: &str, name: &str| json!({"apiGroup": group, "kind": kind, "name": name});
    let infrastructure = "infrastructure.cluster.x-k8s.io";
    let plane_name = format!("{name}-control-plane");
    let template = format!("{plane_name}-{}", wanted.instance_type.replace('.', "-"));
    let base = vec![
        capi(&root, json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})),
        capi(
            &root,
            json!({"apiVersion": format!("{infrastructure}/v1beta2"), "kind": "AWSCluster", "metadata": metadata(name), "spec": {"region": "eu-west-1"}}),
        ),
        capi(
            &root,
            json!({"apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "Cluster", "metadata": metadata(name), "spec": {
            "controlPlaneRef": reference("controlplane.cluster.x-k8s.io", "KubeadmControlPlane", &plane_name),
            "infrastructureRef": reference(infrastructure, "AWSCluster", name)}}),
        ),
    ];
    let shown = Value::object([("kubernetes_version", Value::string(&wanted.version)), ("pivot", Value::Bool(wanted.pivot))]);
    add(desired, root.clone(), shown, base, BTreeSet::from([cloud()]), wanted.prevent_destroy);

    let part = root.with(Part::ControlPlane);
    let machine = json!({"template": {"spec": {"instanceType": wanted.instance_type}}});
    let mut objects = Vec::new();
    if wanted.etcd {
        let client = [("tls.crt", Value::string("certificate")), ("tls.key", Value::secret(Value::string(ETCD_KEY)))];
        for secret in [given(name, "etcd", [("tls.crt", Value::string("authority"))]), given(name, "apiserver-etcd-client", client)] {
            objects.push(marked(&secret, &part, Home::Capi, &management()));
        }
    }
    objects.extend([
        capi(
            &part,
            json!({"apiVersion": format!("{infrastructure}/v1beta2"), "kind": "AWSMachineTemplate", "metadata": metadata(&template), "spec": machine}),
        ),
        capi(
            &part,
            json!({"apiVersion": "controlplane.cluster.x-k8s.io/v1beta2", "kind": "KubeadmControlPlane", "metadata": metadata(&plane_name), "spec": {
            "version": format!("v{}", wanted.version), "replicas": wanted.replicas,
            "machineTemplate": {"spec": {"infrastructureRef": reference(infrastructure, "AWSMachineTemplate", &template)}}, "kubeadmConfigSpec": {"format": "cloud-config"}}}),
        ),
    ]);
    let machine = Value::object([("instance_type", &wanted.instance_type)]);
    let shown = Value::object([("replicas", Value::from(wanted.replicas)), ("machine", machine.clone())]);
    add(desired, part.clone(), shown, objects, BTreeSet::from([root.clone()]), wanted.prevent_destroy);

    for (pool, replicas) in &wanted.pools {
        let part = root.with(Part::WorkerPool(pool.clone()));
        let full = format!("{name}-{pool}");
        let select = json!({"cluster.x-k8s.io/cluster-name": name, "cluster.x-k8s.io/deployment-name": full});
        let template = format!("{full}-{}", wanted.instance_type.replace('.', "-"));
        let mut objects = vec![
            capi(
                &part,
                json!({"apiVersion": format!("{infrastructure}/v1beta2"), "kind": "AWSMachineTemplate", "metadata": metadata(&template),
                "spec": {"template": {"spec": {"instanceType": wanted.instance_type}}}}),
            ),
            capi(
                &part,
                json!({"apiVersion": "bootstrap.cluster.x-k8s.io/v1beta2", "kind": "KubeadmConfigTemplate", "metadata": metadata(&full), "spec": {"template": {"spec": {"format": "cloud-config"}}}}),
            ),
            capi(
                &part,
                json!({"apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "MachineDeployment", "metadata": metadata(&full), "spec": {
                "clusterName": name, "replicas": replicas, "selector": {"matchLabels": select},
                "template": {"metadata": {"labels": select}, "spec": {"clusterName": name, "version": format!("v{}", wanted.version),
                    "bootstrap": {"configRef": reference("bootstrap.cluster.x-k8s.io", "KubeadmConfigTemplate", &full)},
                    "infrastructureRef": reference(infrastructure, "AWSMachineTemplate", &template)}}}}),
            ),
        ];
        let mut shown = vec![("replicas", Value::from(*replicas)), ("machine", machine.clone())];
        if wanted.left_alone {
            shown.push(("ignore_changes", Value::list(["replicas"])));
            objects = objects
                .into_iter()
                .map(|object| if object.key.kind == "MachineDeployment" { leaving_alone(object, &["spec", "replicas"]) } else { object })
                .collect();
        }
        let shown = Value::object(shown);
        add(desired, part, shown, objects, BTreeSet::from([root.clone()]), wanted.prevent_destroy);
    }
    if wanted.agent {
        let part = root.with(Part::Agent);
        let objects = agent_objects("windlass:1").into_iter().map(|json| marked(&object(json), &part, Home::Workload, &root)).collect();
        add(
            desired,
            part,
            Value::object([("image", "windlass:1"), ("mode", wanted.agent_mode.as_str())]),
            objects,
            BTreeSet::from([root.clone()]),
            wanted.prevent_destroy,
        );
    }
    if wanted.pivot {
        add(
            desired,
            root.with(Part::Pivot),
            Value::object([("to", root.to_string())]),
            Vec::new(),
            BTreeSet::from([root.clone()]),
            wanted.prevent_destroy,
        );
    }
    for (layer, _, _, objects) in &wanted.layers {
        let part = root.with(Part::Layer(layer.clone()));
        let one = |value: &Value| match marked(value, &part, Home::Workload, &root) {
            object if wanted.left_alone && object.key.kind == "ConfigMap" => leaving_alone(object, &["data", "key"]),
            object => object,
        };
        let objects = objects.iter().map(one).collect();
        let mut shown = vec![("manifests", Value::string(layer))];
        if wanted.left_alone {
            shown.push(("ignore_changes", Value::list([format!("ConfigMap/kube-system/{layer}:data.key")])));
        }
        add(desired, part, Value::object(shown), objects, BTreeSet::from([root.clone()]), wanted.prevent_destroy);
    }
    let layers = wanted.layers.iter().map(|(name, kind, depends_on, _)| DesiredLayer {
        name: name.clone(),
        kind: *kind,
        depends_on: depends_on.iter().cloned().collect(),
    });
    desired.clusters.insert(
        root.clone(),
        DesiredCluster {
            address: root.clone(),
            name: name.clone(),
            namespace: name.clone(),
            cloud: cloud(),
            provider: "aws".to_owned(),
            pivot: wanted.pivot,
            agent: wanted.agent,
            agent_mode: wanted.agent_mode.clone(),
            without_api: wanted.without_api,
            kubernetes_version: wanted.version.clone(),
            hops: Vec::new(),
            control_plane_replicas: wanted.replicas,
            pools: wanted.pools.clone(),
            layers: layers.collect(),
            timeout_seconds: 3600,
            span: None,
        },
    );
    // HCL refuses what asks for the address of such a cluster.
    if wanted.without_api {
        return;
    }
    let endpoint = Value::unknown_reference(Type::String, format!("{root}.endpoint"));
    desired.outputs.insert(format!("{name}_endpoint"), DesiredOutput { value: endpoint, sensitive: false });
    desired.outputs.insert(format!("{name}_token"), DesiredOutput { value: Value::string("t0k3n"), sensitive: true });
}
