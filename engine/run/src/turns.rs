//! Whose turn it is: living clusters change a few at a time, and after too many failures no further one begins. Pure; knows steps by number only.
//!
//! A cluster has begun with its first step. It is at work while one of its steps runs or may start: one that waits for steps of others takes
//! no place, so that clusters that depend on each other cannot keep each other waiting for ever.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::graph::Graph;

/// The turns of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Turns {
    graph: Arc<Graph>,
    begun: Vec<bool>,
    /// For each cluster, its steps that run or may start.
    at_work: Vec<usize>,
    /// Clusters that are at work.
    open: usize,
    failed: BTreeSet<usize>,
    /// Steps that are ready, of clusters that have not begun.
    held: Vec<BTreeSet<usize>>,
    /// Clusters that have such steps.
    waiting: BTreeSet<usize>,
}

impl Turns {
    pub(crate) fn new(graph: Arc<Graph>) -> Self {
        let count = graph.pace.as_ref().map_or(0, |pace| pace.clusters);
        Self {
            begun: vec![false; count],
            at_work: vec![0; count],
            open: 0,
            failed: BTreeSet::new(),
            held: vec![BTreeSet::new(); count],
            waiting: BTreeSet::new(),
            graph,
        }
    }

    /// Clusters that have begun, and how many of them are at work.
    #[cfg(test)]
    pub(crate) fn begun(&self) -> (&[bool], usize) {
        (&self.begun, self.open)
    }

    fn of(&self, step: usize) -> Option<usize> {
        self.graph.turns.get(step).copied().flatten()
    }

    /// An earlier attempt has done this step.
    pub(crate) fn was_done(&mut self, step: usize) {
        if let Some(begun) = self.of(step).and_then(|turn| self.begun.get_mut(turn)) {
            *begun = true;
        }
    }

    /// Whether a ready step may start. If not, it is kept until its cluster begins.
    pub(crate) fn admit(&mut self, step: usize) -> bool {
        let Some(turn) = self.of(step) else { return true };
        if self.begun.get(turn) == Some(&true) {
            self.more(turn, 1);
            return true;
        }
        if let Some(held) = self.held.get_mut(turn) {
            held.insert(step);
        }
        self.waiting.insert(turn);
        false
    }

    /// A step that was admitted has ended.
    pub(crate) fn ended(&mut self, step: usize, well: bool) {
        let Some(turn) = self.of(step) else { return };
        if !well {
            self.failed.insert(turn);
        }
        if let Some(at_work) = self.at_work.get_mut(turn) {
            *at_work = at_work.saturating_sub(1);
            if *at_work == 0 {
                self.open = self.open.saturating_sub(1);
            }
        }
    }

    /// A step will never start.
    pub(crate) fn skipped(&mut self, step: usize) {
        let Some(turn) = self.of(step) else { return };
        if let Some(held) = self.held.get_mut(turn) {
            held.remove(&step);
            if held.is_empty() {
                self.waiting.remove(&turn);
            }
        }
    }

    /// Lets the next cluster begin if one may, and gives the steps that it begins with.
    pub(crate) fn next(&mut self) -> BTreeSet<usize> {
        let may = self.graph.pace.as_ref().is_some_and(|pace| self.open < pace.at_once && self.failed.len() < pace.failures);
        let Some(turn) = self.waiting.first().copied().filter(|_| may) else { return BTreeSet::new() };
        self.waiting.remove(&turn);
        if let Some(begun) = self.begun.get_mut(turn) {
            *begun = true;
        }
        let steps = self.held.get_mut(turn).map(std::mem::take).unwrap_or_default();
        self.more(turn, steps.len());
        steps
    }

    fn more(&mut self, turn: usize, steps: usize) {
        if let Some(at_work) = self.at_work.get_mut(turn) {
            if *at_work == 0 && steps > 0 {
                self.open += 1;
            }
            *at_work += steps;
        }
    }
}
