//! Writes the facts files, or compares them; it must not know how facts are read.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use windlass_kubeschema::Bundle;

use super::kubernetes;
use super::provider;
use super::sources::CRDS;

/// What to do with generated facts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Write the files.
    Write,
    /// Fail if a file is missing, differs or is not generated any more.
    Check,
}

/// Generates all facts and writes or compares them; the answer is a report for people.
///
/// # Errors
/// What could not be fetched, read or written; in `Check` mode also every difference.
pub fn run(mode: Mode) -> Result<String, String> {
    let mut wanted: BTreeMap<PathBuf, Vec<u8>> = BTreeMap::new();
    let mut table = String::from(TABLE_HEAD);
    let mut report = String::new();
    for bundle in bundles()? {
        let packed = bundle.store().map_err(|error| error.to_string())?;
        let file = format!("{}-{}.json.zst", bundle.origin, bundle.version);
        let _ = write!(
            table,
            "    FactsFile {{\n        name: \"{}\",\n        version: \"{}\",\n        digest: \"{}\",\n        \
             bytes: include_bytes!(\"../facts/{file}\"),\n    }},\n",
            bundle.origin, bundle.version, bundle.digest,
        );
        let _ = writeln!(report, "{file}: {} kinds, {} bytes, {}", bundle.kinds.len(), packed.len(), bundle.digest);
        wanted.insert(facts_folder().join(file), packed);
    }
    table.push_str("];\n");

    let table_path = crate_folder().join("src/facts_files.rs");
    match mode {
        Mode::Write => write(&wanted, &table_path, &table)?,
        Mode::Check => compare(&wanted, &table_path, &table)?,
    }
    Ok(report.trim_end().to_owned())
}

const TABLE_HEAD: &str = "\
//! The facts files that are compiled in. Made by `cargo xtask crds`, not by hand.

use crate::facts_table::FactsFile;

/// Every facts file, sorted by name and version.
pub(crate) const FILES: &[FactsFile] = &[
";

/// All bundles, sorted, each with the digest of its own text.
fn bundles() -> Result<Vec<Bundle>, String> {
    let mut bundles = vec![kubernetes::bundle()?];
    for source in &CRDS {
        bundles.push(provider::bundle(source)?);
    }
    for bundle in &mut bundles {
        if let Some(name) = kubernetes::dangling(&bundle.definitions) {
            return Err(format!("{}: no definition of {name}", bundle.origin));
        }
        bundle.kinds.sort_by(|a, b| (&a.group, &a.kind, &a.version).cmp(&(&b.group, &b.kind, &b.version)));
        let text = serde_json::to_vec(bundle).map_err(|error| error.to_string())?;
        bundle.digest = format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(text)));
    }
    bundles.sort_by(|a, b| (&a.origin, &a.version).cmp(&(&b.origin, &b.version)));
    Ok(bundles)
}

fn write(wanted: &BTreeMap<PathBuf, Vec<u8>>, table_path: &Path, table: &str) -> Result<(), String> {
    std::fs::create_dir_all(facts_folder()).map_err(|error| error.to_string())?;
    for stale in strangers(wanted)? {
        std::fs::remove_file(&stale).map_err(|error| format!("{}: {error}", stale.display()))?;
    }
    for (path, packed) in wanted {
        // Another zstd may pack the same text in other bytes: what is right already stays.
        if same_text(path, packed) != Ok(true) {
            std::fs::write(path, packed).map_err(|error| format!("{}: {error}", path.display()))?;
        }
    }
    std::fs::write(table_path, table).map_err(|error| format!("{}: {error}", table_path.display()))
}

fn compare(wanted: &BTreeMap<PathBuf, Vec<u8>>, table_path: &Path, table: &str) -> Result<(), String> {
    let mut differences: Vec<String> = strangers(wanted)?.iter().map(|path| format!("{} is not generated", path.display())).collect();
    for (path, packed) in wanted {
        match same_text(path, packed) {
            Ok(true) => {}
            Ok(false) => differences.push(format!("{} differs", path.display())),
            Err(error) => differences.push(error),
        }
    }
    if std::fs::read_to_string(table_path).ok().as_deref() != Some(table) {
        differences.push(format!("{} differs", table_path.display()));
    }
    if differences.is_empty() {
        return Ok(());
    }
    differences.push("run `cargo xtask crds`".to_owned());
    Err(differences.join("\n"))
}

/// Whether a file unpacks to the same text as the packed bytes.
fn same_text(path: &Path, packed: &[u8]) -> Result<bool, String> {
    let have = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let unpack = |bytes: &[u8]| zstd::decode_all(bytes).map_err(|error| format!("{}: {error}", path.display()));
    Ok(unpack(&have)? == unpack(packed)?)
}

/// Files in the facts folder that nothing generates.
fn strangers(wanted: &BTreeMap<PathBuf, Vec<u8>>) -> Result<Vec<PathBuf>, String> {
    let folder = facts_folder();
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut found: Vec<PathBuf> =
        entries.filter_map(Result::ok).map(|entry| entry.path()).filter(|path| !wanted.contains_key(path)).collect();
    found.sort();
    Ok(found)
}

fn crate_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/kubeschema")
}

fn facts_folder() -> PathBuf {
    crate_folder().join("facts")
}
