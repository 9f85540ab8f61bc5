//! Strings. Characters are what a reader takes for one: grapheme clusters, as in Terraform.

use regex::{Captures, Regex, RegexBuilder};
use unicode_segmentation::UnicodeSegmentation;

use super::collection::{count, elements, integer, text};
use super::{Body, Fault, Function, Kind, Param, Policy, Run, plain, required};
use crate::value::{Entries, Value};

const STRING: &[Param] = &[required("string", Kind::String)];
const TWO: &[Param] = &[required("string", Kind::String), required("part", Kind::String)];

pub(super) const FUNCTIONS: &[Function] = &[
    plain("upper", STRING, Kind::String, "The string in capital letters.", ("upper(\"a\")", "\"A\""), |_, a| {
        Ok(text(a, 0).chars().map(|c| single(c, c.to_uppercase())).collect::<String>().into())
    }),
    plain("lower", STRING, Kind::String, "The string in small letters.", ("lower(\"A\")", "\"a\""), |_, a| {
        Ok(text(a, 0).chars().map(lower).collect::<String>().into())
    }),
    plain("title", STRING, Kind::String, "The string with each word capitalised.", ("title(\"a bc\")", "\"A Bc\""), title),
    plain("strrev", STRING, Kind::String, "The characters in the opposite order.", ("strrev(\"ab\")", "\"ba\""), |_, a| {
        Ok(graphemes(text(a, 0)).rev().collect::<String>().into())
    }),
    plain("trimspace", STRING, Kind::String, "The string without blanks at both ends.", ("trimspace(\" a \")", "\"a\""), |_, a| {
        Ok(text(a, 0).trim().into())
    }),
    plain("chomp", STRING, Kind::String, "The string without line ends at its end.", ("chomp(\"a\\n\")", "\"a\""), |_, a| {
        Ok(text(a, 0).trim_end_matches(['\n', '\r']).into())
    }),
    plain(
        "trim",
        &[required("string", Kind::String), required("characters", Kind::String)],
        Kind::String,
        "The string without any of the characters at both ends.",
        ("trim(\"?!a?\", \"!?\")", "\"a\""),
        |_, a| {
            let set: Vec<char> = text(a, 1).chars().collect();
            Ok(text(a, 0).trim_matches(set.as_slice()).into())
        },
    ),
    plain("trimprefix", TWO, Kind::String, "The string without that begin.", ("trimprefix(\"v1\", \"v\")", "\"1\""), |_, a| {
        Ok(text(a, 0).strip_prefix(text(a, 1)).unwrap_or(text(a, 0)).into())
    }),
    plain("trimsuffix", TWO, Kind::String, "The string without that end.", ("trimsuffix(\"a.md\", \".md\")", "\"a\""), |_, a| {
        Ok(text(a, 0).strip_suffix(text(a, 1)).unwrap_or(text(a, 0)).into())
    }),
    plain("startswith", TWO, Kind::Bool, "Whether the string begins so.", ("startswith(\"ab\", \"a\")", "true"), |_, a| {
        Ok(Value::Bool(text(a, 0).starts_with(text(a, 1))))
    }),
    plain("endswith", TWO, Kind::Bool, "Whether the string ends so.", ("endswith(\"ab\", \"b\")", "true"), |_, a| {
        Ok(Value::Bool(text(a, 0).ends_with(text(a, 1))))
    }),
    plain("strcontains", TWO, Kind::Bool, "Whether the part is in the string.", ("strcontains(\"abc\", \"b\")", "true"), |_, a| {
        Ok(Value::Bool(text(a, 0).contains(text(a, 1))))
    }),
    plain(
        "substr",
        &[required("string", Kind::String), required("offset", Kind::Number), required("length", Kind::Number)],
        Kind::String,
        "Part of the string; a negative offset counts from its end, length -1 takes all.",
        ("substr(\"hello\", 1, 3)", "\"ell\""),
        substr,
    ),
    plain(
        "indent",
        &[required("spaces", Kind::Number), required("string", Kind::String)],
        Kind::String,
        "The string with spaces before every line but the first.",
        ("indent(2, \"a\\nb\")", "\"a\\n  b\""),
        |run, a| {
            let spaces = count(a, 0)?;
            let lines = text(a, 1).matches('\n').count();
            if !run.spend_text(spaces.saturating_mul(lines), crate::diag::Span::default()) {
                return Err(Fault::new(0, "the result would be too large"));
            }
            Ok(text(a, 1).replace('\n', &format!("\n{}", " ".repeat(spaces))).into())
        },
    ),
    plain(
        "split",
        &[required("separator", Kind::String), required("string", Kind::String)],
        Kind::Strings,
        "The parts of the string between separators.",
        ("split(\",\", \"a,b\")", "tolist([\"a\", \"b\"])"),
        |_, a| {
            let (separator, string) = (text(a, 0), text(a, 1));
            if separator.is_empty() {
                return Ok(Value::list(string.chars().map(|c| Value::string(c.to_string()))));
            }
            Ok(Value::list(string.split(separator)))
        },
    ),
    Function {
        name: "join",
        params: &[required("separator", Kind::String)],
        variadic: Some(required("list", Kind::Strings)),
        policy: Policy::Plain,
        result: Kind::String,
        doc: "The strings of all lists with the separator between them.",
        example: ("join(\"-\", [\"a\", \"b\"])", "\"a-b\""),
        body: Body::Eager(join),
    },
    plain(
        "replace",
        &[required("string", Kind::String), required("part", Kind::String), required("replacement", Kind::String)],
        Kind::String,
        "The string with every occurrence of a part, or of a regular expression between slashes, replaced.",
        ("replace(\"1+2\", \"+\", \"-\")", "\"1-2\""),
        replace,
    ),
    plain(
        "regex",
        &[required("pattern", Kind::String), required("string", Kind::String)],
        Kind::Any,
        "The first match of a regular expression: a string, or its groups as a tuple or object.",
        ("regex(\"[0-9]+\", \"a12\")", "\"12\""),
        |_, a| {
            let pattern = capturing(text(a, 0))?;
            match pattern.captures(text(a, 1)) {
                Some(captures) => Ok(captured(&pattern, &captures)),
                None => Err(Fault::new(1, "the pattern matches nothing in the string").hint("ask `can(regex(…))` first")),
            }
        },
    ),
    plain(
        "regexall",
        &[required("pattern", Kind::String), required("string", Kind::String)],
        Kind::List,
        "All matches of a regular expression.",
        ("regexall(\"[0-9]\", \"a1b2\")", "tolist([\"1\", \"2\"])"),
        |_, a| {
            let pattern = capturing(text(a, 0))?;
            Ok(Value::list(pattern.captures_iter(text(a, 1)).map(|captures| captured(&pattern, &captures))))
        },
    ),
];

/// The characters of a string as a reader counts them.
pub(super) fn graphemes(text: &str) -> impl DoubleEndedIterator<Item = &str> {
    text.graphemes(true)
}

/// The one character that another becomes; itself when it would become several.
fn single(c: char, mut mapped: impl Iterator<Item = char>) -> char {
    match (mapped.next(), mapped.next()) {
        (Some(only), None) => only,
        _ => c,
    }
}

/// The small form of a character; the dotted capital I is the only one that has two characters, and is `i` in Go.
fn lower(c: char) -> char {
    if c == 'İ' { 'i' } else { single(c, c.to_lowercase()) }
}

fn title(_: &mut Run<'_>, a: &[Value]) -> Result<Value, Fault> {
    let mut inside = false;
    let titled: String = text(a, 0)
        .chars()
        .map(|c| {
            let begins = !inside;
            inside = c.is_alphanumeric() || c == '_' || (!c.is_ascii() && !c.is_whitespace());
            if begins { single(c, c.to_uppercase()) } else { c }
        })
        .collect();
    Ok(titled.into())
}

fn substr(_: &mut Run<'_>, a: &[Value]) -> Result<Value, Fault> {
    let characters: Vec<&str> = graphemes(text(a, 0)).collect();
    let total = i64::try_from(characters.len()).unwrap_or(i64::MAX);
    let (offset, length) = (integer(a, 1)?, integer(a, 2)?);
    let start = if offset < 0 { (total + offset).max(0) } else { offset.min(total) };
    let end = if length < 0 { total } else { start.saturating_add(length).min(total) };
    let part = usize::try_from(start).ok().zip(usize::try_from(end).ok()).and_then(|(start, end)| characters.get(start..end));
    Ok(part.unwrap_or_default().concat().into())
}

fn join(_: &mut Run<'_>, a: &[Value]) -> Result<Value, Fault> {
    if a.len() < 2 {
        return Err(Fault::whole("at least one list is needed"));
    }
    let mut parts = Vec::new();
    for position in 1..a.len() {
        for element in elements(a, position)? {
            match element.as_str() {
                Some(text) => parts.push(text),
                None => return Err(Fault::new(position, "an element is null").hint("use `compact(list)`")),
            }
        }
    }
    Ok(parts.join(text(a, 0)).into())
}

fn replace(run: &mut Run<'_>, a: &[Value]) -> Result<Value, Fault> {
    let (string, part, replacement) = (text(a, 0), text(a, 1), text(a, 2));
    let matches = string.len() + 1;
    if !run.spend_text(string.len().saturating_add(matches.saturating_mul(replacement.len())) / 16, crate::diag::Span::default()) {
        return Err(Fault::new(2, "the result would be too large"));
    }
    match part.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')) {
        Some(inner) if part.len() > 1 => Ok(pattern(inner, 1)?.replace_all(string, replacement).into_owned().into()),
        _ => Ok(string.replace(part, replacement).into()),
    }
}

/// A pattern whose groups all have names, or none.
fn capturing(source: &str) -> Result<Regex, Fault> {
    let pattern = pattern(source, 0)?;
    let named = pattern.capture_names().skip(1).flatten().count();
    if named > 0 && named + 1 < pattern.captures_len() {
        return Err(Fault::new(0, "groups with and without names are mixed; name all of them, or write `(?:…)`"));
    }
    Ok(pattern)
}

fn pattern(source: &str, position: usize) -> Result<Regex, Fault> {
    RegexBuilder::new(source)
        .size_limit(1 << 20)
        .build()
        .map_err(|error| Fault::new(position, format!("the regular expression is malformed: {}", last_line(&error.to_string()))))
}

/// The last line of the library's several says what is wrong.
fn last_line(message: &str) -> String {
    message.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

fn captured(pattern: &Regex, captures: &Captures<'_>) -> Value {
    let group = |position: usize| captures.get(position).map_or(Value::Null, |found| Value::from(found.as_str()));
    if pattern.captures_len() == 1 {
        return group(0);
    }
    let names: Vec<Option<&str>> = pattern.capture_names().skip(1).collect();
    if names.iter().any(Option::is_some) {
        let named = names.iter().enumerate().filter_map(|(position, name)| Some(((*name)?.into(), group(position + 1))));
        return Value::from(named.collect::<Entries>());
    }
    Value::tuple((1..captures.len()).map(group))
}
