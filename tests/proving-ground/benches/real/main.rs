//! The engine beside others on real servers, in one run: a layer of many objects beside a plain client and `kubectl apply`, the pivot beside
//! `clusterctl move`. Prints tables with machine, date and versions.
//!
//! `cargo xtask bench real [layers|pivot]`. The contestants take turns, each in a namespace (or with a cluster) of its own, and each turn begins without an
//! open connection. Without `--bench` on its command line it runs once, small, and measures nothing.
#![expect(clippy::print_stdout, reason = "its tables are for people")]
#![expect(clippy::expect_used, clippy::panic, reason = "without its servers there is nothing to measure")]

#[path = "../../tests/real/pivot/belongings.rs"]
mod belongings;
#[path = "../../tests/real/pivot/direction.rs"]
mod direction;
#[path = "../../tests/real/pivot/dump.rs"]
#[allow(dead_code, reason = "each of its users needs its part")]
mod dump;
#[path = "../../tests/real/pivot/hands.rs"]
#[allow(dead_code, reason = "each of its users needs its part")]
mod hands;
#[path = "../../tests/real/pivot/inventory.rs"]
mod inventory;
mod journal;
mod layers;
mod machine;
#[path = "../../tests/real/process_cloud/objects.rs"]
#[allow(dead_code, reason = "each of its users needs its part")]
mod objects;
mod pivots;
mod table;
#[path = "../../tests/real/pivot/twin.rs"]
#[allow(dead_code, reason = "each of its users needs its part")]
mod twin;
#[path = "../../tests/real/process_cloud/world.rs"]
#[allow(dead_code, reason = "each of its users needs its part")]
mod world;

use windlass_proving_ground::Ground;

/// How much is done.
struct Size {
    /// Objects of a layer.
    objects: usize,
    /// Turns of each contestant.
    rounds: usize,
    /// Workers of the clusters that are moved, one after the other.
    workers: &'static [usize],
    /// How many requests a plain client has under way, beside the engine's own number.
    at_once: &'static [usize],
}

const FULL: Size = Size { objects: 2000, rounds: 3, workers: &[2, 20], at_once: &[1, 8, 32] };
const SMALL: Size = Size { objects: 40, rounds: 1, workers: &[2], at_once: &[] };

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let said = |word: &str| arguments.iter().any(|argument| argument == word);
    let measured = said("--bench");
    let size = if measured { FULL } else { SMALL };
    machine::say();
    let mut goals = Vec::new();
    if !said("pivot") {
        let ground = Ground::begin("bench-layers").expect("a ground");
        goals.extend(Box::pin(layers::measure(&ground, &size)).await);
    }
    if !said("layers") {
        for workers in size.workers {
            goals.extend(Box::pin(pivots::measure(*workers, size.rounds)).await);
        }
    }
    if measured {
        table::goals(&goals);
    }
}
