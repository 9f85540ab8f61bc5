//! One Kubernetes API as the engine uses it: whole JSON objects in and out, with deadline and retry.
//!
//! Knows nothing of plans, steps or Cluster API.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde_json::{Value as Json, json};
use windlass_core::addr::Address;
use windlass_core::encode::merge_patch;

use crate::error::ApiError;
use crate::kinds::{Kind, Kinds, ObjectRef, read_resource_list, root};
use crate::send::{Call, Manner, Wire};
pub use crate::send::{Insistence, PATIENCE, chain};

/// How long a probe is repeated, whose answer "does not answer" is a fact and no failure.
pub const PROBE_PATIENCE: Duration = Duration::from_secs(4);
/// Objects in one page of a LIST, as client-go's pager.
const PAGE: u32 = 500;

/// Content type of server-side apply.
const APPLY: &str = "application/apply-patch+yaml";
/// The same of a merge patch.
const MERGE: &str = "application/merge-patch+json";
const JSON: &str = "application/json";
/// A resourceVersion that no object has: the first write of an etcd makes its second revision.
const NO_OBJECTS_VERSION: &str = "1";

/// A Kubernetes API.
pub struct Plane {
    /// Its address.
    pub address: Address,
    /// Server URL.
    pub endpoint: String,
    /// CA certificate, PEM; empty if the system's are used.
    pub ca_certificate: String,
    wire: Wire,
    kinds: Arc<Kinds>,
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

/// What a DELETE has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// The object is gone.
    Gone,
    /// It is being deleted: finalizers, or pods that end, keep it.
    Going,
    /// It was not there, or is another one than asked for.
    NotThere,
}

/// What must hold of an object that is deleted.
#[derive(Debug, Clone, Default)]
pub struct Only<'a> {
    /// Its uid.
    pub uid: Option<&'a str>,
}

impl Plane {
    /// Wraps a client.
    pub fn new(address: Address, endpoint: String, ca_certificate: String, client: kube::Client) -> Self {
        let wire = Wire::new(address.clone(), client);
        Self { address, endpoint, ca_certificate, wire, kinds: Arc::default() }
    }

    /// The same plane under another name, which is the one that messages tell.
    pub fn called(&self, address: Address) -> Self {
        Self {
            endpoint: self.endpoint.clone(),
            ca_certificate: self.ca_certificate.clone(),
            wire: self.wire.called(address.clone()),
            kinds: self.kinds.clone(),
            address,
        }
    }

    /// The same plane for a step: answers that pass by themselves are waited for as long as the step may take, and told.
    pub fn for_step(&self, step: Insistence) -> Self {
        self.with(Manner::Step(step))
    }

    /// The same plane for whoever asks again by itself: every answer counts.
    pub fn once(&self) -> Self {
        self.with(Manner::Once)
    }

    fn with(&self, manner: Manner) -> Self {
        Self {
            address: self.address.clone(),
            endpoint: self.endpoint.clone(),
            ca_certificate: self.ca_certificate.clone(),
            wire: self.wire.with(manner),
            kinds: self.kinds.clone(),
        }
    }

    /// The client beneath, for watches.
    pub fn client(&self) -> kube::Client {
        self.wire.client()
    }

    /// How the server calls a kind; asks it once for each group version.
    pub async fn kind(&self, api_version: &str, kind: &str) -> Result<Arc<Kind>, ApiError> {
        if let Some(known) = self.kinds.known(api_version, kind) {
            return Ok(known);
        }
        let turn = self.kinds.turn(api_version);
        let _asking = turn.lock().await;
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

    /// Keeps what is known of kinds from elsewhere, so that the server is not asked for it.
    pub fn know(&self, kinds: &[Kind]) {
        self.kinds.learn(kinds);
    }

    /// The kinds of one group version.
    pub async fn resources(&self, api_version: &str) -> Result<Vec<Kind>, ApiError> {
        let list = self.ask(root(api_version), format!("list the kinds of {api_version}"), None).await?;
        Ok(read_resource_list(api_version, &list))
    }

    /// Each group's preferred version, and `v1`.
    pub async fn api_versions(&self) -> Result<Vec<String>, ApiError> {
        let groups = self.ask("/apis".to_owned(), "list its API groups".to_owned(), None).await?;
        let groups = groups.get("groups").and_then(Json::as_array).cloned().unwrap_or_default();
        let preferred = groups.iter().filter_map(|g| g.pointer("/preferredVersion/groupVersion").and_then(Json::as_str));
        Ok(std::iter::once("v1").chain(preferred).map(str::to_owned).collect())
    }

    /// The version of a group in which a kind is served: the preferred one, else another; versions of one group may serve different kinds.
    pub async fn version_of(&self, group: &str, kind: &str) -> Result<Option<String>, ApiError> {
        let document = match self.ask(format!("/apis/{group}"), format!("list the versions of {group}"), None).await {
            Err(error) if error.not_found() => return Ok(None),
            other => other?,
        };
        let version = |document: &Json| document.get("groupVersion").and_then(Json::as_str).map(str::to_owned);
        let preferred = document.get("preferredVersion").and_then(version);
        let all = document.get("versions").and_then(Json::as_array).into_iter().flatten().filter_map(version);
        for api_version in preferred.into_iter().chain(all) {
            match self.kind(&api_version, kind).await {
                Ok(_) => return Ok(Some(api_version)),
                Err(error) if error.not_found() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// A JSON document of the server (`/version`).
    pub async fn read(&self, path: &str, patience: Duration) -> Result<Json, ApiError> {
        self.ask(path.to_owned(), format!("read {path}"), Some(patience)).await
    }

    /// A text of the server (`/readyz`).
    pub async fn read_bytes(&self, path: &str, patience: Duration) -> Result<Vec<u8>, ApiError> {
        self.wire.send(&Call::read(path.to_owned(), format!("read {path}"), Some(patience))).await
    }

    async fn ask(&self, path: String, doing: String, patience: Option<Duration>) -> Result<Json, ApiError> {
        let body = self.wire.send(&Call::read(path, doing, patience)).await?;
        serde_json::from_slice(&body).map_err(|error| ApiError::Unreadable(error.to_string()))
    }

    /// An object, or `None` if it or its kind does not exist.
    pub async fn get(&self, object: &ObjectRef) -> Result<Option<Json>, ApiError> {
        self.look(object, None).await
    }

    /// The same with another patience.
    pub async fn get_within(&self, object: &ObjectRef, patience: Duration) -> Result<Option<Json>, ApiError> {
        self.look(object, Some(patience)).await
    }

    async fn look(&self, object: &ObjectRef, patience: Option<Duration>) -> Result<Option<Json>, ApiError> {
        let answer = async {
            let kind = self.kind(&object.api_version, &object.kind).await?;
            self.ask(kind.object(object.namespace.as_deref(), &object.name), format!("read {}", object.short()), patience).await
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
            let mut page = match self.ask(path, format!("list {}", kind.kind), None).await {
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

    /// POST. It may be sent twice if an answer is lost: `AlreadyExists` can be the caller's own object, which its uid or marks tell.
    pub async fn create(&self, object: &Json, manager: &str, persist: Persist) -> Result<Json, ApiError> {
        let (reference, kind) = self.kind_of(object).await?;
        let namespace = reference.namespace.as_deref().unwrap_or("default");
        let path = format!("{}?fieldManager={}{}", kind.collection(Some(namespace)), encode(manager), dry_run(persist));
        self.write(Write { method: Method::POST, path, content_type: JSON, body: object, verb: "create", of: &reference }).await
    }

    /// Server-side apply.
    pub async fn apply(&self, object: &Json, manager: &str, force: Force, persist: Persist) -> Result<Json, ApiError> {
        let (reference, kind) = self.kind_of(object).await?;
        let path = format!(
            "{}?fieldManager={}&force={}&fieldValidation=Strict{}",
            kind.object(reference.namespace.as_deref(), &reference.name),
            encode(manager),
            force == Force::Yes,
            dry_run(persist)
        );
        self.write(Write { method: Method::PATCH, path, content_type: APPLY, body: object, verb: "apply", of: &reference }).await
    }

    /// Server-side apply that makes an object and changes none: `None` if one is there already.
    ///
    /// A resourceVersion in what is applied must be that of the living object, and is not looked at if there is none (k8s.io/apiserver,
    /// pkg/registry/generic/registry/store.go, `Update`). So a version that no object has is the condition "nothing is there", which the server
    /// itself keeps, without a look before and a moment in between. A server that took that for a conflict with nothing would answer as if
    /// something were there: whoever asks looks then.
    pub async fn apply_new(&self, object: &Json, manager: &str) -> Result<Option<Json>, ApiError> {
        let mut new = object.clone();
        merge_patch(&mut new, &json!({"metadata": {"resourceVersion": NO_OBJECTS_VERSION}}));
        match self.apply(&new, manager, Force::No, Persist::Yes).await {
            Ok(live) => Ok(Some(live)),
            Err(error) if error.is_conflict() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// JSON merge patch of an object.
    pub async fn merge(&self, object: &ObjectRef, patch: &Json, manager: &str) -> Result<Json, ApiError> {
        self.merge_at(object, "", patch, manager).await
    }

    /// JSON merge patch of an object's status.
    pub async fn merge_status(&self, object: &ObjectRef, patch: &Json, manager: &str) -> Result<Json, ApiError> {
        self.merge_at(object, "/status", patch, manager).await
    }

    async fn merge_at(&self, object: &ObjectRef, subresource: &str, patch: &Json, manager: &str) -> Result<Json, ApiError> {
        let kind = self.kind(&object.api_version, &object.kind).await?;
        let path = format!("{}{subresource}?fieldManager={}", kind.object(object.namespace.as_deref(), &object.name), encode(manager));
        self.write(Write { method: Method::PATCH, path, content_type: MERGE, body: patch, verb: "change", of: object }).await
    }

    /// PUT of a whole object; its resourceVersion guards it, so that a conflict is the answer.
    pub async fn replace(&self, object: &Json, manager: &str) -> Result<Json, ApiError> {
        let (reference, kind) = self.kind_of(object).await?;
        let path = format!("{}?fieldManager={}", kind.object(reference.namespace.as_deref(), &reference.name), encode(manager));
        self.write(Write { method: Method::PUT, path, content_type: JSON, body: object, verb: "write", of: &reference }).await
    }

    /// DELETE in the background. A server answers a `Status` when the object is gone, else the object (measured on kube-apiserver 1.36).
    pub async fn delete(&self, object: &ObjectRef, only: Only<'_>) -> Result<Deleted, ApiError> {
        let kind = match self.kind(&object.api_version, &object.kind).await {
            Err(ApiError::NoKind { .. }) => return Ok(Deleted::NotThere),
            other => other?,
        };
        let mut options = json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"});
        if let (Some(uid), Some(options)) = (only.uid, options.as_object_mut()) {
            options.insert("preconditions".to_owned(), json!({"uid": uid}));
        }
        let path = kind.object(object.namespace.as_deref(), &object.name);
        let deletion = Write { method: Method::DELETE, path, content_type: JSON, body: &options, verb: "delete", of: object };
        match self.write(deletion).await {
            Ok(answer) if answer.get("kind").and_then(Json::as_str) == Some("Status") => Ok(Deleted::Gone),
            Ok(_) => Ok(Deleted::Going),
            Err(error) if error.not_found() => Ok(Deleted::NotThere),
            // A namesake, which is not ours to delete; a conflict that passes is not given up while it is the one that is meant.
            Err(error) if error.is_conflict() && only.uid.is_some() => match self.look(object, None).await? {
                Some(live) if live.pointer("/metadata/uid").and_then(Json::as_str) == only.uid => Err(error),
                _ => Ok(Deleted::NotThere),
            },
            Err(error) => Err(error),
        }
    }

    async fn kind_of(&self, object: &Json) -> Result<(ObjectRef, Arc<Kind>), ApiError> {
        let reference = ObjectRef::of(object).ok_or_else(|| ApiError::Unreadable("an object without kind or name".to_owned()))?;
        let kind = self.kind(&reference.api_version, &reference.kind).await?;
        Ok((reference, kind))
    }

    async fn write(&self, write: Write<'_>) -> Result<Json, ApiError> {
        let Write { method, path, content_type, body: document, verb, of } = write;
        let text = |pointers: [&str; 2]| pointers.iter().find_map(|pointer| document.pointer(pointer)?.as_str()).map(str::to_owned);
        let uid = text(["/metadata/uid", "/preconditions/uid"]);
        let home = path.split_once('?').map_or(path.as_str(), |(home, _)| home).to_owned();
        let call = Call {
            guarded: document.pointer("/metadata/resourceVersion").is_some(),
            only: uid.map(|uid| (home, uid)),
            body: serde_json::to_vec(document).map_err(|error| ApiError::Unreadable(error.to_string()))?,
            doing: format!("{verb} {}", of.short()),
            quotable: of.kind != "Secret",
            content_type: Some(content_type),
            patience: None,
            method,
            path,
        };
        let answer = self.wire.send(&call).await?;
        serde_json::from_slice(&answer).map_err(|error| ApiError::Unreadable(error.to_string()))
    }
}

/// A request that writes.
struct Write<'a> {
    method: Method,
    path: String,
    content_type: &'static str,
    body: &'a Json,
    verb: &'static str,
    of: &'a ObjectRef,
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
