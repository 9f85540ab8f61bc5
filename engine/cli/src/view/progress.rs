//! What a run says while it goes on: one line when a step begins, waits for something else, or ends.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{Duration, Instant};

use windlass_core::plan::{Action, ChangeAction, Mode, Plan, Step};
use windlass_run::RunEvent;
use windlass_run::ports::Ensured;
use windlass_run::summary::{Summary, Verdict};

use super::View;
use super::colour::{ADD, BOLD, CHANGE, DIM, REMOVE, paint};

/// Shortest time between two lines of the same step about the same thing.
const REPEAT: Duration = Duration::from_secs(10);

/// Prints the events of one run.
pub struct ProgressPrinter<'a> {
    view: View,
    steps: &'a [Step],
    said: BTreeMap<usize, (String, Instant)>,
}

impl<'a> ProgressPrinter<'a> {
    /// For the steps of a plan.
    pub fn new(view: View, plan: &'a Plan) -> Self {
        Self { view, steps: &plan.steps, said: BTreeMap::new() }
    }

    /// One event.
    pub fn event(&mut self, event: &RunEvent) {
        if let Some(line) = self.line(event) {
            self.view.out(&format!("{line}\n"));
        }
    }

    fn line(&mut self, event: &RunEvent) -> Option<String> {
        let name = |step: usize| {
            self.steps.get(step).map(|step| format!("{}: {}", paint(BOLD, &step.address), title(&step.action))).unwrap_or_default()
        };
        match event {
            RunEvent::Planned { done_before: 0, .. } => None,
            RunEvent::Planned { run, steps, done_before } => {
                Some(format!("Going on with run {run}: {done_before} of {steps} steps were done before."))
            }
            RunEvent::StepStarted { step } => {
                silent(self.steps.get(*step)?).then_some(()).map_or_else(|| Some(format!("{}...", name(*step))), |()| None)
            }
            RunEvent::Waiting { step, what, reason } => {
                let text = format!("{what}: {reason}");
                let repeated = self.said.get(step).is_some_and(|(last, when)| *last == text && when.elapsed() < REPEAT);
                if repeated {
                    return None;
                }
                let line = match self.steps.get(*step).map(|step| &step.address) {
                    Some(address) => format!("{}: {}", paint(BOLD, address), paint(DIM, format_args!("waits for {text}"))),
                    None => text.clone(),
                };
                self.said.insert(*step, (text, Instant::now()));
                Some(line)
            }
            RunEvent::Note { step, text } => Some(format!("{} {text}", name(*step))),
            RunEvent::StepDone { step, ensured, elapsed } => {
                if silent(self.steps.get(*step)?) {
                    return None;
                }
                let word = match ensured {
                    _ if self.steps.get(*step).is_some_and(|step| step.action.only_waits()) => "ready",
                    Ensured::Added => "done",
                    Ensured::Updated => "updated",
                    Ensured::NotNeeded => "was so already",
                };
                Some(format!("{} {} after {}", name(*step), paint(ADD, word), seconds(*elapsed)))
            }
            RunEvent::StepFailed { step, error, elapsed } => {
                Some(format!("{} {} after {}: {error}", name(*step), paint(REMOVE, "failed"), seconds(*elapsed)))
            }
            RunEvent::StepSkipped { step, because } => {
                Some(format!("{} {} because of {}", name(*step), paint(CHANGE, "skipped"), name(*because)))
            }
            RunEvent::Stopping { running, now: false } => Some(format!(
                "\n{} {running} running steps may end, no others begin. Interrupt again to stop them too.",
                paint(CHANGE.bold(), "Interrupt received.")
            )),
            RunEvent::Stopping { running, now: true } => {
                Some(format!("{} {} stopped; apply again to go on.", paint(REMOVE.bold(), "Second interrupt."), counted(*running, "step")))
            }
        }
    }
}

/// Steps that do nothing in the world are not told.
fn silent(step: &Step) -> bool {
    matches!(step.action, Action::Record | Action::StoreOutputs { .. })
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
            [one] => format!("waiting for {}", one.key.short()),
            many => format!("waiting for {} objects", many.len()),
        },
        Action::OpenPlane { plane, .. } => format!("API of {plane}"),
        Action::WaitNodes { nodes, .. } => format!("waiting for {nodes} ready nodes"),
        Action::ApplyLayer { layer, .. } => format!("applying layer {}", layer.name),
        Action::PublishLayer { layer, .. } => format!("layer {} by the agent", layer.name),
        Action::DeleteLayer { layer, .. } => format!("deleting layer {layer}"),
        Action::WaitAgent { .. } => "waiting for the agent".to_owned(),
        Action::PivotPreflight { .. } => "checking whether it can pivot".to_owned(),
        Action::Pivot { pivot } => format!("pivoting from {} to {}", pivot.from, pivot.to),
        Action::VerifyPivot { .. } => "verifying the pivot".to_owned(),
        Action::RefreshAccess { .. } => "access".to_owned(),
        Action::Quiesce { plane, .. } => format!("stopping controllers on {plane}"),
        Action::ReleaseCloudResources { objects, .. } => format!("releasing {} load balancers and volumes", objects.len()),
        Action::Delete { plane, objects } => match objects.as_slice() {
            [one] => format!("deleting {} from {plane}", one.key.short()),
            many => format!("deleting {} objects from {plane}", many.len()),
        },
        Action::RemoveLeftovers { plane, .. } => format!("removing leftovers from {plane}"),
        Action::StoreOutputs { .. } => "outputs".to_owned(),
        Action::Record => "recording".to_owned(),
    }
}

/// What is told when a run is over.
pub fn end_text(summary: &Summary, plan: &Plan) -> String {
    let count = |actions: &[ChangeAction]| plan.changes.iter().filter(|change| actions.contains(&change.action)).count();
    if summary.run.is_none() {
        return "Nothing has been changed.\n".to_owned();
    }
    let mut text = String::new();
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
    for unplanned in &plan.unplanned {
        let _ = writeln!(text, "{} {}: unreachable: {}", paint(CHANGE, "left out"), unplanned.address, unplanned.reason);
    }
    if summary.verdict == Verdict::Done || summary.verdict == Verdict::Unreachable && summary.failed.is_empty() {
        let added = count(&[ChangeAction::Create, ChangeAction::Replace]);
        let changed = count(&[ChangeAction::Update, ChangeAction::Repave, ChangeAction::Adopt]);
        let destroyed = count(&[ChangeAction::Delete, ChangeAction::Replace]);
        let ended = if plan.unplanned.is_empty() { "complete!" } else { "done, except for what was left out." };
        let head = match plan.mode {
            Mode::Apply => format!("Apply {ended} Resources: {added} added, {changed} changed, {destroyed} destroyed."),
            Mode::Destroy => format!("Destroy {ended} Resources: {destroyed} destroyed."),
        };
        let _ = writeln!(text, "\n{}", paint(ADD.bold(), head));
    } else {
        let _ = writeln!(
            text,
            "\n{} {} of {} steps are done, {} failed, {} skipped, {} not begun. Apply again to go on.",
            paint(REMOVE.bold(), "Not complete."),
            summary.done.len(),
            plan.steps.len(),
            summary.failed.len(),
            summary.skipped.len(),
            summary.not_reached.len()
        );
    }
    text
}
