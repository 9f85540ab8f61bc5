//! What lies beside a cluster's own objects: its identity, what a person has added, and what belongs to nobody.

use data_encoding::BASE64;
use serde_json::{Value as Json, json};
use windlass_kube::plane::{Force, Persist, Plane};
use windlass_kube::{apply::mark, kinds::ObjectRef};

use super::hands::LINEAGE;
use super::inventory::IDENTITIES;
use super::objects::{self, NAMESPACE};

pub const CLUSTER: &str = "shop";
const AWS: &str = "infrastructure.cluster.x-k8s.io/v1beta2";
const CORE: &str = "cluster.x-k8s.io/v1beta2";

/// Writes a cluster with a pool as windlass does, and what people have put beside it.
pub async fn write(plane: &Plane, workers: usize) {
    identity(plane).await;
    beside(plane).await;
    for mut object in objects::cluster(CLUSTER) {
        if object["kind"] == "AWSCluster" {
            object["spec"]["identityRef"] = json!({"kind": "AWSClusterStaticIdentity", "name": "main"});
        }
        // By its name alone it is known to be the cluster's.
        if object["metadata"]["name"] == format!("{CLUSTER}-apiserver-etcd-client") {
            object["metadata"].as_object_mut().expect("metadata").remove("labels");
            create(plane, object).await;
            continue;
        }
        let address = if object["kind"] == "KubeadmControlPlane" { "cluster.shop.control_plane" } else { "cluster.shop" };
        render(plane, object, address).await;
    }
    for object in objects::pool(CLUSTER, "general", objects::VERSION, workers) {
        render(plane, object, "cluster.shop.worker_pool[\"general\"]").await;
    }
    for (api_version, kind, name, patch) in [
        (CORE, "Cluster", CLUSTER, json!({"metadata": {"labels": {"team": "blue"}, "annotations": {"example.com/cost-centre": "4711"}}})),
        (CORE, "MachineDeployment", "shop-general", json!({"metadata": {"annotations": {"example.com/pager": "on"}}})),
        (AWS, "AWSCluster", CLUSTER, json!({"metadata": {"labels": {"team": "blue"}}, "spec": {"additionalTags": {"team": "blue"}}})),
    ] {
        let reference = ObjectRef::new(api_version, kind, Some(NAMESPACE), name);
        plane.merge(&reference, &patch, "kubectl-edit").await.unwrap_or_else(|error| panic!("{error}"));
    }
}

/// An identity that owns its Secret, as the AWS provider leaves them.
async fn identity(plane: &Plane) {
    let identity = json!({
        "apiVersion": AWS, "kind": "AWSClusterStaticIdentity", "metadata": {"name": "main"},
        "spec": {"secretRef": "main", "allowedNamespaces": {}},
    });
    let live = render(plane, identity, "cloud.aws.main").await;
    let owner = json!({"apiVersion": AWS, "kind": "AWSClusterStaticIdentity", "name": "main", "uid": live["metadata"]["uid"]});
    let secret = secret(IDENTITIES, "main", json!({}));
    render(plane, secret.clone(), "cloud.aws.main").await;
    let reference = ObjectRef::of(&secret).expect("a Secret");
    let patch = json!({"metadata": {"ownerReferences": [owner]}});
    plane.merge(&reference, &patch, "cluster-api-provider-aws-controller").await.unwrap_or_else(|error| panic!("{error}"));
}

/// What people have in the same namespaces.
async fn beside(plane: &Plane) {
    for (namespace, name, labels) in [
        (NAMESPACE, "labelled-with-the-cluster", json!({"cluster.x-k8s.io/cluster-name": CLUSTER})),
        (NAMESPACE, "labelled-to-move", json!({"clusterctl.cluster.x-k8s.io/move": ""})),
        (NAMESPACE, "bystander", json!({})),
        (NAMESPACE, "shop-words", json!({})),
        (IDENTITIES, "bystander", json!({})),
    ] {
        create(plane, secret(namespace, name, labels)).await;
    }
    create(
        plane,
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "bystander", "namespace": NAMESPACE}, "data": {"key": "value"}}),
    )
    .await;
}

fn secret(namespace: &str, name: &str, labels: Json) -> Json {
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "data": {"value": BASE64.encode(format!("words of {name}").as_bytes())},
    })
}

/// As windlass writes.
async fn render(plane: &Plane, mut object: Json, address: &str) -> Json {
    encode(&mut object);
    mark(&mut object, LINEAGE, address);
    let answer = plane.apply(&object, "windlass", Force::No, Persist::Yes).await;
    answer.unwrap_or_else(|error| panic!("{error}: {object:#}"))
}

/// As a person writes.
async fn create(plane: &Plane, mut object: Json) {
    encode(&mut object);
    plane.create(&object, "kubectl-create", Persist::Yes).await.unwrap_or_else(|error| panic!("{error}: {object:#}"));
}

/// Texts of a Secret as its stored form.
fn encode(object: &mut Json) {
    let Some(fields) = object.as_object_mut() else { return };
    let Some(Json::Object(texts)) = fields.remove("stringData") else { return };
    let encoded = texts.into_iter().map(|(key, text)| (key, BASE64.encode(text.as_str().unwrap_or_default().as_bytes()).into()));
    fields.insert("data".to_owned(), Json::Object(encoded.collect()));
}
