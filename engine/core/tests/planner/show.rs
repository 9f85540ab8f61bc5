//! `show -json`: the shape that Terraform's readers want; and the secret leaves of a plan.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use windlass_core::desired::DesiredOutput;
use windlass_core::encode::{collect_secrets, json_text};
use windlass_core::plan::secret_leaves::{StaleSecret, secret_leaves, stale_secrets};
use windlass_core::plan::show_json::show_json;
use windlass_core::plan::{Mode, Plan};
use windlass_core::value::{Number, Value};

use crate::laws::up;
use crate::wish::{Wanted, cluster, desired};
use crate::world::{KEY, World};

fn plan(world: &World, mode: Mode) -> Plan {
    world.plan(&desired(&[Wanted::new("shop")]), mode).0
}

fn change<'j>(shown: &'j Json, address: &str) -> &'j Json {
    shown["resource_changes"].as_array().unwrap().iter().find(|change| change["address"] == json!(address)).unwrap()
}

#[test]
fn creating_repairing_and_destroying_in_terraforms_words() {
    let shown = show_json(&plan(&World::empty(), Mode::Apply));
    assert_eq!(shown["format_version"], json!("1.2"));
    let pool = change(&shown, "cluster.shop.worker_pool[\"general\"]");
    assert_eq!(
        (&pool["type"], &pool["name"], &pool["index"], &pool["mode"]),
        (&json!("windlass_worker_pool"), &json!("shop"), &json!("general"), &json!("managed"))
    );
    assert_eq!(pool["change"]["actions"], json!(["create"]));
    assert_eq!(
        (&pool["change"]["before"], &pool["change"]["before_sensitive"], &pool["change"]["after"]["replicas"]),
        (&Json::Null, &json!(false), &json!(2))
    );
    assert_eq!(change(&shown, "cluster.shop.pivot")["change"]["actions"], json!(["create"]));
    assert_eq!(shown["output_changes"]["shop_endpoint"]["after_unknown"], json!(true));
    assert_eq!(shown["output_changes"]["shop_token"]["after_sensitive"], json!(true));
    assert_eq!(
        shown["planned_values"]["root_module"]["resources"].as_array().unwrap().len(),
        shown["resource_changes"].as_array().unwrap().len()
    );
    assert_eq!(shown["prior_state"]["values"]["root_module"]["resources"], json!([]));
    let ingress = change(&shown, "cluster.shop.layer[\"ingress\"]");
    let secret = &ingress["change"]["after_sensitive"]["objects"]["Secret kube-system/ingress on cluster.shop"];
    assert_eq!(secret, &json!({"data.password": true}));
    assert!(!shown.to_string().contains("s3cr3t"));
    let mut terraforms = shown.clone();
    terraforms["windlass"] = Json::Null;
    assert!(!terraforms.to_string().contains("hmac-sha256"), "in Terraform's part secrets are marks only");

    let mut world = up(&desired(&[Wanted::new("shop")]));
    let key = world.find(&cluster("shop"), "ConfigMap", "spaces");
    world.edit(&key, "/data/key", json!("b"), "kubectl-edit");
    let shown = show_json(&plan(&world, Mode::Apply));
    let spaces = change(&shown, "cluster.shop.layer[\"spaces\"]");
    let object = "ConfigMap kube-system/spaces on cluster.shop";
    assert_eq!(spaces["change"]["actions"], json!(["update"]));
    assert_eq!(
        (&spaces["change"]["before"]["objects"][object]["data.key"], &spaces["change"]["after"]["objects"][object]["data.key"]),
        (&json!("b"), &json!("a"))
    );
    assert_eq!(change(&shown, "cluster.shop")["change"]["actions"], json!(["no-op"]));
    assert_eq!(shown["resource_drift"].as_array().unwrap().len(), 1);
    assert_eq!(shown["applyable"], json!(true));

    let shown = show_json(&plan(&world, Mode::Destroy));
    assert_eq!(change(&shown, "cluster.shop")["change"]["actions"], json!(["delete"]));
    assert_eq!(change(&shown, "cluster.shop")["change"]["after"], Json::Null);
    assert_eq!(change(&shown, "management.sandbox.provider[\"cluster-api\"]")["change"]["actions"], json!(["forget"]));
    assert_eq!(shown["planned_values"]["root_module"]["resources"], json!([]));
}

#[test]
fn outputs_have_the_values_and_types_that_terraform_writes() {
    let mut wish = desired(&[Wanted::new("shop")]);
    let third = Number::from(1).div(&Number::from(3)).unwrap();
    let made = Value::object([("a", Value::Null), ("b", Value::from(vec![Value::Null])), ("c", Value::Number(third))]);
    for (name, value) in [("made", made), ("none", Value::Null)] {
        wish.outputs.insert(name.to_owned(), DesiredOutput { value, sensitive: false });
    }
    let shown = show_json(&World::empty().plan(&wish, Mode::Apply).0);
    let outputs = &shown["planned_values"]["outputs"];
    assert_eq!(outputs["made"]["type"], json!(["object", {"a": "dynamic", "b": ["tuple", ["dynamic"]], "c": "number"}]));
    let text = json_text(&outputs["made"]["value"]);
    assert!(text.starts_with("{\"a\":null,\"b\":[null],\"c\":0.33333333333333333333333333333333"), "{text}");
    assert_eq!(outputs["none"], json!({"sensitive": false, "type": "dynamic", "value": null}));
    assert_eq!(shown["output_changes"]["none"]["actions"], json!(["no-op"]));
    assert_eq!(outputs["shop_endpoint"], json!({"sensitive": false}), "what is not known has neither value nor type");

    // What is null is not stored, its null attributes are; and what is stored is no change.
    let mut world = up(&wish);
    assert!(!world.state.outputs.contains_key("none"));
    assert!(world.state.outputs["made"].get("a").is_some_and(Json::is_null));
    let again = world.plan(&wish, Mode::Apply).0;
    assert!(again.steps.is_empty() && again.outputs.values().all(|output| output.before == output.after), "{:?}", again.outputs);
    // An output that becomes null goes from the state.
    wish.outputs.insert("made".to_owned(), DesiredOutput { value: Value::Null, sensitive: false });
    let gone = world.plan(&wish, Mode::Apply).0;
    world.apply(&gone, usize::MAX);
    assert!(!world.state.outputs.contains_key("made"));
}

#[test]
fn a_plan_names_the_secret_leaves_that_it_needs_and_finds_stale_ones() {
    let wish = desired(&[Wanted::new("shop")]);
    let plan = plan(&World::empty(), Mode::Apply);
    let leaves = secret_leaves(&plan);
    let password = "cluster.shop.layer[\"ingress\"].Secret kube-system/ingress.data.password";
    let credentials = "management.sandbox.provider[\"aws\"].Secret capa-system/capa-manager-bootstrap-credentials.data.credentials";
    assert_eq!(leaves.keys().map(String::as_str).collect::<Vec<_>>(), [password, credentials]);
    let values = collect_secrets(&wish, &KEY);
    assert_eq!(stale_secrets(&plan, &values, &KEY), vec![]);
    let changed = BTreeMap::from([(password.to_owned(), json!("b3RoZXI="))]);
    let stale = |source: &str, missing| StaleSecret { source: source.to_owned(), missing };
    assert_eq!(stale_secrets(&plan, &changed, &KEY), vec![stale(password, false), stale(credentials, true)]);
}
