//! Layers of a profile for one cluster: manifests read from files, objects from expressions, dependencies from references.

use std::collections::{BTreeMap, BTreeSet};

use windlass_kubeschema::facts::Scope as KindScope;

use crate::diag::{Code, Diagnostic, Diagnostics, SourceMap, Span};
use crate::files::Files;
use crate::kube_names::is_dns_label;
use crate::lang::ir::ExprKind;
use crate::lang::{Block, as_reference};
use crate::layer::LayerKind;
use crate::object::split_api_version;
use crate::provider::Body;
use crate::value::Value;

use super::block::{Handled, Reader};
use super::lifecycle::IgnoredChanges;
use super::model::{LayerModel, LayerObject};
use super::{lifecycle, manifest, schema};

/// Most characters of a layer's name: what the agent has of it is named by it, with something behind.
const LONGEST_NAME: usize = 50;

/// Block types of layers that hold objects.
pub const KINDS: [(&str, LayerKind); 3] = [("network", LayerKind::Network), ("storage", LayerKind::Storage), ("addon", LayerKind::Addon)];

/// Whether a layer must hold objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// One without is a mistake.
    Needed,
    /// One without is none.
    Optional,
}

/// Reads a `network`, `storage` or `addon` block.
pub fn read(
    reader: &Reader<'_>,
    block: &Block,
    kind: LayerKind,
    content: Content,
    sources: &mut SourceMap,
    diagnostics: &mut Diagnostics,
) -> Option<LayerModel> {
    let name = block.label(0)?.to_string();
    if !is_dns_label(&name) || name.len() > LONGEST_NAME {
        let place = block.labels.first().map_or(block.header_span, |label| label.span);
        diagnostics.push(
            Diagnostic::error(Code::INVALID_NAME, format!("{name:?} is no name of a layer"))
                .at(place)
                .detail("The agent's objects are named by it.")
                .hint(format!("use up to {LONGEST_NAME} lower case letters, digits and `-`, with a letter or digit at both ends")),
        );
    }
    for chart in block.body.blocks_of("chart") {
        diagnostics.push(
            Diagnostic::error(Code::NOT_YET, "Helm charts are not supported by this release yet")
                .at(chart.header_span)
                .detail("A chart would be rendered at plan time; until then its rendered manifests can be a layer.")
                .hint("render it with `helm template` into files and name them in `manifests`: docs/how-to/charts.md shows how"),
        );
    }
    let has_chart = block.body.blocks_of("chart").next().is_some();
    let what = format!("{} {name:?} of {}", block.kind, reader.what);
    let inner = Reader { scope: reader.scope, files: reader.files, what: &what };
    let body = inner.read(
        &block.body,
        block.header_span,
        &[&schema::LAYER],
        Handled { attributes: &["depends_on"], blocks: &["lifecycle"], refused: &["chart"] },
        diagnostics,
    );
    let before = diagnostics.len();
    let place = body.span_of("manifests").unwrap_or(block.header_span);
    let mut objects = manifests(&inner, body.value.get("manifests"), place, sources, diagnostics);
    objects.extend(given(block, &body, &what, sources, diagnostics));
    // What could not be read of it has been told.
    let unread = ["manifests", "objects"].iter().any(|key| body.value.get(key).is_some_and(Value::is_unknown));
    if content == Content::Needed && objects.is_empty() && !has_chart && !unread && diagnostics.len() == before {
        diagnostics.push(
            Diagnostic::error(Code::MISSING_ATTRIBUTE, format!("{what} holds no objects"))
                .at(block.header_span)
                .hint("add `manifests = [\"…/*.yaml\"]` or `objects = [{ … }]`"),
        );
    }
    let objects = with_namespaces(objects);
    let depends_places = depends_on(block, &what, diagnostics);
    let depends_on = depends_places.keys().cloned().collect();
    let ignored = lifecycle::of_layer(&inner, block, diagnostics);
    let input = input(block, kind, &objects, &depends_on, &ignored);
    Some(LayerModel { name, kind, depends_on, depends_places, objects, input, ignored, span: Some(block.header_span) })
}

fn input(block: &Block, kind: LayerKind, objects: &[LayerObject], depends_on: &BTreeSet<String>, ignored: &IgnoredChanges) -> Value {
    let pack = block.label(0).map(|label| label.to_string()).unwrap_or_default();
    let kind = match kind {
        LayerKind::Network => "network",
        LayerKind::CloudController => "cloud-controller",
        LayerKind::Storage => "storage",
        LayerKind::Addon => "addon",
    };
    let mut entries = vec![
        ("kind", Value::string(kind)),
        ("pack", Value::string(pack)),
        ("objects", Value::list(objects.iter().map(|object| title(&object.value)))),
    ];
    if !depends_on.is_empty() {
        entries.push(("depends_on", Value::list(depends_on)));
    }
    if !ignored.is_empty() {
        entries.push(("ignore_changes", Value::list(ignored.keys())));
    }
    Value::object(entries)
}

/// `Kind namespace/name` of an object value.
pub fn title(object: &Value) -> String {
    let text = |path: &[&str]| object.get_path(path).and_then(Value::as_str).unwrap_or_default();
    match text(&["metadata", "namespace"]) {
        "" => format!("{} {}", text(&["kind"]), text(&["metadata", "name"])),
        namespace => format!("{} {namespace}/{}", text(&["kind"]), text(&["metadata", "name"])),
    }
}

/// Names of layers in `depends_on = [addon.x, network.y]`, with their places.
fn depends_on(block: &Block, what: &str, diagnostics: &mut Diagnostics) -> BTreeMap<String, Span> {
    let mut names = BTreeMap::new();
    let Some(attribute) = block.body.attribute("depends_on") else { return names };
    let ExprKind::Tuple(elements) = &attribute.expr.kind else {
        diagnostics.push(
            Diagnostic::error(Code::NOT_STATIC, format!("`depends_on` of {what} is not a list of references"))
                .at(attribute.expr.span)
                .hint("write `depends_on = [addon.name]`"),
        );
        return names;
    };
    for element in elements {
        let name = as_reference(element)
            .filter(|reference| {
                reference.path.len() == 1
                    && (KINDS.iter().any(|(kind, _)| *kind == &*reference.root) || &*reference.root == "cloud_controller")
            })
            .and_then(|reference| reference.name(0).map(str::to_owned));
        match name {
            Some(name) => {
                names.entry(name).or_insert(element.span);
            }
            None => diagnostics.push(
                Diagnostic::error(Code::NOT_STATIC, format!("`depends_on` of {what} takes references to layers"))
                    .at(element.span)
                    .hint("write `addon.name`, `network.name` or `storage.name`"),
            ),
        }
    }
    names
}

/// What is sensitive is told at the block's header: the line of the attribute may hold the value.
fn given(block: &Block, body: &Body, what: &str, sources: &SourceMap, diagnostics: &mut Diagnostics) -> Vec<LayerObject> {
    let header = block.header_span;
    match body.value.get("objects") {
        None => Vec::new(),
        Some(objects) if objects.is_secret() => {
            diagnostics.push(
                Diagnostic::error(Code::SECRET_NOT_ALLOWED, format!("`objects` of {what} is sensitive as a whole"))
                    .at(header)
                    .hint("only `data` and `stringData` of v1 Secrets may be sensitive: mark the values, not the list"),
            );
            Vec::new()
        }
        Some(objects) => match objects.as_elements() {
            Some(elements) => {
                let mut places = places(block, body, elements, sources).into_iter();
                let mut object = |value: &Value| {
                    let span = places.next().flatten();
                    has_open_identity(value, header, what, diagnostics).then(|| LayerObject { value: value.clone(), span })
                };
                elements.iter().filter_map(&mut object).collect()
            }
            None if objects.is_unknown() => {
                diagnostics.push(
                    Diagnostic::error(Code::UNKNOWN_NOT_ALLOWED, format!("`objects` of {what} is not known before apply"))
                        .at(body.span_of("objects").unwrap_or(header))
                        .hint("which objects there are must be known when the plan is reviewed"),
                );
                Vec::new()
            }
            None => {
                diagnostics.push(
                    Diagnostic::error(Code::WRONG_TYPE, format!("`objects` of {what} must be a list of objects"))
                        .at(body.span_of("objects").unwrap_or(header))
                        .hint("write `objects = [{ apiVersion = …, kind = …, … }]`"),
                );
                Vec::new()
            }
        },
    }
}

/// Where each element of `objects` is written: its first line in a list literal, else that of the whole expression. Lines of what may hold
/// a secret are shown for none.
fn places(block: &Block, body: &Body, objects: &[Value], sources: &SourceMap) -> Vec<Option<Span>> {
    let line = |span: Span, start: u32| sources.locate(Span { start, len: 0, ..span }).map_or(0, |place| place.line);
    let first_line = |span: Span| {
        let line = sources.text(span).and_then(|text| text.lines().next()).and_then(|line| u32::try_from(line.len()).ok());
        Span { len: line.unwrap_or(span.len).min(span.len), ..span }
    };
    match block.body.attribute("objects").map(|attribute| &attribute.expr.kind) {
        Some(ExprKind::Tuple(elements)) if elements.len() == objects.len() => {
            let secret = elements.iter().zip(objects).filter(|(_, object)| holds_secret(object)).map(|(element, _)| element.span);
            let hidden: Vec<_> = secret.map(|span| line(span, span.start)..=line(span, span.end())).collect();
            let shown = |span: Span| hidden.iter().all(|lines| !lines.contains(&line(span, span.start)));
            elements.iter().map(|element| shown(element.span).then(|| first_line(element.span))).collect()
        }
        _ if objects.iter().any(holds_secret) => vec![None; objects.len()],
        _ => vec![body.span_of("objects").map(first_line); objects.len()],
    }
}

/// Whether the lines of an object may hold what nobody should see.
fn holds_secret(object: &Value) -> bool {
    object.contains_secret() || object.get("kind").and_then(Value::as_str) == Some("Secret")
}

/// Whether what names an object, and what windlass's own marks are laid on, can be seen: it stands in addresses and plans, and a
/// sensitive container would be taken for an empty one.
fn has_open_identity(object: &Value, header: Span, what: &str, diagnostics: &mut Diagnostics) -> bool {
    const SHOWN: [&[&str]; 8] = [
        &[],
        &["apiVersion"],
        &["kind"],
        &["metadata"],
        &["metadata", "name"],
        &["metadata", "namespace"],
        &["metadata", "labels"],
        &["metadata", "annotations"],
    ];
    let Some(path) = SHOWN.into_iter().find(|path| object.get_path(path).is_some_and(Value::is_secret)) else { return true };
    let summary = match path {
        [] => format!("an object of {what} is sensitive as a whole"),
        _ => format!("`{}` of an object of {what} is sensitive", path.join(".")),
    };
    diagnostics.push(
        Diagnostic::error(Code::SECRET_NOT_ALLOWED, summary)
            .at(header)
            .hint("only values in `data` and `stringData` of v1 Secrets may be sensitive: mark those, not what holds them"),
    );
    false
}

/// Reads the files that patterns name, each document an object; a `List` counts as its items.
pub fn manifests(
    reader: &Reader<'_>,
    patterns: Option<&Value>,
    span: Span,
    sources: &mut SourceMap,
    diagnostics: &mut Diagnostics,
) -> Vec<LayerObject> {
    let mut objects = Vec::new();
    for pattern in patterns.and_then(Value::as_elements).unwrap_or_default().iter().filter_map(Value::as_str) {
        for path in matching(reader.files, pattern, reader.what, span, diagnostics) {
            match reader.files.read(&path) {
                Ok(bytes) => objects.extend(manifest::documents(&path, &bytes, span, sources, diagnostics)),
                Err(error) => diagnostics.push(
                    Diagnostic::error(Code::FILE_UNREADABLE, format!("a manifest of {} {error}", reader.what))
                        .at(span)
                        .hint(error.advice()),
                ),
            }
        }
    }
    objects
}

fn matching(files: &dyn Files, pattern: &str, what: &str, span: Span, diagnostics: &mut Diagnostics) -> Vec<String> {
    let is_pattern = |part: &str| part.contains(['*', '?', '[', '{']);
    if !is_pattern(pattern) {
        return vec![pattern.to_owned()];
    }
    let parts: Vec<&str> = pattern.split('/').collect();
    let fixed = parts.iter().take_while(|part| !is_pattern(part)).count();
    let (folder, rest) = parts.split_at(fixed);
    let folder = if folder.is_empty() { ".".to_owned() } else { folder.join("/") };
    match files.list(&folder, &rest.join("/")) {
        Ok(found) if found.is_empty() => {
            diagnostics.push(
                Diagnostic::error(Code::FILE_UNREADABLE, format!("no file matches {pattern:?}"))
                    .at(span)
                    .detail(format!("{what} would hold less than it says."))
                    .hint("paths are relative to the module folder"),
            );
            Vec::new()
        }
        Ok(found) => found.into_iter().map(|name| format!("{folder}/{name}")).collect(),
        Err(error) => {
            diagnostics.push(
                Diagnostic::error(Code::FILE_UNREADABLE, format!("{pattern:?} cannot be listed: {error}")).at(span).hint(error.advice()),
            );
            Vec::new()
        }
    }
}

/// Objects of namespaced kinds get namespace `default` where none is written, as kubectl does; what only a server writes is dropped.
fn with_namespaces(objects: Vec<LayerObject>) -> Vec<LayerObject> {
    let mut custom: BTreeMap<(String, String), bool> = BTreeMap::new();
    for object in &objects {
        let text = |path: &[&str]| object.value.get_path(path).and_then(Value::as_str).map(str::to_owned);
        if text(&["kind"]).as_deref() == Some("CustomResourceDefinition")
            && let (Some(group), Some(kind), Some(scope)) =
                (text(&["spec", "group"]), text(&["spec", "names", "kind"]), text(&["spec", "scope"]))
        {
            custom.insert((group, kind), scope == "Namespaced");
        }
    }
    objects.into_iter().map(|object| LayerObject { value: completed(object.value, &custom), ..object }).collect()
}

fn completed(object: Value, custom: &BTreeMap<(String, String), bool>) -> Value {
    let text = |path: &[&str]| object.get_path(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (api_version, kind) = (text(&["apiVersion"]), text(&["kind"]));
    let (group, version) = split_api_version(&api_version);
    let namespaced = custom.get(&(group.to_owned(), kind.clone())).copied().or_else(|| built_in(group, version, &kind)).unwrap_or(false);
    // What is no object is told when it is marked.
    let Some(mut entries) = object.as_entries().cloned() else { return object };
    entries.remove("status");
    let bare = Value::from(entries);
    if namespaced && text(&["metadata", "namespace"]).is_empty() {
        return crate::expand::with_entry(&bare, &["metadata", "namespace"], Value::string("default"));
    }
    bare
}

/// Whether a kind that every server has is namespaced; `None` for other kinds.
fn built_in(group: &str, version: &str, kind: &str) -> Option<bool> {
    let file = windlass_kubeschema::facts_table::latest("kubernetes")?;
    let bundle = windlass_kubeschema::facts_table::bundle(file.name, file.version)?.ok()?;
    bundle.kind(group, version, kind).map(|fact| fact.scope == KindScope::Namespaced)
}
