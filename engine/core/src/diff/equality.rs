//! When two values mean the same to an API server though they are written differently.

use serde_json::{Number, Value as Json};
use windlass_kubeschema::fieldpath::{FieldPath, PathElement, Shape};
use windlass_kubeschema::schema::Type;

use crate::encode::Placeholder;

/// Fields whose direct or indirect content is text and nothing else, whatever it looks like.
const TEXT_ONLY: [&str; 7] = ["labels", "annotations", "data", "stringData", "binaryData", "matchLabels", "nodeSelector"];
/// Fields that hold quantities in kinds whose schema we do not know.
const QUANTITIES: [&str; 9] = ["limits", "requests", "capacity", "allocatable", "hard", "storage", "sizeLimit", "overhead", "divisor"];

/// Whether a scalar that we applied and the live one mean the same at this place.
pub(super) fn same_scalar(applied: &Json, live: &Json, shape: Shape<'_>, path: &FieldPath) -> bool {
    if applied == live {
        return true;
    }
    if let Some(Placeholder::Number { value }) = Placeholder::of(applied) {
        return live.as_number().and_then(Number::as_f64).is_some_and(|number| value.parse() == Ok(number));
    }
    let within =
        |names: &[&str]| path.0.iter().any(|element| matches!(element, PathElement::Field(name) if names.contains(&name.as_str())));
    match (applied, live) {
        (Json::Number(a), Json::Number(b)) => same_number(a, b),
        (Json::String(_) | Json::Number(_), Json::String(_) | Json::Number(_)) => {
            let (a, b) = (text(applied), text(live));
            let loose = match shape {
                Shape::Known { schema, .. } => schema.int_or_string || schema.kind.is_none(),
                Shape::Deduced | Shape::Opaque => within(&QUANTITIES),
            };
            let plain_text = matches!(shape, Shape::Known { schema, .. } if schema.kind == Some(Type::String));
            if within(&TEXT_ONLY) {
                return false;
            }
            (loose && (a == b || same_quantity(&a, &b)))
                || (applied.is_string() && live.is_string() && (plain_text || !loose) && same_duration(&a, &b))
                || is_placeholder_bundle(&a, path)
        }
        _ => false,
    }
}

/// Whether a value is what a server drops when it writes an object anew (`omitempty`).
pub(super) fn is_zero(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::Bool(truth) => !truth,
        Json::Number(number) => number.as_f64() == Some(0.0),
        Json::String(text) => text.is_empty(),
        Json::Array(items) => items.is_empty(),
        Json::Object(map) => map.is_empty(),
    }
}

/// Whether all that is in `applied` is in `live`, which may hold more: defaults inside of atomic lists.
pub(super) fn covers(live: &Json, applied: &Json, shape: Shape<'_>, path: &FieldPath) -> bool {
    match (applied, live) {
        (Json::Object(ours), Json::Object(theirs)) => ours.iter().all(|(name, value)| {
            let shape = shape.field(name).unwrap_or(Shape::Deduced);
            match theirs.get(name) {
                Some(live) => covers(live, value, shape, path),
                None => is_zero(value),
            }
        }),
        (Json::Array(ours), Json::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(value, live)| covers(live, value, shape.item(), path))
        }
        (Json::Null, _) => true,
        _ => same_scalar(applied, live, shape, path),
    }
}

/// The CA bundle that a webhook or conversion is written with before an injector fills it in: a line feed, in base64.
fn is_placeholder_bundle(applied: &str, path: &FieldPath) -> bool {
    matches!(path.0.last(), Some(PathElement::Field(name)) if name == "caBundle") && (applied.is_empty() || applied == "Cg==")
}

fn same_number(a: &Number, b: &Number) -> bool {
    match (a.as_i64(), b.as_i64()) {
        (Some(a), Some(b)) => a == b,
        _ => a.as_f64() == b.as_f64(),
    }
}

fn text(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Whether two texts are one Kubernetes quantity: `1000m` and `1`, `1Gi` and `1024Mi` (apimachinery `resource.Quantity`).
pub fn same_quantity(a: &str, b: &str) -> bool {
    match (quantity(a), quantity(b)) {
        (Some(a), Some(b)) => a == b,
        _ => false,
    }
}

/// A quantity in nano units.
fn quantity(text: &str) -> Option<i128> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '+' | '-'))).unwrap_or(text.len());
    let (number, suffix) = (text.get(..end)?, text.get(end..)?);
    let nano: i128 = 1_000_000_000;
    let (multiplier, divisor): (i128, i128) = match suffix {
        "" => (nano, 1),
        "n" => (1, 1),
        "u" => (1_000, 1),
        "m" => (1_000_000, 1),
        "k" => (nano.checked_mul(1_000)?, 1),
        "M" => (nano.checked_mul(1_000_000)?, 1),
        "G" => (nano.checked_mul(1_000_000_000)?, 1),
        "T" => (nano.checked_mul(1_000_000_000_000)?, 1),
        "P" => (nano.checked_mul(1_000_000_000_000_000)?, 1),
        "E" => (nano.checked_mul(1_000_000_000_000_000_000)?, 1),
        "Ki" => (nano << 10, 1),
        "Mi" => (nano << 20, 1),
        "Gi" => (nano << 30, 1),
        "Ti" => (nano << 40, 1),
        "Pi" => (nano << 50, 1),
        "Ei" => (nano << 60, 1),
        _ => {
            let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            let power = 10_i128.checked_pow(exponent.unsigned_abs())?;
            if exponent >= 0 { (nano.checked_mul(power)?, 1) } else { (nano, power) }
        }
    };
    let negative = number.starts_with('-');
    let digits = number.trim_start_matches(['-', '+']);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() || !(whole.chars().chain(fraction.chars()).all(|c| c.is_ascii_digit())) {
        return None;
    }
    let scale = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let value: i128 = format!("{whole}{fraction}").parse().ok()?;
    let scaled = value.checked_mul(multiplier)?.checked_div(divisor.checked_mul(scale)?)?;
    Some(if negative { -scaled } else { scaled })
}

/// Whether two texts are one Go duration: `1h` and `1h0m0s`.
pub fn same_duration(a: &str, b: &str) -> bool {
    match (duration(a), duration(b)) {
        (Some(a), Some(b)) => a == b,
        _ => false,
    }
}

/// A duration in nanoseconds; every number needs its unit.
fn duration(text: &str) -> Option<i128> {
    let mut rest = text;
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let (number, after) = (rest.get(..digits)?, rest.get(digits..)?);
        let unit_end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, left) = (after.get(..unit_end)?, after.get(unit_end..)?);
        let nanos: i128 = match unit {
            "ns" => 1,
            "us" | "µs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let scale = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        let value: i128 = format!("{whole}{fraction}").parse().ok()?;
        total = total.checked_add(value.checked_mul(nanos)?.checked_div(scale)?)?;
        rest = left;
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities() {
        for (a, b) in [
            ("1000m", "1"),
            ("1Gi", "1024Mi"),
            ("0.5", "500m"),
            ("1e3", "1k"),
            ("100M", "1e8"),
            ("+1", "1"),
            ("1.0", "1"),
            ("-1", "-1000m"),
        ] {
            assert!(same_quantity(a, b), "{a} {b}");
        }
        for (a, b) in [("1", "2"), ("1Gi", "1G"), ("x", "x"), ("", "0"), ("1 ", "1"), ("1m", "1"), (".", "0")] {
            assert!(!same_quantity(a, b), "{a} {b}");
        }
    }

    #[test]
    fn durations() {
        for (a, b) in [("1h", "1h0m0s"), ("90s", "1m30s"), ("0.5s", "500ms")] {
            assert!(same_duration(a, b), "{a} {b}");
        }
        for (a, b) in [("1h", "2h"), ("1", "1"), ("", ""), ("h", "h"), ("1h", "60")] {
            assert!(!same_duration(a, b), "{a} {b}");
        }
    }
}
