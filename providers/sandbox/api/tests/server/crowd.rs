//! Many clients at once: nothing is lost, nothing is told twice or out of order.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::{AsyncBufReadExt, TryStreamExt};
use serde_json::{Value, json};

use crate::selfmade::{client, send, world};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const WRITERS: usize = 8;
const ROUNDS: usize = 15;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn optimistic_writers_count_right_and_watchers_see_every_version() {
    let world = world().await;
    let made = world.post(MAPS, &json!({"metadata": {"name": "counter"}, "data": {"n": "0"}})).await;
    let start = made.text("/metadata/resourceVersion").to_owned();
    let path = format!("{MAPS}/counter");
    let request = http::Request::get(format!("{MAPS}?watch=true&resourceVersion={start}&fieldSelector=metadata.name%3Dcounter"));
    let stream = world.client.request_stream(request.body(Vec::new()).unwrap()).await.unwrap();
    let watcher = tokio::spawn(async move {
        let mut lines = stream.lines();
        let mut seen: Vec<(u64, u64)> = Vec::new();
        while seen.len() < WRITERS * ROUNDS {
            let line = tokio::time::timeout(Duration::from_secs(30), lines.try_next()).await.unwrap().unwrap().unwrap();
            let event: Value = serde_json::from_str(&line).unwrap();
            let number = |pointer: &str| event.pointer(pointer).unwrap().as_str().unwrap().parse().unwrap();
            seen.push((number("/object/metadata/resourceVersion"), number("/object/data/n")));
        }
        seen
    });
    let mut writers = Vec::new();
    for _ in 0..WRITERS {
        let (own, path) = (client(&world.plane.admin_kubeconfig()).await, path.clone());
        writers.push(tokio::spawn(async move {
            for _ in 0..ROUNDS {
                loop {
                    let mut object = send(&own, "GET", &path, &[], "").await.body;
                    let n: u64 = object["data"]["n"].as_str().unwrap().parse().unwrap();
                    object["data"]["n"] = json!((n + 1).to_string());
                    let reply = send(&own, "PUT", &path, &[("content-type", "application/json")], &object.to_string()).await;
                    match reply.code {
                        200 => break,
                        409 => {}
                        other => panic!("{other}: {}", reply.body),
                    }
                }
            }
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(world.get(&path).await.text("/data/n"), (WRITERS * ROUNDS).to_string());
    let seen = watcher.await.unwrap();
    assert!(seen.is_sorted(), "{seen:?}");
    let counted: Vec<u64> = seen.iter().map(|(_, n)| *n).collect();
    assert_eq!(counted, (1..=(WRITERS * ROUNDS) as u64).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_service_gets_an_address_and_a_port_of_its_own() {
    let world = world().await;
    let services = "/api/v1/namespaces/default/services";
    let make = |index: usize| {
        let world = &world;
        async move {
            let kind = if index.is_multiple_of(2) { "NodePort" } else { "ClusterIP" };
            let object = json!({"metadata": {"name": format!("s{index}")}, "spec": {"type": kind, "ports": [{"port": 80}]}});
            assert_eq!(world.post(services, &object).await.code, 201);
            if index % 2 == 1 {
                let patched = world.merge(&format!("{services}/s{index}"), &json!({"spec": {"type": "NodePort"}})).await;
                assert_eq!(patched.code, 200, "{}", patched.body);
            }
        }
    };
    futures::future::join_all((0..30).map(make)).await;
    let list = world.get(&format!("{services}?fieldSelector=spec.type%3DNodePort")).await;
    let all = |pointer: &str| {
        let items = list.at("/items").as_array().unwrap().iter();
        items.map(|item| item.pointer(pointer).unwrap().to_string()).collect::<BTreeSet<_>>().len()
    };
    assert_eq!((all("/spec/clusterIP"), all("/spec/ports/0/nodePort")), (30, 30));
}
