//! A fleet: one variable changes every cluster, and they take turns.

mod support;

use std::collections::BTreeSet;

use support::Place;

const CLUSTERS: usize = 20;
const AT_ONCE: usize = 5;

/// Clusters that lines of progress name, in the order in which they begin, and how many of them were at work at once at the most.
fn turns(progress: &str) -> (Vec<String>, usize) {
    let (mut begun, mut at_work, mut most) = (Vec::new(), BTreeSet::new(), 0);
    for line in progress.lines() {
        let Some((cluster, rest)) = line.split_once(".layer[\"store\"]: ").filter(|(cluster, _)| cluster.starts_with("cluster.store["))
        else {
            continue;
        };
        if rest.ends_with("...") {
            begun.push(cluster.to_owned());
            at_work.insert(cluster);
        } else if rest.contains(": done after") {
            at_work.remove(cluster);
        }
        most = most.max(at_work.len());
    }
    (begun, most)
}

#[test]
fn one_variable_changes_every_cluster_a_few_at_a_time() {
    let place = Place::example("fleet");
    let made = place.apply();
    let before_the_first_is_done =
        made.stdout.lines().take_while(|line| !(line.contains(".layer[\"store\"]: ") && line.contains(": done after")));
    let begun: BTreeSet<&str> = before_the_first_is_done.filter_map(|line| line.split_once("\"]").map(|(cluster, _)| cluster)).collect();
    assert!(
        begun.iter().filter(|cluster| cluster.starts_with("cluster.store[")).count() > AT_ONCE,
        "new clusters wait for nobody: {begun:?}"
    );
    let summer = ["-var", "menu=summer"];
    let plan = place.run(&[&["plan"], &summer[..]].concat()).expect(0).says("Plan: 0 to add, 20 to change, 0 to destroy.");
    plan.says("20 living clusters change, 5 at a time; no other one begins once 2 have failed.");
    let changed = place.run(&[&["apply", "-auto-approve"], &summer[..]].concat()).expect(0);
    let (begun, most) = turns(&changed.stdout);
    assert!(begun.len() == CLUSTERS && begun.iter().collect::<BTreeSet<_>>().len() == CLUSTERS, "{begun:?}");
    assert!((1..=AT_ONCE).contains(&most), "{most} at once: {}", changed.stdout);
    place.run(&[&["plan", "-detailed-exitcode"], &summer[..]].concat()).expect(0).says("No changes.");
    let menu = place.kubectl("cluster.store[\"oslo\"]").get("/api/v1/namespaces/store/configmaps/menu").expect("it is there");
    assert_eq!(menu["data"]["menu"], "summer");
    place.run(&["destroy", "-auto-approve"]).expect(0).says("Destroy complete!");
    assert!(place.ledger().is_empty());
}
