# Twenty small clusters, one for each store, in three regions. There is no `management` block, so everything happens on the embedded sandbox: no
# account is needed, and nothing is created in AWS.

windlass {
  max_concurrent_clusters = 5 # living clusters that change at a time; new ones are all made at once
  stop_after_failures     = 2 # no other store begins once two have failed
}

variable "menu" {
  description = "What every store sells. Another value changes all twenty clusters, five at a time."
  type        = string
  default     = "spring"
}

locals {
  regions = {
    eu-west-1 = {
      image  = "ami-0aaaaaaaaaaaaaaa1"
      stores = ["amsterdam", "berlin", "dublin", "lisbon", "london", "madrid", "oslo", "paris"]
    }
    us-east-1 = {
      image  = "ami-0aaaaaaaaaaaaaaa2"
      stores = ["atlanta", "boston", "chicago", "detroit", "miami", "montreal", "toronto"]
    }
    ap-southeast-1 = {
      image  = "ami-0aaaaaaaaaaaaaaa3"
      stores = ["bangkok", "hanoi", "jakarta", "manila", "singapore"]
    }
  }
  region_of = merge([for region, settings in local.regions : { for store in settings.stores : store => region }]...)
}

cloud "aws" "region" {
  for_each = local.regions
  region   = each.key
  credentials {
    role_arn = "arn:aws:iam::111122223333:role/capa"
  }
}

profile "base" {
  version = "1.0.0"

  os "ubuntu" {
    version = "24.04"
    images  = { for region, settings in local.regions : region => settings.image }
  }

  kubernetes "kubeadm" {
    version = "1.34.3"
  }

  network "flannel" {
    manifests = ["${path.module}/network/*.yaml"]
  }

  storage "aws-ebs" {
    objects = [{
      apiVersion        = "storage.k8s.io/v1"
      kind              = "StorageClass"
      metadata          = { name = "gp3" }
      provisioner       = "ebs.csi.aws.com"
      parameters        = { type = "gp3" }
      volumeBindingMode = "WaitForFirstConsumer"
    }]
  }
}

profile "store" {
  version = "2.1.0"

  addon "store" {
    objects = [
      { apiVersion = "v1", kind = "Namespace", metadata = { name = "store" } },
      {
        apiVersion = "v1"
        kind       = "ConfigMap"
        metadata   = { name = "menu", namespace = "store" }
        data       = { menu = var.menu, store = target.name }
      },
    ]
  }
}

cluster "store" {
  for_each = local.region_of
  name     = each.key
  cloud    = cloud.aws.region[each.value]
  profiles = [profile.base, profile.store]
  pivot    = false

  control_plane {
    replicas = 1
    machine {
      instance_type = "m6i.large"
    }
  }

  worker_pool "general" {
    replicas = 1
    machine {
      instance_type = "m6i.large"
    }
  }
}

output "endpoints" {
  value = { for name, store in cluster.store : name => store.endpoint }
}
