//! What can go wrong on the ground, with the end of the log that tells why.

use std::path::{Path, PathBuf};

/// Why something of the proving ground did not come up.
#[derive(Debug, thiserror::Error)]
pub enum GroundError {
    /// The Go components are not there.
    #[error("the proving ground is not built: run `cargo xtask proving-ground build`")]
    NotBuilt,
    /// The program that ties processes to their parent is not there.
    #[error("{0} is missing: run `cargo build -p windlass-proving-ground`")]
    NoLauncher(PathBuf),
    /// No Go, or one that is too old, or Go said no.
    #[error("{0}")]
    Go(String),
    /// The operating system said no.
    #[error("{what}: {source}")]
    Io {
        /// The path or the command.
        what: String,
        /// What it said.
        source: std::io::Error,
    },
    /// A ground of this name is held by a process that lives.
    #[error("a proving ground named {0} is in use")]
    InUse(String),
    /// Only one of these may run on a host.
    #[error("{0} may run once on a host, and another process has it; is a plane up (`cargo xtask proving-ground down`)?")]
    Alone(&'static str),
    /// Every port of the range is taken.
    #[error("no free port between {0} and {1}")]
    NoPort(u16, u16),
    /// A certificate or key is not usable.
    #[error("certificate: {0}")]
    Certificate(String),
    /// A process ended by itself.
    #[error("{name} ended by itself ({status}); the end of {}:\n{tail}", log.display())]
    Ended {
        /// Name of the service.
        name: String,
        /// How it ended.
        status: String,
        /// Its whole log.
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
    /// A process runs and does not do its work.
    #[error("{name} is not ready after {seconds} s; the end of {}:\n{tail}", log.display())]
    NotReady {
        /// Name of the service.
        name: String,
        /// How long it was waited for.
        seconds: u64,
        /// Its whole log.
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
    /// A server's answer.
    #[error("{what}: {source}")]
    Api {
        /// What was asked for.
        what: String,
        /// The answer.
        source: Box<kube::Error>,
    },
    /// Something of the API did not come to pass in time.
    #[error("{what} did not come to pass in {seconds} s")]
    TooLate {
        /// What was waited for.
        what: String,
        /// How long.
        seconds: u64,
    },
    /// The process cloud cannot do what it is asked for.
    #[error("{what}: {reason}")]
    Cloud {
        /// The machine or cluster.
        what: String,
        /// Why not.
        reason: String,
    },
    /// A Deployment cannot be run.
    #[error("{what}: {reason}")]
    Pod {
        /// The Deployment.
        what: String,
        /// Why not.
        reason: String,
    },
    /// A file of a component is not what it should be.
    #[error("{}: {reason}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl GroundError {
    /// Translates an I/O error on a path.
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> GroundError {
        let what = path.display().to_string();
        |source| GroundError::Io { what, source }
    }

    /// Translates a server's answer.
    pub(crate) fn api(what: impl Into<String>) -> impl FnOnce(kube::Error) -> GroundError {
        let what = what.into();
        |source| GroundError::Api { what, source: Box::new(source) }
    }
}
