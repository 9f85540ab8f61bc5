//! Placeholder form as the JSON that other programs read: a number is written with all its digits, as Terraform writes it.

use serde_json::{Map, Value as Json, json};

use super::placeholder::Placeholder;
use crate::value::Number;

/// The text of a value in one line.
pub fn json_text(value: &Json) -> String {
    let mut out = String::new();
    write(value, None, &mut out);
    out
}

/// The text of a value with a line for each element.
pub fn json_lines(value: &Json) -> String {
    let mut out = String::new();
    write(value, Some(0), &mut out);
    out
}

/// The decimal digits of a number, never with an exponent; `None` for other values.
pub fn number_text(value: &Json) -> Option<String> {
    if let Json::Number(number) = value {
        // A double's own text has no exponent; serde_json's has.
        let double = number.as_f64().filter(|_| number.is_f64());
        return Some(double.map_or_else(|| number.to_string(), |double| double.to_string()));
    }
    match Placeholder::of(value)? {
        // A user's own object may look like a placeholder and hold any text.
        Placeholder::Number { value: digits } => {
            digits.parse::<Number>().is_ok_and(|number| number.to_string() == digits).then(|| digits.to_owned())
        }
        _ => None,
    }
}

/// Terraform's type of a value, as far as JSON tells it: lists are tuples, maps are objects, and null is of any type.
pub fn json_type(value: &Json) -> Json {
    if number_text(value).is_some() {
        return json!("number");
    }
    match value {
        Json::Null | Json::Number(_) => json!("dynamic"),
        Json::String(_) => json!("string"),
        Json::Bool(_) => json!("bool"),
        Json::Array(items) => json!(["tuple", items.iter().map(json_type).collect::<Vec<_>>()]),
        Json::Object(entries) => {
            json!(["object", entries.iter().map(|(key, value)| (key.clone(), json_type(value))).collect::<Map<_, _>>()])
        }
    }
}

/// `depth`: how many lines are open around the value; `None` for all in one line.
fn write(value: &Json, depth: Option<usize>, out: &mut String) {
    if let Some(digits) = number_text(value) {
        out.push_str(&digits);
        return;
    }
    let inner = depth.map(|depth| depth + 1);
    match value {
        Json::Array(items) if !items.is_empty() => {
            out.push('[');
            for (position, item) in items.iter().enumerate() {
                begin(position, inner, out);
                write(item, inner, out);
            }
            new_line(depth, out);
            out.push(']');
        }
        Json::Object(entries) if !entries.is_empty() => {
            out.push('{');
            for (position, (key, entry)) in entries.iter().enumerate() {
                begin(position, inner, out);
                out.push_str(&Json::String(key.clone()).to_string());
                out.push_str(if depth.is_some() { ": " } else { ":" });
                write(entry, inner, out);
            }
            new_line(depth, out);
            out.push('}');
        }
        // Display of a JSON value is its compact text.
        other => out.push_str(&other.to_string()),
    }
}

fn begin(position: usize, depth: Option<usize>, out: &mut String) {
    if position > 0 {
        out.push(',');
    }
    new_line(depth, out);
}

fn new_line(depth: Option<usize>, out: &mut String) {
    if let Some(depth) = depth {
        out.push('\n');
        out.push_str(&"  ".repeat(depth));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(digits: &str) -> Json {
        Placeholder::Number { value: digits }.to_json()
    }

    #[test]
    fn numbers_beyond_json_are_written_with_all_their_digits() {
        let third = "0.33333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333335";
        for (value, text, ty) in [
            (number(third), third, json!("number")),
            (number("123456789012345678901234567890"), "123456789012345678901234567890", json!("number")),
            (json!({"c": number("-0.1")}), "{\"c\":-0.1}", json!(["object", {"c": "number"}])),
            (json!(1e30), "1000000000000000000000000000000", json!("number")),
            (json!(1e-20), "0.00000000000000000001", json!("number")),
            (json!([1.5, u64::MAX, -3]), "[1.5,18446744073709551615,-3]", json!(["tuple", ["number", "number", "number"]])),
            (
                json!({"a": null, "b": [null, true]}),
                "{\"a\":null,\"b\":[null,true]}",
                json!(["object", {"a": "dynamic", "b": ["tuple", ["dynamic", "bool"]]}]),
            ),
            (json!(["a\"\n", {}, []]), "[\"a\\\"\\n\",{},[]]", json!(["tuple", ["string", ["object", {}], ["tuple", []]]])),
            // Not ours: it would be no JSON.
            (number("1}, {"), "{\"$wl\":\"number\",\"value\":\"1}, {\"}", json!(["object", {"$wl": "string", "value": "string"}])),
        ] {
            assert_eq!((json_text(&value), json_type(&value)), (text.to_owned(), ty), "{value}");
        }
    }

    #[test]
    fn lines_are_those_of_serde_json() {
        let value = json!({"a": [1, {"b": "c"}], "d": {}, "e": [], "f": null});
        assert_eq!(json_lines(&value), format!("{value:#}"));
        assert_eq!(json_text(&value), value.to_string());
    }
}
