//! `capi_override` from HCL to objects: the page that explains it is the input.

mod module;

use std::collections::BTreeMap;

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
    assert_eq!(pick("AWSCluster", "/spec/bastion/enabled"), [json!(true)]);
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
        let (mut desired, found) = wish(text);
        assert_eq!(found, Vec::<String>::new());
        desired.resources.values_mut().for_each(|resource| resource.places.clear());
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
        ("{ AWSCluster = { spec = { identityRef = null } } }", "may not change `spec.identityRef` |  | set `credentials` of the cloud"),
        ("{ AWSCluster = { spec = { region = \"eu-west-2\" } } }", "may not change `spec.region` |  | set `region` of the cloud"),
        (
            "{ AWSCluster = { spec = { controlPlaneEndpoint = { host = \"a\", port = 6443 } } } }",
            "may not change `spec.controlPlaneEndpoint`",
        ),
        (
            "{ AWSCluster = { spec = null } }",
            "may not remove `spec` as a whole | Windlass writes fields in it: `spec.region` (set `region` of the cloud), `spec.identityRef` (",
        ),
        (
            "{ AWSCluster = { metadata = { annotations = { \"cluster.x-k8s.io/managed-by\" = \"\" } } } }",
            "would make nothing for the cluster",
        ),
        ("{ KubeadmControlPlane = { spec = { kubeadmConfigSpec = null } } }", "may not remove `spec.kubeadmConfigSpec` as a whole"),
        (
            "{ KubeadmControlPlane = { spec = { rollout = { strategy = { rollingUpdate = { maxSurge = 3 } } } } } }",
            "spec.rollout.strategy.rollingUpdate.maxSurge: 3 is neither 1 nor 0",
        ),
        ("{ MachineDeployment = { spec = { paused = true } } }", "may not change `spec.paused`"),
        ("{ AWSMachineTemplate = { spec = { template = { spec = { instanceType = \"x\" } } } } }", "set `instance_type` in `machine`"),
        (
            "{ KubeadmConfigTemplate = { spec = { template = { spec = { joinConfiguration = { nodeRegistration = { kubeletExtraArgs = [] } } } } } } }",
            r#"Windlass writes in it: {"name":"cloud-provider","value":"external"}."#,
        ),
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
        assert!(value.contains(" cluster.shop.") || value.contains("var.") || found.len() == 1, "one finding: {value}: {found:#?}");
    }
    let in_a_group = "  control_plane {\n    capi_override = { MachineDeployment = {} }\n    machine {\n      instance_type = \"m6i.large\"\n    }\n  }\n";
    let (_, found) = wish(&cluster("", in_a_group));
    assert!(found.iter().any(|told| told.contains("control_plane of cluster \"shop\" has no MachineDeployment to override")), "{found:#?}");
}

/// Everything that an attribute can make windlass render.
const RICH: &str = r#"
  ssh_authorized_keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDummyDummyDummyDummyDummyDummyDummyDummyDum a@b"]
  vpc_cidr            = "10.20.0.0/16"
  availability_zones  = ["eu-west-1a", "eu-west-1b"]
  ssh_key_name        = "admins"
  tags                = { team = "shop" }
  load_balancer {
    scheme     = "internal"
    cross_zone = true
  }
  cni_ingress_rule {
    description = "VXLAN"
    protocol    = "udp"
    from_port   = 8472
    to_port     = 8472
  }
"#;

fn rich_groups(label: &str, effect: &str) -> String {
    let inside = format!(
        r#"
    labels = {{ tier = "{label}" }}
    taint {{
      key    = "dedicated"
      value  = "shop"
      effect = "{effect}"
    }}
    machine {{
      instance_type         = "m6i.large"
      root_volume_gib       = 80
      root_volume_type      = "gp3"
      root_volume_iops      = 4000
      root_volume_encrypted = true
      security_group_ids    = ["sg-0123456789abcdef0"]
      public_ip             = true
      tags                  = {{ pool = "general" }}
"#
    );
    // A subnet decides on the zone, and spot machines are for pools.
    let spot = "      spot           = true\n      spot_max_price = \"0.05\"\n    }\n";
    let subnet = "      subnet_id = \"subnet-0123456789abcdef0\"\n    }\n";
    let zone = "    failure_domain = \"eu-west-1a\"";
    format!("  control_plane {{{inside}{subnet}  }}\n  worker_pool \"general\" {{\n{zone}{inside}{spot}  }}\n")
}

/// Kinds that can be patched.
const KINDS: [&str; 6] =
    ["AWSCluster", "AWSMachineTemplate", "Cluster", "KubeadmConfigTemplate", "KubeadmControlPlane", "MachineDeployment"];

/// Values by kind and path; objects of one kind together.
type Leaves = BTreeMap<(String, Vec<String>), Vec<Json>>;

/// Leaves of the patchable objects as a patch reaches them: a list is one leaf.
fn leaves(desired: &Desired) -> Leaves {
    fn walk(kind: &str, value: &Json, path: &mut Vec<String>, found: &mut Leaves) {
        let Some(map) = value.as_object().filter(|map| !map.is_empty()) else {
            return found.entry((kind.to_owned(), path.clone())).or_default().push(value.clone());
        };
        for (name, inner) in map {
            path.push(name.clone());
            walk(kind, inner, path, found);
            path.pop();
        }
    }
    let mut found = Leaves::new();
    for kind in KINDS {
        objects(desired, kind).iter().for_each(|object| walk(kind, object, &mut Vec::new(), &mut found));
    }
    found
}

/// What is said of a patch that removes a leaf.
fn without(kind: &str, path: &[String], inside: &str, groups: &str) -> Vec<String> {
    let patch = path.iter().rev().fold("null".to_owned(), |inner, key| format!("{{ {key:?} = {inner} }}"));
    wish(&cluster(&format!("{inside}  capi_override = {{ {kind} = {patch} }}\n"), groups)).1
}

/// A leaf that windlass renders is either its own, so that a patch of it is refused, or free: no attribute of the engine sets it (for
/// those of AWS see `aws/attributes.rs`), and the object is good without it.
#[test]
fn what_windlass_renders_is_refused_or_free() {
    let plain = rich_groups("web", "NoSchedule");
    let (desired, found) = wish(&cluster(RICH, &plain));
    assert_eq!(found, Vec::<String>::new());
    let before = leaves(&desired);
    assert!(before.len() > 80, "{}", before.len());
    let mut free = Vec::new();
    for (kind, path) in before.keys() {
        let told = without(kind, path, RICH, &plain);
        let own = |told: &String| (told.contains("WL0416") || told.contains("WL0410")) && !told.ends_with("| ");
        assert!(told.iter().all(own), "{kind} {path:?}: {told:#?}");
        if !told.iter().any(|told| told.contains("WL0416")) {
            free.push(format!("{kind} {}{}", path.join("."), if told.is_empty() { "" } else { ": needed by its kind" }));
        }
    }
    assert_eq!(
        free,
        [
            "Cluster spec.clusterNetwork.serviceDomain",
            "KubeadmControlPlane spec.rollout.strategy.rollingUpdate.maxSurge: needed by its kind",
            "KubeadmControlPlane spec.rollout.strategy.type: needed by its kind",
            "MachineDeployment spec.rollout.strategy.rollingUpdate.maxSurge",
            "MachineDeployment spec.rollout.strategy.rollingUpdate.maxUnavailable",
            "MachineDeployment spec.rollout.strategy.type: needed by its kind",
        ]
    );

    let with = |from: &str, to: &str| {
        let changed = plain.replace(from, to);
        assert_ne!(changed, plain);
        changed
    };
    let zone = "failure_domain = \"eu-west-1a\"";
    let attributes = [
        ("labels", "", rich_groups("db", "NoSchedule")),
        ("taint", "", rich_groups("web", "NoExecute")),
        ("control_plane.replicas", "", with("control_plane {", "control_plane {\n    replicas = 3")),
        ("worker_pool.replicas", "", with(zone, &format!("{zone}\n    replicas = 4"))),
        ("failure_domain", "", with(zone, "failure_domain = \"eu-west-1b\"")),
        ("pod_cidr", "  pod_cidr = \"172.20.0.0/16\"\n", plain.clone()),
        ("service_cidr", "  service_cidr = \"172.21.0.0/16\"\n", plain.clone()),
        ("name", "  name = \"store\"\n", plain.clone()),
        ("namespace", "  namespace = \"stores\"\n", plain.clone()),
    ];
    for (attribute, inside, groups) in attributes {
        let (desired, found) = wish(&cluster(&format!("{RICH}{inside}"), &groups));
        assert_eq!(found, Vec::<String>::new(), "{attribute}");
        let after = leaves(&desired);
        let changed: Vec<_> = before.iter().filter(|(leaf, value)| after.get(*leaf) != Some(value)).map(|(leaf, _)| leaf).collect();
        assert!(!changed.is_empty(), "{attribute} changes nothing");
        for (kind, path) in changed {
            let leaf = format!("{kind} {}", path.join("."));
            assert!(!free.iter().any(|free| free.starts_with(&leaf)), "{attribute} sets {leaf}, and a patch takes it away");
        }
    }
}
