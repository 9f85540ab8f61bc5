//! How a test installs components: variables at their defaults, server-side apply in the order of the file, and patience for what must
//! be there before the next object can be.

use std::future::Future;
use std::path::Path;
use std::time::{Duration, Instant};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams};
use kube::runtime::wait::{await_condition, conditions::is_crd_established};
use serde_json::Value as Json;
use windlass_proving_ground::{ComponentRepository, Plane};

use crate::support::within;

/// Core and the kubeadm providers.
pub const CLUSTER_API: [&str; 3] = ["cluster-api", "bootstrap-kubeadm", "control-plane-kubeadm"];
/// Namespaces and names of their Deployments.
pub const DEPLOYMENTS: [(&str, &str); 3] = [
    ("capi-system", "capi-controller-manager"),
    ("capi-kubeadm-bootstrap-system", "capi-kubeadm-bootstrap-controller-manager"),
    ("capi-kubeadm-control-plane-system", "capi-kubeadm-control-plane-controller-manager"),
];

/// Applies providers of a repository.
pub async fn apply_providers(plane: &Plane, repository: &ComponentRepository, labels: &[&str]) {
    for label in labels {
        apply_file(plane, &repository.components(label).expect("a provider")).await;
    }
}

/// Applies every object of a file; definitions are served before what comes after them.
pub async fn apply_file(plane: &Plane, path: &Path) {
    let text = with_defaults(&std::fs::read_to_string(path).expect("a file"));
    let objects: Vec<Json> = serde_saphyr::from_multiple(&text).expect("YAML");
    for object in objects.iter().filter(|object| !object.is_null()) {
        apply(plane, object).await;
    }
    for definition in objects.iter().filter(|object| object["kind"] == "CustomResourceDefinition") {
        let api: Api<CustomResourceDefinition> = Api::all(plane.client());
        let name = definition["metadata"]["name"].as_str().expect("a name");
        within(120, name, Box::pin(await_condition(api, name, is_crd_established()))).await.expect("established");
    }
}

/// Applies one object.
pub async fn apply(plane: &Plane, object: &Json) {
    let text = |pointer: &str| object.pointer(pointer).and_then(Json::as_str).unwrap_or_default().to_owned();
    let (api_version, kind) = (text("/apiVersion"), text("/kind"));
    let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
    let resource = ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version: api_version.clone(),
        plural: format!("{}s", kind.to_lowercase()),
        kind,
    };
    let namespace = text("/metadata/namespace");
    let api: Api<DynamicObject> = if namespace.is_empty() {
        Api::all_with(plane.client(), &resource)
    } else {
        Api::namespaced_with(plane.client(), &namespace, &resource)
    };
    let how = PatchParams::apply("components-test").force();
    let name = text("/metadata/name");
    if let Err(error) = api.patch(&name, &how, &Patch::Apply(object)).await {
        panic!("{} {namespace}/{name}: {error}", resource.kind);
    }
}

/// The text with the default of each variable, `${NAME:=default}`, and nothing for one that has none.
fn with_defaults(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, from)) = rest.split_once("${") {
        let (variable, after) = from.split_once('}').expect("an end");
        out.push_str(before);
        out.push_str(variable.split_once(":=").map_or("", |(_, default)| default));
        rest = after;
    }
    out + rest
}

/// Waits until something is so, and says what it is instead when it takes too long.
pub async fn until<T, F: Future<Output = Result<T, String>>>(seconds: u64, what: &str, ask: impl Fn() -> F) -> T {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    loop {
        match ask().await {
            Ok(value) => return value,
            Err(reason) => assert!(Instant::now() < deadline, "{what} not in {seconds} s: {reason}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
