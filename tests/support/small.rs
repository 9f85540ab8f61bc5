//! A small configuration: one profile with the infrastructure layers, and clusters of one control plane machine and one worker. Text only,
//! so that tests and benches share it.

#![allow(dead_code, reason = "each test binary uses its part")]

/// Cloud and profile over the quickstart's manifests; `more` stands inside of the profile.
pub fn base(more: &str) -> String {
    profile(&manifests("network"), &manifests("storage"), more)
}

/// Body of a layer that applies a folder of the quickstart.
pub fn manifests(folder: &str) -> String {
    format!("    manifests = [\"${{path.module}}/{folder}/*.yaml\"]")
}

/// Cloud and profile; the network and the storage layer have these bodies, `more` stands beside them.
pub fn profile(network: &str, storage: &str, more: &str) -> String {
    format!(
        r#"
cloud "aws" "main" {{
  region = "eu-west-1"
  credentials {{
    role_arn = "arn:aws:iam::111122223333:role/capa"
  }}
}}

profile "base" {{
  version = "1.0.0"
  os "ubuntu" {{
    version = "24.04"
    image   = "ami-0f1e2d3c4b5a69788"
  }}
  kubernetes "kubeadm" {{
    version = "1.34.3"
  }}
  network "flannel" {{
{network}
  }}
  storage "aws-ebs-csi" {{
{storage}
  }}
{more}
}}
"#
    )
}

/// A cluster; `more` stands inside of it.
pub fn cluster(name: &str, more: &str) -> String {
    format!(
        r#"
cluster "{name}" {{
  cloud    = cloud.aws.main
  profiles = [profile.base]
{more}
  control_plane {{
    machine {{
      instance_type = "m6i.large"
    }}
  }}
  worker_pool "general" {{
    machine {{
      instance_type = "m6i.large"
    }}
  }}
}}
"#
    )
}
