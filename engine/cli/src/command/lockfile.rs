//! `.windlass.lock.hcl`: which provider versions and CRD facts a folder was planned with, so that a new windlass moves none of them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use windlass_core::config::Model;
use windlass_core::diag::{Code, SourceMap};
use windlass_core::lang;
use windlass_kubeschema::facts_table;

use crate::arguments::Module;
use crate::failure::{Failure, io};
use crate::session::Session;
use crate::view::View;

/// Name of the file.
const LOCK: &str = ".windlass.lock.hcl";
/// First lines of the file.
const HEAD: &str = "# Written by windlass. Keep it in version control: it pins provider versions and what windlass knows of their kinds.\n";

/// One provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Digest of its CRD facts.
    pub facts: String,
}

/// What a configuration needs; without a cloud, nothing.
pub fn wanted(model: &Model) -> Vec<Entry> {
    if model.clouds.is_empty() {
        return Vec::new();
    }
    let mut names: Vec<String> = vec!["cluster-api".to_owned()];
    names.extend(model.clouds.values().map(|cloud| cloud.provider.name().to_owned()));
    names.sort();
    names.dedup();
    names
        .into_iter()
        .filter_map(|name| {
            let pinned = model.provider_versions.get(&name).map(|(version, _)| format!("v{}", version.trim_start_matches('v')));
            let known = facts_table::bundles().iter().filter(|file| file.name == name);
            let file = match &pinned {
                Some(version) => known.into_iter().find(|file| file.version == version),
                None => facts_table::latest(&name),
            }?;
            Some(Entry { name, version: file.version.to_owned(), facts: file.digest.to_owned() })
        })
        .collect()
}

/// What to do about a provider that is locked in another version.
fn upgrade(model: &Model, locked: &str) -> String {
    let pin = if model.management.sandbox {
        format!("use the windlass that brings {locked}, or reset the sandbox and remove the file")
    } else {
        format!("pin `version = \"{locked}\"` in the `provider` block of the `management` block")
    };
    format!("provider upgrades are not supported by this release yet; {pin}")
}

/// The lock file fits the configuration; what is missing in it is added, unless `-lockfile=readonly`.
pub fn check(session: &Session, model: &Model, given: &Module, view: &View) -> Result<(), Failure> {
    let path = session.folder.join(LOCK);
    let locked = read(&path)?;
    let wanted = wanted(model);
    for entry in &wanted {
        let Some(pinned) = locked.get(&entry.name) else { continue };
        if pinned.version != entry.version {
            return Err(Failure::new(
                Code::LOCK_FILE,
                format!("{LOCK} pins provider {} to {}, the configuration needs {}", entry.name, pinned.version, entry.version),
            )
            .hint(upgrade(model, &pinned.version)));
        }
        if pinned.facts != entry.facts {
            return Err(Failure::new(
                Code::LOCK_FILE,
                format!("{LOCK} was written with other facts about provider {} {}", entry.name, entry.version),
            )
            .detail(format!("Locked: {}. This windlass: {}.", pinned.facts, entry.facts))
            .hint("use the windlass that wrote it, or remove the file to accept what this one knows"));
        }
    }
    let missing: Vec<&str> = wanted.iter().filter(|entry| !locked.contains_key(&entry.name)).map(|entry| entry.name.as_str()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if given.lockfile.is_some() {
        return Err(Failure::new(
            Code::LOCK_FILE,
            format!("{LOCK} does not pin {}, and -lockfile=readonly forbids to add it", missing.join(", ")),
        )
        .hint("run `windlass init` and put the file into version control"));
    }
    let mut all: BTreeMap<String, Entry> = locked;
    all.extend(wanted.iter().map(|entry| (entry.name.clone(), entry.clone())));
    let text = all.values().fold(HEAD.to_owned(), |text, entry| {
        format!("{text}\nprovider {:?} {{\n  version = {:?}\n  facts   = {:?}\n}}\n", entry.name, entry.version, entry.facts)
    });
    std::fs::write(&path, text).map_err(|error| io(&path, "cannot be written", &error))?;
    view.note(&format!("Locked {} in {LOCK}.\n", missing.join(", ")));
    Ok(())
}

fn read(path: &PathBuf) -> Result<BTreeMap<String, Entry>, Failure> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(io(path, "cannot be read", &error)),
    };
    let mut sources = SourceMap::default();
    let (body, diagnostics) = lang::parse(&mut sources, LOCK, &bytes);
    if diagnostics.has_errors() {
        return Err(Failure::in_configuration(diagnostics, sources));
    }
    let mut entries = BTreeMap::new();
    for block in body.blocks_of("provider") {
        let text = |name: &str| block.body.attribute(name).and_then(|attribute| attribute.expr.as_literal_str().map(str::to_owned));
        match (block.label(0), text("version"), text("facts")) {
            (Some(name), Some(version), Some(facts)) => {
                entries.insert(name.to_string(), Entry { name: name.to_string(), version, facts });
            }
            _ => {
                return Err(Failure::new(Code::LOCK_FILE, format!("{LOCK} holds a `provider` block without label, version or facts"))
                    .hint("remove the file and run `windlass init`"));
            }
        }
    }
    Ok(entries)
}
