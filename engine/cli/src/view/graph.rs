//! The steps of a plan as a drawing: DOT, mermaid, or text by waves with the critical path. Steps have the words of the progress lines. Pure:
//! the same plan gives the same bytes.

use std::collections::BTreeSet;
use std::fmt::Write;

use windlass_core::graph::{Cycle, Graph};
use windlass_core::plan::{Plan, Step};

use super::progress::title;

/// A drawing in graphviz' language. An arrow goes from what needs to what is needed, as in Terraform's; the critical path is bold.
pub fn dot(plan: &Plan) -> Result<String, Cycle> {
    let critical = Critical::of(plan)?;
    let mut text = "digraph {\n  rankdir = \"RL\"\n  node [shape = \"box\"]\n".to_owned();
    for (index, step) in plan.steps.iter().enumerate() {
        let label = words(step).replace('\\', "\\\\").replace('"', "\\\"");
        let style = if critical.has(index) { ", style = \"bold\"" } else { "" };
        let _ = writeln!(text, "  s{index} [label = \"{label}\"{style}]");
    }
    for (from, to) in edges(plan) {
        let style = if critical.joins(from, to) { " [style = \"bold\"]" } else { "" };
        let _ = writeln!(text, "  s{from} -> s{to}{style}");
    }
    Ok(text + "}\n")
}

/// The same for mermaid, which many forges draw in Markdown.
pub fn mermaid(plan: &Plan) -> Result<String, Cycle> {
    let critical = Critical::of(plan)?;
    let mut text = "flowchart RL\n".to_owned();
    for (index, step) in plan.steps.iter().enumerate() {
        let _ = writeln!(text, "  s{index}[\"{}\"]", in_mermaid(&words(step)));
    }
    for (from, to) in edges(plan) {
        let arrow = if critical.joins(from, to) { "==>" } else { "-->" };
        let _ = writeln!(text, "  s{from} {arrow} s{to}");
    }
    if !critical.path.is_empty() {
        let names: Vec<String> = critical.path.iter().map(|step| format!("s{step}")).collect();
        let _ = writeln!(text, "  classDef critical stroke-width:3px\n  class {} critical", names.join(","));
    }
    Ok(text)
}

/// By waves: what could run at the same time if nothing but needs held it back. The steps of the critical path are marked, and listed at
/// the end.
pub fn text(plan: &Plan) -> Result<String, Cycle> {
    if plan.steps.is_empty() {
        return Ok("The plan has no steps.\n".to_owned());
    }
    let critical = Critical::of(plan)?;
    let waves = graph_of(plan).waves()?;
    let mut text = String::new();
    for (number, wave) in (1..).zip(&waves) {
        let _ = writeln!(text, "Wave {number}");
        for (index, step) in steps(plan, wave) {
            let mark = if critical.has(index) { '*' } else { ' ' };
            let _ = writeln!(text, "{mark} {}", words(step));
        }
        text.push('\n');
    }
    let _ = writeln!(
        text,
        "Critical path: {} of {} steps, each of which needs the one before it (marked *)",
        critical.path.len(),
        plan.steps.len()
    );
    for (number, (_, step)) in (1..).zip(steps(plan, &critical.path)) {
        let _ = writeln!(text, "{number:>3}. {}", words(step));
    }
    Ok(text)
}

/// A step as the progress lines call it.
fn words(step: &Step) -> String {
    format!("{}: {}", step.address, title(&step.action))
}

fn steps<'a>(plan: &'a Plan, indices: &'a [u32]) -> impl Iterator<Item = (usize, &'a Step)> {
    let indices = indices.iter().filter_map(|index| usize::try_from(*index).ok());
    indices.filter_map(|index| Some((index, plan.steps.get(index)?)))
}

/// Who needs whom, each pair once.
fn edges(plan: &Plan) -> impl Iterator<Item = (usize, usize)> {
    plan.steps.iter().enumerate().flat_map(|(from, step)| {
        let needs: BTreeSet<usize> = step.needs.iter().filter_map(|need| usize::try_from(*need).ok()).collect();
        needs.into_iter().map(move |to| (from, to))
    })
}

fn graph_of(plan: &Plan) -> Graph {
    let mut graph = Graph::new(plan.steps.len());
    for (from, to) in edges(plan) {
        if let (Ok(from), Ok(to)) = (u32::try_from(from), u32::try_from(to)) {
            graph.edge(from, to, String::new());
        }
    }
    graph
}

/// The longest chain of needs, in order of work: how long steps take is not known before.
struct Critical {
    path: Vec<u32>,
    joined: BTreeSet<(usize, usize)>,
    members: BTreeSet<usize>,
}

impl Critical {
    fn of(plan: &Plan) -> Result<Self, Cycle> {
        let path = graph_of(plan).critical_path(|_| 1)?;
        let members: Vec<usize> = path.iter().filter_map(|step| usize::try_from(*step).ok()).collect();
        let joined = members.iter().zip(members.iter().skip(1)).map(|(first, then)| (*then, *first)).collect();
        Ok(Self { path, joined, members: members.into_iter().collect() })
    }

    fn has(&self, step: usize) -> bool {
        self.members.contains(&step)
    }

    fn joins(&self, from: usize, to: usize) -> bool {
        self.joined.contains(&(from, to))
    }
}

/// Characters that mean something in a label of mermaid's, by number.
fn in_mermaid(words: &str) -> String {
    words.chars().fold(String::new(), |mut text, character| {
        match character {
            '"' | '#' | '<' | '>' | '`' | '&' | '\\' => {
                let _ = write!(text, "#{};", u32::from(character));
            }
            other => text.push(other),
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    /// A diamond with a tail: 1 and 2 need 0, 3 needs both, 4 needs nothing.
    fn plan() -> Plan {
        let step = |id: &str, address: &str, needs: &[u32]| json!({"id": id, "address": address, "action": {"do": "record"}, "needs": needs, "timeout_seconds": 1});
        let steps: Vec<Json> = vec![
            step("0", "cluster.a", &[]),
            step("1", "cluster.a.worker_pool[\"x\"]", &[0]),
            step("2", "cluster.a.control_plane", &[0, 0]),
            step("3", "cluster.a.pivot", &[2, 1]),
            step("4", "cluster.b", &[]),
        ];
        serde_json::from_value(json!({
            "windlass_plan": 1, "tool_version": "0", "lineage": "l", "serial": 1, "mode": "apply", "desired_digest": "d", "planes": [],
            "changes": [], "fingerprints": [], "steps": steps,
        }))
        .expect("a plan")
    }

    #[test]
    fn waves_and_the_critical_path() {
        let expected = [
            "Wave 1",
            "* cluster.a: recording",
            "  cluster.b: recording",
            "",
            "Wave 2",
            "* cluster.a.worker_pool[\"x\"]: recording",
            "  cluster.a.control_plane: recording",
            "",
            "Wave 3",
            "* cluster.a.pivot: recording",
            "",
            "Critical path: 3 of 5 steps, each of which needs the one before it (marked *)",
            "  1. cluster.a: recording",
            "  2. cluster.a.worker_pool[\"x\"]: recording",
            "  3. cluster.a.pivot: recording",
            "",
        ];
        assert_eq!(text(&plan()).expect("no circle"), expected.join("\n"));
    }

    #[test]
    fn labels_are_quoted_and_edges_told_once() {
        let drawn = dot(&plan()).expect("no circle");
        assert!(drawn.contains(r#"  s1 [label = "cluster.a.worker_pool[\"x\"]: recording", style = "bold"]"#), "{drawn}");
        assert!(drawn.ends_with("  s1 -> s0 [style = \"bold\"]\n  s2 -> s0\n  s3 -> s1 [style = \"bold\"]\n  s3 -> s2\n}\n"), "{drawn}");
        let drawn = mermaid(&plan()).expect("no circle");
        assert!(drawn.contains("  s1[\"cluster.a.worker_pool[#34;x#34;]: recording\"]\n"), "{drawn}");
        let end = "  s1 ==> s0\n  s2 --> s0\n  s3 ==> s1\n  s3 --> s2\n  classDef critical stroke-width:3px\n  class s0,s1,s3 critical\n";
        assert!(drawn.ends_with(end), "{drawn}");
    }

    #[test]
    fn a_plan_without_steps_and_one_with_a_circle() {
        let mut plan = plan();
        plan.steps[0].needs = vec![3];
        assert!(dot(&plan).is_err() && mermaid(&plan).is_err() && text(&plan).is_err());
        plan.steps.clear();
        assert_eq!(text(&plan).expect("no circle"), "The plan has no steps.\n");
        assert_eq!(mermaid(&plan).expect("no circle"), "flowchart RL\n");
        assert_eq!(dot(&plan).expect("no circle"), "digraph {\n  rankdir = \"RL\"\n  node [shape = \"box\"]\n}\n");
    }
}
