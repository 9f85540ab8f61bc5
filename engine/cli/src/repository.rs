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
use windlass_core::diag::{Code, Diagnostics, SourceMap};
use windlass_core::repository::{Need, Texts, needs, read as read_components};

use crate::command::TOOL_VERSION;
use crate::failure::{Failure, io};
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
    let repository = Repository::of(session, model.management.component_repository.as_deref())?;
    while !unread.is_empty() {
        for need in unread {
            let texts = repository.texts(&need, locked.get(&need.spec.name))?;
            read_components(model, &need, &texts, sources, diagnostics);
            let (provider, version) = (need.spec.name, need.spec.version);
            all.push(Components { provider, version, digest: digest(&texts.components) });
        }
        unread = needs(model);
    }
    Ok(all)
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(bytes)))
}

/// Where files are read from.
enum Place {
    /// A folder of this machine.
    Folder(PathBuf),
    /// Below an address.
    Address(String),
    /// Where each provider is released.
    Upstream,
}

struct Repository {
    place: Place,
    downloads: PathBuf,
    /// Made for the first download.
    agent: OnceCell<ureq::Agent>,
}

impl Repository {
    fn of(session: &Session, written: Option<&str>) -> Result<Self, Failure> {
        let place = match written {
            None => Place::Upstream,
            Some("") => {
                return Err(Failure::new(Code::INVALID_VALUE, "component_repository is empty")
                    .hint("leave it out to read components where they are released"));
            }
            Some(address) if authority(address).contains('@') => {
                return Err(Failure::new(Code::INVALID_VALUE, "component_repository holds a user or a password")
                    .hint("addresses stand in plans and errors: use a server that asks for none, or a folder"));
            }
            Some(address) if address.starts_with("https://") => Place::Address(address.trim_end_matches('/').to_owned()),
            Some(other) if other.contains("://") && !other.starts_with("file://") => {
                return Err(Failure::new(Code::INVALID_VALUE, format!("component_repository = {other:?} cannot be read"))
                    .hint("it is a folder, or an address that begins with https://"));
            }
            Some(folder) => Place::Folder(folder_of(session, folder)?),
        };
        Ok(Self { place, downloads: session.scratch.join(DOWNLOADS), agent: OnceCell::new() })
    }

    fn texts(&self, need: &Need, locked: Option<&String>) -> Result<Texts, Failure> {
        let (name, components) = self.file(need, need.file, |bytes| locked == Some(&digest(bytes)))?;
        // A release's metadata grow with later releases: the copy that came with the components says all that is asked of it.
        let metadata = need.metadata.map(|file| self.file(need, file, |_| locked == Some(&digest(&components)))).transpose()?;
        Ok(Texts { name, components, metadata: metadata.map(|(_, bytes)| bytes) })
    }

    /// A file and its name for people. A download is not asked for again if it is known to be the right one.
    fn file(&self, need: &Need, file: &str, is_right: impl Fn(&[u8]) -> bool) -> Result<(String, Vec<u8>), Failure> {
        let folder = need.folder();
        let address = match &self.place {
            Place::Folder(root) => {
                let path = root.join(&folder).join(file);
                let bytes = limited(&path).map_err(|error| {
                    io(&path, "cannot be read", &error)
                        .hint(format!("a component repository holds {folder}/{file}: clusterctl's layout, <label>/<version>/<file>"))
                })?;
                return Ok((path.display().to_string(), bytes));
            }
            Place::Address(base) => format!("{base}/{folder}/{file}"),
            Place::Upstream => format!("{}/{file}", need.upstream),
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

    fn download(&self, address: &str) -> Result<Vec<u8>, Failure> {
        let refused = |error: ureq::Error| {
            Failure::new(Code::COMPONENTS, format!("{address} cannot be read: {error}")).hint(
                "check the version and the network, or name a copy with `component_repository`; HTTPS_PROXY and SSL_CERT_FILE are respected",
            )
        };
        let mut answer = self.agent.get_or_init(agent).get(address).call().map_err(refused)?;
        answer.body_mut().with_config().limit(FILE_LIMIT).read_to_vec().map_err(refused)
    }
}

/// The part of an address that may name a user: between `//` and the next `/`.
fn authority(address: &str) -> &str {
    address.split_once("://").and_then(|(_, rest)| rest.split('/').next()).unwrap_or_default()
}

/// A folder as it is written: relative to the module folder, or below the home folder.
fn folder_of(session: &Session, written: &str) -> Result<PathBuf, Failure> {
    let written = written.strip_prefix("file://").unwrap_or(written);
    let folder = match written.strip_prefix("~/") {
        Some(rest) => std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default().join(rest),
        None => session.folder.join(written),
    };
    if folder.is_dir() {
        return Ok(folder);
    }
    Err(Failure::new(Code::FILE_SYSTEM, format!("the component repository {} is no folder", folder.display()))
        .hint("`component_repository` is relative to the folder of the *.wl.hcl files"))
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
