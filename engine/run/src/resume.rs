//! What becomes of a run that did not end: a pure decision, and the plan that finishes a half-done pivot (design section 7, Resume).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;
use windlass_core::addr::Address;
use windlass_core::object::ObjectKey;
use windlass_core::plan::{Action, Fingerprint, Mode, PivotSpec, Plan, Step};
use windlass_core::recorded::{JournalRecord, Phase, Recorded, UnfinishedRun};

use crate::attempt::GAVE_UP;
use crate::ports::EVIDENCE_DELETING_SOURCE;

/// What the user asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked<'a> {
    /// `apply PLAN`.
    Saved {
        /// Digest of that plan.
        digest: &'a str,
    },
    /// `apply` or `destroy` without a plan file.
    Bare {
        /// Apply or destroy.
        mode: Mode,
        /// Digest of the wish as HCL has it now.
        desired_digest: &'a str,
    },
    /// `destroy -abandon`: a run that cannot go on because of these clusters is given up, a pivot of theirs included.
    Abandon {
        /// The clusters.
        clusters: &'a [Address],
    },
}

/// Where a half-done pivot is finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// On the plane that the objects were going to: their source is being deleted.
    Forward,
    /// On the plane that they come from.
    Back,
}

/// A pivot that was begun and is not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HalfPivot {
    /// Index of its step in the unfinished plan.
    pub step: usize,
    /// Where it is finished if the plan is given up.
    pub direction: Direction,
}

/// What becomes of the unfinished run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// There is none: begin.
    Begin,
    /// It goes on: `execute` with its own plan and `Start::GoOn`. If that is refused as stale and no plan file was named, nothing was
    /// written, and the caller may supersede it by a new plan unless a pivot is half done.
    GoOn,
    /// First `execute` [`finishing`] with `Start::FinishPivot`, then make a new plan.
    FinishPivotFirst(HalfPivot),
    /// A new plan takes its place; `Store::begin` closes it.
    Supersede,
    /// Neither.
    Refuse {
        /// Why.
        reason: String,
        /// What to do.
        hint: String,
    },
}

/// Decides. `unfinished` is the run of the state with its plan, decoded.
pub fn decide(unfinished: Option<(&UnfinishedRun, &Plan)>, asked: Asked<'_>) -> Decision {
    let Some((run, plan)) = unfinished else {
        return Decision::Begin;
    };
    let half = half_pivot(plan, &run.journal);
    let turned_back = plan.steps.iter().any(|step| phases(&run.journal, &back_id(&step.id)).next().is_some());
    let same = match asked {
        Asked::Saved { digest } => digest == run.plan_digest,
        // What failed by itself would fail again; a new plan sees what has become of the world, and has today's timeouts.
        Asked::Bare { mode, desired_digest } => {
            mode == plan.mode && desired_digest == plan.desired_digest && (half.is_some() || !has_given_up(plan, &run.journal))
        }
        Asked::Abandon { .. } => false,
    };
    let abandoned = |half: &HalfPivot| {
        let cluster = plan.steps.get(half.step).map(|step| step.address.root());
        matches!(asked, Asked::Abandon { clusters } if cluster.is_some_and(|cluster| clusters.contains(&cluster)))
    };
    match (half, same, asked) {
        // Once it was turned back, the plan was given up; the world is no longer the one that its journal tells of.
        (_, true, _) if !turned_back => Decision::GoOn,
        (None, ..) => Decision::Supersede,
        (Some(half), ..) if abandoned(&half) => Decision::Supersede,
        (Some(half), _, Asked::Bare { .. } | Asked::Abandon { .. }) => Decision::FinishPivotFirst(half),
        (Some(half), _, Asked::Saved { .. }) => Decision::Refuse {
            reason: format!(
                "{} is half done by a run of another plan",
                plan.steps.get(half.step).map_or_else(String::new, |step| step.address.to_string())
            ),
            hint: "run `windlass apply` without a plan file: it finishes the pivot first; then plan again".to_owned(),
        },
    }
}

/// The pivot that was begun and is not done, if there is one.
pub fn half_pivot(plan: &Plan, journal: &[JournalRecord]) -> Option<HalfPivot> {
    plan.steps.iter().enumerate().find_map(|(index, step)| {
        let begun = matches!(step.action, Action::Pivot { .. }) && phases(journal, &step.id).next().is_some();
        let done = |id: &str| phases(journal, id).any(|phase| phase == Phase::Done);
        let back = back_id(&step.id);
        if !begun || done(&step.id) || done(&back) {
            return None;
        }
        let deleting = journal.iter().any(|record| {
            record.step == step.id
                && record.phase == Phase::Progress
                && record.evidence.get(EVIDENCE_DELETING_SOURCE) == Some(&Json::Bool(true))
        });
        let turned_back = phases(journal, &back).next().is_some();
        let direction = if deleting && !turned_back { Direction::Forward } else { Direction::Back };
        Some(HalfPivot { step: index, direction })
    })
}

/// Whether a step has ended for a reason of its own: it was refused, it failed, it took too long. Not if it was stopped, or its plane did not
/// answer: then it goes on.
fn has_given_up(plan: &Plan, journal: &[JournalRecord]) -> bool {
    let mut last: BTreeMap<&str, &JournalRecord> = BTreeMap::new();
    for record in journal {
        last.insert(&record.step, record);
    }
    let gave_up = |record: &JournalRecord| {
        record.phase == Phase::Failed && record.evidence.get("how").and_then(Json::as_str).is_some_and(|how| GAVE_UP.contains(&how))
    };
    plan.steps.iter().filter_map(|step| last.get(step.id.as_str())).any(|record| gave_up(record))
}

fn phases<'a>(journal: &'a [JournalRecord], step: &'a str) -> impl Iterator<Item = Phase> + 'a {
    journal.iter().filter(move |record| record.step == step).map(|record| record.phase)
}

fn back_id(id: &str) -> String {
    format!("{id}:back")
}

/// The plan that finishes a half-done pivot and does nothing else, as part of the same run.
///
/// Forward it is the step itself with its verification; back it is the same pivot with its planes exchanged, under an id of its own.
pub fn finishing(plan: &Plan, half: &HalfPivot) -> Plan {
    let mut steps = Vec::new();
    if let Some(step) = plan.steps.get(half.step)
        && let Action::Pivot { pivot } = &step.action
    {
        match half.direction {
            Direction::Forward => {
                steps.push(Step { needs: Vec::new(), expects: Vec::new(), ..step.clone() });
                let verifies = |step: &&Step| matches!(&step.action, Action::VerifyPivot { pivot: verified } if verified == pivot);
                steps.extend(plan.steps.iter().filter(verifies).map(|step| Step { needs: vec![0], expects: Vec::new(), ..step.clone() }));
            }
            Direction::Back => steps.push(turned_back(step, pivot)),
        }
    }
    Plan { steps, fingerprints: Vec::new(), changes: Vec::new(), outputs: BTreeMap::new(), unplanned: Vec::new(), ..plan.clone() }
}

fn turned_back(step: &Step, pivot: &PivotSpec) -> Step {
    let pivot = PivotSpec { from: pivot.to.clone(), to: pivot.from.clone(), ..pivot.clone() };
    Step {
        id: back_id(&step.id),
        action: Action::Pivot { pivot },
        needs: Vec::new(),
        expects: Vec::new(),
        on_start: Vec::new(),
        on_done: Vec::new(),
        ..step.clone()
    }
}

/// What a journal says of a plan's steps.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Earlier {
    /// Indices of steps that are done.
    pub done: BTreeSet<usize>,
    /// Indices of steps that were begun, done or not.
    pub begun: BTreeSet<usize>,
    /// Records by id of the step, oldest first.
    pub records: BTreeMap<String, Vec<JournalRecord>>,
}

impl Earlier {
    /// Sorts the records of a journal by the plan's steps.
    pub fn of(plan: &Plan, journal: &[JournalRecord]) -> Self {
        let mut earlier = Self::default();
        for record in journal {
            earlier.records.entry(record.step.clone()).or_default().push(record.clone());
        }
        for (index, step) in plan.steps.iter().enumerate() {
            let Some(records) = earlier.records.get(&step.id) else { continue };
            earlier.begun.insert(index);
            if records.iter().any(|record| record.phase == Phase::Done) {
                earlier.done.insert(index);
            }
        }
        earlier
    }

    /// Objects that this run may have changed before it broke off, so that they need not be as the plan read them.
    ///
    /// These are what begun steps name as theirs or expected, what was not there when planned and is recorded now, and what is recorded
    /// on the other plane of a pivot that was begun.
    pub fn written(&self, plan: &Plan, recorded: &Recorded) -> BTreeSet<ObjectKey> {
        let mut written = BTreeSet::new();
        let mut pivots = Vec::new();
        for step in self.begun.iter().filter_map(|index| plan.steps.get(*index)) {
            written.extend(step.action.writes());
            written.extend(expected(plan, step).map(|fingerprint| fingerprint.object.clone()));
            if let Action::Pivot { pivot } = &step.action {
                pivots.push(pivot);
            }
        }
        for fingerprint in &plan.fingerprints {
            let key = &fingerprint.object;
            let known = |key: &ObjectKey| recorded.objects.get(key).is_some_and(|object| !object.uid.is_empty());
            let created = fingerprint.uid.is_none() && known(key);
            let moved = || pivots.iter().any(|pivot| other_plane(pivot, key).is_some_and(|other| known(&other)));
            if created || (!pivots.is_empty() && !known(key) && moved()) {
                written.insert(key.clone());
            }
        }
        written
    }
}

fn other_plane(pivot: &PivotSpec, key: &ObjectKey) -> Option<ObjectKey> {
    if key.plane == pivot.from {
        Some(key.on(&pivot.to))
    } else if key.plane == pivot.to {
        Some(key.on(&pivot.from))
    } else {
        None
    }
}

/// The fingerprints that a step expects.
pub fn expected<'a>(plan: &'a Plan, step: &'a Step) -> impl Iterator<Item = &'a Fingerprint> + 'a {
    step.expects.iter().filter_map(|index| plan.fingerprints.get(usize::try_from(*index).ok()?))
}
