//! Every example lives: planned, applied, settled, drifted, repaired, destroyed. A new folder below `examples/` is taken by itself.

mod support;

use std::path::Path;

use serde_json::{Value as Json, json};
use support::Place;

#[test]
fn every_example_is_applied_drifted_and_destroyed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .expect("there are examples")
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert!(!names.is_empty());
    for name in &names {
        lives(name);
    }
}

fn lives(name: &str) {
    let place = Place::example(name);
    place.run(&["validate"]).expect(0);
    place.run(&["plan", "-detailed-exitcode", "-out=first.wlplan"]).expect(2);
    place.run(&["show", "first.wlplan"]).expect(0).says("Plan: ");
    place.run(&["apply", "first.wlplan"]).expect(0).says("Apply complete!");
    place.settled();
    place.run(&["drift"]).expect(0).says("No drift.");
    let machines = place.ledger();
    assert!(!machines.is_empty(), "{name} has machines");
    for cluster in clusters(&place) {
        scale_first_pool(&place, &cluster);
    }
    place.run(&["drift"]).expect(2).says("spec.replicas").says("by kubectl (subresource scale)");
    place.run(&["plan", "-detailed-exitcode"]).expect(2).says("changed outside of windlass by kubectl");
    place.apply();
    place.settled();
    place.run(&["drift"]).expect(0);
    assert_eq!(place.ledger(), machines, "{name} is as it was");
    place.run(&["destroy", "-auto-approve"]).expect(0).says("Destroy complete!");
    assert!(place.ledger().is_empty(), "{name} leaves nothing");
    assert!(place.objects().is_empty(), "{name} leaves nothing in the state");
}

/// Addresses of clusters in the state.
fn clusters(place: &Place) -> Vec<String> {
    let listed = place.run(&["state", "list"]).expect(0).stdout;
    let addresses = listed.lines().filter(|line| line.starts_with("cluster.") && line.ends_with(".control_plane"));
    addresses.map(|line| line.trim_end_matches(".control_plane").to_owned()).collect()
}

/// One machine more than asked for, by `kubectl scale`, in the first pool that is found.
fn scale_first_pool(place: &Place, cluster: &str) {
    const POOLS: &str = "/apis/cluster.x-k8s.io/v1beta2/machinedeployments";
    let inside = place.kubectl(cluster);
    let kubectl = if inside.get(POOLS).is_some() { inside } else { place.kubectl_on_management() };
    let list = kubectl.get(POOLS).expect("pools are on one of them");
    let of_cluster =
        |pool: &&Json| pool["metadata"]["annotations"]["windlass.dev/address"].as_str().is_some_and(|text| text.starts_with(cluster));
    let pool = list["items"].as_array().into_iter().flatten().find(of_cluster).unwrap_or(&Json::Null);
    let (namespace, name) =
        (pool["metadata"]["namespace"].as_str().unwrap_or_default(), pool["metadata"]["name"].as_str().unwrap_or_default());
    let replicas = u32::try_from(pool["spec"]["replicas"].as_u64().expect("a pool")).expect("a small pool");
    let path = format!("/apis/cluster.x-k8s.io/v1beta2/namespaces/{namespace}/machinedeployments/{name}");
    kubectl.scale(&path, replicas + 1);
    assert_eq!(kubectl.get(&path).expect("a pool")["spec"]["replicas"], json!(replicas + 1));
}
