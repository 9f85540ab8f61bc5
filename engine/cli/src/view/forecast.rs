//! How long a run may still take, by how long steps of the same kind took in past runs. A guess for people: nothing is decided by it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use windlass_core::graph::Graph;
use windlass_core::plan::file::from_bytes;
use windlass_core::plan::{Action, Plan};
use windlass_state::PastWork;

use super::progress::silent;

/// What is known of the steps of one plan.
pub struct Forecast {
    graph: Graph,
    /// By step: its kind; `None`: it takes no time.
    kinds: Vec<Option<String>>,
    /// By kind: milliseconds in all, and how many steps took them.
    took: BTreeMap<String, (u64, u64)>,
    done: BTreeSet<usize>,
    /// Without a past there is nothing to go by: this run's own steps say little of those that are left.
    has_past: bool,
}

impl Forecast {
    /// For the steps of a plan, by past runs of any plan.
    pub fn new(plan: &Plan, past: &[PastWork]) -> Self {
        let mut graph = Graph::new(plan.steps.len());
        let index = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        for (at, step) in plan.steps.iter().enumerate() {
            step.needs.iter().for_each(|need| graph.edge(index(at), *need, String::new()));
        }
        let kinds = plan.steps.iter().map(|step| (!silent(step)).then(|| kind(&step.action))).collect();
        let mut forecast = Self { graph, kinds, took: BTreeMap::new(), done: BTreeSet::new(), has_past: false };
        for work in past {
            let Ok(plan) = from_bytes(work.plan.as_bytes()) else { continue };
            let kinds: BTreeMap<&str, String> = plan.steps.iter().map(|step| (step.id.as_str(), kind(&step.action))).collect();
            for (kind, took) in work.took.iter().filter_map(|(step, took)| Some((kinds.get(step.as_str())?, took))) {
                forecast.learn(kind.clone(), *took);
            }
        }
        forecast.has_past = !forecast.took.is_empty();
        forecast
    }

    fn learn(&mut self, kind: String, took: Duration) {
        let (sum, count) = self.took.entry(kind).or_default();
        *sum = sum.saturating_add(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        *count += 1;
    }

    /// A step has ended well; `None`: in an earlier attempt.
    pub fn done(&mut self, step: usize, took: Option<Duration>) {
        self.done.insert(step);
        if let (Some(took), Some(Some(kind))) = (took, self.kinds.get(step)) {
            self.learn(kind.clone(), took);
        }
    }

    /// The longest chain of what is left; `running`: steps with how long they run already. `None`: a kind of step is left that no past run had.
    pub fn left(&self, running: &BTreeMap<usize, Duration>) -> Option<Duration> {
        if !self.has_past {
            return None;
        }
        let weight = |(step, kind): (usize, &Option<String>)| -> Option<u64> {
            let Some(kind) = kind.as_ref().filter(|_| !self.done.contains(&step)) else { return Some(0) };
            let (sum, count) = self.took.get(kind)?;
            let runs = running.get(&step).map_or(0, |runs| u64::try_from(runs.as_millis()).unwrap_or(u64::MAX));
            Some((sum / count).saturating_sub(runs))
        };
        let weights: Vec<u64> = self.kinds.iter().enumerate().map(weight).collect::<Option<_>>()?;
        let of = |step: u32| usize::try_from(step).ok().and_then(|step| weights.get(step)).copied().unwrap_or(0);
        let path = self.graph.critical_path(of).ok()?;
        Some(Duration::from_millis(path.into_iter().map(of).sum()))
    }
}

/// What steps that take about the same time have in common: what they do, and what kind of object they wait for.
fn kind(action: &Action) -> String {
    let waits = match action {
        Action::Wait { conditions, .. } => {
            conditions.first().map(|first| format!("{} {:?}", first.key.kind, std::mem::discriminant(&first.ready)))
        }
        Action::EnsureProvider { provider, .. } => Some(provider.name.clone()),
        _ => None,
    };
    format!("{:?} {}", std::mem::discriminant(action), waits.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};
    use windlass_core::plan::file::to_bytes;

    use super::*;

    fn plan() -> Plan {
        let wait = |kind: &str| {
            let key = json!({"plane": "management.m", "group": "x", "kind": kind, "namespace": "n", "name": "a"});
            json!({"do": "wait", "plane": "management.m", "conditions": [{"key": key, "api_version": "x/v1", "ready": {"is": "healthy"}}]})
        };
        let step = |id: &str, action: Json, needs: &[u32]| json!({"id": id, "address": "cluster.a", "action": action, "needs": needs, "timeout_seconds": 1});
        serde_json::from_value(json!({
            "windlass_plan": 1, "tool_version": "0", "lineage": "l", "serial": 1, "mode": "apply", "desired_digest": "d", "planes": [],
            "changes": [], "fingerprints": [],
            "steps": [step("1", wait("Machine"), &[]), step("2", wait("Cluster"), &[0]), step("3", wait("Cluster"), &[0]), step("4", json!({"do": "record"}), &[1, 2])],
        }))
        .expect("a plan")
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn past(took: &[(&str, u64)]) -> Vec<PastWork> {
        let took = took.iter().map(|(step, took)| ((*step).to_owned(), seconds(*took))).collect();
        vec![PastWork { plan: String::from_utf8(to_bytes(&plan())).expect("text"), took }]
    }

    #[test]
    fn the_longest_chain_of_what_is_left_counts() {
        let mut forecast = Forecast::new(&plan(), &past(&[("1", 60), ("2", 10), ("3", 30)]));
        assert_eq!(forecast.left(&BTreeMap::new()), Some(seconds(80)), "a machine, then the mean of both clusters");
        assert_eq!(forecast.left(&[(0, seconds(15))].into()), Some(seconds(65)));
        assert_eq!(forecast.left(&[(0, seconds(600))].into()), Some(seconds(20)), "late is not less than nothing");
        forecast.done(0, Some(seconds(15)));
        assert_eq!(forecast.left(&BTreeMap::new()), Some(seconds(20)));
        forecast.done(1, Some(seconds(80)));
        assert_eq!(forecast.left(&BTreeMap::new()), Some(seconds(40)), "this run is learned from, too");
        forecast.done(2, None);
        assert_eq!(forecast.left(&BTreeMap::new()), Some(seconds(0)));
    }

    #[test]
    fn what_no_run_has_done_is_not_guessed() {
        let mut first = Forecast::new(&plan(), &[]);
        (0..3).for_each(|step| first.done(step, Some(seconds(1))));
        assert_eq!(first.left(&BTreeMap::new()), None, "the first run is no past run");
        assert_eq!(Forecast::new(&plan(), &past(&[("1", 60), ("unknown", 10)])).left(&BTreeMap::new()), None);
        let damaged = vec![PastWork { plan: "{}".to_owned(), took: vec![("1".to_owned(), seconds(1))] }];
        assert_eq!(Forecast::new(&plan(), &damaged).left(&BTreeMap::new()), None);
    }
}
