//! Rendered objects by the rules of content that an API server checks and no schema says: numbers, ports, selectors, what a Secret of a type must
//! hold. Values that are not known yet are not judged. Names and labels: `object_meta`.
//!
//! Source: `pkg/apis/{apps,core}/validation/validation.go` of Kubernetes.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::encode::Placeholder;
use crate::object::ObjectKey;

/// What is wrong, each with its field first.
pub(super) fn faults(key: &ObjectKey, object: &Json) -> Vec<String> {
    let mut found = Vec::new();
    let (group, kind) = (key.group.as_str(), key.kind.as_str());
    match (group, kind) {
        ("apps", _) => {
            negative(kind, object, &mut found);
            selector(object, &mut found);
        }
        ("", "Service") => service_ports(object, &mut found),
        ("", "Secret") => secret(object, &mut found),
        _ => {}
    }
    if let Some((path, spec)) = pod_spec(group, kind, object) {
        pod_ports(path, spec, &mut found);
    }
    found
}

/// Numbers of a workload that must not be negative.
fn negative(kind: &str, object: &Json, found: &mut Vec<String>) {
    let fields: &[&str] = match kind {
        "Deployment" => &["replicas", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"],
        "StatefulSet" | "ReplicaSet" => &["replicas", "minReadySeconds", "revisionHistoryLimit"],
        "DaemonSet" => &["minReadySeconds", "revisionHistoryLimit"],
        _ => &[],
    };
    let numbers = fields.iter().filter_map(|field| Some((field, object.get("spec")?.get(field)?.as_i64()?)));
    found.extend(numbers.filter(|(_, number)| *number < 0).map(|(field, number)| format!("spec.{field}: {number} is less than 0")));
}

/// A workload's selector asks for something, and for what its own pods have.
fn selector(object: &Json, found: &mut Vec<String>) {
    let Some(selector) = object.pointer("/spec/selector").filter(|selector| is_known(selector)) else { return };
    let Some(labels) =
        object.pointer("/spec/template/metadata/labels").map_or(Some(&Json::Null), |labels| Some(labels).filter(|l| is_known(l)))
    else {
        return;
    };
    let (wanted, rules) = (selector.get("matchLabels"), selector.get("matchExpressions"));
    if [wanted, rules].into_iter().flatten().any(|part| !is_known(part)) {
        return;
    }
    let (wanted, rules) = (wanted.and_then(Json::as_object), rules.and_then(Json::as_array));
    if wanted.is_none_or(serde_json::Map::is_empty) && rules.is_none_or(Vec::is_empty) {
        found.push("spec.selector: it is empty, and would select every pod".to_owned());
    }
    for (name, value) in wanted.into_iter().flatten().filter(|(_, value)| is_known(value)) {
        match labels.get(name) {
            Some(label) if label == value || !is_known(label) => {}
            Some(label) => {
                found.push(format!("spec.selector.matchLabels: {name} is {value}, and {label} in spec.template.metadata.labels"))
            }
            None => found.push(format!("spec.selector.matchLabels: {name} is {value}, and is no label in spec.template.metadata.labels")),
        }
    }
    let unmet = rules.into_iter().flatten().filter(|rule| matches(rule, labels) == Some(false));
    found.extend(unmet.map(|rule| format!("spec.selector.matchExpressions: {rule} does not select spec.template.metadata.labels")));
}

/// Whether labels are as a rule of a selector asks; `None`: it is not known.
fn matches(rule: &Json, labels: &Json) -> Option<bool> {
    let label = labels.get(rule.get("key")?.as_str()?);
    if label.is_some_and(|label| !is_known(label)) {
        return None;
    }
    let among = || {
        let values = rule.get("values")?.as_array()?;
        Some(label.is_some_and(|label| values.contains(label)) || values.iter().any(|value| !is_known(value)))
    };
    match rule.get("operator")?.as_str()? {
        "In" => among(),
        "NotIn" => among().map(|among| !among),
        "Exists" => Some(label.is_some()),
        "DoesNotExist" => Some(label.is_none()),
        _ => None,
    }
}

fn service_ports(object: &Json, found: &mut Vec<String>) {
    let ports = object.pointer("/spec/ports").and_then(Json::as_array).into_iter().flatten();
    for (place, port) in ports.enumerate() {
        for field in ["port", "targetPort"] {
            number_of_port(port, field, 1, &format!("spec.ports[{place}]"), found);
        }
        number_of_port(port, "nodePort", 0, &format!("spec.ports[{place}]"), found);
    }
}

/// Where a kind has its pod.
fn pod_spec<'o>(group: &str, kind: &str, object: &'o Json) -> Option<(&'static str, &'o Json)> {
    let (path, pointer) = match (group, kind) {
        ("", "Pod") => ("spec", "/spec"),
        ("apps", _) | ("batch", "Job") => ("spec.template.spec", "/spec/template/spec"),
        ("batch", "CronJob") => ("spec.jobTemplate.spec.template.spec", "/spec/jobTemplate/spec/template/spec"),
        _ => return None,
    };
    Some((path, object.pointer(pointer)?))
}

fn pod_ports(path: &str, spec: &Json, found: &mut Vec<String>) {
    for list in ["initContainers", "containers"] {
        let containers = spec.get(list).and_then(Json::as_array).into_iter().flatten();
        for (place, container) in containers.enumerate() {
            let path = format!("{path}.{list}[{place}]");
            let ports = container.get("ports").and_then(Json::as_array).into_iter().flatten();
            for (place, port) in ports.enumerate() {
                number_of_port(port, "containerPort", 1, &format!("{path}.ports[{place}]"), found);
                number_of_port(port, "hostPort", 0, &format!("{path}.ports[{place}]"), found);
            }
            for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
                for ask in ["httpGet", "tcpSocket", "grpc"] {
                    let asked = container.get(probe).and_then(|probe| probe.get(ask));
                    asked.into_iter().for_each(|asked| number_of_port(asked, "port", 1, &format!("{path}.{probe}.{ask}"), found));
                }
            }
        }
    }
}

/// A port by number; names are of the schema.
fn number_of_port(object: &Json, field: &str, least: i64, path: &str, found: &mut Vec<String>) {
    let number = object.get(field).and_then(Json::as_i64);
    if let Some(number) = number.filter(|number| !(least..=65535).contains(number)) {
        found.push(format!("{path}.{field}: {number} is no port; one is a number from 1 to 65535"));
    }
}

/// Keys that a Secret of a type must have, of `data` and `stringData` together.
fn secret(object: &Json, found: &mut Vec<String>) {
    let wanted: &[&str] = match object.get("type").and_then(Json::as_str).unwrap_or_default() {
        "kubernetes.io/tls" => &["tls.crt", "tls.key"],
        "kubernetes.io/dockercfg" => &[".dockercfg"],
        "kubernetes.io/dockerconfigjson" => &[".dockerconfigjson"],
        "kubernetes.io/ssh-auth" => &["ssh-privatekey"],
        _ => return,
    };
    let maps = ["data", "stringData"].into_iter().filter_map(|field| object.get(field));
    let mut keys = BTreeSet::new();
    for map in maps {
        if !is_known(map) {
            return;
        }
        keys.extend(map.as_object().into_iter().flat_map(|map| map.keys().map(String::as_str)));
    }
    let kind = object.get("type").and_then(Json::as_str).unwrap_or_default();
    found
        .extend(wanted.iter().filter(|key| !keys.contains(*key)).map(|key| format!("data: a Secret of type {kind} needs the key {key:?}")));
}

fn is_known(value: &Json) -> bool {
    Placeholder::of(value).is_none()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::addr::Address;

    fn of(group: &str, kind: &str, object: Json) -> Vec<String> {
        let (group, kind) = (group.to_owned(), kind.to_owned());
        faults(&ObjectKey { plane: Address::management("m"), group, kind, namespace: None, name: "a".into() }, &object)
    }

    #[test]
    fn selectors_select_their_own_pods() {
        let workload = |selector: Json, labels: Json| {
            of("apps", "Deployment", json!({"spec": {"selector": selector, "template": {"metadata": {"labels": labels}}}}))
        };
        let unknown = json!({"$wl": "unknown", "reference": "cluster.a.endpoint"});
        let rule = |operator: &str, values: Json| json!({"matchExpressions": [{"key": "app", "operator": operator, "values": values}]});
        for (selector, labels, faults) in [
            (json!({"matchLabels": {"app": "a"}}), json!({"app": "a", "b": "c"}), 0),
            (json!({"matchLabels": {"app": "a"}}), json!({"app": "b"}), 1),
            (json!({"matchLabels": {"app": "a", "b": "c"}}), json!({}), 2),
            (json!({"matchLabels": {"app": "a"}}), Json::Null, 1),
            (json!({}), json!({"app": "a"}), 1),
            (json!({"matchLabels": {"app": unknown}}), json!({"app": "a"}), 0),
            (json!({"matchLabels": {"app": "a"}}), json!({"app": unknown}), 0),
            (json!({"matchLabels": {"app": "a"}}), unknown.clone(), 0),
            (rule("In", json!(["a", "b"])), json!({"app": "b"}), 0),
            (rule("In", json!(["a"])), json!({"app": "b"}), 1),
            (rule("In", json!(["a"])), json!({}), 1),
            (rule("NotIn", json!(["a"])), json!({"app": "b"}), 0),
            (rule("NotIn", json!(["a"])), json!({"app": "a"}), 1),
            (rule("Exists", json!([])), json!({"app": "a"}), 0),
            (rule("Exists", json!([])), json!({}), 1),
            (rule("DoesNotExist", json!([])), json!({"app": "a"}), 1),
        ] {
            let found = workload(selector.clone(), labels.clone());
            assert_eq!(found.len(), faults, "{selector} {labels}: {found:?}");
        }
    }

    #[test]
    fn ports_are_numbers_of_ports() {
        let service = |port: Json| of("", "Service", json!({"spec": {"ports": [port]}}));
        for (port, told) in [
            (json!({"port": 443, "targetPort": "https"}), None),
            (json!({"port": 443, "nodePort": 0}), None),
            (json!({"port": 0}), Some("spec.ports[0].port: 0 is no port")),
            (json!({"port": 443, "targetPort": 99999}), Some("spec.ports[0].targetPort: 99999 is no port")),
            (json!({"port": 443, "nodePort": 70000}), Some("spec.ports[0].nodePort: 70000 is no port")),
        ] {
            let found = service(port.clone());
            assert_eq!(found.first().map(|fault| fault.starts_with(told.unwrap_or("?"))), told.map(|_| true), "{port}: {found:?}");
        }
        let container = json!({
            "ports": [{"containerPort": 65536, "hostPort": 0}], "livenessProbe": {"httpGet": {"port": -1}}, "readinessProbe": {"grpc": {"port": 1}},
        });
        let pod = json!({"containers": [{}, container], "initContainers": [{"ports": [{"hostPort": -2}]}]});
        let told = |path: &str| {
            [
                format!("{path}.initContainers[0].ports[0].hostPort: -2"),
                format!("{path}.containers[1].ports[0].containerPort: 65536"),
                format!("{path}.containers[1].livenessProbe.httpGet.port: -1"),
            ]
        };
        for (group, kind, path, object) in [
            ("", "Pod", "spec", json!({"spec": pod})),
            ("apps", "DaemonSet", "spec.template.spec", json!({"spec": {"template": {"spec": pod}}})),
            (
                "batch",
                "CronJob",
                "spec.jobTemplate.spec.template.spec",
                json!({"spec": {"jobTemplate": {"spec": {"template": {"spec": pod}}}}}),
            ),
        ] {
            let found = of(group, kind, object);
            assert!(found.len() == 3 && found.iter().zip(told(path)).all(|(found, told)| found.starts_with(&told)), "{kind}: {found:?}");
        }
    }

    #[test]
    fn a_secret_has_what_its_type_says() {
        let secret = |kind: &str, fields: Json| {
            let mut object = json!({"type": kind});
            crate::encode::merge_patch(&mut object, &fields);
            of("", "Secret", object).len()
        };
        let unknown = json!({"$wl": "unknown", "reference": "cluster.a.endpoint"});
        for (kind, fields, faults) in [
            ("Opaque", json!({}), 0),
            ("kubernetes.io/tls", json!({}), 2),
            ("kubernetes.io/tls", json!({"data": {"tls.crt": ""}}), 1),
            ("kubernetes.io/tls", json!({"data": {"tls.crt": ""}, "stringData": {"tls.key": unknown}}), 0),
            ("kubernetes.io/tls", json!({"data": unknown}), 0),
            ("kubernetes.io/dockerconfigjson", json!({"data": {".dockercfg": ""}}), 1),
            ("kubernetes.io/ssh-auth", json!({"data": {"ssh-privatekey": ""}}), 0),
        ] {
            assert_eq!(secret(kind, fields.clone()), faults, "{kind} {fields}");
        }
    }
}
