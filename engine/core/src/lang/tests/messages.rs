//! What people read when something is wrong: the whole text of diagnostics, one snapshot.

use std::fmt::Write as _;

use super::expressions::{TestFiles, names};
use crate::diag::{Diagnostics, SourceMap};
use crate::lang::{Evaluator, parse_expression};

fn rendered(sources: &SourceMap, diagnostics: &Diagnostics) -> String {
    let mut text = String::new();
    for diagnostic in diagnostics {
        let place = diagnostic.primary.and_then(|span| sources.text(span)).unwrap_or("?");
        let _ = writeln!(text, "  {} at `{}`: {}", diagnostic.code, place.escape_debug(), diagnostic.summary);
        if !diagnostic.detail.is_empty() {
            let _ = writeln!(text, "    {}", diagnostic.detail);
        }
        for (span, label) in &diagnostic.related {
            let _ = writeln!(text, "    `{}` {label}", sources.text(*span).unwrap_or("?"));
        }
        if let Some(hint) = &diagnostic.hint {
            let _ = writeln!(text, "    hint: {hint}");
        }
    }
    text
}

const WRONG: &[&str] = &[
    "var.nmae",
    "vra.name",
    "web",
    "local.x",
    "uper(\"a\")",
    "timestamp()",
    "upper()",
    "replace(\"a\")",
    "{ size = 1 }.szie",
    "{ size = 1 }.color",
    "[{ a = 1 }].a",
    "[1, 2][5]",
    "[][0]",
    "[1][-1]",
    "tomap({ a = 1 }).b",
    "toset([\"a\"])[0]",
    "null.a",
    "\"a\" + 1",
    "null + 1",
    "1 / (2 - 2)",
    "true ? 1 : [1]",
    "\"x${[1]}\"",
    "\"x${null}\"",
    "[for x in 5 : x]",
    "[for x in null : x]",
    "{ for x in [\"a\", \"a\"] : x => 1 }",
    "{ a = 1, (\"a\") = 2 }",
    "tonumber(\"x\")",
    "jsondecode(\"{\")",
    "file(\"nope.txt\")",
    "templatefile(\"bad.tftpl\", {})",
    "cidrsubnet(\"10.0.0.0\", 8, 1)",
    "cidrsubnet(\"10.0.0.0/24\", 9, 0)",
    "element([], 0)",
    "join(\",\", [\"a\", null])",
    "regex(\"(\", \"a\")",
    "try({}.a, 1 / 0)",
    "tonumber(var.password)",
    "regex(\"zzz\", var.password)",
    "var.password.a",
    "var.secrets[7]",
    "sensitive({ hunter2 = 1 }).a",
    "join(\",\", sensitive({ hunter2 = [] }))",
    "tolist(sensitive({ hunter2 = [] }))",
    "tomap(sensitive({ hunter2 = [], a = 1 }))",
    "{ for k in [sensitive(\"hunter2\"), sensitive(\"hunter2\")] : k => 1 }",
    "merge([1], {})",
    "var",
    "max([]...)",
    "format(\"%d\", \"x\")",
    "1 +",
    "[1 2]",
    "\"abc",
    "{ a 1 }",
    "upper(\"a\"",
];

#[test]
fn diagnostics_say_what_where_and_what_to_do() {
    let names = names();
    let mut text = String::new();
    for source in WRONG {
        let mut sources = SourceMap::new();
        let (expr, mut found) = parse_expression(&mut sources, "test", source);
        if let Some(expr) = expr {
            found.extend(Evaluator::new(&names, &TestFiles).evaluate(&expr).1);
        }
        let _ = write!(text, "{source}\n{}", rendered(&sources, &found));
        assert!(found.has_errors(), "{source}");
    }
    // What is secret shows only where the user wrote it.
    assert!(text.lines().all(|line| !line.contains("hunter2") || WRONG.contains(&line) || line.contains(" at `")));
    insta::assert_snapshot!(text);
}

#[test]
fn what_is_wrong_in_the_text_of_a_template_is_told_beside_a_secret() {
    let names = names();
    let told = |source: &str| {
        let mut sources = SourceMap::new();
        let (expr, _) = parse_expression(&mut sources, "test", source);
        let (_, found) = Evaluator::new(&names, &TestFiles).evaluate(&expr.expect("an expression"));
        found.iter().map(|diagnostic| diagnostic.summary.clone()).collect::<Vec<_>>().join("; ")
    };
    let named = "`templatefile`: bad.tftpl:2:3: `missing` refers to nothing";
    assert_eq!(told("templatefile(\"bad.tftpl\", { password = var.password })"), named);
    // What comes of the secret itself stays untold, and so does a path that is one.
    let hidden = "`templatefile`: the argument does not fit (it is secret)";
    assert_eq!(told("templatefile(\"greet.tftpl\", { name = { a = var.password }, xs = [] })"), hidden);
    assert_eq!(told("templatefile(sensitive(\"bad.tftpl\"), {})"), hidden);
}
