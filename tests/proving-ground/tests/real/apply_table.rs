//! Replays the table of server-side apply (`tests/apply-table`) against a real kube-apiserver: what the sandbox answers by it,
//! the real server answers too.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

#[path = "../../../apply-table/table.rs"]
mod table;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::future::join_all;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, PostParams};
use kube::client::Body;
use kube::runtime::wait::{await_condition, conditions::is_crd_established};
use serde_json::{Value, json};
use windlass_proving_ground::{Ground, Plane, PlaneSpec};

use table::{Request, Row, check, tables};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real servers: cargo xtask proving-ground test"]
async fn every_row_ends_on_the_real_server_as_in_the_table() {
    let ground = Ground::begin("apply-table").unwrap();
    let plane = Plane::start(&ground, PlaneSpec::named("management").unwrap()).await.unwrap();
    // They would write into the objects of the rows.
    plane.controller_manager.stop().await;
    plane.scheduler.stop().await;
    plane.kubelets.stop().await;

    let tables = tables();
    for (kind, schema) in tables.iter().flat_map(|(_, table)| &table.schemas) {
        serve(&plane, kind, schema).await;
    }
    let rows = tables.iter().flat_map(|(file, table)| table.rows.iter().map(move |row| (file, row)));
    let rows: Vec<_> = rows.filter(|(_, row)| !row.schemaless).collect();
    assert!(rows.len() >= 140, "only {} rows were found", rows.len());
    // Side by side, because each request waits for a second of its own.
    let runs = rows.iter().enumerate().map(|(number, (file, row))| {
        let client = plane.client();
        async move { run(&client, row, &format!("row-{number}")).await.map_err(|reason| format!("{file}: {}\n{reason}", row.name)) }
    });
    let failures: Vec<String> = join_all(runs).await.into_iter().filter_map(Result::err).collect();
    assert!(failures.is_empty(), "{} of {} rows fail:\n\n{}", failures.len(), rows.len(), failures.join("\n\n"));
}

async fn serve(plane: &Plane, kind: &str, schema: &Value) {
    let plural = format!("{}s", kind.to_lowercase());
    let name = format!("{plural}.example.com");
    let definition: CustomResourceDefinition = serde_json::from_value(json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": name},
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": {"kind": kind, "plural": plural},
            "versions": [{
                "name": "v1", "served": true, "storage": true, "subresources": {"status": {}}, "schema": {"openAPIV3Schema": schema},
            }],
        },
    }))
    .unwrap();
    let api: Api<CustomResourceDefinition> = Api::all(plane.client());
    api.create(&PostParams::default(), &definition).await.unwrap();
    let established = Box::pin(await_condition(api, &name, is_crd_established()));
    tokio::time::timeout(Duration::from_secs(60), established).await.expect("established").unwrap();
}

async fn run(client: &kube::Client, row: &Row, name: &str) -> Result<(), String> {
    let mut live: Option<Value> = None;
    // Times of the server, and the request that each belongs to.
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for (number, request) in (1..).zip(&row.requests) {
        the_next_second().await;
        let at = format!("request {number}");
        let (code, answer) = ask(client, row, request, name, live.as_ref()).await;
        let said = answer["message"].as_str().unwrap_or_default();
        if row.invalid && (code, answer["reason"].as_str()) == (422, Some("Invalid")) {
            return Ok(());
        }
        if code != request.code {
            return Err(format!("{at}: wanted {}, found {code}: {said}", request.code));
        }
        if let Some(wanted) = &request.says {
            // The table's rows have one name and no namespace.
            let said = said.replace(&format!("default/{name}"), "/row").replace(name, "row");
            check(&at, wanted, &said)?;
        }
        if code >= 400 {
            continue;
        }
        // A subresource may answer another kind.
        let next = ask_for(client, row, name).await;
        let version = |object: &Value| object["metadata"]["resourceVersion"].clone();
        let unchanged = live.as_ref().is_some_and(|live| version(live) == version(&next));
        check(&format!("{at} unchanged"), &request.unchanged, &unchanged)?;
        for entry in next.pointer("/metadata/managedFields").and_then(Value::as_array).into_iter().flatten() {
            times.entry(entry["time"].as_str().unwrap_or_default().to_owned()).or_insert(number);
        }
        live = Some(next);
    }
    if row.invalid {
        return Err("the server takes it for valid".to_owned());
    }
    let Some(live) = live else {
        return if row.wanted.is_none() { Ok(()) } else { Err("there is no object".into()) };
    };
    check("managers", &row.wanted_managers(), &row.managers_of(&live, |time| number_of(time, &times)))?;
    let ends = row.wanted.as_ref().unwrap_or(&Value::Null);
    let wanted = with_defaults(client, row, ends, name).await?;
    let mut found = without_system_fields(live);
    if ends["status"].as_object().is_none_or(serde_json::Map::is_empty) {
        // No request of the row wrote it: it is the server's.
        found.as_object_mut().expect("an object").remove("status");
    }
    // Names stand in labels and annotations too.
    check("final", &wanted.to_string().replace(&wanted_name(name), "row"), &found.to_string().replace(name, "row"))
}

/// The request that set a time: the row's own, which are of 2000 and carry the number as seconds, or one of the server.
fn number_of(time: &str, times: &BTreeMap<String, usize>) -> usize {
    match time.strip_prefix("2000-01-01T00:00:") {
        Some(seconds) => seconds.trim_end_matches('Z').parse().unwrap(),
        None => times.get(time).copied().unwrap_or_default(),
    }
}

/// Waits for the next second of the clock that server and test share: managedFields have no finer time.
async fn the_next_second() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    tokio::time::sleep(Duration::from_secs(now.as_secs() + 1) - now).await;
}

async fn ask(client: &kube::Client, row: &Row, request: &Request, name: &str, live: Option<&Value>) -> (u16, Value) {
    let (method, content) = match request.verb.as_str() {
        "apply" => ("PATCH", "application/apply-patch+yaml"),
        "merge" => ("PATCH", "application/merge-patch+json"),
        "json" => ("PATCH", "application/json-patch+json"),
        "strategic" => ("PATCH", "application/strategic-merge-patch+json"),
        "create" => ("POST", "application/json"),
        "update" => ("PUT", "application/json"),
        other => panic!("{other} is no verb"),
    };
    let mut body = request.body.clone();
    if matches!(request.verb.as_str(), "apply" | "create" | "update") {
        body = row.whole(&body, name);
    }
    if let ("update", Some(live)) = (request.verb.as_str(), live) {
        body["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"].clone();
    }
    let mut uri = collection(row);
    if method != "POST" {
        uri = format!("{uri}/{name}");
    }
    if !request.subresource.is_empty() {
        uri = format!("{uri}/{}", request.subresource);
    }
    let strict = if request.verb == "apply" { "" } else { "&fieldValidation=Ignore" };
    let force = if request.force { "&force=true" } else { "" };
    send(client, method, content, &format!("{uri}?fieldManager={}{force}{strict}", request.manager), &body).await
}

async fn ask_for(client: &kube::Client, row: &Row, name: &str) -> Value {
    send(client, "GET", "application/json", &format!("{}/{name}", collection(row)), &Value::Null).await.1
}

async fn send(client: &kube::Client, method: &str, content: &str, uri: &str, body: &Value) -> (u16, Value) {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let request = http::Request::builder().method(method).uri(uri).header("content-type", content);
    let answer = client.send(request.body(Body::from(body)).unwrap()).await.unwrap();
    let code = answer.status().as_u16();
    let bytes = answer.into_body().collect_bytes().await.unwrap();
    (code, serde_json::from_slice(&bytes).expect("JSON"))
}

/// The path of the row's kind, in the namespace `default`.
fn collection(row: &Row) -> String {
    let (api_version, kind) = row.kind();
    let root = if api_version == "v1" { "/api/v1".to_owned() } else { format!("/apis/{api_version}") };
    let namespace = if matches!(kind, "Namespace" | "Node") { "" } else { "/namespaces/default" };
    format!("{root}{namespace}/{}s", kind.to_lowercase())
}

fn wanted_name(name: &str) -> String {
    format!("{name}-wanted")
}

/// What the server makes of an object with exactly these fields; its status is taken as it is, because a create drops it.
async fn with_defaults(client: &kube::Client, row: &Row, wanted: &Value, name: &str) -> Result<Value, String> {
    let uri = format!("{}?dryRun=All", collection(row));
    let (code, mut made) = send(client, "POST", "application/json", &uri, &row.whole(wanted, &wanted_name(name))).await;
    if code != 201 {
        return Err(format!("the server takes no object as the row ends: {}", made["message"]));
    }
    made["status"] = wanted["status"].clone();
    Ok(without_system_fields(made))
}

/// An object without what the server makes up by itself: identity, times, addresses, and nulls of times that are not set.
fn without_system_fields(mut object: Value) -> Value {
    remove_nulls(&mut object);
    for name in ["name", "namespace", "uid", "creationTimestamp", "generation", "resourceVersion", "managedFields", "selfLink"] {
        if let Some(metadata) = object["metadata"].as_object_mut() {
            metadata.remove(name);
        }
    }
    if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
        spec.remove("clusterIP");
        spec.remove("clusterIPs");
    }
    if object["status"].as_object().is_none_or(serde_json::Map::is_empty) {
        object.as_object_mut().expect("an object").remove("status");
    }
    object
}

fn remove_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(remove_nulls);
        }
        Value::Array(list) => list.iter_mut().for_each(remove_nulls),
        _ => {}
    }
}
