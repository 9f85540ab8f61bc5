//! `lifecycle { ignore_changes }`, from HCL to the annotations on objects, and what may not stand in it.

mod module;

use module::{BASE, GROUPS, cluster, wish};
use windlass_core::addr::{Address, Part};
use windlass_core::desired::Desired;
use windlass_core::marks::ANNOTATION_IGNORED;
use windlass_core::value::Value;

fn shop() -> Address {
    "cluster.shop".parse().expect("an address")
}

/// What is left alone of the objects of a resource: kind, paths.
fn left_alone(desired: &Desired, part: Option<Part>) -> Vec<(String, String)> {
    let address = part.map_or_else(shop, |part| shop().with(part));
    let objects = &desired.resources[&address].objects;
    let text = |value: &Value| value.get_path(&["metadata", "annotations", ANNOTATION_IGNORED]).and_then(Value::as_str).map(str::to_owned);
    objects.iter().filter_map(|object| Some((object.key.kind.clone(), text(&object.content)?))).collect()
}

/// A cluster with this in its block, in that of its pool, and in its addon.
fn module(inside: &str, pool: &str, addon: &str) -> String {
    let groups = GROUPS.replace("worker_pool \"general\" {", &format!("worker_pool \"general\" {{\n{pool}"));
    let web = "{ apiVersion = \"apps/v1\", kind = \"Deployment\", metadata = { name = \"web\", namespace = \"team\", labels = { \"a.b/c\" = \"d\" } }, \
        spec = { replicas = 3, selector = { matchLabels = { app = \"web\" } }, \
        template = { metadata = { labels = { app = \"web\" } }, spec = { tolerations = [{ key = \"a\", operator = \"Exists\" }], \
        containers = [{ name = \"web\", image = \"web:1\" }] } } } }";
    let secret = "{ apiVersion = \"v1\", kind = \"Secret\", metadata = { name = \"token\", namespace = \"team\" }, stringData = { token = var.token } }";
    let role =
        "{ apiVersion = \"rbac.authorization.k8s.io/v1\", kind = \"ClusterRole\", metadata = { name = \"team:reader\" }, rules = [] }";
    let addon = format!("  addon \"web\" {{\n    objects = [{web}, {secret}, {role}]\n{addon}  }}\n}}\n");
    let profile = BASE.trim_end().strip_suffix('}').expect("the profile's end").to_owned() + &addon;
    cluster(inside, &groups).replacen(BASE, &profile, 1)
}

fn ignoring(list: &str) -> String {
    format!("    lifecycle {{\n      ignore_changes = {list}\n    }}\n")
}

#[track_caller]
fn good(text: &str) -> Desired {
    let (desired, found) = wish(text);
    assert!(found.is_empty(), "{found:#?}\n{text}");
    desired
}

#[test]
fn what_is_left_alone_stands_on_the_objects() {
    let tags = "  tags = { team = \"a\", cost = \"b\" }\n";
    let one = |kind: &str, paths: &str| vec![(kind.to_owned(), paths.to_owned())];
    for (list, paths) in
        [("[tags]", r#"["spec.additionalTags.cost","spec.additionalTags.team"]"#), ("[tags[\"team\"]]", r#"["spec.additionalTags.team"]"#)]
    {
        let desired = good(&module(&(tags.to_owned() + &ignoring(list)), "", ""));
        assert_eq!(left_alone(&desired, None), one("AWSCluster", paths), "{list}");
    }
    let general = || Some(Part::WorkerPool("general".into()));
    for (list, paths) in
        [("[replicas]", r#"["spec.replicas"]"#), ("[failure_domain, replicas]", r#"["spec.replicas","spec.template.spec.failureDomain"]"#)]
    {
        let desired = good(&module("", &ignoring(list), ""));
        assert_eq!(left_alone(&desired, general()), one("MachineDeployment", paths), "{list}");
        assert_eq!(left_alone(&desired, None), []);
    }
    let web = || Some(Part::Layer("web".into()));
    for (entry, kind, paths) in [
        ("apps/Deployment/team/web:spec.replicas", "Deployment", r#"["spec.replicas"]"#),
        ("apps/Deployment/team/web:metadata.labels[\\\"a.b/c\\\"]", "Deployment", r#"["metadata.labels[\"a.b/c\"]"]"#),
        (
            "apps/Deployment/team/web:spec.template.spec.containers[name=\\\"web\\\"].image",
            "Deployment",
            r#"["spec.template.spec.containers[name=\"web\"].image"]"#,
        ),
        ("apps/Deployment/team/web:spec.template.spec.tolerations", "Deployment", r#"["spec.template.spec.tolerations"]"#),
        ("Secret/team/token:data.token", "Secret", r#"["data.token"]"#),
        ("rbac.authorization.k8s.io/ClusterRole/team:reader:rules", "ClusterRole", r#"["rules"]"#),
    ] {
        let desired = good(&module("", "", &ignoring(&format!("[\"{entry}\"]"))));
        assert_eq!(left_alone(&desired, web()), one(kind, paths), "{entry}");
    }
    assert_eq!(left_alone(&good(&module("", "", "")), web()), []);
}

#[test]
fn what_cannot_be_left_alone_is_told_at_its_place() {
    let in_cluster = |list: &str| module(&ignoring(list), "", "");
    let in_pool = |list: &str| module("", &ignoring(list), "");
    let in_layer = |entry: &str| module("", "", &ignoring(&format!("[\"{entry}\"]")));
    for (text, place, want) in [
        (
            in_cluster("[tag]"),
            "tag]",
            "WL0101 `ignore_changes` of `lifecycle` of cluster \"shop\" names `tag`, which is none |  | did you mean `tags`?",
        ),
        (
            in_cluster("[ssh_authorized_keys]"),
            "ssh_auth",
            "WL0207 `ssh_authorized_keys` cannot stand in `ignore_changes` of `lifecycle` of cluster \"shop\" | Machines are made from it",
        ),
        (
            in_cluster("[pod_cidr]"),
            "pod_cidr",
            "WL0207 `pod_cidr` cannot stand in `ignore_changes` of `lifecycle` of cluster \"shop\" | It stays as it is",
        ),
        (in_cluster("[vpc_id]"), "vpc_id", "WL0207 `vpc_id` cannot stand in"),
        (
            in_cluster("[profiles]"),
            "profiles]",
            "WL0207 `profiles` cannot stand in `ignore_changes` of `lifecycle` of cluster \"shop\" | Windlass itself goes by it",
        ),
        (
            in_cluster("[worker_pool]"),
            "worker_pool]",
            "WL0207 `worker_pool` cannot stand in `ignore_changes` of `lifecycle` of cluster \"shop\" | Worker pools have a `lifecycle` of their own",
        ),
        (
            in_cluster("[tags.a.b]"),
            "tags.a.b",
            "WL0101 `ignore_changes` of `lifecycle` of cluster \"shop\" names `tags.a.b`, which is none |  | name the attribute as a whole",
        ),
        (
            in_pool("[replica]"),
            "replica]",
            "WL0101 `ignore_changes` of `lifecycle` of worker_pool \"general\" of cluster \"shop\" names `replica`, which is none |  | did you mean `replicas`?",
        ),
        (in_pool("[machine.instance_type]"), "machine.instance_type", "WL0207 `machine.instance_type` cannot stand in"),
        (
            in_pool("[machine.instance_typ]"),
            "machine.instance_typ",
            "WL0101 `ignore_changes` of `lifecycle` of worker_pool \"general\" of cluster \"shop\" names `machine.instance_typ`, which is none |  | did you mean `instance_type`?",
        ),
        (in_pool("[labels]"), "labels]", "WL0207 `labels` cannot stand in"),
        (
            in_pool("[\"replicas\"]"),
            "\"replicas\"]",
            "WL0117 `ignore_changes` of `lifecycle` of worker_pool \"general\" of cluster \"shop\" takes names of attributes |  | write them without quotes",
        ),
        (in_pool("all"), "all", "WL0211 `ignore_changes = all` is not supported"),
        (
            in_pool("replicas"),
            "replicas",
            "WL0117 `ignore_changes` of `lifecycle` of worker_pool \"general\" of cluster \"shop\" is not a list",
        ),
        (
            in_layer("apps/Deployment/team/wep:spec.replicas"),
            "\"apps/",
            "WL0100 `ignore_changes` of layer \"web\" names \"apps/Deployment/team/wep:spec.replicas\", and no object of it has that name |  | did you mean `apps/Deployment/team/web`?",
        ),
        (
            in_layer("apps/Deployment/team/web:spec.replica"),
            "\"apps/",
            "WL0101 `ignore_changes` of layer \"web\": apps/Deployment/team/web has no `spec.replica` |  | did you mean `spec.replicas`?",
        ),
        (
            in_layer("apps/Deployment/team/web:spec.template.spec.containers[0].image"),
            "\"apps/",
            "WL0101 `ignore_changes` of layer \"web\": apps/Deployment/team/web has no `spec.template.spec.containers[0].image` |  | did you mean `spec.template.spec.containers[name=\"web\"].image`?",
        ),
        (
            in_layer("apps/Deployment/team/web:spec.template.spec.tolerations[0].key"),
            "\"apps/",
            "WL0207 `ignore_changes` of layer \"web\": `spec.template.spec.tolerations` of apps/Deployment/team/web can only be left alone as a whole",
        ),
        (
            in_layer("apps/Deployment/team/web:metadata.labels"),
            "\"apps/",
            "WL0207 `ignore_changes` of layer \"web\": `metadata.labels` of apps/Deployment/team/web is what windlass knows the object by",
        ),
        (in_layer("apps/Deployment/team/web:kind"), "\"apps/", "WL0207"),
        (in_layer("apps/Deployment/team/web"), "\"apps/", "WL0100"),
    ] {
        let (_, found) = wish(&text);
        let start = text.find("ignore_changes").and_then(|at| Some(at + text[at..].find(place)?)).expect("it is there");
        let line = text[..start].matches('\n').count() + 1;
        let fits =
            |one: &String| one.starts_with(&format!("{line}:")) && one.split_once(' ').is_some_and(|(_, rest)| rest.starts_with(want));
        assert!(found.len() == 1 && found.iter().all(fits), "found {found:#?}\nwanted {line}: {want:?}");
    }
}

#[test]
fn a_pool_and_a_layer_have_no_other_guards_and_one_block() {
    let (_, found) = wish(&module("", "    lifecycle {\n      prevent_destroy = true\n    }\n", ""));
    assert!(
        matches!(&found[..], [one] if one.contains("`lifecycle` of worker_pool \"general\" of cluster \"shop\" has no attribute `prevent_destroy`")),
        "{found:#?}"
    );
    let (_, found) = wish(&module("", &ignoring("[replicas]").repeat(2), ""));
    assert!(matches!(&found[..], [one] if one.contains("may have one `lifecycle` block only")), "{found:#?}");
}

/// The annotation says what was asked for in the configuration, and nothing else.
#[test]
fn a_manifest_leaves_nothing_alone_by_itself() {
    let own = format!("labels = {{ \"a.b/c\" = \"d\" }}, annotations = {{ \"{ANNOTATION_IGNORED}\" = \"[\\\"spec.replicas\\\"]\" }}");
    let (desired, found) = wish(&module("", "", "").replace("labels = { \"a.b/c\" = \"d\" }", &own));
    assert!(matches!(&found[..], [one] if one.contains("WL0218") && one.contains(ANNOTATION_IGNORED)), "{found:#?}");
    assert_eq!(left_alone(&desired, Some(Part::Layer("web".into()))), []);
}
