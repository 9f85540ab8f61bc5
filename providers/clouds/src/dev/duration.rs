//! Go's durations, read and written as Go does (package `time`, `ParseDuration` and `Duration.String`); must not know what they measure.
//!
//! The provider's webhook writes each one again in its own form, so anything else that we sent would come back as drift.

const SECOND: u64 = 1_000_000_000;
/// Units with their nanoseconds; the micro sign and the Greek letter both stand for a millionth.
const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", SECOND),
    ("m", 60 * SECOND),
    ("h", 3600 * SECOND),
];
/// The longest that Go can count.
const LONGEST: u64 = i64::MAX as u64;

/// A duration in Go's own form, `1m30s` for `90s`; `None` if it is none, negative, or longer than 292 years.
pub fn canonical(text: &str) -> Option<String> {
    nanoseconds(text).map(written)
}

/// Nanoseconds of numbers with units, one after the other: `1h2m`, `1.5s`, `0`.
pub fn nanoseconds(text: &str) -> Option<u64> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(0);
    }
    let mut sum: u64 = 0;
    while !rest.is_empty() {
        let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (whole, after) = rest.split_at_checked(digits(rest))?;
        let (part, after) = match after.strip_prefix('.') {
            Some(after) => after.split_at_checked(digits(after))?,
            None => ("", after),
        };
        let end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(end)?;
        let (_, unit) = UNITS.iter().find(|(name, _)| *name == unit)?;
        if whole.is_empty() && part.is_empty() {
            return None;
        }
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        sum = sum.checked_add(whole.checked_mul(*unit)?)?.checked_add(fraction(part, *unit))?;
        rest = after;
    }
    (!text.is_empty() && text != "+" && sum <= LONGEST).then_some(sum)
}

/// Nanoseconds of the digits behind a point. Go counts them in floating point, and so do we: what it rounds is written as it rounds it.
fn fraction(digits: &str, unit: u64) -> u64 {
    let (mut digits_read, mut scale) = (0_u64, 1.0_f64);
    for digit in digits.bytes().map(|byte| u64::from(byte.saturating_sub(b'0'))) {
        if digits_read > LONGEST / 10 {
            break;
        }
        digits_read = digits_read * 10 + digit;
        scale *= 10.0;
    }
    (digits_read as f64 * (unit as f64 / scale)) as u64
}

fn written(nanoseconds: u64) -> String {
    let small = [("ns", 1), ("\u{b5}s", 1_000), ("ms", 1_000_000)];
    match nanoseconds {
        0 => "0s".to_owned(),
        1..SECOND => {
            let (unit, size) = small.into_iter().rev().find(|(_, size)| nanoseconds >= *size).unwrap_or(("ns", 1));
            format!("{}{unit}", decimal(nanoseconds, size))
        }
        _ => {
            let (minutes, rest) = (nanoseconds / (60 * SECOND), nanoseconds % (60 * SECOND));
            let seconds = decimal(rest, SECOND);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{seconds}s"),
                (0, minutes) => format!("{minutes}m{seconds}s"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
            }
        }
    }
}

/// A number of units with as many digits behind the point as it needs.
fn decimal(nanoseconds: u64, unit: u64) -> String {
    let (whole, rest) = (nanoseconds / unit, nanoseconds % unit);
    if rest == 0 {
        return whole.to_string();
    }
    let width = unit.ilog10() as usize;
    let digits = format!("{rest:0width$}");
    format!("{whole}.{}", digits.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::{canonical, nanoseconds};

    /// Left as written, right as Go 1.26 prints what it has parsed.
    #[test]
    fn durations_are_those_of_go() {
        for (text, want) in [
            ("0", "0s"),
            ("0s", "0s"),
            ("+0m", "0s"),
            ("10s", "10s"),
            ("90s", "1m30s"),
            ("60s", "1m0s"),
            ("1h", "1h0m0s"),
            ("3600s", "1h0m0s"),
            ("1h2m3s", "1h2m3s"),
            ("1.5s", "1.5s"),
            ("1500ms", "1.5s"),
            (".5s", "500ms"),
            ("1.s", "1s"),
            ("2ms", "2ms"),
            ("1500us", "1.5ms"),
            ("1\u{b5}s", "1\u{b5}s"),
            ("1\u{3bc}s", "1\u{b5}s"),
            ("1ns", "1ns"),
            ("0.1ns", "0s"),
            ("1.000000001s", "1.000000001s"),
            ("0.3333333333333333333h", "20m0s"),
            ("2s1m", "1m2s"),
            ("100h", "100h0m0s"),
            ("0.33333333333333333333333333h", "20m0s"),
            ("0.333333h", "19m59.9988s"),
            ("0.123456789123m", "7.407407347s"),
            ("2562047h47m16.854775807s", "2562047h47m16.854775807s"),
        ] {
            assert_eq!(canonical(text).as_deref(), Some(want), "{text:?}");
        }
        for text in ["", "+", ".", "s", ".s", "5", "1d", "-1s", "1 s", "1s ", "one", "1h30", "1e3s", "2562047h47m16.854775808s", "\u{fc}s"]
        {
            assert_eq!(nanoseconds(text), None, "{text:?}");
        }
    }
}
