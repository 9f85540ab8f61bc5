//! A management plane with Cluster API's real managers and a process cloud, and how tests look at it.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value as Json, json};
use windlass_kubeschema::facts_table;
use windlass_proving_ground::{
    ClusterApi, ClusterName, Ground, Ledger, MANAGERS, ManagerKind, Plane, PlaneSpec, ProcessCloud, establish, install_cluster_api,
};

use super::objects::NAMESPACE;

/// Everything, in the order in which it ends.
pub struct World {
    pub cloud: ProcessCloud,
    pub cluster_api: ClusterApi,
    pub management: Plane,
    pub ground: Arc<Ground>,
}

impl World {
    pub async fn begin(name: &str) -> World {
        let ground = Arc::new(Ground::begin(name).expect("a ground"));
        let management = Plane::start(&ground, PlaneSpec::named("management").expect("keys")).await.expect("a plane");
        let cloud = ProcessCloud::new(&ground).expect("a cloud");
        cloud.watch(&management);
        let cluster_api = install_providers(&ground, &management).await;
        World { cloud, cluster_api, management, ground }
    }

    /// The plane of the cluster of this name, once it is there.
    pub async fn plane_of(&self, cluster: &str) -> Arc<Plane> {
        let name = ClusterName::new(NAMESPACE, cluster);
        self.until(120, "a workload plane", || async { self.cloud.plane(&name).ok_or_else(|| "none".to_owned()) }).await
    }

    /// Waits until this many machines run on a plane's objects, and each has a node of its id that is ready; gives their names.
    pub async fn machines_run(&self, objects: &Plane, workload: &Plane, pool: &str, count: usize) -> Vec<String> {
        let machines = api(objects, "cluster.x-k8s.io/v1beta2", "Machine");
        let nodes = api(workload, "v1", "Node");
        self.until(240, &format!("{count} machines of {pool}"), || async {
            let listed = list(&machines).await?;
            let ours: Vec<&DynamicObject> = listed.iter().filter(|machine| name(machine).starts_with(pool)).collect();
            let phases: Vec<&str> = ours.iter().map(|machine| machine.data["status"]["phase"].as_str().unwrap_or("-")).collect();
            if ours.len() != count || phases.iter().any(|phase| *phase != "Running") {
                return Err(format!("{phases:?}"));
            }
            let nodes = list(&nodes).await?;
            for machine in &ours {
                let id = &machine.data["spec"]["providerID"];
                let node = nodes.iter().find(|node| node.data["spec"]["providerID"] == *id).ok_or_else(|| format!("no node of {id}"))?;
                if machine.data["status"]["nodeRef"]["name"] != *name(node) || condition(node, "Ready") != "True" {
                    return Err(format!("{} and {}: {}", name(machine), name(node), condition(node, "Ready")));
                }
            }
            Ok(ours.iter().map(|machine| name(machine).to_owned()).collect())
        })
        .await
    }

    /// Deletes a Cluster and waits until it is gone.
    pub async fn delete(&self, cluster: &str) {
        let clusters = api(&self.management, "cluster.x-k8s.io/v1beta2", "Cluster");
        clusters.delete(cluster, &DeleteParams::default()).await.expect("deleted");
        self.until(180, "the end of the cluster", || async {
            match clusters.get_opt(cluster).await.map_err(|error| error.to_string())? {
                None => Ok(()),
                Some(found) => Err(found.data["status"]["conditions"].to_string()),
            }
        })
        .await;
    }

    pub fn ledger(&self) -> Ledger {
        self.cloud.ledger()
    }

    /// Waits until something is so. What it is instead, and what the cloud did, is told when it takes too long.
    pub async fn until<T, F: Future<Output = Result<T, String>>>(&self, seconds: u64, what: &str, ask: impl Fn() -> F) -> T {
        let deadline = Instant::now() + Duration::from_secs(seconds);
        loop {
            let reason = match ask().await {
                Ok(value) => return value,
                Err(reason) => reason,
            };
            if Instant::now() > deadline {
                let log = std::fs::read_to_string(self.ground.logs().join("process-cloud.log")).unwrap_or_default();
                let lines: Vec<&str> = log.lines().rev().take(30).collect();
                panic!("{what} not in {seconds} s: {reason}\n{}", lines.into_iter().rev().collect::<Vec<_>>().join("\n"));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Cluster API's core and kubeadm managers, and the definitions of the AWS provider, whose manager the process cloud is.
pub async fn install_providers(ground: &Ground, plane: &Plane) -> ClusterApi {
    let kinds: &'static [ManagerKind] = &MANAGERS;
    let aws = facts_table::latest("aws").expect("facts of AWS");
    let aws = facts_table::bundle("aws", aws.version).expect("facts of AWS").expect("readable").crd_objects();
    let client = plane.client();
    let (cluster_api, aws) =
        tokio::join!(Box::pin(install_cluster_api(ground, plane, kinds.iter().take(3))), Box::pin(establish(&client, aws)));
    aws.expect("definitions of AWS");
    cluster_api.expect("managers")
}

pub fn api(plane: &Plane, api_version: &str, kind: &str) -> Api<DynamicObject> {
    let resource = resource(api_version, kind);
    if kind == "Node" { Api::all_with(plane.client(), &resource) } else { Api::namespaced_with(plane.client(), NAMESPACE, &resource) }
}

fn resource(api_version: &str, kind: &str) -> ApiResource {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let (group, version, plural) = (group.to_owned(), version.to_owned(), format!("{}s", kind.to_lowercase()));
    ApiResource { group, version, api_version: api_version.to_owned(), kind: kind.to_owned(), plural }
}

pub async fn create(plane: &Plane, objects: &[Json]) {
    for object in objects {
        let text = |name: &str| object[name].as_str().expect("an object").to_owned();
        let api = api(plane, &text("apiVersion"), &text("kind"));
        let created = serde_json::from_value(object.clone()).expect("an object");
        api.create(&PostParams::default(), &created).await.unwrap_or_else(|error| panic!("{object:#}\n{error}"));
    }
}

pub async fn scale(plane: &Plane, api_version: &str, kind: &str, name: &str, replicas: u32) {
    change(plane, api_version, kind, name, json!({"spec": {"replicas": replicas}})).await;
}

pub async fn change(plane: &Plane, api_version: &str, kind: &str, name: &str, change: Json) {
    api(plane, api_version, kind).patch(name, &PatchParams::default(), &Patch::Merge(change)).await.expect("changed");
}

pub async fn list(api: &Api<DynamicObject>) -> Result<Vec<DynamicObject>, String> {
    api.list(&ListParams::default()).await.map(|list| list.items).map_err(|error| error.to_string())
}

pub fn name(object: &DynamicObject) -> &str {
    object.metadata.name.as_deref().unwrap_or_default()
}

/// The status of a condition.
pub fn condition<'a>(object: &'a DynamicObject, kind: &str) -> &'a str {
    let conditions = object.data.pointer("/status/conditions").and_then(Json::as_array).into_iter().flatten();
    conditions.filter(|one| one["type"] == kind).find_map(|one| one["status"].as_str()).unwrap_or("-")
}
