//! `graph`: the steps of a plan with what they need, in three languages, held against `show -json` and against what an apply says.

#[path = "support/minimal.rs"]
mod minimal;
mod support;

use std::collections::BTreeSet;

use serde_json::Value as Json;
use support::Place;

/// Index pairs "needs, needed" of a saved plan.
#[track_caller]
fn needs(place: &Place, file: &str) -> Vec<BTreeSet<usize>> {
    let shown: Json = serde_json::from_str(&place.run(&["show", "-json", file]).expect(0).stdout).expect("JSON");
    let steps = shown["windlass"]["steps"].as_array().expect("steps").clone();
    let index = |need: &Json| usize::try_from(need.as_u64().expect("an index")).expect("an index");
    steps.iter().map(|step| step["needs"].as_array().map(|needs| needs.iter().map(index).collect()).unwrap_or_default()).collect()
}

/// The edges of a drawing: lines of two nodes with one of these arrows between them.
fn drawn(text: &str, arrows: &[&str]) -> BTreeSet<(usize, usize)> {
    let node = |name: &str| name.trim().strip_prefix('s')?.split([' ', '[']).next()?.parse().ok();
    let edge = |line: &str| arrows.iter().find_map(|arrow| line.split_once(arrow)).and_then(|(from, to)| Some((node(from)?, node(to)?)));
    text.lines().filter_map(edge).collect()
}

#[test]
fn a_drawing_is_the_plan() {
    let place = minimal::place("", "");
    place.run(&["plan", "-out=a.wlplan"]).expect(0);
    let needs = needs(&place, "a.wlplan");
    let edges: BTreeSet<(usize, usize)> =
        needs.iter().enumerate().flat_map(|(from, needs)| needs.iter().map(move |to| (from, *to))).collect();
    assert!(needs.len() > 10 && edges.len() > 10, "{needs:?}");

    // From the configuration and from the saved plan: the same bytes, and nothing else on stdout. DOT is Terraform's default.
    for (format, arrows) in [("dot", &["->"][..]), ("mermaid", &["-->", "==>"]), ("text", &[])] {
        let format = format!("-format={format}");
        let saved = place.run(&["graph", &format, "-plan=a.wlplan"]).expect(0);
        let fresh = place.run(&["graph", "-type=plan", &format]).expect(0);
        assert_eq!(saved.stdout, fresh.stdout);
        assert_eq!(saved.stderr, "");
        assert!(fresh.stderr.contains("Management plane: sandbox"), "{}", fresh.stderr);
        if !arrows.is_empty() {
            assert_eq!(drawn(&saved.stdout, arrows), edges, "{}", saved.stdout);
        }
    }
    assert_eq!(place.run(&["graph", "-plan=a.wlplan"]).stdout, place.run(&["graph", "-plan=a.wlplan", "-format=dot"]).stdout);

    // The longest chain, computed in another way, is the number of waves and the length of the critical path.
    let mut depths: Vec<usize> = Vec::new();
    for needs in &needs {
        depths.push(needs.iter().map(|need| depths[*need]).max().unwrap_or(0) + 1);
    }
    let (longest, text) = (depths.iter().max().expect("steps"), place.run(&["graph", "-format=text", "-plan=a.wlplan"]).expect(0).stdout);
    assert!(text.contains(&format!("\nWave {longest}\n")) && !text.contains(&format!("\nWave {}\n", longest + 1)), "{text}");
    assert!(text.contains(&format!("Critical path: {longest} of {} steps", needs.len())), "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with("* ")).count(), *longest, "{text}");

    // Steps are called as the run calls them.
    let applied = place.run(&["apply", "a.wlplan"]).expect(0).stdout;
    let begun: BTreeSet<&str> = applied.lines().filter_map(|line| line.strip_suffix("...")).collect();
    assert!(begun.len() > 10, "{applied}");
    let called: BTreeSet<&str> = text.lines().filter_map(|line| line.strip_prefix("* ").or(line.strip_prefix("  "))).collect();
    let unknown: Vec<_> = begun.difference(&called).collect();
    assert!(unknown.is_empty(), "{unknown:?} are not in\n{text}");

    // What is as wished needs no step; what goes has its own.
    assert_eq!(place.run(&["graph", "-format=text"]).expect(0).stdout, "The plan has no steps.\n");
    let down = place.run(&["graph", "-type=plan-destroy", "-format=text"]).expect(0).stdout;
    assert!(down.contains("deleting ") && down.contains("Critical path: "), "{down}");
    let state = place.snapshot();
    place.run(&["graph"]).expect(0);
    assert!(state.changed(&place.snapshot()).is_empty());
    place.run(&["destroy", "-auto-approve"]).expect(0);
}

#[test]
fn what_cannot_be_drawn_is_refused() {
    let place = minimal::place("", "");
    place.run(&["graph", "-plan=none.wlplan"]).expect(1).says("WL0501").says("`windlass plan -out=FILE` makes a plan");
    place.run(&["graph", "-plan=main.wl.hcl"]).expect(1).says("WL0506");
    place.run(&["graph", "-type=plan-destroy", "-plan=a.wlplan"]).expect(1).says("WL0500").says("leave one of -type and -plan out");
    place.run(&["graph", "-type=apply"]).expect(1).says("WL0500").says("plan-destroy");
    place.run(&["graph", "-format=svg"]).expect(1).says("WL0500").says("mermaid");
    place.run(&["graph", "-draw-cycles"]).expect(1).says("WL0517");
}
