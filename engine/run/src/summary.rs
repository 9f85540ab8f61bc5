//! How a run ended, as data: the roof words it and turns it into an exit code.

use std::collections::BTreeSet;

use windlass_core::addr::Address;
use windlass_core::plan::Plan;

use crate::machine::{End, StepState};
use crate::ports::{StepError, StoreError};

/// The verdict over a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Everything is done.
    Done,
    /// Something failed.
    Failed,
    /// Planes do not answer; the rest is done.
    Unreachable,
    /// Something is not as the plan read it.
    Stale,
    /// Another run holds a plane.
    Locked,
    /// Something has not come in time; apply again.
    TimedOut,
    /// The user stopped it.
    Stopped,
}

impl Verdict {
    /// Exit code (design section 8).
    pub fn exit_code(self) -> u8 {
        match self {
            Verdict::Done => 0,
            Verdict::Failed => 1,
            Verdict::Unreachable => 3,
            Verdict::Stale => 5,
            Verdict::Locked => 6,
            Verdict::TimedOut => 7,
            Verdict::Stopped => 130,
        }
    }

    /// The verdict that one step's error amounts to.
    pub fn of(error: &StepError) -> Self {
        match error {
            StepError::Store(store) if matches!(**store, StoreError::Locked { .. }) => Verdict::Locked,
            StepError::Failed { .. } | StepError::Refused { .. } | StepError::Diagnosed(_) | StepError::Store(_) => Verdict::Failed,
            StepError::TimedOut { .. } => Verdict::TimedOut,
            StepError::Stale { .. } => Verdict::Stale,
            StepError::Unreachable { .. } => Verdict::Unreachable,
            StepError::Stopped => Verdict::Stopped,
        }
    }

    /// The verdict over several: what a person must see to first wins. A stopped step says nothing by itself: others may have failed,
    /// and whether it was the user who stopped it is known to [`Summary::over`].
    pub fn worst<'a>(errors: impl IntoIterator<Item = &'a StepError>) -> Self {
        const ORDER: [Verdict; 7] =
            [Verdict::Done, Verdict::Stopped, Verdict::TimedOut, Verdict::Unreachable, Verdict::Stale, Verdict::Locked, Verdict::Failed];
        let rank = |verdict: &Verdict| ORDER.iter().position(|other| other == verdict);
        errors.into_iter().map(Verdict::of).max_by_key(rank).unwrap_or(Verdict::Done)
    }
}

/// How a run ended.
#[derive(Debug, Clone)]
pub struct Summary {
    /// Id of the run; `None`: it was refused, and nothing was written anywhere.
    pub run: Option<String>,
    /// The verdict.
    pub verdict: Verdict,
    /// Why it was refused or broken off as a whole; empty if it was not.
    pub refused: Vec<StepError>,
    /// Steps that are done, also by earlier attempts.
    pub done: Vec<usize>,
    /// Steps that ended otherwise, with their errors (failed, timed out, stale, unreachable).
    pub failed: Vec<(usize, StepError)>,
    /// Steps that were stopped while they ran: nothing is wrong with them.
    pub stopped: Vec<usize>,
    /// Steps that were skipped, with the step because of which.
    pub skipped: Vec<(usize, usize)>,
    /// Steps that were not reached, because the run was stopped.
    pub not_reached: Vec<usize>,
}

impl Summary {
    /// A run that never began.
    pub fn refused(errors: Vec<StepError>) -> Self {
        Self {
            run: None,
            verdict: Verdict::worst(&errors),
            refused: errors,
            done: Vec::new(),
            failed: Vec::new(),
            stopped: Vec::new(),
            skipped: Vec::new(),
            not_reached: Vec::new(),
        }
    }

    /// A run that is over. `failed`: the errors of steps that were not done; `broken`: what ended it as a whole; `stopped`: the user asked
    /// for it.
    pub fn over(
        run: &str,
        plan: &Plan,
        states: &[StepState],
        failed: Vec<(usize, StepError)>,
        broken: Vec<StepError>,
        stopped: bool,
    ) -> Self {
        let mut summary = Self { run: Some(run.to_owned()), failed, ..Self::refused(broken) };
        for (step, state) in states.iter().enumerate() {
            match state {
                StepState::Ended(End::Done) => summary.done.push(step),
                StepState::Ended(End::Stopped) => summary.stopped.push(step),
                StepState::Ended(End::NotDone) => {}
                StepState::Skipped { because } => summary.skipped.push((step, *because)),
                StepState::Waiting | StepState::Running => summary.not_reached.push(step),
            }
        }
        summary.failed.sort_by_key(|(step, _)| *step);
        let errors = summary.refused.iter().chain(summary.failed.iter().map(|(_, error)| error));
        summary.verdict = match Verdict::worst(errors) {
            _ if stopped && summary.done.len() < states.len() => Verdict::Stopped,
            Verdict::Done if !summary.stopped.is_empty() => Verdict::Stopped,
            Verdict::Done if !plan.unplanned.is_empty() => Verdict::Unreachable,
            worst => worst,
        };
        summary
    }

    /// Living clusters whose change has not begun because others have failed.
    pub fn kept_back<'p>(&self, plan: &'p Plan) -> Vec<&'p Address> {
        let of = |steps: &[usize]| -> BTreeSet<Address> {
            steps.iter().filter_map(|step| plan.steps.get(*step)).map(|step| step.address.root()).collect()
        };
        let failed: Vec<usize> = self.failed.iter().map(|(step, _)| *step).collect();
        let skipped: Vec<usize> = self.skipped.iter().map(|(step, _)| *step).collect();
        let begun: BTreeSet<Address> = [&self.done, &failed, &skipped, &self.stopped].into_iter().flat_map(|steps| of(steps)).collect();
        let waiting = of(&self.not_reached);
        let turns = plan.turns.as_ref().filter(|_| !failed.is_empty() && self.stopped.is_empty() && self.verdict != Verdict::Stopped);
        let clusters = turns.into_iter().flat_map(|turns| &turns.clusters);
        clusters.filter(|cluster| waiting.contains(*cluster) && !begun.contains(*cluster)).collect()
    }

    /// Whether all steps are done.
    pub fn is_complete(&self) -> bool {
        let all_well = self.refused.is_empty() && self.failed.is_empty() && self.stopped.is_empty();
        self.run.is_some() && all_well && self.skipped.is_empty() && self.not_reached.is_empty()
    }
}
