//! Several clusters, and clusters of other kinds than the quickstart's: each is planned, made and destroyed alone.

mod support;

use support::small::{base, cluster};
use support::{Done, Place};

/// No line of a plan or a run is about this cluster.
#[track_caller]
fn silent_about(done: &Done, address: &str) {
    let about = |line: &&str| {
        line.contains(&format!("{address} ")) || line.contains(&format!("{address}.")) || line.contains(&format!("{address}:"))
    };
    let lines: Vec<&str> = done.stdout.lines().filter(about).collect();
    assert!(lines.is_empty(), "{address} is touched: {lines:?}");
}

/// Names of the machines of a cluster, on its own plane.
#[track_caller]
fn machines(place: &Place, name: &str) -> Vec<String> {
    let list = place.kubectl(name).get(&format!("/apis/cluster.x-k8s.io/v1beta2/namespaces/{name}/machines")).expect("the kind is there");
    let items = list["items"].as_array().cloned().unwrap_or_default();
    items.iter().filter_map(|machine| machine["metadata"]["name"].as_str().map(str::to_owned)).collect()
}

/// providerIDs of the machines of a cluster, without their first part, sorted.
#[track_caller]
fn machines_of(place: &Place, name: &str) -> Vec<String> {
    let list = place.kubectl(name).get(&format!("/apis/cluster.x-k8s.io/v1beta2/namespaces/{name}/machines")).expect("the kind is there");
    let items = list["items"].as_array().cloned().unwrap_or_default();
    let ids = items.iter().filter_map(|machine| machine["spec"]["providerID"].as_str()?.strip_prefix("aws:///").map(str::to_owned));
    let sorted: std::collections::BTreeSet<String> = ids.collect();
    sorted.into_iter().collect()
}

#[track_caller]
fn destroyed(place: &Place) {
    place.run(&["destroy", "-auto-approve"]).expect(0).says("Destroy complete!");
    assert!(place.ledger().is_empty(), "{:?}", place.ledger());
    assert!(place.objects().is_empty());
}

#[test]
fn a_cluster_is_added_and_removed_beside_one_that_stays() {
    let place = Place::small(&[base(""), cluster("first", "")]);
    place.apply();
    place.settled();
    let (alone, before) = (place.ledger(), machines(&place, "first"));

    place.configure(&[base(""), cluster("first", ""), cluster("second", "")]);
    let plan = place
        .run(&["plan", "-detailed-exitcode"])
        .expect(2)
        .says("# cluster.second will be created")
        .says(" to add, 0 to change, 0 to destroy.");
    silent_about(&plan, "cluster.first");
    let applied = place.apply();
    silent_about(&applied, "cluster.first");
    place.settled();
    place.run(&["drift"]).expect(0);
    assert_eq!(machines(&place, "first"), before);
    assert_eq!(place.ledger().get("instance"), Some(&4));

    place.configure(&[base(""), cluster("first", "")]);
    let plan = place
        .run(&["plan", "-detailed-exitcode"])
        .expect(2)
        .says("# cluster.second will be destroyed")
        .says("Plan: 0 to add, 0 to change, ");
    silent_about(&plan, "cluster.first");
    let state = place.state();
    place.run(&["apply", "-auto-approve"]).expect(1).says("-allow-destroy='cluster.second'");
    place.run(&["apply", "-auto-approve", "-allow-destroy=cluster.first"]).expect(1).says("-allow-destroy='cluster.second'");
    assert_eq!(place.state(), state, "a refused apply writes nothing");
    assert_eq!(place.ledger().get("instance"), Some(&4));
    let applied = place.run(&["apply", "-auto-approve", "-allow-destroy=cluster.second"]).expect(0);
    silent_about(&applied, "cluster.first");
    place.settled();
    place.run(&["drift"]).expect(0);
    assert_eq!((machines(&place, "first"), place.ledger()), (before, alone));
    destroyed(&place);
}

#[test]
fn clusters_of_for_each_come_and_go_by_key_one_step_at_a_time() {
    let fleet = |keys: &str| {
        let more = format!("  for_each = toset([{keys}])\n  pivot = each.key == \"eu\"\n");
        [base(""), cluster("fleet", &more)]
    };
    let place = Place::small(&fleet("\"eu\", \"us\""));
    place.run(&["apply", "-auto-approve", "-parallelism=1"]).expect(0).says("cluster.fleet[\"us\"]");
    place.settled();
    place.run(&["state", "list"]).expect(0).says("cluster.fleet[\"eu\"].pivot").says("cluster.fleet[\"us\"].control_plane");
    assert_eq!(place.ledger().get("instance"), Some(&4));
    assert!(!machines(&place, "fleet-eu").is_empty());

    place.configure(&fleet("\"eu\""));
    let plan = place.run(&["plan", "-detailed-exitcode"]).expect(2).says("# cluster.fleet[\"us\"] will be destroyed");
    silent_about(&plan, "cluster.fleet[\"eu\"]");
    place.run(&["apply", "-auto-approve", "-parallelism=1", "-allow-destroy=cluster.fleet[\"us\"]"]).expect(0);
    place.settled();
    assert_eq!(place.ledger().get("instance"), Some(&2));
    place.run(&["destroy", "-auto-approve", "-parallelism=1"]).expect(0);
    assert!(place.ledger().is_empty());
}

#[test]
fn without_pivot_and_agent_the_management_plane_keeps_the_cluster_and_windlass_applies_the_layers() {
    let addon = "  addon \"platform\" {\n    manifests = [\"${path.module}/platform/*.yaml\"]\n  }";
    let place = Place::small(&[base(addon), cluster("plain", "  pivot = false\n  agent {\n    enabled = false\n  }\n")]);
    place.run(&["plan"]).expect(0).says("# cluster.plain will be created");
    place.apply();
    place.settled();
    let listed = place.run(&["state", "list"]).expect(0).says("cluster.plain.layer[\"platform\"]").stdout;
    assert!(!listed.contains("pivot") && !listed.contains("agent"), "{listed}");
    let (inside, management) = (place.kubectl("plain"), place.kubectl_on_management());
    let path = "/apis/cluster.x-k8s.io/v1beta2/namespaces/plain/clusters/plain";
    assert!(management.get(path).is_some(), "the Cluster stays on the management plane");
    assert!(inside.get(path).is_none(), "and nowhere else");
    assert!(inside.get("/apis/apps/v1/namespaces/windlass-system/deployments/windlass-agent").is_none());

    let team = "/apis/platform.example.com/v1/teams/storefront";
    inside.edit_custom(team, &serde_json::json!({"spec": {"owner": "lena@example.com"}}));
    inside.delete("/apis/apps/v1/namespaces/platform/daemonsets/node-agent");
    let pool = "/apis/cluster.x-k8s.io/v1beta2/namespaces/plain/machinedeployments/plain-general";
    management.scale(pool, 3);
    place
        .run(&["drift"])
        .expect(2)
        .says("spec.owner")
        .says("by kubectl-edit at ")
        .says("DaemonSet platform/node-agent")
        .says("(subresource scale)");
    place.apply();
    place.settled();
    place.run(&["drift"]).expect(0);
    assert_eq!(inside.get(team).expect("the Team is there")["spec"]["owner"], serde_json::json!("dana@example.com"));
    assert_eq!(place.ledger().get("instance"), Some(&2));
    destroyed(&place);
}

#[test]
fn a_cluster_waits_for_the_one_that_it_depends_on() {
    let place =
        Place::small(&[base(""), cluster("hub", "  pivot = false\n"), cluster("edge", "  pivot = false\n  depends_on = [cluster.hub]\n")]);
    let applied = place.apply();
    let lines: Vec<&str> = applied.stdout.lines().collect();
    let edge = lines.iter().position(|line| line.starts_with("cluster.edge:")).expect("the edge is made");
    let hub = lines.iter().rposition(|line| line.starts_with("cluster.hub") && line.contains(" after ")).expect("the hub is made");
    assert!(hub < edge, "the edge began before the hub was done:\n{}", applied.stdout);
    place.settled();
    let gone = place.run(&["destroy", "-auto-approve"]).expect(0);
    let lines: Vec<&str> = gone.stdout.lines().collect();
    let edge = lines
        .iter()
        .position(|line| line.starts_with("cluster.edge: deleting Cluster") && line.contains(" after "))
        .expect("the edge goes");
    let hub = lines.iter().position(|line| line.starts_with("cluster.hub") && line.ends_with("...")).expect("the hub goes");
    assert!(edge < hub, "the hub went before the edge was gone:\n{}", gone.stdout);
    assert!(place.ledger().is_empty());
}

/// Opens nothing: nobody listens there.
const NOWHERE: &str = "apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: \"https://127.0.0.1:1\"}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
";

#[test]
fn a_cluster_that_nobody_reaches_is_abandoned_beside_one_that_stays() {
    let place = Place::small(&[base(""), cluster("kept", ""), cluster("lost", "")]);
    place.apply();
    let (ledger, state) = (place.ledger(), place.state());
    let abandon = "-abandon=cluster.lost";
    place.run(&["destroy", "-auto-approve", abandon]).expect(1).says("WL0417").says("Its API answers.");
    place.run(&["destroy", "-auto-approve", "-abandon=cluster.lots"]).expect(1).says("WL0417").says("did you mean `cluster.lost`?");

    // Its API is gone: destroy leaves it out, and -abandon forgets it and nothing else.
    place.write("nowhere.kubeconfig", NOWHERE);
    let nowhere = "-kubeconfig=lost=nowhere.kubeconfig";
    let told = place.run(&["destroy", nowhere, abandon]).expect(1).says("WL0514").stdout;
    assert!(place.state() == state, "nobody has approved it");
    for text in [
        "# cluster.lost will be forgotten; nothing is done to it",
        "# (abandoned, its API does not answer: ",
        "# these machines may still run (as a run of windlass saw them last; ",
        "# leaves the load balancer of its API",
        "# Secret windlass-system/windlass-access-lost stays on management.sandbox: it is the last key to the cluster",
        "# its block is still in the configuration",
        "Plan: 0 to add, 0 to change, 0 to destroy.",
    ] {
        assert!(told.contains(text), "{text:?} is missing in\n{told}");
    }
    let ids: Vec<&str> = told.lines().filter_map(|line| line.trim().strip_prefix("#   aws:///")).collect();
    assert_eq!(ids, machines_of(&place, "lost"), "{told}");
    // Saved and reviewed; applied only while the API still does not answer.
    place.run(&["plan", abandon]).expect(1).says("WL0500").says("-abandon needs -destroy");
    let planned = place.run(&["plan", "-destroy", nowhere, abandon, "-out=forget.wlplan"]).expect(0).says("to forget.");
    place.run(&["apply", "forget.wlplan"]).expect(5).says("WL0507").says("abandons cluster.lost").says("Its API answers.");
    assert!(place.state() == state, "nothing was written");
    let done = place.run(&["apply", nowhere, "forget.wlplan"]).expect(0);
    assert!(!done.stdout.contains("Destroy complete!"), "{}", done.stdout);
    let done = done.says("Nothing was done on any plane: cluster.lost is forgotten. Resources: ").says(" forgotten.");
    for told in [&planned, &done] {
        silent_about(told, "cluster.kept");
    }
    assert_eq!(place.ledger(), ledger, "its machines run on");
    assert!(place.objects().iter().all(|object| !object.contains("cluster.lost")), "{:?}", place.objects());
    let secret = "/api/v1/namespaces/windlass-system/secrets/windlass-access-lost";
    assert!(place.kubectl_on_management().get(secret).is_some(), "the last key stays");

    place.configure(&[base(""), cluster("kept", "")]);
    place.settled();
    place.run(&["drift"]).expect(0);
    place.run(&["destroy", "-auto-approve"]).expect(0).says("Destroy complete!");
    assert_eq!(place.ledger().get("instance"), Some(&2), "those of the cluster that was abandoned");
}
