//! Lowers templates: escapes, strip markers and the indentation of `<<-`, done on the source text token by token as
//! Terraform does, because all three look across interpolations and directives.

use hcl_edit::Span as _;
use hcl_edit::template::{self as cst, Directive, Element, StringTemplate, Strip};

use super::ir::{ExprKind, Part, Template};
use super::lower::Lowering;
use crate::diag::{Code, Diagnostic};
use crate::value::Value;

/// How the text between interpolations is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// Between quotes: backslash sequences.
    Quoted,
    /// In a heredoc: one token per line.
    Heredoc,
    /// A file: no sequences, whole tokens.
    Bare,
}

/// A token of the flat template.
enum Token {
    Text(String),
    /// An interpolation or one of the marks of a directive, and whether it eats the blanks before and after it.
    Mark {
        trims_before: bool,
        trims_after: bool,
    },
}

impl<'s> Lowering<'s> {
    pub(super) fn quoted_template(&mut self, template: &StringTemplate) -> ExprKind {
        let elements: Vec<&Element> = template.iter().collect();
        self.template(&elements, Style::Quoted, false)
    }

    pub(super) fn heredoc(&mut self, heredoc: &cst::HeredocTemplate) -> ExprKind {
        let elements: Vec<&Element> = heredoc.template.iter().collect();
        self.template(&elements, Style::Heredoc, heredoc.indent().is_some())
    }

    pub(super) fn bare_template(&mut self, template: &cst::Template) -> Template {
        let elements: Vec<&Element> = template.iter().collect();
        match self.template(&elements, Style::Bare, false) {
            ExprKind::Template(template) => *template,
            ExprKind::Literal(value) => {
                let text = value.as_str().unwrap_or_default().into();
                Template { parts: vec![Part::Text(text)], passes_through: false }
            }
            _ => Template { parts: Vec::new(), passes_through: false },
        }
    }

    fn template(&mut self, elements: &[&Element], style: Style, dedents: bool) -> ExprKind {
        let mut tokens = Vec::new();
        self.tokens(elements.iter().copied(), style, &mut tokens);
        strip(&mut tokens);
        if dedents {
            dedent(&mut tokens);
        }
        let mut texts = tokens.into_iter().filter_map(|token| match token {
            Token::Text(text) => Some(text),
            Token::Mark { .. } => None,
        });
        let parts = self.parts(elements.iter().copied(), style, &mut texts);
        if parts.iter().all(|part| matches!(part, Part::Text(_))) {
            let text: String = parts.iter().map(|part| if let Part::Text(text) = part { text } else { "" }).collect();
            return ExprKind::Literal(Value::string(text));
        }
        let passes_through = style != Style::Heredoc && matches!(parts.as_slice(), [Part::Interpolation(_)]);
        ExprKind::Template(Box::new(Template { parts, passes_through }))
    }

    /// First pass: the tokens in the order of the source.
    fn tokens<'e>(&mut self, elements: impl Iterator<Item = &'e Element>, style: Style, tokens: &mut Vec<Token>) {
        for element in elements {
            match element {
                Element::Literal(literal) => {
                    let start = literal.span().map_or(0, |range| range.start);
                    let raw = self.slice(literal.span());
                    match style {
                        Style::Quoted => tokens.push(Token::Text(self.unescape(raw, start))),
                        Style::Bare => tokens.push(Token::Text(unescape_markers(raw))),
                        Style::Heredoc => {
                            tokens.extend(raw.split_inclusive('\n').map(|line| Token::Text(unescape_markers(line))));
                        }
                    }
                }
                Element::Interpolation(interpolation) => tokens.push(mark(interpolation.strip)),
                Element::Directive(directive) => match &**directive {
                    Directive::If(directive) => {
                        tokens.push(mark(directive.if_expr.strip));
                        self.tokens(directive.if_expr.template.iter(), style, tokens);
                        if let Some(otherwise) = &directive.else_expr {
                            tokens.push(mark(otherwise.strip));
                            self.tokens(otherwise.template.iter(), style, tokens);
                        }
                        tokens.push(mark(directive.endif_expr.strip));
                    }
                    Directive::For(directive) => {
                        tokens.push(mark(directive.for_expr.strip));
                        self.tokens(directive.for_expr.template.iter(), style, tokens);
                        tokens.push(mark(directive.endfor_expr.strip));
                    }
                },
            }
        }
    }

    /// Second pass, in the same order: the parts, with the texts that are left.
    fn parts<'e>(
        &mut self,
        elements: impl Iterator<Item = &'e Element>,
        style: Style,
        texts: &mut impl Iterator<Item = String>,
    ) -> Vec<Part> {
        let mut parts = Vec::new();
        for element in elements {
            match element {
                Element::Literal(literal) => {
                    let count = match style {
                        Style::Heredoc => self.slice(literal.span()).split_inclusive('\n').count(),
                        Style::Quoted | Style::Bare => 1,
                    };
                    let text: String = texts.by_ref().take(count).collect();
                    if !text.is_empty() {
                        parts.push(Part::Text(text.into()));
                    }
                }
                Element::Interpolation(interpolation) => parts.push(Part::Interpolation(self.expr(&interpolation.expr))),
                Element::Directive(directive) => match &**directive {
                    Directive::If(directive) => {
                        let condition = self.expr(&directive.if_expr.cond_expr);
                        let then = self.parts(directive.if_expr.template.iter(), style, texts);
                        let otherwise = match &directive.else_expr {
                            Some(otherwise) => self.parts(otherwise.template.iter(), style, texts),
                            None => Vec::new(),
                        };
                        parts.push(Part::If { condition, then, otherwise });
                    }
                    Directive::For(directive) => {
                        let key = directive.for_expr.key_var.as_ref().map(|name| self.name(name.as_str()));
                        let value = self.name(directive.for_expr.value_var.as_str());
                        let collection = self.expr(&directive.for_expr.collection_expr);
                        let body = self.parts(directive.for_expr.template.iter(), style, texts);
                        parts.push(Part::For { key, value, collection, body });
                    }
                },
            }
        }
        parts
    }

    /// The text of a quoted literal that begins at byte `start` of the parser's input.
    pub(super) fn unescape(&mut self, raw: &str, start: usize) -> String {
        if !raw.contains(['\\', '$', '%']) {
            return raw.to_owned();
        }
        let mut text = String::with_capacity(raw.len());
        let mut rest = raw;
        while let Some(c) = rest.chars().next() {
            let (taken, len) = match c {
                '\\' => match backslash(rest) {
                    Some(sequence) => sequence,
                    None => {
                        let at = start + (raw.len() - rest.len());
                        let len = rest.chars().take(2).map(char::len_utf8).sum::<usize>();
                        self.diagnostics.push(
                            Diagnostic::error(Code::INVALID_ESCAPE, "a backslash sequence that does not exist")
                                .at(self.span(Some(at..at + len)))
                                .hint("the sequences are \\n \\r \\t \\\" \\\\ \\uXXXX and \\UXXXXXXXX; write a backslash as \\\\"),
                        );
                        ('\\', 1)
                    }
                },
                '$' | '%' if rest.starts_with("$${") || rest.starts_with("%%{") => {
                    text.push(c);
                    ('{', 3)
                }
                _ => (c, c.len_utf8()),
            };
            text.push(taken);
            rest = rest.get(len..).unwrap_or_default();
        }
        text
    }
}

/// The character of a backslash sequence and the number of bytes that it takes.
fn backslash(rest: &str) -> Option<(char, usize)> {
    let hex = |digits: usize| {
        let code = u32::from_str_radix(rest.get(2..2 + digits)?, 16).ok()?;
        Some((char::from_u32(code)?, 2 + digits))
    };
    match rest.as_bytes().get(1)? {
        b'n' => Some(('\n', 2)),
        b'r' => Some(('\r', 2)),
        b't' => Some(('\t', 2)),
        b'"' => Some(('"', 2)),
        b'\\' => Some(('\\', 2)),
        b'u' => hex(4),
        b'U' => hex(8),
        _ => None,
    }
}

fn unescape_markers(raw: &str) -> String {
    raw.replace("$${", "${").replace("%%{", "%{")
}

fn mark(strip: Strip) -> Token {
    let (trims_before, trims_after) = match strip {
        Strip::None => (false, false),
        Strip::Start => (true, false),
        Strip::End => (false, true),
        Strip::Both => (true, true),
    };
    Token::Mark { trims_before, trims_after }
}

fn strip(tokens: &mut [Token]) {
    for index in 0..tokens.len() {
        let Some(Token::Mark { trims_before, trims_after }) = tokens.get(index) else { continue };
        let (trims_before, trims_after) = (*trims_before, *trims_after);
        if trims_before && let Some(Token::Text(text)) = index.checked_sub(1).and_then(|before| tokens.get_mut(before)) {
            text.truncate(text.trim_end().len());
        }
        if trims_after && let Some(Token::Text(text)) = tokens.get_mut(index + 1) {
            *text = text.trim_start().to_owned();
        }
    }
}

/// Removes the indentation that all lines have in common. Blank lines do not count; a line that begins with an
/// interpolation has none.
fn dedent(tokens: &mut [Token]) {
    let mut common: Option<usize> = None;
    let mut adjusted = Vec::new();
    let mut at_line_start = true;
    for (index, token) in tokens.iter().enumerate() {
        if at_line_start {
            at_line_start = false;
            match token {
                Token::Text(text) if text.ends_with('\n') && text.trim_start().is_empty() => {}
                Token::Text(text) => {
                    let blanks = text.chars().take_while(|c| c.is_whitespace()).count();
                    common = Some(common.map_or(blanks, |least| least.min(blanks)));
                    adjusted.push(index);
                }
                Token::Mark { .. } => common = Some(0),
            }
        }
        if let Token::Text(text) = token
            && text.ends_with('\n')
        {
            at_line_start = true;
        }
    }
    for index in adjusted {
        if let Some(Token::Text(text)) = tokens.get_mut(index) {
            let cut = text.char_indices().nth(common.unwrap_or(0)).map_or(text.len(), |(at, _)| at);
            text.replace_range(..cut, "");
        }
    }
}
