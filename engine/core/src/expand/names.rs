//! Rules for Kubernetes names that follow from addresses (design section 4, Kubernetes names).

use std::collections::BTreeMap;

use crate::addr::Address;
use crate::config::Model;
use crate::diag::{Code, Diagnostic, Diagnostics, Span};

/// Longest name of a cluster: room is left for `-control-plane-` and CAPI's suffixes in 63 characters.
const CLUSTER_LIMIT: usize = 32;
/// Longest `<cluster>-<pool>`: CAPI appends two suffixes to it, and it must stay a label value.
const POOL_LIMIT: usize = 50;

/// All names are valid, short enough and unique on the management plane.
pub fn check(model: &Model) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    let mut clusters: BTreeMap<(&str, &str), &Address> = BTreeMap::new();
    for (address, cluster) in &model.clusters {
        let name = cluster.input.name.as_str();
        let span = cluster.input.body.span_of("name").or(cluster.span);
        limit(&mut diagnostics, span, &format!("the Kubernetes name of {address}"), name, CLUSTER_LIMIT);
        limit(
            &mut diagnostics,
            cluster.input.body.span_of("namespace").or(cluster.span),
            &format!("the namespace of {address}"),
            &cluster.input.namespace,
            63,
        );
        if let Some(other) = clusters.insert((cluster.input.namespace.as_str(), name), address) {
            let summary = format!("{other} and {address} have the same Kubernetes name {name:?}");
            diagnostics.push(at(Diagnostic::error(Code::NAME_NOT_UNIQUE, summary).hint("give one of them another `name`"), span));
        }
        for pool in &cluster.input.worker_pools {
            let Some(label) = &pool.pool else { continue };
            let full = crate::marks::machine_deployment(name, label);
            let place = pool.machine.span.or(cluster.span);
            limit(&mut diagnostics, place, &format!("the name {full:?} of worker_pool {label:?}"), &full, POOL_LIMIT);
            if label == "control-plane" {
                let summary = "a worker pool may not be called \"control-plane\"";
                diagnostics.push(at(
                    Diagnostic::error(Code::INVALID_NAME, summary).detail("Its objects would have the names of the control plane's."),
                    place,
                ));
            }
        }
    }
    diagnostics
}

fn at(mut diagnostic: Diagnostic, span: Option<Span>) -> Diagnostic {
    diagnostic.primary = span;
    diagnostic
}

fn limit(diagnostics: &mut Diagnostics, span: Option<Span>, what: &str, name: &str, most: usize) {
    if !is_dns_label(name) {
        let error = Diagnostic::error(Code::INVALID_NAME, format!("{what} is not a DNS label: {name:?}"))
            .detail("A DNS label (RFC 1123) has lower case letters, digits and `-`, and begins and ends with a letter or digit.")
            .hint("set `name` to a valid one; a `for_each` key that gives no valid name needs it");
        diagnostics.push(at(error, span));
    } else if name.len() > most {
        let error = Diagnostic::error(Code::INVALID_NAME, format!("{what} is {} characters long; {most} are allowed", name.len()))
            .hint("set a shorter `name`: Cluster API appends to it, and the result must fit in 63 characters");
        diagnostics.push(at(error, span));
    }
}

/// RFC 1123 label, without its limit of 63.
pub fn is_dns_label(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    !name.is_empty() && name.chars().all(|c| inner(c) || c == '-') && name.starts_with(inner) && name.ends_with(inner)
}
