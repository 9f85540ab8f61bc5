//! `OpenPlane`: a cluster's API answers.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value as Json, json};
use windlass_core::addr::Address;
use windlass_core::facts::ClusterAccess;
use windlass_core::marks::LABEL_CLUSTER_NAME;
use windlass_core::object::split_api_version;
use windlass_core::recorded::Effect;
use windlass_run::ports::{Outcome, StepError};

use crate::kinds::ObjectRef;
use crate::kubeconfig::secret_text;
use crate::pivot::MACHINE_API_VERSION;
use crate::plane::PROBE_PATIENCE;
use crate::planes::{NoPlane, own_secret};
use crate::ready::condition::condition;
use crate::ready::machines::has_node;
use crate::work::Work;

/// An API server that is coming up is asked this often.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// Each time it has been asked so often in vain, the machines are asked why.
const LOOK_EACH: u32 = 10;

pub async fn run(work: &Work<'_>, plane: &Address, access: &ClusterAccess) -> Result<Outcome, StepError> {
    work.planes.know(plane, access);
    if let Err(NoPlane::Absent) = work.planes.plane(plane).await {
        let management = work.plane(&access.management).await?;
        let secret = own_secret(access);
        let watch = work.watch(&management, "v1", "Secret", Some(&access.namespace)).await?;
        let what = format!("the kubeconfig of {plane}");
        work.patience
            .until(&watch, &what, |view| {
                let live = view.get(secret.namespace.as_deref(), &secret.name);
                let text = live.and_then(|live| secret_text(live, "value"));
                text.map(|_| ()).ok_or_else(|| format!("{} has not been written yet by the control plane provider", secret.short()))
            })
            .await?;
    }
    let what = format!("the API of {plane}");
    let mut asked = 0_u32;
    // Kept between two looks, so that the same is said until something changes.
    let known = Mutex::new(None);
    let ask = || {
        asked = asked.wrapping_add(1);
        let (look, known) = (asked.is_multiple_of(LOOK_EACH), &known);
        async move {
            let reason = match answers(work, plane).await {
                Ok(uid) => return Ok(uid),
                Err(reason) => reason,
            };
            let why = if look { Some(machines_say(work, access).await) } else { None };
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(why) = why {
                *known = why;
            }
            Err(known.as_ref().map_or(reason.clone(), |why| format!("{reason}; {why}")))
        }
    };
    let uid = work.patience.poll(ASK_EVERY, &what, ask).await?;
    let endpoint = work.plane(plane).await?.endpoint.clone();
    Ok(Outcome {
        evidence: json!({"endpoint": endpoint, "uid": uid}),
        effects: vec![Effect::PlaneKnown { address: plane.clone(), uid }],
        ..Outcome::default()
    })
}

/// Why no machine serves the API, in the words of the first machine without a node and of what the cloud says of it.
async fn machines_say(work: &Work<'_>, access: &ClusterAccess) -> Option<String> {
    let management = work.planes.plane(&access.management).await.ok()?;
    let label = format!("{LABEL_CLUSTER_NAME}={}", access.name);
    let machines = management.list(MACHINE_API_VERSION, "Machine", Some(&access.namespace), Some(&label)).await.ok()?;
    let (machine, why) = machines.iter().find_map(|machine| Some((machine, has_node(machine).err()?)))?;
    let text = |key: &str| machine.pointer(&format!("/spec/infrastructureRef/{key}")).and_then(Json::as_str);
    let (group, kind, name) = (text("apiGroup")?, text("kind")?, text("name")?);
    let versions = management.api_versions().await.unwrap_or_default();
    let version = versions.iter().find(|version| split_api_version(version).0 == group);
    let cloud = match version {
        Some(version) => management.get(&ObjectRef::new(version, kind, Some(&access.namespace), name)).await.ok().flatten(),
        None => None,
    };
    let told = cloud.as_ref().and_then(|cloud| condition(cloud, "Ready")).filter(|told| told.status != "True");
    Some(told.map_or(why.clone(), |told| format!("{why}; {kind} {name}: {}", told.words())))
}

/// uid of kube-system once `/readyz` says ok.
async fn answers(work: &Work<'_>, address: &Address) -> Result<String, String> {
    let plane = work.planes.plane(address).await.map_err(|error| match error {
        NoPlane::Absent => "there is no kubeconfig".to_owned(),
        NoPlane::Unreachable(reason) => reason,
    })?;
    let told = async {
        plane.read_bytes("/readyz", PROBE_PATIENCE).await?;
        plane.get_within(&ObjectRef::new("v1", "Namespace", None, "kube-system"), PROBE_PATIENCE).await
    };
    match told.await {
        Ok(found) => {
            found.as_ref().and_then(crate::planes::uid).map(str::to_owned).ok_or_else(|| "it has no Namespace kube-system yet".to_owned())
        }
        Err(error) => {
            // The control plane provider may have made new certificates.
            work.planes.forget(address);
            Err(error.to_string())
        }
    }
}
