//! A small configuration over the quickstart's manifests: one profile with the infrastructure layers, and clusters of one control plane
//! machine and one worker.

use super::Place;

/// Cloud and profile; `more` stands inside of the profile.
pub fn base(more: &str) -> String {
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
    manifests = ["${{path.module}}/network/*.yaml"]
  }}
  storage "aws-ebs-csi" {{
    manifests = ["${{path.module}}/storage/*.yaml"]
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

impl Place {
    /// A folder with the quickstart's manifests and this configuration.
    pub fn small(parts: &[String]) -> Place {
        let place = Place::example("quickstart");
        place.configure(parts);
        place
    }

    /// Replaces the configuration.
    pub fn configure(&self, parts: &[String]) {
        self.write("main.wl.hcl", parts.concat());
    }
}
