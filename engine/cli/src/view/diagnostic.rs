//! Findings for people: code, place, the line, what to do.

use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};
use windlass_core::diag::{Diagnostics, FileId, Severity, SourceMap, Span};

use super::instances::{Told, told};

/// A place with its label; `true`: the place that the finding is about.
type Place<'a> = (Span, Option<&'a str>, bool);

/// All findings, one after the other.
pub fn diagnostics_text(diagnostics: &Diagnostics, sources: &SourceMap, compact: bool) -> String {
    told(diagnostics)
        .iter()
        .map(|told| if compact && !told.first.is_error() { one_line(told, sources) } else { whole(told, sources) })
        .collect()
}

fn one_line(told: &Told<'_>, sources: &SourceMap) -> String {
    let diagnostic = told.first;
    let more = if told.others.is_empty() { String::new() } else { format!(" (and {} more like it)", told.others.len()) };
    let place = diagnostic
        .primary
        .and_then(|span| sources.locate(span))
        .map(|at| format!(" ({}:{}:{})", at.name, at.line, at.column))
        .unwrap_or_default();
    format!("Warning {}: {}{more}{place}\n", diagnostic.code, diagnostic.summary)
}

fn whole(told: &Told<'_>, sources: &SourceMap) -> String {
    let diagnostic = told.first;
    let id = diagnostic.code.to_string();
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR.with_name("Error"),
        Severity::Warning => Level::WARNING.with_name("Warning"),
    };
    let mut group = level.primary_title(&diagnostic.summary).id(&id).elements(Vec::<annotate_snippets::Element<'_>>::new());
    let places = diagnostic
        .primary
        .iter()
        .map(|span| (*span, None))
        .chain(diagnostic.related.iter().map(|(span, label)| (*span, Some(label.as_str()))));
    let mut by_file: Vec<(FileId, Vec<Place<'_>>)> = Vec::new();
    for (position, (span, label)) in places.enumerate() {
        let entry = (span, label, position == 0 && diagnostic.primary.is_some());
        match by_file.iter_mut().find(|(file, _)| *file == span.file) {
            Some((_, spans)) => spans.push(entry),
            None => by_file.push((span.file, vec![entry])),
        }
    }
    for (file, spans) in &by_file {
        let Some(source) = sources.file(*file) else { continue };
        if source.hidden || diagnostic.hidden {
            for at in spans.iter().filter_map(|(span, _, _)| sources.locate(*span)) {
                let (line, column) = (usize::try_from(at.line).unwrap_or(0), usize::try_from(at.column).unwrap_or(0));
                group = group.element(Origin::path(source.name.to_string()).line(line).char_column(column));
            }
            continue;
        }
        let mut snippet = Snippet::source(&*source.text).path(&*source.name).fold(true);
        for (span, label, primary) in spans {
            let kind = if *primary { AnnotationKind::Primary } else { AnnotationKind::Context };
            let range = clamp(*span, &source.text);
            snippet = snippet.annotation(match label {
                Some(label) => kind.span(range).label(*label),
                None => kind.span(range),
            });
        }
        group = group.element(snippet);
    }
    if !diagnostic.detail.is_empty() {
        group = group.element(Level::NOTE.message(&diagnostic.detail));
    }
    let others = told.of_others();
    if let Some(others) = &others {
        group = group.element(Level::NOTE.message(others));
    }
    if let Some(hint) = &diagnostic.hint {
        group = group.element(Level::HELP.with_name("hint").message(hint));
    }
    format!("{}\n\n", Renderer::styled().render(&[group]))
}

/// The bytes of a span, moved to borders of characters within the text.
fn clamp(span: Span, text: &str) -> std::ops::Range<usize> {
    let at = |offset: u32| {
        let mut offset = usize::try_from(offset).unwrap_or(usize::MAX).min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    };
    let start = at(span.start);
    start..at(span.start.saturating_add(span.len)).max(start)
}
