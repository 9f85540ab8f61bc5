//! Who may do what: Roles, ClusterRoles and their bindings, evaluated as kube-apiserver's RBAC authorizer does
//! (`plugin/pkg/auth/authorizer/rbac`). Knows no HTTP and does not write; that a role may hold only what its writer has
//! (escalation, the verbs `bind` and `escalate`) is not checked.

mod attributes;
mod authorizer;
mod bootstrap;
mod policy;
mod rule;

pub(crate) use attributes::{Attributes, Target};
pub(crate) use authorizer::{Authorizer, GROUP, Verdict};
pub(crate) use bootstrap::bootstrap_objects;
pub(crate) use rule::Rule;
