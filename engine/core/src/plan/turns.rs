//! How changes to living clusters take turns: how many at a time, and after how many failures no further one begins. What is made or destroyed
//! waits for nobody.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::verdict::View;
use super::{Mode, Step};
use crate::addr::Address;

/// As configured in `windlass { … }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// `max_concurrent_clusters`: living clusters that are changed at a time, at least 1.
    pub max_concurrent_clusters: u32,
    /// `stop_after_failures`: so many failed clusters keep others from beginning, at least 1.
    pub stop_after_failures: u32,
}

impl Default for Pace {
    /// One after the other, until the first failure.
    fn default() -> Self {
        Self { max_concurrent_clusters: 1, stop_after_failures: 1 }
    }
}

/// Living clusters that change in turns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turns {
    /// How fast.
    #[serde(flatten)]
    pub pace: Pace,
    /// Which clusters, in the order in which they begin.
    pub clusters: Vec<Address>,
}

impl Turns {
    /// In words, for a reviewer.
    pub fn words(&self) -> String {
        let Pace { max_concurrent_clusters: at_once, stop_after_failures: failures } = self.pace;
        let at_once = if at_once == 1 { "one at a time".to_owned() } else { format!("{at_once} at a time") };
        let failures = if failures == 1 { "once one has failed".to_owned() } else { format!("once {failures} have failed") };
        format!("{} living clusters change, {at_once}; no other one begins {failures}", self.clusters.len())
    }
}

/// The turns of a plan's steps; `None`: all living clusters that change may do so at once.
pub(super) fn turns(view: &View<'_>, steps: &[Step]) -> Option<Turns> {
    if view.options.mode != Mode::Apply {
        return None;
    }
    let lives = |cluster: &Address| view.desired.clusters.contains_key(cluster) && view.is_ready(cluster);
    let mut seen = BTreeSet::new();
    let roots = steps.iter().map(|step| step.address.root());
    let clusters: Vec<Address> = roots.filter(|root| lives(root) && seen.insert(root.clone())).collect();
    let pace = view.desired.pace;
    let few = u32::try_from(clusters.len()).is_ok_and(|count| count <= pace.max_concurrent_clusters);
    (!few).then_some(Turns { pace, clusters })
}
