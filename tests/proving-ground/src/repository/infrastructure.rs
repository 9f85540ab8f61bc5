//! The components of an infrastructure provider whose manager is nobody here, such as AWS's beside a process cloud: its definitions
//! come from the caller, the rest has the shape of the release. Pure.

use serde_json::{Value as Json, json};

use super::document::Document;

/// What the caller knows of a provider.
#[derive(Debug, Clone)]
pub struct InfrastructureProvider {
    /// Its name, `aws` for the label `infrastructure-aws`.
    pub name: String,
    /// The version of its release, `v2.11.1`.
    pub version: String,
    /// The contract of that release, `v1beta1`.
    pub contract: String,
    /// What its release puts before names, `capa`.
    pub prefix: String,
    /// Its manager's image, without a tag.
    pub image: String,
    /// The variable with its manager's credentials, base64 of a file's content.
    pub credentials: String,
    /// Its CustomResourceDefinitions.
    pub definitions: Vec<Json>,
}

impl InfrastructureProvider {
    /// The value of the label `cluster.x-k8s.io/provider`.
    pub fn label(&self) -> String {
        format!("infrastructure-{}", self.name)
    }

    /// Definitions, credentials, account, roles and Deployment. No webhooks: nobody would answer.
    pub(super) fn documents(&self) -> Vec<Document> {
        let mut objects = vec![json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace()}})];
        objects.extend(self.definitions.iter().cloned().map(without_conversion));
        objects.extend([self.credentials(), self.account()]);
        objects.extend(self.roles());
        objects.push(self.deployment());
        objects.iter_mut().for_each(|object| label(object, &self.label()));
        objects.into_iter().map(Document::of).collect()
    }

    /// Its `metadata.yaml`.
    pub(super) fn metadata(&self) -> String {
        let mut numbers = self.version.trim_start_matches('v').split('.').map(|number| number.parse::<u32>().unwrap_or_default());
        let series = json!({"major": numbers.next(), "minor": numbers.next(), "contract": self.contract});
        let metadata = json!({"apiVersion": "clusterctl.cluster.x-k8s.io/v1alpha3", "kind": "Metadata", "releaseSeries": [series]});
        format!("{metadata:#}\n")
    }

    fn namespace(&self) -> String {
        format!("{}-system", self.prefix)
    }

    fn named(&self, name: &str) -> Json {
        json!({"name": format!("{}-{name}", self.prefix), "namespace": self.namespace()})
    }

    fn credentials(&self) -> Json {
        json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": self.named("manager-bootstrap-credentials"), "type": "Opaque",
            "data": {"credentials": format!("${{{}}}", self.credentials)},
        })
    }

    fn account(&self) -> Json {
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": self.named("controller-manager")})
    }

    fn roles(&self) -> [Json; 2] {
        let name = format!("{}-manager-role", self.prefix);
        let api = "rbac.authorization.k8s.io";
        let subject =
            json!({"kind": "ServiceAccount", "name": format!("{}-controller-manager", self.prefix), "namespace": self.namespace()});
        let rule = |group: &str, resources: &[&str], verbs: &[&str]| json!({"apiGroups": [group], "resources": resources, "verbs": verbs});
        let all = ["create", "delete", "get", "list", "patch", "update", "watch"];
        let rules = [
            rule("infrastructure.cluster.x-k8s.io", &["*"], &all),
            rule("cluster.x-k8s.io", &["clusters", "clusters/status", "machines", "machines/status"], &["get", "list", "watch"]),
            rule("", &["events", "secrets"], &all),
        ];
        [
            json!({"apiVersion": format!("{api}/v1"), "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules}),
            json!({
                "apiVersion": format!("{api}/v1"), "kind": "ClusterRoleBinding", "metadata": {"name": format!("{name}binding")},
                "roleRef": {"apiGroup": api, "kind": "ClusterRole", "name": name}, "subjects": [subject],
            }),
        ]
    }

    fn deployment(&self) -> Json {
        let labels = json!({"cluster.x-k8s.io/provider": self.label(), "control-plane": format!("{}-controller-manager", self.prefix)});
        let master = |name: &str| json!({"key": format!("node-role.kubernetes.io/{name}"), "effect": "NoSchedule"});
        let container = json!({
            "name": "manager",
            "image": format!("{}:{}", self.image, self.version),
            "args": ["--leader-elect", "--diagnostics-address=:8443", "--v=${PROVIDER_LOG_LEVEL:=0}"],
            "ports": [{"name": "healthz", "containerPort": 9440}],
            "volumeMounts": [{"name": "credentials", "mountPath": "/home/.aws"}],
        });
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": self.named("controller-manager"),
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {
                    "serviceAccountName": format!("{}-controller-manager", self.prefix),
                    "containers": [container],
                    "tolerations": [master("master"), master("control-plane")],
                    "volumes": [{"name": "credentials", "secret": {"secretName": format!("{}-manager-bootstrap-credentials", self.prefix)}}],
                }},
            },
        })
    }
}

/// Nobody converts: objects of a version that is not stored come as they were written.
fn without_conversion(mut definition: Json) -> Json {
    if let Some(spec) = definition.get_mut("spec").and_then(Json::as_object_mut) {
        spec.remove("conversion");
    }
    if let Some(metadata) = definition.get_mut("metadata").and_then(Json::as_object_mut) {
        metadata.remove("annotations");
    }
    definition
}

fn label(object: &mut Json, provider: &str) {
    let Some(metadata) = object.get_mut("metadata").and_then(Json::as_object_mut) else { return };
    let labels = metadata.entry("labels").or_insert_with(|| json!({}));
    if let Some(labels) = labels.as_object_mut() {
        labels.insert("cluster.x-k8s.io/provider".to_owned(), provider.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_the_shape_of_a_release() {
        let conversion = json!({"strategy": "Webhook", "webhook": {"clientConfig": {"service": {"name": "capa-webhook-service"}}}});
        let provider = InfrastructureProvider {
            name: "aws".to_owned(),
            version: "v2.11.1".to_owned(),
            contract: "v1beta1".to_owned(),
            prefix: "capa".to_owned(),
            image: "registry.k8s.io/cluster-api-aws/cluster-api-aws-controller".to_owned(),
            credentials: "AWS_B64ENCODED_CREDENTIALS".to_owned(),
            definitions: vec![json!({
                "kind": "CustomResourceDefinition",
                "metadata": {"name": "awsclusters", "labels": {"cluster.x-k8s.io/v1beta1": "v1beta1_v1beta2"}},
                "spec": {"conversion": conversion},
            })],
        };
        let documents = provider.documents();
        let kinds: Vec<&str> = documents.iter().map(Document::kind).collect();
        let expected =
            ["Namespace", "CustomResourceDefinition", "Secret", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Deployment"];
        assert_eq!(kinds, expected);
        for document in &documents {
            assert_eq!(document.object["metadata"]["labels"]["cluster.x-k8s.io/provider"], "infrastructure-aws", "{}", document.text);
        }
        assert_eq!(documents[1].object["metadata"]["labels"]["cluster.x-k8s.io/v1beta1"], "v1beta1_v1beta2");
        assert_eq!(documents[1].object["spec"], json!({}));
        assert_eq!(documents[2].object["data"]["credentials"], "${AWS_B64ENCODED_CREDENTIALS}");
        let metadata: Json = serde_json::from_str(&provider.metadata()).expect("JSON");
        assert_eq!(metadata["releaseSeries"], json!([{"major": 2, "minor": 11, "contract": "v1beta1"}]));
    }
}
