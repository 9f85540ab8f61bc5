//! A world in memory: planes with objects, and a person who carries out steps as the real runner does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value as Json, json};
use windlass_core::addr::{Address, Part};
use windlass_core::belonging::is_furniture;
use windlass_core::desired::Desired;
use windlass_core::diag::Diagnostics;
use windlass_core::encode::{DigestKey, merge_patch, resolve_unknowns};
use windlass_core::facts::{ClusterAccess, Demand, Facts, PlaneFact, PlaneIdentity};
use windlass_core::ignored::Ignored;
use windlass_core::kinds::known_kind;
use windlass_core::marks::{
    AGENT_API_VERSION, AGENT_GROUP, ANNOTATION_ADDRESS, ANNOTATION_LAYER_DIGEST, FIELD_MANAGER, LABEL_LINEAGE, SYSTEM_NAMESPACE,
    access_secret,
};
use windlass_core::object::ObjectKey;
use windlass_core::plan::action::{DoomedObject, LayerContent};
use windlass_core::plan::{Action, Mode, Plan, PlanOptions, PlannedObject, Readiness, Step, abandon_demands, demands, follow_up, plan};
use windlass_core::recorded::{Effect, Recorded, RecordedObject};
use windlass_kubeschema::SchemaRef;
use windlass_kubeschema::fieldpath::FieldSet;

use crate::wish::{LINEAGE, management};

pub const KEY: DigestKey = DigestKey([7; 32]);

/// Planes, objects, and what our state says of them.
#[derive(Debug, Clone)]
pub struct World {
    pub planes: BTreeMap<Address, String>,
    pub objects: BTreeMap<ObjectKey, Json>,
    pub state: Recorded,
    pub unreachable: BTreeMap<Address, String>,
    /// Kinds that a plane does not serve, by `apiVersion` and name.
    pub unserved: BTreeSet<(Address, String, String)>,
    uids: u64,
}

impl World {
    pub fn empty() -> Self {
        let state = Recorded { lineage: LINEAGE.to_owned(), ..Recorded::default() };
        Self {
            planes: BTreeMap::from([(management(), "uid-management".to_owned())]),
            objects: BTreeMap::new(),
            state,
            unreachable: BTreeMap::new(),
            unserved: BTreeSet::new(),
            uids: 0,
        }
    }

    fn answer(&self, facts: &mut Facts, demands: &[Demand]) {
        let reachable = |plane: &Address| self.planes.contains_key(plane) && !self.unreachable.contains_key(plane);
        // Objects of a plane stand together, in the order of their keys.
        let on = |plane: &Address| {
            let first = ObjectKey { plane: plane.clone(), group: String::new(), kind: String::new(), namespace: None, name: String::new() };
            let plane = plane.clone();
            self.objects.range(first..).take_while(move |(key, _)| key.plane == plane)
        };
        let mut add = |found: &mut dyn Iterator<Item = (&ObjectKey, &Json)>| {
            for (key, object) in found.filter(|(key, _)| reachable(&key.plane)) {
                facts.objects.entry(key.clone()).or_insert_with(|| Arc::new(object.clone()));
            }
        };
        for demand in demands {
            match demand {
                Demand::Plane { plane, .. } => {
                    let fact = match (self.unreachable.get(plane), self.planes.get(plane)) {
                        (Some(reason), _) => PlaneFact::Unreachable { reason: reason.clone() },
                        (None, None) => PlaneFact::Absent,
                        (None, Some(uid)) => PlaneFact::Reachable(PlaneIdentity {
                            uid: uid.clone(),
                            version: "v1.34.3".to_owned(),
                            endpoint: format!("https://{uid}:6443"),
                            ca_certificate: "PEM".to_owned(),
                            last_serial: Some(self.state.serial),
                            agent_heartbeat_age: Some(3),
                            certificate_days: Some(300),
                            access_outdated: false,
                        }),
                    };
                    facts.planes.insert(plane.clone(), fact);
                }
                Demand::List { plane, kind, api_version } => {
                    let asked = (plane.clone(), api_version.clone(), kind.clone());
                    facts.unserved.extend(self.unserved.get(&asked).cloned());
                    let ours = json!(self.state.lineage);
                    add(&mut on(plane).filter(|(key, object)| &key.kind == kind && object["metadata"]["labels"][LABEL_LINEAGE] == ours));
                }
                Demand::ListAll { plane, kind, .. } => add(&mut on(plane).filter(|(key, _)| &key.kind == kind)),
                Demand::InNamespace { plane, namespace } => {
                    add(&mut on(plane).filter(|(key, live)| key.namespace.as_ref() == Some(namespace) && !is_furniture(live)));
                }
                Demand::Get { key, .. } => add(&mut self.objects.get_key_value(key).into_iter()),
            }
        }
    }

    /// What the planner is told.
    pub fn facts(&self, desired: &Desired, mode: Mode) -> Facts {
        self.answers(&demands(desired, &self.state, mode))
    }

    /// Answers to these questions, and to those that follow from them.
    pub fn answers(&self, demands: &[Demand]) -> Facts {
        let mut facts = Facts::default();
        self.answer(&mut facts, demands);
        let mut asked = BTreeSet::new();
        loop {
            let more: Vec<Demand> = follow_up(&self.state, &facts).into_iter().filter(|demand| asked.insert(demand.clone())).collect();
            if more.is_empty() {
                return facts;
            }
            self.answer(&mut facts, &more);
        }
    }

    pub fn plan(&self, desired: &Desired, mode: Mode) -> (Plan, Diagnostics) {
        self.plan_with(desired, &PlanOptions { mode, tool_version: "0.1.0", key: &KEY, replace: &[], release_foreign: false, abandon: &[] })
    }

    pub fn plan_with(&self, desired: &Desired, options: &PlanOptions<'_>) -> (Plan, Diagnostics) {
        let mut asked = demands(desired, &self.state, options.mode);
        asked.extend(abandon_demands(&self.state, options.abandon));
        plan(desired, &self.state, &self.answers(&asked), options)
    }

    /// Carries out all steps, or as many as told.
    pub fn apply(&mut self, plan: &Plan, steps: usize) {
        self.state.serial += 1;
        for (index, step) in plan.steps.iter().enumerate().take(steps) {
            assert!(step.needs.iter().all(|need| (*need as usize) < index), "step {index} needs a later one");
            for need in &step.expects {
                let fingerprint = &plan.fingerprints[*need as usize];
                assert_eq!(fingerprint.stale(self.objects.get(&fingerprint.object)), vec![], "{} of {}", fingerprint.object, step.address);
            }
            self.begin(step);
            self.finish(step);
        }
    }

    /// Carries out so many steps, each time any one of those whose needs are done, as parallel workers do.
    pub fn apply_in_any_order(&mut self, plan: &Plan, steps: usize, choices: &[usize]) {
        self.state.serial += 1;
        let mut done = vec![false; plan.steps.len()];
        for turn in 0..steps.min(plan.steps.len()) {
            let ready: Vec<usize> =
                (0..plan.steps.len()).filter(|at| !done[*at] && plan.steps[*at].needs.iter().all(|need| done[*need as usize])).collect();
            let at = ready[choices.get(turn % choices.len().max(1)).copied().unwrap_or(0) % ready.len()];
            self.begin(&plan.steps[at]);
            self.finish(&plan.steps[at]);
            done[at] = true;
        }
    }

    /// A step has started: what is committed before it acts.
    pub fn begin(&mut self, step: &Step) {
        step.on_start.iter().for_each(|effect| self.state.apply(effect));
    }

    /// A step is broken off after so many of the objects that it applies: nobody has told the state.
    pub fn break_off(&mut self, step: &Step, objects: usize) {
        self.begin(step);
        if let Action::EnsureProvider { objects: planned, .. } | Action::Apply { objects: planned, .. } = &step.action {
            planned.iter().take(objects).for_each(|object| drop(self.write(object)));
        }
    }

    fn finish(&mut self, step: &Step) {
        self.act(&step.action, &step.address);
        step.on_done.iter().for_each(|effect| self.state.apply(effect));
    }

    /// Does what the runner does, with the effects that it reports.
    pub fn act(&mut self, action: &Action, address: &Address) {
        match action {
            Action::EnsureProvider { objects, .. } => objects.iter().for_each(|object| self.apply_object(object, address)),
            Action::Apply { objects, prune, .. } => {
                objects.iter().for_each(|object| self.apply_object(object, address));
                self.delete(prune);
            }
            Action::OpenPlane { plane, .. } => {
                let uid = format!("uid-{plane}");
                self.planes.insert(plane.clone(), uid.clone());
                self.state.apply(&Effect::PlaneKnown { address: plane.clone(), uid });
            }
            Action::ApplyLayer { layer, .. } => self.apply_layer(layer),
            Action::PublishLayer { plane, layer, .. } => {
                self.apply_layer(layer);
                let secret = format!("{}-content-0", layer.name);
                let data = json!({"data": {"content": "eA==", "sha256": "eA=="}});
                let stamp = json!({ANNOTATION_LAYER_DIGEST: layer.digest, ANNOTATION_ADDRESS: layer.address.to_string()});
                self.own_object(secret_key(plane, &secret), "v1", stamp, data);
                let spec = json!({"spec": {"digest": layer.digest, "secrets": [secret]}});
                let address = json!({ANNOTATION_ADDRESS: layer.address.to_string()});
                self.own_object(layer_key(plane, &layer.name), AGENT_API_VERSION, address, spec);
            }
            Action::Pivot { pivot } => {
                let moving: Vec<ObjectKey> = self
                    .state
                    .objects
                    .iter()
                    .filter(|(key, object)| {
                        key.plane == pivot.from && object.resource.root() == pivot.cluster && is_capi(key, &object.resource)
                    })
                    .map(|(key, _)| key.clone())
                    .collect();
                for key in moving {
                    self.move_object(&key, &pivot.to);
                }
                if pivot.to == pivot.cluster {
                    self.write_access(&pivot.access, &pivot.cluster);
                }
            }
            Action::DeleteLayer { plane, layer, objects, .. } => {
                self.objects.remove(&layer_key(plane, layer));
                self.delete(objects);
            }
            Action::ReleaseCloudResources { objects, .. }
            | Action::Delete { objects, .. }
            | Action::RemoveLeftovers { objects, .. }
            | Action::CollectTemplates { objects, .. } => self.delete(objects),
            Action::MakeWay { objects, .. } => {
                for object in objects {
                    let uid = self.objects[&object.key]["metadata"]["uid"].as_str();
                    assert_eq!(uid, object.uid.as_deref(), "{} is another object", object.key);
                    self.objects.remove(&object.key);
                }
            }
            Action::StoreOutputs { outputs, removed } => {
                for (name, value) in outputs {
                    let value = self.resolved(value);
                    self.state.apply(&Effect::Output { name: name.clone(), value: Some(value) });
                }
                for name in removed {
                    self.state.apply(&Effect::Output { name: name.clone(), value: None });
                }
            }
            Action::Wait { conditions, .. } => {
                for wait in conditions {
                    if wait.ready == Readiness::Gone {
                        self.release(&wait.key);
                        continue;
                    }
                    assert!(self.objects.contains_key(&wait.key), "{} is waited for and does not exist", wait.key);
                }
            }
            Action::PivotPreflight { pivot } => assert!(self.planes.contains_key(&pivot.to)),
            Action::WaitNodes { .. } | Action::WaitAgent { .. } | Action::VerifyPivot { .. } | Action::Record => {}
            Action::RefreshAccess { access, .. } => self.write_access(access, &address.root()),
        }
    }

    fn write_access(&mut self, access: &ClusterAccess, cluster: &Address) {
        let key = secret_key(&access.management, &access_secret(&access.name));
        self.own_object(key, "v1", json!({ANNOTATION_ADDRESS: cluster.to_string()}), json!({"data": {"value": "eA=="}}));
    }

    /// What a step makes for itself; the state does not hear of it.
    fn own_object(&mut self, key: ObjectKey, api_version: &str, annotations: Json, mut content: Json) {
        content["apiVersion"] = json!(api_version);
        content["kind"] = json!(key.kind);
        content["metadata"] =
            json!({"name": key.name, "namespace": key.namespace, "labels": {LABEL_LINEAGE: LINEAGE}, "annotations": annotations});
        self.write(&PlannedObject { key, api_version: api_version.to_owned(), content, create: false });
    }

    /// One object of a pivot, with its effect.
    pub fn move_object(&mut self, key: &ObjectKey, to: &Address) {
        let Some(mut object) = self.objects.remove(key) else { return };
        let uid = self.uid();
        object["metadata"]["uid"] = json!(uid);
        self.objects.insert(key.on(to), object);
        self.state.apply(&Effect::ObjectMoved { key: key.clone(), plane: to.clone(), uid });
    }

    fn apply_layer(&mut self, layer: &LayerContent) {
        layer.objects.iter().for_each(|object| self.apply_object(object, &layer.address));
        // Whoever applies a layer takes away what its inventory lists and it has no more; the state hears only of what the step names.
        let recorded = &self.state.objects;
        let owned = |key: &ObjectKey| recorded.get(key).is_some_and(|object| object.resource == layer.address);
        let kept =
            |key: &ObjectKey| key.namespace.as_deref() == Some(SYSTEM_NAMESPACE) || layer.objects.iter().any(|object| &object.key == key);
        self.objects.retain(|key, _| !owned(key) || kept(key));
        self.delete(&layer.prune);
    }

    fn resolved(&self, value: &Json) -> Json {
        let mut value = value.clone();
        let known = self.planes.iter().filter(|(address, _)| address.is_cluster());
        let known: BTreeMap<String, Json> =
            known.map(|(address, uid)| (format!("{address}.endpoint"), json!(format!("https://{uid}:6443")))).collect();
        resolve_unknowns(&mut value, &known);
        value
    }

    fn uid(&mut self) -> String {
        self.uids += 1;
        format!("uid-{}", self.uids)
    }

    /// Applies an object of a resource; the state hears of it.
    pub fn apply_object(&mut self, object: &PlannedObject, owner: &Address) {
        let (uid, applied) = self.write(object);
        let record = RecordedObject { resource: owner.clone(), uid, api_version: object.api_version.clone(), applied };
        self.state.apply(&Effect::Object { key: object.key.clone(), object: record });
    }

    /// Server-side apply with force, by our manager: the object's uid, and what was applied.
    fn write(&mut self, object: &PlannedObject) -> (String, Json) {
        assert!(self.planes.contains_key(&object.key.plane), "{} is applied to a plane that does not exist", object.key);
        if let (true, Some(live)) = (object.create, self.objects.get(&object.key)) {
            assert_eq!(live["metadata"]["labels"][LABEL_LINEAGE], json!(LINEAGE), "{} is not ours", object.key);
        }
        let gone_soon = self.objects.get(&object.key).filter(|live| live["metadata"]["deletionTimestamp"].is_string());
        assert!(gone_soon.is_none(), "{} is applied and would be lost again", object.key);
        let applied = self.resolved(&object.content);
        let uid = match self.objects.get(&object.key) {
            Some(live) => live["metadata"]["uid"].as_str().unwrap_or_default().to_owned(),
            None => self.uid(),
        };
        let schema = known_kind(&object.api_version, &object.key.kind).map_or_else(SchemaRef::untyped, |kind| kind.schema);
        if let Some(live) = self.objects.get_mut(&object.key).filter(|_| !Ignored::of(&applied).is_empty()) {
            apply_the_rest(live, &applied, schema);
            return (uid, applied);
        }
        let fields = FieldSet::of(&applied, schema.as_resource()).without_identity().to_fields_v1();
        let mut live = applied.clone();
        // As a real server answers: with its own fields and defaults.
        live["metadata"]["uid"] = json!(uid);
        live["metadata"]["resourceVersion"] = json!("1");
        live["metadata"]["generation"] = json!(1);
        live["metadata"]["creationTimestamp"] = json!("2026-01-01T00:00:00Z");
        live["status"] = json!({"phase": "Provisioned"});
        live["metadata"]["managedFields"] = json!([{"manager": FIELD_MANAGER, "operation": "Apply", "apiVersion": object.api_version,
            "time": "2026-01-01T00:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": fields}]);
        self.objects.insert(object.key.clone(), live);
        (uid, applied)
    }

    fn delete(&mut self, doomed: &[DoomedObject]) {
        for object in doomed {
            if let (Some(uid), Some(live)) = (&object.uid, self.objects.get(&object.key)) {
                assert_eq!(&live["metadata"]["uid"], uid, "{} is another object", object.key);
            }
            let was_there = self.objects.remove(&object.key).is_some();
            self.state.apply(&Effect::ObjectGone { key: object.key.clone() });
            if object.key.kind == "Cluster" && was_there {
                // CAPI takes everything down that belongs to the Cluster, and its machines with it; of Secrets only those that it has taken in.
                let name = object.key.name.clone();
                let plane = object.key.plane.clone();
                self.objects.retain(|key, _| {
                    !(key.plane == plane && key.namespace.as_ref() == Some(&name) && key.group.ends_with("cluster.x-k8s.io"))
                });
                let workload = crate::wish::cluster(&name);
                self.planes.remove(&workload);
                self.objects.retain(|key, _| key.plane != workload);
            }
        }
    }

    /// Somebody deletes an object, and a finalizer holds it.
    pub fn delete_held(&mut self, key: &ObjectKey, finalizer: &str) {
        let live = self.objects.get_mut(key).unwrap_or_else(|| panic!("{key} does not exist"));
        live["metadata"]["deletionTimestamp"] = json!("2026-02-02T00:00:00Z");
        live["metadata"]["finalizers"] = json!([finalizer]);
    }

    /// What held an object that is being deleted lets go of it; a Namespace takes along what is in it.
    pub fn release(&mut self, key: &ObjectKey) {
        let going = |live: &Json| live["metadata"]["deletionTimestamp"].is_string();
        assert!(self.objects.get(key).is_none_or(going), "{key} is waited for, and nobody has deleted it");
        self.objects.remove(key);
        if key.kind == "Namespace" {
            self.objects.retain(|other, _| other.plane != key.plane || other.namespace.as_ref() != Some(&key.name));
        }
    }

    /// An object is deleted, and another one of its name and content is made: by this manager, or by our agent.
    pub fn make_again(&mut self, key: &ObjectKey, manager: Option<&str>) {
        let uid = self.uid();
        let live = self.objects.get_mut(key).unwrap_or_else(|| panic!("{key} does not exist"));
        live["metadata"]["uid"] = json!(uid);
        if let Some(manager) = manager {
            let entry = &mut live["metadata"]["managedFields"][0];
            entry["manager"] = json!(manager);
            entry["operation"] = json!("Update");
            entry["time"] = json!("2026-02-02T00:00:00Z");
            live["metadata"]["creationTimestamp"] = json!("2026-02-02T00:00:00Z");
        }
    }

    /// Changes a leaf as a person does with another manager, who owns it from now on.
    pub fn edit(&mut self, key: &ObjectKey, pointer: &str, value: Json, manager: &str) {
        let live = self.objects.get_mut(key).unwrap_or_else(|| panic!("{key} does not exist"));
        let mut fields = json!({});
        for step in pointer.trim_start_matches('/').rsplit('/') {
            fields = json!({format!("f:{}", step.replace("~1", "/")): fields});
        }
        let (parent, last) = pointer.rsplit_once('/').unwrap();
        if live.pointer(parent).is_none() {
            panic!("{key} has no {parent}");
        }
        live.pointer_mut(parent).unwrap()[last.replace("~1", "/")] = value;
        let ours = &mut live["metadata"]["managedFields"][0]["fieldsV1"];
        take_ownership(ours, pointer);
        let entry = json!({"manager": manager, "operation": "Update", "apiVersion": "v1", "time": "2026-02-02T00:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": fields});
        live["metadata"]["managedFields"].as_array_mut().unwrap().push(entry);
    }

    /// Removes a leaf.
    pub fn remove_leaf(&mut self, key: &ObjectKey, pointer: &str) {
        let live = self.objects.get_mut(key).unwrap();
        let (parent, last) = pointer.rsplit_once('/').unwrap();
        live.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(&last.replace("~1", "/"));
        take_ownership(&mut live["metadata"]["managedFields"][0]["fieldsV1"], pointer);
    }

    /// The only object of this kind and name on a plane.
    pub fn find(&self, plane: &Address, kind: &str, name: &str) -> ObjectKey {
        let mut found = self.objects.keys().filter(|key| &key.plane == plane && key.kind == kind && key.name == name);
        found.next().cloned().unwrap_or_else(|| panic!("no {kind} {name} on {plane}"))
    }
}

/// Server-side apply with force of an object that is there and has leaves that are left alone: they are let go of and not sent. What we own and
/// do not send goes, as on a server, and others keep what is left alone.
fn apply_the_rest(live: &mut Json, applied: &Json, schema: SchemaRef<'_>) {
    let ignored = Ignored::of(applied);
    if let Some(entries) = ignored.handed_over(live) {
        live["metadata"]["managedFields"] = json!(entries);
    }
    let sent = ignored.left_out(applied);
    let owned = |entry: &Json| FieldSet::from_fields_v1(&entry["fieldsV1"]).expect("a set");
    let entries = live["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    let (ours, others): (Vec<Json>, Vec<Json>) = entries.into_iter().partition(|entry| entry["manager"] == FIELD_MANAGER);
    let sending = FieldSet::of(&sent, schema.as_resource()).without_identity();
    for path in ours.iter().flat_map(|entry| owned(entry).leaves()).filter(|path| !sending.contains(path)) {
        if !others.iter().any(|entry| owned(entry).contains(&path)) {
            path.remove(live);
        }
    }
    merge_patch(live, &sent);
    let kept = others.into_iter().filter_map(|mut entry| {
        let left: Vec<_> = owned(&entry).leaves().into_iter().filter(|path| ignored.covers(path)).collect();
        entry["fieldsV1"] = left.iter().collect::<FieldSet>().to_fields_v1();
        (!left.is_empty()).then_some(entry)
    });
    let mine = json!({"manager": FIELD_MANAGER, "operation": "Apply", "apiVersion": "v1", "time": "2026-01-01T00:00:00Z",
        "fieldsType": "FieldsV1", "fieldsV1": sending.to_fields_v1()});
    live["metadata"]["managedFields"] = std::iter::once(mine).chain(kept).collect();
}

fn secret_key(plane: &Address, name: &str) -> ObjectKey {
    let namespace = Some(SYSTEM_NAMESPACE.to_owned());
    ObjectKey { plane: plane.clone(), group: String::new(), kind: "Secret".to_owned(), namespace, name: name.to_owned() }
}

/// By which the agent knows of a layer.
fn layer_key(plane: &Address, layer: &str) -> ObjectKey {
    ObjectKey { group: AGENT_GROUP.to_owned(), kind: "Layer".to_owned(), ..secret_key(plane, layer) }
}

fn take_ownership(fields: &mut Json, pointer: &str) {
    let (step, rest) =
        pointer.trim_start_matches('/').split_once('/').map_or((pointer.trim_start_matches('/'), None), |(a, b)| (a, Some(b)));
    let step = format!("f:{}", step.replace("~1", "/"));
    let Some(fields) = fields.as_object_mut() else { return };
    match (fields.get_mut(&step), rest) {
        (Some(below), Some(rest)) => {
            let had = below != &json!({});
            take_ownership(below, rest);
            // An empty set would say that the whole field is ours.
            if had && below == &json!({}) {
                fields.remove(&step);
            }
        }
        _ => drop(fields.remove(&step)),
    }
}

/// CAPI's own objects and the Secrets beside them; what lives on the workload plane anyway is not.
fn is_capi(key: &ObjectKey, owner: &Address) -> bool {
    key.kind != "Namespace"
        && matches!(owner.part, None | Some(Part::ControlPlane | Part::WorkerPool(_)))
        && (key.group.ends_with("cluster.x-k8s.io") || key.kind == "Secret")
}
