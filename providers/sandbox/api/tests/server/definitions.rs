//! Definitions that the real server refuses, each with the field it names.

use serde_json::{Value, json};

use crate::selfmade::{Reply, World, world};

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

fn definition(spec: &Value) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "boats.sea.io"},
        "spec": {
            "group": "sea.io", "scope": "Namespaced", "names": {"kind": "Boat", "plural": "boats"},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}},
            }],
        },
    })
}

async fn post(world: &World, spec: &Value) -> Reply {
    world.post(DEFINITIONS, &definition(spec)).await
}

const SPEC: &str = "spec.validation.openAPIV3Schema.properties[spec]";

fn of(field: &Value) -> Value {
    json!({"type": "object", "properties": {"f": field}})
}

fn map_list(items: &Value) -> Value {
    of(&json!({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"], "items": items}))
}

#[tokio::test]
async fn what_no_real_server_takes_is_refused_by_its_field() {
    let world = world().await;
    let text = json!({"type": "string"});
    for (what, spec, field, message) in [
        ("array without items", of(&json!({"type": "array"})), ".properties[f].items", "Required value: must be specified"),
        (
            "bad pattern",
            of(&json!({"type": "string", "pattern": "(?!a)"})),
            ".properties[f].pattern",
            "Invalid value: \"(?!a)\": must be a valid regular expression",
        ),
        (
            "properties beside additionalProperties",
            of(&json!({"type": "object", "properties": {"a": text}, "additionalProperties": text})),
            ".properties[f].additionalProperties",
            "Forbidden: additionalProperties and properties are mutual exclusive",
        ),
        ("no type", of(&json!({})), ".properties[f].type", "Required value: must not be empty for specified object fields"),
        (
            "items without type",
            of(&json!({"type": "array", "items": {}})),
            ".properties[f].items.type",
            "Required value: must not be empty for specified array items",
        ),
        ("unknown type", of(&json!({"type": "text"})), ".properties[f].type", "Unsupported value: \"text\""),
        (
            "uniqueItems",
            of(&json!({"type": "array", "items": text, "uniqueItems": true})),
            ".properties[f].uniqueItems",
            "Forbidden: uniqueItems cannot be set to true",
        ),
        (
            "default of another type",
            of(&json!({"type": "integer", "default": "x"})),
            ".properties[f].default",
            "Invalid value: \"string\": in body must be of type integer",
        ),
        (
            "default outside of the enum",
            of(&json!({"type": "string", "enum": ["a"], "default": "b"})),
            ".properties[f].default",
            "Unsupported value: \"b\"",
        ),
        (
            "default with an unknown field",
            of(&json!({"type": "object", "properties": {"a": text}, "default": {"b": 1}})),
            ".properties[f].default",
            "Invalid value: {\"b\":1}: must not have unknown fields",
        ),
        (
            "map list with a key that may be missing",
            map_list(&json!({"type": "object", "properties": {"k": text}})),
            ".properties[f].items.properties[k].default",
            "Required value: this property is in x-kubernetes-list-map-keys",
        ),
        (
            "map list with a key that is no field",
            map_list(&json!({"type": "object", "properties": {"a": text}})),
            ".properties[f].x-kubernetes-list-map-keys",
            "Invalid value: [\"k\"]: entries must all be names of item properties",
        ),
        (
            "map list with a key that is no scalar",
            map_list(&json!({"type": "object", "required": ["k"], "properties": {"k": {"type": "object"}}})),
            ".properties[f].items.properties[k].type",
            "Invalid value: \"object\": must be a scalar type",
        ),
        ("map list of scalars", map_list(&text), ".properties[f].items.type", "Invalid value: \"string\": must be object if parent array"),
        (
            "set of granular objects",
            of(&json!({"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "object"}})),
            ".properties[f].items.x-kubernetes-map-type",
            "Invalid value: null: must be atomic as item of a list",
        ),
        (
            "list type on an object",
            of(&json!({"type": "object", "x-kubernetes-list-type": "atomic"})),
            ".properties[f].type",
            "Invalid value: \"object\": must be array if x-kubernetes-list-type is specified",
        ),
        (
            "map type on an array",
            of(&json!({"type": "array", "items": text, "x-kubernetes-map-type": "atomic"})),
            ".properties[f].type",
            "Invalid value: \"array\": must be object if x-kubernetes-map-type is specified",
        ),
        (
            "a type inside anyOf",
            of(&json!({"type": "string", "anyOf": [{"type": "string"}]})),
            ".properties[f].anyOf[0].type",
            "Forbidden: must be empty to be structural",
        ),
        (
            "false",
            of(&json!({"x-kubernetes-preserve-unknown-fields": false, "type": "object"})),
            ".properties[f].x-kubernetes-preserve-unknown-fields",
            "Invalid value: false: must be true or undefined",
        ),
        (
            "a rule that says nothing",
            of(&json!({"type": "string", "x-kubernetes-validations": [{"rule": " "}]})),
            ".properties[f].x-kubernetes-validations[0].rule",
            "Required value: rule is not specified",
        ),
    ] {
        let refused = post(&world, &spec).await;
        assert_eq!((refused.code, refused.text("/reason")), (422, "Invalid"), "{what}: {}", refused.body);
        let causes = refused.at("/details/causes").as_array().unwrap();
        let field = format!("{SPEC}{field}");
        let found = causes.iter().any(|cause| cause["field"] == field.as_str() && cause["message"].as_str().unwrap().starts_with(message));
        assert!(found, "{what}: {field}: {message}\n{:#}", refused.at("/details"));
    }
    assert_eq!(world.get(&format!("{DEFINITIONS}/boats.sea.io")).await.code, 404);
}

#[tokio::test]
async fn versions_that_differ_are_named_and_the_root_has_rules_of_its_own() {
    let world = world().await;
    let mut two = definition(&of(&json!({"type": "string"})));
    let mut second = two["spec"]["versions"][0].clone();
    second["name"] = json!("v2");
    second["storage"] = json!(false);
    second["schema"]["openAPIV3Schema"]["properties"]["spec"] = json!({"type": "array"});
    two["spec"]["versions"].as_array_mut().unwrap().push(second);
    let refused = world.post(DEFINITIONS, &two).await;
    let items = "spec.versions[1].schema.openAPIV3Schema.properties[spec].items";
    assert_eq!(refused.text("/details/causes/0/field"), items, "{}", refused.body);
    for (field, value, wanted) in [
        ("additionalProperties", json!({"type": "string"}), "additionalProperties"),
        ("nullable", json!(true), "nullable"),
        ("type", json!("string"), "type"),
    ] {
        let mut root = definition(&json!({"type": "object"}));
        root["spec"]["versions"][0]["schema"]["openAPIV3Schema"][field] = value;
        let refused = world.post(DEFINITIONS, &root).await;
        let wanted = format!("spec.validation.openAPIV3Schema.{wanted}");
        let causes = refused.at("/details/causes").as_array().cloned().unwrap_or_default();
        assert!(causes.iter().any(|cause| cause["field"] == wanted.as_str()), "{field}: {}", refused.body);
    }
    // Only what narrows the root is held against what it narrows.
    let mut narrowed = definition(&json!({"type": "object"}));
    narrowed["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["oneOf"] =
        json!([{"properties": {"spec": {"properties": {"a": {"minLength": 1}}}}}]);
    let refused = world.post(DEFINITIONS, &narrowed).await;
    let cause = "spec.validation.openAPIV3Schema.properties[spec].properties[a]: Required value: because it is defined in \
                 spec.validation.openAPIV3Schema.oneOf[0].properties[spec].properties[a]";
    assert!(refused.text("/message").ends_with(cause), "{}", refused.body);
    let mut meta = definition(&json!({"type": "object"}));
    let properties = &mut meta["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"];
    properties["metadata"] = json!({"type": "object", "properties": {"labels": {"type": "object"}}});
    let refused = world.post(DEFINITIONS, &meta).await;
    assert!(refused.text("/message").contains("must not specify anything other than name and generateName"), "{}", refused.body);
}

#[tokio::test]
async fn what_a_real_server_takes_is_taken() {
    let world = world().await;
    let spec = json!({"type": "object", "properties": {
        "open": {"x-kubernetes-preserve-unknown-fields": true},
        "port": {"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]},
        "wide": {"x-kubernetes-int-or-string": true, "allOf": [{"anyOf": [{"type": "integer"}, {"type": "string"}]}, {"minLength": 1}]},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        "crew": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"],
                 "items": {"type": "object", "properties": {"k": {"type": "string", "default": "x"}}}},
        "template": {"type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true},
        // An enum of another type is nobody's business: no value can ever be right.
        "odd": {"type": "integer", "enum": ["a"]},
        "braces": {"type": "string", "pattern": "^{.*}$"},
        "one": {"type": "object", "properties": {"a": {"type": "string"}}, "oneOf": [{"required": ["a"]}, {"not": {"required": ["a"]}}]},
        "size": {"type": "object", "properties": {"n": {"type": "integer", "default": 1}}, "default": {}},
    }});
    let taken = post(&world, &spec).await;
    assert_eq!(taken.code, 201, "{}", taken.body);
}
