//! Line diff of texts with several lines, changed words marked, for plan, show and drift. Never given a secret.

use std::time::Duration;

use similar::{ChangeTag, TextDiff};

/// How long a better diff is searched before a plainer one is given.
const SEARCH: Duration = Duration::from_millis(200);

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    /// In both texts.
    Same,
    /// Only before.
    Removed,
    /// Only after.
    Added,
    /// Lines that are the same are left out here.
    Skipped,
}

/// One line of a diff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffLine {
    /// What it is.
    pub kind: LineKind,
    /// Its text in pieces without the line feed; `true`: this piece changed within the line.
    pub pieces: Vec<(bool, String)>,
}

/// The lines that changed, each with up to `context` lines around it.
pub fn line_diff(before: &str, after: &str, context: usize) -> Vec<DiffLine> {
    let diff = TextDiff::configure().timeout(SEARCH).diff_lines(before, after);
    let mut lines = Vec::new();
    let mut shown = 0;
    for group in diff.grouped_ops(context) {
        let start = group.first().map_or(0, |op| op.old_range().start);
        if start > shown {
            lines.push(DiffLine { kind: LineKind::Skipped, pieces: vec![(false, format!("({} unchanged lines)", start - shown))] });
        }
        for op in &group {
            shown = op.old_range().end;
            for change in diff.iter_inline_changes(op) {
                let kind = match change.tag() {
                    ChangeTag::Equal => LineKind::Same,
                    ChangeTag::Delete => LineKind::Removed,
                    ChangeTag::Insert => LineKind::Added,
                };
                let pieces = change.iter_strings_lossy().map(|(changed, text)| (changed, text.trim_end_matches(['\r', '\n']).to_owned()));
                lines.push(DiffLine { kind, pieces: pieces.filter(|(_, text)| !text.is_empty()).collect() });
            }
        }
    }
    let total = before.lines().count();
    if total > shown && !lines.is_empty() {
        lines.push(DiffLine { kind: LineKind::Skipped, pieces: vec![(false, format!("({} unchanged lines)", total - shown))] });
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(before: &str, after: &str) -> Vec<String> {
        let line = |line: DiffLine| {
            let sign = match line.kind {
                LineKind::Same => ' ',
                LineKind::Removed => '-',
                LineKind::Added => '+',
                LineKind::Skipped => '~',
            };
            let pieces = line.pieces.into_iter().map(|(changed, text)| if changed { format!("<{text}>") } else { text });
            format!("{sign}{}", pieces.collect::<String>())
        };
        line_diff(before, after, 1).into_iter().map(line).collect()
    }

    #[test]
    fn changed_words_are_marked() {
        let before = "one\ntwo\nport = 80 here\nfour\nfive\n";
        let after = "one\ntwo\nport = 8080 here\nfour\nfive\n";
        assert_eq!(
            shown(before, after),
            ["~(1 unchanged lines)", " two", "-port = <80> here", "+port = <8080> here", " four", "~(1 unchanged lines)"]
        );
        assert_eq!(shown("a\n", "a\n"), Vec::<String>::new());
        assert_eq!(shown("", "a\n"), ["+a"]);
    }

    #[test]
    fn a_large_text_is_no_matter() {
        let before: String = (0..20_000).map(|i| format!("line {i}\n")).collect();
        let after: String = (0..20_000).rev().map(|i| format!("line {i}\n")).collect();
        assert!(!line_diff(&before, &after, 3).is_empty());
    }
}
