//! Values, numbers, paths: what other crates rely on.

use super::{JsonError, Number, Type, Value, ValuePath};

fn number(text: &str) -> Number {
    text.parse().expect("a number")
}

#[test]
fn numbers_print_as_terraform_prints_them() {
    for (text, printed) in [
        ("1", "1"),
        ("1.50", "1.5"),
        (".5", "0.5"),
        ("5.", "5"),
        ("+7", "7"),
        ("-0", "-0"),
        ("1e21", "1000000000000000000000"),
        ("1e-7", "0.0000001"),
        ("123456789012345678901234567890.5", "123456789012345678901234567890.5"),
        ("0.1", "0.1"),
        ("9223372036854775808", "9223372036854775808"),
    ] {
        assert_eq!(number(text).to_string(), printed);
    }
    for text in ["", "-", ".", "e5", "1e", "0x1", "1_0", "--1", "1.2.3", "Inf", "NaN", " 1"] {
        assert!(text.parse::<Number>().is_err(), "{text}");
    }
    assert!("1e6000".parse::<Number>().is_err());
    assert!(number("1e4000").mul(&number("1e4000")).is_err());
}

#[test]
fn fixed_digits_round_half_to_even_on_the_exact_value() {
    for (text, digits, printed) in [
        ("0.5", 0, "0"),
        ("1.5", 0, "2"),
        ("2.5", 0, "2"),
        ("2.25", 1, "2.2"),
        ("-1.005", 2, "-1.00"),
        ("3", 2, "3.00"),
        ("0.001", 2, "0.00"),
    ] {
        assert_eq!(number(text).to_fixed(digits), printed, "{text}");
    }
}

#[test]
fn numbers_become_json_exactly_or_not_at_all() {
    let json = |text: &str| Value::from(number(text)).to_json();
    assert_eq!(json("18446744073709551615").expect("u64").to_string(), "18446744073709551615");
    assert_eq!(json("-9223372036854775808").expect("i64").to_string(), "-9223372036854775808");
    assert_eq!(json("0.1").expect("double").to_string(), "0.1");
    assert_eq!(json("1e20").expect("a double that prints the same").as_f64(), Some(1e20));
    // A double, but one that reads back from its shortest text as another number.
    assert_eq!(json("18446744073709551616"), Err(JsonError::Number(ValuePath::default())));
    let third = number("1").div(&number("3")).expect("not by zero");
    assert_eq!(Value::from(third).to_json(), Err(JsonError::Number(ValuePath::default())));
}

#[test]
fn leaves_are_walked_with_their_paths() {
    let value = Value::object([
        ("spec", Value::object([("a b", Value::list([1, 2])), ("none", Value::tuple(Vec::<Value>::new()))])),
        ("key", Value::secret("s")),
        ("ref", Value::unknown_reference(Type::String, "cluster.shop.endpoint")),
    ]);
    let mut seen = Vec::new();
    value.walk_leaves(|path, leaf| seen.push(format!("{path}: {leaf:?}")));
    assert_eq!(
        seen,
        ["key: (sensitive)", "ref: unknown(string, cluster.shop.endpoint)", "spec[\"a b\"][0]: 1", "spec[\"a b\"][1]: 2", "spec.none: []",]
    );
    let same = value.map_leaves(|_, leaf| leaf.clone());
    assert_eq!(same, value);
    let filled = value.map_leaves(|path, leaf| if path.to_string() == "ref" { Value::from("https://x") } else { leaf.clone() });
    assert_eq!(filled.get("ref"), Some(&Value::from("https://x")));
    assert_eq!(value.to_json(), Err(JsonError::Secret(ValuePath::default().key("key"))));
    assert_eq!(value.get_path(&["spec", "a b", "1"]).and_then(Value::as_i64), Some(2));
    assert!(value.contains_secret() && value.contains_unknown());
}

#[test]
fn secrets_open_in_one_place_only() {
    let secret = Value::secret(Value::object([("a", Value::secret("inner")), ("b", Value::from(1))]));
    assert_eq!(format!("{secret} {secret:?}"), "(sensitive) (sensitive)");
    assert_eq!((secret.as_str(), secret.as_entries().is_none(), secret.get("b")), (None, true, None));
    assert_eq!(secret.reveal(), &Value::object([("a", Value::from("inner")), ("b", Value::from(1))]));
    assert_eq!(Value::set([Value::secret("b"), Value::from("a")]), Value::secret(Value::set(["a", "b"])));
}

#[test]
fn text_is_normalised() {
    assert_eq!(Value::from("e\u{301}"), Value::from("\u{e9}"));
}
