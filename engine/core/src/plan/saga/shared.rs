//! What several clusters share: providers and clouds on the management plane (steps 1 and 2). Knows no single cluster.

use std::collections::BTreeMap;

use super::objects::{begin_and_end, component, doomed, may_go, once_clear, planned, repair_objects};
use super::steps::Draft;
use crate::addr::{Address, Root};
use crate::plan::action::DoomedObject;
use crate::plan::verdict::{Repair, Verdict, View};
use crate::plan::{Action, PlannedObject};
use crate::recorded::{Effect, ResourceStatus};

/// Seconds for steps that belong to no cluster.
pub(super) const SHARED_TIMEOUT: u64 = 3600;

type Verdicts = BTreeMap<Address, Verdict>;

/// Step 1: CAPI and the clouds' providers on the management plane, one after the other.
pub(in crate::plan) fn providers(view: &View<'_>, verdicts: &Verdicts, draft: &mut Draft) {
    let mut previous = None;
    for provider in &view.desired.providers {
        let Some(verdict) = verdicts.get(&provider.address) else { continue };
        if matches!(verdict, Verdict::Keep) {
            continue;
        }
        let plane = provider.address.root();
        let objects = view.components(&provider.address).map(|object| component(view, &object, &plane)).collect();
        let takeovers = verdict.repairs().iter().flat_map(Repair::takeovers).collect();
        let action = Action::EnsureProvider { plane, provider: provider.spec.clone(), objects, takeovers };
        let needs = once_clear(view, &provider.address, &action, verdict.repairs(), previous, SHARED_TIMEOUT, draft);
        let step = draft.add(&provider.address, action, needs, SHARED_TIMEOUT);
        begin_and_end(view, verdict, &provider.address, step, step, draft);
        previous = Some(step);
    }
}

/// What an earlier attempt meant to make and nobody asks for any more.
fn given_up(view: &View<'_>, address: &Address, wanted: &[PlannedObject]) -> Vec<DoomedObject> {
    let intended = view.index.owned(address).iter().filter(|(_, object)| object.uid.is_empty());
    let dropped = intended.filter(|(key, _)| !wanted.iter().any(|object| &object.key == *key));
    dropped.filter(|(key, object)| may_go(view, key, object)).map(|(key, object)| doomed(view, key, object)).collect()
}

/// Step 2: identities and their Secrets on the management plane.
pub(in crate::plan) fn clouds(view: &View<'_>, verdicts: &Verdicts, draft: &mut Draft) {
    for (address, wish) in &view.wishes.resources {
        let Some(verdict) = verdicts.get(*address).filter(|_| matches!(address.root, Root::Cloud(..))) else { continue };
        let needs: Vec<u32> = view.desired.providers.iter().filter_map(|provider| draft.ready.get(&provider.address).copied()).collect();
        if verdict.makes() && wish.objects.is_empty() {
            // A cloud without identities is known to the state alone.
            let step = draft.record(address, Vec::new(), needs);
            begin_and_end(view, verdict, address, step, step, draft);
        } else if verdict.makes() {
            let plane = view.management(address);
            let objects: Vec<PlannedObject> = wish.objects.iter().map(|object| planned(view, object, &plane)).collect();
            let takeovers = verdict.takeovers_on(&plane);
            let prune = given_up(view, address, &objects);
            let action = Action::Apply { plane, objects, takeovers, prune };
            let needs = once_clear(view, address, &action, verdict.repairs(), needs, SHARED_TIMEOUT, draft);
            let step = draft.add(address, action, needs, SHARED_TIMEOUT);
            begin_and_end(view, verdict, address, step, step, draft);
        } else {
            let first = draft.steps.len();
            repair_objects(view, address, verdict.repairs(), needs, SHARED_TIMEOUT, draft);
            let steps: Vec<u32> = (first..draft.steps.len()).filter_map(|step| u32::try_from(step).ok()).collect();
            if let (Verdict::Update(_), false) = (verdict, steps.is_empty()) {
                let ready = Effect::Resource { address: (*address).clone(), resource: wish.record(ResourceStatus::Ready) };
                let last = draft.record(address, vec![ready], steps);
                draft.ready.insert((*address).clone(), last);
            }
        }
    }
}
