//! A cluster as small as can be: one control plane machine, one worker, no pivot, a network and a storage layer.

#![allow(dead_code, reason = "each test binary uses its part")]

use super::support::Place;

/// A cloud without anything on it: the management plane of others.
pub const SEED: &str = "cloud \"aws\" \"seed\" {\n  region = \"eu-west-1\"\n}\n";

/// Puts the configuration of a small cluster into a folder; `head` comes before it, `extra` stands in the cluster block.
pub fn write(place: &Place, head: &str, extra: &str) {
    place.write(
        "main.wl.hcl",
        format!(
            r#"{head}
cloud "aws" "small" {{
  region = "eu-west-1"
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
    manifests = ["${{path.module}}/network/*.yaml"]
  }}
  storage "aws-ebs-csi" {{
    manifests = ["${{path.module}}/storage/*.yaml"]
  }}
}}

cluster "small" {{
  cloud    = cloud.aws.small
  profiles = [profile.base]
  pivot    = false
{extra}
  control_plane {{
    replicas = 1
    machine {{
      instance_type = "m6i.large"
    }}
  }}

  worker_pool "general" {{
    replicas = 1
    machine {{
      instance_type = "m6i.large"
    }}
  }}
}}
"#
        ),
    );
}

/// A copy of the quickstart's manifests with a small cluster.
pub fn place(head: &str, extra: &str) -> Place {
    let place = Place::example("quickstart");
    write(&place, head, extra);
    place
}
