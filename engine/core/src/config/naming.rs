//! Names that depend on each other: locals, and the `for_each` instances of clouds and clusters, evaluated in order of reference.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::addr::{Address, Instance};
use crate::diag::{Code, Diagnostic, Diagnostics, Span};
use crate::graph::{Cycle, Graph};
use crate::lang::{Block, Evaluator, Expr, Names, references};
use crate::value::{Type, Value};

use super::{ClusterModel, Inputs};

/// One instance of a `cloud` or `cluster` block.
#[derive(Clone)]
pub struct BlockInstance<'a> {
    /// The block.
    pub block: &'a Block,
    /// Its address.
    pub address: Address,
    /// `each`, if the block has `for_each`.
    pub each: Option<Value>,
    /// Stands in for all instances, of which it is not known which they are: its body is checked, and nothing is made of it.
    pub stand_in: bool,
}

impl BlockInstance<'_> {
    /// Where what tells it from others stands: the `for_each`, or the last label.
    pub fn name_span(&self) -> Option<Span> {
        let for_each = self.block.body.attribute("for_each").filter(|_| self.each.is_some()).map(|attribute| attribute.expr.span);
        for_each.or_else(|| self.block.labels.last().map(|label| label.span))
    }
}

/// All instances.
#[derive(Default)]
pub struct Instances<'a> {
    /// Of `cloud` blocks.
    pub clouds: Vec<BlockInstance<'a>>,
    /// Of `cluster` blocks.
    pub clusters: Vec<BlockInstance<'a>>,
    /// Each `for_each` whose keys are known only after apply. This is a fault of its own, whatever else is wrong.
    pub unknown_keys: Diagnostics,
}

enum Node<'a> {
    Local(&'a Arc<str>, &'a Expr),
    Cloud(&'a Block),
    Cluster(&'a Block),
}

impl Node<'_> {
    fn name(&self) -> String {
        let label = |block: &Block, i: usize| block.label(i).map(|label| label.to_string()).unwrap_or_default();
        match self {
            Node::Local(name, _) => format!("local.{name}"),
            Node::Cloud(block) => format!("cloud.{}.{}", label(block, 0), label(block, 1)),
            Node::Cluster(block) => format!("cluster.{}", label(block, 0)),
        }
    }

    fn expression(&self) -> Option<&Expr> {
        match self {
            Node::Local(_, expr) => Some(expr),
            Node::Cloud(block) | Node::Cluster(block) => block.body.attribute("for_each").map(|attribute| &attribute.expr),
        }
    }

    fn span(&self) -> Span {
        match self {
            Node::Local(_, expr) => expr.span,
            Node::Cloud(block) | Node::Cluster(block) => block.header_span,
        }
    }
}

/// Evaluates locals and instances and makes them known in `names`.
pub fn evaluate<'a>(inputs: &Inputs<'a>, names: &mut Names<'_>, diagnostics: &mut Diagnostics) -> Instances<'a> {
    names.group("local", "local value");
    names.group("cloud", "provider with clouds");
    names.group("cluster", "cluster");
    for (kind, group) in [("locals", "local"), ("cloud", "cloud"), ("cluster", "cluster")] {
        super::forgive(inputs.body, names, kind, group);
    }
    let nodes = nodes(inputs, diagnostics);
    let by_name: BTreeMap<String, u32> = (0u32..).zip(&nodes).map(|(i, node)| (node.name(), i)).collect();
    let mut graph = Graph::new(nodes.len());
    for (i, node) in (0u32..).zip(&nodes) {
        for reference in node.expression().map(references).unwrap_or_default() {
            let depth = if &*reference.root == "cloud" { 2 } else { 1 };
            let target: Option<String> = (0..depth)
                .map(|step| reference.name(step))
                .try_fold(reference.root.to_string(), |name, step| Some(format!("{name}.{}", step?)));
            if let Some(&target) = target.and_then(|name| by_name.get(&name)) {
                graph.edge(i, target, reference.to_string());
            }
        }
    }
    let order = match graph.order() {
        Ok(order) => order,
        Err(_) => {
            diagnostics.extend(graph.cycles().iter().map(|cycle| circle(cycle, &nodes)));
            // Nothing has a value yet, and everything exists: the circles are the faults that are told.
            nodes.iter().for_each(|node| foretell(node, names));
            (0..u32::try_from(nodes.len()).unwrap_or(u32::MAX)).collect()
        }
    };
    let mut instances = Instances::default();
    let mut clouds: BTreeMap<String, BTreeMap<Arc<str>, Value>> = BTreeMap::new();
    for spoilt in inputs.body.spoilt.iter().filter(|spoilt| spoilt.kind.as_deref() == Some("cloud")) {
        if let [provider, name] = spoilt.labels.as_slice() {
            clouds.entry(provider.to_string()).or_default().insert(name.clone(), Value::unknown(Type::Any));
        }
    }
    for (provider, named) in &clouds {
        names.set_entry("cloud", provider.as_str(), Value::from(named.clone()));
    }
    for node in order.into_iter().filter_map(|i| nodes.get(usize::try_from(i).ok()?)) {
        match node {
            Node::Local(name, expr) => {
                let (value, found) = Evaluator::new(names, inputs.files).evaluate(expr);
                diagnostics.extend(found);
                names.set_entry("local", Arc::clone(name), value);
            }
            Node::Cloud(block) => {
                let (Some(provider), Some(name)) = (block.label(0), block.label(1)) else { continue };
                let made = made(
                    block,
                    inputs,
                    names,
                    diagnostics,
                    &mut instances.unknown_keys,
                    |instance| Address::cloud(provider.to_string(), instance),
                    name,
                );
                let group = clouds.entry(provider.to_string()).or_default();
                group.insert(name.clone(), value_of(&made, |address| Value::object([("address", Value::string(address.to_string()))])));
                names.set_entry("cloud", provider.clone(), Value::from(group.clone()));
                instances.clouds.extend(made);
            }
            Node::Cluster(block) => {
                let Some(name) = block.label(0) else { continue };
                let made = made(block, inputs, names, diagnostics, &mut instances.unknown_keys, Address::cluster, name);
                names.set_entry("cluster", name.clone(), value_of(&made, |address| Value::object(unknown_parts(address))));
                instances.clusters.extend(made);
            }
        }
    }
    instances.clouds.sort_by(|a, b| a.address.cmp(&b.address));
    instances.clusters.sort_by(|a, b| a.address.cmp(&b.address));
    instances
}

fn circle(cycle: &Cycle, nodes: &[Node<'_>]) -> Diagnostic {
    let at = |i: u32| usize::try_from(i).ok().and_then(|i| nodes.get(i));
    let path: Vec<String> =
        cycle.edges.iter().filter_map(|edge| Some(format!("{} refers to {}", at(edge.from)?.name(), edge.reason))).collect();
    let mut diagnostic = Diagnostic::error(Code::CYCLE, "names refer to each other in a circle")
        .detail(format!("{}.", path.join(", ")))
        .hint("take one of these references away, or move what both sides need into a value of its own");
    diagnostic.primary = cycle.edges.first().and_then(|edge| at(edge.from)).map(Node::span);
    for edge in cycle.edges.iter().skip(1) {
        if let Some(node) = at(edge.from) {
            diagnostic = diagnostic.related(node.span(), format!("refers to {}", edge.reason));
        }
    }
    diagnostic
}

/// Makes a name known before it has a value.
fn foretell(node: &Node<'_>, names: &mut Names<'_>) {
    let (group, name) = match node {
        Node::Local(name, _) => ("local", Some(*name)),
        Node::Cloud(block) => ("cloud", block.label(0)),
        Node::Cluster(block) => ("cluster", block.label(0)),
    };
    if let Some(name) = name {
        names.set_entry(group, name.clone(), Value::unknown(Type::Any));
    }
}

fn nodes<'a>(inputs: &Inputs<'a>, diagnostics: &mut Diagnostics) -> Vec<Node<'a>> {
    let mut nodes = Vec::new();
    let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
    for block in inputs.body.blocks_of("locals") {
        for nested in &block.body.blocks {
            diagnostics
                .push(Diagnostic::error(Code::UNKNOWN_BLOCK, "`locals` has no blocks").at(nested.kind_span).hint("write `name = { … }`"));
        }
        for attribute in &block.body.attributes {
            match seen.insert(&attribute.name, attribute.name_span) {
                Some(first) => diagnostics.push(
                    Diagnostic::error(Code::DUPLICATE_ATTRIBUTE, format!("local value `{}` is declared twice", attribute.name))
                        .at(attribute.name_span)
                        .related(first, "first declared here")
                        .hint("keep one of the two, or give one another name"),
                ),
                None => nodes.push(Node::Local(&attribute.name, &attribute.expr)),
            }
        }
    }
    nodes.extend(inputs.body.blocks_of("cloud").filter(|block| block.labels.len() == 2).map(Node::Cloud));
    nodes.extend(inputs.body.blocks_of("cluster").filter(|block| block.labels.len() == 1).map(Node::Cluster));
    nodes
}

/// The value of a block's name: of its one instance, or an object of all by key.
fn value_of(instances: &[BlockInstance<'_>], value: impl Fn(&Address) -> Value) -> Value {
    match instances {
        [BlockInstance { stand_in: true, .. }] => Value::unknown(Type::Any),
        [BlockInstance { each: None, address, .. }] => value(address),
        many => Value::object(many.iter().filter_map(|instance| Some((key_of(&instance.address)?, value(&instance.address))))),
    }
}

fn key_of(address: &Address) -> Option<String> {
    match &address.root {
        crate::addr::Root::Cloud(_, instance) | crate::addr::Root::Cluster(instance) => instance.key.clone(),
        crate::addr::Root::Management(_) => None,
    }
}

/// What of a cluster is known only once it lives.
fn unknown_parts(address: &Address) -> Vec<(&'static str, Value)> {
    let unknown = |part: &str| Value::unknown_reference(Type::String, format!("{address}.{part}"));
    vec![("address", Value::string(address.to_string())), ("endpoint", unknown("endpoint")), ("ca_certificate", unknown("ca_certificate"))]
}

/// A cluster without a key, and those with one by key.
type OneOrMany = (Option<Value>, BTreeMap<Arc<str>, Value>);

/// Makes what HCL says of clusters known, for outputs.
pub fn name_clusters(clusters: &BTreeMap<Address, ClusterModel>, instances: &Instances<'_>, names: &mut Names<'_>) {
    let mut values: BTreeMap<Arc<str>, OneOrMany> = BTreeMap::new();
    // What is wrong with these has been told.
    for instance in instances.clusters.iter().filter(|instance| !clusters.contains_key(&instance.address)) {
        let crate::addr::Root::Cluster(label) = &instance.address.root else { continue };
        let entry = values.entry(Arc::from(label.name.as_str())).or_default();
        match label.key.as_deref() {
            Some(key) => drop(entry.1.insert(Arc::from(key), Value::unknown(Type::Any))),
            None => entry.0 = Some(Value::unknown(Type::Any)),
        }
    }
    for (address, cluster) in clusters {
        let crate::addr::Root::Cluster(instance) = &address.root else { continue };
        let mut parts = unknown_parts(address);
        let read = |text: &str, known: bool| if known { Value::string(text) } else { Value::unknown(Type::String) };
        parts.push(("name", read(&cluster.input.name, cluster.reading.named)));
        parts.push(("namespace", read(&cluster.input.namespace, cluster.reading.named)));
        parts.push(("kubernetes_version", read(&cluster.input.kubernetes_version, !cluster.input.kubernetes_version.is_empty())));
        let entry = values.entry(Arc::from(instance.name.as_str())).or_default();
        match &instance.key {
            None => entry.0 = Some(Value::object(parts)),
            Some(key) => {
                entry.1.insert(Arc::from(key.as_str()), Value::object(parts));
            }
        }
    }
    for (name, (single, keyed)) in values {
        names.set_entry("cluster", name, single.unwrap_or_else(|| Value::from(keyed)));
    }
}

fn made<'a>(
    block: &'a Block,
    inputs: &Inputs<'_>,
    names: &Names<'_>,
    diagnostics: &mut Diagnostics,
    unknown_keys: &mut Diagnostics,
    address: impl Fn(Instance) -> Address,
    name: &str,
) -> Vec<BlockInstance<'a>> {
    if let Some(count) = block.body.attribute("count") {
        diagnostics.push(
            Diagnostic::error(Code::UNKNOWN_ATTRIBUTE, "there is no `count` in windlass")
                .at(count.name_span)
                .hint("use `for_each = toset([…])`: instances with names do not move when one goes"),
        );
    }
    let Some(attribute) = block.body.attribute("for_each") else {
        return vec![BlockInstance { block, address: address(Instance::new(name)), each: None, stand_in: false }];
    };
    let (value, found) = Evaluator::new(names, inputs.files).evaluate(&attribute.expr);
    let failed = found.has_errors();
    diagnostics.extend(found);
    // The body is checked although nobody knows for which instances.
    let stand_in = || {
        let each = Value::object([("key", Value::unknown(Type::String)), ("value", Value::unknown(Type::Any))]);
        vec![BlockInstance { block, address: address(Instance::new(name)), each: Some(each), stand_in: true }]
    };
    if failed {
        return stand_in();
    }
    let fault = |code: Code, summary: &str, hint: &str| Diagnostic::error(code, summary).at(attribute.expr.span).hint(hint);
    let each = |key: &str, value: &Value| BlockInstance {
        block,
        address: address(Instance { name: name.to_owned(), key: Some(key.to_owned()) }),
        each: Some(Value::object([("key", Value::string(key)), ("value", value.clone())])),
        stand_in: false,
    };
    let fault = match &value {
        _ if value.contains_secret() => fault(
            Code::SECRET_NOT_ALLOWED,
            "`for_each` is sensitive",
            "keys are part of addresses, which are shown; use `nonsensitive()` if they are harmless",
        ),
        Value::Unknown(_) | Value::Set(_) if value.contains_unknown() => {
            let hint = "which clusters exist must be known when the plan is reviewed";
            let fault = fault(Code::UNKNOWN_NOT_ALLOWED, "`for_each` is not known before apply", hint);
            // An unknown that refers to nothing may be what another fault has left.
            let genuine = Cell::new(false);
            value.walk_leaves(|_, leaf| {
                genuine.set(genuine.get() || matches!(leaf.reveal(), Value::Unknown(unknown) if unknown.reference.is_some()));
            });
            if genuine.get() {
                unknown_keys.push(fault)
            } else {
                diagnostics.push(fault)
            }
            return stand_in();
        }
        Value::Map(entries) | Value::Object(entries) => return entries.iter().map(|(key, value)| each(key, value)).collect(),
        Value::Set(elements) if elements.iter().all(|element| element.as_str().is_some()) => {
            return elements.iter().filter_map(|element| Some(each(element.as_str()?, element))).collect();
        }
        Value::Null => fault(Code::NULL_VALUE, "`for_each` is null", "use an empty map `{}` for no instances"),
        _ => fault(Code::WRONG_TYPE, "`for_each` takes a map or a set of strings", "write `for_each = toset([\"eu\", \"us\"])`"),
    };
    diagnostics.push(fault);
    stand_in()
}
