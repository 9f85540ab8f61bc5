//! Rules for Kubernetes names that follow from addresses (design section 4, Kubernetes names).

use std::collections::{BTreeMap, BTreeSet};

use crate::addr::Address;
use crate::config::{ClusterModel, Model};
use crate::diag::{Code, Diagnostic, Diagnostics, Span};
use crate::kube_names::is_dns_label;
use crate::marks::SYSTEM_NAMESPACE;

/// Longest name of a cluster: room is left for `-control-plane-` and CAPI's suffixes in 63 characters.
const CLUSTER_LIMIT: usize = 32;
/// Longest `<cluster>-<pool>`: CAPI appends two suffixes to it, and it must stay a label value.
const POOL_LIMIT: usize = 50;

/// Namespaces of Kubernetes itself, of cert-manager and of ours: no cluster's objects belong there.
const RESERVED: [&str; 5] = ["kube-system", "kube-public", "kube-node-lease", "cert-manager", SYSTEM_NAMESPACE];
/// The one namespace that clusters may share: it is on every plane, and nobody's to make or to delete.
const SHARED: &str = "default";

/// Whether all names are valid, short enough and unique on the management plane; and the clusters with one that is not. Whatever was made of
/// these would have the same fault.
pub fn check(model: &Model) -> (Diagnostics, BTreeSet<&Address>) {
    let mut diagnostics = Diagnostics::new();
    let mut misnamed = BTreeSet::new();
    let mut clusters: BTreeMap<(&str, &str), &Address> = BTreeMap::new();
    let mut namespaces: BTreeMap<&str, (&Address, Option<Span>)> = BTreeMap::new();
    for (address, cluster) in model.clusters.iter().filter(|(_, cluster)| cluster.reading.named) {
        let before = diagnostics.len();
        let (name, namespace) = (cluster.input.name.as_str(), cluster.input.namespace.as_str());
        let span = cluster.name_span.or(cluster.span);
        let hint = "set `name` to a valid one; a `for_each` key that gives no valid name needs it";
        let valid = limit(&mut diagnostics, span, &format!("the Kubernetes name of {address}"), name, CLUSTER_LIMIT, hint);
        let written = cluster.input.body.written("namespace");
        let place = written.or(span);
        if written.is_some() {
            limit(&mut diagnostics, place, &format!("the namespace of {address}"), namespace, 63, "set `namespace` to a valid one");
        }
        if (valid || written.is_some())
            && let Some(owner) = keeper(cluster, namespace)
        {
            let summary = format!("{address} cannot have its objects in namespace {namespace:?}, which is {owner}");
            let hint = "set `namespace` to one of its own, or leave it out for the cluster's name";
            diagnostics.push(at(Diagnostic::error(Code::INVALID_NAME, summary).hint(hint), place));
        }
        if let Some(other) = clusters.insert((namespace, name), address) {
            let summary = format!("{other} and {address} have the same Kubernetes name {name:?}");
            diagnostics.push(at(Diagnostic::error(Code::NAME_NOT_UNIQUE, summary).hint("give one of them another `name`"), span));
        } else if namespace != SHARED
            && let Some((other, first)) = namespaces.get(namespace)
        {
            let mut diagnostic = Diagnostic::error(Code::OBJECT_TWICE, format!("{other} and {address} both hold Namespace {namespace}"))
                .detail("A cluster takes its namespace along when it moves, and deletes it when it is destroyed.")
                .hint("give one of them another `namespace`");
            diagnostic.related.extend(first.map(|first| (first, format!("the namespace of {other}"))));
            diagnostics.push(at(diagnostic, place));
        }
        namespaces.entry(namespace).or_insert((address, place));
        for pool in &cluster.input.worker_pools {
            let Some(label) = &pool.pool else { continue };
            let nodes = cluster.nodes.get(&pool.pool);
            let place = nodes.and_then(|nodes| nodes.name_span).or(pool.machine.span).or(cluster.span);
            if label == "control-plane" {
                let error = Diagnostic::error(Code::INVALID_NAME, "a worker pool may not be called \"control-plane\"")
                    .detail("Its objects would have the names of the control plane's.")
                    .hint("give the pool another label");
                diagnostics.push(at(error, place));
            }
            let full = crate::marks::machine_deployment(name, label);
            if valid {
                let what = format!("the name {full:?} of worker_pool {label:?}");
                limit(&mut diagnostics, place, &what, &full, POOL_LIMIT, "give the pool another label");
            }
        }
        if diagnostics.len() > before {
            misnamed.insert(address);
        }
    }
    (diagnostics, misnamed)
}

/// Whose a namespace is that a cluster may not have.
fn keeper(cluster: &ClusterModel, namespace: &str) -> Option<String> {
    if RESERVED.contains(&namespace) {
        let owner = match namespace {
            SYSTEM_NAMESPACE => "windlass's own",
            "cert-manager" => "cert-manager's",
            _ => "Kubernetes' own",
        };
        return Some(owner.to_owned());
    }
    let core = super::needed::core_namespaces().find(|(_, core)| *core == namespace).map(|(name, _)| name);
    let cloud = || cluster.provider.releases().iter().any(|release| release.namespace == namespace).then(|| cluster.provider.name());
    core.or_else(cloud).map(|provider| format!("that of provider {provider:?}"))
}

fn at(mut diagnostic: Diagnostic, span: Option<Span>) -> Diagnostic {
    diagnostic.primary = span;
    diagnostic
}

/// Whether the name is a DNS label and not too long; says so if it is not.
fn limit(diagnostics: &mut Diagnostics, span: Option<Span>, what: &str, name: &str, most: usize, hint: &str) -> bool {
    let error = if !is_dns_label(name) {
        Diagnostic::error(Code::INVALID_NAME, format!("{what} is not a DNS label: {name:?}"))
            .detail("A DNS label (RFC 1123) has lower case letters, digits and `-`, and begins and ends with a letter or digit.")
            .hint(hint)
    } else if name.len() > most {
        Diagnostic::error(Code::INVALID_NAME, format!("{what} is {} characters long; {most} are allowed", name.len()))
            .detail("Cluster API appends to it, and the result must fit in 63 characters.")
            .hint("make it shorter, or set a shorter `name` in the cluster")
    } else {
        return true;
    };
    diagnostics.push(at(error, span));
    false
}
