//! A sandbox in a temporary folder, and a client for it.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::Value;
use tempfile::TempDir;
use windlass_sandbox_api::{FrozenClock, Options, Plane, Sandbox};

/// A served management plane; the clock stands at 2026-01-02T03:04:05Z.
pub struct World {
    pub dir: TempDir,
    pub sandbox: Sandbox,
    pub plane: Plane,
    pub client: Client,
    pub clock: Arc<FrozenClock>,
}

pub async fn world() -> World {
    world_with(|_| {}).await
}

pub async fn world_with(change: impl FnOnce(&mut Options)) -> World {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(FrozenClock::new("2026-01-02T03:04:05Z".parse().unwrap()));
    let mut options = Options { clock: clock.clone(), ..Options::default() };
    change(&mut options);
    let sandbox = Sandbox::open(dir.path(), options).await.unwrap();
    let plane = sandbox.management().await.unwrap();
    let client = client(&plane.admin_kubeconfig()).await;
    World { dir, sandbox, plane, client, clock }
}

pub async fn client(kubeconfig: &str) -> Client {
    let parsed = Kubeconfig::from_yaml(kubeconfig).unwrap();
    let config = kube::Config::from_custom_kubeconfig(parsed, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

/// A kubeconfig with another credential.
pub fn with_user(kubeconfig: &str, user: Value) -> String {
    let mut parsed: Value = serde_json::from_str(kubeconfig).unwrap();
    parsed["users"][0]["user"] = user;
    parsed.to_string()
}

/// An answer: code, headers, JSON body (or text).
pub struct Reply {
    pub code: u16,
    pub headers: http::HeaderMap,
    pub body: Value,
}

impl Reply {
    pub fn at(&self, pointer: &str) -> &Value {
        self.body.pointer(pointer).unwrap_or(&Value::Null)
    }

    pub fn text(&self, pointer: &str) -> &str {
        self.at(pointer).as_str().unwrap_or("")
    }
}

impl World {
    /// Sends a request as the admin; the body is sent as given.
    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        send(&self.client, method, path, headers, body).await
    }

    /// A client with the token of a ServiceAccount, which is made if it is not there.
    pub async fn account(&self, namespace: &str, name: &str) -> Client {
        let accounts = format!("/api/v1/namespaces/{namespace}/serviceaccounts");
        self.post(&accounts, &serde_json::json!({"metadata": {"name": name}})).await;
        let request = serde_json::json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
        let token = self.post(&format!("{accounts}/{name}/token"), &request).await;
        assert_eq!(token.code, 201, "{}", token.body);
        client(&with_user(&self.plane.admin_kubeconfig(), serde_json::json!({"token": token.text("/status/token")}))).await
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], "").await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send("POST", path, &[("content-type", "application/json")], &body.to_string()).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Reply {
        self.send("PUT", path, &[("content-type", "application/json")], &body.to_string()).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.send("DELETE", path, &[], "").await
    }

    pub async fn merge(&self, path: &str, body: &Value) -> Reply {
        self.send("PATCH", path, &[("content-type", "application/merge-patch+json")], &body.to_string()).await
    }

    pub async fn apply(&self, path: &str, body: &Value) -> Reply {
        self.send("PATCH", path, &[("content-type", "application/apply-patch+yaml")], &body.to_string()).await
    }

    /// Waits until the path answers with this code.
    pub async fn until(&self, path: &str, code: u16) -> Reply {
        self.until_so(path, |reply| reply.code == code).await
    }

    /// Waits until the path answers like this.
    pub async fn until_so(&self, path: &str, so: impl Fn(&Reply) -> bool) -> Reply {
        for _ in 0..500 {
            let reply = self.get(path).await;
            if so(&reply) {
                return reply;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{path} never answered as hoped: {}", self.get(path).await.body);
    }
}

pub async fn send(client: &Client, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    let mut request = http::Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let bytes = bytes::Bytes::from(body.to_owned());
    let request = request.body(kube::client::Body::from(bytes)).unwrap();
    let response = client.send(request).await.unwrap();
    let (head, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
    Reply { code: head.status.as_u16(), headers: head.headers, body }
}
