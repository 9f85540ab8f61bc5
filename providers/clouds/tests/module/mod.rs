//! A module without files, from HCL to the wish.

use std::sync::Arc;

use windlass_clouds::PROVIDERS;
use windlass_core::config::{Inputs, evaluate};
use windlass_core::desired::Desired;
use windlass_core::diag::{Diagnostics, SourceMap};
use windlass_core::expand::expand;
use windlass_core::files::{FileError, FileErrorKind, Files};
use windlass_core::lang::parse;
use windlass_core::plan::validate;

/// A cloud and a profile that clusters can use.
pub const BASE: &str = r#"
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
/// Control plane and one pool.
pub const GROUPS: &str = "
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
pub fn wish(text: &str) -> (Desired, Vec<String>) {
    let read = || {
        let mut sources = SourceMap::new();
        let (body, mut found) = parse(&mut sources, "main.wl.hcl", text.as_bytes());
        let inputs =
            Inputs { body: &body, variables: &[], providers: PROVIDERS, files: &NoFiles, version: "0.1.0", agent_image: "windlass:test" };
        let (model, more) = evaluate(&inputs, &mut sources);
        found.extend(more);
        let faulty = found.has_errors();
        let (desired, more) = expand(&model, "lineage");
        found.extend(more);
        found.extend(validate(&desired));
        // As `windlass validate` tells them.
        if faulty {
            found.sort();
        }
        (if faulty { Desired::default() } else { desired }, told(&found, text))
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

/// The base and one cluster.
pub fn cluster(inside: &str, groups: &str) -> String {
    format!("{BASE}cluster \"shop\" {{\n  cloud    = cloud.aws.main\n  profiles = [profile.base]\n{inside}{groups}}}\n")
}
