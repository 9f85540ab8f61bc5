//! Other machines for a control plane or pool: new templates, one roll, the old templates gone; from anywhere in the middle onwards or back.

use std::collections::BTreeMap;

use serde_json::json;
use windlass_core::addr::{Address, Part};
use windlass_core::desired::{Desired, DesiredHop};
use windlass_core::diag::{Code, Diagnostic};
use windlass_core::plan::show_json::show_json;
use windlass_core::plan::{Action, ChangeAction, Mode, ObjectAction, Plan};
use windlass_core::recorded::ResourceStatus;
use windlass_core::schema::{Fixed, OnChange};

use crate::cases::{good, shown};
use crate::laws::up;
use crate::wish::{Wanted, cluster, desired, management};
use crate::world::World;

fn wish(pivot: bool, instance_type: &str, workers: u32) -> Desired {
    let pools = BTreeMap::from([("general".to_owned(), workers)]);
    desired(&[Wanted { pivot, instance_type: instance_type.to_owned(), pools, ..Wanted::new("shop") }])
}

fn control_plane() -> Address {
    cluster("shop").with(Part::ControlPlane)
}

fn templates(world: &World) -> Vec<String> {
    let machine_templates = world.objects.keys().filter(|key| key.kind == "AWSMachineTemplate");
    machine_templates.map(|key| format!("{} {}", key.plane, key.name)).collect()
}

/// What a plan says of machines that go: by resource.
fn replaced(plan: &Plan) -> Vec<(String, u32)> {
    let rolled = plan.changes.iter().filter(|change| change.action == ChangeAction::Repave);
    rolled.map(|change| (change.address.to_string(), change.machines)).collect()
}

fn settled(world: &World, wish: &Desired) {
    let plan = good(world, wish);
    assert!(plan.steps.is_empty() && plan.changes.iter().all(|change| change.action == ChangeAction::NoOp), "{:?}", shown(&plan));
}

#[test]
fn machines_of_another_kind_roll_the_control_plane_and_then_the_workers() {
    for pivot in [true, false] {
        let home = if pivot { cluster("shop") } else { management() };
        let mut world = up(&wish(pivot, "m6i.large", 2));
        let next = wish(pivot, "m7i.large", 2);
        let plan = good(&world, &next);
        let expected = [
            "repave cluster.shop.control_plane",
            "repave cluster.shop.worker_pool[\"general\"]",
            "  apply cluster.shop.control_plane",
            "  wait cluster.shop.control_plane",
            "  collect_templates cluster.shop.control_plane",
            "  apply cluster.shop.worker_pool[\"general\"]",
            "  wait cluster.shop.worker_pool[\"general\"]",
            "  collect_templates cluster.shop.worker_pool[\"general\"]",
        ];
        assert_eq!(shown(&plan), expected);
        assert_eq!(
            replaced(&plan),
            [("cluster.shop.control_plane".to_owned(), 3), ("cluster.shop.worker_pool[\"general\"]".to_owned(), 2)]
        );
        let change = plan.changes.iter().find(|change| change.address == control_plane()).expect("it changes");
        let reasons: Vec<_> =
            change.reasons.iter().map(|reason| (reason.field.as_deref(), &reason.old, &reason.new, reason.rule.as_str())).collect();
        assert_eq!(reasons, [(Some("machine.instance_type"), &json!("m6i.large"), &json!("m7i.large"), "changed in configuration")]);
        assert_eq!(change.notes, ["one machine after the other: a new one comes before an old one goes (maxSurge 1)"]);
        let shown = show_json(&plan);
        let listed =
            shown["resource_changes"].as_array().expect("changes").iter().find(|change| change["address"] == "cluster.shop.control_plane");
        let sides = ["before", "after"].map(|side| listed.expect("it changes")["change"][side]["machine"]["instance_type"].clone());
        assert_eq!(sides, [json!("m6i.large"), json!("m7i.large")]);
        let objects: Vec<_> = change.objects.iter().map(|object| (object.key.kind.as_str(), object.action)).collect();
        assert!(objects.contains(&("AWSMachineTemplate", ObjectAction::Create)), "{objects:?}");
        assert!(objects.contains(&("AWSMachineTemplate", ObjectAction::Delete)), "{objects:?}");
        assert!(objects.contains(&("KubeadmControlPlane", ObjectAction::Update)), "{objects:?}");
        // What refers to a template comes after it.
        let Action::Apply { objects, .. } = &plan.steps[0].action else { panic!("{:?}", plan.steps[0].action) };
        let kinds: Vec<&str> = objects.iter().map(|object| object.key.kind.as_str()).collect();
        assert_eq!(kinds, ["AWSMachineTemplate", "KubeadmControlPlane"]);
        assert!(objects[0].create && !objects[1].create);
        world.apply(&plan, usize::MAX);
        assert_eq!(templates(&world), [format!("{home} shop-control-plane-m7i-large"), format!("{home} shop-general-m7i-large")]);
        settled(&world, &next);
    }
}

/// Killed anywhere in the middle it is finished, and may be taken back.
#[test]
fn half_repaved_is_finished_or_taken_back() {
    for pivot in [true, false] {
        let (old, next) = (wish(pivot, "m6i.large", 2), wish(pivot, "m7i.large", 4));
        for steps in 0..8 {
            for back in [false, true] {
                let mut world = up(&old);
                let plan = good(&world, &next);
                world.apply(&plan, steps);
                if let Some(step) = plan.steps.get(steps) {
                    world.break_off(step, 1);
                }
                let wanted = if back { &old } else { &next };
                let rest = good(&world, wanted);
                world.apply(&rest, usize::MAX);
                settled(&world, wanted);
                let suffix = if back { "m6i-large" } else { "m7i-large" };
                let left = templates(&world);
                assert!(left.len() == 2 && left.iter().all(|name| name.ends_with(suffix)), "{steps} {back}: {left:?}");
            }
        }
    }
}

/// Killed in the middle, and given up in the middle after that: it is wanted again, with the machines that it was to get or with those it had.
#[test]
fn half_repaved_and_half_destroyed_it_comes_back() {
    for pivot in [true, false] {
        let (old, next) = (wish(pivot, "m6i.large", 2), wish(pivot, "m7i.large", 4));
        let whole = up(&old);
        let roll = good(&whole, &next);
        for rolled in 0..roll.steps.len() {
            let mut world = whole.clone();
            world.apply(&roll, rolled);
            world.break_off(&roll.steps[rolled], 1);
            let (given_up, diagnostics) = world.plan(&next, Mode::Destroy);
            assert!(diagnostics.is_empty(), "{diagnostics:#?}");
            for gone in 0..given_up.steps.len() {
                let mut world = world.clone();
                world.apply(&given_up, gone);
                world.break_off(&given_up.steps[gone], 1);
                let root = world.state.resources.get(&cluster("shop"));
                if root.is_none_or(|root| root.status == ResourceStatus::Deleting) {
                    break;
                }
                for wanted in [&next, &old] {
                    let mut world = world.clone();
                    let (plan, diagnostics) = world.plan(wanted, Mode::Apply);
                    assert!(diagnostics.is_empty(), "{pivot} {rolled} {gone} {:?}: {diagnostics:#?}", shown(&given_up));
                    world.apply(&plan, usize::MAX);
                    let (rest, diagnostics) = world.plan(wanted, Mode::Apply);
                    let steps = || (shown(&given_up), shown(&plan), shown(&rest));
                    assert!(diagnostics.is_empty() && rest.steps.is_empty(), "{pivot} {rolled} {gone}: {diagnostics:#?} {:#?}", steps());
                    assert_eq!(templates(&world).len(), 2, "{pivot} {rolled} {gone}: {:?}", templates(&world));
                }
            }
        }
    }
}

/// Taken back, it costs the machines that have come for it, so far as Cluster API has counted them.
#[test]
fn what_is_taken_back_costs_what_has_come() {
    let (old, next) = (wish(true, "m6i.large", 2), wish(true, "m7i.large", 2));
    let mut world = up(&old);
    let plan = good(&world, &next);
    world.apply(&plan, 1);
    for (seen, up_to_date, machines) in [(1, 1, 1), (1, 0, 0), (1, 4, 3), (0, 1, 3)] {
        let control_plane = world.objects.iter_mut().find(|(key, _)| key.kind == "KubeadmControlPlane").expect("it is there").1;
        assert_eq!(control_plane["metadata"]["generation"], json!(1));
        control_plane["status"] = json!({"observedGeneration": seen, "upToDateReplicas": up_to_date});
        assert_eq!(replaced(&good(&world, &old)), [("cluster.shop.control_plane".to_owned(), machines)]);
        // Who goes on has announced all of them.
        let on = replaced(&good(&world, &next));
        assert!(!on.iter().any(|(address, _)| address == "cluster.shop.control_plane"), "{on:?}");
    }
}

#[test]
fn what_a_cluster_keeps_is_refused_by_name() {
    let wish = desired(&[Wanted::new("shop")]);
    let world = up(&wish);
    let mut other = desired(&[Wanted { instance_type: "m7i.large".into(), ..Wanted::new("shop") }]);
    let resource = other.resources.get_mut(&control_plane()).expect("it is there");
    resource.fixed.insert("machine".to_owned(), Fixed { on_change: OnChange::Recreate, default: None });
    let (plan, diagnostics) = world.plan(&other, Mode::Apply);
    let told: Vec<_> = diagnostics.iter().map(|found| (found.code, found.summary.as_str(), found.detail.as_str())).collect();
    assert_eq!(
        told,
        [(
            Code::FIXED,
            "cluster.shop.control_plane: `machine.instance_type` stays as it is while cluster.shop lives",
            "`machine.instance_type` was \"m6i.large\", is now \"m7i.large\"."
        )]
    );
    assert!(plan.steps.iter().all(|step| step.address != control_plane()));
}

/// Another Kubernetes version rolls the control plane first, then the workers; layers that follow it come after the control plane.
#[test]
fn one_minor_is_gone_at_a_time() {
    let at = |version: &str| desired(&[Wanted { version: version.to_owned(), ..Wanted::new("shop") }]);
    for (from, to) in [("1.34.3", "1.34.4"), ("1.34.3", "1.35.0")] {
        let mut world = up(&at(from));
        let plan = good(&world, &at(to));
        let steps: Vec<String> = shown(&plan).into_iter().filter(|line| line.starts_with("  ")).collect();
        assert_eq!(
            steps,
            [
                "  apply cluster.shop.control_plane",
                "  wait cluster.shop.control_plane",
                "  apply cluster.shop.worker_pool[\"general\"]",
                "  wait cluster.shop.worker_pool[\"general\"]",
                "  record cluster.shop",
            ]
        );
        assert_eq!(plan.steps[2].needs, [1]);
        assert_eq!(replaced(&plan).iter().map(|(_, machines)| *machines).collect::<Vec<_>>(), [3, 2]);
        let change = plan.changes.iter().find(|change| change.address == control_plane()).expect("it changes");
        assert_eq!(change.reasons[0].field.as_deref(), Some("cluster.shop kubernetes_version"));
        assert!(change.notes.iter().any(|note| note.contains("must hold the new Kubernetes version")), "{:?}", change.notes);
        // Broken off after the control plane has been told, it does not go back.
        world.apply(&plan, 1);
        let (_, diagnostics) = world.plan(&at(from), Mode::Apply);
        let told: Vec<_> = diagnostics.iter().map(|found| (found.code, found.summary.clone())).collect();
        assert_eq!(told, [(Code::VERSION_PATH, format!("cluster.shop: Kubernetes {to} does not go back to {from}"))]);
        let rest = good(&world, &at(to));
        world.apply(&rest, usize::MAX);
        settled(&world, &at(to));
    }
    for (to, words) in [
        ("1.36.0", "Kubernetes 1.34.3 goes to 1.36.0 by way of 1.35, for which no version is given"),
        ("1.33.9", "Kubernetes 1.34.3 does not go back to 1.33.9"),
    ] {
        let (plan, diagnostics) = up(&at("1.34.3")).plan(&at(to), Mode::Apply);
        let told: Vec<_> = diagnostics.iter().map(|found| (found.code, found.summary.clone())).collect();
        assert_eq!(told, [(Code::VERSION_PATH, format!("cluster.shop: {words}"))]);
        assert!(plan.steps.iter().all(|step| step.address != control_plane()));
    }
}

/// Over several minors the control plane passes through each; workers roll once, at the end.
#[test]
fn hops_are_passed_through_one_after_the_other() {
    let at = |version: &str| desired(&[Wanted { version: version.to_owned(), ..Wanted::new("shop") }]);
    let far = |faults: Vec<Diagnostic>| {
        let mut wish = at("1.36.0");
        let at_hop = desired(&[Wanted { version: "1.35.2".to_owned(), instance_type: "m9i.large".to_owned(), ..Wanted::new("shop") }]);
        let objects = at_hop.resources[&control_plane()].objects.clone();
        let hop = |version: &str| DesiredHop { version: version.to_owned(), objects: objects.clone(), faults: faults.clone() };
        // The newest patch of a minor is gone through; what is older than the cluster is not.
        wish.clusters.get_mut(&cluster("shop")).expect("it is there").hops = vec![hop("1.33.9"), hop("1.35.0"), hop("1.35.2")];
        wish
    };
    let next = far(Vec::new());
    let mut world = up(&at("1.34.3"));
    let plan = good(&world, &next);
    let steps: Vec<String> = shown(&plan).into_iter().filter(|line| line.starts_with("  ")).collect();
    assert_eq!(
        steps,
        [
            "  apply cluster.shop.control_plane",
            "  wait cluster.shop.control_plane",
            "  apply cluster.shop.control_plane",
            "  wait cluster.shop.control_plane",
            "  collect_templates cluster.shop.control_plane",
            "  apply cluster.shop.worker_pool[\"general\"]",
            "  wait cluster.shop.worker_pool[\"general\"]",
            "  record cluster.shop",
        ]
    );
    let follows = |step: usize| plan.steps[step].needs.last().copied() == u32::try_from(step - 1).ok();
    assert!((1..6).all(follows), "{:?}", shown(&plan));
    assert_eq!(replaced(&plan).iter().map(|(_, machines)| *machines).collect::<Vec<_>>(), [6, 2]);
    let change = plan.changes.iter().find(|change| change.address == control_plane()).expect("it changes");
    assert!(change.notes.contains(&"by way of Kubernetes 1.35.2: its machines are replaced 2 times".to_owned()), "{:?}", change.notes);
    world.apply(&plan, usize::MAX);
    assert_eq!(templates(&world), ["cluster.shop shop-control-plane-m6i-large", "cluster.shop shop-general-m6i-large"]);
    settled(&world, &next);
    for steps in 0..plan.steps.len() {
        let mut world = up(&at("1.34.3"));
        world.apply(&plan, steps);
        world.break_off(&plan.steps[steps], 1);
        let rest = good(&world, &next);
        // What has been passed through is not passed through again.
        let versions =
            rest.steps.iter().filter(|step| matches!(step.action, Action::Wait { .. }) && step.address == control_plane()).count();
        assert_eq!(
            versions,
            match steps {
                0 => 2,
                1..=4 => 1,
                _ => 0,
            },
            "{steps}: {:?}",
            shown(&rest)
        );
        world.apply(&rest, usize::MAX);
        settled(&world, &next);
        assert_eq!(templates(&world).len(), 2, "{steps}: {:?}", templates(&world));
    }
    let missing = Diagnostic::error(Code::CLOUD_NO_IMAGE, "no image");
    let (_, diagnostics) = up(&at("1.34.3")).plan(&far(vec![missing]), Mode::Apply);
    assert_eq!(
        diagnostics.iter().map(|found| found.summary.as_str()).collect::<Vec<_>>(),
        ["no image, for its way through Kubernetes 1.35.2"]
    );
}
