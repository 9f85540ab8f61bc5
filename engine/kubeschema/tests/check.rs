//! Validation, unknown fields, pruning and defaults, by table.

use serde_json::{Value, json};
use windlass_kubeschema::check::{apply_defaults, is_never, prune, unknown_fields, validate};
use windlass_kubeschema::openapi::Dialect;
use windlass_kubeschema::{Schema, SchemaRef};

fn read(document: &Value) -> Schema {
    Schema::from_openapi(document, Dialect::Crd, &|_| None).expect("a schema")
}

fn object(properties: Value) -> Value {
    json!({"type": "object", "properties": properties})
}

/// Sentences about `{"f": value}` where `f` has the schema.
fn sentences(schema: Value, value: Value) -> Vec<String> {
    let schema = read(&object(json!({"f": schema})));
    let found = validate(&json!({"f": value}), SchemaRef::of(&schema), &is_never);
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn violations_are_said_in_the_words_of_the_server() {
    let table = [
        (json!({"type": "integer"}), json!("x"), r#"f: Invalid value: "string": f in body must be of type integer: "string""#),
        (json!({"type": "string"}), json!(1), r#"f: Invalid value: "integer": f in body must be of type string: "integer""#),
        (json!({"type": "string"}), json!(null), r#"f: Invalid value: "null": f in body must be of type string: "null""#),
        (json!({"type": "integer"}), json!(1.5), r#"f: Invalid value: "number": f in body must be of type integer: "number""#),
        (json!({"type": "object"}), json!([]), r#"f: Invalid value: "array": f in body must be of type object: "array""#),
        (
            json!({"x-kubernetes-int-or-string": true}),
            json!(true),
            r#"f: Invalid value: "boolean": f in body must be of type integer,string: "boolean""#,
        ),
        (json!({"type": "string", "enum": ["a", "b"]}), json!("x"), r#"f: Unsupported value: "x": supported values: "a", "b""#),
        (json!({"type": "integer", "minimum": 1}), json!(0), "f: Invalid value: 0: f in body should be greater than or equal to 1"),
        (
            json!({"type": "integer", "minimum": 1, "exclusiveMinimum": true}),
            json!(1),
            "f: Invalid value: 1: f in body should be greater than 1",
        ),
        (json!({"type": "integer", "maximum": 5}), json!(6), "f: Invalid value: 6: f in body should be less than or equal to 5"),
        (
            json!({"type": "integer", "maximum": 5, "exclusiveMaximum": true}),
            json!(5),
            "f: Invalid value: 5: f in body should be less than 5",
        ),
        (json!({"type": "integer", "multipleOf": 4}), json!(6), "f: Invalid value: 6: f in body should be a multiple of 4"),
        (json!({"type": "string", "minLength": 3}), json!("ab"), r#"f: Invalid value: "ab": f in body should be at least 3 chars long"#),
        (json!({"type": "string", "maxLength": 1}), json!("ab"), "f: Too long: may not be more than 1 byte"),
        (json!({"type": "string", "pattern": "^a+$"}), json!("b"), r#"f: Invalid value: "b": f in body should match '^a+$'"#),
        (
            json!({"type": "string", "format": "date-time"}),
            json!("now"),
            r#"f: Invalid value: "now": f in body must be of type date-time: "now""#,
        ),
        (
            json!({"type": "string", "format": "cidr"}),
            json!("10.0.0.0/40"),
            r#"f: Invalid value: "10.0.0.0/40": f in body must be of type cidr: "10.0.0.0/40""#,
        ),
        (json!({"type": "array", "maxItems": 1}), json!([1, 2]), "f: Too many: 2: must have at most 1 item"),
        (json!({"type": "array", "minItems": 1}), json!([]), "f: Invalid value: []: f in body should have at least 1 items"),
        (json!({"type": "array", "uniqueItems": true}), json!([1, 1]), "f: Invalid value: [1,1]: f in body shouldn't contain duplicates"),
        (json!({"type": "object", "maxProperties": 0}), json!({"a": 1}), "f: Too many: 1: must have at most 0 items"),
        (json!({"type": "object", "required": ["a"]}), json!({}), "f.a: Required value"),
        (
            json!({"type": "object", "additionalProperties": {"type": "string"}}),
            json!({"a.b": 1}),
            r#"f.a.b: Invalid value: "integer": f.a.b in body must be of type string: "integer""#,
        ),
        (
            json!({"type": "array", "items": {"type": "string"}}),
            json!(["x", 1]),
            r#"f[1]: Invalid value: "integer": f[1] in body must be of type string: "integer""#,
        ),
        (
            json!({"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}}),
            json!(["x", "x"]),
            r#"f[1]: Duplicate value: "x""#,
        ),
        (
            json!({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"], "items": {"type": "object", "properties": {"k": {"type": "string"}}}}),
            json!([{"k": "a"}, {"k": "a"}]),
            r#"f[1]: Duplicate value: {"k":"a"}"#,
        ),
        (json!({"type": "integer", "not": {"enum": [3]}}), json!(3), r#"f: Invalid value: 3: "f" must not validate the schema (not)"#),
        (
            json!({"type": "object", "oneOf": [{"required": ["a"]}, {"required": ["b"]}]}),
            json!({"a": 1, "b": 1}),
            r#"f: Invalid value: "f" must validate one and only one schema (oneOf). Found 2 valid alternatives"#,
        ),
    ];
    for (schema, value, wanted) in table {
        assert_eq!(sentences(schema.clone(), value.clone()), [wanted], "{schema} {value}");
    }
}

#[test]
fn what_holds_is_not_complained_about() {
    let table = [
        (json!({"type": "integer"}), json!(1.0)),
        (json!({"type": "number"}), json!(1)),
        (json!({"type": "string", "nullable": true}), json!(null)),
        (json!({"x-kubernetes-int-or-string": true}), json!("25%")),
        (json!({"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]}), json!(1)),
        (json!({"type": "string", "maxLength": 2}), json!("ää")),
        (json!({"type": "string", "format": "date-time"}), json!("2026-01-02T03:04:05.678Z")),
        (json!({"type": "string", "format": "some-format-of-tomorrow"}), json!("x")),
        (json!({"type": "string", "pattern": "(?=look-ahead is not RE2)"}), json!("x")),
        (json!({"x-kubernetes-preserve-unknown-fields": true}), json!({"any": [1]})),
        (json!({"type": "object", "oneOf": [{"required": ["a"]}, {"required": ["b"]}]}), json!({"a": 1})),
    ];
    for (schema, value) in table {
        assert_eq!(sentences(schema.clone(), value.clone()), [""; 0], "{schema} {value}");
    }
}

#[test]
fn placeholders_stand_for_scalars_only() {
    let schema = read(&object(json!({
        "n": {"type": "integer", "minimum": 3}, "s": {"type": "string", "enum": ["a"]},
        "o": {"type": "object"}, "l": {"type": "array", "items": {"type": "string"}},
        "any": {"x-kubernetes-preserve-unknown-fields": true},
    })));
    let unknown = json!({"$wl": "unknown", "ref": "cluster.shop.endpoint"});
    let is_placeholder = |value: &Value| value.get("$wl").is_some();
    let check = |value: Value| validate(&value, SchemaRef::of(&schema), &is_placeholder).len();
    assert_eq!(check(json!({"n": unknown, "s": unknown, "any": unknown, "l": [unknown]})), 0);
    assert_eq!(check(json!({"o": unknown})), 1);
    assert_eq!(check(json!({"l": unknown})), 1);
}

#[test]
fn every_violation_is_found_at_once() {
    let schema = read(&object(json!({
        "a": {"type": "string"},
        "b": {"type": "array", "items": {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer", "maximum": 3}}}},
    })));
    let found = validate(&json!({"a": 1, "b": [{}, {"n": 4}]}), SchemaRef::of(&schema), &is_never);
    let paths: Vec<&str> = found.iter().map(|violation| violation.path.as_str()).collect();
    assert_eq!(paths, ["a", "b[0].n", "b[1].n"]);
}

#[test]
fn unknown_fields_are_named_and_pruned() {
    let spec = object(json!({
        "known": {"type": "string"},
        "list": {"type": "array", "items": object(json!({"a": {"type": "string"}}))},
        "open": {"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {"inner": object(json!({"a": {"type": "string"}}))}},
        "map": {"type": "object", "additionalProperties": object(json!({"a": {"type": "string"}}))},
        "closed": {"type": "object"},
        "pod": {"type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true},
    }));
    let schema = read(&object(json!({"spec": spec})));
    let mut value = json!({
        "apiVersion": "v1", "kind": "K", "metadata": {"name": "x", "labels": {"l": "1"}, "nonsense": 1},
        "spec": {
            "known": "x", "foo": 1, "list": [{"a": "x", "b": 1}], "open": {"any": {"thing": 1}, "inner": {"a": "x", "z": 1}},
            "map": {"k": {"a": "x", "c": 1}}, "closed": {"d": 1}, "pod": {"metadata": {"name": "p", "bad": 1}, "spec": {}},
        },
        "extra": true,
    });
    let root = SchemaRef::of(&schema).as_resource();
    let wanted = [
        "extra",
        "metadata.nonsense",
        "spec.closed.d",
        "spec.foo",
        "spec.list[0].b",
        "spec.map.k.c",
        "spec.open.inner.z",
        "spec.pod.metadata.bad",
    ];
    let sentences: Vec<String> = wanted.iter().map(|path| format!("unknown field {path:?}")).collect();
    assert_eq!(unknown_fields(&value, root), sentences);
    assert_eq!(prune(&mut value, root), wanted);
    assert_eq!(
        value,
        json!({
            "apiVersion": "v1", "kind": "K", "metadata": {"name": "x", "labels": {"l": "1"}},
            "spec": {
                "known": "x", "list": [{"a": "x"}], "open": {"any": {"thing": 1}, "inner": {"a": "x"}},
                "map": {"k": {"a": "x"}}, "closed": {}, "pod": {"metadata": {"name": "p"}, "spec": {}},
            },
        })
    );
    assert_eq!(unknown_fields(&value, root), [""; 0]);
}

#[test]
fn defaults_are_filled_in_from_above() {
    let schema = read(&object(json!({
        "a": {"type": "string", "default": "x"},
        "nested": {"type": "object", "default": {}, "properties": {"b": {"type": "integer", "default": 1}}},
        "absent": {"type": "object", "properties": {"c": {"type": "integer", "default": 1}}},
        "list": {"type": "array", "items": object(json!({"d": {"type": "boolean", "default": false}}))},
        "map": {"type": "object", "additionalProperties": object(json!({"e": {"type": "string", "default": "y"}}))},
        "nullable": {"type": "string", "nullable": true, "default": "z"},
        "plain": {"type": "string"},
    })));
    let table = [
        (json!({}), json!({"a": "x", "nested": {"b": 1}, "nullable": "z"})),
        (
            json!({"a": null, "nested": {"b": 2}, "list": [{}, {"d": true}], "map": {"k": {}}, "nullable": null, "plain": null}),
            json!({"a": "x", "nested": {"b": 2}, "list": [{"d": false}, {"d": true}], "map": {"k": {"e": "y"}}, "nullable": null}),
        ),
        (json!({"a": "q", "absent": {}, "nullable": ""}), json!({"a": "q", "absent": {"c": 1}, "nested": {"b": 1}, "nullable": ""})),
    ];
    for (mut value, wanted) in table {
        apply_defaults(&mut value, SchemaRef::of(&schema));
        assert_eq!(value, wanted);
        let again = value.clone();
        apply_defaults(&mut value, SchemaRef::of(&schema));
        assert_eq!(value, again, "twice is once");
    }
}

#[test]
fn deep_values_and_recursive_schemas_end() {
    let recursive = read(&object(json!({"placeholder": {"type": "string"}})));
    let mut node = recursive;
    node.properties.insert("child".into(), std::sync::Arc::new(Schema { reference: Some("Node".into()), ..Schema::default() }));
    let looping = Schema { reference: Some("Loop".into()), ..Schema::default() };
    let definitions = [("Node".to_owned(), std::sync::Arc::new(node)), ("Loop".to_owned(), std::sync::Arc::new(looping))].into();
    let root = Schema { reference: Some("Node".into()), ..Schema::default() };

    let mut value = json!({"unknown": 1});
    for _ in 0..5_000 {
        value = Value::Object([("child".to_owned(), value)].into_iter().collect());
    }
    let schema = SchemaRef::new(&root, &definitions);
    assert!(!validate(&value, schema, &is_never).is_empty(), "too deep is said");
    prune(&mut value, schema);
    apply_defaults(&mut value, schema);
    let endless = Schema { reference: Some("Loop".into()), ..Schema::default() };
    assert!(validate(&json!({"x": 1}), SchemaRef::new(&endless, &definitions), &is_never).is_empty());
    std::mem::forget(value); // its own drop recurses
}
