//! JSON of the language: exact numbers of any size, and the escapes of Terraform's encoder. The documents that windlass
//! itself writes are not made here.

use super::collection::text;
use super::quote::write_quoted;
use super::{Body, Fault, Function, Kind, Policy, nullable, required};
use crate::value::{Entries, Value};

/// How deep a document may be nested.
const MAX_DEPTH: usize = 128;

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "jsonencode",
        params: &[nullable("value", Kind::Any)],
        variadic: None,
        policy: Policy::Plain,
        result: Kind::String,
        doc: "The value as JSON text.",
        example: ("jsonencode({ a = [1] })", "\"{\\\"a\\\":[1]}\""),
        body: Body::Eager(|_, a| Ok(encode(a.first().unwrap_or(&Value::Null)).into())),
    },
    Function {
        name: "jsondecode",
        params: &[required("string", Kind::String)],
        variadic: None,
        policy: Policy::Plain,
        result: Kind::Any,
        doc: "The value of a JSON text.",
        example: ("jsondecode(\"[1]\")", "[1]"),
        body: Body::Eager(|run, a| {
            run.spend(text(a, 0).len() as u64 / 8, crate::diag::Span::default());
            decode(text(a, 0)).map_err(|(line, column, message)| Fault::new(0, format!("line {line}, column {column}: {message}")))
        }),
    },
];

/// The value as JSON on one line, keys sorted; unknowns and secrets must not be in it.
pub(super) fn encode(value: &Value) -> String {
    let mut output = String::new();
    write(value, &mut output);
    output
}

fn write(value: &Value, output: &mut String) {
    match value {
        Value::Null | Value::Unknown(_) | Value::Secret(_) => output.push_str("null"),
        Value::Bool(truth) => output.push_str(if *truth { "true" } else { "false" }),
        Value::Number(number) => output.push_str(&number.to_string()),
        Value::String(text) => write_string(text, output),
        Value::List(elements) | Value::Set(elements) | Value::Tuple(elements) => {
            output.push('[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    output.push(',');
                }
                write(element, output);
            }
            output.push(']');
        }
        Value::Map(entries) | Value::Object(entries) => {
            output.push('{');
            for (index, (key, entry)) in entries.iter().enumerate() {
                if index > 0 {
                    output.push(',');
                }
                write_string(key, output);
                output.push(':');
                write(entry, output);
            }
            output.push('}');
        }
    }
}

fn write_string(text: &str, output: &mut String) {
    write_quoted(text, output, |c| match c {
        '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => Some(format!("\\u{:04x}", u32::from(c))),
        _ => None,
    });
}

/// The value of a JSON text; an error with line, column and message.
pub(super) fn decode(text: &str) -> Result<Value, (usize, usize, &'static str)> {
    let mut parser = Parser { text, bytes: text.as_bytes(), at: 0 };
    let result = parser.value(0).and_then(|value| {
        parser.blanks();
        if parser.at < parser.bytes.len() { Err("more text after the value") } else { Ok(value) }
    });
    result.map_err(|message| {
        let before = text.as_bytes().get(..parser.at).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
        (line, column, message)
    })
}

struct Parser<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
}

impl Parser<'_> {
    fn blanks(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.bytes.get(self.at) == Some(&byte);
        self.at += usize::from(found);
        found
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, &'static str> {
        if self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes())) {
            self.at += word.len();
            return Ok(value);
        }
        Err("a value is expected")
    }

    fn value(&mut self, depth: usize) -> Result<Value, &'static str> {
        if depth > MAX_DEPTH {
            return Err("nested too deeply");
        }
        self.blanks();
        match self.bytes.get(self.at) {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string().map(Value::from),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => Err("a value is expected"),
            None => Err("the text ends too early"),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, &'static str> {
        self.at += 1;
        let mut entries = Entries::new();
        self.blanks();
        if self.take(b'}') {
            return Ok(Value::from(entries));
        }
        loop {
            self.blanks();
            if self.bytes.get(self.at) != Some(&b'"') {
                return Err("a key in quotes is expected");
            }
            let key = Value::from(self.string()?);
            self.blanks();
            if !self.take(b':') {
                return Err("`:` is expected");
            }
            let value = self.value(depth + 1)?;
            entries.insert(key.as_str().unwrap_or_default().into(), value);
            self.blanks();
            if self.take(b'}') {
                return Ok(Value::from(entries));
            }
            if !self.take(b',') {
                return Err("`,` or `}` is expected");
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, &'static str> {
        self.at += 1;
        let mut elements = Vec::new();
        self.blanks();
        if self.take(b']') {
            return Ok(Value::from(elements));
        }
        loop {
            elements.push(self.value(depth + 1)?);
            self.blanks();
            if self.take(b']') {
                return Ok(Value::from(elements));
            }
            if !self.take(b',') {
                return Err("`,` or `]` is expected");
            }
        }
    }

    fn number(&mut self) -> Result<Value, &'static str> {
        let start = self.at;
        self.take(b'-');
        let whole = self.digits();
        if whole == 0 || (whole > 1 && self.bytes.get(self.at - whole) == Some(&b'0')) {
            return Err("malformed number");
        }
        if self.take(b'.') && self.digits() == 0 {
            return Err("malformed number");
        }
        if self.take(b'e') || self.take(b'E') {
            let _ = self.take(b'+') || self.take(b'-');
            if self.digits() == 0 {
                return Err("malformed number");
            }
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        text.parse().map(Value::Number).map_err(|_| "a number too large or too small to be computed with")
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        self.at - start
    }

    fn string(&mut self) -> Result<String, &'static str> {
        self.at += 1;
        let mut string = String::new();
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let Some(c) = rest.chars().next() else { return Err("a string is never closed") };
            self.at += c.len_utf8();
            match c {
                '"' => return Ok(string),
                '\\' => string.push(self.escape()?),
                '\0'..='\u{1f}' => return Err("a control character in a string"),
                _ => string.push(c),
            }
        }
    }

    fn escape(&mut self) -> Result<char, &'static str> {
        let byte = self.bytes.get(self.at).copied();
        self.at += 1;
        Ok(match byte {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let high = self.hex()?;
                if !(0xd800..0xdc00).contains(&high) {
                    return Ok(char::from_u32(high).unwrap_or('\u{fffd}'));
                }
                if self.take(b'\\') && self.take(b'u') {
                    let low = self.hex()?;
                    let code = 0x10000 + ((high - 0xd800) << 10) + (low.wrapping_sub(0xdc00) & 0x3ff);
                    return Ok(char::from_u32(code).unwrap_or('\u{fffd}'));
                }
                '\u{fffd}'
            }
            _ => return Err("a backslash sequence that JSON does not have"),
        })
    }

    fn hex(&mut self) -> Result<u32, &'static str> {
        let digits = self.text.get(self.at..self.at + 4).ok_or("a malformed \\u sequence")?;
        self.at += 4;
        u32::from_str_radix(digits, 16).map_err(|_| "a malformed \\u sequence")
    }
}
