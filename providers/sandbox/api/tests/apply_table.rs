//! Runs every row of the table of server-side apply (`tests/apply-table`) on the pure functions of `patch`.

#[path = "../../../../tests/apply-table/table.rs"]
mod table;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use windlass_kubeschema::facts::Bundle;
use windlass_kubeschema::facts_table::{bundle, latest};
use windlass_kubeschema::openapi::Dialect;
use windlass_kubeschema::{Schema, SchemaRef};
use windlass_sandbox_api::patch::{
    PatchContext, json_merge_patch, json_patch, reset_fields, same_but_for_times, server_side_apply, strategic_merge_patch, track_update,
};

use table::{Request, Row, Table, check, tables};

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

fn schema_of<'a>(row: &Row, facts: &'a Bundle, schemas: &'a BTreeMap<&str, Arc<Schema>>) -> SchemaRef<'a> {
    let (api_version, kind) = row.kind();
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
    let second = |time: &str| time[17..19].parse().expect("seconds");
    check("managers", &row.wanted_managers(), &row.managers_of(&live, second))?;
    check("final", row.wanted.as_ref().unwrap_or(&Value::Null), &body_of(&live))
}

/// Code, message and, if something was written or found unchanged, the object.
fn answer(row: &Row, request: &Request, index: usize, live: Option<&Value>, schema: SchemaRef<'_>) -> (u16, String, Option<Value>) {
    let (api_version, kind) = row.kind();
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
            return match server_side_apply(live, &row.whole(&request.body, "row"), &ctx) {
                Ok(applied) => (created, String::new(), Some(applied.object)),
                Err(error) => (error.code(), error.to_string(), None),
            };
        }
        "create" | "update" => row.whole(&request.body, "row"),
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
