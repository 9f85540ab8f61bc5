//! What AWS refuses before anything is sent to it.

use serde_json::{Value as Json, json};

use crate::input::{aws, cluster};

fn found(patch: &Json) -> Vec<String> {
    aws().check(&cluster(patch)).into_iter().map(|diagnostic| format!("{} {}", diagnostic.code, diagnostic.summary)).collect()
}

#[test]
#[rustfmt::skip]
fn each_rule_names_its_attribute() {
    let vpc = "vpc-0123456789abcdef0";
    let subnet = "subnet-0123456789abcdef0";
    let table = [
        (json!({"cloud": {"region": "ireland"}, "os": {"image": "ami-1"}}), "WL0350 `region` of cloud.aws.main is \"ireland\", which is no region"),
        (json!({"cloud": {"region": "eu--1"}}), "WL0350 `region` of cloud.aws.main is \"eu--1\", which is no region"),
        (json!({"cloud": {"credentials": {"access_key_id": "a"}}}), "WL0352 `credentials.access_key_id` of cloud.aws.main needs `credentials.secret_access_key`"),
        (json!({"cloud": {"credentials": {"secret_access_key": "a"}}}), "WL0352 `credentials.secret_access_key` of cloud.aws.main needs `credentials.access_key_id`"),
        (json!({"cloud": {"credentials": {"session_token": "a"}}}), "WL0352 `credentials.session_token` of cloud.aws.main needs `credentials.access_key_id`"),
        (json!({"cloud": {"credentials": {"external_id": "a"}}}), "WL0352 `credentials.external_id` of cloud.aws.main needs `credentials.role_arn`"),
        (json!({"cloud": {"credentials": {"role_arn": "capa"}}}), "WL0350 `credentials.role_arn` of cloud.aws.main is \"capa\", which is no ARN of a role"),
        (json!({"cloud": {"credentials": {"role_arn": "arn:aws:iam::111122223333:user/x"}}}), "WL0350 `credentials.role_arn` of cloud.aws.main is \"arn:aws:iam::111122223333:user/x\", which is no ARN of a role"),

        (json!({"cluster": {"vpc_id": vpc}}), "WL0352 `vpc_id` of cluster.shop needs `subnet_ids`"),
        (json!({"cluster": {"subnet_ids": [subnet]}}), "WL0352 `subnet_ids` of cluster.shop needs `vpc_id`"),
        (json!({"cluster": {"vpc_id": "vpc-x", "subnet_ids": [subnet]}}), "WL0350 `vpc_id` of cluster.shop holds \"vpc-x\", which is no id of AWS"),
        (json!({"cluster": {"vpc_id": vpc, "subnet_ids": [subnet, "sub-1"]}}), "WL0350 `subnet_ids` of cluster.shop holds \"sub-1\", which is no id of AWS"),
        (json!({"cluster": {"vpc_id": vpc, "subnet_ids": [subnet], "vpc_cidr": "10.0.0.0/16"}}), "WL0351 `vpc_cidr` of cluster.shop cannot stand beside `vpc_id`"),
        (json!({"cluster": {"vpc_id": vpc, "subnet_ids": [subnet], "availability_zones": ["eu-west-1a"]}}), "WL0351 `availability_zones` of cluster.shop cannot stand beside `vpc_id`"),
        (json!({"cluster": {"security_groups": {"node": "sg-0123456789abcdef0"}}}), "WL0352 `security_groups` of cluster.shop needs `vpc_id`"),
        (json!({"cluster": {"vpc_id": vpc, "subnet_ids": [subnet], "security_groups": {"nodes": "sg-0123456789abcdef0"}}}), "WL0350 `security_groups` of cluster.shop holds \"nodes\", which is no role"),
        (json!({"cluster": {"vpc_id": vpc, "subnet_ids": [subnet], "security_groups": {"node": "x"}}}), "WL0350 `security_groups` of cluster.shop holds no id of a security group for \"node\""),
        (json!({"cluster": {"vpc_cidr": "10.0.0.0/8"}}), "WL0350 `vpc_cidr` of cluster.shop is \"10.0.0.0/8\", which no VPC with subnets can be made of"),
        (json!({"cluster": {"vpc_cidr": "10.0.0.1/16"}}), "WL0350 `vpc_cidr` of cluster.shop is \"10.0.0.1/16\", which no VPC with subnets can be made of"),
        (json!({"cluster": {"vpc_cidr": "192.168.0.0/20"}}), "WL0351 `vpc_cidr` of cluster.shop overlaps with the addresses of pods"),
        (json!({"services": ["10.0.128.0/20"]}), "WL0351 `vpc_cidr` of cluster.shop overlaps with the addresses of services"),
        (json!({"cluster": {"availability_zones": ["us-east-1a"]}}), "WL0350 `availability_zones` of cluster.shop names \"us-east-1a\", which is no zone of region eu-west-1"),
        (json!({"cluster": {"availability_zones": ["eu-west-1a", "eu-west-1a"]}}), "WL0350 `availability_zones` of cluster.shop names \"eu-west-1a\" twice"),
        (json!({"cluster": {"availability_zones": ["eu-west-1a", "eu-west-1b", "eu-west-1c", "eu-west-1d", "eu-west-1e", "eu-west-1f", "eu-west-1g"]}}), "WL0350 `availability_zones` of cluster.shop names more than 6 zones"),
        (json!({"cluster": {"load_balancer": {"scheme": "public"}}}), "WL0350 `load_balancer.scheme` of cluster.shop is \"public\", which AWS does not know"),
        (json!({"cluster": {"load_balancer": {"type": "alb"}}}), "WL0350 `load_balancer.type` of cluster.shop is \"alb\", which AWS does not know"),
        (json!({"cluster": {"load_balancer": {"type": "classic"}}}), "WL0354 `load_balancer.type` of cluster.shop is a load balancer that AWS is giving up"),
        (json!({"cluster": {"cni_ingress_rule": [{"description": "d", "protocol": "sctp", "from_port": 1, "to_port": 2}]}}), "WL0350 `cni_ingress_rule[0].protocol` of cluster.shop is \"sctp\", which AWS does not know"),
        (json!({"cluster": {"cni_ingress_rule": [{"description": "d", "protocol": "tcp", "from_port": 9, "to_port": 2}]}}), "WL0350 `cni_ingress_rule[0].to_port` of cluster.shop makes no range with 9"),
        (json!({"cluster": {"tags": {"aws:x": "y"}}}), "WL0350 `tags` of cluster.shop holds the tag \"aws:x\", which AWS refuses"),
        (json!({"cluster": {"tags": {"a": "ä"}}}), "WL0350 `tags` of cluster.shop holds the tag \"a\", which AWS refuses"),

        (json!({"pool": {"ami": "ami-xyz"}}), "WL0350 `ami` of worker pool \"general\" of cluster.shop holds \"ami-xyz\", which is no id of AWS"),
        (json!({"pool": {"root_volume_iops": 100}}), "WL0352 `root_volume_iops` of worker pool \"general\" of cluster.shop needs `root_volume_gib`"),
        (json!({"pool": {"root_volume_gib": 4}}), "WL0350 `root_volume_gib` of worker pool \"general\" of cluster.shop is no size of a root volume"),
        (json!({"pool": {"root_volume_gib": 80, "root_volume_type": "ssd"}}), "WL0350 `root_volume_type` of worker pool \"general\" of cluster.shop is \"ssd\", which AWS does not know"),
        (json!({"pool": {"root_volume_gib": 80, "root_volume_type": "io2"}}), "WL0352 `root_volume_type` of worker pool \"general\" of cluster.shop needs `root_volume_iops`"),
        (json!({"pool": {"root_volume_gib": 80, "root_volume_throughput": 200}}), "WL0351 `root_volume_throughput` of worker pool \"general\" of cluster.shop is for volumes of type gp3"),
        (json!({"pool": {"root_volume_gib": 80, "root_volume_type": "gp3", "root_volume_throughput": 124}}), "WL0350 `root_volume_throughput` of worker pool \"general\" of cluster.shop must be from 125 to 2000"),
        (json!({"pool": {"instance_type": "large"}}), "WL0350 `instance_type` of worker pool \"general\" of cluster.shop is \"large\", which is no instance type of EC2"),
        (json!({"pool": {"instance_type": "m6i.Large"}}), "WL0350 `instance_type` of worker pool \"general\" of cluster.shop is \"m6i.Large\", which is no instance type of EC2"),
        (json!({"pods": ["fd00::/64"]}), "WL0351 `vpc_cidr` of cluster.shop is of another family than the addresses of pods"),
        (json!({"pool": {"root_volume_gib": 80, "root_volume_iops": 0}}), "WL0350 `root_volume_iops` of worker pool \"general\" of cluster.shop must be at least 1"),
        (json!({"pool": {"root_volume_gib": 80, "root_volume_kms_key": "k"}}), "WL0352 `root_volume_kms_key` of worker pool \"general\" of cluster.shop is for encrypted volumes"),
        (json!({"pool": {"subnet_id": "x"}}), "WL0350 `subnet_id` of worker pool \"general\" of cluster.shop holds \"x\", which is no id of AWS"),
        (json!({"zone": "eu-west-1a", "pool": {"subnet_id": subnet}}), "WL0351 `subnet_id` of worker pool \"general\" of cluster.shop cannot stand beside `failure_domain`: the subnet decides on the zone"),
        (json!({"zone": "eu-west-2a"}), "WL0350 `failure_domain` of worker pool \"general\" of cluster.shop is \"eu-west-2a\", which is no zone of the cloud's region"),
        (json!({"zone": "eu-west-1c", "cluster": {"availability_zones": ["eu-west-1a"]}}), "WL0351 `failure_domain` of worker pool \"general\" of cluster.shop is \"eu-west-1c\", in which the cluster has no subnet"),
        (json!({"pool": {"spot_max_price": "0.05"}}), "WL0352 `spot_max_price` of worker pool \"general\" of cluster.shop needs `spot = true`"),
        (json!({"pool": {"spot": true, "spot_max_price": "cheap"}}), "WL0350 `spot_max_price` of worker pool \"general\" of cluster.shop is no price"),
        (json!({"pool": {"security_group_ids": ["x"]}}), "WL0350 `security_group_ids` of worker pool \"general\" of cluster.shop holds \"x\", which is no id of AWS"),
        (json!({"control_plane": {"spot": true}}), "WL0354 `spot` of the control plane of cluster.shop lets AWS take control plane machines away at two minutes' notice"),
    ];
    for (patch, want) in table {
        assert_eq!(found(&patch), [want], "{patch}");
    }
}

#[test]
fn a_missing_image_is_named_for_each_pool_with_region_and_minor() {
    let problem = "has no value, and the os layer has no image for region eu-west-1 and Kubernetes 1.34";
    let want = ["the control plane of cluster.shop", "worker pool \"general\" of cluster.shop"]
        .map(|pool| format!("WL0353 `ami` of {pool} {problem}"));
    assert_eq!(found(&json!({"os": {"image": null, "images": {"eu-west-1/1.33": "ami-0123456789abcdef0"}}})), want);
    assert_eq!(
        found(&json!({"os": {"image": null}, "cluster": {"image_lookup": {"owner": "1", "base_os": "ubuntu-24.04"}}})),
        Vec::<String>::new()
    );
}
