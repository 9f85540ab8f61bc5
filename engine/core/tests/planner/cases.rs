//! Single cases of creating, keeping, repairing and refusing: desired + recorded + facts → changes, steps, findings.

use serde_json::{Value as Json, json};
use windlass_core::addr::{Address, Part};
use windlass_core::desired::Desired;
use windlass_core::diag::{Code, FileId, Span};
use windlass_core::facts::PlaneFact;
use windlass_core::marks::LABEL_LINEAGE;
use windlass_core::object::ObjectKey;
use windlass_core::plan::{Action, ChangeAction, Mode, Plan, PlanOptions, plan};
use windlass_core::recorded::{Effect, ResourceStatus};
use windlass_core::value::{Type, Value};

use crate::laws::up;
use crate::wish::{LINEAGE, Wanted, cluster, desired, management, object};
use crate::world::{KEY, World};

fn shop() -> Address {
    cluster("shop")
}

/// Changes that are no no-ops, and what the steps do, one line each.
pub fn shown(plan: &Plan) -> Vec<String> {
    let changes = plan.changes.iter().filter(|change| change.action != ChangeAction::NoOp);
    let changes = changes.map(|change| format!("{} {}", format!("{:?}", change.action).to_lowercase(), change.address));
    let steps = plan.steps.iter().map(|step| {
        let action = serde_json::to_value(&step.action).unwrap();
        format!("  {} {}", action["do"].as_str().unwrap(), step.address)
    });
    changes.chain(steps).collect()
}

pub fn reasons(plan: &Plan) -> Vec<String> {
    let all = plan.changes.iter().flat_map(|change| &change.reasons);
    all.map(|reason| format!("{}: {} -> {} ({})", reason.field.as_deref().unwrap_or(""), reason.old, reason.new, reason.rule)).collect()
}

pub fn good(world: &World, desired: &Desired) -> Plan {
    let (plan, diagnostics) = world.plan(desired, Mode::Apply);
    assert!(diagnostics.is_empty(), "{diagnostics:#?}");
    plan
}

pub fn found(world: &World, desired: &Desired) -> Vec<(Code, String)> {
    let diagnostics = world.plan(desired, Mode::Apply).1;
    diagnostics.iter().map(|diagnostic| (diagnostic.code, format!("{}. {}", diagnostic.summary, diagnostic.detail))).collect()
}

fn codes(world: &World, desired: &Desired) -> Vec<Code> {
    found(world, desired).into_iter().map(|(code, _)| code).collect()
}

#[test]
fn a_pivoted_cluster_comes_up_in_the_order_of_the_saga() {
    let plan = good(&World::empty(), &desired(&[Wanted::new("shop")]));
    let expected = "\
create management.sandbox.provider[\"aws\"]
create management.sandbox.provider[\"cluster-api\"]
create cloud.aws.main
create cluster.shop
create cluster.shop.control_plane
create cluster.shop.worker_pool[\"general\"]
create cluster.shop.agent
pivot cluster.shop.pivot
create cluster.shop.layer[\"cilium\"]
create cluster.shop.layer[\"cloud-controller\"]
create cluster.shop.layer[\"ebs\"]
create cluster.shop.layer[\"ingress\"]
create cluster.shop.layer[\"spaces\"]
  ensure_provider management.sandbox.provider[\"cluster-api\"]
  ensure_provider management.sandbox.provider[\"aws\"]
  apply cloud.aws.main
  apply cluster.shop
  apply cluster.shop.control_plane
  wait cluster.shop
  open_plane cluster.shop
  apply_layer cluster.shop.layer[\"cilium\"]
  apply_layer cluster.shop.layer[\"cloud-controller\"]
  wait_nodes cluster.shop.control_plane
  wait cluster.shop.control_plane
  apply cluster.shop.agent
  wait_agent cluster.shop.agent
  ensure_provider cluster.shop.pivot
  ensure_provider cluster.shop.pivot
  apply cluster.shop
  apply cloud.aws.main
  pivot_preflight cluster.shop.pivot
  pivot cluster.shop.pivot
  verify_pivot cluster.shop.pivot
  apply cluster.shop.control_plane
  wait cluster.shop.control_plane
  apply cluster.shop.worker_pool[\"general\"]
  wait cluster.shop.worker_pool[\"general\"]
  publish_layer cluster.shop.layer[\"cilium\"]
  publish_layer cluster.shop.layer[\"cloud-controller\"]
  publish_layer cluster.shop.layer[\"ebs\"]
  publish_layer cluster.shop.layer[\"spaces\"]
  publish_layer cluster.shop.layer[\"ingress\"]
  remove_leftovers cluster.shop
  record cluster.shop
  store_outputs management.sandbox";
    assert_eq!(shown(&plan).join("\n"), expected);
}

#[test]
fn one_control_plane_machine_comes_before_the_pivot_and_all_of_them_after() {
    for (pivot, home) in [(true, shop()), (false, management())] {
        let plan = good(&World::empty(), &desired(&[Wanted { pivot, ..Wanted::new("shop") }]));
        let mut sizes = Vec::new();
        for step in &plan.steps {
            let Action::Apply { plane, objects, .. } = &step.action else { continue };
            for object in objects.iter().filter(|object| object.key.kind == "KubeadmControlPlane") {
                sizes.push((plane.clone(), object.content["spec"]["replicas"].clone()));
            }
        }
        assert_eq!(sizes, [(management(), json!(1)), (home, json!(3))]);
    }
}

/// Cluster API refuses a control plane without surge while it is smaller than three.
#[test]
fn no_surge_is_for_control_planes_that_stand() {
    let mut wish = desired(&[Wanted::new("shop")]);
    let resource = wish.resources.get_mut(&shop().with(Part::ControlPlane)).unwrap();
    for object in resource.objects.iter_mut().filter(|object| object.key.kind == "KubeadmControlPlane") {
        let mut json = object.content.to_json().unwrap();
        json["spec"]["rollout"] = json!({"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0}}});
        object.content = Value::from_json(&json);
    }
    let plan = good(&World::empty(), &wish);
    let objects = plan.steps.iter().filter_map(|step| match &step.action {
        Action::Apply { objects, .. } => Some(objects),
        _ => None,
    });
    let planes = objects.flatten().filter(|object| object.key.kind == "KubeadmControlPlane");
    let surges: Vec<_> = planes
        .map(|object| (&object.content["spec"]["replicas"], object.content.pointer("/spec/rollout/strategy/rollingUpdate/maxSurge")))
        .collect();
    assert_eq!(surges, [(&json!(1), Some(&json!(1))), (&json!(3), Some(&json!(0)))]);
}

/// A destroy goes by what the state says, so the state must follow the configuration.
#[test]
fn what_a_cluster_comes_after_is_a_change_of_the_state_alone() {
    let mut wish = desired(&[Wanted::new("shop"), Wanted::new("hub")]);
    let mut world = up(&wish);
    let order = |world: &World, wish: &Desired| {
        let plan = world.plan(wish, Mode::Destroy).0;
        let deletes = plan.steps.iter().filter(
            |step| matches!(&step.action, Action::Delete { objects, .. } if objects.iter().any(|object| object.key.kind == "Cluster")),
        );
        deletes.map(|step| step.address.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(order(&world, &wish), ["cluster.hub", "cluster.shop"]);
    for (after, expected, destroyed) in [
        (true, "depends_on: [] -> [\"cluster.hub\"] (changed in configuration)", ["cluster.shop", "cluster.hub"]),
        (false, "depends_on: [\"cluster.hub\"] -> [] (changed in configuration)", ["cluster.hub", "cluster.shop"]),
    ] {
        let needs = &mut wish.resources.get_mut(&shop()).unwrap().needs;
        if after {
            needs.insert(cluster("hub"))
        } else {
            needs.remove(&cluster("hub"))
        };
        let plan = good(&world, &wish);
        assert_eq!(shown(&plan), ["update cluster.shop", "  record cluster.shop"]);
        assert_eq!(reasons(&plan), [expected]);
        world.apply(&plan, usize::MAX);
        assert!(good(&world, &wish).steps.is_empty());
        assert_eq!(order(&world, &wish), destroyed);
    }
    // Together with a guard, neither is lost.
    let resource = wish.resources.get_mut(&shop()).unwrap();
    resource.needs.insert(cluster("hub"));
    resource.prevent_destroy = true;
    let plan = good(&world, &wish);
    assert_eq!(reasons(&plan).len(), 2);
    world.apply(&plan, usize::MAX);
    assert!(good(&world, &wish).steps.is_empty());
}

#[test]
fn needs_bind_the_saga() {
    let plan = good(&World::empty(), &desired(&[Wanted::new("shop")]));
    let place = |wanted: &str| shown(&plan).iter().filter(|line| line.starts_with(' ')).position(|line| line.trim() == wanted).unwrap();
    let before = |needed: &str, node: &str| {
        let (needed, node) = (place(needed), place(node));
        let mut todo = vec![node];
        while let Some(at) = todo.pop() {
            if at == needed {
                return true;
            }
            todo.extend(plan.steps[at].needs.iter().map(|need| *need as usize));
        }
        false
    };
    for (needed, node) in [
        ("ensure_provider management.sandbox.provider[\"aws\"]", "apply cluster.shop"),
        ("apply cloud.aws.main", "apply cluster.shop"),
        ("apply cluster.shop.control_plane", "open_plane cluster.shop"),
        ("apply_layer cluster.shop.layer[\"cilium\"]", "wait_nodes cluster.shop.control_plane"),
        ("wait_agent cluster.shop.agent", "pivot_preflight cluster.shop.pivot"),
        ("verify_pivot cluster.shop.pivot", "apply cluster.shop.worker_pool[\"general\"]"),
        ("wait cluster.shop.worker_pool[\"general\"]", "publish_layer cluster.shop.layer[\"ebs\"]"),
        ("publish_layer cluster.shop.layer[\"ebs\"]", "publish_layer cluster.shop.layer[\"spaces\"]"),
        ("publish_layer cluster.shop.layer[\"spaces\"]", "publish_layer cluster.shop.layer[\"ingress\"]"),
        ("publish_layer cluster.shop.layer[\"ingress\"]", "remove_leftovers cluster.shop"),
    ] {
        assert!(before(needed, node), "{needed} is not before {node}");
    }
    assert!(!before("apply_layer cluster.shop.layer[\"cilium\"]", "apply_layer cluster.shop.layer[\"cloud-controller\"]"));
}

/// Something that happened to a living cluster outside of windlass.
struct Hurt {
    what: &'static str,
    hurt: fn(&mut World),
    shown: &'static [&'static str],
    /// Empty: not looked at.
    reasons: &'static [&'static str],
}

const HURTS: &[Hurt] = &[
    Hurt {
        what: "a leaf changed by kubectl edit",
        hurt: |world| {
            let key = world.find(&shop(), "ConfigMap", "spaces");
            world.edit(&key, "/data/key", json!("b"), "kubectl-edit");
        },
        shown: &["update cluster.shop.layer[\"spaces\"]", "  publish_layer cluster.shop.layer[\"spaces\"]"],
        reasons: &["ConfigMap kube-system/spaces data.key: \"b\" -> \"a\" (changed outside of windlass by kubectl-edit)"],
    },
    Hurt {
        what: "the only object of a layer deleted",
        hurt: |world| {
            let key = world.find(&shop(), "ConfigMap", "ebs");
            world.objects.remove(&key);
        },
        shown: &["create cluster.shop.layer[\"ebs\"]", "  publish_layer cluster.shop.layer[\"ebs\"]"],
        reasons: &["ConfigMap kube-system/ebs: null -> null (deleted outside of windlass)"],
    },
    Hurt {
        what: "a foreign field",
        hurt: |world| {
            let key = world.find(&shop(), "ConfigMap", "ebs");
            world.edit(&key, "/data/other", json!("x"), "kubectl-edit");
        },
        shown: &[],
        reasons: &[],
    },
    Hurt {
        what: "our mark taken away",
        hurt: |world| {
            let key = world.find(&shop(), "ConfigMap", "ebs");
            world.remove_leaf(&key, "/metadata/labels/windlass.dev~1lineage");
        },
        shown: &["update cluster.shop.layer[\"ebs\"]", "  publish_layer cluster.shop.layer[\"ebs\"]"],
        reasons: &[
            "ConfigMap kube-system/ebs metadata.labels[\"windlass.dev/lineage\"]: null -> \"11111111-2222-3333-4444-555555555555\" (removed outside of windlass, actor unknown)",
        ],
    },
    Hurt {
        what: "the control plane scaled",
        hurt: |world| {
            let key = world.find(&shop(), "KubeadmControlPlane", "shop-control-plane");
            world.edit(&key, "/spec/replicas", json!(5), "kubectl");
        },
        shown: &["update cluster.shop.control_plane", "  apply cluster.shop.control_plane", "  wait cluster.shop.control_plane"],
        reasons: &["KubeadmControlPlane shop/shop-control-plane spec.replicas: 5 -> 3 (changed outside of windlass by kubectl)"],
    },
    Hurt {
        what: "a version changed: putting it back rolls machines",
        hurt: |world| {
            let key = world.find(&shop(), "KubeadmControlPlane", "shop-control-plane");
            world.edit(&key, "/spec/version", json!("v1.35.0"), "kubectl-edit");
        },
        shown: &["repave cluster.shop.control_plane", "  apply cluster.shop.control_plane", "  wait cluster.shop.control_plane"],
        reasons: &[
            "KubeadmControlPlane shop/shop-control-plane spec.version: \"v1.35.0\" -> \"v1.34.3\" (changed outside of windlass by kubectl-edit)",
        ],
    },
    Hurt {
        what: "a secret changed",
        hurt: |world| {
            let key = world.find(&shop(), "Secret", "ingress");
            world.edit(&key, "/data/password", json!({"$wl": "secret", "digest": "hmac-sha256:other"}), "kubectl-edit");
        },
        shown: &["update cluster.shop.layer[\"ingress\"]", "  publish_layer cluster.shop.layer[\"ingress\"]"],
        reasons: &[],
    },
    Hurt {
        what: "the agent deleted",
        hurt: |world| {
            let key = world.find(&shop(), "Deployment", "windlass-agent");
            world.objects.remove(&key);
        },
        shown: &["update cluster.shop.agent", "  apply cluster.shop.agent", "  wait_agent cluster.shop.agent"],
        reasons: &["Deployment windlass-system/windlass-agent: null -> null (deleted outside of windlass)"],
    },
    Hurt {
        what: "the agent's object of a layer deleted",
        hurt: |world| {
            let key = world.find(&shop(), "Layer", "spaces");
            world.objects.remove(&key);
        },
        shown: &["update cluster.shop.layer[\"spaces\"]", "  publish_layer cluster.shop.layer[\"spaces\"]"],
        reasons: &["Layer windlass-system/spaces: null -> null (deleted outside of windlass)"],
    },
    Hurt {
        what: "the marks of the agent's object of a layer and of its content taken away, which hides both from each LIST",
        hurt: |world| {
            for (kind, name) in [("Layer", "spaces"), ("Secret", "spaces-content-0")] {
                let key = world.find(&shop(), kind, name);
                world.remove_leaf(&key, "/metadata/labels/windlass.dev~1lineage");
            }
        },
        shown: &["update cluster.shop.layer[\"spaces\"]", "  publish_layer cluster.shop.layer[\"spaces\"]"],
        reasons: &[
            "Layer windlass-system/spaces metadata.labels[\"windlass.dev/lineage\"]: null -> \"11111111-2222-3333-4444-555555555555\" (removed outside of windlass, actor unknown)",
            "Secret windlass-system/spaces-content-0 metadata.labels[\"windlass.dev/lineage\"]: null -> \"11111111-2222-3333-4444-555555555555\" (removed outside of windlass, actor unknown)",
        ],
    },
    Hurt {
        what: "the address of the agent's object of a layer and of its content changed",
        hurt: |world| {
            for (kind, name) in [("Layer", "spaces"), ("Secret", "spaces-content-0")] {
                let key = world.find(&shop(), kind, name);
                world.edit(&key, "/metadata/annotations/windlass.dev~1address", json!("cluster.other"), "kubectl-annotate");
            }
        },
        shown: &["update cluster.shop.layer[\"spaces\"]", "  publish_layer cluster.shop.layer[\"spaces\"]"],
        reasons: &[
            "Layer windlass-system/spaces metadata.annotations[\"windlass.dev/address\"]: \"cluster.other\" -> \"cluster.shop.layer[\\\"spaces\\\"]\" (changed outside of windlass by kubectl-annotate)",
            "Secret windlass-system/spaces-content-0 metadata.annotations[\"windlass.dev/address\"]: \"cluster.other\" -> \"cluster.shop.layer[\\\"spaces\\\"]\" (changed outside of windlass by kubectl-annotate)",
        ],
    },
    Hurt {
        what: "the address of the access Secret changed",
        hurt: |world| {
            let key = world.find(&management(), "Secret", "windlass-access-shop");
            world.edit(&key, "/metadata/annotations/windlass.dev~1address", json!("cluster.other"), "kubectl-annotate");
        },
        shown: &["update cluster.shop.pivot", "  refresh_access cluster.shop.pivot"],
        reasons: &[
            "Secret windlass-system/windlass-access-shop metadata.annotations[\"windlass.dev/address\"]: null -> null (changed outside of windlass by kubectl-annotate)",
        ],
    },
    Hurt {
        what: "a layer's content deleted",
        hurt: |world| {
            let key = world.find(&shop(), "Secret", "spaces-content-0");
            world.objects.remove(&key);
        },
        shown: &["update cluster.shop.layer[\"spaces\"]", "  publish_layer cluster.shop.layer[\"spaces\"]"],
        reasons: &["Secret windlass-system/spaces-content-0: null -> null (deleted outside of windlass)"],
    },
    Hurt {
        what: "a layer's content being deleted",
        hurt: |world| {
            let key = world.find(&shop(), "Secret", "spaces-content-0");
            world.delete_held(&key, "example.com/hold");
        },
        shown: &[
            "update cluster.shop.layer[\"spaces\"]",
            "  wait cluster.shop.layer[\"spaces\"]",
            "  publish_layer cluster.shop.layer[\"spaces\"]",
        ],
        reasons: &[],
    },
    Hurt {
        what: "a layer's content changed",
        hurt: |world| {
            let key = world.find(&shop(), "Secret", "spaces-content-0");
            world.edit(&key, "/data/content", json!({"$wl": "secret", "digest": "d"}), "kubectl-edit");
        },
        shown: &["update cluster.shop.layer[\"spaces\"]", "  publish_layer cluster.shop.layer[\"spaces\"]"],
        reasons: &["Secret windlass-system/spaces-content-0 data.content: {\"$wl\":\"secret\",\"digest\":\"d\"} -> \
                    {\"$wl\":\"secret\",\"digest\":\"\"} (changed outside of windlass by kubectl-edit)"],
    },
    Hurt {
        what: "a layer's content of another digest",
        hurt: |world| {
            let key = world.find(&shop(), "Secret", "spaces-content-0");
            world.objects.get_mut(&key).unwrap()["metadata"]["annotations"] = json!({});
        },
        shown: &["update cluster.shop.layer[\"spaces\"]", "  publish_layer cluster.shop.layer[\"spaces\"]"],
        reasons: &[],
    },
    Hurt {
        what: "the access Secret deleted",
        hurt: |world| {
            let key = world.find(&management(), "Secret", "windlass-access-shop");
            world.objects.remove(&key);
        },
        shown: &["update cluster.shop.pivot", "  refresh_access cluster.shop.pivot"],
        reasons: &["Secret windlass-system/windlass-access-shop: null -> null (deleted outside of windlass)"],
    },
    Hurt {
        what: "the access Secret made by hand",
        hurt: |world| {
            let key = world.find(&management(), "Secret", "windlass-access-shop");
            world.make_again(&key, Some("kubectl-create"));
            world.objects.get_mut(&key).unwrap()["metadata"]["labels"] = json!({});
        },
        shown: &["update cluster.shop.pivot", "  refresh_access cluster.shop.pivot"],
        reasons: &[
            "Secret windlass-system/windlass-access-shop: null -> null (made outside of windlass by kubectl-create; it is taken over)",
        ],
    },
    Hurt {
        what: "the access Secret and a manager deleted",
        hurt: |world| {
            for (plane, kind, name) in [(management(), "Secret", "windlass-access-shop"), (shop(), "Deployment", "aws-manager")] {
                let key = world.find(&plane, kind, name);
                world.objects.remove(&key);
            }
        },
        shown: &[
            "update cluster.shop.pivot",
            "  ensure_provider cluster.shop.pivot",
            "  ensure_provider cluster.shop.pivot",
            "  apply cluster.shop",
            "  apply cloud.aws.main",
            "  refresh_access cluster.shop.pivot",
        ],
        reasons: &[],
    },
    Hurt {
        what: "an identity deleted on the management plane",
        hurt: |world| {
            let key = world.find(&management(), "AWSClusterRoleIdentity", "aws-main");
            world.objects.remove(&key);
        },
        shown: &["update cloud.aws.main", "  apply cloud.aws.main"],
        reasons: &["AWSClusterRoleIdentity aws-main: null -> null (deleted outside of windlass)"],
    },
    Hurt {
        what: "an identity deleted in the cluster",
        hurt: |world| {
            let key = world.find(&shop(), "AWSClusterRoleIdentity", "aws-main");
            world.objects.remove(&key);
        },
        shown: &["update cloud.aws.main", "  apply cloud.aws.main"],
        reasons: &["AWSClusterRoleIdentity aws-main: null -> null (deleted outside of windlass)"],
    },
    Hurt {
        what: "a provider's manager deleted",
        hurt: |world| {
            let key = world.find(&management(), "Deployment", "aws-manager");
            world.objects.remove(&key);
        },
        shown: &["update management.sandbox.provider[\"aws\"]", "  ensure_provider management.sandbox.provider[\"aws\"]"],
        reasons: &[],
    },
    Hurt {
        what: "a provider's manager deleted in the cluster",
        hurt: |world| {
            let key = world.find(&shop(), "Deployment", "aws-manager");
            world.objects.remove(&key);
        },
        shown: &[
            "update cluster.shop.pivot",
            "  ensure_provider cluster.shop.pivot",
            "  ensure_provider cluster.shop.pivot",
            "  apply cluster.shop",
            "  apply cloud.aws.main",
        ],
        reasons: &["Deployment capa-system/aws-manager: null -> null (deleted outside of windlass)"],
    },
    Hurt {
        what: "a provider's credentials deleted",
        hurt: |world| {
            let key = world.find(&management(), "Secret", "capa-manager-bootstrap-credentials");
            world.objects.remove(&key);
        },
        shown: &["update management.sandbox.provider[\"aws\"]", "  ensure_provider management.sandbox.provider[\"aws\"]"],
        reasons: &[],
    },
    Hurt {
        what: "one object of a layer of two deleted",
        hurt: |world| {
            let key = world.find(&shop(), "Secret", "ingress");
            world.objects.remove(&key);
        },
        shown: &["update cluster.shop.layer[\"ingress\"]", "  publish_layer cluster.shop.layer[\"ingress\"]"],
        reasons: &["Secret kube-system/ingress: null -> null (deleted outside of windlass)"],
    },
    Hurt {
        what: "a provider's rights deleted",
        hurt: |world| {
            let key = world.find(&management(), "ClusterRoleBinding", "aws-manager");
            world.objects.remove(&key);
        },
        shown: &["update management.sandbox.provider[\"aws\"]", "  ensure_provider management.sandbox.provider[\"aws\"]"],
        reasons: &["ClusterRoleBinding aws-manager: null -> null (deleted outside of windlass)"],
    },
    Hurt {
        what: "a provider's rights deleted in the cluster",
        hurt: |world| {
            let key = world.find(&shop(), "ClusterRoleBinding", "aws-manager");
            world.objects.remove(&key);
        },
        shown: &[
            "update cluster.shop.pivot",
            "  ensure_provider cluster.shop.pivot",
            "  ensure_provider cluster.shop.pivot",
            "  apply cluster.shop",
            "  apply cloud.aws.main",
        ],
        reasons: &["ClusterRoleBinding aws-manager: null -> null (deleted outside of windlass)"],
    },
    Hurt {
        what: "a kind deleted",
        hurt: |world| {
            let key = world.find(&management(), "CustomResourceDefinition", "things.aws.x-k8s.io");
            world.objects.remove(&key);
        },
        shown: &["update management.sandbox.provider[\"aws\"]", "  ensure_provider management.sandbox.provider[\"aws\"]"],
        reasons: &["CustomResourceDefinition things.aws.x-k8s.io: null -> null (deleted outside of windlass)"],
    },
    Hurt {
        what: "the image of a manager edited",
        hurt: |world| {
            let key = world.find(&management(), "Deployment", "aws-manager");
            world.edit(&key, "/spec/template/spec/containers", json!([{"name": "manager", "image": "evil"}]), "kubectl-edit");
        },
        shown: &["update management.sandbox.provider[\"aws\"]", "  ensure_provider management.sandbox.provider[\"aws\"]"],
        reasons: &[
            "Deployment capa-system/aws-manager spec.template.spec.containers[name=\"manager\"].image: \"evil\" -> \"registry/manager:v1.14.2\" (changed outside of windlass by kubectl-edit)",
        ],
    },
    Hurt {
        what: "a manager scaled to none",
        hurt: |world| {
            let key = world.find(&shop(), "Deployment", "aws-manager");
            world.edit(&key, "/spec/replicas", json!(0), "kubectl");
        },
        shown: &[
            "update cluster.shop.pivot",
            "  ensure_provider cluster.shop.pivot",
            "  ensure_provider cluster.shop.pivot",
            "  apply cluster.shop",
            "  apply cloud.aws.main",
        ],
        reasons: &["Deployment capa-system/aws-manager spec.replicas: 0 -> 1 (changed outside of windlass by kubectl)"],
    },
    Hurt {
        what: "a foreign field of a manager",
        hurt: |world| {
            let key = world.find(&management(), "Deployment", "aws-manager");
            world.edit(&key, "/metadata/annotations/note", json!("x"), "kubectl-edit");
        },
        shown: &[],
        reasons: &[],
    },
    Hurt {
        what: "a foreign field of a kind in the cluster",
        hurt: |world| {
            let key = world.find(&shop(), "CustomResourceDefinition", "things.aws.x-k8s.io");
            world.edit(&key, "/spec/conversion", json!({"strategy": "None"}), "kubectl");
        },
        shown: &[],
        reasons: &[],
    },
    Hurt {
        what: "a worker pool deleted",
        hurt: |world| {
            let key = world.find(&shop(), "MachineDeployment", "shop-general");
            world.objects.remove(&key);
        },
        shown: &[
            "update cluster.shop.worker_pool[\"general\"]",
            "  apply cluster.shop.worker_pool[\"general\"]",
            "  wait cluster.shop.worker_pool[\"general\"]",
        ],
        reasons: &[],
    },
];

#[test]
fn drift_is_repaired_where_it_is_and_foreign_fields_are_nothing() {
    let wish = desired(&[Wanted::new("shop")]);
    let whole = up(&wish);
    for row in HURTS {
        let mut world = whole.clone();
        (row.hurt)(&mut world);
        let plan = good(&world, &wish);
        assert_eq!(shown(&plan), row.shown, "{}", row.what);
        if !row.reasons.is_empty() {
            assert_eq!(reasons(&plan), row.reasons, "{}", row.what);
        }
        assert!(!serde_json::to_string(&plan).unwrap().contains("s3cr3t"));
        world.apply(&plan, usize::MAX);
        assert_eq!(shown(&good(&world, &wish)), Vec::<String>::new(), "{}", row.what);
    }
}

#[test]
fn repairs_wait_for_nothing_that_they_do_not_touch() {
    let wish = desired(&[Wanted::new("shop")]);
    let mut world = up(&wish);
    let pool = world.find(&shop(), "MachineDeployment", "shop-general");
    world.edit(&pool, "/spec/replicas", json!(7), "kubectl-scale");
    let config = world.find(&shop(), "ConfigMap", "spaces");
    world.edit(&config, "/data/key", json!("b"), "kubectl-edit");
    let plan = good(&world, &wish);
    let layer = plan.steps.iter().find(|step| matches!(step.action, Action::PublishLayer { .. })).unwrap();
    assert_eq!((plan.steps.len(), layer.needs.as_slice()), (3, &[][..]));
}

#[test]
fn what_a_repair_takes_over_is_listed() {
    let wish = desired(&[Wanted::new("shop")]);
    let mut world = up(&wish);
    let key = world.find(&shop(), "MachineDeployment", "shop-general");
    world.edit(&key, "/spec/replicas", json!(7), "kubectl-scale");
    let plan = good(&world, &wish);
    let Action::Apply { takeovers, objects, .. } = &plan.steps[0].action else { panic!("{:?}", plan.steps) };
    assert_eq!(
        takeovers.iter().map(|take| (take.path.as_str(), take.manager.as_str())).collect::<Vec<_>>(),
        [("spec.replicas", "kubectl-scale")]
    );
    assert_eq!(objects.len(), 1);
    let change = plan.changes.iter().find(|change| change.action == ChangeAction::Update).unwrap();
    let leaf = &change.objects[0].leaves[0];
    assert_eq!((&leaf.before, &leaf.after), (&Some(json!(7)), &Some(json!(2))));
    assert_eq!(
        leaf.actor.as_ref().map(|actor| (actor.manager.as_str(), actor.time.as_deref())),
        Some(("kubectl-scale", Some("2026-02-02T00:00:00Z")))
    );
}

#[test]
fn changes_for_later_are_refused_by_name() {
    type Edit = fn(&mut Wanted);
    let rows: &[(Edit, &str)] = &[
        (|w| w.pivot = false, "cluster.shop: switching the pivot is not possible yet. `pivot` was true, is now false."),
        (|w| w.agent = false, "cluster.shop.agent: switching the agent off is not possible yet"),
        (|w| drop(w.layers.remove(0)), "cluster.shop.layer[\"cilium\"]: removing a layer is not possible yet"),
    ];
    let world = up(&desired(&[Wanted::new("shop")]));
    for (edit, expected) in rows {
        let mut wanted = Wanted::new("shop");
        edit(&mut wanted);
        let found = found(&world, &desired(&[wanted]));
        assert!(found.iter().any(|(code, text)| *code == Code::DAY_TWO && text.contains(expected)), "{expected}\n{found:#?}");
        assert!(found.iter().all(|(code, _)| *code == Code::DAY_TWO), "{found:#?}");
    }
}

#[test]
fn replace_is_refused_by_name() {
    let wish = desired(&[Wanted::new("shop")]);
    let world = up(&wish);
    let replace: Vec<Address> = ["cluster.shop.control_plane", "cluster.shpo"].iter().map(|text| text.parse().unwrap()).collect();
    let options =
        PlanOptions { mode: Mode::Apply, tool_version: "0.1.0", key: &KEY, replace: &replace, release_foreign: false, abandon: &[] };
    let (_, diagnostics) = world.plan_with(&wish, &options);
    assert!(diagnostics.len() == 2 && diagnostics.iter().all(|diagnostic| diagnostic.code == Code::DAY_TWO), "{diagnostics:#?}");
    assert_eq!(diagnostics.0[1].hint.as_deref(), Some("did you mean `cluster.shop`?"));
}

#[test]
fn an_object_of_somebody_else_is_named_with_its_owner() {
    let wish = desired(&[Wanted::new("shop")]);
    let key = ObjectKey { plane: management(), group: String::new(), kind: "Namespace".into(), namespace: None, name: "shop".into() };
    for (labels, owner, hint) in [
        (json!({}), "its fields belong to field manager \"kubectl\"", "or remove the object"),
        (json!({"windlass.dev/lineage": "other"}), "it belongs to a resource of the windlass state other", "docs/how-to/recover.md"),
    ] {
        let mut world = World::empty();
        let managed = json!([{"manager": "kubectl", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {"f:metadata": {"f:labels": {}}}}]);
        let metadata = json!({"name": "shop", "uid": "x", "labels": labels, "managedFields": managed});
        world.objects.insert(key.clone(), json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}));
        let found = found(&world, &wish);
        assert_eq!(found.len(), 1, "{found:#?}");
        assert_eq!(found[0].0, Code::OBJECT_EXISTS);
        assert!(found[0].1.contains(owner), "{}", found[0].1);
        let (_, diagnostics) = world.plan(&wish, Mode::Apply);
        assert!(diagnostics.0[0].hint.as_ref().is_some_and(|told| told.contains(hint)), "{diagnostics:#?}");
    }
    // Ours, from a run whose record was lost: it goes on.
    let mut world = World::empty();
    let metadata = json!({"name": "shop", "uid": "x", "labels": {"windlass.dev/lineage": LINEAGE}, "annotations": {"windlass.dev/address": "cluster.shop"}});
    world.objects.insert(key, json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}));
    assert_eq!(found(&world, &wish), vec![]);
}

#[test]
fn planes_that_do_not_answer_leave_their_clusters_out() {
    let wish = desired(&[Wanted::new("shop"), Wanted { pivot: false, ..Wanted::new("blog") }]);
    let mut world = up(&wish);
    let key = world.find(&cluster("blog"), "ConfigMap", "ebs");
    world.objects.remove(&key);
    world.unreachable.insert(shop(), "connection refused".into());
    let plan = good(&world, &wish);
    assert_eq!(shown(&plan), ["create cluster.blog.layer[\"ebs\"]", "  publish_layer cluster.blog.layer[\"ebs\"]"]);
    assert_eq!(
        plan.unplanned.iter().map(|left| format!("{}: {}", left.address, left.reason)).collect::<Vec<_>>(),
        ["cluster.shop: connection refused"]
    );
    assert!(plan.changes.iter().all(|change| change.address.root() != shop()));
    assert!(plan.outputs.values().all(|output| output.before == output.after), "{:?}", plan.outputs);
    // Without the management plane nothing at all is planned.
    world.unreachable.insert(management(), "timeout".into());
    let plan = good(&world, &wish);
    assert_eq!(shown(&plan), Vec::<String>::new());
    assert_eq!(plan.unplanned.len(), 3);
    let (plan, diagnostics) = world.plan(&wish, Mode::Destroy);
    assert!(diagnostics.is_empty() && plan.steps.is_empty(), "{:?}", shown(&plan));
    // No cluster, no plane: a first plan against a dead management plane.
    let mut world = World::empty();
    world.unreachable.insert(management(), "timeout".into());
    let plan = good(&world, &wish);
    assert!(plan.steps.is_empty() && plan.unplanned.len() == 3, "{:?}", shown(&plan));
}

#[test]
fn another_plane_and_an_old_state_are_refused() {
    let wish = desired(&[Wanted::new("shop")]);
    let mut world = up(&wish);
    world.planes.insert(management(), "uid-of-another".into());
    assert_eq!(codes(&world, &wish), [Code::OTHER_PLANE]);
    let world = up(&wish);
    let mut elsewhere = wish.clone();
    elsewhere.management.as_mut().unwrap().address = Address::management("bootstrap");
    assert!(codes(&world, &elsewhere).contains(&Code::OTHER_PLANE));
    let mut facts = world.facts(&wish, Mode::Apply);
    for fact in facts.planes.values_mut() {
        if let PlaneFact::Reachable(identity) = fact {
            identity.last_serial = Some(99);
        }
    }
    facts.failed.insert("Secret on cluster.shop".into(), "403 Forbidden".into());
    let options = PlanOptions { mode: Mode::Apply, tool_version: "0.1.0", key: &KEY, replace: &[], release_foreign: false, abandon: &[] };
    let (_, diagnostics) = plan(&wish, &world.state, &facts, &options);
    assert_eq!(
        diagnostics.iter().map(|diagnostic| diagnostic.code).collect::<Vec<_>>(),
        [Code::OLD_STATE, Code::OLD_STATE, Code::UNANSWERED]
    );
}

#[test]
fn warnings_tell_of_silent_agents_and_ending_certificates() {
    let wish = desired(&[Wanted::new("shop")]);
    let world = up(&wish);
    let mut facts = world.facts(&wish, Mode::Apply);
    let Some(PlaneFact::Reachable(identity)) = facts.planes.get_mut(&shop()) else { panic!("{:?}", facts.planes) };
    (identity.agent_heartbeat_age, identity.certificate_days, identity.access_outdated) = (Some(91), Some(59), true);
    let options = PlanOptions { mode: Mode::Apply, tool_version: "0.1.0", key: &KEY, replace: &[], release_foreign: false, abandon: &[] };
    let (plan, diagnostics) = plan(&wish, &world.state, &facts, &options);
    assert!(diagnostics.is_empty());
    assert_eq!(plan.warnings.len(), 2, "{:?}", plan.warnings);
    assert!(plan.warnings[0].contains("91 s old") && plan.warnings[1].contains("59 days"));
    assert_eq!(shown(&plan), ["update cluster.shop.pivot", "  refresh_access cluster.shop.pivot"]);
    assert_eq!(
        reasons(&plan),
        ["Secret windlass-system/windlass-access-shop data.value: null -> null (older than the cluster's kubeconfig)"]
    );
}

#[test]
fn protection_alone_is_a_change_and_is_recorded() {
    let mut wanted = Wanted::new("shop");
    let mut world = up(&desired(&[wanted.clone()]));
    wanted.prevent_destroy = true;
    let wish = desired(&[wanted]);
    let plan = good(&world, &wish);
    assert_eq!(shown(&plan), ["update cluster.shop", "  record cluster.shop"]);
    assert_eq!(reasons(&plan), ["lifecycle.prevent_destroy: false -> true (changed in configuration)"]);
    world.apply(&plan, usize::MAX);
    assert!(world.state.resources.iter().filter(|(address, _)| address.is_cluster()).all(|(_, resource)| resource.protect));
    assert_eq!(shown(&good(&world, &wish)), Vec::<String>::new());
    let (_, diagnostics) = world.plan(&wish, Mode::Destroy);
    assert_eq!(diagnostics.iter().map(|diagnostic| diagnostic.code).collect::<Vec<_>>(), [Code::PROTECTED]);
    // The block is gone, the protection is not.
    let (plan, diagnostics) = world.plan(&desired(&[]), Mode::Apply);
    assert_eq!(diagnostics.iter().map(|diagnostic| diagnostic.code).collect::<Vec<_>>(), [Code::PROTECTED]);
    assert!(plan.steps.iter().all(|step| !step.address.is_cluster()), "{:?}", shown(&plan));
}

#[test]
fn a_cluster_begun_is_finished_and_said_to_be() {
    let wish = desired(&[Wanted::new("shop")]);
    let mut world = World::empty();
    let plan = good(&world, &wish);
    world.apply(&plan, 5);
    let plan = good(&world, &wish);
    let root = plan.changes.iter().find(|change| change.address == shop()).unwrap();
    assert_eq!((root.action, root.notes.as_slice()), (ChangeAction::Create, &["finish creating".to_owned()][..]));
    assert!(plan.changes.iter().all(|change| !matches!(change.action, ChangeAction::Replace | ChangeAction::Delete)));
    // A cluster that is half destroyed is not made again in silence.
    let mut world = up(&wish);
    let mut record = world.state.resources[&shop()].clone();
    record.status = ResourceStatus::Deleting;
    world.state.apply(&Effect::Resource { address: shop(), resource: record });
    assert_eq!(codes(&world, &wish), [Code::BEING_DESTROYED]);
}

#[test]
fn the_agent_follows_the_release_in_place() {
    let wish = desired(&[Wanted::new("shop")]);
    let mut world = up(&wish);
    let mut newer = wish.clone();
    let resource = newer.resources.get_mut(&shop().with(Part::Agent)).unwrap();
    resource.input = Value::object([("image", "windlass:2")]);
    for object in &mut resource.objects {
        let text = object.content.to_json().unwrap().to_string().replace("windlass:1", "windlass:2");
        object.content = Value::from_json(&serde_json::from_str::<Json>(&text).unwrap());
    }
    let plan = good(&world, &newer);
    assert_eq!(shown(&plan), ["update cluster.shop.agent", "  apply cluster.shop.agent", "  wait_agent cluster.shop.agent"]);
    let change = plan.changes.iter().find(|change| change.address == shop().with(Part::Agent)).unwrap();
    assert!(change.reasons.iter().any(|reason| reason.rule.starts_with("another agent_image: ")), "{:?}", change.reasons);
    world.apply(&plan, usize::MAX);
    assert_eq!(shown(&good(&world, &newer)), Vec::<String>::new());
}

/// A cluster with a layer that holds a value that is known once the cluster's API answers.
fn with_endpoint() -> Wanted {
    let mut wanted = Wanted::new("shop");
    let endpoint = Value::unknown_reference(Type::String, "cluster.shop.endpoint");
    let metadata = object(json!({"name": "where", "namespace": "kube-system"}));
    let data = Value::object([("endpoint", endpoint)]);
    wanted.layers[3].3.push(Value::object([
        ("apiVersion", Value::string("v1")),
        ("kind", Value::string("ConfigMap")),
        ("metadata", metadata),
        ("data", data),
    ]));
    wanted
}

/// The agent's Secrets of a layer are named by its digest.
#[test]
fn a_layer_keeps_its_digest_when_a_value_becomes_known() {
    let wish = desired(&[with_endpoint()]);
    let digest = |plan: &Plan| {
        plan.steps.iter().find_map(|step| match &step.action {
            Action::PublishLayer { layer, .. } if layer.name == "spaces" => Some(layer.digest.clone()),
            _ => None,
        })
    };
    let published = digest(&good(&World::empty(), &wish));
    assert!(published.is_some());
    let mut world = up(&wish);
    let key = world.find(&shop(), "ConfigMap", "spaces");
    world.edit(&key, "/data/key", json!("b"), "kubectl-edit");
    assert_eq!(digest(&good(&world, &wish)), published);
}

#[test]
fn unknown_values_are_filled_in_and_then_compared() {
    let wish = desired(&[with_endpoint()]);
    let mut world = up(&wish);
    let key = world.find(&shop(), "ConfigMap", "where");
    assert_eq!(world.objects[&key]["data"]["endpoint"], json!("https://uid-cluster.shop:6443"));
    assert_eq!(world.state.outputs["shop_endpoint"], json!("https://uid-cluster.shop:6443"));
    assert!(!world.state.outputs.contains_key("shop_token"), "sensitive outputs are not stored");
    // The runner records the placeholder form as it was planned.
    let mut record = world.state.objects[&key].clone();
    record.applied["data"]["endpoint"] = json!({"$wl": "unknown", "ref": "cluster.shop.endpoint"});
    world.state.apply(&Effect::Object { key: key.clone(), object: record });
    assert_eq!(shown(&good(&world, &wish)), Vec::<String>::new());
    world.edit(&key, "/data/endpoint", json!("https://elsewhere"), "kubectl-edit");
    assert_eq!(
        reasons(&good(&world, &wish)),
        [
            "ConfigMap kube-system/where data.endpoint: \"https://elsewhere\" -> \"https://uid-cluster.shop:6443\" (changed outside of windlass by kubectl-edit)"
        ]
    );
}

#[test]
fn invalid_objects_are_found_before_anything_is_planned_with_them() {
    let mut wanted = Wanted::new("shop");
    let spec = json!({"replicas": "three", "selector": {}, "template": {}, "replcas": 3});
    wanted.layers[3].3.push(object(
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "kube-system"}, "spec": spec}),
    ));
    wanted.layers[3].3.push(object(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "nowhere"}})));
    let found = found(&World::empty(), &desired(&[wanted]));
    assert!(found.iter().all(|(code, _)| *code == Code::INVALID_OBJECT), "{found:#?}");
    for part in ["spec.replicas", "unknown field \"spec.replcas\"", "metadata.namespace: a ConfigMap lives in a namespace and names none"] {
        assert!(found.iter().any(|(_, text)| text.contains(part)), "{part}\n{found:#?}");
    }
}

/// Providers as somebody else installs them: the wish asks only that they run, and the planes hold no mark of ours on them.
fn installed_by_somebody_else(wish: &mut Desired, world: &mut World) {
    wish.providers.iter_mut().for_each(|provider| provider.spec.install = false);
    for provider in &wish.providers {
        let (namespace, name) = (&provider.spec.namespace, &provider.spec.deployment);
        let group = "apps".to_owned();
        let key =
            ObjectKey { plane: management(), group, kind: "Deployment".into(), namespace: Some(namespace.clone()), name: name.clone() };
        let live = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": namespace, "uid": "theirs"}, "spec": {"replicas": 1},
            "status": {"conditions": [{"type": "Available", "status": "True"}]}});
        world.objects.insert(key, live);
    }
}

#[test]
fn a_provider_that_somebody_else_installs_is_never_planned_and_its_absence_is_said() {
    let mut wish = desired(&[Wanted::new("shop")]);
    let mut world = World::empty();
    installed_by_somebody_else(&mut wish, &mut world);
    let plan = good(&world, &wish);
    let of_management = plan.steps.iter().filter_map(|step| match &step.action {
        Action::EnsureProvider { plane, objects, .. } if plane == &management() => Some(objects.len()),
        _ => None,
    });
    assert_eq!(of_management.collect::<Vec<_>>(), [0, 0], "nothing is installed there");
    world.apply(&plan, usize::MAX);
    assert!(good(&world, &wish).steps.is_empty());
    let key = world.find(&management(), "Deployment", "aws-manager");
    let gone: fn(&mut World, &ObjectKey) = |world, key| {
        world.objects.remove(key);
    };
    let stopped: fn(&mut World, &ObjectKey) = |world, key| world.objects.get_mut(key).unwrap()["spec"]["replicas"] = json!(0);
    for (what, hurt) in [("does not exist", gone), ("is scaled to 0", stopped)] {
        let mut world = world.clone();
        hurt(&mut world, &key);
        for mode in [Mode::Apply, Mode::Destroy] {
            let (plan, diagnostics) = world.plan(&wish, mode);
            let told: Vec<_> = diagnostics.iter().map(|d| (d.code, d.summary.clone(), d.detail.clone())).collect();
            let [(code, summary, detail)] = told.as_slice() else { panic!("{mode:?} {what}: {told:?}") };
            assert_eq!((*code, summary.as_str()), (Code::PROVIDER_MISSING, "provider \"aws\" does not run on management.sandbox"));
            assert!(
                detail.contains(&format!("Deployment capa-system/aws-manager {what}")) && detail.contains("Somebody else installs it"),
                "{detail}"
            );
            let installs =
                |step: &&windlass_core::plan::Step| matches!(&step.action, Action::EnsureProvider { plane, .. } if plane == &management());
            assert_eq!(plan.steps.iter().filter(installs).count(), 0, "{mode:?} {what}");
        }
    }
    world.objects.get_mut(&key).unwrap()["status"]["conditions"] =
        json!([{"type": "Available", "status": "False", "message": "0 of 1 pods run"}]);
    let plan = good(&world, &wish);
    assert!(plan.steps.is_empty());
    assert_eq!(
        plan.warnings,
        [
            "provider \"aws\" on management.sandbox: Deployment capa-system/aws-manager is not Available (0 of 1 pods run); steps that need it wait for it"
        ]
    );
}

#[test]
fn a_provider_of_another_state_is_used_as_it_is() {
    let wish = desired(&[Wanted::new("shop")]);
    let mut world = up(&wish);
    let theirs: Vec<ObjectKey> = world
        .state
        .objects
        .iter()
        .filter(|(_, object)| object.resource.to_string() == "management.sandbox.provider[\"cluster-api\"]")
        .map(|(key, _)| key.clone())
        .collect();
    for key in &theirs {
        world.objects.get_mut(key).unwrap()["metadata"]["labels"][LABEL_LINEAGE] = json!("another");
        world.state.objects.remove(key);
    }
    assert_eq!(theirs.len(), 5);
    assert_eq!(shown(&good(&world, &wish)), Vec::<String>::new());

    let mut given = wish;
    given.providers[0].variables = Some(Span { file: FileId(0), start: 0, len: 1 });
    let (plan, diagnostics) = world.plan(&given, Mode::Apply);
    assert!(!diagnostics.has_errors() && shown(&plan).is_empty());
    let told: Vec<String> = diagnostics.iter().map(|warning| format!("{} {}", warning.code, warning.summary)).collect();
    assert_eq!(told, ["WL0220 `variables` of provider \"cluster-api\" have no effect on management.sandbox"]);
}

#[test]
fn a_release_that_renders_a_provider_in_another_way_updates_it_in_place() {
    let mut wish = desired(&[Wanted::new("shop")]);
    let world = up(&wish);
    let manager = wish.providers[1].objects.iter_mut().find(|object| object.key.kind == "Deployment").unwrap();
    let mut rendered = manager.content.to_json().unwrap();
    rendered["spec"]["template"]["spec"]["containers"][0]["args"] = json!(["--leader-elect"]);
    manager.content = Value::from_json(&rendered);
    let plan = good(&world, &wish);
    let changed: Vec<String> = shown(&plan).into_iter().filter(|line| !line.starts_with(' ')).collect();
    assert_eq!(changed, ["update management.sandbox.provider[\"aws\"]", "update cluster.shop.pivot"]);
}

#[test]
fn a_repair_below_a_paused_cluster_is_warned_of() {
    let wish = desired(&[Wanted::new("shop")]);
    let mut world = up(&wish);
    let root = world.find(&shop(), "Cluster", "shop");
    let pool = world.find(&shop(), "MachineDeployment", "shop-general");
    let layer = world.find(&shop(), "ConfigMap", "spaces");
    world.objects.get_mut(&root).unwrap()["spec"]["paused"] = json!(true);
    assert!(!good(&world, &wish).warnings.iter().any(|line| line.contains("paused")), "nothing is changed, nothing is warned of");
    world.edit(&layer, "/data/key", json!("b"), "kubectl-edit");
    assert!(!good(&world, &wish).warnings.iter().any(|line| line.contains("paused")), "Cluster API has no part in layers");
    world.edit(&pool, "/spec/replicas", json!(7), "kubectl-scale");
    let told: Vec<String> = good(&world, &wish).warnings.into_iter().filter(|line| line.contains("paused")).collect();
    assert_eq!(
        told,
        [
            "cluster.shop.worker_pool[\"general\"]: Cluster shop/shop is paused (spec.paused); what this plan changes has no effect before it goes on"
        ]
    );
    world.objects.get_mut(&root).unwrap()["spec"]["paused"] = json!(false);
    world.objects.get_mut(&pool).unwrap()["metadata"]["annotations"]["cluster.x-k8s.io/paused"] = json!("");
    assert!(good(&world, &wish).warnings.iter().any(|line| line.contains("MachineDeployment shop/shop-general is paused (annotation")));
}
