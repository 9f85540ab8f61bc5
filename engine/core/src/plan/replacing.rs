//! Objects that no update puts right, since the API never changes the field that is wrong: most are deleted and made again, those that
//! hold data are a person's to delete. Makes no step.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::action::DoomedObject;
use super::verdict::{Repair, Verdict, View};
use crate::addr::Address;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::diff::LeafDiff;
use crate::immutable::{is_fixed, must_be_made_again};

impl View<'_> {
    /// Whether the API refuses to put this leaf of an object right.
    pub(super) fn is_fixed(&self, repair: &Repair, leaf: &LeafDiff) -> bool {
        let key = &repair.key;
        !repair.drift.is_lost() && self.facts.object(key).is_some_and(|live| is_fixed(&key.group, &key.kind, live, &leaf.path))
    }

    /// The living object that is deleted so that the one that is wished can be made: recorded as ours, and the very one that was read.
    pub(super) fn in_the_way(&self, repair: &Repair) -> Option<DoomedObject> {
        let key = &repair.key;
        let wish = repair.wish.as_ref().filter(|_| self.recorded.made(key).is_some())?;
        let leaves = repair.drift.leaves.iter().map(|leaf| &leaf.path);
        let stands = |live: &&Json| !repair.drift.is_lost() && must_be_made_again(&key.group, &key.kind, live, leaves);
        let live = self.facts.object(key).filter(stands)?;
        let uid = live.pointer("/metadata/uid").and_then(Json::as_str).filter(|uid| !uid.is_empty())?;
        Some(DoomedObject { key: key.clone(), api_version: wish.api_version.clone(), uid: Some(uid.to_owned()) })
    }

    /// Objects that a plan can neither update nor make again.
    pub(super) fn refuse_unchangeable(&self, verdicts: &BTreeMap<Address, Verdict>, diagnostics: &mut Diagnostics) {
        for (address, verdict) in verdicts {
            for repair in verdict.repairs().iter().filter(|repair| self.in_the_way(repair).is_none()) {
                let fixed: Vec<String> = repair
                    .drift
                    .leaves
                    .iter()
                    .filter(|leaf| self.is_fixed(repair, leaf))
                    .map(|leaf| format!("`{}`", leaf.path_text()))
                    .collect();
                if !fixed.is_empty() {
                    diagnostics.push(self.unchangeable(address, repair, &fixed));
                }
            }
        }
    }

    fn unchangeable(&self, address: &Address, repair: &Repair, fixed: &[String]) -> Diagnostic {
        let key = &repair.key;
        let namespace = key.namespace.as_ref().map(|namespace| format!("-n {namespace} ")).unwrap_or_default();
        let summary = format!("{address}: {key} is not as it was applied, and Kubernetes lets nobody change it back");
        let mut diagnostic = Diagnostic::error(Code::UNCHANGEABLE, summary)
            .detail(format!(
                "{} {} fixed as long as the object lives, and windlass does not delete what holds data.",
                fixed.join(", "),
                if fixed.len() == 1 { "is" } else { "are" }
            ))
            .hint(format!(
                "save what it holds, then `kubectl {namespace}delete {} {}`; the next apply makes it again",
                key.kind.to_lowercase(),
                key.name
            ));
        diagnostic.primary = self.wishes.resources.get(address).and_then(|wish| wish.resource.span);
        diagnostic
    }
}
