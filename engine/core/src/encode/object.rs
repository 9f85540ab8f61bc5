//! From values to placeholder form: objects, inputs and outputs. Refuses secrets and unknowns where they would be seen or guessed.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::digest::{DigestKey, canonical_base64};
use super::placeholder::{MARK, Placeholder};
use crate::addr::Address;
use crate::desired::DesiredObject;
use crate::diag::{Code, Diagnostic, Diagnostics, Span};
use crate::object::ObjectKey;
use crate::value::{PathStep, Value, ValuePath, number_to_json};

/// Writes placeholder form with one state's key.
#[derive(Debug, Clone, Copy)]
pub struct Encoder<'a> {
    /// For digests.
    pub key: &'a DigestKey,
}

/// What a place may hold.
struct Place<'a> {
    /// Begin of the sources of its secrets.
    source: String,
    /// Secrets become placeholders; else they are errors.
    secrets: bool,
    /// Unknown leaves become placeholders; else they are errors.
    unknowns: bool,
    /// Digests of large leaves may stand in it: it was rendered by us and not written by a user.
    contents: bool,
    /// Null attributes are values; else they mean "not there", as to every Kubernetes API.
    nulls: bool,
    /// For messages.
    what: String,
    span: Option<Span>,
    diagnostics: &'a mut Diagnostics,
    /// Real values of secret leaves, where somebody asks for them.
    revealed: Option<&'a mut BTreeMap<String, Json>>,
}

/// Keys of a Secret are seen in plan, state and cluster; only its values are hidden.
const SENSITIVE_KEYS: &str = "keys of a Secret are shown: write plain keys with sensitive values, such as `{ password = var.creds.password }`; for keys that are no secrets `{ for key in nonsensitive(keys(var.creds)) : key => var.creds[key] }`";

/// Whether an object is a v1 Secret, whose data never stands anywhere in clear.
pub fn is_secret_object(key: &ObjectKey) -> bool {
    key.kind == "Secret" && key.group.is_empty()
}

impl Encoder<'_> {
    /// An object; `unknowns`: leaves that are known only after apply are allowed (layers).
    ///
    /// What is refused is reported at `span` and is `null` in the answer.
    pub fn object(
        &self,
        object: &DesiredObject,
        owner: &Address,
        unknowns: bool,
        span: Option<Span>,
        diagnostics: &mut Diagnostics,
    ) -> Json {
        self.whole_object(object, owner, unknowns, span, diagnostics, None)
    }

    /// A resource's input as the plan shows it: secrets are digests, unknowns are allowed.
    pub fn input(&self, value: &Value, owner: &Address) -> Json {
        self.shown(value, format!("{owner}"), false)
    }

    /// An output's value: secrets are digests, and it is wholly secret if `sensitive`. Unknown leaves must be references and nothing
    /// made of them, since nothing could compute that after apply.
    pub fn output(&self, value: &Value, name: &str, sensitive: bool, diagnostics: &mut Diagnostics) -> Json {
        // The configuration tells it with its place; this is for what comes another way.
        diagnostics.extend(crate::config::made_of_unknown(value, name));
        let hidden = sensitive && !value.is_unknown();
        let value = if hidden { Value::secret(value) } else { value.clone() };
        self.shown(&value, format!("output.{name}"), true)
    }

    fn shown(&self, value: &Value, source: String, nulls: bool) -> Json {
        let mut diagnostics = Diagnostics::new();
        let what = source.clone();
        let mut place = Place {
            source,
            secrets: true,
            unknowns: true,
            contents: false,
            nulls,
            what,
            span: None,
            diagnostics: &mut diagnostics,
            revealed: None,
        };
        self.value(value, &mut ValuePath::default(), &mut place)
    }

    /// An object of a provider: large leaves stand in it as digests.
    pub fn component(&self, object: &DesiredObject, owner: &Address, span: Option<Span>, diagnostics: &mut Diagnostics) -> Json {
        if is_secret_object(&object.key) {
            return self.whole_object(object, owner, false, span, diagnostics, None);
        }
        let what = object.key.short();
        let source = format!("{owner}.{what}");
        let mut place =
            Place { source, secrets: false, unknowns: false, contents: true, nulls: false, what, span, diagnostics, revealed: None };
        self.value(&object.content, &mut ValuePath::default(), &mut place)
    }

    /// Like [`Encoder::object`], and puts the real values of its secret leaves into `revealed`.
    pub(super) fn whole_object(
        &self,
        object: &DesiredObject,
        owner: &Address,
        unknowns: bool,
        span: Option<Span>,
        diagnostics: &mut Diagnostics,
        revealed: Option<&mut BTreeMap<String, Json>>,
    ) -> Json {
        let what = object.key.short();
        let source = format!("{owner}.{what}");
        let mut place = Place { source, secrets: false, unknowns, contents: false, nulls: false, what, span, diagnostics, revealed };
        let Some(entries) = object.content.as_entries().filter(|_| is_secret_object(&object.key)) else {
            return self.value(&object.content, &mut ValuePath::default(), &mut place);
        };
        let mut out = Map::new();
        let mut data = Map::new();
        for (name, value) in entries {
            match name.as_ref() {
                "data" | "stringData" => self.secret_entries(value, name == &std::sync::Arc::from("stringData"), &mut data, &mut place),
                _ => {
                    let mut path = ValuePath(vec![PathStep::Key(name.clone())]);
                    let json = self.value(value, &mut path, &mut place);
                    if !json.is_null() {
                        out.insert(name.to_string(), json);
                    }
                }
            }
        }
        if !data.is_empty() {
            out.insert("data".to_owned(), Json::Object(data));
        }
        Json::Object(out)
    }

    /// `data` and `stringData` as one map of base64 texts; `stringData` wins, as on the server.
    fn secret_entries(&self, value: &Value, plain: bool, data: &mut Map<String, Json>, place: &mut Place<'_>) {
        let field = if plain { "stringData" } else { "data" };
        let Some(entries) = value.reveal().as_entries() else {
            if !value.is_null() && !crate::config::stands_in(value) {
                place.refuse(Code::WRONG_TYPE, format!("`{field}` of {} must be a map of texts", place.what), None);
            }
            return;
        };
        if value.is_secret() {
            place.refuse(
                Code::SECRET_NOT_ALLOWED,
                format!("`{field}` of {} is sensitive as a whole, with its keys", place.what),
                Some(SENSITIVE_KEYS),
            );
            return;
        }
        for (name, value) in entries {
            let text = match value.reveal() {
                Value::Null => continue,
                Value::String(text) => text.to_string(),
                Value::Unknown(_) if crate::config::stands_in(value) => continue,
                Value::Unknown(_) => {
                    place.refuse_unknown(&format!("{field}.{name}"));
                    continue;
                }
                _ => {
                    place.refuse(
                        Code::WRONG_TYPE,
                        format!("`{field}.{name}` of {} must be text", place.what),
                        Some("stringData takes plain text, data takes base64"),
                    );
                    continue;
                }
            };
            let base64 = if plain { Some(data_encoding::BASE64.encode(text.as_bytes())) } else { canonical_base64(&text) };
            let Some(base64) = base64 else {
                place.refuse(
                    Code::WRONG_TYPE,
                    format!("`data.{name}` of {} is not base64", place.what),
                    Some("plain text goes into `stringData`"),
                );
                continue;
            };
            let source = format!("{}.data.{name}", place.source);
            let real = Json::String(base64);
            let digest = self.key.digest(&real);
            if plain || !data.contains_key(name.as_ref()) {
                data.insert(name.to_string(), Placeholder::Secret { digest: &digest, source: Some(&source) }.to_json());
                if let Some(revealed) = place.revealed.as_deref_mut() {
                    revealed.insert(source, real);
                }
            }
        }
    }

    fn value(&self, value: &Value, path: &mut ValuePath, place: &mut Place<'_>) -> Json {
        match value {
            Value::Null => Json::Null,
            Value::Bool(truth) => Json::Bool(*truth),
            Value::Number(number) => {
                number_to_json(number).map_or_else(|| Placeholder::Number { value: &number.to_string() }.to_json(), Json::Number)
            }
            Value::String(text) => Json::String(text.to_string()),
            Value::List(elements) | Value::Set(elements) | Value::Tuple(elements) => {
                let mut out = Vec::with_capacity(elements.len());
                for (index, element) in elements.iter().enumerate() {
                    path.0.push(PathStep::Index(index));
                    out.push(self.value(element, path, place));
                    path.0.pop();
                }
                Json::Array(out)
            }
            Value::Map(entries) | Value::Object(entries) => {
                let mut out = Map::new();
                for (name, value) in entries.iter() {
                    path.0.push(PathStep::Key(name.clone()));
                    if name.as_ref() == MARK && !place.contents {
                        place.refuse(
                            Code::RESERVED_KEY,
                            format!("{} uses the key `{MARK}` at `{path}`", place.what),
                            Some("this key is kept for windlass's own placeholders"),
                        );
                    }
                    let json = self.value(value, path, place);
                    if place.nulls || !json.is_null() {
                        out.insert(name.to_string(), json);
                    }
                    path.0.pop();
                }
                Json::Object(out)
            }
            Value::Unknown(unknown) => {
                let reference = unknown.reference.as_deref();
                if place.unknowns && (reference.is_some() || place.secrets) {
                    return Placeholder::Unknown { reference: reference.unwrap_or("") }.to_json();
                }
                place.refuse_unknown(&path.to_string());
                Json::Null
            }
            Value::Secret(inner) if place.secrets => {
                let source = if path.is_empty() { place.source.clone() } else { format!("{}.{path}", place.source) };
                let mut clear = Place {
                    source: String::new(),
                    secrets: true,
                    unknowns: true,
                    contents: false,
                    nulls: place.nulls,
                    what: String::new(),
                    span: None,
                    diagnostics: place.diagnostics,
                    revealed: None,
                };
                let digest = self.key.digest(&self.value(inner, &mut ValuePath::default(), &mut clear));
                Placeholder::Secret { digest: &digest, source: Some(&source) }.to_json()
            }
            Value::Secret(_) => {
                place.refuse(
                    Code::SECRET_NOT_ALLOWED,
                    format!("a sensitive value stands in `{path}` of {}", place.what),
                    Some("sensitive values may stand in the data of a v1 Secret, which others refer to"),
                );
                Json::Null
            }
        }
    }
}

impl Place<'_> {
    fn refuse(&mut self, code: Code, summary: String, hint: Option<&str>) {
        let mut diagnostic = Diagnostic::error(code, summary);
        diagnostic.primary = self.span;
        diagnostic.hint = hint.map(str::to_owned);
        self.diagnostics.push(diagnostic);
    }

    fn refuse_unknown(&mut self, path: &str) {
        self.refuse(
            Code::UNKNOWN_NOT_ALLOWED,
            format!("`{path}` of {} is known only after apply", self.what),
            Some("cluster.X.endpoint and .ca_certificate may stand in outputs and as whole values in objects of layers, but not inside other text or in Secrets"),
        );
    }
}
