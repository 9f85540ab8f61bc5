//! What stands between a YAML text and the crate that reads it: a text that ends without a line end, and the crate's words.
//! Knows texts only, no values.

use std::borrow::Cow;

/// The text as Terraform and kubectl read it: a block scalar that the end of the text cuts off has no line end of its own.
///
/// The crate adds one, so the scalar's header is told to strip it.
pub(crate) fn as_written(source: &str) -> Cow<'_, str> {
    if source.lines().last().is_none_or(|line| line.trim().is_empty()) || source.ends_with('\n') {
        return Cow::Borrowed(source);
    }
    // Of headers above each other the outermost counts: what stands below it is text.
    let mut header = None;
    let mut least = usize::MAX;
    let mut end = source.len();
    while least > 0 {
        let begin = source.get(..end).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1);
        let line = source.get(begin..end).unwrap_or_default();
        let indent = line.bytes().take_while(|byte| *byte == b' ').count();
        if !line.trim().is_empty() && indent < least {
            if least < usize::MAX
                && let Some(found) = block_header(line)
            {
                header = Some(Header { at: begin + found.at, ..found });
            }
            least = indent;
        }
        match begin.checked_sub(1) {
            Some(before) => end = before,
            None => break,
        }
    }
    let Some(Header { at, indent, len }) = header else { return Cow::Borrowed(source) };
    let (before, rest) = source.split_at(at);
    let (style, after) = (rest.get(..1).unwrap_or_default(), rest.get(len..).unwrap_or_default());
    Cow::Owned(format!("{before}{style}{}-{after}", indent.map(String::from).unwrap_or_default()))
}

/// `|` or `>` with what stands behind it.
struct Header {
    at: usize,
    indent: Option<char>,
    len: usize,
}

/// The header of a block scalar at the end of a line.
fn block_header(line: &str) -> Option<Header> {
    let line = line.find(" #").and_then(|comment| line.get(..comment)).unwrap_or(line).trim_end();
    if line.trim_start().starts_with('#') {
        return None;
    }
    let word = line.rsplit([' ', '\t']).next()?;
    let at = line.len() - word.len();
    let marks = word.strip_prefix(['|', '>'])?;
    if marks.len() > 2 || !marks.chars().all(|c| matches!(c, '+' | '-' | '1'..='9')) {
        return None;
    }
    let before = line.get(..at)?.trim_end();
    let last = before.rsplit([' ', '\t']).next().unwrap_or_default();
    let opens = last.is_empty() || last.ends_with(':') || matches!(last, "-" | "?" | "---") || last.starts_with(['!', '&']);
    opens.then(|| Header { at, indent: marks.chars().find(char::is_ascii_digit), len: word.len() })
}

/// What the crate complains of, if we have words of our own for it, which hold nothing of the text.
pub(crate) fn known_fault(error: &serde_saphyr::Error) -> Option<&'static str> {
    let lower = error.to_string().to_lowercase();
    KNOWN.iter().find(|(word, _)| lower.contains(word)).map(|(_, ours)| *ours)
}

/// Words of the crate's complaints, and ours for them.
const KNOWN: [(&str, &str); 5] = [
    ("duplicate", "a key stands twice"),
    ("budget", "the text is too large, or too deeply nested"),
    ("alias", "an alias leads nowhere, or is repeated too often"),
    ("polic", "a number that is infinite, none at all, or too large"),
    ("options", "the text uses something that is not supported here"),
];

/// The crate's complaint in words of ours, on one line, without any of the text that was read.
pub(crate) fn in_our_words(error: &serde_saphyr::Error) -> String {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    let ours = known_fault(error);
    let place = error.location().map(|location| format!("line {}, column {}: ", location.line(), location.column()));
    ours.map_or_else(|| first.to_owned(), |ours| format!("{}{ours}", place.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::as_written;

    #[test]
    fn only_the_last_block_scalar_is_told_to_strip() {
        for (text, want) in [
            ("a: |\n  x", "a: |-\n  x"),
            ("b: >\n  x\n  y", "b: >-\n  x\n  y"),
            ("a: |\n  x\nb: |2+ # c\n    y\n\n  z", "a: |\n  x\nb: |2- # c\n    y\n\n  z"),
            ("- |\n  key: >\n    x", "- |-\n  key: >\n    x"),
            ("a:\n  b: &t |\n    x", "a:\n  b: &t |-\n    x"),
        ] {
            assert_eq!(as_written(text), want);
        }
        for text in ["", "a: 1", "a: |\n  x\n", "a: |\n  x\n ", "a: |\n  x\nb: 1", "a: x |\n  y", "# |\n  a: 1", "a: |"] {
            assert_eq!(as_written(text), text);
        }
    }
}
