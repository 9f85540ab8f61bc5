//! A text with its expressions, and the text that they give with values. Knows the other modules' results, not their ways.

use std::collections::{BTreeMap, BTreeSet};

use super::evaluate::Evaluation;
use super::expression::{Expression, Piece};
use super::fault::{EnvsubstError, Fault};
use super::parse::pieces;
use super::source::Source;

/// A text whose expressions were read.
#[derive(Debug)]
pub struct Template<'t> {
    source: Source<'t>,
    pieces: Vec<Piece>,
}

/// A text after substitution. Not `Debug`, as it holds values.
#[derive(Clone, PartialEq, Eq)]
pub struct Substituted {
    /// The text. The expressions of missing variables stand in it as they were, and those that make no sense while some are missing.
    pub text: String,
    /// The variables that need a value and have none.
    pub missing: BTreeSet<String>,
    /// The variables that have no value, are not missing, and were replaced by nothing somewhere without a default that says so.
    pub blank: BTreeSet<String>,
    /// The variables of the text that have a value, also those in defaults that were not needed.
    pub used: BTreeSet<String>,
    /// The ones of these whose values did not enter the text as they are: an operator worked on them, or with them. A value that only stands
    /// for another one must not be among them.
    pub altered: BTreeSet<String>,
}

impl<'t> Template<'t> {
    /// Reads the expressions of a text.
    ///
    /// # Errors
    /// The first fault.
    pub fn parse(text: &'t str) -> Result<Template<'t>, EnvsubstError> {
        let source = Source::new(text);
        if let Some(offset) = text.find('\0') {
            return Err(source.error_at(offset, Fault::Nul));
        }
        match pieces(&source.joined) {
            Ok(pieces) => Ok(Template { pieces, source }),
            Err(place) => Err(source.error(place)),
        }
    }

    /// The variables of the text, each with what its first expression would use in place of a value (as it is written, expressions in it
    /// shortened to their names), or `None` if it needs a value. Without those that stand only inside of other expressions.
    #[must_use]
    pub fn variables(&self) -> BTreeMap<&str, Option<String>> {
        let mut variables = BTreeMap::new();
        for expression in self.expressions() {
            variables.entry(expression.name.as_str()).or_insert_with(|| expression.written_default());
        }
        variables
    }

    /// The text with every expression replaced. `value` is asked once for each name.
    ///
    /// # Errors
    /// The first expression that makes no sense with these values, unless variables are missing.
    pub fn substitute(&self, value: &dyn Fn(&str) -> Option<String>) -> Result<Substituted, EnvsubstError> {
        let mut names = BTreeSet::new();
        self.expressions().for_each(|expression| expression.collect_names(&mut names));
        let values: BTreeMap<&str, String> = names.into_iter().filter_map(|name| Some((name, value(name)?))).collect();
        let is_missing = |(name, default): &(&str, Option<String>)| default.is_none() && !values.contains_key(name);
        let missing: BTreeSet<String> = self.variables().into_iter().filter(is_missing).map(|(name, _)| name.to_owned()).collect();

        let mut evaluation = Evaluation::new(&values);
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(literal) => text.push_str(literal),
                Piece::Expression(expression) if missing.contains(&expression.name) => text.push_str(self.original(expression)),
                Piece::Expression(expression) => match evaluation.evaluate(expression) {
                    Ok(value) => text.push_str(&value),
                    // It may make no sense only because of what is missing.
                    Err(_) if !missing.is_empty() => text.push_str(self.original(expression)),
                    Err(place) => return Err(self.source.error(place)),
                },
            }
        }
        let altered = evaluation.altered.into_iter().filter(|name| values.contains_key(name)).map(str::to_owned).collect();
        let blank = evaluation.blank.into_iter().filter(|name| !missing.contains(*name)).map(str::to_owned).collect();
        Ok(Substituted { text, missing, blank, altered, used: values.into_keys().map(str::to_owned).collect() })
    }

    fn original(&self, expression: &Expression) -> &'t str {
        self.source.original(&expression.range)
    }

    fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Text(_) => None,
            Piece::Expression(expression) => Some(expression),
        })
    }
}
