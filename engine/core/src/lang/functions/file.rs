//! Files of the module folder, and paths as texts.

use std::sync::Arc;

use data_encoding::BASE64;

use super::collection::{argument, entries, text};
use super::{Body, Fault, Function, Kind, Param, Policy, Run, plain, required};
use crate::diag::{Code, SourceMap, Span};
use crate::files::{FileError, FileErrorKind};
use crate::lang::eval::evaluate_template_file;
use crate::lang::parse::parse_template;
use crate::lang::scope::Names;
use crate::value::Value;

/// How deep `templatefile` may call itself.
const MAX_TEMPLATE_DEPTH: u32 = 8;

const PATH: &[Param] = &[required("path", Kind::String)];

pub(super) const FUNCTIONS: &[Function] = &[
    plain("file", PATH, Kind::String, "The text of a file.", ("file(\"${path.module}/a.txt\")", ""), |run, a| {
        Ok(Value::string(read_text(run, text(a, 0))?))
    }),
    plain("filebase64", PATH, Kind::String, "The bytes of a file in base 64.", ("filebase64(\"a.bin\")", ""), |run, a| {
        Ok(BASE64.encode(&read(run, text(a, 0))?).into())
    }),
    plain("fileexists", PATH, Kind::Bool, "Whether there is such a file.", ("fileexists(\"a.txt\")", ""), |run, a| {
        match run.files.read(text(a, 0)) {
            Ok(_) => Ok(Value::Bool(true)),
            Err(error) if error.kind == FileErrorKind::NotFound => Ok(Value::Bool(false)),
            Err(error) => Err(unreadable(&error)),
        }
    }),
    plain(
        "fileset",
        &[required("folder", Kind::String), required("pattern", Kind::String)],
        Kind::StringSet,
        "The files below a folder that match a pattern, relative to it; none when there is no such folder.",
        ("fileset(path.module, \"*.yaml\")", ""),
        |run, a| {
            // Terraform joins folder and pattern, so a pattern may begin with `./` or `/`.
            let names = match run.files.list(text(a, 0), &clean(text(a, 1).trim_start_matches('/'))) {
                Err(error) if matches!(error.kind, FileErrorKind::NotFound | FileErrorKind::WrongKind) => Vec::new(),
                listed => listed.map_err(|error| unreadable(&error))?,
            };
            run.spend(names.len() as u64, Span::default());
            Ok(Value::set(names))
        },
    ),
    Function {
        name: "templatefile",
        params: &[required("path", Kind::String), required("variables", Kind::Any)],
        variadic: None,
        policy: Policy::Plain,
        result: Kind::String,
        doc: "The text of a file with its `${…}` and `%{…}` evaluated; only the variables given are known in it.",
        example: ("templatefile(\"a.tftpl\", { name = \"x\" })", ""),
        body: Body::Eager(templatefile),
    },
    plain("basename", PATH, Kind::String, "The last name of a path.", ("basename(\"a/b.txt\")", "\"b.txt\""), |_, a| {
        let path = text(a, 0).trim_end_matches('/');
        Ok(match (path.rsplit('/').next(), text(a, 0)) {
            (_, "") => ".".into(),
            (_, _) if path.is_empty() => "/".into(),
            (last, _) => last.unwrap_or(path).into(),
        })
    }),
    plain("dirname", PATH, Kind::String, "The path without its last name.", ("dirname(\"a/b.txt\")", "\"a\""), |_, a| {
        Ok(clean(text(a, 0).rsplit_once('/').map_or("", |(folder, _)| if folder.is_empty() { "/" } else { folder })).into())
    }),
];

/// The path without empty, `.` and resolvable `..` names.
fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut names: Vec<&str> = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." if names.last().is_some_and(|last| *last != "..") => {
                names.pop();
            }
            ".." if rooted => {}
            name => names.push(name),
        }
    }
    match (rooted, names.is_empty()) {
        (true, _) => format!("/{}", names.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => names.join("/"),
    }
}

fn read(run: &mut Run<'_>, path: &str) -> Result<Arc<[u8]>, Fault> {
    let bytes = run.files.read(path).map_err(|error| unreadable(&error))?;
    if run.spend_text(bytes.len(), Span::default()) { Ok(bytes) } else { Err(Fault::new(0, "the file is too large")) }
}

fn read_text(run: &mut Run<'_>, path: &str) -> Result<String, Fault> {
    let bytes = read(run, path)?;
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(Fault::new(0, format!("{path} is not UTF-8 text")).hint("use `filebase64` for other content")),
    }
}

fn unreadable(error: &FileError) -> Fault {
    let fault = Fault { code: Code::FILE_UNREADABLE, ..Fault::new(0, error.to_string()) }.hint(error.advice());
    match error.kind {
        FileErrorKind::BadPattern => Fault { argument: Some(1), ..fault },
        _ => fault,
    }
}

fn templatefile(run: &mut Run<'_>, a: &[Value]) -> Result<Value, Fault> {
    let path = text(a, 0);
    if run.template_depth >= MAX_TEMPLATE_DEPTH {
        return Err(Fault::new(0, format!("templates call one another more than {MAX_TEMPLATE_DEPTH} times deep")));
    }
    let source = read_text(run, path)?;
    let mut names = Names::new();
    for (name, value) in entries(a, 1)? {
        if !is_name(name) {
            return Err(Fault::new(1, format!("{name:?} is no name that a template could use")));
        }
        names.set(name, argument(a, 1).get(name).unwrap_or(value));
    }
    let mut sources = SourceMap::new();
    let (template, mut diagnostics) = parse_template(&mut sources, path, &source);
    let mut result = Value::Null;
    let mut well = !diagnostics.has_errors();
    if let Some(template) = &template {
        let mut inner = Run::new(&names, run.files, run.limits);
        inner.fuel = run.fuel;
        inner.template_depth = run.template_depth + 1;
        let (value, names_are_well) = evaluate_template_file(&mut inner, template);
        result = value;
        well &= names_are_well;
        run.fuel = inner.fuel;
        diagnostics.extend(std::mem::take(&mut inner.diagnostics));
    }
    match diagnostics.iter().find(|diagnostic| diagnostic.is_error()) {
        None => Ok(result),
        Some(diagnostic) => {
            let place = diagnostic.primary.and_then(|span| sources.locate(span));
            let place = place.map_or_else(|| path.to_owned(), |place| format!("{}:{}:{}", place.name, place.line, place.column));
            let fault = Fault::new(0, format!("{place}: {}", diagnostic.summary));
            // Before a value is looked at, nothing but the path and the template's own text can be told.
            let tells = (!well).then_some(0);
            Err(Fault { code: diagnostic.code, hint: diagnostic.hint.clone(), tells, ..fault })
        }
    }
}

fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() || c == '_') && chars.all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}
