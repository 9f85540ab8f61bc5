//! Drift: read from state and planes alone.

use serde_json::json;
use windlass_core::drift::{DriftReport, drift};
use windlass_core::object::ObjectKey;
use windlass_core::plan::{Mode, drift_demands};

use crate::laws::up;
use crate::wish::{LINEAGE, Wanted, cluster, desired, management};
use crate::world::{KEY, World};

fn report(world: &World) -> DriftReport {
    drift(&world.state, &world.answers(&drift_demands(&world.state)), &KEY)
}

fn lines(report: &DriftReport) -> Vec<String> {
    let line = |entry: &windlass_core::drift::DriftEntry| {
        let value = serde_json::to_value(&entry.finding).unwrap();
        let actor = value["actor"]["manager"].as_str().unwrap_or("unknown").to_owned();
        let leaf = value["leaf"].as_str().unwrap_or("").to_owned();
        format!(
            "{} {} {} {leaf} {} -> {} by {actor}",
            entry.resource,
            entry.object.short(),
            value["finding"].as_str().unwrap(),
            value["applied"],
            value["live"]
        )
    };
    report.entries.iter().map(line).collect()
}

#[test]
fn a_healthy_world_has_none_and_everything_was_looked_at() {
    let world = up(&desired(&[Wanted::new("shop")]));
    let report = report(&world);
    assert_eq!((lines(&report), report.unreachable.len(), report.failed.len()), (vec![], 0, 0));
    let own = |key: &&ObjectKey| ["Secret", "Layer"].contains(&key.kind.as_str()) && key.namespace.as_deref() == Some("windlass-system");
    let beside = world.objects.keys().filter(own).count();
    assert_eq!((report.compared, beside), (world.state.objects.len() + beside, 11), "five layers with their contents, one way in");
    let of_providers = world.state.objects.values().filter(|object| object.applied["spec"]["names"]["kind"] == "Thing").count();
    assert_eq!(of_providers, 4, "two providers on two planes");
}

#[test]
fn managers_and_layer_objects_that_are_gone_are_drift() {
    let mut world = up(&desired(&[Wanted::new("shop")]));
    for (plane, kind, name) in
        [(management(), "Deployment", "aws-manager"), (cluster("shop"), "Deployment", "aws-manager"), (cluster("shop"), "Layer", "spaces")]
    {
        let key = world.find(&plane, kind, name);
        world.objects.remove(&key);
    }
    let found = lines(&report(&world));
    let owners: Vec<&str> = found.iter().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(owners, ["management.sandbox.provider[\"aws\"]", "cluster.shop.pivot", "cluster.shop.layer[\"spaces\"]"], "{found:?}");
    assert!(found.iter().all(|line| line.contains(" deleted ") && line.ends_with("by unknown")), "{found:?}");
}

#[test]
fn secrets_that_steps_made_for_themselves_are_missed() {
    let mut world = up(&desired(&[Wanted::new("shop")]));
    let (shop, access) = (cluster("shop"), world.find(&management(), "Secret", "windlass-access-shop"));
    let gone = world.find(&shop, "Secret", "spaces-content-0");
    world.objects.remove(&gone);
    let changed = world.find(&shop, "Secret", "ebs-content-0");
    world.edit(&changed, "/data/content", json!({"$wl": "secret", "digest": "d"}), "kubectl-edit");
    // A label that is taken away hides it from the LIST, and only the label is lost by that.
    let unmarked = world.find(&shop, "Secret", "cilium-content-0");
    world.objects.get_mut(&unmarked).unwrap()["metadata"]["labels"] = json!({});
    let mut others = world.clone();
    others.objects.get_mut(&access).unwrap()["metadata"]["labels"] = json!({});
    world.objects.remove(&access);
    let secret = |digest: &str| json!({"$wl": "secret", "digest": digest}).to_string();
    let contents = [
        format!(
            "cluster.shop.layer[\"cilium\"] Secret windlass-system/cilium-content-0 leaf metadata.labels[\"windlass.dev/lineage\"] \
             \"{LINEAGE}\" -> null by unknown"
        ),
        format!(
            "cluster.shop.layer[\"ebs\"] Secret windlass-system/ebs-content-0 leaf data.content {} -> {} by kubectl-edit",
            secret(""),
            secret("d")
        ),
        "cluster.shop.layer[\"spaces\"] Secret windlass-system/spaces-content-0 deleted  null -> null by unknown".to_owned(),
    ];
    let found = lines(&report(&world));
    assert_eq!(found[..1], ["cluster.shop.pivot Secret windlass-system/windlass-access-shop deleted  null -> null by unknown"]);
    assert_eq!(found[1..], contents);
    let found = lines(&report(&others));
    assert!(found[0].contains("cluster.shop.pivot Secret windlass-system/windlass-access-shop leaf metadata.labels"), "{found:?}");
}

#[test]
fn leaves_deletions_and_replacements_are_named_with_their_actors() {
    let mut world = up(&desired(&[Wanted::new("shop")]));
    let shop = cluster("shop");
    let spaces = world.find(&shop, "ConfigMap", "spaces");
    world.edit(&spaces, "/data/key", json!("b"), "kubectl-edit");
    let ebs = world.find(&shop, "ConfigMap", "ebs");
    world.remove_leaf(&ebs, "/data/key");
    let ccm = world.find(&shop, "ConfigMap", "ccm");
    world.objects.remove(&ccm);
    let cilium = world.find(&shop, "ConfigMap", "cilium");
    world.make_again(&cilium, Some("kubectl-create"));
    let uid = world.objects[&cilium]["metadata"]["uid"].clone();
    let replaced = format!("cluster.shop.layer[\"cilium\"] ConfigMap kube-system/cilium replaced  null -> {uid} by kubectl-create");
    assert_eq!(
        lines(&report(&world)),
        [
            replaced.as_str(),
            "cluster.shop.layer[\"cloud-controller\"] ConfigMap kube-system/ccm deleted  null -> null by unknown",
            "cluster.shop.layer[\"ebs\"] ConfigMap kube-system/ebs leaf data.key \"a\" -> null by unknown",
            "cluster.shop.layer[\"spaces\"] ConfigMap kube-system/spaces leaf data.key \"a\" -> \"b\" by kubectl-edit",
        ]
    );
}

#[test]
fn what_our_agent_has_made_again_is_ours_and_another_s_object_is_put_right() {
    let wish = desired(&[Wanted::new("shop")]);
    let mut world = up(&wish);
    let spaces = world.find(&cluster("shop"), "ConfigMap", "spaces");
    world.make_again(&spaces, None);
    assert_eq!(lines(&report(&world)), Vec::<String>::new());
    let (plan, diagnostics) = world.plan(&wish, Mode::Apply);
    assert!(diagnostics.is_empty() && plan.steps.is_empty(), "{diagnostics:#?}");

    // With other marks it is nobody's of this state, whoever has applied it.
    let mut others = world.clone();
    others.objects.get_mut(&spaces).unwrap()["metadata"]["annotations"]["windlass.dev/address"] = json!("cluster.other");
    assert!(lines(&report(&others)).iter().any(|line| line.contains("kube-system/spaces replaced")));

    world.make_again(&spaces, Some("kubectl-create"));
    let (plan, _) = world.plan(&wish, Mode::Apply);
    let rules: Vec<&str> = plan.changes.iter().flat_map(|change| &change.reasons).map(|reason| reason.rule.as_str()).collect();
    assert_eq!(rules, ["made again outside of windlass by kubectl-create at 2026-02-02T00:00:00Z; who deleted it is not known"]);
    world.apply(&plan, usize::MAX);
    assert_eq!(lines(&report(&world)), Vec::<String>::new());
}

#[test]
fn secrets_do_not_show() {
    let mut world = up(&desired(&[Wanted::new("shop")]));
    let key = world.find(&cluster("shop"), "Secret", "ingress");
    world.edit(&key, "/data/password", json!("bGVha2Vk"), "kubectl-edit");
    let text = serde_json::to_string(&report(&world)).unwrap();
    assert!(text.contains("data.password") && !text.contains("bGVha2Vk") && !text.contains("s3cr3t"), "{text}");
}

#[test]
fn what_does_not_answer_is_said_and_not_guessed() {
    let mut world = up(&desired(&[Wanted::new("shop")]));
    world.unreachable.insert(cluster("shop"), "refused".into());
    let report = report(&world);
    assert_eq!(lines(&report), Vec::<String>::new());
    assert_eq!(
        report.unreachable.iter().map(|plane| format!("{} {}", plane.address, plane.reason)).collect::<Vec<_>>(),
        ["cluster.shop refused"]
    );
}
