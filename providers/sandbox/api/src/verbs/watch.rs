//! GET of a collection (or one object) with `watch`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::{Call, list};
use crate::http::Answer;
use crate::plane::Activity;
use crate::selector::Selector;
use crate::status::Failure;
use crate::view::{self, Form};
use crate::world::{Event, EventKind, Since, Stored};

/// Between two bookmarks, if anything happened.
const BOOKMARK_EVERY: Duration = Duration::from_secs(10);

/// Streams what happens to the objects that the selectors choose. A version from the future is waited for in silence, as by the real server
/// (`Cacher.Watch`), unless the present objects of that version are asked for.
pub(crate) async fn watch(call: Call) -> Result<Answer, Failure> {
    let selector = Selector::parse(call.query.get("labelSelector"), call.query.get("fieldSelector"), call.resource())?;
    let asked = call.query.number("resourceVersion").map_err(|_| list::bad_version(&call))?.unwrap_or(0);
    let announce_end = initial_events(&call)?;
    if announce_end == Some(true)
        && let Err(failure) = list::await_version(&call, asked).await
    {
        // The request was sound: what comes after that is an event.
        let mut out = Vec::new();
        line(&mut out, "ERROR", &failure.to_status());
        return Ok(Answer::watch(futures::stream::iter([Bytes::from(out)])));
    }
    let synthetic = announce_end.unwrap_or(asked == 0);
    let timeout = match call.query.number("timeoutSeconds")? {
        None | Some(0) => 3600,
        Some(seconds) => seconds.min(24 * 3600),
    };
    let world = call.plane.world();
    let mut latest = world.subscribe();
    latest.borrow_and_update();
    let (objects, present) = world.list(&call.resource().id, &call.namespace, None);
    let position = if synthetic || asked == 0 { present } else { asked };
    let initial: VecDeque<Arc<Stored>> = if synthetic {
        objects.into_iter().filter(|stored| named(&call, stored) && selector.matches(&stored.value)).collect()
    } else {
        VecDeque::new()
    };
    let now = Instant::now();
    let close_at = call.plane.watch_fault().map(|delay| now + delay);
    let watcher = Watcher {
        form: Form::read(&call.accept)?,
        bookmarks: call.query.flag("allowWatchBookmarks"),
        announce_end: announce_end == Some(true),
        active: call.plane.activity().hold(&call.identity),
        deadline: now + Duration::from_secs(timeout),
        close_at,
        next_bookmark: now + BOOKMARK_EVERY,
        bookmarked: position,
        headed: false,
        ended: false,
        position,
        initial,
        latest,
        selector,
        call,
    };
    Ok(Answer::watch(futures::stream::unfold(watcher, |mut watcher| async move { watcher.next().await.map(|bytes| (bytes, watcher)) })))
}

/// `sendInitialEvents`, with the rules that come with it.
fn initial_events(call: &Call) -> Result<Option<bool>, Failure> {
    let rule = call.query.get("resourceVersionMatch");
    let Some(_) = call.query.get("sendInitialEvents") else {
        return match rule {
            None => Ok(None),
            Some(_) => Err(invalid(
                "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
            )),
        };
    };
    let wanted = call.query.flag("sendInitialEvents");
    if rule != Some("NotOlderThan") {
        return Err(invalid("resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"));
    }
    if wanted && !call.query.flag("allowWatchBookmarks") {
        return Err(invalid("sendInitialEvents: Forbidden: sendInitialEvents requires allowWatchBookmarks"));
    }
    Ok(Some(wanted))
}

fn invalid(why: &str) -> Failure {
    Failure::new(422, "Invalid", format!("ListOptions.meta.k8s.io \"\" is invalid: {why}"))
}

fn named(call: &Call, stored: &Stored) -> bool {
    (call.name.is_empty() || stored.key.name == call.name) && (call.namespace.is_empty() || stored.key.namespace == call.namespace)
}

struct Watcher {
    call: Call,
    selector: Selector,
    form: Form,
    bookmarks: bool,
    /// A bookmark says where the initial events end.
    announce_end: bool,
    #[expect(dead_code, reason = "held: an open watch of an external client keeps the sandbox awake")]
    active: Option<Activity>,
    deadline: Instant,
    /// A fault closes the stream here, without a word.
    close_at: Option<Instant>,
    next_bookmark: Instant,
    bookmarked: u64,
    /// The columns of a Table were sent.
    headed: bool,
    ended: bool,
    position: u64,
    initial: VecDeque<Arc<Stored>>,
    latest: tokio::sync::watch::Receiver<u64>,
}

/// Initial events per chunk.
const CHUNK: usize = 200;

impl Watcher {
    async fn next(&mut self) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        if let Some(chunk) = self.initial_chunk() {
            return Some(chunk);
        }
        loop {
            let mut out = Vec::new();
            self.latest.borrow_and_update();
            let resource = self.call.resource().clone();
            match self.call.plane.world().since(self.position, &resource.id) {
                (Since::TooOld, present) => {
                    self.ended = true;
                    let failure = Failure::expired(format!("too old resource version: {} ({present})", self.position));
                    line(&mut out, "ERROR", &failure.to_status());
                    return Some(out.into());
                }
                (Since::Events(events), present) => {
                    self.position = self.position.max(present);
                    for event in events {
                        self.event(&mut out, &event);
                    }
                }
            }
            if !out.is_empty() {
                return Some(out.into());
            }
            if !self.call.plane.serves(&self.call.served) {
                return None;
            }
            let close_at = self.close_at.unwrap_or(self.deadline);
            tokio::select! {
                changed = self.latest.changed() => changed.ok()?,
                () = sleep_until(close_at.min(self.deadline)) => {
                    self.ended = true;
                    return (self.bookmarks && close_at >= self.deadline).then(|| self.bookmark(false));
                }
                () = sleep_until(self.next_bookmark) => {
                    self.next_bookmark = Instant::now() + BOOKMARK_EVERY;
                    if self.bookmarks && self.position > self.bookmarked {
                        return Some(self.bookmark(false));
                    }
                }
            }
        }
    }

    fn initial_chunk(&mut self) -> Option<Bytes> {
        let mut out = Vec::new();
        for _ in 0..CHUNK {
            let Some(stored) = self.initial.pop_front() else { break };
            self.object(&mut out, "ADDED", &stored);
        }
        if self.initial.is_empty() && std::mem::take(&mut self.announce_end) {
            out.extend_from_slice(&self.bookmark(true));
        }
        (!out.is_empty()).then(|| out.into())
    }

    fn event(&mut self, out: &mut Vec<u8>, event: &Event) {
        if !named(&self.call, &event.object) {
            return;
        }
        let before = event.before.as_ref().is_some_and(|old| self.selector.matches(&old.value));
        let after = event.kind != EventKind::Deleted && self.selector.matches(&event.object.value);
        match (before, after) {
            (false, true) => self.object(out, "ADDED", &event.object),
            (true, true) => self.object(out, "MODIFIED", &event.object),
            (true, false) if event.kind == EventKind::Deleted => self.object(out, "DELETED", &event.object),
            // It left the selection: the last state that was in it, with the version of the change.
            (true, false) => {
                if let Some(old) = &event.before {
                    let mut value = old.value.clone();
                    if let Some(meta) = value.get_mut("metadata").and_then(Value::as_object_mut) {
                        meta.insert("resourceVersion".into(), event.object.version.to_string().into());
                    }
                    let left = Stored { key: old.key.clone(), version: event.object.version, value };
                    self.object(out, "DELETED", &left);
                }
            }
            (false, false) => {}
        }
    }

    fn object(&mut self, out: &mut Vec<u8>, kind: &str, stored: &Stored) {
        let shown = view::watched(&self.call, self.form, stored, !self.headed);
        self.headed = true;
        line(out, kind, &shown);
    }

    fn bookmark(&mut self, end_of_initial: bool) -> Bytes {
        self.bookmarked = self.position;
        let mut meta = json!({"resourceVersion": self.position.to_string(), "creationTimestamp": null});
        if let Some(map) = meta.as_object_mut().filter(|_| end_of_initial) {
            map.insert("annotations".into(), json!({"k8s.io/initial-events-end": "true"}));
        }
        let object = match self.form {
            Form::Object => json!({
                "kind": self.call.resource().kind,
                "apiVersion": self.call.served.api_version(),
                "metadata": meta,
            }),
            Form::Metadata => json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": meta}),
            Form::Table => json!({
                "kind": "Table",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": {"resourceVersion": self.position.to_string()},
                "columnDefinitions": [],
                "rows": [],
            }),
        };
        let mut out = Vec::new();
        line(&mut out, "BOOKMARK", &object);
        out.into()
    }
}

fn line(out: &mut Vec<u8>, kind: &str, object: &Value) {
    out.extend_from_slice(format!("{{\"type\":\"{kind}\",\"object\":").as_bytes());
    // Writing JSON to memory cannot fail.
    let _ = serde_json::to_writer(&mut *out, object);
    out.extend_from_slice(b"}\n");
}
