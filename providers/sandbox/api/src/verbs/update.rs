//! Read, decide, write if nobody was faster: the loop behind PUT, PATCH and every change of an object.

use std::sync::Arc;

use serde_json::Value;

use super::{Call, escalation, size};
use crate::rules::{Admission, Outcome, admit_update};
use crate::status::Failure;
use crate::view;
use crate::world::{Expect, Refused, Stored, Write};

/// What an update did.
#[derive(Debug, Clone)]
pub(crate) struct Updated {
    /// The object after the update; of a removed one its last state.
    pub object: Arc<Stored>,
}

/// How an update is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mode {
    pub subresource: Option<&'static str>,
    /// Fields are attributed here; false if `change` has done it.
    pub track: bool,
}

/// Losing this many races in a row means that somebody writes the object in a tight loop.
const ATTEMPTS: usize = 100;

/// Changes the object of the call. `change` makes the next value of the present one; it may run several times.
pub(crate) async fn update_object(
    call: &mut Call,
    mode: Mode,
    mut change: impl FnMut(&Arc<Stored>) -> Result<Value, Failure>,
) -> Result<Updated, Failure> {
    let place = call.place();
    let plane = call.plane.clone();
    // Until the write is done nobody else may be given the same address or port.
    let _allocating = if call.resource().is("", "services") { Some(plane.allocation().await) } else { None };
    for _ in 0..ATTEMPTS {
        let old = call.stored().ok_or_else(|| call.not_found())?;
        let next = change(&old)?;
        if mode.subresource.is_none() {
            escalation::check(call, Some(&old.value), &next)?;
        }
        match decide(call, mode, &old, next)? {
            Decision::Keep(object) => return Ok(Updated { object }),
            Decision::Write(write) => {
                let expected = Expect::Version(old.version);
                match call.plane.world().write(&place, expected, write, false) {
                    Ok((object, acknowledgement)) => {
                        call.plane.after_write(call.resource());
                        acknowledgement.committed().await.map_err(Failure::internal)?;
                        return Ok(Updated { object });
                    }
                    Err(Refused::Raced) => call.warnings.clear(),
                    Err(refused) => return Err(Failure::internal(format!("{refused:?}"))),
                }
            }
        }
    }
    Err(Failure::modified(call.resource().group(), call.resource().plural(), &call.name))
}

enum Decision {
    Keep(Arc<Stored>),
    Write(Write),
}

fn decide(call: &mut Call, mode: Mode, old: &Arc<Stored>, next: Value) -> Result<Decision, Failure> {
    check_preconditions(call, old, &next)?;
    let plane = call.plane.clone();
    let addresses = call.resource().is("", "services").then(|| plane.cluster_ips());
    let now = plane.now();
    let tracking = call.tracking(mode.subresource);
    let served = call.served.clone();
    let (patch, repeated) = (call.patch.clone(), call.repeated.clone());
    let mut admission = Admission {
        served: &served,
        subresource: mode.subresource,
        now: &now,
        tracking: &tracking,
        track: mode.track,
        validation: call.writer.validation,
        patch: patch.as_deref(),
        repeated: &repeated,
        warnings: &mut call.warnings,
    };
    let decided = match admit_update(&mut admission, &old.value, next, addresses)? {
        Outcome::Same => Decision::Keep(old.clone()),
        Outcome::Remove(value) if call.writer.dry_run => {
            Decision::Keep(Arc::new(Stored { key: old.key.clone(), version: old.version, value }))
        }
        Outcome::Remove(_) => Decision::Write(Write::Delete),
        Outcome::Put(mut value) => {
            view::to_storage(&served.resource, &mut value);
            if call.writer.dry_run {
                Decision::Keep(Arc::new(Stored { key: old.key.clone(), version: old.version, value }))
            } else {
                size::fit(&served.resource, &mut value)?;
                Decision::Write(Write::Put(value))
            }
        }
    };
    Ok(decided)
}

/// A resourceVersion or uid in the document is a condition.
fn check_preconditions(call: &Call, old: &Stored, next: &Value) -> Result<(), Failure> {
    let text = |field: &str| next.pointer(field).and_then(Value::as_str).unwrap_or("");
    let resource = call.resource();
    let uid = text("/metadata/uid");
    if !uid.is_empty() && uid != old.meta("uid") {
        let why = format!("Precondition failed: UID in precondition: {uid}, UID in object meta: {}", old.meta("uid"));
        return Err(Failure::conflict(resource.group(), resource.plural(), &call.name, &why));
    }
    let version = text("/metadata/resourceVersion");
    if !version.is_empty() && version != "0" && version != old.version.to_string() {
        return Err(Failure::modified(resource.group(), resource.plural(), &call.name));
    }
    Ok(())
}
