//! `OpenPlane`: a cluster's API answers.

use std::time::Duration;

use serde_json::json;
use windlass_core::addr::Address;
use windlass_core::facts::ClusterAccess;
use windlass_core::recorded::Effect;
use windlass_run::ports::{Outcome, StepError};

use crate::kinds::ObjectRef;
use crate::kubeconfig::secret_text;
use crate::plane::PROBE_PATIENCE;
use crate::planes::{NoPlane, own_secret};
use crate::work::Work;

/// An API server that is coming up is asked this often.
const ASK_EVERY: Duration = Duration::from_millis(500);

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
    let uid = work.patience.poll(ASK_EVERY, &what, || answers(work, plane)).await?;
    let endpoint = work.plane(plane).await?.endpoint.clone();
    Ok(Outcome {
        evidence: json!({"endpoint": endpoint, "uid": uid}),
        effects: vec![Effect::PlaneKnown { address: plane.clone(), uid }],
        ..Outcome::default()
    })
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
