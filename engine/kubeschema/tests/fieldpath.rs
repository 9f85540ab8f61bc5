//! Paths, sets and managedFields, by table.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use windlass_kubeschema::fieldpath::{FieldPath, FieldSet, emit_managed_fields, parse_managed_fields};
use windlass_kubeschema::openapi::Dialect;
use windlass_kubeschema::{Schema, SchemaRef};

fn set(paths: &[&str]) -> FieldSet {
    let paths: Vec<FieldPath> = paths.iter().map(|text| text.parse().expect("a path")).collect();
    paths.iter().collect()
}

fn shown(set: &FieldSet) -> Vec<String> {
    set.paths().iter().map(ToString::to_string).collect()
}

#[test]
fn paths_are_read_as_they_are_written() {
    let table = [
        ".spec.replicas",
        r#".spec.containers[name="web"].image"#,
        r#".spec.ports[containerPort=80,protocol="TCP"]"#,
        r#".metadata.finalizers[="a.b/c]"]"#,
        ".spec.list[3].x",
        ".spec.numbers[=5]",
        ".spec.flags[=true]",
        r#".a[k=null,l=1.5,m="\"q\""]"#,
        "",
    ];
    for text in table {
        let path: FieldPath = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(path.to_string(), text);
        let stored = serde_json::to_value(&path).expect("stored");
        assert_eq!(serde_json::from_value::<FieldPath>(stored).expect("read"), path);
    }
    assert_eq!("spec.replicas".parse::<FieldPath>().expect("without its dot").to_string(), ".spec.replicas");
}

#[test]
fn what_is_no_path_is_refused_at_its_place() {
    let table = [("..", 1), (".a[", 3), (".a[k=", 5), (".a[k=1", 6), (".a[x]", 4), (".a[1x]", 5), ("[=]", 2), (".a[=1]b", 6)];
    for (text, at) in table {
        match text.parse::<FieldPath>() {
            Err(error) => assert_eq!(error.at, at, "{text}: {error}"),
            Ok(path) => panic!("{text} was taken as {path}"),
        }
    }
}

#[test]
fn labels_with_dots_survive_storage() {
    let path = FieldPath::of_fields(["metadata", "labels", "app.kubernetes.io/name"]);
    let stored = serde_json::to_string(&path).expect("stored");
    assert_eq!(stored, r#"["f:metadata","f:labels","f:app.kubernetes.io/name"]"#);
    assert_eq!(serde_json::from_str::<FieldPath>(&stored).expect("read"), path);
}

#[test]
fn values_are_found_and_removed_by_path() {
    let object = json!({
        "spec": {
            "containers": [{"name": "web", "image": "i"}, {"name": "log"}],
            "ports": [{"containerPort": 80}, {"containerPort": 80, "protocol": "UDP"}],
            "set": ["x", "y"], "list": [1, 2],
        }
    });
    let table = [
        (r#".spec.containers[name="web"].image"#, Some(json!("i"))),
        (r#".spec.containers[name="none"].image"#, None),
        (r#".spec.ports[containerPort=80,protocol="UDP"]"#, Some(json!({"containerPort": 80, "protocol": "UDP"}))),
        // The applied item leaves the protocol to its default.
        (r#".spec.ports[containerPort=80,protocol="TCP"]"#, Some(json!({"containerPort": 80}))),
        (r#".spec.ports[containerPort=81,protocol="TCP"]"#, None),
        (r#".spec.set[="y"]"#, Some(json!("y"))),
        (".spec.list[1]", Some(json!(2))),
        (".spec.list[2]", None),
        (".spec.list.x", None),
        ("", Some(object.clone())),
    ];
    for (text, wanted) in table {
        let path: FieldPath = text.parse().expect("a path");
        assert_eq!(path.get(&object), wanted.as_ref(), "{text}");
        let mut copy = object.clone();
        if !text.is_empty() {
            assert_eq!(path.remove(&mut copy), wanted, "{text}");
            assert_eq!(copy == object, wanted.is_none(), "{text}");
        }
    }
}

#[test]
fn sets_are_read_and_written_as_fields_v1() {
    let text = json!({
        "f:metadata": {"f:labels": {".": {}, "f:app.kubernetes.io/name": {}}, "f:finalizers": {"v:\"a\"": {}}},
        "f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {".": {}, "f:image": {}}}, "f:list": {"i:3": {}}},
    });
    let read = FieldSet::from_fields_v1(&text).expect("a set");
    assert_eq!(read.to_fields_v1(), text);
    assert_eq!(read.len(), 6);
    assert_eq!(
        shown(&read),
        [
            ".metadata.labels",
            r#".metadata.finalizers[="a"]"#,
            ".metadata.labels.app.kubernetes.io/name",
            r#".spec.containers[name="web"]"#,
            r#".spec.containers[name="web"].image"#,
            ".spec.list[3]",
        ]
    );
}

#[test]
fn malformed_fields_v1_is_refused_and_unknown_kinds_are_dropped() {
    for bad in [json!([]), json!({"f:a": 1}), json!({"k:nonsense": {}}), json!({"i:x": {}}), json!({"": {}}), json!({"f": {}})] {
        assert!(FieldSet::from_fields_v1(&bad).is_none(), "{bad}");
    }
    let future = FieldSet::from_fields_v1(&json!({"z:new": {}, "f:a": {}})).expect("a set");
    assert_eq!(shown(&future), [".a"]);
    let mut deep = json!({});
    for _ in 0..3_000 {
        deep = Value::Object([("f:a".to_owned(), deep)].into_iter().collect());
    }
    assert!(FieldSet::from_fields_v1(&deep).is_none());
    std::mem::forget(deep); // its own drop recurses
}

#[test]
fn set_operations() {
    let a = set(&[".spec.x", ".spec.y", ".spec.m", ".spec.m.k"]);
    let b = set(&[".spec.y", ".spec.m", ".data.z"]);
    let table = [
        ("union", a.union(&b), vec![".data.z", ".spec.m", ".spec.x", ".spec.y", ".spec.m.k"]),
        ("intersection", a.intersection(&b), vec![".spec.m", ".spec.y"]),
        ("difference", a.difference(&b), vec![".spec.x", ".spec.m.k"]),
        ("recursive difference", a.recursive_difference(&b), vec![".spec.x"]),
        ("nothing", a.difference(&a), vec![]),
    ];
    for (name, found, wanted) in table {
        assert_eq!(shown(&found), wanted, "{name}");
        assert_eq!(found.is_empty(), wanted.is_empty(), "{name}");
        assert_eq!(found.len(), wanted.len(), "{name}");
    }
    assert!(a.contains(&".spec.m".parse().expect("a path")) && !a.contains(&".spec".parse().expect("a path")));
    assert!(a.union(&b).contains_all(&a) && !a.contains_all(&b) && a.contains_all(&FieldSet::new()));
    assert_eq!(a.leaves().iter().map(ToString::to_string).collect::<Vec<_>>(), [".spec.x", ".spec.y", ".spec.m.k"]);
}

/// Laws over all subsets of a few paths.
#[test]
fn set_operations_are_those_of_sets() {
    const PATHS: [&str; 5] = [".a", ".a.b", ".a.c", r#".l[k="1"]"#, r#".l[k="1"].v"#];
    let subset = |mask: usize| -> Vec<&str> {
        let chosen = PATHS.iter().enumerate().filter(|(index, _)| mask & (1 << index) != 0);
        chosen.map(|(_, path)| *path).collect()
    };
    for left in 0..32 {
        for right in 0..32 {
            let (a, b) = (set(&subset(left)), set(&subset(right)));
            let names = |set: &FieldSet| shown(set).into_iter().collect::<BTreeSet<_>>();
            let plain = |mask: usize| subset(mask).into_iter().map(String::from).collect::<BTreeSet<_>>();
            assert_eq!(names(&a.union(&b)), plain(left | right));
            assert_eq!(names(&a.intersection(&b)), plain(left & right));
            assert_eq!(names(&a.difference(&b)), plain(left & !right));
            assert_eq!(a.contains_all(&b), left & right == right);
            assert_eq!(FieldSet::from_fields_v1(&a.to_fields_v1()).expect("a set"), a);
        }
    }
}

#[test]
fn what_an_applied_object_owns() {
    let document = json!({"type": "object", "properties": {
        "n": {"type": "integer"},
        "hosts": {"type": "array", "items": {"type": "string"}},
        "zones": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        "rules": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["port", "protocol"], "items": {"type": "object", "properties": {
            "port": {"type": "integer"}, "protocol": {"type": "string", "default": "TCP"}, "weight": {"type": "integer"}}}},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "selector": {"type": "object", "x-kubernetes-map-type": "atomic", "additionalProperties": {"type": "string"}},
        "nested": {"type": "object", "properties": {"a": {"type": "object", "properties": {"b": {"type": "string"}}}}},
        "open": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
        "either": {"x-kubernetes-int-or-string": true},
    }});
    let schema = Schema::from_openapi(&document, Dialect::Crd, &|_| None).expect("a schema");
    let table: [(Value, &[&str]); 13] = [
        (json!({"n": 1}), &[".n"]),
        (json!({"n": null}), &[".n"]),
        (json!({"hosts": ["x", "y"]}), &[".hosts"]),
        (json!({"hosts": []}), &[".hosts"]),
        (json!({"zones": ["x", "y"]}), &[r#".zones[="x"]"#, r#".zones[="y"]"#]),
        (json!({"zones": []}), &[]),
        (
            json!({"rules": [{"port": 80, "weight": 1}]}),
            &[r#".rules[port=80,protocol="TCP"]"#, r#".rules[port=80,protocol="TCP"].port"#, r#".rules[port=80,protocol="TCP"].weight"#],
        ),
        (json!({"labels": {"a": "1"}}), &[".labels.a"]),
        (json!({"labels": {}}), &[".labels"]),
        (json!({"selector": {"a": "1"}}), &[".selector"]),
        (json!({"nested": {"a": {"b": "x"}}}), &[".nested.a.b"]),
        (json!({"open": {"map": {"x": 1}, "list": [{"y": 1}]}}), &[".open.list", ".open.map", ".open.map.x"]),
        (json!({"either": "x"}), &[".either"]),
    ];
    for (value, wanted) in table {
        assert_eq!(shown(&FieldSet::of(&value, SchemaRef::of(&schema))), wanted, "{value}");
    }
    let object = json!({"apiVersion": "v1", "kind": "K", "metadata": {"name": "x", "labels": {"a": "1"}, "finalizers": ["f"]}, "n": 1});
    let root = SchemaRef::of(&schema).as_resource();
    let owned = FieldSet::of(&object, root).without_identity();
    assert_eq!(shown(&owned), [".n", r#".metadata.finalizers[="f"]"#, ".metadata.labels.a"]);
}

#[test]
fn managed_fields_are_read_and_sorted() {
    let list = json!([
        {"manager": "b", "operation": "Update", "apiVersion": "v1", "time": "2026-01-02T00:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": {"f:a": {}}},
        {"manager": "z", "operation": "Apply", "apiVersion": "v1", "time": "2026-01-03T00:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": {"f:b": {}}},
        {"manager": "a", "operation": "Update", "apiVersion": "v1", "subresource": "status", "time": "2026-01-01T00:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": {"f:c": {}}},
    ]);
    let entries = parse_managed_fields(list.as_array().expect("a list")).expect("entries");
    let emitted = emit_managed_fields(&entries);
    let managers: Vec<&str> = emitted.iter().filter_map(|entry| entry["manager"].as_str()).collect();
    assert_eq!(managers, ["z", "a", "b"]);
    assert_eq!(parse_managed_fields(&emitted).expect("entries").len(), 3);
    assert_eq!(emitted[1], list[2]);

    let bad = [
        (json!({"operation": "Nonsense"}), "operation must be `Apply` or `Update`"),
        (json!({"operation": "Apply"}), "apiVersion must not be empty"),
        (json!({"operation": "Apply", "apiVersion": "v1"}), "missing fieldsType in managed fields entry 0"),
        (json!({"operation": "Apply", "apiVersion": "v1", "fieldsType": "V2"}), r#"invalid fieldsType "V2" in managed fields entry 0"#),
        (
            json!({"operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": []}),
            "error decoding set in managed fields entry 0",
        ),
    ];
    for (entry, wanted) in bad {
        assert_eq!(parse_managed_fields(&[entry]).expect_err("refused"), wanted);
    }
}
