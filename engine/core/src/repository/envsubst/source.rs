//! The text as it is and as it is read, and places in both. Knows the blanks of `${ A }` and nothing else of the dialect.

use std::ops::Range;

use super::fault::{EnvsubstError, Fault};

/// The text as it is, and with the blanks of `${ A }` taken out.
#[derive(Debug)]
pub(super) struct Source<'t> {
    text: &'t str,
    /// What the parser reads.
    pub(super) joined: String,
    /// For each place of `joined` before which bytes were taken out: how many up to there.
    removed: Vec<(usize, usize)>,
}

/// Where in the joined text something is wrong.
pub(super) struct Misplaced {
    pub(super) at: usize,
    pub(super) fault: Fault,
}

/// What a blank is to clusterctl's regular expression.
const BLANKS: [char; 5] = [' ', '\t', '\n', '\r', '\u{c}'];

impl<'t> Source<'t> {
    /// Takes out blanks wherever `${ A }` stands, escaped or not, before anything else is looked at: that is clusterctl's order.
    pub(super) fn new(text: &'t str) -> Source<'t> {
        let mut joined = String::with_capacity(text.len());
        let mut removed: Vec<(usize, usize)> = Vec::new();
        let mut remove = |at: usize, bytes: usize| removed.push((at, removed.last().map_or(0, |(_, sum)| *sum) + bytes));
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            joined.push_str(before);
            joined.push_str("${");
            rest = after;
            if let Some((leading, name, trailing)) = blank_name(after) {
                remove(joined.len(), leading);
                joined.push_str(name);
                remove(joined.len(), trailing);
                rest = after.get(leading + name.len() + trailing..).unwrap_or_default();
            }
        }
        joined.push_str(rest);
        Source { text, joined, removed }
    }

    fn original_offset(&self, at: usize) -> usize {
        let before = self.removed.partition_point(|(place, _)| *place <= at);
        at + before.checked_sub(1).and_then(|last| self.removed.get(last)).map_or(0, |(_, sum)| *sum)
    }

    /// The text of a stretch of the joined text as it was before.
    pub(super) fn original(&self, range: &Range<usize>) -> &'t str {
        self.text.get(self.original_offset(range.start)..self.original_offset(range.end)).unwrap_or_default()
    }

    /// The error at a place of the joined text.
    pub(super) fn error(&self, Misplaced { at, fault }: Misplaced) -> EnvsubstError {
        self.error_at(self.original_offset(at), fault)
    }

    /// The error at a place of the text as it was before.
    pub(super) fn error_at(&self, offset: usize, fault: Fault) -> EnvsubstError {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let in_line = before.rsplit('\n').next().unwrap_or(before);
        EnvsubstError { offset, line: before.matches('\n').count() + 1, column: in_line.chars().count() + 1, fault }
    }
}

/// The name after a `${` that is followed by nothing but its `}`, with the lengths of the blanks around it, of which there are some.
fn blank_name(after: &str) -> Option<(usize, &str, usize)> {
    let name = after.trim_start_matches(BLANKS);
    let leading = after.len() - name.len();
    let length = name.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$')).count();
    let (name, end) = name.split_at_checked(length)?;
    let brace = end.trim_start_matches(BLANKS);
    let trailing = end.len() - brace.len();
    (!name.is_empty() && leading + trailing > 0 && brace.starts_with('}')).then_some((leading, name, trailing))
}
