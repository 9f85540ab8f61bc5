//! Who talks to a plane: certificates, tokens, kubeconfigs. No authorization: whoever is known may do everything.

mod authority;
mod identity;
mod kubeconfig;
mod tls;
mod tokens;

pub(crate) use authority::Authority;
pub(crate) use identity::Identity;
pub(crate) use kubeconfig::kubeconfig;
pub(crate) use tls::Gate;
pub(crate) use tokens::{Claims, ISSUER, Tokens, random_key};
