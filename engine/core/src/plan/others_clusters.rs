//! Clusters of other states on a management plane: what they use of a provider stays when this state gives the provider up.

use super::index::on_plane;
use super::verdict::View;
use crate::addr::Address;
use crate::marks::lineage_of;

/// Most clusters that a message names.
const NAMED: usize = 3;

impl View<'_> {
    /// The clusters of others on a plane, in words; `None`: there are none.
    pub(super) fn others_clusters(&self, plane: &Address) -> Option<String> {
        let clusters = on_plane(self.facts, plane).filter(|(key, _)| key.group == "cluster.x-k8s.io" && key.kind == "Cluster");
        let others = clusters.filter(|(_, live)| lineage_of(live) != Some(self.recorded.lineage.as_str()));
        let names: Vec<String> = others.map(|(key, _)| key.short()).collect();
        (!names.is_empty()).then(|| first_of(&names, NAMED))
    }
}

/// The first names, and how many more there are.
pub(super) fn first_of(names: &[String], most: usize) -> String {
    let first = names.iter().take(most).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > most { format!("{first} and {} more", names.len() - most) } else { first }
}
