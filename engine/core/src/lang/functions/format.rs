//! `format` and `formatlist`: verbs as in Go.

use super::collection::text;
use super::json::encode;
use super::text::graphemes;
use super::{Body, Fault, Function, Kind, Policy, Run, nullable, required};
use crate::diag::Span;
use crate::value::{Number, Type, Value, convert};

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "format",
        params: &[required("format", Kind::String)],
        variadic: Some(nullable("value", Kind::Any)),
        policy: Policy::Plain,
        result: Kind::String,
        doc: "The format with its verbs (%s %d %q %v %f …) replaced by the values.",
        example: ("format(\"%s-%03d\", \"a\", 7)", "\"a-007\""),
        body: Body::Eager(|_, a| Ok(format_values(text(a, 0), a.get(1..).unwrap_or_default())?.into())),
    },
    Function {
        name: "formatlist",
        params: &[required("format", Kind::String)],
        variadic: Some(nullable("list", Kind::Any)),
        policy: Policy::Plain,
        result: Kind::Strings,
        doc: "Like `format` for each element of lists of the same length; other values are repeated.",
        example: ("formatlist(\"%s!\", [\"a\", \"b\"])", "tolist([\"a!\", \"b!\"])"),
        body: Body::Eager(formatlist),
    },
];

fn formatlist(run: &mut Run<'_>, a: &[Value]) -> Result<Value, Fault> {
    let values = a.get(1..).unwrap_or_default();
    let mut length: Option<usize> = None;
    for (position, value) in values.iter().enumerate() {
        let Some(elements) = value.as_elements() else { continue };
        if *length.get_or_insert(elements.len()) != elements.len() {
            return Err(Fault::new(position + 1, "the lists have different lengths"));
        }
    }
    let mut lines = Vec::new();
    for round in 0..length.unwrap_or(1) {
        let row: Vec<Value> = values
            .iter()
            .map(|value| value.as_elements().map_or_else(|| value.clone(), |e| e.get(round).cloned().unwrap_or(Value::Null)))
            .collect();
        let line = format_values(text(a, 0), &row)?;
        if !run.spend_text(line.len(), Span::default()) {
            return Err(Fault::whole("the result would be too large"));
        }
        lines.push(Value::from(line));
    }
    Ok(Value::List(lines.into()))
}

/// A verb with its flags: `%-08.2f`, `%[1]d`.
#[derive(Default)]
struct Verb {
    minus: bool,
    plus: bool,
    sharp: bool,
    zero: bool,
    space: bool,
    width: Option<usize>,
    precision: Option<usize>,
    argument: Option<usize>,
    letter: char,
}

fn format_values(format: &str, values: &[Value]) -> Result<String, Fault> {
    let mut output = String::new();
    let mut rest = format;
    let (mut next, mut used) = (0, 0);
    while let Some(at) = rest.find('%') {
        output.push_str(rest.get(..at).unwrap_or_default());
        rest = rest.get(at + 1..).unwrap_or_default();
        if let Some(after) = rest.strip_prefix('%') {
            output.push('%');
            rest = after;
            continue;
        }
        let (verb, after) = read_verb(rest)?;
        rest = after;
        if let Some(argument) = verb.argument {
            next = argument.saturating_sub(1);
        }
        let Some(value) = values.get(next) else {
            return Err(Fault::new(0, format!("there is no value for verb {} of the format", next + 1)));
        };
        next += 1;
        used = used.max(next);
        output.push_str(&verb.apply(value, next)?);
    }
    output.push_str(rest);
    if used < values.len() {
        return Err(Fault::new(used + 1, format!("the format uses {used} values, and there are {}", values.len())));
    }
    Ok(output)
}

type Chars<'s> = std::iter::Peekable<std::str::CharIndices<'s>>;

fn read_verb(source: &str) -> Result<(Verb, &str), Fault> {
    let mut verb = Verb::default();
    let mut chars = source.char_indices().peekable();
    while let Some((_, c)) = chars.peek() {
        match c {
            '-' => verb.minus = true,
            '+' => verb.plus = true,
            '#' => verb.sharp = true,
            '0' => verb.zero = true,
            ' ' => verb.space = true,
            _ => break,
        }
        chars.next();
    }
    verb.width = read_number(&mut chars);
    if chars.next_if(|(_, c)| *c == '.').is_some() {
        verb.precision = Some(read_number(&mut chars).unwrap_or(0).min(2_000));
    }
    verb.argument = read_index(&mut chars)?;
    match chars.next() {
        Some((at, letter)) => {
            verb.letter = letter;
            Ok((verb, source.get(at + letter.len_utf8()..).unwrap_or_default()))
        }
        None => Err(Fault::new(0, "the format ends with an unfinished verb").hint("write `%%` for a percent sign")),
    }
}

/// `[2]`: the argument to take, counted from 1. It stands right before the letter of the verb.
fn read_index(chars: &mut Chars<'_>) -> Result<Option<usize>, Fault> {
    if chars.next_if(|(_, c)| *c == '[').is_none() {
        return Ok(None);
    }
    let from_one = chars.peek().is_some_and(|(_, c)| *c != '0');
    let argument = read_number(chars).filter(|_| from_one);
    match (argument, chars.next_if(|(_, c)| *c == ']')) {
        (Some(argument), Some(_)) => Ok(Some(argument)),
        _ => Err(Fault::new(0, "the number of an argument is not written as `[1]`, counted from 1")),
    }
}

fn read_number(chars: &mut Chars<'_>) -> Option<usize> {
    let mut number = None;
    while let Some(digit) = chars.peek().and_then(|(_, c)| c.to_digit(10)) {
        number = Some((number.unwrap_or(0) * 10 + digit as usize).min(100_000));
        chars.next();
    }
    number
}

impl Verb {
    fn apply(&self, value: &Value, position: usize) -> Result<String, Fault> {
        let text = match self.letter {
            'v' if self.sharp => encode(value),
            'v' => match value {
                Value::Null => "null".to_owned(),
                Value::String(text) => text.to_string(),
                Value::Number(number) => shortest(number),
                other => encode(other),
            },
            // Of this verb Terraform takes no width.
            't' => return Ok(matches!(self.convert(value, &Type::Bool, position)?, Value::Bool(true)).to_string()),
            's' => self.cut(&self.string(value, position)?),
            'q' => encode(&Value::from(self.cut(&self.string(value, position)?))),
            'd' | 'b' | 'o' | 'x' | 'X' => return self.integer(value, position),
            'e' | 'E' | 'f' | 'g' | 'G' => return self.float(value, position),
            other => return Err(Fault::new(0, format!("there is no verb `%{other}`")).hint("write `%%` for a percent sign")),
        };
        Ok(self.padded(text))
    }

    fn convert(&self, value: &Value, ty: &Type, position: usize) -> Result<Value, Fault> {
        if value.is_null() {
            return Err(Fault::new(position, format!("null cannot be formatted with `%{}`", self.letter)));
        }
        convert(value, ty).map_err(|error| Fault::new(position, format!("`%{}`: {error}", self.letter)))
    }

    fn string(&self, value: &Value, position: usize) -> Result<String, Fault> {
        let value = self.convert(value, &Type::String, position)?;
        Ok(value.as_str().unwrap_or_default().to_owned())
    }

    fn number(&self, value: &Value, position: usize) -> Result<Number, Fault> {
        match self.convert(value, &Type::Number, position)? {
            Value::Number(number) => Ok(number),
            _ => Err(Fault::new(position, "a number is required")),
        }
    }

    fn integer(&self, value: &Value, position: usize) -> Result<String, Fault> {
        let number = self.number(value, position)?;
        let (base, mark) = match self.letter {
            'b' => (2, "0b"),
            'o' => (8, "0"),
            'x' => (16, "0x"),
            'X' => (16, "0X"),
            _ => (10, ""),
        };
        let Some(digits) = number.abs().in_base(base) else {
            return Err(Fault::new(position, format!("`%{}` needs a whole number", self.letter)));
        };
        let digits = if self.letter == 'X' { digits.to_uppercase() } else { digits };
        let mark = if self.sharp { mark } else { "" };
        Ok(self.padded_integer(self.sign(number.is_negative()), mark, &digits, number.is_zero()))
    }

    /// An integer as Go writes it: with a precision there are at least that many digits, and none for zero with precision 0.
    fn padded_integer(&self, sign: &str, mark: &str, digits: &str, zero: bool) -> String {
        let digits = if zero && self.precision == Some(0) { "" } else { digits };
        if digits.is_empty() {
            return self.padded_plain(String::new(), self.width.unwrap_or(0));
        }
        let room = self.width.unwrap_or(0).saturating_sub(sign.len() + mark.len());
        let least = match self.precision {
            Some(precision) => precision,
            None if self.zero && !self.minus => room,
            None => 0,
        };
        let zeros = "0".repeat(least.saturating_sub(digits.len()));
        let missing = room.saturating_sub(zeros.len() + digits.len());
        self.padded_plain(format!("{sign}{mark}{zeros}{digits}"), missing)
    }

    fn sign(&self, negative: bool) -> &'static str {
        match negative {
            true => "-",
            false if self.plus => "+",
            false if self.space => " ",
            false => "",
        }
    }

    fn float(&self, value: &Value, position: usize) -> Result<String, Fault> {
        let number = self.number(value, position)?;
        let digits = match (self.letter, self.precision) {
            ('f', precision) => number.to_fixed(precision.unwrap_or(6)),
            ('g' | 'G', None) => shortest(&number),
            ('e' | 'E', precision) => Scientific::rounded(&number, precision.unwrap_or(6)).written(),
            (_, precision) => general(&number, precision.unwrap_or(6)),
        };
        let digits = if matches!(self.letter, 'E' | 'G') { digits.to_uppercase() } else { digits };
        Ok(self.padded_number(&digits))
    }

    /// A string, cut to the precision; one of 0 cuts nothing, as in Terraform.
    fn cut(&self, text: &str) -> String {
        match self.precision {
            Some(precision) if precision > 0 => graphemes(text).take(precision).collect(),
            _ => text.to_owned(),
        }
    }

    fn padded(&self, text: String) -> String {
        let missing = self.width.unwrap_or(0).saturating_sub(graphemes(&text).count());
        let padding = if self.zero { "0" } else { " " }.repeat(missing);
        if self.minus { format!("{text}{padding}") } else { format!("{padding}{text}") }
    }

    fn padded_number(&self, digits: &str) -> String {
        let (sign, digits) = match digits.strip_prefix('-') {
            Some(rest) => (self.sign(true), rest),
            None => (self.sign(false), digits),
        };
        let missing = self.width.unwrap_or(0).saturating_sub(digits.len() + sign.len());
        if self.zero && !self.minus {
            return format!("{sign}{}{digits}", "0".repeat(missing));
        }
        self.padded_plain(format!("{sign}{digits}"), missing)
    }

    fn padded_plain(&self, text: String, missing: usize) -> String {
        if self.minus { format!("{text}{}", " ".repeat(missing)) } else { format!("{}{text}", " ".repeat(missing)) }
    }
}

/// A number in the form `1.25e+04`.
struct Scientific {
    negative: bool,
    /// One digit before the point, and those after it.
    digits: String,
    exponent: i64,
}

impl Scientific {
    /// All digits of the number.
    fn of(number: &Number) -> Scientific {
        let plain = number.to_string();
        let unsigned = plain.strip_prefix('-').unwrap_or(&plain);
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let all = format!("{whole}{fraction}");
        let leading = all.len() - all.trim_start_matches('0').len();
        let digits = all.trim_matches('0').to_owned();
        let negative = plain.starts_with('-');
        if digits.is_empty() {
            return Scientific { negative, digits: "0".to_owned(), exponent: 0 };
        }
        Scientific { negative, digits, exponent: whole.len() as i64 - 1 - leading as i64 }
    }

    /// With that many digits after the point.
    fn rounded(number: &Number, decimals: usize) -> Scientific {
        let exact = Scientific::of(number);
        let wanted = decimals + 1;
        let digits = match usize::try_from(decimals as i64 - exact.exponent) {
            // Behind the point the binary value decides what is a half, not the short decimal that it is written as.
            Ok(places) => number.abs().to_fixed(places).replace('.', "").trim_start_matches('0').to_owned(),
            Err(_) => cut_to(&exact.digits, wanted),
        };
        // Rounding up to the next power of ten is one digit more.
        let more = if digits.is_empty() { 0 } else { digits.len() as i64 - wanted as i64 };
        let digits = format!("{digits:0<wanted$}").chars().take(wanted).collect();
        Scientific { negative: exact.negative, digits, exponent: exact.exponent + more }
    }

    /// Go writes at least two digits of an exponent, and its sign.
    fn written(&self) -> String {
        let sign = if self.negative { "-" } else { "" };
        let (first, others) = self.digits.split_at_checked(1).unwrap_or((&self.digits, ""));
        let point = if others.is_empty() { "" } else { "." };
        let exponent_sign = if self.exponent < 0 { '-' } else { '+' };
        format!("{sign}{first}{point}{others}e{exponent_sign}{:02}", self.exponent.unsigned_abs())
    }

    /// Without an exponent.
    fn plain(&self) -> String {
        let sign = if self.negative { "-" } else { "" };
        let Ok(exponent) = usize::try_from(self.exponent) else {
            let zeros = usize::try_from(-1 - self.exponent).unwrap_or(0);
            return format!("{sign}0.{}{}", "0".repeat(zeros), self.digits);
        };
        match self.digits.split_at_checked(exponent + 1) {
            Some((whole, fraction)) if !fraction.is_empty() => format!("{sign}{whole}.{fraction}"),
            _ => format!("{sign}{}{}", self.digits, "0".repeat((exponent + 1).saturating_sub(self.digits.len()))),
        }
    }
}

/// The first digits, rounded half to even, with zeros behind them; one more if they were all nines.
fn cut_to(digits: &str, wanted: usize) -> String {
    let Some((kept, cut)) = digits.split_at_checked(wanted) else { return format!("{digits:0<wanted$}") };
    let odd = kept.bytes().last().is_some_and(|digit| digit % 2 == 1);
    let up = match cut {
        // Digits end with one that is not 0, so anything behind the 5 makes more than a half.
        "5" => odd,
        _ => cut.bytes().next().is_some_and(|digit| digit >= b'5'),
    };
    if up { one_more(kept) } else { kept.to_owned() }
}

/// The decimal digits of the next integer.
fn one_more(digits: &str) -> String {
    let rest = digits.trim_end_matches('9');
    let zeros = "0".repeat(digits.len() - rest.len());
    match rest.char_indices().next_back() {
        Some((at, last)) => {
            let next = last.to_digit(10).and_then(|digit| char::from_digit(digit + 1, 10)).unwrap_or(last);
            format!("{}{next}{zeros}", rest.get(..at).unwrap_or_default())
        }
        None => format!("1{zeros}"),
    }
}

/// From this exponent on `%g` without a precision writes one.
const EXPONENT_FROM: i64 = 6;

/// As short as possible, with an exponent below -4 and from 6 on.
fn shortest(number: &Number) -> String {
    let exact = Scientific::of(number);
    if (-4..EXPONENT_FROM).contains(&exact.exponent) { number.to_string() } else { exact.written() }
}

/// `%g` with a precision: that many digits, trailing zeros dropped.
fn general(number: &Number, precision: usize) -> String {
    let precision = precision.max(1);
    let mut rounded = Scientific::rounded(number, precision - 1);
    let shown = rounded.digits.trim_end_matches('0').len().max(1);
    rounded.digits.truncate(shown);
    if rounded.exponent < -4 || rounded.exponent >= precision as i64 { rounded.written() } else { rounded.plain() }
}
