//! `OpenPlane`: a cluster's API answers.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};
use windlass_core::addr::Address;
use windlass_core::facts::ClusterAccess;
use windlass_core::recorded::Effect;
use windlass_run::ports::{Outcome, StepError};

use super::wait_nodes::belongs_to;
use crate::error::ApiError;
use crate::kinds::ObjectRef;
use crate::kubeconfig::secret_text;
use crate::pivot::MACHINE_API_VERSION;
use crate::plane::{PROBE_PATIENCE, Plane};
use crate::planes::{NoPlane, own_secret};
use crate::ready::cause::{Seen, causes};
use crate::ready::machines::name;
use crate::watch::{View, Watch};
use crate::work::Work;

/// An API server that is coming up is asked this often.
const ASK_EVERY: Duration = Duration::from_millis(500);

pub async fn run(work: &Work<'_>, plane: &Address, access: &ClusterAccess) -> Result<Outcome, StepError> {
    work.planes.know(plane, access);
    let sight = Sight::of(work, access).await;
    if let Err(NoPlane::Absent) = work.planes.plane(plane).await {
        let management = work.plane(&access.management).await?;
        let secret = own_secret(access);
        let watch = work.watch(&management, "v1", "Secret", Some(&access.namespace)).await?;
        let what = format!("the kubeconfig of {plane}");
        work.patience
            .until_beside(&watch, &sight.watches(), &what, |view| {
                let live = view.get(secret.namespace.as_deref(), &secret.name);
                let text = live.and_then(|live| secret_text(live, "value"));
                let unwritten = || format!("{} has not been written yet by the control plane provider", secret.short());
                text.map(|_| ()).ok_or_else(|| root_first(sight.causes(), unwritten()))
            })
            .await?;
    }
    let what = format!("the API of {plane}");
    let named = work.planes.named_files(plane);
    let ask = || async { answers(work, plane).await.map_err(|silence| why_silent(named.as_deref(), sight.causes(), &silence)) };
    let uid = work.patience.poll(ASK_EVERY, &what, ask).await?;
    let endpoint = work.plane(plane).await?.endpoint.clone();
    Ok(Outcome {
        evidence: json!({"endpoint": endpoint, "uid": uid}),
        effects: vec![Effect::PlaneKnown { address: plane.clone(), uid }],
        ..Outcome::default()
    })
}

/// Why an API does not answer. `named`: the kubeconfig that the user has given for it, which may well be of another cluster or an old one.
fn why_silent(named: Option<&str>, causes: Vec<String>, silence: &str) -> String {
    let words = if causes.is_empty() { silence } else { innermost(silence) }.to_owned();
    match named {
        Some(file) => {
            let asked = format!("asked at the address in {file}, as -kubeconfig or -kubeconfig-dir (WL_KUBECONFIG_DIR) says: {words}");
            std::iter::once(asked).chain(causes).collect::<Vec<_>>().join("; ")
        }
        None => root_first(causes, words),
    }
}

/// What stands in the way comes first: whoever shows only the beginning shows the reason.
fn root_first(mut causes: Vec<String>, last: String) -> String {
    causes.push(last);
    causes.join("; ")
}

/// `error trying to connect: tcp connect error: Connection refused` → `Connection refused`.
fn innermost(reason: &str) -> &str {
    reason.rsplit(": ").next().unwrap_or(reason)
}

/// What is seen of a cluster while its API does not answer. What cannot be watched is not seen, and nothing waits for it.
struct Sight<'a> {
    access: &'a ClusterAccess,
    cluster: Option<Arc<Watch>>,
    infrastructure: Option<Arc<Watch>>,
    control_plane: Option<Arc<Watch>>,
    machines: Option<Arc<Watch>>,
    cloud_machines: Option<Arc<Watch>>,
}

impl<'a> Sight<'a> {
    async fn of(work: &Work<'_>, access: &'a ClusterAccess) -> Self {
        let mut sight = Self { access, cluster: None, infrastructure: None, control_plane: None, machines: None, cloud_machines: None };
        let Ok(plane) = work.planes.plane(&access.management).await else { return sight };
        let namespace = Some(access.namespace.as_str());
        let cluster = ObjectRef::new(MACHINE_API_VERSION, "Cluster", namespace, &access.name);
        let live = plane.get_within(&cluster, PROBE_PATIENCE).await.ok().flatten().unwrap_or_default();
        sight.cluster = work.watches.on(&plane, MACHINE_API_VERSION, "Cluster", namespace).await.ok();
        sight.machines = work.watches.on(&plane, MACHINE_API_VERSION, "Machine", namespace).await.ok();
        sight.infrastructure = sight.kind_of(work, &plane, live.pointer("/spec/infrastructureRef")).await;
        sight.control_plane = sight.kind_of(work, &plane, live.pointer("/spec/controlPlaneRef")).await;
        let control_plane = referred(&plane, access, live.pointer("/spec/controlPlaneRef")).await.ok().flatten().unwrap_or_default();
        let template = control_plane.pointer("/spec/machineTemplate/spec/infrastructureRef").map(machines_of_template);
        sight.cloud_machines = sight.kind_of(work, &plane, template.as_ref()).await;
        sight
    }

    async fn kind_of(&self, work: &Work<'_>, plane: &Arc<Plane>, reference: Option<&Json>) -> Option<Arc<Watch>> {
        let text = |key: &str| reference?.get(key)?.as_str();
        let (group, kind) = (text("apiGroup")?, text("kind")?);
        let version = plane.version_of(group, kind).await.ok().flatten()?;
        work.watches.on(plane, &version, kind, Some(&self.access.namespace)).await.ok()
    }

    fn watches(&self) -> Vec<Arc<Watch>> {
        let all = [&self.cluster, &self.infrastructure, &self.control_plane, &self.machines, &self.cloud_machines];
        all.into_iter().flatten().cloned().collect()
    }

    fn causes(&self) -> Vec<String> {
        let view = |watch: &Option<Arc<Watch>>| watch.as_ref().map(|watch| watch.view()).unwrap_or_default();
        let (clusters, clouds, control_planes) = (view(&self.cluster), view(&self.infrastructure), view(&self.control_plane));
        let (machines, cloud_machines) = (view(&self.machines), view(&self.cloud_machines));
        let namespace = Some(self.access.namespace.as_str());
        let cluster = clusters.get(namespace, &self.access.name);
        fn named<'v>(view: &'v View, namespace: Option<&str>, from: Option<&Json>, reference: &str) -> Option<&'v Json> {
            view.get(namespace, from?.pointer(reference)?.get("name")?.as_str()?)
        }
        let machines = machines.all().filter(|machine| belongs_to(machine, &self.access.name));
        let mut machines: Vec<_> =
            machines.map(|machine| (machine, named(&cloud_machines, namespace, Some(machine), "/spec/infrastructureRef"))).collect();
        machines.sort_by_key(|(machine, _)| name(machine));
        causes(&Seen {
            cluster,
            infrastructure: named(&clouds, namespace, cluster, "/spec/infrastructureRef"),
            control_plane: named(&control_planes, namespace, cluster, "/spec/controlPlaneRef"),
            machines,
        })
    }
}

/// The object that a reference of a Cluster names.
async fn referred(plane: &Plane, access: &ClusterAccess, reference: Option<&Json>) -> Result<Option<Json>, ApiError> {
    let text = |key: &str| reference.and_then(|reference| reference.get(key)).and_then(Json::as_str).unwrap_or_default();
    let Some(version) = plane.version_of(text("apiGroup"), text("kind")).await? else { return Ok(None) };
    plane.get_within(&ObjectRef::new(&version, text("kind"), Some(&access.namespace), text("name")), PROBE_PATIENCE).await
}

/// The reference of a template, as one of the machines that are made of it (the contract: `<Kind>Template` makes `<Kind>`).
fn machines_of_template(template: &Json) -> Json {
    let kind = template.get("kind").and_then(Json::as_str).unwrap_or_default();
    json!({"apiGroup": template.get("apiGroup"), "kind": kind.strip_suffix("Template").unwrap_or(kind)})
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kubeconfig_that_the_user_has_named_is_told_first() {
        let silence = "error trying to connect: tcp connect error: Connection refused";
        let causes = || vec!["AWSCluster shop/shop: not ready".to_owned()];
        assert_eq!(why_silent(None, Vec::new(), silence), silence);
        assert_eq!(why_silent(None, causes(), silence), "AWSCluster shop/shop: not ready; Connection refused");
        let told = why_silent(Some("old.kubeconfig"), causes(), silence);
        assert!(told.starts_with("asked at the address in old.kubeconfig, as -kubeconfig or "), "{told}");
        assert!(told.ends_with(": Connection refused; AWSCluster shop/shop: not ready"), "{told}");
    }
}
