//! A control plane or a pool of another size: changed in place, waited for, recorded; alone, and against others' hands.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use windlass_core::addr::{Address, Part};
use windlass_core::desired::Desired;
use windlass_core::plan::{Action, ChangeAction, Plan, Readiness};

use crate::cases::{good, shown};
use crate::laws::up;
use crate::wish::{Wanted, cluster, desired, management};
use crate::world::World;

fn wish(pivot: bool, control_plane: u32, workers: u32) -> Desired {
    let pools = BTreeMap::from([("general".to_owned(), workers)]);
    desired(&[Wanted { pivot, replicas: control_plane, pools, ..Wanted::new("shop") }])
}

fn pool() -> Address {
    cluster("shop").with(Part::WorkerPool("general".to_owned()))
}

fn size(world: &World, plane: &Address, kind: &str, name: &str) -> Json {
    world.objects[&world.find(plane, kind, name)]["spec"]["replicas"].clone()
}

fn waits(plan: &Plan) -> Vec<Readiness> {
    let conditions = plan.steps.iter().filter_map(|step| match &step.action {
        Action::Wait { conditions, .. } => Some(conditions.iter().map(|condition| condition.ready.clone())),
        _ => None,
    });
    conditions.flatten().collect()
}

#[test]
fn both_are_scaled_in_place_up_and_down() {
    for pivot in [true, false] {
        let mut world = up(&wish(pivot, 3, 2));
        let plane = if pivot { cluster("shop") } else { management() };
        for (control_plane, workers) in [(5, 4), (1, 0)] {
            let next = wish(pivot, control_plane, workers);
            let plan = good(&world, &next);
            let expected = [
                "update cluster.shop.control_plane",
                "update cluster.shop.worker_pool[\"general\"]",
                "  apply cluster.shop.control_plane",
                "  apply cluster.shop.worker_pool[\"general\"]",
                "  wait cluster.shop.control_plane",
                "  wait cluster.shop.worker_pool[\"general\"]",
            ];
            let (mut found, mut wanted) = (shown(&plan), expected.map(str::to_owned).to_vec());
            found.sort();
            wanted.sort();
            assert_eq!(found, wanted);
            let waits = waits(&plan);
            assert!(waits.contains(&Readiness::ControlPlaneReady { replicas: control_plane }), "{waits:?}");
            assert!(waits.contains(&Readiness::MachineDeploymentReady { replicas: workers }), "{waits:?}");
            world.apply(&plan, usize::MAX);
            assert_eq!(size(&world, &plane, "KubeadmControlPlane", "shop-control-plane"), control_plane);
            assert_eq!(size(&world, &plane, "MachineDeployment", "shop-general"), workers);
            let settled = good(&world, &next);
            assert!(settled.steps.is_empty() && settled.changes.iter().all(|change| change.action == ChangeAction::NoOp), "{settled:#?}");
        }
    }
}

/// Killed between the two steps of it: the rest is planned again, and nothing else.
#[test]
fn half_scaled_is_finished() {
    let next = wish(true, 3, 5);
    for steps in 0..2 {
        let mut world = up(&wish(true, 3, 2));
        let plan = good(&world, &next);
        world.apply(&plan, steps);
        let rest = good(&world, &next);
        assert!(rest.changes.iter().all(|change| change.action == ChangeAction::NoOp || change.address == pool()), "{:?}", shown(&rest));
        world.apply(&rest, usize::MAX);
        assert_eq!(size(&world, &cluster("shop"), "MachineDeployment", "shop-general"), 5);
        assert!(good(&world, &next).steps.is_empty());
    }
}

/// Scaling that does not come to its end, for want of machines, is taken back.
#[test]
fn half_scaled_is_taken_back() {
    let old = wish(true, 3, 2);
    for steps in 0..3 {
        let mut world = up(&old);
        let plan = good(&world, &wish(true, 5, 4));
        world.apply(&plan, steps);
        let back = good(&world, &old);
        world.apply(&back, usize::MAX);
        assert_eq!(size(&world, &cluster("shop"), "KubeadmControlPlane", "shop-control-plane"), 3);
        assert_eq!(size(&world, &cluster("shop"), "MachineDeployment", "shop-general"), 2);
        assert!(good(&world, &old).steps.is_empty());
    }
}

/// Somebody else has written the size: that is told, and taken back; also where it is the new one already.
#[test]
fn somebody_elses_size_is_taken_back() {
    for (theirs, ours) in [(7, 5), (5, 5)] {
        let mut world = up(&wish(true, 3, 2));
        let key = world.find(&cluster("shop"), "MachineDeployment", "shop-general");
        world.edit(&key, "/spec/replicas", json!(theirs), "kubectl-scale");
        let next = wish(true, 3, ours);
        let plan = good(&world, &next);
        let takeovers: Vec<String> = plan
            .steps
            .iter()
            .filter_map(|step| match &step.action {
                Action::Apply { takeovers, .. } => Some(takeovers.iter().map(|take| format!("{} {}", take.path, take.manager))),
                _ => None,
            })
            .flatten()
            .collect();
        let wanted: &[&str] = if theirs == ours { &[] } else { &["spec.replicas kubectl-scale"] };
        assert_eq!(takeovers, wanted, "{theirs} {ours}");
        world.apply(&plan, usize::MAX);
        assert_eq!(size(&world, &cluster("shop"), "MachineDeployment", "shop-general"), ours);
        assert!(good(&world, &next).steps.is_empty());
    }
}
