//! `show -json`: the shape that Terraform's readers want; and the secret leaves of a plan.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use windlass_core::encode::collect_secrets;
use windlass_core::plan::secret_leaves::{StaleSecret, secret_leaves, stale_secrets};
use windlass_core::plan::show_json::show_json;
use windlass_core::plan::{Mode, Plan};

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
