//! A plan's steps as the scheduler sees them: who needs whom, who talks to which plane. Knows nothing of what steps do.

use std::collections::{BTreeMap, BTreeSet};

use windlass_core::addr::Address;
use windlass_core::plan::Plan;

/// Needs and planes of all steps, by index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Graph {
    /// For each step, how many it needs.
    pub needs: Vec<usize>,
    /// For each step, those that need it.
    pub dependents: Vec<Vec<usize>>,
    /// For each step, the planes that it takes a place on: none if it only waits.
    pub planes: Vec<Vec<usize>>,
    /// For each step, whether it only waits.
    pub only_waits: Vec<bool>,
    /// Number of planes.
    pub plane_count: usize,
    /// For each step, the living cluster that changes with it, if these take turns.
    pub turns: Vec<Option<usize>>,
    /// How they take turns.
    pub pace: Option<Pace>,
}

/// How living clusters take turns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pace {
    /// How many there are.
    pub clusters: usize,
    /// How many may be at work at a time, at least 1.
    pub at_once: usize,
    /// So many that have failed keep others from beginning, at least 1.
    pub failures: usize,
}

/// The plan's list of steps contradicts itself: it was not made by a planner, or was damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the plan is damaged: {0}")]
pub struct Damaged(pub String);

impl Graph {
    /// Reads the graph off a plan. Needs come before the steps that need them, ids are unique, indices are in range.
    pub fn of(plan: &Plan) -> Result<Self, Damaged> {
        let count = plan.steps.len();
        let mut graph = Self { dependents: vec![Vec::new(); count], ..Self::default() };
        let mut ids = BTreeSet::new();
        let mut places: BTreeMap<&Address, usize> = BTreeMap::new();
        let clusters = plan.turns.iter().flat_map(|turns| &turns.clusters);
        let turns: BTreeMap<&Address, usize> = clusters.zip(0..).collect();
        for (index, step) in plan.steps.iter().enumerate() {
            if !ids.insert(step.id.as_str()) {
                return Err(Damaged(format!("two of its steps have the id {}", step.id)));
            }
            if step.expects.iter().any(|expected| usize::try_from(*expected).map_or(true, |expected| expected >= plan.fingerprints.len())) {
                return Err(Damaged(format!("step {index} expects a fingerprint that is not there")));
            }
            let needs: BTreeSet<usize> = step.needs.iter().map(|need| usize::try_from(*need).unwrap_or(usize::MAX)).collect();
            for need in &needs {
                match graph.dependents.get_mut(*need) {
                    Some(dependents) if *need < index => dependents.push(index),
                    _ => return Err(Damaged(format!("step {index} needs step {need}, which does not come before it"))),
                }
            }
            graph.needs.push(needs.len());
            let only_waits = step.action.only_waits();
            let acts_on = if only_waits { Vec::new() } else { step.action.planes() };
            graph.planes.push(
                acts_on
                    .into_iter()
                    .map(|plane| {
                        let next = places.len();
                        *places.entry(plane).or_insert(next)
                    })
                    .collect(),
            );
            graph.only_waits.push(only_waits);
            graph.turns.push(turns.get(&step.address.root()).copied());
        }
        graph.plane_count = places.len();
        let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX).max(1);
        graph.pace = plan.turns.as_ref().map(|turns| Pace {
            clusters: turns.clusters.len(),
            at_once: count(turns.pace.max_concurrent_clusters),
            failures: count(turns.pace.stop_after_failures),
        });
        Ok(graph)
    }

    /// Number of steps.
    pub fn len(&self) -> usize {
        self.needs.len()
    }

    /// Whether there is no step.
    pub fn is_empty(&self) -> bool {
        self.needs.is_empty()
    }
}
