//! Laws, over clusters of all shapes.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::Value as Json;
use windlass_core::desired::Desired;
use windlass_core::layer::LayerKind;
use windlass_core::marks::ANNOTATION_ADDRESS;
use windlass_core::plan::file::{from_bytes, to_bytes};
use windlass_core::plan::{Action, ChangeAction, Mode, Plan};
use windlass_core::recorded::ResourceStatus;

use crate::wish::{Wanted, desired};
use crate::world::World;

fn planned(world: &World, desired: &Desired, mode: Mode) -> Plan {
    let (plan, diagnostics) = world.plan(desired, mode);
    assert!(diagnostics.is_empty(), "{diagnostics:#?}");
    plan
}

fn assert_empty(world: &World, desired: &Desired) {
    let plan = planned(world, desired, Mode::Apply);
    let left: Vec<_> = plan.changes.iter().filter(|change| change.action != ChangeAction::NoOp).collect();
    assert!(left.is_empty() && plan.steps.is_empty(), "{left:#?}\n{:#?}", plan.steps);
}

/// A world in which these clusters are up.
pub fn up(desired: &Desired) -> World {
    let mut world = World::empty();
    let plan = planned(&world, desired, Mode::Apply);
    world.apply(&plan, usize::MAX);
    assert_empty(&world, desired);
    world
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let pools = prop::collection::btree_map("[a-c]", 1u32..3, 0..3);
    ((any::<bool>(), any::<bool>()), any::<bool>(), any::<bool>(), prop::sample::select(vec![1u32, 3]), pools, 0usize..6).prop_map(
        |((pivot, left_alone), agent, etcd, replicas, pools, layers)| {
            let mut wanted = Wanted::new("shop");
            wanted.layers.truncate(layers);
            if !wanted.layers.iter().any(|(name, ..)| name == "spaces") {
                wanted.layers.iter_mut().for_each(|(_, _, depends_on, _)| depends_on.clear());
            }
            Wanted { pivot, left_alone, agent, etcd, replicas, pools, ..wanted }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn plan_after_apply_is_empty(wanted in wanted()) {
        up(&desired(&[wanted]));
    }

    #[test]
    fn killed_anywhere_and_run_again_is_as_never_killed(wanted in wanted(), at in 0usize..60, again in 0usize..20, destroy_at in 0usize..30) {
        let wish = desired(&[wanted]);
        let whole = up(&wish);
        let mut world = World::empty();
        for steps in [at, again, usize::MAX] {
            let plan = planned(&world, &wish, Mode::Apply);
            world.apply(&plan, steps);
            if let Some(next) = plan.steps.get(steps) {
                world.begin(next);
            }
        }
        assert_empty(&world, &wish);
        let keys = |world: &World| world.objects.keys().cloned().collect::<Vec<_>>();
        prop_assert_eq!(keys(&world), keys(&whole));
        for steps in [destroy_at, usize::MAX] {
            let plan = planned(&world, &wish, Mode::Destroy);
            world.apply(&plan, steps);
            if let Some(next) = plan.steps.get(steps) {
                world.begin(next);
            }
        }
        prop_assert!(world.state.resources.is_empty(), "{:?}", world.state.resources.keys());
        prop_assert!(world.state.objects.is_empty(), "{:?}", world.state.objects.keys());
        // Providers stay on the management plane.
        let stays = |object: &Json| object["metadata"]["annotations"][ANNOTATION_ADDRESS].as_str().is_some_and(|of| of.contains(".provider["));
        let left: Vec<_> = world.objects.iter().filter(|(_, object)| !stays(object)).map(|(key, _)| key).collect();
        prop_assert!(left.is_empty(), "{:?}", left);
        prop_assert_eq!(world.planes.len(), 1);
    }

    #[test]
    fn broken_off_within_a_step_and_destroyed_nothing_is_left(
        wanted in wanted(), at in 0usize..30, objects in 0usize..8, again in any::<bool>(), with_hcl in any::<bool>(),
    ) {
        let wish = desired(&[wanted]);
        let mut world = World::empty();
        for at in if again { vec![at / 2, at] } else { vec![at] } {
            let plan = planned(&world, &wish, Mode::Apply);
            world.apply(&plan, at);
            if let Some(step) = plan.steps.get(at) {
                world.break_off(step, objects);
            }
        }
        let ready = world.state.resources.iter().filter(|(_, record)| record.status == ResourceStatus::Ready);
        let whole: BTreeSet<String> = ready.map(|(address, _)| address.to_string()).filter(|address| address.contains(".provider[")).collect();
        let gone = Desired { management: wish.management.clone(), ..Desired::default() };
        let plan = planned(&world, if with_hcl { &wish } else { &gone }, Mode::Destroy);
        world.apply(&plan, usize::MAX);
        prop_assert!(world.state.resources.is_empty(), "{:?}", world.state.resources.keys());
        prop_assert!(world.state.objects.is_empty(), "{:?}", world.state.objects.keys());
        // Of a provider that was whole its credentials go, and all of one that was not.
        let of_provider = |object: &Json| object["metadata"]["annotations"][ANNOTATION_ADDRESS].as_str().is_some_and(|of| whole.contains(of));
        let left: Vec<_> = world.objects.iter().filter(|(key, object)| key.kind == "Secret" || !of_provider(object)).map(|(key, _)| key).collect();
        prop_assert!(left.is_empty(), "{:?}", left);
    }

    #[test]
    fn the_order_of_parallel_steps_does_not_matter(
        wanted in wanted(), at in 0usize..60, choices in prop::collection::vec(0usize..20, 1..40), destroy_at in 0usize..30,
    ) {
        let wish = desired(&[wanted]);
        let whole = up(&wish);
        let mut world = World::empty();
        for steps in [at, usize::MAX] {
            let plan = planned(&world, &wish, Mode::Apply);
            world.apply_in_any_order(&plan, steps, &choices);
        }
        assert_empty(&world, &wish);
        let keys = |world: &World| world.objects.keys().cloned().collect::<Vec<_>>();
        prop_assert_eq!(keys(&world), keys(&whole));
        for steps in [destroy_at, usize::MAX] {
            let plan = planned(&world, &wish, Mode::Destroy);
            world.apply_in_any_order(&plan, steps, &choices);
        }
        prop_assert!(world.state.resources.is_empty() && world.state.objects.is_empty(), "{:?}", world.state.objects.keys());
    }

    #[test]
    fn a_destroy_broken_off_before_the_cluster_is_deleted_is_no_loss(wanted in wanted(), at in 0usize..20) {
        let wish = desired(&[wanted]);
        let mut world = up(&wish);
        let before: Vec<_> = world.objects.keys().cloned().collect();
        let plan = planned(&world, &wish, Mode::Destroy);
        let deletes = |step: &windlass_core::plan::Step| matches!(&step.action, Action::Delete { objects, .. } if objects.iter().any(|object| object.key.kind == "Cluster"));
        let at = at.min(plan.steps.iter().position(deletes).unwrap());
        world.apply(&plan, at);
        if !deletes(&plan.steps[at]) {
            world.begin(&plan.steps[at]);
        }
        let plan = planned(&world, &wish, Mode::Apply);
        let scaled_down = plan.steps.iter().any(|step| matches!(&step.action, Action::Apply { objects, .. } if objects.iter().any(|object| {
            let was = world.state.objects.get(&object.key).and_then(|known| known.applied.pointer("/spec/replicas").cloned());
            object.key.kind == "KubeadmControlPlane" && was.is_some_and(|was| was != object.content["spec"]["replicas"])
        })));
        prop_assert!(!scaled_down);
        world.apply(&plan, usize::MAX);
        assert_empty(&world, &wish);
        prop_assert_eq!(world.objects.keys().cloned().collect::<Vec<_>>(), before);
    }

    #[test]
    fn half_a_pivot_is_finished(moved in 0usize..8) {
        let wish = desired(&[Wanted::new("shop")]);
        let mut world = World::empty();
        let plan = planned(&world, &wish, Mode::Apply);
        let at = plan.steps.iter().position(|step| matches!(step.action, Action::Pivot { .. })).unwrap();
        world.apply(&plan, at);
        world.begin(&plan.steps[at]);
        let moving: Vec<_> = world.state.objects.iter().filter(|(key, object)| {
            key.plane.is_management() && key.group.ends_with("cluster.x-k8s.io") && object.resource.is_cluster()
        }).map(|(key, _)| key.clone()).take(moved).collect();
        for key in &moving {
            world.move_object(key, &crate::wish::cluster("shop"));
        }
        let plan = planned(&world, &wish, Mode::Apply);
        if !moving.is_empty() {
            let touches = plan.steps.iter().take_while(|step| !matches!(step.action, Action::Pivot { .. })).any(|step| {
                windlass_core_touches(&step.action)
            });
            prop_assert!(!touches, "objects are applied while they are half moved");
        }
        world.apply(&plan, usize::MAX);
        assert_empty(&world, &wish);
    }
}

/// Applies CAPI objects of a cluster.
fn windlass_core_touches(action: &Action) -> bool {
    matches!(action, Action::Apply { objects, .. } if objects.iter().any(|object| object.key.kind == "Cluster" || object.key.kind == "KubeadmControlPlane"))
}

#[test]
fn the_order_of_input_does_not_matter_and_the_same_input_gives_the_same_bytes() {
    let (shop, blog) = (Wanted::new("shop"), Wanted { pivot: false, ..Wanted::new("blog") });
    let world = World::empty();
    let one = planned(&world, &desired(&[shop.clone(), blog.clone()]), Mode::Apply);
    let two = planned(&world, &desired(&[blog.clone(), shop.clone()]), Mode::Apply);
    assert_eq!(to_bytes(&one), to_bytes(&two));
    assert_eq!(from_bytes(&to_bytes(&one)), Ok(one));
}

#[test]
fn clusters_come_and_go_beside_others() {
    let (shop, blog) = (Wanted::new("shop"), Wanted { layers: Vec::new(), ..Wanted::new("blog") });
    let both = desired(&[shop.clone(), blog.clone()]);
    let mut world = up(&desired(std::slice::from_ref(&shop)));
    let before: BTreeMap<_, _> = world.objects.clone();
    let plan = planned(&world, &both, Mode::Apply);
    assert!(
        plan.changes.iter().all(|change| change.action == ChangeAction::NoOp || change.address.to_string().starts_with("cluster.blog")),
        "{:?}",
        plan.changes
    );
    world.apply(&plan, usize::MAX);
    assert_empty(&world, &both);
    let plan = planned(&world, &desired(std::slice::from_ref(&shop)), Mode::Apply);
    assert!(
        plan.changes.iter().all(|change| change.action == ChangeAction::NoOp || change.address.to_string().starts_with("cluster.blog"))
    );
    world.apply(&plan, usize::MAX);
    assert_empty(&world, &desired(std::slice::from_ref(&shop)));
    assert_eq!(world.objects, before);
    let plan = planned(&world, &desired(&[]), Mode::Apply);
    world.apply(&plan, usize::MAX);
    assert!(world.state.resources.is_empty(), "{:?}", world.state.resources);
}

#[test]
fn an_agentless_layer_order_is_by_dependency() {
    let mut wanted = Wanted { agent: false, pivot: false, ..Wanted::new("shop") };
    wanted.layers.reverse();
    let plan = planned(&World::empty(), &desired(&[wanted]), Mode::Apply);
    let layers: Vec<&str> = plan
        .steps
        .iter()
        .filter_map(|step| match &step.action {
            Action::ApplyLayer { layer, .. } => Some(layer.name.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(layers, ["cloud-controller", "cilium", "ebs", "spaces", "ingress"]);
    assert!(LayerKind::Network.before_agent());
}
