//! What Cluster API's webhooks refuse of an object and its schema does not say, so far as a patch can bring it about. Pure.
//!
//! Source: `webhooks/admission/kubeadmcontrolplane.go` and `machinedeployment.go` of Cluster API v1.14.2.

use serde_json::Value as Json;

/// Days that a cluster's certificate authority lasts if nothing else is said.
const AUTHORITY_DAYS: i64 = 3650;
/// What a template of machine names must hold.
const RANDOM: &str = "{{ .random }}";

/// What is refused, each as `path: why`.
pub fn refusals(object: &Json) -> Vec<String> {
    let mut found = Vec::new();
    match object.get("kind").and_then(Json::as_str) {
        Some("KubeadmControlPlane") => control_plane(object, &mut found),
        Some("MachineDeployment") => machine_deployment(object, &mut found),
        _ => return found,
    }
    let naming = "/spec/machineNaming/template";
    if object.pointer(naming).and_then(Json::as_str).is_some_and(|template| !template.contains(RANDOM)) {
        found.push(format!("spec.machineNaming.template: {RANDOM} is missing"));
    }
    found
}

fn control_plane(object: &Json, found: &mut Vec<String>) {
    let number = |pointer: &str| object.pointer(pointer).and_then(Json::as_i64);
    if let Some(surge) = object.pointer("/spec/rollout/strategy/rollingUpdate/maxSurge") {
        let path = "spec.rollout.strategy.rollingUpdate.maxSurge";
        match surge.as_i64() {
            Some(1) => {}
            Some(0) if number("/spec/replicas").is_none_or(|replicas| replicas >= 3) => {}
            Some(0) => found.push(format!("{path}: 0 needs a control plane of at least 3 machines")),
            _ => found.push(format!("{path}: {surge} is neither 1 nor 0")),
        }
    }
    let kubeadm = |path: &str| object.pointer(&format!("/spec/kubeadmConfigSpec/clusterConfiguration/{path}"));
    let given = |path: &str| kubeadm(path).and_then(Json::as_object).is_some_and(|map| !map.is_empty());
    if given("etcd/local") && given("etcd/external") {
        found.push("spec.kubeadmConfigSpec.clusterConfiguration.etcd: both local and external".to_owned());
    }
    let Some(days) = kubeadm("certificateValidityPeriodDays").and_then(Json::as_i64).filter(|days| *days != 0) else { return };
    let authority = kubeadm("caCertificateValidityPeriodDays").and_then(Json::as_i64).filter(|days| *days != 0).unwrap_or(AUTHORITY_DAYS);
    if days > authority {
        let path = "spec.kubeadmConfigSpec.clusterConfiguration.certificateValidityPeriodDays";
        found.push(format!("{path}: {days} days are more than the {authority} of the certificate authority"));
    }
    if let Some(before) = number("/spec/rollout/before/certificatesExpiryDays").filter(|before| *before >= days) {
        found.push(format!("spec.rollout.before.certificatesExpiryDays: {before} is not less than certificateValidityPeriodDays ({days})"));
    }
}

fn machine_deployment(object: &Json, found: &mut Vec<String>) {
    let mut counted = |path: &str| {
        let value = object.pointer(&format!("/{}", path.replace('.', "/")));
        if value.and_then(Json::as_str).is_some_and(|text| !is_percentage(text)) {
            found.push(format!("{path}: must be a number or a percentage"));
        }
        value.and_then(Json::as_i64)
    };
    let surge = counted("spec.rollout.strategy.rollingUpdate.maxSurge");
    let unavailable = counted("spec.rollout.strategy.rollingUpdate.maxUnavailable");
    counted("spec.remediation.maxInFlight");
    if (surge, unavailable) == (Some(0), Some(0)) {
        found.push("spec.rollout.strategy.rollingUpdate: maxUnavailable and maxSurge are both 0".to_owned());
    }
}

fn is_percentage(text: &str) -> bool {
    text.strip_suffix('%').is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_webhooks_refuse_is_refused() {
        let plane = |replicas: i64, spec: Json| {
            let mut object = json!({"kind": "KubeadmControlPlane", "spec": spec});
            object["spec"]["replicas"] = json!(replicas);
            object
        };
        let surge = |value: Json| json!({"rollout": {"strategy": {"rollingUpdate": {"maxSurge": value}}}});
        let kubeadm = |value: Json| json!({"kubeadmConfigSpec": {"clusterConfiguration": value}});
        let pool = |spec: Json| json!({"kind": "MachineDeployment", "spec": spec});
        let rolling = |value: Json| pool(json!({"rollout": {"strategy": {"rollingUpdate": value}}}));
        for (object, told) in [
            (plane(1, json!({})), ""),
            (plane(1, surge(json!(1))), ""),
            (plane(3, surge(json!(0))), ""),
            (plane(1, surge(json!(0))), "maxSurge: 0 needs a control plane of at least 3 machines"),
            (plane(3, surge(json!(3))), "maxSurge: 3 is neither 1 nor 0"),
            (plane(3, surge(json!("50%"))), "maxSurge: \"50%\" is neither 1 nor 0"),
            (plane(1, json!({"machineNaming": {"template": "{{ .cluster.name }}-{{ .random }}"}})), ""),
            (plane(1, json!({"machineNaming": {"template": "machine"}})), "spec.machineNaming.template: {{ .random }} is missing"),
            (plane(1, kubeadm(json!({"etcd": {"local": {"dataDir": "/d"}, "external": {"endpoints": ["e"]}}}))), "both local and external"),
            (plane(1, kubeadm(json!({"certificateValidityPeriodDays": 4000}))), "more than the 3650"),
            (plane(1, kubeadm(json!({"certificateValidityPeriodDays": 4000, "caCertificateValidityPeriodDays": 5000}))), ""),
            (
                plane(
                    1,
                    json!({
                        "rollout": {"before": {"certificatesExpiryDays": 90}},
                        "kubeadmConfigSpec": {"clusterConfiguration": {"certificateValidityPeriodDays": 60}},
                    }),
                ),
                "spec.rollout.before.certificatesExpiryDays: 90 is not less than",
            ),
            (rolling(json!({"maxSurge": 0, "maxUnavailable": 1})), ""),
            (rolling(json!({"maxSurge": "20%", "maxUnavailable": 0})), ""),
            (rolling(json!({"maxSurge": 0, "maxUnavailable": 0})), "both 0"),
            (rolling(json!({"maxSurge": "some"})), "maxSurge: must be a number or a percentage"),
            (pool(json!({"remediation": {"maxInFlight": "%"}})), "spec.remediation.maxInFlight: must be"),
            (pool(json!({"machineNaming": {"template": "m"}})), "{{ .random }} is missing"),
            (json!({"kind": "Other", "spec": {"machineNaming": {"template": "m"}}}), ""),
        ] {
            let found = refusals(&object);
            assert_eq!(found.len(), usize::from(!told.is_empty()), "{object}: {found:?}");
            assert!(found.iter().all(|found| found.contains(told)), "{object}: {found:?}");
        }
    }
}
