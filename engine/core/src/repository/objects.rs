//! What becomes of the objects of a components file: clusterctl's labels, the toleration that a cluster of control plane machines needs, and
//! without what others write. Knows one object at a time, and no plane.
//!
//! Rules: cmd/clusterctl/client/repository/components.go (labels, order) and cmd/clusterctl/client/cluster/cert_manager.go.

use serde_json::{Value as Json, json};

use crate::definitions::Definitions;
use crate::encode::merge_patch;
use crate::kinds::known_kind;
use crate::marks::{CONTROL_PLANE_TAINT, LABEL_CLUSTERCTL, LABEL_CLUSTERCTL_CORE, LABEL_PROVIDER};
use crate::object::split_api_version;
use crate::plan::ProviderSpec;

/// API groups of cert-manager end like this.
const CERTIFICATES: &str = "cert-manager.io";
/// Annotations by which cert-manager's injector writes the `caBundle` of an object.
const INJECTED: [&str; 3] =
    ["cert-manager.io/inject-ca-from", "cert-manager.io/inject-ca-from-secret", "cert-manager.io/inject-apiserver-ca"];

/// Whether an object is one of cert-manager's kinds.
pub(crate) fn asks_for_certificates(object: &Json) -> bool {
    split_api_version(text(object, "apiVersion")).0.ends_with(CERTIFICATES)
}

/// Where an object stands among its provider's: namespaces, definitions, certificates, then the rest as the file has it.
pub(crate) fn in_order(object: &Json) -> u8 {
    match text(object, "kind") {
        "Namespace" => 0,
        "CustomResourceDefinition" => 1,
        _ if asks_for_certificates(object) => 2,
        _ => 3,
    }
}

/// An object of a provider in its provider's namespace, if it lives in one and names none.
///
/// clusterctl moves each namespaced object of a provider into one namespace, which is the one of the file unless its user names another
/// (components.go, `fixTargetNamespace`); what names a namespace stays there here. cert-manager's objects it applies as they are.
pub(crate) fn in_namespace(mut object: Json, provider: &ProviderSpec, definitions: &Definitions) -> Json {
    let names_one = object.pointer("/metadata/namespace").and_then(Json::as_str).is_some_and(|namespace| !namespace.is_empty());
    if names_one || provider.is_cert_manager() {
        return object;
    }
    let (api_version, kind) = (text(&object, "apiVersion"), text(&object, "kind"));
    let known = known_kind(api_version, kind).map(|known| known.namespaced);
    if known.or_else(|| definitions.are_namespaced(api_version, kind)) == Some(true) {
        merge_patch(&mut object, &json!({"metadata": {"namespace": provider.namespace}}));
    }
    object
}

/// An object of a provider as it is applied.
pub(crate) fn prepared(mut object: Json, provider: &ProviderSpec) -> Json {
    let labels = match provider.is_cert_manager() {
        true => json!({LABEL_CLUSTERCTL: "", LABEL_CLUSTERCTL_CORE: "cert-manager"}),
        false => json!({LABEL_CLUSTERCTL: "", LABEL_PROVIDER: provider.label}),
    };
    // A field that is null would be taken away, so what generators leave behind goes by the same patch.
    merge_patch(&mut object, &json!({"metadata": {"labels": labels, "creationTimestamp": null}, "status": null}));
    if object.get("aggregationRule").is_some() {
        merge_patch(&mut object, &json!({"rules": null}));
    }
    if is_injected(&object) {
        without_ca(&mut object);
    }
    tolerate_control_plane(&mut object);
    object
}

fn text<'o>(object: &'o Json, name: &str) -> &'o str {
    object.get(name).and_then(Json::as_str).unwrap_or_default()
}

fn is_injected(object: &Json) -> bool {
    let annotations = object.pointer("/metadata/annotations");
    annotations.is_some_and(|all| INJECTED.iter().any(|name| all.get(name).is_some()))
}

/// The injector owns the authority of webhooks: what a file has there is a stand-in.
fn without_ca(object: &mut Json) {
    let webhooks = object.get_mut("webhooks").and_then(Json::as_array_mut).into_iter().flatten();
    let configurations = webhooks.filter_map(|webhook| webhook.get_mut("clientConfig"));
    configurations.filter_map(Json::as_object_mut).for_each(|configuration| drop(configuration.remove("caBundle")));
    let conversion = object.pointer_mut("/spec/conversion/webhook/clientConfig").and_then(Json::as_object_mut);
    conversion.into_iter().for_each(|configuration| drop(configuration.remove("caBundle")));
}

/// Before a cluster has workers its managers run on its control plane (design section 5, step 9).
fn tolerate_control_plane(object: &mut Json) {
    let Some(pod) = object.pointer_mut("/spec/template/spec").and_then(Json::as_object_mut) else { return };
    if !pod.contains_key("containers") {
        return;
    }
    let tolerations = pod.entry("tolerations").or_insert_with(|| json!([]));
    let Some(tolerations) = tolerations.as_array_mut() else { return };
    if !tolerations.iter().any(tolerates) {
        tolerations.push(json!({"key": CONTROL_PLANE_TAINT, "operator": "Exists", "effect": "NoSchedule"}));
    }
}

/// Whether a toleration covers kubeadm's taint of control plane nodes.
fn tolerates(toleration: &Json) -> bool {
    let key = toleration.get("key").and_then(Json::as_str).unwrap_or_default();
    let effect = toleration.get("effect").and_then(Json::as_str).unwrap_or_default();
    let any_key = key.is_empty() && text(toleration, "operator") == "Exists";
    // The taint's value is empty, which `Equal` without a value matches too.
    let own_key = key == CONTROL_PLANE_TAINT && text(toleration, "value").is_empty();
    (any_key || own_key) && (effect.is_empty() || effect == "NoSchedule")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider(name: &str) -> ProviderSpec {
        let text = |text: &str| text.to_owned();
        ProviderSpec {
            name: text(name),
            label: format!("infrastructure-{name}"),
            r#type: text("InfrastructureProvider"),
            version: text("v1.0.0"),
            contract: text("v1beta1"),
            namespace: text("ns"),
            deployment: text("manager"),
            image: text("image"),
            facts: text(name),
            groups: Vec::new(),
            install: true,
        }
    }

    #[test]
    fn what_others_write_is_left_to_them() {
        let webhook = json!({
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": "w", "creationTimestamp": null, "annotations": {"cert-manager.io/inject-ca-from": "ns/cert"}},
            "webhooks": [{"name": "a", "clientConfig": {"caBundle": "Cg==", "service": {"name": "s"}}}],
        });
        let done = prepared(webhook.clone(), &provider("aws"));
        assert_eq!(done["webhooks"][0]["clientConfig"], json!({"service": {"name": "s"}}));
        assert!(done["metadata"].get("creationTimestamp").is_none());
        assert_eq!(
            done["metadata"]["labels"],
            json!({"clusterctl.cluster.x-k8s.io": "", "cluster.x-k8s.io/provider": "infrastructure-aws"})
        );
        let mut own = webhook;
        own["metadata"]["annotations"] = json!({});
        assert_eq!(prepared(own, &provider("aws"))["webhooks"][0]["clientConfig"]["caBundle"], "Cg==");
        let crd = json!({
            "kind": "CustomResourceDefinition", "metadata": {"name": "c", "annotations": {"cert-manager.io/inject-ca-from": "ns/cert"}},
            "spec": {"conversion": {"webhook": {"clientConfig": {"caBundle": "Cg=="}}}}, "status": {"acceptedNames": {}},
        });
        let done = prepared(crd, &provider("aws"));
        assert_eq!(done["spec"], json!({"conversion": {"webhook": {"clientConfig": {}}}}));
        assert!(done.get("status").is_none());
        let role = json!({"kind": "ClusterRole", "metadata": {"name": "r"}, "aggregationRule": {}, "rules": []});
        assert!(prepared(role, &provider("aws")).get("rules").is_none());
        let labels =
            prepared(json!({"kind": "Namespace", "metadata": {"name": "n"}}), &provider("cert-manager"))["metadata"]["labels"].clone();
        assert_eq!(labels, json!({"clusterctl.cluster.x-k8s.io": "", "clusterctl.cluster.x-k8s.io/core": "cert-manager"}));
    }

    #[test]
    fn what_names_no_namespace_gets_the_providers() {
        let definition = json!({"kind": "CustomResourceDefinition", "spec": {
            "group": "example.org", "scope": "Namespaced", "names": {"kind": "Thing"}, "versions": [],
        }});
        let definitions: Definitions = [&definition].into_iter().collect();
        let object = |api_version: &str, kind: &str, namespace: Json| json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "a", "namespace": namespace}});
        for (api_version, kind, namespace, name, expected) in [
            ("v1", "ServiceAccount", json!(null), "aws", json!("ns")),
            ("v1", "ServiceAccount", json!(""), "aws", json!("ns")),
            ("v1", "ServiceAccount", json!("other"), "aws", json!("other")),
            ("v1", "ServiceAccount", json!(null), "cert-manager", json!(null)),
            ("v1", "Namespace", json!(null), "aws", json!(null)),
            ("example.org/v1", "Thing", json!(null), "aws", json!("ns")),
            ("example.org/v1", "Unknown", json!(null), "aws", json!(null)),
        ] {
            let done = in_namespace(object(api_version, kind, namespace), &provider(name), &definitions);
            assert_eq!(done["metadata"]["namespace"], expected, "{kind} of {name}");
        }
    }

    #[test]
    fn every_manager_runs_on_a_control_plane() {
        let ours = json!({"key": CONTROL_PLANE_TAINT, "operator": "Exists", "effect": "NoSchedule"});
        for (given, wanted) in [
            (json!(null), json!([ours])),
            (json!([{"key": "other", "operator": "Exists"}]), json!([{"key": "other", "operator": "Exists"}, ours])),
            (json!([{"operator": "Exists"}]), json!([{"operator": "Exists"}])),
            (json!([{"key": CONTROL_PLANE_TAINT, "effect": "NoSchedule"}]), json!([{"key": CONTROL_PLANE_TAINT, "effect": "NoSchedule"}])),
            (json!([{"operator": "Exists", "effect": "NoExecute"}]), json!([{"operator": "Exists", "effect": "NoExecute"}, ours])),
        ] {
            let mut pod = json!({"containers": []});
            if !given.is_null() {
                pod["tolerations"] = given;
            }
            let object = json!({"kind": "Deployment", "metadata": {"name": "d"}, "spec": {"template": {"spec": pod}}});
            assert_eq!(prepared(object, &provider("aws"))["spec"]["template"]["spec"]["tolerations"], wanted);
        }
    }
}
