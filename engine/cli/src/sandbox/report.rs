//! What the simulated cloud holds, read from its ledger.

use std::fmt::Write;
use std::path::Path;

use serde_json::{Value as Json, json};
use windlass_core::diag::Code;
use windlass_sandbox_controllers::Ledger;

use crate::failure::Failure;

/// The ledger for people and for programs.
pub struct Report {
    /// For people.
    pub text: String,
    /// For programs.
    pub json: Json,
}

/// Reads the ledger of a data folder.
pub fn report(data: &Path) -> Result<Report, Failure> {
    let path = super::ledger(data);
    if !path.is_file() {
        return Ok(Report { text: "The simulated cloud is empty.\n".to_owned(), json: json!({"live": [], "violations": []}) });
    }
    let broken = |error: &dyn std::fmt::Display| Failure::new(Code::SANDBOX, format!("{} cannot be read: {error}", path.display()));
    let ledger = Ledger::open_read(&path).map_err(|error| broken(&error))?;
    let live = ledger.live().map_err(|error| broken(&error))?;
    let violations = ledger.violations().map_err(|error| broken(&error))?;
    let mut text = if live.is_empty() { "The simulated cloud is empty.\n".to_owned() } else { "The simulated cloud holds:\n".to_owned() };
    for thing in &live {
        let _ = writeln!(text, "  {:14} {:24} {:12} {}", thing.thing, thing.id, thing.state, thing.owner);
    }
    for violation in &violations {
        let _ = writeln!(text, "  violation: {}", violation.detail);
    }
    let live: Vec<Json> = live
        .iter()
        .map(|thing| json!({"kind": thing.thing, "id": thing.id, "cluster": thing.cluster, "owner": thing.owner, "state": thing.state}))
        .collect();
    let violations: Vec<Json> =
        violations.iter().map(|violation| json!({"cluster": violation.cluster, "detail": violation.detail})).collect();
    Ok(Report { text, json: json!({"live": live, "violations": violations}) })
}
