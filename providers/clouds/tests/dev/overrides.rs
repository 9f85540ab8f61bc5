//! `capi_override` on clusters in memory: what windlass renders is kept, the rest of the simulation is the user's.

use serde_json::{Value as Json, json};

use crate::{good, objects, wish, with};

fn patched(patch: &str) -> String {
    with("  control_plane {", &format!("  capi_override = {patch}\n  control_plane {{"))
}

fn machines(inside: &str) -> String {
    patched(&format!("{{ DevMachineTemplate = {{ spec = {{ template = {{ spec = {{ {inside} }} }} }} }} }}"))
}

#[test]
fn what_windlass_renders_is_refused_with_the_way_to_say_it() {
    let in_memory =
        |field: &str| machines(&format!("backend = {{ inMemory = {{ {field} = {{ provisioning = {{ startupDuration = \"7s\" }} }} }} }}"));
    for (text, words) in [
        (patched("{ DevCluster = { spec = { backend = { inMemory = null } } } }"), "containers"),
        (patched("{ DevCluster = { spec = { backend = { docker = {} } } } }"), "containers"),
        (patched("{ DevCluster = { spec = { controlPlaneEndpoint = { host = \"h\", port = 1 } } } }"), "controllers write it"),
        (patched("{ DevCluster = { metadata = { annotations = { \"windlass.dev/address\" = null } } } }"), "windlass marks its objects"),
        (patched("{ DevCluster = { metadata = { annotations = null } } }"), ""),
        (in_memory("vm"), "set `vm_startup` in `machine`"),
        (in_memory("node"), "set `node_startup` in `machine`"),
        (in_memory("apiServer"), "set `api_server_startup` in `machine`"),
        (in_memory("etcd"), "set `etcd_startup` in `machine`"),
        (machines("backend = { inMemory = null }"), "`vm_startup`"),
        (machines("backend = { docker = {} }"), "containers"),
        (machines("providerID = \"x\""), "controllers write it"),
    ] {
        let (desired, found) = wish(&text);
        if words.is_empty() {
            // The mark is laid on what is patched, and stays.
            assert_eq!(found, Vec::<String>::new());
            let cluster = objects(&desired).into_iter().find(|object| object["kind"] == "DevCluster").expect("the cluster");
            assert_eq!(cluster["metadata"]["annotations"], json!({"windlass.dev/address": "cluster.demo"}));
            continue;
        }
        assert!(!found.is_empty() && found.iter().all(|found| found.contains("WL0416")), "{found:#?}");
        assert!(found.iter().any(|found| found.contains(words)), "{words}: {found:#?}");
    }
}

#[test]
fn the_rest_of_the_simulation_is_the_user_s() {
    let text = machines("backend = { inMemory = { vm = { provisioning = { startupJitter = \"0.2\" } } } }");
    let jitters: Vec<Json> = objects(&good(&text))
        .iter()
        .filter(|object| object["kind"] == "DevMachineTemplate")
        .map(|object| object["spec"]["template"]["spec"]["backend"]["inMemory"]["vm"]["provisioning"].clone())
        .collect();
    let all = json!({"startupDuration": "10s", "startupJitter": "0.2"});
    assert_eq!(jitters, [all.clone(), all]);
}
