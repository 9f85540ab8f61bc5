//! Planes by address: who may be reached how, and the clients that are open already.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value as Json;
use windlass_core::addr::Address;
use windlass_core::facts::ClusterAccess;
use windlass_core::marks::{SYSTEM_NAMESPACE, access_secret, kubeconfig_secret};
use windlass_core::plan::Plan;
use windlass_run::ports::StepError;

use crate::error::ApiError;
use crate::kinds::ObjectRef;
use crate::kubeconfig::{self, Origin};
use crate::plane::{PATIENCE, Plane};

/// How a plane is reached that the user (or the sandbox) names.
#[derive(Clone, PartialEq, Eq)]
pub enum PlaneSource {
    /// A kubeconfig's text.
    Text {
        /// The YAML.
        kubeconfig: String,
        /// Context in it.
        context: Option<String>,
    },
    /// Kubeconfig files; what an earlier one says goes before what later ones say.
    Files {
        /// Where they are.
        paths: Vec<PathBuf>,
        /// Context in it.
        context: Option<String>,
    },
}

impl std::fmt::Debug for PlaneSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            PlaneSource::Text { .. } => f.write_str("Text (sensitive)"),
            PlaneSource::Files { paths, context } => f.debug_struct("Files").field("paths", paths).field("context", context).finish(),
        }
    }
}

/// Why a plane is not open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoPlane {
    /// There is no way in yet.
    Absent,
    /// There is one, and it cannot be used now.
    Unreachable(String),
}

impl NoPlane {
    /// As a step's error.
    pub fn during(self, plane: &Address) -> StepError {
        let reason = match self {
            NoPlane::Absent => "there is no kubeconfig for it yet".to_owned(),
            NoPlane::Unreachable(reason) => reason,
        };
        StepError::Unreachable { plane: plane.clone(), reason }
    }
}

/// The planes of a state.
pub struct Planes {
    sources: BTreeMap<Address, PlaneSource>,
    ways: Mutex<BTreeMap<Address, ClusterAccess>>,
    open: Mutex<BTreeMap<Address, Arc<Plane>>>,
}

/// Which Secret a cluster's kubeconfig was found in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoundIn {
    /// The one that the control plane provider writes.
    Own,
    /// Ours, on the management plane.
    Access,
}

impl Planes {
    /// `sources` name management planes, and clusters whose kubeconfig the user overrides.
    pub fn new(sources: BTreeMap<Address, PlaneSource>) -> Self {
        Self { sources, ways: Mutex::default(), open: Mutex::default() }
    }

    /// Remembers the way into a cluster.
    pub fn know(&self, plane: &Address, access: &ClusterAccess) {
        self.ways.lock().unwrap_or_else(PoisonError::into_inner).insert(plane.clone(), access.clone());
    }

    /// Remembers the ways into all clusters of a plan.
    pub fn know_plan(&self, plan: &Plan) {
        for plane in &plan.planes {
            if let Some(access) = &plane.access {
                self.know(&plane.address, access);
            }
        }
    }

    /// The kubeconfig files that the user has named for a plane, which go before what is read live.
    pub fn named_files(&self, plane: &Address) -> Option<String> {
        let PlaneSource::Files { paths, .. } = self.sources.get(plane)? else { return None };
        Some(paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", "))
    }

    /// The way into a cluster, if it is known.
    pub fn way(&self, plane: &Address) -> Option<ClusterAccess> {
        self.ways.lock().unwrap_or_else(PoisonError::into_inner).get(plane).cloned()
    }

    /// An open plane; opens it if need be.
    pub async fn plane(&self, address: &Address) -> Result<Arc<Plane>, NoPlane> {
        self.plane_within(address, PATIENCE).await
    }

    /// The same, with another patience for the plane that the way in is read from.
    pub async fn plane_within(&self, address: &Address, patience: Duration) -> Result<Arc<Plane>, NoPlane> {
        if let Some(open) = self.open.lock().unwrap_or_else(PoisonError::into_inner).get(address) {
            return Ok(open.clone());
        }
        let plane = Arc::new(self.connect(address, patience).await?);
        self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(address.clone(), plane.clone());
        Ok(plane)
    }

    /// Forgets a client, so that the kubeconfig is read again.
    pub fn forget(&self, address: &Address) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(address);
    }

    async fn connect(&self, address: &Address, patience: Duration) -> Result<Plane, NoPlane> {
        let (config, context) = match self.sources.get(address) {
            Some(PlaneSource::Text { kubeconfig, context }) => {
                (kubeconfig::read(kubeconfig, Origin::User).map_err(|e| NoPlane::Unreachable(e.to_string()))?, context.clone())
            }
            Some(PlaneSource::Files { paths, context }) => {
                let mut texts = Vec::new();
                for path in paths {
                    let unreadable = |error| NoPlane::Unreachable(format!("kubeconfig {}: {error}", path.display()));
                    texts.push((path.clone(), tokio::fs::read_to_string(path).await.map_err(unreadable)?));
                }
                (kubeconfig::merged(&texts).map_err(|error| NoPlane::Unreachable(error.to_string()))?, context.clone())
            }
            None => {
                let access = self.way(address).ok_or(NoPlane::Absent)?;
                let (text, _) = self.cluster_kubeconfig(&access, patience).await?.ok_or(NoPlane::Absent)?;
                (kubeconfig::read(&text, Origin::Secret).map_err(|e| NoPlane::Unreachable(e.to_string()))?, None)
            }
        };
        let server = kubeconfig::server(&config, context.as_deref());
        let client = kubeconfig::client(config, context.as_deref()).await.map_err(|e| NoPlane::Unreachable(e.to_string()))?;
        Ok(Plane::new(address.clone(), server.url, server.ca_certificate, client))
    }

    /// A cluster's kubeconfig from the management plane: its own Secret, else the access Secret.
    pub async fn cluster_kubeconfig(&self, access: &ClusterAccess, patience: Duration) -> Result<Option<(String, FoundIn)>, NoPlane> {
        let management = Box::pin(self.plane(&access.management)).await?;
        let failed = |error: ApiError| NoPlane::Unreachable(format!("its kubeconfig on {} cannot be read: {error}", access.management));
        for (secret, found) in [(own_secret(access), FoundIn::Own), (access_secret_ref(access), FoundIn::Access)] {
            let live = management.get_within(&secret, patience).await.map_err(failed)?;
            if let Some(text) = live.as_ref().and_then(|live| kubeconfig::secret_text(live, "value")) {
                return Ok(Some((text, found)));
            }
        }
        Ok(None)
    }
}

/// The Secret that the control plane provider writes.
pub fn own_secret(access: &ClusterAccess) -> ObjectRef {
    ObjectRef::new("v1", "Secret", Some(&access.namespace), &kubeconfig_secret(&access.name))
}

/// The access Secret.
pub fn access_secret_ref(access: &ClusterAccess) -> ObjectRef {
    ObjectRef::new("v1", "Secret", Some(SYSTEM_NAMESPACE), &access_secret(&access.name))
}

/// uid of an object.
pub fn uid(object: &Json) -> Option<&str> {
    object.pointer("/metadata/uid").and_then(Json::as_str)
}
