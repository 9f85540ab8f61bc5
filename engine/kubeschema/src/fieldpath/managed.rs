//! `metadata.managedFields`: who owns which fields, since when.

use std::fmt;

use serde_json::{Map, Value};

use super::set::FieldSet;

/// How a manager wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// By server-side apply: omission unsets.
    Apply,
    /// By any other write.
    Update,
}

impl Operation {
    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Operation::Apply => "Apply",
            Operation::Update => "Update",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One entry of `metadata.managedFields`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagedEntry {
    /// Name that the client gave.
    pub manager: String,
    /// How it wrote.
    pub operation: Operation,
    /// Version that the fields are of.
    pub api_version: String,
    /// RFC 3339, whole seconds.
    pub time: Option<String>,
    /// `status`, `scale`, or empty for the object itself.
    pub subresource: String,
    /// What it owns.
    pub fields: FieldSet,
}

impl ManagedEntry {
    /// Same manager in the server's sense: an applier is one whatever version it applies in.
    pub fn is_same_manager(&self, other: &ManagedEntry) -> bool {
        self.operation == other.operation
            && self.manager == other.manager
            && self.subresource == other.subresource
            && (self.operation == Operation::Apply || self.api_version == other.api_version)
    }

    fn sort_key(&self) -> (Operation, &str, &str, &str, &str) {
        (self.operation, self.time.as_deref().unwrap_or(""), &self.manager, &self.api_version, &self.subresource)
    }
}

/// Reads the list; the error is the server's sentence about the first bad entry.
pub fn parse_managed_fields(list: &[Value]) -> Result<Vec<ManagedEntry>, String> {
    list.iter().enumerate().map(parse_entry).collect()
}

/// Writes the list in the server's order: operation, time, manager, version, subresource.
pub fn emit_managed_fields(entries: &[ManagedEntry]) -> Vec<Value> {
    let mut sorted: Vec<&ManagedEntry> = entries.iter().collect();
    sorted.sort_by(|a, b| a.sort_key().cmp(&b.sort_key()));
    sorted.into_iter().map(emit_entry).collect()
}

fn parse_entry((index, entry): (usize, &Value)) -> Result<ManagedEntry, String> {
    let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or("");
    let operation = match text("operation") {
        "Apply" => Operation::Apply,
        "Update" => Operation::Update,
        _ => return Err("operation must be `Apply` or `Update`".into()),
    };
    let api_version = text("apiVersion").to_owned();
    if api_version.is_empty() {
        return Err("apiVersion must not be empty".into());
    }
    match text("fieldsType") {
        "FieldsV1" => {}
        "" => {
            return Err(format!("missing fieldsType in managed fields entry {index}"));
        }
        other => {
            return Err(format!("invalid fieldsType {other:?} in managed fields entry {index}"));
        }
    }
    let fields = match entry.get("fieldsV1") {
        None | Some(Value::Null) => FieldSet::new(),
        Some(fields) => FieldSet::from_fields_v1(fields).ok_or_else(|| format!("error decoding set in managed fields entry {index}"))?,
    };
    Ok(ManagedEntry {
        manager: text("manager").to_owned(),
        operation,
        api_version,
        time: entry.get("time").and_then(Value::as_str).map(String::from),
        subresource: text("subresource").to_owned(),
        fields,
    })
}

fn emit_entry(entry: &ManagedEntry) -> Value {
    let mut out = Map::new();
    out.insert("apiVersion".into(), entry.api_version.as_str().into());
    out.insert("fieldsType".into(), "FieldsV1".into());
    out.insert("fieldsV1".into(), entry.fields.to_fields_v1());
    if !entry.manager.is_empty() {
        out.insert("manager".into(), entry.manager.as_str().into());
    }
    out.insert("operation".into(), entry.operation.as_str().into());
    if !entry.subresource.is_empty() {
        out.insert("subresource".into(), entry.subresource.as_str().into());
    }
    if let Some(time) = &entry.time {
        out.insert("time".into(), time.as_str().into());
    }
    Value::Object(out)
}
