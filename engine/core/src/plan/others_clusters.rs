//! Clusters of other states that a management plane knows: what they use of a provider stays when this state gives the provider up. One that
//! manages itself needs it again when it is destroyed; of it the plane has the way in only.

use std::collections::BTreeSet;

use super::demands::access_secret;
use super::index::on_plane;
use super::verdict::View;
use crate::addr::Address;
use crate::marks::{SYSTEM_NAMESPACE, accessed_cluster, lineage_of};
use crate::object::ObjectKey;

/// Most clusters that a message names.
const NAMED: usize = 3;

impl View<'_> {
    /// The clusters of others that a plane knows, in words; `None`: there are none.
    pub(super) fn others_clusters(&self, plane: &Address) -> Option<String> {
        let others = on_plane(self.facts, plane).filter(|(_, live)| lineage_of(live) != Some(self.recorded.lineage.as_str()));
        // What has been marked anew in place of ours stands for our cluster still.
        let ours: BTreeSet<ObjectKey> = self.index.clusters().values().map(|kept| access_secret(&kept.access())).collect();
        let others = others.filter(|(key, _)| !ours.contains(*key));
        let names: Vec<String> = others.filter_map(|(key, live)| cluster(key, lineage_of(live).is_some())).collect();
        (!names.is_empty()).then(|| first_of(&names, NAMED))
    }
}

/// The cluster that an object of somebody else stands for; only windlass keeps ways in.
fn cluster(key: &ObjectKey, marked: bool) -> Option<String> {
    match (key.group.as_str(), key.kind.as_str()) {
        ("cluster.x-k8s.io", "Cluster") => Some(key.short()),
        ("", "Secret") if marked && key.namespace.as_deref() == Some(SYSTEM_NAMESPACE) => {
            accessed_cluster(&key.name).map(|name| format!("{name}, which manages itself"))
        }
        _ => None,
    }
}

/// The first names, and how many more there are.
pub(super) fn first_of(names: &[String], most: usize) -> String {
    let first = names.iter().take(most).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > most { format!("{first} and {} more", names.len() - most) } else { first }
}
