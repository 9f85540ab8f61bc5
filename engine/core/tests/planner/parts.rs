//! Parts of a living cluster that come, change and go: worker pools, layers, credentials of its cloud. From anywhere in the middle onwards.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use windlass_core::addr::{Address, Part};
use windlass_core::desired::Desired;
use windlass_core::diag::Code;
use windlass_core::layer::LayerKind;
use windlass_core::object::ObjectKey;
use windlass_core::plan::{Action, ChangeAction, Mode, ObjectAction, Plan};
use windlass_core::value::Value;

use crate::cases::{good, shown};
use crate::laws::up;
use crate::wish::{Wanted, cluster, desired, management, object};
use crate::world::World;

fn shop(edit: impl FnOnce(&mut Wanted)) -> Desired {
    let mut wanted = Wanted::new("shop");
    edit(&mut wanted);
    desired(&[wanted])
}

fn config(name: &str, data: &str) -> Value {
    object(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "kube-system"}, "data": {"key": data}}))
}

fn namespace(name: &str) -> Value {
    object(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}))
}

fn found(world: &World, wish: &Desired) -> Vec<(Code, String)> {
    let (_, diagnostics) = world.plan(wish, Mode::Apply);
    diagnostics.iter().map(|found| (found.code, format!("{}. {}", found.summary, found.detail))).collect()
}

#[track_caller]
pub fn settled(world: &World, wish: &Desired) {
    let plan = good(world, wish);
    assert!(plan.steps.is_empty() && plan.changes.iter().all(|change| change.action == ChangeAction::NoOp), "{:?}", shown(&plan));
}

/// Applied whole, and broken off anywhere and gone on with, the world is as wished; gives the whole plan.
#[track_caller]
pub fn made(before: &Desired, after: &Desired) -> Plan {
    let keys = |world: &World| world.objects.keys().cloned().collect::<Vec<_>>();
    let mut whole = up(before);
    let plan = good(&whole, after);
    whole.apply(&plan, usize::MAX);
    settled(&whole, after);
    for steps in 0..plan.steps.len() {
        let mut world = up(before);
        world.apply(&plan, steps);
        world.break_off(&plan.steps[steps], 1);
        let rest = good(&world, after);
        world.apply(&rest, usize::MAX);
        settled(&world, after);
        assert_eq!(keys(&world), keys(&whole), "broken off in step {steps}");
    }
    plan
}

#[test]
fn a_pool_comes_and_goes() {
    for pivot in [true, false] {
        let one = shop(|w| w.pivot = pivot);
        let two = shop(|w| (w.pivot, w.pools) = (pivot, BTreeMap::from([("general".to_owned(), 2), ("gpu".to_owned(), 3)])));
        let plan = made(&one, &two);
        assert_eq!(
            shown(&plan),
            [
                "create cluster.shop.worker_pool[\"gpu\"]",
                "  apply cluster.shop.worker_pool[\"gpu\"]",
                "  wait cluster.shop.worker_pool[\"gpu\"]"
            ]
        );
        let plan = made(&two, &one);
        assert_eq!(
            shown(&plan),
            [
                "delete cluster.shop.worker_pool[\"gpu\"]",
                "  delete cluster.shop.worker_pool[\"gpu\"]",
                "  collect_templates cluster.shop.worker_pool[\"gpu\"]"
            ]
        );
        let change = plan.changes.iter().find(|change| change.action == ChangeAction::Delete).expect("it goes");
        assert_eq!((change.machines, change.objects.len()), (3, 3));
        // The MachineDeployment goes with its machines, and its templates after that.
        let Action::Delete { objects, .. } = &plan.steps[0].action else { panic!("{:?}", plan.steps[0].action) };
        assert_eq!(objects.iter().map(|object| object.key.kind.as_str()).collect::<Vec<_>>(), ["MachineDeployment"]);
    }
    let protected = shop(|w| w.prevent_destroy = true);
    let found = found(&up(&protected), &shop(|w| (w.prevent_destroy, w.pools) = (true, BTreeMap::new())));
    assert!(
        matches!(&found[..], [(Code::PROTECTED, text)] if text.starts_with("cluster.shop.worker_pool[\"general\"] is protected")),
        "{found:?}"
    );
}

#[test]
fn a_layer_comes_changes_and_goes() {
    for agent in [true, false] {
        let step = if agent { "publish_layer" } else { "apply_layer" };
        let before = shop(|w| (w.agent, w.pivot) = (agent, agent));
        let more = shop(|w| {
            (w.agent, w.pivot) = (agent, agent);
            w.layers.push(("extra".into(), LayerKind::Addon, vec!["ingress".into()], vec![config("extra", "a"), config("old", "a")]));
        });
        let plan = made(&before, &more);
        assert_eq!(shown(&plan), ["create cluster.shop.layer[\"extra\"]".to_owned(), format!("  {step} cluster.shop.layer[\"extra\"]")]);
        let other = shop(|w| {
            (w.agent, w.pivot) = (agent, agent);
            w.layers.push(("extra".into(), LayerKind::Addon, vec!["spaces".into()], vec![config("extra", "b"), config("new", "a")]));
        });
        let plan = made(&more, &other);
        assert_eq!(shown(&plan), ["update cluster.shop.layer[\"extra\"]".to_owned(), format!("  {step} cluster.shop.layer[\"extra\"]")]);
        let change = plan.changes.iter().find(|change| change.action == ChangeAction::Update).expect("it changes");
        let objects: Vec<_> = change.objects.iter().map(|object| (object.key.name.as_str(), object.action)).collect();
        for expected in [("extra", ObjectAction::Update), ("new", ObjectAction::Create), ("old", ObjectAction::Delete)] {
            assert!(objects.contains(&expected), "{objects:?}");
        }
        let (Action::PublishLayer { layer, .. } | Action::ApplyLayer { layer, .. }) = &plan.steps[0].action else { panic!("{plan:?}") };
        assert_eq!(layer.prune.iter().map(|object| object.key.name.as_str()).collect::<Vec<_>>(), ["old"]);
        let plan = made(&other, &before);
        assert_eq!(shown(&plan), ["delete cluster.shop.layer[\"extra\"]", "  delete_layer cluster.shop.layer[\"extra\"]"]);
    }
}

#[test]
fn a_layer_goes_after_those_that_depend_on_it() {
    let before = shop(|_| {});
    let after = shop(|w| w.layers.retain(|(name, ..)| name != "spaces" && name != "ingress"));
    let plan = made(&before, &after);
    let order: Vec<String> = plan.steps.iter().map(|step| step.address.to_string()).collect();
    assert_eq!(order, ["cluster.shop.layer[\"ingress\"]", "cluster.shop.layer[\"spaces\"]"]);
    assert_eq!(plan.steps[1].needs, [0]);
}

#[test]
fn what_a_layer_cannot_lose_is_refused_by_name() {
    let with = |objects: Vec<Value>| shop(|w| w.layers[3].3 = objects);
    let world = up(&with(vec![config("spaces", "a"), namespace("team")]));
    let told = found(&world, &with(vec![config("spaces", "a")]));
    assert!(matches!(&told[..], [(Code::DAY_TWO, text)] if text.contains("`Namespace team` is gone")), "{told:?}");
    // From one layer to another: its agent would take away what the other has applied.
    let world = up(&shop(|_| {}));
    let moved = shop(|w| {
        w.layers[3].3 = vec![config("more", "a")];
        w.layers[4].3.push(config("spaces", "a"));
    });
    let told = found(&world, &moved);
    assert!(
        told.iter().any(|(code, text)| *code == Code::OBJECT_EXISTS && text.contains("belongs to cluster.shop.layer[\"spaces\"] already")),
        "{told:?}"
    );
}

#[test]
fn a_layer_whose_namespace_holds_others_things_stays() {
    let before = shop(|w| w.layers.push(("team".into(), LayerKind::Addon, vec![], vec![namespace("team")])));
    let mut world = up(&before);
    let key = ObjectKey {
        plane: cluster("shop"),
        group: String::new(),
        kind: "ConfigMap".into(),
        namespace: Some("team".into()),
        name: "theirs".into(),
    };
    let theirs: Json = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs", "namespace": "team", "uid": "1"}});
    world.objects.insert(key, theirs);
    let told = found(&world, &shop(|_| {}));
    assert!(
        matches!(&told[..], [(Code::FOREIGN_CONTENT, text)] if text.contains("Namespace team") && text.contains("ConfigMap team/theirs")),
        "{told:?}"
    );
}

#[test]
fn other_credentials_of_a_cloud_are_put_where_the_old_ones_are() {
    for pivot in [true, false] {
        let before = shop(|w| w.pivot = pivot);
        let rotated = |role: &str| {
            let mut after = before.clone();
            let resource = after.resources.get_mut(&crate::wish::cloud()).expect("it is there");
            resource.input = Value::object([("region", Value::string("eu-west-1")), ("credentials", Value::object([("role_arn", role)]))]);
            for object in &mut resource.objects {
                let mut content = object.content.to_json().expect("plain");
                content["spec"]["roleARN"] = json!(role);
                object.content = crate::wish::object(content);
            }
            after
        };
        let next = rotated("arn:aws:iam::111122223333:role/other");
        let plan = made(&before, &next);
        let planes: Vec<Address> = if pivot { vec![management(), cluster("shop")] } else { vec![management()] };
        let applied: Vec<Address> = plan
            .steps
            .iter()
            .filter_map(|step| match &step.action {
                Action::Apply { plane, .. } => Some(plane.clone()),
                _ => None,
            })
            .collect();
        assert_eq!(applied, planes);
        assert!(
            plan.changes.iter().all(|change| change.action == ChangeAction::NoOp || change.address == crate::wish::cloud()),
            "{:?}",
            shown(&plan)
        );
        let mut world = up(&before);
        world.apply(&plan, usize::MAX);
        for plane in planes {
            assert_eq!(
                world.objects[&world.find(&plane, "AWSClusterRoleIdentity", "aws-main")]["spec"]["roleARN"],
                "arn:aws:iam::111122223333:role/other"
            );
        }
    }
}

/// Parts that stay are not touched.
#[test]
fn a_changed_part_changes_no_other() {
    let before = shop(|_| {});
    for (after, part) in [
        (shop(|w| w.pools.insert("general".into(), 5).map_or((), drop)), Part::WorkerPool("general".into())),
        (shop(|w| w.layers[3].3 = vec![config("spaces", "b")]), Part::Layer("spaces".into())),
    ] {
        let address = cluster("shop").with(part);
        let plan = made(&before, &after);
        assert!(plan.steps.iter().all(|step| step.address == address), "{:?}", shown(&plan));
    }
}

/// An agent hears of its mode with each layer.
#[test]
fn an_agent_that_is_to_heal_is_told_so_with_each_layer() {
    let (before, after) = (shop(|_| {}), shop(|w| w.agent_mode = "heal".to_owned()));
    let plan = made(&before, &after);
    let published: Vec<(String, &str)> = plan
        .steps
        .iter()
        .filter_map(|step| match &step.action {
            Action::PublishLayer { layer, .. } => Some((layer.name.clone(), layer.mode.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(published.len(), 5, "{:?}", shown(&plan));
    assert!(published.iter().all(|(_, mode)| *mode == "heal"));
    let change =
        plan.changes.iter().find(|change| change.address == cluster("shop").with(Part::Layer("spaces".into()))).expect("it changes");
    let reason = &change.reasons[0];
    assert_eq!((reason.field.as_deref(), &reason.old, &reason.new), (Some("cluster.shop.agent mode"), &json!("report"), &json!("heal")));
}
