//! Rendered objects, byte for byte; each of them is also valid by the facts, and each DevCluster has the annotation without which the
//! provider panics.

use serde_json::{Value as Json, json};
use windlass_clouds::{PROVIDERS, provider};
use windlass_core::kinds::known_kind;
use windlass_core::marks::ANNOTATION_ADDRESS;
use windlass_kubeschema::check::{is_never, unknown_fields, validate};

use crate::{good, objects, page, with};

/// Objects of a kind.
fn of_kind(text: &str, kind: &str) -> Vec<Json> {
    objects(&good(text)).into_iter().filter(|object| object["kind"] == kind).collect()
}

/// What the API server would say to an object.
fn faults(object: &Json) -> Vec<String> {
    let (api_version, kind) = (object["apiVersion"].as_str().expect("apiVersion"), object["kind"].as_str().expect("kind"));
    let schema = known_kind(api_version, kind).unwrap_or_else(|| panic!("no facts of {api_version} {kind}")).schema;
    let violations = validate(object, schema, &is_never).into_iter().map(|violation| format!("{kind} {violation:?}"));
    violations.chain(unknown_fields(object, schema)).collect()
}

#[test]
fn the_page_is_true() {
    let all = objects(&good(page()));
    for object in &all {
        assert_eq!(faults(object), Vec::<String>::new(), "{object:#}");
    }
    let texts: Vec<String> = all.iter().map(|object| serde_json::to_string_pretty(object).expect("JSON")).collect();
    insta::assert_snapshot!("page", texts.join("\n"));
    let resources: Vec<String> = good(page()).resources.keys().map(ToString::to_string).collect();
    assert_eq!(
        resources,
        [
            "management.real.provider[\"bootstrap-kubeadm\"]",
            "management.real.provider[\"cluster-api\"]",
            "management.real.provider[\"control-plane-kubeadm\"]",
            "management.real.provider[\"dev\"]",
            "cloud.dev.memory",
            "cluster.demo",
            "cluster.demo.control_plane",
            "cluster.demo.worker_pool[\"general\"]",
        ]
    );
}

/// The DevCluster's controller writes `Annotations[…]` into a map that is nil where the object has none, and the manager ends.
#[test]
fn each_devcluster_has_an_annotation() {
    let many = with("cluster \"demo\" {\n", "cluster \"demo\" {\n  for_each = toset([\"a\", \"b\", \"c\"])\n");
    let clusters = of_kind(&many, "DevCluster");
    assert_eq!(clusters.len(), 3);
    for cluster in clusters {
        let owner = format!("cluster.demo[\"{}\"]", cluster["metadata"]["name"].as_str().expect("a name").trim_start_matches("demo-"));
        assert_eq!(cluster["metadata"]["annotations"], json!({ANNOTATION_ADDRESS: owner}));
    }
}

/// Durations are sent in the form in which the provider's webhook writes them; any other would come back as drift.
#[test]
fn durations_are_sent_as_go_writes_them() {
    let sent = |written: &str| {
        let templates = of_kind(&with("vm_startup         = \"10s\"", &format!("vm_startup = \"{written}\"")), "DevMachineTemplate");
        templates[0]["spec"]["template"]["spec"]["backend"]["inMemory"]["vm"]["provisioning"]["startupDuration"].clone()
    };
    for (written, wanted) in [("0", "0s"), ("90s", "1m30s"), ("1500ms", "1.5s"), ("60m", "1h0m0s"), ("1m30s", "1m30s")] {
        assert_eq!(sent(written), wanted, "{written}");
    }
}

#[test]
fn workers_have_neither_api_server_nor_etcd_and_a_start_up_that_is_left_out_is_none() {
    let none = json!({"provisioning": {"startupDuration": "0s"}});
    let fields = |text: &str| -> Vec<Json> {
        let templates = of_kind(text, "DevMachineTemplate");
        templates.iter().map(|template| template["spec"]["template"]["spec"]["backend"]["inMemory"].clone()).collect()
    };
    let all = |fields: &Json| fields.as_object().expect("fields").keys().cloned().collect::<Vec<_>>();
    let written = fields(&with("      vm_startup = \"10s\"\n", ""));
    assert_eq!(
        (all(&written[0]), &written[1]),
        (vec!["apiServer".into(), "etcd".into(), "node".into(), "vm".into()], &json!({"vm": none, "node": none}))
    );
    let begin = page().find("      vm_startup").expect("a start-up");
    let end = page().find("    }\n  }\n  worker_pool").expect("a pool");
    let empty = fields(&format!("{}{}", &page()[..begin], &page()[end..]));
    assert_eq!(empty[0], json!({"vm": none, "node": none}));
}

/// Every attribute repaves, and so must change the template, and with it its name.
#[test]
fn a_change_of_machines_makes_another_template() {
    let machine = provider("dev").expect("the dev provider").schema().machine;
    for attribute in machine.attributes {
        assert_eq!(attribute.on_change.word(), "repave", "{}", attribute.name);
        let line = |text: &str| format!("    machine {{\n      {} = \"{text}\"\n    }}\n  }}\n  worker_pool", attribute.name);
        let begin = page().find("    machine {").expect("a machine");
        let end = page().find("  worker_pool").expect("a pool") + "  worker_pool".len();
        let [before, after] = ["3s", "4s"].map(|text| {
            let whole = format!("{}{}{}", &page()[..begin], line(text), &page()[end..]);
            of_kind(&whole, "DevMachineTemplate")
        });
        assert_ne!(before[0]["spec"], after[0]["spec"], "{}", attribute.name);
        assert_ne!(before[0]["metadata"]["name"], after[0]["metadata"]["name"], "{}", attribute.name);
        assert_eq!(before[1], after[1], "{} of the control plane changes the pool", attribute.name);
    }
}

#[test]
fn clusterctl_knows_the_provider_by_another_name() {
    let desired = good(page());
    let dev = desired.providers.iter().find(|provider| provider.spec.name == "dev").expect("the dev provider");
    let spec = &dev.spec;
    assert_eq!(
        (spec.label.as_str(), spec.namespace.as_str(), spec.deployment.as_str()),
        ("infrastructure-docker", "capd-system", "capd-controller-manager")
    );
    let entry = dev.objects.iter().find(|object| object.key.kind == "Provider").expect("clusterctl's entry");
    assert_eq!(entry.content.get("providerName").and_then(|name| name.as_str()), Some("docker"));
    assert!(dev.objects.iter().all(|object| object.key.kind != "Secret"), "the manager has no credentials");
    for provider in PROVIDERS.iter().filter(|provider| provider.name() != "dev") {
        assert_eq!(provider.clusterctl_name(), provider.name());
    }
}
