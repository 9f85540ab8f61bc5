//! `lifecycle` blocks of clusters, pools and layers: guards, and what is left alone once it is made. Knows which attributes that can be, and
//! no Kubernetes object.

use std::collections::BTreeMap;

use windlass_kubeschema::fieldpath::FieldPath;

use crate::diag::{Code, Diagnostic, Diagnostics, Span};
use crate::diff::path_to_text;
use crate::lang::ir::ExprKind;
use crate::lang::{Block, Evaluator, Expr, Reference, as_reference};
use crate::provider::Provider;
use crate::schema::{Attribute, AttributeType, BlockSchema, OnChange};
use crate::value::{Type, Value};

use super::block::{Handled, Reader};
use super::schema;

/// What is left alone once it is made, with where that is written: paths of attributes, of a layer `group/Kind/namespace/name:path`.
pub type IgnoredChanges = BTreeMap<String, Span>;

/// Attributes of a worker pool that stand in its MachineDeployment as leaves of their own.
pub const OF_POOLS: [&str; 2] = ["replicas", "failure_domain"];

const IGNORE_CHANGES: &str = "ignore_changes";

/// A cluster's `lifecycle`.
#[derive(Default)]
pub struct Lifecycle {
    /// `prevent_destroy`
    pub prevent_destroy: bool,
    /// `ignore_changes`
    pub ignored: IgnoredChanges,
}

/// Reads the block of a cluster.
pub fn of_cluster(reader: &Reader<'_>, block: &Block, provider: &dyn Provider, diagnostics: &mut Diagnostics) -> Lifecycle {
    let Some((inner, what)) = only(block, reader.what, diagnostics) else { return Lifecycle::default() };
    let reader = Reader { scope: reader.scope, files: reader.files, what: &what };
    let body = reader.read(&inner.body, inner.header_span, &[&schema::LIFECYCLE], handled(), diagnostics);
    let prevent_destroy = body.value.get("prevent_destroy").and_then(Value::as_bool).unwrap_or(false);
    let check = |names: &[&str]| of_clusters(names, provider);
    Lifecycle { prevent_destroy, ignored: attributes(inner, &what, check, diagnostics) }
}

/// Reads the block of a worker pool.
pub fn of_pool(reader: &Reader<'_>, block: &Block, provider: &dyn Provider, diagnostics: &mut Diagnostics) -> IgnoredChanges {
    let Some((inner, what)) = only(block, reader.what, diagnostics) else { return IgnoredChanges::new() };
    let reader = Reader { scope: reader.scope, files: reader.files, what: &what };
    reader.read(&inner.body, inner.header_span, &[&schema::PART_LIFECYCLE], handled(), diagnostics);
    attributes(inner, &what, |names| of_pools(names, provider), diagnostics)
}

/// Reads the block of a layer: texts, which are held against the layer's objects when these are complete.
pub fn of_layer(reader: &Reader<'_>, block: &Block, diagnostics: &mut Diagnostics) -> IgnoredChanges {
    let mut ignored = IgnoredChanges::new();
    let Some((inner, what)) = only(block, reader.what, diagnostics) else { return ignored };
    let reader = Reader { scope: reader.scope, files: reader.files, what: &what };
    reader.read(&inner.body, inner.header_span, &[&schema::PART_LIFECYCLE], handled(), diagnostics);
    for element in elements(inner, &what, diagnostics) {
        let (value, found) = Evaluator::new(reader.scope, reader.files).evaluate_as(element, &Type::String);
        let failed = found.has_errors();
        diagnostics.extend(found);
        match value.as_str().filter(|_| !value.is_secret()) {
            Some(text) => drop(ignored.insert(text.to_owned(), element.span)),
            None if failed => {}
            None => diagnostics.push(
                Diagnostic::error(Code::NOT_STATIC, format!("`{IGNORE_CHANGES}` of {what} takes texts that are known and no secrets"))
                    .at(element.span)
                    .hint(OF_LAYERS),
            ),
        }
    }
    ignored
}

const OF_LAYERS: &str = "write `\"apps/Deployment/namespace/name:spec.replicas\"`";

fn handled() -> Handled<'static> {
    Handled { attributes: &[IGNORE_CHANGES], ..Handled::default() }
}

/// The one `lifecycle` block in another, with its name in messages.
fn only<'b>(block: &'b Block, what: &str, diagnostics: &mut Diagnostics) -> Option<(&'b Block, String)> {
    let mut blocks = block.body.blocks_of("lifecycle").filter(|inner| super::toplevel::labelled(inner, &[], diagnostics));
    let first = blocks.next()?;
    if let Some(second) = blocks.next() {
        diagnostics.push(
            Diagnostic::error(Code::DUPLICATE_BLOCK, format!("{what} may have one `lifecycle` block only"))
                .at(second.header_span)
                .related(first.header_span, "the first one"),
        );
    }
    Some((first, format!("`lifecycle` of {what}")))
}

/// What stands in the list.
fn elements<'b>(block: &'b Block, what: &str, diagnostics: &mut Diagnostics) -> &'b [Expr] {
    let Some(attribute) = block.body.attribute(IGNORE_CHANGES) else { return &[] };
    if let ExprKind::Tuple(elements) = &attribute.expr.kind {
        return elements;
    }
    let all = as_reference(&attribute.expr).is_some_and(|reference| &*reference.root == "all" && reference.path.is_empty());
    diagnostics.push(match all {
        true => Diagnostic::error(Code::NOT_YET, "`ignore_changes = all` is not supported by this release yet")
            .at(attribute.expr.span)
            .hint("name in a list what is left alone"),
        false => Diagnostic::error(Code::NOT_STATIC, format!("`{IGNORE_CHANGES}` of {what} is not a list"))
            .at(attribute.expr.span)
            .hint("write `ignore_changes = [replicas]`; of a layer, `ignore_changes = [\"apps/Deployment/namespace/name:spec.replicas\"]`"),
    });
    &[]
}

/// Attributes by name: references that nothing is evaluated for, as in Terraform.
fn attributes(block: &Block, what: &str, check: impl Fn(&[&str]) -> Result<(), Refusal>, diagnostics: &mut Diagnostics) -> IgnoredChanges {
    let mut ignored = IgnoredChanges::new();
    for element in elements(block, what, diagnostics) {
        let reference = as_reference(element);
        let Some(names) = reference.as_ref().and_then(names) else {
            let error = Diagnostic::error(Code::NOT_STATIC, format!("`{IGNORE_CHANGES}` of {what} takes names of attributes"));
            diagnostics
                .push(error.at(element.span).hint("write them without quotes, with constant keys: `[replicas]`, `[tags[\"team\"]]`"));
            continue;
        };
        match check(&names) {
            Ok(()) => drop(ignored.insert(path_to_text(&FieldPath::of_fields(names)), element.span)),
            Err(refusal) => diagnostics.push(refusal.told(&names, what).at(element.span)),
        }
    }
    ignored
}

fn names(reference: &Reference) -> Option<Vec<&str>> {
    let steps = (0..reference.path.len()).map(|position| reference.name(position));
    std::iter::once(Some(&*reference.root)).chain(steps).collect()
}

/// Why something is not left alone.
enum Refusal {
    /// There is no such attribute; what there is.
    Unknown(Vec<&'static str>),
    /// It is there and stays as the configuration says; why.
    Kept(&'static str),
}

impl Refusal {
    fn told(self, names: &[&str], what: &str) -> Diagnostic {
        let path = path_to_text(&FieldPath::of_fields(names.iter().copied()));
        match self {
            Refusal::Unknown(known) => {
                let mut sorted = known.clone();
                sorted.sort_unstable();
                let hint = match sorted.is_empty() {
                    true => "name the attribute as a whole".to_owned(),
                    false => format!("names are {}", sorted.join(", ")),
                };
                let error =
                    Diagnostic::error(Code::UNKNOWN_ATTRIBUTE, format!("`{IGNORE_CHANGES}` of {what} names `{path}`, which is none"));
                let last = names.last().copied().unwrap_or_default();
                error.hint(hint).did_you_mean(last, known)
            }
            Refusal::Kept(why) => Diagnostic::error(Code::INVALID_VALUE, format!("`{path}` cannot stand in `{IGNORE_CHANGES}` of {what}"))
                .detail(why)
                .hint("take it out of the list"),
        }
    }
}

const IN_TEMPLATES: &str =
    "Machines are made from it: it stands in a template, which Cluster API never changes, so that nobody else can have changed it.";
const FIXED: &str = "It stays as it is while the cluster lives: another value is refused, and nobody else can have changed it.";
const OUR_OWN: &str = "Windlass itself goes by it: it is no field of an object that somebody else could look after.";

/// Attributes of a worker pool: those that are leaves of its MachineDeployment.
fn of_pools(names: &[&str], provider: &dyn Provider) -> Result<(), Refusal> {
    if let [name] = names
        && OF_POOLS.contains(name)
    {
        return Ok(());
    }
    let own = [&schema::WORKER_POOL];
    match names.split_first() {
        Some((&"machine", [])) => Err(Refusal::Kept(IN_TEMPLATES)),
        Some((&"machine", rest)) => find(&[provider.schema().machine], rest, &[]).map(|_| ()).and(Err(Refusal::Kept(IN_TEMPLATES))),
        _ => find(&own, names, &["machine"]).and_then(|found| Err(Refusal::Kept(kept(found)))),
    }
}

/// Attributes of a cluster: those that the provider renders into its infrastructure cluster, and that may change there.
fn of_clusters(names: &[&str], provider: &dyn Provider) -> Result<(), Refusal> {
    let provided = provider.schema().cluster;
    let first = names.first().copied().unwrap_or_default();
    if provided.attribute(first).is_none() && provided.block(first).is_none() {
        if matches!(first, "control_plane" | "worker_pool") {
            return Err(Refusal::Kept("Worker pools have a `lifecycle` of their own; of a control plane nothing is left alone."));
        }
        if matches!(first, "for_each" | "depends_on") {
            return Err(Refusal::Kept(OUR_OWN));
        }
        let schemas = [&schema::CLUSTER, provided];
        return find(&schemas, names, &["control_plane", "worker_pool"]).and_then(|found| Err(Refusal::Kept(kept(found))));
    }
    match find(&[provided], names, &[])? {
        OnChange::InPlace => Ok(()),
        other => Err(Refusal::Kept(kept(other))),
    }
}

fn kept(found: OnChange) -> &'static str {
    match found {
        OnChange::InPlace => OUR_OWN,
        OnChange::Repave => IN_TEMPLATES,
        OnChange::Recreate | OnChange::Forbidden => FIXED,
    }
}

/// What a change of an attribute or block does; of a block, the most that one of its attributes does.
fn find(schemas: &[&'static BlockSchema], names: &[&str], beside: &[&'static str]) -> Result<OnChange, Refusal> {
    let Some((name, rest)) = names.split_first() else { return Err(Refusal::Unknown(Vec::new())) };
    if let Some(attribute) = schemas.iter().find_map(|schema| schema.attribute(name)) {
        return of_attribute(attribute, rest);
    }
    match (schemas.iter().find_map(|schema| schema.block(name)), rest) {
        (Some(block), []) => Ok(most(block.body)),
        (Some(block), rest) => find(&[block.body], rest, &[]),
        (None, _) => {
            let attributes = schemas.iter().flat_map(|schema| schema.attributes).map(|attribute| attribute.name);
            let blocks = schemas.iter().flat_map(|schema| schema.blocks).map(|block| block.name);
            Err(Refusal::Unknown(attributes.chain(blocks).chain(beside.iter().copied()).collect()))
        }
    }
}

fn of_attribute(attribute: &Attribute, rest: &[&str]) -> Result<OnChange, Refusal> {
    match (rest, attribute.ty) {
        ([], _) | ([_], AttributeType::StringMap) => Ok(attribute.on_change),
        _ => Err(Refusal::Unknown(Vec::new())),
    }
}

fn most(block: &BlockSchema) -> OnChange {
    let own = block.attributes.iter().map(|attribute| attribute.on_change);
    own.chain(block.blocks.iter().map(|block| most(block.body))).max().unwrap_or(OnChange::InPlace)
}
