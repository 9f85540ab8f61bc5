//! `EnsureProvider`: a CAPI provider runs on a plane, its kinds are served, and its webhooks answer.
//!
//! Objects, labels and inventory are those that `clusterctl init` writes, so that clusterctl goes on working beside us.

use serde_json::{Value as Json, json};
use windlass_core::addr::Address;
use windlass_core::marks::{CONTROL_PLANE_TAINT, FIELD_MANAGER};
use windlass_core::plan::action::Takeover;
use windlass_core::plan::{PlannedObject, ProviderSpec, Readiness};
use windlass_kubeschema::Bundle;
use windlass_run::ports::{Ensured, Outcome, StepError};

use crate::apply::{MayTake, conflicts_are_listed, conflicts_with_ourselves, mark, marks, merge_into};
use crate::error::{ApiError, failed};
use crate::kinds::ObjectRef;
use crate::plane::{Force, Persist, Plane};
use crate::work::{Work, more};

/// API version of clusterctl's inventory.
pub const INVENTORY_API_VERSION: &str = "clusterctl.cluster.x-k8s.io/v1alpha3";
/// clusterctl's label on everything it installs.
pub const LABEL_CLUSTERCTL: &str = "clusterctl.cluster.x-k8s.io";
/// Label that names the provider of an object.
pub const LABEL_PROVIDER: &str = "cluster.x-k8s.io/provider";

/// Carries out the step.
pub async fn run(
    work: &Work<'_>,
    plane: &Address,
    provider: &ProviderSpec,
    credentials: &[PlannedObject],
    takeovers: &[Takeover],
) -> Result<Outcome, StepError> {
    let plane = work.plane(plane).await?;
    let bundle = facts(&provider.facts, &provider.version)?;
    let crds: Vec<Json> =
        bundle.crd_objects().into_iter().filter(|crd| belongs(crd, provider)).map(|crd| labelled(crd, provider)).collect();
    let mut effects = Vec::new();
    let mut ensured = Ensured::NotNeeded;
    if provider.install && !runs_for_others(work, &plane, provider).await? {
        ensured = more(ensured, send(work, &plane, &namespace(provider), &work.step.address).await?);
        let inventory = latest_facts("clusterctl")?;
        for crd in inventory.crd_objects() {
            ensured = more(ensured, send(work, &plane, &crd, &work.step.address.root()).await?);
        }
        for crd in &crds {
            work.patience.go_on()?;
            ensured = more(ensured, send(work, &plane, crd, &work.step.address).await?);
        }
        for object in [service_account(provider), binding(provider)] {
            ensured = more(ensured, send(work, &plane, &object, &work.step.address).await?);
        }
        let (applied, changed) = work.apply_all(&plane, credentials, takeovers).await?;
        effects = applied;
        ensured = more(ensured, changed);
        ensured = more(ensured, send_taking(work, &plane, &deployment(provider, credentials), &work.step.address, takeovers).await?);
        let established = ObjectRef::new(CRD_API_VERSION, "CustomResourceDefinition", None, "providers.clusterctl.cluster.x-k8s.io");
        work.ready(&plane, &established, &Readiness::Established).await?;
        ensured = more(ensured, send(work, &plane, &inventory_entry(provider), &work.step.address).await?);
    }
    for crd in &crds {
        let Some(reference) = ObjectRef::of(crd) else { continue };
        let live = work.ready(&plane, &reference, &Readiness::Established).await?;
        has_contract(live.as_ref(), provider, &reference)?;
    }
    let manager = ObjectRef::new("apps/v1", "Deployment", Some(&provider.namespace), &provider.deployment);
    work.ready(&plane, &manager, &Readiness::Healthy).await?;
    let probed = probe(work, &plane, provider, bundle).await?;
    Ok(Outcome {
        evidence: json!({"provider": provider.label, "version": provider.version, "crds": crds.len(), "probed": probed}),
        effects,
        ensured,
    })
}

const CRD_API_VERSION: &str = "apiextensions.k8s.io/v1";

fn facts(name: &str, version: &str) -> Result<&'static Bundle, StepError> {
    let missing =
        || failed(format!("this windlass carries no facts of {name} {version}"), "use a version that `windlass providers show` lists");
    windlass_kubeschema::facts_table::bundle(name, version).and_then(Result::ok).ok_or_else(missing)
}

fn latest_facts(name: &str) -> Result<&'static Bundle, StepError> {
    let version = windlass_kubeschema::facts_table::latest(name).map(|file| file.version).unwrap_or_default();
    facts(name, version)
}

fn belongs(crd: &Json, provider: &ProviderSpec) -> bool {
    let group = crd.pointer("/spec/group").and_then(Json::as_str).unwrap_or_default();
    provider.groups.is_empty() || provider.groups.iter().any(|wanted| wanted == group)
}

/// Adds clusterctl's labels and, where the facts have none, the contract label: the versions that are served, joined by `_`.
fn labelled(mut crd: Json, provider: &ProviderSpec) -> Json {
    let contract = format!("cluster.x-k8s.io/{}", provider.contract);
    let mut labels = json!({LABEL_CLUSTERCTL: "", LABEL_PROVIDER: provider.label});
    if crd.pointer("/metadata/labels").and_then(|labels| labels.get(&contract)).is_none() {
        let versions = crd.pointer("/spec/versions").and_then(Json::as_array);
        let served: Vec<&str> = versions
            .into_iter()
            .flatten()
            .filter(|version| version.get("served").and_then(Json::as_bool) == Some(true))
            .filter_map(|version| version.get("name").and_then(Json::as_str))
            .collect();
        merge_into(&mut labels, &json!({contract: served.join("_")}));
    }
    merge_into(&mut crd, &json!({"metadata": {"labels": labels}}));
    crd
}

fn has_contract(live: Option<&Json>, provider: &ProviderSpec, reference: &ObjectRef) -> Result<(), StepError> {
    let label = format!("cluster.x-k8s.io/{}", provider.contract);
    match live.and_then(|live| live.pointer("/metadata/labels")).and_then(|labels| labels.get(&label)) {
        Some(_) => Ok(()),
        None => Err(failed(
            format!("{} lacks the label {label}, by which Cluster API finds the version to speak", reference.name),
            format!("install {} {} with clusterctl, or let windlass install it", provider.label, provider.version),
        )),
    }
}

/// Somebody else's installation of the same version is used as it is; another version is refused.
async fn runs_for_others(work: &Work<'_>, plane: &Plane, provider: &ProviderSpec) -> Result<bool, StepError> {
    let reference = ObjectRef::new(INVENTORY_API_VERSION, "Provider", Some(&provider.namespace), &provider.label);
    let live = plane.get(&reference).await.map_err(|error| error.during(&plane.address, &format!("read {}", reference.short())))?;
    let Some(live) = live else { return Ok(false) };
    let version = live.get("version").and_then(Json::as_str).unwrap_or_default();
    if version != provider.version {
        return Err(failed(
            format!("{} runs on {} in version {version}, the plan wants {}", provider.label, plane.address, provider.version),
            "upgrades of providers are not built yet: name the version that runs there",
        ));
    }
    Ok(marks(&live).0 != Some(&*work.context.lineage))
}

/// Applies one of the provider's objects; only one that another lineage owns is refused.
async fn send(work: &Work<'_>, plane: &Plane, object: &Json, address: &Address) -> Result<Ensured, StepError> {
    send_taking(work, plane, object, address, &[]).await
}

/// As [`send`], and takes the fields that the plan lists from others.
async fn send_taking(
    work: &Work<'_>,
    plane: &Plane,
    object: &Json,
    address: &Address,
    takeovers: &[Takeover],
) -> Result<Ensured, StepError> {
    let reference = ObjectRef::of(object).ok_or_else(|| work.damaged("an object of a provider has no name"))?;
    let failed_to = |error: ApiError| error.during(&plane.address, &format!("apply {}", reference.short()));
    let before = plane.get(&reference).await.map_err(failed_to)?;
    let owner = before.as_ref().and_then(|before| marks(before).0).map(str::to_owned);
    if let Some(owner) = owner.filter(|owner| **owner != *work.context.lineage) {
        return Err(failed(
            format!("{} on {} belongs to another state ({owner})", reference.short(), plane.address),
            "use the providers as they are: `install_providers = false`",
        ));
    }
    let mut object = object.clone();
    mark(&mut object, &work.context.lineage, &address.to_string());
    let mut answer = plane.apply(&object, FIELD_MANAGER, Force::No, Persist::Yes).await;
    let listed = || {
        let own = takeovers.iter().filter(|take| take.key.kind == reference.kind && take.key.name == reference.name);
        own.map(|take| MayTake { path: take.path.clone(), manager: take.manager.clone() }).collect()
    };
    if answer.as_ref().is_err_and(|error| conflicts_with_ourselves(error) || conflicts_are_listed(error, listed())) {
        answer = plane.apply(&object, FIELD_MANAGER, Force::Yes, Persist::Yes).await;
    }
    let live = answer.map_err(failed_to)?;
    let version = |object: &Json| object.pointer("/metadata/resourceVersion").cloned();
    Ok(match before {
        None => Ensured::Added,
        Some(before) if version(&before) == version(&live) => Ensured::NotNeeded,
        Some(_) => Ensured::Updated,
    })
}

/// A dry-run create: whatever the answer, that there is one proves that the webhook (if there is one) runs.
async fn probe(work: &Work<'_>, plane: &Plane, provider: &ProviderSpec, bundle: &Bundle) -> Result<String, StepError> {
    let in_group = |group: &String| provider.groups.is_empty() || provider.groups.contains(group);
    let namespaced = |fact: &&windlass_kubeschema::KindFact| {
        in_group(&fact.group) && fact.served && fact.storage && fact.scope == windlass_kubeschema::facts::Scope::Namespaced
    };
    let Some(fact) = bundle.kinds.iter().filter(namespaced).find(|fact| !fact.kind.ends_with("Template")) else { return Ok(String::new()) };
    let object = json!({
        "apiVersion": fact.api_version(),
        "kind": fact.kind,
        "metadata": {"name": "windlass-probe", "namespace": provider.namespace},
        "spec": {},
    });
    let what = format!("the webhooks of {} on {}", provider.label, plane.address);
    let answer = || async {
        match plane.create(&object, FIELD_MANAGER, Persist::No).await {
            Ok(_) => Ok(fact.kind.clone()),
            Err(ApiError::Status { code: 400 | 403 | 409 | 422, .. }) => Ok(fact.kind.clone()),
            Err(error) => Err(error.to_string()),
        }
    };
    work.patience.poll(std::time::Duration::from_millis(500), &what, answer).await
}

fn labels(provider: &ProviderSpec) -> Json {
    json!({LABEL_CLUSTERCTL: "", LABEL_PROVIDER: provider.label})
}

fn namespace(provider: &ProviderSpec) -> Json {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": provider.namespace, "labels": labels(provider)}})
}

fn service_account(provider: &ProviderSpec) -> Json {
    json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": provider.deployment, "namespace": provider.namespace, "labels": labels(provider)},
    })
}

fn binding(provider: &ProviderSpec) -> Json {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": format!("{}-{}", provider.namespace, provider.deployment), "labels": labels(provider)},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": provider.deployment, "namespace": provider.namespace}],
    })
}

fn deployment(provider: &ProviderSpec, credentials: &[PlannedObject]) -> Json {
    let selector = json!({LABEL_PROVIDER: provider.label, "control-plane": provider.deployment});
    let mut all = labels(provider);
    merge_into(&mut all, &selector);
    let secrets: Vec<&str> =
        credentials.iter().filter(|object| object.key.kind == "Secret").map(|object| object.key.name.as_str()).collect();
    let mut container = json!({
        "name": "manager",
        "image": format!("{}:{}", provider.image, provider.version),
        "args": ["--leader-elect"],
    });
    let mut pod = json!({
        "serviceAccountName": provider.deployment,
        "tolerations": [{"key": CONTROL_PLANE_TAINT, "operator": "Exists", "effect": "NoSchedule"}],
    });
    if !secrets.is_empty() {
        let mounts: Vec<Json> =
            secrets.iter().map(|name| json!({"name": name, "mountPath": format!("/etc/credentials/{name}"), "readOnly": true})).collect();
        let volumes: Vec<Json> = secrets.iter().map(|name| json!({"name": name, "secret": {"secretName": name}})).collect();
        merge_into(&mut container, &json!({"volumeMounts": mounts}));
        merge_into(&mut pod, &json!({"volumes": volumes}));
    }
    merge_into(&mut pod, &json!({"containers": [container]}));
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": provider.deployment, "namespace": provider.namespace, "labels": all},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": selector},
            "template": {"metadata": {"labels": all}, "spec": pod},
        },
    })
}

/// clusterctl's inventory: the fields stand at the top, there is no spec.
fn inventory_entry(provider: &ProviderSpec) -> Json {
    let mut entry = json!({
        "apiVersion": INVENTORY_API_VERSION,
        "kind": "Provider",
        "metadata": {"name": provider.label, "namespace": provider.namespace, "labels": labels(provider)},
        "providerName": provider_name(provider),
        "type": provider.r#type,
        "version": provider.version,
    });
    merge_into(&mut entry, &json!({"metadata": {"labels": {"clusterctl.cluster.x-k8s.io/core": "inventory"}}}));
    entry
}

/// `infrastructure-aws` is the provider `aws`; the core provider is `cluster-api`.
fn provider_name(provider: &ProviderSpec) -> &str {
    ["infrastructure-", "bootstrap-", "control-plane-"]
        .iter()
        .find_map(|prefix| provider.label.strip_prefix(prefix))
        .unwrap_or(&provider.label)
}
