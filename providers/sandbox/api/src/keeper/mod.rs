//! What a plane does by itself: the parts of kube-controller-manager and of the API server's own controllers that belong to
//! the API's behaviour (garbage collection, namespace and definition deletion, what every plane and namespace starts with).

mod conditions;
mod definitions;
mod furnish;
mod garbage;
mod namespaces;
mod pods;
mod roles;
mod work;

pub(crate) use furnish::furnish;
pub(crate) use work::run;
