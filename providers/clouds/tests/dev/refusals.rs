//! What a cluster in memory may not have, each at its place and in one finding.

use crate::{good, module, objects, page, place, wish, with};

/// Exactly these findings, each `place code words`, told with a hint.
fn refused(text: &str, want: &[(&str, &str)]) {
    let (_, found) = wish(text);
    let fits = |(found, (at, words)): (&String, &(&str, &str))| {
        found.starts_with(&format!("{} {}", place(text, at), words.split_once(' ').map_or(*words, |(code, _)| code)))
            && found.contains(words.split_once(' ').map_or("", |(_, words)| words))
            && !found.ends_with("| ")
    };
    assert!(found.len() == want.len() && found.iter().zip(want).all(fits), "found {found:#?}\nwanted {want:#?}\nfor\n{text}");
}

const LAYER: &str = "[{ apiVersion = \"v1\", kind = \"ConfigMap\", metadata = { name = \"n\", namespace = \"kube-system\" } }]";

/// The example with a layer in its profile.
fn layered(layer: &str) -> String {
    with("  kubernetes \"kubeadm\" {", &format!("  {layer}\n  kubernetes \"kubeadm\" {{"))
}

#[test]
fn a_pivot_is_refused_where_it_is_asked_for() {
    let default = with("  pivot    = false\n", "");
    refused(&default, &[("cluster \"demo\" {", "WL0207 cluster \"demo\" cannot pivot, which is the default")]);
    let written = with("pivot    = false", "pivot    = 1 == 1");
    refused(&written, &[("1 == 1", "WL0207 cluster \"demo\" cannot pivot |")]);
}

#[test]
fn an_agent_is_refused_and_is_not_there_by_default() {
    let agent = |inside: &str| with("  control_plane {", &format!("  agent {{\n{inside}  }}\n  control_plane {{"));
    refused(&agent("    enabled = true\n"), &[("true\n", "WL0207 cluster \"demo\" cannot have an agent")]);
    refused(&agent("    mode = \"heal\"\n"), &[("agent {", "WL0207 cluster \"demo\" cannot have an agent")]);
    assert!(!good(&agent("    enabled = false\n")).clusters.values().any(|cluster| cluster.agent));
    assert!(!good(page()).clusters.values().any(|cluster| cluster.agent));
}

#[test]
fn layers_with_objects_are_refused_and_those_without_ask_for_nothing() {
    for kind in ["network", "storage", "addon"] {
        let words = "WL0213 layer \"n\" holds objects, and cluster.demo takes none";
        refused(&layered(&format!("{kind} \"n\" {{\n    objects = {LAYER}\n  }}")), &[(&LAYER[1..], words)]);
        // A profile for several clouds.
        let chosen = format!("{kind} \"n\" {{\n    objects = target.cloud == \"dev\" ? [] : {LAYER}\n  }}");
        for empty in [format!("{kind} \"n\" {{\n    objects = []\n  }}"), chosen] {
            let desired = good(&layered(&empty));
            assert_eq!(objects(&desired), objects(&good(page())));
            assert!(desired.clusters.values().all(|cluster| cluster.layers.is_empty()));
        }
    }
    // Of two networks one is too many all the same.
    let twice = layered("network \"m\" {\n    objects = []\n  }\n  network \"n\" {\n    objects = []\n  }");
    refused(&twice, &[("cluster \"demo\" {", "WL0213 cluster.demo has 2 `network` layers")]);
    let (_, found) = wish(&with("  os \"none\" {\n    version = \"0\"\n  }\n", ""));
    assert!(matches!(found.as_slice(), [one] if one.contains("cluster.demo has no `os` layer")), "{found:#?}");
}

/// What others demand is still demanded of them.
#[test]
fn a_cluster_of_another_cloud_needs_its_layers() {
    let aws = module::cluster("", module::GROUPS);
    let start = aws.find("  network \"n\"").expect("a network");
    let end = aws.find("  storage \"s\"").expect("a storage");
    let (_, found) = wish(&format!("{}{}", &aws[..start], &aws[end..]));
    assert!(matches!(found.as_slice(), [one] if one.contains("cluster.shop has no `network` layer")), "{found:#?}");
    let (_, found) = wish(&format!("{}  network \"n\" {{\n    objects = []\n  }}\n{}", &aws[..start], &aws[end..]));
    assert!(matches!(found.as_slice(), [one] if one.contains("WL0204") && one.contains("holds no objects")), "{found:#?}");
}

#[test]
fn the_sandbox_has_no_such_clusters() {
    let start = page().find("management").expect("a block");
    let end = page().find("cloud \"dev\"").expect("a cloud");
    let without = format!("{}{}", &page()[..start], &page()[end..]);
    refused(&without, &[("cloud \"dev\"", "WL0352 cloud.dev.memory needs a real management plane")]);
    // A block with a fault of its own is there.
    let spoilt = with("install_providers = false", "install_providers = ");
    let (_, found) = wish(&spoilt);
    assert!(!found.is_empty() && found.iter().all(|found| !found.contains("needs a real management plane")), "{found:#?}");
}

#[test]
fn what_only_a_living_api_tells_is_refused() {
    for part in ["endpoint", "ca_certificate"] {
        let output = format!("{}output \"way\" {{\n  value = cluster.demo.{part}\n}}\n", page());
        let words = format!("WL0207 output \"way\" asks for cluster.demo.{part}, which windlass does not find out");
        refused(&output, &[(&format!("cluster.demo.{part}"), &words)]);
        // By way of another name.
        let local = format!("{}locals {{\n  a = cluster.demo.{part}\n}}\noutput \"way\" {{\n  value = [local.a]\n}}\n", page());
        refused(&local, &[("[local.a]", &words)]);
    }
    assert_eq!(good(&format!("{}output \"name\" {{\n  value = cluster.demo.name\n}}\n", page())).outputs.len(), 1);
    // A layer of a cluster of another cloud.
    let data = "[{ apiVersion = \"v1\", kind = \"ConfigMap\", metadata = { name = \"n\", namespace = \"kube-system\" }, data = { a = cluster.demo.endpoint } }]";
    let shop = module::cluster("", module::GROUPS).replacen(LAYER, data, 1);
    refused(&format!("{}{shop}", page()), &[(&data[1..], "WL0207 layer \"n\" of cluster.shop asks for cluster.demo.endpoint")]);
}

#[test]
fn start_up_durations_are_durations_and_of_what_there_is() {
    for text in ["soon", "5", "-5s", "1d", ""] {
        let wrong = with("node_startup       = \"2s\"", &format!("node_startup = \"{text}\""));
        let words = format!("WL0350 `node_startup` of the control plane of cluster.demo is {text:?}, which is no duration");
        refused(&wrong, &[(&format!("\"{text}\""), &words)]);
    }
    let pool = "worker_pool \"general\" {\n    replicas = 5\n    machine {\n";
    for attribute in ["api_server_startup", "etcd_startup"] {
        let wrong = with(pool, &format!("{pool}      {attribute} = \"77s\"\n"));
        let words = format!("WL0351 `{attribute}` of worker pool \"general\" of cluster.demo has nothing to be about");
        refused(&wrong, &[("\"77s\"", &words)]);
    }
}

/// It is there for whoever types its name, and offered to nobody else.
#[test]
fn no_list_of_clouds_tells_of_it() {
    for (typed, is) in [("dve", "dev"), ("aws2", "aws"), ("nowhere", "aws")] {
        let text = page().replace("cloud \"dev\"", &format!("cloud \"{typed}\"")).replace("cloud.dev", &format!("cloud.{typed}"));
        let (_, found) = wish(&text);
        let told = found.iter().find(|found| found.contains("there is no cloud provider")).unwrap_or_else(|| panic!("{found:#?}"));
        assert!(is == "dev" || told.contains(is), "{told}");
        assert!(!told.rsplit(" | ").next().is_some_and(|hint| hint.contains("dev")), "{told}");
    }
    let (_, found) =
        wish(&with("install_providers = false\n", "install_providers = false\n  provider \"dve\" {\n    version = \"v1.14.2\"\n  }\n"));
    assert!(matches!(found.as_slice(), [one] if one.contains("there is no provider \"dve\"") && !one.contains("`dev`")), "{found:#?}");
    good(&with("install_providers = false\n", "install_providers = false\n  provider \"dev\" {\n    version = \"v1.14.2\"\n  }\n"));
}
