//! The machine-readable UI (`-json`): one JSON object a line on stdout, in Terraform's message shapes. Knows how a line is made; what is said
//! comes from `core::plan::ui_json`, from diagnostics and from `run_stream`.

use serde_json::{Map, Value as Json, json};
use windlass_core::diag::{Diagnostics, SourceMap};
use windlass_core::encode::json_text;
use windlass_core::plan::show_json::TERRAFORM_VERSION;
use windlass_core::plan::ui_json::{Level, Message, UI_VERSION};

use super::diagnostic_json::diagnostic_json;

/// Who speaks.
const MODULE: &str = "windlass.ui";

/// A message as its line, with the end of the line. `time`: RFC 3339 with microseconds.
pub fn line(message: Message, time: &str) -> String {
    let level = match message.level {
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
    };
    let mut object = message.payload;
    for (key, value) in [("@level", level), ("@message", &message.text), ("@module", MODULE), ("@timestamp", time), ("type", message.kind)]
    {
        object.insert(key.to_owned(), json!(value));
    }
    json_text(&Json::Object(object)) + "\n"
}

/// The first message: who speaks, and in which version of the shapes.
pub fn version() -> Message {
    let version = env!("CARGO_PKG_VERSION");
    let mut message = Message::news("version", format!("Windlass {version}"), "windlass", json!(version));
    message.payload.insert("terraform".to_owned(), json!(TERRAFORM_VERSION));
    message.payload.insert("ui".to_owned(), json!(UI_VERSION));
    message
}

/// A text that has no shape of its own; `None` if there is nothing in it.
pub fn log(level: Level, text: &str) -> Option<Message> {
    let text = anstream::adapter::strip_str(text).to_string();
    let text = text.trim();
    (!text.is_empty()).then(|| Message { level, text: text.to_owned(), kind: "log", payload: Map::new() })
}

/// Findings.
pub fn diagnostics<'a>(found: &'a Diagnostics, sources: &'a SourceMap) -> impl Iterator<Item = Message> + 'a {
    found.iter().map(|diagnostic| {
        let (level, word) = if diagnostic.is_error() { (Level::Error, "Error") } else { (Level::Warn, "Warning") };
        let text = format!("{word}: {}", diagnostic.summary);
        Message { level, ..Message::news("diagnostic", text, "diagnostic", diagnostic_json(diagnostic, sources)) }
    })
}

/// A warning of a plan, which has neither place nor code.
pub fn plan_warning(text: &str) -> Message {
    let diagnostic = json!({"severity": "warning", "summary": text, "detail": ""});
    Message { level: Level::Warn, ..Message::news("diagnostic", format!("Warning: {text}"), "diagnostic", diagnostic) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_object_whatever_is_said() {
        let said = log(Level::Warn, "\u{1b}[1mtwo\u{1b}[0m\nlines\n").map(|message| line(message, "T"));
        let expected = r#"{"@level":"warn","@message":"two\nlines","@module":"windlass.ui","@timestamp":"T","type":"log"}"#;
        assert_eq!(said.as_deref(), Some(format!("{expected}\n").as_str()));
        assert_eq!(log(Level::Info, " \n"), None);
    }

    #[test]
    fn the_first_line_is_the_one_that_terraforms_readers_look_for() {
        let first: Json = serde_json::from_str(&line(version(), "T")).expect("JSON");
        assert_eq!((&first["type"], &first["ui"], &first["terraform"]), (&json!("version"), &json!("1.2"), &json!("1.11.0")));
    }
}
