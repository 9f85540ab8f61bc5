//! `RefreshAccess`: the access Secret on the management plane holds the cluster's present kubeconfig.

use serde_json::{Value as Json, json};
use windlass_core::addr::Address;
use windlass_core::facts::ClusterAccess;
use windlass_core::marks::FIELD_MANAGER;
use windlass_run::ports::{Ensured, Outcome, StepError};

use crate::apply::{mark, marks};
use crate::error::failed;
use crate::kubeconfig::{Origin, read, secret_text};
use crate::plane::{Force, Persist};
use crate::planes::{access_secret_ref, own_secret};
use crate::work::Work;

/// Carries out the step.
pub async fn run(work: &Work<'_>, access: &ClusterAccess, source: &Address) -> Result<Outcome, StepError> {
    let ensured = ensure_access(work, access, source, &work.step.address.root()).await?;
    Ok(Outcome { evidence: json!({"access": access.name}), ensured, ..Outcome::default() })
}

/// Writes the access Secret if it is not as it should be.
pub async fn ensure_access(work: &Work<'_>, access: &ClusterAccess, source: &Address, cluster: &Address) -> Result<Ensured, StepError> {
    let from = work.plane(source).await?;
    let own = own_secret(access);
    let live = from.get(&own).await.map_err(|e| e.during(&from.address, &format!("read {}", own.short())))?;
    let Some(text) = live.as_ref().and_then(|live| secret_text(live, "value")) else {
        return Err(failed(format!("{} on {source} has no kubeconfig", own.short()), "is the control plane provider running there?"));
    };
    read(&text, Origin::Secret).map_err(|error| error.during(source, &format!("use {}", own.short())))?;

    let management = work.plane(&access.management).await?;
    let reference = access_secret_ref(access);
    let doing = format!("write {}", reference.short());
    let address = cluster.to_string();
    let found = management.get(&reference).await.map_err(|e| e.during(&management.address, &doing))?;
    if let Some(found) = &found {
        let (owner, marked) = marks(found);
        if owner.is_some_and(|owner| owner != &*work.context.lineage) {
            return Err(failed(
                format!("{} on {} belongs to another state", reference.short(), management.address),
                "two states must not have clusters of one name on one management plane",
            ));
        }
        if secret_text(found, "value").as_deref() == Some(text.as_str()) && owner.is_some() && marked == Some(address.as_str()) {
            return Ok(Ensured::NotNeeded);
        }
    }
    work.ensure_system_namespace(&management).await?;
    let mut secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": reference.name, "namespace": reference.namespace},
        "type": "Opaque",
        "data": {"value": live.as_ref().and_then(|live| live.pointer("/data/value")).cloned().unwrap_or(Json::Null)},
    });
    mark(&mut secret, &work.context.lineage, &address);
    management
        .apply(&secret, FIELD_MANAGER, Force::Yes, Persist::Yes)
        .await
        .map_err(|error| error.without(std::slice::from_ref(&text)).during(&management.address, &doing))?;
    Ok(if found.is_some() { Ensured::Updated } else { Ensured::Added })
}
