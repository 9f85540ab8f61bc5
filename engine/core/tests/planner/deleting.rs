//! Objects of ours that somebody has deleted and that finalizers still hold.

use serde_json::{Value as Json, json};
use windlass_core::addr::{Address, Part};
use windlass_core::diag::Code;
use windlass_core::drift::drift;
use windlass_core::object::ObjectKey;
use windlass_core::plan::{Action, ChangeAction, Mode, Plan, Readiness, drift_demands};
use windlass_core::recorded::ResourceStatus;

use crate::laws::up;
use crate::wish::{Wanted, cluster, desired, management, object};
use crate::world::{KEY, World};

const HOLD: &str = "example.com/hold";
const RULE: &str = "deleted outside of windlass, being deleted since 2026-02-02T00:00:00Z, held by finalizer example.com/hold; \
                    it is made again once it is gone";

fn shop() -> Address {
    cluster("shop")
}

/// A cluster with a layer that brings its Namespace.
fn wanted() -> Wanted {
    let mut wanted = Wanted::new("shop");
    let web = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web", "namespace": "front"}, "data": {"key": "a"}});
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "front"}});
    wanted.layers.push(("front".to_owned(), windlass_core::layer::LayerKind::Addon, vec![], vec![object(namespace), object(web)]));
    wanted
}

/// Changes that are no no-ops, and what the steps do, one line each.
fn shown(plan: &Plan) -> Vec<String> {
    let changes = plan.changes.iter().filter(|change| change.action != ChangeAction::NoOp);
    let changes = changes.map(|change| format!("{} {}", format!("{:?}", change.action).to_lowercase(), change.address));
    let steps = plan.steps.iter().map(|step| match &step.action {
        Action::Wait { conditions, .. } if conditions.iter().all(|wait| wait.ready == Readiness::Gone) => {
            let all: Vec<String> = conditions.iter().map(|wait| format!("{} {}", wait.api_version, wait.key.short())).collect();
            format!("  until gone: {}", all.join(", "))
        }
        action => {
            let action = serde_json::to_value(action).unwrap();
            format!("  {} {}", action["do"].as_str().unwrap(), step.address)
        }
    });
    changes.chain(steps).collect()
}

#[test]
fn each_kind_is_waited_for_and_made_again() {
    for (plane, kind, name, expected) in [
        (
            shop(),
            "ConfigMap",
            "spaces",
            "create cluster.shop.layer[\"spaces\"]
  until gone: v1 ConfigMap kube-system/spaces
  publish_layer cluster.shop.layer[\"spaces\"]",
        ),
        (
            shop(),
            "Layer",
            "spaces",
            "update cluster.shop.layer[\"spaces\"]
  until gone: agent.windlass.dev/v1alpha1 Layer windlass-system/spaces
  publish_layer cluster.shop.layer[\"spaces\"]",
        ),
        (
            // The ConfigMap in it goes along, though nobody has deleted that by itself yet.
            shop(),
            "Namespace",
            "front",
            "create cluster.shop.layer[\"front\"]
  until gone: v1 Namespace front
  publish_layer cluster.shop.layer[\"front\"]",
        ),
        (
            shop(),
            "Deployment",
            "windlass-agent",
            "update cluster.shop.agent
  until gone: apps/v1 Deployment windlass-system/windlass-agent
  apply cluster.shop.agent
  wait_agent cluster.shop.agent",
        ),
        (
            shop(),
            "MachineDeployment",
            "shop-general",
            "repave cluster.shop.worker_pool[\"general\"]
  until gone: cluster.x-k8s.io/v1beta2 MachineDeployment shop/shop-general
  apply cluster.shop.worker_pool[\"general\"]
  wait cluster.shop.worker_pool[\"general\"]",
        ),
        (
            shop(),
            "KubeadmConfigTemplate",
            "shop-general",
            "update cluster.shop.worker_pool[\"general\"]
  until gone: bootstrap.cluster.x-k8s.io/v1beta2 KubeadmConfigTemplate shop/shop-general
  apply cluster.shop.worker_pool[\"general\"]
  wait cluster.shop.worker_pool[\"general\"]",
        ),
        (
            management(),
            "AWSClusterRoleIdentity",
            "aws-main",
            "update cloud.aws.main
  until gone: infrastructure.cluster.x-k8s.io/v1beta2 AWSClusterRoleIdentity aws-main
  apply cloud.aws.main",
        ),
        (
            management(),
            "Deployment",
            "aws-manager",
            "update management.sandbox.provider[\"aws\"]
  until gone: apps/v1 Deployment capa-system/aws-manager
  ensure_provider management.sandbox.provider[\"aws\"]",
        ),
        (
            management(),
            "CustomResourceDefinition",
            "things.aws.x-k8s.io",
            "update management.sandbox.provider[\"aws\"]
  until gone: apiextensions.k8s.io/v1 CustomResourceDefinition things.aws.x-k8s.io
  ensure_provider management.sandbox.provider[\"aws\"]",
        ),
    ] {
        let wish = desired(&[wanted()]);
        let mut world = up(&wish);
        let key = world.find(&plane, kind, name);
        world.delete_held(&key, HOLD);
        let (plan, diagnostics) = world.plan(&wish, Mode::Apply);
        assert!(diagnostics.is_empty(), "{diagnostics:#?}");
        assert_eq!(shown(&plan).join("\n"), expected, "{kind} {name}");
        let reasons: Vec<_> = plan.changes.iter().flat_map(|change| &change.reasons).collect();
        assert!(reasons.iter().any(|reason| reason.rule == RULE && reason.field == Some(key.short())), "{reasons:#?}");
        // The state has not changed, so the same is planned.
        assert_eq!(world.plan(&wish, Mode::Apply).0, plan);
        world.apply(&plan, usize::MAX);
        assert!(world.objects.contains_key(&key));
        let (plan, diagnostics) = world.plan(&wish, Mode::Apply);
        assert!(diagnostics.is_empty() && plan.steps.is_empty(), "{kind} {name}: {diagnostics:#?} {:#?}", shown(&plan));
    }
}

#[test]
fn a_pool_that_is_being_deleted_loses_its_machines_and_the_plan_says_so() {
    let wish = desired(&[wanted()]);
    let mut world = up(&wish);
    let key = world.find(&shop(), "MachineDeployment", "shop-general");
    world.delete_held(&key, HOLD);
    let (plan, _) = world.plan(&wish, Mode::Apply);
    let change = plan.changes.iter().find(|change| change.action == ChangeAction::Repave).expect("a repave");
    assert_eq!(change.machines, 2);
    assert_eq!(change.notes, ["Cluster API takes the machines of this pool down; new ones are made once they are gone"]);
}

#[test]
fn without_an_agent_the_engine_waits_for_the_layer() {
    let wish = desired(&[Wanted { agent: false, ..wanted() }]);
    let mut world = up(&wish);
    let key = world.find(&shop(), "ConfigMap", "spaces");
    world.delete_held(&key, HOLD);
    let (plan, _) = world.plan(&wish, Mode::Apply);
    let expected = [
        "create cluster.shop.layer[\"spaces\"]",
        "  until gone: v1 ConfigMap kube-system/spaces",
        "  apply_layer cluster.shop.layer[\"spaces\"]",
    ];
    assert_eq!(shown(&plan), expected);
    assert_eq!(plan.steps[1].needs, [0]);
}

#[test]
fn what_a_run_left_half_made_is_waited_for_too() {
    let wish = desired(&[Wanted { pivot: false, ..wanted() }]);
    let mut world = up(&wish);
    for address in [shop(), shop().with(Part::WorkerPool("general".into()))] {
        world.state.resources.get_mut(&address).unwrap().status = ResourceStatus::Creating;
    }
    let key = world.find(&management(), "MachineDeployment", "shop-general");
    world.delete_held(&key, HOLD);
    let (plan, diagnostics) = world.plan(&wish, Mode::Apply);
    assert!(diagnostics.is_empty(), "{diagnostics:#?}");
    assert!(shown(&plan).contains(&"  until gone: cluster.x-k8s.io/v1beta2 MachineDeployment shop/shop-general".to_owned()));
    world.apply(&plan, usize::MAX);
    assert!(world.plan(&wish, Mode::Apply).0.steps.is_empty());
}

#[test]
fn what_machines_depend_on_is_an_error_and_no_repair() {
    let pivoted = desired(&[wanted(), Wanted::new("web")]);
    let stays = desired(&[Wanted { pivot: false, ..wanted() }]);
    for (wish, plane, kind, name) in [
        (&pivoted, shop(), "Cluster", "shop"),
        (&pivoted, shop(), "KubeadmControlPlane", "shop-control-plane"),
        (&pivoted, shop(), "AWSCluster", "shop"),
        (&pivoted, shop(), "Namespace", "shop"),
        (&stays, management(), "Cluster", "shop"),
        (&stays, management(), "Namespace", "shop"),
    ] {
        let mut world = up(wish);
        let key = world.find(&plane, kind, name);
        world.delete_held(&key, HOLD);
        let found: Vec<_> = world.plan(wish, Mode::Apply).1.0;
        assert_eq!(found.len(), 1, "{kind}: {found:#?}");
        assert_eq!((found[0].code, found[0].is_error()), (Code::GOING_DOWN, true), "{kind}");
        assert_eq!(found[0].summary, format!("cluster.shop: {} is being deleted outside of windlass", key.short()));
        for text in [key.to_string().as_str(), "since 2026-02-02T00:00:00Z, held by finalizer example.com/hold"] {
            assert!(found[0].detail.contains(text), "{kind}: {}", found[0].detail);
        }
        // Once it is gone, it is as with all that is gone: to be made.
        world.release(&key);
        assert!(world.plan(wish, Mode::Apply).1.is_empty(), "{kind}");
        // A cluster that does not answer any more is left out, and it is said why.
        if plane == management() {
            let mut world = up(wish);
            world.delete_held(&key, HOLD);
            world.unreachable.insert(shop(), "refused".into());
            let (plan, diagnostics) = world.plan(wish, Mode::Apply);
            assert!(diagnostics.is_empty() && plan.steps.is_empty() && plan.unplanned.len() == 1, "{kind}: {diagnostics:#?}");
            assert!(plan.warnings.iter().any(|line| line.contains(&format!("{key} is being deleted since"))), "{:?}", plan.warnings);
        }
        // And a destroy is never refused because something is going already.
        let mut world = up(wish);
        world.delete_held(&key, HOLD);
        assert!(world.plan(wish, Mode::Destroy).1.is_empty(), "{kind}");
    }
}

#[test]
fn a_kind_of_machines_that_is_being_deleted_is_an_error_where_clusters_are() {
    for (pivot, refused) in [(true, false), (false, true)] {
        let wish = desired(&[Wanted { pivot, ..wanted() }]);
        let mut world = up(&wish);
        let key = world.find(&management(), "CustomResourceDefinition", "things.cluster-api.x-k8s.io");
        let names = json!({"group": "cluster.x-k8s.io", "names": {"kind": "Machine"}});
        world.state.objects.get_mut(&key).unwrap().applied["spec"] = names;
        world.delete_held(&key, HOLD);
        let found = world.plan(&wish, Mode::Apply).1;
        let codes: Vec<Code> = found.iter().map(|found| found.code).filter(|code| *code == Code::GOING_DOWN).collect();
        assert_eq!(codes.len(), usize::from(refused), "{found:#?}");
    }
}

#[test]
fn a_deletion_after_the_plan_makes_it_stale_and_its_end_does_not() {
    let wish = desired(&[wanted()]);
    let mut world = up(&wish);
    let key = world.find(&shop(), "ConfigMap", "spaces");
    let print = |plan: &Plan, key: &ObjectKey| plan.fingerprints.iter().find(|print| &print.object == key).expect("it was read").clone();

    world.edit(&key, "/data/key", json!("b"), "kubectl-edit");
    let (before, _) = world.plan(&wish, Mode::Apply);
    world.delete_held(&key, HOLD);
    let stale = print(&before, &key).stale(world.objects.get(&key));
    let fields: Vec<&str> = stale.iter().map(|leaf| leaf.field.as_str()).collect();
    assert_eq!(fields, ["metadata.deletionTimestamp"]);

    let (plan, _) = world.plan(&wish, Mode::Apply);
    let print = print(&plan, &key);
    assert!(print.is_consistent());
    assert!(!windlass_core::plan::Fingerprint { deleting: None, ..print.clone() }.is_consistent(), "the hash covers it");
    world.edit(&key, "/data/key", json!("c"), "kubectl-edit");
    assert_eq!(print.stale(world.objects.get(&key)), [], "what becomes of it on its way does not matter");
    world.release(&key);
    assert_eq!(print.stale(None), []);
    let other = json!({"metadata": {"uid": "another"}});
    assert_eq!(print.stale(Some(&other)).len(), 1, "made again by somebody else");
}

#[test]
fn the_same_finding_again_is_a_new_repair_for_the_agent() {
    let wish = desired(&[wanted()]);
    let mut world = up(&wish);
    let key = world.find(&shop(), "ConfigMap", "spaces");
    let mut asked = Vec::new();
    for _ in 0..2 {
        world.edit(&key, "/data/key", json!("b"), "kubectl-edit");
        let (plan, _) = world.plan(&wish, Mode::Apply);
        let repairs = plan.steps.iter().filter_map(|step| match &step.action {
            Action::PublishLayer { repair, .. } => repair.clone(),
            _ => None,
        });
        asked.extend(repairs);
        world.apply(&plan, usize::MAX);
    }
    assert_eq!(asked.len(), 2);
    assert_ne!(asked[0], asked[1], "an agent that has done the first would not do the second");
}

#[test]
fn drift_tells_of_it_and_of_nothing_else() {
    let mut world: World = up(&desired(&[wanted()]));
    let spaces = world.find(&shop(), "ConfigMap", "spaces");
    world.edit(&spaces, "/data/key", json!("b"), "kubectl-edit");
    let layer = world.find(&shop(), "Layer", "ebs");
    for key in [&spaces, &layer] {
        world.delete_held(key, HOLD);
    }
    let report = drift(&world.state, &world.answers(&drift_demands(&world.state)), &KEY);
    let entries: Vec<Json> = report.entries.iter().map(|entry| serde_json::to_value(entry).unwrap()).collect();
    let told: Vec<String> = entries.iter().map(|entry| format!("{} {}", entry["object"]["kind"], entry["finding"])).collect();
    assert_eq!(told, ["\"Layer\" \"deleting\"", "\"ConfigMap\" \"deleting\""]);
    for entry in entries {
        assert_eq!(entry["since"], json!("2026-02-02T00:00:00Z"));
        assert_eq!(entry["finalizers"], json!([HOLD]));
        assert!(entry.get("actor").is_none() && entry.get("with").is_none(), "{entry}");
    }
}
