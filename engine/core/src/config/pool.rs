//! `control_plane` and `worker_pool` blocks of a cluster.

use std::collections::BTreeMap;

use crate::diag::{Code, Diagnostic, Diagnostics, Span};
use crate::lang::Block;
use crate::provider::{Body, PoolInput, Provider};
use crate::schema::BlockSchema;
use crate::value::{Type, Value};

use super::block::{Handled, Reader};
use super::model::NodeModel;
use super::{etcd, lifecycle, node, overrides, schema};

/// What limits the number of machines of a group.
#[derive(Clone, Copy)]
enum Group {
    /// A control plane whose machines are the members of its etcd.
    WithEtcd,
    /// A control plane whose etcd somebody else runs.
    WithoutEtcd,
    Workers,
}

/// Reads one group of machines; `pool` is `None` for the control plane.
pub fn read(
    reader: &Reader<'_>,
    block: &Block,
    pool: Option<String>,
    provider: &dyn Provider,
    diagnostics: &mut Diagnostics,
) -> (PoolInput, NodeModel) {
    let what = match &pool {
        Some(pool) => format!("worker_pool {pool:?} of {}", reader.what),
        None => format!("control_plane of {}", reader.what),
    };
    let inner = Reader { scope: reader.scope, files: reader.files, what: &what };
    let own: &'static BlockSchema = if pool.is_some() { &schema::WORKER_POOL } else { &schema::CONTROL_PLANE };
    let blocks: &[&str] = if pool.is_some() { &["machine", "lifecycle"] } else { &["machine"] };
    let body = inner.read(&block.body, block.header_span, &[own], Handled { blocks, ..Handled::default() }, diagnostics);
    let machine = machine(&inner, block, provider, diagnostics);
    let replicas = body.value.get("replicas").and_then(Value::as_i64).unwrap_or(1);
    let place = body.span_of("replicas").unwrap_or(block.header_span);
    let group = match &pool {
        Some(_) => Group::Workers,
        None if etcd::is_external(&body) => Group::WithoutEtcd,
        None => Group::WithEtcd,
    };
    let replicas = replicas_of(replicas, group, &what, place, diagnostics);
    let failure_domain = body.value.get("failure_domain").and_then(Value::as_str).map(str::to_owned);
    let mut nodes = nodes(&body, &machine, block, &what, diagnostics);
    if pool.is_some() {
        nodes.ignored = lifecycle::of_pool(&inner, block, provider, diagnostics);
        let place = nodes.ignored.values().next().copied();
        nodes.places.extend(place.map(|place| ("ignore_changes".to_owned(), place)));
    } else {
        nodes.etcd = etcd::read(&body, &what, diagnostics);
    }
    (PoolInput { pool, replicas, machine, failure_domain }, nodes)
}

fn replicas_of(replicas: i64, group: Group, what: &str, place: Span, diagnostics: &mut Diagnostics) -> u32 {
    let error = |summary: String, hint: &str| Diagnostic::error(Code::INVALID_VALUE, summary).at(place).hint(hint);
    let found = match (u32::try_from(replicas), group) {
        (Ok(count @ (1 | 3 | 5)), Group::WithEtcd) | (Ok(count @ 1..=5), Group::WithoutEtcd) | (Ok(count @ 0..=1000), Group::Workers) => {
            return count;
        }
        (_, Group::WithEtcd) => {
            error(format!("{what} may have 1, 3 or 5 replicas, not {replicas}"), "etcd needs an odd number of members to keep a majority")
                .detail("Cluster API refuses even numbers when etcd is stacked.")
        }
        (_, Group::WithoutEtcd) => error(format!("{what} may have 1 to 5 replicas, not {replicas}"), "use another number"),
        (_, Group::Workers) => error(format!("{what} may have 0 to 1000 replicas, not {replicas}"), "use another number"),
    };
    diagnostics.push(found);
    1
}

fn machine(reader: &Reader<'_>, block: &Block, provider: &dyn Provider, diagnostics: &mut Diagnostics) -> Body {
    let mut machines = block.body.blocks_of("machine");
    let Some(machine) = machines.next() else {
        diagnostics.push(
            Diagnostic::error(Code::MISSING_BLOCK, format!("{} lacks a `machine` block", reader.what))
                .at(block.header_span)
                .hint("add `machine { … }` with what the cloud needs to know of a machine"),
        );
        return Body { value: Value::unknown(Type::Any), span: Some(block.header_span), spans: Vec::new() };
    };
    if let Some(second) = machines.next() {
        diagnostics.push(
            Diagnostic::error(Code::DUPLICATE_BLOCK, format!("{} may have one `machine` block only", reader.what))
                .at(second.header_span)
                .related(machine.header_span, "the first one"),
        );
    }
    let what = format!("machine of {}", reader.what);
    let inner = Reader { scope: reader.scope, files: reader.files, what: &what };
    inner.read(&machine.body, machine.header_span, &[provider.schema().machine], Handled::default(), diagnostics)
}

fn nodes(body: &Body, machine: &Body, block: &Block, what: &str, diagnostics: &mut Diagnostics) -> NodeModel {
    let span = block.header_span;
    let labels = body.value.get("labels").and_then(Value::as_entries).into_iter().flatten();
    let labels: BTreeMap<String, String> = labels.filter_map(|(key, value)| Some((key.to_string(), value.as_str()?.to_owned()))).collect();
    let written = labels.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    node::labels(written, what, body.span_of("labels").unwrap_or(span), diagnostics);
    let of_machine = machine.spans.iter().map(|(path, span)| (format!("machine.{path}"), *span));
    NodeModel {
        labels,
        taints: node::taints(body, span, what, diagnostics),
        etcd: None,
        ignored: BTreeMap::new(),
        overrides: overrides::read(body, what, diagnostics),
        places: body.spans.iter().cloned().chain(of_machine).collect(),
        name_span: block.labels.first().map(|label| label.span),
        span: Some(span),
    }
}
