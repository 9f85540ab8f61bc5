//! What no update puts right is deleted and made again: shown as that, and done in that order, on every way on which objects come.

use serde_json::{Value as Json, json};
use windlass_core::addr::Address;
use windlass_core::diag::Code;
use windlass_core::layer::LayerKind;
use windlass_core::plan::{Action, Mode, ObjectAction, Plan};

use crate::laws::up;
use crate::wish::{Wanted, cluster, desired, management, object};
use crate::world::World;

const RBAC: &str = "rbac.authorization.k8s.io";

fn wanted(agent: bool) -> Wanted {
    let labels = json!({"app": "web"});
    let objects = [
        json!({
            "apiVersion": format!("{RBAC}/v1"), "kind": "ClusterRoleBinding", "metadata": {"name": "reader"},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "view"},
            "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": "kube-system"}],
        }),
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "kube-system"},
            "spec": {
                "replicas": 2, "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}},
            },
        }),
        json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data", "namespace": "kube-system"},
            "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "gp3", "resources": {"requests": {"storage": "1Gi"}}},
        }),
    ];
    let layer = ("things".to_owned(), LayerKind::Addon, vec![], objects.into_iter().map(object).collect());
    Wanted { agent, layers: vec![layer], ..Wanted::new("shop") }
}

/// Another object of this name, made by hand, with one field in another way.
fn made_otherwise(up: &World, (plane, kind, name): (&Address, &str, &str), pointer: &str, value: Json) -> World {
    let mut world = up.clone();
    let key = world.find(plane, kind, name);
    world.make_again(&key, Some("kubectl-create"));
    world.edit(&key, pointer, value, "kubectl-create");
    world
}

fn shown(plan: &Plan) -> Vec<(ObjectAction, String)> {
    plan.changes.iter().flat_map(|change| &change.objects).map(|object| (object.action, object.key.short())).collect()
}

#[test]
fn what_no_update_puts_right_is_deleted_and_made_again() {
    let (shop, management) = (cluster("shop"), management());
    let role = || json!({"apiGroup": RBAC, "kind": "ClusterRole", "name": "other"});
    let selector = || json!({"matchLabels": {"app": "other"}});
    for agent in [true, false] {
        let wish = desired(&[wanted(agent)]);
        let up = up(&wish);
        let rows: Vec<(&Address, &str, &str, &str, Json, ObjectAction)> = vec![
            (&shop, "ClusterRoleBinding", "reader", "/roleRef", role(), ObjectAction::Replace),
            (&shop, "Deployment", "web", "/spec/selector", selector(), ObjectAction::Replace),
            (&shop, "Deployment", "web", "/spec/replicas", json!(5), ObjectAction::Update),
            (&management, "ClusterRoleBinding", "aws-manager", "/roleRef", role(), ObjectAction::Replace),
            (&shop, "ClusterRoleBinding", "aws-manager", "/roleRef", role(), ObjectAction::Replace),
        ];
        for (plane, kind, name, pointer, value, action) in rows {
            let mut world = made_otherwise(&up, (plane, kind, name), pointer, value);
            let key = world.find(plane, kind, name);
            let case = format!("{key} {pointer}, agent: {agent}");
            let uid = world.objects[&key]["metadata"]["uid"].clone();
            let (plan, diagnostics) = world.plan(&wish, Mode::Apply);
            assert!(diagnostics.is_empty(), "{case}: {diagnostics:#?}");
            assert_eq!(shown(&plan), [(action, key.short())], "{case}");
            let forced = plan.changes.iter().flat_map(|change| &change.reasons).any(|reason| reason.rule.ends_with(", forces replacement"));
            assert_eq!(forced, action == ObjectAction::Replace, "{case}");
            let at = plan.steps.iter().position(|step| matches!(step.action, Action::MakeWay { .. }));
            assert_eq!(at.is_some(), action == ObjectAction::Replace, "{case}");
            if let Some(at) = at {
                let Action::MakeWay { objects, .. } = &plan.steps[at].action else { unreachable!("it is one") };
                assert_eq!((objects.len(), objects[0].uid.as_deref()), (1, uid.as_str()), "{case}");
                // Broken off in between, it is made all the same.
                let mut stopped = world.clone();
                stopped.apply(&plan, at + 1);
                let (rest, diagnostics) = stopped.plan(&wish, Mode::Apply);
                assert!(diagnostics.is_empty(), "{case}: {diagnostics:#?}");
                stopped.apply(&rest, usize::MAX);
                assert!(stopped.plan(&wish, Mode::Apply).0.steps.is_empty(), "{case}");
            }
            world.apply(&plan, usize::MAX);
            assert!(world.plan(&wish, Mode::Apply).0.steps.is_empty(), "{case}");
        }
    }
}

#[test]
fn what_holds_data_is_left_to_a_person() {
    let wish = desired(&[wanted(true)]);
    let claim = (&cluster("shop"), "PersistentVolumeClaim", "data");
    let world = made_otherwise(&up(&wish), claim, "/spec/accessModes", json!(["ReadWriteMany"]));
    let (plan, diagnostics) = world.plan(&wish, Mode::Apply);
    let told: Vec<_> = diagnostics.iter().map(|found| (found.code, found.detail.as_str(), found.hint.as_deref())).collect();
    assert_eq!(
        told,
        [(
            Code::UNCHANGEABLE,
            "`spec.accessModes` is fixed as long as the object lives, and windlass does not delete what holds data.",
            Some("save what it holds, then `kubectl -n kube-system delete persistentvolumeclaim data`; the next apply makes it again"),
        )]
    );
    assert!(!plan.steps.iter().any(|step| matches!(step.action, Action::MakeWay { .. })));
    // With the claim deleted it is made again.
    let mut world = world;
    let key = world.find(&cluster("shop"), "PersistentVolumeClaim", "data");
    world.objects.remove(&key);
    let (plan, diagnostics) = world.plan(&wish, Mode::Apply);
    assert!(diagnostics.is_empty(), "{diagnostics:#?}");
    world.apply(&plan, usize::MAX);
    assert!(world.plan(&wish, Mode::Apply).0.steps.is_empty());
}
