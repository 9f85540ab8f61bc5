//! A namespace that is being deleted: its objects go first, then it goes itself.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::conditions::{Condition, say};
use crate::plane::Plane;
use crate::verbs::{Call, DeleteOptions, Mode, Propagation, delete_object, update_object};
use crate::world::{GroupResource, ObjectKey, Place, Stored};

const MANAGER: &str = "kube-controller-manager";

/// Deletes what is in the namespace; if nothing is left, takes the finalizer `kubernetes` from it.
pub(super) async fn sweep(plane: &Plane, namespace: &str) {
    let namespaces = GroupResource::new("", "namespaces");
    let key = ObjectKey::new("", namespace);
    let alive = plane.world().get(&namespaces, &key).is_none_or(|stored| stored.meta("deletionTimestamp").is_empty());
    if alive {
        return;
    }
    let mut left = Left::default();
    let kinds = plane.kinds();
    for id in plane.world().resources() {
        let Some(resource) = kinds.resource(&id).filter(|resource| resource.namespaced) else { continue };
        for stored in plane.world().list(&id, namespace, None).0 {
            if !stored.meta("deletionTimestamp").is_empty() {
                continue;
            }
            let Some(mut call) = Call::internal(plane, resource, &stored.key, MANAGER) else { continue };
            let options = DeleteOptions { propagation: Some(Propagation::Background), ..DeleteOptions::default() };
            if let Err(failure) = delete_object(&mut call, &options).await
                && failure.code != 404
            {
                tracing::warn!(namespace, failure.message, "namespace deletion");
                left.failed.push(failure.message);
            }
        }
        left.count(&id, &plane.world().list(&id, namespace, None).0);
    }
    let place = Place { resource: namespaces.clone(), key: key.clone() };
    say(plane, &place, &left.conditions(), MANAGER).await;
    if !left.kinds.is_empty() {
        return;
    }
    let Some(mut call) = kinds.resource(&namespaces).and_then(|resource| Call::internal(plane, resource, &key, MANAGER)) else {
        return;
    };
    let mode = Mode { subresource: Some("finalize"), track: true };
    let done = update_object(&mut call, mode, |old| {
        let mut next = old.value.clone();
        if let Some(list) = next.pointer_mut("/spec/finalizers").and_then(Value::as_array_mut) {
            list.retain(|finalizer| *finalizer != json!("kubernetes"));
        }
        Ok(next)
    })
    .await;
    if let Err(failure) = done {
        tracing::warn!(namespace, failure.message, "namespace deletion");
    }
}

/// What is still in a namespace.
#[derive(Debug, Default)]
struct Left {
    /// `pods.` or `deployments.apps`, and how many.
    kinds: BTreeMap<String, usize>,
    finalizers: BTreeMap<String, usize>,
    failed: Vec<String>,
}

impl Left {
    fn count(&mut self, resource: &GroupResource, objects: &[std::sync::Arc<Stored>]) {
        if objects.is_empty() {
            return;
        }
        self.kinds.insert(format!("{}.{}", resource.plural, resource.group), objects.len());
        for stored in objects {
            let finalizers = stored.value.pointer("/metadata/finalizers").and_then(Value::as_array).into_iter().flatten();
            for finalizer in finalizers.filter_map(Value::as_str) {
                *self.finalizers.entry(finalizer.to_owned()).or_default() += 1;
            }
        }
    }

    /// The conditions that kube-controller-manager keeps on a namespace while it goes (`status_condition_utils.go`).
    fn conditions(&self) -> Vec<Condition> {
        let joined = |parts: Vec<String>| parts.join(", ");
        let kinds = joined(self.kinds.iter().map(|(kind, count)| format!("{kind} has {count} resource instances")).collect());
        let held = joined(self.finalizers.iter().map(|(name, count)| format!("{name} in {count} resource instances")).collect());
        let mut failed = self.failed.clone();
        failed.sort();
        let failed = format!("Failed to delete all resource types, {} remaining: {}", failed.len(), failed.join(", "));
        let condition = |kind, holds: bool, bad: (&'static str, String), good: (&'static str, &str)| Condition {
            kind,
            holds,
            reason: if holds { bad.0 } else { good.0 },
            message: if holds { bad.1 } else { good.1.to_owned() },
        };
        let never = || ("", String::new());
        vec![
            condition(
                "NamespaceDeletionDiscoveryFailure",
                false,
                never(),
                ("ResourcesDiscovered", "All resources successfully discovered"),
            ),
            condition(
                "NamespaceDeletionGroupVersionParsingFailure",
                false,
                never(),
                ("ParsedGroupVersions", "All legacy kube types successfully parsed"),
            ),
            condition(
                "NamespaceDeletionContentFailure",
                !self.failed.is_empty(),
                ("ContentDeletionFailed", failed),
                ("ContentDeleted", "All content successfully deleted, may be waiting on finalization"),
            ),
            condition(
                "NamespaceContentRemaining",
                !self.kinds.is_empty(),
                ("SomeResourcesRemain", format!("Some resources are remaining: {kinds}")),
                ("ContentRemoved", "All content successfully removed"),
            ),
            condition(
                "NamespaceFinalizersRemaining",
                !self.finalizers.is_empty(),
                ("SomeFinalizersRemain", format!("Some content in the namespace has finalizers remaining: {held}")),
                ("ContentHasNoFinalizers", "All content-preserving finalizers finished"),
            ),
        ]
    }
}
