//! `cluster` blocks: references to cloud and profiles, control plane, pools, agent, guards.

use std::collections::{BTreeMap, BTreeSet};

use crate::addr::{Address, Instance, Root};
use crate::diag::{Code, Diagnostic, Diagnostics, SourceMap, Span, nearest};
use crate::graph::{Cycle, Graph};
use crate::lang::ir::ExprKind;
use crate::lang::{Block, Names, Scope, as_reference};
use crate::layer::LayerKind;
use crate::provider::{Body, CloudInput, ClusterInput, PoolInput, Provider};
use crate::value::{Type, Value};

use super::block::{Handled, Reader};
use super::model::{AgentModel, CloudModel, ClusterModel, LayerModel, LayerObject, NodeModel, Reading};
use super::naming::{BlockInstance, Instances};
use super::profile::{self, Profiles, Target};
use super::variable::Variables;
use super::{Inputs, layer, lifecycle, network, node, overrides, pool, schema, without_api};

/// Name of the layer that a provider renders.
pub const CLOUD_CONTROLLER: &str = "cloud-controller";

/// What clusters are evaluated with.
pub struct Context<'c, 'i> {
    /// The module.
    pub inputs: &'c Inputs<'i>,
    /// Its clouds.
    pub clouds: &'c BTreeMap<Address, CloudModel>,
    /// Its profiles.
    pub profiles: &'c Profiles<'i>,
    /// Its names.
    pub names: &'c Names<'c>,
    /// Its variables.
    pub variables: &'c Variables,
    /// Where texts are kept for messages.
    pub sources: &'c mut SourceMap,
    /// What is found.
    pub diagnostics: &'c mut Diagnostics,
}

/// Evaluates the clusters of a module.
pub fn evaluate(context: &mut Context<'_, '_>, instances: &Instances<'_>) -> BTreeMap<Address, ClusterModel> {
    let mut clusters = BTreeMap::new();
    for instance in &instances.clusters {
        // Apart from others, so that it can be asked what was found of this one.
        let before = std::mem::take(context.diagnostics);
        let cluster = one(context, instance, instances).filter(|_| !instance.stand_in);
        let found = std::mem::replace(context.diagnostics, before);
        context.diagnostics.extend(found);
        if let Some(cluster) = cluster {
            clusters.insert(instance.address.clone(), cluster);
        }
    }
    check_cycles(&clusters, context.diagnostics);
    clusters
}

fn one(context: &mut Context<'_, '_>, instance: &BlockInstance<'_>, instances: &Instances<'_>) -> Option<ClusterModel> {
    let Root::Cluster(label) = &instance.address.root else { return None };
    let block = instance.block;
    let mut scope = Names::on(context.names);
    if let Some(each) = &instance.each {
        scope.set("each", each.clone());
    }
    let what = format!("cluster {:?}", label.name);
    let reader = Reader { scope: &scope, files: context.inputs.files, what: &what };
    // The provider's attributes are known once the cloud is; the cloud is found first. Without one the rest is checked all the same.
    let cloud = cloud(context, &reader, block);
    let provider = cloud.map(|cloud| cloud.provider).or_else(|| meant_provider(context, block))?;
    let handled =
        Handled { attributes: &["for_each", "depends_on"], blocks: &["control_plane", "worker_pool", "lifecycle"], refused: &["count"] };
    let schemas = [&schema::CLUSTER, provider.schema().cluster];
    let body = reader.read(&block.body, block.header_span, &schemas, handled, context.diagnostics);
    let text = |key: &str| body.value.get(key).and_then(Value::as_str).map(str::to_owned);
    let name = text("name")
        .unwrap_or_else(|| [Some(label.name.as_str()), label.key.as_deref()].into_iter().flatten().collect::<Vec<_>>().join("-"));
    let namespace = text("namespace").unwrap_or_else(|| name.clone());
    let named = ["name", "namespace"].iter().all(|key| !body.value.get(key).is_some_and(Value::is_unknown));
    let (pod_cidr, service_cidr) = (text("pod_cidr"), text("service_cidr"));
    network::check(&body, pod_cidr.as_deref(), service_cidr.as_deref(), &what, block.header_span, context.diagnostics);
    let (chosen, whole) = profiles(context, &body.value, body.span_of("profiles").unwrap_or(block.header_span), &what);
    let target = Target {
        address: &instance.address,
        name: if named && crate::kube_names::is_dns_label(&name) { Value::string(&name) } else { Value::unknown(Type::String) },
        provider,
        region: match cloud {
            Some(cloud) if !cloud.input.body.value.contains_unknown() => provider.region(&cloud.input).map_or(Value::Null, Value::string),
            _ => Value::unknown(Type::String),
        },
        whole,
        pod_cidr: network::known(pod_cidr.as_deref()),
        service_cidr: network::known(service_cidr.as_deref()),
        span: block.header_span,
        values_span: body.span_of("profile_values").unwrap_or(block.header_span),
    };
    let referred = [&target.name, &target.region, &target.pod_cidr, &target.service_cidr].iter().all(|value| !value.is_unknown());
    let sound = !spoils(context.diagnostics, 0);
    let module: (&dyn Scope, &Variables) = (&scope, context.variables);
    let mut evaluation =
        profile::evaluate(context.inputs, &chosen, &target, body.value.get("profile_values"), module, context.sources, context.diagnostics);
    without_api::refuse_layers(&mut evaluation, provider, &instance.address, block.header_span, context.diagnostics);
    let since = context.diagnostics.len();
    without_api::refuse_inhabitants(&body, provider, &what, block.header_span, context.diagnostics);
    let pools = pools(&reader, block, provider, context.diagnostics);
    let ssh_authorized_keys = strings(body.value.get("ssh_authorized_keys"));
    let place = body.span_of("ssh_authorized_keys").unwrap_or(block.header_span);
    node::authorized_keys(&ssh_authorized_keys, &what, place, context.diagnostics);
    let lifecycle = lifecycle::of_cluster(&reader, block, provider, context.diagnostics);
    let flag = |path: &[&str], default: bool| body.value.get_path(path).and_then(Value::as_bool).unwrap_or(default);
    let agent = AgentModel {
        enabled: flag(&["agent", "enabled"], without_api::has_agent_by_default(provider)),
        mode: body.value.get_path(&["agent", "mode"]).and_then(Value::as_str).unwrap_or("report").to_owned(),
        span: body.span_of("agent.mode").or_else(|| body.span_of("agent")),
    };
    if !matches!(agent.mode.as_str(), "report" | "heal") {
        let place = body.span_of("agent.mode").unwrap_or(block.header_span);
        context.diagnostics.push(
            Diagnostic::error(Code::INVALID_VALUE, format!("{:?} is no mode of the agent", agent.mode))
                .at(place)
                .hint("modes are `report` and `heal`"),
        );
    }
    let timeout_seconds = timeout(&body, block.header_span, context.diagnostics);
    let patches = overrides::read(&body, &what, context.diagnostics);
    let depends_on = depends_on(context.inputs, block, &what, instances, context.diagnostics);
    let (control_plane, worker_pools, nodes) = pools;
    let os = evaluation.os.unwrap_or_else(|| unread(block.header_span));
    let (kubernetes_version, kubernetes_span) =
        evaluation.kubernetes.map_or((String::new(), None), |(version, span)| (version, Some(span)));
    let of_profiles = [
        ("kubernetes_version", kubernetes_span),
        ("os.version", os.written("version")),
        ("os.image", os.written("image")),
        ("os.images", os.written("images")),
    ];
    let of_profiles = of_profiles.into_iter().filter_map(|(path, place)| Some((path.to_owned(), place?)));
    let stand_in = || CloudInput {
        address: Address::cloud(provider.name(), Instance::new("unread")),
        name: String::new(),
        body: unread(block.header_span),
    };
    let input = ClusterInput {
        address: instance.address.clone(),
        name,
        namespace,
        cloud: cloud.map_or_else(stand_in, |cloud| cloud.input.clone()),
        kubernetes_version,
        os,
        pod_cidrs: pod_cidr.into_iter().collect(),
        service_cidrs: service_cidr.into_iter().collect(),
        ssh_authorized_keys,
        control_plane,
        worker_pools,
        body: provider_part(body.clone(), provider),
    };
    check_version(&input, provider, kubernetes_span.unwrap_or(block.header_span), context.diagnostics);
    let place = lifecycle.ignored.values().next().map(|place| ("ignore_changes".to_owned(), *place));
    let known = referred && named && !input.kubernetes_version.is_empty();
    let whole = known && sound && !spoils(context.diagnostics, since) && is_read(&input);
    let mut layers = evaluation.layers;
    cloud_controller(&mut layers, evaluation.cloud_controller, provider, &input, whole);
    Some(ClusterModel {
        provider,
        pivot: flag(&["pivot"], true),
        agent,
        prevent_destroy: lifecycle.prevent_destroy,
        ignored: lifecycle.ignored,
        depends_on,
        timeout_seconds,
        overrides: patches,
        nodes,
        hops: evaluation.hops,
        profiles: evaluation.versions,
        layers,
        reading: Reading { named, known, whole },
        places: body.spans.iter().cloned().chain(of_profiles).chain(place).collect(),
        name_span: body.written("name").or_else(|| instance.name_span()),
        span: Some(block.header_span),
        input,
    })
}

/// A block that stands for one that is not there or could not be read, which has been told.
fn unread(span: Span) -> Body {
    Body { value: Value::unknown(Type::Any), span: Some(span), spans: Vec::new() }
}

/// Whether one of the findings from that one on is of something that is there, so that what is made of it would be wrong too.
fn spoils(diagnostics: &Diagnostics, since: usize) -> bool {
    let absent = |code: Code| matches!(code, Code::UNKNOWN_ATTRIBUTE | Code::UNKNOWN_BLOCK);
    diagnostics.iter().skip(since).any(|found| found.is_error() && !absent(found.code))
}

/// Whether nothing of what a provider renders a cluster from is a stand-in.
fn is_read(input: &ClusterInput) -> bool {
    let machines = std::iter::once(&input.control_plane).chain(&input.worker_pools).map(|pool| &pool.machine);
    let bodies = [&input.body, &input.cloud.body, &input.os].into_iter().chain(machines);
    profile::is_patch_version(&input.kubernetes_version) && bodies.into_iter().all(|body| !body.value.contains_unknown())
}

fn strings(value: Option<&Value>) -> Vec<String> {
    value.and_then(Value::as_elements).unwrap_or_default().iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

/// The body with nothing but the provider's attributes, name and namespace in its value.
fn provider_part(mut body: Body, provider: &dyn Provider) -> Body {
    let schema = provider.schema().cluster;
    let entries = body.value.as_entries().cloned().unwrap_or_default();
    let own = entries.into_iter().filter(|(key, _)| schema.attribute(key).is_some() || schema.block(key).is_some());
    body.value = Value::object(own);
    body
}

/// The provider that the block means, though its cloud is not there: the one in the reference, else the first that is listed.
fn meant_provider(context: &Context<'_, '_>, block: &Block) -> Option<&'static dyn Provider> {
    let reference = block.body.attribute("cloud").and_then(|attribute| as_reference(&attribute.expr));
    let named = reference.as_ref().filter(|reference| &*reference.root == "cloud").and_then(|reference| reference.name(0));
    let providers = context.inputs.providers;
    let first = providers.iter().find(|provider| provider.is_listed());
    providers.iter().find(|provider| Some(provider.name()) == named).or(first).copied()
}

/// The cloud that the block refers to.
fn cloud<'c>(context: &mut Context<'c, '_>, reader: &Reader<'_>, block: &Block) -> Option<&'c CloudModel> {
    // Without the attribute: that is told with the others that are missing.
    let attribute = block.body.attribute("cloud")?;
    let found =
        schema::CLUSTER.attribute("cloud").and_then(|declared| reader.expression(&attribute.expr, declared, context.diagnostics))?;
    let address = found.get("address").and_then(Value::as_str).and_then(|text| text.parse::<Address>().ok());
    match address {
        // A cloud that is not in the map has been reported where it stands.
        Some(address) if matches!(address.root, Root::Cloud(..)) => context.clouds.get(&address),
        // What it refers to could not be evaluated, which has been told.
        _ if found.contains_unknown() => None,
        _ => {
            let hint = "write `cloud = cloud.aws.name`; with `for_each`, `cloud.aws.name[\"key\"]`";
            context.diagnostics.push(
                Diagnostic::error(Code::WRONG_TYPE, format!("`cloud` of {} is no cloud", reader.what)).at(attribute.expr.span).hint(hint),
            );
            None
        }
    }
}

/// The profiles that the block names, and whether they are all of them: those with faults of their own are left out.
fn profiles<'c, 'i>(context: &mut Context<'c, 'i>, body: &Value, span: Span, what: &str) -> (Vec<(&'c str, &'i Block)>, bool) {
    let Some(elements) = body.get("profiles").and_then(Value::as_elements) else { return (Vec::new(), false) };
    let mut whole = true;
    let mut chosen: Vec<(&str, &Block)> = Vec::new();
    for element in elements {
        let name = element.get("address").and_then(Value::as_str).and_then(|address| address.strip_prefix("profile."));
        match name.and_then(|name| context.profiles.get_key_value(name)) {
            Some((name, _)) if chosen.iter().any(|(other, _)| other == name) => {
                context.diagnostics.push(
                    Diagnostic::error(Code::INVALID_VALUE, format!("{what} names profile {name:?} twice"))
                        .at(span)
                        .hint("name it once: a second time it would hold the same layers again"),
                );
            }
            Some((name, block)) => chosen.push((name, block)),
            None if element.is_unknown() => whole = false,
            None => {
                whole = false;
                context.diagnostics.push(
                    Diagnostic::error(Code::WRONG_TYPE, format!("`profiles` of {what} takes references to profiles"))
                        .at(span)
                        .hint("write `profiles = [profile.base]`"),
                );
            }
        }
    }
    (chosen, whole)
}

type Pools = (PoolInput, Vec<PoolInput>, BTreeMap<Option<String>, NodeModel>);

fn pools(reader: &Reader<'_>, block: &Block, provider: &dyn Provider, diagnostics: &mut Diagnostics) -> Pools {
    let mut nodes = BTreeMap::new();
    let mut control_planes = block.body.blocks_of("control_plane");
    let first = control_planes.next();
    if let Some(second) = control_planes.next() {
        diagnostics.push(
            Diagnostic::error(Code::DUPLICATE_BLOCK, format!("{} may have one `control_plane` block only", reader.what))
                .at(second.header_span),
        );
    }
    let control_plane = match first {
        Some(inner) => {
            let (input, node) = pool::read(reader, inner, None, provider, diagnostics);
            nodes.insert(None, node);
            Some(input)
        }
        // A block of a similar name has been told.
        None if block
            .body
            .blocks
            .iter()
            .any(|inner| &*inner.kind != "worker_pool" && nearest(&inner.kind, ["control_plane"]).is_some()) =>
        {
            None
        }
        None => {
            diagnostics.push(
                Diagnostic::error(Code::MISSING_BLOCK, format!("{} lacks a `control_plane` block", reader.what))
                    .at(block.header_span)
                    .hint("add `control_plane { machine { … } }`"),
            );
            None
        }
    };
    let mut workers: BTreeMap<String, (PoolInput, Span)> = BTreeMap::new();
    for inner in block.body.blocks_of("worker_pool") {
        if !super::toplevel::labelled(inner, &["name"], diagnostics) {
            continue;
        }
        let name = inner.label(0).map(|label| label.to_string()).unwrap_or_default();
        let (input, node) = pool::read(reader, inner, Some(name.clone()), provider, diagnostics);
        nodes.insert(Some(name.clone()), node);
        if let Some((_, first)) = workers.get(&name) {
            diagnostics.push(
                Diagnostic::error(Code::DUPLICATE_BLOCK, format!("{} has two worker pools named {name:?}", reader.what))
                    .at(inner.header_span)
                    .related(*first, "first declared here"),
            );
        } else {
            workers.insert(name, (input, inner.header_span));
        }
    }
    let missing = || PoolInput { pool: None, replicas: 1, machine: unread(block.header_span), failure_domain: None };
    (control_plane.unwrap_or_else(missing), workers.into_values().map(|(input, _)| input).collect(), nodes)
}

/// Seconds of `timeouts { wait }`.
fn timeout(body: &Body, span: Span, diagnostics: &mut Diagnostics) -> u64 {
    const DEFAULT: u64 = 3600;
    // A million hours.
    const LONGEST: u64 = 3_600_000_000;
    let Some(text) = body.value.get_path(&["timeouts", "wait"]).and_then(Value::as_str) else { return DEFAULT };
    match crate::duration::seconds(text).filter(|seconds| (1..=LONGEST).contains(seconds)) {
        Some(seconds) => seconds,
        None => {
            let place = body.span_of("timeouts.wait").unwrap_or(span);
            diagnostics.push(
                Diagnostic::error(Code::INVALID_VALUE, format!("{text:?} is no duration")).at(place).hint("write `90s`, `60m` or `2h`"),
            );
            DEFAULT
        }
    }
}

/// The Kubernetes minor must be one that the cloud's releases support.
fn check_version(input: &ClusterInput, provider: &dyn Provider, span: Span, diagnostics: &mut Diagnostics) {
    let minor = input.kubernetes_version.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok());
    let (Some(minor), Some(release)) = (minor, provider.releases().last()) else { return };
    let (first, last) = release.kubernetes;
    if !input.kubernetes_version.starts_with("1.") || minor < first || minor > last {
        diagnostics.push(
            Diagnostic::error(Code::UNKNOWN_VERSION, format!("Kubernetes {} is not supported", input.kubernetes_version))
                .at(span)
                .detail(format!(
                    "Provider {} {} and Cluster API carry workload clusters of Kubernetes 1.{first} to 1.{last}.",
                    provider.name(),
                    release.version
                ))
                .hint(format!("set `version` of the `kubernetes` layer to a release of 1.{first} to 1.{last}")),
        );
    }
}

/// The layer that initialises nodes: the provider's, the profile's own, or none.
fn cloud_controller(
    layers: &mut Vec<LayerModel>,
    chosen: Option<(bool, Vec<LayerObject>, Span)>,
    provider: &dyn Provider,
    input: &ClusterInput,
    whole: bool,
) {
    let (objects, span) = match chosen {
        Some((false, _, _)) => return,
        Some((true, objects, span)) if !objects.is_empty() => (objects, Some(span)),
        _ if !whole => return,
        _ => {
            let rendered = provider.cloud_controller(input).into_iter();
            (rendered.map(|rendered| LayerObject { value: rendered.object, span: None }).collect(), None)
        }
    };
    if objects.is_empty() {
        return;
    }
    let shown = Value::object([
        ("kind", Value::string(CLOUD_CONTROLLER)),
        ("pack", Value::string(provider.name())),
        ("objects", Value::list(objects.iter().map(|object| layer::title(&object.value)))),
    ]);
    let name = CLOUD_CONTROLLER.to_owned();
    let (depends_on, depends_places) = (BTreeSet::new(), BTreeMap::new());
    layers.insert(
        0,
        LayerModel {
            name,
            kind: LayerKind::CloudController,
            depends_on,
            depends_places,
            objects,
            input: shown,
            ignored: BTreeMap::new(),
            span,
        },
    );
}

/// Clusters and clouds in `depends_on`.
fn depends_on(
    inputs: &Inputs<'_>,
    block: &Block,
    what: &str,
    instances: &Instances<'_>,
    diagnostics: &mut Diagnostics,
) -> BTreeSet<Address> {
    let mut needs = BTreeSet::new();
    let Some(attribute) = block.body.attribute("depends_on") else { return needs };
    let ExprKind::Tuple(elements) = &attribute.expr.kind else {
        diagnostics.push(
            Diagnostic::error(Code::NOT_STATIC, format!("`depends_on` of {what} is not a list of references"))
                .at(attribute.expr.span)
                .hint("write `depends_on = [cluster.name]`"),
        );
        return needs;
    };
    for element in elements {
        let Some(reference) = as_reference(element).filter(|reference| &*reference.root == "cluster" && !reference.path.is_empty()) else {
            diagnostics.push(
                Diagnostic::error(Code::NOT_STATIC, format!("`depends_on` of {what} takes references to clusters"))
                    .at(element.span)
                    .hint("write `cluster.name`"),
            );
            continue;
        };
        let (name, key) = (reference.name(0), reference.name(1));
        let matches = |address: &Address| matches!(&address.root, Root::Cluster(label) if Some(label.name.as_str()) == name && (key.is_none() || label.key.as_deref() == key));
        let before = needs.len();
        needs.extend(instances.clusters.iter().map(|instance| &instance.address).filter(|address| matches(address)).cloned());
        if needs.len() == before && !inputs.body.may_hold("cluster", &[name.unwrap_or_default()]) {
            let known: Vec<String> = instances.clusters.iter().map(|instance| instance.address.to_string()).collect();
            let error = Diagnostic::error(Code::UNKNOWN_NAME, format!("{reference} is no cluster of this configuration")).at(element.span);
            diagnostics.push(match nearest(&reference.to_string(), known.iter().map(String::as_str)) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error,
            });
        }
    }
    needs
}

/// Neither clusters nor the layers of one may wait for each other in a circle.
fn check_cycles(clusters: &BTreeMap<Address, ClusterModel>, diagnostics: &mut Diagnostics) {
    let names: Vec<String> = clusters.keys().map(ToString::to_string).collect();
    let needs: Vec<(Vec<String>, Option<Span>)> =
        clusters.values().map(|cluster| (cluster.depends_on.iter().map(ToString::to_string).collect(), cluster.span)).collect();
    circle("clusters", &names, &needs, diagnostics);
    for cluster in clusters.values() {
        let names: Vec<String> = cluster.layers.iter().map(|layer| layer.name.clone()).collect();
        let needs: Vec<(Vec<String>, Option<Span>)> =
            cluster.layers.iter().map(|layer| (layer.depends_on.iter().cloned().collect(), layer.span)).collect();
        circle(&format!("layers of {}", cluster.input.address), &names, &needs, diagnostics);
    }
}

/// Tells every circle of `depends_on` among things of one sort.
fn circle(what: &str, names: &[String], needs: &[(Vec<String>, Option<Span>)], diagnostics: &mut Diagnostics) {
    let by_name: BTreeMap<&str, u32> = names.iter().map(String::as_str).zip(0u32..).collect();
    let mut graph = Graph::new(names.len());
    for ((wanted, _), from) in needs.iter().zip(0u32..) {
        for to in wanted.iter().filter_map(|name| by_name.get(name.as_str())) {
            graph.edge(from, *to, "depends_on");
        }
    }
    for cycle in graph.cycles() {
        diagnostics.push(circle_of(what, &cycle, names, needs));
    }
}

fn circle_of(what: &str, cycle: &Cycle, names: &[String], needs: &[(Vec<String>, Option<Span>)]) -> Diagnostic {
    let at = |i: u32| usize::try_from(i).ok();
    let path: Vec<&str> = cycle.edges.iter().filter_map(|edge| names.get(at(edge.from)?)).map(String::as_str).collect();
    let first = path.first().copied().unwrap_or_default();
    let mut diagnostic = Diagnostic::error(Code::CYCLE, format!("{what} wait for each other: {} -> {first}", path.join(" -> ")))
        .detail("Each arrow is a `depends_on`.")
        .hint("take one of them away");
    for (i, edge) in cycle.edges.iter().enumerate() {
        let Some(span) = at(edge.from).and_then(|i| needs.get(i)).and_then(|(_, span)| *span) else { continue };
        if i == 0 {
            diagnostic.primary = Some(span);
        } else {
            diagnostic = diagnostic.related(span, "in the circle");
        }
    }
    diagnostic
}
