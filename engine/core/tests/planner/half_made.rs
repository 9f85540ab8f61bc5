//! A cluster that a run left half made is finished as it was begun: what Cluster API may have made machines of is not changed in silence.

use serde_json::Value as Json;
use windlass_core::diag::Code;
use windlass_core::layer::LayerKind;
use windlass_core::plan::{Action, Mode, ObjectAction, Plan};

use crate::wish::{Wanted, cluster, desired, management};
use crate::world::World;

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
fn a_change_of_what_lives_half_made_is_refused_at_every_moment() {
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
        let (mut refused, mut free) = (0, 0);
        for steps in 0..=whole.steps.len() {
            let mut world = World::empty();
            world.apply(&whole, steps);
            let lives = world.objects.keys().any(|key| key.kind == *kind);
            let (plan, diagnostics) = world.plan(&changed, Mode::Apply);
            if lives {
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
        assert!(refused > 0 && free > 0, "{what}: {refused} refused, {free} free");
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

/// A template is named by what it holds; its change is told as what it holds, once.
#[test]
fn a_template_of_another_name_is_told_by_its_fields() {
    let wish = desired(&[Wanted::new("shop")]);
    let world = crate::laws::up(&wish);
    let mut other = wish.clone();
    // As if the image of the profile's os layer had changed: the input of the pool is the same.
    let changed = desired(&[Wanted { instance_type: "m7i.large".into(), ..Wanted::new("shop") }]);
    let part = cluster("shop").with(windlass_core::addr::Part::ControlPlane);
    other.resources.get_mut(&part).expect("it is there").objects = changed.resources[&part].objects.clone();
    let (_, diagnostics) = world.plan(&other, Mode::Apply);
    let told: Vec<String> = diagnostics.iter().map(|found| format!("{}. {}", found.summary, found.detail)).collect();
    assert_eq!(
        told,
        ["cluster.shop.control_plane: a change of machines is not possible yet. \
          `AWSMachineTemplate shop/shop-control-plane-m7i-large spec.template.spec.instanceType` was \"m6i.large\", is now \"m7i.large\"."]
    );
}
