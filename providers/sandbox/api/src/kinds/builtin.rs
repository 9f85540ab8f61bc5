//! The kinds that every plane serves. Names and scopes stand in a table here; field schemas come from the facts bundle.

use std::collections::BTreeMap;
use std::sync::Arc;

use windlass_kubeschema::facts::ScalePaths;
use windlass_kubeschema::facts_table;

use super::{Resource, TypeSchema, Version};
use crate::error::Error;
use crate::world::GroupResource;

/// group, version, kind, plural, short names and `+category`s, flags: n namespaced, s status, c scale, g generation.
type Line = (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str);

const KINDS: &[Line] = &[
    ("", "v1", "ConfigMap", "configmaps", "cm", "n"),
    ("", "v1", "Endpoints", "endpoints", "ep", "n"),
    ("", "v1", "Event", "events", "ev", "n"),
    ("", "v1", "LimitRange", "limitranges", "limits", "n"),
    ("", "v1", "Namespace", "namespaces", "ns", "s"),
    ("", "v1", "Node", "nodes", "no", "s"),
    ("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", "pvc", "ns"),
    ("", "v1", "PersistentVolume", "persistentvolumes", "pv", "s"),
    ("", "v1", "Pod", "pods", "po +all", "nsg"),
    ("", "v1", "PodTemplate", "podtemplates", "", "n"),
    ("", "v1", "ReplicationController", "replicationcontrollers", "rc +all", "nscg"),
    ("", "v1", "ResourceQuota", "resourcequotas", "quota", "ns"),
    ("", "v1", "Secret", "secrets", "", "n"),
    ("", "v1", "ServiceAccount", "serviceaccounts", "sa", "n"),
    ("", "v1", "Service", "services", "svc +all", "ns"),
    ("admissionregistration.k8s.io", "v1", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", "+api-extensions", "g"),
    ("admissionregistration.k8s.io", "v1", "ValidatingAdmissionPolicy", "validatingadmissionpolicies", "+api-extensions", "sg"),
    ("admissionregistration.k8s.io", "v1", "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings", "+api-extensions", "g"),
    ("admissionregistration.k8s.io", "v1", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations", "+api-extensions", "g"),
    ("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", "crd crds +api-extensions", "sg"),
    ("apiregistration.k8s.io", "v1", "APIService", "apiservices", "+api-extensions", "s"),
    ("apps", "v1", "ControllerRevision", "controllerrevisions", "", "n"),
    ("apps", "v1", "DaemonSet", "daemonsets", "ds +all", "nsg"),
    ("apps", "v1", "Deployment", "deployments", "deploy +all", "nscg"),
    ("apps", "v1", "ReplicaSet", "replicasets", "rs +all", "nscg"),
    ("apps", "v1", "StatefulSet", "statefulsets", "sts +all", "nscg"),
    ("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", "hpa +all", "ns"),
    ("batch", "v1", "CronJob", "cronjobs", "cj +all", "nsg"),
    ("batch", "v1", "Job", "jobs", "+all", "nsg"),
    ("certificates.k8s.io", "v1", "CertificateSigningRequest", "certificatesigningrequests", "csr", "s"),
    ("coordination.k8s.io", "v1", "Lease", "leases", "", "n"),
    ("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", "", "ng"),
    ("events.k8s.io", "v1", "Event", "events", "ev", "n"),
    ("networking.k8s.io", "v1", "Ingress", "ingresses", "ing", "nsg"),
    ("networking.k8s.io", "v1", "IngressClass", "ingressclasses", "", "g"),
    ("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", "netpol", "ng"),
    ("node.k8s.io", "v1", "RuntimeClass", "runtimeclasses", "", ""),
    ("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", "pdb", "nsg"),
    ("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", "", ""),
    ("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", "", ""),
    ("rbac.authorization.k8s.io", "v1", "Role", "roles", "", "n"),
    ("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", "", "n"),
    ("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", "pc", "g"),
    ("storage.k8s.io", "v1", "CSIDriver", "csidrivers", "", ""),
    ("storage.k8s.io", "v1", "CSINode", "csinodes", "", ""),
    ("storage.k8s.io", "v1", "CSIStorageCapacity", "csistoragecapacities", "", "n"),
    ("storage.k8s.io", "v1", "StorageClass", "storageclasses", "sc", ""),
    ("storage.k8s.io", "v1", "VolumeAttachment", "volumeattachments", "", "s"),
];

/// The built-in resources with their schemas; shared by all planes.
#[derive(Debug, Clone)]
pub(crate) struct Builtins(pub BTreeMap<GroupResource, Arc<Resource>>);

impl Builtins {
    /// Reads the newest facts of Kubernetes that this program carries.
    pub fn load() -> Result<Builtins, Error> {
        let missing = || Error::Facts("none of Kubernetes are compiled in".to_owned());
        let file = facts_table::latest("kubernetes").ok_or_else(missing)?;
        let bundle = facts_table::bundle(file.name, file.version).ok_or_else(missing)?.map_err(|error| Error::Facts(error.to_string()))?;
        let definitions = Arc::new(bundle.definitions.clone());
        let mut resources = BTreeMap::new();
        for line in KINDS {
            let schema = bundle
                .kind(line.0, line.1, line.2)
                .map(|fact| TypeSchema { schema: fact.schema.clone(), definitions: definitions.clone() });
            let resource = resource(line, schema);
            resources.insert(resource.id.clone(), Arc::new(resource));
        }
        Ok(Builtins(resources))
    }
}

fn resource(&(group, version, kind, plural, names, flags): &Line, schema: Option<TypeSchema>) -> Resource {
    let (categories, short_names): (Vec<&str>, Vec<&str>) = names.split_whitespace().partition(|name| name.starts_with('+'));
    let scale = flags.contains('c').then(|| ScalePaths {
        spec: ".spec.replicas".to_owned(),
        status: ".status.replicas".to_owned(),
        selector: None,
    });
    Resource {
        id: GroupResource::new(group, plural),
        singular: kind.to_lowercase(),
        kind: kind.to_owned(),
        short_names: short_names.into_iter().map(str::to_owned).collect(),
        categories: categories.into_iter().map(|name| name.trim_start_matches('+').to_owned()).collect(),
        namespaced: flags.contains('n'),
        versions: vec![Arc::new(Version {
            name: version.to_owned(),
            served: true,
            schema,
            status: flags.contains('s'),
            scale,
            columns: Vec::new(),
        })],
        storage: version.to_owned(),
        custom: false,
        terminating: false,
        generation: flags.contains('g'),
    }
}
