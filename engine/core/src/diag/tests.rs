//! Places and suggestions.

use super::{Code, Diagnostic, SourceMap, Span, nearest};

#[test]
fn places_are_lines_and_characters() {
    let mut sources = SourceMap::new();
    let file = sources.add("main.wl.hcl", "a = 1\r\nü = \"é\" x\n\nlast");
    let place = |start: u32| {
        let place = sources.locate(Span { file, start, len: 1 }).expect("a place");
        format!("{}:{}:{} {}", place.name, place.line, place.column, place.line_text)
    };
    assert_eq!(place(0), "main.wl.hcl:1:1 a = 1");
    assert_eq!(place(4), "main.wl.hcl:1:5 a = 1");
    assert_eq!(place(7), "main.wl.hcl:2:1 ü = \"é\" x");
    assert_eq!(place(17), "main.wl.hcl:2:9 ü = \"é\" x");
    assert_eq!(place(19), "main.wl.hcl:3:1 ");
    assert_eq!(place(20), "main.wl.hcl:4:1 last");
    assert_eq!(place(8), place(7), "inside of a character is at the character");
    assert_eq!(place(999), "main.wl.hcl:4:5 last", "behind the end is at the end");
    assert_eq!(sources.locate(Span { file: super::FileId(9), start: 0, len: 0 }), None);
}

#[test]
fn suggestions_are_near_and_only_near() {
    assert_eq!(nearest("relicas", ["replicas", "region"]), Some("replicas"));
    assert_eq!(nearest("Region", ["replicas", "region"]), Some("region"));
    assert_eq!(nearest("xyz", ["replicas", "region"]), None);
    let diagnostic = Diagnostic::error(Code::UNKNOWN_NAME, "x").did_you_mean("vra", ["var", "local"]);
    assert_eq!(diagnostic.hint.as_deref(), Some("did you mean `var`?"));
}
