//! What plan, apply, destroy and drift begin with: configuration, state, wish.

use std::collections::BTreeSet;
use std::path::Path;

use rand::TryRngCore;
use windlass_core::desired::Desired;
use windlass_core::diag::{Code, Diagnostics};
use windlass_core::encode::DigestKey;
use windlass_core::expand::expand;
use windlass_core::plan::Mode;
use windlass_core::recorded::Recorded;
use windlass_state::{PastRun, RunStatus};

use crate::arguments::{Arguments, Module};
use crate::failure::Failure;
use crate::module::{self, Loaded};
use crate::session::Session;
use crate::view::View;

/// Configuration, state and wish.
pub struct Prepared {
    /// Where.
    pub session: Session,
    /// The configuration.
    pub loaded: Loaded,
    /// The state.
    pub recorded: Recorded,
    /// Its key.
    pub key: DigestKey,
    /// The wish.
    pub desired: Desired,
    /// Runs that are over, and therefore hold no plane.
    pub ended_runs: BTreeSet<String>,
}

/// Whether there is nothing to destroy, which is told: no state file was ever made, or it holds nothing and there is no configuration either that
/// could say more. One that was named must be there.
pub fn nothing_to_destroy(arguments: &Arguments, given: &Module, folder: Option<&Path>, view: &View) -> Result<bool, Failure> {
    let session = Session::new(arguments, given, folder)?;
    let state = session.state.display();
    if !session.state.exists() {
        if given.state.is_none() {
            view.out(&format!("No changes. There is no state file {state}, so there is nothing to destroy.\n"));
        }
        return Ok(given.state.is_none());
    }
    let nothing = !module::has_configuration(&session)? && read_state(&session)?.recorded.is_empty();
    if nothing {
        view.out(&format!("No changes. The state file {state} holds nothing, so there is nothing to destroy.\n"));
    }
    Ok(nothing)
}

/// Reads everything; a state file is made if there is none, but not to destroy what it holds. What has been made can be destroyed when its
/// configuration is gone.
pub fn prepare(arguments: &Arguments, given: &Module, folder: Option<&Path>, mode: Mode, view: &View) -> Result<Prepared, Failure> {
    let session = Session::new(arguments, given, folder)?;
    let known = (mode == Mode::Destroy).then(|| read_state(&session)).transpose()?;
    let mut loaded = match &known {
        Some(known) => module::load_if_any(&session, &arguments.variables, &known.recorded)?,
        None => module::load(&session, &arguments.variables)?,
    };
    let known = match known {
        None if session.state.exists() => Some(read_state(&session)?),
        known => known,
    };
    // Nothing is read or locked for a plane that is another one.
    known.as_ref().map_or(Ok(()), |known| super::world::same_plane(&loaded.model.management, &known.recorded))?;
    super::lockfile::check(&session, &mut loaded, given, mode, view)?;
    let Known { recorded, key, ended_runs } = known.map_or_else(|| state(&session, view), Ok)?;
    let (desired, found) = expand(&loaded.model, &recorded.lineage);
    let mut diagnostics = std::mem::take(&mut loaded.warnings);
    diagnostics.extend(found);
    if diagnostics.has_errors() {
        diagnostics.extend(windlass_core::plan::validate(&desired));
        diagnostics.sort();
        return Err(Failure::in_configuration(diagnostics, loaded.sources));
    }
    view.warnings(&diagnostics, &loaded.sources, given.compact_warnings);
    loaded.warnings = Diagnostics::new();
    Ok(Prepared { session, loaded, recorded, key, desired, ended_runs })
}

/// The state file at one moment.
pub struct Known {
    /// The state.
    pub recorded: Recorded,
    /// Its key.
    pub key: DigestKey,
    /// Runs that are over, and therefore hold no plane.
    pub ended_runs: BTreeSet<String>,
}

/// The state of a session, made if there is none.
pub fn state(session: &Session, view: &View) -> Result<Known, Failure> {
    if !session.state.exists() {
        create_state(session)?;
        view.note(&format!("Created state file {} (lineage and key).\n", session.state.display()));
    }
    read_state(session)
}

/// Makes the state file.
pub fn create_state(session: &Session) -> Result<(), Failure> {
    let mut key = [0u8; 32];
    rand::rngs::OsRng
        .try_fill_bytes(&mut key)
        .map_err(|error| Failure::new(Code::FILE_SYSTEM, format!("the system gives no random numbers: {error}")))?;
    let lineage = uuid::Uuid::new_v4().to_string();
    windlass_state::create(&session.state, &lineage, &windlass_state::DigestKey::new(key))?;
    Ok(())
}

/// The state of a session, which must exist.
pub fn read_state(session: &Session) -> Result<Known, Failure> {
    let snapshot = windlass_state::read(&session.state)?;
    let over = |run: &PastRun| matches!(run.status, RunStatus::Done | RunStatus::Superseded);
    let ended_runs = snapshot.runs.into_iter().filter(over).map(|run| run.id).collect();
    Ok(Known { recorded: snapshot.recorded, key: DigestKey(*snapshot.digest_key.bytes()), ended_runs })
}
