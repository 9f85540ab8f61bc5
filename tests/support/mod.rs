//! What whole-house tests share: a copy of an example in a folder of its own, the binary run in it, and a look at what it left.

#![allow(dead_code, reason = "each test binary uses its part")]

pub mod kubectl;
pub mod planes;
pub mod small;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use kubectl::Kubectl;
use planes::{Planes, difference};
use windlass_sandbox_controllers::Ledger;

/// How long the simulated controllers may take to follow.
const FOLLOWING: Duration = Duration::from_secs(40);

/// The binary under test.
pub fn binary() -> PathBuf {
    std::env::var_os("WL_TEST_BINARY").map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_windlass")), PathBuf::from)
}

/// A folder of its own with a configuration; its sandbox ends with it.
pub struct Place {
    folder: tempfile::TempDir,
    speed: &'static str,
}

/// What a command did.
pub struct Done {
    /// Exit code; `None` if it was killed.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Done {
    /// Fails the test unless the command ended with this code.
    #[track_caller]
    pub fn expect(self, code: i32) -> Done {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Fails the test unless both streams together hold this text.
    #[track_caller]
    pub fn says(self, text: &str) -> Done {
        assert!(self.stdout.contains(text) || self.stderr.contains(text), "{text:?} is missing in\n{}\n{}", self.stdout, self.stderr);
        self
    }
}

impl From<Output> for Done {
    fn from(output: Output) -> Done {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Done { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder can be made");
    for entry in std::fs::read_dir(from).expect("the example is there").flatten() {
        let target = to.join(entry.file_name());
        if entry.file_name().to_string_lossy().starts_with('.') || entry.file_name().to_string_lossy().contains(".wlstate") {
            continue;
        }
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a file can be copied");
        }
    }
}

impl Place {
    /// A copy of `examples/<name>`, with a sandbox that wastes no time.
    pub fn example(name: &str) -> Place {
        let place = Place::empty();
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name), place.path());
        place
    }

    /// An empty folder.
    pub fn empty() -> Place {
        Place { folder: tempfile::Builder::new().prefix("windlass-").tempdir().expect("a folder can be made"), speed: "0" }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file below the folder.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder can be made");
        std::fs::write(path, text).expect("a file can be written");
    }

    /// A folder with the quickstart's manifests and this configuration.
    pub fn small(parts: &[String]) -> Place {
        let place = Place::example("quickstart");
        place.configure(parts);
        place
    }

    /// Replaces the configuration.
    pub fn configure(&self, parts: &[String]) {
        self.write("main.wl.hcl", parts.concat());
    }

    /// Replaces text in a file of the folder; it must be there.
    #[track_caller]
    pub fn replace(&self, name: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path().join(name)).expect("the file is there");
        assert!(text.contains(from), "{from:?} is not in {name}");
        self.write(name, text.replace(from, to));
    }

    /// A command in the folder, not yet run.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.arg(format!("-chdir={}", self.path().display())).args(arguments);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", self.path());
        command.env("WL_SANDBOX_SPEED", self.speed).env("NO_COLOR", "1").stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Done {
        self.command(arguments).output().expect("the binary runs").into()
    }

    /// Runs a command with more environment.
    pub fn run_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Done {
        self.command(arguments).envs(environment.iter().copied()).output().expect("the binary runs").into()
    }

    /// Starts a command and does not wait.
    pub fn spawn(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary runs")
    }

    /// `apply -auto-approve`, which must succeed.
    #[track_caller]
    pub fn apply(&self) -> Done {
        self.run(&["apply", "-auto-approve"]).expect(0)
    }

    /// A plan must find nothing to do.
    #[track_caller]
    pub fn settled(&self) {
        self.run(&["plan", "-detailed-exitcode"]).expect(0).says("No changes.");
    }

    /// A way into a cluster's plane, with kubectl's manners.
    #[track_caller]
    pub fn kubectl(&self, cluster: &str) -> Kubectl {
        Kubectl::new(&self.run(&["kubeconfig", cluster]).expect(0).stdout)
    }

    /// A way into the sandbox's management plane, with kubectl's manners.
    #[track_caller]
    pub fn kubectl_on_management(&self) -> Kubectl {
        Kubectl::new(&self.run(&["sandbox", "kubeconfig"]).expect(0).stdout)
    }

    /// What the simulated cloud holds, by kind of thing, and that no two planes acted on one cluster.
    #[track_caller]
    pub fn ledger(&self) -> BTreeMap<String, usize> {
        let report: Json = serde_json::from_str(&self.run(&["sandbox", "status", "-json"]).expect(0).stdout).expect("JSON");
        let violations = report.pointer("/ledger/violations").and_then(Json::as_array).cloned().unwrap_or_default();
        assert!(violations.is_empty(), "{violations:?}");
        let mut counts = BTreeMap::new();
        for thing in report.pointer("/ledger/live").and_then(Json::as_array).into_iter().flatten() {
            *counts.entry(thing.get("kind").and_then(Json::as_str).unwrap_or_default().to_owned()).or_insert(0) += 1;
        }
        counts
    }

    /// Identities of the objects in the state, without uids.
    #[track_caller]
    pub fn objects(&self) -> Vec<String> {
        let state: Json = serde_json::from_str(&self.run(&["show", "-json"]).expect(0).stdout).expect("JSON");
        let mut keys: Vec<String> = Vec::new();
        for resource in state.get("resources").and_then(Json::as_array).into_iter().flatten() {
            let address = resource.get("address").and_then(Json::as_str).unwrap_or_default();
            for object in resource.get("objects").and_then(Json::as_array).into_iter().flatten() {
                keys.push(format!("{address} {}", object.get("key").unwrap_or(&Json::Null)));
            }
            if resource.get("objects").and_then(Json::as_array).is_none_or(Vec::is_empty) {
                keys.push(address.to_owned());
            }
        }
        keys.sort();
        keys
    }

    /// The state file's bytes.
    pub fn state(&self) -> Vec<u8> {
        std::fs::read(self.path().join("windlass.wlstate")).unwrap_or_default()
    }

    /// What a refused command must leave alone: the state, its log, the cloud.
    pub fn snapshot(&self) -> Snapshot {
        let log = std::fs::read(self.path().join("windlass.wlstate-wal")).unwrap_or_default();
        Snapshot { state: self.state(), log, ledger: self.books_of_the_cloud().unwrap_or_default() }
    }

    /// Every object on every plane, as the planes tell it; see [`Planes::objects`].
    #[track_caller]
    pub fn world(&self) -> Vec<String> {
        let management = self.run(&["sandbox", "kubeconfig"]).expect(0).stdout;
        Planes::open(&management).and_then(|planes| planes.objects()).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The planes must come to hold exactly these objects.
    #[track_caller]
    pub fn world_is(&self, expected: &[String]) {
        let begun = Instant::now();
        loop {
            let different = difference(expected, &self.world());
            if different.is_empty() {
                return;
            }
            assert!(begun.elapsed() < FOLLOWING, "the planes hold other objects:\n{}", different.join("\n"));
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// The planes must come to hold nothing but some of these objects.
    #[track_caller]
    pub fn world_is_within(&self, expected: &[String]) {
        let begun = Instant::now();
        loop {
            let mut world = self.world();
            world.retain(|line| !expected.contains(line));
            if world.is_empty() {
                return;
            }
            assert!(begun.elapsed() < FOLLOWING, "the planes hold more:\n{}", world.join("\n"));
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Every living thing of the simulated cloud: its id with its kind and cluster. `None`: there is no sandbox.
    fn books_of_the_cloud(&self) -> Option<BTreeMap<String, (String, String)>> {
        let path = self.path().join(".windlass/sandbox/store/ledger.db");
        let ledger = path.is_file().then(|| Ledger::open_read(&path))?.ok()?;
        let live = ledger.live().ok()?;
        Some(live.into_iter().map(|thing| (thing.id, (thing.thing, thing.cluster))).collect())
    }

    /// The cloud's ledger and the planes tell of the same machines, each of them once; nothing in the cloud is without its Cluster.
    fn books(&self) -> Result<(), String> {
        let Some(ledger) = self.books_of_the_cloud() else { return Ok(()) };
        if ledger.is_empty() && !self.path().join(".windlass/sandbox/server.json").exists() {
            return Ok(());
        }
        let management = self.run(&["sandbox", "kubeconfig"]);
        if management.code != Some(0) {
            return Err(management.stderr);
        }
        let begun = Instant::now();
        loop {
            match self.books_now(&management.stdout) {
                Err(_) if begun.elapsed() < FOLLOWING => std::thread::sleep(Duration::from_millis(200)),
                told => return told,
            }
        }
    }

    fn books_now(&self, management: &str) -> Result<(), String> {
        let machines = Planes::open(management)?.machines()?;
        let ledger = self.books_of_the_cloud().unwrap_or_default();
        let instances: BTreeSet<&String> = ledger.iter().filter(|(_, (kind, _))| kind == "instance").map(|(id, _)| id).collect();
        let known = |id: &String| machines.of_machines.contains_key(id) || machines.of_provider.contains(id);
        let mut faults = Vec::new();
        faults.extend(instances.iter().filter(|id| !known(id)).map(|id| format!("instance {id} has no Machine")));
        for (id, planes) in &machines.of_machines {
            if !instances.contains(id) {
                faults.push(format!("a Machine on {planes:?} has instance {id}, which does not exist"));
            }
            if planes.len() != 1 {
                faults.push(format!("instance {id} has a Machine on each of {planes:?}"));
            }
        }
        let owned = ledger.iter().filter(|(_, (_, cluster))| !machines.clusters.contains(cluster));
        faults.extend(owned.map(|(id, (kind, cluster))| format!("{kind} {id} is of cluster {cluster}, which does not exist")));
        if faults.is_empty() { Ok(()) } else { Err(format!("the cloud's books do not fit the planes: {}", faults.join("; "))) }
    }
}

/// See [`Place::snapshot`].
#[derive(PartialEq)]
pub struct Snapshot {
    state: Vec<u8>,
    log: Vec<u8>,
    ledger: BTreeMap<String, (String, String)>,
}

impl Snapshot {
    /// What is no longer as it was.
    pub fn changed(&self, now: &Snapshot) -> Vec<&'static str> {
        let parts = [
            ("the state file", self.state == now.state),
            ("the state's log", self.log == now.log),
            ("the cloud's ledger", self.ledger == now.ledger),
        ];
        parts.into_iter().filter(|(_, same)| !same).map(|(name, _)| name).collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Every test passes through here. A test that has failed already has said why.
        let books = if std::thread::panicking() { Ok(()) } else { self.books() };
        // The folder goes; a sandbox that did not end here ends when it sees that.
        let _ = self.command(&["sandbox", "stop"]).output();
        if let Err(fault) = books {
            panic!("{fault}");
        }
    }
}
