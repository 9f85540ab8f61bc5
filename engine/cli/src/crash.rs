//! Crash tests, in debug builds only: the process kills itself, or panics, right after a journal record was committed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use windlass_core::plan::Plan;
use windlass_run::execute::AfterRecord;
use windlass_run::ports::SecretLeaves;

/// Number of the record, counted from the start of this process, after which it dies.
const AFTER: &str = "WL_CRASH_AFTER";
/// Number of the record after which it panics.
const PANIC_AFTER: &str = "WL_PANIC_AFTER";
/// Counts only the records of steps with this action, in the plan's word: `pivot`.
const STEP: &str = "WL_CRASH_STEP";

/// Ends this process at the record that the environment names. A panic tells all that is known here, so that tests find what should not be told.
pub fn hook(plan: &Plan, secrets: &SecretLeaves) -> Option<AfterRecord> {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let (fatal, panicking) = (number(AFTER), number(PANIC_AFTER));
    if fatal.is_none() && panicking.is_none() {
        return None;
    }
    let counted: Option<BTreeSet<String>> = std::env::var(STEP).ok().map(|word| steps_of(plan, &word));
    let (plan, secrets) = (plan.clone(), secrets.clone());
    let written = AtomicU64::new(0);
    Some(Arc::new(move |_, step| {
        if counted.as_ref().is_some_and(|counted| !counted.contains(step)) {
            return;
        }
        let now = Some(written.fetch_add(1, Ordering::SeqCst) + 1);
        if now == fatal {
            // SIGKILL cannot be caught: nothing is flushed, nothing is closed, as in a real crash.
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        }
        assert!(now != panicking, "{PANIC_AFTER} asks for it, with {secrets:?} and {plan:?}");
    }))
}

fn steps_of(plan: &Plan, word: &str) -> BTreeSet<String> {
    let of_this_word = plan.steps.iter().filter(|step| {
        let action = serde_json::to_value(&step.action).unwrap_or_default();
        action.get("do").and_then(serde_json::Value::as_str) == Some(word)
    });
    of_this_word.map(|step| step.id.clone()).collect()
}
