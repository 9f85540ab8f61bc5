//! What can be wrong with a text, in words. Holds places and what the text itself says, never a value.

use std::fmt;

use super::parse::MAX_DEPTH;

/// What is wrong with a text, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvsubstError {
    /// The byte of the text where it is wrong; for what needs values to be found, the first byte of the expression.
    pub offset: usize,
    /// Its line, counted from 1.
    pub line: usize,
    /// Its column, counted in characters from 1.
    pub column: usize,
    /// What is wrong.
    pub fault: Fault,
}

/// What can be wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The text holds a NUL.
    Nul,
    /// `${` without a name.
    NoName,
    /// The text ends within an expression, which begins here.
    NotClosed,
    /// After the name comes this, which is not an operator or has no sound meaning.
    Operator(String),
    /// The operator needs a text or an expression here.
    NoArgument,
    /// Something stands where the expression must end.
    NoBrace,
    /// The pattern of a replacement must be followed by `/`, not by this.
    NoSlash,
    /// `/#x/` or `/%x/` with nothing to put there.
    NoReplacement,
    /// More than [`MAX_DEPTH`] expressions inside of each other.
    TooDeep,
    /// The position or the length is not a number.
    NotANumber,
    /// The length is negative.
    NegativeLength,
    /// The part begins or ends inside of a character.
    CutCharacter,
    /// The wildcards cannot be read.
    BadPattern,
}

impl fmt::Display for EnvsubstError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.fault)
    }
}

impl std::error::Error for EnvsubstError {}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::Nul => "the text holds a NUL",
            Fault::NoName => "`${` needs the name of a variable here; a `${` that is none is written `$${`",
            Fault::NotClosed => "this `${` has no `}`",
            Fault::Operator(found) => {
                return write!(
                    f,
                    "`{found}` cannot follow the name of a variable; a default is written `${{NAME:=default}}`",
                    found = found.escape_debug()
                );
            }
            Fault::NoArgument => "the operator needs a text or an expression here",
            Fault::NoBrace => "the expression must end here with `}`; only in defaults may texts and expressions be mixed",
            Fault::NoSlash => "the pattern of a replacement must end here with `/`, also when the replacement is empty",
            Fault::NoReplacement => "nothing to put here; a text is removed from the begin with `#` and from the end with `%`",
            Fault::TooDeep => return write!(f, "more than {MAX_DEPTH} expressions inside of each other"),
            Fault::NotANumber => "the position or the length is not a number",
            Fault::NegativeLength => "the length is negative",
            Fault::CutCharacter => "the part begins or ends inside of a character; positions count bytes",
            Fault::BadPattern => "the pattern cannot be read; after `%` it can hold neither `[…]` nor `\\` before a wildcard",
        })
    }
}
