//! Secrets that steps make for themselves: the way into a cluster, and what the agent says of layers.

use serde_json::json;
use windlass_core::addr::Address;
use windlass_core::diag::Code;
use windlass_core::facts::PlaneFact;
use windlass_core::marks::LABEL_LINEAGE;
use windlass_core::plan::{Mode, PlanOptions, plan};

use crate::cases::{found, good, reasons, shown};
use crate::laws::up;
use crate::wish::{Wanted, cluster, desired, management};
use crate::world::KEY;

fn shop() -> Address {
    cluster("shop")
}

#[test]
fn who_has_written_another_kubeconfig_is_named() {
    let wish = desired(&[Wanted::new("shop")]);
    let mut world = up(&wish);
    let secret = world.find(&management(), "Secret", "windlass-access-shop");
    world.edit(&secret, "/data/value", json!("Z2FyYmFnZQ=="), "kubectl-patch");
    let mut facts = world.facts(&wish, Mode::Apply);
    let Some(PlaneFact::Reachable(identity)) = facts.planes.get_mut(&shop()) else { panic!("{:?}", facts.planes) };
    identity.access_outdated = true;
    let options = PlanOptions { mode: Mode::Apply, tool_version: "0.1.0", key: &KEY, replace: &[], release_foreign: false, abandon: &[] };
    let (plan, _) = plan(&wish, &world.state, &facts, &options);
    assert_eq!(
        reasons(&plan),
        ["Secret windlass-system/windlass-access-shop data.value: null -> null (changed outside of windlass by kubectl-patch)"]
    );
}

#[test]
fn the_access_secret_of_another_state_is_no_way_in() {
    let wish = desired(&[Wanted::new("shop")]);
    let mut world = up(&wish);
    let secret = world.find(&management(), "Secret", "windlass-access-shop");
    world.objects.get_mut(&secret).unwrap()["metadata"]["labels"] = json!({LABEL_LINEAGE: "other"});
    let found = found(&world, &wish);
    let [(code, text)] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(*code, Code::OBJECT_EXISTS);
    assert!(text.contains("windlass-access-shop") && text.contains("the windlass state other"), "{text}");
}

#[test]
fn what_another_state_has_marked_of_a_layer_is_not_taken_back() {
    let wish = desired(&[Wanted::new("shop")]);
    let whole = up(&wish);
    for (kind, name) in [("Layer", "spaces"), ("Secret", "spaces-content-0")] {
        let mut world = whole.clone();
        let key = world.find(&shop(), kind, name);
        world.objects.get_mut(&key).unwrap()["metadata"]["labels"][LABEL_LINEAGE] = json!("other");
        let found = found(&world, &wish);
        let [(code, text)] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(*code, Code::OBJECT_EXISTS);
        assert!(text.contains(&key.short()) && text.contains("the windlass state other"), "{text}");
    }
}

#[test]
fn a_cluster_whose_access_secret_is_gone_is_left_out_with_what_opens_it() {
    let wish = desired(&[Wanted::new("shop")]);
    let mut world = up(&wish);
    let secret = world.find(&management(), "Secret", "windlass-access-shop");
    world.objects.remove(&secret);
    world.planes.remove(&shop());
    let plan = good(&world, &wish);
    assert_eq!(
        plan.unplanned.iter().map(|unplanned| format!("{}: {}", unplanned.address, unplanned.reason)).collect::<Vec<_>>(),
        [
            "cluster.shop: Secret windlass-system/windlass-access-shop on management.sandbox, the way into it, is gone or empty; an apply with \
          `-kubeconfig 'cluster.shop=FILE'` makes it again"
        ]
    );
}

#[test]
fn what_the_agent_says_of_a_layer_is_passed_on_and_is_no_change() {
    let wish = desired(&[Wanted::new("shop")]);
    let mut world = up(&wish);
    let layer = world.find(&shop(), "Layer", "spaces");
    world.objects.get_mut(&layer).unwrap()["status"] =
        json!({"conditions": [{"type": "Ready", "status": "False", "reason": "Waiting", "message": "DaemonSet a/b: 0 of 1"}]});
    let plan = good(&world, &wish);
    assert_eq!(shown(&plan), Vec::<String>::new());
    assert_eq!(plan.warnings, ["cluster.shop.layer[\"spaces\"]: the agent says that it is not ready: Waiting: DaemonSet a/b: 0 of 1"]);
}
