//! What a run says while it goes on: one line when a step begins, waits for something else, or ends.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedReceiver;
use windlass_core::plan::tally::Tally;
use windlass_core::plan::{Action, Mode, Plan, Readiness, Step, abandoned};
use windlass_run::RunEvent;
use windlass_run::ports::{Ensured, StepError};
use windlass_run::summary::{Summary, Verdict};

use super::View;
use super::colour::{ADD, BOLD, CHANGE, DIM, REMOVE, paint};

/// A wait that is over before this is not told.
const PATIENCE: Duration = Duration::from_secs(1);

/// Shortest time between two lines of one waiting step when its reason changes.
const REPEAT: Duration = Duration::from_secs(10);

/// A step that waits for the same thing still says so this often.
const HEARTBEAT: Duration = Duration::from_secs(60);

/// Characters of a reason that are shown; the whole of it is told when the step times out.
const REASON: usize = 240;

/// Prints the events of one run.
pub struct ProgressPrinter<'a> {
    view: View,
    steps: &'a [Step],
    waits: BTreeMap<usize, Wait>,
}

/// What a running step waits for.
struct Wait {
    text: String,
    since: Instant,
    told: Option<(String, Instant)>,
}

impl<'a> ProgressPrinter<'a> {
    /// For the steps of a plan.
    pub fn new(view: View, plan: &'a Plan) -> Self {
        Self { view, steps: &plan.steps, waits: BTreeMap::new() }
    }

    /// Prints until the run is over.
    pub async fn follow(mut self, mut events: UnboundedReceiver<RunEvent>) {
        let mut tick = tokio::time::interval(PATIENCE);
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => {
                        let line = self.line(&event, Instant::now());
                        self.say(line);
                    }
                    None => return,
                },
                _ = tick.tick() => {
                    for line in self.due(Instant::now()) {
                        self.say(Some(line));
                    }
                }
            }
        }
    }

    fn say(&self, line: Option<String>) {
        if let Some(line) = line {
            self.view.out(&format!("{line}\n"));
        }
    }

    /// Lines of the steps that have waited long enough to be told.
    fn due(&mut self, now: Instant) -> Vec<String> {
        let mut lines = Vec::new();
        for (step, wait) in &mut self.waits {
            let due = match &wait.told {
                None => now.duration_since(wait.since) >= PATIENCE,
                Some((text, when)) => now.duration_since(*when) >= if *text == wait.text { HEARTBEAT } else { REPEAT },
            };
            if !due {
                continue;
            }
            let address = self.steps.get(*step).map(|step| step.address.to_string()).unwrap_or_default();
            let waited = now.duration_since(wait.since).as_secs();
            let words = format!("waits for {} [{waited}s]", wait.text);
            lines.push(format!("{}: {}", paint(BOLD, address), paint(DIM, words)));
            wait.told = Some((wait.text.clone(), now));
        }
        lines
    }

    /// For what a step waits, and why.
    pub fn waits_for(&self, step: usize) -> Option<&str> {
        self.waits.get(&step).map(|wait| wait.text.as_str())
    }

    /// The line that an event is worth; a wait is told later, if it lasts.
    pub fn line(&mut self, event: &RunEvent, now: Instant) -> Option<String> {
        let name = |step: usize| {
            self.steps.get(step).map(|step| format!("{}: {}", paint(BOLD, &step.address), title(&step.action))).unwrap_or_default()
        };
        match event {
            RunEvent::Planned { run, steps, done } => going_on(run, *steps, done.len()),
            RunEvent::StepStarted { step } => {
                silent(self.steps.get(*step)?).then_some(()).map_or_else(|| Some(format!("{}...", name(*step))), |()| None)
            }
            RunEvent::Waiting { step, what, reason } => {
                let text = format!("{what}: {}", shortened(reason));
                self.waits.entry(*step).or_insert_with(|| Wait { text: String::new(), since: now, told: None }).text = text;
                None
            }
            RunEvent::GoesOn { step } => {
                self.waits.remove(step);
                None
            }
            RunEvent::Note { step, text } => Some(format!("{}: {text}", name(*step))),
            RunEvent::StepDone { step, ensured, elapsed } => {
                self.waits.remove(step);
                if silent(self.steps.get(*step)?) {
                    return None;
                }
                let word = match ensured {
                    _ if self.steps.get(*step).is_some_and(|step| step.action.only_waits()) => "ready",
                    Ensured::Added | Ensured::Updated => "done",
                    Ensured::NotNeeded => "was done already",
                };
                Some(format!("{}: {} after {}", name(*step), paint(ADD, word), seconds(*elapsed)))
            }
            RunEvent::StepFailed { step, error: StepError::Stopped, elapsed } => {
                self.waits.remove(step);
                Some(format!("{}: {} after {}", name(*step), paint(CHANGE, "stopped"), seconds(*elapsed)))
            }
            RunEvent::StepFailed { step, error, elapsed } => {
                self.waits.remove(step);
                Some(format!("{}: {} after {}: {error}", name(*step), paint(REMOVE, "failed"), seconds(*elapsed)))
            }
            RunEvent::StepSkipped { step, because } => {
                Some(format!("{}: {} because of {}", name(*step), paint(CHANGE, "skipped"), name(*because)))
            }
            RunEvent::Stopping { running, now: false } => Some(format!(
                "\n{} {running} running steps may end, no others begin. Interrupt again to stop them too.",
                paint(CHANGE.bold(), "Interrupt received.")
            )),
            RunEvent::Stopping { running, now: true } => {
                Some(format!("{} {} stopped; run it again to go on.", paint(REMOVE.bold(), "Stopping at once."), counted(*running, "step")))
            }
        }
    }
}

/// That a run goes on which did not end.
pub fn going_on(run: &str, steps: usize, done: usize) -> Option<String> {
    (done > 0).then(|| format!("Going on with run {run}: {done} of {steps} steps were done before."))
}

/// Steps that do nothing in the world are not told.
pub fn silent(step: &Step) -> bool {
    matches!(step.action, Action::Record | Action::StoreOutputs { .. })
}

/// The beginning of a reason: a control plane's names every condition of every machine. What a terminal would act upon is left out.
pub fn shortened(reason: &str) -> String {
    let mut one_line = reason.split_whitespace().collect::<Vec<_>>().join(" ");
    one_line.retain(|character| !character.is_control());
    match one_line.char_indices().nth(REASON) {
        Some((end, _)) => format!("{}…", one_line.get(..end).unwrap_or_default().trim_end()),
        None => one_line,
    }
}

/// `1 object`, `2 objects`.
fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1}s", duration.as_secs_f64())
}

/// What a step does, in words.
pub fn title(action: &Action) -> String {
    match action {
        Action::EnsureProvider { plane, provider, .. } if provider.install => {
            format!("provider {} {} on {plane}", provider.name, provider.version)
        }
        Action::EnsureProvider { plane, provider, .. } => format!("provider {} checked on {plane}", provider.name),
        Action::Apply { plane, objects, prune, .. } => {
            let removed = if prune.is_empty() { String::new() } else { format!(", removing {}", prune.len()) };
            format!("applying {} to {plane}{removed}", counted(objects.len(), "object"))
        }
        Action::Wait { conditions, .. } => match conditions.as_slice() {
            [one] if one.ready == Readiness::Gone => format!("waiting until {} is gone", one.key.short()),
            [one] => format!("waiting for {}", one.key.short()),
            [first, rest @ ..] if first.ready == Readiness::Gone => {
                format!("waiting until {} and {} more are gone", first.key.short(), rest.len())
            }
            many => format!("waiting for {} objects", many.len()),
        },
        Action::OpenPlane { plane, .. } => format!("API of {plane}"),
        Action::WaitNodes { nodes, .. } => format!("waiting for {}", counted(*nodes as usize, "ready node")),
        Action::ApplyLayer { layer, .. } => format!("applying layer {}", layer.name),
        Action::PublishLayer { layer, .. } => format!("layer {} by the agent", layer.name),
        Action::DeleteLayer { layer, .. } => format!("deleting layer {layer}"),
        Action::WaitAgent { .. } => "waiting for the agent".to_owned(),
        Action::PivotPreflight { .. } => "checking whether it can pivot".to_owned(),
        Action::Pivot { pivot } => format!("pivoting from {} to {}", pivot.from, pivot.to),
        Action::VerifyPivot { .. } => "verifying the pivot".to_owned(),
        Action::RefreshAccess { .. } => "access".to_owned(),
        Action::ReleaseCloudResources { objects, .. } => format!("releasing load balancers and volumes ({})", objects.len()),
        Action::Delete { plane, objects } => match objects.as_slice() {
            [one] => format!("deleting {} from {plane}", one.key.short()),
            many => format!("deleting {} objects from {plane}", many.len()),
        },
        Action::MakeWay { plane, objects } => match objects.as_slice() {
            [one] => format!("deleting {} from {plane}, to make it again", one.key.short()),
            many => format!("deleting {} objects from {plane}, to make them again", many.len()),
        },
        Action::CollectTemplates { plane, .. } => format!("removing machine templates from {plane} that nothing uses"),
        Action::RemoveLeftovers { plane, .. } => format!("removing leftovers from {plane}"),
        Action::StoreOutputs { .. } => "outputs".to_owned(),
        Action::Record => "recording".to_owned(),
    }
}

/// What is told when a run is over.
pub fn end_text(summary: &Summary, plan: &Plan) -> String {
    if summary.run.is_none() {
        return "Nothing has been changed.\n".to_owned();
    }
    let mut text = String::new();
    for step in summary.stopped.iter().filter_map(|step| plan.steps.get(*step)) {
        let _ = writeln!(text, "{} {}: {}", paint(CHANGE, "stopped"), step.address, title(&step.action));
    }
    for (step, because) in &summary.skipped {
        if let (Some(step), Some(because)) = (plan.steps.get(*step), plan.steps.get(*because)) {
            let _ = writeln!(
                text,
                "{} {}: {} (needs {}: {})",
                paint(CHANGE, "skipped"),
                step.address,
                title(&step.action),
                because.address,
                title(&because.action)
            );
        }
    }
    for cluster in summary.kept_back(plan) {
        let _ = writeln!(text, "{} {cluster}: others have failed (`stop_after_failures`)", paint(CHANGE, "held back"));
    }
    for unplanned in &plan.unplanned {
        let _ = writeln!(text, "{} {}: unreachable: {}", paint(CHANGE, "left out"), unplanned.address, unplanned.reason);
    }
    if summary.verdict == Verdict::Done || summary.verdict == Verdict::Unreachable && summary.failed.is_empty() {
        let Tally { add: added, change: changed, destroy: destroyed, forget: forgotten } = Tally::of(plan);
        let ended = if plan.unplanned.is_empty() { "complete!" } else { "done, except for what was left out." };
        let head = match plan.mode {
            Mode::Apply => format!("Apply {ended} Resources: {added} added, {changed} changed, {destroyed} destroyed."),
            Mode::Destroy if destroyed == 0 && abandoned(plan).next().is_some() => {
                let names: Vec<String> = abandoned(plan).map(ToString::to_string).collect();
                format!("Nothing was done on any plane: {} is forgotten. Resources: {forgotten} forgotten.", names.join(", "))
            }
            Mode::Destroy => format!("Destroy {ended} Resources: {destroyed} destroyed."),
        };
        let _ = writeln!(text, "\n{}", paint(ADD.bold(), head));
    } else {
        let stopped = if summary.stopped.is_empty() { String::new() } else { format!(" {} stopped,", summary.stopped.len()) };
        let _ = writeln!(
            text,
            "\n{} {} of {} steps are done, {} failed,{stopped} {} skipped, {} not begun. {} again to go on.",
            paint(REMOVE.bold(), "Not complete."),
            summary.done.len(),
            plan.steps.len(),
            summary.failed.len(),
            summary.skipped.len(),
            summary.not_reached.len(),
            if plan.mode == Mode::Destroy { "Destroy" } else { "Apply" }
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use windlass_core::addr::Address;

    use super::*;

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    fn waiting(reason: &str) -> RunEvent {
        RunEvent::Waiting { step: 0, what: "Deployment web".into(), reason: reason.into() }
    }

    fn printer(steps: &[Step]) -> ProgressPrinter<'_> {
        ProgressPrinter { view: View { plain: true, stream: false }, steps, waits: BTreeMap::new() }
    }

    fn step() -> Step {
        let address: Address = "cluster.shop".parse().unwrap();
        let (needs, expects, on_start, on_done) = Default::default();
        Step { id: "1".into(), address, action: Action::Record, needs, expects, timeout_seconds: 60, on_start, on_done }
    }

    #[test]
    fn a_wait_is_told_late_seldom_and_not_after_its_end() {
        let steps = [step()];
        let mut printer = printer(&steps);
        let start = Instant::now();
        assert_eq!(printer.line(&waiting("0 of 3 pods"), start), None, "nothing at once");
        assert!(printer.due(start).is_empty(), "a wait may be over in no time");
        let first = printer.due(after(start, 1)).concat();
        assert!(first.contains("cluster.shop") && first.contains("waits for Deployment web: 0 of 3 pods [1s]"), "{first}");
        printer.line(&waiting("1 of 3 pods"), after(start, 2));
        assert!(printer.due(after(start, 9)).is_empty(), "a change of reason waits its turn");
        assert!(printer.due(after(start, 11)).concat().contains("1 of 3 pods [11s]"));
        assert!(printer.due(after(start, 60)).is_empty(), "the same again only as a heartbeat");
        assert!(printer.due(after(start, 71)).concat().contains("1 of 3 pods [71s]"));
        printer.line(&RunEvent::StepDone { step: 0, ensured: Ensured::Added, elapsed: Duration::ZERO }, after(start, 72));
        assert!(printer.due(after(start, 500)).is_empty());
    }

    #[test]
    fn trouble_that_is_over_is_not_told_any_more() {
        let steps = [step()];
        let mut printer = printer(&steps);
        let start = Instant::now();
        printer.line(&waiting("503"), start);
        assert!(printer.due(after(start, 1)).concat().contains("503 [1s]"));
        printer.line(&RunEvent::GoesOn { step: 0 }, after(start, 2));
        assert!(printer.due(after(start, 100)).is_empty());
    }

    #[test]
    fn a_step_that_was_stopped_is_named_and_did_not_fail() {
        let plan: Plan = serde_json::from_value(serde_json::json!({
            "windlass_plan": 1, "tool_version": "0.1.0", "lineage": "l", "serial": 1, "mode": "apply", "desired_digest": "d", "planes": [],
            "changes": [], "steps": [step(), step()], "fingerprints": [],
        }))
        .unwrap();
        let mut summary = Summary { run: Some("r".into()), verdict: Verdict::Stopped, ..Summary::refused(Vec::new()) };
        (summary.stopped, summary.not_reached) = (vec![0], vec![1]);
        let text = anstream::adapter::strip_str(&end_text(&summary, &plan)).to_string();
        let expected = "stopped cluster.shop: recording\n\n\
            Not complete. 0 of 2 steps are done, 0 failed, 1 stopped, 0 skipped, 1 not begun. Apply again to go on.\n";
        assert_eq!(text, expected);
        let event = RunEvent::StepFailed { step: 0, error: StepError::Stopped, elapsed: Duration::from_secs(2) };
        let line = printer(&plan.steps).line(&event, Instant::now()).unwrap();
        assert_eq!(anstream::adapter::strip_str(&line).to_string(), "cluster.shop: recording: stopped after 2.0s");
    }

    #[test]
    fn long_reasons_are_cut_between_characters() {
        let long = "é".repeat(REASON + 1);
        assert_eq!(shortened(&long).chars().count(), REASON + 1);
        assert!(shortened(&long).ends_with('…'));
        assert_eq!(shortened("* a\n  * b"), "* a * b");
        assert_eq!(shortened("a\u{1b}[2Jb"), "a[2Jb");
    }
}
