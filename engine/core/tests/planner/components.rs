//! What providers consist of, from components: other values of their variables, and objects that cannot be made.

use serde_json::json;
use windlass_core::addr::{Address, Part};
use windlass_core::desired::{Desired, DesiredObject, Home};
use windlass_core::diag::Code;
use windlass_core::layer::LayerKind;
use windlass_core::marks::LABEL_LINEAGE;
use windlass_core::plan::validate;
use windlass_core::value::Value;

use crate::cases::{found, good, shown};
use crate::laws::up;
use crate::wish::{Wanted, cluster, desired, management, marked, object};
use crate::world::World;

/// A cluster on a plane that is no sandbox: its providers come from components.
fn wish(pivot: bool) -> Desired {
    on_a_real_plane(desired(&[Wanted { pivot, ..Wanted::new("shop") }]))
}

fn on_a_real_plane(mut wish: Desired) -> Desired {
    wish.management.as_mut().unwrap().sandbox = false;
    // The kind of clusterctl's inventory comes with the first provider.
    let names = json!({"kind": "Provider", "plural": "providers"});
    let inventory = component_of(
        "cluster-api",
        json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "providers.clusterctl.cluster.x-k8s.io"},
            "spec": {
                "group": "clusterctl.cluster.x-k8s.io", "scope": "Namespaced", "names": names,
                "versions": [{"name": "v1alpha3", "served": true, "storage": true, "schema": {"$wl": "content", "digest": "sha256:0000"}}],
            },
        }),
    );
    wish.providers[0].objects.insert(1, inventory);
    wish
}

fn aws(wish: &mut Desired) -> &mut Vec<DesiredObject> {
    &mut wish.providers[1].objects
}

fn component(json: serde_json::Value) -> DesiredObject {
    component_of("aws", json)
}

fn component_of(provider: &str, json: serde_json::Value) -> DesiredObject {
    marked(&object(json), &management().with(Part::Provider(provider.to_owned())), Home::Management, &management())
}

fn change(wish: &mut Desired, kind: &str, change: impl Fn(&mut serde_json::Value)) {
    let object = aws(wish).iter_mut().find(|object| object.key.kind == kind).unwrap();
    let mut content = object.content.to_json().unwrap();
    change(&mut content);
    object.content = Value::from_json(&content);
}

/// The provider's Secret with another value in it.
fn other_credentials(wish: &mut Desired) {
    let secret = aws(wish).iter_mut().find(|object| object.key.kind == "Secret").unwrap();
    let mut entries = secret.content.as_entries().unwrap().clone();
    entries.insert("stringData".into(), Value::object([("credentials", Value::secret(Value::string("other")))]));
    secret.content = Value::from(entries);
}

fn resources(world: &World, wish: &Desired) -> Vec<String> {
    shown(&good(world, wish)).into_iter().filter(|line| !line.starts_with(' ')).collect()
}

#[test]
fn an_expired_value_in_a_secret_is_replaced_in_place_wherever_the_provider_runs() {
    for pivot in [true, false] {
        let mut wish = wish(pivot);
        let mut world = up(&wish);
        other_credentials(&mut wish);
        let plan = good(&world, &wish);
        let mut changed = vec!["update management.sandbox.provider[\"aws\"]"];
        changed.extend(pivot.then_some("update cluster.shop.pivot"));
        assert_eq!(resources(&world, &wish), changed);
        let told = plan.warnings.iter().filter(|line| line.contains("capa-manager-bootstrap-credentials changes")).count();
        assert_eq!(told, changed.len(), "{:?}", plan.warnings);
        assert!(!serde_json::to_string(&plan).unwrap().contains("\"other\""), "the value stands nowhere in the plan");
        let planes = [management(), cluster("shop")];
        let values = |world: &World| {
            let keys = planes.iter().take(changed.len()).map(|plane| world.find(plane, "Secret", "capa-manager-bootstrap-credentials"));
            keys.map(|key| world.objects[&key]["data"]["credentials"].clone()).collect::<Vec<_>>()
        };
        let before = values(&world);
        world.apply(&plan, usize::MAX);
        assert!(values(&world).iter().zip(before).all(|(now, before)| *now != before && now == &values(&world)[0]));
        assert_eq!(shown(&good(&world, &wish)), Vec::<String>::new());
    }
}

#[test]
fn a_plain_value_is_changed_in_place_and_what_gets_another_name_is_refused() {
    let mut wish = wish(true);
    let mut world = up(&wish);
    change(&mut wish, "Deployment", |manager| manager["spec"]["replicas"] = json!(2));
    let plan = good(&world, &wish);
    assert_eq!(resources(&world, &wish), ["update management.sandbox.provider[\"aws\"]", "update cluster.shop.pivot"]);
    assert!(plan.warnings.is_empty(), "{:?}", plan.warnings);
    world.apply(&plan, usize::MAX);
    assert_eq!(shown(&good(&world, &wish)), Vec::<String>::new());

    // The one of the old name would be left behind.
    let binding = aws(&mut wish).iter_mut().find(|object| object.key.kind == "ClusterRoleBinding").unwrap();
    let mut content = binding.content.to_json().unwrap();
    content["metadata"]["name"] = json!("another");
    *binding = component(content);
    let told = found(&world, &wish);
    assert!(!told.is_empty() && told.iter().all(|(code, text)| *code == Code::DAY_TWO && text.contains("what a provider consists of")));
}

#[test]
fn a_secret_of_somebody_else_is_not_taken_by_a_provider_that_stands() {
    let mut wish = wish(false);
    let mut world = up(&wish);
    let new = || component(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "new", "namespace": "capa-system"}}));
    aws(&mut wish).insert(3, new());
    assert_eq!(resources(&world, &wish), ["update management.sandbox.provider[\"aws\"]"]);
    let mut theirs = new().content.to_json().unwrap();
    theirs["metadata"]["labels"][LABEL_LINEAGE] = json!("another");
    world.objects.insert(new().key, theirs);
    assert!(found(&world, &wish).iter().any(|(code, text)| *code == Code::OBJECT_EXISTS && text.contains("Secret capa-system/new")));
}

#[test]
fn what_an_api_server_would_refuse_is_told_with_the_plan() {
    let thing = |namespace: serde_json::Value| {
        component(json!({"apiVersion": "aws.x-k8s.io/v1", "kind": "Thing", "metadata": {"name": "a", "namespace": namespace}}))
    };
    let with = |object: DesiredObject| {
        let mut wish = wish(false);
        aws(&mut wish).push(object);
        wish
    };
    let replicas = |number: serde_json::Value| {
        let mut wish = wish(false);
        change(&mut wish, "Deployment", |manager| manager["spec"]["replicas"] = number.clone());
        wish
    };
    let service = |port: i64| {
        let ports = json!([{"port": port}]);
        let metadata = json!({"name": "a", "namespace": "capa-system"});
        component(json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": ports}}))
    };
    for (wish, told) in [
        (with(service(443)), None),
        (with(service(99999)), Some("spec.ports[0].port: 99999 is no port")),
        (replicas(json!(1)), None),
        (replicas(json!(-1)), Some("spec.replicas: -1 is less than 0")),
        (replicas(json!(1.5)), Some("spec.replicas")),
        (with(thing(json!("capa-system"))), None),
        (with(thing(json!(null))), Some("a Thing lives in a namespace and names none")),
    ] {
        let details: Vec<String> = validate(&wish).into_iter().map(|fault| format!("{} {}", fault.code, fault.detail)).collect();
        assert_eq!(details.len(), usize::from(told.is_some()), "{details:?}");
        assert!(details.iter().all(|detail| detail.starts_with("WL0410 ") && detail.contains(told.unwrap())), "{details:?}");
    }
}

/// An object of a kind that may not be there, asked for by a provider.
fn asking(wish: &mut Desired, api_version: &str, kind: &str) {
    aws(wish).push(component(json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "a", "namespace": "capa-system"}})));
}

#[test]
fn a_kind_that_nobody_serves_is_told_before_anything_is_installed() {
    let mut wish = wish(false);
    let mut world = World::empty();
    let unserved = |plane: &Address, api_version: &str, kind: &str| (plane.clone(), api_version.to_owned(), kind.to_owned());
    // What the providers define themselves is not served yet, and will be; of the other one so much is not known.
    for group in ["aws.x-k8s.io", "cluster-api.x-k8s.io"] {
        asking(&mut wish, &format!("{group}/v1"), "Thing");
        world.unserved.insert(unserved(&management(), &format!("{group}/v1"), "Thing"));
    }
    asking(&mut wish, "monitoring.example.org/v1", "Monitor");
    assert!(found(&world, &wish).is_empty());
    for (api_version, kind) in [("monitoring.example.org/v1", "Monitor"), ("aws.x-k8s.io/v0", "Thing"), ("policy/v1beta1", "Policy")] {
        if kind != "Monitor" {
            asking(&mut wish, api_version, kind);
        }
        world.unserved.insert(unserved(&management(), api_version, kind));
        let told = found(&world, &wish);
        let last = told.last().expect("a refusal");
        assert!(last.0 == Code::COMPONENTS && last.1.contains("cannot be made on management.sandbox"), "{told:?}");
    }
    // Somebody else has installed the provider: its objects are none of ours.
    wish.providers[1].spec.install = false;
    assert!(!found(&world, &wish).iter().any(|(code, _)| *code == Code::COMPONENTS));
}

#[test]
fn a_kind_that_only_the_management_plane_serves_is_missed_in_the_cluster() {
    let wanted = Wanted::new("shop");
    let mut wish = on_a_real_plane(desired(std::slice::from_ref(&wanted)));
    asking(&mut wish, "monitoring.example.org/v1", "Monitor");
    asking(&mut wish, "policy/v1", "PodDisruptionBudget");
    let told = found(&World::empty(), &wish);
    let on = |told: &(Code, String)| told.0 == Code::COMPONENTS && told.1.contains("Monitor") && told.1.contains("on cluster.shop");
    assert!(told.len() == 1 && told.iter().all(on), "{told:?}");
    // A layer brings it.
    let definition = object(json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "monitors.monitoring.example.org"},
        "spec": {
            "group": "monitoring.example.org", "scope": "Namespaced", "names": {"kind": "Monitor", "plural": "monitors"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object"}}}],
        },
    }));
    let mut layers = wanted.layers.clone();
    layers.push(("monitoring".to_owned(), LayerKind::Addon, vec![], vec![definition]));
    let mut wish = on_a_real_plane(desired(&[Wanted { layers, ..wanted }]));
    asking(&mut wish, "monitoring.example.org/v1", "Monitor");
    assert!(found(&World::empty(), &wish).is_empty());
}

#[test]
fn a_namespace_that_nobody_makes_is_told_before_anything_is_installed() {
    let in_namespace = |wish: &mut Desired, namespace: &str| {
        aws(wish).push(component(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": namespace}})));
    };
    let refused = |world: &World, wish: &Desired, on: &str| {
        let told = found(world, wish);
        let last = told.last().expect("a refusal");
        assert!(told.len() == 1 && last.0 == Code::COMPONENTS && last.1.contains(on), "{told:?}");
    };
    // Its own, that of a provider before it, and those of every API server.
    let mut wish = wish(true);
    for namespace in ["capa-system", "capi-system", "default", "kube-system"] {
        in_namespace(&mut wish, namespace);
    }
    let mut world = World::empty();
    assert!(found(&world, &wish).is_empty(), "{:?}", found(&world, &wish));
    in_namespace(&mut wish, "metrics");
    refused(&world, &wish, "ConfigMap metrics/a of aws v1.14.2 cannot be made on management.sandbox");
    // Somebody has made it on the management plane; in the cluster nobody will.
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "metrics", "uid": "theirs"}});
    let key = component(namespace.clone()).key;
    world.objects.insert(key, namespace);
    refused(&world, &wish, "ConfigMap metrics/a of aws v1.14.2 cannot be made on cluster.shop");
    aws(&mut wish).push(component(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "metrics"}})));
    assert!(!found(&world, &wish).iter().any(|(code, _)| *code == Code::COMPONENTS));
}

/// What lies there and is nobody's becomes a part of a provider only if it is what is wished; else it is somebody's work.
#[test]
fn what_lies_there_is_taken_only_as_it_is_wished() {
    let wish = desired(&[Wanted::new("shop")]);
    let provider = wish.providers.iter().find(|provider| provider.spec.name == "aws").unwrap();
    let binding = provider.objects.iter().find(|object| object.key.kind == "ClusterRoleBinding").unwrap();
    let (key, content) = (binding.key.clone(), binding.content.to_json().unwrap());
    let lying = |subject: &str| {
        let mut world = World::empty();
        let mut object = content.clone();
        object["metadata"] = serde_json::json!({"name": key.name, "uid": "theirs"});
        object["subjects"][0]["name"] = serde_json::json!(subject);
        world.objects.insert(key.clone(), object);
        world.plan(&wish, windlass_core::plan::Mode::Apply)
    };
    let (plan, diagnostics) = lying("manager");
    assert!(diagnostics.is_empty(), "{diagnostics:#?}");
    assert!(plan.warnings.iter().any(|line| line.contains("ClusterRoleBinding aws-manager is there already")), "{:?}", plan.warnings);
    let (_, diagnostics) = lying("somebody");
    let told: Vec<_> = diagnostics.iter().map(|found| (found.code, found.summary.as_str())).collect();
    assert!(matches!(told[..], [(Code::OBJECT_EXISTS, text)] if text.contains("aws-manager")), "{told:?}");
}
