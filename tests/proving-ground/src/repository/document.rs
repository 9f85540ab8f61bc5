//! One YAML file with several documents, taken apart and put together without touching what nobody changes. Pure.

use serde_json::Value as Json;

/// A document with its text as it was written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Document {
    pub text: String,
    pub object: Json,
}

impl Document {
    /// The document of an object. It is written as JSON, which is YAML, so that nothing needs quoting.
    pub fn of(object: Json) -> Document {
        Document { text: format!("{object:#}\n"), object }
    }

    /// The kind of its object.
    pub fn kind(&self) -> &str {
        self.at("/kind")
    }

    /// The text at a pointer, empty if there is none.
    pub fn at(&self, pointer: &str) -> &str {
        self.object.pointer(pointer).and_then(Json::as_str).unwrap_or_default()
    }
}

/// The documents of a file.
///
/// # Errors
/// One of them is no YAML; what is wrong with it.
pub(super) fn documents(text: &str) -> Result<Vec<Document>, String> {
    let mut texts = vec![String::new()];
    for line in text.lines() {
        match texts.last_mut() {
            Some(text) if line.trim_end() != "---" => {
                text.push_str(line);
                text.push('\n');
            }
            _ => texts.push(String::new()),
        }
    }
    let mut documents = Vec::new();
    for text in texts.into_iter().filter(|text| !text.trim().is_empty()) {
        let object: Json = serde_saphyr::from_str(&text).map_err(|error| error.to_string())?;
        // Comments alone.
        if !object.is_null() {
            documents.push(Document { text, object });
        }
    }
    Ok(documents)
}

/// The file of these documents.
pub(super) fn file_of(documents: &[Document]) -> String {
    documents.iter().map(|document| document.text.as_str()).collect::<Vec<_>>().join("---\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_nobody_changes_stays_as_it_was_written() {
        let text = "a: ${A:=\"\"}\nkind: One # why\n---\nkind: Two\nlist:\n- |\n  ---x\n";
        let found = documents(text).expect("documents");
        assert_eq!(found.iter().map(Document::kind).collect::<Vec<_>>(), ["One", "Two"]);
        assert_eq!(file_of(&found), text);
    }

    #[test]
    fn an_object_reads_as_it_was() {
        let object = json!({"kind": "One", "text": "a: b\n---\n${A}"});
        let found = documents(&file_of(&[Document::of(object.clone())])).expect("documents");
        assert_eq!(found.first().map(|document| &document.object), Some(&object));
    }

    #[test]
    fn comments_are_no_document() {
        assert_eq!(documents("---\n# nothing\n---\n").expect("documents"), []);
    }
}
