//! `capi_override` from HCL to objects: the page that explains it is the input.

mod module;

use module::{BASE, GROUPS, cluster, wish};
use serde_json::{Value as Json, json};
use windlass_core::desired::Desired;

const PAGE: &str = include_str!("../../../docs/how-to/override.md");
/// Objects of a kind as JSON, in the order of their resources.
fn objects(desired: &Desired, kind: &str) -> Vec<Json> {
    let all = desired.resources.values().flat_map(|resource| &resource.objects).filter(|object| object.key.kind == kind);
    all.map(|object| object.content.to_json().expect("plain data")).collect()
}

#[test]
fn the_page_is_true() {
    let snippet = PAGE.split("```hcl\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    let (plain, found) = wish(&cluster("", GROUPS));
    assert_eq!(found, Vec::<String>::new());
    let (desired, found) = wish(&format!("{BASE}{snippet}"));
    assert_eq!(found, Vec::<String>::new());
    let pick = |kind: &str, pointer: &str| -> Vec<Json> {
        objects(&desired, kind).iter().map(|object| object.pointer(pointer).cloned().unwrap_or(Json::Null)).collect()
    };
    assert_eq!(pick("AWSCluster", "/spec/additionalTags/team"), [json!("shop")]);
    assert_eq!(
        pick("AWSMachineTemplate", "/spec/template/spec/instanceMetadataOptions/httpTokens"),
        [json!("required"), json!("optional")]
    );
    assert_eq!(pick("AWSMachineTemplate", "/spec/template/spec/placementGroupName"), [Json::Null, json!("shop")]);
    assert_eq!(pick("MachineDeployment", "/spec/template/spec/deletion/nodeDrainTimeoutSeconds"), [json!(600)]);
    assert_eq!(pick("MachineDeployment", "/spec/rollout"), [Json::Null]);
    let name = |desired: &Desired, kind: &str| -> Vec<String> {
        objects(desired, kind).iter().map(|object| object["metadata"]["name"].as_str().unwrap_or("").to_owned()).collect()
    };
    for kind in ["AWSMachineTemplate", "KubeadmConfigTemplate"] {
        let (before, after) = (name(&plain, kind), name(&desired, kind));
        for (before, after) in before.iter().zip(&after) {
            // What is patched has another name, what is not keeps its own.
            assert_eq!(before == after, kind == "KubeadmConfigTemplate", "{before} {after}");
        }
    }
    let referred = pick("MachineDeployment", "/spec/template/spec/infrastructureRef/name");
    assert_eq!(referred, [json!(name(&desired, "AWSMachineTemplate")[1])], "the pool refers to the patched template");
}

#[test]
fn an_empty_override_changes_no_byte() {
    let render = |text: &str| {
        let (desired, found) = wish(text);
        assert_eq!(found, Vec::<String>::new());
        format!("{:?}", desired.resources)
    };
    let spans = |text: String| text.split("span: ").map(|part| part.split_once(" }").map_or(part, |(_, rest)| rest)).collect::<String>();
    let with = |inside: &str| spans(render(&cluster(inside, GROUPS)));
    assert_eq!(with("  capi_override = {}\n"), with(""));
}

#[test]
fn faults_are_told_at_the_attribute() {
    // The attribute's value begins in line 26, column 19.
    for (value, wanted) in [
        (
            "{ MachineDeployment = { spec = { minRedySeconds = 5 } } }",
            "WL0410 `capi_override.MachineDeployment` of cluster \"shop\" makes an object",
        ),
        (
            "{ AWSMachineTemplate = { spec = { template = { spec = { placementGrupName = true } } } } }",
            "spec.template.spec.placementGrupName",
        ),
        ("{ Cluster = { spec = { paused = true } } }", "WL0416 `capi_override.Cluster` of cluster \"shop\" may not change `spec.paused`"),
        ("{ MachineDeployment = { spec = { replicas = 5 } } }", "set `replicas` in `worker_pool`"),
        ("{ AwsCluster = {} }", "did you mean `AWSCluster`?"),
        (
            "{ Pod = {} }",
            "kinds are AWSCluster, AWSMachineTemplate, Cluster, KubeadmConfigTemplate, KubeadmControlPlane, MachineDeployment",
        ),
        ("{ Cluster = 5 }", "WL0103 `capi_override.Cluster` of cluster \"shop\" must be an object"),
        ("[]", "WL0103 `capi_override` of cluster \"shop\" must be an object with a patch for each kind"),
        (
            "{ Cluster = { metadata = { annotations = { a = var.token } } } }",
            "WL0115 `capi_override` of cluster \"shop\" would show a sensitive value",
        ),
        ("{ Cluster = { metadata = { annotations = { a = cluster.shop.endpoint } } } }", ""),
    ] {
        let text = cluster(&format!("  capi_override = {value}\n"), GROUPS);
        let line = text.split("  capi_override").next().expect("the begin").matches('\n').count() + 1;
        let (_, found) = wish(&text);
        assert!(!found.is_empty(), "{value}");
        assert!(
            wanted.is_empty() || found.iter().any(|told| told.starts_with(&format!("{line}:19 ")) && told.contains(wanted)),
            "{value}: {found:#?}"
        );
        assert!(found.iter().all(|told| !told.contains("t0k3n")), "{found:?}");
    }
    let in_a_group = "  control_plane {\n    capi_override = { MachineDeployment = {} }\n    machine {\n      instance_type = \"m6i.large\"\n    }\n  }\n";
    let (_, found) = wish(&cluster("", in_a_group));
    assert!(found.iter().any(|told| told.contains("control_plane of cluster \"shop\" has no MachineDeployment to override")), "{found:#?}");
}
