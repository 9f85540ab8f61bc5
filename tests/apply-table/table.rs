//! The table of server-side apply: a list of HTTP requests on one object, what each answers, and what is there at the end.
//!
//! Read by the test of the sandbox's pure functions and by the replay against a real kube-apiserver. The expected side was
//! computed by the upstream libraries themselves (apimachinery v0.36.3 with structured-merge-diff v6.3.3, typed objects of
//! k8s.io/api). Rows of a kind with server-side defaults create it by apply, so that their owners are the same on a server that
//! fills in defaults, or write out the defaults that an update would own. `schemaless` rows have no counterpart there, and the
//! object of an `invalid` row is refused by a server's validation, which comes after all that the table is about.

#![allow(dead_code, reason = "each test uses its part")]

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};
use windlass_kubeschema::fieldpath::{ManagedEntry, parse_managed_fields};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    pub schemas: BTreeMap<String, Value>,
    pub rows: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    pub name: String,
    pub kind: String,
    #[serde(default)]
    pub schemaless: bool,
    #[serde(default)]
    pub invalid: bool,
    pub requests: Vec<Request>,
    #[serde(default, rename = "final")]
    pub wanted: Option<Value>,
    #[serde(default)]
    pub managers: Vec<Manager>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    pub verb: String,
    #[serde(default)]
    pub manager: String,
    #[serde(default)]
    pub force: bool,
    #[serde(default)]
    pub subresource: String,
    pub body: Value,
    pub code: u16,
    #[serde(default)]
    pub says: Option<String>,
    #[serde(default)]
    pub unchanged: bool,
}

/// `time` is the number of the request that set it.
#[derive(Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Manager {
    manager: String,
    operation: String,
    #[serde(default)]
    api_version: Option<String>,
    #[serde(default)]
    subresource: Option<String>,
    #[serde(default)]
    time: Option<usize>,
    owns: Vec<String>,
}

impl Row {
    /// `apiVersion` and kind.
    pub fn kind(&self) -> (&str, &str) {
        self.kind.split_once(' ').expect("apiVersion and kind")
    }

    /// A body of the table with apiVersion, kind and name, unless it has its own.
    pub fn whole(&self, body: &Value, name: &str) -> Value {
        let (api_version, kind) = self.kind();
        let mut out = body.as_object().cloned().unwrap_or_default();
        out.entry("apiVersion").or_insert_with(|| api_version.into());
        out.entry("kind").or_insert_with(|| kind.into());
        let metadata = out.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
        metadata["name"] = name.into();
        Value::Object(out)
    }

    /// The managers of an object, as lines that can be compared with [`Row::wanted_managers`].
    pub fn managers_of(&self, live: &Value, request_of: impl Fn(&str) -> usize) -> Vec<String> {
        let list = live.pointer("/metadata/managedFields").and_then(Value::as_array).cloned().unwrap_or_default();
        let manager = |entry: ManagedEntry| Manager {
            manager: entry.manager,
            operation: entry.operation.to_string(),
            api_version: (entry.api_version != self.kind().0).then_some(entry.api_version),
            subresource: (!entry.subresource.is_empty()).then_some(entry.subresource),
            time: entry.time.as_deref().map(&request_of),
            owns: entry.fields.paths().iter().map(ToString::to_string).collect(),
        };
        let managers: Vec<Manager> = parse_managed_fields(&list).expect("managedFields").into_iter().map(manager).collect();
        sorted(&managers)
    }

    /// What the table says of the managers at the end.
    pub fn wanted_managers(&self) -> Vec<String> {
        sorted(&self.managers)
    }
}

/// Every file of the table, with its name.
pub fn tables() -> Vec<(String, Table)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|folder| folder.join("tests/apply-table"))
        .find(|folder| folder.join("table.rs").is_file())
        .expect("the table");
    let mut files: Vec<_> = std::fs::read_dir(folder).expect("the folder").map(|file| file.expect("a file").path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "yaml"));
    files.sort();
    let read = |path: &std::path::PathBuf| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(path).expect("readable");
        (name, serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
    };
    files.iter().map(read).collect()
}

/// An error unless both are the same.
pub fn check<T: PartialEq + std::fmt::Debug>(what: &str, wanted: &T, found: &T) -> Result<(), String> {
    if wanted == found { Ok(()) } else { Err(format!("{what}:\n  wanted {wanted:?}\n  found  {found:?}")) }
}

/// The order of the entries counts, the order of the paths in them does not.
fn sorted(managers: &[Manager]) -> Vec<String> {
    let show = |manager: &Manager| {
        let mut owns = manager.owns.clone();
        owns.sort();
        format!("{} {} {:?} {:?} {:?} {owns:?}", manager.manager, manager.operation, manager.api_version, manager.subresource, manager.time)
    };
    managers.iter().map(show).collect()
}
