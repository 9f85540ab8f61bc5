//! The module folder: which files make a configuration, in which order variables get values, and how expressions read files.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use windlass_clouds::PROVIDERS;
use windlass_core::config::{self, Inputs, Model, VariableInput, VariableOrigin, VariableText, parse_variable_file};
use windlass_core::desired::DesiredManagement;
use windlass_core::diag::{Code, Diagnostic, Diagnostics, SourceMap};
use windlass_core::expand::expand;
use windlass_core::files::{FileError, FileErrorKind, Files};
use windlass_core::lang::{self, Body};
use windlass_core::plan::validate;
use windlass_core::recorded::Recorded;

use crate::arguments::Module;
use crate::argv::VariableFlag;
use crate::command::TOOL_VERSION;
use crate::failure::{Failure, io};
use crate::repository::{self, Components};
use crate::session::Session;

/// Ending of configuration files.
const CONFIGURATION: &str = ".wl.hcl";
/// Ending of variable files, without `.json`.
const VARIABLES: &str = ".wlvars.hcl";
const VARIABLES_JSON: &str = ".wlvars.json";
/// Variable of the environment that gives a value to `variable "x"`: this prefix and `x`.
pub const ENVIRONMENT: &str = "WL_VAR_";
/// Lineage in objects that are rendered only to be checked.
const NO_LINEAGE: &str = "00000000-0000-0000-0000-000000000000";
/// Largest file that an expression may read.
const FILE_LIMIT: u64 = 64 << 20;
/// Image of the agent that belongs to this release.
const AGENT_IMAGE: &str = concat!("ghcr.io/windlass-dev/windlass:", env!("CARGO_PKG_VERSION"));

/// A configuration that could be evaluated.
pub struct Loaded {
    /// What it says.
    pub model: Model,
    /// Texts for messages.
    pub sources: SourceMap,
    /// Warnings.
    pub warnings: Diagnostics,
}

/// A configuration as far as it could be evaluated.
pub struct Evaluated {
    /// What it says.
    pub model: Model,
    /// Texts for messages.
    pub sources: SourceMap,
    /// Errors and warnings.
    pub diagnostics: Diagnostics,
}

/// Files of a module and values of its variables.
struct Texts {
    body: Body,
    variables: Vec<VariableInput>,
    sources: SourceMap,
    diagnostics: Diagnostics,
    /// A file of values could not be read wholly.
    values_unread: bool,
}

/// Reads, parses and evaluates a module.
pub fn load(session: &Session, flags: &[VariableFlag]) -> Result<Loaded, Failure> {
    let texts = read(session, flags)?;
    if texts.values_unread {
        // Which variables would have got a value is not known: further errors would be noise.
        return Err(Failure::in_configuration(texts.diagnostics, texts.sources));
    }
    let Evaluated { model, sources, mut diagnostics } = evaluated(session, texts);
    if diagnostics.has_errors() {
        // Nothing is planned, and what can be judged beside these errors is told with them.
        diagnostics.extend(judged(&model));
        diagnostics.sort();
        return Err(Failure::in_configuration(diagnostics, sources));
    }
    Ok(Loaded { model, sources, warnings: diagnostics })
}

/// What is wrong with names, objects and the clouds' attributes of a configuration, as far as it could be read.
pub fn judged(model: &Model) -> Diagnostics {
    let (desired, mut diagnostics) = expand(model, NO_LINEAGE);
    diagnostics.extend(validate(&desired));
    diagnostics
}

/// Reads the components of providers that a configuration installs, for a command that plans, and tells which. `locked`: their digests by
/// provider.
pub fn read_components(session: &Session, loaded: &mut Loaded, locked: &BTreeMap<String, String>) -> Result<Vec<Components>, Failure> {
    let mut diagnostics = Diagnostics::new();
    let components = repository::read(session, &mut loaded.model, locked, &mut loaded.sources, &mut diagnostics)?;
    if diagnostics.has_errors() {
        return Err(Failure::in_configuration(diagnostics, std::mem::take(&mut loaded.sources)));
    }
    loaded.warnings.extend(diagnostics);
    Ok(components)
}

/// Whether the folder holds any configuration.
pub fn has_configuration(session: &Session) -> Result<bool, Failure> {
    Ok(!files(&session.folder, |name| name.ends_with(CONFIGURATION))?.is_empty())
}

/// The same where no configuration is needed: a folder without any is a configuration that wishes nothing, for the plane of the state.
pub fn load_if_any(session: &Session, flags: &[VariableFlag], recorded: &Recorded) -> Result<Loaded, Failure> {
    if has_configuration(session)? { load(session, flags) } else { Ok(without_configuration(session, recorded)) }
}

/// The same for a command that needs of the configuration at most the management plane: what is wrong elsewhere is one warning.
///
/// The state knows the sandbox; the kubeconfig of a real plane stands in its `management` block, if no flag names it.
pub fn load_for_management(session: &Session, given: &Module, flags: &[VariableFlag], recorded: &Recorded) -> Result<Loaded, Failure> {
    if !has_configuration(session)? {
        return Ok(without_configuration(session, recorded));
    }
    let Evaluated { mut model, sources, diagnostics } = evaluate(session, flags)?;
    let Some(first) = diagnostics.iter().find(|diagnostic| diagnostic.is_error()) else {
        // Warnings are of what is not needed here; a plan tells them.
        return Ok(Loaded { model, sources, warnings: Diagnostics::new() });
    };
    let Some(management) = known_management(session, given, &model.management, recorded) else {
        return Err(Failure::in_configuration(diagnostics, sources));
    };
    let summary = format!("the configuration has errors, which do not matter here: {}", first.summary);
    let mut warning = Diagnostic::warning(first.code, summary).hint("`windlass validate` shows all of them");
    warning.primary = first.primary;
    model.management = management;
    Ok(Loaded { model, sources, warnings: warning.into() })
}

/// The management plane of a state, with what a configuration that has faults says of it; `None` if that is not enough to reach it.
fn known_management(session: &Session, given: &Module, written: &DesiredManagement, recorded: &Recorded) -> Option<DesiredManagement> {
    recorded.planes.keys().find(|address| address.is_management())?;
    let known = without_configuration(session, recorded).model.management;
    let name = known.address.to_string();
    let by_flag = given.kubeconfig.iter().any(|flag| flag.split_once('=').is_some_and(|(plane, _)| plane == name));
    if known.sandbox || by_flag {
        return Some(known);
    }
    // Without a file in the block it is not known whether none was meant or its expression is what is wrong.
    Some(written.clone()).filter(|written| written.address == known.address && written.kubeconfig.is_some())
}

/// A configuration that wishes nothing, for the plane of the state.
fn without_configuration(session: &Session, recorded: &Recorded) -> Loaded {
    let nothing = Texts {
        body: Body::default(),
        variables: Vec::new(),
        sources: SourceMap::default(),
        diagnostics: Diagnostics::new(),
        values_unread: false,
    };
    let Evaluated { mut model, sources, diagnostics } = evaluated(session, nothing);
    if let Some(address) = recorded.planes.keys().find(|address| address.is_management()) {
        model.management.sandbox = *address == model.management.address;
        model.management.address = address.clone();
    }
    Loaded { model, sources, warnings: diagnostics }
}

/// The same in spite of errors, as far as it goes. Fails only if files cannot be read.
pub fn evaluate(session: &Session, flags: &[VariableFlag]) -> Result<Evaluated, Failure> {
    Ok(evaluated(session, read(session, flags)?))
}

/// The `management` block of a module, whatever is wrong elsewhere; `None` if there is none.
pub fn management(session: &Session, flags: &[VariableFlag]) -> Option<DesiredManagement> {
    evaluate(session, flags).ok().map(|evaluated| evaluated.model.management).filter(|management| !management.sandbox)
}

fn evaluated(session: &Session, texts: Texts) -> Evaluated {
    let Texts { body, variables, mut sources, mut diagnostics, .. } = texts;
    let disk = Disk { folder: session.folder.clone() };
    let inputs =
        Inputs { body: &body, variables: &variables, providers: PROVIDERS, files: &disk, version: TOOL_VERSION, agent_image: AGENT_IMAGE };
    let (model, found) = config::evaluate(&inputs, &mut sources);
    diagnostics.extend(found);
    Evaluated { model, sources, diagnostics }
}

fn read(session: &Session, flags: &[VariableFlag]) -> Result<Texts, Failure> {
    let mut sources = SourceMap::default();
    let mut diagnostics = Diagnostics::new();
    let mut body = Body::default();
    let names = files(&session.folder, |name| name.ends_with(CONFIGURATION))?;
    if names.is_empty() {
        return Err(Failure::new(Code::NO_CONFIGURATION, format!("{} holds no *{CONFIGURATION} file", session.folder.display()))
            .hint("name the folder with -chdir, or begin with the quickstart in README.md"));
    }
    for name in names {
        let path = session.folder.join(&name);
        let bytes = std::fs::read(&path).map_err(|error| {
            io(&path, "cannot be read", &error).hint("every *.wl.hcl of the folder must be a file that this user may read")
        })?;
        let (parsed, found) = lang::parse(&mut sources, &shown(&path), &bytes);
        body.append(parsed);
        diagnostics.extend(found);
    }
    let mut found = Diagnostics::new();
    let variables = variables(session, flags, &mut sources, &mut found)?;
    let values_unread = found.has_errors();
    diagnostics.extend(found);
    Ok(Texts { body, variables, sources, diagnostics, values_unread })
}

/// A path without a leading `./`.
fn shown(path: &Path) -> String {
    path.strip_prefix(".").unwrap_or(path).display().to_string()
}

fn files(folder: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<String>, Failure> {
    let entries = std::fs::read_dir(folder).map_err(|error| io(folder, "cannot be listed", &error))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.') && wanted(name) && folder.join(name).is_file())
        .collect();
    names.sort();
    Ok(names)
}

/// Values from the environment, from files that are read by themselves, and from flags; later ones win.
fn variables(
    session: &Session,
    flags: &[VariableFlag],
    sources: &mut SourceMap,
    diagnostics: &mut Diagnostics,
) -> Result<Vec<VariableInput>, Failure> {
    let mut inputs: Vec<VariableInput> = std::env::vars_os()
        .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
        .filter_map(|(key, value)| {
            let name = key.strip_prefix(ENVIRONMENT)?.to_owned();
            Some(VariableInput { name, text: VariableText::Raw(value), origin: key, kind: VariableOrigin::Environment })
        })
        .collect();
    inputs.sort_by(|a, b| a.name.cmp(&b.name));
    let own = [format!("windlass{VARIABLES}"), format!("windlass{VARIABLES_JSON}")];
    let mut names: Vec<String> = own.into_iter().filter(|name| session.folder.join(name).is_file()).collect();
    names.extend(files(&session.folder, |name| {
        name.ends_with(&format!(".auto{VARIABLES}")) || name.ends_with(&format!(".auto{VARIABLES_JSON}"))
    })?);
    let mut read = |path: PathBuf, inputs: &mut Vec<VariableInput>| -> Result<(), Failure> {
        let bytes = std::fs::read(&path).map_err(|error| {
            io(&path, "cannot be read", &error).hint("-var-file and *.auto.wlvars.* name files of values that this user may read")
        })?;
        let (found, problems) = parse_variable_file(sources, &shown(&path), &bytes);
        inputs.extend(found);
        diagnostics.extend(problems);
        Ok(())
    };
    for name in names {
        read(session.folder.join(name), &mut inputs)?;
    }
    for flag in flags {
        match flag {
            VariableFlag::File(name) => read(session.folder.join(name), &mut inputs)?,
            VariableFlag::Value(text) => match text.split_once('=') {
                Some((name, value)) => inputs.push(VariableInput {
                    name: name.trim().to_owned(),
                    text: VariableText::Raw(value.to_owned()),
                    origin: "-var".to_owned(),
                    kind: VariableOrigin::CommandLine,
                }),
                None => return Err(Diagnostic::error(Code::USAGE, "-var needs NAME=VALUE").hint("write -var 'size=3'").into()),
            },
        }
    }
    Ok(inputs)
}

/// Files of the module folder on a disk.
struct Disk {
    folder: PathBuf,
}

fn file_error(path: &str, error: &std::io::Error) -> FileError {
    let kind = match error.kind() {
        std::io::ErrorKind::NotFound => FileErrorKind::NotFound,
        std::io::ErrorKind::PermissionDenied => FileErrorKind::Denied,
        std::io::ErrorKind::IsADirectory | std::io::ErrorKind::NotADirectory => FileErrorKind::WrongKind,
        _ => FileErrorKind::Other,
    };
    FileError { path: path.to_owned(), kind, detail: error.to_string() }
}

impl Disk {
    /// The path on the disk, if it lies in the module folder, links followed.
    fn inside(&self, path: &str) -> Result<PathBuf, FileError> {
        let outside = || FileError { path: path.to_owned(), kind: FileErrorKind::Outside, detail: String::new() };
        let full = self.folder.join(path);
        let folder = self.folder.canonicalize().map_err(|error| file_error(path, &error))?;
        // What is outside is not even looked for. An absolute path is judged by where it leads.
        let depth = Path::new(path).components().try_fold(0usize, |depth, component| match component {
            Component::ParentDir => depth.checked_sub(1),
            Component::Normal(_) => Some(depth + 1),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => Some(depth),
        });
        if depth.is_none() || (Path::new(path).is_absolute() && !full.starts_with(&folder)) {
            return Err(outside());
        }
        match full.canonicalize() {
            Ok(real) if !real.starts_with(&folder) => Err(outside()),
            Ok(_) => Ok(full),
            Err(error) => Err(file_error(path, &error)),
        }
    }
}

impl Files for Disk {
    fn read(&self, path: &str) -> Result<Arc<[u8]>, FileError> {
        let full = self.inside(path)?;
        let metadata = std::fs::metadata(&full).map_err(|error| file_error(path, &error))?;
        let refused = |kind| Err(FileError { path: path.to_owned(), kind, detail: String::new() });
        if !metadata.is_file() {
            return refused(FileErrorKind::WrongKind);
        }
        if metadata.len() > FILE_LIMIT {
            return refused(FileErrorKind::TooLarge);
        }
        std::fs::read(&full).map(Arc::from).map_err(|error| file_error(path, &error))
    }

    fn list(&self, dir: &str, pattern: &str) -> Result<Vec<String>, FileError> {
        let glob = globset::GlobBuilder::new(pattern)
            .literal_separator(true)
            .build()
            .map_err(|error| FileError { path: pattern.to_owned(), kind: FileErrorKind::BadPattern, detail: error.kind().to_string() })?
            .compile_matcher();
        let mut found = Vec::new();
        let root = self.inside(dir)?;
        let mut folders = vec![PathBuf::new()];
        while let Some(folder) = folders.pop() {
            let entries = std::fs::read_dir(root.join(&folder))
                .map_err(|error| file_error(&Path::new(dir).join(&folder).display().to_string(), &error))?;
            for entry in entries.flatten() {
                let relative = folder.join(entry.file_name());
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => folders.push(relative),
                    _ if root.join(&relative).is_file() && glob.is_match(&relative) => {
                        found.push(relative.to_string_lossy().replace('\\', "/"))
                    }
                    _ => {}
                }
            }
        }
        found.sort();
        Ok(found)
    }
}
