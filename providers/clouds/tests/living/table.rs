//! The rows: one for each attribute, with the value that the cluster was made with and the one that it is given then.

/// What must come of a change.
#[derive(Debug, Clone, Copy)]
pub enum Outcome {
    /// The plan refuses it with these words, as a change for later, and says where it is written.
    Refused(&'static str),
    /// The plan refuses it with these words, as what stays while the cluster lives, and says where it is written.
    Fixed(&'static str),
    /// These resources, and nothing else, are updated, and no machine is replaced.
    InPlace(&'static [&'static str]),
    /// All machines of these are replaced, so many of each; nothing else changes but what the state keeps of the cluster itself. With 0: it is
    /// updated in place beside them.
    Repave(&'static [(&'static str, u32)]),
    /// This resource is made, and nothing else changes but what the state keeps of the cluster itself.
    Adds(&'static str),
    /// Nothing changes, for this reason.
    Nothing(&'static str),
    /// The configuration itself is refused with these words.
    Invalid(&'static str),
}

/// One attribute.
pub struct Row {
    pub path: &'static str,
    pub slot: &'static str,
    pub old: &'static str,
    pub new: &'static str,
    pub outcome: Outcome,
}

/// A configuration with a place for each row.
pub const CONFIGURATION: &str = r#"
#windlass#
#management#
#others#
cloud "aws" "main" {
  #region#
  #cloud#
}
cloud "aws" "other" {
  region = "eu-west-1"
}
profile "base" {
  #profile#
  variable "word" {
    default = "a"
  }
  os "ubuntu" {
    #os_version#
    #os#
  }
  kubernetes "kubeadm" {
    #kubernetes_version#
    #kubernetes#
  }
  network "flannel" {
    manifests = ["some.yaml"]
  }
  storage "disks" {
    objects = [{ apiVersion = "v1", kind = "ConfigMap", metadata = { name = "disks", namespace = "kube-system" } }]
  }
  addon "first" {
    objects = [{ apiVersion = "v1", kind = "ConfigMap", metadata = { name = "first", namespace = "kube-system" }, data = { word = var.word } }]
  }
  addon "second" {
    #layer#
  }
  #cloud_controller#
}
profile "more" {
  version = "1.0.0"
  addon "third" {
    objects = [{ apiVersion = "v1", kind = "ConfigMap", metadata = { name = "third", namespace = "kube-system" } }]
  }
}
cluster "shop" {
  #cluster_cloud#
  #profiles#
  #cluster#
  #lookup#
  control_plane {
    #control_plane_size#
    #control_plane#
    machine {
      instance_type = "m6i.large"
    }
  }
  worker_pool "general" {
    #pool_size#
    #worker_pool#
    machine {
      #instance_type#
      #machine#
    }
  }
  worker_pool "batch" {
    replicas = 4
    machine {
      instance_type = "c6i.large"
    }
  }
}
"#;

/// What stands in each place while no row is about it.
pub const SLOTS: &[(&str, &str)] = &[
    ("windlass", ""),
    ("management", ""),
    ("others", ""),
    ("region", "region = \"eu-west-1\""),
    ("cloud", ""),
    ("profile", "version = \"1.0.0\""),
    ("os_version", "version = \"24.04\""),
    ("os", "image = \"ami-0f1e2d3c4b5a69788\""),
    ("kubernetes_version", "version = \"1.34.3\""),
    ("kubernetes", ""),
    ("layer", "manifests = [\"other.yaml\"]"),
    ("cloud_controller", ""),
    ("cluster_cloud", "cloud = cloud.aws.main"),
    ("profiles", "profiles = [profile.base]"),
    ("cluster", ""),
    ("lookup", ""),
    ("control_plane_size", "replicas = 3"),
    ("control_plane", ""),
    ("pool_size", "replicas = 2"),
    ("worker_pool", ""),
    ("instance_type", "instance_type = \"m6i.large\""),
    ("machine", ""),
];

const RULE: &str = "cni_ingress_rule {\n description = \"d\"\n protocol = \"tcp\"\n from_port = 1\n to_port = 9\n }";
const LOOKUP: &str = "image_lookup {\n owner = \"111122223333\"\n base_os = \"ubuntu-24.04\"\n }";
const VOLUME: &str = "root_volume_gib = 80\n root_volume_type = \"gp3\"\n root_volume_encrypted = true";

/// Machines of all that the cluster has.
const ALL: Outcome = Outcome::Repave(&[
    ("cluster.shop.control_plane", 3),
    ("cluster.shop.worker_pool[\"batch\"]", 4),
    ("cluster.shop.worker_pool[\"general\"]", 2),
]);
/// Machines of the pool that the rows are about.
const GENERAL: Outcome = Outcome::Repave(&[("cluster.shop.worker_pool[\"general\"]", 2)]);
const CONTROL_PLANE: Outcome = Outcome::Repave(&[("cluster.shop.control_plane", 3)]);

const REAL: &str = "management \"real\" {\n kubeconfig = \"a\"\n context = \"a\"\n install_providers = false\n}";
const HUB: &str = "cluster \"hub\" {\n cloud = cloud.aws.main\n profiles = [profile.base]\n control_plane {\n machine {\n instance_type = \"m6i.large\"\n }\n }\n}";

/// A control plane with external etcd: endpoint, and the base64 of authority, certificate and key.
macro_rules! etcd {
    ($endpoint:literal, $authority:literal, $certificate:literal, $key:literal) => {
        concat!(
            "etcd {\n external {\n endpoints = [\"https://",
            $endpoint,
            "\"]\n ca_certificate = \"-----BEGIN CERTIFICATE-----\\n",
            $authority,
            "\\n-----END CERTIFICATE-----\\n\"\n client_certificate = \"-----BEGIN CERTIFICATE-----\\n",
            $certificate,
            "\\n-----END CERTIFICATE-----\\n\"\n client_key = \"-----BEGIN PRIVATE KEY-----\\n",
            $key,
            "\\n-----END PRIVATE KEY-----\\n\"\n }\n }"
        )
    };
}
const ETCD: &str = etcd!("a:2379", "MAcwADAAAwEA", "MAcwADAAAwEA", "MAcCAQAwAAQA");

/// A layer with this word in its object; `alone`: the word is left alone once it is there.
macro_rules! layer_with {
    ($word:literal) => {
        concat!(
            "objects = [{ apiVersion = \"v1\", kind = \"ConfigMap\", metadata = { name = \"other\", namespace = \"kube-system\" }, data = { word = \"",
            $word,
            "\" } }]"
        )
    };
    ($word:literal, alone) => {
        concat!(layer_with!($word), "\n lifecycle {\n ignore_changes = [\"ConfigMap/kube-system/other:data.word\"]\n }")
    };
}

/// A cluster in memory beside the other one, with what a row puts into the machines of its control plane.
macro_rules! in_memory {
    ($machine:literal) => {
        concat!(
            "management \"real\" {\n install_providers = false\n}\n",
            "cloud \"dev\" \"memory\" {\n}\n",
            "profile \"memory\" {\n version = \"1.0.0\"\n os \"none\" {\n version = \"0\"\n }\n",
            " kubernetes \"kubeadm\" {\n version = \"1.34.3\"\n }\n}\n",
            "cluster \"demo\" {\n cloud = cloud.dev.memory\n profiles = [profile.memory]\n pivot = false\n",
            " control_plane {\n replicas = 3\n machine {\n",
            $machine,
            "\n }\n }\n}"
        )
    };
}

const fn row(path: &'static str, slot: &'static str, old: &'static str, new: &'static str, outcome: Outcome) -> Row {
    Row { path, slot, old, new, outcome }
}

#[rustfmt::skip]
pub fn table() -> Vec<Row> {
    use Outcome::{Adds, Fixed, InPlace, Invalid, Nothing, Refused, Repave};
    let keys = "credentials {\n access_key_id = \"AKIA1\"\n secret_access_key = \"s\"\n }";
    let role = "credentials {\n role_arn = \"arn:aws:iam::111122223333:role/capa\"\n }";
    vec![
        row("windlass.agent_image", "windlass", "", "windlass {\n agent_image = \"mirror/windlass:2\"\n}", InPlace(&["cluster.shop.agent"])),
        row("windlass.max_concurrent_clusters", "windlass", "", "windlass {\n max_concurrent_clusters = 3\n}", Nothing("it is about the pace of other changes")),
        row("windlass.stop_after_failures", "windlass", "", "windlass {\n stop_after_failures = 3\n}", Nothing("it is about the pace of other changes")),
        row("windlass.required_version", "windlass", "", "windlass {\n required_version = \"~> 0.1\"\n}", Nothing("it is about the binary that plans, and is checked before")),

        row("management.kubeconfig", "management", REAL, "management \"real\" {\n kubeconfig = \"b\"\n context = \"a\"\n install_providers = false\n}", Nothing("it is the way to the plane; that it leads to the same one is held against the recorded identity")),
        row("management.context", "management", REAL, "management \"real\" {\n kubeconfig = \"a\"\n context = \"b\"\n install_providers = false\n}", Nothing("it is the way to the plane; that it leads to the same one is held against the recorded identity")),
        row("management.install_providers", "management", REAL, "management \"real\" {\n kubeconfig = \"a\"\n context = \"a\"\n install_providers = true\n}", Refused("a change of a provider")),
        row("management.component_repository", "management", REAL, "management \"real\" {\n kubeconfig = \"a\"\n context = \"a\"\n install_providers = false\n component_repository = \"copy\"\n}", Nothing("where files come from; what they hold is locked by digest")),
        row("management.cert_manager", "management", REAL, "management \"real\" {\n kubeconfig = \"a\"\n context = \"a\"\n install_providers = false\n cert_manager = \"external\"\n}", Nothing("no provider here asks for certificates")),
        row("management.provider.variables", "management", REAL, "management \"real\" {\n kubeconfig = \"a\"\n context = \"a\"\n install_providers = false\n provider \"aws\" {\n variables = { MANAGER_REPLICAS = 2 }\n }\n}", InPlace(&["cluster.shop.pivot"])),
        row("management.provider.version", "management", REAL, "management \"real\" {\n kubeconfig = \"a\"\n context = \"a\"\n install_providers = false\n provider \"aws\" {\n version = \"v2.0.0\"\n }\n}", Invalid("version \"v2.0.0\" of provider \"aws\" is not known")),

        row("cloud.region", "region", "region = \"eu-west-1\"", "region = \"eu-west-2\"", Fixed("cloud.aws.main: `region` stays as it is while cloud.aws.main lives")),
        row("cloud.credentials.role_arn", "cloud", "", role, Refused("a change of cloud credentials")),
        row("cloud.credentials.access_key_id", "cloud", keys, "credentials {\n access_key_id = \"AKIA2\"\n secret_access_key = \"s\"\n }", InPlace(&["cloud.aws.main"])),
        row("cloud.credentials.secret_access_key", "cloud", keys, "credentials {\n access_key_id = \"AKIA1\"\n secret_access_key = \"t\"\n }", InPlace(&["cloud.aws.main"])),
        row("cloud.credentials.session_token", "cloud", keys, "credentials {\n access_key_id = \"AKIA1\"\n secret_access_key = \"s\"\n session_token = \"t\"\n }", InPlace(&["cloud.aws.main"])),
        row("cloud.credentials.external_id", "cloud", role, "credentials {\n role_arn = \"arn:aws:iam::111122223333:role/capa\"\n external_id = \"b\"\n }", InPlace(&["cloud.aws.main"])),
        row("cloud.credentials.session_name", "cloud", role, "credentials {\n role_arn = \"arn:aws:iam::111122223333:role/capa\"\n session_name = \"b\"\n }", InPlace(&["cloud.aws.main"])),

        row("profile.version", "profile", "version = \"1.0.0\"", "version = \"1.1.0\"", InPlace(&["cluster.shop"])),
        row("os.version", "os_version", "version = \"24.04\"", "version = \"22.04\"", InPlace(&["cluster.shop"])),
        row("os.image", "os", "image = \"ami-0f1e2d3c4b5a69788\"", "image = \"ami-0f1e2d3c4b5a69789\"", ALL),
        row("os.images", "os", "images = { \"eu-west-1\" = \"ami-0f1e2d3c4b5a69788\" }", "images = { \"eu-west-1\" = \"ami-0f1e2d3c4b5a69789\" }", ALL),
        row("kubernetes.version", "kubernetes_version", "version = \"1.34.3\"", "version = \"1.34.4\"", ALL),
        row("kubernetes.hops", "kubernetes", "", "hops = [\"1.33.7\"]", Nothing("hops are passed through when the version changes")),
        row("layer.manifests", "layer", "manifests = [\"other.yaml\"]", "manifests = [\"another.yaml\"]", InPlace(&["cluster.shop.layer[\"second\"]"])),
        row("layer.objects", "layer", "objects = [{ apiVersion = \"v1\", kind = \"ConfigMap\", metadata = { name = \"a\", namespace = \"kube-system\" } }]", "objects = [{ apiVersion = \"v1\", kind = \"ConfigMap\", metadata = { name = \"b\", namespace = \"kube-system\" } }]", InPlace(&["cluster.shop.layer[\"second\"]"])),
        row("layer.depends_on", "layer", "manifests = [\"other.yaml\"]", "manifests = [\"other.yaml\"]\n depends_on = [addon.first]", InPlace(&["cluster.shop.layer[\"second\"]"])),
        row("cloud_controller.enabled", "cloud_controller", "", "cloud_controller {\n enabled = false\n }", Refused("cluster.shop.layer[\"cloud-controller\"]: removing a layer")),
        row("cloud_controller.manifests", "cloud_controller", "", "cloud_controller {\n manifests = [\"ccm.yaml\"]\n }", InPlace(&["cluster.shop.layer[\"cloud-controller\"]"])),

        row("cluster.depends_on", "others", HUB, "cluster \"hub\" {\n cloud = cloud.aws.main\n profiles = [profile.base]\n depends_on = [cluster.shop]\n control_plane {\n machine {\n instance_type = \"m6i.large\"\n }\n }\n}", InPlace(&["cluster.hub"])),
        row("cluster.cloud", "cluster_cloud", "cloud = cloud.aws.main", "cloud = cloud.aws.other", Fixed("cluster.shop: `cloud` stays as it is while cluster.shop lives")),
        row("cluster.profiles", "profiles", "profiles = [profile.base]", "profiles = [profile.base, profile.more]", Adds("cluster.shop.layer[\"third\"]")),
        row("cluster.profile_values", "cluster", "", "profile_values = { base = { word = \"b\" } }", InPlace(&["cluster.shop.layer[\"first\"]"])),
        row("cluster.name", "cluster", "", "name = \"store\"", Fixed("cluster.shop: `name` stays as it is while cluster.shop lives")),
        row("cluster.namespace", "cluster", "", "namespace = \"store\"", Fixed("cluster.shop: `namespace` stays as it is while cluster.shop lives")),
        row("cluster.pivot", "cluster", "", "pivot = false", Refused("switching the pivot")),
        row("cluster.ssh_authorized_keys", "cluster", "", "ssh_authorized_keys = [\"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDummyDummyDummyDummyDummyDummyDummyDummyDum a@b\"]", ALL),
        row("cluster.pod_cidr", "cluster", "", "pod_cidr = \"10.200.0.0/16\"", Fixed("cluster.shop: `pod_cidr` stays as it is while cluster.shop lives")),
        row("cluster.service_cidr", "cluster", "", "service_cidr = \"10.201.0.0/16\"", Fixed("cluster.shop: `service_cidr` stays as it is while cluster.shop lives")),
        row("cluster.capi_override", "cluster", "", "capi_override = { Cluster = { spec = { clusterNetwork = { serviceDomain = \"shop.local\" } } } }", InPlace(&["cluster.shop"])),
        row("cluster.capi_override", "cluster", "", "capi_override = { AWSMachineTemplate = { spec = { template = { spec = { instanceMetadataOptions = { httpTokens = \"required\" } } } } } }", ALL),
        row("cluster.capi_override", "cluster", "", "capi_override = { KubeadmConfigTemplate = { spec = { template = { spec = { verbosity = 4 } } } } }", Repave(&[("cluster.shop.worker_pool[\"batch\"]", 4), ("cluster.shop.worker_pool[\"general\"]", 2)])),
        row("cluster.vpc_id", "cluster", "vpc_id = \"vpc-0123456789abcdef0\"\n subnet_ids = [\"subnet-0123456789abcdef0\"]", "vpc_id = \"vpc-0123456789abcdef1\"\n subnet_ids = [\"subnet-0123456789abcdef0\"]", Fixed("cluster.shop: `vpc_id` stays as it is while cluster.shop lives")),
        row("cluster.subnet_ids", "cluster", "vpc_id = \"vpc-0123456789abcdef0\"\n subnet_ids = [\"subnet-0123456789abcdef0\"]", "vpc_id = \"vpc-0123456789abcdef0\"\n subnet_ids = [\"subnet-0123456789abcdef1\"]", InPlace(&["cluster.shop"])),
        row("cluster.security_groups", "cluster", "vpc_id = \"vpc-0123456789abcdef0\"\n subnet_ids = [\"subnet-0123456789abcdef0\"]", "vpc_id = \"vpc-0123456789abcdef0\"\n subnet_ids = [\"subnet-0123456789abcdef0\"]\n security_groups = { node = \"sg-0123456789abcdef0\" }", InPlace(&["cluster.shop"])),
        row("cluster.vpc_cidr", "cluster", "", "vpc_cidr = \"10.5.0.0/16\"", Fixed("cluster.shop: `vpc_cidr` stays as it is while cluster.shop lives")),
        row("cluster.availability_zones", "cluster", "availability_zones = [\"eu-west-1a\"]", "availability_zones = [\"eu-west-1b\"]", Fixed("cluster.shop: `availability_zones` stays as it is while cluster.shop lives")),
        row("cluster.ssh_key_name", "cluster", "", "ssh_key_name = \"admins\"", Repave(&[("cluster.shop", 0), ("cluster.shop.control_plane", 3), ("cluster.shop.worker_pool[\"batch\"]", 4), ("cluster.shop.worker_pool[\"general\"]", 2)])),
        row("cluster.tags", "cluster", "tags = { a = \"b\" }", "tags = { a = \"c\" }", InPlace(&["cluster.shop"])),
        row("cluster.load_balancer.scheme", "cluster", "", "load_balancer {\n scheme = \"internal\"\n }", Fixed("cluster.shop: `load_balancer.scheme` stays as it is while cluster.shop lives")),
        row("cluster.load_balancer.type", "cluster", "", "load_balancer {\n type = \"classic\"\n }", Fixed("cluster.shop: `load_balancer.type` stays as it is while cluster.shop lives")),
        row("cluster.load_balancer.scheme", "cluster", "load_balancer {\n scheme = \"internal\"\n }", "", Fixed("cluster.shop: `load_balancer.scheme` stays as it is while cluster.shop lives")),
        row("cluster.load_balancer.cross_zone", "cluster", "", "load_balancer {\n cross_zone = true\n }", InPlace(&["cluster.shop"])),
        row("cluster.cni_ingress_rule.description", "cluster", RULE, "cni_ingress_rule {\n description = \"e\"\n protocol = \"tcp\"\n from_port = 1\n to_port = 9\n }", InPlace(&["cluster.shop"])),
        row("cluster.cni_ingress_rule.protocol", "cluster", RULE, "cni_ingress_rule {\n description = \"d\"\n protocol = \"udp\"\n from_port = 1\n to_port = 9\n }", InPlace(&["cluster.shop"])),
        row("cluster.cni_ingress_rule.from_port", "cluster", RULE, "cni_ingress_rule {\n description = \"d\"\n protocol = \"tcp\"\n from_port = 2\n to_port = 9\n }", InPlace(&["cluster.shop"])),
        row("cluster.cni_ingress_rule.to_port", "cluster", RULE, "cni_ingress_rule {\n description = \"d\"\n protocol = \"tcp\"\n from_port = 1\n to_port = 8\n }", InPlace(&["cluster.shop"])),
        row("cluster.image_lookup.owner", "lookup", LOOKUP, "image_lookup {\n owner = \"222233334444\"\n base_os = \"ubuntu-24.04\"\n }", ALL),
        row("cluster.image_lookup.base_os", "lookup", LOOKUP, "image_lookup {\n owner = \"111122223333\"\n base_os = \"ubuntu-26.04\"\n }", ALL),
        row("cluster.image_lookup.format", "lookup", LOOKUP, "image_lookup {\n owner = \"111122223333\"\n base_os = \"ubuntu-24.04\"\n format = \"mine-{{.BaseOS}}-{{.K8sVersion}}\"\n }", ALL),
        row("machine.instance_type", "instance_type", "instance_type = \"m6i.large\"", "instance_type = \"m6i.xlarge\"", GENERAL),
        row("machine.ami", "machine", "", "ami = \"ami-0123456789abcdef0\"", GENERAL),
        row("machine.root_volume_gib", "machine", "", "root_volume_gib = 80", GENERAL),
        row("machine.root_volume_type", "machine", "root_volume_gib = 80", "root_volume_gib = 80\n root_volume_type = \"gp2\"", GENERAL),
        row("machine.root_volume_iops", "machine", VOLUME, "root_volume_gib = 80\n root_volume_type = \"gp3\"\n root_volume_encrypted = true\n root_volume_iops = 4000", GENERAL),
        row("machine.root_volume_throughput", "machine", VOLUME, "root_volume_gib = 80\n root_volume_type = \"gp3\"\n root_volume_encrypted = true\n root_volume_throughput = 250", GENERAL),
        row("machine.root_volume_encrypted", "machine", "root_volume_gib = 80", "root_volume_gib = 80\n root_volume_encrypted = true", GENERAL),
        row("machine.root_volume_kms_key", "machine", VOLUME, "root_volume_gib = 80\n root_volume_type = \"gp3\"\n root_volume_encrypted = true\n root_volume_kms_key = \"alias/shop\"", GENERAL),
        row("machine.subnet_id", "machine", "", "subnet_id = \"subnet-0123456789abcdef0\"", GENERAL),
        row("machine.public_ip", "machine", "", "public_ip = true", GENERAL),
        row("machine.security_group_ids", "machine", "", "security_group_ids = [\"sg-0123456789abcdef0\"]", GENERAL),
        row("machine.iam_instance_profile", "machine", "", "iam_instance_profile = \"shop-nodes\"", GENERAL),
        row("machine.spot", "machine", "", "spot = true", GENERAL),
        row("machine.spot_max_price", "machine", "spot = true", "spot = true\n spot_max_price = \"0.05\"", GENERAL),
        row("machine.tags", "machine", "", "tags = { a = \"b\" }", GENERAL),
        row("machine.vm_startup", "others", in_memory!(""), in_memory!("vm_startup = \"10s\""), Repave(&[("cluster.demo.control_plane", 3)])),
        row("machine.node_startup", "others", in_memory!(""), in_memory!("node_startup = \"10s\""), Repave(&[("cluster.demo.control_plane", 3)])),
        row("machine.api_server_startup", "others", in_memory!(""), in_memory!("api_server_startup = \"10s\""), Repave(&[("cluster.demo.control_plane", 3)])),
        row("machine.etcd_startup", "others", in_memory!(""), in_memory!("etcd_startup = \"10s\""), Repave(&[("cluster.demo.control_plane", 3)])),
        row("cluster.agent.enabled", "cluster", "", "agent {\n enabled = false\n }", Refused("switching the agent off")),
        row("cluster.agent.mode", "cluster", "", "agent {\n mode = \"heal\"\n }", InPlace(&["cluster.shop.agent", "cluster.shop.layer[\"cloud-controller\"]", "cluster.shop.layer[\"disks\"]", "cluster.shop.layer[\"first\"]", "cluster.shop.layer[\"flannel\"]", "cluster.shop.layer[\"second\"]"])),
        row("cluster.timeouts.wait", "cluster", "", "timeouts {\n wait = \"2h\"\n }", Nothing("it is the patience of the run at hand, and nothing on a plane")),
        row("cluster.lifecycle.prevent_destroy", "cluster", "", "lifecycle {\n prevent_destroy = true\n }", InPlace(&["cluster.shop"])),
        row("cluster.lifecycle.ignore_changes", "cluster", "tags = { a = \"b\" }", "tags = { a = \"b\" }\n lifecycle {\n ignore_changes = [tags]\n }", InPlace(&["cluster.shop"])),
        row("cluster.lifecycle.ignore_changes", "cluster", "tags = { a = \"b\" }\n lifecycle {\n ignore_changes = [tags]\n }", "tags = { a = \"c\" }\n lifecycle {\n ignore_changes = [tags]\n }", Nothing("others look after it")),
        row("cluster.lifecycle.ignore_changes", "cluster", "tags = { a = \"b\" }\n lifecycle {\n ignore_changes = [tags]\n }", "tags = { a = \"c\" }", InPlace(&["cluster.shop"])),
        row("worker_pool.lifecycle.ignore_changes", "worker_pool", "", "lifecycle {\n ignore_changes = [replicas]\n }", InPlace(&["cluster.shop.worker_pool[\"general\"]"])),
        row("worker_pool.lifecycle.ignore_changes", "pool_size", "replicas = 2\n lifecycle {\n ignore_changes = [replicas]\n }", "replicas = 7\n lifecycle {\n ignore_changes = [replicas]\n }", Nothing("others look after it")),
        row("worker_pool.lifecycle.ignore_changes", "worker_pool", "failure_domain = \"eu-west-1a\"\n lifecycle {\n ignore_changes = [failure_domain]\n }", "failure_domain = \"eu-west-1b\"\n lifecycle {\n ignore_changes = [failure_domain]\n }", Nothing("others look after it")),
        row("layer.lifecycle.ignore_changes", "layer", layer_with!("a"), layer_with!("a", alone), InPlace(&["cluster.shop.layer[\"second\"]"])),
        row("layer.lifecycle.ignore_changes", "layer", layer_with!("a", alone), layer_with!("b", alone), Nothing("others look after it")),
        row("control_plane.replicas", "control_plane_size", "replicas = 3", "replicas = 5", InPlace(&["cluster.shop.control_plane"])),
        row("control_plane.labels", "control_plane", "", "labels = { tier = \"a\" }", CONTROL_PLANE),
        row("control_plane.capi_override", "control_plane", "", "capi_override = { KubeadmControlPlane = { spec = { remediation = { maxRetry = 3 } } } }", InPlace(&["cluster.shop.control_plane"])),
        row("control_plane.capi_override", "control_plane", "", "capi_override = { KubeadmControlPlane = { spec = { kubeadmConfigSpec = { verbosity = 4 } } } }", CONTROL_PLANE),
        // What Cluster API brings to a control plane without replacing its machines, though it stands in what they are made from.
        row("control_plane.capi_override", "control_plane", "", "capi_override = { KubeadmControlPlane = { spec = { kubeadmConfigSpec = { clusterConfiguration = { dns = { imageTag = \"v1.12.1\" } } } } } }", InPlace(&["cluster.shop.control_plane"])),
        row("control_plane.capi_override", "control_plane", "", "capi_override = { KubeadmControlPlane = { spec = { kubeadmConfigSpec = { joinConfiguration = { timeouts = { controlPlaneComponentHealthCheckSeconds = 300 } } } } } }", InPlace(&["cluster.shop.control_plane"])),
        row("control_plane.capi_override", "control_plane", "", "capi_override = { KubeadmControlPlane = { spec = { machineTemplate = { metadata = { labels = { a = \"b\" } }, spec = { deletion = { nodeDrainTimeoutSeconds = 60 } } } } } }", InPlace(&["cluster.shop.control_plane"])),
        row("control_plane.capi_override", "control_plane", "", "capi_override = { AWSMachineTemplate = { spec = { template = { spec = { instanceMetadataOptions = { httpTokens = \"required\" } } } } } }", CONTROL_PLANE),
        row("control_plane.taint.key", "control_plane", "taint {\n key = \"a\"\n effect = \"NoSchedule\"\n }", "taint {\n key = \"b\"\n effect = \"NoSchedule\"\n }", CONTROL_PLANE),
        row("control_plane.taint.value", "control_plane", "taint {\n key = \"a\"\n effect = \"NoSchedule\"\n }", "taint {\n key = \"a\"\n value = \"v\"\n effect = \"NoSchedule\"\n }", CONTROL_PLANE),
        row("control_plane.taint.effect", "control_plane", "taint {\n key = \"a\"\n effect = \"NoSchedule\"\n }", "taint {\n key = \"a\"\n effect = \"NoExecute\"\n }", CONTROL_PLANE),
        // Cluster API lets what stands in etcd.external change, but never whether it is there.
        row("control_plane.etcd.external.endpoints", "control_plane", "", ETCD, Refused("cluster.shop.control_plane: a switch between etcd of its own and external etcd")),
        row("control_plane.etcd.external.endpoints", "control_plane", ETCD, "", Refused("cluster.shop.control_plane: a switch between etcd of its own and external etcd")),
        // A changed endpoint rolls the machines.
        row("control_plane.etcd.external.endpoints", "control_plane", ETCD, etcd!("b:2379", "MAcwADAAAwEA", "MAcwADAAAwEA", "MAcCAQAwAAQA"), Refused("cluster.shop.control_plane: a change of external etcd is not possible yet `etcd.external.endpoints` was [\"https://a:2379\"], is now [\"https://b:2379\"].")),
        // A changed Secret rolls none of them: only machines that are made later have what it holds.
        row("control_plane.etcd.external.ca_certificate", "control_plane", ETCD, etcd!("a:2379", "MAgwADAAAwIAAQ==", "MAcwADAAAwEA", "MAcCAQAwAAQA"), Refused("a change of external etcd is not possible yet `etcd.external.ca_certificate` was \"sha256:")),
        row("control_plane.etcd.external.client_certificate", "control_plane", ETCD, etcd!("a:2379", "MAcwADAAAwEA", "MAgwADAAAwIAAQ==", "MAcCAQAwAAQA"), Refused("a change of external etcd is not possible yet `etcd.external.client_certificate` was \"sha256:")),
        row("control_plane.etcd.external.client_key", "control_plane", ETCD, etcd!("a:2379", "MAcwADAAAwEA", "MAcwADAAAwEA", "MAgCAQAwAAQBAQ=="), Refused("a change of external etcd is not possible yet `etcd.external.client_key` was (sensitive), is now (sensitive).")),
        row("worker_pool.replicas", "pool_size", "replicas = 2", "replicas = 7", InPlace(&["cluster.shop.worker_pool[\"general\"]"])),
        row("worker_pool.labels", "worker_pool", "", "labels = { tier = \"a\" }", GENERAL),
        row("worker_pool.failure_domain", "worker_pool", "", "failure_domain = \"eu-west-1a\"", GENERAL),
        row("worker_pool.capi_override", "worker_pool", "", "capi_override = { MachineDeployment = { spec = { rollout = { strategy = { rollingUpdate = { maxSurge = 2 } } } } } }", InPlace(&["cluster.shop.worker_pool[\"general\"]"])),
        row("worker_pool.capi_override", "worker_pool", "", "capi_override = { MachineDeployment = { spec = { template = { metadata = { labels = { a = \"b\" } }, spec = { deletion = { nodeDrainTimeoutSeconds = 60 } } } } } }", InPlace(&["cluster.shop.worker_pool[\"general\"]"])),
        row("worker_pool.capi_override", "worker_pool", "", "capi_override = { KubeadmConfigTemplate = { spec = { template = { spec = { verbosity = 4 } } } } }", GENERAL),
        row("worker_pool.taint.key", "worker_pool", "taint {\n key = \"a\"\n effect = \"NoSchedule\"\n }", "taint {\n key = \"b\"\n effect = \"NoSchedule\"\n }", GENERAL),
        row("worker_pool.taint.value", "worker_pool", "taint {\n key = \"a\"\n effect = \"NoSchedule\"\n }", "taint {\n key = \"a\"\n value = \"v\"\n effect = \"NoSchedule\"\n }", GENERAL),
        row("worker_pool.taint.effect", "worker_pool", "taint {\n key = \"a\"\n effect = \"NoSchedule\"\n }", "taint {\n key = \"a\"\n effect = \"NoExecute\"\n }", GENERAL),
    ]
}
