//! The table of server-side apply, sent to the API row by row: what the pure functions decide must be what a client gets.
//!
//! An API server says more than those functions: it validates whole objects and fills in defaults. A row whose documents are no
//! valid object of a built-in kind ends at that refusal; of kinds with defaults the end must hold what the row wants, and may
//! hold more. Owners are compared whole, always.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::selfmade::{Reply, World, world};
use crate::table::{Request, Row, check, tables};

/// How a row went.
enum End {
    Held,
    /// The server validates more than the table's functions: the request and its answer.
    Refused(String),
}

#[tokio::test]
async fn the_whole_table_holds_over_http() {
    let world = world().await;
    let (mut held, mut differ, mut refused, mut failures) = (0, Vec::new(), BTreeMap::new(), Vec::new());
    for (file, table) in tables() {
        for (kind, schema) in &table.schemas {
            define(&world, kind, schema).await;
        }
        for (number, row) in table.rows.iter().enumerate().filter(|(_, row)| !row.schemaless) {
            let namespace = format!("{}-{number}", file.trim_end_matches(".yaml"));
            match run(&world, row, &namespace).await {
                Ok(End::Held) => held += 1,
                Ok(End::Refused(why)) => drop(refused.insert(row.name.clone(), why)),
                Err(_) if DIFFERENT.iter().any(|(name, _)| *name == row.name) => differ.push(row.name.clone()),
                Err(why) => failures.push(format!("{file}: {}\n{why}", row.name)),
            }
        }
    }
    assert!(failures.is_empty(), "{} rows fail, {held} hold:\n\n{}", failures.len(), failures.join("\n\n"));
    let known: Vec<&str> = DIFFERENT.iter().map(|(name, _)| *name).collect();
    assert_eq!(differ, known, "a row that differs no more leaves the list");
    // Deployments without containers and the like; each is known by its refusal.
    assert!(held >= HELD, "{held} rows hold, {} are refused:\n{refused:#?}", refused.len());
}

/// Rows that end as the table says.
const HELD: usize = 126;

/// Rows that end differently on a whole server, and why; the table is about server-side apply alone.
const DIFFERENT: &[(&str, &str)] = &[
    ("another kind in the body", "the body is refused when it is decoded, in other words"),
    ("owner references are merged by uid", "the owner does not exist: the object is collected between two requests"),
    ("known fields inside preserved ones", "a field that the schema does not have is pruned"),
    ("client-side apply, then server-side apply of kubectl", "the annotation holds the namespace too"),
];

async fn define(world: &World, kind: &str, schema: &Value) {
    let plural = format!("{}s", kind.to_lowercase());
    let definition = json!({
        "metadata": {"name": format!("{plural}.example.com")},
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": {"kind": kind, "plural": plural},
            "versions": [{
                "name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}, "subresources": {"status": {}},
            }],
        },
    });
    let reply = world.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &definition).await;
    assert_eq!(reply.code, 201, "{kind}: {}", reply.body);
}

async fn run(world: &World, row: &Row, namespace: &str) -> Result<End, String> {
    let (api_version, kind) = row.kind();
    let root = if api_version.contains('/') { format!("/apis/{api_version}") } else { format!("/api/{api_version}") };
    let plural = format!("{}s", kind.to_lowercase());
    let namespaced = !matches!(kind, "Namespace" | "Node");
    let collection = if namespaced { format!("{root}/namespaces/{namespace}/{plural}") } else { format!("{root}/{plural}") };
    let object = format!("{collection}/row");
    if namespaced {
        let made = world.post("/api/v1/namespaces", &json!({"metadata": {"name": namespace}})).await;
        check("namespace", &201, &made.code)?;
    }
    for (index, request) in row.requests.iter().enumerate() {
        let at = format!("request {}", index + 1);
        world.clock.set(format!("2001-01-01T00:00:{:02}Z", index + 1).parse().map_err(|error| format!("{error}"))?);
        let before = world.get(&object).await;
        let reply = send(world, row, request, &collection, &before).await;
        if reply.code != request.code && matches!(reply.code, 400 | 422) && request.code < 300 {
            return Ok(End::Refused(format!("{at}: {}", reply.text("/message"))));
        }
        if reply.code != request.code {
            return Err(format!("{at}: wanted {}, found {}: {}", request.code, reply.code, reply.body));
        }
        if let Some(says) = &request.says {
            let place = if namespaced { format!("({namespace}/row;") } else { "(/row;".to_owned() };
            let says = says.replace("(/row;", &place);
            if !reply.text("/message").contains(&says) {
                return Err(format!("{at}:\n  wanted {says}\n  found  {}", reply.text("/message")));
            }
        }
        if request.code < 300 && before.code == 200 {
            let version = |reply: &Reply| reply.text("/metadata/resourceVersion").to_owned();
            let unchanged = version(&before) == version(&world.get(&object).await);
            check(&format!("{at} unchanged"), &request.unchanged, &unchanged)?;
        }
    }
    let live = world.get(&object).await;
    if !namespaced {
        world.merge(&object, &json!({"metadata": {"finalizers": null}})).await;
        world.delete(&object).await;
        world.until(&object, 404).await;
    }
    let Some(wanted) = &row.wanted else { return check("object", &404, &live.code).map(|()| End::Held) };
    check(
        "managers",
        &row.wanted_managers(),
        &row.managers_of(&live.body, |time| time.get(17..19).map_or(0, |digits| digits.parse().unwrap_or(0))),
    )?;
    let found = without_server_fields(live.body.clone());
    let defaulted = !matches!(kind, "ConfigMap" | "Widget");
    let holds = if defaulted { contains(&found, wanted) } else { found == *wanted };
    if holds { Ok(End::Held) } else { Err(format!("final:\n  wanted {wanted}\n  found  {found}")) }
}

async fn send(world: &World, row: &Row, request: &Request, collection: &str, before: &Reply) -> Reply {
    let (api_version, kind) = row.kind();
    let mut body = request.body.clone();
    if matches!(request.verb.as_str(), "apply" | "create" | "update")
        && let Some(map) = body.as_object_mut()
    {
        map.entry("apiVersion").or_insert_with(|| api_version.into());
        map.entry("kind").or_insert_with(|| kind.into());
        let meta = map.entry("metadata").or_insert_with(|| json!({}));
        meta["name"] = "row".into();
        if request.verb == "update" {
            meta["resourceVersion"] = before.at("/metadata/resourceVersion").clone();
        }
    }
    let below = if request.subresource.is_empty() { String::new() } else { format!("/{}", request.subresource) };
    let mut query = Vec::new();
    if !request.manager.is_empty() {
        query.push(format!("fieldManager={}", request.manager.replace(' ', "%20")));
    }
    if request.force {
        query.push("force=true".to_owned());
    }
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    let (method, path, content) = match request.verb.as_str() {
        "create" => ("POST", collection.to_owned(), "application/json"),
        "update" => ("PUT", format!("{collection}/row{below}"), "application/json"),
        "apply" => ("PATCH", format!("{collection}/row{below}"), "application/apply-patch+yaml"),
        "merge" => ("PATCH", format!("{collection}/row{below}"), "application/merge-patch+json"),
        "json" => ("PATCH", format!("{collection}/row{below}"), "application/json-patch+json"),
        "strategic" => ("PATCH", format!("{collection}/row{below}"), "application/strategic-merge-patch+json"),
        other => panic!("{other} is no verb"),
    };
    world.send(method, &format!("{path}{query}"), &[("content-type", content)], &body.to_string()).await
}

/// Takes out what every server writes into every object.
fn without_server_fields(mut object: Value) -> Value {
    if let Some(map) = object.as_object_mut() {
        map.retain(|field, _| field != "apiVersion" && field != "kind");
    }
    if let Some(map) = object.as_object_mut()
        && let Some(meta) = map.get_mut("metadata").and_then(Value::as_object_mut)
    {
        meta.retain(|field, _| {
            !matches!(
                field.as_str(),
                "name" | "managedFields" | "namespace" | "uid" | "creationTimestamp" | "resourceVersion" | "generation"
            )
        });
        if meta.is_empty() {
            map.remove("metadata");
        }
    }
    object
}

/// Everything that is wanted, and perhaps defaults beside it; a list is as long as it is wanted.
fn contains(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::Object(found), Value::Object(wanted)) => wanted.iter().all(|(field, wanted)| match found.get(field) {
            Some(found) => contains(found, wanted),
            None => wanted.as_object().is_some_and(serde_json::Map::is_empty) || wanted.is_null(),
        }),
        (Value::Array(found), Value::Array(wanted)) => {
            found.len() == wanted.len() && found.iter().zip(wanted).all(|(found, wanted)| contains(found, wanted))
        }
        _ => found == wanted,
    }
}
