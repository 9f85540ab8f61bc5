//! A run in Terraform's messages: `apply_start`, `apply_progress`, `apply_complete` and `apply_errored`, one begin and at most one end for each
//! resource, however many steps it has. Which step it is about stands under `windlass`, in the words of the progress lines.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use tokio::sync::mpsc::UnboundedReceiver;
use windlass_core::addr::Address;
use windlass_core::plan::ui_json::{Level, Message, action, resource};
use windlass_core::plan::{ChangeAction, Plan, Step};
use windlass_core::recorded::Effect;
use windlass_run::RunEvent;
use windlass_run::ports::{Ensured, StepError};

use super::View;
use super::progress::{going_on, shortened, silent, title};
use super::stream::log;

/// A resource that is worked on says so this often, as Terraform's do.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// The action of a resource that is only looked at or waited for.
const UNTOUCHED: &str = "noop";

/// Turns the events of one run into messages.
pub struct RunStream<'a> {
    steps: &'a [Step],
    /// By step: the resources that it works for.
    serves: Vec<Vec<&'a Address>>,
    works: BTreeMap<&'a Address, Work<'a>>,
}

/// How far a resource is.
struct Work<'a> {
    address: &'a Address,
    action: &'static str,
    /// Steps that have not ended.
    left: usize,
    /// Steps that run, with what they wait for.
    running: BTreeMap<usize, Option<String>>,
    /// When it began, and when it last said something.
    begun: Option<(Instant, Instant)>,
    failed: bool,
    /// Nothing of it is told: nothing is changed and no step acts.
    silent: bool,
}

impl<'a> RunStream<'a> {
    /// For the steps of a plan.
    pub fn new(plan: &'a Plan) -> Self {
        let actions: BTreeMap<&Address, &'static str> = plan.changes.iter().map(|change| (&change.address, action(change))).collect();
        let serves = serves(plan);
        let mut works = BTreeMap::new();
        for (step, addresses) in plan.steps.iter().zip(&serves) {
            for address in addresses {
                let action = actions.get(address).copied().unwrap_or(UNTOUCHED);
                let work: &mut Work<'_> = works.entry(*address).or_insert_with(|| Work {
                    address,
                    action,
                    left: 0,
                    running: BTreeMap::new(),
                    begun: None,
                    failed: false,
                    silent: action == UNTOUCHED,
                });
                work.left += 1;
                work.silent &= silent(step);
            }
        }
        Self { steps: &plan.steps, serves, works }
    }

    /// Tells until the run is over.
    pub async fn follow(mut self, view: View, mut events: UnboundedReceiver<RunEvent>) {
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => self.told(&event, Instant::now()).into_iter().for_each(|message| view.say(message)),
                    None => break,
                },
                _ = tick.tick() => self.due(Instant::now()).into_iter().for_each(|message| view.say(message)),
            }
        }
        self.broken_off(Instant::now()).into_iter().for_each(|message| view.say(message));
    }

    /// Messages of the resources that have said nothing for some time.
    fn due(&mut self, now: Instant) -> Vec<Message> {
        let silent_for = |work: &Work<'_>| work.begun.map(|(_, told)| now.duration_since(told)).filter(|_| !work.running.is_empty());
        let due = self.works.values_mut().filter(|work| !work.silent && silent_for(work).is_some_and(|silence| silence >= HEARTBEAT));
        due.map(|work| {
            let waits = work.running.iter().filter_map(|(step, waits)| {
                let step = self.steps.get(*step)?;
                Some(json!({"id": step.id, "words": title(&step.action), "waits_for": waits}))
            });
            let ours = json!({"running": waits.collect::<Vec<_>>()});
            work.message("apply_progress", now).ours(ours)
        })
        .collect()
    }

    /// What one event makes worth telling.
    fn told(&mut self, event: &RunEvent, now: Instant) -> Vec<Message> {
        match event {
            RunEvent::Planned { run, steps, done } => {
                done.iter().for_each(|step| self.change(*step, |work| work.left = work.left.saturating_sub(1)));
                going_on(run, *steps, done.len()).and_then(|text| log(Level::Info, &text)).into_iter().collect()
            }
            RunEvent::StepStarted { step } => self.with(*step, now, json!("started"), |work| drop(work.running.insert(*step, None))),
            RunEvent::Waiting { step, what, reason } => {
                // The next heartbeat tells it.
                let text = format!("{what}: {}", shortened(reason));
                self.waits(*step, Some(text));
                Vec::new()
            }
            RunEvent::GoesOn { step } => {
                self.waits(*step, None);
                Vec::new()
            }
            RunEvent::Note { step, text } => self.with(*step, now, json!({"note": text}), |_| {}),
            RunEvent::StepDone { step, ensured, .. } => {
                let word = if *ensured == Ensured::NotNeeded { "was done already" } else { "done" };
                self.with(*step, now, json!(word), |work| work.ended(*step, false))
            }
            RunEvent::StepFailed { step, error, .. } => {
                let word = if matches!(error, StepError::Stopped) { "stopped" } else { "failed" };
                self.with(*step, now, json!(word), |work| work.ended(*step, true))
            }
            RunEvent::StepSkipped { step, because } => {
                let because = self.steps.get(*because).map(|step| format!("{}: {}", step.address, title(&step.action)));
                self.with(*step, now, json!({"skipped_because_of": because}), |work| work.ended(*step, true))
            }
            RunEvent::Stopping { running, now } => {
                let what = if *now { "they are stopped" } else { "they may end, no others begin" };
                log(Level::Warn, &format!("Interrupt received. {running} steps are running: {what}.")).into_iter().collect()
            }
        }
    }

    fn waits(&mut self, step: usize, text: Option<String>) {
        self.change(step, |work| {
            if let Some(waits) = work.running.get_mut(&step) {
                waits.clone_from(&text);
            }
        });
    }

    /// Changes the works that a step belongs to.
    fn change(&mut self, step: usize, mut change: impl FnMut(&mut Work<'a>)) {
        for address in self.serves.get(step).into_iter().flatten() {
            self.works.get_mut(address).into_iter().for_each(&mut change);
        }
    }

    /// Changes the works that a step belongs to, and tells what became of them.
    fn with(&mut self, index: usize, now: Instant, state: Json, change: impl Fn(&mut Work<'a>)) -> Vec<Message> {
        let Some(step) = self.steps.get(index) else { return Vec::new() };
        let ours = json!({"step": {"id": step.id, "words": title(&step.action), "state": state}});
        let mut messages = Vec::new();
        self.change(index, |work| {
            let was_running = work.running.contains_key(&index);
            change(work);
            if let Some(kind) = work.news(was_running, work.running.contains_key(&index)) {
                messages.push(work.message(kind, now).ours(ours.clone()));
            }
        });
        messages
    }

    /// Messages of the resources that began and did not come to their end.
    fn broken_off(&mut self, now: Instant) -> Vec<Message> {
        let open = self.works.values_mut().filter(|work| !work.silent && work.begun.is_some() && work.left > 0);
        open.map(|work| work.message("apply_errored", now)).collect()
    }
}

impl Work<'_> {
    fn ended(&mut self, step: usize, failed: bool) {
        self.running.remove(&step);
        self.left = self.left.saturating_sub(1);
        self.failed |= failed;
    }

    /// The type of what is told after a step of it has changed.
    fn news(&self, was_running: bool, runs: bool) -> Option<&'static str> {
        match (self.begun, was_running, runs) {
            _ if self.silent => None,
            (None, false, true) => Some("apply_start"),
            // It never began: what was skipped is no failure of its own.
            (None, ..) => None,
            _ if self.left > 0 => Some("apply_progress"),
            _ if self.failed => Some("apply_errored"),
            _ => Some("apply_complete"),
        }
    }

    fn message(&mut self, kind: &'static str, now: Instant) -> Message {
        let begun = self.begun.map_or(now, |(begun, _)| begun);
        self.begun = Some((begun, now));
        let seconds = now.duration_since(begun).as_secs();
        let (begins, goes_on, ends) = verbs(self.action);
        let address = self.address;
        let text = match kind {
            "apply_start" => format!("{address}: {begins}..."),
            "apply_progress" => format!("{address}: Still {goes_on}... [{seconds}s elapsed]"),
            "apply_complete" => format!("{address}: {ends} complete after {seconds}s"),
            _ => format!("{address}: {ends} errored after {seconds}s"),
        };
        let mut hook = json!({"resource": resource(address), "action": self.action});
        if let (Some(map), true) = (hook.as_object_mut(), kind != "apply_start") {
            map.insert("elapsed_seconds".to_owned(), json!(seconds));
        }
        let level = if kind == "apply_errored" { Level::Error } else { Level::Info };
        Message { level, ..Message::news(kind, text, "hook", hook) }
    }
}

/// By step, the resources that it works for: its own, and those that change with it and have no step of their own, as the pools and layers
/// of a cluster that is destroyed.
fn serves(plan: &Plan) -> Vec<Vec<&Address>> {
    let own: BTreeSet<&Address> = plan.steps.iter().map(|step| &step.address).collect();
    let planned = plan.changes.iter().filter(|change| change.action != ChangeAction::NoOp).map(|change| &change.address);
    let without: BTreeSet<&Address> = planned.filter(|address| !own.contains(*address)).collect();
    let serves = plan.steps.iter().map(|step| {
        let changed = step.on_start.iter().chain(&step.on_done).filter_map(|effect| match effect {
            Effect::Resource { address, .. } | Effect::ResourceGone { address } => Some(address),
            _ => None,
        });
        let others: BTreeSet<&Address> = changed.filter(|other| without.contains(*other)).collect();
        std::iter::once(&step.address).chain(others).collect()
    });
    serves.collect()
}

/// Terraform's words for the begin, the middle and the end of an action.
fn verbs(action: &str) -> (&'static str, &'static str, &'static str) {
    match action {
        "create" => ("Creating", "creating", "Creation"),
        "update" => ("Modifying", "modifying", "Modifications"),
        "delete" => ("Destroying", "destroying", "Destruction"),
        "replace" => ("Replacing", "replacing", "Replacement"),
        "remove" => ("Forgetting", "forgetting", "Forgetting"),
        _ => ("Applying", "applying", "Apply"),
    }
}

#[cfg(test)]
mod tests {
    use windlass_core::plan::Action;

    use super::*;

    /// Two steps of a cluster that is made, one of a pool that is not changed and only recorded.
    fn plan() -> Plan {
        let step = |id: &str, address: &str, action: Json| json!({"id": id, "address": address, "action": action, "timeout_seconds": 1});
        let wait = json!({"do": "wait", "plane": "management.m", "conditions": []});
        serde_json::from_value(json!({
            "windlass_plan": 1, "tool_version": "0", "lineage": "l", "serial": 1, "mode": "apply", "desired_digest": "d", "planes": [],
            "changes": [{"address": "cluster.a", "action": "create"}], "fingerprints": [],
            "steps": [step("1", "cluster.a", wait.clone()), step("2", "cluster.a", wait), step("3", "cluster.b", json!({"do": "record"}))],
        }))
        .expect("a plan")
    }

    fn kinds(messages: &[Message]) -> Vec<&'static str> {
        messages.iter().map(|message| message.kind).collect()
    }

    fn done(step: usize) -> RunEvent {
        RunEvent::StepDone { step, ensured: Ensured::Added, elapsed: Duration::ZERO }
    }

    #[test]
    fn a_resource_begins_once_and_ends_once() {
        let (plan, start) = (plan(), Instant::now());
        assert!(matches!(plan.steps[2].action, Action::Record));
        let mut stream = RunStream::new(&plan);
        let begun = stream.told(&RunEvent::StepStarted { step: 0 }, start);
        assert_eq!(kinds(&begun), ["apply_start"]);
        assert_eq!(begun[0].text, "cluster.a: Creating...");
        assert_eq!(begun[0].payload["hook"]["action"], "create");
        assert!(begun[0].payload["hook"].get("elapsed_seconds").is_none());
        let waits = RunEvent::Waiting { step: 0, what: "Machine x".into(), reason: "no node".into() };
        assert!(stream.told(&waits, start).is_empty() && stream.due(start + Duration::from_secs(9)).is_empty());
        let due = stream.due(start + Duration::from_secs(10));
        assert_eq!(due[0].text, "cluster.a: Still creating... [10s elapsed]");
        assert_eq!(due[0].payload["windlass"]["running"][0]["waits_for"], "Machine x: no node");
        assert!(stream.due(start + Duration::from_secs(19)).is_empty(), "not before ten more seconds");
        assert_eq!(kinds(&stream.told(&done(0), start)), ["apply_progress"]);
        assert_eq!(kinds(&stream.told(&RunEvent::StepStarted { step: 1 }, start)), ["apply_progress"]);
        assert!(stream.told(&RunEvent::StepStarted { step: 2 }, start).is_empty() && stream.told(&done(2), start).is_empty());
        let end = stream.told(&done(1), start + Duration::from_secs(12));
        assert_eq!(kinds(&end), ["apply_complete"]);
        assert_eq!(end[0].text, "cluster.a: Creation complete after 12s");
        assert_eq!(end[0].payload["hook"]["elapsed_seconds"], 12);
        assert!(stream.broken_off(start).is_empty());
    }

    #[test]
    fn what_fails_or_is_stopped_has_errored_once() {
        let (plan, start) = (plan(), Instant::now());
        let mut stream = RunStream::new(&plan);
        stream.told(&RunEvent::StepStarted { step: 0 }, start);
        let failed = RunEvent::StepFailed { step: 0, error: StepError::Stopped, elapsed: Duration::ZERO };
        assert_eq!(kinds(&stream.told(&failed, start)), ["apply_progress"]);
        assert_eq!(kinds(&stream.broken_off(start)), ["apply_errored"]);

        let mut stream = RunStream::new(&plan);
        stream.told(&RunEvent::StepStarted { step: 0 }, start);
        stream.told(&failed, start);
        let skipped = stream.told(&RunEvent::StepSkipped { step: 1, because: 0 }, start);
        assert_eq!(kinds(&skipped), ["apply_errored"]);
        assert_eq!(skipped[0].level, Level::Error);
        assert!(stream.broken_off(start).is_empty());
    }

    #[test]
    fn a_run_that_goes_on_counts_what_was_done_before() {
        let (plan, start) = (plan(), Instant::now());
        let mut stream = RunStream::new(&plan);
        let went_on = RunEvent::Planned { run: "r".into(), steps: 3, done: [0].into() };
        assert_eq!(kinds(&stream.told(&went_on, start)), ["log"]);
        assert_eq!(kinds(&stream.told(&RunEvent::StepStarted { step: 1 }, start)), ["apply_start"]);
        assert_eq!(kinds(&stream.told(&done(1), start)), ["apply_complete"]);
    }
}
