//! What kubectl sends, without kubectl: its methods, paths, content types, field managers and user agent (seen with `kubectl -v=9`, 1.32).

use http::{Method, Request};
use kube::config::Kubeconfig;
use serde_json::{Value as Json, json};

/// From it the server makes the field manager where kubectl names none (`scale`).
const USER_AGENT: &str = "kubectl/v1.32.4 (linux/amd64) kubernetes/4cb5f07";
const MERGE: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";

/// One plane with its administrator.
pub struct Kubectl {
    runtime: tokio::runtime::Runtime,
    client: kube::Client,
}

impl Kubectl {
    /// With the text of a kubeconfig.
    pub fn new(kubeconfig: &str) -> Kubectl {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let kubeconfig = Kubeconfig::from_yaml(kubeconfig).expect("a kubeconfig");
        let client = runtime.block_on(windlass_kube::kubeconfig::client(kubeconfig, None)).expect("a client");
        Kubectl { runtime, client }
    }

    fn send(&self, method: Method, path: &str, content_type: &str, body: &Json) -> Result<Json, kube::Error> {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let request = Request::builder().method(method).uri(path).header("User-Agent", USER_AGENT).header("Accept", "application/json");
        let request = request.header("Content-Type", content_type).body(body).expect("a request");
        let text = self.runtime.block_on(self.client.request_text(request))?;
        Ok(serde_json::from_str(&text).expect("the server answers in JSON"))
    }

    #[track_caller]
    fn done(&self, method: Method, path: &str, content_type: &str, body: &Json) -> Json {
        self.send(method, path, content_type, body).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// `kubectl get`; `None`: there is none.
    #[track_caller]
    pub fn get(&self, path: &str) -> Option<Json> {
        match self.send(Method::GET, path, "application/json", &Json::Null) {
            Ok(object) => Some(object),
            Err(kube::Error::Api(status)) if status.code == 404 => None,
            Err(error) => panic!("{path}: {error}"),
        }
    }

    /// `kubectl patch` of a kind that the server was built with.
    #[track_caller]
    pub fn patch(&self, path: &str, body: &Json) {
        self.done(Method::PATCH, &format!("{path}?fieldManager=kubectl-patch"), STRATEGIC, body);
    }

    /// `kubectl patch --type=merge`.
    #[track_caller]
    pub fn patch_merge(&self, path: &str, body: &Json) {
        self.done(Method::PATCH, &format!("{path}?fieldManager=kubectl-patch"), MERGE, body);
    }

    /// `kubectl patch --type=json`.
    #[track_caller]
    pub fn patch_json(&self, path: &str, operations: &Json) {
        self.done(Method::PATCH, &format!("{path}?fieldManager=kubectl-patch"), "application/json-patch+json", operations);
    }

    /// `kubectl edit` of a kind that the server was built with.
    #[track_caller]
    pub fn edit(&self, path: &str, body: &Json) {
        self.done(Method::PATCH, &format!("{path}?fieldManager=kubectl-edit&fieldValidation=Strict"), STRATEGIC, body);
    }

    /// `kubectl edit` of a custom resource.
    #[track_caller]
    pub fn edit_custom(&self, path: &str, body: &Json) {
        self.done(Method::PATCH, &format!("{path}?fieldManager=kubectl-edit&fieldValidation=Strict"), MERGE, body);
    }

    /// `kubectl scale --replicas`.
    #[track_caller]
    pub fn scale(&self, path: &str, replicas: u32) {
        self.done(Method::PATCH, &format!("{path}/scale"), MERGE, &json!({"spec": {"replicas": replicas}}));
    }

    /// `kubectl apply --server-side --force-conflicts`.
    #[track_caller]
    pub fn apply(&self, path: &str, object: &Json) {
        let path = format!("{path}?fieldManager=kubectl&fieldValidation=Strict&force=true");
        self.done(Method::PATCH, &path, "application/apply-patch+yaml", object);
    }

    /// `kubectl annotate --overwrite`.
    #[track_caller]
    pub fn annotate(&self, path: &str, name: &str, value: &str) {
        let body = json!({"metadata": {"annotations": {name: value}}});
        self.done(Method::PATCH, &format!("{path}?fieldManager=kubectl-annotate"), MERGE, &body);
    }

    /// `kubectl label --overwrite`.
    #[track_caller]
    pub fn label(&self, path: &str, name: &str, value: &str) {
        let body = json!({"metadata": {"labels": {name: value}}});
        self.done(Method::PATCH, &format!("{path}?fieldManager=kubectl-label"), MERGE, &body);
    }

    /// `kubectl delete --wait=false` of an object that a finalizer is to hold.
    #[track_caller]
    pub fn delete_held(&self, path: &str, finalizer: &str) {
        self.finalizers(path, |all| all.push(json!(finalizer)));
        self.done(Method::DELETE, path, "application/json", &json!({"propagationPolicy": "Background"}));
        let going = self.get(path).is_some_and(|object| object["metadata"]["deletionTimestamp"].is_string());
        assert!(going, "{path} is not held");
    }

    /// Gives an object a finalizer, so that it will not be gone before [`Kubectl::let_go`], whoever deletes it.
    #[track_caller]
    pub fn hold(&self, path: &str, finalizer: &str) {
        self.finalizers(path, |all| all.push(json!(finalizer)));
    }

    /// Takes a finalizer away, as `kubectl edit` does.
    #[track_caller]
    pub fn let_go(&self, path: &str, finalizer: &str) {
        self.finalizers(path, |all| all.retain(|one| one != finalizer));
    }

    /// Changes the list of finalizers, against which controllers write theirs.
    #[track_caller]
    fn finalizers(&self, path: &str, change: impl Fn(&mut Vec<Json>)) {
        for _ in 0..50 {
            let object = self.get(path).unwrap_or_else(|| panic!("{path} is not there"));
            let mut all = object["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
            change(&mut all);
            let body = json!({"metadata": {"finalizers": all, "resourceVersion": object["metadata"]["resourceVersion"]}});
            match self.send(Method::PATCH, &format!("{path}?fieldManager=kubectl-edit"), MERGE, &body) {
                Ok(_) => return,
                Err(kube::Error::Api(status)) if status.code == 409 => {}
                Err(error) => panic!("{path}: {error}"),
            }
        }
        panic!("{path} changes all the time");
    }

    /// `kubectl delete`, which waits until it is gone.
    #[track_caller]
    pub fn delete(&self, path: &str) {
        self.done(Method::DELETE, path, "application/json", &json!({"propagationPolicy": "Background"}));
        for _ in 0..100 {
            if self.get(path).is_none() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("{path} does not go");
    }
}
