//! Fields that `capi_override` may not touch on AWS: those that an attribute sets, and those that the provider's controllers write. Data only.

use windlass_core::provider::OwnedField;

const CLUSTER: &str = "AWSCluster";
const MACHINES: &str = "AWSMachineTemplate";
const CONTROL_PLANE: &str = "KubeadmControlPlane";
const BOOTSTRAP: &str = "KubeadmConfigTemplate";
const LOOKUP: &str = "set `image_lookup` of the cluster";
const NODE_NAME: &str = "AWS names its nodes, and the cloud controller finds them by it";
const CONTROLLERS: &str = "AWS's controllers write it";

/// The rows of AWS.
#[rustfmt::skip]
pub const OWNED: &[OwnedField] = &[
    OwnedField::written(CLUSTER, &["spec", "region"], "set `region` of the cloud"),
    OwnedField::written(CLUSTER, &["spec", "identityRef"], "set `credentials` of the cloud"),
    OwnedField::left_to_others(CLUSTER, &["spec", "controlPlaneEndpoint"], CONTROLLERS),
    OwnedField::written(CLUSTER, &["spec", "controlPlaneLoadBalancer", "loadBalancerType"], "set `type` in `load_balancer`"),
    OwnedField::written(CLUSTER, &["spec", "controlPlaneLoadBalancer", "healthCheckProtocol"], "it follows `type` in `load_balancer`"),
    OwnedField::written(CLUSTER, &["spec", "controlPlaneLoadBalancer", "scheme"], "set `scheme` in `load_balancer`"),
    OwnedField::written(CLUSTER, &["spec", "controlPlaneLoadBalancer", "crossZoneLoadBalancing"], "set `cross_zone` in `load_balancer`"),
    OwnedField::written(CLUSTER, &["spec", "network", "vpc", "id"], "set `vpc_id` of the cluster"),
    OwnedField::written(CLUSTER, &["spec", "network", "vpc", "cidrBlock"], "set `vpc_cidr` of the cluster"),
    OwnedField::items(CLUSTER, &["spec", "network", "subnets"], &["id"], "keep the item in the list; set `subnet_ids` or `availability_zones` of the cluster"),
    OwnedField::items(CLUSTER, &["spec", "network", "cni", "cniIngressRules"], &[], "keep the item in the list; set `cni_ingress_rule` blocks of the cluster"),
    OwnedField::written(CLUSTER, &["spec", "network", "securityGroupOverrides"], "set `security_groups` of the cluster"),
    OwnedField::written(CLUSTER, &["spec", "sshKeyName"], "set `ssh_key_name` of the cluster"),
    OwnedField::written(CLUSTER, &["spec", "additionalTags"], "set `tags` of the cluster"),

    OwnedField::written(MACHINES, &["spec", "template", "spec", "instanceType"], "set `instance_type` in `machine`"),
    OwnedField::written(MACHINES, &["spec", "template", "spec", "iamInstanceProfile"], "set `iam_instance_profile` in `machine`"),
    OwnedField::written(MACHINES, &["spec", "template", "spec", "sshKeyName"], "set `ssh_key_name` of the cluster"),
    OwnedField::written(MACHINES, &["spec", "template", "spec", "ami"], "set `ami` in `machine`, or `image` or `images` of the profile's `os` layer"),
    OwnedField::written(MACHINES, &["spec", "template", "spec", "imageLookupOrg"], LOOKUP),
    OwnedField::written(MACHINES, &["spec", "template", "spec", "imageLookupBaseOS"], LOOKUP),
    OwnedField::written(MACHINES, &["spec", "template", "spec", "imageLookupFormat"], LOOKUP),
    OwnedField::written(MACHINES, &["spec", "template", "spec", "rootVolume", "size"], "set `root_volume_gib` in `machine`"),
    OwnedField::written(MACHINES, &["spec", "template", "spec", "rootVolume", "type"], "set `root_volume_type` in `machine`"),
    OwnedField::written(MACHINES, &["spec", "template", "spec", "rootVolume", "iops"], "set `root_volume_iops` in `machine`"),
    OwnedField::written(MACHINES, &["spec", "template", "spec", "rootVolume", "throughput"], "set `root_volume_throughput` in `machine`"),
    OwnedField::written(MACHINES, &["spec", "template", "spec", "rootVolume", "encrypted"], "set `root_volume_encrypted` in `machine`"),
    OwnedField::written(MACHINES, &["spec", "template", "spec", "rootVolume", "encryptionKey"], "set `root_volume_kms_key` in `machine`"),
    OwnedField::written(MACHINES, &["spec", "template", "spec", "subnet", "id"], "set `subnet_id` in `machine`"),
    OwnedField::written(MACHINES, &["spec", "template", "spec", "publicIP"], "set `public_ip` in `machine`"),
    OwnedField::items(MACHINES, &["spec", "template", "spec", "additionalSecurityGroups"], &["id"], "keep the item in the list; set `security_group_ids` in `machine`"),
    OwnedField::written(MACHINES, &["spec", "template", "spec", "spotMarketOptions"], "set `spot` and `spot_max_price` in `machine`"),
    OwnedField::written(MACHINES, &["spec", "template", "spec", "additionalTags"], "set `tags` in `machine`"),
    OwnedField::left_to_others(MACHINES, &["spec", "template", "spec", "providerID"], CONTROLLERS),
    OwnedField::left_to_others(MACHINES, &["spec", "template", "spec", "instanceID"], CONTROLLERS),

    OwnedField::written(CONTROL_PLANE, &["spec", "kubeadmConfigSpec", "initConfiguration", "nodeRegistration", "name"], NODE_NAME),
    OwnedField::written(CONTROL_PLANE, &["spec", "kubeadmConfigSpec", "joinConfiguration", "nodeRegistration", "name"], NODE_NAME),
    OwnedField::written(BOOTSTRAP, &["spec", "template", "spec", "joinConfiguration", "nodeRegistration", "name"], NODE_NAME),
];
