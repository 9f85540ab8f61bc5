//! From placeholder form to a request body: secret, unknown and number leaves get their real values, here and nowhere else.

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::BASE64;
use serde_json::Value as Json;
use windlass_core::addr::Address;
use windlass_run::ports::{SecretLeaves, StepError};

use crate::error::failed;
use crate::planes::Planes;

/// A body ready to be sent, and the texts that must not be repeated in any message.
pub struct Filled {
    /// The real object.
    pub body: Json,
    /// Secret texts in it, plain and base64.
    pub secrets: Vec<String>,
}

impl std::fmt::Debug for Filled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Filled (sensitive)")
    }
}

/// Shortest secret that is looked for in messages; shorter ones would blank out ordinary words.
const SHORTEST_REDACTED: usize = 4;

/// Fills all placeholders; `unknown` holds the values of what [`references`] found.
pub fn fill(content: &Json, secrets: &SecretLeaves, unknown: &BTreeMap<String, Json>) -> Result<Filled, StepError> {
    let mut texts = Vec::new();
    let body = fill_leaf(content, secrets, unknown, &mut texts)?;
    Ok(Filled { body, secrets: texts })
}

fn fill_leaf(content: &Json, secrets: &SecretLeaves, unknown: &BTreeMap<String, Json>, texts: &mut Vec<String>) -> Result<Json, StepError> {
    match content {
        Json::Array(items) => items.iter().map(|item| fill_leaf(item, secrets, unknown, texts)).collect::<Result<_, _>>().map(Json::Array),
        Json::Object(fields) => match fields.get("$wl").and_then(Json::as_str) {
            None => fields
                .iter()
                .map(|(key, value)| Ok((key.clone(), fill_leaf(value, secrets, unknown, texts)?)))
                .collect::<Result<_, _>>()
                .map(Json::Object),
            Some(word) => placeholder(word, content, secrets, unknown, texts),
        },
        scalar => Ok(scalar.clone()),
    }
}

fn placeholder(
    word: &str,
    content: &Json,
    secrets: &SecretLeaves,
    unknown: &BTreeMap<String, Json>,
    texts: &mut Vec<String>,
) -> Result<Json, StepError> {
    let text = |key: &str| content.get(key).and_then(Json::as_str).unwrap_or_default();
    match word {
        "secret" => {
            let source = text("source");
            let value = secrets.reveal(source).ok_or_else(|| {
                failed(format!("the value of {source} is not known here"), "run apply in the module's folder, with its variables")
            })?;
            note_secret(value, texts);
            Ok(value.clone())
        }
        "unknown" => {
            let reference = text("ref");
            unknown.get(reference).cloned().ok_or_else(|| failed(format!("{reference} is not known yet"), "this is a fault in the plan"))
        }
        "number" => {
            let value = text("value");
            serde_json::from_str::<serde_json::Number>(value)
                .map(Json::Number)
                .map_err(|_| failed(format!("{value:?} is no number"), "the plan is damaged"))
        }
        other => Err(failed(format!("the plan holds a placeholder {other:?}"), "it was made by a newer windlass: use that one")),
    }
}

fn note_secret(value: &Json, texts: &mut Vec<String>) {
    match value {
        Json::String(text) if text.len() >= SHORTEST_REDACTED => {
            note_text(text, texts);
            texts.push(BASE64.encode(text.as_bytes()));
            if let Some(plain) = BASE64.decode(text.as_bytes()).ok().and_then(|plain| String::from_utf8(plain).ok())
                && plain.len() >= SHORTEST_REDACTED
            {
                note_text(&plain, texts);
            }
        }
        Json::Array(items) => items.iter().for_each(|item| note_secret(item, texts)),
        Json::Object(fields) => fields.values().for_each(|item| note_secret(item, texts)),
        _ => {}
    }
}

/// A text as it is, and as servers quote it.
fn note_text(text: &str, texts: &mut Vec<String>) {
    let quoted = Json::String(text.to_owned()).to_string();
    let inner = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
    if inner != text {
        texts.push(inner.to_owned());
    }
    texts.push(text.to_owned());
}

/// The texts of real objects that no message may repeat: the data of v1 Secrets, plain and base64.
pub fn secret_texts(objects: &[Json]) -> Vec<String> {
    let mut texts = Vec::new();
    for object in objects.iter().filter(|object| object.get("kind").and_then(Json::as_str) == Some("Secret")) {
        for field in ["data", "stringData"] {
            if let Some(values) = object.get(field) {
                note_secret(values, &mut texts);
            }
        }
    }
    texts
}

/// References of the unknown leaves: `cluster.shop.endpoint`.
pub fn references(content: &Json) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    collect(content, &mut found);
    found
}

fn collect(content: &Json, found: &mut BTreeSet<String>) {
    match content {
        Json::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Json::Object(fields) if fields.get("$wl").and_then(Json::as_str) == Some("unknown") => {
            found.extend(fields.get("ref").and_then(Json::as_str).map(str::to_owned));
        }
        Json::Object(fields) => fields.values().for_each(|item| collect(item, found)),
        _ => {}
    }
}

/// Asks the living planes for the values of references.
pub async fn resolve(references: BTreeSet<String>, planes: &Planes) -> Result<BTreeMap<String, Json>, StepError> {
    let mut values = BTreeMap::new();
    for reference in references {
        let unknown = || failed(format!("{reference} cannot be filled in"), "only `endpoint` and `ca_certificate` of a cluster can");
        let (address, attribute) = reference.rsplit_once('.').ok_or_else(unknown)?;
        let address: Address = address.parse().map_err(|_| unknown())?;
        let plane = planes.plane(&address).await.map_err(|error| error.during(&address))?;
        let value = match attribute {
            "endpoint" => plane.endpoint.clone(),
            "ca_certificate" => plane.ca_certificate.clone(),
            _ => return Err(unknown()),
        };
        values.insert(reference, Json::String(value));
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn leaves() -> SecretLeaves {
        SecretLeaves::new(BTreeMap::from([("cloud.aws.main.key".to_owned(), json!("aHVudGVyMg=="))]))
    }

    #[test]
    fn placeholders_become_values() {
        let unknown = BTreeMap::from([("cluster.shop.endpoint".to_owned(), json!("https://h:6443"))]);
        for (content, expected) in [
            (json!({"a": [1, "x", null, true]}), json!({"a": [1, "x", null, true]})),
            (json!({"a": {"$wl": "secret", "digest": "d", "source": "cloud.aws.main.key"}}), json!({"a": "aHVudGVyMg=="})),
            (json!([{"$wl": "unknown", "ref": "cluster.shop.endpoint"}]), json!(["https://h:6443"])),
            (json!({"n": {"$wl": "number", "value": "1.5"}}), json!({"n": 1.5})),
        ] {
            assert_eq!(fill(&content, &leaves(), &unknown).expect("filled").body, expected);
        }
    }

    #[test]
    fn what_cannot_be_filled_is_an_error() {
        for (content, word) in [
            (json!({"$wl": "secret", "source": "other"}), "other is not known here"),
            (json!({"$wl": "unknown", "ref": "cluster.x.endpoint"}), "not known yet"),
            (json!({"$wl": "number", "value": "x"}), "no number"),
            (json!({"$wl": "future"}), "placeholder"),
        ] {
            let error = fill(&content, &leaves(), &BTreeMap::new()).expect_err("error").to_string();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn a_secret_is_taken_out_of_the_servers_words() {
        let filled = fill(&json!({"$wl": "secret", "source": "cloud.aws.main.key"}), &leaves(), &BTreeMap::new()).expect("filled");
        let error = crate::error::ApiError::from_answer(422, None, br#"{"message":"bad value hunter2 (aHVudGVyMg==)"}"#);
        let shown = error.without(&filled.secrets).to_string();
        assert_eq!(shown, "bad value (sensitive) ((sensitive))");
    }

    #[test]
    fn a_secret_is_taken_out_quoted_and_whole() {
        let object = json!({"kind": "Secret", "stringData": {"short": "abcd", "long": "abcdefgh", "odd": "pass\"word\n2"}});
        let texts = secret_texts(&[object]);
        let error = crate::error::ApiError::from_answer(422, None, br#"{"message":"bad value \"pass\\\"word\\n2\" or abcdefgh"}"#);
        assert_eq!(error.without(&texts).to_string(), "bad value \"(sensitive)\" or (sensitive)");
    }

    #[test]
    fn references_are_found_everywhere() {
        let content =
            json!({"a": [{"$wl": "unknown", "ref": "cluster.b.endpoint"}], "c": {"$wl": "unknown", "ref": "cluster.a.ca_certificate"}});
        assert_eq!(references(&content).into_iter().collect::<Vec<_>>(), ["cluster.a.ca_certificate", "cluster.b.endpoint"]);
    }
}
