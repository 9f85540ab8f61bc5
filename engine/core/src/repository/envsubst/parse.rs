//! Reads expressions. Knows how the dialect is written; must not know values.

use super::evaluate::literal_fault;
use super::expression::{Argument, Expression, Extent, Form, Piece};
use super::fault::Fault;
use super::source::Misplaced;

/// How many expressions may stand inside of each other.
pub const MAX_DEPTH: usize = 64;

/// The pieces of a text without blanks around names.
///
/// # Errors
/// The first fault that the text has with whatever values.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece>, Misplaced> {
    Parser { text, rest: text }.pieces()
}

/// What may follow the name, what begins with another one before that one.
const OPERATORS: [(&str, Form); 16] = [
    (":=", Form::Default),
    (":-", Form::Default),
    (":", Form::Substring),
    ("=", Form::Default),
    (",,", Form::LowerAll),
    (",", Form::LowerFirst),
    ("^^", Form::UpperAll),
    ("^", Form::UpperFirst),
    ("//", Form::ReplaceAll),
    ("/#", Form::ReplacePrefix),
    ("/%", Form::ReplaceSuffix),
    ("/", Form::ReplaceFirst),
    ("##", Form::TrimPrefix(Extent::Longest)),
    ("#", Form::TrimPrefix(Extent::Shortest)),
    ("%%", Form::TrimSuffix(Extent::Longest)),
    ("%", Form::TrimSuffix(Extent::Shortest)),
];

/// What would be taken for one of the operators, and is not meant as that.
const REFUSED: [&str; 4] = [":?", ":+", ",^", "^,"];

/// Reads from left to right.
struct Parser<'s> {
    text: &'s str,
    rest: &'s str,
}

/// Characters that have another meaning after themselves or a backslash in replacements.
const ESCAPES: [&str; 3] = ["$$", "\\/", "\\\\"];

impl Parser<'_> {
    fn pieces(mut self) -> Result<Vec<Piece>, Misplaced> {
        let mut pieces = Vec::new();
        let mut text = String::new();
        while let Some((before, after)) = self.rest.split_once('$') {
            text.push_str(before);
            self.rest = after;
            if self.eat("{") {
                pieces.push(Piece::Text(std::mem::take(&mut text)));
                pieces.push(Piece::Expression(self.expression(1)?));
            } else {
                self.eat("$");
                text.push('$');
            }
        }
        text.push_str(self.rest);
        pieces.push(Piece::Text(text));
        Ok(pieces)
    }

    /// The expression whose `${` was just read.
    fn expression(&mut self, depth: usize) -> Result<Expression, Misplaced> {
        let start = self.offset().saturating_sub(2);
        if depth > MAX_DEPTH {
            return Err(Misplaced { at: start, fault: Fault::TooDeep });
        }
        let (name, form) = if self.eat("#") { (self.name(start)?, Form::Length) } else { (self.name(start)?, self.form(start)?) };
        let arguments = match form {
            Form::Plain | Form::Length | Form::LowerFirst | Form::LowerAll | Form::UpperFirst | Form::UpperAll => Vec::new(),
            Form::Default => self.default(start, depth)?,
            Form::Substring => self.position(start, depth)?,
            Form::TrimPrefix(_) | Form::TrimSuffix(_) => vec![self.argument(&['}'], &[], start, depth)?],
            Form::ReplaceFirst | Form::ReplaceAll => self.replacement(start, depth)?,
            Form::ReplacePrefix | Form::ReplaceSuffix => {
                let arguments = self.replacement(start, depth)?;
                if arguments.len() < 2 {
                    return Err(self.fault(Fault::NoReplacement, start));
                }
                arguments
            }
        };
        if !self.eat("}") {
            return Err(self.fault(Fault::NoBrace, start));
        }
        match literal_fault(form, &arguments) {
            Some(fault) => Err(Misplaced { at: start, fault }),
            None => Ok(Expression { name, form, arguments, range: start..self.offset() }),
        }
    }

    fn name(&mut self, start: usize) -> Result<String, Misplaced> {
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at_checked(end).unwrap_or_default();
        if name.is_empty() {
            return Err(self.fault(Fault::NoName, start));
        }
        self.rest = rest;
        Ok(name.to_owned())
    }

    fn form(&mut self, start: usize) -> Result<Form, Misplaced> {
        if self.rest.starts_with('}') {
            return Ok(Form::Plain);
        }
        if let Some(refused) = REFUSED.iter().find(|refused| self.rest.starts_with(**refused)) {
            return Err(self.fault(Fault::Operator((*refused).to_owned()), start));
        }
        match OPERATORS.iter().find(|(operator, _)| self.eat(operator)) {
            Some((_, form)) => Ok(*form),
            None => Err(self.fault(Fault::Operator(self.rest.chars().take(1).collect()), start)),
        }
    }

    fn default(&mut self, start: usize, depth: usize) -> Result<Vec<Argument>, Misplaced> {
        let mut arguments = Vec::new();
        while !self.rest.starts_with('}') {
            arguments.push(self.argument(&['}'], &[], start, depth)?);
        }
        Ok(arguments)
    }

    fn position(&mut self, start: usize, depth: usize) -> Result<Vec<Argument>, Misplaced> {
        let mut arguments = vec![self.argument(&[':', '}'], &[], start, depth)?];
        if self.eat_all(':') {
            arguments.push(self.argument(&['}'], &[], start, depth)?);
        }
        Ok(arguments)
    }

    fn replacement(&mut self, start: usize, depth: usize) -> Result<Vec<Argument>, Misplaced> {
        let mut arguments = vec![self.argument(&['/', '}'], &ESCAPES, start, depth)?];
        // All of them: a replacement that begins with a slash must have it escaped.
        if !self.eat_all('/') {
            return Err(self.fault(Fault::NoSlash, start));
        }
        if !self.rest.starts_with('}') {
            arguments.push(self.argument(&['}'], &ESCAPES, start, depth)?);
        }
        Ok(arguments)
    }

    /// An expression, or the text up to one of these ends or the next expression. Of an escape only the second character counts.
    fn argument(&mut self, ends: &[char], escapes: &[&str], start: usize, depth: usize) -> Result<Argument, Misplaced> {
        if self.eat("${") {
            return Ok(Argument::Expression(self.expression(depth + 1)?));
        }
        let mut text = String::new();
        while !self.rest.starts_with(ends) && !self.rest.starts_with("${") {
            let is_escape = escapes.iter().any(|escape| self.rest.starts_with(escape));
            let mut characters = self.rest.chars();
            let Some(next) = characters.nth(usize::from(is_escape)) else { break };
            text.push(next);
            self.rest = characters.as_str();
        }
        if text.is_empty() { Err(self.fault(Fault::NoArgument, start)) } else { Ok(Argument::Text(text)) }
    }

    fn eat(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn eat_all(&mut self, character: char) -> bool {
        let rest = self.rest.trim_start_matches(character);
        let is_there = rest.len() < self.rest.len();
        self.rest = rest;
        is_there
    }

    fn offset(&self) -> usize {
        self.text.len() - self.rest.len()
    }

    /// A fault at the present place, unless nothing follows: then the expression that began at `start` is not closed.
    fn fault(&self, fault: Fault, start: usize) -> Misplaced {
        if self.rest.is_empty() { Misplaced { at: start, fault: Fault::NotClosed } } else { Misplaced { at: self.offset(), fault } }
    }
}
