//! Watches, raw (one JSON line per event) and through the client library.

use std::time::Duration;

use futures::{AsyncBufReadExt, StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::runtime::watcher::{self, watcher};
use serde_json::{Value, json};

use crate::selfmade::{World, world, world_with};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

/// Reads events until `count` have come.
async fn events(world: &World, query: &str, count: usize) -> Vec<Value> {
    let request = http::Request::get(format!("{MAPS}?watch=true&{query}")).body(Vec::new()).unwrap();
    let lines = world.client.request_stream(request).await.unwrap().lines();
    let read = lines.take(count).map_ok(|line| serde_json::from_str::<Value>(&line).unwrap()).try_collect();
    tokio::time::timeout(Duration::from_secs(10), read).await.unwrap().unwrap()
}

fn short(events: &[Value]) -> Vec<String> {
    events
        .iter()
        .map(|event| format!("{} {}", event["type"].as_str().unwrap(), event["object"]["metadata"]["name"].as_str().unwrap_or("-")))
        .collect()
}

async fn version(world: &World) -> String {
    world.get(MAPS).await.text("/metadata/resourceVersion").to_owned()
}

async fn label(world: &World, name: &str, value: &str) {
    let reply = world
        .apply(
            &format!("{MAPS}/{name}?fieldManager=t"),
            &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"l": value}}}),
        )
        .await;
    assert!(reply.code < 300, "{}", reply.body);
}

#[tokio::test]
async fn a_watch_tells_what_happened_since_a_version() {
    let world = world().await;
    let start = version(&world).await;
    label(&world, "a", "x").await;
    label(&world, "a", "y").await;
    label(&world, "b", "x").await;
    world.delete(&format!("{MAPS}/a")).await;
    let all = events(&world, &format!("resourceVersion={start}"), 4).await;
    assert_eq!(short(&all), ["ADDED a", "MODIFIED a", "ADDED b", "DELETED a"]);
    let versions: Vec<u64> =
        all.iter().map(|event| event["object"]["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap()).collect();
    assert!(versions.is_sorted(), "{versions:?}");
    let selected = events(&world, &format!("resourceVersion={start}&labelSelector=l%3Dx"), 3).await;
    assert_eq!(short(&selected), ["ADDED a", "DELETED a", "ADDED b"], "leaving the selection is a DELETED");
    assert_eq!(selected[1]["object"]["metadata"]["labels"]["l"], "x");
    let named = events(&world, &format!("resourceVersion={start}&fieldSelector=metadata.name%3Db"), 1).await;
    assert_eq!(short(&named), ["ADDED b"]);
    let present = events(&world, "fieldSelector=metadata.name%3Db", 1).await;
    assert_eq!(short(&present), ["ADDED b"], "without a version the present objects come first");
}

#[tokio::test]
async fn initial_events_end_with_a_marked_bookmark() {
    let world = world().await;
    label(&world, "a", "x").await;
    let query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&labelSelector=l";
    let got = events(&world, query, 2).await;
    assert_eq!(short(&got), ["ADDED a", "BOOKMARK -"]);
    assert_eq!(got[1]["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
    let refused = world.get(&format!("{MAPS}?watch=true&sendInitialEvents=true")).await;
    assert_eq!(refused.code, 422);
}

/// A plain watch waits for a version from the future; who asks for the objects of that version is told, after a while.
#[tokio::test]
async fn objects_of_a_version_from_the_future_are_not_there() {
    let world = world().await;
    let future = version(&world).await.parse::<u64>().unwrap() + 1000;
    let query = format!("sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&resourceVersion={future}");
    let got = events(&world, &query, 1).await;
    // A list of that version is answered so, too; the client library asks again and again then.
    let status = &got[0]["object"];
    assert_eq!(got[0]["type"], "ERROR");
    assert_eq!((&status["code"], &status["reason"], &status["details"]["retryAfterSeconds"]), (&json!(504), &json!("Timeout"), &json!(1)));
    assert!(status["message"].as_str().unwrap().starts_with(&format!("Timeout: Too large resource version: {future}, current: ")));
    let plain = events(&world, &format!("resourceVersion={future}&timeoutSeconds=1"), 1).await;
    assert!(plain.is_empty(), "{plain:?}");
}

#[tokio::test]
async fn a_watch_ends_when_its_time_is_over_or_its_past_is_gone() {
    let world = world_with(|options| options.history = 5).await;
    let start = version(&world).await;
    for index in 0..10 {
        label(&world, "a", &index.to_string()).await;
    }
    let gone = events(&world, &format!("resourceVersion={start}"), 1).await;
    assert_eq!((&gone[0]["type"], &gone[0]["object"]["code"]), (&json!("ERROR"), &json!(410)));
    assert_eq!(gone[0]["object"]["reason"], "Expired");
    let now = version(&world).await;
    let begun = std::time::Instant::now();
    let last = events(&world, &format!("resourceVersion={now}&timeoutSeconds=1&allowWatchBookmarks=true"), 5).await;
    assert_eq!(short(&last), ["BOOKMARK -"]);
    assert_eq!(last[0]["object"]["metadata"]["resourceVersion"], json!(now));
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn the_client_library_follows_changes() {
    let world = world().await;
    let maps: Api<ConfigMap> = Api::namespaced(world.client.clone(), "default");
    for config in [watcher::Config::default().labels("l"), watcher::Config::default().labels("l").streaming_lists()] {
        label(&world, "a", "x").await;
        let mut stream = std::pin::pin!(watcher(maps.clone(), config));
        let mut seen = Vec::new();
        while seen.len() < 6 {
            let event = tokio::time::timeout(Duration::from_secs(10), stream.next()).await.unwrap().unwrap().unwrap();
            match event {
                watcher::Event::Init => seen.push("init".to_owned()),
                watcher::Event::InitApply(map) => seen.push(format!("has {}", map.metadata.name.unwrap())),
                watcher::Event::InitDone => {
                    seen.push("ready".to_owned());
                    label(&world, "b", "x").await;
                    label(&world, "b", "y").await;
                    world.delete(&format!("{MAPS}/b")).await;
                }
                watcher::Event::Apply(map) => seen.push(format!("apply {}", map.metadata.name.unwrap())),
                watcher::Event::Delete(map) => seen.push(format!("delete {}", map.metadata.name.unwrap())),
            }
        }
        assert_eq!(seen, ["init", "has a", "ready", "apply b", "apply b", "delete b"]);
    }
}

#[tokio::test]
async fn tables_are_watched_with_columns_in_the_first_event_only() {
    let world = world().await;
    let start = version(&world).await;
    label(&world, "a", "x").await;
    label(&world, "b", "x").await;
    let request = http::Request::get(format!("{MAPS}?watch=true&resourceVersion={start}"))
        .header("accept", "application/json;as=Table;v=v1;g=meta.k8s.io")
        .body(Vec::new())
        .unwrap();
    let lines = world.client.request_stream(request).await.unwrap().lines();
    let got: Vec<Value> = lines.take(2).map_ok(|line| serde_json::from_str(&line).unwrap()).try_collect().await.unwrap();
    assert_eq!(got[0]["object"]["columnDefinitions"].as_array().unwrap().len(), 3);
    assert_eq!(got[1]["object"]["columnDefinitions"], Value::Null);
    assert_eq!(got[1]["object"]["rows"][0]["cells"], json!(["b", "0", "0s"]));
}
