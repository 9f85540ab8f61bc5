//! What can go wrong with the sandbox itself (not with a request: those are `status::Failure`).

use std::path::PathBuf;

/// Why the sandbox could not be opened, or a plane not be served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process serves this folder.
    #[error("the sandbox in {} is in use by another process", .0.display())]
    Locked(PathBuf),
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// What was opened or written.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// SQLite refused.
    #[error("sandbox store: {0}")]
    Store(#[from] rusqlite::Error),
    /// The store was written by a newer program.
    #[error("the sandbox store has format {found}, this program knows formats up to {known}")]
    NewerFormat {
        /// Format in the file.
        found: i64,
        /// Newest format known here.
        known: i64,
    },
    /// A stored object is not JSON.
    #[error("sandbox store: plane {plane}: object {object} is damaged: {source}")]
    Damaged {
        /// Plane id.
        plane: String,
        /// Resource, namespace and name.
        object: String,
        /// The parser's error.
        source: serde_json::Error,
    },
    /// The writer has stopped after an error.
    #[error("the sandbox store has stopped: {0}")]
    Stopped(String),
    /// A certificate or key could not be made or read.
    #[error("certificate of plane {plane}: {reason}")]
    Certificate {
        /// Plane id.
        plane: String,
        /// What was wrong.
        reason: String,
    },
    /// The plane's port could not be bound.
    #[error("plane {plane} cannot listen on 127.0.0.1:{port}: {source}")]
    Port {
        /// Plane id.
        plane: String,
        /// Its recorded port.
        port: u16,
        /// The system's error.
        source: std::io::Error,
    },
    /// No port is free.
    #[error("no free loopback port between {first} and {last}")]
    NoFreePort {
        /// First port tried.
        first: u16,
        /// Last port tried.
        last: u16,
    },
    /// No plane has this id.
    #[error("the sandbox has no plane {0:?}")]
    UnknownPlane(String),
    /// A plane is booted again with another certificate authority.
    #[error("plane {0:?} is already booted with another certificate authority")]
    OtherAuthority(String),
    /// A plane's network of Services cannot be read.
    #[error("{0:?} is no network of Services; write a CIDR block such as 10.96.0.0/16")]
    ServiceNetwork(String),
    /// The facts about built-in kinds could not be read.
    #[error("facts of built-in kinds: {0}")]
    Facts(String),
}
