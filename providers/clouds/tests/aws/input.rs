//! Inputs from JSON, completed as core completes blocks.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use windlass_clouds::provider;
use windlass_core::addr::{Address, Instance};
use windlass_core::provider::{Body, CloudInput, ClusterInput, PoolInput, Provider};
use windlass_core::schema::{AttributeType, BlockSchema, Count, Presence};
use windlass_core::value::{Entries, Value};

pub fn aws() -> &'static dyn Provider {
    provider("aws").expect("AWS is in the table")
}

/// A cluster of one control plane and one pool, changed by an RFC 7396 merge patch.
pub fn cluster(patch: &Json) -> ClusterInput {
    let mut input = json!({
        "cloud": {"region": "eu-west-1"},
        "cluster": {},
        "os": {"version": "24.04", "image": "ami-0f1e2d3c4b5a69788"},
        "version": "1.34.3",
        "pods": ["192.168.0.0/16"],
        "services": ["10.128.0.0/12"],
        "control_plane": {"instance_type": "m6i.large"},
        "pool": {"instance_type": "m6i.xlarge"},
        "zone": null,
    });
    merge(&mut input, patch);
    let schema = aws().schema();
    let strings = |key: &str| input[key].as_array().into_iter().flatten().filter_map(|text| Some(text.as_str()?.to_owned())).collect();
    ClusterInput {
        address: Address::cluster(Instance::new("shop")),
        name: "shop".to_owned(),
        namespace: "shop".to_owned(),
        body: body(&input["cluster"], schema.cluster),
        cloud: CloudInput {
            address: Address::cloud("aws", Instance::new("main")),
            name: "aws-main".to_owned(),
            body: body(&input["cloud"], schema.cloud),
        },
        kubernetes_version: input["version"].as_str().expect("a version").to_owned(),
        os: plain(&input["os"]),
        pod_cidrs: strings("pods"),
        service_cidrs: strings("services"),
        ssh_authorized_keys: Vec::new(),
        control_plane: PoolInput { pool: None, replicas: 3, machine: body(&input["control_plane"], schema.machine), failure_domain: None },
        worker_pools: vec![PoolInput {
            pool: Some("general".to_owned()),
            replicas: 5,
            machine: body(&input["pool"], schema.machine),
            failure_domain: input["zone"].as_str().map(str::to_owned),
        }],
    }
}

pub fn merge(target: &mut Json, patch: &Json) {
    let Json::Object(fields) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let object = target.as_object_mut().expect("an object");
    for (key, value) in fields {
        if value.is_null() {
            object.remove(key);
        } else {
            merge(object.entry(key.clone()).or_insert(Json::Null), value);
        }
    }
}

fn plain(json: &Json) -> Body {
    Body { value: Value::from_json(json), span: None, spans: Vec::new() }
}

fn body(json: &Json, schema: &BlockSchema) -> Body {
    Body { value: completed(&Value::from_json(json), schema), span: None, spans: Vec::new() }
}

/// Types, secrets and defaults of the schema put on what is written.
fn completed(written: &Value, schema: &BlockSchema) -> Value {
    let written = written.as_entries().cloned().unwrap_or_default();
    for name in written.keys() {
        let known = schema.attribute(name).is_some() || schema.block(name).is_some();
        assert!(known, "{name} is in no schema");
    }
    let mut entries = Entries::new();
    for attribute in schema.attributes {
        let value = match (written.get(attribute.name), attribute.presence) {
            (Some(value), _) => windlass_core::value::convert(value, &attribute.ty.constraint()).expect("the schema's type"),
            (None, Presence::Default(text)) => literal(text, attribute.ty),
            (None, Presence::Optional) => continue,
            (None, Presence::Required) => panic!("{} is required", attribute.name),
        };
        entries.insert(Arc::from(attribute.name), value.secret_if(attribute.sensitive));
    }
    for nested in schema.blocks {
        let Some(value) = written.get(nested.name) else { continue };
        let value = match nested.count {
            Count::Many => Value::tuple(value.as_elements().expect("a list of blocks").iter().map(|block| completed(block, nested.body))),
            Count::One | Count::Optional => completed(value, nested.body),
        };
        entries.insert(Arc::from(nested.name), value);
    }
    Value::from(entries)
}

fn literal(text: &str, ty: AttributeType) -> Value {
    match ty {
        AttributeType::Bool => Value::Bool(text == "true"),
        AttributeType::Integer => Value::from(text.parse::<i64>().expect("a number")),
        _ => Value::from(text),
    }
}
