//! One row of the table: a command, what it must say, and what it must leave alone.

use crate::support::{Done, Place};

/// What a refusal must be.
pub struct Refusal<'a> {
    /// Diagnostic code, `WL0123`.
    pub code: &'a str,
    /// `file:line:col` of the first place that is shown for the code; empty if there is none.
    pub place: &'a str,
    /// Texts that must be said: the fault, and the hint.
    pub says: &'a [&'a str],
    /// Exit code.
    pub exit: i32,
}

impl Refusal<'_> {
    /// Runs a command that must be refused in this way, and must change neither state nor plan.
    #[track_caller]
    pub fn of(&self, place: &Place, arguments: &[&str]) -> Done {
        let before = place.state();
        let done = place.run(arguments);
        self.check(place, done, &before)
    }

    /// The same for a command that was run already; `before` is the state file as it was.
    #[track_caller]
    pub fn check(&self, place: &Place, done: Done, before: &[u8]) -> Done {
        let done = done.expect(self.exit);
        assert!(before == place.state(), "the state file has changed\n{}\n{}", done.stdout, done.stderr);
        let told = &done.stderr;
        assert!(!told.contains("panicked") && !done.stdout.contains("panicked"), "{told}");
        let from = told.find(&format!("[{}]", self.code));
        let found = from.and_then(|from| told.get(from..)).unwrap_or_default();
        assert!(!found.is_empty(), "{} is not told in\n{told}\n{}", self.code, done.stdout);
        if !self.place.is_empty() {
            let shown = found.lines().find(|line| line.trim_start().starts_with("-->")).unwrap_or_default();
            assert!(shown.ends_with(self.place), "{:?} is not at {}\n{told}", shown, self.place);
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
