//! A cluster with external etcd: its Secrets come before the control plane, move with it, and go after the Cluster.

use serde_json::json;
use windlass_core::addr::{Address, Part};
use windlass_core::desired::Desired;
use windlass_core::plan::{Action, Mode, Plan};

use crate::cases::{good, reasons, shown};
use crate::laws::up;
use crate::wish::{ETCD_KEY, Wanted, cluster, desired, management};
use crate::world::World;

const SECRETS: [&str; 2] = ["shop-etcd", "shop-apiserver-etcd-client"];

fn wish(pivot: bool) -> Desired {
    desired(&[Wanted { etcd: true, pivot, ..Wanted::new("shop") }])
}

fn control_plane() -> Address {
    cluster("shop").with(Part::ControlPlane)
}

fn destroy(world: &World, wish: &Desired) -> Plan {
    let (plan, found) = world.plan(wish, Mode::Destroy);
    assert!(found.is_empty(), "{found:#?}");
    plan
}

#[test]
fn its_secrets_are_made_before_the_control_plane_and_move_with_it() {
    let wish = wish(true);
    let plan = good(&World::empty(), &wish);
    let applied = plan.steps.iter().find_map(|step| match &step.action {
        Action::Apply { objects, .. } if step.address == control_plane() => Some(objects),
        _ => None,
    });
    let keys: Vec<String> = applied.expect("a step applies it").iter().map(|object| object.key.short()).collect();
    assert_eq!(keys[..2], SECRETS.map(|name| format!("Secret shop/{name}")));
    assert_eq!(keys[3], "KubeadmControlPlane shop/shop-control-plane");
    let text = serde_json::to_string(&plan).expect("JSON");
    assert!(!text.contains(ETCD_KEY) && !text.contains(&data_encoding::BASE64.encode(ETCD_KEY.as_bytes())));

    let world = up(&wish);
    for name in SECRETS {
        world.find(&cluster("shop"), "Secret", name);
        assert!(!world.objects.keys().any(|key| key.plane == management() && key.name == name), "{name} is left behind");
    }
}

#[test]
fn a_lost_or_changed_secret_is_put_back_where_the_control_plane_is() {
    for pivot in [true, false] {
        let wish = wish(pivot);
        let mut world = up(&wish);
        let plane = if pivot { cluster("shop") } else { management() };
        let [etcd, client] = SECRETS.map(|name| world.find(&plane, "Secret", name));
        world.objects.remove(&etcd);
        world.edit(&client, "/data/tls.key", json!({"$wl": "secret", "digest": "hmac-sha256:other"}), "kubectl-edit");
        let plan = good(&world, &wish);
        let expected = ["update cluster.shop.control_plane", "  apply cluster.shop.control_plane", "  wait cluster.shop.control_plane"];
        assert_eq!(shown(&plan), expected);
        assert!(reasons(&plan).iter().any(|reason| reason.contains("Secret shop/shop-etcd")), "{:?}", reasons(&plan));
        world.apply(&plan, usize::MAX);
        assert!(good(&world, &wish).steps.is_empty());
    }
}

#[test]
fn they_go_after_the_cluster_unless_they_are_not_ours() {
    for (pivot, marked) in [(true, true), (false, true), (true, false)] {
        let wish = wish(pivot);
        let mut world = up(&wish);
        let plane = if pivot { cluster("shop") } else { management() };
        for name in SECRETS.iter().filter(|_| !marked) {
            let key = world.find(&plane, "Secret", name);
            world.objects.get_mut(&key).expect("it is there")["metadata"]["labels"]["windlass.dev/lineage"] = json!("other");
        }
        let plan = destroy(&world, &wish);
        let deletes = |kind: &str| {
            let of_kind = |action: &Action| matches!(action, Action::Delete { objects, .. } if objects.iter().any(|object| object.key.kind == kind && object.key.namespace.as_deref() == Some("shop")));
            plan.steps.iter().position(|step| of_kind(&step.action))
        };
        let (of_cluster, of_secrets) = (deletes("Cluster").expect("the Cluster goes"), deletes("Secret"));
        assert_eq!(of_secrets.is_some(), marked);
        assert!(of_secrets.is_none_or(|at| at > of_cluster), "{of_cluster} {of_secrets:?}");
        world.apply(&plan, usize::MAX);
        assert!(world.state.resources.is_empty() && world.state.objects.is_empty());
    }
}

#[test]
fn a_destroy_killed_between_the_cluster_and_its_secrets_takes_them_the_next_time() {
    for pivot in [true, false] {
        let wish = wish(pivot);
        let mut world = up(&wish);
        let plan = destroy(&world, &wish);
        let at = plan.steps.iter().position(|step| matches!(step.action, Action::Delete { .. }) && step.address == control_plane());
        let at = at.expect("a step deletes them");
        world.apply(&plan, at);
        world.begin(&plan.steps[at]);
        let left = |world: &World| world.objects.keys().filter(|key| SECRETS.contains(&key.name.as_str())).count();
        assert_eq!(left(&world), 2);
        let plan = destroy(&world, &wish);
        world.apply(&plan, usize::MAX);
        assert_eq!(left(&world), 0);
        assert!(world.state.resources.is_empty() && world.state.objects.is_empty());
    }
}
