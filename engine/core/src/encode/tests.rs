//! Placeholder form: what is hidden, what is refused, what comes back.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::addr::{Address, Instance};
use crate::desired::{Desired, DesiredObject, DesiredResource, Home};
use crate::diag::{Code, Diagnostics};
use crate::object::ObjectKey;
use crate::value::{Type, Value};

const KEY: DigestKey = DigestKey([3; 32]);

fn owner() -> Address {
    Address::cluster(Instance::new("shop"))
}

fn object(kind: &str, fields: Vec<(&str, Value)>) -> DesiredObject {
    let key = ObjectKey { plane: owner(), group: String::new(), kind: kind.into(), namespace: Some("n".into()), name: "x".into() };
    let mut all = vec![("apiVersion", Value::string("v1")), ("kind", Value::string(kind))];
    all.extend(fields);
    DesiredObject { home: Home::Workload, api_version: "v1".into(), key, content: Value::object(all), span: None }
}

fn encoded(object: &DesiredObject, unknowns: bool) -> (Json, Vec<Code>) {
    let mut diagnostics = Diagnostics::new();
    let json = Encoder { key: &KEY }.object(object, &owner(), unknowns, None, &mut diagnostics);
    (json, diagnostics.iter().map(|diagnostic| diagnostic.code).collect())
}

fn data(name: &str, value: Value) -> Value {
    Value::object([(name, value)])
}

#[test]
fn secrets_of_secrets_become_digests_whether_marked_or_not() {
    for (field, value) in [
        ("stringData", Value::string("hunter2")),
        ("stringData", Value::secret(Value::string("hunter2"))),
        ("data", Value::string("aHVudGVyMg==")),
        ("data", Value::secret(Value::string("aHVu\ndGVyMg=="))),
    ] {
        let (json, codes) = encoded(&object("Secret", vec![(field, data("password", value))]), false);
        assert_eq!(codes, []);
        let digest = KEY.digest(&json!("aHVudGVyMg=="));
        assert_eq!(
            json["data"],
            json!({"password": {"$wl": "secret", "digest": digest, "source": "cluster.shop.Secret n/x.data.password"}}),
            "{field}"
        );
        assert!(json.get("stringData").is_none());
    }
    // Both fields: the plain one wins, as on the server.
    let both = vec![("data", data("a", Value::string("YQ=="))), ("stringData", data("a", Value::secret(Value::string("b"))))];
    let (json, codes) = encoded(&object("Secret", both), false);
    assert_eq!((json["data"]["a"]["digest"].clone(), codes), (json!(KEY.digest(&json!("Yg=="))), vec![]));
}

#[test]
fn what_would_be_seen_or_guessed_is_refused() {
    let unknown = || Value::unknown_reference(Type::String, "cluster.shop.endpoint");
    let derived = Value::unknown(Type::String);
    let secret = || Value::secret(Value::string("hunter2"));
    let rows = [
        (object("ConfigMap", vec![("data", data("a", secret()))]), true, Code::SECRET_NOT_ALLOWED),
        (object("ConfigMap", vec![("data", Value::secret(data("a", Value::string("b"))))]), true, Code::SECRET_NOT_ALLOWED),
        (object("Secret", vec![("metadata", data("annotation", secret()))]), true, Code::SECRET_NOT_ALLOWED),
        // The mark of a map covers its keys, which are shown.
        (object("Secret", vec![("stringData", Value::secret(data("hunter2", Value::string("a"))))]), true, Code::SECRET_NOT_ALLOWED),
        (object("Secret", vec![("data", Value::secret(data("hunter2", Value::string("YQ=="))))]), true, Code::SECRET_NOT_ALLOWED),
        (object("Secret", vec![("data", Value::secret(data("hunter2", Value::from(5))))]), true, Code::SECRET_NOT_ALLOWED),
        (
            object("Secret", vec![("metadata", data("labels", Value::secret(data("hunter2", Value::string("a")))))]),
            true,
            Code::SECRET_NOT_ALLOWED,
        ),
        (object("ConfigMap", vec![("data", Value::secret(data("hunter2", Value::string("a"))))]), true, Code::SECRET_NOT_ALLOWED),
        (object("ConfigMap", vec![("data", data("a", unknown()))]), false, Code::UNKNOWN_NOT_ALLOWED),
        (object("ConfigMap", vec![("data", data("a", derived))]), true, Code::UNKNOWN_NOT_ALLOWED),
        (object("Secret", vec![("stringData", data("a", unknown()))]), true, Code::UNKNOWN_NOT_ALLOWED),
        (object("Secret", vec![("data", data("a", Value::string("no base64!")))]), true, Code::WRONG_TYPE),
        (object("Secret", vec![("stringData", data("a", Value::from(5)))]), true, Code::WRONG_TYPE),
        (object("Secret", vec![("data", Value::from(5))]), true, Code::WRONG_TYPE),
        (object("ConfigMap", vec![("data", data("$wl", Value::string("secret")))]), true, Code::RESERVED_KEY),
    ];
    for (object, unknowns, code) in rows {
        let mut diagnostics = Diagnostics::new();
        let json = Encoder { key: &KEY }.object(&object, &owner(), unknowns, None, &mut diagnostics);
        assert_eq!(diagnostics.iter().map(|diagnostic| diagnostic.code).collect::<Vec<_>>(), [code], "{object:?}");
        assert!(!format!("{json}{diagnostics:?}").contains("hunter2"), "{diagnostics:?}");
    }
    let (json, codes) = encoded(&object("ConfigMap", vec![("data", data("a", unknown()))]), true);
    assert_eq!((json["data"]["a"].clone(), codes), (json!({"$wl": "unknown", "ref": "cluster.shop.endpoint"}), vec![]));
}

#[test]
fn inputs_and_outputs_hide_what_is_sensitive() {
    let encoder = Encoder { key: &KEY };
    let input = Value::object([("user", Value::string("a")), ("password", Value::secret(Value::string("hunter2")))]);
    let json = encoder.input(&input, &owner());
    assert_eq!(json["password"]["source"], json!("cluster.shop.password"));
    assert!(!json.to_string().contains("hunter2"));
    let mut diagnostics = Diagnostics::new();
    let hidden = encoder.output(&Value::string("hunter2"), "token", true, &mut diagnostics);
    assert!(matches!(Placeholder::of(&hidden), Some(Placeholder::Secret { source: Some("output.token"), .. })));
    assert!(diagnostics.is_empty());
    encoder.output(&Value::unknown(Type::String), "made", false, &mut diagnostics);
    assert_eq!(diagnostics.len(), 1);
}

#[test]
fn null_attributes_stay_in_outputs_and_nowhere_else() {
    let encoder = Encoder { key: &KEY };
    let value = Value::object([("a", Value::Null), ("b", Value::from(vec![Value::Null, data("c", Value::Null)]))]);
    let mut diagnostics = Diagnostics::new();
    assert_eq!(encoder.output(&value, "x", false, &mut diagnostics), json!({"a": null, "b": [null, {"c": null}]}));
    assert_eq!(encoder.output(&Value::Null, "x", false, &mut diagnostics), Json::Null);
    assert_eq!(encoder.input(&value, &owner()), json!({"b": [null, {}]}));
    let (json, _) = encoded(&object("ConfigMap", vec![("data", value)]), false);
    assert_eq!(json["data"], json!({"b": [null, {}]}));
}

#[test]
fn real_values_are_collected_under_the_sources_of_their_placeholders() {
    let secret = object("Secret", vec![("stringData", data("password", Value::secret(Value::string("hunter2"))))]);
    let (json, _) = encoded(&secret, false);
    let resource = DesiredResource {
        fixed: BTreeMap::new(),
        address: owner(),
        input: Value::Null,
        render_revision: 1,
        objects: vec![secret],
        needs: Default::default(),
        prevent_destroy: false,
        span: None,
        places: BTreeMap::new(),
    };
    let desired = Desired { resources: BTreeMap::from([(owner(), resource)]), ..Desired::default() };
    let found = collect_secrets(&desired, &KEY);
    let source = json["data"]["password"]["source"].as_str().unwrap();
    assert_eq!(found, BTreeMap::from([(source.to_owned(), json!("aHVudGVyMg=="))]));
    assert_eq!(json["data"]["password"]["digest"], json!(KEY.digest(&found[source])));
}

#[test]
fn live_secrets_lose_their_values_and_kubectls_copy_of_them() {
    let mut live = json!({"apiVersion": "v1", "kind": "Secret", "data": {"a": "aHVudGVyMg=="},
        "metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{\"data\":{\"a\":\"aHVudGVyMg==\"}}", "b": "c"}}});
    hide_secret_data(&mut live, &KEY);
    hide_secret_data(&mut live, &KEY);
    assert_eq!(live["data"]["a"], json!({"$wl": "secret", "digest": KEY.digest(&json!("aHVudGVyMg=="))}));
    assert_eq!(live["metadata"]["annotations"], json!({"b": "c"}));
    let mut other = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "b"}});
    hide_secret_data(&mut other, &KEY);
    assert_eq!(other["data"]["a"], json!("b"));
}

#[test]
fn digests_are_keyed_and_keys_are_not_printed() {
    assert_ne!(KEY.digest(&json!("a")), DigestKey([4; 32]).digest(&json!("a")));
    assert_ne!(KEY.digest(&json!("a")), sha256_digest("\"a\""));
    assert_eq!(format!("{KEY:?}"), "DigestKey(sensitive)");
    // RFC 4231, test case 2 has another key length; the algorithm is fixed by this value of `openssl dgst -sha256 -mac hmac`.
    assert!(KEY.digest(&json!("a")).starts_with("hmac-sha256:"));
}

#[test]
fn unknowns_are_resolved_where_they_are_known() {
    let mut value =
        json!({"a": [{"$wl": "unknown", "ref": "x"}], "b": {"$wl": "unknown", "ref": "y"}, "c": {"$wl": "secret", "digest": "d"}});
    resolve_unknowns(&mut value, &BTreeMap::from([("x".to_owned(), json!(1))]));
    assert_eq!(value, json!({"a": [1], "b": {"$wl": "unknown", "ref": "y"}, "c": {"$wl": "secret", "digest": "d"}}));
}

fn json_value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        // serde_json reads long decimals to the neighbouring double; halves are exact.
        any::<i32>().prop_filter_map("finite", |n| serde_json::Number::from_f64(f64::from(n) / 2.0).map(Json::Number)),
        "\\PC{0,12}".prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
            prop::collection::btree_map("\\PC{0,6}", inner, 0..5).prop_map(|m| json!(m))
        ]
    })
}

proptest! {
    #[test]
    fn canonical_text_is_json_and_reads_back(value in json_value()) {
        let text = canonical_text(&value);
        let back: Json = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(canonical_text(&back), text);
    }

    #[test]
    fn values_survive_the_way_to_placeholder_form(value in json_value()) {
        // What is `null` in an object means "not there".
        fn pruned(value: &Json) -> Json {
            match value {
                Json::Object(map) => Json::Object(map.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k.clone(), pruned(v))).collect()),
                Json::Array(items) => items.iter().map(pruned).collect(),
                other => other.clone(),
            }
        }
        let encoded = Encoder { key: &KEY }.input(&Value::from_json(&value), &owner());
        if value.to_string().is_ascii() && !value.to_string().contains('.') && !value.to_string().contains('e') {
            prop_assert_eq!(canonical_text(&encoded), canonical_text(&pruned(&value)));
        }
    }
}
