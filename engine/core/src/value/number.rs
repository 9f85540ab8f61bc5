//! Numbers as Terraform computes with them: binary floats of 512 digits, printed as the shortest decimal that reads back.
//! Small integers take a fast path. Knows nothing of other values.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use dashu_base::{BitTest, DivRem, Sign};
use dashu_float::Repr;
use dashu_int::{IBig, UBig};

use super::decimal::{shortest_decimal, write_decimal};

/// Binary digits of a number.
pub(super) const PRECISION: usize = 512;
/// The largest magnitude of a decimal exponent that is computed with.
const MAX_DECIMAL_EXPONENT: i64 = 5_000;
/// The largest magnitude of a binary exponent of a result; a little more than [`MAX_DECIMAL_EXPONENT`] stands for.
const MAX_BINARY_EXPONENT: i64 = 20_000;

/// A number: integer or binary float of 512 digits. There is no infinity and no "not a number".
#[derive(Clone)]
pub struct Number(Kind);

#[derive(Clone)]
enum Kind {
    Integer(i64),
    /// `-0`, which exists because Terraform prints it.
    NegativeZero,
    /// Never an integer that fits `i64`, never zero.
    Big(Arc<Repr<2>>),
}

/// Why there is no such number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// The text is not a decimal number.
    #[error("this does not read as a number")]
    NotANumber,
    /// The magnitude is beyond what is computed with.
    #[error("the number is too large or too small to be computed with")]
    OutOfRange,
    /// Division by zero.
    #[error("division by zero")]
    DivisionByZero,
}

impl Number {
    /// The integer, when it is one and fits.
    #[must_use]
    pub fn to_i64(&self) -> Option<i64> {
        match &self.0 {
            Kind::Integer(integer) => Some(*integer),
            Kind::NegativeZero => Some(0),
            Kind::Big(_) => None,
        }
    }

    /// The integer, when it is one and fits.
    #[must_use]
    pub fn to_u64(&self) -> Option<u64> {
        match &self.0 {
            Kind::Integer(integer) => u64::try_from(*integer).ok(),
            Kind::NegativeZero => Some(0),
            Kind::Big(repr) if repr.exponent() >= 0 => self.integer_part().try_into().ok(),
            Kind::Big(_) => None,
        }
    }

    /// The integer as an index or length, when it is one and fits.
    #[must_use]
    pub fn to_usize(&self) -> Option<usize> {
        self.to_u64().and_then(|integer| usize::try_from(integer).ok())
    }

    /// The nearest double; infinite when it is too large for one.
    #[must_use]
    pub fn to_f64_nearest(&self) -> f64 {
        self.to_string().parse().unwrap_or(f64::NAN)
    }

    /// The double that prints as this number does, when there is one.
    #[must_use]
    pub fn to_f64(&self) -> Option<f64> {
        let double = self.to_f64_nearest();
        let same = double.is_finite() && double.to_string().parse::<Number>().is_ok_and(|back| back == *self);
        same.then_some(double)
    }

    /// The number that a double prints as; `None` when it is not finite.
    #[must_use]
    pub fn from_f64(double: f64) -> Option<Number> {
        if double.is_finite() { double.to_string().parse().ok() } else { None }
    }

    /// True when there is nothing after the decimal point.
    #[must_use]
    pub fn is_integer(&self) -> bool {
        match &self.0 {
            Kind::Big(repr) => repr.exponent() >= 0,
            _ => true,
        }
    }

    /// True for `0` and `-0`.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        matches!(self.0, Kind::Integer(0) | Kind::NegativeZero)
    }

    /// True when it is below zero.
    #[must_use]
    pub fn is_negative(&self) -> bool {
        match &self.0 {
            Kind::Integer(integer) => *integer < 0,
            Kind::NegativeZero => false,
            Kind::Big(repr) => repr.sign() == Sign::Negative,
        }
    }

    /// The sum.
    ///
    /// # Errors
    /// [`NumberError::OutOfRange`].
    pub fn add(&self, other: &Number) -> Result<Number, NumberError> {
        match (&self.0, &other.0) {
            (Kind::NegativeZero, Kind::NegativeZero) => Ok(Number(Kind::NegativeZero)),
            (Kind::Integer(a), Kind::Integer(b)) => match a.checked_add(*b) {
                Some(sum) => Ok(Number::from(sum)),
                None => rounded(IBig::from(*a) + IBig::from(*b), 0, false),
            },
            _ => {
                let ((a, a_exponent), (b, b_exponent)) = (self.parts(), other.parts());
                let exponent = a_exponent.min(b_exponent);
                let shift = |value: IBig, from: isize| value << usize::try_from(from - exponent).unwrap_or(0);
                rounded(shift(a, a_exponent) + shift(b, b_exponent), exponent as i64, false)
            }
        }
    }

    /// The difference.
    ///
    /// # Errors
    /// [`NumberError::OutOfRange`].
    pub fn sub(&self, other: &Number) -> Result<Number, NumberError> {
        if other.is_zero() && !matches!(self.0, Kind::NegativeZero) {
            return Ok(self.clone());
        }
        self.add(&other.neg())
    }

    /// The product.
    ///
    /// # Errors
    /// [`NumberError::OutOfRange`].
    pub fn mul(&self, other: &Number) -> Result<Number, NumberError> {
        if self.is_zero() || other.is_zero() {
            return Ok(signed_zero(self.has_sign() != other.has_sign()));
        }
        if let (Kind::Integer(a), Kind::Integer(b)) = (&self.0, &other.0)
            && let Some(product) = a.checked_mul(*b)
        {
            return Ok(Number::from(product));
        }
        let ((a, a_exponent), (b, b_exponent)) = (self.parts(), other.parts());
        rounded(a * b, a_exponent as i64 + b_exponent as i64, false)
    }

    /// The quotient.
    ///
    /// # Errors
    /// [`NumberError::DivisionByZero`] and [`NumberError::OutOfRange`].
    pub fn div(&self, other: &Number) -> Result<Number, NumberError> {
        if other.is_zero() {
            return Err(NumberError::DivisionByZero);
        }
        if self.is_zero() {
            return Ok(signed_zero(self.has_sign() != other.has_sign()));
        }
        let ((a, a_exponent), (b, b_exponent)) = (self.parts(), other.parts());
        quotient(a, a_exponent as i64, b, b_exponent as i64)
    }

    /// The remainder of a division that is cut towards zero, computed step by step as Terraform does.
    ///
    /// # Errors
    /// [`NumberError::DivisionByZero`] and [`NumberError::OutOfRange`].
    pub fn rem(&self, other: &Number) -> Result<Number, NumberError> {
        if let (Kind::Integer(a), Kind::Integer(b)) = (&self.0, &other.0)
            && *b != 0
        {
            return Ok(Number::from(a.checked_rem(*b).unwrap_or(0)));
        }
        let whole = self.div(other)?.trunc();
        self.sub(&other.mul(&whole)?)
    }

    /// The number with the other sign.
    #[must_use]
    pub fn neg(&self) -> Number {
        match &self.0 {
            Kind::Integer(0) => Number(Kind::NegativeZero),
            Kind::NegativeZero => Number::from(0),
            Kind::Integer(integer) => match integer.checked_neg() {
                Some(negated) => Number::from(negated),
                None => from_exact(-IBig::from(*integer), 0),
            },
            Kind::Big(repr) => from_exact(-repr.significand().clone(), repr.exponent()),
        }
    }

    /// The number without its sign.
    #[must_use]
    pub fn abs(&self) -> Number {
        if self.is_negative() || matches!(self.0, Kind::NegativeZero) { self.neg() } else { self.clone() }
    }

    /// The next integer towards zero.
    #[must_use]
    pub fn trunc(&self) -> Number {
        match &self.0 {
            Kind::Big(repr) if repr.exponent() < 0 => from_exact(self.integer_part(), 0),
            _ => self.clone(),
        }
    }

    /// The next integer below.
    #[must_use]
    pub fn floor(&self) -> Number {
        let whole = self.trunc();
        if self.is_negative() && whole != *self { whole.sub(&Number::from(1)).unwrap_or(whole) } else { whole }
    }

    /// The next integer above.
    #[must_use]
    pub fn ceil(&self) -> Number {
        let whole = self.trunc();
        if !self.is_negative() && whole != *self { whole.add(&Number::from(1)).unwrap_or(whole) } else { whole }
    }

    /// The integer that digits of a base of 2 to 62 stand for; `A-Z` are 36 and up above base 36, as in Terraform's `parseint`.
    ///
    /// # Errors
    /// [`NumberError::NotANumber`] for any other digit, [`NumberError::OutOfRange`].
    pub fn from_digits(text: &str, base: u32) -> Result<Number, NumberError> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        if digits.is_empty() || digits.len() > MAX_DECIMAL_EXPONENT as usize {
            return Err(if digits.is_empty() { NumberError::NotANumber } else { NumberError::OutOfRange });
        }
        let mut magnitude = UBig::ZERO;
        for c in digits.chars() {
            let digit = match c {
                '0'..='9' => c as u32 - '0' as u32,
                'a'..='z' => c as u32 - 'a' as u32 + 10,
                'A'..='Z' if base > 36 => c as u32 - 'A' as u32 + 36,
                'A'..='Z' => c as u32 - 'A' as u32 + 10,
                _ => return Err(NumberError::NotANumber),
            };
            if digit >= base {
                return Err(NumberError::NotANumber);
            }
            magnitude = magnitude * UBig::from(base) + UBig::from(digit);
        }
        let sign = if negative { Sign::Negative } else { Sign::Positive };
        rounded(IBig::from_parts(sign, magnitude), 0, false)
    }

    /// The integer in base 2 to 36, lower case; `None` when it is not one.
    #[must_use]
    pub fn in_base(&self, base: u32) -> Option<String> {
        if !self.is_integer() || !(2..=36).contains(&base) {
            return None;
        }
        Some(self.integer_part().in_radix(base).to_string())
    }

    /// The decimal text with exactly that many digits after the point, rounded half to even on the exact value.
    #[must_use]
    pub fn to_fixed(&self, digits: usize) -> String {
        let (significand, exponent) = self.parts();
        let (sign, magnitude) = significand.into_parts();
        let scaled = magnitude * UBig::from(10u8).pow(digits);
        let whole = match usize::try_from(exponent) {
            Ok(left) => scaled << left,
            Err(_) => {
                let right = exponent.unsigned_abs();
                let half = UBig::ONE << (right - 1);
                let cut = &scaled >> right;
                let rest = &scaled - (&cut << right);
                let up = rest > half || (rest == half && cut.bit(0));
                if up { cut + UBig::ONE } else { cut }
            }
        };
        let mut text = whole.to_string();
        if text.len() <= digits {
            text.insert_str(0, &"0".repeat(digits + 1 - text.len()));
        }
        if digits > 0 {
            text.insert(text.len() - digits, '.');
        }
        if sign == Sign::Negative || matches!(self.0, Kind::NegativeZero) {
            text.insert(0, '-');
        }
        text
    }

    fn has_sign(&self) -> bool {
        self.is_negative() || matches!(self.0, Kind::NegativeZero)
    }

    /// Significand and binary exponent.
    fn parts(&self) -> (IBig, isize) {
        match &self.0 {
            Kind::Integer(integer) => (IBig::from(*integer), 0),
            Kind::NegativeZero => (IBig::ZERO, 0),
            Kind::Big(repr) => (repr.significand().clone(), repr.exponent()),
        }
    }

    fn integer_part(&self) -> IBig {
        let (significand, exponent) = self.parts();
        let (sign, magnitude) = significand.into_parts();
        let whole = match usize::try_from(exponent) {
            Ok(left) => magnitude << left,
            Err(_) => magnitude >> exponent.unsigned_abs(),
        };
        IBig::from_parts(sign, whole)
    }
}

impl From<i64> for Number {
    fn from(integer: i64) -> Number {
        Number(Kind::Integer(integer))
    }
}

impl From<i32> for Number {
    fn from(integer: i32) -> Number {
        Number(Kind::Integer(i64::from(integer)))
    }
}

impl From<usize> for Number {
    fn from(integer: usize) -> Number {
        i64::try_from(integer).map_or_else(|_| from_exact(IBig::from(integer), 0), Number::from)
    }
}

impl From<u64> for Number {
    fn from(integer: u64) -> Number {
        i64::try_from(integer).map_or_else(|_| from_exact(IBig::from(integer), 0), Number::from)
    }
}

/// Reads a decimal: optional sign, digits with an optional point, optional exponent. `.5` and `5.` are numbers.
impl FromStr for Number {
    type Err = NumberError;

    fn from_str(text: &str) -> Result<Number, NumberError> {
        let (negative, unsigned) = match text.as_bytes().first() {
            Some(b'-') => (true, text.get(1..).unwrap_or_default()),
            Some(b'+') => (false, text.get(1..).unwrap_or_default()),
            _ => (false, text),
        };
        let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
            Some(at) => (unsigned.get(..at).unwrap_or_default(), unsigned.get(at + 1..).unwrap_or_default()),
            None => (unsigned, "0"),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let exponent_digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if (whole.is_empty() && fraction.is_empty())
            || exponent_digits.is_empty()
            || ![whole, fraction, exponent_digits].into_iter().all(all_digits)
        {
            return Err(NumberError::NotANumber);
        }
        if whole.len() + fraction.len() > MAX_DECIMAL_EXPONENT as usize {
            return Err(NumberError::OutOfRange);
        }
        let digits = format!("{whole}{fraction}");
        let magnitude = UBig::from_str_radix(&digits, 10).map_err(|_| NumberError::NotANumber)?;
        if magnitude.is_zero() {
            return Ok(signed_zero(negative));
        }
        let exponent: i64 = exponent.parse().map_err(|_| NumberError::OutOfRange)?;
        let sign = if negative { Sign::Negative } else { Sign::Positive };
        let significand = IBig::from_parts(sign, magnitude);
        let exponent = exponent.checked_sub(fraction.len() as i64).ok_or(NumberError::OutOfRange)?;
        if exponent.abs() > MAX_DECIMAL_EXPONENT {
            return Err(NumberError::OutOfRange);
        }
        let power = IBig::from(10u8).pow(usize::try_from(exponent.unsigned_abs()).unwrap_or(0));
        if exponent >= 0 { rounded(significand * power, 0, false) } else { quotient(significand, 0, power, 0) }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Number) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Number) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// By magnitude; `-0` equals `0`.
impl Ord for Number {
    fn cmp(&self, other: &Number) -> Ordering {
        match (self.to_i64(), other.to_i64()) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => {
                let ((a, a_exponent), (b, b_exponent)) = (self.parts(), other.parts());
                let exponent = a_exponent.min(b_exponent);
                let shift = |value: IBig, from: isize| value << usize::try_from(from - exponent).unwrap_or(0);
                shift(a, a_exponent).cmp(&shift(b, b_exponent))
            }
        }
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Prints the shortest decimal that reads back as the same number, never with an exponent.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Integer(integer) => write!(f, "{integer}"),
            Kind::NegativeZero => f.write_str("-0"),
            Kind::Big(repr) => {
                let (sign, magnitude) = repr.significand().clone().into_parts();
                let (digits, point) = shortest_decimal(&magnitude, repr.exponent() as i64);
                if sign == Sign::Negative {
                    f.write_str("-")?;
                }
                write_decimal(f, &digits, point)
            }
        }
    }
}

fn signed_zero(negative: bool) -> Number {
    if negative { Number(Kind::NegativeZero) } else { Number::from(0) }
}

/// The exact number of at most 512 binary digits.
fn from_exact(significand: IBig, exponent: isize) -> Number {
    let repr = Repr::<2>::new(significand, exponent);
    if repr.significand().is_zero() {
        return Number::from(0);
    }
    if let Ok(shift @ 0..=63) = usize::try_from(repr.exponent())
        && let Ok(integer) = i64::try_from(repr.significand().clone() << shift)
    {
        return Number::from(integer);
    }
    Number(Kind::Big(Arc::new(repr)))
}

/// Rounds `significand * 2^exponent`, plus a bit of something below when `sticky`, to 512 digits, half to even.
fn rounded(significand: IBig, exponent: i64, sticky: bool) -> Result<Number, NumberError> {
    if significand.is_zero() {
        return Ok(Number::from(0));
    }
    let (sign, magnitude) = significand.into_parts();
    let length = magnitude.bit_len();
    if (exponent + length as i64).abs() > MAX_BINARY_EXPONENT {
        return Err(NumberError::OutOfRange);
    }
    let (magnitude, exponent) = match length.checked_sub(PRECISION) {
        None | Some(0) => (magnitude, exponent),
        Some(excess) => {
            let cut = &magnitude >> excess;
            let rest = &magnitude - (&cut << excess);
            let half = UBig::ONE << (excess - 1);
            let up = match rest.cmp(&half) {
                Ordering::Greater => true,
                Ordering::Less => false,
                Ordering::Equal => sticky || cut.bit(0),
            };
            (if up { cut + UBig::ONE } else { cut }, exponent + excess as i64)
        }
    };
    let exponent = isize::try_from(exponent).map_err(|_| NumberError::OutOfRange)?;
    Ok(from_exact(IBig::from_parts(sign, magnitude), exponent))
}

/// `a * 2^a_exponent / (b * 2^b_exponent)`, rounded once. `b` is not zero.
fn quotient(a: IBig, a_exponent: i64, b: IBig, b_exponent: i64) -> Result<Number, NumberError> {
    let (a_sign, a) = a.into_parts();
    let (b_sign, b) = b.into_parts();
    let shift = (b.bit_len() + PRECISION + 2).saturating_sub(a.bit_len());
    let (whole, rest) = (a << shift).div_rem(b);
    let sticky = !rest.is_zero();
    // One more digit below the quotient carries the rest, so that a tie is told from a little more than a tie.
    let whole = (whole << 1) + if sticky { UBig::ONE } else { UBig::ZERO };
    let sign = if a_sign == b_sign { Sign::Positive } else { Sign::Negative };
    rounded(IBig::from_parts(sign, whole), a_exponent - b_exponent - shift as i64 - 1, sticky)
}
