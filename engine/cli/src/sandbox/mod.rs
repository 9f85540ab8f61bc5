//! The embedded sandbox as a process of its own: finding, starting and ending it, and what runs in it.

mod process;
mod report;
mod serve;
mod settings;

pub use process::{Keeper, ensure, find, reset, stop};
pub use report::report;
pub use serve::serve;

/// Said by every command that works on it.
pub const BANNER: &str = "Management plane: sandbox (simulated, nothing is created in AWS)\n";
/// File of the data folder that holds the kubeconfig of the management plane.
const KUBECONFIG: &str = "management.kubeconfig";
/// File of the data folder by which the process is found.
const SERVER: &str = "server.json";
/// Folder below the data folder where API objects and the cloud's ledger are kept.
const STORE: &str = "store";
/// The simulated cloud's ledger, below the store.
const LEDGER: &str = "ledger.db";

/// Where the ledger of a data folder is.
pub fn ledger(data: &std::path::Path) -> std::path::PathBuf {
    data.join(STORE).join(LEDGER)
}
