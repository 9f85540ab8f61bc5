//! Layers of a profile for one cluster: manifests read from files, objects from expressions, dependencies from references.

use std::collections::{BTreeMap, BTreeSet};

use windlass_kubeschema::facts::Scope as KindScope;

use crate::diag::{Code, Diagnostic, Diagnostics, Span};
use crate::files::Files;
use crate::lang::ir::ExprKind;
use crate::lang::{Block, as_reference, as_written};
use crate::layer::LayerKind;
use crate::object::split_api_version;
use crate::value::Value;

use super::block::{Handled, Reader};
use super::model::LayerModel;
use super::schema;

/// Block types of layers that hold objects.
pub const KINDS: [(&str, LayerKind); 3] = [("network", LayerKind::Network), ("storage", LayerKind::Storage), ("addon", LayerKind::Addon)];

/// Reads a `network`, `storage` or `addon` block.
pub fn read(reader: &Reader<'_>, block: &Block, kind: LayerKind, diagnostics: &mut Diagnostics) -> Option<LayerModel> {
    let name = block.label(0)?.to_string();
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
        Handled { attributes: &["depends_on"], blocks: &[], refused: &["chart"] },
        diagnostics,
    );
    let mut objects = manifests(&inner, body.value.get("manifests"), body.span_of("manifests").unwrap_or(block.header_span), diagnostics);
    objects.extend(given(&body.value, body.span_of("objects").unwrap_or(block.header_span), &what, diagnostics));
    if objects.is_empty() && !has_chart && !diagnostics.has_errors() {
        diagnostics.push(
            Diagnostic::error(Code::MISSING_ATTRIBUTE, format!("{what} holds no objects"))
                .at(block.header_span)
                .hint("add `manifests = [\"…/*.yaml\"]` or `objects = [{ … }]`"),
        );
    }
    let objects = with_namespaces(objects);
    let depends_on = depends_on(block, &what, diagnostics);
    let input = input(block, kind, &objects, &depends_on);
    Some(LayerModel { name, kind, depends_on, objects, input, span: Some(block.header_span) })
}

fn input(block: &Block, kind: LayerKind, objects: &[Value], depends_on: &BTreeSet<String>) -> Value {
    let pack = block.label(0).map(|label| label.to_string()).unwrap_or_default();
    let kind = match kind {
        LayerKind::Network => "network",
        LayerKind::CloudController => "cloud-controller",
        LayerKind::Storage => "storage",
        LayerKind::Addon => "addon",
    };
    let mut entries =
        vec![("kind", Value::string(kind)), ("pack", Value::string(pack)), ("objects", Value::list(objects.iter().map(title)))];
    if !depends_on.is_empty() {
        entries.push(("depends_on", Value::list(depends_on)));
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

/// Names of layers in `depends_on = [addon.x, network.y]`.
fn depends_on(block: &Block, what: &str, diagnostics: &mut Diagnostics) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
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
                names.insert(name);
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

fn given(body: &Value, span: Span, what: &str, diagnostics: &mut Diagnostics) -> Vec<Value> {
    match body.get("objects") {
        None => Vec::new(),
        Some(objects) if objects.is_secret() => {
            diagnostics.push(
                Diagnostic::error(Code::SECRET_NOT_ALLOWED, format!("`objects` of {what} is sensitive as a whole"))
                    .at(span)
                    .hint("only `data` and `stringData` of v1 Secrets may be sensitive: mark the values, not the list"),
            );
            Vec::new()
        }
        Some(objects) => match objects.as_elements() {
            Some(elements) => elements.to_vec(),
            None => {
                diagnostics.push(
                    Diagnostic::error(Code::WRONG_TYPE, format!("`objects` of {what} must be a list of objects"))
                        .at(span)
                        .hint("write `objects = [{ apiVersion = …, kind = …, … }]`"),
                );
                Vec::new()
            }
        },
    }
}

/// Reads the files that patterns name, each document an object; a `List` counts as its items.
pub fn manifests(reader: &Reader<'_>, patterns: Option<&Value>, span: Span, diagnostics: &mut Diagnostics) -> Vec<Value> {
    let mut objects = Vec::new();
    for pattern in patterns.and_then(Value::as_elements).unwrap_or_default().iter().filter_map(Value::as_str) {
        for path in matching(reader.files, pattern, reader.what, span, diagnostics) {
            match reader.files.read(&path) {
                Ok(bytes) => documents(&path, &bytes, span, &mut objects, diagnostics),
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

fn documents(path: &str, bytes: &[u8], span: Span, objects: &mut Vec<Value>, diagnostics: &mut Diagnostics) {
    let mut refuse = |summary: String| diagnostics.push(Diagnostic::error(Code::INVALID_MANIFEST, summary).at(span));
    let Ok(text) = std::str::from_utf8(bytes) else {
        return refuse(format!("{path} is not UTF-8 text"));
    };
    match serde_saphyr::from_multiple::<serde_json::Value>(&as_written(text)) {
        Ok(found) => {
            for (position, document) in (1u32..).zip(found) {
                match document {
                    serde_json::Value::Null => {}
                    serde_json::Value::Object(ref entries) => {
                        match (entries.get("kind").and_then(|kind| kind.as_str()), entries.get("items")) {
                            (Some(kind), Some(serde_json::Value::Array(items))) if kind.ends_with("List") => {
                                objects.extend(items.iter().map(Value::from_json))
                            }
                            _ => objects.push(Value::from_json(&document)),
                        }
                    }
                    _ => refuse(format!("{path}: document {position} is no Kubernetes object")),
                }
            }
        }
        Err(error) => {
            let place = error.location().map(|location| format!(":{}:{}", location.line(), location.column())).unwrap_or_default();
            // The parser's own text may quote the content; a manifest may hold a Secret.
            refuse(format!("{path}{place}: not valid YAML"));
        }
    }
}

/// Objects of namespaced kinds get namespace `default` where none is written, as kubectl does; what only a server writes is dropped.
fn with_namespaces(objects: Vec<Value>) -> Vec<Value> {
    let mut custom: BTreeMap<(String, String), bool> = BTreeMap::new();
    for object in &objects {
        let text = |path: &[&str]| object.get_path(path).and_then(Value::as_str).map(str::to_owned);
        if text(&["kind"]).as_deref() == Some("CustomResourceDefinition")
            && let (Some(group), Some(kind), Some(scope)) =
                (text(&["spec", "group"]), text(&["spec", "names", "kind"]), text(&["spec", "scope"]))
        {
            custom.insert((group, kind), scope == "Namespaced");
        }
    }
    objects.into_iter().map(|object| completed(object, &custom)).collect()
}

fn completed(object: Value, custom: &BTreeMap<(String, String), bool>) -> Value {
    let text = |path: &[&str]| object.get_path(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (api_version, kind) = (text(&["apiVersion"]), text(&["kind"]));
    let (group, version) = split_api_version(&api_version);
    let namespaced = custom.get(&(group.to_owned(), kind.clone())).copied().or_else(|| built_in(group, version, &kind)).unwrap_or(false);
    let mut entries = object.as_entries().cloned().unwrap_or_default();
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
