//! Who may do what: Roles, ClusterRoles and their bindings, evaluated as kube-apiserver's RBAC authorizer does
//! (`plugin/pkg/auth/authorizer/rbac`), and what somebody lacks of the rights that he would give. Knows no HTTP and does not write.

mod attributes;
mod authorizer;
mod bootstrap;
mod escalation;
mod policy;
mod rule;

pub(crate) use attributes::{Attributes, Target};
pub(crate) use authorizer::{Authorizer, GROUP, Verdict, is_superuser};
pub(crate) use bootstrap::{BootstrapObject, bootstrap_objects};
pub(crate) use escalation::{full_authority, lacks};
pub(crate) use rule::Rule;
