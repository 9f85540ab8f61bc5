//! One row of the table: a command, what it must say, and what it must leave alone.

use Told::{No, This};

use crate::support::{Done, Place, Snapshot};

/// Something that must be told, or the reason for which it is not.
#[derive(Clone, Copy)]
pub enum Told<'a> {
    /// This must be told.
    This(&'a str),
    /// Nothing of the kind is told, and why that is right.
    No(&'a str),
}

/// A hint must be there; its words are among those that must be said.
pub const HINT: Told<'_> = This("");
/// Nothing was read from a file of the configuration.
pub const NO_FILE: Told<'_> = No("it is not about a place in a file");
/// The object is in the state, or in the cloud, and no longer in the configuration.
pub const NOT_IN_FILE: Told<'_> = No("what it is about does not stand in the configuration");

/// What a refusal must be.
pub struct Refusal<'a> {
    /// Diagnostic code, `WL0123`.
    pub code: &'a str,
    /// `file:line:col` of the first place that is shown for the code.
    pub place: Told<'a>,
    /// What to do; a part of it is enough.
    pub hint: Told<'a>,
    /// Texts that must be said besides.
    pub says: &'a [&'a str],
    /// Exit code.
    pub exit: i32,
}

impl Refusal<'_> {
    /// Runs a command that must be refused in this way, and must change neither state nor cloud.
    #[track_caller]
    pub fn of(&self, place: &Place, arguments: &[&str]) -> Done {
        let before = place.snapshot();
        let done = place.run(arguments);
        self.check(place, done, &before)
    }

    /// The same for a command that was run already; `before` was taken before it.
    #[track_caller]
    pub fn check(&self, place: &Place, done: Done, before: &Snapshot) -> Done {
        let done = done.expect(self.exit);
        let changed = before.changed(&place.snapshot());
        assert!(changed.is_empty(), "{changed:?} has changed\n{}\n{}", done.stdout, done.stderr);
        let told = &done.stderr;
        assert!(!told.contains("panicked") && !done.stdout.contains("panicked"), "{told}");
        let from = told.find(&format!("[{}]", self.code));
        let found = from.and_then(|from| told.get(from..)).unwrap_or_default();
        assert!(!found.is_empty(), "{} is not told in\n{told}\n{}", self.code, done.stdout);
        // Up to the next finding.
        let end = ["Error[", "Warning["].iter().filter_map(|word| found.find(word)).min().unwrap_or(found.len());
        let found = found.get(..end).unwrap_or_default();
        let shown = found.lines().find(|line| line.trim_start().starts_with("-->"));
        match (self.place, shown) {
            (This(place), Some(shown)) => assert!(shown.ends_with(place), "{shown:?} is not at {place}\n{told}"),
            (This(place), None) => panic!("{place} is not shown\n{told}"),
            (No(why), Some(shown)) => panic!("{shown:?} is shown, though {why}\n{told}"),
            (No(_), None) => {}
        }
        match (self.hint, found.contains("hint: ")) {
            (This(hint), true) => {
                let hints: String = found.split("hint: ").skip(1).collect();
                assert!(hints.contains(hint), "{hint:?} is not in the hint {hints:?}\n{told}");
            }
            (This(hint), false) => panic!("there is no hint {hint:?} in\n{told}"),
            (No(why), true) => panic!("there is a hint, though {why}\n{told}"),
            (No(_), false) => {}
        }
        for text in self.says {
            assert!(told.contains(text), "{text:?} is missing in\n{told}\n{}", done.stdout);
        }
        done
    }
}

/// Neither a state nor a sandbox came into being.
#[track_caller]
pub fn nothing_was_begun(place: &Place) {
    for name in ["windlass.wlstate", ".windlass/sandbox"] {
        assert!(!place.path().join(name).exists(), "{name} was made");
    }
}
