//! What is left alone once it is made (`lifecycle { ignore_changes }`): sent with the object when it comes, and neither sent nor compared after
//! that, whoever applies it and whatever else changes.

use serde_json::{Value as Json, json};
use windlass_core::addr::{Address, Part};
use windlass_core::desired::Desired;
use windlass_core::drift::drift;
use windlass_core::marks::ANNOTATION_IGNORED;
use windlass_core::object::ObjectKey;
use windlass_core::plan::{Action, Change, ChangeAction, Plan, Readiness, drift_demands};
use windlass_core::value::Value;

use crate::cases::{good, shown};
use crate::laws::up;
use crate::parts::{made, settled};
use crate::wish::{Wanted, cluster, desired, management, object};
use crate::world::{KEY, World};

fn shop(edit: impl FnOnce(&mut Wanted)) -> Desired {
    let mut wanted = Wanted::new("shop");
    edit(&mut wanted);
    desired(&[wanted])
}

fn config(name: &str, data: Json) -> Value {
    object(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "kube-system"}, "data": data}))
}

fn pool() -> Address {
    cluster("shop").with(Part::WorkerPool("general".to_owned()))
}

fn deployment(world: &World, pivot: bool) -> ObjectKey {
    world.find(&if pivot { cluster("shop") } else { management() }, "MachineDeployment", "shop-general")
}

#[track_caller]
fn change_of<'p>(plan: &'p Plan, address: &Address) -> &'p Change {
    plan.changes.iter().find(|change| &change.address == address).expect("it is in the plan")
}

/// Leaves that the plan changes, and fields that it takes from others.
fn told(plan: &Plan, address: &Address) -> (Vec<String>, Vec<String>) {
    let leaves = change_of(plan, address).objects.iter().flat_map(|object| &object.leaves).map(|leaf| leaf.path.clone()).collect();
    let takeovers = plan.steps.iter().filter(|step| &step.address == address).flat_map(|step| match &step.action {
        Action::Apply { takeovers, .. } => takeovers.clone(),
        Action::ApplyLayer { layer, .. } | Action::PublishLayer { layer, .. } => layer.takeovers.clone(),
        _ => Vec::new(),
    });
    (leaves, takeovers.map(|take| format!("{} {}", take.path, take.manager)).collect())
}

#[track_caller]
fn without_drift(world: &World) {
    let report = drift(&world.state, &world.answers(&drift_demands(&world.state)), &KEY);
    assert!(report.entries.is_empty(), "{:?}", report.entries);
}

fn mark() -> String {
    format!("metadata.annotations[\"{ANNOTATION_IGNORED}\"]")
}

#[test]
fn the_size_of_a_pool_is_sent_once_and_is_others_from_then_on() {
    for pivot in [true, false] {
        let wish = |workers: u32| {
            shop(|w| {
                (w.pivot, w.left_alone) = (pivot, true);
                w.pools.insert("general".into(), workers);
            })
        };
        let mut world = up(&wish(2));
        let key = deployment(&world, pivot);
        assert_eq!(world.objects[&key]["spec"]["replicas"], 2, "it is made with the size that the configuration says");
        settled(&world, &wish(5));
        world.edit(&key, "/spec/replicas", json!(7), "autoscaler");
        for workers in [2, 5] {
            settled(&world, &wish(workers));
        }
        without_drift(&world);
    }
}

/// Before the first apply that does not send it we own it, alone or beside nobody: it keeps its value and has other owners or none.
#[test]
fn a_leaf_that_is_left_alone_from_now_on_keeps_its_value() {
    for autoscaled in [true, false] {
        for pivot in [true, false] {
            let (before, after) = (shop(|w| w.pivot = pivot), shop(|w| (w.pivot, w.left_alone) = (pivot, true)));
            let mut world = up(&before);
            let key = deployment(&world, pivot);
            if autoscaled {
                world.edit(&key, "/spec/replicas", json!(7), "autoscaler");
            }
            let size = if autoscaled { 7 } else { 2 };
            let plan = good(&world, &after);
            assert_eq!(told(&plan, &pool()), (vec![mark()], vec![]));
            let reason = &change_of(&plan, &pool()).reasons[0];
            assert_eq!((reason.field.as_deref(), &reason.new), (Some("ignore_changes"), &json!(["replicas"])));
            // Somebody scales it between plan and apply: nothing that the plan has read.
            world.edit(&key, "/spec/replicas", json!(size + 1), "autoscaler");
            world.apply(&plan, usize::MAX);
            assert_eq!(world.objects[&key]["spec"]["replicas"], size + 1);
            let ours = &world.objects[&key]["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"];
            assert!(ours.is_object() && ours.get("f:replicas").is_none(), "{ours}");
            settled(&world, &after);
            without_drift(&world);
        }
    }
    made(&shop(|_| {}), &shop(|w| w.left_alone = true));
}

#[test]
fn other_changes_of_the_pool_do_not_touch_it() {
    let wish = |kind: &str, workers: u32| {
        shop(|w| {
            w.left_alone = true;
            w.instance_type = kind.to_owned();
            w.pools.insert("general".into(), workers);
        })
    };
    let mut world = up(&wish("m6i.large", 2));
    let key = deployment(&world, true);
    world.edit(&key, "/spec/replicas", json!(7), "autoscaler");
    let after = wish("m7i.large", 4);
    let plan = good(&world, &after);
    let change = change_of(&plan, &pool());
    assert_eq!((change.action, change.machines), (ChangeAction::Repave, 7), "as many as there are");
    assert!(!told(&plan, &pool()).0.iter().any(|leaf| leaf == "spec.replicas"), "{:?}", told(&plan, &pool()));
    assert!(change.reasons.iter().all(|reason| reason.field.as_deref() != Some("replicas")), "{:?}", change.reasons);
    assert_eq!(change.input["replicas"], 2, "as it was applied last");
    let waits: Vec<&Readiness> = plan
        .steps
        .iter()
        .filter(|step| step.address == pool())
        .filter_map(|step| match &step.action {
            Action::Wait { conditions, .. } => Some(conditions.iter().map(|condition| &condition.ready)),
            _ => None,
        })
        .flatten()
        .collect();
    assert_eq!(waits, [&Readiness::MachineDeploymentSettled]);
    world.apply(&plan, usize::MAX);
    assert_eq!(world.objects[&key]["spec"]["replicas"], 7);
    settled(&world, &after);
}

#[test]
fn what_is_not_left_alone_any_more_is_taken_back() {
    let (before, after) = (shop(|w| w.left_alone = true), shop(|_| {}));
    let mut world = up(&before);
    let key = deployment(&world, true);
    world.edit(&key, "/spec/replicas", json!(7), "autoscaler");
    let plan = good(&world, &after);
    let (mut leaves, takeovers) = told(&plan, &pool());
    leaves.sort();
    assert_eq!((leaves, takeovers), (vec![mark(), "spec.replicas".to_owned()], vec!["spec.replicas autoscaler".to_owned()]));
    world.apply(&plan, usize::MAX);
    assert_eq!(world.objects[&key]["spec"]["replicas"], 2);
    settled(&world, &after);
    made(&before, &after);
}

#[test]
fn a_pool_that_is_gone_is_made_with_its_size_again() {
    let wish = shop(|w| w.left_alone = true);
    let mut world = up(&wish);
    let key = deployment(&world, true);
    world.objects.remove(&key);
    let plan = good(&world, &wish);
    world.apply(&plan, usize::MAX);
    assert_eq!(world.objects[&key]["spec"]["replicas"], 2);
    settled(&world, &wish);
}

#[test]
fn an_entry_of_a_layer_is_left_alone_by_agent_and_engine() {
    for agent in [true, false] {
        let wish = |left_alone: bool, data: Json| {
            shop(|w| {
                (w.agent, w.pivot, w.left_alone) = (agent, agent, left_alone);
                w.layers[3].3 = vec![config("spaces", data)];
            })
        };
        let address = cluster("shop").with(Part::Layer("spaces".into()));
        let mut world = up(&wish(true, json!({"key": "a", "other": "a"})));
        let key = world.find(&cluster("shop"), "ConfigMap", "spaces");
        world.edit(&key, "/data/key", json!("theirs"), "kubectl-edit");
        settled(&world, &wish(true, json!({"key": "b", "other": "a"})));
        without_drift(&world);
        let after = wish(true, json!({"key": "b", "other": "b"}));
        let plan = good(&world, &after);
        assert_eq!(told(&plan, &address), (vec!["data.other".to_owned()], vec![]), "{:?}", shown(&plan));
        world.apply(&plan, usize::MAX);
        assert_eq!(world.objects[&key]["data"], json!({"key": "theirs", "other": "b"}));
        settled(&world, &after);
        made(&wish(false, json!({"key": "a"})), &wish(true, json!({"key": "a"})));
        made(&wish(true, json!({"key": "a"})), &wish(false, json!({"key": "a"})));
    }
}
