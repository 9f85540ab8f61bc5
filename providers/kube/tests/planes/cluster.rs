//! A cluster's CAPI objects as controllers would have left them, and a stand-in for the controllers' word about pauses.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64;
use serde_json::{Value as Json, json};
use windlass_core::addr::{Address, Instance};
use windlass_core::facts::ClusterAccess;
use windlass_core::plan::{PivotSpec, ProviderSpec};
use windlass_kube::kinds::ObjectRef;
use windlass_kube::pivot::{MACHINE_API_VERSION, strip};
use windlass_kube::plane::Plane;

use crate::stage::{Stage, get, management, marked, namespace, put};

const KCP: &str = "controlplane.cluster.x-k8s.io/v1beta2";
const BOOTSTRAP: &str = "bootstrap.cluster.x-k8s.io/v1beta2";
const AWS: &str = "infrastructure.cluster.x-k8s.io/v1beta2";

/// The kinds of Cluster API and CAPA are served.
pub async fn install_kinds(plane: &Plane) {
    for name in ["cluster-api", "aws"] {
        let version = windlass_kubeschema::facts_table::latest(name).unwrap().version;
        let bundle = windlass_kubeschema::facts_table::bundle(name, version).unwrap().unwrap();
        for mut crd in bundle.crd_objects() {
            windlass_core::encode::merge_patch(&mut crd, &json!({"metadata": {"labels": {"clusterctl.cluster.x-k8s.io": ""}}}));
            put(plane, crd, "clusterctl").await;
        }
    }
    put(plane, namespace("capa-system"), "clusterctl").await;
}

pub fn address(name: &str) -> Address {
    Address::cluster(Instance::new(name))
}

pub fn pivot(name: &str) -> PivotSpec {
    PivotSpec {
        cluster: address(name),
        access: ClusterAccess { name: name.to_owned(), namespace: name.to_owned(), management: management() },
        from: management(),
        to: address(name),
        providers: vec![ProviderSpec {
            name: "aws".into(),
            label: "infrastructure-aws".into(),
            r#type: "InfrastructureProvider".into(),
            version: "v2.11.1".into(),
            contract: "v1beta1".into(),
            namespace: "capa-system".into(),
            deployment: "capa-controller-manager".into(),
            image: "registry.k8s.io/cluster-api-aws/cluster-api-aws-controller".into(),
            facts: "aws".into(),
            groups: vec![],
            install: true,
        }],
    }
}

fn owner(of: &Json) -> Json {
    json!([{
        "apiVersion": of["apiVersion"], "kind": of["kind"], "name": of["metadata"]["name"], "uid": of["metadata"]["uid"],
    }])
}

fn object(api_version: &str, kind: &str, cluster: &str, name: &str, spec: Json) -> Json {
    json!({
        "apiVersion": api_version, "kind": kind,
        "metadata": {"name": name, "namespace": cluster, "labels": {"cluster.x-k8s.io/cluster-name": cluster}},
        "spec": spec,
    })
}

async fn owned(plane: &Plane, by: &Json, mut object: Json, manager: &str) -> Json {
    object["metadata"]["ownerReferences"] = owner(by);
    object["metadata"]["finalizers"] = json!(["cluster.x-k8s.io/test"]);
    put(plane, object, manager).await
}

/// Creates the objects of a cluster; returns all that must move.
pub async fn create(stage: &Stage, name: &str) -> Vec<ObjectRef> {
    let plane = &stage.management;
    let us = address(name);
    let ours = |object: Json| marked(object, &us);
    put(plane, ours(namespace(name)), "windlass").await;
    let credentials = marked(
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "creds", "namespace": "capa-system"}, "data": {"AccessKeyID": "aHVudGVyMg=="}}),
        &"cloud.aws.main".parse().unwrap(),
    );
    put(plane, credentials, "windlass").await;
    let identity = json!({
        "apiVersion": AWS, "kind": "AWSClusterStaticIdentity", "metadata": {"name": "main"},
        "spec": {"secretRef": "creds", "allowedNamespaces": {}},
    });
    put(plane, marked(identity, &"cloud.aws.main".parse().unwrap()), "windlass").await;

    let mut moving = Vec::new();
    let mut note = |object: &Json| moving.push(ObjectRef::of(object).unwrap());
    let reference = |group: &str, kind: &str| json!({"apiGroup": group, "kind": kind, "name": name});
    let spec = json!({
        "infrastructureRef": reference("infrastructure.cluster.x-k8s.io", "AWSCluster"),
        "controlPlaneRef": reference("controlplane.cluster.x-k8s.io", "KubeadmControlPlane"),
        "controlPlaneEndpoint": {"host": "127.0.0.1", "port": 6443},
    });
    let mut cluster = object(MACHINE_API_VERSION, "Cluster", name, name, spec);
    cluster["metadata"]["finalizers"] = json!(["cluster.cluster.x-k8s.io"]);
    let cluster = put(plane, ours(cluster), "windlass").await;
    note(&cluster);
    plane.merge(&ObjectRef::of(&cluster).unwrap(), &json!({"metadata": {"annotations": {"team": "blue"}}}), "kubectl-edit").await.unwrap();

    let aws = object(
        AWS,
        "AWSCluster",
        name,
        name,
        json!({"region": "eu-west-1", "identityRef": {"kind": "AWSClusterStaticIdentity", "name": "main"}}),
    );
    note(&owned(plane, &cluster, ours(aws), "windlass").await);
    let kcp = object(
        KCP,
        "KubeadmControlPlane",
        name,
        name,
        json!({
            "version": "v1.34.3", "replicas": 1, "kubeadmConfigSpec": {"format": "cloud-config"},
            "machineTemplate": {"spec": {"infrastructureRef": {"apiGroup": "infrastructure.cluster.x-k8s.io", "kind": "AWSMachineTemplate", "name": "t"}}},
        }),
    );
    let kcp = owned(plane, &cluster, ours(kcp), "windlass").await;
    note(&kcp);
    // Rendered, and not owned by anything yet.
    let template = json!({
        "apiVersion": AWS, "kind": "AWSMachineTemplate", "metadata": {"name": "t", "namespace": name},
        "spec": {"template": {"spec": {"instanceType": "m6i.large"}}},
    });
    note(&put(plane, ours(template), "windlass").await);
    let machine = object(
        MACHINE_API_VERSION,
        "Machine",
        name,
        &format!("{name}-abc"),
        json!({
            "clusterName": name, "bootstrap": {"dataSecretName": format!("{name}-abc")}, "providerID": "aws:///eu-west-1a/i-1",
            "infrastructureRef": {"apiGroup": "infrastructure.cluster.x-k8s.io", "kind": "AWSMachine", "name": format!("{name}-abc")},
        }),
    );
    let machine = owned(plane, &kcp, machine, "kcp").await;
    note(&machine);
    let status = json!({"status": {"nodeRef": {"name": "n1"}}});
    plane.merge_status(&ObjectRef::of(&machine).unwrap(), &status, "machine").await.unwrap();
    let config = object(BOOTSTRAP, "KubeadmConfig", name, &format!("{name}-abc"), json!({"format": "cloud-config"}));
    let config = owned(plane, &machine, config, "kcp").await;
    note(&config);
    let data = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "cluster.x-k8s.io/secret",
        "metadata": {"name": format!("{name}-abc"), "namespace": name, "labels": {"cluster.x-k8s.io/cluster-name": name}, "ownerReferences": owner(&config)},
        "data": {"value": BASE64.encode(b"#cloud-config canary-bootstrap-token")},
    });
    note(&put(plane, data, "kubeadm").await);
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "cluster.x-k8s.io/secret",
        "metadata": {"name": format!("{name}-kubeconfig"), "namespace": name, "labels": {"cluster.x-k8s.io/cluster-name": name}, "ownerReferences": owner(&kcp)},
        "data": {"value": BASE64.encode(stage.workload_kubeconfig.as_bytes())},
    });
    note(&put(plane, kubeconfig, "kcp").await);
    moving
}

fn text(value: &Json) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// What must be the same on both sides: content, owners by kind and name, owners of fields.
pub async fn snapshot(plane: &Plane, objects: &[ObjectRef]) -> BTreeMap<String, Json> {
    let mut found = BTreeMap::new();
    for reference in objects {
        let Some(live) = get(plane, reference).await else { continue };
        let mut content = strip::for_target(&live, &BTreeMap::new());
        let owners = live["metadata"]["ownerReferences"].as_array().into_iter().flatten();
        let by_name = owners.map(|owner| (text(&owner["uid"]), format!("{} {}", text(&owner["kind"]), text(&owner["name"])))).collect();
        content["managers"] = strip::entries_for_target(&live, &by_name).into_iter().map(without_pause).collect();
        content["owners"] = live["metadata"]["ownerReferences"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|owner| json!([owner["kind"], owner["name"]]))
            .collect();
        content["spec"].as_object_mut().map(|spec| spec.remove("paused"));
        found.insert(reference.short(), content);
    }
    found
}

/// `spec.paused` comes and goes; its manager with it.
fn without_pause(mut entry: Json) -> Json {
    if entry["manager"] == "windlass-pivot" {
        entry = Json::Null;
    }
    entry
}

/// Owners point to living objects of this plane.
pub async fn owners_live(plane: &Plane, objects: &[ObjectRef]) -> bool {
    for reference in objects {
        let Some(live) = get(plane, reference).await else { return false };
        for owner in live["metadata"]["ownerReferences"].as_array().into_iter().flatten() {
            let text = |key: &str| owner[key].as_str().unwrap_or_default();
            let found = get(plane, &ObjectRef::new(text("apiVersion"), text("kind"), reference.namespace.as_deref(), text("name"))).await;
            if found.is_none_or(|found| found["metadata"]["uid"] != owner["uid"]) {
                return false;
            }
        }
    }
    true
}

/// Says of the clusters on a plane whether they are paused, as their controllers do.
pub async fn acknowledge(plane: Arc<Plane>) {
    loop {
        for cluster in plane.list(MACHINE_API_VERSION, "Cluster", None, None).await.unwrap_or_default() {
            let word = if cluster["spec"]["paused"] == true { "True" } else { "False" };
            let said = cluster.pointer("/status/conditions/0");
            if said.is_none_or(|said| said["status"] != word || said["observedGeneration"] != cluster["metadata"]["generation"]) {
                let condition = json!({
                    "type": "Paused", "status": word, "reason": "R", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z",
                    "observedGeneration": cluster["metadata"]["generation"],
                });
                let status = json!({"status": {"conditions": [condition]}});
                let _ = plane.merge_status(&ObjectRef::of(&cluster).unwrap(), &status, "capi").await;
            }
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
