//! Every attribute of AWS: what changing it is said to do, and that the rendered objects agree.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};
use windlass_core::schema::{BlockSchema, OnChange, Presence};
use windlass_core::value::Value;

use crate::input::{aws, cluster, merge};
use crate::rendered::Objects;

/// One attribute: its path, what its change does, what must stand beside it, and two values.
type Row = (&'static str, OnChange, Json, Json, Json);

#[rustfmt::skip]
fn table() -> Vec<Row> {
    use OnChange::{Forbidden, InPlace, Recreate, Repave};
    let keys = || json!({"cloud": {"credentials": {"access_key_id": "AKIA1", "secret_access_key": "s"}}});
    let role = || json!({"cloud": {"credentials": {"role_arn": "arn:aws:iam::111122223333:role/capa"}}});
    let vpc = || json!({"cluster": {"vpc_id": "vpc-0123456789abcdef0", "subnet_ids": ["subnet-0123456789abcdef0"]}});
    let rule = || json!({"cluster": {"cni_ingress_rule": [{"description": "d", "protocol": "tcp", "from_port": 1, "to_port": 9}]}});
    let lookup = || json!({"os": {"image": null}, "cluster": {"image_lookup": {"owner": "1", "base_os": "ubuntu-24.04"}}});
    let volume = || json!({"pool": {"root_volume_gib": 80, "root_volume_type": "gp3", "root_volume_encrypted": true}});
    let spot = || json!({"pool": {"spot": true}});
    let none = || json!({});
    vec![
        ("cloud.region", Recreate, none(), json!("eu-west-1"), json!("eu-west-2")),
        ("cloud.credentials.access_key_id", InPlace, keys(), json!("AKIA1"), json!("AKIA2")),
        ("cloud.credentials.secret_access_key", InPlace, keys(), json!("s"), json!("t")),
        ("cloud.credentials.session_token", InPlace, keys(), json!(null), json!("t")),
        ("cloud.credentials.role_arn", InPlace, none(), json!(null), json!("arn:aws:iam::111122223333:role/capa")),
        ("cloud.credentials.external_id", InPlace, role(), json!("a"), json!("b")),
        ("cloud.credentials.session_name", InPlace, role(), json!("a"), json!("b")),

        ("cluster.vpc_id", Recreate, vpc(), json!("vpc-0123456789abcdef0"), json!("vpc-0123456789abcdef1")),
        ("cluster.subnet_ids", InPlace, vpc(), json!(["subnet-0123456789abcdef0"]), json!(["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"])),
        ("cluster.vpc_cidr", Recreate, none(), json!(null), json!("10.5.0.0/16")),
        ("cluster.availability_zones", Forbidden, none(), json!(["eu-west-1a"]), json!(["eu-west-1b"])),
        ("cluster.security_groups", InPlace, vpc(), json!(null), json!({"node": "sg-0123456789abcdef0"})),
        ("cluster.ssh_key_name", Repave, none(), json!(null), json!("admins")),
        ("cluster.tags", InPlace, none(), json!({"a": "b"}), json!({"a": "c"})),
        ("cluster.load_balancer.scheme", Recreate, none(), json!("internet-facing"), json!("internal")),
        ("cluster.load_balancer.type", Recreate, none(), json!("nlb"), json!("classic")),
        ("cluster.load_balancer.cross_zone", InPlace, none(), json!(false), json!(true)),
        ("cluster.cni_ingress_rule[].description", InPlace, rule(), json!("d"), json!("e")),
        ("cluster.cni_ingress_rule[].protocol", InPlace, rule(), json!("tcp"), json!("udp")),
        ("cluster.cni_ingress_rule[].from_port", InPlace, rule(), json!(1), json!(2)),
        ("cluster.cni_ingress_rule[].to_port", InPlace, rule(), json!(9), json!(8)),
        ("cluster.image_lookup.owner", Repave, lookup(), json!("1"), json!("2")),
        ("cluster.image_lookup.base_os", Repave, lookup(), json!("ubuntu-24.04"), json!("ubuntu-26.04")),
        ("cluster.image_lookup.format", Repave, lookup(), json!(null), json!("mine-{{.BaseOS}}-{{.K8sVersion}}")),

        ("machine.instance_type", Repave, none(), json!("m6i.large"), json!("m6i.xlarge")),
        ("machine.ami", Repave, none(), json!(null), json!("ami-0123456789abcdef0")),
        ("machine.root_volume_gib", Repave, none(), json!(null), json!(80)),
        ("machine.root_volume_type", Repave, json!({"pool": {"root_volume_gib": 80}}), json!("gp2"), json!("gp3")),
        ("machine.root_volume_iops", Repave, volume(), json!(3000), json!(4000)),
        ("machine.root_volume_throughput", Repave, volume(), json!(125), json!(250)),
        ("machine.root_volume_encrypted", Repave, json!({"pool": {"root_volume_gib": 80}}), json!(null), json!(true)),
        ("machine.root_volume_kms_key", Repave, volume(), json!(null), json!("alias/shop")),
        ("machine.subnet_id", Repave, none(), json!(null), json!("subnet-0123456789abcdef0")),
        ("machine.public_ip", Repave, none(), json!(false), json!(true)),
        ("machine.security_group_ids", Repave, none(), json!(null), json!(["sg-0123456789abcdef0"])),
        ("machine.iam_instance_profile", Repave, none(), json!(null), json!("shop-nodes")),
        ("machine.spot", Repave, none(), json!(false), json!(true)),
        ("machine.spot_max_price", Repave, spot(), json!(null), json!("0.05")),
        ("machine.tags", Repave, none(), json!(null), json!({"a": "b"})),
    ]
}

/// Everything of which a change replaces machines.
const MACHINES: [&str; 4] = ["control plane template", "pool template", "control plane kubeadm", "pool kubeadm"];
/// Everything of which a change does not.
const REST: [&str; 4] = ["manager credentials", "identity", "infrastructure", "cloud controller"];

fn paths(prefix: &str, schema: &BlockSchema, found: &mut Vec<(String, OnChange, bool)>) {
    found.extend(
        schema.attributes.iter().map(|attribute| (format!("{prefix}.{}", attribute.name), attribute.on_change, attribute.sensitive)),
    );
    for nested in schema.blocks {
        let many = if nested.count == windlass_core::schema::Count::Many { "[]" } else { "" };
        paths(&format!("{prefix}.{}{many}", nested.name), nested.body, found);
    }
}

fn all_paths() -> Vec<(String, OnChange, bool)> {
    let schema = aws().schema();
    let mut found = Vec::new();
    paths("cloud", schema.cloud, &mut found);
    paths("cluster", schema.cluster, &mut found);
    paths("machine", schema.machine, &mut found);
    found
}

/// The merge patch that sets an attribute; `machine` means the pool's.
fn setting(path: &str, value: &Json, beside: &Json) -> Json {
    let mut patch = beside.clone();
    if let Some(attribute) = path.strip_prefix("cluster.cni_ingress_rule[].") {
        patch["cluster"]["cni_ingress_rule"][0][attribute] = value.clone();
        return patch;
    }
    let path = path.replacen("machine.", "pool.", 1);
    let set = path.rsplit('.').fold(value.clone(), |inner, key| json!({ key: inner }));
    merge_keeping_nulls(&mut patch, &set);
    patch
}

fn merge_keeping_nulls(target: &mut Json, patch: &Json) {
    match (target, patch) {
        (Json::Object(target), Json::Object(patch)) => {
            for (key, value) in patch {
                merge_keeping_nulls(target.entry(key.clone()).or_insert(json!({})), value);
            }
        }
        (target, patch) => *target = patch.clone(),
    }
}

#[test]
fn every_attribute_has_a_row() {
    let rows: Vec<(String, OnChange)> = table().into_iter().map(|(path, on_change, ..)| (path.to_owned(), on_change)).collect();
    let schema: Vec<(String, OnChange)> = all_paths().into_iter().map(|(path, on_change, _)| (path, on_change)).collect();
    assert_eq!(rows, schema);
}

#[test]
fn a_change_touches_what_it_is_said_to_touch() {
    for (path, on_change, beside, before, after) in table() {
        let inputs = [before, after].map(|value| cluster(&setting(path, &value, &beside)));
        for input in &inputs {
            let errors: Vec<_> = aws().check(input).into_iter().filter(|diagnostic| diagnostic.is_error()).collect();
            assert!(errors.is_empty(), "{path}: {errors:?}");
        }
        let [before, after] = inputs.map(|input| Objects::of(&input));
        assert_eq!((before.faults(), after.faults()), (Vec::new(), Vec::new()), "{path}");
        let changed = |names: &[&str]| names.iter().any(|name| before.named(name) != after.named(name));
        match on_change {
            OnChange::Repave => assert!(changed(&MACHINES), "{path} replaces no machine"),
            OnChange::InPlace | OnChange::Recreate | OnChange::Forbidden => {
                assert!(!changed(&MACHINES), "{path} would replace machines");
                assert!(changed(&REST), "{path} changes nothing");
            }
        }
    }
}

/// What an attribute changes in a kind that can be patched has a row that keeps patches away from it.
#[test]
fn what_an_attribute_sets_is_owned() {
    let patchable = ["infrastructure", "control plane template", "pool template", "control plane kubeadm", "pool kubeadm"];
    let mut seen = BTreeSet::new();
    for (attribute, _, beside, before, after) in table() {
        let [before, after] = [before, after].map(|value| Objects::of(&cluster(&setting(attribute, &value, &beside))));
        for (before, after) in patchable.iter().flat_map(|name| before.named(name).into_iter().zip(after.named(name))) {
            let kind = before.get("kind").and_then(Value::as_str).expect("a kind");
            let mut changed = Vec::new();
            differences(Some(before), Some(after), &mut Vec::new(), &mut changed);
            for path in changed {
                let path: Vec<&str> = path.iter().map(String::as_str).collect();
                let owned = aws().owned_fields().iter().any(|field| field.kind == kind && path.starts_with(field.path));
                assert!(owned, "{attribute} sets {} of {kind}, which has no row", path.join("."));
                seen.insert(attribute);
            }
        }
    }
    assert!(seen.len() > 25, "{seen:?}");
}

/// Paths of the leaves in which two objects differ; a list is a leaf, since a patch replaces it as a whole.
fn differences(before: Option<&Value>, after: Option<&Value>, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    let names = |value: Option<&Value>| -> BTreeSet<String> {
        value.and_then(Value::as_entries).into_iter().flatten().map(|(name, _)| name.to_string()).collect()
    };
    let all: BTreeSet<String> = names(before).into_iter().chain(names(after)).collect();
    if all.is_empty() && before != after {
        found.push(path.clone());
    }
    for name in all {
        let inner = |value: Option<&Value>| value.and_then(|value| value.get(&name)).cloned();
        path.push(name.clone());
        differences(inner(before).as_ref(), inner(after).as_ref(), path, found);
        path.pop();
    }
}

#[test]
fn only_keys_are_sensitive() {
    let sensitive: Vec<String> = all_paths().into_iter().filter(|(_, _, sensitive)| *sensitive).map(|(path, ..)| path).collect();
    let keys = ["access_key_id", "secret_access_key", "session_token"].map(|key| format!("cloud.credentials.{key}"));
    assert_eq!(sensitive, keys);
}

#[test]
fn required_and_defaulted_attributes() {
    let mut found = Vec::new();
    let schema = aws().schema();
    for (block, schema) in [("cloud", schema.cloud), ("cluster", schema.cluster), ("machine", schema.machine)] {
        for attribute in schema.attributes {
            match attribute.presence {
                Presence::Required => found.push(format!("{block}.{} required", attribute.name)),
                Presence::Default(text) => found.push(format!("{block}.{} = {text}", attribute.name)),
                Presence::Optional => {}
            }
        }
    }
    assert_eq!(found, ["cloud.region required", "machine.instance_type required", "machine.public_ip = false", "machine.spot = false"]);
}

#[test]
fn the_smallest_input_is_valid() {
    let mut patch = json!({});
    merge(&mut patch, &json!({"cloud": {"region": "eu-west-1"}}));
    assert!(aws().check(&cluster(&patch)).is_empty());
}
