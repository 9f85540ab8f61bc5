//! Schemas of the engine's own blocks, as data; providers add theirs.

use crate::schema::{Attribute, AttributeType as T, BlockSchema, Count, NestedBlock, OnChange as C, Presence as P, attribute, secret};

/// `windlass { … }`
pub const WINDLASS: BlockSchema = BlockSchema {
    attributes: &[
        attribute("required_version", T::String, P::Optional, C::InPlace, "Versions of windlass that may plan this configuration."),
        attribute("agent_image", T::String, P::Optional, C::InPlace, "Image of the agent; the default belongs to the release."),
        attribute(
            "max_concurrent_clusters",
            T::Integer,
            P::Default("1"),
            C::InPlace,
            "Living clusters that an apply changes at a time. New clusters, and those that are destroyed, are not counted.",
        ),
        attribute(
            "stop_after_failures",
            T::Integer,
            P::Default("1"),
            C::InPlace,
            "So many living clusters whose change has failed keep others from beginning; what has begun goes on.",
        ),
    ],
    blocks: &[],
};

/// `management "x" { … }`
pub const MANAGEMENT: BlockSchema = BlockSchema {
    attributes: &[
        attribute(
            "kubeconfig",
            T::String,
            P::Optional,
            C::InPlace,
            "Kubeconfig file of the plane; default: KUBECONFIG, then ~/.kube/config. Another one must lead to the same plane.",
        ),
        attribute("context", T::String, P::Optional, C::InPlace, "Context in that file, of the same plane; default: its current context."),
        attribute(
            "install_providers",
            T::Bool,
            P::Default("true"),
            C::InPlace,
            "Whether windlass installs the CAPI providers, or only checks them.",
        ),
        attribute(
            "component_repository",
            T::String,
            P::Optional,
            C::InPlace,
            "Folder or https address with provider components in clusterctl's layout, `<label>/<version>/<file>`; default: where each provider is released.",
        ),
        attribute(
            "cert_manager",
            T::String,
            P::Default("install"),
            C::InPlace,
            "`install`: windlass installs cert-manager if a provider asks for certificates; `external`: somebody else has. A pivoted cluster always gets it.",
        ),
    ],
    blocks: &[NestedBlock {
        name: "provider",
        labels: &["name"],
        count: Count::Many,
        body: &MANAGEMENT_PROVIDER,
        doc: "A CAPI provider: its version, and variables of its components.",
    }],
};

const MANAGEMENT_PROVIDER: BlockSchema = BlockSchema {
    attributes: &[
        attribute("version", T::String, P::Optional, C::InPlace, "Version of the provider; default: the newest that this release knows."),
        attribute(
            "variables",
            T::Any,
            P::Optional,
            C::InPlace,
            "Variables of its components (`${NAME}`) by name; sensitive ones may stand in Secrets only.",
        ),
    ],
    blocks: &[],
};

/// `variable "x" { … }`; `type` and `default` are read apart.
pub const VARIABLE: BlockSchema = BlockSchema {
    attributes: &[
        attribute("description", T::String, P::Optional, C::InPlace, "What the variable is for."),
        attribute("sensitive", T::Bool, P::Default("false"), C::InPlace, "Its value never appears in plan, state, log or error."),
        attribute("nullable", T::Bool, P::Default("true"), C::InPlace, "Whether null is a value."),
    ],
    blocks: &[],
};

/// `output "x" { … }`; `value` is read apart.
pub const OUTPUT: BlockSchema = BlockSchema {
    attributes: &[
        attribute("description", T::String, P::Optional, C::InPlace, "What the output is for."),
        attribute("sensitive", T::Bool, P::Default("false"), C::InPlace, "Its value is not stored and not shown."),
    ],
    blocks: &[],
};

/// `lifecycle { … }` of a cluster.
pub const LIFECYCLE: BlockSchema = BlockSchema {
    attributes: &[
        attribute("prevent_destroy", T::Bool, P::Default("false"), C::InPlace, "A plan that would destroy it is refused."),
        attribute(
            "ignore_changes",
            T::Reference,
            P::Optional,
            C::InPlace,
            "Attributes of the cloud's that are left alone once the cluster is made, without quotes: `[tags, security_groups]`.",
        ),
    ],
    blocks: &[],
};

/// `lifecycle { … }` of a worker pool or a layer.
pub const PART_LIFECYCLE: BlockSchema = BlockSchema {
    attributes: &[attribute(
        "ignore_changes",
        T::Reference,
        P::Optional,
        C::InPlace,
        "What is left alone once it is made. Of a pool its attributes, without quotes: `[replicas]`; of a layer fields of its objects: \
         `[\"apps/Deployment/namespace/name:spec.replicas\"]`.",
    )],
    blocks: &[],
};

const LEFT_ALONE: NestedBlock = NestedBlock {
    name: "lifecycle",
    labels: &[],
    count: Count::Optional,
    body: &PART_LIFECYCLE,
    doc: "What is left alone once it is made.",
};

/// `cluster "x" { … }`; control plane and pools are read apart.
pub const CLUSTER: BlockSchema = BlockSchema {
    attributes: &[
        attribute("cloud", T::Any, P::Required, C::Recreate, "The cloud account that the machines run in."),
        attribute("profiles", T::Any, P::Required, C::InPlace, "Profiles whose layers the cluster gets, in order."),
        attribute("profile_values", T::Any, P::Optional, C::InPlace, "Values of the profiles' own variables, by profile."),
        attribute("name", T::String, P::Optional, C::Recreate, "Kubernetes name; default: the address path joined by `-`."),
        attribute("namespace", T::String, P::Optional, C::Recreate, "Namespace of its objects on every plane; default: the name."),
        attribute("pivot", T::Bool, P::Default("true"), C::InPlace, "Whether its Cluster API objects move into the cluster itself."),
        attribute("ssh_authorized_keys", T::Strings, P::Default(""), C::Repave, "OpenSSH public keys of user `windlass` on every machine."),
        attribute("pod_cidr", T::String, P::Default("192.168.0.0/16"), C::Recreate, "Addresses of pods."),
        attribute("service_cidr", T::String, P::Default("10.128.0.0/12"), C::Recreate, "Addresses of services."),
        attribute(
            "capi_override",
            T::Any,
            P::Optional,
            C::Repave,
            "Merge patches (RFC 7396) on the cluster's Cluster API objects, by kind.",
        ),
    ],
    blocks: &[
        NestedBlock {
            name: "agent",
            labels: &[],
            count: Count::Optional,
            body: &AGENT,
            doc: "The controller in the cluster that applies its layers.",
        },
        NestedBlock { name: "timeouts", labels: &[], count: Count::Optional, body: &TIMEOUTS, doc: "How long steps wait." },
        NestedBlock { name: "lifecycle", labels: &[], count: Count::Optional, body: &LIFECYCLE, doc: "Guards, and what is left alone." },
    ],
};

/// `agent { … }` of a cluster.
pub const AGENT: BlockSchema = BlockSchema {
    attributes: &[
        attribute("enabled", T::Bool, P::Default("true"), C::InPlace, "`false`: windlass itself applies the layers."),
        attribute(
            "mode",
            T::String,
            P::Default("report"),
            C::InPlace,
            "`report`: drift of layers is reported; `heal`: the agent repairs it by itself, within a minute.",
        ),
    ],
    blocks: &[],
};

/// `timeouts { … }` of a cluster.
pub const TIMEOUTS: BlockSchema = BlockSchema {
    attributes: &[attribute(
        "wait",
        T::String,
        P::Default("60m"),
        C::InPlace,
        "How long one step waits before it counts as in progress: `90s`, `60m`, `2h`.",
    )],
    blocks: &[],
};

/// `control_plane { … }`; `machine` is the provider's.
pub const CONTROL_PLANE: BlockSchema = BlockSchema {
    attributes: &[
        attribute("replicas", T::Integer, P::Default("1"), C::InPlace, "Machines: 1, 3 or 5; with external etcd 1 to 5."),
        attribute(
            "capi_override",
            T::Any,
            P::Optional,
            C::Repave,
            "Merge patches on the control plane's objects, by kind, after the cluster's.",
        ),
        attribute("labels", T::StringMap, P::Default(""), C::Repave, "Labels that the kubelet gives its node."),
    ],
    blocks: &[
        NestedBlock { name: "taint", labels: &[], count: Count::Many, body: &TAINT, doc: "A taint of the nodes beside kubeadm's own." },
        NestedBlock {
            name: "etcd",
            labels: &[],
            count: Count::Optional,
            body: &ETCD,
            doc: "Where the cluster's data are; without it on the control plane's machines. A living cluster does not change between the two.",
        },
    ],
};

const ETCD: BlockSchema = BlockSchema {
    attributes: &[],
    blocks: &[NestedBlock {
        name: "external",
        labels: &[],
        count: Count::One,
        body: &EXTERNAL_ETCD,
        doc: "An etcd that somebody else runs.",
    }],
};

/// On change: Cluster API's webhook lets all of `etcd.external` change, and a changed kubeadm configuration rolls the machines; a changed
/// Secret rolls none.
const EXTERNAL_ETCD: BlockSchema = BlockSchema {
    attributes: &[
        attribute("endpoints", T::Strings, P::Required, C::Repave, "Its members: `https://HOST:PORT`."),
        attribute(
            "ca_certificate",
            T::String,
            P::Required,
            C::InPlace,
            "Authorities that its members' certificates are held against, PEM. Machines that stand keep what they were made with.",
        ),
        attribute(
            "client_certificate",
            T::String,
            P::Required,
            C::InPlace,
            "Certificate of the API servers as its clients, PEM. Machines that stand keep what they were made with.",
        ),
        Attribute { presence: P::Required, ..secret("client_key", "Private key of that certificate, PEM without a passphrase.") },
    ],
    blocks: &[],
};

/// `worker_pool "x" { … }`; `machine` is the provider's.
pub const WORKER_POOL: BlockSchema = BlockSchema {
    attributes: &[
        attribute("replicas", T::Integer, P::Default("1"), C::InPlace, "Machines."),
        attribute("labels", T::StringMap, P::Default(""), C::Repave, "Labels that the kubelet gives its node."),
        attribute("failure_domain", T::String, P::Optional, C::Repave, "Failure domain (availability zone) of all machines."),
        attribute("capi_override", T::Any, P::Optional, C::Repave, "Merge patches on the pool's objects, by kind, after the cluster's."),
    ],
    blocks: &[NestedBlock { name: "taint", labels: &[], count: Count::Many, body: &TAINT, doc: "A taint of the nodes." }, LEFT_ALONE],
};

const TAINT: BlockSchema = BlockSchema {
    attributes: &[
        attribute("key", T::String, P::Required, C::Repave, "Key."),
        attribute("value", T::String, P::Optional, C::Repave, "Value."),
        attribute("effect", T::String, P::Required, C::Repave, "NoSchedule, PreferNoSchedule or NoExecute."),
    ],
    blocks: &[],
};

/// `profile "x" { … }`; layers and variables are read apart.
pub const PROFILE: BlockSchema = BlockSchema {
    attributes: &[attribute("version", T::String, P::Required, C::InPlace, "Version of the profile, for people and plans.")],
    blocks: &[],
};

/// `os "x" { … }`
pub const OS: BlockSchema = BlockSchema {
    attributes: &[
        attribute(
            "version",
            T::String,
            P::Required,
            C::InPlace,
            "Version of the operating system, for people and plans; what machines boot is their image.",
        ),
        attribute("image", T::String, P::Optional, C::Repave, "Your own image, in the cloud's form."),
        attribute(
            "images",
            T::StringMap,
            P::Optional,
            C::Repave,
            "Images by region, or by region and Kubernetes minor: `\"eu-west-1/1.34\"`.",
        ),
    ],
    blocks: &[],
};

/// `kubernetes "kubeadm" { … }`
pub const KUBERNETES: BlockSchema = BlockSchema {
    attributes: &[
        attribute("version", T::String, P::Required, C::Repave, "Version of Kubernetes: `1.34.3`."),
        attribute("hops", T::Strings, P::Default(""), C::InPlace, "Patch versions to pass through when a cluster comes from further back."),
    ],
    blocks: &[],
};

/// `network`, `storage`, `addon` and `cloud_controller`; `depends_on` is read apart.
pub const LAYER: BlockSchema = BlockSchema {
    attributes: &[
        attribute("manifests", T::Strings, P::Default(""), C::InPlace, "YAML files, as paths or patterns relative to the module folder."),
        attribute("objects", T::Any, P::Optional, C::InPlace, "Kubernetes objects as values; whole leaves may be known after apply only."),
    ],
    blocks: &[LEFT_ALONE],
};

/// `cloud_controller { … }` of a profile.
pub const CLOUD_CONTROLLER: BlockSchema = BlockSchema {
    attributes: &[
        attribute("enabled", T::Bool, P::Default("true"), C::InPlace, "`false`: something else initialises the nodes."),
        attribute("manifests", T::Strings, P::Default(""), C::InPlace, "YAML files in place of those that the provider renders."),
    ],
    blocks: &[],
};

/// Every block of the engine with the name under which the reference page lists it.
pub const ALL: [(&str, &BlockSchema); 16] = [
    ("windlass", &WINDLASS),
    ("management", &MANAGEMENT),
    ("variable", &VARIABLE),
    ("output", &OUTPUT),
    ("cluster", &CLUSTER),
    ("cluster.agent", &AGENT),
    ("cluster.timeouts", &TIMEOUTS),
    ("cluster.control_plane", &CONTROL_PLANE),
    ("cluster.worker_pool", &WORKER_POOL),
    ("cluster.lifecycle", &LIFECYCLE),
    ("worker_pool.lifecycle, network.lifecycle, storage.lifecycle, addon.lifecycle", &PART_LIFECYCLE),
    ("profile", &PROFILE),
    ("profile.os", &OS),
    ("profile.kubernetes", &KUBERNETES),
    ("profile.network, storage, addon", &LAYER),
    ("profile.cloud_controller", &CLOUD_CONTROLLER),
];
