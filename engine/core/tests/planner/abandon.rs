//! Clusters that are given up.

use serde_json::json;
use windlass_core::addr::Address;
use windlass_core::desired::Desired;
use windlass_core::diag::{Code, Diagnostics};
use windlass_core::object::ObjectKey;
use windlass_core::plan::{Action, ChangeAction, Mode, Plan, PlanOptions, abandoned, answers_again, drift_demands};
use windlass_core::recorded::{Effect, RecordedObject};

use crate::laws::up;
use crate::wish::{Wanted, cluster, desired, management};
use crate::world::{KEY, World};

fn abandon(world: &World, wish: &Desired, clusters: &[Address]) -> (Plan, Diagnostics) {
    let options =
        PlanOptions { mode: Mode::Destroy, tool_version: "0.1.0", key: &KEY, replace: &[], release_foreign: false, abandon: clusters };
    world.plan_with(wish, &options)
}

fn silent(world: &mut World, plane: Address) {
    world.unreachable.insert(plane, "no route".into());
}

fn object(plane: &Address, group: &str, kind: &str, namespace: &str, name: &str) -> ObjectKey {
    ObjectKey { plane: plane.clone(), group: group.into(), kind: kind.into(), namespace: Some(namespace.into()), name: name.into() }
}

fn notes(plan: &Plan, address: &Address) -> String {
    plan.changes.iter().find(|change| &change.address == address).map(|change| change.notes.join("\n")).unwrap_or_default()
}

#[test]
fn a_cluster_that_does_not_answer_is_forgotten_and_nothing_else_is_done() {
    let wish = desired(&[Wanted::new("shop"), Wanted::new("web")]);
    let mut world = up(&wish);
    let service = RecordedObject {
        resource: cluster("shop").with(windlass_core::addr::Part::Layer("ingress".into())),
        uid: "s".into(),
        api_version: "v1".into(),
        applied: json!({"spec": {"type": "LoadBalancer"}}),
    };
    world.state.objects.insert(object(&cluster("shop"), "", "Service", "web", "front"), service);
    let access = object(&management(), "", "Secret", "windlass-system", "windlass-access-shop");
    world.objects.insert(access, json!({"metadata": {"uid": "a"}}));
    silent(&mut world, cluster("shop"));
    let (plan, diagnostics) = abandon(&world, &wish, &[cluster("shop")]);
    assert!(diagnostics.is_empty() && plan.unplanned.is_empty(), "{diagnostics:#?}");
    assert!(plan.steps.len() == 1 && matches!(plan.steps[0].action, Action::Record), "{:#?}", plan.steps);
    let below: Vec<&Address> = world.state.resources.keys().filter(|address| address.root() == cluster("shop")).collect();
    assert_eq!(plan.changes.iter().map(|change| &change.address).collect::<Vec<_>>(), below);
    for change in &plan.changes {
        assert_eq!((change.action, change.objects.len()), (ChangeAction::Forget, 0), "{}", change.address);
        assert_eq!(change.reasons[0].rule, "abandoned, its API does not answer: no route");
    }
    assert_eq!(
        notes(&plan, &cluster("shop")),
        "leaves its machines, which are not known here: ask the cloud for those of cluster shop
leaves the load balancer of its API
leaves the load balancer of Service web/front
what others made in it (load balancers, volumes) is not known
Secret windlass-system/windlass-access-shop stays on management.sandbox: it is the last key to the cluster
its block is still in the configuration: remove it, or the next apply makes a new cluster of this name"
    );

    let live = world.objects.clone();
    let others = |world: &World| -> Vec<String> {
        let of_shop = |address: &Address| address.root() == cluster("shop");
        let objects = world.state.objects.iter().filter(|(key, object)| !of_shop(&key.plane) && !of_shop(&object.resource));
        let resources = world.state.resources.keys().filter(|address| !of_shop(address));
        objects.map(|(key, _)| key.to_string()).chain(resources.map(Address::to_string)).collect()
    };
    let before = others(&world);
    world.apply(&plan, usize::MAX);
    assert_eq!(world.objects, live, "nothing is deleted on any plane");
    assert_eq!(others(&world), before, "the other cluster and the cloud stay as they are");
    let left: Vec<String> = world
        .state
        .objects
        .iter()
        .filter(|(key, object)| key.plane == cluster("shop") || object.resource.root() == cluster("shop"))
        .map(|(key, _)| key.to_string())
        .chain(world.state.resources.keys().filter(|address| address.root() == cluster("shop")).map(Address::to_string))
        .chain(world.state.planes.keys().filter(|plane| **plane == cluster("shop")).map(Address::to_string))
        .collect();
    assert_eq!(left, Vec::<String>::new());

    // Without its block nothing is left to plan.
    let (plan, diagnostics) = world.plan(&desired(&[Wanted::new("web")]), Mode::Apply);
    assert!(diagnostics.is_empty() && plan.unplanned.is_empty(), "{diagnostics:#?}");
    assert!(plan.changes.iter().all(|change| change.action == ChangeAction::NoOp), "{:#?}", plan.changes);
}

#[test]
fn machines_that_the_management_plane_knows_are_listed() {
    let wish = desired(&[Wanted { pivot: false, agent: false, ..Wanted::new("shop") }]);
    let mut world = up(&wish);
    for (name, owner, id) in [("a", "shop", "aws:///a/i-2"), ("b", "shop", "aws:///a/i-1"), ("c", "other", "aws:///a/i-3")] {
        world.objects.insert(
            object(&management(), "cluster.x-k8s.io", "Machine", "shop", name),
            json!({"metadata": {"labels": {"cluster.x-k8s.io/cluster-name": owner}}, "spec": {"providerID": id}}),
        );
    }
    let key = world.find(&management(), "Cluster", "shop");
    world.objects.get_mut(&key).unwrap()["spec"]["controlPlaneEndpoint"] = json!({"host": "shop.elb", "port": 6443});
    silent(&mut world, cluster("shop"));
    let (plan, diagnostics) = abandon(&world, &Desired { management: wish.management.clone(), ..Desired::default() }, &[cluster("shop")]);
    assert!(diagnostics.is_empty(), "{diagnostics:#?}");
    assert_eq!(
        notes(&plan, &cluster("shop")),
        "leaves machine aws:///a/i-1
leaves machine aws:///a/i-2
leaves the load balancer of its API, shop.elb
what others made in it (load balancers, volumes) is not known
Cluster shop/shop stays on management.sandbox, and Cluster API goes on with its machines; delete it there to have them taken down"
    );
}

/// Each world of the loop, and what is told of machines and of the management plane.
#[test]
fn what_was_seen_last_is_told_and_what_was_not_looked_at_is_no_claim() {
    let wish = desired(&[Wanted::new("shop")]);
    let stays = desired(&[Wanted { pivot: false, agent: false, ..Wanted::new("shop") }]);
    let last_key = "Secret windlass-system/windlass-access-shop stays on management.sandbox: it is the last key to the cluster";
    let whole = "whether Secret windlass-system/windlass-access-shop, the last key to the cluster, is still on management.sandbox was not \
                 looked at, since that does not answer";
    let cluster_too = "whether Cluster shop/shop is still on management.sandbox was not looked at, since that does not answer; Cluster API \
                       goes on with its machines there";
    for (wish, plane, gone, expected) in [
        (&wish, false, false, Some(last_key)),
        (&wish, true, false, Some(whole)),
        (&stays, true, false, Some(cluster_too)),
        (&stays, false, true, Some("Cluster shop/shop is no longer on management.sandbox")),
    ] {
        let mut world = up(wish);
        let ids = ["aws:///b/i-2", "aws:///a/i-1"].map(str::to_owned).into();
        world.state.apply(&Effect::Machines { cluster: cluster("shop"), provider_ids: ids });
        silent(&mut world, cluster("shop"));
        if plane {
            silent(&mut world, management());
        }
        if gone {
            let key = world.find(&management(), "Cluster", "shop");
            world.objects.remove(&key);
        }
        let (plan, diagnostics) = abandon(&world, wish, &[cluster("shop")]);
        assert!(diagnostics.is_empty(), "{diagnostics:#?}");
        let told = notes(&plan, &cluster("shop"));
        let machines = "these machines may still run (as a run of windlass saw them last; Cluster API may have replaced some since):
  aws:///a/i-1
  aws:///b/i-2
leaves the load balancer of its API
";
        assert!(told.starts_with(machines), "{told}");
        let about: Vec<&str> = told.lines().filter(|line| line.contains("management.sandbox")).collect();
        assert_eq!(about, expected.into_iter().collect::<Vec<_>>());
        world.apply(&plan, usize::MAX);
        assert!(world.state.machines.is_empty(), "they are nobody's now");
    }
}

#[test]
fn outputs_go_with_the_cluster_that_they_tell_of() {
    let wish = desired(&[Wanted::new("shop"), Wanted::new("web")]);
    let nothing = Desired { management: wish.management.clone(), ..Desired::default() };
    let others = desired(&[Wanted::new("web")]);
    for (wish, all, left) in [
        (&wish, false, &["web_endpoint"][..]),
        // Its block has gone, and its outputs with it.
        (&others, false, &["web_endpoint"]),
        // Nobody knows whose they are, until no cluster is left.
        (&nothing, false, &["shop_endpoint", "web_endpoint"]),
        (&nothing, true, &[]),
    ] {
        let mut world = up(&desired(&[Wanted::new("shop"), Wanted::new("web")]));
        assert_eq!(world.state.outputs.len(), 2);
        let mut given_up = vec![cluster("shop")];
        if all {
            given_up.push(cluster("web"));
        }
        given_up.iter().for_each(|plane| silent(&mut world, plane.clone()));
        let (plan, diagnostics) = abandon(&world, wish, &given_up);
        assert!(diagnostics.is_empty(), "{diagnostics:#?}");
        let shown: Vec<&str> = plan.outputs.iter().filter(|(_, output)| output.after.is_null()).map(|(name, _)| name.as_str()).collect();
        world.apply(&plan, usize::MAX);
        let kept: Vec<&str> = world.state.outputs.keys().map(String::as_str).collect();
        assert_eq!(kept, left);
        assert!(["shop_endpoint", "web_endpoint"].iter().all(|name| kept.contains(name) != shown.contains(name)), "{shown:?} {kept:?}");
    }
}

#[test]
fn what_can_be_destroyed_is_not_abandoned() {
    let wish = desired(&[Wanted::new("shop")]);
    let answering = up(&wish);
    let mut protected = up(&wish);
    silent(&mut protected, cluster("shop"));
    protected.state.resources.get_mut(&cluster("shop")).unwrap().protect = true;
    let mut never_opened = up(&wish);
    never_opened.planes.remove(&cluster("shop"));
    never_opened.state.planes.remove(&cluster("shop"));
    let mut lost = up(&wish);
    silent(&mut lost, cluster("shop"));
    silent(&mut lost, management());
    for (world, name, expected) in [
        (&answering, "shop", Some((Code::NOT_ABANDONED, "cluster.shop can be destroyed and is not abandoned"))),
        (&never_opened, "shop", Some((Code::NOT_ABANDONED, "cluster.shop can be destroyed and is not abandoned"))),
        (&protected, "shop", Some((Code::PROTECTED, "cluster.shop is protected and would be destroyed"))),
        (&answering, "shap", Some((Code::NOT_ABANDONED, "-abandon=cluster.shap: the state holds no such cluster"))),
        (&lost, "shop", None),
    ] {
        let (plan, diagnostics) = abandon(world, &wish, &[cluster(name)]);
        let found = diagnostics.iter().map(|found| (found.code, found.summary.as_str())).collect::<Vec<_>>();
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
        assert_eq!(plan.steps.is_empty(), expected.is_some(), "{name}");
    }
    let reason = |plan: &Plan| plan.changes[0].reasons[0].rule.clone();
    assert_eq!(reason(&abandon(&lost, &wish, &[cluster("shop")]).0), "abandoned, its management plane does not answer: no route");
}

/// A plan may be applied long after it was made.
#[test]
fn a_saved_plan_abandons_only_while_nobody_answers() {
    let wish = desired(&[Wanted::new("shop")]);
    let answering = up(&wish);
    let mut world = up(&wish);
    silent(&mut world, cluster("shop"));
    let (plan, _) = abandon(&world, &wish, &[cluster("shop")]);
    assert_eq!(abandoned(&plan).collect::<Vec<_>>(), [&cluster("shop")]);
    let asked = |world: &World| answers_again(&plan, &world.state, &world.answers(&drift_demands(&world.state)));
    assert_eq!(asked(&world), None);
    assert_eq!(asked(&answering), Some((cluster("shop"), "Its API answers.")));
    // A plan that destroys forgets planes, too, and abandons nobody.
    assert_eq!(abandoned(&answering.plan(&wish, Mode::Destroy).0).count(), 0);
}
