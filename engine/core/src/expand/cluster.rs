//! A cluster as resources: Cluster and infrastructure, control plane, worker pools, agent, pivot, layers.

use std::collections::{BTreeMap, BTreeSet};

use crate::addr::{Address, Part};
use windlass_kubeschema::fieldpath::FieldPath;

use crate::config::{CAPI_OVERRIDE, ClusterModel, Model, OF_POOLS, OverrideModel, schema};
use crate::desired::{Desired, DesiredCluster, DesiredHop, DesiredLayer, DesiredObject, DesiredResource, Home};
use crate::diag::{Diagnostic, Diagnostics, Span};
use crate::diff::path_from_text;
use crate::marks;
use crate::object::split_api_version;
use crate::provider::{MachineTemplate, PoolInput, Release, Role};
use crate::value::Value;

use super::RENDER_REVISION;
use super::mark::{Marker, merged, with_entry};
use super::overrides::Overrides;
use super::{etcd, ignored, kubeadm, layers, needed, template};

const CORE: &str = "cluster.x-k8s.io/v1beta2";
const BOOTSTRAP: &str = "bootstrap.cluster.x-k8s.io/v1beta2";
const CONTROL_PLANE: &str = "controlplane.cluster.x-k8s.io/v1beta2";
/// Namespaces that exist on every plane and are nobody's to make.
const GIVEN_NAMESPACES: [&str; 4] = ["default", "kube-system", "kube-public", "kube-node-lease"];

/// What the parts of one cluster's expansion share.
struct Work<'a> {
    cluster: &'a ClusterModel,
    address: &'a Address,
    management: &'a Address,
    release: &'static Release,
    marker: &'a Marker,
    overrides: Overrides,
    desired: &'a mut Desired,
    diagnostics: &'a mut Diagnostics,
}

/// Adds a cluster and its resources.
pub fn expand(model: &Model, cluster: &ClusterModel, marker: &Marker, desired: &mut Desired, diagnostics: &mut Diagnostics) {
    // An unknown version has been reported with the providers.
    let Ok(release) = needed::release(model, cluster.provider) else { return };
    let address = &cluster.input.address;
    let mut work = Work {
        cluster,
        address,
        management: &model.management.address,
        release,
        marker,
        overrides: Overrides::new(cluster.provider.owned_fields()),
        desired,
        diagnostics,
    };
    check_overrides(&mut work);
    let owns_namespace = !GIVEN_NAMESPACES.contains(&cluster.input.namespace.as_str())
        && model
            .clusters
            .values()
            .find(|other| other.input.namespace == cluster.input.namespace)
            .is_some_and(|first| &first.input.address == address);
    base(&mut work, owns_namespace);
    control_plane(&mut work);
    for pool in &cluster.input.worker_pools {
        worker_pool(&mut work, pool);
    }
    saga(&mut work, model);
    let hops = hops(&mut work);
    layers::expand(cluster, work.marker, work.desired, work.diagnostics);
    let input = &cluster.input;
    desired.clusters.insert(
        address.clone(),
        DesiredCluster {
            address: address.clone(),
            name: input.name.clone(),
            namespace: input.namespace.clone(),
            cloud: input.cloud.address.clone(),
            provider: cluster.provider.name().to_owned(),
            pivot: cluster.pivot,
            agent: cluster.agent.enabled,
            agent_mode: cluster.agent.mode.clone(),
            without_api: !cluster.provider.has_workload_api(),
            kubernetes_version: input.kubernetes_version.clone(),
            hops,
            control_plane_replicas: input.control_plane.replicas,
            pools: input.worker_pools.iter().filter_map(|pool| Some((pool.pool.clone()?, pool.replicas))).collect(),
            layers: cluster
                .layers
                .iter()
                .map(|layer| DesiredLayer { name: layer.name.clone(), kind: layer.kind, depends_on: layer.depends_on.clone() })
                .collect(),
            timeout_seconds: cluster.timeout_seconds,
            span: cluster.span,
        },
    );
}

impl Work<'_> {
    fn object(&mut self, object: Value, owner: &Address, home: Home, span: Option<Span>) -> Option<DesiredObject> {
        let plane = if home == Home::Workload { self.address } else { self.management };
        self.marker.mark(&object, owner, home, plane, span, self.diagnostics)
    }

    fn resource(&mut self, address: Address, input: Value, objects: Vec<DesiredObject>, needs: BTreeSet<Address>, span: Option<Span>) {
        let places = match &address.part {
            None => self.cluster.places.clone(),
            Some(Part::ControlPlane) => self.places_of(&None),
            Some(Part::WorkerPool(pool)) => self.places_of(&Some(pool.clone())),
            Some(_) => BTreeMap::new(),
        };
        let provider = self.cluster.provider.schema();
        let fixed = match &address.part {
            None => [schema::CLUSTER.fixed(""), provider.cluster.fixed("")].concat(),
            Some(Part::ControlPlane) => [schema::CONTROL_PLANE.fixed(""), provider.machine.fixed("machine")].concat(),
            Some(Part::WorkerPool(_)) => [schema::WORKER_POOL.fixed(""), provider.machine.fixed("machine")].concat(),
            Some(_) => Vec::new(),
        };
        let resource = DesiredResource {
            fixed: fixed.into_iter().collect(),
            address: address.clone(),
            input,
            render_revision: RENDER_REVISION,
            objects,
            needs,
            prevent_destroy: self.cluster.prevent_destroy,
            span: span.or(self.cluster.span),
            places,
        };
        self.desired.resources.insert(address, resource);
    }

    /// `metadata` of an object of this cluster.
    fn metadata(&self, name: &str) -> Value {
        let labels = Value::object([(marks::LABEL_CLUSTER_NAME, Value::string(&self.cluster.input.name))]);
        Value::object([("name", Value::string(name)), ("namespace", Value::string(&self.cluster.input.namespace)), ("labels", labels)])
    }

    /// The machine template of a pool as an object, with its name.
    fn machine_template(&mut self, stem: &str, pool: &PoolInput) -> Option<(Value, Template)> {
        let MachineTemplate { api_version, kind, spec } = self.cluster.provider.machine_template(&self.cluster.input, pool, self.release);
        self.template(stem, &api_version, &kind, spec, pool)
    }

    /// A template with the user's patches on it, named by what it holds then.
    fn template(&mut self, stem: &str, api_version: &str, kind: &str, spec: Value, pool: &PoolInput) -> Option<(Value, Template)> {
        let unnamed = object(api_version, kind, self.metadata(stem), spec);
        let patched = self.overridden(unnamed, &pool.pool);
        match template::name(stem, kind, patched.get("spec").unwrap_or(&Value::Null)) {
            Ok(name) => {
                let named = with_entry(&patched, &["metadata", "name"], Value::string(&name));
                Some((named, Template { api_version: api_version.to_owned(), kind: kind.to_owned(), name }))
            }
            Err(diagnostic) => {
                self.refuse(*diagnostic, pool.machine.span);
                None
            }
        }
    }

    /// An object with the patches of the cluster on it, and then those of the pool (`None`: of the control plane).
    fn overridden(&mut self, object: Value, pool: &Option<String>) -> Value {
        let nodes = self.cluster.nodes.get(pool).map(|nodes| &nodes.overrides);
        let models: Vec<&OverrideModel> = std::iter::once(&self.cluster.overrides).chain(nodes).collect();
        self.overrides.apply(object, &models, self.diagnostics)
    }

    /// An object of the cluster itself with the patches of the cluster on it.
    fn overridden_base(&mut self, object: Value) -> Value {
        self.overrides.apply(object, &[&self.cluster.overrides], self.diagnostics)
    }

    /// Where the attributes of the control plane (`None`) or of a pool are written.
    fn places_of(&self, pool: &Option<String>) -> BTreeMap<String, Span> {
        self.cluster.nodes.get(pool).map(|nodes| nodes.places.clone()).unwrap_or_default()
    }

    /// Where the control plane (`None`) or a pool is written.
    fn block_of(&self, pool: &Option<String>) -> Option<Span> {
        self.cluster.nodes.get(pool).and_then(|nodes| nodes.span)
    }

    fn refuse(&mut self, mut diagnostic: Diagnostic, span: Option<Span>) {
        diagnostic.primary = span.or(self.cluster.span);
        self.diagnostics.push(diagnostic);
    }

    fn version(&self) -> Value {
        Value::string(format!("v{}", self.cluster.input.kubernetes_version))
    }
}

/// What refers to a template must know of it.
struct Template {
    api_version: String,
    kind: String,
    name: String,
}

/// Which kinds a cluster has, and so what may be overridden where.
fn check_overrides(work: &mut Work<'_>) {
    let cluster = work.cluster;
    let infrastructure = cluster.provider.infrastructure(&cluster.input, work.release).object;
    let infrastructure = infrastructure.get("kind").and_then(Value::as_str).unwrap_or_default();
    let machine = cluster.provider.machine_template(&cluster.input, &cluster.input.control_plane, work.release).kind;
    let control_plane = ["KubeadmControlPlane", machine.as_str()];
    let pool = ["MachineDeployment", "KubeadmConfigTemplate", machine.as_str()];
    let all = ["Cluster", infrastructure, "KubeadmControlPlane", "MachineDeployment", "KubeadmConfigTemplate", machine.as_str()];
    work.overrides.check(&cluster.overrides, &all, work.diagnostics);
    for (name, nodes) in &cluster.nodes {
        let kinds: &[&str] = if name.is_some() { &pool } else { &control_plane };
        work.overrides.check(&nodes.overrides, kinds, work.diagnostics);
    }
}

/// A v1beta2 reference: group, kind, name; no version, no namespace.
fn reference(api_version: &str, kind: &str, name: &str) -> Value {
    let (group, _) = split_api_version(api_version);
    Value::object([("apiGroup", group), ("kind", kind), ("name", name)])
}

fn object(api_version: &str, kind: &str, metadata: Value, spec: Value) -> Value {
    Value::object([("apiVersion", Value::string(api_version)), ("kind", Value::string(kind)), ("metadata", metadata), ("spec", spec)])
}

/// Namespace, infrastructure cluster, Cluster.
fn base(work: &mut Work<'_>, owns_namespace: bool) {
    let input = &work.cluster.input;
    let (address, span) = (work.address.clone(), work.cluster.span);
    let mut objects = Vec::new();
    if owns_namespace {
        let metadata = Value::object([("name", Value::string(&input.namespace))]);
        let namespace = Value::object([("apiVersion", Value::string("v1")), ("kind", Value::string("Namespace")), ("metadata", metadata)]);
        objects.extend(work.object(namespace, &address, Home::Capi, span));
    }
    let infrastructure = work.cluster.provider.infrastructure(input, work.release).object;
    let left_alone = left_alone_of_cluster(work, &infrastructure);
    let infrastructure = with_entry(
        &infrastructure,
        &["metadata"],
        merged(&work.metadata(&input.name), infrastructure.get("metadata").unwrap_or(&Value::Null)),
    );
    let text = |key: &str| infrastructure.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let blocks = |cidrs: &[String]| Value::object([("cidrBlocks", Value::list(cidrs))]);
    let spec = Value::object([
        (
            "clusterNetwork",
            Value::object([
                ("pods", blocks(&input.pod_cidrs)),
                ("services", blocks(&input.service_cidrs)),
                ("serviceDomain", Value::string("cluster.local")),
            ]),
        ),
        ("controlPlaneRef", reference(CONTROL_PLANE, "KubeadmControlPlane", &marks::control_plane(&input.name))),
        ("infrastructureRef", reference(&text("apiVersion"), &text("kind"), &input.name)),
    ]);
    let cluster = object(CORE, "Cluster", work.metadata(&input.name), spec);
    let (infrastructure, cluster) = (work.overridden_base(infrastructure), work.overridden_base(cluster));
    let mut infrastructure = work.object(infrastructure, &address, Home::Capi, span);
    if let Some(infrastructure) = &mut infrastructure {
        ignored::leave_alone(infrastructure, &left_alone);
    }
    objects.extend(infrastructure);
    objects.extend(work.object(cluster, &address, Home::Capi, span));
    let shown = merged(
        &Value::object([
            ("name", Value::string(&input.name)),
            ("namespace", Value::string(&input.namespace)),
            ("cloud", Value::string(input.cloud.address.to_string())),
            ("kubernetes_version", Value::string(&input.kubernetes_version)),
            ("os", input.os.value.clone()),
            ("pivot", Value::Bool(work.cluster.pivot)),
            ("pod_cidr", Value::list(&input.pod_cidrs)),
            ("service_cidr", Value::list(&input.service_cidrs)),
            ("ssh_authorized_keys", Value::list(&input.ssh_authorized_keys)),
            ("profiles", Value::list(work.cluster.profiles.iter().map(|(name, version)| format!("{name} {version}")))),
        ]),
        &input.body.value,
    );
    let shown = ignored::shown(with_overrides(shown, &work.cluster.overrides), &work.cluster.ignored);
    let needs = needs_of_cluster(work);
    work.resource(address, shown, objects, needs, span);
}

fn needs_of_cluster(work: &Work<'_>) -> BTreeSet<Address> {
    let mut needs = work.cluster.depends_on.clone();
    needs.insert(work.cluster.input.cloud.address.clone());
    for name in ["cluster-api", "bootstrap-kubeadm", "control-plane-kubeadm", work.cluster.provider.name()] {
        needs.insert(work.management.with(Part::Provider(name.to_owned())));
    }
    needs
}

fn pool_input(pool: &PoolInput, work: &Work<'_>) -> Value {
    let mut shown = vec![("replicas", Value::from(pool.replicas)), ("machine", pool.machine.value.clone())];
    if let Some(nodes) = work.cluster.nodes.get(&pool.pool) {
        if !nodes.labels.is_empty() {
            shown.push(("labels", Value::map(nodes.labels.iter().map(|(key, value)| (key.as_str(), Value::string(value))))));
        }
        if !nodes.taints.is_empty() {
            let taint = |(key, value, effect): &(String, Option<String>, String)| {
                format!("{key}={}:{effect}", value.as_deref().unwrap_or_default())
            };
            shown.push(("taints", Value::list(nodes.taints.iter().map(taint))));
        }
    }
    if let Some(domain) = &pool.failure_domain {
        shown.push(("failure_domain", Value::string(domain)));
    }
    if let Some(etcd) = work.cluster.nodes.get(&pool.pool).and_then(|nodes| nodes.etcd.as_ref()) {
        shown.push(("etcd", etcd.shown()));
    }
    let shown = Value::object(shown);
    work.cluster
        .nodes
        .get(&pool.pool)
        .map_or(shown.clone(), |nodes| ignored::shown(with_overrides(shown, &nodes.overrides), &nodes.ignored))
}

fn with_overrides(shown: Value, overrides: &OverrideModel) -> Value {
    match overrides.shown() {
        Some(patches) => with_entry(&shown, &[CAPI_OVERRIDE], patches),
        None => shown,
    }
}

fn control_plane(work: &mut Work<'_>) {
    let Some(objects) = control_plane_objects(work) else { return };
    let shown = pool_input(&work.cluster.input.control_plane, work);
    let needs = BTreeSet::from([work.address.clone()]);
    let block = work.block_of(&None);
    work.resource(work.address.with(Part::ControlPlane), shown, objects, needs, block);
}

/// The control plane at each version that it may have to pass through, the oldest first.
fn hops(work: &mut Work<'_>) -> Vec<DesiredHop> {
    let mut hops = Vec::new();
    for (version, place) in &work.cluster.hops {
        let mut model = work.cluster.clone();
        model.input.kubernetes_version.clone_from(version);
        model.input.os.value = images_of(&model.input.os.value, version);
        let mut faults: Vec<Diagnostic> = model.provider.check(&model.input).into_iter().filter(Diagnostic::is_error).collect();
        faults.iter_mut().for_each(|fault| fault.primary = Some(*place));
        let mut found = Diagnostics::new();
        let (mut aside, overrides) = (Desired::default(), Overrides::new(model.provider.owned_fields()));
        let mut at_hop = Work { cluster: &model, overrides, desired: &mut aside, diagnostics: &mut found, ..*work };
        let objects = control_plane_objects(&mut at_hop).unwrap_or_default();
        hops.push(DesiredHop { version: version.clone(), objects, faults });
    }
    hops
}

/// The `os` layer for a machine of another Kubernetes version: an image holds one version, so only those that are named for this minor fit.
fn images_of(os: &Value, version: &str) -> Value {
    let minor: String = version.splitn(3, '.').take(2).collect::<Vec<_>>().join(".");
    let of_minor = |key: &str| key.ends_with(&format!("/{minor}"));
    let mut entries = os.as_entries().cloned().unwrap_or_default();
    entries.remove("image");
    if let Some(images) = entries.remove("images") {
        let fitting = images.as_entries().into_iter().flat_map(|images| images.iter()).filter(|(key, _)| of_minor(key));
        let fitting: Vec<(String, Value)> = fitting.map(|(key, image)| (key.to_string(), image.clone())).collect();
        entries.insert("images".into(), Value::map(fitting.iter().map(|(key, image)| (key.as_str(), image.clone()))));
    }
    Value::from(entries)
}

/// Secrets of external etcd, machine template and KubeadmControlPlane.
fn control_plane_objects(work: &mut Work<'_>) -> Option<Vec<DesiredObject>> {
    let input = &work.cluster.input;
    let address = work.address.with(Part::ControlPlane);
    let name = marks::control_plane(&input.name);
    let span = input.control_plane.machine.span;
    let (template, machine) = work.machine_template(&name, &input.control_plane)?;
    let rendered = work.cluster.provider.kubeadm(input, Role::ControlPlane, &machine.name);
    let kubeadm = kubeadm::complete(&rendered, work.cluster, &None, Role::ControlPlane);
    let infrastructure = Value::object([("infrastructureRef", reference(&machine.api_version, &machine.kind, &machine.name))]);
    let spec = Value::object([
        ("version", work.version()),
        ("replicas", Value::from(input.control_plane.replicas)),
        ("machineTemplate", Value::object([("spec", infrastructure)])),
        ("kubeadmConfigSpec", kubeadm),
        ("rollout", rollout([("maxSurge", 1)])),
    ]);
    let plane = object(CONTROL_PLANE, "KubeadmControlPlane", work.metadata(&name), spec);
    let plane = work.overridden(plane, &None);
    let mut objects = Vec::new();
    if let Some(external) = work.cluster.nodes.get(&None).and_then(|nodes| nodes.etcd.as_ref()) {
        for secret in etcd::secrets(external, &input.name, |name| work.metadata(name)) {
            objects.extend(work.object(secret, &address, Home::Capi, span));
        }
    }
    objects.extend(work.object(template, &address, Home::Capi, span));
    objects.extend(work.object(plane, &address, Home::Capi, span));
    Some(objects)
}

/// `rollout` with CAPI's defaults written out, so that no webhook is needed to fill them in (reference 8.4).
fn rollout<const N: usize>(limits: [(&str, i64); N]) -> Value {
    let strategy = Value::object([("type", Value::string("RollingUpdate")), ("rollingUpdate", Value::object(limits))]);
    Value::object([("strategy", strategy)])
}

/// Machine template, KubeadmConfigTemplate, MachineDeployment.
fn worker_pool(work: &mut Work<'_>, pool: &PoolInput) {
    let input = &work.cluster.input;
    let Some(label) = pool.pool.clone() else { return };
    let address = work.address.with(Part::WorkerPool(label.clone()));
    let name = marks::machine_deployment(&input.name, &label);
    let span = pool.machine.span;
    let Some((template, infrastructure)) = work.machine_template(&name, pool) else { return };
    let rendered = work.cluster.provider.kubeadm(input, Role::Worker, &infrastructure.name);
    let kubeadm = kubeadm::complete(&rendered, work.cluster, &pool.pool, Role::Worker);
    let bootstrap_spec = Value::object([("template", Value::object([("spec", kubeadm)]))]);
    let Some((bootstrap, configuration)) = work.template(&name, BOOTSTRAP, "KubeadmConfigTemplate", bootstrap_spec, pool) else { return };
    let labels = Value::object([
        (marks::LABEL_CLUSTER_NAME, Value::string(&input.name)),
        ("cluster.x-k8s.io/deployment-name", Value::string(&name)),
    ]);
    let mut machine = vec![
        ("clusterName", Value::string(&input.name)),
        ("version", work.version()),
        ("bootstrap", Value::object([("configRef", reference(&configuration.api_version, &configuration.kind, &configuration.name))])),
        ("infrastructureRef", reference(&infrastructure.api_version, &infrastructure.kind, &infrastructure.name)),
    ];
    if let Some(domain) = &pool.failure_domain {
        machine.push(("failureDomain", Value::string(domain)));
    }
    let spec = Value::object([
        ("clusterName", Value::string(&input.name)),
        ("replicas", Value::from(pool.replicas)),
        ("selector", Value::object([("matchLabels", labels.clone())])),
        ("rollout", rollout([("maxSurge", 1), ("maxUnavailable", 0)])),
        ("template", Value::object([("metadata", Value::object([("labels", labels)])), ("spec", Value::object(machine))])),
    ]);
    let deployment = object(CORE, "MachineDeployment", work.metadata(&name), spec);
    let deployment = work.overridden(deployment, &pool.pool);
    let mut objects = Vec::new();
    for value in [template, bootstrap, deployment] {
        objects.extend(work.object(value, &address, Home::Capi, span));
    }
    let left_alone = left_alone_of_pool(work, &pool.pool);
    if let Some(deployment) = objects.iter_mut().find(|object| object.key.kind == "MachineDeployment") {
        ignored::leave_alone(deployment, &left_alone);
    }
    let mut needs = BTreeSet::from([work.address.with(Part::ControlPlane)]);
    if work.cluster.pivot {
        needs.insert(work.address.with(Part::Pivot));
    }
    let shown = pool_input(pool, work);
    let block = work.block_of(&pool.pool);
    work.resource(address, shown, objects, needs, block);
}

/// Leaves of a pool's MachineDeployment that are left alone once it is made.
fn left_alone_of_pool(work: &Work<'_>, pool: &Option<String>) -> BTreeSet<FieldPath> {
    let [replicas, failure_domain] = OF_POOLS;
    let leaves = [(replicas, vec!["spec", "replicas"]), (failure_domain, vec!["spec", "template", "spec", "failureDomain"])];
    let ignored = work.cluster.nodes.get(pool).map(|nodes| &nodes.ignored);
    let named = |attribute: &str| ignored.is_some_and(|ignored| ignored.contains_key(attribute));
    leaves.into_iter().filter(|(attribute, _)| named(attribute)).map(|(_, path)| FieldPath::of_fields(path)).collect()
}

/// Leaves of the infrastructure cluster that are left alone once it is made: those that are rendered in another way without the attribute.
fn left_alone_of_cluster(work: &Work<'_>, rendered: &Value) -> BTreeSet<FieldPath> {
    let mut leaves = BTreeSet::new();
    for attribute in work.cluster.ignored.keys() {
        let Ok(path) = path_from_text(attribute) else { continue };
        let names: Vec<&str> = path.0.iter().filter_map(|element| element.as_field()).collect();
        let mut input = work.cluster.input.clone();
        input.body.value = ignored::without(&input.body.value, &names);
        leaves.extend(ignored::differing(rendered, &work.cluster.provider.infrastructure(&input, work.release).object));
    }
    leaves
}

/// Agent and pivot.
fn saga(work: &mut Work<'_>, model: &Model) {
    let before: BTreeSet<Address> = work
        .cluster
        .layers
        .iter()
        .filter(|layer| layer.kind.before_agent())
        .map(|layer| work.address.with(Part::Layer(layer.name.clone())))
        .chain([work.address.with(Part::ControlPlane)])
        .collect();
    let span = work.cluster.span;
    let mut ready = before.clone();
    if work.cluster.agent.enabled {
        let address = work.address.with(Part::Agent);
        let objects = crate::agent_objects::agent_objects(&model.agent_image)
            .iter()
            .filter_map(|json| work.object(Value::from_json(json), &address, Home::Workload, span))
            .collect();
        let input = Value::object([("image", &model.agent_image), ("mode", &work.cluster.agent.mode)]);
        work.resource(address.clone(), input, objects, before, work.cluster.agent.span.or(span));
        ready = BTreeSet::from([address]);
    }
    if work.cluster.pivot {
        let input = Value::object([("from", work.management.to_string()), ("to", work.address.to_string())]);
        work.resource(work.address.with(Part::Pivot), input, Vec::new(), ready, span);
    }
}
