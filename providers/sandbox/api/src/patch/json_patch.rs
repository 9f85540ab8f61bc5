//! RFC 6902 JSON patch, as far as the API server keeps to it.
//!
//! Measured on kube-apiserver 1.36: `replace` of a map key that is not there adds it; a failing
//! operation is 422 whatever its kind; a patch that is none is 400.

use serde_json::Value;

/// Most operations in one patch.
const MOST_OPERATIONS: usize = 10_000;

/// Why a JSON patch is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonPatchError {
    /// 400: no JSON patch at all.
    #[error("{0}")]
    Malformed(String),
    /// 413: too many operations.
    #[error("The allowed maximum operations in a JSON patch is {MOST_OPERATIONS}, got {0}")]
    TooLarge(usize),
    /// 422: an operation does not fit the object.
    #[error("{0}")]
    Failed(String),
}

impl JsonPatchError {
    /// HTTP status code.
    pub fn code(&self) -> u16 {
        match self {
            JsonPatchError::Malformed(_) => 400,
            JsonPatchError::TooLarge(_) => 413,
            JsonPatchError::Failed(_) => 422,
        }
    }
}

/// `target` after all operations; the first that fails refuses the whole patch.
pub fn json_patch(target: &Value, patch: &Value) -> Result<Value, JsonPatchError> {
    let Value::Array(operations) = patch else {
        return Err(JsonPatchError::Malformed("a JSON patch is a list of operations".into()));
    };
    if operations.len() > MOST_OPERATIONS {
        return Err(JsonPatchError::TooLarge(operations.len()));
    }
    let mut out = target.clone();
    for operation in operations {
        if !operation.is_object() {
            return Err(JsonPatchError::Malformed("an operation of a JSON patch is an object".into()));
        }
        run(&mut out, operation).map_err(JsonPatchError::Failed)?;
    }
    Ok(out)
}

fn run(target: &mut Value, operation: &Value) -> Result<(), String> {
    let text = |name: &str| operation.get(name).and_then(Value::as_str);
    let path = Pointer::parse(text("path").ok_or("operation is missing a path")?)?;
    let from = || Pointer::parse(text("from").ok_or("operation is missing a from")?);
    let value = || operation.get("value").cloned().ok_or("operation is missing a value");
    match text("op").unwrap_or("") {
        "add" => add(target, &path, value()?),
        "remove" => remove(target, &path).map(drop),
        "replace" => replace(target, &path, value()?),
        "move" => {
            let from = from()?;
            let moved = remove(target, &from)?;
            add(target, &path, moved)
        }
        "copy" => {
            let from = from()?;
            let copied = find(target, &from).cloned().ok_or_else(|| missing("copy", &from))?;
            add(target, &path, copied)
        }
        "test" => {
            let wanted = operation.get("value").unwrap_or(&Value::Null);
            let found = find(target, &path).unwrap_or(&Value::Null);
            let holds = super::compare::same(found, wanted);
            if holds { Ok(()) } else { Err(format!("testing value {} failed: test failed", path.text)) }
        }
        other => Err(format!("Unexpected kind: {other}")),
    }
}

struct Pointer<'p> {
    text: &'p str,
    parents: Vec<String>,
    last: String,
}

impl<'p> Pointer<'p> {
    fn parse(text: &'p str) -> Result<Pointer<'p>, String> {
        let mut parts: Vec<String> = text.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
        match parts.pop() {
            Some(last) if text.starts_with('/') => Ok(Pointer { text, parents: parts, last }),
            _ => Err(format!("doc is missing path: {text:?}: missing value")),
        }
    }
}

fn missing(operation: &str, path: &Pointer<'_>) -> String {
    format!("{operation} operation does not apply: doc is missing path: {:?}: missing value", path.text)
}

fn find<'v>(target: &'v Value, path: &Pointer<'_>) -> Option<&'v Value> {
    let parent = path.parents.iter().try_fold(target, |value, part| child(value, part))?;
    child(parent, &path.last)
}

fn child<'v>(value: &'v Value, part: &str) -> Option<&'v Value> {
    match value {
        Value::Object(map) => map.get(part),
        Value::Array(list) => list.get(index(part, list.len())?),
        _ => None,
    }
}

fn parent<'v>(target: &'v mut Value, path: &Pointer<'_>) -> Option<&'v mut Value> {
    let mut value = target;
    for part in &path.parents {
        value = match value {
            Value::Object(map) => map.get_mut(part)?,
            Value::Array(list) => {
                let at = index(part, list.len())?;
                list.get_mut(at)?
            }
            _ => return None,
        };
    }
    Some(value)
}

/// A position in a list; negative ones count from its end, as the server's library does.
fn index(part: &str, length: usize) -> Option<usize> {
    match part.strip_prefix('-') {
        Some(back) => length.checked_sub(back.parse().ok()?),
        None => part.parse().ok(),
    }
}

fn add(target: &mut Value, path: &Pointer<'_>, value: Value) -> Result<(), String> {
    match parent(target, path) {
        Some(Value::Object(map)) => {
            map.insert(path.last.clone(), value);
            Ok(())
        }
        Some(Value::Array(list)) if path.last == "-" => {
            list.push(value);
            Ok(())
        }
        Some(Value::Array(list)) => match index(&path.last, list.len() + 1).filter(|at| *at <= list.len()) {
            Some(at) => {
                list.insert(at, value);
                Ok(())
            }
            None => Err(format!("add operation does not apply: Unable to access invalid index: {}: invalid index referenced", path.last)),
        },
        _ => Err(missing("add", path)),
    }
}

fn remove(target: &mut Value, path: &Pointer<'_>) -> Result<Value, String> {
    let removed = match parent(target, path) {
        Some(Value::Object(map)) => map.remove(&path.last),
        Some(Value::Array(list)) => index(&path.last, list.len()).filter(|at| *at < list.len()).map(|at| list.remove(at)),
        _ => return Err(missing("remove", path)),
    };
    removed.ok_or_else(|| format!("remove operation does not apply: doc is missing key: {:?}: missing value", path.text))
}

fn replace(target: &mut Value, path: &Pointer<'_>, value: Value) -> Result<(), String> {
    match parent(target, path) {
        Some(Value::Object(map)) => {
            map.insert(path.last.clone(), value);
            Ok(())
        }
        Some(Value::Array(list)) => {
            let place = index(&path.last, list.len()).and_then(|at| list.get_mut(at));
            match place {
                Some(place) => {
                    *place = value;
                    Ok(())
                }
                None => Err(format!("replace operation does not apply: doc is missing key: {:?}: missing value", path.text)),
            }
        }
        _ => Err(missing("replace", path)),
    }
}
