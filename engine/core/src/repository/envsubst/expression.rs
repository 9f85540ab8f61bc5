//! Expressions as the parser found them. Knows neither how they are written nor what they give.

use std::collections::BTreeSet;
use std::ops::Range;

/// A part of a text.
#[derive(Debug)]
pub(super) enum Piece {
    Text(String),
    Expression(Expression),
}

/// `${…}`.
#[derive(Debug)]
pub(super) struct Expression {
    pub(super) name: String,
    pub(super) form: Form,
    /// Of a default, all of it; else what the form needs, in the order in which it is written.
    pub(super) arguments: Vec<Argument>,
    /// Where it stands in the joined text.
    pub(super) range: Range<usize>,
}

/// What an operator works with.
#[derive(Debug)]
pub(super) enum Argument {
    /// Never empty.
    Text(String),
    Expression(Expression),
}

/// What is done with the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Plain,
    Length,
    Default,
    Substring,
    LowerFirst,
    LowerAll,
    UpperFirst,
    UpperAll,
    TrimPrefix(Extent),
    TrimSuffix(Extent),
    ReplaceFirst,
    ReplaceAll,
    ReplacePrefix,
    ReplaceSuffix,
}

/// Which of several matches is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    Shortest,
    Longest,
}

impl Expression {
    /// What stands in place of a value, expressions in it shortened to their names; `None` without any argument.
    pub(super) fn written_default(&self) -> Option<String> {
        let written = self.arguments.iter().map(|argument| match argument {
            Argument::Text(text) => text.clone(),
            Argument::Expression(inner) => format!("${{{}}}", inner.name),
        });
        (!self.arguments.is_empty()).then(|| written.collect())
    }

    /// Adds the names of its variable and of those inside of it.
    pub(super) fn collect_names<'e>(&'e self, names: &mut BTreeSet<&'e str>) {
        names.insert(&self.name);
        for argument in &self.arguments {
            if let Argument::Expression(inner) = argument {
                inner.collect_names(names);
            }
        }
    }
}
