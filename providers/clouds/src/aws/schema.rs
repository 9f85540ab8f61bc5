//! The attributes that AWS adds to `cloud`, `cluster` and `machine`, and what changing each of them does; no code.
//!
//! Sources of `on_change`: `webhooks/awscluster_webhook.go` and `awsmachinetemplate_webhook.go` of CAPA v2.11.1 (a machine
//! template is immutable as a whole, so everything in it repaves).

use windlass_core::schema::{AttributeType as T, BlockSchema, Count, NestedBlock, OnChange as C, Presence as P, attribute, secret};

/// Body of `cloud "aws" "…"`.
pub static CLOUD: BlockSchema = BlockSchema {
    attributes: &[attribute("region", T::String, P::Required, C::Recreate, "AWS region, for example `eu-west-1`.")],
    blocks: &[NestedBlock {
        name: "credentials",
        labels: &[],
        count: Count::Optional,
        body: &CREDENTIALS,
        doc: "How the provider signs in; without it, as the manager's own Pod does (instance profile or web identity).",
    }],
};

static CREDENTIALS: BlockSchema = BlockSchema {
    attributes: &[
        secret("access_key_id", "Static access key: its id."),
        secret("secret_access_key", "Static access key: its secret."),
        secret("session_token", "Session token of a temporary static key."),
        attribute("role_arn", T::String, P::Optional, C::InPlace, "Role that is assumed, with the static key if there is one."),
        attribute("external_id", T::String, P::Optional, C::InPlace, "External id that the role asks for."),
        attribute("session_name", T::String, P::Optional, C::InPlace, "Name of the role's sessions in AWS logs."),
    ],
    blocks: &[],
};

/// What AWS adds to `cluster`.
pub static CLUSTER: BlockSchema = BlockSchema {
    attributes: &[
        attribute("vpc_id", T::String, P::Optional, C::Recreate, "Existing VPC; without it one is made for the cluster."),
        attribute("subnet_ids", T::Strings, P::Optional, C::InPlace, "Existing subnets in that VPC, public and private."),
        attribute("vpc_cidr", T::String, P::Optional, C::Recreate, "IPv4 block of the VPC that is made; AWS makes 10.0.0.0/16 without it."),
        attribute(
            "availability_zones",
            T::Strings,
            P::Optional,
            C::Forbidden,
            "Zones in which subnets are made, at most 6; without it the first 3 of the region.",
        ),
        attribute(
            "security_groups",
            T::StringMap,
            P::Optional,
            C::InPlace,
            "Existing security groups by role: `controlplane`, `node`, `lb`, `apiserver-lb`, `bastion`.",
        ),
        attribute("ssh_key_name", T::String, P::Optional, C::Repave, "EC2 key pair for all machines; without it none."),
        attribute("tags", T::StringMap, P::Optional, C::InPlace, "Tags on everything that is made for the cluster."),
    ],
    blocks: &[
        NestedBlock {
            name: "load_balancer",
            labels: &[],
            count: Count::Optional,
            body: &LOAD_BALANCER,
            doc: "Load balancer of the Kubernetes API.",
        },
        NestedBlock {
            name: "cni_ingress_rule",
            labels: &[],
            count: Count::Many,
            body: &CNI_INGRESS_RULE,
            doc: "Traffic between nodes that the network layer needs; without any, those of Calico (BGP and IP-in-IP).",
        },
        NestedBlock {
            name: "image_lookup",
            labels: &[],
            count: Count::Optional,
            body: &IMAGE_LOOKUP,
            doc: "Finds the newest image by name for machines without an image of their own.",
        },
    ],
};

static LOAD_BALANCER: BlockSchema = BlockSchema {
    attributes: &[
        attribute("scheme", T::String, P::Default("internet-facing"), C::Recreate, "`internet-facing` or `internal`."),
        attribute("type", T::String, P::Default("nlb"), C::Recreate, "`nlb` or `classic`."),
        attribute("cross_zone", T::Bool, P::Default("false"), C::InPlace, "Whether it balances across zones."),
    ],
    blocks: &[],
};

static CNI_INGRESS_RULE: BlockSchema = BlockSchema {
    attributes: &[
        attribute("description", T::String, P::Required, C::InPlace, "What the traffic is."),
        attribute(
            "protocol",
            T::String,
            P::Required,
            C::InPlace,
            "`tcp`, `udp`, `icmp`, `4` (IP-in-IP), `50` (ESP), `58` (ICMPv6) or `-1` (all).",
        ),
        attribute("from_port", T::Integer, P::Required, C::InPlace, "First port; for protocols without ports 0 or -1."),
        attribute("to_port", T::Integer, P::Required, C::InPlace, "Last port."),
    ],
    blocks: &[],
};

static IMAGE_LOOKUP: BlockSchema = BlockSchema {
    attributes: &[
        attribute("owner", T::String, P::Required, C::Repave, "AWS account that owns the images."),
        attribute("base_os", T::String, P::Required, C::Repave, "Name of the operating system in the format, for example `ubuntu-24.04`."),
        attribute(
            "format",
            T::String,
            P::Optional,
            C::Repave,
            "Name of the image with `{{.BaseOS}}` and `{{.K8sVersion}}`; CAPA's own without it.",
        ),
    ],
    blocks: &[],
};

/// Body of `machine`.
pub static MACHINE: BlockSchema = BlockSchema {
    attributes: &[
        attribute("instance_type", T::String, P::Required, C::Repave, "EC2 instance type, for example `m6i.large`."),
        attribute("ami", T::String, P::Optional, C::Repave, "Image of these machines in place of the os layer's."),
        attribute("root_volume_gib", T::Integer, P::Optional, C::Repave, "Size of the root volume; the image's own without it."),
        attribute("root_volume_type", T::String, P::Optional, C::Repave, "`gp3`, `gp2`, `io1`, `io2`, `st1`, `sc1` or `standard`."),
        attribute("root_volume_iops", T::Integer, P::Optional, C::Repave, "Operations a second; needed by `io1` and `io2`."),
        attribute("root_volume_throughput", T::Integer, P::Optional, C::Repave, "MiB a second; `gp3` only."),
        attribute(
            "root_volume_encrypted",
            T::Bool,
            P::Optional,
            C::Repave,
            "Whether the root volume is encrypted; the account's default without it.",
        ),
        attribute("root_volume_kms_key", T::String, P::Optional, C::Repave, "KMS key of the encryption; the account's default without it."),
        attribute("subnet_id", T::String, P::Optional, C::Repave, "Existing subnet of these machines; without it one that fits."),
        attribute("public_ip", T::Bool, P::Default("false"), C::Repave, "Whether the machines get public addresses."),
        attribute("security_group_ids", T::Strings, P::Optional, C::Repave, "Existing security groups beside the cluster's."),
        attribute(
            "iam_instance_profile",
            T::String,
            P::Optional,
            C::Repave,
            "Instance profile; the one that clusterawsadm makes for the role without it.",
        ),
        attribute("spot", T::Bool, P::Default("false"), C::Repave, "Whether the machines are spot instances."),
        attribute(
            "spot_max_price",
            T::String,
            P::Optional,
            C::Repave,
            "Highest price an hour in US dollars; the on-demand price without it.",
        ),
        attribute("tags", T::StringMap, P::Optional, C::Repave, "Tags on these machines beside the cluster's."),
    ],
    blocks: &[],
};
