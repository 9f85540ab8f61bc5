//! Texts in double quotes, as JSON and YAML share them.

/// Appends a text in quotes. `escape` is asked for every character whose escape the two do not share; `None`: it stands as it is.
pub(super) fn write_quoted(text: &str, output: &mut String, escape: impl Fn(char) -> Option<String>) {
    output.push('"');
    for c in text.chars() {
        match c {
            '"' => output.push_str("\\\""),
            '\\' => output.push_str("\\\\"),
            '\n' => output.push_str("\\n"),
            '\r' => output.push_str("\\r"),
            '\t' => output.push_str("\\t"),
            '\u{8}' => output.push_str("\\b"),
            '\u{c}' => output.push_str("\\f"),
            c => match escape(c) {
                Some(escaped) => output.push_str(&escaped),
                None => output.push(c),
            },
        }
    }
    output.push('"');
}
