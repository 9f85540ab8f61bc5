//! Single cases of destroying.

use serde_json::json;
use windlass_core::desired::Desired;
use windlass_core::diag::Code;
use windlass_core::object::ObjectKey;
use windlass_core::plan::{Action, ChangeAction, Mode, Plan, PlanOptions};

use crate::laws::up;
use crate::wish::{Wanted, cluster, desired, management};
use crate::world::{KEY, World};

fn steps(plan: &Plan) -> Vec<String> {
    plan.steps
        .iter()
        .map(|step| {
            let action = serde_json::to_value(&step.action).unwrap();
            format!("{} {}", action["do"].as_str().unwrap(), step.address)
        })
        .collect()
}

fn destroy(world: &World, desired: &Desired) -> Plan {
    let (plan, diagnostics) = world.plan(desired, Mode::Destroy);
    assert!(diagnostics.is_empty(), "{diagnostics:#?}");
    plan
}

fn key(name: &str, kind: &str, namespace: Option<&str>) -> ObjectKey {
    let group = if kind == "Cluster" { "cluster.x-k8s.io" } else { "" };
    ObjectKey { plane: cluster("shop"), group: group.into(), kind: kind.into(), namespace: namespace.map(str::to_owned), name: name.into() }
}

#[test]
fn a_pivoted_cluster_goes_down_in_the_order_of_the_saga_without_its_hcl() {
    let wish = desired(&[Wanted::new("shop")]);
    let mut world = up(&wish);
    let plan = destroy(&world, &Desired { management: wish.management.clone(), ..Desired::default() });
    let expected = "\
ensure_provider management.sandbox.provider[\"cluster-api\"]
ensure_provider management.sandbox.provider[\"aws\"]
delete cluster.shop.agent
delete_layer cluster.shop.layer[\"ingress\"]
delete_layer cluster.shop.layer[\"spaces\"]
quiesce cluster.shop.pivot
apply cluster.shop
pivot cluster.shop.pivot
verify_pivot cluster.shop.pivot
delete cluster.shop
remove_leftovers cluster.shop
delete cluster.shop
delete cloud.aws.main
delete management.sandbox.provider[\"aws\"]
record management.sandbox.provider[\"cluster-api\"]
store_outputs management.sandbox
record management.sandbox";
    assert_eq!(steps(&plan).join("\n"), expected);
    let outputs = plan.steps.iter().find(|step| matches!(step.action, Action::StoreOutputs { .. })).unwrap();
    assert!(outputs.needs.len() >= 3, "outputs go after all else: {:?}", outputs.needs);
    let of = |text: &str| plan.changes.iter().find(|change| change.address.to_string() == text).map(|change| change.action);
    assert_eq!(of("cluster.shop"), Some(ChangeAction::Delete));
    assert_eq!(of("cluster.shop.layer[\"cilium\"]"), Some(ChangeAction::Delete));
    assert_eq!(of("management.sandbox.provider[\"cluster-api\"]"), Some(ChangeAction::Forget));
    world.apply(&plan, usize::MAX);
    assert!(
        world.state.resources.is_empty()
            && world.state.objects.is_empty()
            && world.state.planes.is_empty()
            && world.state.outputs.is_empty()
    );
}

#[test]
fn network_storage_and_cloud_controller_stay_while_machines_drain() {
    let world = up(&desired(&[Wanted::new("shop")]));
    let plan = destroy(&world, &desired(&[Wanted::new("shop")]));
    for step in &plan.steps {
        if let Action::DeleteLayer { layer, .. } = &step.action {
            assert!(["ingress", "spaces"].contains(&layer.as_str()), "{layer}");
        }
    }
}

#[test]
fn an_unpivoted_cluster_is_deleted_where_it_is() {
    let wish = desired(&[Wanted { pivot: false, agent: false, ..Wanted::new("shop") }]);
    let mut world = up(&wish);
    let plan = destroy(&world, &wish);
    assert!(!steps(&plan).iter().any(|step| step.starts_with("pivot") || step.starts_with("quiesce")), "{:?}", steps(&plan));
    let deletes_cluster = plan.steps.iter().find_map(|step| match &step.action {
        Action::Delete { plane, objects } if objects.iter().any(|object| object.key.kind == "Cluster") => {
            Some((plane.clone(), objects.len()))
        }
        _ => None,
    });
    assert_eq!(deletes_cluster, Some((management(), 1)));
    world.apply(&plan, usize::MAX);
    assert!(world.state.resources.is_empty());
}

#[test]
fn load_balancers_and_volumes_are_listed_and_released_first() {
    let wish = desired(&[Wanted::new("shop")]);
    let mut world = up(&wish);
    let lineage = json!({"windlass.dev/lineage": crate::wish::LINEAGE});
    let managed = json!([{"manager": "kubectl", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:type": {}}}}]);
    world.objects.insert(
        key("front", "Service", Some("web")),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"uid": "s1", "labels": lineage, "managedFields": managed}, "spec": {"type": "LoadBalancer"}}),
    );
    world.objects.insert(key("inside", "Service", Some("web")), json!({"metadata": {"uid": "s2"}, "spec": {"type": "ClusterIP"}}));
    for (volume, policy) in [("pv-gone", "Delete"), ("pv-kept", "Retain")] {
        world.objects.insert(
            key(volume, "PersistentVolume", None),
            json!({"metadata": {"uid": volume}, "spec": {"persistentVolumeReclaimPolicy": policy}}),
        );
        world.objects.insert(
            key(&format!("claim-{volume}"), "PersistentVolumeClaim", Some("web")),
            json!({"metadata": {"uid": volume, "labels": lineage}, "spec": {"volumeName": volume, "resources": {"requests": {"storage": "10Gi"}}}}),
        );
    }
    let plan = destroy(&world, &wish);
    let released: Vec<String> = plan
        .steps
        .iter()
        .flat_map(|step| match &step.action {
            Action::ReleaseCloudResources { objects, .. } => objects.iter().map(|object| object.key.short()).collect(),
            _ => Vec::new(),
        })
        .collect();
    assert_eq!(released, ["Service web/front", "PersistentVolumeClaim web/claim-pv-gone"]);
    let root = plan.changes.iter().find(|change| change.address == cluster("shop")).unwrap();
    assert_eq!(
        root.notes,
        [
            "deletes Service web/front (load balancer), field manager kubectl",
            "deletes PersistentVolumeClaim web/claim-pv-gone (10Gi), field manager unknown"
        ]
    );
    // One that is not ours is refused, unless the user says so.
    world.objects.get_mut(&key("front", "Service", Some("web"))).unwrap()["metadata"]["labels"] = json!({});
    let (plan, diagnostics) = world.plan(&wish, Mode::Destroy);
    assert_eq!(diagnostics.iter().map(|diagnostic| diagnostic.code).collect::<Vec<_>>(), [Code::FOREIGN_CONTENT]);
    assert!(!steps(&plan).contains(&"delete cluster.shop".to_owned()));
    let options = PlanOptions { mode: Mode::Destroy, tool_version: "0.1.0", key: &KEY, replace: &[], release_foreign: true, abandon: &[] };
    assert!(world.plan_with(&wish, &options).1.is_empty());
}

#[test]
fn claims_of_our_stateful_sets_are_ours() {
    let wish = desired(&[Wanted::new("shop")]);
    let mut world = up(&wish);
    let set = ObjectKey { group: "apps".into(), ..key("db", "StatefulSet", Some("web")) };
    let labels = json!({"windlass.dev/lineage": crate::wish::LINEAGE});
    world.objects.insert(
        set,
        json!({"metadata": {"uid": "x", "labels": labels}, "spec": {"volumeClaimTemplates": [{"metadata": {"name": "data"}}]}}),
    );
    world.objects.insert(key("data-db-0", "PersistentVolumeClaim", Some("web")), json!({"metadata": {"uid": "c"}, "spec": {}}));
    destroy(&world, &wish);
    world.objects.insert(key("data-db-x", "PersistentVolumeClaim", Some("web")), json!({"metadata": {"uid": "d"}, "spec": {}}));
    assert_eq!(world.plan(&wish, Mode::Destroy).1.len(), 1);
}

#[test]
fn a_cluster_that_hosts_others_stays() {
    let wish = desired(&[Wanted::new("shop")]);
    let mut world = up(&wish);
    world.objects.insert(key("guest", "Cluster", Some("guest")), json!({"metadata": {"uid": "g"}}));
    let (plan, diagnostics) = world.plan(&wish, Mode::Destroy);
    assert_eq!(diagnostics.iter().map(|diagnostic| diagnostic.code).collect::<Vec<_>>(), [Code::HOSTS_CLUSTERS]);
    assert!(!steps(&plan).contains(&"delete cluster.shop".to_owned()));
}

#[test]
fn an_unreachable_cluster_is_not_touched() {
    let wish = desired(&[Wanted::new("shop")]);
    let mut world = up(&wish);
    world.unreachable.insert(cluster("shop"), "no route".into());
    let plan = destroy(&world, &wish);
    assert_eq!(plan.unplanned.iter().map(|left| left.address.to_string()).collect::<Vec<_>>(), ["cluster.shop"]);
    assert!(plan.steps.iter().all(|step| matches!(step.action, Action::StoreOutputs { .. })), "{:?}", steps(&plan));
}

#[test]
fn a_cluster_whose_api_went_away_while_it_was_deleted_goes_on() {
    let wish = desired(&[Wanted::new("shop")]);
    let mut world = up(&wish);
    let plan = destroy(&world, &wish);
    let at = plan
        .steps
        .iter()
        .position(
            |step| matches!(&step.action, Action::Delete { objects, .. } if objects.iter().any(|object| object.key.kind == "Cluster")),
        )
        .unwrap();
    world.apply(&plan, at);
    world.begin(&plan.steps[at]);
    world.unreachable.insert(cluster("shop"), "no route".into());
    let plan = destroy(&world, &wish);
    assert!(plan.unplanned.is_empty() && !steps(&plan).iter().any(|step| step.starts_with("pivot")), "{:?}", steps(&plan));
    world.apply(&plan, usize::MAX);
    assert!(world.state.resources.is_empty());
}

#[test]
fn what_depends_on_a_cluster_goes_before_it() {
    let mut wish = desired(&[Wanted::new("base"), Wanted::new("edge")]);
    wish.resources.get_mut(&cluster("edge")).unwrap().needs.insert(cluster("base"));
    let world = up(&wish);
    let plan = destroy(&world, &wish);
    let own = |name: &str| -> Vec<usize> { (0..plan.steps.len()).filter(|at| plan.steps[*at].address.root() == cluster(name)).collect() };
    let gone = *own("edge").last().unwrap();
    assert!(own("base").iter().all(|step| *step > gone), "{:#?}", steps(&plan));
    let first = &plan.steps[own("base")[0]];
    assert!(first.needs.iter().any(|need| plan.steps[*need as usize].address.root() == cluster("edge")), "{first:#?}");
}

#[test]
fn what_was_moved_back_and_not_looked_at_is_looked_at_before_anything_is_deleted() {
    let wish = desired(&[Wanted::new("shop")]);
    let mut world = up(&wish);
    let plan = destroy(&world, &wish);
    let moved = plan.steps.iter().position(|step| matches!(step.action, Action::Pivot { .. })).unwrap();
    world.apply(&plan, moved + 1);
    let again = steps(&destroy(&world, &wish));
    let at = |wanted: &str| again.iter().position(|step| step == wanted).unwrap_or_else(|| panic!("{wanted}: {again:?}"));
    assert!(at("verify_pivot cluster.shop.pivot") < at("delete cluster.shop"), "{again:?}");
    assert!(!again.iter().any(|step| step.starts_with("pivot ")), "{again:?}");
    let needs = |plan: &Plan, index: usize| plan.steps[index].needs.clone();
    let plan = destroy(&world, &wish);
    assert!(needs(&plan, at("delete cluster.shop")).contains(&(at("verify_pivot cluster.shop.pivot") as u32)));
}

#[test]
fn providers_are_ensured_from_the_state_alone_before_a_destroy() {
    let wish = desired(&[Wanted::new("shop")]);
    let world = up(&wish);
    let plan = destroy(&world, &Desired { management: wish.management.clone(), ..Desired::default() });
    let kinds: Vec<Vec<&str>> = plan
        .steps
        .iter()
        .filter_map(|step| match &step.action {
            Action::EnsureProvider { objects, .. } => Some(objects.iter().map(|object| object.key.kind.as_str()).collect()),
            _ => None,
        })
        .collect();
    let whole = vec!["Namespace", "CustomResourceDefinition", "ClusterRoleBinding", "Deployment", "Provider"];
    assert_eq!(kinds, [whole.clone(), whole]);
}
