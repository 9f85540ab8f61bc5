//! Single cases of destroying.

use serde_json::json;
use windlass_core::addr::{Address, Part};
use windlass_core::desired::Desired;
use windlass_core::diag::Code;
use windlass_core::object::ObjectKey;
use windlass_core::plan::{Action, ChangeAction, Mode, Plan, PlanOptions};
use windlass_core::recorded::RecordedObject;

use crate::laws::up;
use crate::wish::{Wanted, cluster, desired, management, object};
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
    let pivot = plan.changes.iter().find(|change| change.address.to_string() == "cluster.shop.pivot").unwrap();
    assert_eq!(pivot.notes, ["before that, the Cluster API objects of cluster.shop move back to management.sandbox"]);
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
fn an_access_secret_that_is_not_ours_stays_and_stops_nothing() {
    let wish = desired(&[Wanted::new("shop")]);
    for labels in [json!({}), json!({"windlass.dev/lineage": "other"})] {
        let mut world = up(&wish);
        let secret = world.find(&management(), "Secret", "windlass-access-shop");
        world.objects.get_mut(&secret).unwrap()["metadata"]["labels"] = labels;
        let plan = destroy(&world, &wish);
        let change = plan.changes.iter().find(|change| change.address == cluster("shop")).unwrap();
        let note = "Secret windlass-system/windlass-access-shop on management.sandbox stays, since it is not marked as ours; delete it \
                    yourself if it may go";
        assert!(change.notes.iter().any(|line| line == note), "{:?}", change.notes);
        world.apply(&plan, usize::MAX);
        assert!(world.objects.contains_key(&secret) && world.state.resources.is_empty());
    }
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
fn what_the_agent_made_again_goes_and_a_namesake_of_somebody_else_does_not() {
    let wish = desired(&[Wanted::new("shop")]);
    let mut world = up(&wish);
    let spaces = world.find(&cluster("shop"), "ConfigMap", "spaces");
    let recorded = world.state.objects[&spaces].uid.clone();
    let meant = |plan: &Plan| {
        let objects = plan.steps.iter().filter_map(|step| match &step.action {
            Action::DeleteLayer { objects, .. } => Some(objects),
            _ => None,
        });
        objects.flatten().find(|object| object.key == spaces).and_then(|object| object.uid.clone())
    };
    assert_eq!(meant(&destroy(&world, &wish)), Some(recorded.clone()));

    world.make_again(&spaces, None);
    let plan = destroy(&world, &wish);
    let live = world.objects[&spaces]["metadata"]["uid"].as_str().map(str::to_owned);
    assert!(live.is_some() && live.as_ref() != Some(&recorded));
    assert_eq!(meant(&plan), live);
    let mut down = world.clone();
    down.apply(&plan, usize::MAX);
    assert!(down.state.resources.is_empty() && down.state.objects.is_empty());

    world.make_again(&spaces, Some("kubectl-create"));
    let plan = destroy(&world, &wish);
    assert_eq!(meant(&plan), Some(recorded));
    let layer = cluster("shop").with(Part::Layer("spaces".into()));
    let change = plan.changes.iter().find(|change| change.address == layer).unwrap();
    assert!(change.objects.iter().all(|object| object.key != spaces), "{:?}", change.objects);
    assert_eq!(
        change.notes,
        ["not deleted with it: ConfigMap kube-system/spaces, made again outside of windlass by kubectl-create at 2026-02-02T00:00:00Z; \
          who deleted it is not known"]
    );
}

#[test]
fn an_unpivoted_cluster_is_deleted_where_it_is() {
    let wish = desired(&[Wanted { pivot: false, agent: false, ..Wanted::new("shop") }]);
    let mut world = up(&wish);
    let plan = destroy(&world, &wish);
    assert!(!steps(&plan).iter().any(|step| step.starts_with("pivot")), "{:?}", steps(&plan));
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

/// Two addon layers: one brings a Namespace and a kind, the other a StatefulSet and one custom resource in it.
fn with_containers() -> Desired {
    let definition = object(json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "teams.example.com"},
        "spec": {"group": "example.com", "scope": "Namespaced", "names": {"kind": "Team", "plural": "teams"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object"}}}]},
    }));
    let namespace = object(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "storefront"}}));
    let set = object(json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db", "namespace": "storefront"},
        "spec": {
            "serviceName": "db", "selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}}],
        },
    }));
    let mut wanted = Wanted::new("shop");
    for (name, _, _, objects) in &mut wanted.layers {
        match name.as_str() {
            "spaces" => objects.extend([namespace.clone(), definition.clone()]),
            "ingress" => objects.push(set.clone()),
            _ => {}
        }
    }
    desired(&[wanted])
}

fn foreign(kind: &str, more: serde_json::Value) -> serde_json::Value {
    let mut live = json!({"kind": kind, "metadata": {"uid": "u"}});
    for (name, value) in more.as_object().unwrap() {
        live[name] = value.clone();
    }
    live
}

#[test]
fn what_others_have_put_into_namespaces_and_kinds_of_layers_is_refused_before_the_first_step() {
    let wish = with_containers();
    let up = up(&wish);
    let team = ObjectKey { group: "example.com".into(), ..key("blue", "Team", Some("elsewhere")) };
    let replica = ObjectKey { group: "apps".into(), ..key("web-1", "ReplicaSet", Some("storefront")) };
    let ours = json!({"metadata": {"uid": "u", "labels": {"windlass.dev/lineage": crate::wish::LINEAGE}}});
    let theirs = json!({"metadata": {"uid": "u", "labels": {"windlass.dev/lineage": "another"}}});
    let owned = json!({"metadata": {"uid": "u", "ownerReferences": [{"uid": "x"}]}});
    let root_ca = ObjectKey { name: "kube-root-ca.crt".into(), ..key("x", "ConfigMap", Some("storefront")) };
    let table = [
        (
            key("notes", "ConfigMap", Some("storefront")),
            json!({}),
            Some("Namespace storefront of cluster.shop holds objects that are not ours: ConfigMap storefront/notes"),
        ),
        (
            key("debug", "Pod", Some("storefront")),
            theirs,
            Some("Namespace storefront of cluster.shop holds objects that are not ours: Pod storefront/debug"),
        ),
        (key("debug", "Pod", Some("elsewhere")), json!({}), None),
        (key("made", "Pod", Some("storefront")), ours, None),
        (replica, owned, None),
        (root_ca, json!({"metadata": {"uid": "u", "name": "kube-root-ca.crt"}}), None),
        (key("lock", "Lease", Some("storefront")), json!({}), None),
        (key("inside", "Service", Some("storefront")), json!({"spec": {"type": "ClusterIP"}}), Some("Service storefront/inside")),
        (
            team,
            json!({}),
            Some("CustomResourceDefinition teams.example.com of cluster.shop holds objects that are not ours: Team elsewhere/blue"),
        ),
    ];
    for release_foreign in [false, true] {
        for (key, more, refusal) in &table {
            let mut world = up.clone();
            world.objects.insert(key.clone(), foreign(&key.kind, more.clone()));
            let options =
                PlanOptions { mode: Mode::Destroy, tool_version: "0.1.0", key: &KEY, replace: &[], release_foreign, abandon: &[] };
            for wish in [&wish, &Desired { management: wish.management.clone(), ..Desired::default() }] {
                let (plan, found) = world.plan_with(wish, &options);
                let told: Vec<&str> = found.iter().map(|diagnostic| diagnostic.summary.as_str()).collect();
                assert_eq!(told.len(), usize::from(refusal.is_some()), "{key}: {told:?}");
                assert!(refusal.is_none_or(|text| told[0].contains(text)), "{key}: {told:?}");
                assert!(found.iter().all(|diagnostic| diagnostic.code == Code::FOREIGN_CONTENT));
                let begun = plan.steps.iter().any(|step| {
                    matches!(step.action, Action::DeleteLayer { .. } | Action::Delete { .. }) && step.address.root() == cluster("shop")
                });
                assert_eq!(begun, refusal.is_none(), "{key}");
            }
        }
    }
    let mut world = up;
    for n in 0..14 {
        world.objects.insert(key(&format!("n{n:02}"), "ConfigMap", Some("storefront")), foreign("ConfigMap", json!({})));
    }
    let (_, found) = world.plan(&wish, Mode::Destroy);
    assert!(
        found.len() == 1 && found.iter().all(|diagnostic| diagnostic.summary.ends_with("ConfigMap storefront/n09 and 4 more")),
        "{found:#?}"
    );
}

#[test]
fn what_others_have_made_under_names_of_ours_is_refused_by_name_and_maker() {
    let wish = with_containers();
    let whole = up(&wish);
    let layer = cluster("shop").with(Part::Layer("ingress".into()));
    let set = ObjectKey { group: "apps".into(), ..key("db", "StatefulSet", Some("storefront")) };
    let team = ObjectKey { group: "example.com".into(), ..key("blue", "Team", Some("elsewhere")) };
    let told = |world: &World| -> Vec<String> {
        let (plan, found) = world.plan(&wish, Mode::Destroy);
        let begun = plan.steps.iter().any(|step| matches!(step.action, Action::DeleteLayer { .. } | Action::Delete { .. }));
        assert_eq!(begun && plan.steps.iter().any(|step| step.address.root() == cluster("shop")), found.is_empty(), "{:?}", steps(&plan));
        assert!(found.iter().all(|diagnostic| diagnostic.code == Code::FOREIGN_CONTENT), "{found:#?}");
        found.iter().map(|diagnostic| diagnostic.summary.clone()).collect()
    };
    // The agent makes again what it misses; so does who restores it with our marks.
    let mut world = whole.clone();
    world.make_again(&set, None);
    assert_eq!(told(&world), Vec::<String>::new());

    world.make_again(&set, Some("kubectl-create"));
    world.objects.get_mut(&set).unwrap()["metadata"]["labels"] = json!({});
    assert_eq!(
        told(&world),
        [
            "Namespace storefront of cluster.shop holds objects that are not ours: StatefulSet storefront/db (made again outside of windlass \
          by kubectl-create at 2026-02-02T00:00:00Z; who deleted it is not known)"
        ]
    );

    let record = |api_version: &str| RecordedObject {
        resource: layer.clone(),
        uid: "ours".into(),
        api_version: api_version.into(),
        applied: json!({}),
    };
    let mut world = whole.clone();
    world.state.objects.insert(team.clone(), record("example.com/v1"));
    world.objects.insert(team, foreign("Team", json!({})));
    assert_eq!(
        told(&world),
        ["CustomResourceDefinition teams.example.com of cluster.shop holds objects that are not ours: Team elsewhere/blue (made again \
          outside of windlass by somebody, actor unknown)"]
    );

    // A load balancer is released on demand, whatever its name, and its Namespace waits for it.
    let balancer = key("lb", "Service", Some("storefront"));
    let mut world = whole;
    world.state.objects.insert(balancer.clone(), record("v1"));
    world.objects.insert(balancer.clone(), foreign("Service", json!({"spec": {"type": "LoadBalancer"}})));
    let refused = told(&world);
    assert!(refused.len() == 1 && refused[0].contains("holds Service storefront/lb (load balancer)"), "{refused:?}");
    let options = PlanOptions { mode: Mode::Destroy, tool_version: "0.1.0", key: &KEY, replace: &[], release_foreign: true, abandon: &[] };
    let (plan, found) = world.plan_with(&wish, &options);
    assert!(found.is_empty(), "{found:#?}");
    let namespace = key("storefront", "Namespace", None);
    let released = |action: &Action| match action {
        Action::ReleaseCloudResources { objects, .. } => {
            objects.iter().any(|object| object.key == balancer && object.uid.as_deref() == Some("u"))
        }
        _ => false,
    };
    assert!(plan.steps.iter().any(|step| released(&step.action)));
    assert!(plan.steps.iter().any(|step| matches!(&step.action, Action::DeleteLayer { later, .. } if later.contains(&namespace))));
}

#[test]
fn a_namespace_that_somebody_else_has_made_again_stays_with_what_it_holds() {
    let wish = with_containers();
    let mut world = up(&wish);
    let namespace = key("storefront", "Namespace", None);
    world.make_again(&namespace, Some("kubectl-create"));
    world.objects.get_mut(&namespace).unwrap()["metadata"]["labels"] = json!({});
    world.objects.insert(key("notes", "ConfigMap", Some("storefront")), foreign("ConfigMap", json!({})));
    let plan = destroy(&world, &wish);
    let named = |change: &windlass_core::plan::Change| change.objects.iter().any(|object| object.key == namespace);
    assert!(!plan.changes.iter().any(named));
    assert!(plan.changes.iter().flat_map(|change| &change.notes).any(|note| note.starts_with("not deleted with it: Namespace storefront")));
}

#[test]
fn a_layer_object_that_has_lost_its_mark_is_told_before_the_first_step() {
    let wish = desired(&[Wanted::new("shop")]);
    let whole = up(&wish);
    for (labels, owner) in [
        (json!({}), "It carries no mark of a state."),
        (json!({"windlass.dev/lineage": "other"}), "It belongs to the windlass state other."),
    ] {
        // One of a layer that goes with its machines stops nothing.
        for (name, expected) in [("spaces", 1), ("ebs", 0)] {
            let mut world = whole.clone();
            let layer = world.find(&cluster("shop"), "Layer", name);
            world.objects.get_mut(&layer).unwrap()["metadata"]["labels"] = labels.clone();
            let found = world.plan(&wish, Mode::Destroy).1;
            assert_eq!(found.len(), expected, "{name}: {found:#?}");
            assert!(found.iter().all(|told| told.code == Code::FOREIGN_CONTENT && told.detail == owner), "{found:#?}");
            assert!(found.iter().all(|told| told.summary.starts_with("Layer windlass-system/spaces on cluster.shop is not marked")));
        }
    }
}

#[test]
fn the_cloud_releases_what_a_namespace_holds_before_the_namespace_goes() {
    let wish = with_containers();
    let mut world = up(&wish);
    let claim = |policy: &str| json!({"kind": "PersistentVolumeClaim", "metadata": {"uid": "c"}, "spec": {"volumeName": policy}});
    for policy in ["Delete", "Retain"] {
        world.objects.insert(
            key(policy, "PersistentVolume", None),
            json!({"metadata": {"uid": policy}, "spec": {"persistentVolumeReclaimPolicy": policy}}),
        );
    }
    let (balancer, own, kept) = (
        key("lb", "Service", Some("storefront")),
        key("data-db-0", "PersistentVolumeClaim", Some("storefront")),
        key("kept", "PersistentVolumeClaim", Some("storefront")),
    );
    world.objects.insert(balancer.clone(), foreign("Service", json!({"spec": {"type": "LoadBalancer"}})));
    world.objects.insert(own.clone(), claim("Delete"));
    world.objects.insert(kept.clone(), claim("Retain"));

    let (_, found) = world.plan(&wish, Mode::Destroy);
    let told: Vec<&str> = found.iter().map(|diagnostic| diagnostic.summary.as_str()).collect();
    assert!(
        told.len() == 2
            && told[0].contains("Service storefront/lb")
            && told[1].contains("PersistentVolumeClaim storefront/kept (, its volume stays)"),
        "{told:?}"
    );

    let options = PlanOptions { mode: Mode::Destroy, tool_version: "0.1.0", key: &KEY, replace: &[], release_foreign: true, abandon: &[] };
    let (plan, found) = world.plan_with(&wish, &options);
    assert!(found.is_empty(), "{found:#?}");
    let named = |wanted: &ObjectKey| {
        let names = |step: &windlass_core::plan::Step| match &step.action {
            Action::DeleteLayer { objects, .. } | Action::ReleaseCloudResources { objects, .. } | Action::Delete { objects, .. } => {
                objects.iter().any(|object| &object.key == wanted)
            }
            _ => false,
        };
        plan.steps.iter().position(names).unwrap_or_else(|| panic!("{wanted} is not deleted"))
    };
    let set = ObjectKey { group: "apps".into(), ..key("db", "StatefulSet", Some("storefront")) };
    let namespace = key("storefront", "Namespace", None);
    let released = named(&balancer);
    assert_eq!((named(&own), named(&kept)), (released, released));
    assert!(named(&set) < released && released < named(&namespace), "{:#?}", steps(&plan));
    assert!(plan.steps[named(&namespace)].needs.contains(&(released as u32)));
    assert!(
        plan.steps
            .iter()
            .any(|step| matches!(&step.action, Action::DeleteLayer { later, .. } if later == std::slice::from_ref(&namespace)))
    );
    // Whatever is done of it when a run ends, the next one finds the rest.
    for done in 0..=plan.steps.len() {
        let mut world = world.clone();
        world.apply(&plan, done);
        let (rest, found) = world.plan_with(&wish, &options);
        assert!(found.is_empty(), "after {done}: {found:#?}");
        world.apply(&rest, usize::MAX);
        assert!(world.state.resources.is_empty() && world.state.objects.is_empty(), "after {done}");
    }
}

#[test]
fn the_secrets_of_a_provider_stay_while_clusters_of_others_use_them() {
    let wish = desired(&[Wanted::new("shop")]);
    let up = up(&wish);
    let cluster = ObjectKey { plane: management(), namespace: Some("theirs".into()), ..key("theirs", "Cluster", None) };
    // Of one that manages itself the plane has the way in only.
    let way_in = ObjectKey {
        plane: management(),
        group: String::new(),
        kind: "Secret".into(),
        namespace: Some("windlass-system".into()),
        name: "windlass-access-theirs".into(),
    };
    for (of_others, words) in [(cluster, "Cluster theirs/theirs"), (way_in, "theirs, which manages itself")] {
        let mut world = up.clone();
        let theirs =
            json!({"metadata": {"name": of_others.name, "namespace": of_others.namespace, "labels": {"windlass.dev/lineage": "other"}}});
        world.objects.insert(of_others.clone(), theirs);
        let secrets = |world: &World| -> Vec<ObjectKey> {
            let of_provider =
                |key: &&ObjectKey| key.kind == "Secret" && key.plane == management() && key.namespace.as_deref() == Some("capa-system");
            world.objects.keys().filter(of_provider).cloned().collect()
        };
        assert!(!secrets(&world).is_empty());
        let provider: Address = "management.sandbox.provider[\"aws\"]".parse().unwrap();
        let plan = destroy(&world, &wish);
        let told = format!(
            "management.sandbox.provider[\"aws\"] stays, and its Secrets with it: clusters of others are there ({words}); destroy again when they are gone"
        );
        assert!(plan.warnings.contains(&told), "{:?}", plan.warnings);
        let before = secrets(&world);
        world.apply(&plan, usize::MAX);
        assert_eq!(secrets(&world), before);
        assert_eq!(world.state.resources.keys().collect::<Vec<_>>(), [&provider]);
        // With the next destroy, when they are gone, so are the Secrets.
        world.objects.remove(&of_others);
        let plan = destroy(&world, &wish);
        world.apply(&plan, usize::MAX);
        assert_eq!(secrets(&world), []);
        assert!(world.state.resources.is_empty() && world.state.planes.is_empty());
    }
}

/// A step that was refused because of what lay there already has recorded that it meant to make it.
#[test]
fn what_was_only_intended_and_is_somebody_elses_stays_and_stops_nothing() {
    let wish = desired(&[Wanted::new("shop")]);
    let mut world = World::empty();
    let (plan, _) = world.plan(&wish, Mode::Apply);
    let at = plan.steps.iter().position(|step| step.address.to_string() == "cloud.aws.main").unwrap();
    world.apply(&plan, at);
    world.break_off(&plan.steps[at], 0);
    let Action::Apply { objects, .. } = &plan.steps[at].action else { panic!("{:?}", plan.steps[at].action) };
    let first = objects.first().unwrap().key.clone();
    assert!(world.state.objects[&first].uid.is_empty());
    world.objects.insert(first.clone(), json!({"metadata": {"name": first.name, "namespace": first.namespace, "uid": "theirs"}}));
    let plan = destroy(&world, &wish);
    world.apply(&plan, usize::MAX);
    assert!(world.objects.contains_key(&first) && world.state.objects.is_empty() && world.state.resources.is_empty());
}
