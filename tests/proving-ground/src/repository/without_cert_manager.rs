//! Manifests that need no cert-manager: serving certificates stand in them as Secrets, and whoever calls a webhook knows its authority.

use std::collections::BTreeMap;

use data_encoding::BASE64;
use serde_json::{Value as Json, json};

use super::document::Document;
use crate::authority::Authority;
use crate::error::GroundError;

const GROUP: &str = "cert-manager.io/";
/// `namespace/name` of the Certificate whose authority an object wants.
const INJECT: &str = "cert-manager.io/inject-ca-from";

/// Takes Certificates and Issuers out, puts Secrets in their place, and writes the authority where it would have been injected.
///
/// # Errors
/// A Certificate without names, or an object that wants the authority of a Certificate which is not there.
pub(super) fn without_cert_manager(documents: Vec<Document>, authority: &Authority) -> Result<Vec<Document>, GroundError> {
    let (of_cert_manager, others): (Vec<_>, Vec<_>) =
        documents.into_iter().partition(|document| document.at("/apiVersion").starts_with(GROUP));
    let mut secrets = BTreeMap::new();
    for certificate in of_cert_manager.iter().filter(|document| document.kind() == "Certificate") {
        let name = format!("{}/{}", certificate.at("/metadata/namespace"), certificate.at("/metadata/name"));
        secrets.insert(name, secret(certificate, authority)?);
    }
    let mut changed = Vec::new();
    for mut document in others {
        let wanted = annotation(&mut document.object);
        if let Some(certificate) = wanted {
            if !secrets.contains_key(&certificate) {
                return Err(GroundError::Certificate(format!("{} wants the authority of {certificate}", document.at("/metadata/name"))));
            }
            inject(&mut document.object, &BASE64.encode(authority.certificate().as_bytes()));
            document = Document::of(document.object);
        }
        changed.push(document);
    }
    // Pods wait for them: right after the namespaces that they lie in.
    let place = changed.iter().position(|document| document.kind() != "Namespace").unwrap_or_default();
    changed.splice(place..place, secrets.into_values());
    Ok(changed)
}

/// The Secret that cert-manager would have made of a Certificate.
fn secret(certificate: &Document, authority: &Authority) -> Result<Document, GroundError> {
    let names = certificate.object.pointer("/spec/dnsNames").and_then(Json::as_array).into_iter().flatten();
    let names: Vec<&str> = names.filter_map(Json::as_str).collect();
    let first = names.first().ok_or_else(|| GroundError::Certificate(format!("{} has no names", certificate.at("/metadata/name"))))?;
    let serving = authority.serving(first, &names)?;
    let encoded = |text: &str| BASE64.encode(text.as_bytes());
    Ok(Document::of(json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": certificate.at("/spec/secretName"),
            "namespace": certificate.at("/metadata/namespace"),
            "labels": certificate.object.pointer("/metadata/labels"),
        },
        "type": "kubernetes.io/tls",
        "data": {
            "ca.crt": encoded(authority.certificate()),
            "tls.crt": encoded(&serving.certificate),
            "tls.key": encoded(&serving.key),
        },
    })))
}

/// Takes the wish for an authority out of an object.
fn annotation(object: &mut Json) -> Option<String> {
    let metadata = object.get_mut("metadata")?.as_object_mut()?;
    let annotations = metadata.get_mut("annotations")?.as_object_mut()?;
    let certificate = annotations.remove(INJECT)?.as_str()?.to_owned();
    if annotations.is_empty() {
        metadata.remove("annotations");
    }
    Some(certificate)
}

/// Writes the authority into every client configuration of a webhook configuration, or into that of a definition's conversion.
fn inject(object: &mut Json, ca_bundle: &str) {
    let write = |client: &mut Json| {
        if let Some(client) = client.as_object_mut() {
            client.insert("caBundle".to_owned(), ca_bundle.into());
        }
    };
    for webhook in object.get_mut("webhooks").and_then(Json::as_array_mut).into_iter().flatten() {
        webhook.get_mut("clientConfig").into_iter().for_each(write);
    }
    object.pointer_mut("/spec/conversion/webhook/clientConfig").into_iter().for_each(write);
}

#[cfg(test)]
mod tests {
    use super::super::document::documents;
    use super::*;

    const MANIFESTS: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: capi-system}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: manager, namespace: capi-system}
spec: {args: ['--gates=${A:=true}']}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: serving, namespace: capi-system, labels: {a: b}}
spec: {dnsNames: [hook.capi-system.svc, hook.capi-system.svc.cluster.local], secretName: hook-cert}
---
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: selfsigned, namespace: capi-system}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata:
  name: hooks
  annotations: {cert-manager.io/inject-ca-from: capi-system/serving}
webhooks:
- {name: one, clientConfig: {service: {name: hook}}}
- {name: two, clientConfig: {service: {name: hook}}}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: clusters
  annotations: {cert-manager.io/inject-ca-from: capi-system/serving, other: stays}
spec: {conversion: {strategy: Webhook, webhook: {clientConfig: {service: {name: hook}}}}}
";

    fn static_documents() -> Vec<Document> {
        let authority = Authority::generate().expect("keys");
        without_cert_manager(documents(MANIFESTS).expect("documents"), &authority).expect("changed")
    }

    #[test]
    fn a_secret_stands_for_each_certificate() {
        let found = static_documents();
        let kinds: Vec<&str> = found.iter().map(Document::kind).collect();
        assert_eq!(kinds, ["Namespace", "Secret", "Deployment", "ValidatingWebhookConfiguration", "CustomResourceDefinition"]);
        let secret = &found[1];
        assert_eq!((secret.at("/metadata/name"), secret.at("/metadata/namespace")), ("hook-cert", "capi-system"));
        assert_eq!(secret.at("/metadata/labels/a"), "b");
        let pem = BASE64.decode(secret.object["data"]["tls.crt"].as_str().expect("text").as_bytes()).expect("base64");
        assert!(pem.starts_with(b"-----BEGIN CERTIFICATE-----"));
    }

    #[test]
    fn whoever_calls_a_webhook_knows_its_authority() {
        let found = static_documents();
        let authority = &found[1].object["data"]["ca.crt"];
        let hooks = &found[3].object;
        assert_eq!(
            (&hooks["webhooks"][0]["clientConfig"]["caBundle"], &hooks["webhooks"][1]["clientConfig"]["caBundle"]),
            (authority, authority)
        );
        assert_eq!(hooks["metadata"], json!({"name": "hooks"}));
        let definition = &found[4].object;
        assert_eq!(&definition["spec"]["conversion"]["webhook"]["clientConfig"]["caBundle"], authority);
        assert_eq!(definition["metadata"]["annotations"], json!({"other": "stays"}));
    }

    #[test]
    fn the_rest_stays_as_it_was_written() {
        assert!(static_documents()[2].text.contains("args: ['--gates=${A:=true}']"));
    }

    #[test]
    fn an_authority_of_nobody_is_an_error() {
        let authority = Authority::generate().expect("keys");
        let documents = documents(&MANIFESTS.replace("name: serving,", "name: other,")).expect("documents");
        let error = without_cert_manager(documents, &authority).expect_err("refused");
        assert!(error.to_string().contains("hooks wants the authority of capi-system/serving"), "{error}");
    }
}
