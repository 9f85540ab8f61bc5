//! The one graph: names that refer to each other, resources that need each other, steps that follow each other.
//!
//! An edge goes from what needs to what is needed. Orders are deterministic: among what could come next, the lower index comes first. There is no
//! transitive reduction on purpose (65.7 s at 100,000 nodes).

use std::cmp::Reverse;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

/// A graph over the indices `0..n`; each edge carries the reason for which it is there.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    inner: DiGraph<(), u32>,
    reasons: Vec<String>,
}

/// A circle, the shortest among those that hang together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cycle {
    /// Its edges in order; the last one leads back to the first one's `from`.
    pub edges: Vec<CycleEdge>,
}

/// One edge of a circle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CycleEdge {
    /// What needs.
    pub from: u32,
    /// What is needed.
    pub to: u32,
    /// Why.
    pub reason: String,
}

fn node(index: u32) -> NodeIndex {
    NodeIndex::new(usize::try_from(index).unwrap_or(usize::MAX))
}

fn index(node: NodeIndex) -> u32 {
    u32::try_from(node.index()).unwrap_or(u32::MAX)
}

impl Graph {
    /// A graph of `n` nodes without edges.
    pub fn new(n: usize) -> Self {
        let mut inner = DiGraph::with_capacity(n, n);
        for _ in 0..n {
            inner.add_node(());
        }
        Self { inner, reasons: Vec::new() }
    }

    /// `from` needs `to`. Indices outside of the graph are ignored.
    pub fn edge(&mut self, from: u32, to: u32, reason: impl Into<String>) {
        let n = self.inner.node_count();
        if node(from).index() < n && node(to).index() < n {
            let reason_index = u32::try_from(self.reasons.len()).unwrap_or(u32::MAX);
            self.reasons.push(reason.into());
            self.inner.add_edge(node(from), node(to), reason_index);
        }
    }

    /// Every node after all that it needs; or the shortest circle.
    pub fn order(&self) -> Result<Vec<u32>, Cycle> {
        let mut waiting: Vec<usize> = self.inner.node_indices().map(|n| self.inner.edges(n).count()).collect();
        let mut ready: BinaryHeap<Reverse<u32>> =
            self.inner.node_indices().filter(|n| waiting.get(n.index()) == Some(&0)).map(|n| Reverse(index(n))).collect();
        let mut order = Vec::with_capacity(self.inner.node_count());
        while let Some(Reverse(next)) = ready.pop() {
            order.push(next);
            for edge in self.inner.edges_directed(node(next), Direction::Incoming) {
                if let Some(left) = waiting.get_mut(edge.source().index()) {
                    *left -= 1;
                    if *left == 0 {
                        ready.push(Reverse(index(edge.source())));
                    }
                }
            }
        }
        if order.len() == self.inner.node_count() {
            return Ok(order);
        }
        let shortest = self.cycles().into_iter().min_by_key(|cycle| cycle.edges.len());
        Err(shortest.unwrap_or(Cycle { edges: Vec::new() }))
    }

    /// Groups of nodes that could be worked on together: each node one wave after the last of what it needs.
    pub fn waves(&self) -> Result<Vec<Vec<u32>>, Cycle> {
        let mut wave_of = vec![0usize; self.inner.node_count()];
        let mut waves: Vec<Vec<u32>> = Vec::new();
        for next in self.order()? {
            let wave = self.inner.edges(node(next)).filter_map(|edge| wave_of.get(edge.target().index())).max().map_or(0, |last| last + 1);
            if let Some(slot) = wave_of.get_mut(node(next).index()) {
                *slot = wave;
            }
            if waves.len() <= wave {
                waves.resize_with(wave + 1, Vec::new);
            }
            if let Some(members) = waves.get_mut(wave) {
                members.push(next);
            }
        }
        for members in &mut waves {
            members.sort_unstable();
        }
        Ok(waves)
    }

    /// The chain of needs with the greatest sum of weights, in order of work.
    pub fn critical_path(&self, weight: impl Fn(u32) -> u64) -> Result<Vec<u32>, Cycle> {
        let mut best: Vec<(u64, Option<u32>)> = vec![(0, None); self.inner.node_count()];
        let mut end: Option<(u64, u32)> = None;
        for next in self.order()? {
            let before = self
                .inner
                .edges(node(next))
                .filter_map(|edge| best.get(edge.target().index()).map(|(sum, _)| (*sum, Reverse(index(edge.target())))))
                .max();
            let sum = before.map_or(0, |(sum, _)| sum).saturating_add(weight(next));
            if let Some(slot) = best.get_mut(node(next).index()) {
                *slot = (sum, before.map(|(_, Reverse(from))| from));
            }
            if end.is_none_or(|(most, _)| sum > most) {
                end = Some((sum, next));
            }
        }
        let mut path: Vec<u32> =
            std::iter::successors(end.map(|(_, last)| last), |last| best.get(node(*last).index()).and_then(|(_, from)| *from)).collect();
        path.reverse();
        Ok(path)
    }

    /// Every circle that is a fault of its own: each node that needs itself, and of each strongly connected component the shortest circle of
    /// several nodes (of equals the one with the lowest index). By the lowest index of what they are in.
    pub fn cycles(&self) -> Vec<Cycle> {
        let mut cycles = Vec::new();
        let mut components = petgraph::algo::tarjan_scc(&self.inner);
        for component in &mut components {
            component.sort_unstable();
        }
        components.sort();
        for component in &components {
            cycles.extend(component.iter().filter_map(|alone| self.needs_itself(*alone)));
            if component.len() < 2 {
                continue;
            }
            let mut shortest: Option<Vec<CycleEdge>> = None;
            // A breadth-first search from each node would be quadratic in large components; the first few hundred are enough for a message.
            for start in component.iter().take(256) {
                if let Some(found) = self.cycle_through(*start, component)
                    && shortest.as_ref().is_none_or(|best| found.len() < best.len())
                {
                    shortest = Some(found);
                }
            }
            cycles.extend(shortest.map(|edges| Cycle { edges }));
        }
        cycles
    }

    fn needs_itself(&self, alone: NodeIndex) -> Option<Cycle> {
        let first = self.inner.edges(alone).filter(|edge| edge.target() == alone).map(|edge| *edge.weight()).min()?;
        Some(Cycle { edges: vec![CycleEdge { from: index(alone), to: index(alone), reason: self.reason(first) }] })
    }

    fn reason(&self, weight: u32) -> String {
        self.reasons.get(node(weight).index()).cloned().unwrap_or_default()
    }

    /// The shortest circle of several nodes through `start`.
    fn cycle_through(&self, start: NodeIndex, component: &[NodeIndex]) -> Option<Vec<CycleEdge>> {
        let mut came: BTreeMap<NodeIndex, CycleEdge> = BTreeMap::new();
        let mut queue = VecDeque::from([start]);
        while let Some(at) = queue.pop_front() {
            let inside = |to: NodeIndex| to != at && component.binary_search(&to).is_ok();
            let mut edges: Vec<_> = self.inner.edges(at).filter(|edge| inside(edge.target())).collect();
            edges.sort_by_key(|edge| (edge.target(), *edge.weight()));
            for edge in edges {
                let step = CycleEdge { from: index(at), to: index(edge.target()), reason: self.reason(*edge.weight()) };
                if edge.target() == start {
                    let mut cycle = vec![step];
                    let mut back = at;
                    while back != start {
                        let step = came.get(&back)?.clone();
                        back = node(step.from);
                        cycle.push(step);
                    }
                    cycle.reverse();
                    return Some(cycle);
                }
                if let Entry::Vacant(place) = came.entry(edge.target()) {
                    place.insert(step);
                    queue.push_back(edge.target());
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(n: usize, edges: &[(u32, u32)]) -> Graph {
        let mut graph = Graph::new(n);
        for (from, to) in edges {
            graph.edge(*from, *to, format!("{from} needs {to}"));
        }
        graph
    }

    #[test]
    fn order_is_by_need_then_by_index() {
        assert_eq!(graph(4, &[(0, 3), (1, 3)]).order(), Ok(vec![2, 3, 0, 1]));
        assert_eq!(graph(0, &[]).order(), Ok(vec![]));
    }

    #[test]
    fn waves_and_critical_path() {
        let graph = graph(5, &[(1, 0), (2, 0), (3, 2), (3, 1)]);
        assert_eq!(graph.waves(), Ok(vec![vec![0, 4], vec![1, 2], vec![3]]));
        assert_eq!(graph.critical_path(|n| if n == 2 { 5 } else { 1 }), Ok(vec![0, 2, 3]));
    }

    #[test]
    fn the_shortest_cycle_is_told_with_its_reasons() {
        let cycle = graph(6, &[(0, 1), (1, 2), (2, 0), (3, 4), (4, 3), (5, 0)]).order().unwrap_err();
        let told: Vec<_> = cycle.edges.iter().map(|edge| edge.reason.as_str()).collect();
        assert_eq!(told, ["3 needs 4", "4 needs 3"]);
        assert_eq!(graph(1, &[(0, 0)]).order().unwrap_err().edges.len(), 1);
    }

    #[test]
    fn each_circle_of_its_own_is_told_once() {
        let told = |n: usize, edges: &[(u32, u32)]| -> Vec<Vec<u32>> {
            let cycles = graph(n, edges).cycles();
            cycles.iter().map(|cycle| cycle.edges.iter().map(|edge| edge.from).collect()).collect()
        };
        assert_eq!(told(4, &[(0, 1), (1, 0), (2, 3), (3, 2)]), [vec![0, 1], vec![2, 3]]);
        // What needs itself hides no longer circle, beside it or through it.
        assert_eq!(told(4, &[(3, 3), (0, 1), (1, 2), (2, 0)]), [vec![0, 1, 2], vec![3]]);
        assert_eq!(told(2, &[(0, 0), (0, 0), (0, 1), (1, 0)]), [vec![0], vec![0, 1]]);
        // Circles that hang together are one fault: the shortest.
        assert_eq!(told(4, &[(0, 1), (1, 2), (2, 3), (3, 0), (2, 1)]), [vec![1, 2]]);
        assert!(told(3, &[(0, 1), (1, 2)]).is_empty());
    }

    #[test]
    fn a_long_chain_needs_no_stack() {
        let edges: Vec<(u32, u32)> = (1..100_000).map(|i| (i, i - 1)).collect();
        assert_eq!(graph(100_000, &edges).order().map(|order| order.len()), Ok(100_000));
    }
}
