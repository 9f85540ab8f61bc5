//! Create, read, replace, patch, delete, list.

use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Service};
use kube::Api;
use kube::api::{DeleteParams, ListParams, PostParams};
use serde_json::{Value, json};

use crate::selfmade::world;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn map(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"k": value}})
}

#[tokio::test]
async fn a_typed_client_creates_reads_replaces_and_deletes() {
    let world = world().await;
    let maps: Api<ConfigMap> = Api::namespaced(world.client.clone(), "default");
    let mut created: ConfigMap = maps.create(&PostParams::default(), &serde_json::from_value(map("a", "1")).unwrap()).await.unwrap();
    assert_eq!(created.metadata.creation_timestamp.as_ref().unwrap().0.to_string(), "2026-01-02T03:04:05Z");
    assert!(created.metadata.uid.is_some());
    assert_eq!(created.metadata.generation, None, "a ConfigMap has no generation");
    created.data.as_mut().unwrap().insert("k".into(), "2".into());
    let replaced = maps.replace("a", &PostParams::default(), &created).await.unwrap();
    assert_ne!(replaced.metadata.resource_version, created.metadata.resource_version);
    let stale = maps.replace("a", &PostParams::default(), &created).await.unwrap_err();
    let kube::Error::Api(status) = stale else { panic!("{stale}") };
    assert_eq!(status.code, 409);
    assert_eq!(
        status.message,
        "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your changes to the \
         latest version and try again"
    );
    maps.delete("a", &DeleteParams::default()).await.unwrap();
    assert!(maps.get_opt("a").await.unwrap().is_none());
}

#[tokio::test]
async fn refusals_have_the_real_code_reason_and_words() {
    let world = world().await;
    world.post(MAPS, &map("a", "1")).await;
    let rows: Vec<(&str, &str, Value, u16, &str, &str)> = vec![
        ("GET", "/api/v1/namespaces/default/configmaps/x", Value::Null, 404, "NotFound", "configmaps \"x\" not found"),
        ("POST", MAPS, map("a", "1"), 409, "AlreadyExists", "configmaps \"a\" already exists"),
        ("PUT", "/api/v1/namespaces/default/configmaps/x", map("x", "1"), 404, "NotFound", "configmaps \"x\" not found"),
        ("POST", "/api/v1/namespaces/nowhere/configmaps", map("a", "1"), 404, "NotFound", "namespaces \"nowhere\" not found"),
        (
            "POST",
            MAPS,
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}}),
            422,
            "Invalid",
            "ConfigMap \"\" is invalid: metadata.name: Required value: name or generateName is required",
        ),
        (
            "POST",
            MAPS,
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "other"}}),
            400,
            "BadRequest",
            "the namespace of the provided object does not match the namespace sent on the request",
        ),
        (
            "PUT",
            "/api/v1/namespaces/default/configmaps/a",
            map("b", "1"),
            400,
            "BadRequest",
            "the name of the object (b) does not match the name on the URL (a)",
        ),
        ("POST", "/api/v1/configmaps", map("a", "1"), 400, "BadRequest", "an empty namespace may not be set during creation"),
        ("GET", "/api/v1/namespaces/default/nothings", Value::Null, 404, "NotFound", "the server could not find the requested resource"),
        ("PUT", MAPS, map("a", "1"), 405, "MethodNotAllowed", "the server does not allow this method on the requested resource"),
        (
            "GET",
            "/api/v1/namespaces/default/configmaps?fieldSelector=data.k%3D1",
            Value::Null,
            400,
            "BadRequest",
            "Unable to find \"v1, Resource=configmaps\" that match label selector \"\", field selector \"data.k=1\": field label \
             not supported: data.k",
        ),
        (
            "GET",
            "/api/v1/namespaces/default/configmaps?labelSelector=a%3D%3D%3Db",
            Value::Null,
            400,
            "BadRequest",
            "unable to parse requirement: found '=', expected: identifier",
        ),
    ];
    for (method, path, body, code, reason, message) in rows {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let reply = world.send(method, path, &[("content-type", "application/json")], &text).await;
        assert_eq!((reply.code, reply.text("/reason"), reply.text("/message")), (code, reason, message), "{method} {path}");
        assert_eq!(reply.text("/kind"), "Status");
        assert_eq!(reply.at("/code"), &json!(code));
    }
}

#[tokio::test]
async fn bodies_of_every_kind_are_read_or_refused() {
    let world = world().await;
    let yaml = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: y\ndata:\n  k: v\n";
    let reply = world.send("POST", MAPS, &[("content-type", "application/yaml")], yaml).await;
    assert_eq!((reply.code, reply.text("/data/k")), (201, "v"));
    for (kind, body, code) in [
        ("application/json", "{", 400),
        ("application/json", "[]", 400),
        ("application/json", "\"x\"", 400),
        ("application/yaml", "a: b: c", 400),
        ("application/yaml", "- 1", 400),
        ("application/vnd.kubernetes.protobuf", "k8s", 400),
        ("text/plain", "{}", 415),
    ] {
        let reply = world.send("POST", MAPS, &[("content-type", kind)], body).await;
        assert_eq!(reply.code, code, "{kind} {body}: {}", reply.body);
        assert_eq!(reply.text("/kind"), "Status");
    }
    // The larger one fills every buffer on the way: it is answered only because the server reads on.
    for megabytes in [4, 16] {
        let large = json!({"metadata": {"name": "l"}, "data": {"k": "x".repeat(megabytes << 20)}});
        let reply = world.post(MAPS, &large).await;
        let expected = (413, "RequestEntityTooLarge", "Request entity too large: limit is 3145728");
        assert_eq!((reply.code, reply.text("/reason"), reply.text("/message")), expected);
    }
}

#[tokio::test]
async fn objects_that_are_too_large_are_refused() {
    const SECRETS: &str = "/api/v1/namespaces/default/secrets";
    const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";
    let world = world().await;
    let (limit, kb) = (1 << 20, 1 << 10);
    let data = |bytes: usize| json!({"metadata": {"name": "a"}, "data": {"k": "x".repeat(bytes)}});
    let encoded = |field: &str, bytes: usize| {
        let text = data_encoding::BASE64.encode(&vec![0_u8; bytes]);
        json!({"metadata": {"name": "a"}, field: {"k": text}})
    };
    let annotated = |bytes: usize| json!({"metadata": {"name": "a", "annotations": {"k": "x".repeat(bytes - 1)}}});
    let argument = "x".repeat(1600 * kb);
    let deployment = json!({"metadata": {"name": "a"}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {
        "metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i", "args": [argument]}]}}}});
    let map = "ConfigMap \"a\" is invalid: []: Too long: may not be more than 1048576 bytes";
    let rows = [
        (MAPS, data(limit), 201, ""),
        (MAPS, data(limit + 1), 422, map),
        (MAPS, encoded("binaryData", limit), 201, ""),
        (MAPS, encoded("binaryData", limit + 1), 422, map),
        (SECRETS, encoded("data", limit), 201, ""),
        (SECRETS, encoded("data", limit + 1), 422, "Secret \"a\" is invalid: data: Too long: may not be more than 1048576 bytes"),
        (MAPS, annotated(256 * kb), 201, ""),
        (
            MAPS,
            annotated(256 * kb + 1),
            422,
            "ConfigMap \"a\" is invalid: metadata.annotations: Too long: may not be more than 262144 bytes",
        ),
        (DEPLOYMENTS, deployment, 500, "etcdserver: request is too large"),
    ];
    for (path, object, code, message) in rows {
        let reply = world.post(path, &object).await;
        assert_eq!((reply.code, reply.text("/message")), (code, message), "{path}");
        if reply.code == 201 {
            world.delete(&format!("{path}/a")).await;
        }
    }
}

#[tokio::test]
async fn finalizers_have_a_domain_or_are_standard_ones() {
    let world = world().await;
    let names = |finalizers: &[&str]| json!({"metadata": {"name": "a", "finalizers": finalizers}});
    let neither = "name is neither a standard finalizer name nor is it fully qualified";
    for (path, finalizers, message) in [
        (MAPS, &["a.io/b", "nope"][..], format!("ConfigMap \"a\" is invalid: metadata.finalizers[1]: Invalid value: \"nope\": {neither}")),
        (MAPS, &["a.io/b", "foregroundDeletion"][..], String::new()),
        // Without the rule of core kinds any qualified name will do.
        ("/apis/coordination.k8s.io/v1/namespaces/default/leases", &["nope"][..], String::new()),
    ] {
        let reply = world.post(&format!("{path}?dryRun=All"), &names(finalizers)).await;
        assert_eq!((reply.code, reply.text("/message")), (if message.is_empty() { 201 } else { 422 }, message.as_str()), "{path}");
    }
}

#[tokio::test]
async fn the_server_fills_in_what_the_real_one_fills_in() {
    let world = world().await;
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d", "labels": null},
        "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {
                "metadata": {"labels": {"a": "b"}, "creationTimestamp": null},
                "spec": {"containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 80}]}]},
            },
        },
        "status": {"replicas": 9},
    });
    let reply = world.post("/apis/apps/v1/namespaces/default/deployments", &deployment).await;
    assert_eq!(reply.code, 201, "{}", reply.body);
    for (pointer, expected) in [
        ("/metadata/generation", json!(1)),
        ("/spec/replicas", json!(1)),
        ("/spec/revisionHistoryLimit", json!(10)),
        ("/spec/progressDeadlineSeconds", json!(600)),
        ("/spec/strategy/rollingUpdate/maxSurge", json!("25%")),
        ("/spec/template/spec/restartPolicy", json!("Always")),
        ("/spec/template/spec/terminationGracePeriodSeconds", json!(30)),
        ("/spec/template/spec/containers/0/imagePullPolicy", json!("Always")),
        ("/spec/template/spec/containers/0/ports/0/protocol", json!("TCP")),
        ("/status", json!({})),
    ] {
        assert_eq!(reply.at(pointer), &expected, "{pointer}");
    }
    let services: Api<Service> = Api::namespaced(world.client.clone(), "default");
    let make = |name: &str, kind: &str| {
        serde_json::from_value(json!({"metadata": {"name": name}, "spec": {"type": kind, "ports": [{"port": 80}]}})).unwrap()
    };
    let one: Service = services.create(&PostParams::default(), &make("one", "ClusterIP")).await.unwrap();
    let two: Service = services.create(&PostParams::default(), &make("two", "NodePort")).await.unwrap();
    let ip = |service: &Service| service.spec.as_ref().unwrap().cluster_ip.clone().unwrap();
    assert!(ip(&one).starts_with("10.96."));
    assert_ne!(ip(&one), ip(&two));
    let ports = two.spec.as_ref().unwrap().ports.as_ref().unwrap();
    assert!((30_000..=32_767).contains(&ports[0].node_port.unwrap()));
    let kept = services.replace("one", &PostParams::default(), &make("one", "ClusterIP")).await.unwrap();
    assert_eq!(ip(&kept), ip(&one));
    let namespace: Namespace = Api::<Namespace>::all(world.client.clone())
        .create(&PostParams::default(), &serde_json::from_value(json!({"metadata": {"name": "n"}})).unwrap())
        .await
        .unwrap();
    assert_eq!(namespace.status.unwrap().phase.as_deref(), Some("Active"));
    assert_eq!(namespace.metadata.labels.unwrap()["kubernetes.io/metadata.name"], "n");
    world.until("/api/v1/namespaces/n/serviceaccounts/default", 200).await;
}

#[tokio::test]
async fn lists_are_selected_and_paged() {
    let world = world().await;
    for index in 0..7 {
        let mut object = map(&format!("m{index}"), "v");
        object["metadata"]["labels"] = json!({"parity": if index % 2 == 0 { "even" } else { "odd" }, "page": "yes"});
        assert_eq!(world.post(MAPS, &object).await.code, 201);
    }
    let maps: Api<ConfigMap> = Api::namespaced(world.client.clone(), "default");
    let odd = maps.list(&ListParams::default().labels("parity in (odd),page")).await.unwrap();
    assert_eq!(odd.items.len(), 3);
    let one = maps.list(&ListParams::default().fields("metadata.name=m4")).await.unwrap();
    assert_eq!(one.items.len(), 1);
    let mut seen = Vec::new();
    let mut token = String::new();
    loop {
        let reply = world.get(&format!("{MAPS}?limit=3&labelSelector=page&continue={token}")).await;
        assert_eq!(reply.code, 200, "{}", reply.body);
        assert_eq!(reply.at("/items/0/kind"), &Value::Null, "items of built-in lists name no kind");
        assert_eq!(reply.at("/metadata/remainingItemCount"), &Value::Null, "there is a selector");
        let items = reply.at("/items").as_array().unwrap().clone();
        seen.extend(items.iter().map(|item| item["metadata"]["name"].as_str().unwrap().to_owned()));
        token = reply.text("/metadata/continue").to_owned();
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, ["m0", "m1", "m2", "m3", "m4", "m5", "m6"]);
    let first = world.get(&format!("{MAPS}?limit=3")).await;
    assert_eq!(first.at("/metadata/remainingItemCount"), &json!(5), "kube-root-ca.crt is there too");
    assert_eq!(world.get(&format!("{MAPS}?continue=rubbish")).await.code, 400);
}

#[tokio::test]
async fn immutable_things_stay() {
    let world = world().await;
    let mut frozen = map("f", "1");
    frozen["immutable"] = json!(true);
    world.post(MAPS, &frozen).await;
    let reply = world.merge(&format!("{MAPS}/f"), &json!({"data": {"k": "2"}})).await;
    assert_eq!(reply.code, 422, "{}", reply.body);
    assert!(reply.text("/message").contains("field is immutable when `immutable` is set"));
    let set = json!({
        "metadata": {"name": "d"},
        "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b", "c": "d"}},
            "spec": {"containers": [{"name": "c", "image": "i:1"}]}}},
    });
    let path = "/apis/apps/v1/namespaces/default/daemonsets";
    assert_eq!(world.post(path, &set).await.code, 201);
    let reply = world.merge(&format!("{path}/d"), &json!({"spec": {"selector": {"matchLabels": {"c": "d"}}}})).await;
    assert_eq!(reply.code, 422);
    assert!(reply.text("/message").ends_with("field is immutable"), "{}", reply.body);
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let world = world().await;
    let reply = world.post(&format!("{MAPS}?dryRun=All"), &map("dry", "1")).await;
    assert_eq!((reply.code, reply.text("/data/k")), (201, "1"));
    assert_eq!(world.get(&format!("{MAPS}/dry")).await.code, 404);
    world.post(MAPS, &map("dry", "1")).await;
    let reply = world.merge(&format!("{MAPS}/dry?dryRun=All"), &json!({"data": {"k": "2"}})).await;
    assert_eq!((reply.code, reply.text("/data/k")), (200, "2"));
    assert_eq!(world.get(&format!("{MAPS}/dry")).await.text("/data/k"), "1");
    assert_eq!(world.delete(&format!("{MAPS}/dry?dryRun=All")).await.code, 200);
    assert_eq!(world.get(&format!("{MAPS}/dry")).await.code, 200);
    assert_eq!(world.post(&format!("{MAPS}?dryRun=Some"), &map("dry", "1")).await.code, 422);
}

#[tokio::test]
async fn preconditions_hold_back_a_delete() {
    let world = world().await;
    let created = world.post(MAPS, &map("p", "1")).await;
    let delete = |body: Value| {
        let world = &world;
        async move { world.send("DELETE", &format!("{MAPS}/p"), &[("content-type", "application/json")], &body.to_string()).await }
    };
    assert_eq!(delete(json!({"preconditions": {"uid": "other"}})).await.code, 409);
    assert_eq!(delete(json!({"preconditions": {"resourceVersion": "1"}})).await.code, 409);
    assert_eq!(delete(json!({"propagationPolicy": "Sideways"})).await.code, 422);
    let reply = delete(json!({"preconditions": {"uid": created.at("/metadata/uid")}})).await;
    assert_eq!((reply.code, reply.text("/status")), (200, "Success"), "a delete that is done at once answers a Status");
    assert_eq!(reply.text("/details/kind"), "configmaps");
}

#[tokio::test]
async fn a_finalizer_holds_an_object_and_generation_counts_the_deletion() {
    let world = world().await;
    let path = "/apis/apps/v1/namespaces/default/deployments";
    let object = json!({
        "metadata": {"name": "d", "finalizers": ["a.io/hold"]},
        "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}},
            "spec": {"containers": [{"name": "c", "image": "i"}]}}},
    });
    assert_eq!(world.post(path, &object).await.code, 201);
    let path = format!("{path}/d");
    let marked = world.delete(&path).await;
    assert_eq!(marked.text("/kind"), "Deployment", "a delete that waits answers the object");
    assert_eq!(marked.text("/metadata/deletionTimestamp"), "2026-01-02T03:04:05Z");
    assert_eq!(marked.at("/metadata/generation"), &json!(2));
    let again = world.delete(&path).await;
    assert_eq!(again.at("/metadata/resourceVersion"), marked.at("/metadata/resourceVersion"));
    let refused = world.merge(&path, &json!({"metadata": {"finalizers": ["a.io/hold", "b.io/more"]}})).await;
    assert_eq!(refused.code, 422);
    let status = world.merge(&format!("{path}/status"), &json!({"metadata": {"finalizers": []}, "status": {"replicas": 3}})).await;
    assert_eq!((status.code, status.at("/status/replicas")), (200, &json!(3)), "status ignores finalizers");
    let gone = world.merge(&path, &json!({"metadata": {"finalizers": null}})).await;
    assert_eq!(gone.code, 200);
    assert_eq!(world.get(&path).await.code, 404);
}

#[tokio::test]
async fn generation_counts_changes_of_the_spec_only() {
    let world = world().await;
    let path = "/apis/apps/v1/namespaces/default/deployments";
    let object = json!({
        "metadata": {"name": "d"},
        "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}},
            "spec": {"containers": [{"name": "c", "image": "i"}]}}},
    });
    world.post(path, &object).await;
    let path = format!("{path}/d");
    for (sub, patch, expected) in [
        ("", json!({"metadata": {"labels": {"x": "y"}}}), 1),
        ("/status", json!({"status": {"replicas": 1}}), 1),
        ("", json!({"spec": {"replicas": 3}}), 2),
        ("", json!({"spec": {"replicas": 3}}), 2),
        ("", json!({"status": {"replicas": 7}}), 2),
    ] {
        let reply = world.merge(&format!("{path}{sub}"), &patch).await;
        assert_eq!(reply.at("/metadata/generation"), &json!(expected), "{sub} {patch}: {}", reply.body);
    }
    assert_eq!(world.get(&path).await.at("/status/replicas"), &json!(1), "a status sent to the object is ignored");
    let scaled = world.put(&format!("{path}/scale"), &json!({"metadata": {"name": "d"}, "spec": {"replicas": 5}})).await;
    assert_eq!((scaled.code, scaled.at("/spec/replicas")), (200, &json!(5)), "{}", scaled.body);
    assert_eq!(scaled.text("/status/selector"), "a=b");
    assert_eq!(world.get(&path).await.at("/metadata/generation"), &json!(3));
    assert_eq!(world.merge(&format!("{path}/scale"), &json!({"spec": {"replicas": -1}})).await.code, 422);
}

#[tokio::test]
async fn generated_names_are_free_names() {
    let world = world().await;
    let object = json!({"metadata": {"generateName": "g-"}});
    let one = world.post(MAPS, &object).await;
    let two = world.post(MAPS, &object).await;
    assert_eq!((one.code, two.code), (201, 201));
    assert_ne!(one.text("/metadata/name"), two.text("/metadata/name"));
    assert_eq!(one.text("/metadata/name").len(), "g-".len() + 5);
}
