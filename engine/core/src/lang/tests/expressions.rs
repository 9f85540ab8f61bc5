//! The table of expressions: each row of `expressions.tsv` is an expression, a tab, and its value as `Debug` prints it, or
//! `error` and the codes of its diagnostics; `\\N`, `\\R` and `\\T` stand for line end, carriage return and tab. The values were read off Terraform 1.11.4; rows in which windlass differs on
//! purpose are in `differences.tsv`, with the reason in the third column.

use crate::diag::SourceMap;
use crate::files::{FileError, FileErrorKind, Files};
use crate::lang::{Evaluator, Names, parse_expression};
use crate::value::{Type, Value};
use std::sync::Arc;

/// The files that expressions of the tables read.
pub(super) struct TestFiles;

impl TestFiles {
    const ALL: &[(&str, &str)] = &[
        ("hello.txt", "hello\n"),
        ("greet.tftpl", "Hi ${name}!\n%{ for x in xs ~}\n- ${x}\n%{ endfor ~}\n"),
        ("one.tftpl", "${n}"),
        ("bad.tftpl", "line\n${missing}\n"),
        ("loop.tftpl", "${templatefile(\"loop.tftpl\", {})}"),
        ("sub/a.yaml", "a: 1\n"),
        ("sub/b.yaml", "b: 2\n"),
    ];
}

impl Files for TestFiles {
    fn read(&self, path: &str) -> Result<Arc<[u8]>, FileError> {
        let wanted = path.trim_start_matches("./");
        let found = TestFiles::ALL.iter().find(|(name, _)| *name == wanted);
        found.map(|(_, text)| Arc::from(text.as_bytes())).ok_or_else(|| FileError {
            path: path.into(),
            kind: FileErrorKind::NotFound,
            detail: String::new(),
        })
    }

    fn list(&self, dir: &str, pattern: &str) -> Result<Vec<String>, FileError> {
        let ending = pattern.trim_start_matches('*');
        let names = TestFiles::ALL.iter().filter_map(|(name, _)| name.strip_prefix(dir)?.strip_prefix('/'));
        if !TestFiles::ALL.iter().any(|(name, _)| name.starts_with(dir)) {
            return Err(FileError { path: dir.into(), kind: FileErrorKind::NotFound, detail: String::new() });
        }
        Ok(names.filter(|name| name.ends_with(ending)).map(str::to_owned).collect())
    }
}

pub(super) fn names() -> Names<'static> {
    let mut names = Names::new();
    names.group("var", "input variable");
    names.set_entry("var", "name", "web");
    names.set_entry("var", "password", Value::secret("hunter2"));
    names.set_entry("var", "secrets", Value::secret(Value::list(["s1", "s2"])));
    names.set_entry("var", "mixed", Value::object([("open", Value::from("o")), ("hidden", Value::secret("h"))]));
    names.group("cluster", "cluster");
    let shop =
        Value::object([("endpoint", Value::unknown_reference(Type::String, "cluster.shop.endpoint")), ("name", Value::from("shop"))]);
    names.set_entry("cluster", "shop", shop);
    names.set_entry("cluster", "later", Value::unknown_reference(Type::Any, "cluster.later"));
    names.set("path", Value::object([("module", ".")]));
    names
}

pub(super) fn evaluated(expression: &str) -> String {
    let names = names();
    let (expr, mut diagnostics) = parse_expression(&mut SourceMap::new(), "test", expression);
    let mut value = Value::Null;
    if let Some(expr) = expr {
        let (result, more) = Evaluator::new(&names, &TestFiles).evaluate(&expr);
        value = result;
        diagnostics.extend(more);
    }
    if diagnostics.has_errors() {
        let codes: Vec<String> = diagnostics.iter().map(|diagnostic| diagnostic.code.to_string()).collect();
        return format!("error {}", codes.join(" "));
    }
    format!("{value:?}")
}

fn check_table(table: &str, least: usize) {
    let mut wrong = Vec::new();
    let mut rows = 0;
    for line in table.lines().filter(|line| !line.is_empty() && !line.starts_with("##")) {
        rows += 1;
        let mut columns = line.split('\t');
        let (expression, expected) = (columns.next().unwrap_or_default(), columns.next().unwrap_or_default());
        let expression = expression.replace("\\N", "\n").replace("\\R", "\r").replace("\\T", "\t");
        let found = evaluated(&expression);
        if found != expected {
            wrong.push(format!("{expression}\n   expected {expected}\n   found    {found}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {rows} rows differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(rows >= least, "only {rows} rows");
}

#[test]
fn expressions_have_the_values_of_terraform() {
    check_table(include_str!("expressions.tsv"), 250);
}

#[test]
fn expressions_that_differ_from_terraform_on_purpose() {
    check_table(include_str!("differences.tsv"), 10);
}

#[test]
fn unknown_and_secret_values_pass_through() {
    check_table(include_str!("marks.tsv"), 150);
}

#[test]
fn templates_and_lines_have_the_values_of_terraform() {
    check_table(include_str!("templates.tsv"), 45);
}

#[test]
fn examples_of_the_function_table_are_true() {
    for function in crate::lang::all_functions() {
        let (call, result) = function.example;
        if !result.is_empty() {
            assert_eq!(evaluated(call), evaluated(result), "{}", function.name);
        }
    }
}
