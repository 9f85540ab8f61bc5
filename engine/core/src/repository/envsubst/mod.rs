//! Variables in the texts of provider components, in clusterctl's dialect: its `SimpleProcessor` over `github.com/drone/envsubst`. Knows
//! text alone: not YAML, not where values come from, not which of them are secret, so no fault ever holds a value.
//!
//! | form | gives |
//! |---|---|
//! | `${A}`, `${ A }` | the value |
//! | `${A:=d}`, `${A:-d}`, `${A=d}` | the value, or `d` when it is empty or there is none; `d` may hold any number of expressions |
//! | `${#A}` | its length in bytes |
//! | `${A^}`, `${A^^}`, `${A,}`, `${A,,}` | the first letter, or all of them, in upper or lower case |
//! | `${A#p}`, `${A##p}`, `${A%p}`, `${A%%p}` | without the shortest (longest) begin or end of at least one character that matches the wildcards `p` |
//! | `${A/x/y}`, `${A//x/y}`, `${A/#x/y}`, `${A/%x/y}` | the first, every, the leading, the trailing text `x` replaced by `y` |
//! | `${A:position}`, `${A:position:length}` | a part, in bytes; a negative position (from an expression, as `:-` is a default) counts from the end |
//!
//! `p`, `x`, `y`, `position` and `length` are a text or one expression, not a mixture. `$$` is a `$` outside of expressions and in `x` and
//! `y`, where `\/` and `\\` are `/` and `\` too; a `y` that begins with a slash needs that, or loses it. Every other `$` (as in `$A`) stands
//! for itself. Values are inserted as they are and not read again.
//!
//! A variable is **missing** when it has no value and the first expression of it that is not inside of another one has no argument: so
//! `${A}` and `${A:=}` need a value, `${A:=d}` does not, but neither does `${A/x/y}`, nor `${A}` after `${A:=d}`, nor `${B}` in `${A:=${B}}`;
//! these give nothing. That is clusterctl's rule, kept because components are tested with it; [`Substituted::blank`](template::Substituted::blank) names the last three.
//!
//! What clusterctl takes and turns into something that nobody meant is a [`Fault`](fault::Fault) here:
//! - `:?` and `:+`, which it takes for `:-`, and `^,` and `,^`, which it ignores;
//! - `/#x/` and `/%x/` without a text to put there, and patterns that are not well-formed (in `%p` also every `[a-z]` and most uses of
//!   `\`, as it reads them backwards), all of which leave the value unchanged;
//! - a `}` in the pattern of a replacement: it would look for the missing `/` in the rest of the file;
//! - a position or length that is not a number (the value unchanged), a negative length (clusterctl crashes), a part that cuts a character;
//! - a NUL (the text ends there), and more than [`MAX_DEPTH`](parse::MAX_DEPTH) expressions inside of each other.
//!
//! Arguments without expressions are judged with the text, whether or not the expression is needed.
//!
//! Three things differ outside of ASCII: names may hold some more characters, wildcards count characters and not bytes, and letters
//! whose other case is several letters stay as they are.

mod evaluate;
mod expression;
mod fault;
mod parse;
mod source;
mod template;
mod wildcards;

#[cfg(test)]
mod tests;

pub use template::Template;
