variable "admin_key" {
  type = string
}

cloud "aws" "main" {
  region = "eu-west-1"
  credentials {
    role_arn = "arn:aws:iam::111122223333:role/capa" # or static keys from sensitive variables
  }
}

profile "base" {
  version = "1.4.0"
  os "ubuntu" {
    version = "24.04"
    image   = "ami-0f1e2d3c4b5a69788" # your own; or images = { "eu-west-1" = "ami-…", "eu-west-1/1.33" = "ami-…" }, or a lookup
  }
  kubernetes "kubeadm" {
    version = "1.34.3"
    hops    = ["1.33.7"] # patch versions to pass through when a cluster comes from further back
  }
  network "cilium" {
    chart {
      repository = "https://helm.cilium.io"
      name       = "cilium"
      version    = "1.18.3"
    }
  }
  storage "aws-ebs-csi" {
    manifests = ["${path.module}/csi/*.yaml"]
  }
  addon "team-spaces" {
    manifests = ["${path.module}/manifests/*.yaml"]
  }
  addon "ingress" {
    manifests  = ["${path.module}/ingress/*.yaml"]
    depends_on = [addon.team-spaces]
  }
}

cluster "shop" {
  cloud               = cloud.aws.main
  profiles            = [profile.base]
  pivot               = true
  ssh_authorized_keys = [var.admin_key]
  control_plane {
    replicas = 3
    machine {
      instance_type   = "m6i.large"
      root_volume_gib = 80
    }
  }
  worker_pool "general" {
    replicas = 5
    labels   = { tier = "web" }
    machine {
      instance_type = "m6i.xlarge"
    }
  }
}

output "shop_endpoint" {
  value = cluster.shop.endpoint
}
