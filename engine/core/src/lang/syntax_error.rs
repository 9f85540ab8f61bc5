//! Turns what the parser says into what a person can use. Knows the parser's messages; must not look at meaning.

use hcl_edit::parser::Error;

use super::span_of;
use crate::diag::{Code, Diagnostic, FileId};

/// The diagnostic for a syntax error in `source`, which begins at byte `offset` of the file.
pub(super) fn translate(error: &Error, file: FileId, source: &str, offset: usize) -> Diagnostic {
    // At the end of the text the parser counts the last byte, be it inside of a character.
    let at = floor_char(source, error.location().offset().min(source.len()));
    // Here the parser has already taken the character that it did not want.
    let at = if error.message().contains("object value assignment") { floor_char(source, at.saturating_sub(1)) } else { at };
    let blanks = source.get(at..).unwrap_or_default().bytes().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let at = at + blanks;
    let rest = source.get(at..).unwrap_or_default();
    let message = error.message();
    let token = token_at(rest);
    let span = span_of(file, offset + at, token.len().max(1).min(rest.len()));
    if message.contains("redefined attribute") {
        return Diagnostic::error(Code::DUPLICATE_ATTRIBUTE, format!("`{token}` is set twice")).at(span).hint("keep one of the two");
    }
    if message.contains("redefined object key") {
        let key = rest.find(['=', ':', '\n']).and_then(|end| rest.get(..end)).map_or(token, str::trim_end);
        return Diagnostic::error(Code::DUPLICATE_KEY, format!("the key `{key}` stands twice in the object"))
            .at(span_of(file, offset + at, key.len().max(1).min(rest.len())))
            .hint("keep one of the two");
    }
    if message.contains("nested levels") || message.contains("nesting depth") {
        return Diagnostic::error(Code::NESTING_TOO_DEEP, "nested too deeply")
            .at(span)
            .detail("Expressions and blocks may be nested 64 levels deep.")
            .hint("give an inner part a name in a `locals` block");
    }
    if message.contains("operator") && message.contains("at most") {
        return Diagnostic::error(Code::NESTING_TOO_DEEP, "too many operators in one expression")
            .at(span)
            .detail("An expression may chain 128 operators.")
            .hint("use `sum`, `alltrue`, `anytrue` or `join` on a list, or name a part in a `locals` block");
    }
    if message.contains("escape sequence") || message.contains("hex code") {
        let backslash = source.get(..at).and_then(|before| before.rfind('\\')).unwrap_or(at);
        let len = source.get(backslash..).unwrap_or_default().chars().take(2).map(char::len_utf8).sum();
        return Diagnostic::error(Code::INVALID_ESCAPE, "a backslash sequence that does not exist")
            .at(span_of(file, offset + backslash, len))
            .hint("the sequences are \\n \\r \\t \\\" \\\\ \\uXXXX and \\UXXXXXXXX; write a backslash as \\\\");
    }
    if is_exponent(token, source.get(..at).unwrap_or_default()) {
        return Diagnostic::error(Code::NUMBER_RANGE, "a number too large or too small to be written this way")
            .at(span)
            .hint("write it as `tonumber(\"…\")`");
    }
    let (expected, hint) = explain(message, source, at, token);
    let summary = if rest.is_empty() {
        "the text ends too early".to_owned()
    } else if token == "\n" {
        "the line ends too early".to_owned()
    } else {
        format!("unexpected `{token}`")
    };
    let mut diagnostic = Diagnostic::error(Code::SYNTAX, summary).at(span).detail(expected);
    diagnostic.hint = hint;
    diagnostic
}

fn explain(message: &str, source: &str, at: usize, token: &str) -> (String, Option<String>) {
    let before = source.get(..at).unwrap_or_default().trim_end_matches([' ', '\t']);
    if token.starts_with('\'') {
        return (String::new(), Some("strings stand in double quotes".into()));
    }
    if token == ";" {
        return (String::new(), Some("end the line instead of writing `;`".into()));
    }
    if message.contains("invalid structure") {
        let hint = Some(if token == ":" {
            "write `=` between name and value"
        } else {
            "write `name = value`, or `name {` and a `}` after its content"
        });
        let hint = hint.map(str::to_owned);
        return ("After a name comes `= value` for an attribute, or labels and `{` for a block.".into(), hint);
    }
    if message.contains("invalid expression") {
        let what = if before.ends_with('=') { "A value is missing after `=`." } else { "A value is expected here." };
        return (what.into(), Some("write a value: `\"text\"`, `3`, `[a, b]`, `{ a = 1 }` or a reference such as `local.name`".into()));
    }
    if message.contains("newline") && message.contains("eof") {
        let hint = match token {
            "{" => Some("a block has no `=` before its `{`; an object as a value needs one".to_owned()),
            "=" => Some("a comparison is written `==`".to_owned()),
            _ => Some("begin a new line before it".to_owned()),
        };
        return ("The attribute or block is complete; the next one needs a line of its own.".into(), hint);
    }
    if message.contains("invalid object item") {
        return ("Entries of an object are separated by a comma or a new line.".into(), Some("put a comma or a new line before it".into()));
    }
    if message.contains("invalid object value assignment") {
        return ("A key of an object is followed by `=` and a value.".into(), Some("write `key = value`".into()));
    }
    if message.contains("invalid block body") {
        return (
            "A block that stands on one line holds at most one attribute; else each stands on its own line.".into(),
            Some("put each attribute on a line of its own".into()),
        );
    }
    if message.contains("invalid traversal operator") {
        return (
            "After `.` comes the name of an attribute, a number or `*`.".into(),
            Some("write `value.name`, `value[0]` or `value[*]`".into()),
        );
    }
    if message.contains("expected `]`") {
        return (
            "Elements are separated by commas, and the list ends with `]`.".into(),
            Some("put a comma before it, or `]` if the list ends here".into()),
        );
    }
    if message.contains("`)`") {
        return (
            "Arguments are separated by commas, and the call ends with `)`.".into(),
            Some("put a comma before it, or `)` if the call ends here".into()),
        );
    }
    if message.contains("heredoc end delimiter") {
        return ("The marker that ends the heredoc is missing.".into(), Some("put the marker on a line of its own after the text".into()));
    }
    if message.contains("endif") || message.contains("endfor") {
        return (
            "A template directive `%{ if … }` or `%{ for … }` needs its `%{ endif }` or `%{ endfor }`.".into(),
            Some("write it after what the directive is about".into()),
        );
    }
    if message == "unexpected token" {
        let last = source.get(at + token.len()..).is_some_and(|rest| rest.trim().is_empty());
        let operator = ["+", "-", "*", "/", "%", "=", "!", "<", ">", "&", "|", "?"].contains(&token);
        let missing = if last && operator { "A value is missing after it." } else { "" };
        let hint = if missing.is_empty() {
            format!("take the `{token}` away, or write what is missing before it")
        } else {
            "write a value after it".to_owned()
        };
        return (missing.into(), Some(hint));
    }
    (format!("The parser says: {message}."), None)
}

/// The begin of the character that byte `at` belongs to.
fn floor_char(source: &str, mut at: usize) -> usize {
    while !source.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Whether the token is the exponent of a number that stands before it: the parser stops there when it cannot hold the number.
fn is_exponent(token: &str, before: &str) -> bool {
    let digits = token.strip_prefix(['e', 'E']).map(|rest| rest.trim_start_matches('-'));
    digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
        && before.ends_with(|c: char| c.is_ascii_digit())
}

/// The word or character that stands first, for the message.
fn token_at(rest: &str) -> &str {
    let word = rest.char_indices().take_while(|(_, c)| c.is_alphanumeric() || matches!(c, '_' | '-')).last();
    let len = match (word, rest.chars().next()) {
        (Some((at, c)), _) => at + c.len_utf8(),
        (None, Some('\r')) if rest.starts_with("\r\n") => return "\n",
        (None, Some(c)) => c.len_utf8(),
        (None, None) => 0,
    };
    rest.get(..len).unwrap_or_default()
}
