//! Defaults of built-in kinds, where clients see them (k8s.io/kubernetes `pkg/apis/*/v1/defaults.go`). The published schemas
//! do not hold them. Custom resources get theirs from their schemas.

use serde_json::{Map, Value, json};

use super::pods::{default, default_pod_spec, items};
use crate::kinds::Resource;

/// Fills in the defaults of a built-in object.
pub(super) fn apply(resource: &Resource, object: &mut Value) {
    let Some(object) = object.as_object_mut() else { return };
    match (resource.group(), resource.plural()) {
        ("", "secrets") => secret(object),
        ("", "persistentvolumeclaims") => with_spec(object, |spec| default(spec, "volumeMode", json!("Filesystem"))),
        ("", "persistentvolumes") => with_spec(object, |spec| {
            default(spec, "persistentVolumeReclaimPolicy", json!("Retain"));
            default(spec, "volumeMode", json!("Filesystem"));
        }),
        ("", "endpoints") => {
            for subset in items(object, "subsets") {
                items(subset, "ports").for_each(|port| default(port, "protocol", json!("TCP")));
            }
        }
        ("", "pods") => with_spec(object, |spec| {
            default_pod_spec(spec);
            default(spec, "enableServiceLinks", json!(true));
        }),
        ("", "services") => with_spec(object, service),
        ("apps", "deployments") => deployment(object),
        ("apps", "daemonsets") => with_spec(object, daemon_set),
        ("apps", "replicasets") | ("", "replicationcontrollers") => with_spec(object, |spec| {
            default(spec, "replicas", json!(1));
            template(spec);
        }),
        ("apps", "statefulsets") => with_spec(object, stateful_set),
        ("batch", "jobs") => with_spec(object, job),
        ("batch", "cronjobs") => with_spec(object, cron_job),
        ("autoscaling", "horizontalpodautoscalers") => with_spec(object, |spec| default(spec, "minReplicas", json!(1))),
        ("networking.k8s.io", "networkpolicies") => with_spec(object, network_policy),
        ("networking.k8s.io", "ingresses") => {}
        ("rbac.authorization.k8s.io", "rolebindings" | "clusterrolebindings") => binding(object),
        ("storage.k8s.io", "storageclasses") => {
            default(object, "reclaimPolicy", json!("Delete"));
            default(object, "volumeBindingMode", json!("Immediate"));
        }
        ("storage.k8s.io", "csidrivers") => with_spec(object, csi_driver),
        ("scheduling.k8s.io", "priorityclasses") => default(object, "preemptionPolicy", json!("PreemptLowerPriority")),
        ("admissionregistration.k8s.io", kind) => webhooks(object, kind),
        ("apiextensions.k8s.io", _) => with_spec(object, |spec| default(spec, "conversion", json!({"strategy": "None"}))),
        ("discovery.k8s.io", "endpointslices") => items(object, "ports").for_each(|port| {
            default(port, "name", json!(""));
            default(port, "protocol", json!("TCP"));
        }),
        _ => {}
    }
}

fn with_spec(object: &mut Map<String, Value>, change: impl FnOnce(&mut Map<String, Value>)) {
    if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
        change(spec);
    }
}

fn template(spec: &mut Map<String, Value>) {
    let pod = spec.get_mut("template").and_then(|template| template.get_mut("spec"));
    if let Some(pod) = pod.and_then(Value::as_object_mut) {
        default_pod_spec(pod);
    }
}

/// `stringData` is write-only: it is folded into `data`.
fn secret(object: &mut Map<String, Value>) {
    default(object, "type", json!("Opaque"));
    if let Some(Value::Object(plain)) = object.remove("stringData") {
        let data = object.entry("data").or_insert_with(|| json!({}));
        if data.is_null() {
            *data = json!({});
        }
        if let Some(data) = data.as_object_mut() {
            for (key, value) in plain {
                let encoded = data_encoding::BASE64.encode(value.as_str().unwrap_or("").as_bytes());
                data.insert(key, encoded.into());
            }
        }
    }
}

fn service(spec: &mut Map<String, Value>) {
    default(spec, "sessionAffinity", json!("None"));
    default(spec, "type", json!("ClusterIP"));
    let kind = spec.get("type").and_then(Value::as_str).unwrap_or("").to_owned();
    if kind != "ExternalName" {
        default(spec, "internalTrafficPolicy", json!("Cluster"));
        default(spec, "ipFamilies", json!(["IPv4"]));
        default(spec, "ipFamilyPolicy", json!("SingleStack"));
    }
    if spec.get("sessionAffinity") == Some(&json!("ClientIP")) {
        default(spec, "sessionAffinityConfig", json!({"clientIP": {"timeoutSeconds": 10800}}));
    }
    if kind == "NodePort" || kind == "LoadBalancer" {
        default(spec, "externalTrafficPolicy", json!("Cluster"));
    }
    if kind == "LoadBalancer" {
        default(spec, "allocateLoadBalancerNodePorts", json!(true));
    }
    for port in items(spec, "ports") {
        default(port, "protocol", json!("TCP"));
        if let Some(number) = port.get("port").cloned() {
            default(port, "targetPort", number);
        }
    }
}

fn deployment(object: &mut Map<String, Value>) {
    with_spec(object, |spec| {
        default(spec, "replicas", json!(1));
        default(spec, "progressDeadlineSeconds", json!(600));
        default(spec, "revisionHistoryLimit", json!(10));
        rolling(spec, "strategy", json!("25%"));
        template(spec);
    });
}

fn daemon_set(spec: &mut Map<String, Value>) {
    default(spec, "revisionHistoryLimit", json!(10));
    rolling(spec, "updateStrategy", json!(0));
    template(spec);
}

fn rolling(spec: &mut Map<String, Value>, field: &str, surge: Value) {
    default(spec, field, json!({}));
    let Some(strategy) = spec.get_mut(field).and_then(Value::as_object_mut) else { return };
    default(strategy, "type", json!("RollingUpdate"));
    if strategy.get("type") == Some(&json!("RollingUpdate")) {
        let unavailable = if surge == json!(0) { json!(1) } else { surge.clone() };
        default(strategy, "rollingUpdate", json!({}));
        if let Some(update) = strategy.get_mut("rollingUpdate").and_then(Value::as_object_mut) {
            default(update, "maxSurge", surge);
            default(update, "maxUnavailable", unavailable);
        }
    }
}

fn stateful_set(spec: &mut Map<String, Value>) {
    default(spec, "replicas", json!(1));
    default(spec, "podManagementPolicy", json!("OrderedReady"));
    default(spec, "revisionHistoryLimit", json!(10));
    default(spec, "persistentVolumeClaimRetentionPolicy", json!({"whenDeleted": "Retain", "whenScaled": "Retain"}));
    default(spec, "updateStrategy", json!({"type": "RollingUpdate"}));
    if let Some(strategy) = spec.get_mut("updateStrategy").and_then(Value::as_object_mut) {
        default(strategy, "type", json!("RollingUpdate"));
        if strategy.get("type") == Some(&json!("RollingUpdate")) {
            default(strategy, "rollingUpdate", json!({"partition": 0}));
        }
    }
    for claim in items(spec, "volumeClaimTemplates") {
        default(claim, "apiVersion", json!("v1"));
        default(claim, "kind", json!("PersistentVolumeClaim"));
        with_spec(claim, |spec| default(spec, "volumeMode", json!("Filesystem")));
        default(claim, "status", json!({"phase": "Pending"}));
    }
    template(spec);
}

fn job(spec: &mut Map<String, Value>) {
    if spec.get("completions").is_none() && spec.get("parallelism").is_none() {
        default(spec, "completions", json!(1));
    }
    default(spec, "parallelism", json!(1));
    default(spec, "backoffLimit", json!(6));
    default(spec, "completionMode", json!("NonIndexed"));
    default(spec, "suspend", json!(false));
    default(spec, "manualSelector", json!(false));
    default(spec, "podReplacementPolicy", json!("TerminatingOrFailed"));
    template(spec);
}

fn cron_job(spec: &mut Map<String, Value>) {
    default(spec, "concurrencyPolicy", json!("Allow"));
    default(spec, "suspend", json!(false));
    default(spec, "successfulJobsHistoryLimit", json!(3));
    default(spec, "failedJobsHistoryLimit", json!(1));
    let pods = spec.get_mut("jobTemplate").and_then(|template| template.get_mut("spec"));
    if let Some(pods) = pods.and_then(Value::as_object_mut) {
        template(pods);
    }
}

fn network_policy(spec: &mut Map<String, Value>) {
    let egress = spec.get("egress").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    default(spec, "policyTypes", if egress { json!(["Ingress", "Egress"]) } else { json!(["Ingress"]) });
    for rules in ["ingress", "egress"] {
        for rule in items(spec, rules) {
            items(rule, "ports").for_each(|port| default(port, "protocol", json!("TCP")));
        }
    }
}

fn binding(object: &mut Map<String, Value>) {
    let group = "rbac.authorization.k8s.io";
    if let Some(role) = object.get_mut("roleRef").and_then(Value::as_object_mut) {
        default(role, "apiGroup", json!(group));
    }
    for subject in items(object, "subjects") {
        if matches!(subject.get("kind").and_then(Value::as_str), Some("User" | "Group")) {
            default(subject, "apiGroup", json!(group));
        }
    }
}

fn csi_driver(spec: &mut Map<String, Value>) {
    default(spec, "attachRequired", json!(true));
    default(spec, "podInfoOnMount", json!(false));
    default(spec, "storageCapacity", json!(false));
    default(spec, "fsGroupPolicy", json!("ReadWriteOnceWithFSType"));
    default(spec, "volumeLifecycleModes", json!(["Persistent"]));
    default(spec, "requiresRepublish", json!(false));
    default(spec, "seLinuxMount", json!(false));
}

fn webhooks(object: &mut Map<String, Value>, kind: &str) {
    for hook in items(object, "webhooks") {
        default(hook, "failurePolicy", json!("Fail"));
        default(hook, "matchPolicy", json!("Equivalent"));
        default(hook, "namespaceSelector", json!({}));
        default(hook, "objectSelector", json!({}));
        default(hook, "timeoutSeconds", json!(10));
        if kind == "mutatingwebhookconfigurations" {
            default(hook, "reinvocationPolicy", json!("Never"));
        }
        for rule in items(hook, "rules") {
            default(rule, "scope", json!("*"));
        }
        let service = hook.get_mut("clientConfig").and_then(|config| config.get_mut("service"));
        if let Some(service) = service.and_then(Value::as_object_mut) {
            default(service, "port", json!(443));
        }
    }
}
