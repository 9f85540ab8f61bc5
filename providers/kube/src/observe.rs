//! Answers demands: one LIST for each kind and plane, probes of planes, single objects. Reads only; what it finds of Secrets leaves it as
//! keyed digests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::future::join_all;
use futures::{StreamExt, stream};
use jiff::Timestamp;
use serde_json::Value as Json;
use windlass_core::addr::{Address, Part};
use windlass_core::encode::{DigestKey, cut_schemas, hide_secret_data};
use windlass_core::facts::{ClusterAccess, Demand, Facts, PlaneFact, PlaneIdentity};
use windlass_core::marks::{AGENT_NAME, LABEL_LINEAGE, SYSTEM_NAMESPACE, state_lease};

use crate::apply::marks;
use crate::error::ApiError;
use crate::kinds::ObjectRef;
use crate::kubeconfig::{certificate_days, secret_text};
use crate::leases::{LEASE_API_VERSION, last_serial};
use crate::plane::{PROBE_PATIENCE, Plane};
use crate::planes::{NoPlane, Planes, access_secret_ref, own_secret, uid};
use crate::remove::in_namespace;
use crate::steps::wait_agent::age;

/// Questions under way at once on one plane.
const PARALLEL_QUESTIONS: usize = 8;

/// What observing needs.
pub struct Observatory<'a> {
    /// All planes.
    pub planes: &'a Planes,
    /// Lineage whose objects are listed.
    pub lineage: &'a str,
    /// For digests of Secrets.
    pub digests: &'a DigestKey,
}

/// Answers to the questions of one plane.
#[derive(Default)]
struct Answers {
    objects: Vec<(ObjectRef, Json)>,
    failed: BTreeMap<String, String>,
    unserved: BTreeSet<(String, String)>,
    unreachable: Option<String>,
}

impl Observatory<'_> {
    /// Answers all demands.
    pub async fn observe(&self, demands: &[Demand]) -> Facts {
        let mut by_plane: BTreeMap<&Address, BTreeSet<&Demand>> = BTreeMap::new();
        for demand in demands {
            if let Demand::Plane { plane, access: Some(access) } = demand {
                self.planes.know(plane, access);
            }
            by_plane.entry(plane_of(demand)).or_default().insert(demand);
        }
        let mut facts = Facts::default();
        // A kubeconfig may have been renewed since the last time.
        by_plane.keys().for_each(|plane| self.planes.forget(plane));
        let answers = join_all(by_plane.iter().map(|(plane, demands)| self.ask_plane(plane, demands))).await;
        for ((plane, _), (fact, answers)) in by_plane.into_iter().zip(answers) {
            let fact = match answers.unreachable {
                Some(reason) => PlaneFact::Unreachable { reason },
                None => fact,
            };
            if let PlaneFact::Reachable(_) = fact {
                facts.objects.extend(answers.objects.into_iter().map(|(object, live)| (object.key(plane), Arc::new(live))));
                facts.failed.extend(answers.failed);
                facts.unserved.extend(answers.unserved.into_iter().map(|(api_version, kind)| (plane.clone(), api_version, kind)));
            }
            facts.planes.insert(plane.clone(), fact);
        }
        facts
    }

    async fn ask_plane(&self, address: &Address, demands: &BTreeSet<&Demand>) -> (PlaneFact, Answers) {
        let plane = match self.planes.plane_within(address, PROBE_PATIENCE).await {
            Ok(plane) => plane,
            Err(NoPlane::Absent) => return (PlaneFact::Absent, Answers::default()),
            Err(NoPlane::Unreachable(reason)) => return (PlaneFact::Unreachable { reason }, Answers::default()),
        };
        let identity = match self.identify(&plane).await {
            Ok(identity) => identity,
            Err(error) => return (PlaneFact::Unreachable { reason: error.to_string() }, Answers::default()),
        };
        // Futures made by a named function: a closure over borrowed demands is not general enough for the compiler.
        let mut questions = Vec::with_capacity(demands.len());
        for demand in demands {
            questions.push(self.answer(&plane, demand));
        }
        let mut answered = stream::iter(questions).buffer_unordered(PARALLEL_QUESTIONS);
        let mut answers = Answers::default();
        while let Some((subject, answer)) = answered.next().await {
            match answer {
                Ok(found) => answers.objects.extend(found),
                Err(ApiError::NoKind { api_version, kind }) => drop(answers.unserved.insert((api_version, kind))),
                Err(error) if error.unreachable() => answers.unreachable = Some(error.to_string()),
                Err(error) => {
                    answers.failed.insert(subject, error.to_string());
                }
            }
        }
        (PlaneFact::Reachable(identity), answers)
    }

    async fn answer(&self, plane: &Plane, demand: &Demand) -> (String, Result<Vec<(ObjectRef, Json)>, ApiError>) {
        let lineage = format!("{LABEL_LINEAGE}={}", self.lineage);
        let (subject, found) = match demand {
            Demand::Plane { .. } => return (String::new(), Ok(Vec::new())),
            Demand::List { api_version, kind, .. } => (kind_on(kind, plane), list_ours(plane, api_version, kind, &lineage).await),
            Demand::ListAll { api_version, kind, .. } => (kind_on(kind, plane), plane.list(api_version, kind, None, None).await),
            Demand::InNamespace { namespace, .. } => {
                (format!("Namespace {namespace} on {}", plane.address), in_namespace(plane, namespace).await)
            }
            Demand::Get { key, api_version } => {
                (key.to_string(), plane.get(&ObjectRef::of_key(key, api_version)).await.map(|found| found.into_iter().collect()))
            }
        };
        let found = found.map(|objects| {
            objects
                .into_iter()
                .filter_map(|mut live| {
                    hide_secret_data(&mut live, self.digests);
                    if is_of_a_provider(&live) {
                        cut_schemas(&mut live);
                    }
                    Some((ObjectRef::of(&live)?, live))
                })
                .collect()
        });
        (subject, found)
    }

    async fn identify(&self, plane: &Plane) -> Result<PlaneIdentity, ApiError> {
        let version = plane.read("/version", PROBE_PATIENCE).await?;
        let system = plane.get_within(&ObjectRef::new("v1", "Namespace", None, "kube-system"), PROBE_PATIENCE).await?;
        let lease = |name: &str| ObjectRef::new(LEASE_API_VERSION, "Lease", Some(SYSTEM_NAMESPACE), name);
        let writer = plane.get_within(&lease(&state_lease(self.lineage)), PROBE_PATIENCE).await?;
        let heartbeat = match plane.address.is_cluster() {
            true => plane.get_within(&lease(AGENT_NAME), PROBE_PATIENCE).await?,
            false => None,
        };
        let access = match self.planes.way(&plane.address) {
            Some(access) => self.access(plane, &access).await,
            None => Access::default(),
        };
        let now = Timestamp::now();
        Ok(PlaneIdentity {
            uid: system.as_ref().and_then(uid).unwrap_or_default().to_owned(),
            version: version.get("gitVersion").and_then(Json::as_str).unwrap_or_default().to_owned(),
            endpoint: plane.endpoint.clone(),
            ca_certificate: plane.ca_certificate.clone(),
            last_serial: writer.as_ref().and_then(last_serial),
            agent_heartbeat_age: heartbeat.as_ref().and_then(|lease| age(lease, now)),
            certificate_days: access.days,
            access_outdated: access.outdated,
        })
    }

    /// What is to be said of a cluster's access Secret; nothing, if it cannot be read.
    async fn access(&self, cluster: &Plane, access: &ClusterAccess) -> Access {
        let Ok(management) = self.planes.plane(&access.management).await else { return Access::default() };
        let Ok(kept) = management.get_within(&access_secret_ref(access), PROBE_PATIENCE).await else { return Access::default() };
        let kept = kept.as_ref().and_then(|secret| secret_text(secret, "value"));
        let own = cluster.get_within(&own_secret(access), PROBE_PATIENCE).await.ok().flatten();
        let own = own.as_ref().and_then(|secret| secret_text(secret, "value"));
        let days = kept.as_deref().and_then(|kept| certificate_days(kept, Timestamp::now()));
        Access { days, outdated: own.is_some() && own != kept }
    }
}

#[derive(Default)]
struct Access {
    days: Option<i64>,
    outdated: bool,
}

/// Kinds of providers are recorded with digests in the place of their schemas, and the schemas of many clusters are long.
fn is_of_a_provider(live: &Json) -> bool {
    let owner = marks(live).1.and_then(|address| address.parse::<Address>().ok());
    matches!(owner.and_then(|owner| owner.part), Some(Part::Provider(_) | Part::Pivot))
}

/// The objects of a kind with our label; that the kind is not served is an answer of its own.
async fn list_ours(plane: &Plane, api_version: &str, kind: &str, lineage: &str) -> Result<Vec<Json>, ApiError> {
    let kind = plane.kind(api_version, kind).await?;
    plane.list_kind(&kind, None, Some(lineage), None).await
}

fn kind_on(kind: &str, plane: &Plane) -> String {
    format!("{kind} on {}", plane.address)
}

fn plane_of(demand: &Demand) -> &Address {
    match demand {
        Demand::Plane { plane, .. } | Demand::List { plane, .. } | Demand::ListAll { plane, .. } | Demand::InNamespace { plane, .. } => {
            plane
        }
        Demand::Get { key, .. } => &key.plane,
    }
}
