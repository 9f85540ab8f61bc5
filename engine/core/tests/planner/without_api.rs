//! Clusters whose own API takes nothing that windlass writes (those of Cluster API's dev provider): it is never spoken to.

use windlass_core::addr::Address;
use windlass_core::desired::Desired;
use windlass_core::drift::drift;
use windlass_core::facts::Demand;
use windlass_core::plan::{ChangeAction, Mode, Plan, demands, drift_demands};
use windlass_core::recorded::Recorded;

use crate::cases::{good, reasons, shown};
use crate::laws::up;
use crate::wish::{Wanted, cluster, desired, management};
use crate::world::{KEY, World};

fn demo() -> Address {
    cluster("demo")
}

fn wish() -> Desired {
    desired(&[Wanted { pivot: false, agent: false, without_api: true, layers: Vec::new(), ..Wanted::new("demo") }])
}

/// No step and no plane of a plan is the cluster's own.
fn assert_silent(plan: &Plan) {
    let planes: Vec<&Address> = plan.steps.iter().flat_map(|step| step.action.planes()).collect();
    assert!(planes.iter().all(|plane| **plane == management()), "{planes:?}");
    assert!(plan.planes.iter().all(|plane| plane.address == management()), "{:?}", plan.planes);
}

#[test]
fn it_comes_up_by_what_the_management_plane_tells() {
    let plan = good(&World::empty(), &wish());
    let expected = "\
create management.sandbox.provider[\"aws\"]
create management.sandbox.provider[\"cluster-api\"]
create cloud.aws.main
create cluster.demo
create cluster.demo.control_plane
create cluster.demo.worker_pool[\"general\"]
  ensure_provider management.sandbox.provider[\"cluster-api\"]
  ensure_provider management.sandbox.provider[\"aws\"]
  apply cloud.aws.main
  apply cluster.demo
  apply cluster.demo.control_plane
  wait cluster.demo
  wait cluster.demo.control_plane
  apply cluster.demo.control_plane
  wait cluster.demo.control_plane
  apply cluster.demo.worker_pool[\"general\"]
  wait cluster.demo.worker_pool[\"general\"]
  record cluster.demo";
    assert_eq!(shown(&plan).join("\n"), expected);
    assert_silent(&plan);
    // Each wait comes after what it waits for, and what comes next after the wait.
    let step = |action: &str, address: &str, nth: usize| {
        let mut found = (0u32..).zip(&plan.steps).filter(|(_, step)| {
            let told = serde_json::to_value(&step.action).expect("an action")["do"].as_str() == Some(action);
            told && step.address.to_string() == address
        });
        found.nth(nth).map(|(index, step)| (index, step.needs.clone())).expect("the step")
    };
    let (provisioned, ready) = (step("wait", "cluster.demo", 0), step("wait", "cluster.demo.control_plane", 0));
    assert_eq!(ready.1, [provisioned.0]);
    assert_eq!(step("apply", "cluster.demo.worker_pool[\"general\"]", 0).1, [ready.0]);
}

#[test]
fn nobody_asks_its_api_and_nothing_is_left_to_do_or_behind() {
    let (wish, nothing) = (wish(), Desired::default());
    let mut world = up(&wish);
    assert!(!world.state.planes.contains_key(&demo()));
    let asked = [
        demands(&wish, &world.state, Mode::Apply),
        demands(&wish, &Recorded::default(), Mode::Apply),
        demands(&nothing, &world.state, Mode::Destroy),
        drift_demands(&world.state),
    ];
    for demand in asked.iter().flatten() {
        let plane = match demand {
            Demand::Plane { plane, .. }
            | Demand::List { plane, .. }
            | Demand::ListAll { plane, .. }
            | Demand::InNamespace { plane, .. } => plane,
            Demand::Get { key, .. } => &key.plane,
        };
        assert_ne!(plane, &demo(), "{demand:?}");
    }
    let report = drift(&world.state, &world.answers(&drift_demands(&world.state)), &KEY);
    assert!(report.entries.is_empty() && report.unreachable.is_empty() && report.compared > 0, "{report:#?}");
    // Without its HCL, from the state alone.
    let (plan, diagnostics) = world.plan(&nothing, Mode::Destroy);
    assert!(diagnostics.is_empty(), "{diagnostics:#?}");
    assert_silent(&plan);
    world.apply(&plan, usize::MAX);
    assert!(world.state.resources.is_empty() && world.state.objects.is_empty(), "{:?}", world.state);
    assert!(world.objects.keys().all(|key| key.namespace.as_deref() != Some("demo") && key.name != "demo"), "{:?}", world.objects.keys());
}

#[test]
fn killed_anywhere_it_comes_up_and_goes_down_as_if_never_killed() {
    let wish = wish();
    let whole = up(&wish);
    let (made, undone) = (good(&World::empty(), &wish).steps.len(), whole.plan(&wish, Mode::Destroy).0.steps.len());
    for at in 0..made {
        let mut world = World::empty();
        for steps in [at, usize::MAX] {
            let plan = good(&world, &wish);
            world.apply(&plan, steps);
            plan.steps.get(steps).into_iter().for_each(|next| world.begin(next));
        }
        assert!(good(&world, &wish).steps.is_empty(), "after {at} steps");
        assert!(world.objects.keys().eq(whole.objects.keys()), "after {at} steps");
    }
    for at in 0..undone {
        let mut world = whole.clone();
        for steps in [at, usize::MAX] {
            let (plan, diagnostics) = world.plan(&wish, Mode::Destroy);
            assert!(diagnostics.is_empty(), "{diagnostics:#?}");
            world.apply(&plan, steps);
            plan.steps.get(steps).into_iter().for_each(|next| world.begin(next));
        }
        assert!(world.state.resources.is_empty(), "after {at} steps: {:?}", world.state.resources.keys());
    }
}

#[test]
fn drift_of_its_objects_is_put_right_and_its_machines_waited_for() {
    let wish = wish();
    let mut world = up(&wish);
    let pool = world.find(&management(), "MachineDeployment", "demo-general");
    world.edit(&pool, "/spec/replicas", serde_json::json!(7), "kubectl-scale");
    let plan = good(&world, &wish);
    assert_eq!(
        shown(&plan),
        [
            "update cluster.demo.worker_pool[\"general\"]",
            "  apply cluster.demo.worker_pool[\"general\"]",
            "  wait cluster.demo.worker_pool[\"general\"]"
        ]
    );
    assert_eq!(
        reasons(&plan),
        ["MachineDeployment demo/demo-general spec.replicas: 7 -> 2 (changed outside of windlass by kubectl-scale)"]
    );
    world.apply(&plan, usize::MAX);
    assert!(good(&world, &wish).changes.iter().all(|change| change.action == ChangeAction::NoOp));
}

#[test]
fn with_its_management_plane_silent_it_is_named_among_what_is_not_planned() {
    let wish = wish();
    let mut world = up(&wish);
    world.unreachable.insert(management(), "connection refused".to_owned());
    let (plan, _) = world.plan(&wish, Mode::Apply);
    let unplanned: Vec<String> = plan.unplanned.iter().map(|left| format!("{}: {}", left.address, left.reason)).collect();
    assert_eq!(unplanned, ["management.sandbox: connection refused", "cluster.demo: its management plane does not answer"]);
    assert!(plan.steps.is_empty());
}

#[test]
fn a_state_from_before_says_nothing_of_this_and_means_a_cluster_with_an_api() {
    let usual = up(&desired(&[Wanted::new("shop")]));
    let facts = &usual.state.resources[&cluster("shop")].facts;
    assert!(facts.get("without_api").is_none(), "{facts}");
    assert_eq!(up(&wish()).state.resources[&demo()].facts["without_api"], serde_json::json!(true));
    assert!(demands(&Desired::default(), &usual.state, Mode::Apply).iter().any(|demand| matches!(
        demand,
        Demand::Plane { plane, .. } if *plane == cluster("shop")
    )));
}
