//! What a living cluster gains, changes and loses: pools, layers, Kubernetes versions. Each is planned in so many words, made, and then there
//! is nothing left to do.

mod support;

use support::small::base;
use support::{Done, Place};

const CAPI: &str = "/apis/cluster.x-k8s.io/v1beta2/namespaces/shop";
const INFRASTRUCTURE: &str = "/apis/infrastructure.cluster.x-k8s.io/v1beta2/namespaces/shop";

fn layer(name: &str, objects: &[(&str, &str)]) -> String {
    let object = |(name, data): &(&str, &str)| {
        format!(
            "{{ apiVersion = \"v1\", kind = \"ConfigMap\", metadata = {{ name = \"{name}\", namespace = \"kube-system\" }}, data = {{ key = \"{data}\" }} }}"
        )
    };
    format!("  addon \"{name}\" {{\n    objects = [{}]\n  }}\n", objects.iter().map(object).collect::<Vec<_>>().join(", "))
}

fn pool(name: &str, replicas: u32) -> String {
    format!("  worker_pool \"{name}\" {{\n    replicas = {replicas}\n    machine {{\n      instance_type = \"m6i.large\"\n    }}\n  }}\n")
}

/// A pivoted cluster of one control plane machine at a version, with its hops, pools and layers.
fn shop(kubernetes: &str, pools: &[String], layers: &[String]) -> [String; 2] {
    let images: Vec<String> = (33..=35).map(|minor| format!("\"eu-west-1/1.{minor}\" = \"ami-0f1e2d3c4b5a697{minor}\"")).collect();
    let profile = base(&layers.concat())
        .replace("image   = \"ami-0f1e2d3c4b5a69788\"", &format!("images  = {{ {} }}", images.join(", ")))
        .replace("version = \"1.34.3\"", kubernetes);
    let machine = "  control_plane {\n    machine {\n      instance_type = \"m6i.large\"\n    }\n  }\n";
    [profile, format!("cluster \"shop\" {{\n  cloud    = cloud.aws.main\n  profiles = [profile.base]\n{machine}{}}}\n", pools.concat())]
}

#[track_caller]
fn names(place: &Place, path: &str) -> Vec<String> {
    let list = place.kubectl("shop").get(path).expect("the kind is there");
    let items = list["items"].as_array().cloned().unwrap_or_default();
    items.iter().filter_map(|item| item["metadata"]["name"].as_str().map(str::to_owned)).collect()
}

#[track_caller]
fn versions(place: &Place) -> Vec<String> {
    let list = place.kubectl("shop").get(&format!("{CAPI}/machines")).expect("the kind is there");
    let items = list["items"].as_array().cloned().unwrap_or_default();
    items.iter().filter_map(|item| item["spec"]["version"].as_str().map(str::to_owned)).collect()
}

fn config(place: &Place, name: &str) -> Option<String> {
    let live = place.kubectl("shop").get(&format!("/api/v1/namespaces/kube-system/configmaps/{name}"))?;
    live["data"]["key"].as_str().map(str::to_owned)
}

/// Plans and applies; afterwards nothing is left to do.
#[track_caller]
fn changed(place: &Place, configuration: &[String]) -> Done {
    place.configure(configuration);
    let plan = place.run(&["plan", "-detailed-exitcode"]).expect(2);
    place.apply();
    place.settled();
    plan
}

#[test]
fn a_living_cluster_gains_changes_and_loses_parts() {
    let old = "version = \"1.33.7\"";
    let (general, gpu) = (pool("general", 1), pool("gpu", 2));
    let (spaces, more) = (layer("spaces", &[("spaces", "a")]), layer("more", &[("more", "a"), ("old", "a")]));
    let place = Place::small(&shop(old, std::slice::from_ref(&general), std::slice::from_ref(&spaces)));
    place.apply();
    place.settled();
    assert_eq!(place.ledger().get("instance"), Some(&2));

    let plan = changed(&place, &shop(old, &[general.clone(), gpu.clone()], &[spaces.clone(), more.clone()]));
    plan.says("# cluster.shop.worker_pool[\"gpu\"] will be created").says("# cluster.shop.layer[\"more\"] will be created");
    assert_eq!(place.ledger().get("instance"), Some(&4));
    assert_eq!(config(&place, "old").as_deref(), Some("a"));

    let other = layer("more", &[("more", "b"), ("new", "a")]);
    let plan = changed(&place, &shop(old, &[general.clone(), gpu], &[spaces.clone(), other]));
    plan.says("# cluster.shop.layer[\"more\"] will be updated in-place");
    let now: Vec<Option<String>> = ["more", "new", "old"].iter().map(|name| config(&place, name)).collect();
    assert_eq!(now, [Some("b".to_owned()), Some("a".to_owned()), None]);

    let plan = changed(&place, &shop(old, std::slice::from_ref(&general), &[]));
    plan.says("# cluster.shop.worker_pool[\"gpu\"] will be destroyed").says("# cluster.shop.layer[\"spaces\"] will be destroyed");
    assert_eq!(place.ledger().get("instance"), Some(&2));
    assert_eq!(names(&place, &format!("{CAPI}/machinedeployments")), ["shop-general"]);
    assert_eq!(names(&place, &format!("{INFRASTRUCTURE}/awsmachinetemplates")).len(), 2);
    assert!(["spaces", "more", "new"].iter().all(|name| config(&place, name).is_none()));

    // Over two minors: the control plane passes through the one between, the worker rolls once.
    let before = names(&place, &format!("{CAPI}/machines"));
    let plan = changed(&place, &shop("version = \"1.35.0\"\n    hops    = [\"1.34.3\"]", &[general], &[]));
    plan.says("by way of Kubernetes 1.34.3: its machines are replaced 2 times");
    assert_eq!(versions(&place), ["v1.35.0", "v1.35.0"]);
    assert!(names(&place, &format!("{CAPI}/machines")).iter().all(|name| !before.contains(name)));
    assert_eq!(names(&place, &format!("{INFRASTRUCTURE}/awsmachinetemplates")).len(), 2);

    place.run(&["destroy", "-auto-approve"]).expect(0).says("Destroy complete!");
    assert!(place.ledger().is_empty(), "{:?}", place.ledger());
}
