//! From the bytes of a file to its body. Knows files only as bytes with a name.

use std::collections::BTreeMap;

use hcl_edit::parser;

use super::ir::{Body, Expr, Spoilt, Template};
use super::lower::Lowering;
use super::span_of;
use super::split::{Split, masked, split};
use super::syntax_error::translate;
use crate::diag::{Code, Diagnostic, Diagnostics, FileId, SourceMap};

/// The largest file that is read as configuration, in bytes.
pub const MAX_FILE_BYTES: usize = 32 * 1024 * 1024;

/// Parses a file and adds it to the map. Every top-level attribute or block with a syntax error is left out of the body and
/// reported once.
pub fn parse(sources: &mut SourceMap, name: &str, bytes: &[u8]) -> (Body, Diagnostics) {
    let (file, text) = match read_text(sources, name, bytes) {
        Ok(read) => read,
        Err(diagnostic) => return (Body { spoilt: vec![Spoilt::default()], ..Body::default() }, (*diagnostic).into()),
    };
    let Split { pieces, broken, digits, mut diagnostics } = split(file, &text);
    let readable = masked(&text, &digits);
    let mut body = Body { spoilt: broken.iter().map(|start| header(text.get(*start..).unwrap_or_default())).collect(), ..Body::default() };
    let mut lowering = Lowering::new(file);
    for piece in pieces {
        let source = text.get(piece.start..piece.end).unwrap_or_default();
        match parser::parse_body(readable.get(piece.start..piece.end).unwrap_or_default()) {
            Ok(parsed) => {
                lowering.begin(source, piece.start);
                body.append(lowering.body(&parsed));
            }
            Err(error) => {
                diagnostics.push(without_value(file, source, piece.start).unwrap_or_else(|| translate(&error, file, source, piece.start)));
                body.spoilt.push(header(source));
            }
        }
    }
    diagnostics.extend(lowering.take_diagnostics());
    report_duplicates(&mut body, &mut diagnostics);
    diagnostics.sort();
    (body, diagnostics)
}

/// Parses one expression, such as the value of `-var`, and adds it to the map.
pub fn parse_expression(sources: &mut SourceMap, name: &str, text: &str) -> (Option<Expr>, Diagnostics) {
    let (file, text) = match read_text(sources, name, text.as_bytes()) {
        Ok(read) => read,
        Err(diagnostic) => return (None, (*diagnostic).into()),
    };
    // The splitter finds what is never closed, and says it better than the parser.
    let Split { digits, diagnostics: unclosed, .. } = split(file, &text);
    if unclosed.has_errors() {
        return (None, unclosed);
    }
    let source = text.trim();
    let offset = text.len() - text.trim_start().len();
    match parser::parse_expr(masked(&text, &digits).trim()) {
        Ok(parsed) => {
            let mut lowering = Lowering::new(file);
            lowering.begin(source, offset);
            let expr = lowering.expr(&parsed);
            (Some(expr), lowering.take_diagnostics())
        }
        Err(error) => (None, translate(&error, file, source, offset).into()),
    }
}

/// Parses the text of a template file and adds it to the map.
pub fn parse_template(sources: &mut SourceMap, name: &str, text: &str) -> (Option<Template>, Diagnostics) {
    let (file, text) = match read_text(sources, name, text.as_bytes()) {
        Ok(read) => read,
        Err(diagnostic) => return (None, (*diagnostic).into()),
    };
    match parser::parse_template(&text) {
        Ok(parsed) => {
            let mut lowering = Lowering::new(file);
            lowering.begin(&text, 0);
            let template = lowering.bare_template(&parsed);
            (Some(template), lowering.take_diagnostics())
        }
        Err(error) => (None, translate(&error, file, &text, 0).into()),
    }
}

/// What a block that cannot be read would have declared, by its first words.
fn header(source: &str) -> Spoilt {
    let word = |text: &str| text.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-'))).unwrap_or(text.len());
    let (kind, mut rest) = source.split_at(word(source));
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        let quoted = rest.strip_prefix('"').and_then(|inner| inner.split_once('"')).filter(|(label, _)| !label.contains('\n'));
        if let Some((label, after)) = quoted {
            labels.push(label.into());
            rest = after;
            continue;
        }
        let (label, after) = rest.split_at(word(rest));
        if label.is_empty() {
            break;
        }
        labels.push(label.into());
        rest = after;
    }
    // A header that does not end in a brace may itself be what is wrong.
    let whole = rest.starts_with('{') || rest.starts_with('=');
    Spoilt { kind: (!kind.is_empty()).then(|| kind.into()), labels: if whole { labels } else { Vec::new() } }
}

/// `name =` and nothing behind it: the parser complains of the name.
fn without_value(file: FileId, source: &str, offset: usize) -> Option<Diagnostic> {
    let name = source.trim_end().strip_suffix('=')?.trim_end();
    let plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
    let error = Diagnostic::error(Code::SYNTAX, "the line ends too early").detail("A value is missing after `=`.");
    plain.then(|| error.at(span_of(file, offset + source.trim_end().len() - 1, 1)))
}

/// The text without its byte order mark, or why it is none.
fn read_text(sources: &mut SourceMap, name: &str, bytes: &[u8]) -> Result<(FileId, std::sync::Arc<str>), Box<Diagnostic>> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.len() > MAX_FILE_BYTES {
        let summary = format!("{name} is too large: {} bytes, the limit is {MAX_FILE_BYTES}", bytes.len());
        return Err(Box::new(Diagnostic::error(Code::FILE_TOO_LARGE, summary)));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            let file = sources.add(name, text);
            match text.find('\0') {
                Some(at) => Err(Box::new(
                    Diagnostic::error(Code::FILE_HAS_NUL, "the file holds a NUL byte")
                        .at(span_of(file, at, 1))
                        .hint("this is no text file, or it was saved as UTF-16; save it as UTF-8"),
                )),
                None => Ok((file, sources.file(file).map_or_else(|| text.into(), |source| source.text.clone()))),
            }
        }
        Err(error) => {
            let file = sources.add(name, String::from_utf8_lossy(bytes));
            Err(Box::new(
                Diagnostic::error(Code::FILE_NOT_UTF8, "the file is not valid UTF-8")
                    .at(span_of(file, error.valid_up_to(), char::REPLACEMENT_CHARACTER.len_utf8()))
                    .hint("save the file as UTF-8"),
            ))
        }
    }
}

/// The parser finds an attribute that is set twice inside a block; between the pieces of a file only we can.
fn report_duplicates(body: &mut Body, diagnostics: &mut Diagnostics) {
    let mut first = BTreeMap::new();
    body.attributes.retain(|attribute| match first.get(&attribute.name) {
        None => {
            first.insert(attribute.name.clone(), attribute.name_span);
            true
        }
        Some(earlier) => {
            diagnostics.push(
                Diagnostic::error(Code::DUPLICATE_ATTRIBUTE, format!("`{}` is set twice", attribute.name))
                    .at(attribute.name_span)
                    .related(*earlier, "first set here")
                    .hint("keep one of the two"),
            );
            false
        }
    });
}
