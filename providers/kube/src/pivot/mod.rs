//! The pivot: the Cluster API objects of one cluster move from one plane to another, journalled object by object.
//!
//! Order of events, each of which is found done or undone by looking: pause and its acknowledgement → the list of objects is journalled
//! → copies, owners first → their `managedFields` → comparison → access Secret → **the switch** → source objects lose their finalizers →
//! they go, dependents first, Secrets last → the copy is unpaused.
//!
//! The switch is one journal record with the effects `ObjectMoved` of every object. It comes before the first deletion on the source, not
//! with each deletion, since from that moment the copies are the truth: a run that is killed in the middle must not leave a state in which
//! half of a cluster is recorded here and half there. Before the switch everything can be rolled back; after it there is only forward.
//!
//! The journal holds identities, uids and keyed digests, never objects: a Secret, and a KubeadmConfig with its bootstrap token, must not
//! be written down.

pub mod closure;
pub mod copy;
pub mod journal;
pub mod leave;
pub mod ownership;
pub mod pause;
pub mod run;
pub mod strip;

/// API version of Cluster, Machine and MachineDeployment that is spoken to every plane.
pub const MACHINE_API_VERSION: &str = "cluster.x-k8s.io/v1beta2";
/// The same of KubeadmControlPlane.
pub const CONTROL_PLANE_API_VERSION: &str = "controlplane.cluster.x-k8s.io/v1beta2";
/// Providers set it on objects that must not be moved at the moment.
pub const ANNOTATION_BLOCK_MOVE: &str = "clusterctl.cluster.x-k8s.io/block-move";
/// Tells webhooks that a deletion only ends a move.
pub const ANNOTATION_DELETE_FOR_MOVE: &str = "clusterctl.cluster.x-k8s.io/delete-for-move";
/// On a CRD or an object: it moves though it has no owner.
pub const LABEL_MOVE: &str = "clusterctl.cluster.x-k8s.io/move";
/// On the copy of a Cluster until it works: uid of its source.
pub const ANNOTATION_COPY_OF: &str = "windlass.dev/pivot-copy-of";
