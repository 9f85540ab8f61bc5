//! What is to be done with each resource, decided from wish, record and living objects alone. The order of doing it is the saga's.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::action::Takeover;
use super::day_two::{all_refused, changed, refusal, refused};
use super::demands::{inventory, layer_object, manager, removed};
use super::index::Index;
use super::kept_facts::{KeptCluster, kept_input};
use super::options::PlanOptions;
use super::others_providers::{check, unused_variables};
use super::published::{content_drift, layer_drift};
use super::rendering::rendering;
use super::wish::{Placed, Wish, Wishes, providers_of};
use super::{Fingerprint, Mode};
use crate::addr::{Address, Part, Root};
use crate::desired::{Desired, DesiredCluster, DesiredProvider, Home};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::diff::LeafDiff;
use crate::drift::{ObjectDrift, object_drift, resolved, unrecorded_drift};
use crate::encode::is_secret_object;
use crate::facts::Facts;
use crate::ignored::Ignored;
use crate::marks::{SYSTEM_NAMESPACE, lineage_of};
use crate::object::ObjectKey;
use crate::paused::{may_be_paused, paused_by_others};
use crate::recorded::{Recorded, RecordedObject, RecordedResource, ResourceStatus};

/// Everything that a plan is made from.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) desired: &'a Desired,
    pub(super) recorded: &'a Recorded,
    pub(super) facts: &'a Facts,
    pub(super) options: &'a PlanOptions<'a>,
    pub(super) wishes: &'a Wishes<'a>,
    pub(super) index: &'a Index<'a>,
}

/// What is to be done with a resource.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It is as it should be.
    Keep,
    /// It is made.
    Create,
    /// It was begun and is finished, with what others have done to what stands of it.
    Finish(Vec<Repair>),
    /// Living objects are not as we applied them.
    Repair(Vec<Repair>),
    /// The same wish is rendered in another way now.
    Update(Vec<Repair>),
}

impl Verdict {
    /// Whether the saga of making it is gone through.
    pub(super) fn makes(&self) -> bool {
        matches!(self, Verdict::Create | Verdict::Finish(_))
    }

    /// Objects to be put right.
    pub(super) fn repairs(&self) -> &[Repair] {
        match self {
            Verdict::Finish(repairs) | Verdict::Repair(repairs) | Verdict::Update(repairs) => repairs,
            Verdict::Keep | Verdict::Create => &[],
        }
    }

    /// Fields of what is put right on a plane that are taken back.
    pub(super) fn takeovers_on(&self, plane: &Address) -> Vec<Takeover> {
        self.repairs().iter().filter(|repair| &repair.key.plane == plane).flat_map(Repair::takeovers).collect()
    }
}

/// An object to be put right.
#[derive(Debug, Clone)]
pub(super) struct Repair {
    /// Where it is.
    pub(super) key: ObjectKey,
    /// How it should be; `None`: bookkeeping of a step, which makes it again.
    pub(super) wish: Option<Placed>,
    /// What is wrong with it.
    pub(super) drift: ObjectDrift,
}

impl Repair {
    /// Fields that others own now and that are taken back. Paths are in the API server's words, which is how it names conflicts.
    pub(super) fn takeovers(&self) -> Vec<Takeover> {
        let taken = self.drift.leaves.iter().flat_map(|leaf| leaf.others.iter().map(move |manager| (leaf.path.to_string(), manager)));
        taken
            .map(|(path, manager)| Takeover {
                key: self.key.clone(),
                path: path.trim_start_matches('.').to_owned(),
                manager: manager.clone(),
            })
            .collect()
    }
}

/// Verdicts with the fingerprints of all that was read for them.
#[derive(Default)]
pub(super) struct Verdicts {
    pub(super) by_address: BTreeMap<Address, Verdict>,
    pub(super) fingerprints: BTreeMap<ObjectKey, Fingerprint>,
    /// Lines for a reviewer.
    pub(super) warnings: Vec<String>,
}

impl<'a> View<'a> {
    /// The plane on which the CAPI objects of a cluster are in the end.
    pub(super) fn final_home(&self, cluster: &DesiredCluster) -> Address {
        if cluster.pivot { cluster.address.clone() } else { self.management(&cluster.address) }
    }

    /// The management plane.
    pub(super) fn management(&self, fallback: &Address) -> Address {
        self.desired.management.as_ref().map_or_else(|| fallback.clone(), |management| management.address.clone())
    }

    /// Whether a resource is recorded as ready.
    pub(super) fn is_ready(&self, address: &Address) -> bool {
        self.recorded.resources.get(address).is_some_and(|resource| resource.status == ResourceStatus::Ready)
    }

    /// Decides on every desired resource of these clusters, and on clouds and providers.
    pub(super) fn judge(&self, planned: &dyn Fn(&Address) -> bool, diagnostics: &mut Diagnostics) -> Verdicts {
        let mut verdicts = Verdicts::default();
        let mut changed: BTreeSet<Address> = BTreeSet::new();
        let mut rendered: Vec<(Address, Diagnostics)> = Vec::new();
        for (address, wish) in &self.wishes.resources {
            if !planned(&address.root()) {
                continue;
            }
            let others = |provider: &&DesiredProvider| !provider.spec.install || self.is_others(provider, &address.root());
            if let Some(provider) = self.desired.providers.iter().find(|provider| &provider.address == *address).filter(others) {
                let span = wish.resource.span;
                verdicts.warnings.extend(check(self, &address.root(), &provider.spec, span, diagnostics));
                diagnostics.extend(unused_variables(provider, &address.root()));
            }
            let (before, mut anew) = (diagnostics.len(), Diagnostics::new());
            let verdict = self.judge_one(address, wish, &mut verdicts, diagnostics, &mut anew);
            if address.part.is_none() && diagnostics.iter().skip(before).any(|found| matches!(found.code, Code::DAY_TWO | Code::FIXED)) {
                changed.insert((*address).clone());
            }
            rendered.push((address.root(), anew));
            verdicts.by_address.insert((*address).clone(), verdict);
        }
        // What a change of the cluster or its cloud does to its parts is no change of its own.
        let follows = |root: &Address| {
            changed.contains(root) || self.desired.clusters.get(root).is_some_and(|cluster| changed.contains(&cluster.cloud))
        };
        diagnostics.extend(rendered.into_iter().filter(|(root, _)| !follows(root)).flat_map(|(_, anew)| anew));
        self.refuse_removed_parts(planned, diagnostics);
        verdicts.warnings.extend(self.refuse_losses(planned, diagnostics));
        self.refuse_foreign_access(planned, diagnostics);
        self.refuse_foreign_layers(planned, diagnostics);
        self.refuse_unchangeable(&verdicts.by_address, diagnostics);
        verdicts.warnings.extend(self.paused(&verdicts.by_address));
        verdicts
    }

    /// What the plan puts right though Cluster API has been told to leave it alone.
    fn paused(&self, verdicts: &BTreeMap<Address, Verdict>) -> Vec<String> {
        let mut told = BTreeSet::new();
        let repairs = verdicts.iter().flat_map(|(address, verdict)| verdict.repairs().iter().map(move |repair| (address, repair)));
        for (address, repair) in repairs.filter(|(_, repair)| may_be_paused(&repair.key.group)) {
            let Some(cluster) = self.desired.clusters.get(&address.root()) else { continue };
            let above = ObjectKey {
                plane: repair.key.plane.clone(),
                group: "cluster.x-k8s.io".to_owned(),
                kind: "Cluster".to_owned(),
                namespace: Some(cluster.namespace.clone()),
                name: cluster.name.clone(),
            };
            let by = [&above, &repair.key].into_iter().find_map(|key| paused_by_others(self.facts.object(key)?));
            told.extend(by.map(|by| format!("{address}: {by}; what this plan changes has no effect before it goes on")));
        }
        told.into_iter().collect()
    }

    /// `anew` gets what is rendered in another way than it was applied.
    fn judge_one(
        &self,
        address: &Address,
        wish: &Wish<'_>,
        verdicts: &mut Verdicts,
        diagnostics: &mut Diagnostics,
        anew: &mut Diagnostics,
    ) -> Verdict {
        let Some(record) = self.recorded.resources.get(address) else {
            self.refuse_added_part(address, wish, diagnostics);
            self.expect_absent(address, wish, verdicts, diagnostics);
            return Verdict::Create;
        };
        // From the deletion of the Cluster on there is no way back; whatever stopped before it is made again.
        if record.status == ResourceStatus::Deleting && address.is_cluster() && address.part.is_none() {
            let mut diagnostic =
                Diagnostic::error(Code::BEING_DESTROYED, format!("{address} is being destroyed, and the configuration still asks for it"))
                    .hint("finish with `windlass destroy`, or take the block out of the configuration and apply");
            diagnostic.primary = wish.resource.span;
            diagnostics.push(diagnostic);
            return Verdict::Keep;
        }
        let ready = record.status == ResourceStatus::Ready;
        let changes = changed(wish, record);
        let refused = match ready {
            // What is still being made becomes what was wished first.
            true if self.wishes.resources.contains_key(&address.root()) && !self.has_its_machines(address) => all_refused(wish, &changes),
            true => refused(wish, &changes),
            false if address.part.is_none() && self.has_its_machines(address) => refused(wish, &changes),
            false if self.lives_half_made(address) => all_refused(wish, &changes),
            false => Vec::new(),
        };
        if !refused.is_empty() {
            diagnostics.extend(refused);
            return Verdict::Keep;
        }
        if !ready {
            self.expect_absent(address, wish, verdicts, diagnostics);
            return Verdict::Finish(self.meddled(address, wish, record.status));
        }
        let cluster = self.desired.clusters.get(&address.root()).filter(|_| matches!(address.part, Some(Part::ControlPlane)));
        if let Some(Err(refused)) = cluster.map(|cluster| self.version_path(cluster)) {
            diagnostics.push(*refused);
            return Verdict::Keep;
        }
        let components: Vec<Cow<'_, Placed>> = self.components(address).collect();
        let expected = self.expected(address, wish, &components);
        let mut updates = Vec::new();
        let mut repairs = Vec::new();
        let renamed = self.renamed(address, &expected);
        let follows = self.follows_configuration(address, wish, record);
        // Another identity is another way into the cloud, which clusters would have to be told of.
        let follows_new = follows && !matches!(address.root, Root::Cloud(..));
        for (key, object) in &expected {
            let Some(known) = self.recorded.made(key) else {
                // Copies on planes that are still being made are the saga's.
                self.refuse_taken(address, key, object, diagnostics);
                let leaves = renamed.get(key).map(|(_, old)| rendering(key, &old.applied, object));
                if follows_new || self.rendered_anew(address, wish, key, leaves.as_deref(), &renamed, anew) {
                    updates.push(Repair { key: key.clone(), wish: Some((*object).clone()), drift: ObjectDrift::gone() });
                }
                continue;
            };
            verdicts.read_for(self.facts, key, &object.api_version, &known.applied, &Ignored::of(&object.content));
            let applied = resolved(&known.applied, &self.wishes.known);
            let leaves = rendering(key, &applied, object);
            if follows && known.resource != *address && matches!(address.part, Some(Part::Layer(_))) {
                if let Some(live) = self.facts.object(key) {
                    diagnostics.push(self.somebody_elses(key, object, live, address));
                }
                continue;
            }
            if follows && !leaves.is_empty() {
                let drift = self.on_the_way(key, known, object, leaves);
                updates.push(Repair { key: key.clone(), wish: Some((*object).clone()), drift });
                continue;
            }
            if !leaves.is_empty() && self.rendered_anew(address, wish, key, Some(&leaves), &renamed, anew) {
                verdicts.warnings.extend(read_at_start(address, key));
                updates.push(Repair {
                    key: key.clone(),
                    wish: Some((*object).clone()),
                    drift: ObjectDrift { leaves, ..ObjectDrift::default() },
                });
            }
            if let Some(drift) = self.drift_of(key, known) {
                repairs.push(Repair { key: key.clone(), wish: Some((*object).clone()), drift });
            }
        }
        repairs.extend(self.lost_bookkeeping(address, &expected));
        self.refuse_dropped_objects(address, wish, &expected, follows, &renamed, anew);
        match &address.part {
            Some(Part::Provider(_) | Part::Pivot) => repairs.extend(self.lost_managers(address)),
            Some(Part::Layer(name)) => {
                repairs.extend(self.lost_layer_object(address, name));
                repairs.extend(self.lost_content(address, name));
            }
            _ => {}
        }
        let other_mode = matches!(address.part, Some(Part::Layer(_))) && self.other_mode(&address.root()).is_some();
        let other_wish =
            other_mode || !changes.is_empty() || !self.replaced_templates(address).is_empty() || !self.dropped_of_layer(address).is_empty();
        match (updates.is_empty() && !other_wish, repairs.is_empty()) {
            (true, true) => Verdict::Keep,
            (true, false) => Verdict::Repair(repairs),
            (false, _) => {
                updates.extend(repairs);
                updates.sort_by(|a, b| a.key.cmp(&b.key));
                updates.dedup_by(|a, b| a.key == b.key);
                Verdict::Update(updates)
            }
        }
    }

    /// Whether what is rendered in another way than it was applied is what the user asks for: a renderer of the same revision renders another
    /// thing of another wish only, also when a change is taken back half-way.
    fn follows_configuration(&self, address: &Address, wish: &Wish<'_>, record: &RecordedResource) -> bool {
        if matches!(address.part, Some(Part::Layer(_))) {
            // Its objects come from files, and it rolls no machine.
            return self.is_ready(&address.root());
        }
        if matches!(address.root, Root::Cloud(..)) {
            return record.input_digest != wish.input_digest;
        }
        let of_machines = address.is_cluster() && matches!(address.part, None | Some(Part::ControlPlane | Part::WorkerPool(_)));
        let other_wish = |address: &Address| {
            let (wish, record) = (self.wishes.resources.get(address), self.recorded.resources.get(address));
            wish.zip(record).is_some_and(|(wish, record)| wish.input_digest != record.input_digest)
        };
        of_machines
            && self.has_its_machines(address)
            && (record.render_revision == wish.resource.render_revision || other_wish(address) || other_wish(&address.root()))
    }

    /// What is different in an object that the user wants in another way, held against the new wish. Whoever else has written it meanwhile is
    /// named, so that it can be taken back. `leaves`: what is rendered in another way.
    fn on_the_way(&self, key: &ObjectKey, known: &RecordedObject, object: &Placed, leaves: Vec<LeafDiff>) -> ObjectDrift {
        let wished = RecordedObject { applied: object.content.clone(), ..known.clone() };
        // It may have that size already, by somebody else's hand, and is still to be ours.
        self.drift_of(key, &wished).unwrap_or_else(|| ObjectDrift { leaves, ..ObjectDrift::default() })
    }

    /// What is wrong with an object that was applied.
    pub(super) fn drift_of(&self, key: &ObjectKey, known: &RecordedObject) -> Option<ObjectDrift> {
        let drift = object_drift(key, known, self.facts.object(key), &self.wishes.known, self.options.key);
        match self.going(key) {
            Some(deletion) if !drift.as_ref().is_some_and(ObjectDrift::is_lost) => Some(ObjectDrift::going(deletion)),
            _ => drift,
        }
    }

    /// Where the objects of a ready resource are, on planes that answer.
    fn expected<'w>(&self, address: &Address, wish: &'w Wish<'_>, components: &'w [Cow<'_, Placed>]) -> Vec<(ObjectKey, &'w Placed)> {
        let cluster = self.desired.clusters.get(&address.root());
        let home = cluster.map(|cluster| self.final_home(cluster));
        let mut expected = Vec::new();
        for object in &wish.objects {
            let key = match (&home, object.home) {
                // Brought back by a destroy that was broken off: on the management plane until the next pivot.
                (Some(home), Home::Capi) if self.is_away(object, home) => object.key.clone(),
                (Some(home), Home::Capi) => object.key.on(home),
                _ => object.key.clone(),
            };
            expected.push((key, object));
            if matches!(address.root, crate::addr::Root::Cloud(..)) {
                // Copies stand on the planes of pivoted clusters; those that are not made yet are the saga's business.
                for cluster in self.desired.clusters.values().filter(|cluster| cluster.pivot && &cluster.cloud == address) {
                    let copy = object.key.on(&cluster.address);
                    if self.recorded.made(&copy).is_some() && self.facts.reachable(&cluster.address).is_some() {
                        expected.push((copy, object));
                    }
                }
            }
        }
        expected.extend(components.iter().map(|object| (object.key.clone(), &**object)));
        expected
    }

    /// Templates of a control plane or pool that is whole, and that it does not have any more: they go when its last machine of the old kind has
    /// gone.
    pub(super) fn replaced_templates(&self, address: &Address) -> Vec<(&'a ObjectKey, &'a RecordedObject)> {
        let Some(wish) = self.wishes.resources.get(address).filter(|_| self.is_ready(address)) else { return Vec::new() };
        if !matches!(address.part, Some(Part::ControlPlane | Part::WorkerPool(_))) {
            return Vec::new();
        }
        let wanted: BTreeSet<(&str, &str)> =
            wish.objects.iter().map(|object| (object.key.kind.as_str(), object.key.name.as_str())).collect();
        let own = self.index.owned(address).iter().copied();
        own.filter(|(key, _)| key.kind.ends_with("Template") && !wanted.contains(&(key.kind.as_str(), key.name.as_str()))).collect()
    }

    /// What the agent of a cluster that is whole does with drift of its layers, before and now, if that is another thing: it is told with each
    /// layer.
    pub(super) fn other_mode(&self, cluster: &Address) -> Option<(&'a Json, &'a str)> {
        let agent = cluster.with(Part::Agent);
        let before = kept_input(self.recorded.resources.get(&agent).filter(|_| self.is_ready(&agent))?).get("mode")?;
        let now = self.desired.clusters.get(cluster).filter(|cluster| cluster.agent)?.agent_mode.as_str();
        (before.as_str() != Some(now)).then_some((before, now))
    }

    /// Objects of a layer that is whole, and that it does not have any more.
    pub(super) fn dropped_of_layer(&self, address: &Address) -> Vec<(&'a ObjectKey, &'a RecordedObject)> {
        let Some(wish) = self.wishes.resources.get(address).filter(|_| self.is_ready(address)) else { return Vec::new() };
        if !matches!(address.part, Some(Part::Layer(_))) {
            return Vec::new();
        }
        let wanted: BTreeSet<&ObjectKey> = wish.objects.iter().map(|object| &object.key).collect();
        let own = self.index.owned(address).iter().copied();
        own.filter(|(key, _)| !is_bookkeeping(key) && !wanted.contains(key)).collect()
    }

    /// Whether a CAPI object is recorded on the management plane though its place is in the cluster.
    fn is_away(&self, object: &Placed, home: &Address) -> bool {
        self.recorded.made(&object.key.on(home)).is_none() && self.recorded.made(&object.key).is_some()
    }

    /// Whether the cluster of a resource is whole, or has at least been so far that its control plane is whole, in its place: a destroy that was
    /// broken off leaves it so. Then its machines are changed as those of a whole one, after what else is missing. Of what is no cluster: whether
    /// it is whole.
    fn has_its_machines(&self, address: &Address) -> bool {
        let root = address.root();
        self.is_ready(&root) || (root.is_cluster() && self.is_ready(&root.with(Part::ControlPlane)))
    }

    /// Whether Cluster API objects of a part of a cluster that is not ready have been applied, so that machines may come of them.
    fn lives_half_made(&self, address: &Address) -> bool {
        address.is_cluster()
            && matches!(address.part, None | Some(Part::ControlPlane | Part::WorkerPool(_)))
            && self.index.owned(address).iter().any(|(key, object)| may_be_paused(&key.group) && !object.uid.is_empty())
    }

    /// Objects that steps made for themselves (inventories, the agent's layer objects) and that are gone or about to be.
    fn lost_bookkeeping(&self, address: &Address, expected: &[(ObjectKey, &Placed)]) -> Vec<Repair> {
        let own = self.index.owned(address).iter().filter(|(_, object)| !object.uid.is_empty());
        own.filter(|(key, _)| !expected.iter().any(|(wanted, _)| wanted == *key))
            .filter(|(key, _)| is_bookkeeping(key))
            .filter_map(|(key, _)| self.lost(key).map(|drift| Repair { key: (*key).clone(), wish: None, drift }))
            .collect()
    }

    /// Whether an object whose fields are nobody's wish is gone, or will be.
    fn lost(&self, key: &ObjectKey) -> Option<ObjectDrift> {
        self.facts.reachable(&key.plane)?;
        match self.facts.object(key) {
            None => Some(ObjectDrift::gone()),
            Some(_) => self.going(key).map(ObjectDrift::going),
        }
    }

    /// Deployments of managers that are gone or stopped on the plane where a provider or a pivot has put them.
    fn lost_managers(&self, address: &Address) -> Vec<Repair> {
        let wished = self.desired.providers.iter().find(|provider| &provider.address == address);
        if wished.is_some_and(|provider| !provider.spec.install) {
            // Nothing is repaired that somebody else installs; that it is gone has been reported.
            return Vec::new();
        }
        let standing = self.index.providers(address).iter();
        let keys = standing.map(|(plane, provider)| manager(plane, provider));
        keys.filter(|key| self.facts.reachable(&key.plane).is_some() && !self.recorded.objects.contains_key(key))
            .filter_map(|key| unrecorded_drift(&key, self.facts.object(&key)).map(|drift| Repair { key, wish: None, drift }))
            .collect()
    }

    /// The object by which the agent knows of a layer, if it is gone, about to be or not marked as ours while there is an agent.
    fn lost_layer_object(&self, address: &Address, layer: &str) -> Option<Repair> {
        let root = address.root();
        self.desired.clusters.get(&root).filter(|cluster| cluster.agent)?;
        self.facts.reachable(&root)?;
        let key = layer_object(&root, layer);
        layer_drift(self.recorded, address, &key, self.facts).map(|drift| Repair { key, wish: None, drift })
    }

    /// The Secrets that the agent takes a layer's content from, if they are gone or not as they were published while there is an agent.
    fn lost_content(&self, address: &Address, layer: &str) -> Vec<Repair> {
        let root = address.root();
        if !self.desired.clusters.get(&root).is_some_and(|cluster| cluster.agent) || self.facts.reachable(&root).is_none() {
            return Vec::new();
        }
        let contents = content_drift(self.recorded, address, &layer_object(&root, layer), self.facts).into_iter();
        contents.filter_map(|(key, drift)| Some(Repair { key, wish: None, drift: drift? })).collect()
    }

    /// A pool, layer, agent or pivot that is new in a cluster that is ready.
    fn refuse_added_part(&self, address: &Address, wish: &Wish<'_>, diagnostics: &mut Diagnostics) {
        let what = match &address.part {
            Some(Part::Agent) => "switching the agent on",
            Some(Part::Pivot) => "switching the pivot",
            _ => return,
        };
        if self.is_ready(&address.root()) {
            diagnostics.push(refusal(
                address,
                what,
                &address.to_string(),
                &Json::Null,
                &Json::String("new".to_owned()),
                wish.resource.span,
            ));
        }
    }

    /// A pool, layer, agent or pivot that is gone from a cluster that stays.
    fn refuse_removed_parts(&self, planned: &dyn Fn(&Address) -> bool, diagnostics: &mut Diagnostics) {
        let removed: BTreeSet<&Address> = removed(self.desired, self.recorded).map(|(address, _)| address).collect();
        for address in self.recorded.resources.keys().filter(|address| address.is_cluster() && address.part.is_some()) {
            let Some(cluster) = self.desired.clusters.get(&address.root()) else { continue };
            let goes = removed.contains(address);
            if goes || self.wishes.resources.contains_key(address) || !planned(&address.root()) {
                continue;
            }
            let what = match &address.part {
                Some(Part::WorkerPool(_)) => "removing a worker pool",
                Some(Part::Layer(_)) => "removing a layer",
                Some(Part::Agent) => "switching the agent off",
                _ => "switching the pivot",
            };
            diagnostics.push(refusal(address, what, &address.to_string(), &Json::String("recorded".to_owned()), &Json::Null, cluster.span));
        }
    }

    /// Objects that will be made: fingerprints of their absence; those that exist and are not ours are reported.
    fn expect_absent(&self, address: &Address, wish: &Wish<'_>, verdicts: &mut Verdicts, diagnostics: &mut Diagnostics) {
        let own = wish.objects.iter().map(|object| (object, object.key.clone()));
        let mut taken = Vec::new();
        for (object, here) in own.chain(self.component_places(address)) {
            let moved = (object.home == Home::Capi).then(|| object.key.on(&address.root()));
            for key in [here].into_iter().chain(moved) {
                if self.facts.reachable(&key.plane).is_none() {
                    continue;
                }
                match (self.facts.object(&key), self.recorded.made(&key)) {
                    (_, Some(known)) => verdicts.read(self.facts, &key, &object.api_version, &known.applied),
                    // Our own namespace may be made by whoever takes the plane's Lease, before any step.
                    (None, None) if is_shared(&key) => {}
                    (None, None) => {
                        let fingerprint = Fingerprint::of(&key, &object.api_version, None, []);
                        verdicts.fingerprints.insert(key, fingerprint);
                    }
                    (Some(live), None) => {
                        if self.is_ours(live, address) {
                            // A step that has not ended has applied it.
                            verdicts.read(self.facts, &key, &object.api_version, &object.content);
                        } else if self.may_be_taken_over(&key, object, live, address) {
                            taken.push(key.short());
                        } else if !is_shared(&key) {
                            diagnostics.push(self.somebody_elses(&key, object, live, address));
                        }
                    }
                }
            }
        }
        if !taken.is_empty() {
            let rest = "is there already, as it is wished and nobody's of windlass, and becomes a part of it";
            verdicts.warnings.push(format!("{address}: {} {rest}", taken.join(", ")));
        }
    }

    /// The objects of a provider on the management plane, or of all providers of a pivoted cluster in it, where we look after them. A copy
    /// is made when its turn comes: each pivoted cluster has all of them.
    pub(super) fn components(&self, owner: &Address) -> impl Iterator<Item = Cow<'a, Placed>> {
        let copied = matches!(owner.part, Some(Part::Pivot));
        self.component_places(owner).map(move |(object, key)| match copied {
            true => Cow::Owned(object.copied(&key.plane, owner)),
            false => Cow::Borrowed(object),
        })
    }

    /// The same as they are rendered, each with where it stands.
    pub(super) fn component_places(&self, owner: &Address) -> impl Iterator<Item = (&'a Placed, ObjectKey)> {
        let root = owner.root();
        let (desired, wishes) = (self.desired, self.wishes);
        let providers: Vec<&'a DesiredProvider> = match (&owner.part, desired.clusters.get(&root)) {
            (Some(Part::Provider(_)), _) => {
                desired.providers.iter().filter(|provider| &provider.address == owner && provider.spec.install).take(1).collect()
            }
            (Some(Part::Pivot), Some(cluster)) => providers_of(desired, cluster).collect(),
            _ => Vec::new(),
        };
        let ours: Vec<&DesiredProvider> = providers.into_iter().filter(|provider| !self.is_others(provider, &root)).collect();
        let objects = ours.into_iter().filter_map(move |provider| wishes.components.get(&provider.address)).flatten();
        let pivoted = matches!(owner.part, Some(Part::Pivot));
        objects.map(move |object| (object, if pivoted { object.key.on(&root) } else { object.key.clone() }))
    }

    /// Whether somebody else has installed a provider on a plane; it is used as it is.
    pub(super) fn is_others(&self, provider: &DesiredProvider, plane: &Address) -> bool {
        let entry = if provider.spec.is_cert_manager() { manager(plane, &provider.spec) } else { inventory(plane, &provider.spec) };
        let live = self.facts.object(&entry);
        live.is_some_and(|live| lineage_of(live) != Some(&self.recorded.lineage))
    }

    /// What is kept of a recorded cluster.
    pub(super) fn kept_cluster(&self, address: &Address) -> Option<&'a KeptCluster> {
        self.index.clusters().get(address)
    }

    /// Whether the plan takes everything down.
    pub(super) fn destroys_all(&self) -> bool {
        self.options.mode == Mode::Destroy
    }
}

/// What a reviewer must know of another Secret of a provider: who has read it already.
fn read_at_start(address: &Address, key: &ObjectKey) -> Option<String> {
    let of_provider = matches!(address.part, Some(Part::Provider(_) | Part::Pivot)) && is_secret_object(key);
    let told = || {
        let rest = "changes; a manager that reads it only when it starts works with the old one until its Deployment is restarted";
        format!("{address}: {} {rest}", key.short())
    };
    of_provider.then(told)
}

/// Objects that steps make for themselves stand in our own namespace, and are not rendered.
pub(super) fn is_bookkeeping(key: &ObjectKey) -> bool {
    key.namespace.as_deref() == Some(SYSTEM_NAMESPACE)
}

/// Our own namespace is made by whoever comes first on a plane.
pub(super) fn is_shared(key: &ObjectKey) -> bool {
    key.kind == "Namespace" && key.group.is_empty() && key.name == SYSTEM_NAMESPACE
}
