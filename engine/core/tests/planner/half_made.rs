//! A cluster that a run left half made is finished as it was begun: what Cluster API may have made machines of is not changed in silence.

use serde_json::{Value as Json, json};
use windlass_core::addr::{Address, Part};
use windlass_core::desired::Desired;
use windlass_core::diag::Code;
use windlass_core::drift::drift;
use windlass_core::inventory::Entry;
use windlass_core::layer::LayerKind;
use windlass_core::marks::{LABEL_LINEAGE, SYSTEM_NAMESPACE, layer_inventory};
use windlass_core::object::ObjectKey;
use windlass_core::plan::{Action, Change, Mode, ObjectAction, Plan, drift_demands};
use windlass_core::recorded::ResourceStatus;
use windlass_core::value::Value;

use crate::cases::good;
use crate::wish::{LINEAGE, Wanted, cluster, desired, management, object};
use crate::world::{KEY, World};

/// Cluster API objects that a plan takes away.
fn taken(plan: &Plan) -> Vec<String> {
    let doomed = plan.steps.iter().flat_map(|step| match &step.action {
        Action::Apply { prune, .. } => prune.clone(),
        Action::Delete { objects, .. } => objects.clone(),
        _ => Vec::new(),
    });
    doomed.filter(|object| object.key.group.ends_with("cluster.x-k8s.io")).map(|object| object.key.to_string()).collect()
}

#[test]
fn a_change_of_what_lives_half_made_is_refused_until_its_control_plane_is_whole() {
    type Edit = fn(&mut Wanted);
    let edits: &[(&str, Edit, &str)] = &[
        ("machines", |w| w.instance_type = "m7i.large".into(), "KubeadmControlPlane"),
        ("version", |w| w.version = "1.35.0".into(), "Cluster"),
        ("pivot", |w| w.pivot = false, "Cluster"),
    ];
    let wish = desired(&[Wanted::new("shop")]);
    let (whole, _) = World::empty().plan(&wish, Mode::Apply);
    for (what, edit, kind) in edits {
        let mut wanted = Wanted::new("shop");
        edit(&mut wanted);
        let changed = desired(&[wanted]);
        let (mut refused, mut free, mut changed_whole) = (0, 0, 0);
        // A cluster that is whole may be changed.
        for steps in 0..whole.steps.len() - 1 {
            let mut world = World::empty();
            world.apply(&whole, steps);
            let lives = world.objects.keys().any(|key| key.kind == *kind);
            let control_plane = world.state.resources.get(&cluster("shop").with(Part::ControlPlane));
            let is_whole = control_plane.is_some_and(|control_plane| control_plane.status == ResourceStatus::Ready);
            let (plan, diagnostics) = world.plan(&changed, Mode::Apply);
            // Pools that are still being made become what was wished first.
            if is_whole && *what != "pivot" && diagnostics.is_empty() {
                let mut world = world.clone();
                world.apply(&plan, usize::MAX);
                let (plan, diagnostics) = world.plan(&changed, Mode::Apply);
                assert!(diagnostics.is_empty() && plan.steps.is_empty(), "{what} after {steps} steps: {diagnostics:#?}");
                changed_whole += 1;
            } else if lives {
                assert!(diagnostics.iter().any(|found| found.code == Code::DAY_TWO), "{what} after {steps} steps: {:?}", plan.steps);
                refused += 1;
            } else {
                assert!(!diagnostics.iter().any(windlass_core::diag::Diagnostic::is_error), "{what} after {steps} steps: {diagnostics:#?}");
                free += 1;
            }
            assert_eq!(taken(&plan), Vec::<String>::new(), "{what} after {steps} steps");
            // As it was begun, it is finished.
            let (plan, diagnostics) = world.plan(&wish, Mode::Apply);
            assert!(diagnostics.is_empty() && taken(&plan).is_empty(), "{steps} steps: {diagnostics:#?}");
        }
        assert!(
            refused > 0 && free > 0 && (changed_whole > 0) == (*what != "pivot"),
            "{what}: {refused} refused, {free} free, {changed_whole}"
        );
    }
}

#[test]
fn a_layer_that_is_not_finished_may_be_mended_and_what_it_loses_is_shown() {
    let wish = desired(&[Wanted { pivot: false, ..Wanted::new("shop") }]);
    let (whole, _) = World::empty().plan(&wish, Mode::Apply);
    let layer = cluster("shop").with(windlass_core::addr::Part::Layer("spaces".into()));
    let begun = |action: &Action| matches!(action, Action::PublishLayer { layer: content, .. } if content.address == layer);
    let at = whole.steps.iter().position(|step| begun(&step.action)).expect("the layer has a step");
    let mut world = World::empty();
    world.apply(&whole, at + 1);
    world.state.resources.get_mut(&layer).expect("it is recorded").status = windlass_core::recorded::ResourceStatus::Creating;
    let mut wanted = Wanted { pivot: false, ..Wanted::new("shop") };
    let spaces = wanted.layers.iter_mut().find(|(name, ..)| name == "spaces").expect("it is there");
    let text = |name: &str| {
        crate::wish::object(
            serde_json::json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "kube-system"}}),
        )
    };
    spaces.3 = vec![text("other")];
    let (plan, diagnostics) = world.plan(&desired(&[wanted]), Mode::Apply);
    assert!(diagnostics.is_empty(), "{diagnostics:#?}");
    let change = plan.changes.iter().find(|change| change.address == layer).expect("it changes");
    let shown: Vec<(ObjectAction, &str)> = change.objects.iter().map(|object| (object.action, object.key.name.as_str())).collect();
    assert_eq!(shown, [(ObjectAction::Create, "other"), (ObjectAction::Delete, "spaces")]);
    assert_eq!(change.reasons[0].old, Json::Null);
    assert!(world.planes.contains_key(&management()));
}

/// The engine applies some layers, the agent others, and with an agent the early ones are both's.
#[test]
fn after_a_layer_that_was_mended_half_made_the_next_plan_is_empty() {
    let mut mended = std::collections::BTreeSet::new();
    for (agent, pivot) in [(true, true), (true, false), (false, false)] {
        let wanted = Wanted { agent, pivot, ..Wanted::new("shop") };
        let (whole, _) = World::empty().plan(&desired(std::slice::from_ref(&wanted)), Mode::Apply);
        for (at, step) in whole.steps.iter().enumerate() {
            let (Action::ApplyLayer { layer, .. } | Action::PublishLayer { layer, .. }) = &step.action else { continue };
            // Its objects are applied, and then it does not become ready.
            let mut world = World::empty();
            world.apply(&whole, at);
            world.begin(step);
            world.act(&step.action, &step.address);
            let mut wanted = wanted.clone();
            let content = wanted.layers.iter_mut().find(|(name, ..)| *name == layer.name).expect("it is there");
            content.3 = vec![crate::wish::object(
                serde_json::json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "other", "namespace": "kube-system"}}),
            )];
            let wish = desired(&[wanted]);
            let (plan, diagnostics) = world.plan(&wish, Mode::Apply);
            assert!(diagnostics.is_empty(), "{} after {at} steps: {diagnostics:#?}", layer.name);
            world.apply(&plan, usize::MAX);
            let (again, diagnostics) = world.plan(&wish, Mode::Apply);
            assert!(diagnostics.is_empty(), "{} after {at} steps: {diagnostics:#?}", layer.name);
            assert!(again.steps.is_empty(), "{} after {at} steps: {:#?}", layer.name, again.steps);
            mended.insert((layer.kind, agent, matches!(step.action, Action::ApplyLayer { .. })));
        }
    }
    assert!(mended.contains(&(LayerKind::Network, true, true)) && mended.contains(&(LayerKind::Network, true, false)), "{mended:?}");
    assert!(mended.contains(&(LayerKind::Addon, true, false)) && mended.contains(&(LayerKind::Network, false, true)), "{mended:?}");
}

/// A template is named by what it holds; what another release makes of the same wish is told as what it holds, once.
#[test]
fn a_template_of_another_name_is_told_by_its_fields() {
    let wish = desired(&[Wanted::new("shop")]);
    let world = crate::laws::up(&wish);
    let mut other = wish.clone();
    let changed = desired(&[Wanted { instance_type: "m7i.large".into(), ..Wanted::new("shop") }]);
    let part = cluster("shop").with(windlass_core::addr::Part::ControlPlane);
    let resource = other.resources.get_mut(&part).expect("it is there");
    resource.objects = changed.resources[&part].objects.clone();
    resource.render_revision += 1;
    let (_, diagnostics) = world.plan(&other, Mode::Apply);
    let told: Vec<String> = diagnostics.iter().map(|found| format!("{}. {}", found.summary, found.detail)).collect();
    assert_eq!(
        told,
        ["cluster.shop.control_plane: a change of machines is not possible yet. \
          `AWSMachineTemplate shop/shop-control-plane-m7i-large spec.template.spec.instanceType` was \"m6i.large\", is now \"m7i.large\"."]
    );
}

fn spaces() -> Address {
    cluster("shop").with(Part::Layer("spaces".into()))
}

fn config(name: &str, data: &str) -> Value {
    object(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "kube-system"}, "data": {"key": data}}))
}

/// The layer `spaces` has been applied and does not become ready; without a record the state has heard of none of its objects.
fn half_made(wish: &Desired, recorded: bool) -> World {
    let whole = good(&World::empty(), wish);
    let applies = |action: &Action| matches!(action, Action::ApplyLayer { layer, .. } | Action::PublishLayer { layer, .. } if layer.address == spaces());
    let at = whole.steps.iter().position(|step| applies(&step.action)).expect("the layer has a step");
    let mut world = World::empty();
    world.apply(&whole, at);
    world.begin(&whole.steps[at]);
    world.act(&whole.steps[at].action, &whole.steps[at].address);
    if !recorded {
        world.state.objects.retain(|_, object| object.resource != spaces());
    }
    world
}

fn change(plan: &Plan) -> &Change {
    plan.changes.iter().find(|change| change.address == spaces()).expect("it is half made")
}

/// Why the layer changes, beside that it is not finished.
fn told(plan: &Plan) -> Vec<&str> {
    change(plan).reasons.iter().skip(1).map(|reason| reason.rule.as_str()).collect()
}

/// What the layer's step takes over, and whether an agent that has the content already is asked to apply it once more.
fn taken_over(plan: &Plan) -> (Vec<String>, bool) {
    let mut steps = plan.steps.iter().filter_map(|step| match &step.action {
        Action::ApplyLayer { layer, .. } if layer.address == spaces() => Some((layer, true)),
        Action::PublishLayer { layer, repair, .. } if layer.address == spaces() => Some((layer, repair.is_some())),
        _ => None,
    });
    let (layer, again) = steps.next().expect("the layer has a step");
    (layer.takeovers.iter().map(|take| format!("{} of {}", take.path, take.manager)).collect(), again)
}

fn finishes(mut world: World, wish: &Desired, plan: &Plan, what: &str) {
    world.apply(plan, usize::MAX);
    assert!(good(&world, wish).steps.is_empty(), "{what}");
}

#[test]
fn what_others_have_changed_in_a_half_made_layer_is_told_and_taken_back() {
    for agent in [true, false] {
        for recorded in [true, false] {
            for (mended, edited) in [(false, true), (true, true), (true, false)] {
                let what = format!("agent {agent}, recorded {recorded}, mended {mended}, edited {edited}");
                let mut wanted = Wanted { agent, pivot: false, ..Wanted::new("shop") };
                let mut world = half_made(&desired(std::slice::from_ref(&wanted)), recorded);
                if edited {
                    let key = world.find(&cluster("shop"), "ConfigMap", "spaces");
                    world.edit(&key, "/data/key", json!("evil"), "kubectl-patch");
                }
                if mended {
                    wanted.layers[3].3 = vec![config("spaces", "b")];
                }
                let wish = desired(&[wanted]);
                let plan = good(&world, &wish);
                // The user's own change is nobody else's.
                let (rules, takeovers) = match edited {
                    true => (vec!["changed outside of windlass by kubectl-patch"], vec!["data.key of kubectl-patch".to_owned()]),
                    false => (Vec::new(), Vec::new()),
                };
                assert_eq!(told(&plan), rules, "{what}");
                assert_eq!(taken_over(&plan), (takeovers, edited || !agent), "{what}");
                if edited {
                    let shown: Vec<_> = change(&plan).objects.iter().map(|object| (object.action, object.key.name.as_str())).collect();
                    assert_eq!(shown, [(ObjectAction::Update, "spaces")], "{what}");
                }
                finishes(world, &wish, &plan, &what);
            }
        }
    }
}

#[test]
fn what_is_missing_of_a_half_made_layer_is_told_as_far_as_it_was_applied() {
    let wish = desired(&[Wanted { pivot: false, ..Wanted::new("shop") }]);
    let whole = half_made(&wish, false);
    let key = whole.find(&cluster("shop"), "ConfigMap", "spaces");
    // Nobody knows yet that it was applied: the object is just made.
    let mut world = whole.clone();
    world.objects.remove(&key);
    let plan = good(&world, &wish);
    assert_eq!((told(&plan), taken_over(&plan)), (vec![], (vec![], false)));
    // The inventory says it.
    let inventory = |uid: &str| {
        let [namespace, name, version, kind, uid] = ["kube-system", "spaces", "v1", "ConfigMap", uid].map(str::to_owned);
        let (entry, value) = Entry { namespace: Some(namespace), name, group: String::new(), version, kind, uid }.written();
        let name = layer_inventory("spaces");
        let metadata = json!({"name": name, "namespace": SYSTEM_NAMESPACE, "uid": "u", "labels": {LABEL_LINEAGE: LINEAGE}});
        let namespace = Some(SYSTEM_NAMESPACE.to_owned());
        let key = ObjectKey { plane: cluster("shop"), group: String::new(), kind: "ConfigMap".to_owned(), namespace, name };
        (key, json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {entry: value}}))
    };
    for (uid, rules) in [("", vec![]), ("uid-1", vec!["deleted outside of windlass"])] {
        let mut world = world.clone();
        world.objects.extend([inventory(uid)]);
        let plan = good(&world, &wish);
        assert_eq!((told(&plan), taken_over(&plan)), (rules.clone(), (vec![], !rules.is_empty())), "uid {uid:?}");
        let shown: Vec<_> = change(&plan).objects.iter().map(|object| (object.action, object.key.name.as_str())).collect();
        assert_eq!(shown, [(ObjectAction::Create, "spaces")], "uid {uid:?}");
        finishes(world, &wish, &plan, uid);
    }
    // The agent says that it has applied all of this very content, so it must be asked to do it again.
    for (said, rules) in [(false, vec![]), (true, vec!["removed outside of windlass, actor unknown"])] {
        let mut world = whole.clone();
        world.remove_leaf(&key, "/data/key");
        let layer = world.find(&cluster("shop"), "Layer", "spaces");
        let digest = world.objects[&layer]["spec"]["digest"].clone();
        world.objects.get_mut(&layer).expect("it lives")["status"]["digest"] = if said { digest } else { json!("another") };
        let plan = good(&world, &wish);
        assert_eq!((told(&plan), taken_over(&plan)), (rules, (vec![], said)));
        finishes(world, &wish, &plan, "a leaf");
    }
}

#[test]
fn what_others_have_scaled_in_a_half_made_cluster_goes_back_to_its_size_at_once() {
    let wish = desired(&[Wanted::new("shop")]);
    let whole = good(&World::empty(), &wish);
    let rows = [("KubeadmControlPlane", Part::ControlPlane, 3), ("MachineDeployment", Part::WorkerPool("general".into()), 2)];
    for (kind, part, size) in rows {
        let mut seen = 0;
        for steps in 0..whole.steps.len() {
            let mut world = World::empty();
            world.apply(&whole, steps);
            let is = |part: Part, status: ResourceStatus| {
                world.state.resources.get(&cluster("shop").with(part)).is_some_and(|part| part.status == status)
            };
            let moved = world.objects.keys().any(|key| key.plane == cluster("shop") && key.kind == "Cluster");
            let on_the_move = moved && !is(Part::Pivot, ResourceStatus::Ready);
            let half_made = is(part.clone(), ResourceStatus::Creating) && !on_the_move;
            let Some(key) = world.objects.keys().find(|key| key.kind == kind).filter(|_| half_made).cloned() else { continue };
            world.edit(&key, "/spec/replicas", json!(7), "kubectl-scale");
            let plan = good(&world, &wish);
            let mut applied = plan.steps.iter().filter_map(|step| match &step.action {
                Action::Apply { objects, takeovers, .. } => Some((objects.iter().find(|object| object.key == key)?, takeovers)),
                _ => None,
            });
            let (object, takeovers) = applied.next().expect("it is applied");
            let taken: Vec<_> = takeovers.iter().map(|take| (&take.key, take.path.as_str(), take.manager.as_str())).collect();
            assert_eq!(taken, [(&key, "spec.replicas", "kubectl-scale")], "{kind} after {steps} steps");
            assert_eq!(object.content["spec"]["replicas"], json!(size), "{kind} after {steps} steps");
            finishes(world, &wish, &plan, kind);
            seen += 1;
        }
        assert!(seen > 0, "{kind}");
    }
}

#[test]
fn an_object_that_would_move_from_one_half_made_layer_to_another_stays() {
    let mut wanted = Wanted { pivot: false, ..Wanted::new("shop") };
    let world = half_made(&desired(std::slice::from_ref(&wanted)), false);
    wanted.layers[3].3 = vec![config("other", "a")];
    wanted.layers.push(("extra".to_owned(), LayerKind::Addon, vec![], vec![config("spaces", "a")]));
    let (_, diagnostics) = world.plan(&desired(&[wanted]), Mode::Apply);
    let found: Vec<_> = diagnostics.iter().map(|found| (found.code, found.summary.as_str(), found.hint.as_deref())).collect();
    let summary =
        "cluster.shop.layer[\"extra\"]: ConfigMap kube-system/spaces on cluster.shop belongs to cluster.shop.layer[\"spaces\"] already";
    let hint = "leave it in cluster.shop.layer[\"spaces\"]; or take it out, apply without it, and put it into cluster.shop.layer[\"extra\"] after that";
    assert_eq!(found, [(Code::OBJECT_EXISTS, summary, Some(hint))]);
}

#[test]
fn drift_names_what_is_recorded_of_a_half_made_layer_and_says_where_nothing_is() {
    let wish = desired(&[Wanted { pivot: false, ..Wanted::new("shop") }]);
    let note = "cluster.shop.layer[\"spaces\"]: is half made and not compared; `windlass plan` looks at its objects".to_owned();
    for (recorded, leaves, notes) in [(true, 1, vec![]), (false, 0, vec![note])] {
        let mut world = half_made(&wish, recorded);
        let key = world.find(&cluster("shop"), "ConfigMap", "spaces");
        world.edit(&key, "/data/key", json!("evil"), "kubectl-patch");
        let report = drift(&world.state, &world.answers(&drift_demands(&world.state)), &KEY);
        assert_eq!(report.entries.iter().filter(|entry| entry.resource == spaces()).count(), leaves, "recorded {recorded}");
        assert_eq!(report.notes, notes, "recorded {recorded}");
    }
}
