//! DELETE of one object.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Call;
use crate::clock::seconds;
use crate::http::Answer;
use crate::kinds::CLEANUP_FINALIZER;
use crate::rules;
use crate::status::Failure;
use crate::view;
use crate::world::{Expect, GroupResource, ObjectKey, Refused, Stored, Write};

/// What happens to the objects that the deleted one owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Propagation {
    Background,
    Foreground,
    Orphan,
}

/// `metav1.DeleteOptions`, as far as it has an effect here.
#[derive(Debug, Clone, Default)]
pub(crate) struct DeleteOptions {
    pub uid: Option<String>,
    pub version: Option<String>,
    pub propagation: Option<Propagation>,
    /// Seconds that a running pod is given; none is its own `terminationGracePeriodSeconds`.
    pub grace: Option<i64>,
    pub dry_run: bool,
}

/// What a delete did.
#[derive(Debug, Clone)]
pub(crate) enum Deleted {
    /// The object is gone.
    Gone(Arc<Stored>),
    /// The object waits for its finalizers.
    Marked(Arc<Stored>),
}

impl DeleteOptions {
    /// Options come in the body or in the URL.
    pub fn read(call: &Call, body: &Value) -> Result<DeleteOptions, Failure> {
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let policy = text("/propagationPolicy").or_else(|| call.query.get("propagationPolicy").map(str::to_owned));
        let orphan = body.get("orphanDependents").and_then(Value::as_bool);
        let propagation = match (policy.as_deref(), orphan) {
            (Some("Background"), _) | (None, Some(false)) => Some(Propagation::Background),
            (Some("Foreground"), _) => Some(Propagation::Foreground),
            (Some("Orphan"), _) | (None, Some(true)) => Some(Propagation::Orphan),
            (None, None) => None,
            (Some(other), _) => {
                return Err(Failure::new(
                    422,
                    "Invalid",
                    format!(
                        "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Unsupported value: {other:?}: supported \
                         values: \"Foreground\", \"Background\", \"Orphan\", \"nil\""
                    ),
                ));
            }
        };
        let dry_run = body.get("dryRun").and_then(Value::as_array).is_some_and(|list| list.contains(&json!("All")));
        let grace = match body.get("gracePeriodSeconds") {
            None | Some(Value::Null) => call.query.number("gracePeriodSeconds")?.and_then(|grace| i64::try_from(grace).ok()),
            Some(value) => Some(value.as_i64().filter(|grace| *grace >= 0).ok_or_else(|| {
                Failure::new(
                    422,
                    "Invalid",
                    format!(
                        "DeleteOptions.meta.k8s.io \"\" is invalid: gracePeriodSeconds: Invalid value: {value}: must be greater than \
                         or equal to 0"
                    ),
                )
            })?),
        };
        Ok(DeleteOptions {
            grace,
            uid: text("/preconditions/uid"),
            version: text("/preconditions/resourceVersion"),
            propagation,
            dry_run: dry_run || call.writer.dry_run,
        })
    }
}

/// Deletes the object of the call.
pub(crate) async fn delete(call: &mut Call, body: &Value) -> Result<Answer, Failure> {
    let options = DeleteOptions::read(call, body)?;
    let answer = match delete_object(call, &options).await? {
        Deleted::Marked(stored) => view::single(call, &stored)?,
        Deleted::Gone(stored) => json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Success",
            "details": details(call, &stored),
        }),
    };
    Ok(Answer::ok(answer))
}

fn details(call: &Call, stored: &Stored) -> Value {
    let mut details = json!({"name": stored.key.name, "kind": call.resource().plural(), "uid": stored.meta("uid")});
    if let Some(map) = details.as_object_mut().filter(|_| !call.resource().group().is_empty()) {
        map.insert("group".into(), call.resource().group().into());
    }
    details
}

/// Deletes, or marks for deletion what a finalizer holds.
pub(crate) async fn delete_object(call: &mut Call, options: &DeleteOptions) -> Result<Deleted, Failure> {
    let place = call.place();
    loop {
        let old = call.stored().ok_or_else(|| call.not_found())?;
        check(call, options, &old)?;
        let marked = mark(call, options, &old)?;
        let write = match &marked {
            Some(value) if *value == old.value => return Ok(Deleted::Marked(old)),
            Some(value) => Write::Put(value.clone()),
            None => Write::Delete,
        };
        if options.dry_run {
            let value = marked.clone().unwrap_or_else(|| old.value.clone());
            let shown = Arc::new(Stored { key: old.key.clone(), version: old.version, value });
            return Ok(if marked.is_some() { Deleted::Marked(shown) } else { Deleted::Gone(shown) });
        }
        match call.plane.world().write(&place, Expect::Version(old.version), write, false) {
            Ok((stored, acknowledgement)) => {
                call.plane.after_write(call.resource());
                acknowledgement.committed().await.map_err(Failure::internal)?;
                return Ok(if marked.is_some() { Deleted::Marked(stored) } else { Deleted::Gone(stored) });
            }
            Err(Refused::Raced) => {}
            Err(refused) => return Err(Failure::internal(format!("{refused:?}"))),
        }
    }
}

fn check(call: &Call, options: &DeleteOptions, old: &Stored) -> Result<(), Failure> {
    let resource = call.resource();
    let refuse = |why: String| Err(Failure::conflict(resource.group(), resource.plural(), &call.name, &why));
    if let Some(uid) = options.uid.as_deref().filter(|uid| *uid != old.meta("uid")) {
        return refuse(format!("Precondition failed: UID in precondition: {uid}, UID in object meta: {}", old.meta("uid")));
    }
    if let Some(version) = options.version.as_deref().filter(|version| *version != old.version.to_string()) {
        return refuse(format!(
            "Precondition failed: ResourceVersion in precondition: {version}, ResourceVersion in object meta: {}",
            old.version
        ));
    }
    if resource.is("", "namespaces") && matches!(call.name.as_str(), "default" | "kube-system" | "kube-public") {
        return Err(Failure::forbidden("", "namespaces", &call.name, "this namespace may not be deleted"));
    }
    Ok(())
}

/// The object as it is while it waits to be deleted, or nothing if it need not wait.
fn mark(call: &Call, options: &DeleteOptions, old: &Stored) -> Result<Option<Value>, Failure> {
    let resource = call.resource();
    let mut next = old.value.clone();
    let Some(meta) = next.get_mut("metadata").and_then(Value::as_object_mut) else { return Ok(None) };
    let mut finalizers: Vec<Value> = meta.get("finalizers").and_then(Value::as_array).cloned().unwrap_or_default();
    if let Some(propagation) = options.propagation {
        finalizers.retain(|name| name != "foregroundDeletion" && name != "orphan");
        match propagation {
            Propagation::Foreground => finalizers.push(json!("foregroundDeletion")),
            Propagation::Orphan => finalizers.push(json!("orphan")),
            Propagation::Background => {}
        }
    }
    let already = meta.contains_key("deletionTimestamp");
    if resource.is("apiextensions.k8s.io", "customresourcedefinitions") && !already {
        let cleanup = json!(CLEANUP_FINALIZER);
        if !finalizers.contains(&cleanup) {
            finalizers.push(cleanup);
        }
    }
    if finalizers.is_empty() {
        meta.remove("finalizers");
    } else {
        meta.insert("finalizers".into(), Value::Array(finalizers));
    }
    let grace = grace(call, options, old);
    if already {
        // A second delete can only shorten the time.
        let left = meta.get("deletionGracePeriodSeconds").and_then(Value::as_i64).unwrap_or(0);
        meta.insert("deletionGracePeriodSeconds".into(), left.min(grace).into());
    } else {
        let now = call.plane.clock().now();
        let end = now.checked_add(jiff::SignedDuration::from_secs(grace)).unwrap_or(now);
        meta.insert("deletionTimestamp".into(), seconds(end).into());
        meta.insert("deletionGracePeriodSeconds".into(), grace.into());
        if resource.generation {
            let generation = meta.get("generation").and_then(Value::as_i64).unwrap_or(0);
            meta.insert("generation".into(), (generation + 1).into());
        }
        if resource.is("", "namespaces")
            && let Some(status) = next.get_mut("status").and_then(Value::as_object_mut)
        {
            status.insert("phase".into(), "Terminating".into());
        }
    }
    Ok((!rules::done(resource, &next)).then_some(next))
}

/// Seconds that a kubelet has to stop the pod; zero for everything else, for pods that do not run, and for those whose node is gone.
fn grace(call: &Call, options: &DeleteOptions, old: &Stored) -> i64 {
    let text = |pointer: &str| old.value.pointer(pointer).and_then(Value::as_str).unwrap_or("");
    let node = ObjectKey::new("", text("/spec/nodeName"));
    let running = call.resource().is("", "pods")
        && !matches!(text("/status/phase"), "Succeeded" | "Failed")
        && call.plane.world().get(&GroupResource::new("", "nodes"), &node).is_some();
    if !running {
        return 0;
    }
    let own = old.value.pointer("/spec/terminationGracePeriodSeconds").and_then(Value::as_i64);
    options.grace.or(own).unwrap_or(30)
}
