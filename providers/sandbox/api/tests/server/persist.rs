//! The folder: what survives, who may open it.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use serde_json::json;
use windlass_sandbox_api::{Boot, Error, Options, Sandbox};

use crate::selfmade::{client, send, world};

#[tokio::test]
async fn everything_is_there_again_after_a_restart() {
    let world = world().await;
    let created = world.post("/api/v1/namespaces/default/configmaps", &json!({"metadata": {"name": "a"}, "data": {"k": "v"}})).await;
    let (kubeconfig, uid) = (world.plane.admin_kubeconfig(), world.plane.uid_of_kube_system());
    let token = world.post("/api/v1/namespaces/default/serviceaccounts/default/token", &json!({"spec": {}})).await;
    assert_eq!(token.code, 201, "{}", token.body);
    world.sandbox.close().await;
    let options = Options { clock: world.clock.clone(), ..Options::default() };
    let again = Sandbox::open(world.dir.path(), options).await.unwrap();
    let plane = again.management().await.unwrap();
    assert_eq!((plane.admin_kubeconfig(), plane.uid_of_kube_system()), (kubeconfig.clone(), uid));
    let client = client(&kubeconfig).await;
    let found = send(&client, "GET", "/api/v1/namespaces/default/configmaps/a", &[], "").await;
    assert_eq!(found.body, created.body);
    let later = send(&client, "POST", "/api/v1/namespaces/default/configmaps", &[], r#"{"metadata":{"name":"b"}}"#).await;
    let number = |reply: &crate::selfmade::Reply| reply.text("/metadata/resourceVersion").parse::<u64>().unwrap();
    assert!(number(&later) > number(&created));
}

/// Runs in a process of its own, which the next test kills.
#[tokio::test]
#[ignore = "a helper process of another test"]
async fn served_until_killed() {
    let dir = std::env::var("SANDBOX_DIR").unwrap();
    let sandbox = Sandbox::open(dir.as_ref(), Options::default()).await.unwrap();
    let plane = sandbox.management().await.unwrap();
    let line = plane.admin_kubeconfig().replace('\n', " ");
    writeln!(std::io::stderr(), "KUBECONFIG {line}").unwrap();
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn what_was_acknowledged_survives_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "persist::served_until_killed", "--ignored", "--nocapture"])
        .env("SANDBOX_DIR", dir.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let kubeconfig = lines.find_map(|line| Some(line.strip_prefix("KUBECONFIG ")?.to_owned())).unwrap();
    let remote = client(&kubeconfig).await;
    let writer = tokio::spawn(async move {
        let mut acknowledged = Vec::new();
        for index in 0.. {
            let name = format!("m{index}");
            let body = json!({"metadata": {"name": name}}).to_string();
            let request = http::Request::post("/api/v1/namespaces/default/configmaps").body(body.into_bytes()).unwrap();
            match remote.request_text(request).await {
                Ok(_) => acknowledged.push(name),
                Err(_) => break,
            }
        }
        acknowledged
    });
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    child.kill().unwrap();
    child.wait().unwrap();
    let acknowledged = writer.await.unwrap();
    assert!(!acknowledged.is_empty());
    let sandbox = Sandbox::open(dir.path(), Options::default()).await.unwrap();
    let again = client(&sandbox.management().await.unwrap().admin_kubeconfig()).await;
    let list = send(&again, "GET", "/api/v1/namespaces/default/configmaps", &[], "").await;
    let names: std::collections::BTreeSet<&str> =
        list.at("/items").as_array().unwrap().iter().map(|item| item["metadata"]["name"].as_str().unwrap()).collect();
    for name in &acknowledged {
        assert!(names.contains(name.as_str()), "{name} was acknowledged and is gone");
    }
}

#[tokio::test]
async fn one_process_has_the_folder_and_nobody_else_reads_it() {
    let world = world().await;
    let second = Sandbox::open(world.dir.path(), Options::default()).await;
    assert!(matches!(second, Err(Error::Locked(_))));
    let mode = |name: &str| std::fs::metadata(world.dir.path().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("."), 0o700);
    for name in ["planes.sqlite", "planes.sqlite-wal", "lock"] {
        assert_eq!(mode(name), 0o600, "{name}");
    }
}

#[tokio::test]
async fn planes_are_reserved_booted_stopped_and_removed() {
    let world = world().await;
    let sandbox = Arc::new(world.sandbox);
    let address = sandbox.reserve("shop").await.unwrap();
    assert_eq!(sandbox.reserve("shop").await.unwrap(), address);
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "nothing listens yet");
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::CommonName, "cluster-ca");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let cert = params.self_signed(&key).unwrap();
    let boot = Boot {
        ca_cert_pem: cert.pem(),
        ca_key_pem: key.serialize_pem(),
        service_account_key: "sa".to_owned(),
        version: "v1.33.1".to_owned(),
        service_cidr: "10.20.0.0/24".to_owned(),
    };
    let plane = sandbox.boot("shop", boot.clone()).await.unwrap();
    assert_eq!(plane.url(), format!("https://{address}"));
    let shop = client(&plane.admin_kubeconfig()).await;
    assert_eq!(send(&shop, "GET", "/version", &[], "").await.text("/gitVersion"), "v1.33.1");
    let service = |name: &str, address: &str| json!({"metadata": {"name": name}, "spec": {"clusterIP": address, "ports": [{"port": 80}]}});
    let path = "/api/v1/namespaces/default/services";
    let create = async |name: &str, address: &str| {
        send(&shop, "POST", path, &[("content-type", "application/json")], &service(name, address).to_string()).await
    };
    let given = send(&shop, "GET", &format!("{path}/kubernetes"), &[], "").await;
    assert_eq!(given.text("/spec/clusterIP"), "10.20.0.1");
    assert!(create("any", "").await.text("/spec/clusterIP").starts_with("10.20.0."));
    assert_eq!(create("dns", "10.20.0.10").await.text("/spec/clusterIP"), "10.20.0.10");
    let outside = create("outside", "10.96.0.10").await;
    assert_eq!(outside.code, 422);
    let says = outside.text("/message").to_owned();
    assert!(says.contains("(10.96.0.10) is not in the valid range. The range of valid IPs is 10.20.0.0/24"), "{says}");
    let unreadable = Boot { service_cidr: "10.20.0.0".to_owned(), ..boot.clone() };
    assert!(matches!(sandbox.boot("other", unreadable).await, Err(Error::ServiceNetwork(_))));
    sandbox.boot("shop", Boot { version: "v1.34.0".to_owned(), ..boot.clone() }).await.unwrap();
    assert_eq!(send(&shop, "GET", "/version", &[], "").await.text("/gitVersion"), "v1.34.0");
    let other = Boot { ca_cert_pem: "other".to_owned(), ..boot.clone() };
    assert!(matches!(sandbox.boot("shop", other).await, Err(Error::OtherAuthority(_))));
    assert_ne!(plane.uid_of_kube_system(), world.plane.uid_of_kube_system());
    sandbox.stop("shop").await.unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    sandbox.boot("shop", boot).await.unwrap();
    let fresh = client(&plane.admin_kubeconfig()).await;
    assert_eq!(send(&fresh, "GET", "/api/v1/namespaces/default", &[], "").await.code, 200);
    sandbox.remove("shop").await.unwrap();
    assert!(sandbox.plane("shop").await.is_none());
}
