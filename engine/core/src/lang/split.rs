//! Cuts a file into its top-level attributes and blocks before any of them is parsed, so that a fault in one leaves the
//! others readable. Knows quotes, brackets, heredocs and comments, and nothing else of the grammar. What is never closed is
//! found here, because here the place where it was opened is known.

use std::borrow::Cow;
use std::ops::Range;

use crate::diag::{Code, Diagnostic, Diagnostics, FileId, Span};

/// A stretch of the file that holds one top-level attribute or block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub start: usize,
    pub end: usize,
}

/// A file in pieces.
pub(super) struct Split {
    /// The well-formed ones.
    pub pieces: Vec<Piece>,
    /// Where the others begin.
    pub broken: Vec<usize>,
    /// Digits of numbers that the parser's doubles cannot hold, as ranges of bytes.
    pub digits: Vec<Range<usize>>,
    /// What is wrong with the broken ones.
    pub diagnostics: Diagnostics,
}

/// The pieces of the text, and what is wrong with those that are not well-formed.
pub(super) fn split(file: FileId, text: &str) -> Split {
    let mut splitter = Splitter::new(file, text);
    splitter.run();
    let Splitter { pieces, broken_pieces, digits, diagnostics, .. } = splitter;
    Split { pieces, broken: broken_pieces, digits, diagnostics }
}

/// The text with a 0 for each of these digits: of the same length, so that every place in it stays the same.
pub(super) fn masked<'t>(text: &'t str, digits: &[Range<usize>]) -> Cow<'t, str> {
    if digits.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut masked = String::with_capacity(text.len());
    let mut at = 0;
    for stretch in digits {
        masked.push_str(text.get(at..stretch.start).unwrap_or_default());
        masked.extend(std::iter::repeat_n('0', stretch.len()));
        at = stretch.end;
    }
    masked.push_str(text.get(at..).unwrap_or_default());
    Cow::Owned(masked)
}

/// Whole digits that any double holds.
const SAFE_DIGITS: usize = 300;
/// Digits of an exponent that any double holds.
const SAFE_EXPONENT: usize = 2;

/// After how many blocks that are never closed the rest of a file is given up.
const MAX_RESTARTS: usize = 20;

/// What the scanner is inside of.
#[derive(Debug)]
enum Context {
    /// `{`, `[` or `(`, opened at that byte.
    Bracket { open: u8, at: usize },
    /// A quoted string, opened at that byte.
    Quote { at: usize },
    /// `${` or `%{` in a string or heredoc.
    Interpolation { at: usize },
    /// A heredoc, opened at that byte, up to a line that begins with the marker.
    Heredoc { at: usize, marker: (usize, usize) },
}

struct Splitter<'t> {
    file: FileId,
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    contexts: Vec<Context>,
    /// Where the present piece begins.
    begin: Option<usize>,
    /// Whether a fault of the present piece was already told.
    broken: bool,
    /// A bracket whose closing one stands further left than it: probably the one that was forgotten.
    suspect: Option<usize>,
    /// How often reading was begun anew behind something that was never closed.
    restarts: usize,
    pieces: Vec<Piece>,
    broken_pieces: Vec<usize>,
    digits: Vec<Range<usize>>,
    diagnostics: Diagnostics,
}

impl<'t> Splitter<'t> {
    fn new(file: FileId, text: &'t str) -> Splitter<'t> {
        Splitter {
            file,
            text,
            bytes: text.as_bytes(),
            at: 0,
            contexts: Vec::new(),
            begin: None,
            broken: false,
            suspect: None,
            restarts: 0,
            pieces: Vec::new(),
            broken_pieces: Vec::new(),
            digits: Vec::new(),
            diagnostics: Diagnostics::new(),
        }
    }

    fn run(&mut self) {
        loop {
            while let Some(byte) = self.peek(0) {
                match self.contexts.last() {
                    Some(Context::Quote { at }) => self.quote(byte, *at),
                    Some(Context::Heredoc { marker, .. }) => self.heredoc(byte, *marker),
                    Some(Context::Bracket { .. } | Context::Interpolation { .. }) | None => self.code(byte),
                }
            }
            self.at = self.bytes.len();
            if self.contexts.is_empty() {
                self.end_piece();
                return;
            }
            self.unclosed();
        }
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn starts_with(&self, word: &str) -> bool {
        self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes()))
    }

    fn code(&mut self, byte: u8) {
        match byte {
            b'\n' if self.contexts.is_empty() => self.end_piece(),
            b' ' | b'\t' | b'\r' | b'\n' => {}
            b'#' => return self.line_comment(),
            b'/' if self.peek(1) == Some(b'/') => return self.line_comment(),
            b'/' if self.peek(1) == Some(b'*') => return self.block_comment(),
            b'"' => self.open(Context::Quote { at: self.at }),
            b'{' | b'[' | b'(' => self.open(Context::Bracket { open: byte, at: self.at }),
            b'}' | b']' | b')' => self.close(byte),
            b'<' if self.peek(1) == Some(b'<') => return self.heredoc_start(),
            b'0'..=b'9' if !self.at.checked_sub(1).and_then(|at| self.bytes.get(at)).is_some_and(|byte| is_name_byte(*byte)) => {
                self.begin = self.begin.or(Some(self.at));
                return self.number();
            }
            _ => self.begin = self.begin.or(Some(self.at)),
        }
        self.at += 1;
    }

    /// A number: the lowering reads it from the text, whatever the parser makes of it.
    fn number(&mut self) {
        let whole = self.digits();
        if whole.len() > SAFE_DIGITS {
            self.digits.push(whole);
        }
        if self.peek(0) == Some(b'.') && self.peek(1).is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
            self.digits();
        }
        let sign = usize::from(matches!(self.peek(1), Some(b'+' | b'-')));
        if matches!(self.peek(0), Some(b'e' | b'E')) && self.peek(1 + sign).is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1 + sign;
            let exponent = self.digits();
            if exponent.len() > SAFE_EXPONENT {
                self.digits.push(exponent);
            }
        }
    }

    fn digits(&mut self) -> Range<usize> {
        let begin = self.at;
        while self.peek(0).is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        begin..self.at
    }

    fn open(&mut self, context: Context) {
        self.begin = self.begin.or(Some(self.at));
        self.contexts.push(context);
    }

    fn close(&mut self, byte: u8) {
        self.begin = self.begin.or(Some(self.at));
        match self.contexts.last() {
            None => {
                let what = char::from(byte);
                let diagnostic = Diagnostic::error(Code::UNEXPECTED_CLOSING, format!("unexpected `{what}`"))
                    .at(self.span(self.at, 1))
                    .detail("Nothing is open here that it could close.")
                    .hint("remove it, or look for an opening one that is missing above");
                self.fault(diagnostic);
            }
            Some(Context::Interpolation { .. }) if byte == b'}' => {
                self.contexts.pop();
            }
            Some(Context::Bracket { open, at }) if closing(*open) == byte => {
                let opened = *at;
                if byte == b'}' && self.stands_first(self.at) && self.indent(self.at) < self.indent(opened) {
                    self.suspect = self.suspect.or(Some(opened));
                }
                self.contexts.pop();
            }
            Some(Context::Bracket { open, at }) => {
                let (open, opened) = (*open, *at);
                let diagnostic = Diagnostic::error(
                    Code::UNCLOSED_BRACKET,
                    format!("`{}` where `{}` is needed", char::from(byte), char::from(closing(open))),
                )
                .at(self.span(self.at, 1))
                .related(self.span(opened, 1), format!("this `{}` is still open", char::from(open)))
                .hint(format!("write `{}` before it, or take it away", char::from(closing(open))));
                self.fault(diagnostic);
                self.contexts.pop();
                // The closing one belongs to something further out.
                if self.contexts.iter().any(|outer| matches!(outer, Context::Bracket { open, .. } if closing(*open) == byte)) {
                    self.close(byte);
                }
            }
            Some(Context::Interpolation { at }) => {
                let diagnostic = Diagnostic::error(Code::UNCLOSED_BRACKET, format!("`{}` inside an interpolation", char::from(byte)))
                    .at(self.span(self.at, 1))
                    .related(self.span(*at, 2), "the interpolation begins here")
                    .hint("an interpolation ends with `}`");
                self.fault(diagnostic);
            }
            Some(Context::Quote { .. } | Context::Heredoc { .. }) => {}
        }
    }

    fn quote(&mut self, byte: u8, opened: usize) {
        match byte {
            b'"' => {
                self.contexts.pop();
                self.at += 1;
            }
            b'\\' if self.peek(1) != Some(b'\n') => self.at += 2,
            b'\n' => {
                let line_end = self.at - opened;
                let diagnostic = Diagnostic::error(Code::UNTERMINATED_STRING, "a string has no closing quote")
                    .at(self.span(opened, line_end.max(1)))
                    .detail("A quoted string must end on the line where it begins.")
                    .hint("add `\"` at its end, write a line break as `\\n`, or use a heredoc (`<<-EOT`) for several lines");
                self.fault(diagnostic);
                self.contexts.pop();
                // The newline is looked at again, as the end of the line that it is.
            }
            _ => self.template_text(byte),
        }
    }

    fn heredoc(&mut self, byte: u8, marker: (usize, usize)) {
        if byte == b'\n' {
            self.at += 1;
            self.heredoc_line(marker);
        } else {
            self.template_text(byte);
        }
    }

    /// At the begin of a line of a heredoc: ends it when the line begins with the marker.
    fn heredoc_line(&mut self, marker: (usize, usize)) {
        let word = self.bytes.get(marker.0..marker.1).unwrap_or_default();
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let spaces = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let line = rest.get(spaces..).unwrap_or_default();
        if line.starts_with(word) && !line.get(word.len()).is_some_and(|byte| is_name_byte(*byte)) {
            self.contexts.pop();
            self.at += spaces + word.len();
        }
    }

    /// Text of a string or heredoc: only `${` and `%{` matter, and their doubled forms.
    fn template_text(&mut self, byte: u8) {
        if matches!(byte, b'$' | b'%') {
            if self.peek(1) == Some(byte) && self.peek(2) == Some(b'{') {
                self.at += 3;
                return;
            }
            if self.peek(1) == Some(b'{') {
                self.contexts.push(Context::Interpolation { at: self.at });
                self.at += 2;
                return;
            }
        }
        self.at += 1;
    }

    fn heredoc_start(&mut self) {
        self.begin = self.begin.or(Some(self.at));
        let opened = self.at;
        self.at += 2;
        if self.peek(0) == Some(b'-') {
            self.at += 1;
        }
        let from = self.at;
        while self.peek(0).is_some_and(is_name_byte) {
            self.at += 1;
        }
        let marker = (from, self.at);
        if self.peek(0) == Some(b'\r') {
            self.at += 1;
        }
        // Anything but a line end after the marker is left to the parser to complain about.
        if marker.0 < marker.1 && self.peek(0) == Some(b'\n') {
            self.at += 1;
            self.contexts.push(Context::Heredoc { at: opened, marker });
            self.heredoc_line(marker);
        }
    }

    fn line_comment(&mut self) {
        while self.peek(0).is_some_and(|byte| byte != b'\n') {
            self.at += 1;
        }
    }

    fn block_comment(&mut self) {
        let opened = self.at;
        self.at += 2;
        while self.at < self.bytes.len() {
            if self.starts_with("*/") {
                self.at += 2;
                return;
            }
            self.at += 1;
        }
        let diagnostic =
            Diagnostic::error(Code::UNTERMINATED_COMMENT, "a comment is never closed").at(self.span(opened, 2)).hint("end it with `*/`");
        self.fault(diagnostic);
        self.contexts.clear();
    }

    /// The file has ended inside of something: says so once, and goes on at the next line that looks like a top-level block.
    fn unclosed(&mut self) {
        let diagnostic = match (self.contexts.last(), self.contexts.first()) {
            (Some(Context::Heredoc { at, marker }), _) => {
                let word = self.text.get(marker.0..marker.1).unwrap_or_default();
                Diagnostic::error(Code::UNTERMINATED_HEREDOC, format!("a heredoc is never closed by `{word}`"))
                    .at(self.span(*at, marker.1 - at))
                    .hint(format!("put `{word}` on a line of its own after the text"))
            }
            (Some(Context::Quote { at }), _) => Diagnostic::error(Code::UNTERMINATED_STRING, "a string has no closing quote")
                .at(self.span(*at, 1))
                .hint("add `\"` at its end"),
            (Some(Context::Interpolation { at }), _) => Diagnostic::error(Code::UNCLOSED_BRACKET, "an interpolation is never closed")
                .at(self.span(*at, 2))
                .hint("add `}` at its end; write `$${` or `%%{` for the characters themselves"),
            (Some(Context::Bracket { open: inner, at: inner_at }), outer) => {
                // Blocks in blocks: the outermost is the one that the file ends in. Inside a string it is the innermost.
                let (open, at) = match (self.suspect, outer) {
                    (Some(suspect), _) => (b'{', suspect),
                    (None, Some(Context::Bracket { open, at })) => (*open, *at),
                    (None, _) => (*inner, *inner_at),
                };
                let diagnostic = Diagnostic::error(Code::UNCLOSED_BRACKET, format!("`{}` is never closed", char::from(open)))
                    .at(self.span(at, 1))
                    .hint(format!("add `{}`", char::from(closing(open))));
                if self.suspect.is_some() {
                    diagnostic.detail("The indentation says that it is this one; the file ends before all are closed.")
                } else {
                    diagnostic
                }
            }
            (None, _) => return,
        };
        let opened = match self.contexts.last() {
            Some(Context::Heredoc { at, .. } | Context::Quote { at } | Context::Interpolation { at }) => *at,
            _ => self.begin.unwrap_or(0),
        };
        self.fault(diagnostic);
        self.contexts.clear();
        self.suspect = None;
        self.end_piece();
        // Each new start reads to the end of the file again.
        self.restarts += 1;
        self.at = if self.restarts < MAX_RESTARTS { self.next_header(opened) } else { self.bytes.len() };
    }

    /// The begin of the next line after `from` that looks like the header of a top-level block, or the end of the text.
    fn next_header(&self, from: usize) -> usize {
        let mut line_start = from;
        while let Some(newline) = self.bytes.get(line_start..).and_then(|rest| rest.iter().position(|byte| *byte == b'\n')) {
            line_start += newline + 1;
            let rest = self.text.get(line_start..).unwrap_or_default();
            let line = rest.lines().next().unwrap_or_default().trim_end();
            let word = line.bytes().take_while(|byte| is_name_byte(*byte)).count();
            let after = line.get(word..).unwrap_or_default();
            if word > 0 && after.starts_with([' ', '{']) && (line.ends_with('{') || line.ends_with('}')) && !after.contains('=') {
                return line_start;
            }
        }
        self.bytes.len()
    }

    fn end_piece(&mut self) {
        let start = self.begin.take();
        if self.broken {
            self.broken_pieces.extend(start);
        } else if let Some(start) = start {
            // A carriage return alone is no line end to the parser.
            let end = if self.at > start && self.bytes.get(self.at - 1) == Some(&b'\r') { self.at - 1 } else { self.at };
            self.pieces.push(Piece { start, end });
        }
        self.broken = false;
        self.suspect = None;
    }

    /// One fault per piece.
    fn fault(&mut self, diagnostic: Diagnostic) {
        if !self.broken {
            self.diagnostics.push(diagnostic);
        }
        self.broken = true;
    }

    fn span(&self, start: usize, len: usize) -> Span {
        super::span_of(self.file, start, len)
    }

    fn indent(&self, at: usize) -> usize {
        let start = self.line_start(at);
        self.bytes.get(start..).unwrap_or_default().iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count()
    }

    fn stands_first(&self, at: usize) -> bool {
        self.line_start(at) + self.indent(at) == at
    }

    fn line_start(&self, at: usize) -> usize {
        self.bytes.get(..at).and_then(|before| before.iter().rposition(|byte| *byte == b'\n')).map_or(0, |newline| newline + 1)
    }
}

fn closing(open: u8) -> u8 {
    match open {
        b'{' => b'}',
        b'[' => b']',
        _ => b')',
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-' || byte >= 0x80
}
