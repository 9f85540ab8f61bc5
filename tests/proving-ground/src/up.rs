//! `up` and `down`: one management plane for a person, held by a process of its own.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use windlass_proving_ground::{Ground, logs_folder, proving_ground_folder};

use crate::hold::{Held, note_of};

/// The name of the plane that was given none.
pub const NAME: &str = "up";
/// How long the holder may take to end its processes before it is killed; they end with it then.
const GRACE: Duration = Duration::from_secs(20);

/// Starts the plane, or says where it is.
pub fn up(name: &str) -> Result<(), String> {
    is_a_name(name)?;
    if let Some(pid) = Ground::holder(name).map_err(|error| error.to_string())? {
        let note = std::fs::read_to_string(note_of(&logs_folder().join(name)));
        let held: Held = note
            .ok()
            .and_then(|note| serde_json::from_str(&note).ok())
            .ok_or_else(|| format!("the process {pid} is starting it; try again in a minute, or `cargo xtask proving-ground down`"))?;
        println!("It is up already.");
        tell(name, &held);
        return Ok(());
    }
    let begun = Instant::now();
    println!("Starting a management plane with Cluster API…");
    let log = proving_ground_folder().join(format!("{name}.log"));
    let said = File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut holder = Command::new(program)
        .args(["hold", name, "--cluster-api", "management"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(said)
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut line = String::new();
    if let Some(out) = holder.stdout.take() {
        BufReader::new(out).read_line(&mut line).map_err(|error| error.to_string())?;
    }
    let Ok(held) = serde_json::from_str::<Held>(&line) else {
        let _ = holder.wait();
        return Err(std::fs::read_to_string(&log).unwrap_or_default().trim_start_matches("error: ").trim_end().to_owned());
    };
    // The word that lets it stay.
    let stay = holder.stdin.take().ok_or("the holder has no standard input")?.write_all(b"stay\n");
    stay.map_err(|error| error.to_string())?;
    println!("Up in {:.1} s.", begun.elapsed().as_secs_f64());
    tell(name, &held);
    Ok(())
}

/// It becomes the name of folders and files.
fn is_a_name(name: &str) -> Result<(), String> {
    let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if plain && !name.is_empty() && name.len() <= 40 && !name.starts_with('-') {
        return Ok(());
    }
    Err(format!("{name:?} is no name of a plane: up to 40 lower case letters, digits and `-`"))
}

fn tell(name: &str, held: &Held) {
    let name = if name == NAME { String::new() } else { format!(" {name}") };
    for plane in &held.planes {
        println!("  {} at {}, process {}", plane.name, plane.server, held.pid);
        println!("  export KUBECONFIG={}", plane.kubeconfig.display());
    }
    for label in &held.without {
        println!("  without {label}: it runs once on a host, and another plane has it");
    }
    println!("  logs: {}", held.logs.display());
    println!("  stop it with `cargo xtask proving-ground down{name}`");
}

/// Stops the plane; that nothing is up is fine too.
pub fn down(name: &str) -> Result<(), String> {
    is_a_name(name)?;
    let Some(pid) = Ground::holder(name).map_err(|error| error.to_string())? else {
        println!("Nothing is up.");
        return Ok(());
    };
    let pid = Pid::from_raw(pid).ok_or("the holder left no process id")?;
    let _ = kill_process(pid, Signal::TERM);
    let (free, freed) = channel();
    let held = name.to_owned();
    std::thread::spawn(move || free.send(Ground::wait_until_free(&held).map_err(|error| error.to_string())));
    let outcome = match freed.recv_timeout(GRACE) {
        Ok(outcome) => outcome,
        Err(_) => {
            let _ = kill_process(pid, Signal::KILL);
            freed.recv_timeout(GRACE).unwrap_or_else(|_| Err(format!("the process {pid:?} does not end")))
        }
    };
    outcome.map(|()| println!("Down."))
}
