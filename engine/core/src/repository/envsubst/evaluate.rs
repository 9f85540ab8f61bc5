//! What an expression gives with values. Knows nothing of how it was written.

use std::collections::{BTreeMap, BTreeSet};

use super::expression::{Argument, Expression, Form};
use super::fault::Fault;
use super::source::Misplaced;
use super::wildcards::Wildcards;

/// What is wrong with arguments that hold no expressions, with whatever values.
pub(super) fn literal_fault(form: Form, arguments: &[Argument]) -> Option<Fault> {
    arguments.iter().enumerate().find_map(|(index, argument)| match (form, index, argument) {
        (_, _, Argument::Expression(_)) => None,
        (Form::Substring, 0, Argument::Text(text)) => number(text).err(),
        (Form::Substring, _, Argument::Text(text)) => length(text).err(),
        (Form::TrimPrefix(_), _, Argument::Text(text)) => prefix_pattern(text).err(),
        (Form::TrimSuffix(_), _, Argument::Text(text)) => suffix_pattern(text).err(),
        _ => None,
    })
}

/// The values, and what was found out about them.
pub(super) struct Evaluation<'e> {
    values: &'e BTreeMap<&'e str, String>,
    /// The variables without a value that were replaced by nothing.
    pub(super) blank: BTreeSet<&'e str>,
    /// The variables whose values an operator worked on, or with.
    pub(super) altered: BTreeSet<&'e str>,
}

impl<'e> Evaluation<'e> {
    /// An evaluation with these values.
    pub(super) fn new(values: &'e BTreeMap<&'e str, String>) -> Evaluation<'e> {
        Evaluation { values, blank: BTreeSet::new(), altered: BTreeSet::new() }
    }

    /// What stands in place of the expression.
    ///
    /// # Errors
    /// It makes no sense with these values.
    pub(super) fn evaluate(&mut self, expression: &'e Expression) -> Result<String, Misplaced> {
        let value = self.values.get(expression.name.as_str());
        if value.is_none() && expression.form != Form::Default {
            self.blank.insert(&expression.name);
        }
        if !matches!(expression.form, Form::Plain | Form::Default) {
            expression.collect_names(&mut self.altered);
        }
        let value = value.map(String::as_str).unwrap_or_default();
        if expression.form == Form::Default && !value.is_empty() {
            return Ok(value.to_owned());
        }
        let arguments = expression.arguments.iter().map(|argument| match argument {
            Argument::Text(text) => Ok(text.clone()),
            Argument::Expression(inner) => self.evaluate(inner),
        });
        let arguments = arguments.collect::<Result<Vec<String>, Misplaced>>()?;
        transformed(expression.form, value, &arguments).map_err(|fault| Misplaced { at: expression.range.start, fault })
    }
}

/// The value in this form. Of a default, what stands in place of a value.
fn transformed(form: Form, value: &str, arguments: &[String]) -> Result<String, Fault> {
    let mut arguments = arguments.iter().map(String::as_str);
    let (first, second) = (arguments.next().unwrap_or_default(), arguments.next());
    Ok(match form {
        Form::Plain => value.to_owned(),
        Form::Default => [first, second.unwrap_or_default()].into_iter().chain(arguments).collect(),
        Form::Length => value.len().to_string(),
        Form::LowerFirst => first_in_case(value, lower),
        Form::LowerAll => value.chars().map(lower).collect(),
        Form::UpperFirst => first_in_case(value, upper),
        Form::UpperAll => value.chars().map(upper).collect(),
        Form::Substring => substring(value, first, second)?.to_owned(),
        Form::TrimPrefix(extent) => {
            let matched = prefix_pattern(first)?.matched_prefix(value, extent);
            value.get(matched..).unwrap_or_default().to_owned()
        }
        Form::TrimSuffix(extent) => {
            let matched = suffix_pattern(first)?.matched_prefix(&backwards(value), extent);
            value.get(..value.len().saturating_sub(matched)).unwrap_or_default().to_owned()
        }
        Form::ReplaceFirst => value.replacen(first, second.unwrap_or_default(), 1),
        Form::ReplaceAll => value.replace(first, second.unwrap_or_default()),
        Form::ReplacePrefix => {
            value.strip_prefix(first).map_or_else(|| value.to_owned(), |rest| second.unwrap_or_default().to_owned() + rest)
        }
        Form::ReplaceSuffix => {
            value.strip_suffix(first).map_or_else(|| value.to_owned(), |rest| rest.to_owned() + second.unwrap_or_default())
        }
    })
}

fn first_in_case(value: &str, case: fn(char) -> char) -> String {
    let mut characters = value.chars();
    characters.next().map(case).into_iter().chain(characters).collect()
}

fn lower(character: char) -> char {
    only(character.to_lowercase()).unwrap_or(character)
}

fn upper(character: char) -> char {
    only(character.to_uppercase()).unwrap_or(character)
}

fn only(mut characters: impl Iterator<Item = char>) -> Option<char> {
    characters.next().filter(|_| characters.next().is_none())
}

fn prefix_pattern(pattern: &str) -> Result<Wildcards, Fault> {
    Wildcards::parse(pattern).ok_or(Fault::BadPattern)
}

/// The pattern as it is for the value backwards. It is turned round as text, and few classes and escapes survive that: so does clusterctl.
fn suffix_pattern(pattern: &str) -> Result<Wildcards, Fault> {
    prefix_pattern(&backwards(pattern))
}

fn backwards(text: &str) -> String {
    text.chars().rev().collect()
}

fn substring<'v>(value: &'v str, position: &str, wanted: Option<&str>) -> Result<&'v str, Fault> {
    let position = number(position)?;
    let distance = bytes(position.unsigned_abs());
    let begin = if position < 0 { value.len().saturating_sub(distance) } else { distance.min(value.len()) };
    let end = match wanted.map(length).transpose()? {
        None => value.len(),
        Some(length) => begin.saturating_add(length).min(value.len()),
    };
    value.get(begin..end).ok_or(Fault::CutCharacter)
}

fn number(text: &str) -> Result<i64, Fault> {
    text.parse().map_err(|_| Fault::NotANumber)
}

fn length(text: &str) -> Result<usize, Fault> {
    u64::try_from(number(text)?).map(bytes).map_err(|_| Fault::NegativeLength)
}

fn bytes(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
