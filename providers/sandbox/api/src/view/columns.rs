//! The columns of `kubectl get`: of custom resources from their definitions, of the main built-in kinds from a table here
//! (k8s.io/kubernetes `pkg/printers/internalversion/printers.go`).

use jiff::Timestamp;
use serde_json::{Value, json};
use windlass_kubeschema::facts::PrinterColumn;

use super::{jsonpath, times};
use crate::verbs::Call;

/// One column.
#[derive(Debug, Clone)]
pub(super) struct Column {
    name: String,
    kind: String,
    format: String,
    priority: i32,
    source: Source,
}

#[derive(Debug, Clone)]
enum Source {
    Path(String),
    Built(fn(&Value) -> Value),
}

impl Column {
    pub fn definition(&self) -> Value {
        json!({
            "name": self.name,
            "type": self.kind,
            "format": self.format,
            "description": "",
            "priority": self.priority,
        })
    }

    pub fn cell(&self, object: &Value, now: Timestamp) -> Value {
        let found = match &self.source {
            Source::Built(cell) => return aged(cell(object), self.format == "age", now),
            Source::Path(path) => jsonpath::find(object, path),
        };
        let Some(first) = found.first() else { return Value::Null };
        match (self.kind.as_str(), first) {
            ("date", Value::String(stamp)) => times::since(stamp, now).into(),
            ("integer" | "number", Value::Number(_)) | ("boolean", Value::Bool(_)) => (*first).clone(),
            ("string", Value::String(_)) => (*first).clone(),
            ("string", _) => {
                let texts: Vec<String> =
                    found.iter().map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)).collect();
                texts.join(",").into()
            }
            _ => Value::Null,
        }
    }
}

fn aged(value: Value, age: bool, now: Timestamp) -> Value {
    match value {
        Value::String(stamp) if age => times::since(&stamp, now).into(),
        Value::Null if age => "<unknown>".into(),
        other => other,
    }
}

/// The columns of the resource of the call.
pub(super) fn of(call: &Call) -> Vec<Column> {
    let mut columns = vec![path("Name", "string", "name", 0, ".metadata.name")];
    if call.resource().custom {
        let own = &call.served.version().columns;
        if own.is_empty() {
            columns.push(path("Age", "date", "", 0, ".metadata.creationTimestamp"));
        }
        columns.extend(own.iter().map(custom));
        return columns;
    }
    let built = built(call.resource().group(), call.resource().plural());
    columns.extend(built.into_iter().map(|(name, kind, priority, cell)| Column {
        name: name.to_owned(),
        kind: kind.to_owned(),
        format: if name == "Age" || name == "Last Seen" { "age".to_owned() } else { String::new() },
        priority,
        source: Source::Built(cell),
    }));
    columns
}

fn path(name: &str, kind: &str, format: &str, priority: i32, path: &str) -> Column {
    Column { name: name.to_owned(), kind: kind.to_owned(), format: format.to_owned(), priority, source: Source::Path(path.to_owned()) }
}

fn custom(column: &PrinterColumn) -> Column {
    path(&column.name, &column.kind, column.format.as_deref().unwrap_or(""), column.priority.unwrap_or(0), &column.json_path)
}

type Built = (&'static str, &'static str, i32, fn(&Value) -> Value);

const AGE: Built = ("Age", "string", 0, |o| at(o, "/metadata/creationTimestamp"));

fn built(group: &str, plural: &str) -> Vec<Built> {
    match (group, plural) {
        ("", "pods") => vec![
            ("Ready", "string", 0, pod_ready),
            ("Status", "string", 0, pod_status),
            ("Restarts", "string", 0, pod_restarts),
            AGE,
            ("IP", "string", 1, |o| or_none(at(o, "/status/podIP"))),
            ("Node", "string", 1, |o| or_none(at(o, "/spec/nodeName"))),
            ("Nominated Node", "string", 1, |o| or_none(at(o, "/status/nominatedNodeName"))),
            ("Readiness Gates", "string", 1, |_| "<none>".into()),
        ],
        ("", "nodes") => vec![
            ("Status", "string", 0, node_status),
            ("Roles", "string", 0, node_roles),
            AGE,
            ("Version", "string", 0, |o| at(o, "/status/nodeInfo/kubeletVersion")),
            ("Internal-IP", "string", 1, |o| address(o, "InternalIP")),
            ("External-IP", "string", 1, |o| address(o, "ExternalIP")),
            ("OS-Image", "string", 1, |o| or_unknown(at(o, "/status/nodeInfo/osImage"))),
            ("Kernel-Version", "string", 1, |o| or_unknown(at(o, "/status/nodeInfo/kernelVersion"))),
            ("Container-Runtime", "string", 1, |o| or_unknown(at(o, "/status/nodeInfo/containerRuntimeVersion"))),
        ],
        ("", "namespaces") => vec![("Status", "string", 0, |o| at(o, "/status/phase")), AGE],
        ("", "configmaps") => vec![("Data", "string", 0, |o| (length(o, "/data") + length(o, "/binaryData")).to_string().into()), AGE],
        ("", "secrets") => {
            vec![("Type", "string", 0, |o| at(o, "/type")), ("Data", "string", 0, |o| length(o, "/data").to_string().into()), AGE]
        }
        ("", "serviceaccounts") => vec![("Secrets", "string", 0, |o| length(o, "/secrets").to_string().into()), AGE],
        ("", "services") => vec![
            ("Type", "string", 0, |o| at(o, "/spec/type")),
            ("Cluster-IP", "string", 0, |o| or_none(at(o, "/spec/clusterIP"))),
            ("External-IP", "string", 0, service_external),
            ("Port(s)", "string", 0, service_ports),
            AGE,
            ("Selector", "string", 1, |o| labels(o, "/spec/selector")),
        ],
        ("", "persistentvolumeclaims") => vec![
            ("Status", "string", 0, |o| at(o, "/status/phase")),
            ("Volume", "string", 0, |o| at(o, "/spec/volumeName")),
            ("Capacity", "string", 0, |o| at(o, "/status/capacity/storage")),
            ("Access Modes", "string", 0, |o| access_modes(o, "/status/accessModes")),
            ("StorageClass", "string", 0, |o| at(o, "/spec/storageClassName")),
            AGE,
        ],
        ("", "persistentvolumes") => vec![
            ("Capacity", "string", 0, |o| at(o, "/spec/capacity/storage")),
            ("Access Modes", "string", 0, |o| access_modes(o, "/spec/accessModes")),
            ("Reclaim Policy", "string", 0, |o| at(o, "/spec/persistentVolumeReclaimPolicy")),
            ("Status", "string", 0, |o| at(o, "/status/phase")),
            ("StorageClass", "string", 0, |o| at(o, "/spec/storageClassName")),
            AGE,
        ],
        ("" | "events.k8s.io", "events") => vec![
            ("Last Seen", "string", 0, |o| first_of(o, &["/lastTimestamp", "/eventTime", "/metadata/creationTimestamp"])),
            ("Type", "string", 0, |o| at(o, "/type")),
            ("Reason", "string", 0, |o| at(o, "/reason")),
            ("Object", "string", 0, event_object),
            ("Message", "string", 0, |o| first_of(o, &["/message", "/note"])),
        ],
        ("apps", "deployments") => vec![
            ("Ready", "string", 0, |o| ratio(o, "/status/readyReplicas", "/spec/replicas")),
            ("Up-to-date", "string", 0, |o| number(o, "/status/updatedReplicas")),
            ("Available", "string", 0, |o| number(o, "/status/availableReplicas")),
            AGE,
            ("Containers", "string", 1, |o| containers(o, "name")),
            ("Images", "string", 1, |o| containers(o, "image")),
            ("Selector", "string", 1, |o| labels(o, "/spec/selector/matchLabels")),
        ],
        ("apps", "replicasets") | ("", "replicationcontrollers") => vec![
            ("Desired", "integer", 0, |o| number(o, "/spec/replicas")),
            ("Current", "integer", 0, |o| number(o, "/status/replicas")),
            ("Ready", "integer", 0, |o| number(o, "/status/readyReplicas")),
            AGE,
            ("Containers", "string", 1, |o| containers(o, "name")),
            ("Images", "string", 1, |o| containers(o, "image")),
            ("Selector", "string", 1, |o| labels(o, "/spec/selector/matchLabels")),
        ],
        ("apps", "statefulsets") => vec![
            ("Ready", "string", 0, |o| ratio(o, "/status/readyReplicas", "/spec/replicas")),
            AGE,
            ("Containers", "string", 1, |o| containers(o, "name")),
            ("Images", "string", 1, |o| containers(o, "image")),
        ],
        ("apps", "daemonsets") => vec![
            ("Desired", "integer", 0, |o| number(o, "/status/desiredNumberScheduled")),
            ("Current", "integer", 0, |o| number(o, "/status/currentNumberScheduled")),
            ("Ready", "integer", 0, |o| number(o, "/status/numberReady")),
            ("Up-to-date", "integer", 0, |o| number(o, "/status/updatedNumberScheduled")),
            ("Available", "integer", 0, |o| number(o, "/status/numberAvailable")),
            ("Node Selector", "string", 0, |o| labels(o, "/spec/template/spec/nodeSelector")),
            AGE,
        ],
        ("batch", "jobs") => vec![
            ("Status", "string", 0, job_status),
            ("Completions", "string", 0, |o| ratio(o, "/status/succeeded", "/spec/completions")),
            AGE,
        ],
        ("batch", "cronjobs") => vec![
            ("Schedule", "string", 0, |o| at(o, "/spec/schedule")),
            ("Suspend", "string", 0, |o| title_bool(o.pointer("/spec/suspend"))),
            AGE,
        ],
        ("networking.k8s.io", "ingresses") => vec![
            ("Class", "string", 0, |o| or_none(at(o, "/spec/ingressClassName"))),
            ("Hosts", "string", 0, |o| joined(o, "/spec/rules", "host")),
            AGE,
        ],
        ("rbac.authorization.k8s.io", "roles" | "clusterroles") => {
            vec![("Created At", "date", 0, |o| at(o, "/metadata/creationTimestamp"))]
        }
        ("rbac.authorization.k8s.io", _) => {
            vec![("Role", "string", 0, |o| format!("{}/{}", text(o, "/roleRef/kind"), text(o, "/roleRef/name")).into()), AGE]
        }
        ("coordination.k8s.io", "leases") => vec![("Holder", "string", 0, |o| at(o, "/spec/holderIdentity")), AGE],
        ("apiextensions.k8s.io", _) => {
            vec![("Created At", "date", 0, |o| at(o, "/metadata/creationTimestamp"))]
        }
        ("storage.k8s.io", "storageclasses") => vec![
            ("Provisioner", "string", 0, |o| at(o, "/provisioner")),
            ("ReclaimPolicy", "string", 0, |o| at(o, "/reclaimPolicy")),
            ("VolumeBindingMode", "string", 0, |o| at(o, "/volumeBindingMode")),
            ("AllowVolumeExpansion", "string", 0, |o| {
                o.pointer("/allowVolumeExpansion").and_then(Value::as_bool).unwrap_or(false).to_string().into()
            }),
            AGE,
        ],
        ("policy", "poddisruptionbudgets") => vec![
            ("Min Available", "string", 0, |o| or_not_applicable(plain(o.pointer("/spec/minAvailable")))),
            ("Max Unavailable", "string", 0, |o| or_not_applicable(plain(o.pointer("/spec/maxUnavailable")))),
            ("Allowed Disruptions", "integer", 0, |o| number(o, "/status/disruptionsAllowed")),
            AGE,
        ],
        _ => vec![AGE],
    }
}

fn at(object: &Value, pointer: &str) -> Value {
    object.pointer(pointer).cloned().unwrap_or(Value::Null)
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}

fn number(object: &Value, pointer: &str) -> Value {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0).into()
}

fn length(object: &Value, pointer: &str) -> usize {
    match object.pointer(pointer) {
        Some(Value::Object(map)) => map.len(),
        Some(Value::Array(list)) => list.len(),
        _ => 0,
    }
}

fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn ratio(object: &Value, part: &str, whole: &str) -> Value {
    let n = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0);
    format!("{}/{}", n(part), n(whole)).into()
}

fn plain(value: Option<&Value>) -> Value {
    match value {
        Some(Value::String(text)) => text.clone().into(),
        Some(Value::Null) | None => Value::Null,
        Some(other) => other.to_string().into(),
    }
}

fn or(value: Value, other: &str) -> Value {
    match value {
        Value::Null => other.into(),
        Value::String(text) if text.is_empty() => other.into(),
        value => value,
    }
}

fn or_none(value: Value) -> Value {
    or(value, "<none>")
}

fn or_unknown(value: Value) -> Value {
    or(value, "<unknown>")
}

fn or_not_applicable(value: Value) -> Value {
    or(value, "N/A")
}

fn title_bool(value: Option<&Value>) -> Value {
    if value == Some(&Value::Bool(true)) { "True".into() } else { "False".into() }
}

fn first_of(object: &Value, pointers: &[&str]) -> Value {
    pointers.iter().map(|pointer| at(object, pointer)).find(|value| !value.is_null()).unwrap_or(Value::Null)
}

fn labels(object: &Value, pointer: &str) -> Value {
    let parts: Vec<String> = object
        .pointer(pointer)
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or("")))
        .collect();
    or_none(parts.join(",").into())
}

fn joined(object: &Value, pointer: &str, field: &str) -> Value {
    let parts: Vec<&str> = list(object, pointer).iter().filter_map(|item| item.get(field).and_then(Value::as_str)).collect();
    parts.join(",").into()
}

fn containers(object: &Value, field: &str) -> Value {
    joined(object, "/spec/template/spec/containers", field)
}

fn access_modes(object: &Value, pointer: &str) -> Value {
    let modes: Vec<&str> = list(object, pointer)
        .iter()
        .filter_map(|mode| {
            Some(match mode.as_str()? {
                "ReadWriteOnce" => "RWO",
                "ReadOnlyMany" => "ROX",
                "ReadWriteMany" => "RWX",
                "ReadWriteOncePod" => "RWOP",
                other => other,
            })
        })
        .collect();
    modes.join(",").into()
}

fn pod_ready(pod: &Value) -> Value {
    let ready = list(pod, "/status/containerStatuses").iter().filter(|status| status.get("ready") == Some(&Value::Bool(true))).count();
    format!("{ready}/{}", length(pod, "/spec/containers")).into()
}

fn pod_status(pod: &Value) -> Value {
    if pod.pointer("/metadata/deletionTimestamp").is_some() {
        return "Terminating".into();
    }
    let waiting = list(pod, "/status/containerStatuses").iter().rev().find_map(|status| {
        let state = status.get("state")?;
        state.pointer("/waiting/reason").or_else(|| state.pointer("/terminated/reason"))
    });
    if let Some(reason) = waiting.filter(|reason| reason.as_str().is_some_and(|text| !text.is_empty())) {
        return reason.clone();
    }
    or(at(pod, "/status/reason"), text(pod, "/status/phase"))
}

fn pod_restarts(pod: &Value) -> Value {
    let count: i64 =
        list(pod, "/status/containerStatuses").iter().filter_map(|status| status.get("restartCount").and_then(Value::as_i64)).sum();
    count.to_string().into()
}

fn node_status(node: &Value) -> Value {
    let ready = list(node, "/status/conditions").iter().find(|condition| condition.get("type") == Some(&json!("Ready")));
    let mut status = match ready.and_then(|condition| condition.get("status")).and_then(Value::as_str) {
        Some("True") => "Ready".to_owned(),
        Some(_) => "NotReady".to_owned(),
        None => "Unknown".to_owned(),
    };
    if node.pointer("/spec/unschedulable") == Some(&Value::Bool(true)) {
        status.push_str(",SchedulingDisabled");
    }
    status.into()
}

fn node_roles(node: &Value) -> Value {
    let roles: Vec<&str> = node
        .pointer("/metadata/labels")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(key, _)| key.strip_prefix("node-role.kubernetes.io/"))
        .collect();
    or_none(roles.join(",").into())
}

fn address(node: &Value, kind: &str) -> Value {
    let found = list(node, "/status/addresses").iter().find(|address| address.get("type") == Some(&json!(kind)));
    or_none(found.and_then(|address| address.get("address")).cloned().unwrap_or(Value::Null))
}

fn service_external(service: &Value) -> Value {
    match text(service, "/spec/type") {
        "LoadBalancer" => {
            let points: Vec<&str> = list(service, "/status/loadBalancer/ingress")
                .iter()
                .filter_map(|point| point.get("ip").or_else(|| point.get("hostname")).and_then(Value::as_str))
                .collect();
            or(points.join(",").into(), "<pending>")
        }
        "ExternalName" => at(service, "/spec/externalName"),
        _ => "<none>".into(),
    }
}

fn service_ports(service: &Value) -> Value {
    let ports: Vec<String> = list(service, "/spec/ports")
        .iter()
        .map(|port| {
            let number = port.get("port").and_then(Value::as_i64).unwrap_or(0);
            let protocol = port.get("protocol").and_then(Value::as_str).unwrap_or("TCP");
            match port.get("nodePort").and_then(Value::as_i64).filter(|node| *node > 0) {
                Some(node) => format!("{number}:{node}/{protocol}"),
                None => format!("{number}/{protocol}"),
            }
        })
        .collect();
    or_none(ports.join(",").into())
}

fn event_object(event: &Value) -> Value {
    let target = event.get("involvedObject").or_else(|| event.get("regarding")).unwrap_or(&Value::Null);
    format!("{}/{}", text(target, "/kind").to_lowercase(), text(target, "/name")).into()
}

fn job_status(job: &Value) -> Value {
    let holds = |kind: &str| {
        list(job, "/status/conditions")
            .iter()
            .any(|condition| condition.get("type") == Some(&json!(kind)) && condition.get("status") == Some(&json!("True")))
    };
    let status = match () {
        () if holds("Complete") => "Complete",
        () if holds("Failed") => "Failed",
        () if job.pointer("/metadata/deletionTimestamp").is_some() => "Terminating",
        () if holds("Suspended") => "Suspended",
        () => "Running",
    };
    status.into()
}
