//! The facts that are compiled in, each file unpacked at its first use; knows no file system.

use std::sync::OnceLock;

use crate::facts::Bundle;
use crate::facts_files::FILES;
use crate::schema::SchemaError;

/// One compiled-in facts file: which upstream version it describes, and its digest.
#[derive(Debug, Clone, Copy)]
pub struct FactsFile {
    /// Provider name: `kubernetes`, `cluster-api`, `clusterctl`, `aws`.
    pub name: &'static str,
    /// Upstream version with its `v`.
    pub version: &'static str,
    /// `sha256:` and hex of the unpacked text with an empty `digest` in it; the lock file pins it.
    pub digest: &'static str,
    /// The zstd-compressed text.
    pub(crate) bytes: &'static [u8],
}

/// Every facts file, sorted by name and version; nothing is unpacked.
pub fn bundles() -> &'static [FactsFile] {
    FILES
}

/// The facts of one provider version; `None` if this release does not carry it.
///
/// # Errors
/// The compiled-in text cannot be read, which only a broken build does.
pub fn bundle(name: &str, version: &str) -> Option<Result<&'static Bundle, &'static SchemaError>> {
    static LOADED: [OnceLock<Result<Bundle, SchemaError>>; FILES.len()] = [const { OnceLock::new() }; FILES.len()];
    let position = FILES.binary_search_by(|file| (file.name, file.version).cmp(&(name, version))).ok()?;
    let (file, loaded) = (FILES.get(position)?, LOADED.get(position)?);
    Some(loaded.get_or_init(|| Bundle::load(file.bytes)).as_ref())
}

/// The newest version of a provider that this release carries.
pub fn latest(name: &str) -> Option<&'static FactsFile> {
    let files = FILES.iter().filter(|file| file.name == name);
    files.max_by_key(|file| numbers(file.version))
}

/// The numbers of a version, so that v2.11.1 comes after v2.9.0.
fn numbers(version: &str) -> Vec<u64> {
    let parts = version.split(|c: char| !c.is_ascii_digit());
    parts.filter_map(|part| part.parse().ok()).collect()
}
