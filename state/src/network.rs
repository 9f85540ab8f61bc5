//! Which file systems a state may live on: SQLite's write-ahead log needs shared memory and locks that network file systems do not keep.

use std::io;
use std::path::Path;

use windlass_run::ports::StoreError;

use crate::refusal::unusable;

/// What a path lies on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileSystem {
    /// A disk of this machine, or what looks like one.
    Local,
    /// Shared with other machines, by this name.
    Network(&'static str),
}

/// Magic numbers of `statfs(2)`, from Linux's `include/uapi/linux/magic.h` and the file systems' own sources.
#[cfg(any(target_os = "linux", test))]
const NETWORK: &[(u64, &str)] = &[
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB"),
    (0x5346_414f, "AFS"),
    (0x6b41_4653, "AFS"),
    (0x7375_7245, "Coda"),
    (0x00c3_6400, "Ceph"),
    (0x0bd0_0bd0, "Lustre"),
    (0x4750_4653, "GPFS"),
    (0x0116_1970, "GFS2"),
    (0x7461_636f, "OCFS2"),
    (0x0102_1997, "9P"),
];

/// Asks the system what a path lies on. Where it cannot be told, it counts as local.
#[cfg(target_os = "linux")]
pub fn file_system_of(path: &Path) -> io::Result<FileSystem> {
    let found = rustix::fs::statfs(path)?;
    // The field is signed or not, and 32 or 64 bits wide, by platform; the magic numbers are 32 bits.
    #[expect(clippy::cast_sign_loss, clippy::cast_possible_truncation, reason = "only the low 32 bits mean anything")]
    let magic = u64::from(found.f_type as u32);
    Ok(by_magic(magic))
}

/// Asks the system what a path lies on. Where it cannot be told, it counts as local.
#[cfg(not(target_os = "linux"))]
pub fn file_system_of(path: &Path) -> io::Result<FileSystem> {
    std::fs::metadata(path).map(|_| FileSystem::Local)
}

#[cfg(any(target_os = "linux", test))]
fn by_magic(magic: u64) -> FileSystem {
    NETWORK.iter().find(|(number, _)| *number == magic).map_or(FileSystem::Local, |(_, name)| FileSystem::Network(name))
}

/// Refuses network file systems.
pub fn refuse_network(path: &Path, found: FileSystem) -> Result<(), StoreError> {
    match found {
        FileSystem::Local => Ok(()),
        FileSystem::Network(name) => Err(unusable(
            path,
            &format!("is on a network file system ({name}), where two writers could damage it"),
            "keep it on a local disk (-state or WL_STATE) and copy the file to where it is shared after each run",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_known_by_their_magic() {
        assert_eq!(by_magic(0x6969), FileSystem::Network("NFS"));
        assert_eq!(by_magic(0xff53_4d42), FileSystem::Network("CIFS"));
        for local in [0xef53, 0x9123_683e, 0x0102_1994, 0x5846_5342, 0x794c_7630] {
            assert_eq!(by_magic(local), FileSystem::Local, "{local:x}");
        }
    }
}
