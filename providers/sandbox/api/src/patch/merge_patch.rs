//! RFC 7396 JSON merge patch.

use serde_json::{Map, Value};
use windlass_kubeschema::schema::MAX_DEPTH;

/// `target` with `patch` merged in: `null` removes, lists are replaced.
pub fn json_merge_patch(target: &Value, patch: &Value) -> Value {
    let mut out = target.clone();
    merge(&mut out, patch, 0);
    out
}

fn merge(target: &mut Value, patch: &Value, depth: usize) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(map) = target else {
        return;
    };
    for (name, change) in changes {
        if change.is_null() {
            map.remove(name);
        } else if depth < MAX_DEPTH {
            merge(map.entry(name.clone()).or_insert(Value::Null), change, depth + 1);
        }
    }
}
