//! A search for secrets in whatever a run leaves: raw, base64 at each alignment (once and twice), hex, escaped for JSON, YAML and URLs.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use data_encoding::{BASE64, BASE64URL, HEXLOWER, HEXUPPER};

/// A needle is found by its first bytes.
const HEAD: usize = 8;
/// First bytes of a zstd frame.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Secrets, each with a name for the message.
#[derive(Default)]
pub struct Canaries {
    needles: BTreeMap<Vec<u8>, String>,
    heads: HashMap<[u8; HEAD], Vec<Vec<u8>>>,
}

impl Canaries {
    /// Adds a secret of at least 12 bytes in all its spellings.
    pub fn add(&mut self, name: &str, secret: &[u8]) {
        assert!(secret.len() >= 12, "{name} is too short to be looked for");
        self.needle(name, "raw", secret);
        self.needle(name, "hex", HEXLOWER.encode(secret).as_bytes());
        self.needle(name, "hex", HEXUPPER.encode(secret).as_bytes());
        for once in base64(secret) {
            self.needle(name, "base64", &once);
            for twice in base64(&once) {
                self.needle(name, "base64 of base64", &twice);
            }
        }
        let Ok(text) = std::str::from_utf8(secret) else { return };
        let json = serde_json::to_string(text).expect("text is JSON");
        let json = json.trim_matches('"');
        let ascii: String = json.chars().map(|c| if c.is_ascii() { c.to_string() } else { format!("\\u{:04x}", u32::from(c)) }).collect();
        let percent: String =
            text.bytes().map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") }).collect();
        let rust = format!("{text:?}");
        for (how, spelling) in [
            ("JSON", json.to_owned()),
            ("JSON in ASCII", ascii),
            ("JSON in JSON", json.replace('\\', "\\\\").replace('"', "\\\"")),
            ("YAML", text.replace('\'', "''")),
            ("URL", percent),
            ("Debug", rust.trim_matches('"').to_owned()),
        ] {
            self.needle(name, how, spelling.as_bytes());
        }
        // What YAML's blocks, diffs and tables make of a text of several lines or with quotes: its parts.
        for part in text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| part.len() >= 12 && part.len() < text.len()) {
            self.add(&format!("{name}, in part"), part.as_bytes());
        }
    }

    /// Adds the private keys that stand in a text as PEM.
    pub fn add_private_keys(&mut self, name: &str, text: &str) -> usize {
        let mut found = 0;
        for part in
            text.split("-----BEGIN ").skip(1).filter(|part| part.split("-----").next().is_some_and(|kind| kind.ends_with("PRIVATE KEY")))
        {
            let body: String =
                part.split("-----").nth(1).unwrap_or_default().replace("\\n", "").chars().filter(|c| !c.is_whitespace()).collect();
            let der = BASE64
                .decode(body.as_bytes())
                .unwrap_or_else(|error| panic!("{name}: a PEM body is base64: {error}: {:?}", body.get(..12)));
            // ECPrivateKey: version 1, then 32 bytes that nobody else may know. Lines of PEM end after 48 bytes.
            let at = der.windows(5).position(|bytes| bytes == [2, 1, 1, 4, 32]).expect("keys of the sandbox are P-256") + 5;
            let key = der.get(at..at + 32).expect("a whole key");
            self.add(&format!("{name} (whole)"), key);
            let (first, second) = key.split_at(48usize.saturating_sub(at).clamp(12, 20));
            self.add(&format!("{name} (begin)"), first);
            self.add(&format!("{name} (end)"), second);
            found += 1;
        }
        found
    }

    fn needle(&mut self, name: &str, how: &str, bytes: &[u8]) {
        let head: [u8; HEAD] = bytes.get(..HEAD).and_then(|head| head.try_into().ok()).expect("a needle has a head");
        if self.needles.insert(bytes.to_vec(), format!("{name}, {how}")).is_none() {
            self.heads.entry(head).or_default().push(bytes.to_vec());
        }
    }

    /// What is found in these bytes, and in zstd frames in them.
    pub fn find(&self, bytes: &[u8]) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for (at, head) in bytes.windows(HEAD).enumerate() {
            if head.starts_with(&ZSTD) {
                let mut inner = Vec::new();
                // A frame that is cut off gives what comes before the cut.
                if let Ok(mut decoder) = zstd::stream::read::Decoder::new(&bytes[at..]) {
                    let _ = std::io::Read::read_to_end(&mut decoder, &mut inner);
                }
                found.extend(self.find(&inner).into_iter().map(|what| format!("{what}, compressed")));
            }
            let Some(candidates) = self.heads.get(head) else { continue };
            found.extend(candidates.iter().filter(|needle| bytes[at..].starts_with(needle)).map(|needle| self.needles[needle].clone()));
        }
        found
    }

    /// Fails the test if a secret stands in these bytes.
    #[track_caller]
    pub fn absent_from(&self, place: &str, bytes: impl AsRef<[u8]>) {
        let found = self.find(bytes.as_ref());
        assert!(found.is_empty(), "{place} holds {found:?}");
    }

    /// Fails the test if a secret stands in a file below a folder, but for those that `allowed` names by the begin of their path.
    #[track_caller]
    pub fn absent_below(&self, folder: &Path, allowed: &[&str]) {
        let mut searched = 0;
        for path in files(folder) {
            let relative = path.strip_prefix(folder).expect("below").to_string_lossy().into_owned();
            if allowed.iter().any(|allowed| relative.starts_with(allowed)) {
                continue;
            }
            // Files of SQLite come and go.
            if let Ok(bytes) = std::fs::read(&path) {
                self.absent_from(&relative, bytes);
                searched += 1;
            }
        }
        assert!(searched > 0, "nothing was searched");
    }
}

/// The part of base64 that these bytes give wherever they stand in a longer text.
fn base64(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut spellings = Vec::new();
    for before in 0..3usize {
        let padded: Vec<u8> = std::iter::repeat_n(0, before).chain(bytes.iter().copied()).collect();
        // Characters that hold bits of neighbours are left out.
        let from = [0, 2, 3][before];
        let to = padded.len() / 3 * 4;
        for text in [BASE64.encode(&padded), BASE64URL.encode(&padded)] {
            let inner = text.as_bytes().get(from..to).unwrap_or_default();
            if inner.len() >= HEAD {
                spellings.push(inner.to_vec());
            }
        }
    }
    spellings
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => files.extend(self::files(&entry.path())),
            Ok(kind) if kind.is_file() => files.push(entry.path()),
            _ => {}
        }
    }
    files
}

/// A process that was seen: its words, and who started it.
pub struct Process {
    /// Its command line.
    pub command: Vec<u8>,
    /// Its environment.
    pub environment: Vec<u8>,
    /// Whether the test itself started it: what it was given then is not windlass's to hide.
    pub ours: bool,
}

/// Processes by id.
pub type Seen = BTreeMap<u32, Process>;

/// Looks at the command lines and environments of all processes that run our binary, and of all that they or the test start, until it is told to
/// end.
pub struct Watchman {
    stop: Arc<AtomicBool>,
    seen: Arc<Mutex<Seen>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Watchman {
    /// Begins to look at processes of this program.
    pub fn start(program: PathBuf) -> Watchman {
        let (stop, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(BTreeMap::new())));
        let program = std::fs::canonicalize(program).expect("the binary is there");
        let (end, all) = (stop.clone(), seen.clone());
        let thread = std::thread::spawn(move || {
            while !end.load(Ordering::Relaxed) {
                look(&program, &all);
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        Watchman { stop, seen, thread: Some(thread) }
    }

    /// Command lines and environments seen, by process.
    pub fn end(mut self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("it only looks");
        }
        std::mem::take(&mut *self.seen.lock().expect("nobody panics with it"))
    }
}

fn look(program: &Path, all: &Mutex<Seen>) {
    let mut parents: BTreeMap<u32, u32> = BTreeMap::new();
    let mut roots: BTreeSet<u32> = BTreeSet::from([std::process::id()]);
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        parents.extend(parent(pid).map(|parent| (pid, parent)));
        // A sandbox has a session of its own, and outlives who started it.
        if std::fs::read_link(entry.path().join("exe")).ok().as_deref() == Some(program) {
            roots.insert(pid);
        }
    }
    for (&pid, &parent) in &parents {
        let descends = std::iter::successors(Some(pid), |pid| parents.get(pid).copied()).take(64).any(|pid| roots.contains(&pid));
        if !descends || pid == std::process::id() {
            continue;
        }
        let read = |pid: u32, name: &str| std::fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
        let command = read(pid, "cmdline");
        // Between fork and exec a child still has its parent's words: what it says later counts.
        if command.is_empty() || command == read(parent, "cmdline") {
            continue;
        }
        let mut all = all.lock().expect("nobody panics with it");
        let known = all.get(&pid);
        if known.is_none_or(|known| known.command != command) {
            let ours = known.map_or(parent == std::process::id(), |known| known.ours);
            all.insert(pid, Process { command, environment: read(pid, "environ"), ours });
        }
    }
}

/// The fourth word of `stat`, behind the name, which may hold anything.
fn parent(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

#[test]
fn what_a_child_starts_is_seen_too() {
    let watchman = Watchman::start(PathBuf::from("/proc/self/exe"));
    let mut shell = std::process::Command::new("sh").args(["-c", "sleep 0.4; true canary-of-a-shell"]).spawn().expect("sh runs");
    shell.wait().expect("it is ours");
    let seen = watchman.end();
    let with = |word: &str, ours: bool| {
        let holds = |process: &Process| String::from_utf8_lossy(&process.command).contains(word);
        seen.values().any(|process| process.ours == ours && holds(process))
    };
    assert!(with("canary-of-a-shell", true), "the child is seen, and is the test's own");
    assert!(with("sleep", false), "the child's child is seen, and is not");
}

#[test]
fn every_spelling_is_found_and_nothing_else() {
    let secret = "hunter2 \"and\\ more'\n\u{fc}ber correct horse";
    let mut canaries = Canaries::default();
    canaries.add("it", secret.as_bytes());
    let json = serde_json::to_string(&serde_json::json!({ "a": secret })).expect("JSON");
    for (how, text) in [
        ("raw", format!("x{secret}y").into_bytes()),
        ("json", json.clone().into_bytes()),
        ("json twice", serde_json::to_string(&json).expect("JSON").into_bytes()),
        ("hex", HEXLOWER.encode(format!("..{secret}").as_bytes()).into_bytes()),
        ("base64", BASE64.encode(format!("{secret}!").as_bytes()).into_bytes()),
        ("base64 later", BASE64.encode(format!(".{secret}!").as_bytes()).into_bytes()),
        ("base64 latest", BASE64.encode(format!("..{secret}").as_bytes()).into_bytes()),
        ("base64 twice", BASE64.encode(format!(".{}", BASE64.encode(format!("..{secret}").as_bytes())).as_bytes()).into_bytes()),
        ("compressed", [b"abc".to_vec(), zstd::encode_all(secret.as_bytes(), 3).expect("zstd")].concat()),
        ("Debug", format!("{secret:?}").into_bytes()),
    ] {
        assert!(!canaries.find(&text).is_empty(), "{how} is not found");
    }
    assert!(canaries.find(b"hunter3 and everything else that is in a plan").is_empty());
}
