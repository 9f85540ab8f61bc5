//! Defaults of pod templates and pods (k8s.io/kubernetes `pkg/apis/core/v1/defaults.go`).

use serde_json::{Map, Value, json};

/// Sets a field that is absent.
pub(super) fn default(map: &mut Map<String, Value>, field: &str, value: Value) {
    if matches!(map.get(field), None | Some(Value::Null)) {
        map.insert(field.to_owned(), value);
    }
}

/// Defaults of a PodSpec.
pub(super) fn default_pod_spec(spec: &mut Map<String, Value>) {
    default(spec, "dnsPolicy", json!("ClusterFirst"));
    default(spec, "restartPolicy", json!("Always"));
    default(spec, "schedulerName", json!("default-scheduler"));
    default(spec, "securityContext", json!({}));
    default(spec, "terminationGracePeriodSeconds", json!(30));
    if let Some(account) = spec.get("serviceAccountName").cloned() {
        // The deprecated twin is kept equal by conversion.
        default(spec, "serviceAccount", account);
    }
    let host_network = spec.get("hostNetwork") == Some(&Value::Bool(true));
    for list in ["initContainers", "containers"] {
        for container in items(spec, list) {
            default_container(container, host_network);
        }
    }
    for volume in items(spec, "volumes") {
        default_volume(volume);
    }
    for constraint in items(spec, "topologySpreadConstraints") {
        default(constraint, "nodeAffinityPolicy", json!("Honor"));
        default(constraint, "nodeTaintsPolicy", json!("Ignore"));
    }
}

fn default_container(container: &mut Map<String, Value>, host_network: bool) {
    let image = container.get("image").and_then(Value::as_str).unwrap_or("");
    let tail = image.rsplit('/').next().unwrap_or("");
    let latest = !image.contains('@') && (!tail.contains(':') || tail.ends_with(":latest"));
    default(container, "imagePullPolicy", json!(if latest { "Always" } else { "IfNotPresent" }));
    default(container, "resources", json!({}));
    default(container, "terminationMessagePath", json!("/dev/termination-log"));
    default(container, "terminationMessagePolicy", json!("File"));
    for port in items(container, "ports") {
        default(port, "protocol", json!("TCP"));
        if let Some(number) = port.get("containerPort").cloned().filter(|_| host_network) {
            default(port, "hostPort", number);
        }
    }
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = container.get_mut(probe).and_then(Value::as_object_mut) {
            default(probe, "timeoutSeconds", json!(1));
            default(probe, "periodSeconds", json!(10));
            default(probe, "successThreshold", json!(1));
            default(probe, "failureThreshold", json!(3));
            default_handler(probe);
        }
    }
    for hook in ["postStart", "preStop"] {
        let hook = container.get_mut("lifecycle").and_then(|lifecycle| lifecycle.get_mut(hook));
        if let Some(hook) = hook.and_then(Value::as_object_mut) {
            default_handler(hook);
        }
    }
    for variable in items(container, "env") {
        if let Some(field) = variable.get_mut("valueFrom").and_then(|from| from.get_mut("fieldRef"))
            && let Some(field) = field.as_object_mut()
        {
            default(field, "apiVersion", json!("v1"));
        }
    }
    default_requests(container);
}

/// A limit without a request is also the request.
fn default_requests(container: &mut Map<String, Value>) {
    let Some(resources) = container.get_mut("resources").and_then(Value::as_object_mut) else { return };
    let Some(limits) = resources.get("limits").and_then(Value::as_object).cloned() else { return };
    let requests = resources.entry("requests").or_insert_with(|| json!({}));
    if let Some(requests) = requests.as_object_mut() {
        for (name, quantity) in limits {
            default(requests, &name, quantity);
        }
    }
}

fn default_handler(handler: &mut Map<String, Value>) {
    if let Some(get) = handler.get_mut("httpGet").and_then(Value::as_object_mut) {
        default(get, "path", json!("/"));
        default(get, "scheme", json!("HTTP"));
    }
    if let Some(grpc) = handler.get_mut("grpc").and_then(Value::as_object_mut) {
        default(grpc, "service", json!(""));
    }
}

fn default_volume(volume: &mut Map<String, Value>) {
    let sources = ["configMap", "secret", "projected", "downwardAPI"];
    let mut found = false;
    for (source, value) in volume.iter_mut() {
        let Some(value) = value.as_object_mut() else { continue };
        found = true;
        if sources.contains(&source.as_str()) {
            default(value, "defaultMode", json!(420));
        }
        match source.as_str() {
            "hostPath" => default(value, "type", json!("")),
            "projected" => {
                for source in items(value, "sources") {
                    if let Some(token) = source.get_mut("serviceAccountToken").and_then(Value::as_object_mut) {
                        default(token, "expirationSeconds", json!(3600));
                    }
                }
            }
            _ => {}
        }
        for item in items(value, "items") {
            if let Some(field) = item.get_mut("fieldRef").and_then(Value::as_object_mut) {
                default(field, "apiVersion", json!("v1"));
            }
        }
    }
    if !found {
        volume.insert("emptyDir".into(), json!({}));
    }
}

/// The objects of a list field.
pub(super) fn items<'a>(map: &'a mut Map<String, Value>, field: &str) -> impl Iterator<Item = &'a mut Map<String, Value>> {
    map.get_mut(field).and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut)
}
