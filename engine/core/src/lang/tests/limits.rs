//! Evaluation ends, in bounded time and memory, and is linear where it should be.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::diag::SourceMap;
use crate::files::NoFiles;
use crate::lang::{Evaluator, Limits, Names, parse, parse_expression};
use crate::value::Value;

fn codes(expression: &str, limits: Limits) -> String {
    let (expr, _) = parse_expression(&mut SourceMap::new(), "limits", expression);
    let names = Names::new();
    let (_, found) = Evaluator::new(&names, &NoFiles).with_limits(limits).evaluate(&expr.expect("an expression"));
    found.iter().map(|diagnostic| diagnostic.code.to_string()).collect::<Vec<_>>().join(" ")
}

#[test]
fn loops_in_loops_run_out_of_steps() {
    let limits = Limits { steps: 50_000, ..Limits::default() };
    let nested = format!("{}1{}", "[for a in range(100) : ".repeat(20), "]".repeat(20));
    assert_eq!(codes(&nested, limits), "WL0111");
    assert_eq!(codes(&format!("try({nested}, 1)"), limits), "WL0111", "`try` does not hide it");
    assert_eq!(codes(&format!("true ? 1 : {nested}"), limits), "WL0111", "nor does a branch that is not taken");
    assert_eq!(codes("join(\"\", [for a in range(1000) : join(\"\", [for b in range(100) : \"xxxxxxxxxx\"])])", limits), "WL0111");
    assert_eq!(codes("setproduct(range(100), range(100), range(100))", limits), "WL0111");
    assert_eq!(codes("\"%{ for a in range(1000) }%{ for b in range(1000) }x%{ endfor }%{ endfor }\"", limits), "WL0111");
    assert_eq!(codes("range(100000000)", Limits::default()), "WL0105");
    assert_eq!(codes("indent(100000, join(\"\\n\", range(1000)))", limits), "WL0111");
    assert_eq!(codes("format(\"%99999999s\", \"x\")", limits), "");
}

#[test]
fn values_that_double_with_each_step_stop() {
    let mut names = Names::new();
    names.group("local", "local value");
    names.set_entry("local", "v0", Value::from("x"));
    let mut told = String::new();
    for round in 1..64 {
        let text = format!("[local.v{0}, local.v{0}]", round - 1);
        let (expr, _) = parse_expression(&mut SourceMap::new(), "double", &text);
        let limits = Limits { parts: 100_000, ..Limits::default() };
        let (value, found) = Evaluator::new(&names, &NoFiles).with_limits(limits).evaluate(&expr.expect("an expression"));
        if let Some(diagnostic) = found.iter().next() {
            told = format!("{round} {}", diagnostic.summary);
            break;
        }
        names.set_entry("local", format!("v{round}"), value);
    }
    assert_eq!(told, "16 the result is too large");
}

#[test]
fn values_cannot_become_deeper_than_the_stack() {
    let mut names = Names::new();
    names.group("local", "local value");
    names.set_entry("local", "v", Value::from("x"));
    let (expr, _) = parse_expression(&mut SourceMap::new(), "deep", "[local.v]");
    let expr = expr.expect("an expression");
    let mut rounds = 0;
    loop {
        let (value, found) = Evaluator::new(&names, &NoFiles).evaluate(&expr);
        if found.has_errors() {
            break;
        }
        names.set_entry("local", "v", value);
        rounds += 1;
    }
    assert_eq!(rounds, 256);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test of how long something takes")]
fn ten_thousand_references_into_ten_thousand_locals_are_linear() {
    let mut names = Names::new();
    names.group("local", "local value");
    let mut source = String::new();
    for index in 0..10_000 {
        names.set_entry("local", format!("v{index}"), Value::from(index));
        let _ = writeln!(source, "a{index} = local.v{index}");
    }
    let begin = Instant::now();
    let (body, found) = parse(&mut SourceMap::new(), "many", source.as_bytes());
    assert!(found.is_empty());
    let evaluator = Evaluator::new(&names, &NoFiles);
    for (index, attribute) in body.attributes.iter().enumerate() {
        assert_eq!(evaluator.evaluate(&attribute.expr).0.as_i64(), i64::try_from(index).ok());
    }
    // Milliseconds in a release build; a quadratic evaluator needs minutes in this one.
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
}
