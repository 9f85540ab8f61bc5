//! Quantities in the one form that the server stores (apimachinery `resource.Quantity`): `0.5` is `500m`, `1024Mi` is `1Gi`.

use serde_json::Value;
use windlass_kubeschema::SchemaRef;

const QUANTITY: &str = "io.k8s.apimachinery.pkg.api.resource.Quantity";

/// Brings every quantity of a built-in object into its canonical form; what is no quantity is left for others to refuse.
pub(super) fn canonicalize(value: &mut Value, schema: SchemaRef<'_>) {
    let definition = schema.definitions().get(QUANTITY);
    if definition.is_some_and(|quantity| std::ptr::eq(&**quantity, schema.schema())) {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return,
        };
        if let Some(canonical) = canonical(&text) {
            *value = canonical.into();
        }
        return;
    }
    match value {
        Value::Object(map) => {
            for (name, value) in map.iter_mut() {
                if let Some(field) = schema.declared(name).or_else(|| schema.additional()) {
                    canonicalize(value, field);
                }
            }
        }
        Value::Array(list) => {
            if let Some(item) = schema.items() {
                list.iter_mut().for_each(|value| canonicalize(value, item));
            }
        }
        _ => {}
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Decimal,
    Binary,
    Exponent,
}

const NANO: i128 = 1_000_000_000;
/// From 10^-9 in steps of 1000.
const DECIMAL: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
/// From 1024^0.
const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

fn canonical(text: &str) -> Option<String> {
    let (nano, format) = parse(text)?;
    let small = nano.abs() < 1024 * NANO;
    match format {
        Format::Binary if !small && nano % NANO == 0 => {
            let (mut amount, mut step) = (nano / NANO, 0);
            while amount % 1024 == 0 && step + 1 < BINARY.len() {
                amount /= 1024;
                step += 1;
            }
            Some(format!("{amount}{}", BINARY.get(step)?))
        }
        _ => {
            let (mut amount, mut step) = (nano, 0);
            if amount == 0 {
                return Some("0".to_owned());
            }
            while amount % 1000 == 0 && step + 1 < DECIMAL.len() {
                amount /= 1000;
                step += 1;
            }
            let exponent = i64::try_from(step).ok()? * 3 - 9;
            Some(match format {
                Format::Exponent if exponent == 0 => amount.to_string(),
                Format::Exponent => format!("{amount}e{exponent}"),
                _ => format!("{amount}{}", DECIMAL.get(step)?),
            })
        }
    }
}

/// The amount in billionths, rounded away from zero, and how it was written.
fn parse(text: &str) -> Option<(i128, Format)> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let (number, suffix) = rest.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.len() + fraction.len() == 0 || fraction.contains('.') {
        return None;
    }
    let mantissa: i128 = format!("{whole}{fraction}").parse().ok()?;
    let places = i32::try_from(fraction.len()).ok()?;
    let (tens, doublings, format) = scale(suffix)?;
    let scaled = mantissa.checked_mul(1_i128.checked_shl(doublings)?)?;
    let power = tens - places + 9;
    let amount = if power >= 0 {
        scaled.checked_mul(10_i128.checked_pow(power.unsigned_abs())?)?
    } else {
        let divisor = 10_i128.checked_pow(power.unsigned_abs())?;
        scaled / divisor + i128::from(scaled % divisor != 0)
    };
    Some((sign * amount, format))
}

/// Powers of ten and of two that a suffix stands for.
fn scale(suffix: &str) -> Option<(i32, u32, Format)> {
    if let Some(step) = BINARY.iter().skip(1).position(|known| *known == suffix) {
        return Some((0, u32::try_from(step + 1).ok()? * 10, Format::Binary));
    }
    if let Some(step) = DECIMAL.iter().position(|known| *known == suffix) {
        return Some((i32::try_from(step).ok()? * 3 - 9, 0, Format::Decimal));
    }
    let exponent = suffix.strip_prefix(['e', 'E'])?;
    Some((exponent.parse().ok()?, 0, Format::Exponent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_have_one_form() {
        for (text, expected) in [
            ("0.5", "500m"),
            ("1", "1"),
            ("100", "100"),
            ("1000", "1k"),
            ("1500", "1500"),
            ("1000m", "1"),
            ("0.1", "100m"),
            ("1024Mi", "1Gi"),
            ("1536Mi", "1536Mi"),
            ("0.5Gi", "512Mi"),
            ("1Ki", "1Ki"),
            ("0.1Ki", "102400m"),
            ("1.5Gi", "1536Mi"),
            ("0", "0"),
            ("0Gi", "0"),
            ("-1000", "-1k"),
            ("1e3", "1e3"),
            ("1E3", "1e3"),
            ("12e4", "120e3"),
            ("2E", "2E"),
            ("0.0000000001", "1n"),
            ("10000000000000000000000", "10000E"),
        ] {
            assert_eq!(canonical(text).as_deref(), Some(expected), "{text}");
        }
        for bad in ["", "x", "1X", "1.2.3", "-", "1e", "1ee3", "Mi", "99999999999999999999999999999999999999999"] {
            assert_eq!(canonical(bad), None, "{bad}");
        }
    }
}
