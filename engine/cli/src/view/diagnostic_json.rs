//! A finding in the shape of Terraform's JSON diagnostics; code, hint and further places stand under the one extra key `windlass`. Pure.

use serde_json::{Value as Json, json};
use windlass_core::diag::{Diagnostic, Severity, SourceMap, Span};

/// The finding. A source that is hidden is named with its line, and not quoted.
pub fn diagnostic_json(diagnostic: &Diagnostic, sources: &SourceMap) -> Json {
    let severity = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    // Terraform's readers show summary and detail: what to do must be in one of them.
    let hint = diagnostic.hint.as_ref().map(|hint| format!("hint: {hint}"));
    let detail: Vec<&str> =
        [diagnostic.detail.as_str(), hint.as_deref().unwrap_or_default()].into_iter().filter(|part| !part.is_empty()).collect();
    let place = |span: &Span, label: &str| json!({"label": label, "range": range(*span, sources)});
    let mut out = json!({
        "severity": severity,
        "summary": diagnostic.summary,
        "detail": detail.join("\n\n"),
        "windlass": {
            "code": diagnostic.code.to_string(),
            "hint": diagnostic.hint,
            "related": diagnostic.related.iter().map(|(span, label)| place(span, label)).collect::<Vec<_>>(),
        },
    });
    if let (Some(span), Some(map)) = (diagnostic.primary, out.as_object_mut())
        && let Some(range) = range(span, sources)
    {
        map.insert("range".to_owned(), range);
        if let Some(snippet) = snippet(span, sources).filter(|_| !diagnostic.hidden) {
            map.insert("snippet".to_owned(), snippet);
        }
    }
    out
}

/// File, begin and end. Lines and columns count from 1, bytes from 0.
fn range(span: Span, sources: &SourceMap) -> Option<Json> {
    let end = Span { start: span.end(), len: 0, ..span };
    let (from, to) = (sources.locate(span)?, sources.locate(end)?);
    Some(json!({
        "filename": &*from.name,
        "start": {"line": from.line, "column": from.column, "byte": span.start},
        "end": {"line": to.line, "column": to.column, "byte": end.start},
    }))
}

/// The line in which the place begins; offsets are bytes of it.
fn snippet(span: Span, sources: &SourceMap) -> Option<Json> {
    let file = sources.file(span.file).filter(|file| !file.hidden)?;
    let at = sources.locate(span)?;
    let from: usize = at.line_text.chars().take(usize::try_from(at.column).ok()?.saturating_sub(1)).map(char::len_utf8).sum();
    let length = file.text.get(span.start as usize..span.end() as usize).and_then(|text| text.lines().next()).map_or(0, str::len);
    Some(json!({
        "context": null,
        "code": at.line_text,
        "start_line": at.line,
        "highlight_start_offset": from,
        "highlight_end_offset": (from + length).min(at.line_text.len()),
        "values": [],
    }))
}

#[cfg(test)]
mod tests {
    use windlass_core::diag::Code;

    use super::*;

    fn finding(sources: &mut SourceMap) -> Diagnostic {
        let file = sources.add("main.wl.hcl", "a = 1\n\"é\" = wrong {\n}\n");
        let span = Span { file, start: 13, len: 9 };
        Diagnostic::error(Code::UNKNOWN_NAME, "no such thing").detail("It is not there.").hint("look").at(span)
    }

    #[test]
    fn place_and_line_are_terraforms() {
        let mut sources = SourceMap::new();
        let json = diagnostic_json(&finding(&mut sources), &sources);
        assert_eq!(json["detail"], "It is not there.\n\nhint: look");
        assert_eq!(json["windlass"], json!({"code": "WL0100", "hint": "look", "related": []}));
        let expected = json!({
            "filename": "main.wl.hcl", "start": {"line": 2, "column": 7, "byte": 13}, "end": {"line": 3, "column": 2, "byte": 22},
        });
        assert_eq!(json["range"], expected);
        let expected = json!({
            "context": null, "code": "\"é\" = wrong {", "start_line": 2, "highlight_start_offset": 7, "highlight_end_offset": 14, "values": [],
        });
        assert_eq!(json["snippet"], expected);
    }

    #[test]
    fn what_is_hidden_is_named_and_not_quoted() {
        let mut sources = SourceMap::new();
        let finding = finding(&mut sources);
        let hidden = diagnostic_json(&finding.clone().hidden_if(true), &sources);
        assert!(hidden["range"].is_object() && hidden.get("snippet").is_none(), "{hidden}");
        sources.hide_last();
        let hidden = diagnostic_json(&finding, &sources);
        assert!(hidden["range"].is_object() && hidden.get("snippet").is_none(), "{hidden}");
    }
}
