//! Who talks to a plane: certificates, tokens, impersonation, kubeconfigs. What they may do is the question of `rbac`.

mod authority;
mod identity;
mod impersonation;
mod kubeconfig;
mod tls;
mod tokens;

pub(crate) use authority::Authority;
pub(crate) use identity::Identity;
pub(crate) use impersonation::Mask;
pub(crate) use kubeconfig::kubeconfig;
pub(crate) use tls::Gate;
pub(crate) use tokens::{Claims, ISSUER, Tokens, random_key};
