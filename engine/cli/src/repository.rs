//! Component repositories: where their files lie, and reading them, once for each version. What they hold is core's.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use windlass_core::config::Model;
use windlass_core::diag::{Code, Diagnostic, Diagnostics, SourceMap};
use windlass_core::repository::{Need, NoPlace, Place, Texts, needs, read as read_components};

use crate::command::TOOL_VERSION;
use crate::failure::Failure;
use crate::session::Session;

/// Folder of downloaded files in the scratch folder.
const DOWNLOADS: &str = "components";
/// Largest file of a repository, in bytes: the components of the largest providers have 3 MB.
const FILE_LIMIT: u64 = 64 << 20;
/// How long one file may take, its redirects included.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long a server may take to be there.
const PATIENCE_TO_CONNECT: Duration = Duration::from_secs(15);

/// Which components were read.
pub struct Components {
    /// Name of the provider.
    pub provider: String,
    /// Its version.
    pub version: String,
    /// `sha256:` and what `sha256sum` says of the file.
    pub digest: String,
}

/// Reads the components that a configuration needs into it, and tells which. `locked`: digests by provider, by which a file that was
/// downloaded before is known to be the right one.
pub fn read(
    session: &Session,
    model: &mut Model,
    locked: &BTreeMap<String, String>,
    sources: &mut SourceMap,
    diagnostics: &mut Diagnostics,
) -> Result<Vec<Components>, Failure> {
    let mut all = Vec::new();
    let mut unread = needs(model);
    if unread.is_empty() {
        return Ok(all);
    }
    let repository = Repository::of(session, model).map_err(|fault| placed(*fault, sources))?;
    while !unread.is_empty() {
        for need in unread {
            let texts = repository.texts(&need, locked.get(&need.spec.name));
            let texts = texts.map_err(|fault| placed(at(*fault, model, &need), sources))?;
            read_components(model, &need, &texts, sources, diagnostics);
            let (provider, version) = (need.spec.name, need.spec.version);
            all.push(Components { provider, version, digest: digest(&texts.components) });
        }
        unread = needs(model);
    }
    Ok(all)
}

/// A fault of a file, where its repository is named; without one, where its version or its provider is.
fn at(mut fault: Diagnostic, model: &Model, need: &Need) -> Diagnostic {
    let pinned = || model.pinned_version(&need.spec.name).and_then(|(_, place)| place);
    fault.primary = model.management.component_repository_span.or_else(pinned).or_else(|| model.settings_span(&need.spec.name));
    fault
}

fn placed(fault: Diagnostic, sources: &mut SourceMap) -> Failure {
    Failure::in_configuration(fault.into(), std::mem::take(sources))
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(bytes)))
}

/// Where files are read from.
enum Origin {
    /// A folder of this machine.
    Folder(PathBuf),
    /// Below an address.
    Address(String),
    /// Where each provider is released.
    Upstream,
}

struct Repository {
    origin: Origin,
    downloads: PathBuf,
    /// Made for the first download.
    agent: OnceCell<ureq::Agent>,
}

impl Repository {
    fn of(session: &Session, model: &Model) -> Result<Self, Box<Diagnostic>> {
        let management = &model.management;
        let refused = |code: Code, summary: String, hint: &str| {
            let mut refused = Diagnostic::error(code, summary).hint(hint);
            refused.primary = management.component_repository_span;
            refused
        };
        let origin = match management.component_repository.as_deref().map(Place::of) {
            None => Origin::Upstream,
            Some(Ok(Place::Address(address))) => Origin::Address(address.to_owned()),
            Some(Ok(Place::Folder(written))) => {
                let folder = folder_of(session, written);
                if !folder.is_dir() {
                    let summary = format!("the component repository {} is no folder", folder.display());
                    let hint = "`component_repository` is relative to the folder of the *.wl.hcl files";
                    return Err(Box::new(refused(Code::FILE_SYSTEM, summary, hint)));
                }
                Origin::Folder(folder)
            }
            // The configuration has told it; a saved plan is applied in spite of its errors.
            Some(Err(NoPlace { summary, hint, hidden })) => {
                return Err(Box::new(refused(Code::INVALID_VALUE, summary, hint).hidden_if(hidden)));
            }
        };
        Ok(Self { origin, downloads: session.scratch.join(DOWNLOADS), agent: OnceCell::new() })
    }

    fn texts(&self, need: &Need, locked: Option<&String>) -> Result<Texts, Box<Diagnostic>> {
        let (name, components) = self.file(need, need.file, |bytes| locked == Some(&digest(bytes)))?;
        // A release's metadata grow with later releases: the copy that came with the components says all that is asked of it.
        let metadata = need.metadata.map(|file| self.file(need, file, |_| locked == Some(&digest(&components)))).transpose()?;
        Ok(Texts { name, components, metadata: metadata.map(|(_, bytes)| bytes) })
    }

    /// A file and its name for people. A download is not asked for again if it is known to be the right one.
    fn file(&self, need: &Need, file: &str, is_right: impl Fn(&[u8]) -> bool) -> Result<(String, Vec<u8>), Box<Diagnostic>> {
        let folder = need.folder();
        let address = match &self.origin {
            Origin::Folder(root) => {
                let path = root.join(&folder).join(file);
                let bytes = limited(&path).map_err(|error| {
                    let summary = format!("{} cannot be read: {error}", path.display());
                    let hint = format!("a component repository holds {folder}/{file}: clusterctl's layout, <label>/<version>/<file>");
                    Box::new(Diagnostic::error(Code::FILE_SYSTEM, summary).hint(hint))
                })?;
                return Ok((path.display().to_string(), bytes));
            }
            Origin::Address(base) => format!("{base}/{folder}/{file}"),
            Origin::Upstream => format!("{}/{file}", need.upstream),
        };
        let kept = self.downloads.join(&folder).join(file);
        if let Some(bytes) = limited(&kept).ok().filter(|bytes| is_right(bytes)) {
            return Ok((address, bytes));
        }
        let bytes = self.download(&address)?;
        // Kept for the next command; without it the file is asked for again.
        let _ = kept.parent().map(std::fs::create_dir_all).transpose().and_then(|_| std::fs::write(&kept, &bytes));
        Ok((address, bytes))
    }

    fn download(&self, address: &str) -> Result<Vec<u8>, Box<Diagnostic>> {
        let refused = |error: ureq::Error| {
            Box::new(Diagnostic::error(Code::COMPONENTS, format!("{address} cannot be read: {error}")).hint(
                "check the version and the network, or name a copy with `component_repository`; HTTPS_PROXY and SSL_CERT_FILE are respected",
            ))
        };
        let mut answer = self.agent.get_or_init(agent).get(address).call().map_err(refused)?;
        answer.body_mut().with_config().limit(FILE_LIMIT).read_to_vec().map_err(refused)
    }
}

/// A folder as it is written: relative to the module folder, or below the home folder.
fn folder_of(session: &Session, written: &str) -> PathBuf {
    match written.strip_prefix("~/") {
        Some(rest) => std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default().join(rest),
        None => session.folder.join(written),
    }
}

fn limited(path: &Path) -> std::io::Result<Vec<u8>> {
    // A pipe would be waited for.
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("it is no file"));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(FILE_LIMIT + 1).read_to_end(&mut bytes)?;
    match u64::try_from(bytes.len()) {
        Ok(length) if length <= FILE_LIMIT => Ok(bytes),
        _ => Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, format!("it is larger than {FILE_LIMIT} bytes"))),
    }
}

fn agent() -> ureq::Agent {
    let tls = ureq::tls::TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(ureq::tls::RootCerts::PlatformVerifier)
        .build();
    ureq::Agent::config_builder()
        .https_only(true)
        .tls_config(tls)
        .timeout_global(Some(PATIENCE))
        .timeout_connect(Some(PATIENCE_TO_CONNECT))
        .user_agent(format!("windlass/{TOOL_VERSION}"))
        .build()
        .into()
}
