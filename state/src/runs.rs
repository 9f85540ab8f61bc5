//! Rows of runs and their journal: begun, journalled, ended, pruned.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value as Json;
use windlass_core::recorded::{JournalRecord, Phase, UnfinishedRun};
use windlass_run::ports::{EVIDENCE_TOOK, RunEnd};

use crate::checksum::checksum;
use crate::rows::Fault;

/// How many finished runs keep their plan and journal.
const KEPT_WHOLE: i64 = 3;
/// How many finished runs are remembered at all.
const KEPT: i64 = 200;

/// Status of a run, as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunStatus {
    /// Begun; if no process has the lock, it was killed.
    Running,
    /// It has ended, and steps of it are left.
    Partial,
    /// All steps are done.
    Done,
    /// Another plan has taken its place.
    Superseded,
}

impl RunStatus {
    fn word(self) -> &'static str {
        match self {
            RunStatus::Running => "running",
            RunStatus::Partial => "partial",
            RunStatus::Done => "done",
            RunStatus::Superseded => "superseded",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [RunStatus::Running, RunStatus::Partial, RunStatus::Done, RunStatus::Superseded].into_iter().find(|status| status.word() == word)
    }
}

impl From<RunEnd> for RunStatus {
    fn from(end: RunEnd) -> Self {
        match end {
            RunEnd::Done => RunStatus::Done,
            RunEnd::Partial => RunStatus::Partial,
            RunEnd::Superseded => RunStatus::Superseded,
        }
    }
}

/// A run that the state remembers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastRun {
    /// Its id.
    pub id: String,
    /// The serial that it began.
    pub serial: u64,
    /// Digest of its plan.
    pub plan_digest: String,
    /// How it stands.
    pub status: RunStatus,
}

/// What a run did, with how long each step took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastWork {
    /// Its plan, canonical text.
    pub plan: String,
    /// Steps that were done, by id, in their order.
    pub took: Vec<(String, Duration)>,
}

/// The status changes, the checksum does not cover it: each of its four words is checked by the table itself.
fn run_sum(id: &str, serial: i64, plan: &str, digest: &str) -> i64 {
    checksum(&[id.as_bytes(), &serial.to_le_bytes(), plan.as_bytes(), digest.as_bytes()])
}

fn record_sum(run: &str, seq: i64, step: &str, phase: &str, evidence: &str) -> i64 {
    checksum(&[run.as_bytes(), &seq.to_le_bytes(), step.as_bytes(), phase.as_bytes(), evidence.as_bytes()])
}

fn phase_word(phase: Phase) -> &'static str {
    match phase {
        Phase::Started => "started",
        Phase::Progress => "progress",
        Phase::Done => "done",
        Phase::Failed => "failed",
    }
}

fn parse_phase(word: &str) -> Option<Phase> {
    [Phase::Started, Phase::Progress, Phase::Done, Phase::Failed].into_iter().find(|phase| phase_word(*phase) == word)
}

/// Adds a run; one that was unfinished is superseded.
pub fn insert(connection: &Connection, id: &str, serial: i64, plan: &str, digest: &str) -> rusqlite::Result<()> {
    connection.execute("UPDATE runs SET status = 'superseded' WHERE status IN ('running', 'partial')", [])?;
    connection.execute(
        "INSERT INTO runs (id, serial, plan, plan_digest, status, sum) VALUES (?1, ?2, ?3, ?4, 'running', ?5)",
        params![id, serial, plan, digest, run_sum(id, serial, plan, digest)],
    )?;
    prune(connection)
}

/// The next sequence number of a run that is not finished; `None` if there is no such run.
pub fn next_seq(connection: &Connection, run: &str) -> rusqlite::Result<Option<i64>> {
    let known: Option<i64> = connection
        .query_row("SELECT 1 FROM runs WHERE id = ?1 AND status IN ('running', 'partial')", [run], |row| row.get(0))
        .optional()?;
    if known.is_none() {
        return Ok(None);
    }
    connection.query_row("SELECT coalesce(max(seq), 0) + 1 FROM journal WHERE run = ?1", [run], |row| row.get(0)).map(Some)
}

/// Adds a record.
pub fn append(connection: &Connection, run: &str, seq: i64, step: &str, phase: Phase, evidence: &str) -> rusqlite::Result<()> {
    let phase = phase_word(phase);
    connection
        .prepare_cached("INSERT INTO journal (run, seq, step, phase, evidence, sum) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![run, seq, step, phase, evidence, record_sum(run, seq, step, phase, evidence)])
        .map(|_| ())
}

/// Closes a run. Returns whether there was such a run.
pub fn finish(connection: &Connection, id: &str, end: RunEnd) -> rusqlite::Result<bool> {
    let status = RunStatus::from(end).word();
    let changed = connection.execute("UPDATE runs SET status = ?2 WHERE id = ?1 AND status IN ('running', 'partial')", [id, status])?;
    prune(connection)?;
    Ok(changed == 1)
}

fn prune(connection: &Connection) -> rusqlite::Result<()> {
    let border = |kept: i64| -> rusqlite::Result<Option<i64>> {
        let query = "SELECT number FROM runs WHERE status IN ('done', 'superseded') ORDER BY number DESC LIMIT 1 OFFSET ?1";
        connection.query_row(query, [kept], |row| row.get(0)).optional()
    };
    if let Some(number) = border(KEPT_WHOLE)? {
        let old = "number <= ?1 AND status IN ('done', 'superseded') AND plan <> ''";
        let mut query = connection.prepare(&format!("SELECT id, serial, plan_digest FROM runs WHERE {old}"))?;
        let rows = query.query_map([number], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let emptied: Vec<(String, i64, String)> = rows.collect::<Result<_, _>>()?;
        for (id, serial, digest) in emptied {
            connection.execute("DELETE FROM journal WHERE run = ?1", [&id])?;
            connection.execute("UPDATE runs SET plan = '', sum = ?2 WHERE id = ?1", params![id, run_sum(&id, serial, "", &digest)])?;
        }
    }
    if let Some(number) = border(KEPT)? {
        connection.execute("DELETE FROM runs WHERE number <= ?1 AND status IN ('done', 'superseded')", [number])?;
    }
    Ok(())
}

/// All remembered runs, oldest first, and the unfinished one whole.
pub fn load(connection: &Connection) -> Result<(Vec<PastRun>, Option<UnfinishedRun>), Fault> {
    let mut query = connection.prepare("SELECT id, serial, plan, plan_digest, status, sum FROM runs ORDER BY number")?;
    let mut rows = query.query([])?;
    let (mut past, mut unfinished) = (Vec::new(), None);
    while let Some(row) = rows.next()? {
        let (id, serial, plan, plan_digest): (String, i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        let status = RunStatus::parse(&row.get::<_, String>(4)?).ok_or_else(|| Fault::row("run", &id))?;
        if row.get::<_, i64>(5)? != run_sum(&id, serial, &plan, &plan_digest) {
            return Err(Fault::row("run", &id));
        }
        let serial = u64::try_from(serial).map_err(|_| Fault::row("run", &id))?;
        if matches!(status, RunStatus::Running | RunStatus::Partial) {
            let journal = load_journal(connection, &id)?;
            unfinished = Some(UnfinishedRun { id: id.clone(), plan_digest: plan_digest.clone(), plan, journal });
        }
        past.push(PastRun { id, serial, plan_digest, status });
    }
    Ok((past, unfinished))
}

/// The runs that are kept whole and have plans up to a size, the unfinished one included, oldest first.
pub fn load_work(connection: &Connection, largest: usize) -> Result<Vec<PastWork>, Fault> {
    let mut query = connection.prepare("SELECT id, plan FROM runs WHERE plan <> '' AND length(plan) <= ?1 ORDER BY number")?;
    let kept: Vec<(String, String)> =
        query.query_map([i64::try_from(largest).unwrap_or(i64::MAX)], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    let took = |record: JournalRecord| {
        let took = record.evidence.get(EVIDENCE_TOOK).and_then(Json::as_u64).filter(|_| record.phase == Phase::Done)?;
        Some((record.step, Duration::from_millis(took)))
    };
    let work = |(id, plan): (String, String)| {
        let records = load_journal(connection, &id)?;
        Ok(PastWork { plan, took: records.into_iter().filter_map(took).collect() })
    };
    kept.into_iter().map(work).collect()
}

fn load_journal(connection: &Connection, run: &str) -> Result<Vec<JournalRecord>, Fault> {
    let mut query = connection.prepare("SELECT seq, step, phase, evidence, sum FROM journal WHERE run = ?1 ORDER BY seq")?;
    let mut rows = query.query([run])?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        let (seq, step, phase, evidence): (i64, String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        let fault = || Fault::row("journal record", &seq.to_string());
        if row.get::<_, i64>(4)? != record_sum(run, seq, &step, &phase, &evidence) {
            return Err(fault());
        }
        records.push(JournalRecord {
            seq: u64::try_from(seq).map_err(|_| fault())?,
            step,
            phase: parse_phase(&phase).ok_or_else(fault)?,
            evidence: serde_json::from_str(&evidence).map_err(|_| fault())?,
        });
    }
    // Records are numbered without gaps, so that a lost one shows.
    let gap = records.iter().zip(1..).find(|(record, expected)| record.seq != *expected);
    gap.map_or(Ok(()), |(record, _)| Err(Fault::row("journal record before", &record.seq.to_string())))?;
    Ok(records)
}
