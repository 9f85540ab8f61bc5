//! CustomResourceDefinition objects to and from facts; knows no server.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::facts::{KindFact, PrinterColumn, ScalePaths, Scope, Subresources};
use crate::openapi::Dialect;
use crate::schema::{Schema, SchemaError};

/// Renders one `apiextensions.k8s.io/v1` CustomResourceDefinition from all versions of one kind.
///
/// Names, scope and labels are those of the first fact; no facts give `null`.
pub fn crd_object(versions: &[&KindFact]) -> Value {
    let Some(first) = versions.first() else {
        return Value::Null;
    };
    let mut names = Map::new();
    names.insert("kind".into(), json!(first.kind));
    names.insert("listKind".into(), json!(format!("{}List", first.kind)));
    names.insert("plural".into(), json!(first.plural));
    names.insert("singular".into(), json!(first.singular));
    if !first.short_names.is_empty() {
        names.insert("shortNames".into(), json!(first.short_names));
    }
    if !first.categories.is_empty() {
        names.insert("categories".into(), json!(first.categories));
    }
    let mut metadata = Map::new();
    metadata.insert("name".into(), json!(format!("{}.{}", first.plural, first.group)));
    if !first.labels.is_empty() {
        metadata.insert("labels".into(), json!(first.labels));
    }
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": metadata,
        "spec": {
            "group": first.group,
            "names": names,
            "scope": first.scope.as_str(),
            "versions": versions.iter().map(|fact| version_object(fact)).collect::<Vec<_>>(),
        },
    })
}

/// Reads the facts of every version out of a CustomResourceDefinition object.
pub fn kind_facts(crd: &Value) -> Result<Vec<KindFact>, SchemaError> {
    let spec = crd.get("spec").unwrap_or(&Value::Null);
    let names = spec.get("names").unwrap_or(&Value::Null);
    let need = |value: &Value, word: &str| {
        text(value, word).ok_or_else(|| SchemaError::OpenApi { path: format!("spec.{word}"), reason: "is required".into() })
    };
    let kind = need(names, "kind")?;
    let base = KindFact {
        group: need(spec, "group")?,
        plural: need(names, "plural")?,
        singular: text(names, "singular").unwrap_or_else(|| kind.to_lowercase()),
        short_names: strings(names, "shortNames"),
        categories: strings(names, "categories"),
        scope: match text(spec, "scope").as_deref() {
            Some("Cluster") => Scope::Cluster,
            _ => Scope::Namespaced,
        },
        labels: labels(crd),
        kind,
        ..KindFact::default()
    };
    array(spec, "versions")
        .iter()
        .map(|version| {
            let name = need(version, "name")?;
            let schema = match version.pointer("/schema/openAPIV3Schema") {
                Some(document) => Schema::from_openapi(document, Dialect::Crd, &|_| None)
                    .map_err(|error| prefix(error, &format!("{}.{}", base.kind, name)))?,
                None => Schema { preserve_unknown_fields: true, ..Schema::default() },
            };
            Ok(KindFact {
                version: name,
                served: flag(version, "served"),
                storage: flag(version, "storage"),
                subresources: subresources(version),
                printer_columns: printer_columns(version),
                schema: Arc::new(schema),
                ..base.clone()
            })
        })
        .collect()
}

fn version_object(fact: &KindFact) -> Value {
    let mut out = Map::new();
    out.insert("name".into(), json!(fact.version));
    out.insert("served".into(), json!(fact.served));
    out.insert("storage".into(), json!(fact.storage));
    out.insert("schema".into(), json!({"openAPIV3Schema": fact.schema.to_openapi()}));
    let mut subresources = Map::new();
    if fact.subresources.status {
        subresources.insert("status".into(), json!({}));
    }
    if let Some(scale) = &fact.subresources.scale {
        let mut paths = Map::new();
        paths.insert("specReplicasPath".into(), json!(scale.spec));
        paths.insert("statusReplicasPath".into(), json!(scale.status));
        if let Some(selector) = &scale.selector {
            paths.insert("labelSelectorPath".into(), json!(selector));
        }
        subresources.insert("scale".into(), Value::Object(paths));
    }
    if !subresources.is_empty() {
        out.insert("subresources".into(), Value::Object(subresources));
    }
    if !fact.printer_columns.is_empty() {
        out.insert("additionalPrinterColumns".into(), json!(fact.printer_columns));
    }
    Value::Object(out)
}

fn subresources(version: &Value) -> Subresources {
    let found = version.get("subresources").unwrap_or(&Value::Null);
    Subresources {
        status: found.get("status").is_some(),
        scale: found.get("scale").map(|scale| ScalePaths {
            spec: text(scale, "specReplicasPath").unwrap_or_default(),
            status: text(scale, "statusReplicasPath").unwrap_or_default(),
            selector: text(scale, "labelSelectorPath"),
        }),
    }
}

fn printer_columns(version: &Value) -> Vec<PrinterColumn> {
    array(version, "additionalPrinterColumns")
        .iter()
        .map(|column| PrinterColumn {
            name: text(column, "name").unwrap_or_default(),
            kind: text(column, "type").unwrap_or_default(),
            format: text(column, "format"),
            json_path: text(column, "jsonPath").unwrap_or_default(),
            priority: (column.get("priority").and_then(Value::as_i64)).and_then(|priority| i32::try_from(priority).ok()),
        })
        .collect()
}

fn labels(crd: &Value) -> BTreeMap<String, String> {
    let labels = crd.pointer("/metadata/labels").and_then(Value::as_object);
    (labels.into_iter().flatten()).filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

fn prefix(error: SchemaError, place: &str) -> SchemaError {
    match error {
        SchemaError::OpenApi { path, reason } => SchemaError::OpenApi { path: format!("{place}: {path}"), reason },
        other => other,
    }
}

fn text(value: &Value, word: &str) -> Option<String> {
    Some(value.get(word)?.as_str()?.to_owned())
}

fn flag(value: &Value, word: &str) -> bool {
    value.get(word).and_then(Value::as_bool).unwrap_or(false)
}

fn array<'a>(value: &'a Value, word: &str) -> &'a [Value] {
    value.get(word).and_then(Value::as_array).map_or(&[], |list| list)
}

fn strings(value: &Value, word: &str) -> Vec<String> {
    let texts = array(value, word).iter().filter_map(Value::as_str);
    texts.map(String::from).collect()
}
