//! Kubernetes' protobuf bodies (`application/vnd.kubernetes.protobuf`) to JSON, for built-in kinds: Go clients send them.
//! Answers are always JSON, which those clients accept. Sources: apimachinery `runtime/serializer/protobuf` and the marshallers
//! beside each `generated.proto`.

use data_encoding::BASE64;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::wire::{Field, Many, message};
use crate::status::Failure;

/// What every body begins with.
const MAGIC: &[u8] = b"k8s\0";
const META: &str = "apimachinery.pkg.apis.meta.v1.";
/// Deeper than any built-in kind.
const MAX_DEPTH: usize = 64;

/// Reads an enveloped object.
pub(super) fn decode(body: &[u8]) -> Result<Value, Failure> {
    let envelope = body.strip_prefix(MAGIC).ok_or_else(|| refused("it does not begin with its magic number"))?;
    let unknown = object(envelope, "apimachinery.pkg.runtime.Unknown", 0)?;
    let text = |field: &str| unknown.get(field).and_then(Value::as_str).unwrap_or("");
    let (version, kind) = (text("apiVersion"), text("kind"));
    let raw = unknown.get("raw").and_then(Value::as_str).unwrap_or("");
    let raw = BASE64.decode(raw.as_bytes()).map_err(refused)?;
    let mut fields = object(&raw, &message_name(version, kind), 0)?;
    fields.insert("apiVersion".into(), version.into());
    fields.insert("kind".into(), kind.into());
    Ok(Value::Object(fields))
}

/// `apps/v1 Deployment` is `api.apps.v1.Deployment`; options are of the machinery in every group.
fn message_name(version: &str, kind: &str) -> String {
    if matches!(kind, "DeleteOptions" | "CreateOptions" | "UpdateOptions" | "PatchOptions") {
        return format!("{META}{kind}");
    }
    let (group, version) = version.split_once('/').unwrap_or(("core", version));
    format!("api.{}.{version}.{kind}", group.split('.').next().unwrap_or(""))
}

fn refused(why: impl std::fmt::Display) -> Failure {
    Failure::bad_request(format!("the protobuf body cannot be decoded: {why}"))
}

fn object(bytes: &[u8], name: &str, depth: usize) -> Result<Map<String, Value>, Failure> {
    let fields = message(name).ok_or_else(|| refused(format_args!("unknown message {name}")))?;
    if depth > MAX_DEPTH {
        return Err(refused("nested too deep"));
    }
    let mut result = Map::new();
    let mut reader = Reader(bytes);
    while let Some((number, part)) = reader.next()? {
        // Newer clients send fields that are not known here: like the real server, leave them.
        let Some(field) = fields.iter().find(|field| field.number == number) else { continue };
        put(&mut result, field, part, depth)?;
    }
    Ok(result)
}

fn put(result: &mut Map<String, Value>, field: &Field, part: Part<'_>, depth: usize) -> Result<(), Failure> {
    match field.many {
        Many::Map => {
            let (key, value) = entry(part, field.kind, depth)?;
            let map = result.entry(field.name).or_insert_with(|| Value::Object(Map::new()));
            if let Some(map) = map.as_object_mut() {
                map.insert(key, value);
            }
        }
        Many::List => {
            let value = single(part, field.kind, depth)?;
            let list = result.entry(field.name).or_insert_with(|| Value::Array(Vec::new()));
            if let Some(list) = list.as_array_mut() {
                list.push(value);
            }
        }
        Many::One if field.name.is_empty() => result.extend(object(part.bytes()?, field.kind, depth + 1)?),
        Many::One => {
            let value = single(part, field.kind, depth)?;
            // Go writes the zero of every field that is no pointer; in JSON it would be absent.
            if field.pointer || !is_zero(&value) {
                result.insert(field.name.to_owned(), value);
            }
        }
    }
    Ok(())
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(_) | Value::Object(_) => false,
    }
}

fn entry(part: Part<'_>, kind: &str, depth: usize) -> Result<(String, Value), Failure> {
    let (mut key, mut value) = (String::new(), None);
    let mut reader = Reader(part.bytes()?);
    while let Some((number, part)) = reader.next()? {
        match number {
            1 => key = text(part.bytes()?)?,
            2 => value = Some(single(part, kind, depth)?),
            _ => {}
        }
    }
    let value = match value {
        Some(value) => value,
        None => single(Part::Bytes(&[]), kind, depth)?,
    };
    Ok((key, value))
}

fn single(part: Part<'_>, kind: &str, depth: usize) -> Result<Value, Failure> {
    match kind {
        "string" => Ok(text(part.bytes()?)?.into()),
        "bytes" => Ok(BASE64.encode(part.bytes()?).into()),
        "bool" => Ok((part.number()? != 0).into()),
        "int32" | "int64" | "uint32" | "uint64" => Ok(part.number()?.cast_signed().into()),
        "double" => Ok(f64::from_bits(part.number()?).into()),
        _ => special(part.bytes()?, kind, depth),
    }
}

/// Messages whose JSON is no object.
fn special(bytes: &[u8], kind: &str, depth: usize) -> Result<Value, Failure> {
    let fields = || object(bytes, kind, depth + 1);
    let number = |fields: &Map<String, Value>, name: &str| fields.get(name).and_then(Value::as_i64).unwrap_or(0);
    let content = |fields: &Map<String, Value>| fields.values().find_map(Value::as_str).unwrap_or("").to_owned();
    match kind.strip_prefix(META).unwrap_or(kind) {
        "Time" | "MicroTime" | "Timestamp" => {
            let fields = fields()?;
            let (seconds, nanos) = (number(&fields, "seconds"), number(&fields, "nanos"));
            if seconds == 0 && nanos == 0 {
                return Ok(Value::Null);
            }
            let stamp = Timestamp::new(seconds, i32::try_from(nanos).unwrap_or(0)).map_err(refused)?;
            let format = if kind.ends_with("MicroTime") { "%Y-%m-%dT%H:%M:%S.%6fZ" } else { "%Y-%m-%dT%H:%M:%SZ" };
            Ok(stamp.strftime(format).to_string().into())
        }
        "Duration" => Ok(format!("{}ns", number(&fields()?, "duration")).into()),
        "apimachinery.pkg.api.resource.Quantity" => {
            let text = content(&fields()?);
            Ok(if text.is_empty() { "0".into() } else { text.into() })
        }
        "apimachinery.pkg.util.intstr.IntOrString" => {
            let mut fields = fields()?;
            Ok(match number(&fields, "type") {
                1 => fields.remove("strVal").unwrap_or_else(|| "".into()),
                _ => number(&fields, "intVal").into(),
            })
        }
        "FieldsV1" | "apimachinery.pkg.runtime.RawExtension" => {
            let raw = BASE64.decode(content(&fields()?).as_bytes()).map_err(refused)?;
            if raw.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&raw).map_err(refused) }
        }
        name if name.ends_with(".ExtraValue") || name == "Verbs" => {
            Ok(fields()?.remove("items").unwrap_or_else(|| Value::Array(Vec::new())))
        }
        _ => Ok(Value::Object(fields()?)),
    }
}

fn text(bytes: &[u8]) -> Result<String, Failure> {
    String::from_utf8(bytes.to_vec()).map_err(refused)
}

/// The value of a field on the wire.
#[derive(Debug, Clone, Copy)]
enum Part<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Part<'a> {
    fn number(self) -> Result<u64, Failure> {
        match self {
            Part::Number(number) => Ok(number),
            Part::Bytes([]) => Ok(0),
            Part::Bytes(_) => Err(refused("a number is expected")),
        }
    }

    fn bytes(self) -> Result<&'a [u8], Failure> {
        match self {
            Part::Bytes(bytes) => Ok(bytes),
            Part::Number(_) => Err(refused("text or a message is expected")),
        }
    }
}

/// What is left of a message.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Option<(u64, Part<'a>)>, Failure> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let part = match key & 7 {
            0 => Part::Number(self.varint()?),
            1 => Part::Number(self.fixed::<8>().map(u64::from_le_bytes)?),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(refused)?;
                let (bytes, rest) = self.0.split_at_checked(length).ok_or_else(|| refused("it ends too early"))?;
                self.0 = rest;
                Part::Bytes(bytes)
            }
            5 => Part::Number(u64::from(self.fixed::<4>().map(u32::from_le_bytes)?)),
            other => return Err(refused(format_args!("unknown wire type {other}"))),
        };
        Ok(Some((key >> 3, part)))
    }

    fn varint(&mut self) -> Result<u64, Failure> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or_else(|| refused("it ends too early"))?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(refused("a number is too long"))
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Failure> {
        let (bytes, rest) = self.0.split_first_chunk::<N>().ok_or_else(|| refused("it ends too early"))?;
        self.0 = rest;
        Ok(*bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn part(number: u8, bytes: &[u8]) -> Vec<u8> {
        let mut out = vec![number << 3 | 2, u8::try_from(bytes.len()).unwrap()];
        out.extend_from_slice(bytes);
        out
    }

    fn enveloped(version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
        let meta = [part(1, version.as_bytes()), part(2, kind.as_bytes())].concat();
        [MAGIC.to_vec(), part(1, &meta), part(2, raw)].concat()
    }

    #[test]
    fn built_in_objects_are_read() {
        let metadata = [part(1, b"s"), part(2, b""), part(8, &[]), part(11, &[part(1, b"a"), part(2, b"b")].concat())].concat();
        let secret = [part(1, &metadata), part(2, &[part(1, b"k"), part(2, b"\x00\xff")].concat()), part(3, b"Opaque"), vec![5 << 3, 0]];
        assert_eq!(
            decode(&enveloped("v1", "Secret", &secret.concat())).unwrap(),
            json!({
                "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "labels": {"a": "b"}},
                "data": {"k": "AP8="}, "type": "Opaque", "immutable": false,
            })
        );
        let target = [vec![1 << 3, 1], part(3, b"web")].concat();
        let port = [part(1, b"http"), vec![3 << 3, 80], part(4, &target), vec![5 << 3, 0]].concat();
        let service = part(2, &part(1, &port));
        assert_eq!(
            decode(&enveloped("v1", "Service", &service)).unwrap()["spec"],
            json!({"ports": [{"name": "http", "port": 80, "targetPort": "web"}]})
        );
        let volume = [part(1, b"v"), part(2, &part(6, &part(1, b"creds")))].concat();
        let pod = part(2, &part(1, &volume));
        assert_eq!(
            decode(&enveloped("v1", "Pod", &pod)).unwrap()["spec"],
            json!({"volumes": [{"name": "v", "secret": {"secretName": "creds"}}]}),
            "the source of a volume stands beside its name"
        );
    }

    #[test]
    fn damaged_bodies_are_refused() {
        let good = enveloped("v1", "ConfigMap", &part(1, &part(1, b"name")));
        assert!(decode(&good).is_ok());
        for end in 0..good.len() {
            if let Ok(value) = decode(&good[..end]) {
                assert!(value.is_object());
            }
        }
        for bad in [&b""[..], b"k8s", b"{}", b"k8s\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", b"k8s\0\x0f"] {
            assert_eq!(decode(bad).unwrap_err().code, 400);
        }
        assert_eq!(decode(&enveloped("x.io/v1", "Boat", &[])).unwrap_err().code, 400);
    }
}
