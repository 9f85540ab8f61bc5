//! How a cluster goes down, from state and planes alone (design section 5, Destroy).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::foreign::{CloudHolding, Container, cloud_holdings, containers, goes_by_record, others};
use super::given_secrets::given_secrets;
use super::objects::{doomed, may_go, once_gone};
use super::shared::SHARED_TIMEOUT;
use super::steps::Draft;
use crate::addr::{Address, Part, Root};
use crate::diag::{Code, Diagnostic, Diagnostics, Span};
use crate::drift::uid_of_ours;
use crate::encode::is_secret_object;
use crate::facts::ClusterAccess;
use crate::graph::Graph;
use crate::marks::{self, lineage_of};
use crate::object::ObjectKey;
use crate::plan::action::{DoomedObject, Takeover};
use crate::plan::demands::{access_secret, goes_alone, recorded_layer_objects};
use crate::plan::index::{on_plane, recorded_on};
use crate::plan::kept_facts::{KeptCluster, KeptLayer, kept};
use crate::plan::others_providers::check;
use crate::plan::verdict::{Repair, View};
use crate::plan::wish::{Placed, moving};
use crate::plan::{Action, PivotSpec, PlannedObject};
use crate::recorded::{Effect, Recorded, RecordedResource, ResourceStatus};

const CORE: &str = "cluster.x-k8s.io/v1beta2";

/// Takes one recorded cluster down. Notes for the reviewer are returned by the address they belong to.
pub(in crate::plan) fn destroy_cluster(
    view: &View<'_>,
    address: &Address,
    draft: &mut Draft,
    diagnostics: &mut Diagnostics,
) -> BTreeMap<Address, Vec<String>> {
    let mut notes = BTreeMap::new();
    let Some(kept) = view.kept_cluster(address) else {
        if view.recorded.resources.contains_key(address) {
            let summary = format!("the state does not say what is needed to destroy {address}");
            diagnostics.push(Diagnostic::error(Code::BROKEN_RECORD, summary).hint("restore the state file from a copy"));
        }
        return notes;
    };
    let mut fall = Fall::new(view, address, kept.clone());
    if fall.refused(diagnostics, &mut notes) {
        return notes;
    }
    fall.providers_on_management(draft);
    fall.after_dependents(draft);
    fall.agent_stops(draft);
    fall.addons(draft);
    fall.cloud_resources(draft);
    fall.emptied(draft);
    fall.pivot_back(draft);
    if fall.pivoted {
        let line = format!("before that, the Cluster API objects of {address} move back to {}", fall.kept.management);
        notes.entry(address.with(Part::Pivot)).or_default().push(line);
    }
    fall.cluster_goes(draft);
    fall.unclaimed_go(draft);
    fall.given_secrets_go(draft);
    fall.rest_goes(draft);
    if let Some(line) = fall.strange_access() {
        notes.entry(address.clone()).or_default().push(line);
    }
    notes
}

/// Clouds that no cluster uses any more and providers on the management plane, after all clusters that go.
///
/// A provider whose Secrets clusters of others need stays in the state, so that a later destroy finds them; `warnings` tells it.
pub(in crate::plan) fn destroy_shared(
    view: &View<'_>,
    planned: &dyn Fn(&Address) -> bool,
    draft: &mut Draft,
    warnings: &mut Vec<String>,
) -> Vec<Address> {
    let mut gone = Vec::new();
    let after: Vec<u32> = draft.ready.iter().filter(|(address, _)| address.is_cluster()).map(|(_, step)| *step).collect();
    let used: BTreeSet<&Address> = view.desired.clusters.values().map(|cluster| &cluster.cloud).collect();
    let blocked: Vec<Address> = view
        .recorded
        .resources
        .keys()
        .filter(|address| address.is_cluster() && address.part.is_none() && !planned(address))
        .filter_map(|address| view.kept_cluster(address).map(|kept| kept.cloud.clone()))
        .collect();
    let wished = |address: &Address| view.desired.resources.contains_key(address) && !view.destroys_all();
    for (address, record) in view.recorded.resources.iter().filter(|(address, _)| matches!(address.root, Root::Cloud(..))) {
        let needed = !view.destroys_all() && used.contains(address);
        if !wished(address) && !needed && !blocked.contains(address) {
            delete_shared(view, address, record, &after, draft);
            gone.push(address.clone());
        }
    }
    // A provider's manager may have to let go of identities, so its credentials outlive them.
    let after: Vec<u32> = after.into_iter().chain(gone.iter().filter_map(|address| draft.ready.get(address).copied())).collect();
    for (address, record) in view.recorded.resources.iter().filter(|(address, _)| matches!(address.part, Some(Part::Provider(_)))) {
        if !wished(address) && blocked.is_empty() {
            let holds_secrets = view.index.owned(address).iter().any(|(key, _)| is_secret_object(key));
            if let Some(users) = view.others_clusters(&address.root()).filter(|_| holds_secrets) {
                let later = "destroy again when they are gone";
                warnings.push(format!("{address} stays, and its Secrets with it: clusters of others are there ({users}); {later}"));
                continue;
            }
            delete_shared(view, address, record, &after, draft);
            gone.push(address.clone());
        }
    }
    gone
}

/// Whether a provider was never whole: nobody can work with it, and it would stand in the way of whoever installs it.
pub(in crate::plan) fn is_half_made_provider(address: &Address, record: &RecordedResource) -> bool {
    matches!(address.part, Some(Part::Provider(_))) && record.status == ResourceStatus::Creating
}

/// Whether `prevent_destroy` holds for a cluster, in HCL or in the state; if so, that is an error.
pub(super) fn protected(view: &View<'_>, address: &Address, diagnostics: &mut Diagnostics) -> bool {
    let wished = view.desired.resources.get(address).is_some_and(|resource| resource.prevent_destroy);
    let protected = wished || view.index.below(address).iter().any(|(_, resource)| resource.protect);
    if protected {
        let mut diagnostic = Diagnostic::error(Code::PROTECTED, format!("{address} is protected and would be destroyed"))
            .detail("It was applied with lifecycle { prevent_destroy = true }, which holds until a plan without it has been applied.")
            .hint("apply its block with prevent_destroy = false first (put the block back if it is gone), and destroy then");
        diagnostic.primary = view.desired.clusters.get(address).and_then(|cluster| cluster.span);
        diagnostics.push(diagnostic);
    }
    protected
}

/// Whether one cluster was made after another because it depends on it.
pub(in crate::plan) fn depends_on(recorded: &Recorded, cluster: &Address, other: &Address) -> bool {
    cluster != other
        && recorded.resources.get(cluster).is_some_and(|record| record.needs.iter().any(|need| need.is_cluster() && &need.root() == other))
}

fn delete_shared(view: &View<'_>, address: &Address, record: &RecordedResource, after: &[u32], draft: &mut Draft) {
    let half_made = is_half_made_provider(address, record);
    let mut planes: BTreeMap<&Address, Vec<DoomedObject>> = BTreeMap::new();
    for (key, object) in view.index.owned(address).iter().filter(|(key, _)| view.facts.reachable(&key.plane).is_some()) {
        // Copies in clusters go with them. Of a provider that was whole only its Secrets go: others may use it.
        let goes = match &address.part {
            Some(Part::Provider(_)) => half_made || is_secret_object(key),
            _ => key.kind != "Namespace",
        };
        if key.plane.is_management() && goes && may_go(view, key, object) {
            planes.entry(&key.plane).or_default().push(doomed(view, key, object));
        }
    }
    let gone = Effect::ResourceGone { address: address.clone() };
    let mut step = None;
    for (plane, mut objects) in planes {
        let plane = plane.clone();
        let action = if half_made {
            // What holds others' things by now stays.
            objects.sort_by_key(|object| (deletion_rank(&object.key), object.key.clone()));
            Action::RemoveLeftovers { plane, objects }
        } else {
            // What refers to Secrets goes before them.
            objects.sort_by(|a, b| (a.key.kind == "Secret", &a.key).cmp(&(b.key.kind == "Secret", &b.key)));
            Action::Delete { plane, objects }
        };
        step = Some(draft.add(address, action, after.iter().copied(), SHARED_TIMEOUT));
    }
    let last = match step {
        Some(step) => {
            draft.on_start(
                step,
                Effect::Resource {
                    address: address.clone(),
                    resource: RecordedResource {
                        status: if half_made { record.status } else { ResourceStatus::Deleting },
                        ..record.clone()
                    },
                },
            );
            draft.on_done(step, gone);
            step
        }
        None => draft.record(address, vec![gone], after.iter().copied()),
    };
    draft.ready.insert(address.clone(), last);
}

/// One cluster on its way down.
struct Fall<'v> {
    view: &'v View<'v>,
    address: &'v Address,
    kept: KeptCluster,
    access: ClusterAccess,
    /// Its CAPI objects, or some of them, are in the cluster itself.
    pivoted: bool,
    /// Its API still matters: it answers, and the cluster is not being deleted already.
    open: bool,
    gate: Vec<u32>,
    /// Load balancers and claims that are released.
    holdings: Vec<CloudHolding>,
    /// Namespaces and definitions that go with its layers.
    containers: Vec<Container<'v>>,
    /// Namespaces that wait until what they hold is released, by layer.
    later: Vec<(Address, Vec<DoomedObject>)>,
}

impl<'v> Fall<'v> {
    fn new(view: &'v View<'v>, address: &'v Address, mut kept: KeptCluster) -> Self {
        // Patience is for the run at hand; what is kept is for when the HCL is gone.
        kept.timeout_seconds = view.desired.clusters.get(address).map_or(kept.timeout_seconds, |wish| wish.timeout_seconds);
        let access = kept.access();
        let capi = |key: &ObjectKey| &key.plane == address && key.group == "cluster.x-k8s.io";
        let pivoted =
            view.index.owned_below(address).any(|(key, object)| capi(key) && !matches!(object.resource.part, Some(Part::Layer(_))));
        let deleting = view.recorded.resources.get(address).is_some_and(|resource| resource.status == ResourceStatus::Deleting);
        let open = view.facts.reachable(address).is_some() && (pivoted || !deleting);
        let containers = if open { containers(address, view.index, view.facts) } else { Vec::new() };
        let holdings = if open { cloud_holdings(address, view.recorded, view.facts, &containers) } else { Vec::new() };
        Self { view, address, kept, access, pivoted, open, gate: Vec::new(), holdings, containers, later: Vec::new() }
    }

    fn timeout(&self) -> u64 {
        self.kept.timeout_seconds
    }

    /// What must not be destroyed: protected clusters, clusters that host others, clouds' things that are not ours.
    fn refused(&self, diagnostics: &mut Diagnostics, notes: &mut BTreeMap<Address, Vec<String>>) -> bool {
        let before = diagnostics.len();
        protected(self.view, self.address, diagnostics);
        let span = self.view.desired.clusters.get(self.address).and_then(|cluster| cluster.span);
        for (key, live) in on_plane(self.view.facts, self.address) {
            let other = key.group == "cluster.x-k8s.io" && key.kind == "Cluster" && key.name != self.kept.name;
            if other {
                let owner = live
                    .pointer("/metadata/annotations")
                    .and_then(|marks| marks.get(marks::ANNOTATION_ADDRESS)?.as_str())
                    .unwrap_or("not of windlass");
                let summary = format!("{} hosts {} ({owner}) and cannot be destroyed", self.address, key.short());
                diagnostics.push(Diagnostic::error(Code::HOSTS_CLUSTERS, summary).hint("destroy or move the clusters that it hosts first"));
            }
        }
        if self.open {
            for holding in self.holdings.iter().filter(|holding| !holding.ours && !self.view.options.release_foreign) {
                let summary = format!("{} holds {}, which is not from its layers", self.address, holding.line);
                diagnostics.push(Diagnostic::error(Code::FOREIGN_CONTENT, summary).hint("delete it, or destroy with -release-foreign"));
            }
            self.refuse_others(span, diagnostics);
            self.refuse_unmarked_layers(span, diagnostics);
            let lines: Vec<String> = self.holdings.iter().map(|holding| format!("deletes {}", holding.line)).collect();
            notes.insert(self.address.clone(), lines);
        }
        for provider in self.kept.providers.iter().filter(|provider| !provider.install) {
            let line = check(self.view, &self.kept.management, provider, span, diagnostics);
            notes.entry(self.address.clone()).or_default().extend(line);
        }
        notes.retain(|_, lines| !lines.is_empty());
        diagnostics.len() > before
    }

    /// A Namespace or definition of a layer that holds others' objects is not deleted.
    fn refuse_others(&self, span: Option<Span>, diagnostics: &mut Diagnostics) {
        let released: BTreeSet<&ObjectKey> = self.holdings.iter().map(|holding| &holding.object.key).collect();
        for (container, held) in others(&self.containers, self.view.recorded, self.view.facts, &released) {
            let summary = format!("{} of {} holds objects that are not ours: {held}", container.short(), self.address);
            let mut diagnostic = Diagnostic::error(Code::FOREIGN_CONTENT, summary)
                .detail("It is from a layer that would be deleted, and they would go with it.")
                .hint("delete or move them, and destroy then; -release-foreign is for load balancers and volume claims only");
            diagnostic.primary = span;
            diagnostics.push(diagnostic);
        }
    }

    /// A layer's `Layer` object that has lost our mark would stop the destroy half way.
    fn refuse_unmarked_layers(&self, span: Option<Span>, diagnostics: &mut Diagnostics) {
        let (recorded, facts) = (self.view.recorded, self.view.facts);
        let goes = |layer: &Address| &layer.root() == self.address && recorded.resources.get(layer).is_some_and(goes_alone);
        for (_, object) in recorded_layer_objects(recorded).into_iter().filter(|(layer, _)| goes(layer)) {
            let strange = facts.object(&object).filter(|live| lineage_of(live) != Some(recorded.lineage.as_str()));
            let Some(live) = strange else { continue };
            let owner = match lineage_of(live) {
                Some(owner) => format!("It belongs to the windlass state {owner}."),
                None => "It carries no mark of a state.".to_owned(),
            };
            let mut diagnostic = Diagnostic::error(Code::FOREIGN_CONTENT, format!("{object} is not marked as ours and is not deleted"))
                .detail(owner)
                .hint("an apply puts a mark back that is gone; delete yourself what is another state's, and destroy then");
            diagnostic.primary = span;
            diagnostics.push(diagnostic);
        }
    }

    /// The providers in the versions that made the cluster, on the plane where it will be deleted.
    fn providers_on_management(&mut self, draft: &mut Draft) {
        for provider in &self.kept.providers {
            let plane = self.kept.management.clone();
            let owner = plane.with(Part::Provider(provider.name.clone()));
            let objects = self.components(&owner);
            let takeovers = self.taken_back(&objects);
            let action = Action::EnsureProvider { plane, provider: provider.clone(), objects, takeovers };
            let needs = once_gone(self.view, &owner, &action, self.gate.clone(), SHARED_TIMEOUT, draft);
            let step = draft.add(&owner, action, needs, SHARED_TIMEOUT);
            if self.gate.is_empty() {
                self.no_longer_whole(step, draft);
            }
            self.gate = vec![step];
        }
    }

    /// Fields of recorded objects that others have written since: an apply of these objects takes them back.
    fn taken_back(&self, objects: &[PlannedObject]) -> Vec<Takeover> {
        let recorded = objects.iter().filter_map(|object| Some((&object.key, self.view.recorded.objects.get(&object.key)?)));
        let drifted = recorded.filter_map(|(key, known)| Some((key, self.view.drift_of(key, known)?)));
        drifted.flat_map(|(key, drift)| Repair { key: key.clone(), wish: None, drift }.takeovers()).collect()
    }

    /// Clusters that were made after this one, because they depend on it, go before it.
    fn after_dependents(&mut self, draft: &Draft) {
        let gone = draft.ready.iter().filter(|(other, _)| depends_on(self.view.recorded, other, self.address));
        self.gate.extend(gone.map(|(_, step)| *step));
    }

    /// From the first step on the cluster counts as unfinished, so that an apply after a destroy that was broken off makes it whole again.
    fn no_longer_whole(&self, step: u32, draft: &mut Draft) {
        if let Some(record) = self.view.recorded.resources.get(self.address).filter(|record| record.status == ResourceStatus::Ready) {
            let resource = RecordedResource { status: ResourceStatus::Creating, ..record.clone() };
            draft.on_start(step, Effect::Resource { address: self.address.clone(), resource });
        }
    }

    /// The objects of a provider as they were applied. Secrets, of which the state keeps digests, only where HCL still has them; else
    /// those on the plane serve.
    fn components(&self, provider: &Address) -> Vec<PlannedObject> {
        if !self.view.recorded.resources.contains_key(provider) {
            return Vec::new();
        }
        let wished: Vec<Cow<'_, Placed>> = self.view.components(provider).collect();
        let own = self.view.index.owned(provider).iter().filter(|(key, _)| key.plane == self.kept.management && !is_secret_object(key));
        let mut objects: Vec<PlannedObject> = own
            .map(|(key, object)| PlannedObject {
                key: (*key).clone(),
                api_version: object.api_version.clone(),
                content: object.applied.clone(),
                create: false,
            })
            .collect();
        if objects.is_empty() {
            return wished.iter().map(|object| object.planned(&self.kept.management, false)).collect();
        }
        let secrets = wished.iter().filter(|object| is_secret_object(&object.key));
        objects.extend(secrets.map(|object| object.planned(&self.kept.management, false)));
        objects.sort_by_key(|object| (application_rank(&object.key), object.key.clone()));
        objects
    }

    /// The agent's Deployment goes: nobody puts back what is deleted from now on.
    fn agent_stops(&mut self, draft: &mut Draft) {
        let address = self.address.with(Part::Agent);
        if !self.open || !self.view.recorded.resources.contains_key(&address) {
            return;
        }
        let own = self.view.index.owned(&address).iter().filter(|(key, _)| key.kind == "Deployment");
        let objects: Vec<DoomedObject> = own.map(|(key, object)| doomed(self.view, key, object)).collect();
        let step = draft.add(&address, Action::Delete { plane: self.address.clone(), objects }, self.gate.clone(), self.timeout());
        self.deleting(&address, step, draft);
        draft.on_done(step, Effect::ResourceGone { address });
        self.gate = vec![step];
    }

    fn deleting(&self, address: &Address, step: u32, draft: &mut Draft) {
        if let Some(record) = self.view.recorded.resources.get(address) {
            let resource = RecordedResource { status: ResourceStatus::Deleting, ..record.clone() };
            draft.on_start(step, Effect::Resource { address: address.clone(), resource });
        }
    }

    /// Addon layers in reverse waves: what depends on a layer goes before it.
    fn addons(&mut self, draft: &mut Draft) {
        if !self.open {
            return;
        }
        let mut layers: Vec<(&str, BTreeSet<String>)> = Vec::new();
        for (address, record) in self.view.index.below(self.address) {
            if let (Some(Part::Layer(name)), Some(kept)) = (&address.part, kept::<KeptLayer>(record))
                && kept.kind.layer.deleted_alone()
            {
                layers.push((name, kept.kind.depends_on));
            }
        }
        let mut done: BTreeMap<&str, u32> = BTreeMap::new();
        let held = self.waiting_for_the_cloud();
        let waits = |key: &ObjectKey| key.kind == "Namespace" && key.group.is_empty() && held.contains(&key.name);
        let mut gone_later = Vec::new();
        for (name, _) in falling_order(&layers) {
            let dependents =
                layers.iter().filter(|(_, depends_on)| depends_on.contains(*name)).filter_map(|(other, _)| done.get(other).copied());
            let needs: Vec<u32> = dependents.chain(self.gate.iter().copied()).collect();
            let address = self.address.with(Part::Layer((*name).to_owned()));
            let own = self.view.index.owned(&address).iter();
            let mut objects: Vec<DoomedObject> = own.map(|(key, object)| doomed(self.view, key, object)).collect();
            objects.sort_by_key(|object| (deletion_rank(&object.key), object.key.clone()));
            let (later, objects): (Vec<_>, Vec<_>) = objects.into_iter().partition(|object| waits(&object.key));
            let keys = later.iter().map(|object| object.key.clone()).collect();
            let action = Action::DeleteLayer { plane: self.address.clone(), layer: (*name).to_owned(), objects, later: keys };
            let step = draft.add(&address, action, needs, self.timeout());
            self.deleting(&address, step, draft);
            if later.is_empty() {
                draft.on_done(step, Effect::ResourceGone { address });
            } else {
                gone_later.push((address, later));
            }
            done.insert(name, step);
        }
        self.gate.extend(done.into_values());
        self.later = gone_later;
    }

    /// Namespaces that hold a load balancer or claim which no layer's deletion takes away.
    fn waiting_for_the_cloud(&self) -> BTreeSet<String> {
        let keys = self.holdings.iter().map(|holding| &holding.object.key);
        let of_layer = |key: &ObjectKey| {
            let live = self.view.facts.object(key);
            live.is_some_and(|live| goes_by_record(key, live, self.view.recorded))
        };
        keys.filter(|key| !of_layer(key)).filter_map(|key| key.namespace.clone()).collect()
    }

    /// Namespaces that the cloud's things were in.
    fn emptied(&mut self, draft: &mut Draft) {
        let mut gone = Vec::new();
        for (address, objects) in std::mem::take(&mut self.later) {
            let action = Action::Delete { plane: self.address.clone(), objects };
            let step = draft.add(&address, action, self.gate.clone(), self.timeout());
            draft.on_done(step, Effect::ResourceGone { address });
            gone.push(step);
        }
        if !gone.is_empty() {
            self.gate = gone;
        }
    }

    /// Load balancers and volumes, released while the cloud controllers still run.
    fn cloud_resources(&mut self, draft: &mut Draft) {
        if !self.open {
            return;
        }
        let objects: Vec<DoomedObject> = self.holdings.iter().map(|holding| holding.object.clone()).collect();
        if !objects.is_empty() {
            let action = Action::ReleaseCloudResources { plane: self.address.clone(), objects };
            self.gate = vec![draft.add(self.address, action, self.gate.clone(), self.timeout())];
        }
    }

    /// The CAPI objects come back to the management plane, and nothing is deleted before each machine has been seen there.
    ///
    /// The workload plane's managers go on: they say that they leave a paused cluster alone, and each write to an object of theirs is
    /// shown to their webhooks, the pivot's own too.
    fn pivot_back(&mut self, draft: &mut Draft) {
        let address = self.address.with(Part::Pivot);
        let pivot = PivotSpec {
            cluster: self.address.clone(),
            access: self.access.clone(),
            from: self.address.clone(),
            to: self.kept.management.clone(),
            providers: moving(self.kept.providers.iter()),
        };
        if !self.pivoted {
            // An earlier run has moved everything and may have ended before it looked.
            let begun = self.view.recorded.resources.get(&address).is_some_and(|pivot| pivot.status == ResourceStatus::Deleting);
            if begun && self.open {
                self.gate = vec![draft.add(&address, Action::VerifyPivot { pivot }, self.gate.clone(), self.timeout())];
            }
            return;
        }
        let mut needs = self.gate.clone();
        let namespaces: Vec<PlannedObject> = self
            .view
            .index
            .owned(self.address)
            .iter()
            .filter(|(key, _)| key.kind == "Namespace" && &key.plane == self.address)
            .map(|(key, object)| PlannedObject {
                key: key.on(&self.kept.management),
                api_version: object.api_version.clone(),
                content: object.applied.clone(),
                create: false,
            })
            .collect();
        if !namespaces.is_empty() {
            let action =
                Action::Apply { plane: self.kept.management.clone(), objects: namespaces, takeovers: Vec::new(), prune: Vec::new() };
            needs.push(draft.add(self.address, action, self.gate.clone(), self.timeout()));
        }
        let moved = draft.add(&address, Action::Pivot { pivot: pivot.clone() }, needs, self.timeout());
        self.deleting(&address, moved, draft);
        self.gate = vec![draft.add(&address, Action::VerifyPivot { pivot }, [moved], self.timeout())];
    }

    /// Only the Cluster is deleted; CAPI takes the rest down in its order.
    fn cluster_goes(&mut self, draft: &mut Draft) {
        let key = ObjectKey {
            plane: self.kept.management.clone(),
            group: "cluster.x-k8s.io".to_owned(),
            kind: "Cluster".to_owned(),
            namespace: Some(self.kept.namespace.clone()),
            name: self.kept.name.clone(),
        };
        // After a pivot back the object is another one than the recorded.
        let known = self.view.recorded.objects.get(&key).filter(|_| !self.pivoted);
        let uid = known.and_then(|object| uid_of_ours(object, self.view.facts.object(&key)));
        let object = DoomedObject { key, api_version: CORE.to_owned(), uid };
        let action = Action::Delete { plane: self.kept.management.clone(), objects: vec![object] };
        let step = draft.add(self.address, action, self.gate.clone(), self.timeout());
        self.deleting(self.address, step, draft);
        let stays = self.address.with(Part::ControlPlane);
        let stays = Some(&stays).filter(|_| !given_secrets(self.view, self.address, &self.kept.management).is_empty());
        for (address, _) in self.view.index.below(self.address).iter().filter(|(address, _)| address.part.is_some()) {
            if Some(*address) == stays {
                self.deleting(address, step, draft);
                continue;
            }
            draft.on_done(step, Effect::ResourceGone { address: (*address).clone() });
        }
        let inside = recorded_on(self.view.recorded, self.address).map(|(key, _)| key);
        let base = self
            .view
            .index
            .owned(self.address)
            .iter()
            .map(|(key, _)| *key)
            .filter(|key| key.kind != "Namespace" && &key.plane != self.address);
        for key in inside.chain(base) {
            draft.on_done(step, Effect::ObjectGone { key: key.clone() });
        }
        draft.on_done(step, Effect::PlaneGone { address: self.address.clone() });
        self.gate = vec![step];
    }

    /// What a step meant to make when it was broken off: Cluster API takes along only what its Cluster has come to own.
    fn unclaimed_go(&mut self, draft: &mut Draft) {
        let management = &self.kept.management;
        let here = |key: &ObjectKey| &key.plane == management && !matches!(key.kind.as_str(), "Namespace" | "Cluster");
        let intended = self.view.index.owned_below(self.address).filter(|(key, object)| here(key) && object.uid.is_empty());
        let ours = intended.filter(|(key, object)| may_go(self.view, key, object));
        let objects: Vec<DoomedObject> = ours.map(|(key, object)| doomed(self.view, key, object)).collect();
        if !objects.is_empty() {
            let action = Action::RemoveLeftovers { plane: management.clone(), objects };
            self.gate = vec![draft.add(self.address, action, self.gate.clone(), self.timeout())];
        }
    }

    /// Secrets that Cluster API was given go after the Cluster, which may need them to the end.
    fn given_secrets_go(&mut self, draft: &mut Draft) {
        let objects = given_secrets(self.view, self.address, &self.kept.management);
        if objects.is_empty() {
            return;
        }
        let address = self.address.with(Part::ControlPlane);
        let action = Action::Delete { plane: self.kept.management.clone(), objects };
        let step = draft.add(&address, action, self.gate.clone(), self.timeout());
        draft.on_done(step, Effect::ResourceGone { address });
        self.gate = vec![step];
    }

    /// The namespace, if nothing else lives in it, and the access Secret, if it is ours.
    fn rest_goes(&mut self, draft: &mut Draft) {
        let plane = self.kept.management.clone();
        let namespace = ObjectKey {
            plane: plane.clone(),
            group: String::new(),
            kind: "Namespace".to_owned(),
            namespace: None,
            name: self.kept.namespace.clone(),
        };
        let own = self.view.index.owned(self.address).iter().any(|(key, _)| key.on(&plane) == namespace);
        if own && !self.namespace_is_shared() {
            let objects = vec![DoomedObject { key: namespace, api_version: "v1".to_owned(), uid: None }];
            self.gate =
                vec![draft.add(self.address, Action::RemoveLeftovers { plane: plane.clone(), objects }, self.gate.clone(), self.timeout())];
        }
        let last = if self.strange_access().is_some() {
            draft.record(self.address, Vec::new(), self.gate.clone())
        } else {
            let objects = vec![DoomedObject { key: access_secret(&self.access), api_version: "v1".to_owned(), uid: None }];
            draft.add(self.address, Action::Delete { plane, objects }, self.gate.clone(), self.timeout())
        };
        draft.on_done(last, Effect::ResourceGone { address: self.address.clone() });
        draft.ready.insert(self.address.clone(), last);
    }

    /// The access Secret stays if somebody else has made it: it could stop the destroy only when nothing is left of the cluster.
    fn strange_access(&self) -> Option<String> {
        let secret = access_secret(&self.access);
        let owner = lineage_of(self.view.facts.object(&secret)?);
        let ours = owner == Some(self.view.recorded.lineage.as_str());
        (!ours).then(|| format!("{secret} stays, since it is not marked as ours; delete it yourself if it may go"))
    }

    /// Another recorded cluster lives in the same namespace.
    fn namespace_is_shared(&self) -> bool {
        let mut others = self.view.index.clusters().iter().filter(|(address, _)| **address != self.address);
        others.any(|(_, other)| other.namespace == self.kept.namespace && other.management == self.kept.management)
    }
}

/// Layers in an order in which each comes after those that depend on it.
pub(super) fn falling_order<'l, 'n>(layers: &'l [(&'n str, BTreeSet<String>)]) -> Vec<&'l (&'n str, BTreeSet<String>)> {
    let place: BTreeMap<&str, u32> = layers.iter().zip(0..).map(|((name, _), index)| (*name, index)).collect();
    let mut graph = Graph::new(layers.len());
    for ((name, depends_on), index) in layers.iter().zip(0..) {
        for needed in depends_on.iter().filter_map(|needed| place.get(needed.as_str())) {
            graph.edge(*needed, index, format!("{name} depends on it"));
        }
    }
    let order = graph.order().unwrap_or_else(|_| place.values().copied().collect());
    order.into_iter().filter_map(|index| layers.get(index as usize)).collect()
}

/// Namespaces and definitions before accounts, accounts and Secrets before what runs, custom resources last.
fn application_rank(key: &ObjectKey) -> u8 {
    match (key.group.as_str(), key.kind.as_str()) {
        ("", "Namespace") => 0,
        ("apiextensions.k8s.io", _) => 1,
        ("rbac.authorization.k8s.io", _) | ("", "ServiceAccount") => 2,
        ("", _) => 3,
        ("apps", _) => 4,
        _ => 5,
    }
}

/// Custom resources and workloads before what they need, definitions and namespaces last.
pub(super) fn deletion_rank(key: &ObjectKey) -> u8 {
    match (key.group.as_str(), key.kind.as_str()) {
        ("", "Namespace") => 9,
        ("apiextensions.k8s.io", _) => 8,
        ("rbac.authorization.k8s.io", _) | ("", "ServiceAccount") => 7,
        ("", "Secret" | "ConfigMap" | "PersistentVolume") | ("storage.k8s.io" | "scheduling.k8s.io", _) => 6,
        ("", _) => 5,
        ("apps" | "batch" | "policy" | "autoscaling" | "networking.k8s.io", _) => 4,
        ("admissionregistration.k8s.io" | "apiregistration.k8s.io", _) => 2,
        _ => 3,
    }
}
