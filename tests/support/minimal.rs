//! A module with one cluster as small as can be: one control plane machine, one worker, no pivot, a network and a storage layer.

#![allow(dead_code, reason = "each test binary uses its part")]

use super::support::Place;
use super::support::small::{base, cluster};

/// A cloud without anything on it: the management plane of others.
pub const SEED: &str = "cloud \"aws\" \"seed\" {\n  region = \"eu-west-1\"\n}\n";

/// Puts the configuration of a small cluster into a folder; `head` comes before it, `extra` stands in the cluster block.
pub fn write(place: &Place, head: &str, extra: &str) {
    place.configure(&[head.to_owned(), base(""), cluster("small", &format!("  pivot    = false\n{extra}"))]);
}

/// A copy of the quickstart's manifests with a small cluster.
pub fn place(head: &str, extra: &str) -> Place {
    let place = Place::example("quickstart");
    write(&place, head, extra);
    place
}
