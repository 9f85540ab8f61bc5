//! How a cluster comes up, step by step, and how what living clusters have lost is put back (design section 5).
//!
//! A cluster that was begun goes through the same steps again: each is an `ensure`, so what is done already costs a look.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};
use windlass_kubeschema::fieldpath::FieldPath;

use super::objects::{begin_and_end, component, doomed, may_go, once_clear, once_gone, planned, repair_digest, repair_objects};
use super::steps::Draft;
use crate::addr::{Address, Part};
use crate::desired::{DesiredCluster, DesiredLayer, Home};
use crate::facts::ClusterAccess;
use crate::graph::Graph;
use crate::ignored::Ignored;
use crate::layer::LayerKind;
use crate::marks;
use crate::object::ObjectKey;
use crate::plan::action::{DoomedObject, LayerContent};
use crate::plan::rolling::rolls_machines;
use crate::plan::verdict::{Repair, Verdict, View, is_bookkeeping};
use crate::plan::wish::{Placed, Wish, moving, providers_of};
use crate::plan::{Action, PivotSpec, PlannedObject, ProviderSpec, Readiness, WaitFor};
use crate::recorded::{Effect, ResourceStatus};

const CORE: &str = "cluster.x-k8s.io/v1beta2";
const CONTROL_PLANE: &str = "controlplane.cluster.x-k8s.io/v1beta2";
const MAX_SURGE: &str = "/spec/rollout/strategy/rollingUpdate/maxSurge";

type Verdicts = BTreeMap<Address, Verdict>;

/// Steps 3 to 15 of one cluster, or the repairs of one that is ready.
pub(in crate::plan) fn create_or_repair(view: &View<'_>, verdicts: &Verdicts, cluster: &DesiredCluster, draft: &mut Draft) {
    let mut saga = Saga::new(view, verdicts, cluster);
    saga.infrastructure_and_first_machine(draft);
    saga.first_layers(draft);
    saga.first_node(draft);
    saga.agent(draft);
    saga.pivot(draft);
    saga.control_plane_to_size(draft);
    saga.worker_pools(draft);
    saga.remaining_layers(draft);
    saga.leftovers_and_end(draft);
}

/// One cluster on its way up.
struct Saga<'v> {
    view: &'v View<'v>,
    verdicts: &'v Verdicts,
    cluster: &'v DesiredCluster,
    management: Address,
    access: ClusterAccess,
    /// Where the CAPI objects are now.
    now: Address,
    /// Where they are in the end.
    home: Address,
    /// A pivot has begun to move objects and has not ended: nothing but the pivot itself may touch them.
    half_moved: bool,
    /// The last step on the way to "nodes can be used"; what comes later needs it.
    gate: Vec<u32>,
    /// All steps after which a part of the cluster is ready.
    ends: Vec<u32>,
}

impl<'v> Saga<'v> {
    fn new(view: &'v View<'v>, verdicts: &'v Verdicts, cluster: &'v DesiredCluster) -> Self {
        let management = view.management(&cluster.address);
        let home = view.final_home(cluster);
        let half_moved = view.is_half_moved(cluster);
        let access = ClusterAccess { name: cluster.name.clone(), namespace: cluster.namespace.clone(), management: management.clone() };
        let now = if view.is_pivoted(cluster) { home.clone() } else { management.clone() };
        Self { view, verdicts, cluster, management, access, now, home, half_moved, gate: Vec::new(), ends: Vec::new() }
    }

    fn verdict(&self, address: &Address) -> &'v Verdict {
        self.verdicts.get(address).unwrap_or(&Verdict::Keep)
    }

    fn makes(&self, address: &Address) -> bool {
        self.verdict(address).makes()
    }

    fn part(&self, part: Part) -> Address {
        self.cluster.address.with(part)
    }

    fn timeout(&self) -> u64 {
        self.cluster.timeout_seconds
    }

    /// Whether anything of the cluster is still to be made.
    fn is_under_way(&self) -> bool {
        self.makes(&self.cluster.address)
    }

    /// Whether the pivot is still to come.
    fn is_before_pivot(&self) -> bool {
        !self.half_moved && self.now != self.home
    }

    fn capi_key(&self, group: &str, kind: &str, name: String, plane: &Address) -> ObjectKey {
        ObjectKey {
            plane: plane.clone(),
            group: group.to_owned(),
            kind: kind.to_owned(),
            namespace: Some(self.cluster.namespace.clone()),
            name,
        }
    }

    fn wait(&self, key: ObjectKey, api_version: &str, ready: Readiness) -> Action {
        Action::Wait { plane: key.plane.clone(), conditions: vec![WaitFor { key, api_version: api_version.to_owned(), ready }] }
    }

    fn wait_control_plane(&self, plane: &Address, replicas: u32) -> Action {
        let key = self.capi_key("controlplane.cluster.x-k8s.io", "KubeadmControlPlane", marks::control_plane(&self.cluster.name), plane);
        self.wait(key, CONTROL_PLANE, Readiness::ControlPlaneReady { replicas })
    }

    /// Control plane machines that are asked for before the pivot: one, unless others have been applied already. Where somebody else has
    /// scaled it, it goes to its size at once, and not by way of one machine.
    fn first_replicas(&self) -> u32 {
        let repairs = self.verdict(&self.part(Part::ControlPlane)).repairs();
        let scaled = |repair: &Repair| repair.drift.leaves.iter().any(|leaf| leaf.path_text() == "spec.replicas");
        if repairs.iter().any(|repair| repair.key.kind == "KubeadmControlPlane" && scaled(repair)) {
            return self.cluster.control_plane_replicas;
        }
        let group = "controlplane.cluster.x-k8s.io";
        let key = self.capi_key(group, "KubeadmControlPlane", marks::control_plane(&self.cluster.name), &self.now);
        let applied = self.view.recorded.made(&key).and_then(|object| object.applied.pointer("/spec/replicas"));
        applied.and_then(Json::as_u64).and_then(|replicas| u32::try_from(replicas).ok()).unwrap_or(1)
    }

    /// Objects of a resource as they are applied on a plane, with the control plane's size set.
    fn objects(&self, address: &Address, plane: &Address, replicas: Option<u32>) -> Vec<PlannedObject> {
        let Some(wish) = self.view.wishes.resources.get(address) else { return Vec::new() };
        let mut objects: Vec<PlannedObject> = wish.objects.iter().map(|object| planned(self.view, object, plane)).collect();
        for object in objects.iter_mut().filter(|object| object.key.kind == "KubeadmControlPlane") {
            if let (Some(replicas), Some(spec)) = (replicas, object.content.get_mut("spec").and_then(Json::as_object_mut)) {
                spec.insert("replicas".to_owned(), json!(replicas));
            }
            // Cluster API refuses a surge of none while the control plane is smaller than three; what is applied with all machines says it.
            if let (Some(0..3), Some(surge)) = (replicas, object.content.pointer_mut(MAX_SURGE).filter(|surge| **surge == json!(0))) {
                *surge = json!(1);
            }
        }
        objects
    }

    /// Objects that an earlier attempt applied and that are not rendered any more (templates of another content).
    fn outdated(&self, address: &Address, plane: &Address) -> Vec<DoomedObject> {
        let Some(wish) = self.view.wishes.resources.get(address) else { return Vec::new() };
        let wanted: BTreeSet<ObjectKey> = wish.objects.iter().map(|object| object.key.on(plane)).collect();
        let own = self.view.index.owned(address).iter().filter(|(key, _)| &key.plane == plane && !wanted.contains(*key));
        own.filter(|(key, object)| may_go(self.view, key, object)).map(|(key, object)| doomed(self.view, key, object)).collect()
    }

    fn apply(
        &self,
        address: &Address,
        plane: &Address,
        replicas: Option<u32>,
        needs: impl IntoIterator<Item = u32>,
        draft: &mut Draft,
    ) -> u32 {
        let objects = self.objects(address, plane, replicas);
        let prune = self.outdated(address, plane);
        let gone: Vec<ObjectKey> = prune.iter().map(|object| object.key.clone()).collect();
        let action = Action::Apply { plane: plane.clone(), objects, takeovers: self.verdict(address).takeovers_on(plane), prune };
        let needs = once_clear(self.view, address, &action, self.verdict(address).repairs(), needs, self.timeout(), draft);
        let step = draft.add(address, action, needs, self.timeout());
        for key in gone {
            draft.on_done(step, Effect::ObjectGone { key });
        }
        step
    }

    fn end(&mut self, address: &Address, first: u32, last: u32, draft: &mut Draft) {
        begin_and_end(self.view, self.verdict(address), address, first, last, draft);
        self.ends.push(last);
    }

    /// Steps 3 to 5: Cluster and infrastructure, control plane with one machine, provisioned, API open.
    fn infrastructure_and_first_machine(&mut self, draft: &mut Draft) {
        let root = self.cluster.address.clone();
        let control_plane = self.part(Part::ControlPlane);
        let mut needs: Vec<u32> = self
            .view
            .wishes
            .resources
            .get(&root)
            .into_iter()
            .flat_map(|wish| &wish.resource.needs)
            .filter_map(|need| draft.ready.get(need).copied())
            .collect();
        needs.extend(providers_of(self.view.desired, self.cluster).filter_map(|provider| draft.ready.get(&provider.address).copied()));
        if !self.is_under_way() {
            let repaired = self.repair(&root, needs.clone(), draft);
            repaired.into_iter().for_each(|step| self.updated(&root, step, draft));
            self.gate = repaired.map_or(needs, |step| vec![step]);
            return;
        }
        self.gate = needs.clone();
        if self.half_moved {
            return;
        }
        let base = self.apply(&root, &self.now.clone(), None, needs, draft);
        let effect = self.begin_effect(&root);
        if let Some(effect) = effect {
            draft.on_start(base, effect);
        }
        let mut before = base;
        if self.makes(&control_plane) {
            before = self.apply(&control_plane, &self.now.clone(), Some(self.first_replicas()), [base], draft);
            if let Some(effect) = self.begin_effect(&control_plane) {
                draft.on_start(before, effect);
            }
        }
        if !self.is_before_pivot() && self.view.recorded.planes.contains_key(&root) && !self.makes(&control_plane) {
            self.gate = vec![before];
            return;
        }
        let key = self.capi_key("cluster.x-k8s.io", "Cluster", self.cluster.name.clone(), &self.now);
        let provisioned = draft.add(&root, self.wait(key, CORE, Readiness::InfrastructureProvisioned), [base, before], self.timeout());
        if self.cluster.without_api {
            self.gate = vec![provisioned];
            return;
        }
        let open = Action::OpenPlane { plane: root.clone(), access: self.access.clone() };
        let open = draft.add(&root, open, [provisioned], self.timeout());
        draft.opened.insert(root, open);
        self.gate = vec![open];
    }

    fn begin_effect(&self, address: &Address) -> Option<Effect> {
        let wish = self.view.wishes.resources.get(address)?;
        self.makes(address).then(|| Effect::Resource { address: address.clone(), resource: wish.record(ResourceStatus::Creating) })
    }

    /// Step 6: network and cloud-controller layers by the engine, while there is no agent.
    fn first_layers(&mut self, draft: &mut Draft) {
        if self.cluster.agent && !self.makes(&self.part(Part::Agent)) {
            return;
        }
        let mut done = BTreeMap::new();
        let early: Vec<&DesiredLayer> = self.layers_in_order().into_iter().filter(|layer| layer.kind.before_agent()).collect();
        for layer in early {
            let address = self.part(Part::Layer(layer.name.clone()));
            if !self.makes(&address) {
                continue;
            }
            let needs = layer
                .depends_on
                .iter()
                .filter_map(|name| done.get(name.as_str()).copied())
                .chain(self.gate.iter().copied())
                .collect::<Vec<u32>>();
            let repairs = self.verdict(&address).repairs();
            let action = Action::ApplyLayer { plane: self.cluster.address.clone(), layer: self.layer_content(layer, repairs) };
            let needs = once_clear(self.view, &address, &action, repairs, needs, self.timeout(), draft);
            let step = draft.add(&address, action, needs, self.timeout());
            if self.cluster.agent {
                if let Some(effect) = self.begin_effect(&address) {
                    draft.on_start(step, effect);
                }
            } else {
                self.end(&address, step, step, draft);
            }
            done.insert(layer.name.as_str(), step);
        }
        self.gate.extend(done.into_values());
    }

    /// Step 7: the first node is Ready, has its providerID, and its machine knows it. Where nobody speaks to the cluster's API, the control
    /// plane's own count of ready machines tells the same: Cluster API counts those whose nodes it has seen.
    fn first_node(&mut self, draft: &mut Draft) {
        let control_plane = self.part(Part::ControlPlane);
        if !self.is_under_way() || self.half_moved || !(self.is_before_pivot() || self.makes(&control_plane)) {
            return;
        }
        let machines = self.now.clone();
        let mut before = self.gate.clone();
        if !self.cluster.without_api {
            let (plane, access) = (self.cluster.address.clone(), self.access.clone());
            let nodes = Action::WaitNodes { plane, machines: machines.clone(), access, nodes: 1 };
            before = vec![draft.add(&control_plane, nodes, before, self.timeout())];
        }
        let ready = draft.add(&control_plane, self.wait_control_plane(&machines, self.first_replicas()), before, self.timeout());
        self.gate = vec![ready];
    }

    /// Step 8: the agent, from now on the only writer of layers.
    fn agent(&mut self, draft: &mut Draft) {
        let address = self.part(Part::Agent);
        let verdict = self.verdict(&address);
        let plane = self.cluster.address.clone();
        let first = match verdict {
            Verdict::Keep => return,
            Verdict::Create | Verdict::Finish(_) => self.apply(&address, &plane, None, self.gate.clone(), draft),
            Verdict::Repair(repairs) | Verdict::Update(repairs) => {
                match repair_objects(self.view, &address, repairs, self.gate.clone(), self.timeout(), draft) {
                    Some(step) => step,
                    None => return,
                }
            }
        };
        let alive = draft.add(&address, Action::WaitAgent { plane }, [first], self.timeout());
        self.updated(&address, alive, draft);
        self.end(&address, first, alive, draft);
        self.gate = vec![alive];
    }

    /// Steps 9 to 12: the same providers on the workload plane, preflight, pivot, verification.
    fn pivot(&mut self, draft: &mut Draft) {
        let address = self.part(Part::Pivot);
        let verdict = self.verdict(&address);
        if !self.cluster.pivot || matches!(verdict, Verdict::Keep) {
            return;
        }
        let ready = self.install_on_workload_plane(&address, draft);
        if !verdict.makes() {
            self.gate.extend(ready);
            return;
        }
        let pivot = PivotSpec {
            cluster: self.cluster.address.clone(),
            access: self.access.clone(),
            from: self.management.clone(),
            to: self.home.clone(),
            providers: moving(providers_of(self.view.desired, self.cluster).map(|provider| &provider.spec)),
        };
        let first = ready.first().copied();
        let mut before = ready;
        if !self.half_moved {
            before = vec![draft.add(&address, Action::PivotPreflight { pivot: pivot.clone() }, before, self.timeout())];
        }
        let moved = draft.add(&address, Action::Pivot { pivot: pivot.clone() }, before, self.timeout());
        let verified = draft.add(&address, Action::VerifyPivot { pivot }, [moved], self.timeout());
        self.end(&address, first.unwrap_or(moved), verified, draft);
        self.gate = vec![verified];
        self.now = self.home.clone();
        self.half_moved = false;
    }

    /// Step 9: providers with their credentials, the cluster's namespace, identities.
    fn install_on_workload_plane(&self, address: &Address, draft: &mut Draft) -> Vec<u32> {
        let plane = &self.cluster.address;
        let components: Vec<Cow<'_, Placed>> = self.view.components(address).collect();
        let mut previous = self.gate.clone();
        for provider in providers_of(self.view.desired, self.cluster) {
            let own: BTreeSet<ObjectKey> =
                self.view.wishes.components.get(&provider.address).into_iter().flatten().map(|object| object.key.on(plane)).collect();
            let objects =
                components.iter().filter(|object| own.contains(&object.key)).map(|object| component(self.view, object, plane)).collect();
            let repairs: Vec<&Repair> = self.verdict(address).repairs().iter().filter(|repair| own.contains(&repair.key)).collect();
            let takeovers = repairs.iter().flat_map(|repair| repair.takeovers()).collect();
            // Nobody else installs on a plane that is ours.
            let spec = ProviderSpec { install: true, ..provider.spec.clone() };
            let action = Action::EnsureProvider { plane: plane.clone(), provider: spec, objects, takeovers };
            let needs = once_clear(self.view, address, &action, repairs, previous, self.timeout(), draft);
            previous = vec![draft.add(address, action, needs, self.timeout())];
        }
        let mut ready = previous.clone();
        let root = self.view.wishes.resources.get(&self.cluster.address);
        let namespaces: Vec<PlannedObject> = root
            .into_iter()
            .flat_map(|wish| &wish.objects)
            .filter(|object| object.key.kind == "Namespace")
            .map(|object| planned(self.view, object, plane))
            .collect();
        for (owner, objects) in [(&self.cluster.address, namespaces), (&self.cluster.cloud, self.identities(plane))] {
            if !objects.is_empty() {
                let takeovers = self.verdict(owner).takeovers_on(plane);
                let action = Action::Apply { plane: plane.clone(), objects, takeovers, prune: Vec::new() };
                let needs = once_gone(self.view, owner, &action, previous.clone(), self.timeout(), draft);
                ready.push(draft.add(owner, action, needs, self.timeout()));
            }
        }
        ready
    }

    fn identities(&self, plane: &Address) -> Vec<PlannedObject> {
        let cloud = self.view.wishes.resources.get(&self.cluster.cloud);
        cloud.into_iter().flat_map(|wish| &wish.objects).map(|object| planned(self.view, object, plane)).collect()
    }

    /// Step 13: the control plane to its size.
    fn control_plane_to_size(&mut self, draft: &mut Draft) {
        let address = self.part(Part::ControlPlane);
        let wanted = self.cluster.control_plane_replicas;
        if self.makes(&address) {
            let mut before = self.gate.clone();
            let mut objects = self.objects(&address, &self.home, Some(wanted));
            objects.retain(|object| object.key.kind == "KubeadmControlPlane");
            objects.iter_mut().for_each(|object| object.create = false);
            if self.first_replicas() != wanted {
                let takeovers = self.verdict(&address).takeovers_on(&self.home);
                let action = Action::Apply { plane: self.home.clone(), objects, takeovers, prune: Vec::new() };
                before = vec![draft.add(&address, action, before, self.timeout())];
            }
            let ready = draft.add(&address, self.wait_control_plane(&self.home, wanted), before, self.timeout());
            self.end(&address, ready, ready, draft);
            return;
        }
        self.by_way_of(&address, draft);
        let wait = self.wait_control_plane(&self.home, wanted);
        let last = self.change_machines(&address, wait, draft);
        // Workers come after a control plane that rolls (reference/cluster-api.md 3.5).
        if self.verdict(&address).repairs().iter().any(rolls_machines) {
            self.gate.extend(last);
        }
    }

    /// The versions that a ready control plane passes through, one after the other; each is whole before the next begins.
    fn by_way_of(&mut self, address: &Address, draft: &mut Draft) {
        if matches!(self.verdict(address), Verdict::Keep) {
            return;
        }
        for hop in self.view.version_path(self.cluster).unwrap_or_default() {
            let objects = hop.objects.iter().map(|object| planned(self.view, object, &self.home)).collect();
            let takeovers = self.verdict(address).takeovers_on(&self.home);
            let action = Action::Apply { plane: self.home.clone(), objects, takeovers, prune: Vec::new() };
            let step = draft.add(address, action, self.gate.clone(), self.timeout());
            let wait = self.wait_control_plane(&self.home, self.cluster.control_plane_replicas);
            self.gate = vec![draft.add(address, wait, [step], self.timeout())];
        }
    }

    /// Templates that a control plane has passed through in this plan, and does not have in the end.
    fn passed_templates(&self, address: &Address) -> Vec<DoomedObject> {
        let Some(wish) = self.view.wishes.resources.get(address).filter(|_| matches!(address.part, Some(Part::ControlPlane))) else {
            return Vec::new();
        };
        let wanted: BTreeSet<&str> = wish.objects.iter().map(|object| object.key.name.as_str()).collect();
        let path = self.view.version_path(self.cluster).unwrap_or_default();
        let templates = path.into_iter().flat_map(|hop| &hop.objects);
        let passed = templates.filter(|object| object.key.kind.ends_with("Template") && !wanted.contains(object.key.name.as_str()));
        passed.map(|object| DoomedObject { key: object.key.on(&self.home), api_version: object.api_version.clone(), uid: None }).collect()
    }

    /// Puts a ready control plane or pool right, waits for its machines, and takes away the templates that it had before; the last step.
    fn change_machines(&mut self, address: &Address, wait: Action, draft: &mut Draft) -> Option<u32> {
        if matches!(self.verdict(address), Verdict::Keep) {
            return None;
        }
        // Where a destroy was broken off they lie elsewhere, and this plan has brought them home before.
        let at_home = |repair: &Repair| Repair { key: repair.key.on(&self.home), ..repair.clone() };
        let repairs: Vec<Repair> = self.verdict(address).repairs().iter().map(at_home).collect();
        let step = repair_objects(self.view, address, &repairs, self.gate.clone(), self.timeout(), draft);
        self.ends.extend(step);
        let replaced = self.view.replaced_templates(address);
        let passed = self.passed_templates(address);
        if step.is_none() && replaced.is_empty() {
            return None;
        }
        let needs = step.map_or_else(|| self.gate.clone(), |step| vec![step]);
        let mut last = draft.add(address, wait, needs, self.timeout());
        if !replaced.is_empty() || !passed.is_empty() {
            let ours = replaced.iter().filter(|(key, object)| may_go(self.view, key, object));
            let moved = |key: &ObjectKey, object| match key.plane == self.home {
                true => doomed(self.view, key, object),
                false => DoomedObject { key: key.on(&self.home), uid: None, ..doomed(self.view, key, object) },
            };
            let objects = ours.map(|(key, object)| moved(key, object));
            let passed = passed.into_iter().filter(|passed| !replaced.iter().any(|(key, _)| **key == passed.key));
            let objects = objects.chain(passed).collect();
            let action = Action::CollectTemplates { plane: self.home.clone(), objects };
            last = draft.add(address, action, [last], self.timeout());
            for (key, _) in replaced {
                draft.on_done(last, Effect::ObjectGone { key: key.on(&self.home) });
            }
        }
        self.updated(address, last, draft);
        self.end(address, last, last, draft);
        Some(last)
    }

    /// Step 13, too: the worker pools, all at once.
    fn worker_pools(&mut self, draft: &mut Draft) {
        let cluster = self.cluster;
        for (pool, replicas) in &cluster.pools {
            let address = self.part(Part::WorkerPool(pool.clone()));
            let key = self.capi_key("cluster.x-k8s.io", "MachineDeployment", marks::machine_deployment(&cluster.name, pool), &self.home);
            let ready = match self.is_size_of_others(&address) {
                true => Readiness::MachineDeploymentSettled,
                false => Readiness::MachineDeploymentReady { replicas: *replicas },
            };
            let wait = self.wait(key, CORE, ready);
            if self.makes(&address) {
                let applied = self.apply(&address, &self.home.clone(), None, self.gate.clone(), draft);
                let ready = draft.add(&address, wait, [applied], self.timeout());
                self.end(&address, applied, ready, draft);
            } else {
                self.change_machines(&address, wait, draft);
            }
        }
    }

    /// Whether a pool's number of machines is left alone once it is made.
    fn is_size_of_others(&self, pool: &Address) -> bool {
        let objects = self.view.wishes.resources.get(pool).map(|wish| wish.objects.as_slice()).unwrap_or_default();
        let replicas = FieldPath::of_fields(["spec", "replicas"]);
        objects.iter().any(|object| object.key.kind == "MachineDeployment" && Ignored::of(&object.content).covers(&replicas))
    }

    /// Where the wish of a ready resource is another one, that is what its last step records.
    fn updated(&self, address: &Address, last: u32, draft: &mut Draft) {
        if let (Verdict::Update(_), Some(wish)) = (self.verdict(address), self.view.wishes.resources.get(address)) {
            draft.on_done(last, Effect::Resource { address: address.clone(), resource: wish.record(ResourceStatus::Ready) });
        }
    }

    /// Step 14: layers by dependency; addons after storage. With an agent, also those that the engine applied before it.
    fn remaining_layers(&mut self, draft: &mut Draft) {
        let storage: Vec<&str> =
            self.cluster.layers.iter().filter(|layer| layer.kind == LayerKind::Storage).map(|layer| layer.name.as_str()).collect();
        // While the cluster comes up, layers wait for its machines; repairs of a living one wait for nothing that they do not touch.
        let machines = if self.is_under_way() { self.ends.as_slice() } else { &[] };
        let gate: Vec<u32> = self.gate.iter().chain(machines).copied().collect();
        let mut done: BTreeMap<&str, u32> = BTreeMap::new();
        for layer in self.layers_in_order() {
            let address = self.part(Part::Layer(layer.name.clone()));
            let verdict = self.verdict(&address);
            let early = layer.kind.before_agent() && !self.cluster.agent;
            if matches!(verdict, Verdict::Keep) || (early && verdict.makes()) {
                continue;
            }
            let implied = storage.iter().copied().filter(|_| layer.kind == LayerKind::Addon);
            let needs: Vec<u32> = layer
                .depends_on
                .iter()
                .map(String::as_str)
                .chain(implied)
                .filter_map(|name| done.get(name).copied())
                .chain(gate.iter().copied())
                .collect();
            let content = self.layer_content(layer, verdict.repairs());
            let plane = self.cluster.address.clone();
            let action = if self.cluster.agent {
                Action::PublishLayer { plane, layer: content, repair: repair_digest(self.view, verdict.repairs()) }
            } else {
                Action::ApplyLayer { plane, layer: content }
            };
            let needs = once_clear(self.view, &address, &action, verdict.repairs(), needs, self.timeout(), draft);
            let step = draft.add(&address, action, needs, self.timeout());
            self.updated(&address, step, draft);
            self.end(&address, step, step, draft);
            done.insert(layer.name.as_str(), step);
        }
    }

    /// Layers, each after those that it depends on; a circle has been reported with the configuration.
    fn layers_in_order(&self) -> Vec<&'v DesiredLayer> {
        let layers = &self.cluster.layers;
        let place: BTreeMap<&str, u32> = layers.iter().zip(0..).map(|(layer, index)| (layer.name.as_str(), index)).collect();
        let mut graph = Graph::new(layers.len());
        for (layer, index) in layers.iter().zip(0..) {
            for needed in layer.depends_on.iter().filter_map(|name| place.get(name.as_str())) {
                graph.edge(index, *needed, "depends_on");
            }
            if layer.kind == LayerKind::Addon {
                for (_, needed) in
                    layers.iter().zip(0..).filter(|(other, _)| other.kind == LayerKind::Storage && !other.depends_on.contains(&layer.name))
                {
                    graph.edge(index, needed, "storage comes before addons");
                }
            }
        }
        match graph.order() {
            Ok(order) => order.into_iter().filter_map(|index| layers.get(index as usize)).collect(),
            Err(_) => layers.iter().collect(),
        }
    }

    fn layer_content(&self, layer: &DesiredLayer, repairs: &[Repair]) -> LayerContent {
        let address = self.part(Part::Layer(layer.name.clone()));
        let objects = self.objects(&address, &self.cluster.address, None);
        let digest = self.view.wishes.resources.get(&address).map(Wish::content_digest).unwrap_or_default();
        LayerContent {
            name: layer.name.clone(),
            kind: layer.kind,
            depends_on: layer.depends_on.clone(),
            objects,
            digest,
            prune: self.dropped(&address),
            takeovers: repairs.iter().flat_map(Repair::takeovers).collect(),
            address,
            mode: self.cluster.agent_mode.clone(),
        }
    }

    /// Objects of a layer that it does not have any more. Whoever applies the layer finds them in its inventory; the state hears
    /// of their going by the step. What another resource has now is its.
    fn dropped(&self, address: &Address) -> Vec<DoomedObject> {
        let makes = self.makes(address);
        if !makes && !matches!(self.verdict(address), Verdict::Update(_)) {
            return Vec::new();
        }
        let mut dropped = self.outdated(address, &self.cluster.address);
        let wished = self.view.wished_on(&self.cluster.address);
        dropped.retain(|object| !is_bookkeeping(&object.key) && !wished.contains(&object.key));
        if makes {
            dropped.extend(self.view.inventoried(address));
        }
        dropped
    }

    /// Step 15: what the bootstrap left on the management plane goes; then the cluster is ready.
    fn leftovers_and_end(&mut self, draft: &mut Draft) {
        let root = self.cluster.address.clone();
        self.refresh_access(draft);
        if !self.is_under_way() {
            return;
        }
        let mut ends: Vec<u32> = self.gate.iter().chain(&self.ends).copied().collect();
        if self.cluster.pivot {
            let wish = self.view.wishes.resources.get(&root);
            let objects: Vec<DoomedObject> = wish
                .into_iter()
                .flat_map(|wish| &wish.objects)
                .filter(|object| object.key.kind == "Namespace" && object.home == Home::Capi)
                .map(|object| DoomedObject { key: object.key.clone(), api_version: object.api_version.clone(), uid: None })
                .collect();
            if !objects.is_empty() {
                let action = Action::RemoveLeftovers { plane: self.management.clone(), objects };
                ends = vec![draft.add(&root, action, ends, self.timeout())];
            }
        }
        let Some(wish) = self.view.wishes.resources.get(&root) else { return };
        let end = draft.record(&root, vec![Effect::Resource { address: root.clone(), resource: wish.record(ResourceStatus::Ready) }], ends);
        draft.ready.insert(root, end);
    }

    /// The access Secret of a pivoted cluster is made again or brought up to date when it opens the cluster no more as it should.
    fn refresh_access(&mut self, draft: &mut Draft) {
        let wrong = self.view.access_fault(&self.cluster.address).is_some();
        if self.cluster.pivot && wrong && !self.is_under_way() {
            let pivot = self.part(Part::Pivot);
            let action = Action::RefreshAccess { access: self.access.clone(), source: self.cluster.address.clone() };
            let needs = once_gone(self.view, &pivot, &action, self.gate.clone(), self.timeout(), draft);
            draft.add(&pivot, action, needs, self.timeout());
        }
    }

    /// Puts a ready resource's objects right; the last step, if there is anything to do.
    fn repair(&mut self, address: &Address, needs: Vec<u32>, draft: &mut Draft) -> Option<u32> {
        let step = repair_objects(self.view, address, self.verdict(address).repairs(), needs, self.timeout(), draft)?;
        self.ends.push(step);
        Some(step)
    }
}
