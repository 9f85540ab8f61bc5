//! Figures in rows.

use std::time::Duration;

/// A contestant's turns.
pub struct Contestant {
    pub name: String,
    pub took: Vec<Duration>,
}

impl Contestant {
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), took: Vec::new() }
    }

    /// The turn in the middle, in seconds.
    pub fn median(&self) -> f64 {
        let mut took = self.took.clone();
        took.sort();
        took.get(took.len() / 2).map_or(f64::NAN, Duration::as_secs_f64)
    }

    /// One row: all turns, the one in the middle, and objects in a second.
    pub fn row(&self, objects: usize) {
        let turns: Vec<String> = self.took.iter().map(|took| format!("{:.2}", took.as_secs_f64())).collect();
        println!("| {} | {objects} | {} | {:.2} s | {:.0} |", self.name, turns.join(", "), self.median(), objects as f64 / self.median());
    }
}

/// The rows' head.
pub fn head() {
    println!("\n| who | objects | turns, s | middle | objects/s |\n|---|---:|---|---:|---:|");
}

/// What is to be reached, and what was.
pub struct Goal {
    pub what: String,
    pub ratio: f64,
    pub at_least: f64,
}

pub fn goals(goals: &[Goal]) {
    println!();
    for Goal { what, ratio, at_least } in goals {
        let word = if ratio >= at_least { "reached" } else { "MISSED" };
        println!("{what}: {ratio:.2} times as fast, at least {at_least} wanted: {word}");
    }
}
