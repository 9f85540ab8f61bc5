//! The crash table's books: which deaths were no harm, which lives failed. A failed life does not end the table.

#![expect(clippy::print_stdout, reason = "its figures are for people")]

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Deaths of several lives.
pub struct Table {
    name: &'static str,
    passed: u64,
    total: u64,
    failures: Vec<String>,
}

/// Deaths of one life.
#[derive(Default)]
pub struct Life {
    passed: u64,
    open: u64,
}

impl Life {
    /// One more death, of which nobody knows yet whether it did harm.
    pub fn died(&mut self) {
        self.open += 1;
    }

    /// The deaths so far did no harm.
    pub fn verified(&mut self) {
        self.passed += std::mem::take(&mut self.open);
    }
}

impl Table {
    /// An empty table.
    pub fn new(name: &'static str) -> Table {
        Table { name, passed: 0, total: 0, failures: Vec::new() }
    }

    /// Lives a life. If it fails, its deaths since it was last known to be well have not passed.
    pub fn live(&mut self, what: &str, lives: impl FnOnce(&mut Life)) {
        let mut life = Life::default();
        let ended = catch_unwind(AssertUnwindSafe(|| lives(&mut life)));
        self.passed += life.passed;
        self.total += life.passed + life.open;
        if let Err(reason) = ended {
            // A life that fails before it dies has not passed either.
            self.total += u64::from(life.open == 0);
            let reason = reason.downcast_ref::<String>().cloned().or_else(|| reason.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            self.failures.push(format!("{what}, after {} deaths: {}", life.passed + life.open, reason.unwrap_or_default()));
        }
    }

    /// How many deaths there were.
    pub fn deaths(&self) -> u64 {
        self.total
    }

    /// How many lives failed.
    pub fn failures(&self) -> usize {
        self.failures.len()
    }

    /// Prints `passed/total` and the failures, in lines that `cargo xtask crash` passes on; fails the test if there are any. Returns the total.
    #[track_caller]
    pub fn end(self) -> u64 {
        println!("\ncrash table, {}: {}/{}", self.name, self.passed, self.total);
        for line in self.failures.iter().flat_map(|failure| failure.lines()) {
            println!("crash table, {}, failed: {line}", self.name);
        }
        assert!(self.failures.is_empty(), "{} lives failed", self.failures.len());
        self.total
    }
}

#[test]
fn a_failed_life_is_counted_and_the_next_one_lives() {
    let mut table = Table::new("test");
    table.live("good", |life| {
        life.died();
        life.died();
        life.verified();
    });
    table.live("bad", |life| {
        life.died();
        life.verified();
        life.died();
        assert_eq!(1, 2, "two lines\nof words");
    });
    table.live("stillborn", |_| panic!("at once"));
    assert_eq!((table.passed, table.total, table.failures.len()), (3, 5, 2));
    assert!(table.failures.iter().any(|failure| failure.contains("of words")), "{:?}", table.failures);
    assert!(catch_unwind(AssertUnwindSafe(|| table.end())).is_err(), "a table with failures fails");
}
