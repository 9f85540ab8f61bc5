//! Identity, discovery, health, faults: what is not about objects.

use std::time::Duration;

use futures::StreamExt;
use serde_json::{Value, json};
use windlass_sandbox_api::Faults;

use crate::selfmade::{client, send, with_user, world, world_with};

#[tokio::test]
async fn nobody_unknown_gets_in() {
    let world = world().await;
    let kubeconfig = world.plane.admin_kubeconfig();
    let stranger = client(&with_user(&kubeconfig, json!({}))).await;
    let refused = send(&stranger, "GET", "/api/v1/namespaces", &[], "").await;
    assert_eq!((refused.code, refused.text("/reason"), refused.text("/message")), (401, "Unauthorized", "Unauthorized"));
    assert_eq!(send(&stranger, "GET", "/readyz", &[], "").await.code, 200);
    assert_eq!(send(&stranger, "GET", "/version", &[], "").await.code, 200);
    let liar = client(&with_user(&kubeconfig, json!({"token": "admin.00"}))).await;
    assert_eq!(send(&liar, "GET", "/api/v1/namespaces", &[], "").await.code, 401);
}

#[tokio::test]
async fn certificates_of_the_planes_authority_are_known_and_others_are_not() {
    let world = world().await;
    let sandbox = &world.sandbox;
    let authority = |name: &str| {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let cert = params.self_signed(&key).unwrap();
        (cert.pem(), key)
    };
    let user = |(cert, key): &(String, rcgen::KeyPair)| {
        let issuer = rcgen::Issuer::from_ca_cert_pem(cert, key).unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name.push(rcgen::DnType::OrganizationName, "system:masters");
        params.distinguished_name.push(rcgen::DnType::CommonName, "ann");
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
        let leaf_key = rcgen::KeyPair::generate().unwrap();
        let leaf = params.signed_by(&leaf_key, &issuer).unwrap();
        json!({
            "client-certificate-data": data_encoding::BASE64.encode(leaf.pem().as_bytes()),
            "client-key-data": data_encoding::BASE64.encode(leaf_key.serialize_pem().as_bytes()),
        })
    };
    let (own, other) = (authority("own"), authority("other"));
    let boot = windlass_sandbox_api::Boot {
        ca_cert_pem: own.0.clone(),
        ca_key_pem: own.1.serialize_pem(),
        service_account_key: "sa".to_owned(),
        version: "v1.34.3".to_owned(),
        service_cidr: String::new(),
    };
    let plane = sandbox.boot("shop", boot).await.unwrap();
    let ann = client(&with_user(&plane.admin_kubeconfig(), user(&own))).await;
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}).to_string();
    let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let reply = send(&ann, "POST", path, &[("content-type", "application/json")], &review).await;
    assert_eq!(reply.text("/status/userInfo/username"), "ann");
    assert_eq!(reply.at("/status/userInfo/groups"), &json!(["system:masters", "system:authenticated"]));
    let eve = client(&with_user(&plane.admin_kubeconfig(), user(&other))).await;
    assert_eq!(send(&eve, "GET", "/api/v1/namespaces", &[], "").await.code, 401);
}

#[tokio::test]
async fn a_token_dies_with_its_service_account() {
    let world = world().await;
    let accounts = "/api/v1/namespaces/default/serviceaccounts";
    world.post(accounts, &json!({"metadata": {"name": "bot"}})).await;
    let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 600}});
    let reply = world.post(&format!("{accounts}/bot/token"), &request).await;
    assert_eq!(reply.text("/status/expirationTimestamp"), "2026-01-02T03:14:05Z");
    let token = reply.text("/status/token").to_owned();
    let bot = client(&with_user(&world.plane.admin_kubeconfig(), json!({"token": token}))).await;
    let whoami = || send(&bot, "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", &[], "{}");
    assert_eq!(whoami().await.text("/status/userInfo/username"), "system:serviceaccount:default:bot");
    world.clock.set("2026-01-02T03:14:06Z".parse().unwrap());
    assert_eq!(whoami().await.code, 401, "it has expired");
    world.clock.set("2026-01-02T03:04:05Z".parse().unwrap());
    assert_eq!(whoami().await.code, 201);
    world.delete(&format!("{accounts}/bot")).await;
    assert_eq!(whoami().await.code, 401);
    world.post(accounts, &json!({"metadata": {"name": "bot"}})).await;
    assert_eq!(whoami().await.code, 401, "a new account of that name is another one");
    assert_eq!(world.post(&format!("{accounts}/none/token"), &request).await.code, 404);
}

#[tokio::test]
async fn discovery_names_what_is_served() {
    let world = world().await;
    let discovery = kube::discovery::Discovery::new(world.client.clone()).run().await.unwrap();
    let apps = discovery.get("apps").unwrap();
    let (deployment, capabilities) = apps.recommended_kind("Deployment").unwrap();
    assert_eq!(deployment.plural, "deployments");
    assert!(capabilities.subresources.iter().any(|(resource, _)| resource.plural.ends_with("scale")));
    let accept = [("accept", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList")];
    for (path, group) in [("/api", Value::Null), ("/apis", json!("admissionregistration.k8s.io"))] {
        let reply = world.send("GET", path, &accept, "").await;
        assert_eq!((reply.text("/kind"), reply.at("/items/0/metadata/name")), ("APIGroupDiscoveryList", &group));
        assert_eq!(reply.headers["content-type"], "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList");
    }
    for (path, code) in [
        ("/api", 200),
        ("/apis/apps", 200),
        ("/apis/nothing", 404),
        ("/apis/apps/v9", 404),
        ("/openapi/v2", 200),
        ("/openapi/v3", 200),
        ("/openapi/v3/api/v1", 200),
        ("/openapi/v3/apis/no/v1", 404),
        ("/metrics", 404),
        ("/livez", 200),
        ("/", 200),
    ] {
        assert_eq!(world.get(path).await.code, code, "{path}");
    }
    assert_eq!(world.send("POST", "/apis/apps", &[], "{}").await.code, 405);
}

#[tokio::test]
async fn only_external_requests_keep_the_sandbox_awake() {
    let world = world().await;
    world.get("/api/v1/namespaces").await;
    tokio::time::sleep(Duration::from_millis(60)).await;
    let internal = client(&world.plane.internal_kubeconfig("capi")).await;
    assert_eq!(send(&internal, "GET", "/api/v1/namespaces", &[], "").await.code, 200);
    assert!(world.sandbox.idle() >= Duration::from_millis(60));
    world.get("/api/v1/namespaces").await;
    assert!(world.sandbox.idle() < Duration::from_millis(60));
}

#[tokio::test]
async fn faults_hit_external_requests_the_same_way_each_time() {
    let codes = || async {
        let world = world_with(|options| {
            options.faults = Some(Faults { seed: 3, internal_error: 0.2, conflict: 0.2, ..Faults::default() });
        })
        .await;
        let mut codes = Vec::new();
        for index in 0..40 {
            let body = json!({"metadata": {"name": format!("m{index}")}});
            codes.push(world.post("/api/v1/namespaces/default/configmaps", &body).await.code);
        }
        let internal = client(&world.plane.internal_kubeconfig("capi")).await;
        for _ in 0..20 {
            assert_eq!(send(&internal, "GET", "/api/v1/namespaces", &[], "").await.code, 200);
        }
        codes
    };
    let first = codes().await;
    assert_eq!(first, codes().await);
    for code in [201, 409, 500] {
        assert!(first.contains(&code), "{code} in {first:?}");
    }
}

#[tokio::test]
async fn a_connection_that_is_closed_leaves_the_write_done_or_not_done() {
    for (faults, done) in
        [(Faults { close_before: 1.0, ..Faults::default() }, 404), (Faults { close_after: 1.0, ..Faults::default() }, 200)]
    {
        let world = world_with(|options| options.faults = Some(faults)).await;
        let body = r#"{"metadata":{"name":"m"}}"#.to_owned().into_bytes();
        let request = http::Request::post("/api/v1/namespaces/default/configmaps").body(body).unwrap();
        assert!(world.client.request_text(request).await.is_err());
        let internal = client(&world.plane.internal_kubeconfig("capi")).await;
        assert_eq!(send(&internal, "GET", "/api/v1/namespaces/default/configmaps/m", &[], "").await.code, done);
    }
    let world = world_with(|options| options.faults = Some(Faults { close_watch: 1.0, ..Faults::default() })).await;
    let request = http::Request::get("/api/v1/configmaps?watch=true&resourceVersion=1000000").body(Vec::new()).unwrap();
    let stream = world.client.request_stream(request).await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(5), futures::AsyncBufReadExt::lines(stream).count()).await;
    assert_eq!(ended.unwrap(), 0, "the stream ends early and without a word");
}
