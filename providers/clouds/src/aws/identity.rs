//! Who the provider is in AWS: identity objects, their Secrets and the manager's own Secret; must not know clusters.
//!
//! Source: CAPA `docs/book/src/topics/multitenancy.md`, `pkg/cloud/scope/session.go` (Secrets are read from the manager's namespace).

use data_encoding::BASE64;
use windlass_core::provider::{CloudInput, Release, Rendered};
use windlass_core::value::Value;

use crate::body::Attributes;
use crate::object::Object;

const CONTROLLER: (&str, &str) = ("AWSClusterControllerIdentity", "default");
const STATIC: &str = "AWSClusterStaticIdentity";
const ROLE: &str = "AWSClusterRoleIdentity";

/// Secret that the manager mounts as its AWS credentials file; its Pod does not start without it.
const MANAGER_SECRET: &str = "capa-manager-bootstrap-credentials";

/// Keys of a static identity's Secret and the attributes that fill them.
const SECRET_KEYS: [(&str, &str); 3] = [
    ("AccessKeyID", "credentials.access_key_id"),
    ("SecretAccessKey", "credentials.secret_access_key"),
    ("SessionToken", "credentials.session_token"),
];

/// The identity objects of a cloud, Secrets first. None if the manager's own identity is used.
pub fn objects(cloud: &CloudInput, release: &Release) -> Vec<Rendered> {
    let mut objects = Vec::new();
    if has_static_key(cloud) {
        objects.push(Rendered { object: key_secret(cloud, release) });
        let spec = everywhere().with("secretRef", &cloud.name);
        objects.push(identity(cloud, release, STATIC, spec));
    }
    if let Some(role) = cloud.body.find("credentials.role_arn") {
        let source = if has_static_key(cloud) { (STATIC, cloud.name.as_str()) } else { CONTROLLER };
        let spec = everywhere()
            .with("roleARN", role)
            .with_some("externalID", cloud.body.find("credentials.external_id"))
            .with_some("sessionName", cloud.body.find("credentials.session_name"))
            .with("sourceIdentityRef", Object::new().with("kind", source.0).with("name", source.1));
        objects.push(identity(cloud, release, ROLE, spec));
    }
    objects
}

/// `identityRef` of an AWSCluster in this cloud.
pub fn reference(cloud: &CloudInput) -> Value {
    let (kind, name) = if cloud.body.find("credentials.role_arn").is_some() {
        (ROLE, cloud.name.as_str())
    } else if has_static_key(cloud) {
        (STATIC, cloud.name.as_str())
    } else {
        CONTROLLER
    };
    Object::new().with("kind", kind).with("name", name).into()
}

/// The manager's credentials file: a line without content, so that only identities or the Pod's own role give access.
pub fn manager_credentials(release: &Release) -> Rendered {
    let data = Object::new().with("credentials", encoded(&Value::from("\n")));
    Rendered { object: secret(MANAGER_SECRET, release, data) }
}

fn has_static_key(cloud: &CloudInput) -> bool {
    ["credentials.access_key_id", "credentials.secret_access_key"].iter().all(|path| cloud.body.find(path).is_some())
}

fn key_secret(cloud: &CloudInput, release: &Release) -> Value {
    let data = SECRET_KEYS.iter().fold(Object::new(), |data, (key, path)| data.with_some(key, cloud.body.find(path).map(encoded)));
    secret(&cloud.name, release, data)
}

fn secret(name: &str, release: &Release, data: Object) -> Value {
    Object::new()
        .with("apiVersion", "v1")
        .with("kind", "Secret")
        .with("metadata", Object::new().with("name", name).with("namespace", release.namespace))
        .with("type", "Opaque")
        .with("data", data)
        .into()
}

/// A Secret's data: base64 of the text, secret whether or not the text was marked. What is not a text stays as it is.
fn encoded(value: &Value) -> Value {
    match value.reveal() {
        Value::String(text) => Value::secret(BASE64.encode(text.as_bytes())),
        _ => value.clone(),
    }
}

fn identity(cloud: &CloudInput, release: &Release, kind: &str, spec: Object) -> Rendered {
    let object = Object::new()
        .with("apiVersion", release.api_version)
        .with("kind", kind)
        .with("metadata", Object::new().with("name", &cloud.name))
        .with("spec", spec);
    Rendered { object: object.into() }
}

/// A spec that clusters of every namespace may use; without `allowedNamespaces` none may.
fn everywhere() -> Object {
    Object::new().with("allowedNamespaces", Object::new())
}
