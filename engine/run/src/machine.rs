//! The transition function of a run: which step starts when, who is skipped, when it is over. Pure; knows neither time nor journal.
//!
//! `transition(state, event)` gives the next state and what is to be done, or says that this event cannot come in this state. All of
//! a run together costs O(steps + needs), with a logarithm for the queues.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use crate::graph::Graph;
use crate::turns::Turns;

/// How many steps may act at once. Steps that only wait are not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// In all (`-parallelism`).
    pub steps: usize,
    /// On one plane.
    pub on_one_plane: usize,
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It is done.
    Done,
    /// It failed, or something it waits for has not come, or the world is not as planned.
    NotDone,
    /// It was stopped: nothing is wrong with it, and those that need it are not skipped but not reached.
    Stopped,
}

/// Where a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepState {
    /// It is not reached.
    Waiting,
    /// It runs.
    Running,
    /// It has ended.
    Ended(End),
    /// A step that it needs was not done.
    Skipped {
        /// Which.
        because: usize,
    },
}

/// What can happen to a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It begins; these steps an earlier attempt has done.
    Begin {
        /// Indices.
        done: BTreeSet<usize>,
    },
    /// A step ended.
    Ended {
        /// Which.
        step: usize,
        /// How.
        end: End,
    },
    /// The user wants no further step to start.
    StopSoon,
    /// The user wants running steps to stop.
    StopNow,
    /// The journal cannot be written, or stopped steps do not end: nothing may go on.
    Abandon,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// This step starts.
    Start(usize),
    /// This step is skipped.
    Skip {
        /// Which.
        step: usize,
        /// The step that was not done.
        because: usize,
    },
    /// Running steps are told to stop.
    StopRunning,
    /// Running steps are dropped where they stand.
    DropRunning,
    /// The run is over.
    Finish,
}

/// An event that cannot come in this state: a fault of the executor itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{event:?} cannot come while the run is {course:?}")]
pub struct Illegal {
    event: Event,
    course: Course,
}

/// What a run is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Course {
    /// Not begun.
    New,
    /// Steps start as they become ready.
    Going,
    /// Running steps end, no other starts.
    StoppingSoon,
    /// Running steps are stopped.
    StoppingNow,
    /// Over.
    Over,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    graph: Arc<Graph>,
    limits: Limits,
    course: Course,
    steps: Vec<StepState>,
    /// For each step, how many that it needs are not done.
    missing: Vec<usize>,
    /// Ready steps that act, and those that only wait.
    ready: BTreeSet<usize>,
    ready_to_wait: BTreeSet<usize>,
    /// Ready steps that found a plane full, by that plane.
    parked: Vec<BTreeSet<usize>>,
    turns: Turns,
    acting: usize,
    acting_on: Vec<usize>,
    running: usize,
}

impl State {
    /// A run that has not begun.
    pub fn new(graph: Arc<Graph>, limits: Limits) -> Self {
        Self {
            course: Course::New,
            steps: vec![StepState::Waiting; graph.len()],
            missing: graph.needs.clone(),
            ready: BTreeSet::new(),
            ready_to_wait: BTreeSet::new(),
            parked: vec![BTreeSet::new(); graph.plane_count],
            turns: Turns::new(Arc::clone(&graph)),
            acting: 0,
            acting_on: vec![0; graph.plane_count],
            running: 0,
            limits: Limits { steps: limits.steps.max(1), on_one_plane: limits.on_one_plane.max(1) },
            graph,
        }
    }

    /// Where each step is.
    pub fn steps(&self) -> &[StepState] {
        &self.steps
    }

    /// Steps that run.
    pub fn running(&self) -> usize {
        self.running
    }

    /// What it is about.
    pub fn course(&self) -> Course {
        self.course
    }
}

/// The next state, and what is to be done, in this order.
pub fn transition(mut state: State, event: Event) -> Result<(State, Vec<Command>), Illegal> {
    let mut commands = Vec::new();
    match (state.course, &event) {
        (Course::New, Event::Begin { done }) => {
            state.course = Course::Going;
            state.begin(done);
        }
        (Course::Going | Course::StoppingSoon | Course::StoppingNow, Event::Ended { step, end }) if state.is_running(*step) => {
            state.end(*step, *end, &mut commands);
        }
        (Course::Going, Event::StopSoon) => state.course = Course::StoppingSoon,
        (Course::Going | Course::StoppingSoon, Event::StopNow) => {
            state.course = Course::StoppingNow;
            commands.push(Command::StopRunning);
        }
        (Course::Going | Course::StoppingSoon | Course::StoppingNow, Event::Abandon) => {
            commands.push(Command::DropRunning);
            state.abandon();
        }
        // A wish that is fulfilled already.
        (Course::StoppingSoon | Course::StoppingNow, Event::StopSoon) | (Course::StoppingNow, Event::StopNow) => {}
        (course, _) => return Err(Illegal { event, course }),
    }
    if state.course == Course::Going {
        state.open_turns();
        state.start_ready(&mut commands);
    }
    let nothing_more = state.course > Course::Going || (state.ready.is_empty() && state.ready_to_wait.is_empty());
    if state.running == 0 && nothing_more {
        state.course = Course::Over;
        commands.push(Command::Finish);
    }
    Ok((state, commands))
}

impl State {
    fn is_running(&self, step: usize) -> bool {
        self.steps.get(step) == Some(&StepState::Running)
    }

    fn set(&mut self, step: usize, to: StepState) {
        if let Some(state) = self.steps.get_mut(step) {
            *state = to;
        }
    }

    fn begin(&mut self, done: &BTreeSet<usize>) {
        let graph = Arc::clone(&self.graph);
        for step in done {
            self.set(*step, StepState::Ended(End::Done));
            self.turns.was_done(*step);
            for dependent in graph.dependents.get(*step).into_iter().flatten() {
                if let Some(missing) = self.missing.get_mut(*dependent) {
                    *missing = missing.saturating_sub(1);
                }
            }
        }
        for (step, missing) in self.missing.clone().into_iter().enumerate() {
            if missing == 0 && self.steps.get(step) == Some(&StepState::Waiting) {
                self.enqueue(step);
            }
        }
    }

    /// Puts a ready step in its queue, if it is its cluster's turn.
    fn enqueue(&mut self, step: usize) {
        if self.turns.admit(step) {
            self.queue(step);
        }
    }

    fn open_turns(&mut self) {
        loop {
            let steps = self.turns.next();
            if steps.is_empty() {
                return;
            }
            steps.into_iter().for_each(|step| self.queue(step));
        }
    }

    fn queue(&mut self, step: usize) {
        let only_waits = self.graph.only_waits.get(step).copied().unwrap_or_default();
        let queue = if only_waits { &mut self.ready_to_wait } else { &mut self.ready };
        queue.insert(step);
    }

    fn end(&mut self, step: usize, end: End, commands: &mut Vec<Command>) {
        self.set(step, StepState::Ended(end));
        self.leave(step);
        match end {
            End::Done => {
                let graph = Arc::clone(&self.graph);
                for dependent in graph.dependents.get(step).into_iter().flatten() {
                    let Some(missing) = self.missing.get_mut(*dependent) else { continue };
                    *missing = missing.saturating_sub(1);
                    if *missing == 0 && self.steps.get(*dependent) == Some(&StepState::Waiting) {
                        self.enqueue(*dependent);
                    }
                }
            }
            End::NotDone => self.skip_dependents(step, commands),
            End::Stopped => {}
        }
        // After what it has made ready: as long as its cluster goes on, no other one takes its place.
        self.turns.ended(step, end != End::NotDone);
    }

    fn skip_dependents(&mut self, because: usize, commands: &mut Vec<Command>) {
        let graph = Arc::clone(&self.graph);
        let mut next = VecDeque::from([because]);
        while let Some(step) = next.pop_front() {
            for dependent in graph.dependents.get(step).into_iter().flatten() {
                if self.steps.get(*dependent) == Some(&StepState::Waiting) {
                    self.set(*dependent, StepState::Skipped { because });
                    self.turns.skipped(*dependent);
                    commands.push(Command::Skip { step: *dependent, because });
                    next.push_back(*dependent);
                }
            }
        }
    }

    fn abandon(&mut self) {
        for state in &mut self.steps {
            if *state == StepState::Running {
                *state = StepState::Ended(End::Stopped);
            }
        }
        self.running = 0;
        self.course = Course::StoppingNow;
    }

    fn start_ready(&mut self, commands: &mut Vec<Command>) {
        while let Some(step) = self.ready_to_wait.pop_first() {
            self.start(step, commands);
        }
        while self.acting < self.limits.steps {
            let Some(step) = self.ready.pop_first() else { break };
            match self.planes_of(step).into_iter().find(|plane| self.is_full(*plane)) {
                Some(full) => self.park(step, full),
                None => {
                    self.enter(step);
                    self.start(step, commands);
                }
            }
        }
    }

    /// Puts a step aside until `full` has a place. Another one gets the place that it would have had on its other planes.
    fn park(&mut self, step: usize, full: usize) {
        if let Some(parked) = self.parked.get_mut(full) {
            parked.insert(step);
        }
        for plane in self.planes_of(step) {
            if !self.is_full(plane) {
                self.wake_one(plane);
            }
        }
    }

    fn wake_one(&mut self, plane: usize) {
        if let Some(next) = self.parked.get_mut(plane).and_then(BTreeSet::pop_first) {
            self.ready.insert(next);
        }
    }

    fn start(&mut self, step: usize, commands: &mut Vec<Command>) {
        self.set(step, StepState::Running);
        self.running += 1;
        commands.push(Command::Start(step));
    }

    fn planes_of(&self, step: usize) -> Vec<usize> {
        self.graph.planes.get(step).cloned().unwrap_or_default()
    }

    fn is_full(&self, plane: usize) -> bool {
        self.acting_on.get(plane).is_some_and(|acting| *acting >= self.limits.on_one_plane)
    }

    fn enter(&mut self, step: usize) {
        self.acting += 1;
        for plane in self.planes_of(step) {
            if let Some(acting) = self.acting_on.get_mut(plane) {
                *acting += 1;
            }
        }
    }

    /// Frees the step's places, and lets one that waited for each of them try again.
    fn leave(&mut self, step: usize) {
        self.running = self.running.saturating_sub(1);
        if self.graph.only_waits.get(step).copied().unwrap_or_default() {
            return;
        }
        self.acting = self.acting.saturating_sub(1);
        for plane in self.planes_of(step) {
            if let Some(acting) = self.acting_on.get_mut(plane) {
                *acting = acting.saturating_sub(1);
            }
            self.wake_one(plane);
        }
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
