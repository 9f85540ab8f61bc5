//! The one thread that writes: it takes what has gathered in its channel, commits it together, and answers after the commit.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior, params};
use serde_json::Value as Json;
use tokio::sync::oneshot;
use windlass_core::recorded::{Effect, Phase, Recorded};
use windlass_run::ports::{RunEnd, StoreError};

use crate::effects;
use crate::rows::{self, Fault, meta_sum};
use crate::runs;

/// Most writes that share one commit.
const GROUP: usize = 256;
/// How long a commit is put off for writes that are about to come; a commit itself takes 0.3 ms on a fast disk, 10 ms on a slow one.
const MOMENT: Duration = Duration::from_micros(200);

/// The answer's way back.
pub type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// What the thread can be asked to do.
pub enum Command {
    /// Read everything.
    Load(Reply<Box<Recorded>>),
    /// Write; answers the new serial, or the record's sequence number.
    Write(Write, Reply<u64>),
}

/// One write; it is committed whole or not at all.
#[derive(Debug)]
pub enum Write {
    /// A new run.
    Begin {
        /// Its id.
        run: String,
        /// Its plan.
        plan: String,
        /// The plan's digest.
        digest: String,
    },
    /// The unfinished run goes on.
    Resume {
        /// Its id.
        run: String,
    },
    /// A record with its effects.
    Journal {
        /// Id of the run.
        run: String,
        /// Id of the step.
        step: String,
        /// What happened.
        phase: Phase,
        /// What was seen.
        evidence: Json,
        /// What changes in the state.
        effects: Vec<Effect>,
    },
    /// The end of a run.
    End {
        /// Id of the run.
        run: String,
        /// How it ended.
        end: RunEnd,
    },
}

/// The thread's own things.
pub struct Writer {
    path: PathBuf,
    connection: Connection,
    live: Option<Live>,
}

/// The run that is being journalled.
#[derive(Debug, Clone)]
struct Live {
    run: String,
    next: i64,
}

impl Writer {
    /// Around an open connection.
    pub fn new(path: PathBuf, connection: Connection) -> Self {
        Self { path, connection, live: None }
    }

    /// Works until nobody can send any more, then folds the log into the file, so that the file alone is the state.
    pub fn work(mut self, commands: &Receiver<Command>) -> Result<(), StoreError> {
        let mut waiting: VecDeque<Command> = VecDeque::new();
        let mut in_flight = 0;
        while let Some(first) = waiting.pop_front().or_else(|| commands.recv().ok()) {
            match first {
                // Nobody waits any more for an answer that cannot be sent; what was committed stays committed.
                Command::Load(reply) => drop(reply.send(self.load())),
                Command::Write(write, reply) => {
                    let group = gather((write, reply), &mut waiting, commands, in_flight);
                    let committed = group.len();
                    self.answer(group);
                    waiting.extend(commands.try_iter());
                    in_flight = committed + waiting.len();
                }
            }
        }
        self.close()
    }

    fn load(&self) -> Result<Box<Recorded>, StoreError> {
        rows::load(&self.connection).map(|(_, recorded, _)| Box::new(recorded)).map_err(|fault| fault.refuse(&self.path))
    }

    fn answer(&mut self, group: Vec<(Write, Reply<u64>)>) {
        let (writes, replies): (Vec<_>, Vec<_>) = group.into_iter().unzip();
        match self.commit(&writes) {
            Ok(answers) => {
                for (answer, reply) in answers.into_iter().zip(replies) {
                    drop(reply.send(answer));
                }
            }
            Err(fault) => {
                let refusal = fault.refuse(&self.path);
                for reply in replies {
                    drop(reply.send(Err(refusal.clone())));
                }
            }
        }
    }

    /// All of a group in one transaction, each write in a savepoint of its own: one that fails takes no other with it.
    fn commit(&mut self, writes: &[Write]) -> Result<Vec<Result<u64, StoreError>>, Fault> {
        let mut live = self.live.clone();
        let mut transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut answers = Vec::with_capacity(writes.len());
        for write in writes {
            let before = live.clone();
            let savepoint = transaction.savepoint()?;
            match carry_out(&savepoint, &mut live, write) {
                Ok(answer) => {
                    savepoint.commit()?;
                    answers.push(Ok(answer));
                }
                Err(fault) => {
                    live = before;
                    drop(savepoint);
                    if transaction.is_autocommit() {
                        // A full disk has ended the whole transaction.
                        return Err(fault);
                    }
                    answers.push(Err(fault.refuse(&self.path)));
                }
            }
        }
        transaction.commit()?;
        self.live = live;
        Ok(answers)
    }

    fn close(self) -> Result<(), StoreError> {
        // A reader that is just looking keeps the log from being cut; it is folded in by the next writer then, and nothing is lost.
        let folded: rusqlite::Result<i64> = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0));
        let closed = self.connection.close().map_err(|(_, error)| error);
        folded.and(closed).map_err(|error| Fault::Sqlite(error).refuse(&self.path))
    }
}

/// What is committed together with `first`: all that wait, and those that are about to come, for a moment.
///
/// `expected` is how many were answered or waiting at the end of the last commit. Steps that have just been answered mostly write again at
/// once; without the moment they and the others would take turns, with two commits where one does.
fn gather(
    first: (Write, Reply<u64>),
    waiting: &mut VecDeque<Command>,
    commands: &Receiver<Command>,
    expected: usize,
) -> Vec<(Write, Reply<u64>)> {
    let mut group = vec![first];
    while group.len() < GROUP {
        let next = waiting.pop_front().or_else(|| commands.try_recv().ok());
        let next = next.or_else(|| if group.len() < expected { commands.recv_timeout(MOMENT).ok() } else { None });
        match next {
            Some(Command::Write(write, reply)) => group.push((write, reply)),
            Some(load) => {
                waiting.push_front(load);
                break;
            }
            None => break,
        }
    }
    group
}

fn carry_out(connection: &Connection, live: &mut Option<Live>, write: &Write) -> Result<u64, Fault> {
    match write {
        Write::Begin { run, plan, digest } => {
            let serial = raise_serial(connection)?;
            runs::insert(connection, run, serial, plan, digest)?;
            *live = Some(Live { run: run.clone(), next: 1 });
            Ok(serial.cast_unsigned())
        }
        Write::Resume { run } => {
            runs::next_seq(connection, run)?.ok_or_else(|| no_such_run(run))?;
            raise_serial(connection).map(i64::cast_unsigned)
        }
        Write::Journal { run, step, phase, evidence, effects } => {
            let next = match live {
                Some(live) if live.run == *run => live.next,
                _ => runs::next_seq(connection, run)?.ok_or_else(|| no_such_run(run))?,
            };
            runs::append(connection, run, next, step, *phase, &evidence.to_string())?;
            for effect in effects {
                effects::apply(connection, effect)?;
            }
            *live = Some(Live { run: run.clone(), next: next + 1 });
            Ok(next.cast_unsigned())
        }
        Write::End { run, end } => {
            if !runs::finish(connection, run, *end)? {
                return Err(no_such_run(run));
            }
            // Whether it may be journalled on is asked of the table again.
            *live = None;
            Ok(0)
        }
    }
}

/// A state whose serial is lower than what a plane has seen is an old copy.
fn raise_serial(connection: &Connection) -> Result<i64, Fault> {
    let meta = rows::load_meta(connection)?;
    let serial = i64::try_from(meta.serial).unwrap_or(i64::MAX).saturating_add(1);
    let format = connection.query_row("SELECT format FROM meta WHERE one = 1", [], |row| row.get(0))?;
    let sum = meta_sum(format, &meta.lineage, serial, meta.digest_key.bytes());
    connection.execute("UPDATE meta SET serial = ?1, sum = ?2 WHERE one = 1", params![serial, sum])?;
    Ok(serial)
}

fn no_such_run(run: &str) -> Fault {
    Fault::Misuse(format!("there is no unfinished run {run}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema;

    fn writer() -> Writer {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection).unwrap();
        let sum = meta_sum(1, "l", 0, &[7; 32]);
        connection.execute("INSERT INTO meta VALUES (1, 1, 'l', 0, ?1, ?2)", params![[7_u8; 32], sum]).unwrap();
        Writer::new(PathBuf::from("state"), connection)
    }

    fn begin(run: &str) -> Write {
        Write::Begin { run: run.to_owned(), plan: format!("plan of {run}"), digest: run.to_owned() }
    }

    fn record(run: &str, evidence: Json) -> Write {
        Write::Journal { run: run.to_owned(), step: "s".to_owned(), phase: Phase::Started, evidence, effects: Vec::new() }
    }

    fn answers(writer: &mut Writer, writes: &[Write]) -> Vec<Result<u64, String>> {
        let answers = writer.commit(writes).unwrap();
        answers.into_iter().map(|answer| answer.map_err(|error| error.to_string())).collect()
    }

    #[test]
    fn a_write_that_fails_takes_no_other_of_its_group_with_it() {
        let mut writer = writer();
        let group = [begin("a"), record("a", Json::Null), record("b", Json::Null), record("a", Json::Null)];
        let no_run = Err("the state could not be written: state: there is no unfinished run b".to_owned());
        assert_eq!(answers(&mut writer, &group), [Ok(1), Ok(1), no_run, Ok(2)]);
        assert_eq!(writer.load().unwrap().unfinished.unwrap().journal.len(), 2);
    }

    #[test]
    fn going_on_raises_the_serial_and_needs_an_unfinished_run() {
        let mut writer = writer();
        let resume = |run: &str| Write::Resume { run: run.to_owned() };
        let end = Write::End { run: "a".to_owned(), end: RunEnd::Done };
        let none = |run: &str| Err(format!("the state could not be written: state: there is no unfinished run {run}"));
        let group = [begin("a"), record("a", Json::Null), resume("a"), resume("b"), record("a", Json::Null), end, resume("a")];
        assert_eq!(answers(&mut writer, &group), [Ok(1), Ok(1), Ok(2), none("b"), Ok(2), Ok(0), none("a")]);
        assert_eq!(writer.load().unwrap().serial, 2);
    }

    #[test]
    fn a_full_disk_loses_what_was_not_answered_and_nothing_else() {
        let mut writer = writer();
        assert_eq!(answers(&mut writer, &[begin("a"), record("a", Json::Null)]), [Ok(1), Ok(1)]);
        let pages: i64 = writer.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        writer.connection.pragma_update(None, "max_page_count", pages).unwrap();
        let large = Json::String("x".repeat(100_000));
        let told = match writer.commit(&[record("a", large.clone())]) {
            Ok(answers) => answers.into_iter().next().unwrap().unwrap_err().to_string(),
            Err(fault) => fault.refuse(&writer.path).to_string(),
        };
        assert!(told.contains("no space is left"), "{told}");
        assert_eq!(writer.load().unwrap().unfinished.unwrap().journal.len(), 1);
        writer.connection.pragma_update(None, "max_page_count", pages + 1000).unwrap();
        assert_eq!(answers(&mut writer, &[record("a", large)]), [Ok(2)]);
    }

    #[test]
    fn a_new_run_supersedes_the_unfinished_one_and_old_ones_lose_their_plans() {
        let mut writer = writer();
        for number in 0..6_u64 {
            let run = format!("r{number}");
            assert_eq!(answers(&mut writer, &[begin(&run), record(&run, Json::Null)]), [Ok(number + 1), Ok(1)]);
        }
        let (_, _, past) = rows::load(&writer.connection).unwrap();
        let statuses: Vec<_> = past.iter().map(|run| run.status).collect();
        assert_eq!(statuses.iter().filter(|status| **status == runs::RunStatus::Superseded).count(), 5);
        assert_eq!(statuses.last(), Some(&runs::RunStatus::Running));
        let count = |query: &str| -> i64 { writer.connection.query_row(query, [], |row| row.get(0)).unwrap() };
        assert_eq!(count("SELECT count(*) FROM runs WHERE plan <> ''"), 4);
        assert_eq!(count("SELECT count(*) FROM journal"), 4);
    }
}
