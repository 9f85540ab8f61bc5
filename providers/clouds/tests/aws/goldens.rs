//! Rendered objects, byte for byte; each of them is also valid by the facts.

use serde_json::{Value as Json, json};

use crate::input::cluster;
use crate::rendered::Objects;

const CANARY: &str = "wJalrXUtnFEMI/K7MDENG";

fn check(name: &str, patch: &Json, parts: &[&str]) {
    let objects = Objects::of(&cluster(patch));
    assert_eq!(objects.faults(), Vec::<String>::new(), "{name}");
    insta::assert_snapshot!(name, objects.text(parts));
}

const CLUSTER: [&str; 4] = ["identity", "infrastructure", "control plane template", "pool template"];

/// What `clusterctl generate cluster` gives for the default flavor, in today's versions.
#[test]
fn the_default_flavor() {
    check(
        "default",
        &json!({}),
        &[
            "manager credentials",
            "identity",
            "infrastructure",
            "control plane template",
            "pool template",
            "control plane kubeadm",
            "pool kubeadm",
            "cloud controller",
        ],
    );
}

#[test]
fn a_network_of_its_own() {
    let rule = json!({"description": "Cilium VXLAN", "protocol": "udp", "from_port": 8472, "to_port": 8472});
    check(
        "own_network",
        &json!({
            "cloud": {"credentials": {"role_arn": "arn:aws:iam::111122223333:role/capa", "external_id": "42", "session_name": "windlass"}},
            "cluster": {
                "vpc_cidr": "10.20.0.0/16",
                "availability_zones": ["eu-west-1a", "eu-west-1b"],
                "tags": {"team": "shop"},
                "ssh_key_name": "admins",
                "load_balancer": {"scheme": "internal", "cross_zone": true},
                "cni_ingress_rule": [rule],
                "image_lookup": {"owner": "111122223333", "base_os": "ubuntu-24.04"},
            },
            "os": {"image": null},
            "zone": "eu-west-1b",
            "pool": {
                "root_volume_gib": 80, "root_volume_type": "gp3", "root_volume_iops": 4000, "root_volume_throughput": 250,
                "root_volume_encrypted": true, "root_volume_kms_key": "alias/shop",
                "spot": true, "spot_max_price": "0.05", "tags": {"pool": "general"}, "public_ip": true,
            },
        }),
        &CLUSTER,
    );
}

#[test]
fn an_existing_network_and_static_keys() {
    check(
        "existing_network",
        &json!({
            "cloud": {"credentials": {
                "access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": CANARY, "session_token": CANARY,
                "role_arn": "arn:aws:iam::111122223333:role/capa",
            }},
            "cluster": {
                "vpc_id": "vpc-0425c335226437144",
                "subnet_ids": ["subnet-0261219d564bb0dc5", "subnet-0fdcccba78668e013"],
                "security_groups": {"controlplane": "sg-0350a3507a5ad2c5c", "node": "sg-0350a3507a5ad2c5d"},
                "load_balancer": {"type": "classic"},
            },
            "pool": {
                "ami": "ami-0011223344556677a", "subnet_id": "subnet-0261219d564bb0dc5", "spot": true,
                "security_group_ids": ["sg-0350a3507a5ad2c5e"], "iam_instance_profile": "shop-nodes",
            },
        }),
        &CLUSTER,
    );
}

/// The os layer's images: region and minor go before the region, the region before the one image, the machine's own before all.
#[test]
fn the_image_of_a_pool() {
    let table = [
        (json!({}), "ami-00000000000000001"),
        (json!({"os": {"images": {"eu-west-1": "ami-00000000000000002"}}}), "ami-00000000000000002"),
        (
            json!({"os": {"images": {"eu-west-1": "ami-00000000000000002", "eu-west-1/1.34": "ami-00000000000000003"}}}),
            "ami-00000000000000003",
        ),
        (json!({"os": {"images": {"eu-west-1/1.33": "ami-00000000000000003"}}}), "ami-00000000000000001"),
        (json!({"os": {"images": {"eu-west-1/1.33": "ami-00000000000000003"}}, "version": "1.33.7"}), "ami-00000000000000003"),
        (json!({"os": {"images": {"us-east-1": "ami-00000000000000002"}}}), "ami-00000000000000001"),
        (
            json!({"os": {"images": {"eu-west-1": "ami-00000000000000002"}}, "pool": {"ami": "ami-00000000000000004"}}),
            "ami-00000000000000004",
        ),
    ];
    for (patch, want) in table {
        let mut all = json!({"os": {"image": "ami-00000000000000001"}});
        crate::input::merge(&mut all, &patch);
        let objects = Objects::of(&cluster(&all));
        let templates = objects.named("pool template");
        let ami = templates[0].get_path(&["spec", "template", "spec", "ami", "id"]).and_then(|id| id.as_str());
        assert_eq!(ami, Some(want), "{patch}");
    }
}

#[test]
fn keys_are_in_secrets_only_and_never_printed() {
    let patch = json!({"cloud": {"credentials": {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": CANARY}}});
    let input = cluster(&patch);
    let objects = Objects::of(&input);
    let printed = format!("{:?} {}", objects.named("identity"), objects.text(&["identity", "infrastructure", "manager credentials"]));
    for needle in [CANARY, &data_encoding::BASE64.encode(CANARY.as_bytes()), "AKIAIOSFODNN7EXAMPLE"] {
        assert!(!printed.contains(needle));
        assert!(!format!("{input:?}").contains(needle));
    }
    let secret = objects.named("identity")[0];
    let key = secret.get_path(&["data", "SecretAccessKey"]).expect("the key");
    assert!(key.is_secret());
    assert_eq!(key.reveal().as_str(), Some(data_encoding::BASE64.encode(CANARY.as_bytes()).as_str()));
}
