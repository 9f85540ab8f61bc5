//! The agent from outside: gone with its Deployment, missed by plan; what others do to a layer is in its status and in drift, and is repaired once.

#[path = "support/cluster.rs"]
mod cluster;
mod support;

use cluster::{CONFIG_MAP, Cluster, DEPLOYMENT, LAYER, LEASE, POD, SECRET, SERVICE_ACCOUNT, eventually};
use serde_json::{Value as Json, json};
use support::Place;

const SYSTEM: &str = "windlass-system";
const AGENT: &str = "windlass-agent";

fn text<'a>(object: &'a Json, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Json::as_str).unwrap_or_default()
}

/// The agent looks at a layer now, and not within the next minute.
fn wake(shop: &Cluster, layer: &str, why: &str) {
    shop.merge(LAYER, SYSTEM, layer, "kubectl-annotate", json!({"metadata": {"annotations": {"example.com/why": why}}}));
}

#[test]
fn a_lost_agent_is_missed_and_foreign_changes_are_told_and_repaired() {
    let place = Place::example("quickstart");
    place.apply();
    let shop = Cluster::open(&place.run(&["kubeconfig", "shop"]).expect(0).stdout);

    foreign_changes_are_told_and_repaired(&place, &shop);
    lost_secrets_are_missed_and_made_again(&place, &shop);
    an_agent_whose_account_is_made_anew_gets_a_token_of_it(&place, &shop);
    a_lost_agent_is_missed(&place, &shop);
}

fn foreign_changes_are_told_and_repaired(place: &Place, shop: &Cluster) {
    assert_eq!(text(&shop.get(LAYER, SYSTEM, "shop"), "/spec/mode"), "report");
    let before = shop.get(DEPLOYMENT, "storefront", "web");
    let edited = shop.merge(DEPLOYMENT, "storefront", "web", "kubectl-edit", json!({"spec": {"replicas": 4}}));
    let time = edited
        .pointer("/metadata/managedFields")
        .and_then(Json::as_array)
        .and_then(|entries| entries.iter().find(|entry| text(entry, "/manager") == "kubectl-edit"))
        .map(|entry| text(entry, "/time").to_owned())
        .expect("the server notes who and when");
    assert!(!time.is_empty());

    // In the layer's status.
    wake(shop, "shop", "drift");
    let listed = eventually("drift in the layer's status", || {
        let layer = shop.get(LAYER, SYSTEM, "shop");
        layer.pointer("/status/drift").and_then(Json::as_array).and_then(|drift| drift.first().cloned())
    });
    assert_eq!(text(&listed, "/kind"), "Deployment");
    assert_eq!(text(&listed, "/path"), "spec.replicas");
    assert_eq!(text(&listed, "/manager"), "kubectl-edit");
    assert_eq!(text(&listed, "/time"), time);
    assert_eq!(shop.get(DEPLOYMENT, "storefront", "web").pointer("/spec/replicas"), Some(&json!(4)), "who only reports changes nothing");

    // In drift.
    place.run(&["drift"]).expect(2).says("spec.replicas: 3 -> 4").says("kubectl-edit");
    let report: Json = serde_json::from_str(&place.run(&["drift", "-json"]).expect(2).stdout).expect("JSON");
    let entries = report.get("drift").and_then(Json::as_array).expect("entries");
    assert_eq!(entries.len(), 1, "{report:#}");
    assert_eq!(text(&entries[0], "/leaf"), "spec.replicas");
    assert_eq!(text(&entries[0], "/actor/manager"), "kubectl-edit");
    assert_eq!(text(&entries[0], "/actor/time"), time);

    // The plan takes the field back, through the agent.
    place.run(&["plan", "-detailed-exitcode"]).expect(2).says("cluster.shop.layer[\"shop\"]").says("kubectl-edit");
    place.apply();
    let layer = shop.get(LAYER, SYSTEM, "shop");
    assert!(!text(&layer, "/spec/repair").is_empty(), "{layer:#}");
    assert_eq!(text(&layer, "/spec/repair"), text(&layer, "/status/repaired"));
    let repaired = shop.get(DEPLOYMENT, "storefront", "web");
    assert_eq!(repaired.pointer("/spec/replicas"), before.pointer("/spec/replicas"));
    assert_eq!(text(&repaired, "/metadata/uid"), text(&before, "/metadata/uid"));
    place.run(&["drift"]).expect(0).says("No drift.");
    place.settled();

    // Once: the same change again is only reported, though the repair is still in the spec.
    shop.merge(DEPLOYMENT, "storefront", "web", "kubectl-edit", json!({"spec": {"replicas": 4}}));
    wake(shop, "shop", "again");
    eventually("drift in the layer's status, again", || {
        let layer = shop.get(LAYER, SYSTEM, "shop");
        layer.pointer("/status/drift").and_then(Json::as_array).filter(|drift| !drift.is_empty()).map(|_| ())
    });
    assert_eq!(shop.get(DEPLOYMENT, "storefront", "web").pointer("/spec/replicas"), Some(&json!(4)));

    // An object that is gone has no actor; both are repaired in one run.
    shop.delete(CONFIG_MAP, "storefront", "cluster-info");
    place.run(&["drift"]).expect(2).says("actor unknown");
    place.apply();
    assert!(shop.find(CONFIG_MAP, "storefront", "cluster-info").is_some());
    assert_eq!(shop.get(DEPLOYMENT, "storefront", "web").pointer("/spec/replicas"), Some(&json!(3)));
    place.settled();

    // An agent that heals makes again what somebody deletes. That is our own doing: nothing is told of it and nothing planned.
    let mode = |mode: &str| shop.merge(LAYER, SYSTEM, "shop", "kubectl-edit", json!({"spec": {"mode": mode}}));
    mode("heal");
    let map = shop.get(CONFIG_MAP, "storefront", "cluster-info");
    shop.delete(CONFIG_MAP, "storefront", "cluster-info");
    wake(shop, "shop", "heal");
    let again = eventually("the map, made again", || shop.find(CONFIG_MAP, "storefront", "cluster-info"));
    assert_ne!(text(&again, "/metadata/uid"), text(&map, "/metadata/uid"));
    mode("report");
    place.run(&["drift"]).expect(0).says("No drift.");
    place.settled();
}

/// What layers are made of, and the way into the cluster.
fn lost_secrets_are_missed_and_made_again(place: &Place, shop: &Cluster) {
    let contents = || -> Vec<String> {
        let all = shop.list(SECRET, SYSTEM);
        all.iter().map(|secret| text(secret, "/metadata/name").to_owned()).filter(|name| name.starts_with("platform-")).collect()
    };
    let published = contents();
    published.iter().for_each(|name| shop.delete(SECRET, SYSTEM, name));
    assert!(!published.is_empty() && contents().is_empty());
    place.run(&["drift"]).expect(2).says("cluster.shop.layer[\"platform\"]").says(&published[0]);
    place.run(&["plan", "-detailed-exitcode"]).expect(2).says(&format!("+ Secret windlass-system/{}", published[0]));
    place.apply();
    assert_eq!(contents(), published);
    place.run(&["drift"]).expect(0).says("No drift.");
    place.settled();

    place.write("kept.kubeconfig", place.run(&["kubeconfig", "shop"]).expect(0).stdout);
    let way_in = "/api/v1/namespaces/windlass-system/secrets/windlass-access-shop";
    let management = place.kubectl_on_management();
    management.delete(way_in);
    let with_kept = |arguments: &[&'static str]| place.run(&[arguments, &["-kubeconfig=shop=kept.kubeconfig"][..]].concat());
    let gone = "Secret windlass-system/windlass-access-shop on management.sandbox";
    place.run(&["kubeconfig", "shop"]).expect(1).says(gone).says("-kubeconfig 'cluster.shop=FILE'");
    place.run(&["plan"]).expect(3).says(gone).says("-kubeconfig 'cluster.shop=FILE'");
    with_kept(&["drift"]).expect(2).says("Secret windlass-system/windlass-access-shop");
    with_kept(&["plan"]).expect(0).says("+ Secret windlass-system/windlass-access-shop on management.sandbox");
    with_kept(&["apply", "-auto-approve"]).expect(0);
    assert!(management.get(way_in).is_some());
    place.settled();

    // Marks are put back, though one that is gone hides its object from each LIST.
    management.annotate(way_in, "windlass.dev/address", "cluster.other");
    shop.merge(LAYER, SYSTEM, "platform", "kubectl-label", json!({"metadata": {"labels": {"windlass.dev/lineage": null}}}));
    place.run(&["drift"]).expect(2).says("windlass-access-shop").says("kubectl-annotate").says("Layer windlass-system/platform");
    place.apply();
    place.settled();
}

/// A token is bound to the account's uid, and is never good again; the heartbeat before it is fresh for a while.
fn an_agent_whose_account_is_made_anew_gets_a_token_of_it(place: &Place, shop: &Cluster) {
    let pods = || -> Vec<String> {
        let all = shop.list(POD, SYSTEM);
        let running = all.iter().filter(|pod| pod.pointer("/metadata/deletionTimestamp").is_none());
        running.map(|pod| text(pod, "/metadata/name").to_owned()).filter(|name| name.starts_with(AGENT)).collect()
    };
    let before = pods();
    assert_eq!(before.len(), 1, "{before:?}");
    shop.delete(SERVICE_ACCOUNT, SYSTEM, AGENT);
    place.apply();
    let now = pods();
    assert!(now.len() == 1 && now != before, "{before:?}, {now:?}");
    assert_eq!(text(&shop.get(LEASE, SYSTEM, AGENT), "/spec/holderIdentity"), now[0], "who beats");

    // It is alive: what is lost comes back.
    shop.delete(CONFIG_MAP, "storefront", "cluster-info");
    place.apply();
    assert!(shop.find(CONFIG_MAP, "storefront", "cluster-info").is_some());
    place.settled();
}

fn a_lost_agent_is_missed(place: &Place, shop: &Cluster) {
    let web = text(&shop.get(DEPLOYMENT, "storefront", "web"), "/metadata/uid").to_owned();
    shop.delete(DEPLOYMENT, SYSTEM, AGENT);
    eventually("the end of the agent's pods", || {
        let pods = shop.list(POD, SYSTEM);
        pods.iter().all(|pod| !text(pod, "/metadata/name").starts_with(AGENT)).then_some(())
    });
    // An hour goes by.
    let renewed = text(&shop.get(LEASE, SYSTEM, AGENT), "/spec/renewTime").to_owned();
    let old = json!({"spec": {"renewTime": "2026-01-02T03:04:05.000000Z"}});
    shop.merge(LEASE, SYSTEM, AGENT, "clock", old.clone());
    assert!(!renewed.is_empty() && text(&shop.get(LEASE, SYSTEM, AGENT), "/spec/renewTime") == text(&old, "/spec/renewTime"));
    assert_eq!(text(&shop.get(DEPLOYMENT, "storefront", "web"), "/metadata/uid"), web, "layers stay");
    assert!(shop.find(LAYER, SYSTEM, "shop").is_some());

    place
        .run(&["plan", "-detailed-exitcode"])
        .expect(2)
        .says("cluster.shop.agent: its last heartbeat is")
        .says("Deployment windlass-system/windlass-agent");
    assert_eq!(text(&shop.get(LEASE, SYSTEM, AGENT), "/spec/renewTime"), text(&old, "/spec/renewTime"), "nobody beats any more");
    place.apply();
    let beats = text(&shop.get(LEASE, SYSTEM, AGENT), "/spec/renewTime").to_owned();
    assert!(beats >= renewed, "{beats} is a heartbeat of the new agent");
    let settled = place.run(&["plan", "-detailed-exitcode"]).expect(0).says("No changes.");
    assert!(!settled.stdout.contains("heartbeat"), "{}", settled.stdout);
    assert_eq!(text(&shop.get(DEPLOYMENT, "storefront", "web"), "/metadata/uid"), web, "layers stay");
}
