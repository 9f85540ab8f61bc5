//! Objects that a resource would make and that exist already: whose they are, and whether they may become the resource's.

use serde_json::Value as Json;
use windlass_kubeschema::fieldpath::{FieldPath, PathElement};

use super::verdict::View;
use super::wish::Placed;
use crate::addr::{Address, Part};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::diff::Owners;
use crate::drift::ObjectDrift;
use crate::encode::is_secret_object;
use crate::marks::{address_of, lineage_of};
use crate::object::ObjectKey;
use crate::recorded::RecordedObject;

impl View<'_> {
    /// Whether a live object carries our lineage and the address of this resource.
    pub(super) fn is_ours(&self, live: &Json, address: &Address) -> bool {
        lineage_of(live) == Some(&self.recorded.lineage) && address_of(live) == Some(&address.to_string())
    }

    fn is_of_another_state(&self, live: &Json) -> bool {
        lineage_of(live).is_some_and(|lineage| lineage != self.recorded.lineage)
    }

    /// Parts of a provider that no state owns and that are what is wished, marks aside, are taken as they are: an installation that was broken
    /// off or undone.
    pub(super) fn may_be_taken_over(&self, key: &ObjectKey, object: &Placed, live: &Json, address: &Address) -> bool {
        let of_provider = matches!(address.part, Some(Part::Provider(_) | Part::Pivot)) && !is_secret_object(key);
        if !of_provider || self.is_of_another_state(live) {
            return false;
        }
        let uid = live.pointer("/metadata/uid").and_then(Json::as_str).unwrap_or_default().to_owned();
        let (api_version, applied) = (object.api_version.clone(), object.content.clone());
        let wished = RecordedObject { resource: address.clone(), uid, api_version, applied };
        let differs = |drift: &ObjectDrift| drift.is_lost() || drift.leaves.iter().any(|leaf| !leaf.path_text().starts_with("metadata."));
        !self.drift_of(key, &wished).as_ref().is_some_and(differs)
    }

    /// An object that is new to a provider that stands, and that somebody else has made already.
    pub(super) fn refuse_taken(&self, address: &Address, key: &ObjectKey, object: &Placed, diagnostics: &mut Diagnostics) {
        let Some(live) = self.facts.object(key).filter(|_| matches!(address.part, Some(Part::Provider(_) | Part::Pivot))) else { return };
        if !self.is_ours(live, address) && !self.may_be_taken_over(key, object, live, address) {
            diagnostics.push(self.somebody_elses(key, object, live, address));
        }
    }

    /// The error of an object that we would make and that somebody else has made.
    pub(super) fn somebody_elses(&self, key: &ObjectKey, object: &Placed, live: &Json, address: &Address) -> Diagnostic {
        let span = object.span.or_else(|| self.wishes.resources.get(address)?.resource.span);
        let ours = lineage_of(live) == Some(&self.recorded.lineage);
        if let Some(owner) = address_of(live).filter(|_| ours) {
            let mut diagnostic = Diagnostic::error(Code::OBJECT_EXISTS, format!("{address}: {key} belongs to {owner} already"))
                .detail("Windlass has applied it for that, and it does not move from one to the other in one apply.")
                .hint(format!("leave it in {owner}; or take it out, apply without it, and put it into {address} after that"));
            diagnostic.primary = span;
            return diagnostic;
        }
        let owner = match (lineage_of(live), address_of(live)) {
            (Some(lineage), owner) => format!("it belongs to {} of the windlass state {lineage}", owner.unwrap_or("a resource")),
            _ => match Owners::of(live).actor(&FieldPath(vec![PathElement::field("metadata")])) {
                Some(actor) => format!("its fields belong to field manager {:?}", actor.manager),
                None => "it carries no mark of windlass".to_owned(),
            },
        };
        // What another state has made may be what a living cluster works with.
        let foreign = self.is_of_another_state(live);
        let of_provider = matches!(address.part, Some(Part::Provider(_) | Part::Pivot));
        let lost = "is the state file lost, or is this another folder? Put the right one back, or name it with -state=FILE, and remove nothing: \
                    docs/how-to/recover.md. If it belongs to others,";
        let hint = match (foreign, of_provider) {
            (true, false) => format!("{lost} give the cluster another `name` or `namespace`"),
            (true, true) => format!("{lost} leave their provider as it is, or take the object out of the components"),
            (false, false) => "give the cluster another `name` or `namespace`, or remove the object".to_owned(),
            (false, true) => "take the object out of the components, or remove it from the plane if nobody needs it".to_owned(),
        };
        let mut diagnostic = Diagnostic::error(Code::OBJECT_EXISTS, format!("{address}: {key} exists already and is not ours"))
            .detail(format!("Windlass would create it; {owner}."))
            .hint(hint);
        diagnostic.primary = span;
        diagnostic
    }
}
