//! Decimal text of binary floats: as short as possible, and still read back as the same number. Knows nothing of values.

use std::fmt;

use dashu_base::{BitTest, PowerOfTwo};
use dashu_int::UBig;

use super::number::PRECISION;

/// The decimal digits and the place of the point after which `magnitude * 2^exponent` is nearest among all 512 digit numbers,
/// with as few digits as possible: the digits of the exact value are cut at the first place where the cut, rounded down or
/// up, stays between the two halfway points to the neighbours.
pub(super) fn shortest_decimal(magnitude: &UBig, exponent: i64) -> (String, i64) {
    let missing = PRECISION.saturating_sub(magnitude.bit_len());
    let full = magnitude << missing;
    let exponent = exponent - missing as i64;
    // In units of 2^(exponent - 2): the number is 4m, the upper halfway point 4m + 2, the lower one 4m - 2, or 4m - 1 when
    // the number is a power of two.
    let number = &full << 2;
    let upper = &number + UBig::from(2u8);
    let lower = if magnitude.is_power_of_two() { &number - UBig::ONE } else { &number - UBig::from(2u8) };
    let exponent = exponent - 2;
    let (scale, places) = if exponent >= 0 {
        (UBig::ONE << usize::try_from(exponent).unwrap_or(0), 0)
    } else {
        // x / 2^n = x * 5^n / 10^n
        let n = usize::try_from(-exponent).unwrap_or(0);
        (UBig::from(5u8).pow(n), n)
    };
    let digits = (number * &scale).to_string();
    let pad = |value: UBig| {
        let text = (value * &scale).to_string();
        format!("{}{text}", "0".repeat(digits.len().saturating_sub(text.len())))
    };
    let (lower, upper) = (pad(lower), pad(upper));
    // The upper point may have one digit more.
    let (digits, lower) = if upper.len() > digits.len() { (format!("0{digits}"), format!("0{lower}")) } else { (digits, lower) };
    let point = digits.len() as i64 - places as i64;
    let inclusive = !full.bit(0);
    (cut_between(&digits, &lower, &upper, inclusive), point)
}

/// Digit by digit, as Go's `roundShortest` does.
fn cut_between(digits: &str, lower: &str, upper: &str, inclusive: bool) -> String {
    let (digits, lower, upper) = (digits.as_bytes(), lower.as_bytes(), upper.as_bytes());
    let mut upper_delta = 0u8;
    for (index, ((&digit, &low), &up)) in digits.iter().zip(lower).zip(upper).enumerate() {
        let last = index + 1 == digits.len();
        let down_fits = low != digit || (inclusive && last);
        if upper_delta == 0 {
            if up > digit {
                upper_delta = if up - digit == 1 { 1 } else { 2 };
            }
        } else if upper_delta == 1 && (digit != b'9' || up != b'0') {
            upper_delta = 2;
        }
        let up_fits = upper_delta == 2 || (upper_delta == 1 && (inclusive || index + 1 < upper.len()));
        let kept = digits.get(..=index).unwrap_or_default();
        match (down_fits, up_fits) {
            (true, true) if rounds_up(digits, index + 1) => return increment(kept),
            (true, _) => return text_of(kept),
            (false, true) => return increment(kept),
            (false, false) => {}
        }
    }
    text_of(digits)
}

/// Whether cutting exact digits before `at` rounds up, half to even.
fn rounds_up(digits: &[u8], at: usize) -> bool {
    match digits.get(at) {
        None => false,
        Some(b'5') if digits.get(at + 1..).unwrap_or_default().iter().all(|digit| *digit == b'0') => {
            at > 0 && digits.get(at - 1).is_some_and(|digit| (digit - b'0') % 2 == 1)
        }
        Some(digit) => *digit >= b'5',
    }
}

/// The digits plus one in the last place; digits that become zero are kept, and a carry out of the first digit cannot
/// happen because a leading zero was put there when the upper point needs it.
fn increment(digits: &[u8]) -> String {
    let mut digits = digits.to_vec();
    for digit in digits.iter_mut().rev() {
        if *digit == b'9' {
            *digit = b'0';
        } else {
            *digit += 1;
            break;
        }
    }
    text_of(&digits)
}

fn text_of(digits: &[u8]) -> String {
    digits.iter().map(|digit| char::from(*digit)).collect()
}

/// Writes digits with the point after the given number of them, never with an exponent.
pub(super) fn write_decimal(f: &mut fmt::Formatter<'_>, digits: &str, point: i64) -> fmt::Result {
    let leading = digits.len() - digits.trim_start_matches('0').len();
    let point = point - leading as i64;
    let digits = digits.trim_matches('0');
    let Ok(whole) = usize::try_from(point) else {
        let zeros = usize::try_from(point.unsigned_abs()).unwrap_or(0);
        return write!(f, "0.{}{digits}", "0".repeat(zeros));
    };
    match (digits.get(..whole), digits.get(whole..)) {
        (Some(before), Some(after)) if !after.is_empty() => {
            let before = if before.is_empty() { "0" } else { before };
            write!(f, "{before}.{after}")
        }
        _ => write!(f, "{digits}{}", "0".repeat(whole.saturating_sub(digits.len()))),
    }
}
