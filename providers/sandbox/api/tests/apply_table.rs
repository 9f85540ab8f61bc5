//! Runs every row of `apply-table/*.yaml` on the pure functions of `patch`.
//!
//! A row is a list of HTTP requests on one object (named `row`), what each answers, and what is
//! there at the end. The expected side was computed by the upstream libraries themselves
//! (apimachinery v0.36.3 with structured-merge-diff v6.3.3, typed objects of k8s.io/api). Rows of
//! a kind with server-side defaults create it by apply, so that their owners are the same on a
//! server that fills in defaults; `schemaless` rows have no counterpart there.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use windlass_kubeschema::facts::Bundle;
use windlass_kubeschema::facts_table::{bundle, latest};
use windlass_kubeschema::fieldpath::parse_managed_fields;
use windlass_kubeschema::openapi::Dialect;
use windlass_kubeschema::{Schema, SchemaRef};
use windlass_sandbox_api::patch::{
    PatchContext, json_merge_patch, json_patch, reset_fields, same_but_for_times, server_side_apply, strategic_merge_patch, track_update,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    schemas: BTreeMap<String, Value>,
    rows: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    kind: String,
    #[serde(default)]
    schemaless: bool,
    requests: Vec<Request>,
    #[serde(default, rename = "final")]
    wanted: Option<Value>,
    #[serde(default)]
    managers: Vec<Manager>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    verb: String,
    #[serde(default)]
    manager: String,
    #[serde(default)]
    force: bool,
    #[serde(default)]
    subresource: String,
    body: Value,
    code: u16,
    #[serde(default)]
    says: Option<String>,
    #[serde(default)]
    unchanged: bool,
}

/// `time` is the number of the request that set it.
#[derive(Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Manager {
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

#[test]
fn every_row_ends_as_the_real_server_ends_it() {
    let facts = kubernetes();
    let mut failures = Vec::new();
    let mut count = 0;
    for (file, table) in tables() {
        let schemas = schemas_of(&table);
        for row in &table.rows {
            count += 1;
            if let Err(reason) = run(row, facts, &schemas) {
                failures.push(format!("{file}: {}\n{reason}", row.name));
            }
        }
    }
    assert!(count >= 60, "only {count} rows were found");
    assert!(failures.is_empty(), "{} of {count} rows fail:\n\n{}", failures.len(), failures.join("\n\n"));
}

/// Twice equals once: whatever a row ends with, the same apply again changes nothing.
#[test]
fn an_apply_again_changes_nothing() {
    let facts = kubernetes();
    for (_, table) in tables() {
        let schemas = schemas_of(&table);
        for row in &table.rows {
            let schema = schema_of(row, facts, &schemas);
            let mut live: Option<Value> = None;
            for (index, request) in row.requests.iter().enumerate() {
                let (_, _, next) = answer(row, request, index, live.as_ref(), schema);
                let Some(next) = next else { continue };
                if request.verb == "apply" {
                    let (code, _, again) = answer(row, request, index + 30, Some(&next), schema);
                    assert_eq!((code, again.as_ref()), (200, Some(&next)), "{}", row.name);
                }
                live = Some(next);
            }
        }
    }
}

fn schemas_of(table: &Table) -> BTreeMap<&str, Arc<Schema>> {
    let read = |document| Arc::new(Schema::from_openapi(document, Dialect::Crd, &|_| None).expect("a schema"));
    table.schemas.iter().map(|(kind, document)| (kind.as_str(), read(document))).collect()
}

fn kubernetes() -> &'static Bundle {
    let file = latest("kubernetes").expect("facts of Kubernetes");
    bundle(file.name, file.version).expect("in the table").expect("readable")
}

fn tables() -> Vec<(String, Table)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/apply-table");
    let mut files: Vec<_> = std::fs::read_dir(folder).expect("the folder").map(|file| file.expect("a file").path()).collect();
    files.sort();
    let read = |path: &std::path::PathBuf| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(path).expect("readable");
        (name, serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
    };
    files.iter().map(read).collect()
}

fn kind_of(row: &Row) -> (&str, &str) {
    row.kind.split_once(' ').expect("apiVersion and kind")
}

fn schema_of<'a>(row: &Row, facts: &'a Bundle, schemas: &'a BTreeMap<&str, Arc<Schema>>) -> SchemaRef<'a> {
    let (api_version, kind) = kind_of(row);
    if row.schemaless {
        return SchemaRef::untyped();
    }
    if let Some(schema) = schemas.get(kind) {
        return SchemaRef::of(schema).as_resource();
    }
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let fact = facts.kind(group, version, kind).unwrap_or_else(|| panic!("no facts of {}", row.kind));
    facts.schema_of(fact)
}

fn run(row: &Row, facts: &Bundle, schemas: &BTreeMap<&str, Arc<Schema>>) -> Result<(), String> {
    let schema = schema_of(row, facts, schemas);
    let mut live: Option<Value> = None;
    for (index, request) in row.requests.iter().enumerate() {
        let (code, says, next) = answer(row, request, index, live.as_ref(), schema);
        let at = format!("request {}", index + 1);
        check(&at, &request.code, &code)?;
        if let Some(wanted) = &request.says {
            check(&at, wanted, &says)?;
        }
        if let Some(next) = next {
            let unchanged = live.as_ref().is_some_and(|live| same_but_for_times(live, &next));
            check(&format!("{at} unchanged"), &request.unchanged, &unchanged)?;
            if !unchanged {
                live = Some(next);
            }
        }
    }
    let Some(live) = live else {
        return if row.wanted.is_none() { Ok(()) } else { Err("there is no object".into()) };
    };
    check("managers", &sorted(&row.managers), &sorted(&managers_of(&live, kind_of(row).0)))?;
    check("final", row.wanted.as_ref().unwrap_or(&Value::Null), &body_of(&live))
}

fn check<T: PartialEq + std::fmt::Debug>(what: &str, wanted: &T, found: &T) -> Result<(), String> {
    if wanted == found { Ok(()) } else { Err(format!("{what}:\n  wanted {wanted:?}\n  found  {found:?}")) }
}

/// Code, message and, if something was written or found unchanged, the object.
fn answer(row: &Row, request: &Request, index: usize, live: Option<&Value>, schema: SchemaRef<'_>) -> (u16, String, Option<Value>) {
    let (api_version, kind) = kind_of(row);
    let has_status = schema.declared("status").is_some();
    let reset = reset_fields(&request.subresource, has_status, !schema.is_built_in());
    let now = format!("2001-01-01T00:00:{:02}Z", index + 1);
    let ctx = PatchContext {
        schema,
        api_version,
        kind,
        subresource: &request.subresource,
        manager: &request.manager,
        now: &now,
        force: request.force,
        reset: &reset,
    };
    let created = if live.is_none() { 201 } else { 200 };
    let empty = json!({});
    let base = live.unwrap_or(&empty);
    let mut new = match request.verb.as_str() {
        "apply" => {
            return match server_side_apply(live, &whole(&request.body, api_version, kind), &ctx) {
                Ok(applied) => (created, String::new(), Some(applied.object)),
                Err(error) => (error.code(), error.to_string(), None),
            };
        }
        "create" | "update" => whole(&request.body, api_version, kind),
        "merge" => json_merge_patch(base, &request.body),
        "json" => match json_patch(base, &request.body) {
            Ok(new) => new,
            Err(error) => return (error.code(), error.to_string(), None),
        },
        "strategic" => match strategic_merge_patch(base, &request.body, schema) {
            Ok(new) => new,
            Err(error) => return (error.code(), error.to_string(), None),
        },
        other => panic!("{other} is no verb"),
    };
    track_update(live, &mut new, &ctx);
    (created, String::new(), Some(new))
}

fn whole(body: &Value, api_version: &str, kind: &str) -> Value {
    let mut out = body.as_object().cloned().unwrap_or_default();
    out.entry("apiVersion").or_insert_with(|| api_version.into());
    out.entry("kind").or_insert_with(|| kind.into());
    let metadata = out.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
    metadata["name"] = "row".into();
    Value::Object(out)
}

fn body_of(live: &Value) -> Value {
    let mut out = live.as_object().cloned().unwrap_or_default();
    out.remove("apiVersion");
    out.remove("kind");
    if let Some(Value::Object(metadata)) = out.get_mut("metadata") {
        metadata.remove("name");
        metadata.remove("managedFields");
        if metadata.is_empty() {
            out.remove("metadata");
        }
    }
    Value::Object(out)
}

fn managers_of(live: &Value, api_version: &str) -> Vec<Manager> {
    let list = live.pointer("/metadata/managedFields").and_then(Value::as_array).cloned().unwrap_or_default();
    let entries = parse_managed_fields(&list).expect("managedFields");
    let manager = |entry: windlass_kubeschema::fieldpath::ManagedEntry| Manager {
        manager: entry.manager,
        operation: entry.operation.to_string(),
        api_version: (entry.api_version != api_version).then_some(entry.api_version),
        subresource: (!entry.subresource.is_empty()).then_some(entry.subresource),
        time: entry.time.map(|time| time[17..19].parse().expect("seconds")),
        owns: entry.fields.paths().iter().map(ToString::to_string).collect(),
    };
    entries.into_iter().map(manager).collect()
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
