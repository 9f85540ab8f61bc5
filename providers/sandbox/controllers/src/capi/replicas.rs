//! Making one Machine with its instance and bootstrap configuration cloned from templates. Knows no owner kind's rules.

use serde_json::{Value, json};

use super::scope::{CLONED_FROM, CLONED_FROM_KIND, CLUSTER, MANAGER};
use crate::kinds::{Kind, unwatched};
use crate::object::{Fields, Meta, Object, owner_reference, with_owner};
use crate::plane::{Error, Plane, Result};

/// What a new Machine is made of.
pub struct Recipe<'a> {
    /// Who makes it.
    pub owner_kind: Kind,
    /// The maker.
    pub owner: &'a Object,
    /// The Cluster.
    pub cluster: &'a Object,
    /// Name of Machine, instance and bootstrap configuration.
    pub name: String,
    /// Labels of all three.
    pub labels: Value,
    /// Annotations of all three.
    pub annotations: Value,
    /// Spec of the Machine without bootstrap and infrastructure references.
    pub spec: Value,
    /// Reference to the infrastructure template.
    pub template: &'a Value,
    /// Spec of the KubeadmConfig, and the template that it comes from.
    pub bootstrap: Value,
    /// Name of the KubeadmConfigTemplate, if there is one.
    pub bootstrap_template: Option<String>,
}

/// Creates instance, bootstrap configuration and Machine; what was made is taken back if the rest fails.
pub async fn create(plane: &Plane, recipe: Recipe<'_>) -> Result<()> {
    let template = infrastructure_template(plane, recipe.cluster, recipe.template).await?;
    let metadata = |template: &Value| {
        let mut labels = template.at("/metadata/labels").clone();
        overlay(&mut labels, &recipe.labels);
        let mut annotations = template.at("/metadata/annotations").clone();
        overlay(&mut annotations, &recipe.annotations);
        json!({
            "name": recipe.name, "namespace": recipe.cluster.namespace(), "labels": labels, "annotations": annotations,
            "ownerReferences": [owner_reference(&recipe.owner_kind.api_version(), recipe.owner_kind.kind(), recipe.owner, false)],
        })
    };
    let mut instance = json!({"metadata": metadata(template.at("/spec/template")), "spec": template.at("/spec/template/spec")});
    instance["metadata"]["annotations"][CLONED_FROM] = json!(recipe.template.text("/name"));
    instance["metadata"]["annotations"][CLONED_FROM_KIND] =
        json!(format!("{}.{}", recipe.template.text("/kind"), recipe.template.text("/apiGroup")));
    let mut config = json!({"metadata": metadata(&Value::Null), "spec": recipe.bootstrap});
    if let Some(name) = &recipe.bootstrap_template {
        config["metadata"]["annotations"][CLONED_FROM] = json!(name);
        config["metadata"]["annotations"][CLONED_FROM_KIND] = json!("KubeadmConfigTemplate.bootstrap.cluster.x-k8s.io");
    }
    let mut machine = json!({
        "metadata": {
            "name": recipe.name, "namespace": recipe.cluster.namespace(), "labels": recipe.labels, "annotations": recipe.annotations,
            "ownerReferences": [owner_reference(&recipe.owner_kind.api_version(), recipe.owner_kind.kind(), recipe.owner, true)],
            "finalizers": ["machine.cluster.x-k8s.io"],
        },
        "spec": recipe.spec,
    });
    machine["metadata"]["labels"][CLUSTER] = json!(recipe.cluster.name());
    machine["spec"]["clusterName"] = json!(recipe.cluster.name());
    machine["spec"]["infrastructureRef"] =
        json!({"apiGroup": Kind::AwsMachine.names().0, "kind": Kind::AwsMachine.kind(), "name": recipe.name});
    machine["spec"]["bootstrap"] =
        json!({"configRef": {"apiGroup": Kind::KubeadmConfig.names().0, "kind": Kind::KubeadmConfig.kind(), "name": recipe.name}});
    for one in [&mut instance, &mut config] {
        one["metadata"]["labels"][CLUSTER] = json!(recipe.cluster.name());
    }
    let instance = plane.create(Kind::AwsMachine, instance, MANAGER).await?;
    let config = match plane.create(Kind::KubeadmConfig, config, MANAGER).await {
        Ok(config) => config,
        Err(error) => {
            plane.delete(Kind::AwsMachine, &instance).await?;
            return Err(error);
        }
    };
    if let Err(error) = plane.create(Kind::Machine, machine, MANAGER).await {
        plane.delete(Kind::KubeadmConfig, &config).await?;
        plane.delete(Kind::AwsMachine, &instance).await?;
        return Err(error);
    }
    Ok(())
}

/// Keys of `more` over those of `base`.
pub fn overlay(base: &mut Value, more: &Value) {
    if !base.is_object() {
        *base = json!({});
    }
    for (key, value) in more.as_object().into_iter().flatten() {
        base[key.as_str()] = value.clone();
    }
}

/// The infrastructure template of a reference, owned by the Cluster.
pub async fn infrastructure_template(plane: &Plane, cluster: &Object, reference: &Value) -> Result<Object> {
    if reference.text("/kind") != "AWSMachineTemplate" {
        return Err(Error::Object(format!("no simulated provider for {}", reference.text("/kind"))));
    }
    owned(plane, cluster, &unwatched::aws_machine_template(), reference.text("/name")).await
}

/// The bootstrap template of a reference, owned by the Cluster.
pub async fn bootstrap_template(plane: &Plane, cluster: &Object, reference: &Value) -> Result<Object> {
    if reference.text("/kind") != "KubeadmConfigTemplate" {
        return Err(Error::Object(format!("no simulated provider for {}", reference.text("/kind"))));
    }
    owned(plane, cluster, &unwatched::kubeadm_config_template(), reference.text("/name")).await
}

async fn owned(plane: &Plane, cluster: &Object, resource: &kube::core::ApiResource, name: &str) -> Result<Object> {
    let template = plane.read(resource, cluster.namespace(), name).await?;
    let template = template.ok_or_else(|| Error::Object(format!("{} {}/{name} not found", resource.kind, cluster.namespace())))?;
    match with_owner(&template, &owner_reference(&Kind::Cluster.api_version(), "Cluster", cluster, false)) {
        Some(owners) => plane.merge_unwatched(resource, &template, &json!({"metadata": {"ownerReferences": owners}}), MANAGER).await,
        None => Ok(template),
    }
}
