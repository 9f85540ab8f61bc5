//! Conditions and counters of a status, read without believing in their presence.

use serde_json::Value as Json;

/// One entry of `status.conditions`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition<'a> {
    /// `True`, `False`, `Unknown`.
    pub status: &'a str,
    /// One word.
    pub reason: &'a str,
    /// A sentence, or empty.
    pub message: &'a str,
}

impl Condition<'_> {
    /// `Word: sentence`, as short as it can be.
    pub fn words(&self) -> String {
        let message = self.words_of_message();
        match (self.reason.is_empty(), message.is_empty()) {
            (true, true) => "no reason given".to_owned(),
            (false, true) => self.reason.to_owned(),
            (true, false) => message,
            (false, false) => format!("{}: {message}", self.reason),
        }
    }

    /// The sentence in one line: CAPI writes lists of several.
    pub fn words_of_message(&self) -> String {
        self.message.split('\n').map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

/// The condition of a type.
pub fn condition<'a>(live: &'a Json, kind: &str) -> Option<Condition<'a>> {
    all(live).find(|(of, _)| *of == kind).map(|(_, condition)| condition)
}

/// The first condition that is `False` and says why.
pub fn first_false(live: &Json) -> Option<Condition<'_>> {
    all(live).map(|(_, condition)| condition).find(|condition| condition.status == "False" && !condition.message.is_empty())
}

/// All conditions with their types.
fn all(live: &Json) -> impl Iterator<Item = (&str, Condition<'_>)> {
    let conditions = live.pointer("/status/conditions").and_then(Json::as_array);
    conditions.into_iter().flatten().map(|found| {
        let text = |key: &str| found.get(key).and_then(Json::as_str).unwrap_or_default();
        (text("type"), Condition { status: text("status"), reason: text("reason"), message: text("message") })
    })
}

/// A condition must be `True`.
pub fn must_be_true(live: &Json, kind: &str) -> Result<(), String> {
    match condition(live, kind) {
        Some(c) if c.status == "True" => Ok(()),
        Some(c) => Err(format!("{kind} is {}: {}", c.status, c.words())),
        None => Err(format!("it says nothing of {kind} yet")),
    }
}

/// A condition must not be `True`; absent is well.
pub fn must_not_be_true(live: &Json, kind: &str) -> Result<(), String> {
    match condition(live, kind) {
        Some(c) if c.status == "True" => Err(format!("{kind}: {}", c.words())),
        _ => Ok(()),
    }
}

/// The controller has seen the present spec.
pub fn observed(live: &Json) -> Result<(), String> {
    let generation = live.pointer("/metadata/generation").and_then(Json::as_i64).unwrap_or(0);
    match live.pointer("/status/observedGeneration").and_then(Json::as_i64) {
        Some(seen) if seen >= generation => Ok(()),
        Some(_) => Err("its controller has not seen the latest change yet".to_owned()),
        None => Err("its controller has not looked at it yet".to_owned()),
    }
}

/// A counter; missing means 0, as Kubernetes omits zeros.
pub fn count(live: &Json, pointer: &str) -> u64 {
    live.pointer(pointer).and_then(Json::as_u64).unwrap_or(0)
}

/// CAPI's last words on an object that cannot recover.
pub fn terminal_failure(live: &Json) -> Option<&str> {
    live.pointer("/status/deprecated/v1beta1/failureMessage").and_then(Json::as_str).filter(|text| !text.is_empty())
}
