//! What a configuration may not say, though each attribute has the right type: names, owners, labels, addresses, keys.

mod module;

use module::{BASE, GROUPS, cluster, wish};
use windlass_core::config::parse_variable_file;
use windlass_core::diag::{Code, Diagnostics, SourceMap};
use windlass_core::encode::{DigestKey, Encoder};

/// Faults whose text begins like that, and no others.
fn refused(text: &str, want: &[&str]) {
    let (_, found) = wish(text);
    let fits = found.len() == want.len() && found.iter().zip(want).all(|(found, want)| found.starts_with(want));
    assert!(fits, "found {found:#?}\nwanted {want:#?}\nfor\n{text}");
}

/// Line of the cluster's third line in `cluster(…)`.
fn line() -> usize {
    BASE.matches('\n').count() + 4
}

#[test]
fn a_cluster_has_a_namespace_of_its_own() {
    let at = line();
    for (namespace, owner) in [
        ("kube-system", "Kubernetes' own"),
        ("kube-public", "Kubernetes' own"),
        ("kube-node-lease", "Kubernetes' own"),
        ("windlass-system", "windlass's own"),
        ("cert-manager", "cert-manager's"),
        ("capi-system", "that of provider \"cluster-api\""),
        ("capi-kubeadm-control-plane-system", "that of provider \"control-plane-kubeadm\""),
        ("capa-system", "that of provider \"aws\""),
    ] {
        let text = cluster(&format!("  namespace = \"{namespace}\"\n"), GROUPS);
        refused(&text, &[&format!("{at}:15 WL0208 cluster.shop cannot have its objects in namespace {namespace:?}, which is {owner}")]);
    }
    refused(&cluster("  namespace = \"default\"\n", GROUPS), &[]);
    let want = format!("{}:9 WL0208 cluster.kube-system cannot have its objects in namespace \"kube-system\"", at - 3);
    refused(&cluster("", GROUPS).replace("cluster \"shop\"", "cluster \"kube-system\""), &[&want]);
}

#[test]
fn two_clusters_share_no_namespace_but_default() {
    let two = |namespace: &str| {
        let inside = format!("  namespace = \"{namespace}\"\n");
        let one = cluster(&inside, GROUPS);
        let other = cluster(&inside, GROUPS).replace(BASE, "").replace("\"shop\"", "\"store\"");
        format!("{one}{other}")
    };
    let (_, found) = wish(&two("teams"));
    assert!(
        matches!(found.as_slice(), [one] if one.contains("WL0216 cluster.shop and cluster.store both hold Namespace teams")),
        "{found:#?}"
    );
    refused(&two("default"), &[]);
}

#[test]
fn an_object_has_one_owner_on_a_plane() {
    let layer = |kind: &str, api: &str, metadata: &str| {
        let text = cluster("", GROUPS);
        let addon = format!(
            "  addon \"x\" {{\n    objects = [{{ apiVersion = \"{api}\", kind = \"{kind}\", metadata = {{ {metadata} }} }}]\n  }}\n}}\ncluster"
        );
        text.replace("}\ncluster", &addon)
    };
    let at = format!("{}:16", line() - 3);
    let both = |other: &str, what: &str| format!("{at} WL0216 {other} and cluster.shop.layer[\"x\"] both hold {what}");
    let ours = |what: &str| format!("{at} WL0208 layer \"x\" of cluster.shop cannot hold {what}: windlass-system is windlass's own");
    let own = both("cluster.shop", "Namespace shop");
    let provider = both("management.sandbox.provider[\"aws\"]", "Namespace capa-system");
    refused(&layer("Namespace", "v1", "name = \"windlass-system\""), &[&ours("Namespace windlass-system")]);
    refused(&layer("ConfigMap", "v1", "name = \"n\", namespace = \"windlass-system\""), &[&ours("ConfigMap windlass-system/n")]);
    refused(&layer("Namespace", "v1", "name = \"shop\""), &[&own]);
    refused(&layer("Namespace", "v1", "name = \"capa-system\""), &[&provider]);
    let same = format!("{at} WL0216 layers \"n\" and \"x\" both hold ConfigMap kube-system/n");
    refused(&layer("ConfigMap", "v1", "name = \"n\", namespace = \"kube-system\""), &[&same]);
    // Without the pivot nothing of the management plane is in the cluster.
    let apart = layer("Namespace", "v1", "name = \"capa-system\"").replace("  profiles = ", "  pivot = false\n  profiles = ");
    refused(&apart, &[]);
}

#[test]
fn names_are_refused_where_they_are_written_and_once() {
    let at = line();
    let want = format!("{}:15 WL0208 the name \"shop-General\" of worker_pool \"General\" is not a DNS label", at + 6);
    refused(&cluster("", &GROUPS.replace("\"general\"", "\"General\"")), &[&want]);
    let want = format!("{at}:14 WL0208 the Kubernetes name of cluster.shop[\"Eu\"] is not a DNS label: \"shop-Eu\"");
    refused(&cluster("  for_each = toset([\"Eu\"])\n", GROUPS), &[&want]);
    let want = format!("{}:9 WL0208 the Kubernetes name of cluster.Shop is not a DNS label", at - 3);
    refused(&cluster("", GROUPS).replace("cluster \"shop\"", "cluster \"Shop\""), &[&want]);
    let want = format!("{at}:10 WL0208 the Kubernetes name of cluster.shop is not a DNS label: \"Shop_1\"");
    refused(&cluster("  name = \"Shop_1\"\n", GROUPS), &[&want]);
}

/// What was refused for good is not what somebody has meant.
#[test]
fn no_hint_offers_what_is_refused() {
    for text in [
        cluster("  counts = 2\n", GROUPS),
        cluster("  nothing_like_it_at_all = 2\n", GROUPS),
        cluster("", GROUPS).replace("  region = ", "  counts = 2\n  region = "),
    ] {
        let (_, found) = wish(&text);
        let hint = found.first().and_then(|found| found.rsplit(" | ").next()).expect("a hint");
        let mut words = hint.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        assert!(found.len() == 1 && !hint.is_empty() && words.all(|word| word != "count"), "{found:#?}");
    }
}

/// Versions of providers are checked, whoever installs these.
#[test]
fn providers_of_the_management_plane_are_known_by_name_and_version() {
    let plane = |inside: &str| {
        let block = format!("management \"real\" {{\n  install_providers = false\n{inside}}}\n");
        cluster("", GROUPS) + &block
    };
    let provider = |name: &str, version: &str| format!("  provider \"{name}\" {{\n    version = \"{version}\"\n  }}\n");
    refused(&plane(&provider("cluster-api", "v1.14.2")), &[]);
    for (inside, want) in [
        (provider("cluster-api", "v1.2.3"), "WL0212 version \"v1.2.3\" of provider \"cluster-api\" is not known"),
        (provider("awz", "v1.2.3"), "WL0100 there is no provider \"awz\""),
        (provider("cluster-api", "v1.14.2").repeat(2), "WL0202 provider \"cluster-api\" is described twice"),
    ] {
        let (_, found) = wish(&plane(&inside));
        assert!(matches!(found.as_slice(), [one] if one.contains(want)), "{found:#?}");
    }
}

#[test]
fn labels_taints_and_keys_are_those_of_kubernetes() {
    let at = line() + 7;
    let pool = |inside: &str| cluster("", &GROUPS.replace("worker_pool \"general\" {\n", &format!("worker_pool \"general\" {{\n{inside}")));
    for (inside, want) in [
        (
            "    labels = { a = \"b,admin=true\" }\n",
            ":14 WL0207 \"b,admin=true\" is no value of label \"a\" in `labels` of worker_pool \"general\"",
        ),
        ("    labels = { \"a=b,c\" = \"d\" }\n", ":14 WL0207 \"a=b,c\" is no key of a label"),
        (
            "    labels = { \"node-role.kubernetes.io/x\" = \"\" }\n",
            ":14 WL0207 no kubelet may set the label \"node-role.kubernetes.io/x\"",
        ),
        ("    taint {\n      key = \"a b\"\n      effect = \"NoSchedule\"\n    }\n", ":13 WL0207 \"a b\" is no key of a taint"),
        (
            "    taint {\n      value = \"a:b\"\n      key = \"a\"\n      effect = \"NoSchedule\"\n    }\n",
            ":15 WL0207 \"a:b\" is no value of a taint",
        ),
        ("    taint {\n      effect = \"Never\"\n      key = \"a\"\n    }\n", ":16 WL0207 \"Never\" is no effect of a taint"),
    ] {
        let line = if inside.contains("taint") { at + 1 } else { at };
        refused(&pool(inside), &[&format!("{line}{want}")]);
    }
    let (_, found) = wish(&cluster("  ssh_authorized_keys = [\"ssh-ed25519 AAAA\", \"hunter2\"]\n", GROUPS));
    let want = format!("{}:25 WL0207 `ssh_authorized_keys[1]` of cluster \"shop\" is no OpenSSH public key", line());
    assert!(matches!(found.as_slice(), [one] if one.starts_with(&want) && !one.contains("hunter2")), "{found:#?}");
}

#[test]
fn blocks_of_addresses_are_apart_and_said_with_their_origin() {
    let at = line();
    let (_, found) = wish(&cluster("  pod_cidr = \"10.130.0.0/16\"\n", GROUPS));
    let want = [format!(
        "{at}:14 WL0207 addresses of pods and services of cluster \"shop\" overlap | `pod_cidr` is 10.130.0.0/16 (as written), `service_cidr` is 10.128.0.0/12 (the default)."
    )];
    assert!(found.len() == 1 && found[0].starts_with(&want[0]), "{found:#?}");
    let (_, found) = wish(&cluster("  service_cidr = \"fd00::/108\"\n", GROUPS));
    assert!(
        found[0].starts_with(&format!("{at}:18 WL0207 pods and services of cluster \"shop\" have addresses of different families")),
        "{found:#?}"
    );
    // The user wrote the other one: that is where to look.
    let (_, found) = wish(&cluster("  pod_cidr = \"10.0.0.0/17\"\n", GROUPS));
    let want = format!(
        "{at}:14 WL0351 `vpc_cidr` of cluster.shop overlaps with the addresses of pods | `vpc_cidr` is 10.0.0.0/16 (the default), `pod_cidr` is 10.0.0.0/17 (as written)."
    );
    assert!(found.len() == 1 && found[0].starts_with(&want), "{found:#?}");
}

#[test]
fn kubectl_s_copy_of_a_secret_stands_in_no_plan() {
    let canary = "c4n4ry";
    let secret = format!(
        "{{ apiVersion = \"v1\", kind = \"Secret\", metadata = {{ name = \"s\", namespace = \"kube-system\", annotations = {{ keep = \"x\", \"kubectl.kubernetes.io/last-applied-configuration\" = \"{{\\\"stringData\\\":{{\\\"a\\\":\\\"{canary}\\\"}}}}\" }} }}, stringData = {{ a = \"{canary}\" }} }}"
    );
    let text = cluster("", GROUPS).replacen("objects = [", &format!("objects = [{secret}, "), 1);
    let (desired, found) = wish(&text);
    assert!(
        matches!(found.as_slice(), [one] if one.contains("WL0218 an annotation of Secret kube-system/s in cluster.shop.layer[\"n\"] is left out")),
        "{found:#?}"
    );
    let mut seen = 0;
    for resource in desired.resources.values() {
        for object in &resource.objects {
            let json =
                Encoder { key: &DigestKey([1; 32]) }.object(object, &resource.address, true, None, &mut Diagnostics::new()).to_string();
            assert!(!json.contains(canary), "{json}");
            seen += json.matches("\"keep\"").count();
        }
    }
    assert_eq!(seen, 1);
}

/// `line:column` of the first place of a text.
fn place_of(text: &str, what: &str) -> String {
    let before = &text[..text.find(what).expect("it is there")];
    format!("{}:{}", before.matches('\n').count() + 1, before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1)
}

#[test]
fn what_is_shown_of_an_object_is_not_sensitive() {
    let open = "{ apiVersion = \"v1\", kind = \"ConfigMap\", metadata = { name = \"n\", namespace = \"kube-system\" } }";
    let with = |inside: &str| format!("{{ apiVersion = \"v1\", kind = \"ConfigMap\", metadata = {{ {inside} }} }}");
    let text = |objects: &str| cluster("", GROUPS).replacen(&format!("[{open}]"), objects, 1);
    let header = place_of(&text(""), "network \"n\"");
    for (object, place) in [
        ("sensitive({ apiVersion = \"v1\", kind = \"C4N4RY\" })".to_owned(), "an object"),
        ("yamldecode(\"kind: ${var.token}\")".to_owned(), "an object"),
        ("{ apiVersion = \"v1\", kind = var.token, metadata = { name = \"n\" } }".to_owned(), "`kind` of an object"),
        ("{ apiVersion = \"v1\", kind = \"ConfigMap\", metadata = sensitive({ name = \"n\" }) }".to_owned(), "`metadata` of an object"),
        (with("name = var.token"), "`metadata.name` of an object"),
        (with("name = \"n\", namespace = var.token"), "`metadata.namespace` of an object"),
        (with("name = \"n\", labels = { (var.token) = \"x\" }"), "`metadata.labels` of an object"),
        (with("name = \"n\", annotations = sensitive({ C4N4RY = \"x\" })"), "`metadata.annotations` of an object"),
    ] {
        refused(&text(&format!("[{object}]")), &[&format!("{header} WL0115 {place} of network \"n\" of profile \"base\" is sensitive")]);
    }
    let whole = format!("{header} WL0115 `objects` of network \"n\" of profile \"base\" is sensitive as a whole");
    refused(&text("sensitive([{ kind = \"C4N4RY\" }])"), &[&whole]);
    for (values, place) in [("sensitive({ base = {} })", "profile_values"), ("{ base = sensitive({ C4N4RY = 1 }) }", "profile_values.base")]
    {
        let (_, found) = wish(&cluster(&format!("  profile_values = {values}\n"), GROUPS));
        let want = format!("WL0115 `{place}` of cluster.shop is sensitive as a whole");
        assert!(matches!(found.as_slice(), [one] if one.contains(&want) && !one.contains("C4N4RY")), "{found:#?}");
    }
}

#[test]
fn the_name_of_a_layer_is_a_dns_label() {
    let long = "x".repeat(51);
    for name in ["a_b", "UP", "é", "-", "a/b", "Sh op", "a?dryRun=All", long.as_str()] {
        let profile = cluster("", GROUPS).replacen("network \"n\"", &format!("network \"{name}\""), 1);
        let place = place_of(&profile, &format!("\"{name}\""));
        let (_, found) = wish(&profile);
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(found[0].starts_with(&format!("{place} WL0208 {name:?} is no name of a layer")), "{place}: {found:#?}");
    }
}

#[test]
fn a_fault_in_a_sensitive_default_does_not_tell_it() {
    for (ty, default) in [("number", "\"C4N4RY\""), ("map(number)", "{ C4N4RY = [] }"), ("string", "{ a = 1 }.C4N4RY")] {
        let block = format!("variable \"pin\" {{\n  type      = {ty}\n  sensitive = true\n  default   = {default}\n}}\n");
        let text = format!("{}{block}", cluster("", GROUPS));
        let (_, found) = wish(&text);
        let header = place_of(&text, "variable \"pin\"");
        let unseen = |one: &String| {
            one.starts_with(&format!("{header} ")) && one.contains("the default of variable \"pin\" has a fault") && !one.contains("C4N4RY")
        };
        assert!(!found.is_empty() && found.iter().all(unseen), "{found:#?}\nfor {default}");
    }
}

/// Codes and places of all faults.
fn codes(text: &str) -> Vec<String> {
    let (_, found) = wish(text);
    found.iter().map(|found| found.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn a_fault_hides_no_other_and_brings_none() {
    let at = line();
    // Three faults of one cluster, and nothing that only follows from them.
    let text = cluster("", &GROUPS.replace("control_plane", "contol_plane"))
        .replace("aws.main\n", "aws.mian\n")
        .replace("[profile.base]", "[profile.bse]");
    let want = [format!("{}:14 WL0101", at - 2), format!("{}:15 WL0100", at - 1), format!("{}:3 WL0200", at + 1)];
    let found = codes(&text);
    assert_eq!(found.len(), 3, "{:#?}", wish(&text).1);
    assert!(found.iter().zip(&want).all(|(found, want)| found.split(' ').nth(1) == want.split(' ').nth(1)), "{found:?} {want:?}");
    // A block that cannot be read is not missed by those that refer to it, and theirs are told.
    let text = cluster("", GROUPS).replace("  version = \"1.0.0\"\n", "  version = \n") + "output \"x\" {\n  value = 1 / 0\n}\n";
    let found = codes(&text);
    assert_eq!(found.iter().map(|found| &found[found.len() - 6..]).collect::<Vec<_>>(), ["WL0010", "WL0106"], "{:#?}", wish(&text).1);
    for (spoilt, user) in [
        ("variable \"v\" { default = }", "output \"x\" { value = var.v }"),
        ("locals { a = {(v)=1,(v)=2} }", "output \"x\" { value = local.a }"),
        ("cloud \"aws\" \"b\" { region = }", "output \"x\" { value = cloud.aws.b }"),
        ("cluster \"b\" { name = 'x' }", "output \"x\" { value = cluster.b.endpoint }"),
        ("? ", "output \"x\" { value = local.a }"),
    ] {
        let text = format!("{}{spoilt}\n{user}\noutput \"y\" {{ value = nofunc() }}\n", cluster("", GROUPS));
        let (_, found) = wish(&text);
        assert!(found.len() == 2 && found.iter().any(|found| found.contains("WL0102")), "{text}\n{found:#?}");
    }
}

/// One fault for each line of `faults`, as `code words`, in any order, and none besides.
fn tells(text: &str, faults: &[&str]) {
    let (_, found) = wish(text);
    let told = |fault: &&&str| {
        let (code, words) = fault.split_once(' ').expect("a code and words");
        found.iter().filter(|found| found.contains(code) && found.contains(words)).count() == 1
    };
    let missing: Vec<_> = faults.iter().filter(|fault| !told(fault)).collect();
    assert!(missing.is_empty() && found.len() == faults.len(), "missing {missing:#?} in {found:#?}\nfor\n{text}");
}

#[test]
fn an_error_anywhere_hides_none_that_can_be_judged() {
    let wrong_output = "output \"x\" {\n  value = local.zz\n}\n";
    let addon = |objects: &str| format!("  addon \"a\" {{\n    objects = [{objects}]\n  }}\n}}\ncluster");
    let with = |inside: &str, objects: &str| {
        let text = cluster(inside, GROUPS);
        if objects.is_empty() { text } else { text.replace("}\ncluster", &addon(objects)) }
    };
    let upper = "WL0208 not a DNS label: \"UPPER\"";
    let map = "{ apiVersion = \"v1\", kind = \"ConfigMap\", metadata = { name = \"m\", namespace = \"default\" }";
    for (text, faults) in [
        (with("  name = \"UPPER\"\n", "") + wrong_output, &["WL0100 `zz`", upper][..]),
        (with("  name = \"UPPER\"\n  pivt = true\n", ""), &["WL0101 `pivt`", upper][..]),
        (with("  name = \"UPPER\"\n", "{ kind = \"x\" }"), &[upper, "WL0215 has no apiVersion"][..]),
        // What has a fault is not missed, and neither is what is made of it.
        (
            with("  name = local.zz\n", "{ apiVersion = \"v1\", kind = \"ConfigMap\", metadata = { name = target.name } }"),
            &["WL0100 `zz`"][..],
        ),
        (with("  pod_cidr = local.zz\n  vpc_cidr = local.yy\n", ""), &["WL0100 `zz`", "WL0100 `yy`"][..]),
        (with("  pod_cird = \"x\"\n", ""), &["WL0101 `pod_cird`"][..]),
        (
            with("", &format!("{map}, data = local.zz }}, {map}, dta = {{}} }}").replacen("\"m\"", "\"k\"", 1)),
            &["WL0100 `zz`", "WL0410 dta"],
        ),
        (with("", "local.zz, { kind = \"x\" }"), &["WL0100 `zz`", "WL0215 has no apiVersion"][..]),
        (with("", "").replace("eu-west-1", "europe"), &["WL0350 no region"][..]),
        (with("", "").replace("cloud.aws.main", "cloud.aws.mian").replace("shop", "SHOP"), &["WL0101 mian", "WL0208 \"SHOP\""][..]),
        (with("", "").replacen("instance_type = \"m6i.large\"", "instance_type = null", 1), &["WL0204 lacks `instance_type`"][..]),
        (with("", "").replacen("instance_type = \"m6i.large\"", "instance_tipe = \"x\"", 1), &["WL0101 instance_tipe"][..]),
        (with("", "").replacen("instance_type =", "ami = \"foo\"\n      instance_type =", 1), &["WL0350 `ami`"][..]),
        (with("", "").replacen("control_plane {", "control_plane {\n    replicas = -1", 1), &["WL0207 1, 3 or 5 replicas, not -1"][..]),
        (
            with("", "").replacen("control_plane {", "control_plane {\n    replicas = 2", 1).replacen("m6i.large", "x", 1),
            &["WL0207 1, 3 or 5", "WL0350 \"x\""],
        ),
        (with("  dynamic \"x\" {\n  }\n", ""), &["WL0211 write each of its blocks out"][..]),
        (with("", "").replace("[profile.base]", "[profile.base, profile.base]"), &["WL0207 name it once"][..]),
    ] {
        tells(&text, faults);
    }
}

#[test]
fn faults_of_layers_point_at_what_is_wrong() {
    let text = cluster("", GROUPS);
    let header = line() - 4;
    let layer = |inside: &str| text.replace("}\ncluster", &format!("  addon \"a\" {{\n{inside}  }}\n}}\ncluster"));
    let map = "{ apiVersion = \"v1\", kind = \"ConfigMap\", metadata = { namespace = \"default\", name = ";
    for (inside, place, says) in [
        (
            format!("    objects = [\n      {map}\"a\" }} }},\n      {map}\"b\" }}, dta = {{}} }},\n    ]\n"),
            format!("{}:7 WL0410", header + 3),
            "did you mean `data`?",
        ),
        (format!("    objects = [{map}\"A_b\" }} }}]\n"), format!("{}:16 WL0410", header + 1), "metadata.name: \"A_b\""),
        (
            format!("    depends_on = [addon.zz]\n    objects = [{map}\"a\" }} }}]\n"),
            format!("{}:19 WL0100", header + 1),
            "layers of it are a, n, s",
        ),
        // The line of a Secret is not shown.
        (
            "    objects = [{ apiVersion = \"v1\", kind = \"Secret\", metadata = { name = \"a\", namespace = \"b\" }, dta = {} }]\n"
                .to_owned(),
            format!("{header}:3 WL0410"),
            "did you mean `data`?",
        ),
    ] {
        let (_, found) = wish(&layer(&inside));
        assert!(matches!(found.as_slice(), [one] if one.starts_with(&place) && one.contains(says)), "{place} {says}\n{found:#?}");
    }
    let (_, found) = wish(&cluster("  profile_values = { base = { z = 1 } }\n", GROUPS));
    assert!(matches!(found.as_slice(), [one] if one.starts_with(&format!("{}:20 WL0100", line()))), "{found:#?}");
    let variable = "  version = \"1.0.0\"\n  variable \"x\" {\n  }\n";
    let (_, found) = wish(&text.replace("  version = \"1.0.0\"\n", variable));
    assert!(matches!(found.as_slice(), [one] if one.contains("`profile_values = { base = { … } }`")), "{found:#?}");
}

#[test]
fn for_each_with_a_fault_is_one_fault_and_its_block_is_checked() {
    let at = line();
    let (_, found) = wish(&cluster("  for_each = toset([cluster.shop2.endpoint])\n  pod_cird = \"x\"\n", GROUPS));
    assert!(found.iter().any(|found| found.contains("WL0101") && found.contains("pod_cird")), "{found:#?}");
    let other = cluster("", GROUPS).replace(BASE, "").replace("\"shop\"", "\"other\"");
    let text = cluster("  for_each = toset([cluster.other.endpoint])\n", GROUPS)
        + &other
        + "output \"e\" {\n  value = cluster.shop[\"x\"].name\n}\n";
    refused(&text, &[&format!("{at}:14 WL0116 `for_each` is not known before apply")]);
    // The same beside another fault.
    let (_, found) = wish(&format!("{text}output \"f\" {{\n  value = local[0]\n}}\n"));
    assert!(found.len() == 2 && found.iter().any(|found| found.contains("WL0100 there is no local value `0`")), "{found:#?}");
}

#[test]
fn files_of_values_hold_plain_data() {
    let mut sources = SourceMap::new();
    let (_, found) = parse_variable_file(&mut sources, "x.wlvars.hcl", b"a = [1, upper(\"x\")]\nb = 2\n");
    let place = found.iter().next().and_then(|found| sources.locate(found.primary?)).map(|place| (place.line, place.column));
    assert_eq!((found.iter().map(|found| found.code).collect::<Vec<_>>(), place), (vec![Code::NOT_STATIC], Some((1, 9))));
    let (_, found) = parse_variable_file(&mut sources, "y.wlvars.hcl", b"b = 2\na = \n");
    let told: Vec<_> =
        found.iter().map(|found| (found.summary.as_str(), sources.locate(found.primary.unwrap()).map(|at| at.line))).collect();
    assert_eq!(told, [("the line ends too early", Some(2))]);
    let (_, found) = parse_variable_file(&mut sources, "z.wlvars.json", b"{\n\"a\": 1,\n");
    assert!(found.iter().all(|found| !found.summary.contains(":0:") && !found.summary.contains(":0 ")), "{found:?}");
}
