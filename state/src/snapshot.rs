//! A state as it is at one moment, read without a lock and without writing.

use std::path::Path;

use windlass_core::recorded::Recorded;
use windlass_run::ports::StoreError;

use crate::file::{Stamp, open_to_read, recognise, verify};
use crate::rows;
use crate::runs::{PastRun, PastWork, load_work};
use windlass_core::encode::DigestKey;

const TRIES: usize = 8;

/// Everything in a state file.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Its content.
    pub recorded: Recorded,
    /// Key of the secret digests.
    pub digest_key: DigestKey,
    /// The runs it remembers, oldest first; a plan that was applied already is found here by its digest.
    pub runs: Vec<PastRun>,
}

/// Reads a state. Works in a folder that cannot be written, and while another process writes.
pub fn read(path: &Path) -> Result<Snapshot, StoreError> {
    let path = recognise(path)?;
    for _ in 0..TRIES {
        let before = Stamp::of(&path)?;
        let snapshot = read_once(&path, before.is_whole());
        // Without a log nothing guards a reader against a writer that comes in between: what was read counts only if nobody came.
        if (snapshot.is_ok() && !before.is_whole()) || Stamp::of(&path)? == before {
            return snapshot;
        }
    }
    read_once(&path, false)
}

/// How long the steps of past runs took whose plans are not larger than so many characters. It is for a forecast, so it does not check the whole
/// file again.
pub fn past_work(path: &Path, largest: usize) -> Result<Vec<PastWork>, StoreError> {
    let path = recognise(path)?;
    let connection = open_to_read(&path, Stamp::of(&path)?.is_whole())?;
    load_work(&connection, largest).map_err(|fault| fault.refuse(&path))
}

fn read_once(path: &Path, whole: bool) -> Result<Snapshot, StoreError> {
    let connection = open_to_read(path, whole)?;
    verify(path, &connection)?;
    let (meta, recorded, runs) = rows::load(&connection).map_err(|fault| fault.refuse(path))?;
    Ok(Snapshot { recorded, digest_key: meta.digest_key, runs })
}
