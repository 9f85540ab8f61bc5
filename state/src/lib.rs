//! The state file: what the engine made, the runs that made it, and their journal, in one SQLite file (design section 7).
//!
//! Fills the executor's port `Store`. Knows nothing of Kubernetes, HCL or plans: a plan is a text here.
//!
//! - [`create`] makes a file that holds a lineage and a key, and nothing else.
//! - [`read`] looks at a state without a lock and without writing, also while another process writes it.
//! - [`StateFile::open`] holds the state's lock until it is closed, and writes.

mod checksum;
mod creation;
mod effects;
mod file;
mod lock;
mod network;
mod refusal;
mod rows;
mod runs;
mod schema;
mod snapshot;
mod state_file;
mod writer;

pub use creation::create;
pub use lock::lock_path;
pub use network::{FileSystem, file_system_of};
pub use runs::{PastRun, PastWork, RunStatus};
pub use snapshot::{Snapshot, past_work, read};
pub use state_file::{Opening, StateFile};
pub use windlass_core::encode::DigestKey;
