//! The roles and bindings that a plane starts with: those of `bootstrappolicy` that somebody meets here. Those of
//! kube-controller-manager's single controllers are left out, because it is simulated as one administrator.

use serde_json::{Map, Value, json};

/// Verbs, API groups (`-` is core), resources, names of objects; the group `/` says that the resources are paths.
struct Line(&'static str, &'static str, &'static str, &'static str);

/// Kind and name.
type Subjects = &'static [(&'static str, &'static str)];

const READ: &str = "get list watch";
const WRITE: &str = "create delete deletecollection patch update";
const ALL: &str = "create delete deletecollection get list patch update watch";

/// Rules for resources.
const fn on(verbs: &'static str, groups: &'static str, resources: &'static str) -> Line {
    Line(verbs, groups, resources, "")
}

/// Rules for paths.
const fn at(paths: &'static str) -> Line {
    Line("get", "/", paths, "")
}

const EVENTS: Line = on("create patch update", "- events.k8s.io", "events");
const AGGREGATE: &str = "rbac.authorization.k8s.io/aggregate-to-";

/// Name, which roles it is added to, rules.
const ROLES: &[(&str, &str, &[Line])] = &[
    ("cluster-admin", "", &[on("*", "*", "*"), Line("*", "/", "*", "")]),
    ("system:discovery", "", &[at("/api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version /version/")]),
    (
        "system:monitoring",
        "",
        &[at("/healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/*"), on("get", "-", "nodes/metrics")],
    ),
    (
        "system:basic-user",
        "",
        &[
            on("create", "authorization.k8s.io", "selfsubjectaccessreviews selfsubjectrulesreviews"),
            on("create", "authentication.k8s.io", "selfsubjectreviews"),
        ],
    ),
    ("system:public-info-viewer", "", &[at("/healthz /livez /readyz /version /version/")]),
    (
        "system:aggregate-to-admin",
        "admin",
        &[on("create", "authorization.k8s.io", "localsubjectaccessreviews"), on(ALL, "rbac.authorization.k8s.io", "rolebindings roles")],
    ),
    (
        "system:aggregate-to-edit",
        "edit",
        &[
            on(READ, "-", "pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy"),
            on("impersonate", "-", "serviceaccounts"),
            on(WRITE, "-", "pods pods/attach pods/exec pods/portforward pods/proxy"),
            on("create", "-", "pods/eviction"),
            on(
                WRITE,
                "-",
                "configmaps persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets serviceaccounts services \
                 services/proxy",
            ),
            on("create", "-", "serviceaccounts/token"),
            on(WRITE, "- events.k8s.io", "events"),
            on(
                WRITE,
                "apps",
                "daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale statefulsets \
                 statefulsets/scale",
            ),
            on(WRITE, "autoscaling", "horizontalpodautoscalers"),
            on(WRITE, "batch", "cronjobs jobs"),
            on(WRITE, "policy", "poddisruptionbudgets"),
            on(WRITE, "networking.k8s.io", "ingresses networkpolicies"),
            on(ALL, "coordination.k8s.io", "leases"),
        ],
    ),
    (
        "system:aggregate-to-view",
        "view",
        &[
            on(
                READ,
                "-",
                "configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers \
                 replicationcontrollers/scale serviceaccounts services services/status",
            ),
            on(
                READ,
                "-",
                "bindings limitranges namespaces/status pods/log pods/status replicationcontrollers/status resourcequotas \
                 resourcequotas/status",
            ),
            on(READ, "-", "namespaces"),
            on(READ, "- events.k8s.io", "events"),
            on(READ, "discovery.k8s.io", "endpointslices"),
            on(
                READ,
                "apps",
                "controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status replicasets \
                 replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status",
            ),
            on(READ, "autoscaling", "horizontalpodautoscalers horizontalpodautoscalers/status"),
            on(READ, "batch", "cronjobs cronjobs/status jobs jobs/status"),
            on(READ, "policy", "poddisruptionbudgets poddisruptionbudgets/status"),
            on(READ, "networking.k8s.io", "ingresses ingresses/status networkpolicies"),
        ],
    ),
    (
        "system:node",
        "",
        &[
            on("create", "authentication.k8s.io", "tokenreviews"),
            on("create", "authorization.k8s.io", "localsubjectaccessreviews subjectaccessreviews"),
            on(READ, "-", "services"),
            on("create get list watch", "-", "nodes"),
            on("patch update", "-", "nodes/status"),
            on("patch update", "-", "nodes"),
            EVENTS,
            on(READ, "-", "pods"),
            on("create delete", "-", "pods"),
            on("patch update", "-", "pods/status"),
            on("create", "-", "pods/eviction"),
            on(READ, "-", "configmaps secrets"),
            on("get", "-", "persistentvolumeclaims persistentvolumes"),
            on("get", "-", "endpoints"),
            on("create get list watch", "certificates.k8s.io", "certificatesigningrequests"),
            on("create delete get patch update", "coordination.k8s.io", "leases"),
            on("get", "storage.k8s.io", "volumeattachments"),
            on("create", "-", "serviceaccounts/token"),
            on("get patch update", "-", "persistentvolumeclaims/status"),
            on(READ, "storage.k8s.io", "csidrivers"),
            on("create delete get patch update", "storage.k8s.io", "csinodes"),
            on(READ, "node.k8s.io", "runtimeclasses"),
        ],
    ),
    (
        "system:auth-delegator",
        "",
        &[on("create", "authentication.k8s.io", "tokenreviews"), on("create", "authorization.k8s.io", "subjectaccessreviews")],
    ),
    (
        "system:kube-controller-manager",
        "",
        &[
            EVENTS,
            on("create", "coordination.k8s.io", "leases"),
            Line("get update", "coordination.k8s.io", "leases", "kube-controller-manager"),
            on("create", "-", "secrets serviceaccounts"),
            on("delete", "-", "secrets"),
            on("get", "-", "configmaps namespaces secrets serviceaccounts"),
            on("update", "-", "secrets serviceaccounts"),
            on("create", "authentication.k8s.io", "tokenreviews"),
            on("create", "authorization.k8s.io", "subjectaccessreviews"),
            on("list watch", "*", "*"),
            on("create", "-", "serviceaccounts/token"),
        ],
    ),
    (
        "system:kube-scheduler",
        "",
        &[
            EVENTS,
            on("create", "coordination.k8s.io", "leases"),
            Line("get list update watch", "coordination.k8s.io", "leases", "kube-scheduler"),
            on(READ, "-", "nodes"),
            on("delete get list watch", "-", "pods"),
            on("create", "-", "bindings pods/binding"),
            on("patch update", "-", "pods/status"),
            on(READ, "-", "replicationcontrollers services"),
            on(READ, "apps", "replicasets"),
            on(READ, "apps", "statefulsets"),
            on(READ, "policy", "poddisruptionbudgets"),
            on(READ, "-", "persistentvolumeclaims persistentvolumes"),
            on("create", "authentication.k8s.io", "tokenreviews"),
            on("create", "authorization.k8s.io", "subjectaccessreviews"),
            on(READ, "storage.k8s.io", "csidrivers csinodes csistoragecapacities volumeattachments"),
            on(READ, "-", "namespaces"),
        ],
    ),
    (
        "system:volume-scheduler",
        "",
        &[on("get list patch update watch", "-", "persistentvolumeclaims persistentvolumes"), on(READ, "storage.k8s.io", "storageclasses")],
    ),
    ("system:kube-dns", "", &[on("list watch", "-", "endpoints services")]),
    (
        "system:node-proxier",
        "",
        &[
            on("list watch", "-", "endpoints services"),
            on(READ, "-", "nodes"),
            EVENTS,
            on("list watch", "discovery.k8s.io", "endpointslices"),
        ],
    ),
    (
        "system:persistent-volume-provisioner",
        "",
        &[
            on("create delete get list watch", "-", "persistentvolumes"),
            on("get list update watch", "-", "persistentvolumeclaims"),
            on(READ, "storage.k8s.io", "storageclasses"),
            on("watch", "-", "events"),
            EVENTS,
        ],
    ),
];

/// Roles that are the sum of others: name, and which of them it is added to itself.
const SUMS: &[(&str, &str)] = &[("admin", ""), ("edit", "admin"), ("view", "edit")];

/// Role of the same name, and subjects.
const BINDINGS: &[(&str, Subjects)] = &[
    ("cluster-admin", &[("Group", "system:masters")]),
    ("system:monitoring", &[("Group", "system:monitoring")]),
    ("system:discovery", &[("Group", "system:authenticated")]),
    ("system:basic-user", &[("Group", "system:authenticated")]),
    ("system:public-info-viewer", &[("Group", "system:authenticated"), ("Group", "system:unauthenticated")]),
    ("system:node-proxier", &[("User", "system:kube-proxy")]),
    ("system:kube-controller-manager", &[("User", "system:kube-controller-manager")]),
    ("system:kube-dns", &[("ServiceAccount", "kube-dns")]),
    ("system:kube-scheduler", &[("User", "system:kube-scheduler")]),
    ("system:volume-scheduler", &[("User", "system:kube-scheduler")]),
    // The real one has no subject either: its nodes are known to the Node authorizer.
    ("system:node", &[]),
];

/// Roles of Kubernetes' own namespaces (`bootstrappolicy/namespace_policy.go`): namespace, name, rules.
const NAMESPACED_ROLES: &[(&str, &str, &[Line])] = &[
    (SYSTEM, "extension-apiserver-authentication-reader", &[Line(READ, "-", "configmaps", "extension-apiserver-authentication")]),
    (SYSTEM, "system:controller:bootstrap-signer", &[on(READ, "-", "secrets")]),
    (SYSTEM, "system:controller:cloud-provider", &[on("create get list watch", "-", "configmaps")]),
    (SYSTEM, "system:controller:token-cleaner", &[on("delete get list watch", "-", "secrets"), EVENTS]),
    (SYSTEM, "system::leader-locking-kube-controller-manager", LOCKING),
    (SYSTEM, "system::leader-locking-kube-scheduler", LOCKING),
    (
        PUBLIC,
        "system:controller:bootstrap-signer",
        &[on(READ, "-", "configmaps"), Line("update", "-", "configmaps", "cluster-info"), EVENTS],
    ),
];

/// Their bindings: namespace, name, role, subjects.
const NAMESPACED_BINDINGS: &[(&str, &str, &str, Subjects)] = &[
    (
        SYSTEM,
        "system::extension-apiserver-authentication-reader",
        "extension-apiserver-authentication-reader",
        &[("User", "system:kube-controller-manager"), ("User", "system:kube-scheduler")],
    ),
    (
        SYSTEM,
        "system::leader-locking-kube-controller-manager",
        "system::leader-locking-kube-controller-manager",
        &[
            ("User", "system:kube-controller-manager"),
            ("ServiceAccount", "kube-controller-manager"),
            ("ServiceAccount", "leader-election-controller"),
        ],
    ),
    (
        SYSTEM,
        "system::leader-locking-kube-scheduler",
        "system::leader-locking-kube-scheduler",
        &[("User", "system:kube-scheduler"), ("ServiceAccount", "kube-scheduler")],
    ),
    (SYSTEM, "system:controller:bootstrap-signer", "system:controller:bootstrap-signer", &[("ServiceAccount", "bootstrap-signer")]),
    (SYSTEM, "system:controller:cloud-provider", "system:controller:cloud-provider", &[("ServiceAccount", "cloud-provider")]),
    (SYSTEM, "system:controller:token-cleaner", "system:controller:token-cleaner", &[("ServiceAccount", "token-cleaner")]),
    (PUBLIC, "system:controller:bootstrap-signer", "system:controller:bootstrap-signer", &[("ServiceAccount", "bootstrap-signer")]),
];

const SYSTEM: &str = "kube-system";
const PUBLIC: &str = "kube-public";
const LOCKING: &[Line] = &[
    on("create get list update watch", "coordination.k8s.io", "leases"),
    on("create get list update watch", "coordination.k8s.io", "leasecandidates"),
];

/// One of them.
pub(crate) struct BootstrapObject {
    /// `clusterroles`, …
    pub plural: &'static str,
    /// Empty: cluster scope.
    pub namespace: &'static str,
    pub name: &'static str,
    pub content: Value,
}

/// Every one of them.
pub(crate) fn bootstrap_objects() -> Vec<BootstrapObject> {
    let namespaced = NAMESPACED_ROLES.iter().map(|(namespace, name, lines)| {
        let rules: Vec<Value> = lines.iter().map(rule).collect();
        BootstrapObject { plural: "roles", namespace, name, content: json!({"metadata": metadata(""), "rules": rules}) }
    });
    let bound = NAMESPACED_BINDINGS.iter().map(|(namespace, name, role, subjects)| BootstrapObject {
        plural: "rolebindings",
        namespace,
        name,
        content: binding("Role", role, subjects),
    });
    cluster_objects()
        .into_iter()
        .map(|(plural, name, content)| BootstrapObject { plural, namespace: "", name, content })
        .chain(namespaced)
        .chain(bound)
        .collect()
}

fn cluster_objects() -> Vec<(&'static str, &'static str, Value)> {
    let roles = ROLES.iter().map(|(name, to, lines)| {
        let rules: Vec<Value> = lines.iter().map(rule).collect();
        ("clusterroles", *name, json!({"metadata": metadata(to), "rules": rules}))
    });
    let sums = SUMS.iter().map(|(name, to)| {
        let wanted = json!({"matchLabels": {format!("{AGGREGATE}{name}"): "true"}});
        ("clusterroles", *name, json!({"metadata": metadata(to), "aggregationRule": {"clusterRoleSelectors": [wanted]}, "rules": []}))
    });
    let bindings = BINDINGS.iter().map(|(name, subjects)| ("clusterrolebindings", *name, binding("ClusterRole", name, subjects)));
    roles.chain(sums).chain(bindings).collect()
}

fn binding(kind: &str, role: &str, subjects: &[(&str, &str)]) -> Value {
    let subjects: Vec<Value> = subjects.iter().map(|(kind, name)| subject(kind, name)).collect();
    let role = json!({"apiGroup": super::GROUP, "kind": kind, "name": role});
    let mut binding = json!({"metadata": metadata(""), "roleRef": role});
    if let Some(map) = binding.as_object_mut().filter(|_| !subjects.is_empty()) {
        map.insert("subjects".to_owned(), Value::Array(subjects));
    }
    binding
}

fn metadata(to: &str) -> Value {
    let mut labels = Map::from_iter([("kubernetes.io/bootstrapping".to_owned(), json!("rbac-defaults"))]);
    if !to.is_empty() {
        labels.insert(format!("{AGGREGATE}{to}"), json!("true"));
    }
    json!({"labels": labels, "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"}})
}

fn subject(kind: &str, name: &str) -> Value {
    match kind {
        "ServiceAccount" => json!({"kind": kind, "name": name, "namespace": "kube-system"}),
        _ => json!({"apiGroup": super::GROUP, "kind": kind, "name": name}),
    }
}

fn rule(Line(verbs, groups, what, names): &Line) -> Value {
    let group = |word: &str| if word == "-" { String::new() } else { word.to_owned() };
    let plain = |text: &str| -> Vec<String> { text.split_whitespace().map(str::to_owned).collect() };
    if *groups == "/" {
        return json!({"verbs": plain(verbs), "nonResourceURLs": plain(what)});
    }
    let mut rule =
        json!({"verbs": plain(verbs), "apiGroups": groups.split_whitespace().map(group).collect::<Vec<_>>(), "resources": plain(what)});
    if let Some(map) = rule.as_object_mut().filter(|_| !names.is_empty()) {
        map.insert("resourceNames".to_owned(), json!(plain(names)));
    }
    rule
}
