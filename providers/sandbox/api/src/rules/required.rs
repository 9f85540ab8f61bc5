//! Checks of built-in kinds that their published schemas do not hold (`pkg/apis/*/validation`): those that a user meets.

use serde_json::Value;

use crate::kinds::Resource;
use crate::status::Cause;

/// What is missing or contradicts itself.
pub(super) fn causes(resource: &Resource, object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    match (resource.group(), resource.plural()) {
        ("", "pods") => pod_spec("spec", object.get("spec"), &mut causes),
        ("apps", "deployments" | "daemonsets" | "replicasets" | "statefulsets") => workload(object, &mut causes),
        ("batch", "jobs") => pod_spec("spec.template.spec", object.pointer("/spec/template/spec"), &mut causes),
        ("", "services") => service(object, &mut causes),
        ("", "configmaps") => {
            keys(object, &["data", "binaryData"], &mut causes);
            // The real server blames the whole object, which it writes so.
            size("[]", text_bytes(object.get("data")) + decoded_bytes(object.get("binaryData")), &mut causes);
        }
        ("", "secrets") => {
            keys(object, &["data"], &mut causes);
            size("data", decoded_bytes(object.get("data")), &mut causes);
            secret(object, &mut causes);
        }
        ("rbac.authorization.k8s.io", _) => super::roles::causes(resource, object, &mut causes),
        ("apiextensions.k8s.io", "customresourcedefinitions") => super::definition::causes(object, &mut causes),
        _ => {}
    }
    if let Some(replicas) = object.pointer("/spec/replicas").and_then(Value::as_i64).filter(|n| *n < 0) {
        causes.push(Cause::invalid("spec.replicas", replicas, "must be greater than or equal to 0"));
    }
    causes
}

fn workload(object: &Value, causes: &mut Vec<Cause>) {
    let selector = object.pointer("/spec/selector");
    let labels = object.pointer("/spec/template/metadata/labels");
    let wanted = selector.and_then(|selector| selector.get("matchLabels")).and_then(Value::as_object);
    if wanted.is_none() && selector.and_then(|selector| selector.get("matchExpressions")).is_none() {
        causes.push(Cause::required("spec.selector", ""));
    }
    if wanted.into_iter().flatten().any(|(key, value)| labels.and_then(|labels| labels.get(key)) != Some(value)) {
        let shown = labels.map_or_else(|| "null".to_owned(), Value::to_string);
        let why = "`selector` does not match template `labels`";
        causes.push(Cause::invalid("spec.template.metadata.labels", shown, why));
    }
    pod_spec("spec.template.spec", object.pointer("/spec/template/spec"), causes);
}

fn pod_spec(path: &str, spec: Option<&Value>, causes: &mut Vec<Cause>) {
    let containers = spec.and_then(|spec| spec.get("containers")).and_then(Value::as_array);
    let Some(containers) = containers.filter(|list| !list.is_empty()) else {
        causes.push(Cause::required(&format!("{path}.containers"), ""));
        return;
    };
    let mut seen = std::collections::BTreeSet::new();
    for (index, container) in containers.iter().enumerate() {
        let name = container.get("name").and_then(Value::as_str).unwrap_or("");
        if name.is_empty() {
            causes.push(Cause::required(&format!("{path}.containers[{index}].name"), ""));
        } else if !seen.insert(name) {
            causes.push(Cause::duplicate(&format!("{path}.containers[{index}].name"), name));
        }
        if container.get("image").and_then(Value::as_str).unwrap_or("").is_empty() {
            causes.push(Cause::required(&format!("{path}.containers[{index}].image"), ""));
        }
    }
}

fn service(object: &Value, causes: &mut Vec<Cause>) {
    let spec = object.get("spec");
    let field = |name: &str| spec.and_then(|spec| spec.get(name));
    let text = |name: &str| field(name).and_then(Value::as_str).unwrap_or("");
    let ports = field("ports").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if text("type") == "ExternalName" {
        if text("externalName").is_empty() {
            causes.push(Cause::required("spec.externalName", ""));
        }
    } else if ports.is_empty() && text("clusterIP") != "None" {
        causes.push(Cause::required("spec.ports", ""));
    }
    for (index, port) in ports.iter().enumerate() {
        let number = port.get("port").and_then(Value::as_i64).unwrap_or(0);
        if !(1..=65_535).contains(&number) {
            let path = format!("spec.ports[{index}].port");
            causes.push(Cause::invalid(&path, number, "must be between 1 and 65535, inclusive"));
        }
        if ports.len() > 1 && port.get("name").and_then(Value::as_str).unwrap_or("").is_empty() {
            causes.push(Cause::required(&format!("spec.ports[{index}].name"), ""));
        }
    }
}

fn keys(object: &Value, fields: &[&str], causes: &mut Vec<Cause>) {
    for field in fields {
        for key in object.get(*field).and_then(Value::as_object).into_iter().flatten().map(|(key, _)| key) {
            let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
            if key.is_empty() || key.len() > 253 || !key.bytes().all(plain) || key.starts_with("..") || key == "." {
                causes.push(Cause::invalid(
                    &format!("{field}[{key}]"),
                    format_args!("{key:?}"),
                    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or \
                     'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
                ));
            }
        }
    }
}

/// Most bytes of all values of a ConfigMap or Secret (`core.MaxSecretSize`).
const MAX_DATA_BYTES: usize = 1024 * 1024;

fn size(field: &str, bytes: usize, causes: &mut Vec<Cause>) {
    if bytes > MAX_DATA_BYTES {
        causes.push(Cause::too_long(field, MAX_DATA_BYTES));
    }
}

fn texts(map: Option<&Value>) -> impl Iterator<Item = &str> {
    map.and_then(Value::as_object).into_iter().flatten().filter_map(|(_, value)| value.as_str())
}

fn text_bytes(map: Option<&Value>) -> usize {
    texts(map).map(str::len).sum()
}

/// Length of what base64 texts stand for.
fn decoded_bytes(map: Option<&Value>) -> usize {
    texts(map).map(|text| text.trim_end_matches('=').len() * 3 / 4).sum()
}

fn secret(object: &Value, causes: &mut Vec<Cause>) {
    let needed: &[&str] = match object.get("type").and_then(Value::as_str) {
        Some("kubernetes.io/tls") => &["tls.crt", "tls.key"],
        Some("kubernetes.io/dockerconfigjson") => &[".dockerconfigjson"],
        Some("kubernetes.io/ssh-auth") => &["ssh-privatekey"],
        _ => &[],
    };
    for key in needed {
        if object.get("data").and_then(|data| data.get(*key)).is_none() {
            causes.push(Cause::required(&format!("data[{key}]"), ""));
        }
    }
}
