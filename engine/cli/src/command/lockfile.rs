//! `.windlass.lock.hcl`: which provider versions, CRD facts and components a folder was planned with, so that nothing moves by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use windlass_core::config::Model;
use windlass_core::diag::{Code, Diagnostic, SourceMap, Span};
use windlass_core::lang;
use windlass_core::plan::Mode;
use windlass_kubeschema::facts_table;

use crate::arguments::Module;
use crate::argv::VariableFlag;
use crate::failure::{Failure, io};
use crate::module::{self, Evaluated, Loaded};
use crate::repository::{self, Components};
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
    /// Digest of its CRD facts, if this windlass carries any under this name.
    pub facts: Option<String>,
    /// Digest of the file with its components, if it is installed from a repository.
    pub components: Option<String>,
}

/// What a configuration needs; without a cloud, nothing. `components`: what was read of a repository.
pub fn wanted(model: &Model, components: &[Components]) -> Vec<Entry> {
    if model.clouds.is_empty() {
        return Vec::new();
    }
    let mut names: BTreeSet<&str> = model.clouds.values().map(|cloud| cloud.provider.name()).collect();
    names.insert("cluster-api");
    names.extend(components.iter().map(|components| components.provider.as_str()));
    names.into_iter().filter_map(|name| entry(model, name, components.iter().find(|components| components.provider == name))).collect()
}

fn entry(model: &Model, name: &str, components: Option<&Components>) -> Option<Entry> {
    let pinned = model.pinned_version(name).map(|(version, _)| format!("v{}", version.trim_start_matches('v')));
    let mut known = facts_table::bundles().iter().filter(|file| file.name == name);
    let file = match &pinned {
        Some(version) => known.find(|file| file.version == version),
        None => facts_table::latest(name),
    };
    let version = components.map(|components| components.version.clone()).or_else(|| file.map(|file| file.version.to_owned()))?;
    let facts = file.map(|file| file.digest.to_owned());
    Some(Entry { name: name.to_owned(), version, facts, components: components.map(|components| components.digest.clone()) })
}

/// The same for people, with the components that the lock file pins: nothing is read of a repository.
pub fn shown(session: &Session, model: &Model) -> Result<Vec<Entry>, Failure> {
    let locked = read(&session.folder.join(LOCK))?;
    let components = |name: &str| locked.get(name).filter(|_| model.reads_repository()).and_then(|entry| entry.components.clone());
    let mut entries = wanted(model, &[]);
    entries.iter_mut().for_each(|entry| entry.components = components(&entry.name));
    let installed = locked.values().filter(|entry| model.reads_repository() && entry.components.is_some());
    let others: Vec<Entry> = installed.filter(|entry| entries.iter().all(|known| known.name != entry.name)).cloned().collect();
    entries.extend(others);
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(entries)
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

/// Reads the components that a configuration installs, and holds the lock file against all of it: what is missing in it is added, unless
/// `-lockfile=readonly`.
///
/// What lives can be destroyed when its repository is gone.
pub fn check(session: &Session, loaded: &mut Loaded, given: &Module, mode: Mode, view: &View) -> Result<(), Failure> {
    let path = session.folder.join(LOCK);
    let locked = read(&path)?;
    let components = match module::read_components(session, loaded, &digests(&locked)) {
        Err(_) if mode == Mode::Destroy => {
            view.note("The component repository cannot be read. What it holds is not needed for objects that are still there.\n");
            Vec::new()
        }
        read => read?,
    };
    let wanted = wanted(&loaded.model, &components);
    for (entry, pinned) in wanted.iter().filter_map(|entry| Some((entry, locked.get(&entry.name)?))) {
        if let Err(refused) = fits(&loaded.model, entry, pinned) {
            return Err(Failure::in_configuration((*refused).into(), std::mem::take(&mut loaded.sources)));
        }
    }
    let is_new = |entry: &&Entry| locked.get(&entry.name).is_none_or(|pinned| merged(pinned, entry) != *pinned);
    let missing: Vec<&Entry> = wanted.iter().filter(is_new).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>().join(", ");
    if given.lockfile.is_some() {
        return Err(Failure::new(Code::LOCK_FILE, format!("{LOCK} does not pin {names}, and -lockfile=readonly forbids to add it"))
            .hint("run `windlass init` and put the file into version control"));
    }
    let mut all = locked.clone();
    for entry in missing {
        let entry = locked.get(&entry.name).map_or_else(|| entry.clone(), |pinned| merged(pinned, entry));
        all.insert(entry.name.clone(), entry);
    }
    let text = all.values().fold(HEAD.to_owned(), |text, entry| format!("{text}\n{}", block(entry)));
    std::fs::write(&path, text).map_err(|error| io(&path, "cannot be written", &error))?;
    view.note(&format!("Locked {names} in {LOCK}.\n"));
    Ok(())
}

/// The configuration as far as it goes, with the components that it installs: what is pinned and was downloaded before is not asked for
/// again. That they are those that are pinned is for the caller to find out; without a lock that can be read, all is asked for.
pub fn evaluate(session: &Session, flags: &[VariableFlag]) -> Result<Evaluated, Failure> {
    let Evaluated { mut model, mut sources, mut diagnostics } = module::evaluate(session, flags)?;
    let locked = read(&session.folder.join(LOCK)).map(|locked| digests(&locked)).unwrap_or_default();
    repository::read(session, &mut model, &locked, &mut sources, &mut diagnostics)?;
    Ok(Evaluated { model, sources, diagnostics })
}

/// Digests of components by provider.
fn digests(locked: &BTreeMap<String, Entry>) -> BTreeMap<String, String> {
    locked.values().filter_map(|entry| Some((entry.name.clone(), entry.components.clone()?))).collect()
}

/// What is pinned, with what is needed beside it.
fn merged(pinned: &Entry, needed: &Entry) -> Entry {
    let Entry { facts, components, .. } = pinned.clone();
    Entry { facts: facts.or_else(|| needed.facts.clone()), components: components.or_else(|| needed.components.clone()), ..pinned.clone() }
}

/// A provider is the one that was locked.
fn fits(model: &Model, entry: &Entry, pinned: &Entry) -> Result<(), Box<Diagnostic>> {
    let Entry { name, version, .. } = entry;
    let refused = |summary: String, place: Option<Span>| {
        let mut refused = Diagnostic::error(Code::LOCK_FILE, summary);
        refused.primary = place;
        refused
    };
    if pinned.version != *version {
        let summary = format!("{LOCK} pins provider {name} to {}, the configuration needs {version}", pinned.version);
        let place = model.pinned_version(name).and_then(|(_, place)| place);
        return Err(Box::new(refused(summary, place).hint(upgrade(model, &pinned.version))));
    }
    let other = |one: &Option<String>, other: &Option<String>| one.clone().zip(other.clone()).filter(|(locked, now)| locked != now);
    if let Some((locked, now)) = other(&pinned.facts, &entry.facts) {
        let refused = refused(format!("{LOCK} was written with other facts about provider {name} {version}"), None)
            .detail(format!("Locked: {locked}. This windlass: {now}."))
            .hint("use the windlass that wrote it, or remove the file to accept what this one knows");
        return Err(Box::new(refused));
    }
    if let Some((locked, now)) = other(&pinned.components, &entry.components) {
        let place = model.management.component_repository_span.or_else(|| model.settings_span(name));
        let refused = refused(format!("the components of {name} {version} are not those that {LOCK} pins"), place)
            .detail(format!("Locked: {locked}. The component repository: {now}. What a version holds does not change by itself."))
            .hint(format!("name the repository that they came from, or review the file and remove `components` of {name} to accept it"));
        return Err(Box::new(refused));
    }
    Ok(())
}

fn block(entry: &Entry) -> String {
    let width = if entry.components.is_some() { "components".len() } else { "version".len() };
    let rows = [("version", Some(&entry.version)), ("facts", entry.facts.as_ref()), ("components", entry.components.as_ref())];
    let rows = rows.into_iter().filter_map(|(name, value)| Some(format!("  {name:width$} = {:?}\n", value?)));
    format!("provider {:?} {{\n{}}}\n", entry.name, rows.collect::<String>())
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
        let (facts, components) = (text("facts"), text("components"));
        match (block.label(0), text("version")) {
            (Some(name), Some(version)) if facts.is_some() || components.is_some() => {
                entries.insert(name.to_string(), Entry { name: name.to_string(), version, facts, components });
            }
            _ => {
                return Err(Failure::new(Code::LOCK_FILE, format!("{LOCK} holds a `provider` block without label, version or digest"))
                    .hint("remove the file and run `windlass init`"));
            }
        }
    }
    Ok(entries)
}
