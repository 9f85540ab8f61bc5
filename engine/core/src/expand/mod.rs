//! Expansion: from the typed configuration to resources and the Kubernetes objects that each of them owns (design section 4).
//!
//! Pure: the same configuration gives the same objects, whatever lives. Knows no cloud by name; what a cloud renders comes from its
//! [`Provider`](crate::provider::Provider).

mod access;
mod cluster;
mod components;
mod etcd;
mod ignored;
mod kubeadm;
mod layers;
mod mark;
mod names;
mod needed;
mod overrides;
mod owned;
mod owners;
mod providers;
mod template;
mod webhooks;
mod without_effect;

pub(crate) use mark::with_entry;
pub(crate) use needed::{CERT_MANAGER, Needed, core_providers, needed};

use crate::config::Model;
use crate::desired::Desired;
use crate::diag::Diagnostics;

/// Revision of the renderers in this folder and in the clouds; grows when a rendering changes that would roll machines.
pub const RENDER_REVISION: u32 = 1;

/// Expands a configuration for the state of this lineage.
pub fn expand(model: &Model, lineage: &str) -> (Desired, Diagnostics) {
    let (mut diagnostics, misnamed) = names::check(model);
    let mut desired =
        Desired { management: Some(model.management.clone()), outputs: model.outputs.clone(), pace: model.pace, ..Desired::default() };
    let marker = mark::Marker::new(lineage);
    providers::expand(model, &marker, &mut desired, &mut diagnostics);
    without_effect::warn(model, &mut diagnostics);
    access::expand(model, &marker, &mut desired, &mut diagnostics);
    for cloud in model.clouds.values() {
        diagnostics.extend(cloud.provider.check_cloud(&cloud.input));
    }
    for cluster in model.clusters.values() {
        let checked = cluster.provider.check(&cluster.input);
        let refused = checked.has_errors();
        // What is wrong with a cloud is wrong with each of its clusters, and told once.
        let fresh: Vec<_> = checked.into_iter().filter(|found| !diagnostics.iter().any(|told| told == found)).collect();
        diagnostics.extend(fresh);
        if cluster.reading.whole && !refused && !misnamed.contains(&cluster.input.address) {
            cluster::expand(model, cluster, &marker, &mut desired, &mut diagnostics);
        } else {
            // Its layers can be judged whatever is wrong with the rest of it.
            layers::expand(cluster, &marker, &mut desired, &mut diagnostics);
        }
    }
    owners::check(&desired, &mut diagnostics);
    (desired, diagnostics)
}
