//! Fields that `capi_override` may not touch on machines in memory: those that an attribute sets, and those that the provider's controllers
//! write. Data only.

use windlass_core::provider::OwnedField;

const CLUSTER: &str = "DevCluster";
const MACHINES: &str = "DevMachineTemplate";
const BACKEND: &str = "clusters of this cloud are in memory; the other backend makes containers";
const CONTROLLERS: &str = "the provider's controllers write it";

/// The rows of the dev provider.
#[rustfmt::skip]
pub const OWNED: &[OwnedField] = &[
    OwnedField::written(CLUSTER, &["spec", "backend", "inMemory"], BACKEND),
    OwnedField::left_to_others(CLUSTER, &["spec", "backend", "docker"], BACKEND),
    OwnedField::left_to_others(CLUSTER, &["spec", "controlPlaneEndpoint"], CONTROLLERS),

    OwnedField::written(MACHINES, &["spec", "template", "spec", "backend", "inMemory", "vm", "provisioning", "startupDuration"], "set `vm_startup` in `machine`"),
    OwnedField::written(MACHINES, &["spec", "template", "spec", "backend", "inMemory", "node", "provisioning", "startupDuration"], "set `node_startup` in `machine`"),
    OwnedField::written(MACHINES, &["spec", "template", "spec", "backend", "inMemory", "apiServer", "provisioning", "startupDuration"], "set `api_server_startup` in `machine`"),
    OwnedField::written(MACHINES, &["spec", "template", "spec", "backend", "inMemory", "etcd", "provisioning", "startupDuration"], "set `etcd_startup` in `machine`"),
    OwnedField::left_to_others(MACHINES, &["spec", "template", "spec", "backend", "docker"], BACKEND),
    OwnedField::left_to_others(MACHINES, &["spec", "template", "spec", "providerID"], CONTROLLERS),
];
