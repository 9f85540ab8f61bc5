//! `PublishLayer`: a layer is handed to the agent, and its status is waited for.

use jiff::Timestamp;
use serde_json::{Value as Json, json};
use windlass_core::addr::Address;
use windlass_core::agent_objects::{LAYER_KIND, LAYER_STALLED};
use windlass_core::marks::{AGENT_API_VERSION, AGENT_NAME, FIELD_MANAGER, SYSTEM_NAMESPACE};
use windlass_core::plan::action::LayerContent;
use windlass_run::ports::{Ensured, Outcome, StepError};

use super::apply_layer::{effects, takeovers_by_object};
use super::wait_agent::{beats, replace_pods_of_former_account};
use crate::apply::mark;
use crate::error::{ApiError, failed, refused};
use crate::kinds::ObjectRef;
use crate::layers::content::{LABEL_LAYER, LayerName, layer_reference, pack};
use crate::layers::inventory;
use crate::leases::LEASE_API_VERSION;
use crate::plane::{Force, Only, Persist, Plane, encode};
use crate::ready::condition::{condition, observed};
use crate::remove::foreign_content;
use crate::request::fill;
use crate::watch::View;
use crate::work::Work;

pub async fn run(work: &Work<'_>, plane: &Address, layer: &LayerContent, repair: Option<&str>) -> Result<Outcome, StepError> {
    let plane = work.plane(plane).await?;
    let doing = format!("publish layer {}", layer.name);
    let failed_to = |error: ApiError| error.during(&plane.address, &doing);
    refuse_containers_of_others(work, &plane, layer).await?;
    // An agent whose account somebody made anew is dead and says nothing of it; no plan knows.
    replace_pods_of_former_account(work, &plane).await?;

    let unknown = work.unknown_of(&layer.objects).await?;
    let mut bodies = Vec::with_capacity(layer.objects.len());
    for object in &layer.objects {
        bodies.push(fill(&object.content, &work.context.secrets, &unknown)?.body);
    }
    let address = layer.address.to_string();
    let name = LayerName { name: &layer.name, digest: &layer.digest, lineage: &work.context.lineage, address: &address };
    let secrets = pack(&name, &bodies).map_err(|error| failed(format!("layer {} cannot be packed: {error}", layer.name), "plan again"))?;
    let names: Vec<&str> = secrets.iter().map(crate::ready::machines::name).collect();

    let reference = layer_reference(&layer.name);
    let before = plane.get(&reference).await.map_err(failed_to)?;
    for secret in &secrets {
        // The server's words on a content Secret could quote it.
        let answer = plane.apply(secret, FIELD_MANAGER, Force::Yes, Persist::Yes).await;
        answer.map_err(|error| failed_to(error.without(&[quoted(secret)])))?;
    }
    let wanted = layer_object(work, layer, &names, repair, &address);
    let live = plane.apply(&wanted, FIELD_MANAGER, Force::Yes, Persist::Yes).await.map_err(failed_to)?;

    let asked_again = forget_stall(&plane, &reference, &live).await.map_err(failed_to)?;

    let watch = work.watch(&plane, AGENT_API_VERSION, LAYER_KIND, Some(SYSTEM_NAMESPACE)).await?;
    let leases = work.watch(&plane, LEASE_API_VERSION, "Lease", Some(SYSTEM_NAMESPACE)).await?;
    let what = format!("layer {} on {}", layer.name, plane.address);
    let asked = Asked { digest: &layer.digest, repair, again: asked_again };
    let judge_with_silence = |view: &View| {
        let said = judge(view.get(Some(SYSTEM_NAMESPACE), &layer.name), &asked);
        said.map_err(|why| with_silence(why, &leases.view(), Timestamp::now()))
    };
    match work.patience.until_beside(&watch, std::slice::from_ref(&leases), &what, judge_with_silence).await? {
        Said::Ready => {}
        Said::Stalled(words) => {
            return Err(refused(
                format!("{what}: {words}"),
                "mend the configuration or what is in the cluster, then apply again; the agent keeps trying meanwhile",
            ));
        }
    }

    remove_old_content(&plane, layer, &names).await.map_err(failed_to)?;
    let inventory = inventory::read(&plane, &layer.name).await.map_err(failed_to)?;
    let ensured = match before {
        None => Ensured::Added,
        Some(before) if before.pointer("/metadata/generation") == live.pointer("/metadata/generation") => Ensured::NotNeeded,
        Some(_) => Ensured::Updated,
    };
    Ok(Outcome {
        evidence: json!({"layer": layer.name, "digest": layer.digest, "objects": layer.objects.len()}),
        effects: effects(work, layer, &inventory),
        ensured,
    })
}

/// A stall of this spec from an earlier attempt is no answer to this one, since the world may have been mended meanwhile: it is wiped, and
/// the agent, which sees that, tries again at once. Gives the version of the object from which on its words count.
async fn forget_stall(plane: &Plane, reference: &ObjectRef, live: &Json) -> Result<Option<u64>, ApiError> {
    if !is_stalled(live) {
        return Ok(None);
    }
    let wiped = plane.merge_status(reference, &json!({"status": {"conditions": null}}), FIELD_MANAGER).await?;
    Ok(version(&wiped))
}

fn is_stalled(live: &Json) -> bool {
    observed(live).is_ok() && condition(live, LAYER_STALLED).is_some_and(|stalled| stalled.status == "True")
}

/// Versions of one object grow (Kubernetes promises it since 1.35, and etcd never did otherwise).
fn version(live: &Json) -> Option<u64> {
    live.pointer("/metadata/resourceVersion").and_then(Json::as_str)?.parse().ok()
}

/// What the agent was asked for.
struct Asked<'a> {
    digest: &'a str,
    repair: Option<&'a str>,
    /// It was asked again at this version of the object.
    again: Option<u64>,
}

/// The agent's last word.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Ready,
    /// It cannot be applied, in these words.
    Stalled(String),
}

/// What the agent says of a layer.
fn judge(live: Option<&Json>, asked: &Asked<'_>) -> Result<Said, String> {
    let live = live.ok_or_else(|| "it is not there yet".to_owned())?;
    observed(live).map_err(|_| "the agent has not looked at it yet".to_owned())?;
    if is_stalled(live) {
        if version(live) < asked.again {
            return Err("the agent has not tried it again yet".to_owned());
        }
        return Ok(Said::Stalled(condition(live, LAYER_STALLED).map(|stalled| stalled.words()).unwrap_or_default()));
    }
    let said = condition(live, "Ready");
    let text = |pointer: &str| live.pointer(pointer).and_then(Json::as_str);
    let done = text("/status/digest") == Some(asked.digest) && (asked.repair.is_none() || text("/status/repaired") == asked.repair);
    match said {
        Some(c) if c.status == "True" && done => Ok(Said::Ready),
        Some(c) if c.status == "True" => Err("the agent has not applied the new content yet".to_owned()),
        Some(c) => Err(c.words()),
        None => Err("the agent has said nothing of it yet".to_owned()),
    }
}

/// Why a layer is waited for, and that the agent gives no sign of life, if it gives none.
fn with_silence(why: String, leases: &View, now: Timestamp) -> String {
    if leases.objects.is_none() {
        return why;
    }
    match beats(leases.get(Some(SYSTEM_NAMESPACE), AGENT_NAME), now) {
        Ok(_) => why,
        Err(silence) => format!("{why} (agent: {silence})"),
    }
}

/// A Namespace or CRD that goes must hold nothing of others; the agent only sees the layer, so it is looked at here too.
async fn refuse_containers_of_others(work: &Work<'_>, plane: &Plane, layer: &LayerContent) -> Result<(), StepError> {
    for object in layer.prune.iter().filter(|object| matches!(object.key.kind.as_str(), "Namespace" | "CustomResourceDefinition")) {
        let reference = ObjectRef::of_key(&object.key, &object.api_version);
        let live = plane.get(&reference).await.map_err(|e| e.during(&plane.address, &format!("read {}", reference.short())))?;
        if let Some(live) = live {
            let foreign = foreign_content(plane, &live, &work.context.lineage).await?;
            if !foreign.is_empty() {
                return Err(failed(
                    format!("{} on {} holds objects that are not ours: {}", reference.short(), plane.address, foreign.join(", ")),
                    "delete or move them first",
                ));
            }
        }
    }
    Ok(())
}

fn layer_object(work: &Work<'_>, layer: &LayerContent, secrets: &[&str], repair: Option<&str>, address: &str) -> Json {
    let takeovers: Vec<Json> = takeovers_by_object(layer)
        .into_iter()
        .flat_map(|(object, listed)| {
            listed.into_iter().map(move |take| {
                json!({
                    "apiVersion": object.api_version, "kind": object.kind, "namespace": object.namespace, "name": object.name,
                    "path": take.path, "manager": take.manager,
                })
            })
        })
        .collect();
    let mut spec = json!({"digest": layer.digest, "secrets": secrets, "dependsOn": layer.depends_on, "mode": layer.mode});
    if let Some(fields) = spec.as_object_mut() {
        if let Some(repair) = repair {
            fields.insert("repair".to_owned(), json!(repair));
        }
        if !takeovers.is_empty() {
            fields.insert("takeovers".to_owned(), Json::Array(takeovers.into_iter().map(without_nulls).collect()));
        }
    }
    let mut object = json!({
        "apiVersion": AGENT_API_VERSION,
        "kind": LAYER_KIND,
        "metadata": {"name": layer.name, "namespace": SYSTEM_NAMESPACE},
        "spec": spec,
    });
    mark(&mut object, &work.context.lineage, address);
    object
}

fn without_nulls(mut object: Json) -> Json {
    if let Some(fields) = object.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    object
}

async fn remove_old_content(plane: &Plane, layer: &LayerContent, present: &[&str]) -> Result<(), ApiError> {
    remove_content(plane, &layer.name, present).await
}

/// Deletes a layer's content Secrets except these.
pub async fn remove_content(plane: &Plane, layer: &str, except: &[&str]) -> Result<(), ApiError> {
    let label = format!("{LABEL_LAYER}={layer}");
    for secret in plane.list("v1", "Secret", Some(SYSTEM_NAMESPACE), Some(&label)).await? {
        if let Some(reference) = ObjectRef::of(&secret).filter(|reference| !except.contains(&reference.name.as_str())) {
            plane.delete(&reference, Only { uid: crate::planes::uid(&secret) }).await?;
        }
    }
    Ok(())
}

fn quoted(secret: &Json) -> String {
    let content = secret.pointer("/data/content").and_then(Json::as_str).unwrap_or_default();
    // An empty text would match everywhere.
    if content.is_empty() { encode("no content") } else { content.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_agents_word_is_believed_only_for_the_present_content() {
        let live = |digest: &str, generation: u64, ready: &str| {
            json!({
                "metadata": {"generation": 2},
                "status": {
                    "observedGeneration": generation, "digest": digest, "repaired": "r1",
                    "conditions": [{"type": "Ready", "status": ready, "reason": "Progressing", "message": "DaemonSet a/b: 0 of 1"}],
                },
            })
        };
        for (object, repair, expected) in [
            (live("d", 2, "True"), None, "ready"),
            (live("d", 2, "True"), Some("r1"), "ready"),
            (live("d", 2, "True"), Some("r2"), "the agent has not applied the new content yet"),
            (live("d", 1, "True"), None, "the agent has not looked at it yet"),
            (live("old", 2, "True"), None, "the agent has not applied the new content yet"),
            (live("d", 2, "False"), None, "Progressing: DaemonSet a/b: 0 of 1"),
        ] {
            let asked = Asked { digest: "d", repair, again: None };
            assert_eq!(judge(Some(&object), &asked).err().as_deref().unwrap_or("ready"), expected);
        }
        assert!(judge(None, &Asked { digest: "d", repair: None, again: None }).is_err());
    }

    #[test]
    fn an_agent_that_is_silent_is_named() {
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let seen = |leases: &[&str]| {
            let lease = |renewed: &&str| std::sync::Arc::new(json!({"spec": {"renewTime": renewed}}));
            let key = (SYSTEM_NAMESPACE.to_owned(), AGENT_NAME.to_owned());
            View { objects: Some(std::sync::Arc::new(leases.iter().map(|renewed| (key.clone(), lease(renewed))).collect())), trouble: None }
        };
        for (leases, expected) in [
            (View::default(), "why"),
            (seen(&["2026-01-02T03:04:00.000000Z"]), "why"),
            (seen(&["2026-01-02T02:04:05.000000Z"]), "why (agent: its last heartbeat is 3600 s old)"),
            (seen(&[]), "why (agent: it has not sent a heartbeat yet)"),
        ] {
            assert_eq!(with_silence("why".to_owned(), &leases, now), expected);
        }
    }

    #[test]
    fn a_stall_counts_from_the_moment_of_asking() {
        let live = |generation: u64, version: &str| {
            json!({
                "metadata": {"generation": 2, "resourceVersion": version},
                "status": {
                    "observedGeneration": generation,
                    "conditions": [
                        {"type": "Ready", "status": "False", "reason": "ApplyRefused", "message": "m"},
                        {"type": "Stalled", "status": "True", "reason": "ApplyRefused", "message": "m"},
                    ],
                },
            })
        };
        let asked = |again| Asked { digest: "d", repair: None, again };
        let stalled = Ok(Said::Stalled("ApplyRefused: m".to_owned()));
        assert_eq!(judge(Some(&live(2, "7")), &asked(None)), stalled);
        assert_eq!(judge(Some(&live(2, "9")), &asked(Some(8))), stalled);
        assert_eq!(judge(Some(&live(2, "7")), &asked(Some(8))), Err("the agent has not tried it again yet".to_owned()));
        assert_eq!(judge(Some(&live(1, "9")), &asked(None)), Err("the agent has not looked at it yet".to_owned()), "of an older spec");
    }
}
