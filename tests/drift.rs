//! Drift, as kubectl makes it: what it changes is found, named with field, actor and time, planned, repaired, and gone; what is not ours is
//! nothing. One quickstart serves all rounds.

mod support;

use serde_json::{Value as Json, json};
use support::Place;
use support::kubectl::Kubectl;
use support::small::{base, cluster};

const FLANNEL: &str = "/api/v1/namespaces/kube-flannel/configmaps/kube-flannel-cfg";
const WEB: &str = "/apis/apps/v1/namespaces/storefront/deployments/web";
const SERVICE: &str = "/api/v1/namespaces/storefront/services/web";
const DATABASE: &str = "/api/v1/namespaces/storefront/secrets/database";
const INFO: &str = "/api/v1/namespaces/storefront/configmaps/cluster-info";
const ROLE: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces/storefront/roles/read-config";
const CSI: &str = "/apis/apps/v1/namespaces/kube-system/deployments/ebs-csi-controller";
const NODE_AGENT: &str = "/apis/apps/v1/namespaces/platform/daemonsets/node-agent";
const GP3: &str = "/apis/storage.k8s.io/v1/storageclasses/gp3";
const TEAM: &str = "/apis/platform.example.com/v1/teams/storefront";
const POOL: &str = "/apis/cluster.x-k8s.io/v1beta2/namespaces/shop/machinedeployments/shop-general";
const CONTROL_PLANE: &str = "/apis/controlplane.cluster.x-k8s.io/v1beta2/namespaces/shop/kubeadmcontrolplanes/shop-control-plane";
const CLUSTER: &str = "/apis/cluster.x-k8s.io/v1beta2/namespaces/shop/clusters/shop";
const AGENT: &str = "/apis/apps/v1/namespaces/windlass-system/deployments/windlass-agent";
const LAYER: &str = "/apis/agent.windlass.dev/v1alpha1/namespaces/windlass-system/layers/shop";
const CORE_MANAGER: &str = "/apis/apps/v1/namespaces/capi-system/deployments/capi-controller-manager";
const AWS_MANAGER: &str = "/apis/apps/v1/namespaces/capa-system/deployments/capa-controller-manager";
const RIGHTS: &str = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/capa-system-capa-controller-manager";
const UNUSED_KIND: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/extensionconfigs.runtime.cluster.x-k8s.io";
const KIND: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/machinedrainrules.cluster.x-k8s.io";
const CREDENTIALS: &str = "/api/v1/namespaces/capa-system/secrets/capa-manager-bootstrap-credentials";
const IDENTITY: &str = "/apis/infrastructure.cluster.x-k8s.io/v1beta2/awsclusterroleidentities/aws-main";

struct World {
    place: Place,
    shop: Kubectl,
    management: Kubectl,
}

impl World {
    /// What `drift` finds: `resource: object leaf by manager`, sorted; each actor has been here since `since`.
    #[track_caller]
    fn drift(&self, code: i32, since: jiff::Timestamp) -> Vec<String> {
        let done = self.place.run(&["drift", "-json"]).expect(code);
        let report: Json = serde_json::from_str(&done.stdout).expect("JSON");
        let entries = report["drift"].as_array().cloned().unwrap_or_default();
        let mut lines: Vec<String> = entries.iter().map(|entry| line(entry, since)).collect();
        lines.sort();
        lines
    }

    /// Nothing differs, by plan and by drift.
    #[track_caller]
    fn settled(&self, what: &str) {
        assert_eq!(self.drift(0, jiff::Timestamp::now()), Vec::<String>::new(), "{what}");
        self.place.settled();
    }

    /// Hurts the world, which must be found, planned, repaired, and gone.
    #[track_caller]
    fn round(&self, what: &str, hurt: impl Fn(&World), expected: &[&str], planned: &[&str]) {
        let since = jiff::Timestamp::from_second(jiff::Timestamp::now().as_second()).expect("a second");
        hurt(self);
        let mut expected: Vec<String> = expected.iter().map(|line| (*line).to_owned()).collect();
        expected.sort();
        assert_eq!(self.drift(2, since), expected, "{what}");
        let plan = self.place.run(&["plan", "-detailed-exitcode"]).expect(2).says("0 to add, ").says(", 0 to destroy.");
        for text in planned {
            assert!(plan.stdout.contains(text), "{what}: {text:?} is missing in\n{}", plan.stdout);
        }
        self.place.apply();
        self.settled(what);
    }
}

fn line(entry: &Json, since: jiff::Timestamp) -> String {
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let object = format!("{} {} on {}", text(&entry["object"]["kind"]), text(&entry["object"]["name"]), text(&entry["object"]["plane"]));
    let what = match text(&entry["finding"]).as_str() {
        "leaf" => text(&entry["leaf"]),
        other => other.to_owned(),
    };
    let actor = &entry["actor"];
    let who = match (text(&actor["manager"]), text(&actor["subresource"])) {
        (manager, _) if manager.is_empty() => "unknown".to_owned(),
        // Kubernetes records no time for what came through `scale`.
        (manager, subresource) if subresource == "scale" => {
            assert_eq!(entry["actor"].get("time").unwrap_or(&Json::Null), &Json::Null, "{entry}");
            format!("{manager}/scale")
        }
        (manager, subresource) => {
            let time: jiff::Timestamp = text(&actor["time"]).parse().expect("a time");
            assert!(time >= since && time <= jiff::Timestamp::now(), "{entry} is not of now");
            if subresource.is_empty() { manager } else { format!("{manager}/{subresource}") }
        }
    };
    format!("{}: {object} {what} by {who}", text(&entry["resource"]))
}

#[test]
fn drift_by_kubectl_is_found_named_planned_and_repaired() {
    let place = Place::example("quickstart");
    place.apply();
    let world = World { shop: place.kubectl("shop"), management: place.kubectl_on_management(), place };
    foreign_fields_are_nothing(&world);
    layers(&world);
    machines(&world);
    agent(&world);
    management_plane(&world);
    assert_eq!(world.place.ledger().get("instance"), Some(&5));
    world.place.run(&["destroy", "-auto-approve"]).expect(0);
    assert!(world.place.ledger().is_empty());
}

/// What somebody has deleted and a finalizer holds is no healthy object: it is told, waited for and made again; what the machines of a
/// cluster depend on is an error.
#[test]
fn what_is_being_deleted_is_told_waited_for_and_made_again() {
    let addon = "  addon \"platform\" {\n    manifests = [\"${path.module}/platform/*.yaml\"]\n  }";
    let patience = |wait: &str| {
        let more = format!("  pivot = false\n  timeouts {{\n    wait = \"{wait}\"\n  }}\n");
        [base(addon), cluster("plain", &more)]
    };
    let place = Place::small(&patience("10m"));
    place.apply();
    place.settled();
    let (inside, management) = (place.kubectl("plain"), place.kubectl_on_management());
    let api = "/apis/cluster.x-k8s.io/v1beta2/namespaces/plain";
    let (pool, whole) = (format!("{api}/machinedeployments/plain-general"), format!("{api}/clusters/plain"));
    let hold = "example.com/hold";

    // A plan that was made before is stale.
    inside.delete(NODE_AGENT);
    management.scale(&pool, 3);
    place.run(&["plan", "-out=before.wlplan"]).expect(0);
    management.delete_held(IDENTITY, hold);
    place.run(&["apply", "before.wlplan"]).expect(5).says("AWSClusterRoleIdentity aws-main").says("metadata.deletionTimestamp was absent");
    management.let_go(IDENTITY, hold);
    place.apply();
    place.settled();

    // A layer's object, which the agent makes again, and an identity.
    inside.delete_held(NODE_AGENT, hold);
    management.delete_held(IDENTITY, hold);
    let told = place.run(&["drift"]).expect(2).says("Drift: 2 differences in 2 of ").stdout;
    let lines: Vec<&str> = told.lines().filter(|line| line.contains("being deleted since 20")).collect();
    assert!(lines.len() == 2 && lines.iter().all(|line| line.contains("held by finalizer example.com/hold, actor unknown, on ")), "{told}");
    let report: Json = serde_json::from_str(&place.run(&["drift", "-json"]).expect(2).stdout).expect("JSON");
    for entry in report["drift"].as_array().expect("a list") {
        assert_eq!((&entry["finding"], &entry["finalizers"]), (&json!("deleting"), &json!([hold])), "{entry}");
        assert!(entry["since"].as_str().is_some_and(|since| since.parse::<jiff::Timestamp>().is_ok()), "{entry}");
    }
    let plan = place.run(&["plan", "-detailed-exitcode", "-out=after.wlplan"]).expect(2).stdout;
    let lines: Vec<&str> = plan.lines().filter(|line| line.contains("deleted outside of windlass, being deleted since 20")).collect();
    let made_again = "held by finalizer example.com/hold; it is made again once it is gone)";
    assert!(lines.len() == 2 && lines.iter().all(|line| line.ends_with(made_again)), "{plan}");
    let shown: Json = serde_json::from_str(&place.run(&["show", "-json", "after.wlplan"]).expect(0).stdout).expect("JSON");
    assert_eq!(shown["resource_drift"].as_array().map(Vec::len), Some(2), "{shown:#}");

    // What is planned is still so when one of them is gone.
    management.let_go(IDENTITY, hold);
    let applying = place.spawn(&["apply", "after.wlplan"]);
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert!(inside.get(NODE_AGENT).is_some_and(|object| object["metadata"]["deletionTimestamp"].is_string()), "it is waited for");
    inside.let_go(NODE_AGENT, hold);
    let output = applying.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    place.settled();

    // It is waited for as long as the cluster's `wait`, and no longer.
    inside.delete_held(NODE_AGENT, hold);
    place.configure(&patience("10s"));
    let done = place.run(&["apply", "-auto-approve"]).expect(7).says("WL0510").says("DaemonSet platform/node-agent on cluster.plain");
    done.says("it is being deleted since 20").says("held by finalizer example.com/hold");
    inside.let_go(NODE_AGENT, hold);
    place.configure(&patience("10m"));
    place.apply();
    place.settled();

    // A pool's machines go with it; new ones are made.
    management.delete_held(&pool, hold);
    place.run(&["plan", "-detailed-exitcode"]).expect(2).says("will be repaved").says("takes the machines of this pool down");
    management.let_go(&pool, hold);
    place.apply();
    place.settled();
    assert_eq!(place.ledger().get("instance"), Some(&2));

    // Nothing is put into a cluster that is going down. A pause wins time, since Cluster API touches nothing then.
    management.patch_merge(&whole, &json!({"spec": {"paused": true}}));
    management.delete_held(&whole, hold);
    let state = place.state();
    for arguments in [&["plan"][..], &["apply", "-auto-approve"]] {
        place.run(arguments).expect(1).says("WL0418").says("Cluster plain/plain").says("held by finalizer").says("-abandon=cluster.plain");
    }
    assert!(place.state() == state, "a refused plan writes nothing");
    place.run(&["drift"]).expect(2).says("being deleted since 20");
    assert_eq!(place.ledger().get("instance"), Some(&2));
    management.patch_merge(&whole, &json!({"spec": {"paused": null}}));
    until(|| !place.ledger().contains_key("instance"));
    place
        .run(&["plan"])
        .expect(3)
        .says("cluster.plain: not planned")
        .says("Cluster plain/plain on management.sandbox is being deleted since 20");
    management.let_go(&whole, hold);
    until(|| management.get(&whole).is_none());
    place.run(&["destroy", "-auto-approve", "-abandon=cluster.plain"]).expect(0);
    place.run(&["destroy", "-auto-approve"]).expect(0);
    assert!(place.objects().is_empty());
}

#[track_caller]
fn until(mut holds: impl FnMut() -> bool) {
    for _ in 0..600 {
        if holds() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("it does not come");
}

fn foreign_fields_are_nothing(world: &World) {
    let kubectl = &world.shop;
    kubectl.patch(WEB, &json!({"spec": {"minReadySeconds": 1}}));
    kubectl.annotate(WEB, "team", "storefront");
    kubectl.label(SERVICE, "hello", "world");
    kubectl.edit(INFO, &json!({"data": {"more": "text"}}));
    kubectl.edit_custom(TEAM, &json!({"spec": {"members": ["lena@example.com", "dana@example.com", "kim@example.com"]}}));
    kubectl.apply(
        NODE_AGENT,
        &json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "node-agent", "namespace": "platform", "labels": {"by": "hand"}}}),
    );
    kubectl.annotate(POOL, "team", "storefront");
    kubectl.label(CLUSTER, "team", "storefront");
    kubectl.annotate(AGENT, "team", "platform");
    world.management.annotate(IDENTITY, "team", "platform");
    for plane in [&world.management, &world.shop] {
        plane.annotate(AWS_MANAGER, "team", "platform");
        plane.label(RIGHTS, "team", "platform");
        plane.annotate(KIND, "team", "platform");
        plane.edit_custom(KIND, &json!({"spec": {"conversion": {"strategy": "None"}}}));
    }
    world.settled("fields that others added");
}

/// The agent writes these, so the agent repairs them.
fn layers(world: &World) {
    let hurt = |world: &World| {
        let kubectl = &world.shop;
        let container = json!({"name": "web", "image": "registry.example.com/shop/web:9.9.9"});
        kubectl.patch(WEB, &json!({"spec": {"template": {"spec": {"containers": [container]}}}}));
        kubectl.scale(WEB, 5);
        kubectl.scale(CSI, 1);
        kubectl.edit(FLANNEL, &json!({"data": {"net-conf.json": "{\"Network\": \"10.0.0.0/8\"}\n"}}));
        kubectl.edit_custom(TEAM, &json!({"spec": {"members": ["lena@example.com", "kim@example.com"], "owner": "lena@example.com"}}));
        kubectl.apply(
            SERVICE,
            &json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "storefront"}, "spec": {"selector": {"app": "other"}}}),
        );
        kubectl.label("/api/v1/namespaces/kube-flannel", "pod-security.kubernetes.io/enforce", "restricted");
        kubectl.annotate(GP3, "storageclass.kubernetes.io/is-default-class", "false");
        kubectl.patch_json(INFO, &json!([{"op": "remove", "path": "/data/cluster"}]));
        kubectl.patch(DATABASE, &json!({"stringData": {"password": "by-hand-7f3c"}}));
        kubectl.delete(ROLE);
        kubectl.delete(NODE_AGENT);
    };
    let layer = |name: &str, rest: &str| format!("cluster.shop.layer[\"{name}\"]: {rest}");
    let expected = [
        layer("shop", "Deployment web on cluster.shop spec.template.spec.containers[name=\"web\"].image by kubectl-patch"),
        layer("shop", "Deployment web on cluster.shop spec.replicas by kubectl/scale"),
        layer("aws-ebs-csi", "Deployment ebs-csi-controller on cluster.shop spec.replicas by kubectl/scale"),
        layer("flannel", "ConfigMap kube-flannel-cfg on cluster.shop data[\"net-conf.json\"] by kubectl-edit"),
        layer("platform", "Team storefront on cluster.shop spec.members[=\"dana@example.com\"] by unknown"),
        layer("platform", "Team storefront on cluster.shop spec.owner by kubectl-edit"),
        layer("shop", "Service web on cluster.shop spec.selector by kubectl"),
        layer("flannel", "Namespace kube-flannel on cluster.shop metadata.labels[\"pod-security.kubernetes.io/enforce\"] by kubectl-label"),
        layer(
            "aws-ebs-csi",
            "StorageClass gp3 on cluster.shop metadata.annotations[\"storageclass.kubernetes.io/is-default-class\"] by kubectl-annotate",
        ),
        layer("shop", "ConfigMap cluster-info on cluster.shop data.cluster by unknown"),
        layer("shop", "Secret database on cluster.shop data.password by kubectl-patch"),
        layer("shop", "Role read-config on cluster.shop deleted by unknown"),
        layer("platform", "DaemonSet node-agent on cluster.shop deleted by unknown"),
    ];
    let planned = [
        "(Deployment storefront/web spec.replicas: 5 -> 3, changed outside of windlass by kubectl)",
        "~ spec.replicas = 5 -> 3  # by kubectl (subresource scale)",
        "(subresource scale)",
        "(Deployment storefront/web spec.template.spec.containers[name=\"web\"].image: \"registry.example.com/shop/web:9.9.9\" -> \
         \"registry.example.com/shop/web:4.2.0\", changed outside of windlass by kubectl-patch)",
        "(ConfigMap kube-flannel/kube-flannel-cfg data[\"net-conf.json\"]: changed outside of windlass by kubectl-edit)",
        "- {\"Network\": \"10.0.0.0/8\"}",
        "(ConfigMap storefront/cluster-info data.cluster: null -> \"shop\", removed outside of windlass, actor unknown)",
        "(Secret storefront/database data.password: (sensitive value) -> (sensitive value), changed outside of windlass by kubectl-patch)",
        "(Role storefront/read-config: deleted outside of windlass)",
        "+ Role storefront/read-config on cluster.shop",
        "+ DaemonSet platform/node-agent on cluster.shop",
        "Plan: 0 to add, 4 to change, 0 to destroy.",
    ];
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    world.round("layers", hurt, &expected, &planned);
    let kubectl = &world.shop;
    let web = kubectl.get(WEB).expect("the Deployment is there");
    assert_eq!(web["spec"]["replicas"], json!(3));
    assert_eq!(web["spec"]["minReadySeconds"], json!(1), "a field of somebody else stays");
    assert_eq!(kubectl.get(DATABASE).expect("the Secret is there")["data"]["password"], json!("cXVpY2tzdGFydC1vbmx5"));
    assert!(kubectl.get(ROLE).is_some() && kubectl.get(NODE_AGENT).is_some());
    let team = kubectl.get(TEAM).expect("the Team is there");
    let members: Vec<&str> = team["spec"]["members"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
    assert!(["dana@example.com", "kim@example.com", "lena@example.com"].iter().all(|member| members.contains(member)), "{members:?}");
}

/// Cluster API objects, which live in the cluster itself.
fn machines(world: &World) {
    let hurt = |world: &World| {
        world.shop.scale(POOL, 4);
        world.shop.patch_merge(CONTROL_PLANE, &json!({"metadata": {"labels": {"windlass.dev/lineage": "other"}}}));
    };
    world.round(
        "Cluster API objects",
        hurt,
        &[
            "cluster.shop.worker_pool[\"general\"]: MachineDeployment shop-general on cluster.shop spec.replicas by kubectl/scale",
            "cluster.shop.control_plane: KubeadmControlPlane shop-control-plane on cluster.shop metadata.labels[\"windlass.dev/lineage\"] by kubectl-patch",
        ],
        &["(MachineDeployment shop/shop-general spec.replicas: 4 -> 2, changed outside of windlass by kubectl)"],
    );
    assert_eq!(world.place.ledger().get("instance"), Some(&5));
}

fn agent(world: &World) {
    world.round(
        "the agent stopped",
        |world| world.shop.scale(AGENT, 0),
        &["cluster.shop.agent: Deployment windlass-agent on cluster.shop spec.replicas by kubectl/scale"],
        &["(Deployment windlass-system/windlass-agent spec.replicas: 0 -> 1, changed outside of windlass by kubectl)"],
    );
    let hurt = |world: &World| {
        world.shop.delete(AGENT);
        world.shop.delete(LAYER);
        world.shop.delete(ROLE);
    };
    world.round(
        "the agent deleted, and a layer's object with it",
        hurt,
        &[
            "cluster.shop.agent: Deployment windlass-agent on cluster.shop deleted by unknown",
            "cluster.shop.layer[\"shop\"]: Layer shop on cluster.shop deleted by unknown",
            "cluster.shop.layer[\"shop\"]: Role read-config on cluster.shop deleted by unknown",
        ],
        &["+ Deployment windlass-system/windlass-agent on cluster.shop", "+ Layer windlass-system/shop on cluster.shop"],
    );
}

/// Providers and identities, on the management plane and in the cluster.
fn management_plane(world: &World) {
    world.round(
        "an identity changed",
        |world| world.management.patch_merge(IDENTITY, &json!({"spec": {"roleARN": "arn:aws:iam::111122223333:role/other"}})),
        &["cloud.aws.main: AWSClusterRoleIdentity aws-main on management.sandbox spec.roleARN by kubectl-patch"],
        &["changed outside of windlass by kubectl-patch"],
    );
    provider_objects(world);
    let hurt = |world: &World| {
        world.management.scale(CORE_MANAGER, 0);
        world.shop.scale(CORE_MANAGER, 0);
        world.management.patch(CREDENTIALS, &json!({"stringData": {"credentials": "by-hand-91ad"}}));
    };
    world.round(
        "managers stopped, credentials of one changed",
        hurt,
        &[
            "management.sandbox.provider[\"cluster-api\"]: Deployment capi-controller-manager on management.sandbox spec.replicas by kubectl/scale",
            "cluster.shop.pivot: Deployment capi-controller-manager on cluster.shop spec.replicas by kubectl/scale",
            "management.sandbox.provider[\"aws\"]: Secret capa-manager-bootstrap-credentials on management.sandbox data.credentials by kubectl-patch",
        ],
        &["(Deployment capi-system/capi-controller-manager spec.replicas: 0 -> 1, changed outside of windlass by kubectl)"],
    );
    let hurt = |world: &World| {
        world.management.delete(IDENTITY);
        world.management.delete(CORE_MANAGER);
        world.shop.delete(CORE_MANAGER);
    };
    world.round(
        "an identity and managers deleted",
        hurt,
        &[
            "cloud.aws.main: AWSClusterRoleIdentity aws-main on management.sandbox deleted by unknown",
            "management.sandbox.provider[\"cluster-api\"]: Deployment capi-controller-manager on management.sandbox deleted by unknown",
            "cluster.shop.pivot: Deployment capi-controller-manager on cluster.shop deleted by unknown",
        ],
        &[
            "(AWSClusterRoleIdentity aws-main: deleted outside of windlass)",
            "+ Deployment capi-system/capi-controller-manager on management.sandbox",
            "+ Deployment capi-system/capi-controller-manager on cluster.shop",
        ],
    );
    assert!(world.shop.get(CORE_MANAGER).is_some() && world.management.get(CORE_MANAGER).is_some());
}

/// What a provider consists of beside its manager's replicas: kinds, rights, images.
fn provider_objects(world: &World) {
    let hurt = |world: &World| {
        world.management.delete(RIGHTS);
        world.management.delete(UNUSED_KIND);
        world.shop.delete(RIGHTS);
        let image = json!([{"name": "manager", "image": "registry.example.com/evil:v1"}]);
        world.management.apply(
            AWS_MANAGER,
            &json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "capa-controller-manager", "namespace": "capa-system"},
                "spec": {"template": {"spec": {"containers": image}}}}),
        );
        let mut versions = world.shop.get(KIND).expect("a kind")["spec"]["versions"].clone();
        versions[0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["byHand"] = json!({"type": "string"});
        world.shop.edit_custom(KIND, &json!({"spec": {"versions": versions}}));
    };
    let aws = "management.sandbox.provider[\"aws\"]";
    let core = "management.sandbox.provider[\"cluster-api\"]";
    let rights = "ClusterRoleBinding capa-system-capa-controller-manager";
    let image = "spec.template.spec.containers[name=\"manager\"].image";
    world.round(
        "rights and a kind deleted, an image taken over, a schema edited",
        hurt,
        &[
            &format!("{aws}: {rights} on management.sandbox deleted by unknown"),
            &format!("{aws}: Deployment capa-controller-manager on management.sandbox {image} by kubectl"),
            &format!("{core}: CustomResourceDefinition extensionconfigs.runtime.cluster.x-k8s.io on management.sandbox deleted by unknown"),
            &format!("cluster.shop.pivot: {rights} on cluster.shop deleted by unknown"),
            "cluster.shop.pivot: CustomResourceDefinition machinedrainrules.cluster.x-k8s.io on cluster.shop spec.versions by kubectl-edit",
        ],
        &[
            "+ ClusterRoleBinding capa-system-capa-controller-manager on management.sandbox",
            "+ ClusterRoleBinding capa-system-capa-controller-manager on cluster.shop",
            "+ CustomResourceDefinition extensionconfigs.runtime.cluster.x-k8s.io on management.sandbox",
            "changed outside of windlass by kubectl-edit",
        ],
    );
    let schema = &world.shop.get(KIND).expect("a kind")["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    assert!(schema["properties"]["byHand"].is_null() && schema["properties"].is_object(), "{schema}");
    let listed = world.place.run(&["state", "show", aws]).expect(0).stdout;
    for object in
        [rights, "Deployment capa-system/capa-controller-manager", "CustomResourceDefinition awsclusters.infrastructure.cluster.x-k8s.io"]
    {
        assert!(listed.contains(object), "{object}:\n{listed}");
    }
}
