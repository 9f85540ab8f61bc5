//! The quickstart broken at random: any text is either valid or refused; nothing panics, nothing hangs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use windlass_clouds::PROVIDERS;
use windlass_core::config::{Inputs, evaluate};
use windlass_core::diag::SourceMap;
use windlass_core::expand::expand;
use windlass_core::files::{FileError, FileErrorKind, Files};
use windlass_core::lang::parse;

use crate::support::Place;

const MUTATIONS: usize = 300;
/// One of so many goes through the binary too.
const THROUGH_THE_BINARY: usize = 6;
const LONGEST: Duration = Duration::from_secs(10);
/// What is put in: brackets, operators, halves of things, names that mean something.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    "\"",
    "${",
    "%{ for x in ",
    "<<EOT\n",
    "/*",
    "#",
    "=",
    "=>",
    "...",
    "?",
    ":",
    ",",
    ".",
    "[*]",
    "!",
    "-",
    "&&",
    "\\u12",
    "\n",
    "\0",
    "é",
    "\u{1f600}",
    "1e999999",
    "-1",
    "0",
    "null",
    "true",
    "var.database_password",
    "cluster.shop",
    "cluster.shop.endpoint",
    "target.name",
    "profile.base",
    "each.key",
    "for_each = cluster.shop\n",
    "count = 3\n",
    "depends_on = [addon.shop]\n",
    "lifecycle {\n",
    "cidrsubnet(\"10.0.0.0/8\", 99, 1)",
    "templatefile(\"main.wl.hcl\", {})",
    "file(\"/dev/zero\")",
    "jsondecode(\"[[[[\")",
    "range(100000000)",
    "\"9.9.9\"",
    "chart {}\n",
    "management \"m\" {}\n",
];

/// The example's folder; patterns have one star, in their last name.
struct Folder(PathBuf);

fn fault(path: &str) -> FileError {
    FileError { path: path.to_owned(), kind: FileErrorKind::NotFound, detail: String::new() }
}

impl Files for Folder {
    fn read(&self, path: &str) -> Result<Arc<[u8]>, FileError> {
        let path_on_disk = self.0.join(path);
        if !path_on_disk.is_file() {
            return Err(fault(path));
        }
        std::fs::read(path_on_disk).map(Arc::from).map_err(|_| fault(path))
    }

    fn list(&self, dir: &str, pattern: &str) -> Result<Vec<String>, FileError> {
        let (below, name) = pattern.rsplit_once('/').unwrap_or(("", pattern));
        let (head, tail) = name.split_once('*').unwrap_or((name, ""));
        let entries = std::fs::read_dir(self.0.join(dir).join(below)).map_err(|_| fault(dir))?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut found: Vec<String> = names.filter(|name| name.starts_with(head) && name.ends_with(tail)).collect();
        found.iter_mut().for_each(|name| *name = if below.is_empty() { name.clone() } else { format!("{below}/{name}") });
        found.sort();
        Ok(found)
    }
}

/// One to four cuts, copies and insertions.
fn broken(text: &str, random: &mut StdRng) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    for _ in 0..random.random_range(1..5) {
        let at = random.random_range(0..=characters.len());
        let end = (at + random.random_range(0..40)).min(characters.len());
        match random.random_range(0..5) {
            0 => drop(characters.drain(at..end)),
            1 => {
                let copy: Vec<char> = characters.iter().take(end).skip(at).copied().collect();
                let to = random.random_range(0..=characters.len());
                drop(characters.splice(to..to, copy));
            }
            2 => characters.truncate(at.max(characters.len() / 4)),
            _ => {
                let piece = PIECES.get(random.random_range(0..PIECES.len())).copied().unwrap_or_default();
                // In place of what stood there, or beside it.
                let end = if random.random_bool(0.5) { end.min(at + 8) } else { at };
                drop(characters.splice(at..end, piece.chars()));
            }
        }
    }
    characters.into_iter().collect()
}

/// Parses, evaluates, expands and checks; the number of findings.
fn understand(text: &str, folder: &Path) -> usize {
    let mut sources = SourceMap::new();
    let (body, found) = parse(&mut sources, "main.wl.hcl", text.as_bytes());
    let files = Folder(folder.to_owned());
    let inputs =
        Inputs { body: &body, variables: &[], providers: PROVIDERS, files: &files, version: "0.1.0", agent_image: "windlass:test" };
    let (model, more) = evaluate(&inputs, &mut sources);
    let faults = found.len() + more.len();
    let (desired, expanded) = expand(&model, "lineage");
    faults + expanded.len() + windlass_core::plan::validate(&desired).len()
}

fn all() {
    let place = Place::example("quickstart");
    let text = std::fs::read_to_string(place.path().join("main.wl.hcl")).expect("the example");
    assert_eq!(understand(&text, place.path()), 0);
    let mut random = StdRng::seed_from_u64(20_261_122);
    let mut refused = 0;
    for number in 0..MUTATIONS {
        let mutant = broken(&text, &mut random);
        let began = Instant::now();
        refused += usize::from(understand(&mutant, place.path()) > 0);
        assert!(began.elapsed() < LONGEST, "mutation {number} takes {:?}:\n{mutant}", began.elapsed());
        if number % THROUGH_THE_BINARY == 0 {
            place.write("main.wl.hcl", &mutant);
            let began = Instant::now();
            let done = place.run(&["validate"]);
            assert!(began.elapsed() < LONGEST, "mutation {number} takes {:?}:\n{mutant}", began.elapsed());
            assert!(!done.stderr.contains("panicked"), "mutation {number}:\n{}\n{mutant}", done.stderr);
            match done.code {
                Some(0) => assert!(done.stdout.contains("Success!"), "mutation {number}: {}", done.stdout),
                Some(1) => assert!(done.stderr.contains("Error[WL"), "mutation {number}: {}", done.stderr),
                other => panic!("mutation {number} ends with {other:?}:\n{}\n{mutant}", done.stderr),
            }
        }
    }
    assert!(refused > MUTATIONS / 2, "{refused} of {MUTATIONS} were refused: the mutations do not break enough");
}

#[test]
fn a_broken_quickstart_is_refused_in_order() {
    // The binary parses with a stack of this size too.
    std::thread::Builder::new().stack_size(64 << 20).spawn(all).expect("a thread").join().expect("no panic");
}
