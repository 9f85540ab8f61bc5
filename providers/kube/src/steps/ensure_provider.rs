//! `EnsureProvider`: a CAPI provider runs on a plane, its kinds are served, and its webhooks answer.
//!
//! Its objects come with the step, rendered; only the schemas of its kinds are put in here, by their digests. cert-manager is one of
//! them, without contract and inventory.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use windlass_core::addr::Address;
use windlass_core::encode::{restore_content, schemas_by_digest};
use windlass_core::marks::{FIELD_MANAGER, INVENTORY_API_VERSION};
use windlass_core::plan::action::Takeover;
use windlass_core::plan::{PlannedObject, ProviderSpec, Readiness};
use windlass_core::recorded::Effect;
use windlass_kubeschema::Bundle;
use windlass_kubeschema::facts_table::{bundle, latest};
use windlass_run::ports::{Ensured, Outcome, StepError};

use crate::apply::{MayTake, conflicts_are_listed, conflicts_with_ourselves, marks};
use crate::error::{ApiError, failed};
use crate::kinds::ObjectRef;
use crate::plane::{Force, Persist, Plane};
use crate::planes::uid;
use crate::request::fill;
use crate::work::{Work, more};

/// Carries out the step.
pub async fn run(
    work: &Work<'_>,
    plane: &Address,
    provider: &ProviderSpec,
    objects: &[PlannedObject],
    takeovers: &[Takeover],
) -> Result<Outcome, StepError> {
    let plane = work.plane(plane).await?;
    let bundle = if provider.is_cert_manager() { None } else { Some(facts(&provider.facts, &provider.version)?) };
    let mut effects = Vec::new();
    let mut ensured = Ensured::NotNeeded;
    let install = provider.install && !runs_for_others(work, &plane, provider).await?;
    let carried = if install { carried(bundle) } else { BTreeMap::new() };
    for object in objects.iter().filter(|_| install) {
        work.patience.go_on()?;
        if object.api_version == INVENTORY_API_VERSION {
            let established = ObjectRef::new(CRD_API_VERSION, DEFINITION, None, INVENTORY_DEFINITION);
            work.ready(&plane, &established, &Readiness::Established).await?;
        }
        let (effect, done) = send(work, &plane, object, takeovers, &carried).await?;
        effects.push(effect);
        ensured = more(ensured, done);
    }
    let crds = kinds_of(provider, objects, bundle);
    let _watches = work.watches.keep(&plane, &crds).await;
    for reference in &crds {
        let live = work.ready(&plane, reference, &Readiness::Established).await?;
        has_contract(live.as_ref(), provider, reference)?;
    }
    let managers = managers_of(provider, objects);
    let _watches = work.watches.keep(&plane, &managers).await;
    for manager in &managers {
        work.ready(&plane, manager, &Readiness::Healthy).await?;
    }
    let probed = probe(work, &plane, provider, objects, bundle).await?;
    Ok(Outcome {
        evidence: json!({"provider": provider.label, "version": provider.version, "crds": crds.len(), "probed": probed}),
        effects,
        ensured,
    })
}

const CRD_API_VERSION: &str = "apiextensions.k8s.io/v1";
const DEFINITION: &str = "CustomResourceDefinition";
/// clusterctl's own kind.
const INVENTORY_DEFINITION: &str = "providers.clusterctl.cluster.x-k8s.io";

fn facts(name: &str, version: &str) -> Result<&'static Bundle, StepError> {
    let missing =
        || failed(format!("this windlass carries no facts of {name} {version}"), "use a version that `windlass providers show` lists");
    bundle(name, version).and_then(Result::ok).ok_or_else(missing)
}

/// The definitions that a provider brings; clusterctl's own kind, which comes with the first one, is not the provider's.
fn definitions(objects: &[PlannedObject]) -> impl Iterator<Item = &PlannedObject> {
    objects.iter().filter(|object| object.key.kind == DEFINITION && object.key.name != INVENTORY_DEFINITION)
}

/// The kinds that must be served: those that it brings, or, where somebody else has installed it, those of the carried facts.
fn kinds_of(provider: &ProviderSpec, objects: &[PlannedObject], bundle: Option<&Bundle>) -> Vec<ObjectRef> {
    let own: Vec<ObjectRef> = definitions(objects).map(|object| ObjectRef::of_key(&object.key, &object.api_version)).collect();
    let Some(bundle) = bundle.filter(|_| own.is_empty()) else { return own };
    let belongs = |crd: &Json| {
        let group = crd.pointer("/spec/group").and_then(Json::as_str).unwrap_or_default();
        provider.groups.is_empty() || provider.groups.iter().any(|wanted| wanted == group)
    };
    bundle.crd_objects().iter().filter(|crd| belongs(crd)).filter_map(ObjectRef::of).collect()
}

/// The Deployments that it brings, or the one that it is known by.
fn managers_of(provider: &ProviderSpec, objects: &[PlannedObject]) -> Vec<ObjectRef> {
    let own = objects.iter().filter(|object| object.key.kind == "Deployment");
    let own: Vec<ObjectRef> = own.map(|object| ObjectRef::of_key(&object.key, &object.api_version)).collect();
    match own.is_empty() {
        true => vec![ObjectRef::new("apps/v1", "Deployment", Some(&provider.namespace), &provider.deployment)],
        false => own,
    }
}

fn has_contract(live: Option<&Json>, provider: &ProviderSpec, reference: &ObjectRef) -> Result<(), StepError> {
    // The core provider keeps no contract, it is what the others keep theirs with; its kinds are released without the label.
    if provider.contract.is_empty() || provider.r#type == "CoreProvider" {
        return Ok(());
    }
    let label = format!("cluster.x-k8s.io/{}", provider.contract);
    match live.and_then(|live| live.pointer("/metadata/labels")).and_then(|labels| labels.get(&label)) {
        Some(_) => Ok(()),
        None => Err(failed(
            format!("{} lacks the label {label}, by which Cluster API finds the version to speak", reference.name),
            format!("install {} {} with clusterctl, or let windlass install it", provider.label, provider.version),
        )),
    }
}

/// Somebody else's installation of the same version is used as it is; another version is refused. Of cert-manager any will do.
async fn runs_for_others(work: &Work<'_>, plane: &Plane, provider: &ProviderSpec) -> Result<bool, StepError> {
    let read = async |reference: &ObjectRef| {
        plane.get(reference).await.map_err(|error| error.during(&plane.address, &format!("read {}", reference.short())))
    };
    if provider.is_cert_manager() {
        let manager = ObjectRef::new("apps/v1", "Deployment", Some(&provider.namespace), &provider.deployment);
        let live = read(&manager).await?;
        return Ok(live.is_some_and(|live| marks(&live).0 != Some(&*work.context.lineage)));
    }
    let reference = ObjectRef::new(INVENTORY_API_VERSION, "Provider", Some(&provider.namespace), &provider.label);
    let Some(live) = read(&reference).await? else { return Ok(false) };
    let version = live.get("version").and_then(Json::as_str).unwrap_or_default();
    if version != provider.version {
        return Err(failed(
            format!("{} runs on {} in version {version}, the plan wants {}", provider.label, plane.address, provider.version),
            "upgrades of providers are not built yet: name the version that runs there",
        ));
    }
    Ok(marks(&live).0 != Some(&*work.context.lineage))
}

/// Applies one of the provider's objects and takes the fields that the plan lists; what another lineage owns is refused, and so is a
/// Secret that was there before.
async fn send(
    work: &Work<'_>,
    plane: &Plane,
    planned: &PlannedObject,
    takeovers: &[Takeover],
    carried: &BTreeMap<String, Json>,
) -> Result<(Effect, Ensured), StepError> {
    let reference = ObjectRef::of_key(&planned.key, &planned.api_version);
    let failed_to = |error: ApiError| error.during(&plane.address, &format!("apply {}", reference.short()));
    if planned.create {
        let applied = work.apply_one(plane, planned, takeovers, &BTreeMap::new()).await?;
        return Ok((work.recorded(planned, applied.uid), applied.ensured));
    }
    let before = plane.get(&reference).await.map_err(failed_to)?;
    let owner = before.as_ref().and_then(|before| marks(before).0).map(str::to_owned);
    if let Some(owner) = owner.filter(|owner| **owner != *work.context.lineage) {
        return Err(failed(
            format!("{} on {} belongs to another state ({owner})", reference.short(), plane.address),
            "use the providers as they are: `install_providers = false`",
        ));
    }
    let filled = fill(&*whole(planned, [carried, work.contents], before.as_ref())?, &work.context.secrets, &BTreeMap::new())?;
    let mut answer = plane.apply(&filled.body, FIELD_MANAGER, Force::No, Persist::Yes).await;
    let listed = || {
        let own = takeovers.iter().filter(|take| take.key == planned.key);
        own.map(|take| MayTake { path: take.path.clone(), manager: take.manager.clone() }).collect()
    };
    if answer.as_ref().is_err_and(|error| conflicts_with_ourselves(error) || conflicts_are_listed(error, listed())) {
        answer = plane.apply(&filled.body, FIELD_MANAGER, Force::Yes, Persist::Yes).await;
    }
    let live = answer.map_err(|error| failed_to(error.without(&filled.secrets)))?;
    let version = |object: &Json| object.pointer("/metadata/resourceVersion").cloned();
    let ensured = match before {
        None => Ensured::Added,
        Some(before) if version(&before) == version(&live) => Ensured::NotNeeded,
        Some(_) => Ensured::Updated,
    };
    Ok((work.recorded(planned, uid(&live).unwrap_or_default().to_owned()), ensured))
}

/// The schemas that this release carries for a provider, by digest; clusterctl's own kind comes with the first provider.
fn carried(bundle: Option<&Bundle>) -> BTreeMap<String, Json> {
    let inventory = latest("clusterctl").and_then(|file| facts(file.name, file.version).ok());
    inventory.into_iter().chain(bundle).flat_map(Bundle::crd_objects).flat_map(schemas_by_digest).collect()
}

/// The object with schemas in the place of the digests that the plan holds: those that are known, or those that live there already.
fn whole<'o>(planned: &'o PlannedObject, known: [&BTreeMap<String, Json>; 2], live: Option<&Json>) -> Result<Cow<'o, Json>, StepError> {
    if planned.key.kind != DEFINITION {
        return Ok(Cow::Borrowed(&planned.content));
    }
    let mut object = planned.content.clone();
    if known.into_iter().any(|known| restore_content(&mut object, known).is_empty()) {
        return Ok(Cow::Owned(object));
    }
    let living = live.map(|live| schemas_by_digest(live.clone())).unwrap_or_default();
    let lost = restore_content(&mut object, &living);
    if lost.is_empty() {
        return Ok(Cow::Owned(object));
    }
    Err(failed(
        format!("the schema of {} that the plan was made with is not at hand ({})", planned.key.name, lost.join(", ")),
        "apply with the component repository and the release of windlass that made the plan, or plan again",
    ))
}

/// A dry-run create: whatever the answer, that there is one proves that the webhook (if there is one) runs.
async fn probe(
    work: &Work<'_>,
    plane: &Plane,
    provider: &ProviderSpec,
    objects: &[PlannedObject],
    bundle: Option<&Bundle>,
) -> Result<String, StepError> {
    let of_components = || definitions(objects).find_map(|object| probed_kind(&object.content));
    let Some((api_version, kind)) = of_components().or_else(|| bundle.and_then(|bundle| carried_kind(provider, bundle))) else {
        return Ok(String::new());
    };
    let object = json!({
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": "windlass-probe", "namespace": provider.namespace},
        // The schema of an Issuer comes before its webhook.
        "spec": if kind == ISSUER { json!({"selfSigned": {}}) } else { json!({}) },
    });
    let what = format!("the webhooks of {} on {}", provider.label, plane.address);
    let plane = plane.once();
    let answer = || async {
        match plane.create(&object, FIELD_MANAGER, Persist::No).await {
            Ok(_) => Ok(kind.clone()),
            Err(ApiError::Status { code: 400 | 403 | 409 | 422, .. }) => Ok(kind.clone()),
            Err(error) => Err(error.to_string()),
        }
    };
    work.patience.poll(std::time::Duration::from_millis(500), &what, answer).await
}

/// The kind by which cert-manager is asked (cmd/clusterctl/client/cluster/cert_manager.go does the same).
const ISSUER: &str = "Issuer";

/// `apiVersion` and kind of a definition, if objects of it may be asked for by a dry run.
fn probed_kind(definition: &Json) -> Option<(String, String)> {
    let text = |pointer: &str| definition.pointer(pointer).and_then(Json::as_str);
    let (group, kind) = (text("/spec/group")?, text("/spec/names/kind")?);
    let is = |version: &Json, what: &str| version.get(what).and_then(Json::as_bool) == Some(true);
    let versions = definition.pointer("/spec/versions")?.as_array()?;
    let stored = versions.iter().find(|version| is(version, "storage") && is(version, "served"))?.get("name")?.as_str()?;
    let wanted = if group == "cert-manager.io" { kind == ISSUER } else { !kind.ends_with("Template") };
    (wanted && text("/spec/scope") == Some("Namespaced")).then(|| (format!("{group}/{stored}"), kind.to_owned()))
}

/// The same of a kind in the carried facts.
fn carried_kind(provider: &ProviderSpec, bundle: &Bundle) -> Option<(String, String)> {
    let in_group = |group: &String| provider.groups.is_empty() || provider.groups.contains(group);
    let namespaced = |fact: &&windlass_kubeschema::KindFact| {
        in_group(&fact.group) && fact.served && fact.storage && fact.scope == windlass_kubeschema::facts::Scope::Namespaced
    };
    let fact = bundle.kinds.iter().filter(namespaced).find(|fact| !fact.kind.ends_with("Template"))?;
    Some((fact.api_version(), fact.kind.clone()))
}
