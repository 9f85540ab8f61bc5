//! Encodings and digests.

use std::fmt::Write as _;

use data_encoding::BASE64;
use sha2::{Digest, Sha256};

use super::collection::text;
use super::{Body, Fault, Function, Kind, Param, Policy, Run, required};
use crate::value::Value;

const STRING: &[Param] = &[required("string", Kind::String)];

const fn encoding(
    name: &'static str,
    doc: &'static str,
    example: (&'static str, &'static str),
    body: fn(&mut Run<'_>, &[Value]) -> Result<Value, Fault>,
) -> Function {
    Function { name, params: STRING, variadic: None, policy: Policy::Plain, result: Kind::String, doc, example, body: Body::Eager(body) }
}

pub(super) const FUNCTIONS: &[Function] = &[
    encoding("base64encode", "The bytes of the string in base 64.", ("base64encode(\"a\")", "\"YQ==\""), |_, a| {
        Ok(BASE64.encode(text(a, 0).as_bytes()).into())
    }),
    encoding("base64decode", "The string whose bytes are given in base 64.", ("base64decode(\"YQ==\")", "\"a\""), |_, a| {
        let unbroken = text(a, 0).replace(['\n', '\r'], "");
        let bytes = BASE64.decode(unbroken.as_bytes()).map_err(|error| Fault::new(0, format!("this is not base 64: {error}")))?;
        match String::from_utf8(bytes) {
            Ok(decoded) => Ok(decoded.into()),
            Err(_) => Err(Fault::new(0, "the decoded bytes are not UTF-8 text")),
        }
    }),
    encoding(
        "sha256",
        "The SHA-256 digest of the bytes of the string, in hexadecimal digits.",
        ("sha256(\"\")", "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\""),
        |_, a| Ok(hex(&Sha256::digest(text(a, 0).as_bytes())).into()),
    ),
    encoding("urlencode", "The string as a part of a URL query.", ("urlencode(\"a b\")", "\"a+b\""), |_, a| {
        let mut encoded = String::new();
        for byte in text(a, 0).bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => encoded.push(char::from(byte)),
                b' ' => encoded.push('+'),
                other => {
                    let _ = write!(encoded, "%{other:02X}");
                }
            }
        }
        Ok(encoded.into())
    }),
];

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}
