//! One Kubernetes API as the engine uses it: whole JSON objects in and out, with deadline and retry.
//!
//! Knows nothing of plans, steps or Cluster API.

use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request};
use kube::client::Body;
use serde_json::{Value as Json, json};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use windlass_core::addr::Address;

use crate::error::ApiError;
use crate::kinds::{Kind, Kinds, ObjectRef, read_resource_list, root};

/// Requests under way at once on one plane; API Priority and Fairness queues more than this anyway.
const PARALLEL_REQUESTS: usize = 16;
/// Longest wait for one answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a request is repeated before its error counts.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// The same for a probe, whose answer "does not answer" is a fact and no failure.
pub const PROBE_PATIENCE: Duration = Duration::from_secs(4);
/// Objects in one page of a LIST, as client-go's pager.
const PAGE: u32 = 500;

/// Content type of server-side apply.
const APPLY: &str = "application/apply-patch+yaml";

/// A Kubernetes API.
pub struct Plane {
    /// Its address.
    pub address: Address,
    /// Server URL.
    pub endpoint: String,
    /// CA certificate, PEM; empty if the system's are used.
    pub ca_certificate: String,
    client: kube::Client,
    kinds: Kinds,
    limit: Arc<Semaphore>,
}

/// How an object is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Force {
    /// A conflict is an error.
    No,
    /// Conflicting fields become ours.
    Yes,
}

/// Whether a write is only tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Persist {
    /// It is stored.
    Yes,
    /// `dryRun=All`.
    No,
}

/// What must hold of an object that is deleted.
#[derive(Debug, Clone, Default)]
pub struct Only<'a> {
    /// Its uid.
    pub uid: Option<&'a str>,
}

struct Call {
    method: Method,
    path: String,
    content_type: Option<&'static str>,
    body: Vec<u8>,
    /// Sending it twice is the same as sending it once.
    repeatable: bool,
    patience: Duration,
}

impl Plane {
    /// Wraps a client.
    pub fn new(address: Address, endpoint: String, ca_certificate: String, client: kube::Client) -> Self {
        Self { address, endpoint, ca_certificate, client, kinds: Kinds::default(), limit: Arc::new(Semaphore::new(PARALLEL_REQUESTS)) }
    }

    /// The client beneath, for watches.
    pub fn client(&self) -> kube::Client {
        self.client.clone()
    }

    /// How the server calls a kind; asks it once for each group version.
    pub async fn kind(&self, api_version: &str, kind: &str) -> Result<Arc<Kind>, ApiError> {
        if let Some(known) = self.kinds.known(api_version, kind) {
            return Ok(known);
        }
        match self.resources(api_version).await {
            Ok(kinds) => self.kinds.learn(&kinds),
            Err(error) if error.not_found() => {}
            Err(error) => return Err(error),
        }
        let unknown = || ApiError::NoKind { api_version: api_version.to_owned(), kind: kind.to_owned() };
        self.kinds.known(api_version, kind).ok_or_else(unknown)
    }

    /// The kinds of one group version.
    pub async fn resources(&self, api_version: &str) -> Result<Vec<Kind>, ApiError> {
        let list = self.read(&root(api_version), PATIENCE).await?;
        Ok(read_resource_list(api_version, &list))
    }

    /// Each group's preferred version, and `v1`.
    pub async fn api_versions(&self) -> Result<Vec<String>, ApiError> {
        let groups = self.read("/apis", PATIENCE).await?;
        let groups = groups.get("groups").and_then(Json::as_array).cloned().unwrap_or_default();
        let preferred = groups.iter().filter_map(|g| g.pointer("/preferredVersion/groupVersion").and_then(Json::as_str));
        Ok(std::iter::once("v1").chain(preferred).map(str::to_owned).collect())
    }

    /// A JSON document of the server (`/version`, discovery).
    pub async fn read(&self, path: &str, patience: Duration) -> Result<Json, ApiError> {
        let body = self.read_bytes(path, patience).await?;
        serde_json::from_slice(&body).map_err(|error| ApiError::Unreadable(error.to_string()))
    }

    /// A text of the server (`/readyz`).
    pub async fn read_bytes(&self, path: &str, patience: Duration) -> Result<Vec<u8>, ApiError> {
        self.send(Call { method: Method::GET, path: path.to_owned(), content_type: None, body: Vec::new(), repeatable: true, patience })
            .await
    }

    /// An object, or `None` if it or its kind does not exist.
    pub async fn get(&self, object: &ObjectRef) -> Result<Option<Json>, ApiError> {
        self.get_within(object, PATIENCE).await
    }

    /// The same with another patience.
    pub async fn get_within(&self, object: &ObjectRef, patience: Duration) -> Result<Option<Json>, ApiError> {
        let answer = async {
            let kind = self.kind(&object.api_version, &object.kind).await?;
            self.read(&kind.object(object.namespace.as_deref(), &object.name), patience).await
        };
        match answer.await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All objects of a kind, in pages; an unknown kind has none. Items carry `apiVersion` and `kind`.
    pub async fn list(&self, api_version: &str, kind: &str, namespace: Option<&str>, labels: Option<&str>) -> Result<Vec<Json>, ApiError> {
        let kind = match self.kind(api_version, kind).await {
            Err(ApiError::NoKind { .. }) => return Ok(Vec::new()),
            other => other?,
        };
        self.list_kind(&kind, namespace, labels, None).await
    }

    /// The same for a kind that is known; `at_most` stops after so many.
    pub async fn list_kind(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        labels: Option<&str>,
        at_most: Option<usize>,
    ) -> Result<Vec<Json>, ApiError> {
        let mut items: Vec<Json> = Vec::new();
        let mut token = String::new();
        let mut restarted = false;
        loop {
            let mut path = format!("{}?limit={PAGE}", kind.collection(namespace));
            if let Some(labels) = labels {
                path.push_str(&format!("&labelSelector={}", encode(labels)));
            }
            if !token.is_empty() {
                path.push_str(&format!("&continue={}", encode(&token)));
            }
            let mut page = match self.read(&path, PATIENCE).await {
                Err(error) if error.not_found() => return Ok(items),
                // The snapshot behind the token is gone: begin again, once.
                Err(error) if error.code() == Some(410) && !restarted => {
                    restarted = true;
                    items.clear();
                    token.clear();
                    continue;
                }
                other => other?,
            };
            if let Some(Json::Array(found)) = page.get_mut("items").map(Json::take) {
                items.extend(found.into_iter().map(|mut item| {
                    if let Some(fields) = item.as_object_mut() {
                        fields.insert("apiVersion".to_owned(), json!(kind.api_version));
                        fields.insert("kind".to_owned(), json!(kind.kind));
                    }
                    item
                }));
            }
            token = page.pointer("/metadata/continue").and_then(Json::as_str).unwrap_or_default().to_owned();
            if token.is_empty() || at_most.is_some_and(|n| items.len() >= n) {
                return Ok(items);
            }
        }
    }

    /// POST. Not repeated once it may have reached the server.
    pub async fn create(&self, object: &Json, manager: &str, persist: Persist) -> Result<Json, ApiError> {
        let reference = ObjectRef::of(object).ok_or_else(|| ApiError::Unreadable("an object without kind or name".to_owned()))?;
        let kind = self.kind(&reference.api_version, &reference.kind).await?;
        let namespace = reference.namespace.as_deref().unwrap_or("default");
        let path = format!("{}?fieldManager={}{}", kind.collection(Some(namespace)), encode(manager), dry_run(persist));
        self.write(Method::POST, path, "application/json", object, false).await
    }

    /// Server-side apply.
    pub async fn apply(&self, object: &Json, manager: &str, force: Force, persist: Persist) -> Result<Json, ApiError> {
        let reference = ObjectRef::of(object).ok_or_else(|| ApiError::Unreadable("an object without kind or name".to_owned()))?;
        let kind = self.kind(&reference.api_version, &reference.kind).await?;
        let path = format!(
            "{}?fieldManager={}&force={}&fieldValidation=Strict{}",
            kind.object(reference.namespace.as_deref(), &reference.name),
            encode(manager),
            force == Force::Yes,
            dry_run(persist)
        );
        self.write(Method::PATCH, path, APPLY, object, true).await
    }

    /// JSON merge patch of an object.
    pub async fn merge(&self, object: &ObjectRef, patch: &Json, manager: &str) -> Result<Json, ApiError> {
        let kind = self.kind(&object.api_version, &object.kind).await?;
        let path = format!("{}?fieldManager={}", kind.object(object.namespace.as_deref(), &object.name), encode(manager));
        self.write(Method::PATCH, path, "application/merge-patch+json", patch, true).await
    }

    /// JSON merge patch of an object's status.
    pub async fn merge_status(&self, object: &ObjectRef, patch: &Json, manager: &str) -> Result<Json, ApiError> {
        let kind = self.kind(&object.api_version, &object.kind).await?;
        let path = format!("{}/status?fieldManager={}", kind.object(object.namespace.as_deref(), &object.name), encode(manager));
        self.write(Method::PATCH, path, "application/merge-patch+json", patch, true).await
    }

    /// PUT of a whole object; its resourceVersion guards it.
    pub async fn replace(&self, object: &Json, manager: &str) -> Result<Json, ApiError> {
        let reference = ObjectRef::of(object).ok_or_else(|| ApiError::Unreadable("an object without kind or name".to_owned()))?;
        let kind = self.kind(&reference.api_version, &reference.kind).await?;
        let path = format!("{}?fieldManager={}", kind.object(reference.namespace.as_deref(), &reference.name), encode(manager));
        self.write(Method::PUT, path, "application/json", object, false).await
    }

    /// DELETE in the background. `Ok(false)`: it was not there (or is another one than asked for).
    pub async fn delete(&self, object: &ObjectRef, only: Only<'_>) -> Result<bool, ApiError> {
        let kind = match self.kind(&object.api_version, &object.kind).await {
            Err(ApiError::NoKind { .. }) => return Ok(false),
            other => other?,
        };
        let mut options = json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"});
        if let (Some(uid), Some(options)) = (only.uid, options.as_object_mut()) {
            options.insert("preconditions".to_owned(), json!({"uid": uid}));
        }
        let path = kind.object(object.namespace.as_deref(), &object.name);
        match self.write(Method::DELETE, path, "application/json", &options, true).await {
            Ok(_) => Ok(true),
            Err(error) if error.not_found() => Ok(false),
            Err(error) if error.is_conflict() && only.uid.is_some() => {
                // Either a namesake, which is not ours to delete, or a passing conflict.
                let live = self.get(object).await?;
                let same = live.as_ref().and_then(|live| live.pointer("/metadata/uid")).and_then(Json::as_str) == only.uid;
                if same { Err(error) } else { Ok(false) }
            }
            Err(error) => Err(error),
        }
    }

    async fn write(
        &self,
        method: Method,
        path: String,
        content_type: &'static str,
        body: &Json,
        repeatable: bool,
    ) -> Result<Json, ApiError> {
        let body = serde_json::to_vec(body).map_err(|error| ApiError::Unreadable(error.to_string()))?;
        let answer = self.send(Call { method, path, content_type: Some(content_type), body, repeatable, patience: PATIENCE }).await?;
        serde_json::from_slice(&answer).map_err(|error| ApiError::Unreadable(error.to_string()))
    }

    async fn send(&self, call: Call) -> Result<Vec<u8>, ApiError> {
        let give_up = Instant::now() + call.patience;
        let mut pause = Duration::from_millis(100);
        loop {
            let error = match self.send_once(&call).await {
                Ok(body) => return Ok(body),
                Err(error) => error,
            };
            let wait = match &error {
                // The server did not begin with it.
                ApiError::Status { code: 429, retry_after, .. } => retry_after.map_or(pause, Duration::from_secs),
                ApiError::Status { code: 500 | 502 | 503 | 504, retry_after, .. } if call.repeatable => {
                    retry_after.map_or(pause, Duration::from_secs)
                }
                // Somebody else wrote the object at the same moment; an apply carries no version of its own.
                ApiError::Status { code: 409, causes, .. }
                    if call.content_type == Some(APPLY) && !causes.iter().any(|cause| cause.reason == "FieldManagerConflict") =>
                {
                    pause
                }
                ApiError::Connection { unsent, .. } if call.repeatable || *unsent => pause,
                _ => return Err(error),
            };
            if Instant::now() + wait >= give_up {
                return Err(error);
            }
            tokio::time::sleep(wait).await;
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    }

    async fn send_once(&self, call: &Call) -> Result<Vec<u8>, ApiError> {
        let _permit = self.limit.acquire().await.map_err(|_| lost("the plane was closed".to_owned(), true))?;
        let mut request = Request::builder().method(call.method.clone()).uri(&call.path);
        if let Some(content_type) = call.content_type {
            request = request.header(http::header::CONTENT_TYPE, content_type);
        }
        let request = request
            .header(http::header::ACCEPT, "application/json")
            .body(Body::from(call.body.clone()))
            .map_err(|error| ApiError::Unreadable(format!("{}: {error}", call.path)))?;
        let answer = async {
            let response = self.client.send(request).await.map_err(|error| connection(&error))?;
            let code = response.status();
            let retry_after = response.headers().get(http::header::RETRY_AFTER).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
            let body = response.into_body().collect_bytes().await.map_err(|error| lost(chain(&error), false))?;
            match code.is_success() {
                true => Ok(body.to_vec()),
                false => Err(ApiError::from_answer(code.as_u16(), retry_after, &body)),
            }
        };
        let limit = ANSWER_TIMEOUT.min(call.patience.max(Duration::from_secs(1)));
        match tokio::time::timeout(limit, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(lost(format!("no answer within {} s", limit.as_secs()), false)),
        }
    }
}

fn lost(reason: String, unsent: bool) -> ApiError {
    ApiError::Connection { reason, unsent }
}

/// An error of the client, told with its causes; a refused connection carried no request.
fn connection(error: &kube::Error) -> ApiError {
    let reason = chain(error);
    match error {
        kube::Error::Service(_) | kube::Error::HyperError(_) => {
            let unsent = reason.contains("onnect") && !reason.contains("connection closed") && !reason.contains("reset");
            lost(reason, unsent)
        }
        _ => ApiError::NoAccess(reason),
    }
}

/// The texts of an error and its causes, without repetitions.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut texts: Vec<String> = vec![error.to_string()];
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !texts.last().is_some_and(|last| last.contains(&text)) {
            texts.push(text);
        }
        source = cause.source();
    }
    texts.join(": ")
}

fn dry_run(persist: Persist) -> &'static str {
    match persist {
        Persist::Yes => "",
        Persist::No => "&dryRun=All",
    }
}

/// Percent-encoding of a query value (RFC 3986 unreserved characters stay).
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
