//! GET of a collection.

use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Map, Value, json};

use super::Call;
use crate::http::Answer;
use crate::selector::Selector;
use crate::status::Failure;
use crate::view;
use crate::world::{ObjectKey, Stored};

/// The objects that the selectors choose, page by page if there is a limit. A later page shows the present objects but carries
/// the first page's resourceVersion: a watch from there repeats what happened since, so nothing is missed.
pub(crate) async fn list(call: &Call) -> Result<Answer, Failure> {
    let selector = Selector::parse(call.query.get("labelSelector"), call.query.get("fieldSelector"), call.resource())?;
    let limit = call.query.number("limit")?.unwrap_or(0);
    let resume = call.query.get("continue").map(|token| Resume::read(call, token)).transpose()?;
    if resume.is_none() {
        wait_for_version(call).await?;
    }
    let after = resume.as_ref().map(|resume| resume.after.clone());
    let (objects, present) = call.plane.world().list(&call.resource().id, &call.namespace, after.as_ref());
    let version = resume.map_or(present, |resume| resume.version);
    exact(call, present)?;
    let mut page: Vec<Arc<Stored>> = objects.into_iter().filter(|stored| selector.matches(&stored.value)).collect();
    let mut meta = Map::new();
    meta.insert("resourceVersion".into(), version.to_string().into());
    let size = usize::try_from(limit).unwrap_or(usize::MAX);
    if limit > 0 && page.len() > size {
        let rest = page.len() - size;
        page.truncate(size);
        if let Some(last) = page.last() {
            meta.insert("continue".into(), Resume { version, after: last.key.clone() }.write().into());
        }
        if selector.is_empty() {
            meta.insert("remainingItemCount".into(), rest.into());
        }
    } else if call.resource().custom {
        meta.insert("continue".into(), "".into());
    }
    view::list(call, &page, Value::Object(meta))
}

/// `resourceVersion` with no match means "not older than"; a version from the future is waited for, but not long.
async fn wait_for_version(call: &Call) -> Result<(), Failure> {
    let wanted = call.query.number("resourceVersion").map_err(|_| bad_version(call))?.unwrap_or(0);
    let rule = call.query.get("resourceVersionMatch");
    match rule {
        Some(_) if call.query.get("resourceVersion").is_none() => {
            return Err(invalid("resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"));
        }
        Some("Exact") if wanted == 0 => {
            return Err(invalid("resourceVersionMatch: Forbidden: resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\""));
        }
        None | Some("Exact" | "NotOlderThan") => {}
        Some(other) => {
            return Err(invalid(&format!(
                "resourceVersionMatch: Unsupported value: {other:?}: supported values: \"Exact\", \"NotOlderThan\""
            )));
        }
    }
    await_version(call, wanted).await
}

/// Waits for a version, but not long.
pub(super) async fn await_version(call: &Call, wanted: u64) -> Result<(), Failure> {
    let mut latest = call.plane.world().subscribe();
    // What `wait_for` answers holds the channel's lock: it must be gone before the world is asked, whose writer takes the two in the other order.
    if tokio::time::timeout(Duration::from_secs(3), latest.wait_for(|version| *version >= wanted)).await.is_ok() {
        return Ok(());
    }
    let present = call.plane.world().version();
    Err(Failure {
        details: Some(
            json!({"causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}], "retryAfterSeconds": 1}),
        ),
        ..Failure::new(504, "Timeout", format!("Timeout: Too large resource version: {wanted}, current: {present}"))
    })
}

/// Old states are not kept: an exact version is served only while it is the present one.
fn exact(call: &Call, present: u64) -> Result<(), Failure> {
    if call.query.get("resourceVersionMatch") != Some("Exact") || call.query.get("continue").is_some() {
        return Ok(());
    }
    let wanted = call.query.number("resourceVersion")?.unwrap_or(0);
    if wanted == present {
        return Ok(());
    }
    Err(Failure::expired(format!("The resourceVersion for the provided list is too old: {wanted} ({present})")))
}

fn invalid(why: &str) -> Failure {
    Failure::new(422, "Invalid", format!("ListOptions.meta.k8s.io \"\" is invalid: {why}"))
}

pub(super) fn bad_version(call: &Call) -> Failure {
    let version = call.query.get("resourceVersion").unwrap_or("");
    Failure::bad_request(format!("Invalid value: {version:?}: strconv.ParseUint: parsing {version:?}: invalid syntax"))
}

/// A `continue` token.
struct Resume {
    version: u64,
    after: ObjectKey,
}

impl Resume {
    fn write(&self) -> String {
        let token = json!({"v": "meta.k8s.io/v1", "rv": self.version, "ns": self.after.namespace, "start": self.after.name});
        BASE64URL_NOPAD.encode(token.to_string().as_bytes())
    }

    fn read(call: &Call, token: &str) -> Result<Resume, Failure> {
        let parsed = BASE64URL_NOPAD
            .decode(token.as_bytes())
            .ok()
            .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
            .and_then(|token| {
                Some(Resume {
                    version: token.get("rv")?.as_u64()?,
                    after: ObjectKey::new(token.get("ns")?.as_str()?, token.get("start")?.as_str()?),
                })
            })
            .ok_or_else(|| Failure::bad_request("continue key is not valid: illegal continue token"))?;
        if !call.plane.world().remembers(parsed.version) {
            return Err(Failure::expired(
                "The provided continue parameter is too old to display a consistent list result. You can start a new list without \
                 the continue parameter, or use the continue token in this response to retrieve the remainder of the results.",
            ));
        }
        Ok(parsed)
    }
}
