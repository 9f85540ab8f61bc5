//! OpenAPI and facts, there and back.

use serde_json::{Value, json};
use windlass_kubeschema::facts::{Bundle, KindFact};
use windlass_kubeschema::openapi::{Dialect, definition_name};
use windlass_kubeschema::schema::{ListType, MapType};
use windlass_kubeschema::{Schema, SchemaRef};

#[test]
fn a_schema_is_written_as_it_was_read() {
    let document = json!({
        "type": "object", "required": ["a"], "x-kubernetes-map-type": "granular",
        "x-kubernetes-validations": [{"rule": "self.a > 0", "message": "a is positive"}, {"rule": "has(self.b)"}],
        "properties": {
            "a": {"type": "integer", "format": "int32", "minimum": 0, "maximum": 9, "exclusiveMaximum": true, "multipleOf": 3, "default": 3},
            "b": {"type": "string", "minLength": 1, "maxLength": 9, "pattern": "^x", "enum": ["x", "xy"], "nullable": true},
            "c": {"type": "array", "minItems": 1, "maxItems": 5, "uniqueItems": true, "x-kubernetes-list-type": "set", "items": {"type": "string"}},
            "d": {"type": "object", "minProperties": 1, "maxProperties": 2, "additionalProperties": {"type": "boolean"}},
            "e": {"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]},
            "f": {"type": "object", "x-kubernetes-preserve-unknown-fields": true, "x-kubernetes-embedded-resource": true},
            "g": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"], "items": {"type": "object", "properties": {"k": {"type": "string"}}}},
            "h": {"type": "object", "additionalProperties": true, "default": null},
            "i": {"type": "object", "oneOf": [{"required": ["x"]}, {"not": {"required": ["y"]}}], "allOf": [{"maxProperties": 3}]},
        },
    });
    let schema = Schema::from_openapi(&document, Dialect::Crd, &|_| None).expect("a schema");
    assert_eq!(schema.to_openapi(), document);
    let stored = serde_json::to_string(&schema).expect("stored");
    assert_eq!(serde_json::from_str::<Schema>(&stored).expect("read"), schema);
    assert!(3 * stored.len() < 2 * document.to_string().len(), "the stored form is compact: {} bytes", stored.len());
}

#[test]
fn built_ins_refer_by_name_and_the_site_goes_before_the_target() {
    let read = |document| Schema::from_openapi(&document, Dialect::BuiltIn, &definition_name).expect("a schema");
    let target =
        read(json!({"type": "object", "x-kubernetes-map-type": "atomic", "properties": {"child": {"$ref": "#/components/schemas/Node"}}}));
    let definitions = [("Node".to_owned(), std::sync::Arc::new(target))].into();
    let site = read(json!({"allOf": [{"$ref": "#/components/schemas/Node"}], "default": {}, "x-kubernetes-map-type": "granular"}));
    let here = SchemaRef::new(&site, &definitions);
    assert_eq!((here.map_type(), here.default_value()), (MapType::Granular, Some(&json!({}))));
    let child = here.property("child").and_then(|child| child.property("child")).expect("recursion");
    assert_eq!((child.map_type(), child.default_value()), (MapType::Atomic, None));

    let old = read(
        json!({"type": "array", "x-kubernetes-patch-strategy": "merge", "x-kubernetes-patch-merge-key": "uid", "items": {"type": "object"}}),
    );
    assert_eq!((old.list_type(), old.list_keys()), (ListType::Map, &["uid".to_owned()][..]));
    let scalars = read(json!({"type": "array", "x-kubernetes-patch-strategy": "merge", "items": {"type": "string"}}));
    assert_eq!(scalars.list_type(), ListType::Set);
    assert!(read(json!({"type": "object"})).preserve_unknown_fields, "a raw extension holds anything");
    assert!(read(json!({"type": "string", "format": "int-or-string"})).int_or_string);
}

#[test]
fn what_is_no_schema_is_refused_with_its_path() {
    let table = [
        (json!({"properties": {"a": {"items": {"type": "strnig"}}}}), r#"properties.a.items: unknown type "strnig""#),
        (json!({"properties": {"a": 1}}), "properties.a: a schema is an object"),
        (json!({"$ref": "#/components/schemas/X"}), r##"schema: reference "#/components/schemas/X" leads nowhere"##),
        (json!({"x-kubernetes-list-type": "bag"}), r#"schema: unknown list type "bag""#),
        (json!({"x-kubernetes-list-type": "map"}), "schema: a list of type map needs x-kubernetes-list-map-keys"),
        (json!({"minLength": -1}), "schema: minLength is a whole number, zero or more"),
        (json!({"oneOf": [{"type": 1}, {"type": "x"}]}), r#"oneOf: unknown type "x""#),
    ];
    for (document, wanted) in table {
        let error = Schema::from_openapi(&document, Dialect::Crd, &|_| None).expect_err("refused");
        assert_eq!(error.to_string(), wanted, "{document}");
    }
    let mut deep = json!({"type": "string"});
    for _ in 0..2_000 {
        deep = Value::Object([("items".to_owned(), deep)].into_iter().collect());
    }
    assert!(Schema::from_openapi(&deep, Dialect::Crd, &|_| None).is_err());
    std::mem::forget(deep); // its own drop recurses
}

#[test]
fn immutability_is_recognised() {
    for (rule, immutable) in
        [("self == oldSelf", true), ("oldSelf==self", true), ("self.a == oldSelf.a", false), ("!(self == oldSelf)", false)]
    {
        let document = json!({"type": "string", "x-kubernetes-validations": [{"rule": rule}]});
        let schema = Schema::from_openapi(&document, Dialect::Crd, &|_| None).expect("a schema");
        assert_eq!(schema.immutable(), immutable, "{rule}");
    }
}

#[test]
fn bundles_are_loaded_as_they_were_stored_and_damage_is_an_error() {
    let fact = KindFact {
        group: "example.com".into(),
        version: "v1".into(),
        kind: "Widget".into(),
        plural: "widgets".into(),
        ..KindFact::default()
    };
    let bundle = Bundle { origin: "test".into(), kinds: vec![fact], ..Bundle::default() };
    let bytes = bundle.store().expect("stored");
    assert_eq!(bytes, bundle.store().expect("stored"), "same bundle, same bytes");
    assert_eq!(Bundle::load(&bytes).expect("loaded"), bundle);
    assert!(bundle.kind("example.com", "v1", "Widget").is_some() && bundle.kind("", "v1", "Widget").is_none());
    for cut in 0..bytes.len() {
        assert!(Bundle::load(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    assert!(Bundle::load(b"no zstd").is_err());
}
