//! The planes that a command works with: where their kubeconfigs come from, and who looks at them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use windlass_core::addr::{Address, Instance, Root};
use windlass_core::desired::{Desired, DesiredManagement};
use windlass_core::diag::Code;
use windlass_core::encode::DigestKey;
use windlass_core::facts::Facts;
use windlass_core::plan::Mode;
use windlass_core::recorded::Recorded;
use windlass_kube::planes::PlaneSource;
use windlass_kube::{Kube, KubeOptions};
use windlass_run::ports::Observer;

use crate::arguments::Module;
use crate::failure::{Failure, io};
use crate::sandbox;
use crate::session::Session;
use crate::view::View;

/// Planes and who looks at them.
pub struct World {
    /// Looks at planes, holds them, changes them.
    pub kube: Arc<Kube>,
}

/// How long APIs of real planes must have answered without fail before a pivot.
const STABLE: Duration = Duration::from_secs(60);

/// How long APIs must have answered before a pivot. A debug build, which only tests run, takes seconds from the environment: the real API of
/// a test is a sandbox's, and the command that works on it is not to know.
fn stable_for(management: &DesiredManagement) -> Duration {
    if management.sandbox {
        return Duration::ZERO;
    }
    #[cfg(debug_assertions)]
    if let Some(seconds) = std::env::var("WL_STABLE_SECONDS").ok().and_then(|text| text.parse().ok()) {
        return Duration::from_secs(seconds);
    }
    STABLE
}

/// How a command treats the sandbox.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Banner {
    /// To stdout, above a result for people.
    Out,
    /// To stderr, beside data.
    Note,
}

/// Opens the world of a configuration.
pub async fn open(
    session: &Session,
    given: &Module,
    management: &DesiredManagement,
    recorded: &Recorded,
    key: &DigestKey,
    view: &View,
    banner: Banner,
) -> Result<World, Failure> {
    same_plane(management, recorded)?;
    let mut sources = BTreeMap::new();
    if management.sandbox {
        match banner {
            Banner::Out => view.out(sandbox::BANNER),
            Banner::Note => view.note(sandbox::BANNER),
        }
        let found = sandbox::ensure(&session.sandbox()).await?;
        sources.insert(management.address.clone(), PlaneSource::Text { kubeconfig: found.kubeconfig, context: None });
    } else {
        let path = kubeconfig_path(&session.folder, management.kubeconfig.as_deref())?;
        sources.insert(management.address.clone(), PlaneSource::File { path, context: management.context.clone() });
    }
    sources.extend(overrides(session, given, recorded)?);
    sources.values().try_for_each(usable)?;
    let options = KubeOptions { lineage: recorded.lineage.clone(), digest_key: key.clone(), sources, stable_for: stable_for(management) };
    Ok(World { kube: Arc::new(Kube::new(options)) })
}

/// A state belongs to the plane that it was made on, also when a `management` block comes or goes.
fn same_plane(management: &DesiredManagement, recorded: &Recorded) -> Result<(), Failure> {
    let other = recorded.planes.keys().find(|address| address.is_management() && **address != management.address);
    match other {
        Some(other) => {
            Err(Failure::new(Code::OTHER_PLANE, format!("the state was made on {other}, the configuration names {}", management.address))
                .detail("Nothing has been written.")
                .hint("use the configuration that belongs to the state, or another state file: -state=FILE"))
        }
        None => Ok(()),
    }
}

/// A kubeconfig that opens nothing is told at once: waiting does not mend it.
fn usable(source: &PlaneSource) -> Result<(), Failure> {
    let PlaneSource::File { path, context } = source else { return Ok(()) };
    let text = std::fs::read_to_string(path).map_err(|error| io(path, "cannot be read", &error))?;
    match windlass_kube::kubeconfig::fault(&text, context.as_deref()) {
        Some(fault) => Err(Failure::new(Code::FILE_SYSTEM, format!("{}: {fault}", path.display()))
            .hint("name another file with `kubeconfig` (or -kubeconfig), or another context with `context`, in the `management` block")),
        None => Ok(()),
    }
}

fn kubeconfig_path(folder: &Path, written: Option<&str>) -> Result<PathBuf, Failure> {
    let home = || std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let path = match written {
        Some(written) => match written.strip_prefix("~/") {
            Some(rest) => home().join(rest),
            None => folder.join(written),
        },
        None => match std::env::var_os("KUBECONFIG").filter(|value| !value.is_empty()) {
            Some(value) => PathBuf::from(value),
            None => home().join(".kube/config"),
        },
    };
    if path.is_file() {
        return Ok(path);
    }
    Err(Failure::new(Code::FILE_SYSTEM, format!("the management plane's kubeconfig {} is no file", path.display()))
        .hint("set `kubeconfig` in the `management` block; without the block the sandbox is used"))
}

/// Kubeconfigs of clusters that the user names: `-kubeconfig shop=FILE`, `-kubeconfig-dir=DIR`.
fn overrides(session: &Session, given: &Module, recorded: &Recorded) -> Result<BTreeMap<Address, PlaneSource>, Failure> {
    let mut sources = BTreeMap::new();
    if let Some(folder) = &given.kubeconfig_dir {
        let folder = session.folder.join(folder);
        for (address, resource) in recorded.resources.iter().filter(|(address, _)| address.is_cluster() && address.part.is_none()) {
            let Some(name) = resource.facts.get("name").and_then(serde_json::Value::as_str) else { continue };
            let path = folder.join(format!("{name}.kubeconfig"));
            if path.is_file() {
                sources.insert(address.clone(), PlaneSource::File { path, context: None });
            }
        }
    }
    for text in &given.kubeconfig {
        let Some((cluster, file)) = text.split_once('=') else {
            return Err(Failure::new(Code::USAGE, format!("-kubeconfig needs CLUSTER=FILE, not {text:?}")));
        };
        let path = session.folder.join(file);
        if !path.is_file() {
            return Err(Failure::new(Code::FILE_SYSTEM, format!("{} is no file", path.display())));
        }
        sources.insert(cluster_address(cluster)?, PlaneSource::File { path, context: None });
    }
    Ok(sources)
}

/// A cluster's address, from `shop` or `cluster.shop["eu"]`.
pub fn cluster_address(text: &str) -> Result<Address, Failure> {
    let address = match text.parse::<Address>() {
        Ok(address) => address,
        Err(_) => Address::cluster(Instance::new(text)),
    };
    match (&address.root, &address.part) {
        (Root::Cluster(_), None) => Ok(address),
        _ => Err(Failure::new(Code::USAGE, format!("{text:?} is no cluster"))),
    }
}

impl World {
    /// Asks all that a plan needs to know.
    pub async fn facts(&self, desired: &Desired, recorded: &Recorded, mode: Mode) -> Facts {
        let mut facts = self.kube.observe(&windlass_core::plan::demands(desired, recorded, mode)).await;
        let more = windlass_core::plan::follow_up(recorded, &facts);
        if !more.is_empty() {
            let found = self.kube.observe(&more).await;
            facts.objects.extend(found.objects);
            facts.failed.extend(found.failed);
        }
        facts
    }
}
