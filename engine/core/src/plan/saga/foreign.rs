//! What a cluster holds in its cloud beside its machines: load balancers of Services, disks of claims. Found before it is destroyed.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::addr::Address;
use crate::diff::Owners;
use crate::facts::Facts;
use crate::marks::LABEL_LINEAGE;
use crate::object::ObjectKey;
use crate::plan::action::DoomedObject;
use crate::plan::index::on_plane as live_on_plane;
use crate::recorded::Recorded;

/// A Service or claim that must go before its cluster, so that the cloud gets back what it holds for it.
#[derive(Debug)]
pub(super) struct CloudHolding {
    pub(super) object: DoomedObject,
    /// As the plan lists it: namespace, name, size, field manager.
    pub(super) line: String,
    /// Comes from one of our layers.
    pub(super) ours: bool,
}

/// Services of type LoadBalancer, then claims whose volume is deleted with them, on a cluster's plane.
pub(super) fn cloud_holdings(cluster: &Address, recorded: &Recorded, facts: &Facts) -> Vec<CloudHolding> {
    let of_kind = |kind: &'static str| live_on_plane(facts, cluster).filter(move |(key, _)| key.kind == kind);
    let mut holdings = Vec::new();
    for (key, live) in of_kind("Service").filter(|(key, _)| key.group.is_empty()) {
        if text(live, "/spec/type") == "LoadBalancer" {
            holdings.push(holding(key, live, "load balancer", is_ours(key, live, recorded)));
        }
    }
    let volumes: BTreeMap<&str, &Json> = of_kind("PersistentVolume").map(|(key, live)| (key.name.as_str(), live)).collect();
    let deleted_with_claim =
        |name: &str| volumes.get(name).is_none_or(|volume| text(volume, "/spec/persistentVolumeReclaimPolicy") == "Delete");
    let sets: Vec<String> = of_kind("StatefulSet")
        .filter(|(key, live)| is_ours(key, live, recorded))
        .flat_map(|(key, live)| {
            let templates = live.pointer("/spec/volumeClaimTemplates").and_then(Json::as_array).cloned().unwrap_or_default();
            let namespace = key.namespace.clone().unwrap_or_default();
            let name = key.name.clone();
            templates.into_iter().map(move |template| format!("{namespace}/{}-{name}-", text(&template, "/metadata/name")))
        })
        .collect();
    for (key, live) in of_kind("PersistentVolumeClaim") {
        if deleted_with_claim(text(live, "/spec/volumeName")) {
            let full = format!("{}/{}", key.namespace.as_deref().unwrap_or(""), key.name);
            let of_set = sets.iter().any(|stem| full.strip_prefix(stem.as_str()).is_some_and(|ordinal| ordinal.parse::<u32>().is_ok()));
            let size = text(live, "/spec/resources/requests/storage");
            holdings.push(holding(key, live, size, of_set || is_ours(key, live, recorded)));
        }
    }
    holdings
}

fn is_ours(key: &ObjectKey, live: &Json, recorded: &Recorded) -> bool {
    recorded.objects.contains_key(key)
        || live.get("metadata").and_then(|metadata| metadata.get("labels")?.get(LABEL_LINEAGE)?.as_str()) == Some(recorded.lineage.as_str())
}

fn holding(key: &ObjectKey, live: &Json, size: &str, ours: bool) -> CloudHolding {
    let owner = Owners::of(live).actor(&windlass_kubeschema::fieldpath::FieldPath::of_fields(["spec"]));
    let manager = owner.map_or_else(|| "unknown".to_owned(), |actor| actor.manager);
    let uid = Some(text(live, "/metadata/uid").to_owned()).filter(|uid| !uid.is_empty());
    let object = DoomedObject { key: key.clone(), api_version: "v1".to_owned(), uid };
    CloudHolding { object, line: format!("{} ({size}), field manager {manager}", key.short()), ours }
}

fn text<'l>(live: &'l Json, pointer: &str) -> &'l str {
    live.pointer(pointer).and_then(Json::as_str).unwrap_or("")
}
