//! Several processes and one state: locks, readers beside a writer, SIGKILL, a disk that is full.
//!
//! The test program starts itself again as the other process: the ignored test `child` does what `WL_STATE_TEST_PART` says.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures::executor::block_on;
use serde_json::json;
use windlass_core::recorded::{Effect, Phase};
use windlass_run::ports::{RunEnd, Store, StoreError};
use windlass_state::{DigestKey, Opening, StateFile, create, lock_path, read};

fn fresh() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.wlstate");
    create(&path, "4b6f", &DigestKey::new([9; 32])).unwrap();
    (folder, path)
}

fn opening() -> Opening {
    Opening::new("pid 1 on here, windlass apply, since noon")
}

async fn record(state: &StateFile, number: u64, padding: usize) -> Result<u64, StoreError> {
    let effect = Effect::Output { name: "last".into(), value: Some(json!(number)) };
    state.journal("run", "s", Phase::Progress, json!({"padding": "x".repeat(padding)}), vec![effect]).await
}

/// What the other process does.
#[test]
#[ignore = "started by other tests"]
fn child() {
    let Ok(part) = std::env::var("WL_STATE_TEST_PART") else { return };
    let path = PathBuf::from(std::env::var("WL_STATE_TEST_PATH").unwrap());
    let state = StateFile::open(&path, &opening()).unwrap();
    let mut out = std::io::stdout();
    writeln!(out, "\nopen").unwrap();
    block_on(async {
        match part.as_str() {
            "hold" => std::thread::sleep(Duration::from_secs(60)),
            "write" => {
                state.begin("run", "plan", "d").await.unwrap();
                for number in 1.. {
                    let seq = record(&state, number, 500).await.unwrap();
                    writeln!(out, "{seq}").unwrap();
                }
            }
            "fill" => {
                let error = async {
                    state.begin("run", "plan", "d").await?;
                    loop {
                        let seq = record(&state, 0, 20_000).await?;
                        writeln!(out, "{seq}").unwrap();
                    }
                };
                let error: Result<(), StoreError> = error.await;
                writeln!(out, "error {}", error.unwrap_err()).unwrap();
                let more = record(&state, 0, 20_000).await;
                writeln!(out, "then {}", more.is_err()).unwrap();
            }
            other => panic!("{other}"),
        }
    });
}

/// Starts the other process; `shell` may set limits before it.
fn start(part: &str, path: &Path, shell: &str) -> (Child, impl Iterator<Item = String>) {
    let program = std::env::current_exe().unwrap();
    let mut child = Command::new("sh")
        .arg("-c")
        .arg(format!("{shell} exec \"$0\" --exact child --ignored --nocapture --test-threads=1"))
        .arg(program)
        .env("WL_STATE_TEST_PART", part)
        .env("WL_STATE_TEST_PATH", path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.by_ref().any(|line| line == "open"), "the other process opened the state");
    (child, lines)
}

#[test]
fn one_writer_at_a_time_and_the_kernel_frees_a_dead_ones_lock() {
    let (_folder, path) = fresh();
    let (mut other, _lines) = start("hold", &path, "");
    let error = StateFile::open(&path, &opening()).unwrap_err();
    assert!(matches!(&error, StoreError::Locked { owner } if owner == "pid 1 on here, windlass apply, since noon"), "{error}");
    assert!(read(&path).is_ok(), "readers need no lock");
    other.kill().unwrap();
    other.wait().unwrap();
    StateFile::open(&path, &opening()).unwrap().close().unwrap();
    assert_eq!(fs::read_to_string(lock_path(&path)).unwrap(), "");
    assert_eq!(fs::metadata(lock_path(&path)).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn who_waits_gets_the_lock_when_it_is_free() {
    let (_folder, path) = fresh();
    let first = StateFile::open(&path, &opening()).unwrap();
    let waiter = std::thread::spawn({
        let path = path.clone();
        move || StateFile::open(&path, &Opening { lock_timeout: Duration::from_secs(20), ..opening() }).map(|state| state.close())
    });
    std::thread::sleep(Duration::from_millis(120));
    assert!(!waiter.is_finished());
    first.close().unwrap();
    waiter.join().unwrap().unwrap().unwrap();
}

#[test]
fn what_was_answered_survives_sigkill_and_readers_see_whole_records() {
    let (_folder, path) = fresh();
    let (mut other, mut lines) = start("write", &path, "");
    let mut seen = 0;
    for _ in 0..20 {
        let recorded = read(&path).unwrap().recorded;
        let journal = recorded.unfinished.map_or(0, |run| run.journal.len());
        assert!(journal >= seen, "time goes forward");
        let last = recorded.outputs.get("last").and_then(serde_json::Value::as_u64).unwrap_or(0);
        assert_eq!(last, journal as u64, "a record and its effects are one");
        seen = journal;
    }
    let answered: u64 = lines.by_ref().nth(200).unwrap().parse().unwrap();
    other.kill().unwrap();
    other.wait().unwrap();
    let answered = lines.filter_map(|line| line.parse::<u64>().ok()).last().unwrap_or(answered);
    let left = read(&path).unwrap().recorded.unfinished.unwrap().journal.len() as u64;
    assert!(left >= answered, "{left} of {answered}");
    let state = StateFile::open(&path, &opening()).unwrap();
    assert_eq!(block_on(record(&state, 1, 1)).unwrap(), left + 1, "the journal goes on where it was");
    block_on(state.end("run", RunEnd::Done)).unwrap();
    state.close().unwrap();
    assert_eq!(read(&path).unwrap().recorded.unfinished, None);
}

#[test]
fn a_full_disk_is_an_error_and_what_was_answered_stays() {
    let (_folder, path) = fresh();
    // SQLite sees EFBIG as an I/O error where it would see ENOSPC as a full disk; both must come back as an answer.
    let (mut other, lines) = start("fill", &path, "trap '' XFSZ; ulimit -f 400;");
    let lines: Vec<String> = lines.collect();
    assert!(other.wait().unwrap().success());
    let error = lines.iter().find(|line| line.starts_with("error ")).unwrap();
    assert!(error.contains("could not be written"), "{error}");
    assert!(lines.iter().any(|line| line == "then true"), "{lines:?}");
    let answered = lines.iter().filter(|line| line.parse::<u64>().is_ok()).count();
    assert!(answered > 0);
    assert_eq!(read(&path).unwrap().recorded.unfinished.unwrap().journal.len(), answered);
}

#[test]
fn one_file_is_the_whole_state_when_no_command_runs() {
    let (folder, path) = fresh();
    let state = StateFile::open(&path, &opening()).unwrap();
    block_on(async {
        state.begin("run", "plan", "d").await.unwrap();
        record(&state, 5, 10).await.unwrap();
    });
    state.close().unwrap();
    let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["s.wlstate", "s.wlstate.lock"]);
    let elsewhere = tempfile::tempdir().unwrap();
    let copy = elsewhere.path().join("copy%20?#.wlstate");
    fs::copy(&path, &copy).unwrap();
    fs::set_permissions(elsewhere.path(), fs::Permissions::from_mode(0o500)).unwrap();
    let before = fs::metadata(elsewhere.path()).unwrap().modified().unwrap();
    assert_eq!(read(&copy).unwrap().recorded, read(&path).unwrap().recorded);
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 1, "reading leaves nothing behind");
    assert_eq!(fs::metadata(elsewhere.path()).unwrap().modified().unwrap(), before);
    fs::set_permissions(elsewhere.path(), fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn opening_and_closing_changes_no_byte() {
    let (_folder, path) = fresh();
    let before = fs::read(&path).unwrap();
    StateFile::open(&path, &opening()).unwrap().close().unwrap();
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn only_an_unfinished_run_can_be_journalled() {
    let (_folder, path) = fresh();
    let state = StateFile::open(&path, &opening()).unwrap();
    block_on(async {
        assert!(record(&state, 1, 1).await.unwrap_err().to_string().contains("no unfinished run run"));
        state.begin("run", "plan", "d").await.unwrap();
        record(&state, 1, 1).await.unwrap();
        state.end("run", RunEnd::Partial).await.unwrap();
        assert_eq!(record(&state, 2, 1).await.unwrap(), 2);
        state.end("run", RunEnd::Done).await.unwrap();
        assert!(record(&state, 3, 1).await.is_err());
        assert!(state.end("run", RunEnd::Done).await.is_err());
    });
    let runs = read(&path).unwrap().runs;
    assert_eq!(runs.iter().map(|run| (run.id.as_str(), run.status)).collect::<Vec<_>>(), [("run", windlass_state::RunStatus::Done)]);
}
