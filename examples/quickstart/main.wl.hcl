# One AWS-shaped cluster. There is no `management` block, so everything happens on the embedded sandbox:
# no account is needed, and nothing is created in AWS.

variable "database_password" {
  description = "Goes into a Secret of the shop; never into plan, state or log."
  type        = string
  sensitive   = true
  default     = "quickstart-only"
}

cloud "aws" "main" {
  region = "eu-west-1"
  credentials {
    role_arn = "arn:aws:iam::111122223333:role/capa"
  }
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

  network "flannel" {
    manifests = ["${path.module}/network/*.yaml"]
  }

  storage "aws-ebs-csi" {
    manifests = ["${path.module}/storage/*.yaml"]
  }

  addon "platform" {
    manifests = ["${path.module}/platform/*.yaml"]
  }
}

profile "shop" {
  version = "0.3.0"

  addon "shop" {
    manifests  = ["${path.module}/shop/*.yaml"]
    depends_on = [addon.platform]
    objects = [
      {
        apiVersion = "v1"
        kind       = "Secret"
        metadata   = { name = "database", namespace = "storefront" }
        type       = "Opaque"
        stringData = { password = var.database_password }
      },
      {
        apiVersion = "v1"
        kind       = "ConfigMap"
        metadata   = { name = "cluster-info", namespace = "storefront" }
        data = {
          cluster  = target.name
          endpoint = target.endpoint # known once the cluster lives
        }
      },
    ]
  }
}

cluster "shop" {
  cloud    = cloud.aws.main
  profiles = [profile.base, profile.shop]
  pivot    = true

  control_plane {
    replicas = 3
    machine {
      instance_type   = "m6i.large"
      root_volume_gib = 80
    }
  }

  worker_pool "general" {
    replicas = 2
    labels   = { tier = "web" }
    machine {
      instance_type = "m6i.xlarge"
    }
  }
}

output "shop_endpoint" {
  value = cluster.shop.endpoint
}
