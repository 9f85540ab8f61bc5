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
    let mut next = 0;
    let mut indexed = false;
    while let Some(at) = rest.find('%') {
        output.push_str(rest.get(..at).unwrap_or_default());
        rest = rest.get(at + 1..).unwrap_or_default();
        let (verb, after) = read_verb(rest)?;
        rest = after;
        if verb.letter == '%' {
            output.push('%');
            continue;
        }
        if let Some(argument) = verb.argument {
            next = argument.checked_sub(1).ok_or_else(|| Fault::new(0, "arguments of a format are counted from 1"))?;
            indexed = true;
        }
        let Some(value) = values.get(next) else {
            return Err(Fault::new(0, format!("there is no value for verb {} of the format", next + 1)));
        };
        next += 1;
        output.push_str(&verb.apply(value, next)?);
    }
    output.push_str(rest);
    if !indexed && next < values.len() {
        return Err(Fault::new(next + 1, format!("the format has {next} verbs, and there are {} values", values.len())));
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
    read_index(&mut chars, &mut verb);
    verb.width = read_number(&mut chars);
    if chars.next_if(|(_, c)| *c == '.').is_some() {
        verb.precision = Some(read_number(&mut chars).unwrap_or(0).min(2_000));
    }
    read_index(&mut chars, &mut verb);
    match chars.next() {
        Some((at, letter)) => {
            verb.letter = letter;
            Ok((verb, source.get(at + letter.len_utf8()..).unwrap_or_default()))
        }
        None => Err(Fault::new(0, "the format ends with an unfinished verb").hint("write `%%` for a percent sign")),
    }
}

/// `[2]`: the argument to take.
fn read_index(chars: &mut Chars<'_>, verb: &mut Verb) {
    if chars.next_if(|(_, c)| *c == '[').is_some() {
        verb.argument = read_number(chars);
        chars.next_if(|(_, c)| *c == ']');
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
                Value::Number(number) => return Ok(self.padded_number(number.to_string())),
                other => encode(other),
            },
            't' => match self.convert(value, &Type::Bool, position)? {
                Value::Bool(truth) => truth.to_string(),
                _ => String::new(),
            },
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
        let base = match self.letter {
            'b' => 2,
            'o' => 8,
            'x' | 'X' => 16,
            _ => 10,
        };
        let Some(digits) = number.in_base(base) else {
            return Err(Fault::new(position, format!("`%{}` needs a whole number", self.letter)));
        };
        Ok(self.padded_number(if self.letter == 'X' { digits.to_uppercase() } else { digits }))
    }

    fn float(&self, value: &Value, position: usize) -> Result<String, Fault> {
        let number = self.number(value, position)?;
        let digits = match (self.letter, self.precision) {
            ('f', precision) => number.to_fixed(precision.unwrap_or(6)),
            ('g' | 'G', None) => shortest(&number),
            (letter, precision) => {
                let double = number.to_f64_nearest();
                match letter {
                    'e' | 'E' => exponent_form(&format!("{double:.*e}", precision.unwrap_or(6))),
                    _ => general(double, precision.unwrap_or(6)),
                }
            }
        };
        let digits = if matches!(self.letter, 'E' | 'G') { digits.to_uppercase() } else { digits };
        Ok(self.padded_number(digits))
    }

    /// A string, cut to the precision.
    fn cut(&self, text: &str) -> String {
        match self.precision {
            Some(precision) => graphemes(text).take(precision).collect(),
            None => text.to_owned(),
        }
    }

    fn padded(&self, text: String) -> String {
        let missing = self.width.unwrap_or(0).saturating_sub(graphemes(&text).count());
        if self.minus {
            format!("{text}{}", " ".repeat(missing))
        } else {
            format!("{}{text}", if self.zero { "0" } else { " " }.repeat(missing))
        }
    }

    fn padded_number(&self, digits: String) -> String {
        let (sign, digits) = match digits.strip_prefix('-') {
            Some(rest) => ("-", rest.to_owned()),
            None if self.plus => ("+", digits),
            None if self.space => (" ", digits),
            None => ("", digits),
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

/// Go writes at least two digits of an exponent, and its sign.
fn exponent_form(rust: &str) -> String {
    let Some((digits, exponent)) = rust.split_once('e') else { return rust.to_owned() };
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(rest) => ('-', rest),
        None => ('+', exponent),
    };
    format!("{digits}e{sign}{exponent:0>2}")
}

/// `%g` without a precision: as short as possible, with an exponent below -4 and from 6 on.
fn shortest(number: &Number) -> String {
    let plain = number.to_string();
    let digits = plain.trim_start_matches('-');
    let whole = digits.split('.').next().unwrap_or_default();
    let zeros = digits.strip_prefix("0.").map_or(0, |fraction| fraction.len() - fraction.trim_start_matches('0').len());
    if whole.len() <= 6 && zeros < 4 {
        return plain;
    }
    let significant: String = digits.chars().filter(char::is_ascii_digit).collect();
    let significant = significant.trim_start_matches('0').trim_end_matches('0');
    let exponent = if zeros > 0 && whole == "0" { -(zeros as i64) - 1 } else { whole.len() as i64 - 1 };
    let (first, others) = significant.split_at_checked(1).unwrap_or((significant, ""));
    let point = if others.is_empty() { "" } else { "." };
    let sign = if plain.starts_with('-') { "-" } else { "" };
    exponent_form(&format!("{sign}{first}{point}{others}e{exponent}"))
}

/// `%g` with a precision: that many digits, trailing zeros dropped.
fn general(double: f64, precision: usize) -> String {
    let precision = precision.max(1);
    let scientific = format!("{double:.*e}", precision - 1);
    let exponent: i64 = scientific.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0);
    let trim = |text: String| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    };
    if exponent < -4 || exponent >= precision as i64 {
        let (digits, _) = scientific.split_once('e').unwrap_or((&scientific, ""));
        return exponent_form(&format!("{}e{exponent}", trim(digits.to_owned())));
    }
    let decimals = usize::try_from(precision as i64 - 1 - exponent).unwrap_or(0);
    trim(format!("{double:.decimals$}"))
}
