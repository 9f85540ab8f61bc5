//! How fast whole applies are: the binary, its state file, HTTPS, the sandbox's server and agent, without simulated delays. Prints a table.
//!
//! `cargo bench -p windlass --bench apply`. One cluster whose network layer (applied by the engine) and addon (applied by the agent) hold so
//! many ConfigMaps of 1 KB each; the rate is over that layer's own step, until everything in it is healthy. Without `--bench` it runs once,
//! small, and measures nothing.
#![expect(clippy::print_stdout, reason = "its table is for people")]

use std::error::Error;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[path = "support/memory.rs"]
mod memory;
#[path = "../tests/support/small.rs"]
mod small;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A module folder of its own; its sandbox ends with it.
struct Place(tempfile::TempDir);

impl Drop for Place {
    fn drop(&mut self) {
        // The folder goes; a sandbox that did not end here ends when it sees that.
        let _ = self.command(&["sandbox", "stop"]).output();
    }
}

/// What one command took.
struct Taken {
    time: Duration,
    megabytes: u64,
    stdout: String,
}

impl Place {
    fn new(engine: usize, agent: usize) -> Result<Place> {
        let folder = tempfile::Builder::new().prefix("windlass-bench-").tempdir()?;
        std::fs::write(folder.path().join("main.wl.hcl"), configuration(engine, agent))?;
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/quickstart");
        for layer in ["network", "storage"] {
            let target = folder.path().join(layer);
            std::fs::create_dir(&target)?;
            for entry in std::fs::read_dir(examples.join(layer))? {
                let entry = entry?;
                std::fs::copy(entry.path(), target.join(entry.file_name()))?;
            }
        }
        Ok(Place(folder))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_windlass"));
        command.arg(format!("-chdir={}", self.0.path().display())).args(arguments);
        command.env("WL_SANDBOX_SPEED", "0").env("NO_COLOR", "1").stdin(Stdio::null());
        command
    }

    /// Runs a command, and looks at its memory until it ends.
    fn run(&self, arguments: &[&str]) -> Result<Taken> {
        let out = self.0.path().join("out.txt");
        let begun = Instant::now();
        let told = std::fs::File::create(&out)?;
        let mut child = self.command(arguments).stderr(told.try_clone()?).stdout(told).spawn()?;
        let process = child.id().to_string();
        let mut megabytes = 0;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            megabytes = megabytes.max(memory::peak_megabytes(&process));
            std::thread::sleep(Duration::from_millis(5));
        };
        let time = begun.elapsed();
        let stdout = std::fs::read_to_string(&out)?;
        if !status.success() {
            return Err(format!("{arguments:?}: {status}\n{stdout}").into());
        }
        Ok(Taken { time, megabytes, stdout })
    }

    fn sandbox_megabytes(&self) -> Result<u64> {
        let file = std::fs::read(self.0.path().join(".windlass/sandbox/server.json"))?;
        let server: serde_json::Value = serde_json::from_slice(&file)?;
        Ok(memory::peak_megabytes(&server["pid"].to_string()))
    }
}

fn configuration(engine: usize, agent: usize) -> String {
    let maps = |name: &str, count: usize| {
        let data = "x".repeat(1000);
        // `range` gives no more than 1,024 numbers.
        let parts = (0..count).step_by(1000).map(|from| {
            let to = count.min(from + 1000);
            format!(
                r#"[for i in range({from}, {to}) : {{ apiVersion = "v1", kind = "ConfigMap", metadata = {{ name = "{name}-${{i}}", namespace = "default" }}, data = {{ k = "{data}" }} }}]"#
            )
        });
        format!("concat({})", parts.collect::<Vec<_>>().join(", "))
    };
    let network = format!("{}\n    objects   = {}", small::manifests("network"), maps("engine", engine));
    let many = format!("  addon \"many\" {{\n    objects = {}\n  }}", maps("agent", agent));
    small::profile(&network, &small::manifests("storage"), &many) + &small::cluster("bench", "  pivot    = false")
}

/// Seconds that a step took, by its line: `<title> done after 1.2s`.
fn step_seconds(stdout: &str, title: &str) -> Option<f64> {
    let line = stdout.lines().find(|line| line.contains(title) && line.contains(" after "))?;
    line.rsplit(" after ").next()?.trim_end_matches('s').parse().ok()
}

/// One apply with so many objects, and the row that tells of it.
fn measure(who: &str, title: &str, engine: usize, agent: usize) -> Result<()> {
    let place = Place::new(engine, agent)?;
    let applied = place.run(&["apply", "-auto-approve"])?;
    let settled = place.run(&["plan", "-detailed-exitcode"])?;
    if !settled.stdout.contains("No changes.") {
        return Err(format!("it is not settled:\n{}", settled.stdout).into());
    }
    let step = step_seconds(&applied.stdout, title).ok_or_else(|| format!("no step says {title:?}:\n{}", applied.stdout))?;
    let count = engine.max(agent);
    println!(
        "| {who} | {count} | {:.1} s | {step:.1} s | {:.0} | {:.2} s | {} | {} | {} |",
        applied.time.as_secs_f64(),
        count as f64 / step.max(0.1),
        settled.time.as_secs_f64(),
        applied.megabytes,
        settled.megabytes,
        place.sandbox_megabytes()?
    );
    Ok(())
}

fn main() -> Result<()> {
    let real = std::env::args().any(|argument| argument == "--bench");
    let sizes: &[usize] = if real { &[1, 1000, 2000] } else { &[20] };
    println!("| applied by | objects | whole apply | layer's step | objects/s | no-op plan | apply MB | plan MB | sandbox MB |");
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|");
    for count in sizes {
        measure("engine", "applying layer flannel", *count, 1)?;
        measure("agent", "layer many by the agent", 1, *count)?;
    }
    Ok(())
}
