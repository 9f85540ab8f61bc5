//! Strategic merge patch, for built-in kinds (custom resources answer 415).
//!
//! Lists with patch strategy `merge` merge by their merge key (or as sets of scalars); everything
//! else is replaced. Directives: `$patch`, `$retainKeys`, `$deleteFromPrimitiveList/x`,
//! `$setElementOrder/x`. Source of the rules: apimachinery `strategicpatch`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use windlass_kubeschema::SchemaRef;
use windlass_kubeschema::fieldpath::KeyValue;
use windlass_kubeschema::schema::MAX_DEPTH;

const PATCH: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const DELETE_FROM: &str = "$deleteFromPrimitiveList/";
const ORDER: &str = "$setElementOrder/";

/// Why a strategic merge patch is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StrategicError {
    /// 400: a directive is not of its form.
    #[error("{0}")]
    Malformed(String),
    /// 500, as the real server answers: the patch does not fit the kind or the object.
    #[error("{0}")]
    Failed(String),
}

impl StrategicError {
    /// HTTP status code.
    pub fn code(&self) -> u16 {
        match self {
            StrategicError::Malformed(_) => 400,
            StrategicError::Failed(_) => 500,
        }
    }
}

type Outcome<T> = Result<T, StrategicError>;

/// `target` with `patch` merged in by the schema's patch strategies.
pub fn strategic_merge_patch(target: &Value, patch: &Value, schema: SchemaRef<'_>) -> Outcome<Value> {
    let Value::Object(changes) = patch else {
        return malformed("invalid JSON document");
    };
    let original = target.as_object().cloned().unwrap_or_default();
    merge_maps(original, changes, Some(schema), 0).map(Value::Object)
}

fn fail<T>(reason: impl Into<String>) -> Outcome<T> {
    Err(StrategicError::Failed(reason.into()))
}

fn malformed<T>(reason: &str) -> Outcome<T> {
    Err(StrategicError::Malformed(reason.into()))
}

/// How a list at a place merges.
struct ListRule<'a> {
    merges: bool,
    key: Option<&'a str>,
    items: Option<SchemaRef<'a>>,
}

fn list_rule<'a>(schema: Option<SchemaRef<'a>>, name: &str) -> ListRule<'a> {
    let field = schema.and_then(|schema| schema.property(name));
    ListRule {
        merges: field.is_some_and(|field| field.patch_strategies().any(|word| word == "merge")),
        key: field.and_then(|field| field.patch_merge_key()),
        items: field.and_then(|field| field.items()),
    }
}

fn merge_maps(
    mut original: Map<String, Value>,
    patch: &Map<String, Value>,
    schema: Option<SchemaRef<'_>>,
    depth: usize,
) -> Outcome<Map<String, Value>> {
    if depth > MAX_DEPTH {
        return fail("nested too deep");
    }
    if let Some(directive) = patch.get(PATCH) {
        return match directive.as_str() {
            Some("replace") => {
                let rest = patch.iter().filter(|(name, _)| *name != PATCH);
                Ok(rest.map(|(name, value)| (name.clone(), value.clone())).collect())
            }
            Some("delete") => Ok(Map::new()),
            _ => {
                let word = directive.as_str().map_or_else(|| directive.to_string(), String::from);
                fail(format!("unknown patch type: {word} in map: {}", Value::Object(patch.clone())))
            }
        };
    }
    let mut changes = patch.clone();
    retain_keys(&mut original, &mut changes)?;
    set_orders(&mut original, &mut changes, schema, depth)?;
    for (name, change) in &changes {
        if let Some(list) = name.strip_prefix(DELETE_FROM) {
            delete_from(&mut original, list, change)?;
            continue;
        }
        if change.is_null() {
            original.remove(name);
            continue;
        }
        let merged = match (original.remove(name), change) {
            (Some(Value::Object(old)), Value::Object(new)) => {
                let field = schema.and_then(|schema| schema.property(name));
                let replaces = field.is_some_and(|field| field.patch_strategies().any(|word| word == "replace"));
                if replaces { change.clone() } else { Value::Object(merge_maps(old, new, field, depth + 1)?) }
            }
            (Some(Value::Array(old)), Value::Array(new)) => {
                let rule = list_rule(schema, name);
                if rule.merges { Value::Array(merge_lists(old, new, &rule, depth)?) } else { change.clone() }
            }
            _ => match without_directives(change) {
                Some(value) => value,
                None => continue,
            },
        };
        original.insert(name.clone(), merged);
    }
    Ok(original)
}

fn retain_keys(original: &mut Map<String, Value>, patch: &mut Map<String, Value>) -> Outcome<()> {
    let Some(keys) = patch.remove(RETAIN_KEYS) else {
        return Ok(());
    };
    let Value::Array(keys) = keys else {
        return malformed("invalid patch format of retainKeys");
    };
    let keeps = |name: &str| keys.iter().any(|key| key.as_str() == Some(name));
    let special = |name: &str| name.starts_with('$');
    if patch.iter().any(|(name, value)| !value.is_null() && !special(name) && !keeps(name)) {
        return malformed("invalid patch format of retainKeys");
    }
    original.retain(|name, _| keeps(name));
    Ok(())
}

fn delete_from(original: &mut Map<String, Value>, name: &str, gone: &Value) -> Outcome<()> {
    let Value::Array(gone) = gone else {
        return malformed("invalid patch format of primitive list");
    };
    let gone: BTreeSet<KeyValue> = gone.iter().cloned().map(KeyValue).collect();
    if let Some(Value::Array(list)) = original.get_mut(name) {
        list.retain(|item| !gone.contains(&KeyValue(item.clone())));
    }
    Ok(())
}

/// Lists with an order directive are merged at once, then ordered by it.
fn set_orders(
    original: &mut Map<String, Value>,
    patch: &mut Map<String, Value>,
    schema: Option<SchemaRef<'_>>,
    depth: usize,
) -> Outcome<()> {
    let directives: Vec<String> = patch.keys().filter(|name| name.starts_with(ORDER)).cloned().collect();
    for directive in directives {
        let Some(Value::Array(order)) = patch.remove(&directive) else {
            return malformed("invalid patch format of setElementOrder list");
        };
        let Some(name) = directive.strip_prefix(ORDER) else {
            continue;
        };
        let rule = list_rule(schema, name);
        let old = match original.get(name) {
            Some(Value::Array(list)) => Some(list.clone()),
            _ => None,
        };
        if let Some(Value::Array(list)) = patch.get(name) {
            check_order(list, &order, rule.key)?;
        }
        let merged = match (old.clone(), patch.remove(name)) {
            (Some(old), None) => old,
            (None, Some(new)) => match without_directives(&new) {
                Some(Value::Array(list)) => list,
                _ => Vec::new(),
            },
            (Some(old), Some(Value::Array(new))) if rule.merges => merge_lists(old, &new, &rule, depth)?,
            (Some(_), Some(Value::Array(new))) => new,
            (Some(_), Some(Value::Null)) => {
                original.remove(name);
                continue;
            }
            _ => continue,
        };
        let ordered = in_order(merged, &order, &old.unwrap_or_default(), rule.key);
        original.insert(name.to_owned(), Value::Array(ordered));
    }
    Ok(())
}

/// The items of a patch list stand in the order that its directive asks for.
fn check_order(list: &[Value], order: &[Value], key: Option<&str>) -> Outcome<()> {
    let mut wanted = order.iter().map(|item| identity(item, key));
    for item in list.iter().filter(|item| item.get(PATCH).is_none()) {
        let found = identity(item, key);
        if found.is_none() || !wanted.any(|place| place == found) {
            let text = |list: &[Value]| Value::Array(list.to_owned()).to_string();
            return fail(format!("The order in patch list:\n{}\n doesn't match {ORDER} list:\n{}\n", text(list), text(order)));
        }
    }
    Ok(())
}

fn merge_lists(mut old: Vec<Value>, new: &[Value], rule: &ListRule<'_>, depth: usize) -> Outcome<Vec<Value>> {
    if old.is_empty() && new.is_empty() {
        return Ok(old);
    }
    let server = old.clone();
    if !old.iter().chain(new).any(Value::is_object) {
        let mut seen = BTreeSet::new();
        old.extend(new.iter().cloned());
        old.retain(|item| seen.insert(KeyValue(item.clone())));
        return Ok(in_order(old, new, &server, None));
    }
    let Some(key) = rule.key else {
        return fail("cannot merge lists without merge key");
    };
    let mut merged = old;
    let mut plain = Vec::new();
    let mut gone = BTreeSet::new();
    let mut replaces = false;
    for item in new {
        match item.get(PATCH).map(|directive| directive.as_str().unwrap_or("")) {
            None => plain.push(item.clone()),
            Some("replace") => replaces = true,
            Some("delete") => {
                let Some(identity) = identity(item, Some(key)) else {
                    return fail(format!("map: {item} does not contain declared merge key: {key}"));
                };
                gone.insert(identity);
            }
            Some("merge") => return fail("merging lists cannot yet be specified in the patch"),
            Some(other) => return fail(format!("unknown patch type: {other} in map: {item}")),
        }
    }
    if replaces {
        return Ok(plain);
    }
    merged.retain(|old| identity(old, Some(key)).is_none_or(|identity| !gone.contains(&identity)));
    let mut places = places(&merged, Some(key));
    for item in &plain {
        let (Value::Object(change), Some(identity)) = (item, identity(item, Some(key))) else {
            return fail(format!("map: {item} does not contain declared merge key: {key}"));
        };
        let at = *places.entry(identity).or_insert(merged.len());
        match merged.get_mut(at) {
            Some(Value::Object(old)) => {
                *old = merge_maps(std::mem::take(old), change, rule.items, depth + 1)?;
            }
            _ => merged.extend(without_directives(item)),
        }
    }
    Ok(in_order(merged, &plain, &server, Some(key)))
}

/// Items named by `wanted` in its order, the others in the server's; where both are on the server,
/// its order decides between the two groups, else what is wanted comes first.
fn in_order(items: Vec<Value>, wanted: &[Value], server: &[Value], key: Option<&str>) -> Vec<Value> {
    let (wanted, server) = (places(wanted, key), places(server, key));
    let place = |places: &BTreeMap<KeyValue, usize>, item: &Value| places.get(&identity(item, key)?).copied();
    let (mut named, mut others): (Vec<Value>, Vec<Value>) = items.into_iter().partition(|item| place(&wanted, item).is_some());
    named.sort_by_cached_key(|item| place(&wanted, item));
    others.sort_by_cached_key(|item| place(&server, item));
    let mut out = Vec::with_capacity(named.len() + others.len());
    let (mut named, mut others) = (named.into_iter().peekable(), others.into_iter().peekable());
    loop {
        let take_other = match (others.peek(), named.peek()) {
            (None, None) => return out,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some(other), Some(name)) => match (place(&server, other), place(&server, name)) {
                (Some(other), Some(name)) => other < name,
                _ => false,
            },
        };
        out.extend(if take_other { others.next() } else { named.next() });
    }
}

/// What identifies an item: its merge key's value, or the scalar itself.
fn identity(item: &Value, key: Option<&str>) -> Option<KeyValue> {
    match key {
        Some(key) => item.get(key).cloned().map(KeyValue),
        None => Some(KeyValue(item.clone())),
    }
}

/// Where each item stands; of two alike the first.
fn places(list: &[Value], key: Option<&str>) -> BTreeMap<KeyValue, usize> {
    let mut out = BTreeMap::new();
    for (index, item) in list.iter().enumerate() {
        if let Some(identity) = identity(item, key) {
            out.entry(identity).or_insert(index);
        }
    }
    out
}

/// A value that is new to the object: without nulls and directives; `None` if it deletes.
fn without_directives(value: &Value) -> Option<Value> {
    match value {
        Value::Object(map) => {
            if map.get(PATCH).and_then(Value::as_str) == Some("delete") {
                return None;
            }
            let kept = map.iter().filter(|(name, value)| !name.starts_with('$') && !value.is_null());
            Some(Value::Object(kept.filter_map(|(name, value)| Some((name.clone(), without_directives(value)?))).collect()))
        }
        Value::Array(list) => Some(Value::Array(list.iter().filter_map(without_directives).collect())),
        scalar => Some(scalar.clone()),
    }
}
