//! Manifest files: YAML documents as objects, each with its place. Knows no layer and no provider.

use serde_json::Value as Json;

use crate::diag::{Code, Diagnostic, Diagnostics, SourceMap, Span};
use crate::lang::{as_written, known_fault};
use crate::value::Value;

use super::model::LayerObject;

/// The objects of a file as values of the language.
pub fn documents(path: &str, bytes: &[u8], named: Span, sources: &mut SourceMap, diagnostics: &mut Diagnostics) -> Vec<LayerObject> {
    let objects = objects(path, bytes, named, sources, diagnostics).into_iter();
    objects.map(|(object, span)| LayerObject { value: Value::from_json(&object), span: Some(span) }).collect()
}

/// The objects of a file with their places; a `List` counts as its items. `named` is where the file is named.
pub(crate) fn objects(path: &str, bytes: &[u8], named: Span, sources: &mut SourceMap, diagnostics: &mut Diagnostics) -> Vec<(Json, Span)> {
    let refused = |summary: String| Diagnostic::error(Code::INVALID_MANIFEST, summary);
    let Ok(text) = std::str::from_utf8(bytes) else {
        diagnostics.push(refused(format!("{path} is not UTF-8 text")).at(named).hint("save the file as UTF-8"));
        return Vec::new();
    };
    let text = text.trim_start_matches('\u{feff}');
    // Whoever could write the word in another way can be shown no line either.
    let hidden = text.contains("Secret") || text.contains('\\');
    let file = sources.add_once(path, text, hidden);
    let documents = match serde_saphyr::from_multiple::<Json>(&as_written(text)) {
        Ok(documents) => documents,
        Err(error) => {
            let (line, column) = error.location().map_or((1, 1), |location| (location.line(), location.column()));
            // The parser's own text may quote the content; a manifest may hold a Secret.
            let reason = known_fault(error.without_snippet()).unwrap_or("the reader could not go on here");
            let start = offset(text, usize::try_from(line).unwrap_or(1), usize::try_from(column).unwrap_or(1));
            let fault = refused(format!("{path}:{line}:{column}: not valid YAML: {reason}")).at(Span { file, start, len: 1 });
            let hint = if reason.contains("twice") {
                "keep one of the two"
            } else {
                "look at the indentation, the quotes and the `:` of this line and the one above it"
            };
            diagnostics.push(fault.hint(hint).related(named, "the file is named here"));
            return Vec::new();
        }
    };
    let starts = starts(text);
    let written = documents.iter().filter(|document| !document.is_null()).count();
    let mut places = starts.iter();
    let mut objects = Vec::new();
    for mut document in documents.into_iter().filter(|document| !document.is_null()) {
        // Where the documents are not those that their lines show, the file is told.
        let (start, len) = places.next().filter(|_| starts.len() == written).copied().unwrap_or((0, 1));
        let span = Span { file, start, len };
        let is_list = document.get("kind").and_then(Json::as_str).is_some_and(|kind| kind.ends_with("List"));
        let items = document.get_mut("items").filter(|_| is_list).and_then(Json::as_array_mut).map(std::mem::take);
        match items {
            Some(items) => objects.extend(items.into_iter().map(|item| (item, span))),
            None if document.is_object() => objects.push((document, span)),
            None => diagnostics.push(
                refused(format!("{path}: a document is no Kubernetes object"))
                    .at(span)
                    .hint("each document is a map with `apiVersion`, `kind` and `metadata`; `---` stands between two of them"),
            ),
        }
    }
    objects
}

/// Byte of a line and column, both counted from 1.
fn offset(text: &str, line: usize, column: usize) -> u32 {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let line = text.get(before..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let within: usize = line.chars().take(column.saturating_sub(1)).map(char::len_utf8).sum();
    u32::try_from(before + within).unwrap_or(u32::MAX)
}

/// Begin and length of the first line of each document that holds anything.
fn starts(text: &str) -> Vec<(u32, u32)> {
    let mut starts = Vec::new();
    let (mut at, mut open) = (0usize, false);
    for line in text.split_inclusive('\n') {
        let shown = line.trim_end();
        if shown == "---" || shown.starts_with("--- ") || shown == "..." {
            open = false;
        } else if !open && !shown.is_empty() && !shown.trim_start().starts_with('#') && !shown.starts_with('%') {
            open = true;
            starts.push((u32::try_from(at).unwrap_or(u32::MAX), u32::try_from(shown.len()).unwrap_or(1)));
        }
        at += line.len();
    }
    starts
}

#[cfg(test)]
mod tests {
    use super::{documents, offset, starts};
    use crate::diag::{Diagnostics, SourceMap, Span};

    #[test]
    fn documents_are_found_at_their_first_line() {
        let text = "# a\n---\nkind: A\n--- # b\n\n---\n# c\nkind: B\n";
        assert_eq!(starts(text), [(8, 7), (text.len() as u32 - 8, 7)]);
        assert_eq!(offset("a\né: b\n", 2, 3), 5);
    }

    #[test]
    fn what_is_wrong_is_told_in_the_file_and_a_secret_is_not_shown() {
        for (text, line, told, hidden) in [
            ("kind: A\nkind: B\n", 2, "a key stands twice", false),
            ("kind: Secret\nkind: B\n", 2, "a key stands twice", true),
            ("kind: A\n---\n- 1\n", 3, "a document is no Kubernetes object", false),
        ] {
            let (mut sources, mut found) = (SourceMap::new(), Diagnostics::new());
            let named = Span { file: sources.add("main.wl.hcl", "m"), start: 0, len: 1 };
            documents("y/a.yaml", text.as_bytes(), named, &mut sources, &mut found);
            let [fault] = found.0.as_slice() else { panic!("{found:?}") };
            let place = sources.locate(fault.primary.unwrap()).unwrap();
            assert_eq!((&*place.name, place.line), ("y/a.yaml", line), "{text}");
            assert!(fault.summary.contains(told) && fault.hint.is_some(), "{fault:?}");
            assert_eq!(sources.file(fault.primary.unwrap().file).unwrap().hidden, hidden, "{text}");
        }
    }
}
