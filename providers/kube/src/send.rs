//! One request until its answer counts: an answer that passes by itself is asked for again, silence is borne for a while, and a final
//! answer is given back at once. Knows no kinds and no steps.

use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request};
use kube::client::Body;
use serde_json::Value as Json;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use windlass_core::addr::Address;
use windlass_run::ports::Progress;

use crate::error::ApiError;

/// Requests under way at once on one plane; API Priority and Fairness queues more than this anyway.
const PARALLEL_REQUESTS: usize = 16;
/// Longest wait for one answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a server is asked that does not answer, before it counts as unreachable; outside of a step also how long one is asked whose
/// answers pass.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// Between a request and its repetition where the server names no time: at first, and at the most.
const AGAIN_AFTER: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// How long answers that pass by themselves are borne where the caller does not say it.
#[derive(Clone, Default)]
pub(crate) enum Manner {
    /// [`PATIENCE`].
    #[default]
    Short,
    /// Every answer counts: the caller asks again by itself.
    Once,
    /// As long as a step may take.
    Step(Insistence),
}

/// A step's time, its wish to stop, and whom it tells.
#[derive(Clone)]
pub struct Insistence {
    /// Whom it is told what is asked for, and why it is asked again.
    pub progress: Arc<dyn Progress>,
    /// True once everything must stop.
    pub stop: watch::Receiver<bool>,
    /// When the step's time is over.
    pub until: Instant,
}

/// A request.
pub(crate) struct Call {
    pub method: Method,
    pub path: String,
    pub content_type: Option<&'static str>,
    pub body: Vec<u8>,
    /// What it does, in words: `apply Secret shop/x`.
    pub doing: String,
    /// The server's words may quote what was sent, and that is secret.
    pub quotable: bool,
    /// It names the version that it was made from: a conflict is for the caller, who has to look again.
    pub guarded: bool,
    /// A conflict passes only while the object at this path has this uid; else it is another one.
    pub only: Option<(String, String)>,
    /// How long it is repeated; `None`: by the plane's [`Manner`].
    pub patience: Option<Duration>,
}

impl Call {
    /// A GET.
    pub fn read(path: String, doing: String, patience: Option<Duration>) -> Self {
        let (method, content_type, body) = (Method::GET, None, Vec::new());
        Self { method, path, content_type, body, doing, quotable: true, guarded: false, only: None, patience }
    }
}

/// What an answer means for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Passes {
    /// It is the answer.
    No,
    /// The server is there and will answer otherwise.
    Yes,
    /// There was no answer.
    Silence,
}

/// Whether it makes sense to send a request again. What was sent twice is as if it was sent once: reads, applies, merge patches and
/// deletions are so by nature, a replacement is guarded by its version, and whoever creates knows its own by uid and marks.
fn passes(call: &Call, error: &ApiError) -> Passes {
    match error {
        ApiError::Connection { .. } => Passes::Silence,
        error if error.passes() => Passes::Yes,
        error if error.is_passing_conflict() && !call.guarded => Passes::Yes,
        _ => Passes::No,
    }
}

/// The way to a server.
#[derive(Clone)]
pub(crate) struct Wire {
    client: kube::Client,
    limit: Arc<Semaphore>,
    plane: Address,
    manner: Manner,
}

impl Wire {
    /// Over a client.
    pub fn new(plane: Address, client: kube::Client) -> Self {
        Self { client, limit: Arc::new(Semaphore::new(PARALLEL_REQUESTS)), plane, manner: Manner::default() }
    }

    /// The same way to a plane that is called otherwise.
    pub fn called(&self, plane: Address) -> Self {
        Self { plane, ..self.clone() }
    }

    /// The same way in another manner.
    pub fn with(&self, manner: Manner) -> Self {
        Self { manner, ..self.clone() }
    }

    /// The client beneath.
    pub fn client(&self) -> kube::Client {
        self.client.clone()
    }

    /// Sends a request until its answer counts.
    pub async fn send(&self, call: &Call) -> Result<Vec<u8>, ApiError> {
        let begun = Instant::now();
        let mut silent_since = None;
        let mut pause = AGAIN_AFTER.0;
        let voice = Voice::of(self, call);
        loop {
            let sent = Instant::now();
            let error = match self.send_once(call).await {
                Ok(body) => return Ok(body),
                Err(error) => error,
            };
            let until = match passes(call, &error) {
                Passes::No => return Err(error),
                Passes::Yes if error.is_conflict() && self.is_another(call).await => return Err(error),
                Passes::Yes => {
                    silent_since = None;
                    self.until(call, begun)
                }
                Passes::Silence => *silent_since.get_or_insert(sent) + call.patience.unwrap_or(self.patience()),
            };
            let wait = error.retry_after().map_or(pause, Duration::from_secs);
            if Instant::now() + wait >= until {
                return Err(error);
            }
            voice.again(&error);
            self.rest(wait).await?;
            pause = (pause * 2).min(AGAIN_AFTER.1);
        }
    }

    fn patience(&self) -> Duration {
        match self.manner {
            Manner::Once => Duration::ZERO,
            Manner::Short | Manner::Step(_) => PATIENCE,
        }
    }

    /// Until when answers that pass are borne.
    fn until(&self, call: &Call, begun: Instant) -> Instant {
        match (call.patience, &self.manner) {
            (None, Manner::Step(step)) => step.until,
            (patience, _) => begun + patience.unwrap_or(self.patience()),
        }
    }

    /// Whether the object that a call is meant for has gone, or another one has taken its place. One that cannot be read is still the same.
    async fn is_another(&self, call: &Call) -> bool {
        let Some((path, uid)) = &call.only else { return false };
        match self.send_once(&Call::read(path.clone(), String::new(), None)).await {
            Ok(body) => {
                let live: Json = serde_json::from_slice(&body).unwrap_or_default();
                live.pointer("/metadata/uid").and_then(Json::as_str) != Some(uid)
            }
            Err(error) => error.not_found(),
        }
    }

    async fn rest(&self, wait: Duration) -> Result<(), ApiError> {
        let stopped = async {
            match &self.manner {
                Manner::Step(step) => crate::wait::stopped(&mut step.stop.clone()).await,
                Manner::Short | Manner::Once => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stopped => Err(ApiError::Stopped),
            () = tokio::time::sleep(wait) => Ok(()),
        }
    }

    async fn send_once(&self, call: &Call) -> Result<Vec<u8>, ApiError> {
        let _permit = self.limit.acquire().await.map_err(|_| lost("the plane was closed".to_owned()))?;
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
            let body = response.into_body().collect_bytes().await.map_err(|error| lost(chain(&error)))?;
            match code.is_success() {
                true => Ok(body.to_vec()),
                false => Err(ApiError::from_answer(code.as_u16(), retry_after, &body)),
            }
        };
        let limit = ANSWER_TIMEOUT.min(call.patience.unwrap_or(ANSWER_TIMEOUT).max(Duration::from_secs(1)));
        match tokio::time::timeout(limit, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(lost(format!("no answer within {} s", limit.as_secs()))),
        }
    }
}

/// What a step says of one request. Whoever asks with a patience of its own has its own words.
struct Voice<'a> {
    step: Option<&'a Insistence>,
    what: String,
    quotable: bool,
}

impl<'a> Voice<'a> {
    fn of(wire: &'a Wire, call: &Call) -> Self {
        let step = match &wire.manner {
            Manner::Step(step) if call.patience.is_none() => Some(step),
            _ => None,
        };
        let what = step.map(|_| format!("{} to {}", wire.plane, call.doing)).unwrap_or_default();
        if let Some(step) = step {
            step.progress.asks(&what, None);
        }
        Self { step, what, quotable: call.quotable }
    }

    fn again(&self, error: &ApiError) {
        if let Some(step) = self.step {
            let words = if self.quotable { error.to_string() } else { error.clone().without_words().to_string() };
            step.progress.asks(&self.what, Some(&words));
        }
    }
}

impl Drop for Voice<'_> {
    fn drop(&mut self) {
        if let Some(step) = self.step {
            step.progress.answered();
        }
    }
}

fn lost(reason: String) -> ApiError {
    ApiError::Connection { reason }
}

/// An error of the client, told with its causes.
fn connection(error: &kube::Error) -> ApiError {
    match error {
        kube::Error::Service(_) | kube::Error::HyperError(_) => lost(chain(error)),
        _ => ApiError::NoAccess(chain(error)),
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answer(code: u16, reason: &str, message: &str, cause: &str) -> ApiError {
        let body = json!({"reason": reason, "message": message, "details": {"causes": [{"reason": cause, "field": "f", "message": "m"}]}});
        ApiError::from_answer(code, None, body.to_string().as_bytes())
    }

    #[test]
    fn only_what_passes_is_sent_again() {
        let call = |guarded| Call { guarded, ..Call::read("/".to_owned(), String::new(), None) };
        for (error, free, guarded) in [
            (answer(429, "TooManyRequests", "", ""), Passes::Yes, Passes::Yes),
            (answer(500, "InternalError", "etcdserver: leader changed", ""), Passes::Yes, Passes::Yes),
            (
                answer(500, "", "failed to create typed patch object (a/b; /v1, Kind=C): .data.k: expected string", ""),
                Passes::No,
                Passes::No,
            ),
            (answer(502, "", "", ""), Passes::Yes, Passes::Yes),
            (answer(503, "ServiceUnavailable", "", ""), Passes::Yes, Passes::Yes),
            (answer(504, "Timeout", "", ""), Passes::Yes, Passes::Yes),
            (answer(409, "Conflict", "the object has been modified", ""), Passes::Yes, Passes::No),
            (answer(409, "AlreadyExists", "", ""), Passes::No, Passes::No),
            (answer(409, "Conflict", "", "FieldManagerConflict"), Passes::No, Passes::No),
            (answer(500, "", "admission webhook \"w\" denied the request: no", ""), Passes::No, Passes::No),
            (answer(409, "", "admission webhook \"w\" denied the request: no", ""), Passes::No, Passes::No),
            (answer(400, "BadRequest", "", ""), Passes::No, Passes::No),
            (answer(401, "Unauthorized", "", ""), Passes::No, Passes::No),
            (answer(403, "Forbidden", "", ""), Passes::No, Passes::No),
            (answer(404, "NotFound", "", ""), Passes::No, Passes::No),
            (answer(410, "Expired", "", ""), Passes::No, Passes::No),
            (answer(422, "Invalid", "", ""), Passes::No, Passes::No),
            (answer(501, "", "", ""), Passes::No, Passes::No),
            (lost("connection reset".to_owned()), Passes::Silence, Passes::Silence),
            (ApiError::NoAccess("no certificate".to_owned()), Passes::No, Passes::No),
            (ApiError::Unreadable("no JSON".to_owned()), Passes::No, Passes::No),
        ] {
            assert_eq!((passes(&call(false), &error), passes(&call(true), &error)), (free, guarded), "{error:?}");
        }
    }
}
