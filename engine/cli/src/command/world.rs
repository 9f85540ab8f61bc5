//! The planes that a command works with: where their kubeconfigs come from, and who looks at them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use windlass_core::addr::{Address, Instance, Root};
use windlass_core::desired::{Desired, DesiredManagement};
use windlass_core::diag::Code;
use windlass_core::encode::DigestKey;
use windlass_core::facts::{Demand, Facts};
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
    /// Looks after the sandbox meanwhile, if it is the management plane.
    _keeper: Option<sandbox::Keeper>,
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
    let mut sources = overrides(session, given, management, recorded)?;
    let mut keeper = None;
    if management.sandbox {
        match banner {
            Banner::Out => view.out(sandbox::BANNER),
            Banner::Note => view.note(sandbox::BANNER),
        }
        let found = sandbox::ensure(&session.sandbox()).await?;
        keeper = Some(sandbox::Keeper::of(session.sandbox()));
        sources.insert(management.address.clone(), PlaneSource::Text { kubeconfig: found.kubeconfig, context: None });
    } else if !sources.contains_key(&management.address) {
        let paths = kubeconfig_paths(&session.folder, management.kubeconfig.as_deref())?;
        sources.insert(management.address.clone(), PlaneSource::Files { paths, context: management.context.clone() });
    }
    sources.values().try_for_each(usable)?;
    let options = KubeOptions { lineage: recorded.lineage.clone(), digest_key: key.clone(), sources, stable_for: stable_for(management) };
    Ok(World { kube: Arc::new(Kube::new(options)), _keeper: keeper })
}

/// A state belongs to the plane that it was made on, also when a `management` block comes or goes.
pub fn same_plane(management: &DesiredManagement, recorded: &Recorded) -> Result<(), Failure> {
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
    let PlaneSource::Files { paths, context } = source else { return Ok(()) };
    let read = |path: &PathBuf| match std::fs::read_to_string(path) {
        Ok(text) => Ok((path.clone(), text)),
        Err(error) => Err(io(path, "cannot be read", &error)),
    };
    let texts = paths.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    match windlass_kube::kubeconfig::fault(&texts, context.as_deref()) {
        Some(fault) => Err(Failure::new(Code::FILE_SYSTEM, fault)
            .hint("name another file with `kubeconfig` (or -kubeconfig), or another context with `context`, in the `management` block")),
        None => Ok(()),
    }
}

/// The management plane's kubeconfig: as written in HCL, else the files that KUBECONFIG lists, of which those count that exist, as for
/// kubectl, else `~/.kube/config`.
fn kubeconfig_paths(folder: &Path, written: Option<&str>) -> Result<Vec<PathBuf>, Failure> {
    let home = || std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let named = match written {
        Some(written) => match written.strip_prefix("~/") {
            Some(rest) => vec![home().join(rest)],
            None => vec![folder.join(written)],
        },
        None => match std::env::var_os("KUBECONFIG").filter(|value| !value.is_empty()) {
            Some(list) => std::env::split_paths(&list).filter(|path| !path.as_os_str().is_empty()).collect(),
            None => vec![home().join(".kube/config")],
        },
    };
    let there: Vec<PathBuf> = named.iter().filter(|path| path.is_file()).cloned().collect();
    if !there.is_empty() {
        return Ok(there);
    }
    let named: Vec<String> = named.iter().map(|path| path.display().to_string()).collect();
    Err(Failure::new(Code::FILE_SYSTEM, format!("the management plane's kubeconfig {} is no file", named.join(", ")))
        .hint("set `kubeconfig` in the `management` block, or name the file with -kubeconfig management.NAME=FILE or KUBECONFIG"))
}

/// Kubeconfigs of planes that the user names: `-kubeconfig shop=FILE`, `-kubeconfig management.hub=FILE`, `-kubeconfig-dir=DIR`.
fn overrides(
    session: &Session,
    given: &Module,
    management: &DesiredManagement,
    recorded: &Recorded,
) -> Result<BTreeMap<Address, PlaneSource>, Failure> {
    let mut sources = BTreeMap::new();
    if let Some(folder) = &given.kubeconfig_dir {
        let folder = session.folder.join(folder);
        if !folder.is_dir() {
            return Err(Failure::new(Code::USAGE, format!("-kubeconfig-dir: {} is no folder", folder.display()))
                .hint("-kubeconfig-dir, or WL_KUBECONFIG_DIR, names a folder with CLUSTER.kubeconfig files"));
        }
        for (address, resource) in recorded.resources.iter().filter(|(address, _)| address.is_cluster() && address.part.is_none()) {
            let Some(name) = resource.facts.get("name").and_then(serde_json::Value::as_str) else { continue };
            let path = folder.join(format!("{name}.kubeconfig"));
            if path.is_file() {
                sources.insert(address.clone(), PlaneSource::Files { paths: vec![path], context: None });
            }
        }
    }
    for text in &given.kubeconfig {
        let Some((plane, file)) = text.split_once('=') else {
            return Err(
                Failure::new(Code::USAGE, format!("-kubeconfig needs PLANE=FILE, not {text:?}")).hint("write -kubeconfig shop=FILE")
            );
        };
        let path = session.folder.join(file);
        if !path.is_file() {
            return Err(Failure::new(Code::FILE_SYSTEM, format!("{} is no file", path.display())));
        }
        let address = plane_address(plane)?;
        if address.is_management() && (management.sandbox || address != management.address) {
            return Err(Failure::new(Code::USAGE, format!("-kubeconfig {plane}: the management plane is {}", management.address))
                .hint("the sandbox has its own kubeconfig; a real plane is called as its `management` block"));
        }
        sources.insert(address, PlaneSource::Files { paths: vec![path], context: None });
    }
    Ok(sources)
}

/// A plane's address: a cluster's, or `management.hub`.
fn plane_address(text: &str) -> Result<Address, Failure> {
    match text.parse::<Address>() {
        Ok(address) if address.is_management() && address.part.is_none() => Ok(address),
        _ => cluster_address(text),
    }
}

/// A cluster's address, from `shop` or `cluster.shop["eu"]`.
pub fn cluster_address(text: &str) -> Result<Address, Failure> {
    let address = match text.parse::<Address>() {
        Ok(address) => address,
        Err(_) => Address::cluster(Instance::new(text)),
    };
    match (&address.root, &address.part) {
        (Root::Cluster(_), None) => Ok(address),
        _ => {
            Err(Failure::new(Code::USAGE, format!("{text:?} is no cluster")).hint("write the address of a cluster, such as `cluster.shop`"))
        }
    }
}

impl World {
    /// Asks all that a plan needs to know.
    pub async fn facts(&self, desired: &Desired, recorded: &Recorded, mode: Mode, abandon: &[Address]) -> Facts {
        let mut demands = windlass_core::plan::demands(desired, recorded, mode);
        demands.extend(windlass_core::plan::abandon_demands(recorded, abandon));
        let mut facts = self.kube.observe(&demands).await;
        let mut asked = BTreeSet::new();
        loop {
            let more = windlass_core::plan::follow_up(recorded, &facts).into_iter();
            let more: Vec<Demand> = more.filter(|demand| asked.insert(demand.clone())).collect();
            if more.is_empty() {
                return facts;
            }
            let found = self.kube.observe(&more).await;
            facts.objects.extend(found.objects);
            facts.failed.extend(found.failed);
        }
    }
}
