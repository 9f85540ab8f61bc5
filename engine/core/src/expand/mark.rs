//! Turns rendered values into desired objects: identity is read from them, marks are put on them.

use std::sync::Arc;

use crate::addr::Address;
use crate::config::stands_in;
use crate::desired::{DesiredObject, Home};
use crate::diag::{Code, Diagnostic, Diagnostics, Span};
use crate::marks::{ANNOTATION_ADDRESS, ANNOTATION_IGNORED, LABEL_LINEAGE};
use crate::object::{ObjectKey, split_api_version};
use crate::value::{Entries, Value};

/// Annotation in which `kubectl apply` keeps what it sent.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// What every object has, as text.
const IDENTITY: [&[&str]; 3] = [&["apiVersion"], &["kind"], &["metadata", "name"]];

/// Puts marks on objects.
pub struct Marker {
    lineage: Value,
}

impl Marker {
    /// Marks with this lineage.
    pub fn new(lineage: &str) -> Self {
        Self { lineage: Value::string(lineage) }
    }

    /// The object with label and annotation, and its identity on `plane`.
    ///
    /// Returns `None` with a diagnostic when the value is no Kubernetes object; without one when a fault that was told has taken it.
    pub fn mark(
        &self,
        object: &Value,
        owner: &Address,
        home: Home,
        plane: &Address,
        span: Option<Span>,
        diagnostics: &mut Diagnostics,
    ) -> Option<DesiredObject> {
        let text = |path: &[&str]| object.get_path(path).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
        let mut lacking = Vec::new();
        for path in IDENTITY {
            if text(path).is_none() {
                lacking.push(path.join("."));
            }
        }
        let (Some(api_version), Some(kind), Some(name)) = (text(&["apiVersion"]), text(&["kind"]), text(&["metadata", "name"])) else {
            if IDENTITY
                .iter()
                .any(|path| (0..=path.len()).any(|depth| path.get(..depth).and_then(|path| object.get_path(path)).is_some_and(stands_in)))
            {
                return None;
            }
            let mut diagnostic =
                Diagnostic::error(Code::NOT_AN_OBJECT, format!("an object of {owner} has no {}", lacking.join(" and no ")))
                    .detail("Every Kubernetes object needs apiVersion, kind and metadata.name as text that is known at plan time.")
                    .hint("generateName cannot be used: an object must be found again under the same name");
            diagnostic.primary = span;
            diagnostics.push(diagnostic);
            return None;
        };
        let (group, _) = split_api_version(&api_version);
        let key = ObjectKey { plane: plane.clone(), group: group.to_owned(), kind, namespace: text(&["metadata", "namespace"]), name };
        let object = LEFT_OUT.iter().fold(object.clone(), |object, annotation| without(object, annotation, owner, &key, span, diagnostics));
        let content = with_entry(&object, &["metadata", "labels", LABEL_LINEAGE], self.lineage.clone());
        let content = with_entry(&content, &["metadata", "annotations", ANNOTATION_ADDRESS], Value::string(owner.to_string()));
        Some(DesiredObject { home, api_version, key, content, span: None })
    }
}

/// An annotation that is not taken from a user's object.
struct LeftOut {
    name: &'static str,
    what: &'static str,
    hint: &'static str,
}

const LEFT_OUT: [LeftOut; 2] = [
    // Of a Secret it would be the secret itself, in clear.
    LeftOut {
        name: LAST_APPLIED,
        what: "kubectl's copy of the whole object, that of a Secret in clear",
        hint: "remove it from the manifest: server-side apply has no use for it",
    },
    LeftOut {
        name: ANNOTATION_IGNORED,
        what: "windlass's own note of what it leaves alone",
        hint: "remove it from the manifest; `lifecycle { ignore_changes }` of the layer says what is left alone",
    },
];

/// The object without an annotation.
fn without(
    object: Value,
    annotation: &LeftOut,
    owner: &Address,
    key: &ObjectKey,
    span: Option<Span>,
    diagnostics: &mut Diagnostics,
) -> Value {
    let path = ["metadata", "annotations"];
    // A sensitive map of annotations is refused later; until then nothing is in clear.
    let Some(annotations) = object.get_path(&path).and_then(Value::as_entries).filter(|all| all.contains_key(annotation.name)) else {
        return object;
    };
    let mut rest = annotations.clone();
    rest.remove(annotation.name);
    let mut diagnostic = Diagnostic::warning(Code::LEFT_OUT, format!("an annotation of {} in {owner} is left out", key.short()))
        .detail(format!("It is {}, {}.", annotation.name, annotation.what))
        .hint(annotation.hint);
    diagnostic.primary = span;
    diagnostics.push(diagnostic);
    with_entry(&object, &path, Value::from(rest))
}

/// The object value with `value` at `path`; what stands in the way and is no object is replaced.
pub fn with_entry(object: &Value, path: &[&str], value: Value) -> Value {
    let Some((head, rest)) = path.split_first() else {
        return value;
    };
    let mut entries: Entries = object.as_entries().cloned().unwrap_or_default();
    let inner = entries.get(*head).cloned().unwrap_or_else(|| Value::object::<&str, Value>([]));
    entries.insert(Arc::from(*head), with_entry(&inner, rest, value));
    Value::from(entries)
}

/// `over` laid on `under` by RFC 7396: objects are merged key by key, `null` removes, everything else is replaced.
pub fn merged(under: &Value, over: &Value) -> Value {
    match (under.as_entries(), over.as_entries()) {
        (Some(below), Some(above)) => {
            let mut entries = below.clone();
            for (key, value) in above {
                if value.is_null() {
                    entries.remove(key);
                    continue;
                }
                let value = merged(entries.get(key).unwrap_or(&Value::Null), value);
                entries.insert(key.clone(), value);
            }
            Value::from(entries)
        }
        // Nothing is there to be removed, so that only the rest is left of a patch.
        (None, Some(_)) => merged(&Value::object::<&str, Value>([]), over),
        _ => over.clone(),
    }
}
