//! Secrets that Cluster API was given for a cluster and did not make itself: certificates of an external etcd. On their way down; makes no step.

use crate::addr::{Address, Part};
use crate::encode::is_secret_object;
use crate::plan::action::DoomedObject;
use crate::plan::verdict::View;

use super::objects::{doomed, is_not_anothers};

/// Those that are ours, as they are on the management plane when the Cluster is gone. Cluster API takes along those that it has come to look
/// at, so mostly nothing is left to be deleted.
pub(super) fn given_secrets(view: &View<'_>, cluster: &Address, management: &Address) -> Vec<DoomedObject> {
    let own = view.index.owned(&cluster.with(Part::ControlPlane)).iter().filter(|(key, _)| is_secret_object(key));
    // One that has lost its mark would stop the destroy when nothing else is left.
    let ours = own.filter(|(key, _)| is_not_anothers(view, key));
    ours.map(|(key, object)| match &key.plane == management {
        true => doomed(view, key, object),
        // After a pivot back it is another object than the recorded.
        false => DoomedObject { key: key.on(management), api_version: object.api_version.clone(), uid: None },
    })
    .collect()
}
