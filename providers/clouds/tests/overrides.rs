//! `capi_override` from HCL to objects: the page that explains it is the input.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use windlass_clouds::PROVIDERS;
use windlass_core::config::{Inputs, evaluate};
use windlass_core::desired::Desired;
use windlass_core::diag::{Diagnostics, SourceMap};
use windlass_core::expand::expand;
use windlass_core::files::{FileError, FileErrorKind, Files};
use windlass_core::lang::parse;
use windlass_core::plan::validate;

const PAGE: &str = include_str!("../../../docs/how-to/override.md");
const BASE: &str = r#"
variable "token" {
  type      = string
  default   = "t0k3n"
  sensitive = true
}
cloud "aws" "main" {
  region = "eu-west-1"
}
profile "base" {
  version = "1.0.0"
  os "ubuntu" {
    version = "24.04"
    image   = "ami-0f1e2d3c4b5a69788"
  }
  kubernetes "kubeadm" {
    version = "1.34.3"
  }
  network "n" {
    objects = [{ apiVersion = "v1", kind = "ConfigMap", metadata = { name = "n", namespace = "kube-system" } }]
  }
  storage "s" {
    objects = [{ apiVersion = "v1", kind = "ConfigMap", metadata = { name = "s", namespace = "kube-system" } }]
  }
}
"#;
const GROUPS: &str = "
  control_plane {
    machine {
      instance_type = \"m6i.large\"
    }
  }
  worker_pool \"general\" {
    machine {
      instance_type = \"m6i.large\"
    }
  }
";

struct NoFiles;

impl Files for NoFiles {
    fn read(&self, path: &str) -> Result<Arc<[u8]>, FileError> {
        Err(FileError { path: path.to_owned(), kind: FileErrorKind::NotFound, detail: String::new() })
    }

    fn list(&self, dir: &str, _: &str) -> Result<Vec<String>, FileError> {
        Err(FileError { path: dir.to_owned(), kind: FileErrorKind::NotFound, detail: String::new() })
    }
}

/// The wish of a module, and what was found with `line:column` of its place.
fn wish(text: &str) -> (Desired, Vec<String>) {
    let read = || {
        let mut sources = SourceMap::new();
        let (body, mut found) = parse(&mut sources, "main.wl.hcl", text.as_bytes());
        let inputs =
            Inputs { body: &body, variables: &[], providers: PROVIDERS, files: &NoFiles, version: "0.1.0", agent_image: "windlass:test" };
        let (model, more) = evaluate(&inputs, &mut sources);
        found.extend(more);
        let (desired, more) = expand(&model, "lineage");
        found.extend(more);
        found.extend(validate(&desired));
        (desired, told(&found, text))
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(16 << 20).spawn_scoped(scope, read).expect("a thread");
        thread.join().expect("no panic")
    })
}

fn told(found: &Diagnostics, text: &str) -> Vec<String> {
    let place = |start: u32| {
        let before = &text[..start as usize];
        format!("{}:{}", before.matches('\n').count() + 1, before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1)
    };
    let line = |place: String, found: &windlass_core::diag::Diagnostic| {
        format!("{place} {:?} {} | {} | {}", found.code, found.summary, found.detail, found.hint.as_deref().unwrap_or(""))
    };
    found.iter().map(|found| line(found.primary.map(|span| place(span.start)).unwrap_or_default(), found)).collect()
}

/// Objects of a kind as JSON, in the order of their resources.
fn objects(desired: &Desired, kind: &str) -> Vec<Json> {
    let all = desired.resources.values().flat_map(|resource| &resource.objects).filter(|object| object.key.kind == kind);
    all.map(|object| object.content.to_json().expect("plain data")).collect()
}

fn cluster(inside: &str, groups: &str) -> String {
    format!("{BASE}cluster \"shop\" {{\n  cloud    = cloud.aws.main\n  profiles = [profile.base]\n{inside}{groups}}}\n")
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
