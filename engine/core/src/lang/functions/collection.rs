//! Lists, maps and objects.

use std::collections::BTreeSet;

use super::text::graphemes;
use super::{Body, Fault, Function, Kind, Policy, Run, nullable, required};
use crate::lang::eval::equal;
use crate::value::{Entries, Number, Type, Value, convert};

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "length",
        params: &[required("value", Kind::Any)],
        variadic: None,
        policy: Policy::Parts,
        result: Kind::Number,
        doc: "The number of elements, entries or characters.",
        example: ("length([\"a\", \"b\"])", "2"),
        body: Body::Eager(length),
    },
    Function {
        name: "keys",
        params: &[required("map", Kind::Any)],
        variadic: None,
        policy: Policy::Parts,
        result: Kind::Strings,
        doc: "The keys of a map or object, sorted.",
        example: ("keys({ b = 1, a = 2 })", "[\"a\", \"b\"]"),
        body: Body::Eager(keys),
    },
    Function {
        name: "values",
        params: &[required("map", Kind::Any)],
        variadic: None,
        policy: Policy::Parts,
        result: Kind::Any,
        doc: "The values of a map or object in the order of its keys.",
        example: ("values({ b = 1, a = 2 })", "[2, 1]"),
        body: Body::Eager(values),
    },
    Function {
        name: "lookup",
        params: &[required("map", Kind::Any), required("key", Kind::String)],
        variadic: Some(nullable("default", Kind::Any)),
        policy: Policy::Parts,
        result: Kind::Any,
        doc: "The value of a key, or the default when the key is missing.",
        example: ("lookup({ a = 1 }, \"b\", 0)", "0"),
        body: Body::Eager(lookup),
    },
    Function {
        name: "concat",
        params: &[required("list", Kind::Any)],
        variadic: Some(required("list", Kind::Any)),
        policy: Policy::Parts,
        result: Kind::Any,
        doc: "The elements of all lists, one list after the other.",
        example: ("concat([1], [2, 3])", "[1, 2, 3]"),
        body: Body::Eager(concat),
    },
    Function {
        name: "flatten",
        params: &[required("list", Kind::Any)],
        variadic: None,
        policy: Policy::Parts,
        result: Kind::Any,
        doc: "The list with lists inside it replaced by their elements.",
        example: ("flatten([[1, [2]], 3])", "[1, 2, 3]"),
        body: Body::Eager(flatten),
    },
    Function {
        name: "distinct",
        params: &[required("list", Kind::List)],
        variadic: None,
        policy: Policy::Plain,
        result: Kind::List,
        doc: "The list without elements that came before.",
        example: ("distinct([\"b\", \"a\", \"b\"])", "tolist([\"b\", \"a\"])"),
        body: Body::Eager(distinct),
    },
    Function {
        name: "contains",
        params: &[required("list", Kind::Any), required("value", Kind::Any)],
        variadic: None,
        policy: Policy::Plain,
        result: Kind::Bool,
        doc: "Whether a list, set or tuple holds the value.",
        example: ("contains([\"a\"], \"a\")", "true"),
        body: Body::Eager(contains),
    },
    Function {
        name: "index",
        params: &[required("list", Kind::Any), required("value", Kind::Any)],
        variadic: None,
        policy: Policy::Plain,
        result: Kind::Number,
        doc: "The position of the first element that equals the value.",
        example: ("index([\"a\", \"b\"], \"b\")", "1"),
        body: Body::Eager(index),
    },
    Function {
        name: "element",
        params: &[required("list", Kind::Any), required("index", Kind::Number)],
        variadic: None,
        policy: Policy::Parts,
        result: Kind::Any,
        doc: "The element at a position, counting on from the begin after the last one.",
        example: ("element([\"a\", \"b\"], 3)", "\"b\""),
        body: Body::Eager(element),
    },
    Function {
        name: "slice",
        params: &[required("list", Kind::Any), required("start", Kind::Number), required("end", Kind::Number)],
        variadic: None,
        policy: Policy::Parts,
        result: Kind::Any,
        doc: "The elements from position start up to, but not including, end.",
        example: ("slice([1, 2, 3], 1, 3)", "[2, 3]"),
        body: Body::Eager(slice),
    },
    Function {
        name: "reverse",
        params: &[required("list", Kind::Any)],
        variadic: None,
        policy: Policy::Parts,
        result: Kind::Any,
        doc: "The elements in the opposite order.",
        example: ("reverse([1, 2])", "[2, 1]"),
        body: Body::Eager(reverse),
    },
    Function {
        name: "chunklist",
        params: &[required("list", Kind::List), required("size", Kind::Number)],
        variadic: None,
        policy: Policy::Parts,
        result: Kind::List,
        doc: "The list cut into lists of that size.",
        example: ("chunklist([1, 2, 3], 2)", "tolist([tolist([1, 2]), tolist([3])])"),
        body: Body::Eager(chunklist),
    },
    Function {
        name: "sort",
        params: &[required("list", Kind::Strings)],
        variadic: None,
        policy: Policy::Plain,
        result: Kind::Strings,
        doc: "The strings in the order of their characters.",
        example: ("sort([\"b\", \"a\"])", "tolist([\"a\", \"b\"])"),
        body: Body::Eager(sort),
    },
    Function {
        name: "compact",
        params: &[required("list", Kind::Strings)],
        variadic: None,
        policy: Policy::Plain,
        result: Kind::Strings,
        doc: "The strings without empty ones and nulls.",
        example: ("compact([\"a\", \"\", null])", "tolist([\"a\"])"),
        body: Body::Eager(compact),
    },
    Function {
        name: "range",
        params: &[required("limit or start", Kind::Number)],
        variadic: Some(required("limit, step", Kind::Number)),
        policy: Policy::Plain,
        result: Kind::List,
        doc: "The numbers from start (0) up to, but not including, limit.",
        example: ("range(3)", "tolist([0, 1, 2])"),
        body: Body::Eager(range),
    },
    Function {
        name: "zipmap",
        params: &[required("keys", Kind::Strings), required("values", Kind::Any)],
        variadic: None,
        policy: Policy::Parts,
        result: Kind::Any,
        doc: "A map from a list of keys and a list of values.",
        example: ("zipmap([\"a\", \"b\"], [1, 2])", "{ a = 1, b = 2 }"),
        body: Body::Eager(zipmap),
    },
    Function {
        name: "one",
        params: &[required("list", Kind::Any)],
        variadic: None,
        policy: Policy::Parts,
        result: Kind::Any,
        doc: "The only element, or null when there is none; several are an error.",
        example: ("one([\"a\"])", "\"a\""),
        body: Body::Eager(one),
    },
    Function {
        name: "alltrue",
        params: &[required("list", Kind::Bools)],
        variadic: None,
        policy: Policy::Plain,
        result: Kind::Bool,
        doc: "Whether all elements are true; true for an empty list.",
        example: ("alltrue([true, false])", "false"),
        body: Body::Eager(|_, a| Ok(Value::Bool(elements(a, 0)?.iter().all(|element| *element == Value::Bool(true))))),
    },
    Function {
        name: "anytrue",
        params: &[required("list", Kind::Bools)],
        variadic: None,
        policy: Policy::Plain,
        result: Kind::Bool,
        doc: "Whether at least one element is true.",
        example: ("anytrue([true, false])", "true"),
        body: Body::Eager(|_, a| Ok(Value::Bool(elements(a, 0)?.contains(&Value::Bool(true))))),
    },
    Function {
        name: "coalesce",
        params: &[],
        variadic: Some(nullable("value", Kind::Any)),
        policy: Policy::Raw,
        result: Kind::Any,
        doc: "The first argument that is neither null nor an empty string.",
        example: ("coalesce(null, \"\", \"a\")", "\"a\""),
        body: Body::Eager(coalesce),
    },
    Function {
        name: "coalescelist",
        params: &[],
        variadic: Some(required("list", Kind::Any)),
        policy: Policy::Parts,
        result: Kind::Any,
        doc: "The first list that is not empty.",
        example: ("coalescelist([], [1])", "[1]"),
        body: Body::Eager(coalescelist),
    },
];

/// The elements of argument `position`, which must be a list, set or tuple.
pub(super) fn elements(arguments: &[Value], position: usize) -> Result<&[Value], Fault> {
    let value = argument(arguments, position);
    value.as_elements().ok_or_else(|| wrong(position, "a list, set or tuple", value))
}

/// The entries of argument `position`, which must be a map or object.
pub(super) fn entries(arguments: &[Value], position: usize) -> Result<&Entries, Fault> {
    let value = argument(arguments, position);
    value.as_entries().ok_or_else(|| wrong(position, "a map or object", value))
}

/// The argument; null when there is none.
pub(super) fn argument(arguments: &[Value], position: usize) -> &Value {
    arguments.get(position).unwrap_or(&Value::Null)
}

/// The text of argument `position`, which was converted to a string.
pub(super) fn text(arguments: &[Value], position: usize) -> &str {
    argument(arguments, position).as_str().unwrap_or_default()
}

/// The number of argument `position` as a whole one, not below 0.
pub(super) fn count(arguments: &[Value], position: usize) -> Result<usize, Fault> {
    argument(arguments, position)
        .as_number()
        .and_then(Number::to_usize)
        .ok_or_else(|| Fault::new(position, "a whole number, not below 0, is required"))
}

/// The number of argument `position` as a whole one.
pub(super) fn integer(arguments: &[Value], position: usize) -> Result<i64, Fault> {
    argument(arguments, position).as_i64().ok_or_else(|| Fault::new(position, "a whole number is required"))
}

pub(super) fn wrong(position: usize, wanted: &str, value: &Value) -> Fault {
    Fault {
        code: crate::diag::Code::WRONG_TYPE,
        ..Fault::new(position, format!("{wanted} is required, this is {}", value.type_of().with_article()))
    }
}

/// A sequence of the kind of `like`: a list for lists and sets, else a tuple.
fn sequence_like(like: &Value, elements: Vec<Value>) -> Value {
    match like {
        Value::List(_) | Value::Set(_) => Value::List(elements.into()),
        _ => Value::Tuple(elements.into()),
    }
}

fn length(_: &mut Run<'_>, a: &[Value]) -> Result<Value, Fault> {
    match argument(a, 0) {
        Value::String(text) => Ok(Value::Number(Number::from(graphemes(text).count()))),
        // Two unknown elements may turn out to be equal.
        Value::Set(elements) if elements.len() > 1 && elements.iter().any(Value::contains_unknown) => Ok(Value::unknown(Type::Number)),
        value => match (value.as_elements(), value.as_entries()) {
            (Some(elements), _) => Ok(Value::Number(Number::from(elements.len()))),
            (_, Some(entries)) => Ok(Value::Number(Number::from(entries.len()))),
            _ => Err(wrong(0, "a collection or a string", value)),
        },
    }
}

fn keys(_: &mut Run<'_>, a: &[Value]) -> Result<Value, Fault> {
    let keys = entries(a, 0)?.keys().map(|key| Value::String(key.clone())).collect();
    Ok(if matches!(argument(a, 0), Value::Map(_)) { Value::List(keys) } else { Value::Tuple(keys) })
}

fn values(_: &mut Run<'_>, a: &[Value]) -> Result<Value, Fault> {
    let values = entries(a, 0)?.values().cloned().collect();
    Ok(if matches!(argument(a, 0), Value::Map(_)) { Value::List(values) } else { Value::Tuple(values) })
}

fn lookup(_: &mut Run<'_>, a: &[Value]) -> Result<Value, Fault> {
    if a.len() > 3 {
        return Err(Fault::whole("a map, a key and one default are all it takes"));
    }
    let key = text(a, 1);
    if let Some(found) = entries(a, 0)?.get(key) {
        return Ok(found.clone());
    }
    let Some(default) = a.get(2) else {
        return Err(Fault::new(1, format!("there is no key {key:?}, and no default")));
    };
    match argument(a, 0).type_of() {
        Type::Map(element) => convert(default, &element).map_err(|error| Fault::new(2, error.to_string())),
        _ => Ok(default.clone()),
    }
}

fn concat(run: &mut Run<'_>, a: &[Value]) -> Result<Value, Fault> {
    let mut all = Vec::new();
    for (position, list) in a.iter().enumerate() {
        match list {
            Value::List(elements) | Value::Tuple(elements) => all.extend(elements.iter().cloned()),
            other => {
                let fault = wrong(position, "a list or tuple", other);
                return Err(if matches!(other, Value::Set(_)) { fault.hint("use `tolist(set)`, or `setunion`") } else { fault });
            }
        }
    }
    run.spend(all.len() as u64, crate::diag::Span::default());
    let lists = a.iter().all(|list| matches!(list, Value::List(_)));
    let tuple = Value::Tuple(all.into());
    if lists && !a.is_empty() {
        return Ok(convert(&tuple, &Type::list(Type::Any)).unwrap_or(tuple));
    }
    Ok(tuple)
}

fn flatten(run: &mut Run<'_>, a: &[Value]) -> Result<Value, Fault> {
    let mut flat = Vec::new();
    let (mut known, mut secret) = (true, false);
    flatten_into(elements(a, 0)?, &mut flat, &mut known, &mut secret);
    run.spend(flat.len() as u64, crate::diag::Span::default());
    let result = if known { Value::Tuple(flat.into()) } else { Value::unknown(Type::Any) };
    Ok(result.secret_if(secret))
}

fn flatten_into(elements: &[Value], flat: &mut Vec<Value>, known: &mut bool, secret: &mut bool) {
    for element in elements {
        match element {
            Value::List(inner) | Value::Set(inner) | Value::Tuple(inner) => flatten_into(inner, flat, known, secret),
            // How many elements stand in a secret list would show.
            Value::Secret(inner) if inner.as_elements().is_some() => {
                *secret = true;
                flatten_into(inner.as_elements().unwrap_or_default(), flat, known, secret);
            }
            Value::Unknown(unknown) if !unknown.ty.is_primitive() && !matches!(unknown.ty, Type::Map(_) | Type::Object(_)) => {
                *known = false;
            }
            other => flat.push(other.clone()),
        }
    }
}

fn distinct(_: &mut Run<'_>, a: &[Value]) -> Result<Value, Fault> {
    let mut seen = BTreeSet::new();
    Ok(Value::list(elements(a, 0)?.iter().filter(|element| seen.insert((*element).clone())).cloned()))
}

fn contains(_: &mut Run<'_>, a: &[Value]) -> Result<Value, Fault> {
    let wanted = argument(a, 1);
    Ok(Value::Bool(elements(a, 0)?.iter().any(|element| equal(element, wanted) == Some(true))))
}

/// The elements of the first argument, which must be a list or tuple.
fn ordered(a: &[Value]) -> Result<&[Value], Fault> {
    match argument(a, 0) {
        set @ Value::Set(_) => Err(wrong(0, "a list or tuple", set).hint("use `tolist(set)`")),
        _ => elements(a, 0),
    }
}

fn index(_: &mut Run<'_>, a: &[Value]) -> Result<Value, Fault> {
    let wanted = argument(a, 1);
    match ordered(a)?.iter().position(|element| equal(element, wanted) == Some(true)) {
        Some(position) => Ok(Value::Number(Number::from(position))),
        None => Err(Fault::new(1, "the value is not in the list").hint("ask `contains(list, value)` first")),
    }
}

fn element(_: &mut Run<'_>, a: &[Value]) -> Result<Value, Fault> {
    let elements = ordered(a)?;
    let position = count(a, 1)?;
    match position.checked_rem(elements.len()).and_then(|position| elements.get(position)) {
        Some(element) => Ok(element.clone()),
        None => Err(Fault::new(0, "the list is empty")),
    }
}

fn slice(_: &mut Run<'_>, a: &[Value]) -> Result<Value, Fault> {
    let elements = ordered(a)?;
    let (start, end) = (count(a, 1)?, count(a, 2)?);
    if start > end {
        return Err(Fault::new(1, "the start lies behind the end"));
    }
    match elements.get(start..end) {
        Some(part) => Ok(sequence_like(argument(a, 0), part.to_vec())),
        None => Err(Fault::new(2, format!("the list has only {} elements", elements.len()))),
    }
}

fn reverse(_: &mut Run<'_>, a: &[Value]) -> Result<Value, Fault> {
    let reversed = elements(a, 0)?.iter().rev().cloned().collect();
    Ok(sequence_like(argument(a, 0), reversed))
}

fn chunklist(_: &mut Run<'_>, a: &[Value]) -> Result<Value, Fault> {
    let list = elements(a, 0)?;
    let size = match count(a, 1)? {
        0 => list.len().max(1),
        size => size,
    };
    Ok(Value::list(list.chunks(size).map(|chunk| Value::List(chunk.into()))))
}

fn sort(_: &mut Run<'_>, a: &[Value]) -> Result<Value, Fault> {
    let mut strings = elements(a, 0)?.to_vec();
    if strings.iter().any(Value::is_null) {
        return Err(Fault::new(0, "null cannot be sorted").hint("use `compact` first"));
    }
    strings.sort();
    Ok(Value::List(strings.into()))
}

fn compact(_: &mut Run<'_>, a: &[Value]) -> Result<Value, Fault> {
    let kept = elements(a, 0)?.iter().filter(|element| element.as_str().is_some_and(|text| !text.is_empty()));
    Ok(Value::list(kept.cloned()))
}

fn range(run: &mut Run<'_>, a: &[Value]) -> Result<Value, Fault> {
    let number = |position: usize| argument(a, position).as_number().cloned().unwrap_or_else(|| Number::from(0));
    let (start, limit, step) = match a.len() {
        1 => {
            let limit = number(0);
            let step = if limit.is_negative() { Number::from(-1) } else { Number::from(1) };
            (Number::from(0), limit, step)
        }
        2 => {
            let (start, limit) = (number(0), number(1));
            let step = if limit < start { Number::from(-1) } else { Number::from(1) };
            (start, limit, step)
        }
        3 => (number(0), number(1), number(2)),
        _ => return Err(Fault::whole("a start, a limit and a step are all it takes")),
    };
    if step.is_zero() {
        return Err(Fault::new(2, "the step must not be 0"));
    }
    let down = step.is_negative();
    if (down && limit > start) || (!down && limit < start) {
        return Err(Fault::new(2, "the step leads away from the limit"));
    }
    let mut numbers = Vec::new();
    let mut next = start;
    while (down && next > limit) || (!down && next < limit) {
        if numbers.len() >= 1024 || !run.spend(1, crate::diag::Span::default()) {
            return Err(Fault::whole("the list would have more than 1024 elements; use a smaller difference or a larger step"));
        }
        let after = next.add(&step).map_err(|error| Fault::whole(error.to_string()))?;
        numbers.push(Value::Number(std::mem::replace(&mut next, after)));
    }
    Ok(Value::List(numbers.into()))
}

fn zipmap(_: &mut Run<'_>, a: &[Value]) -> Result<Value, Fault> {
    let (keys, values) = (elements(a, 0)?, elements(a, 1)?);
    if matches!(argument(a, 1), Value::Set(_)) {
        return Err(wrong(1, "a list or tuple", argument(a, 1)).hint("a set has no order; use `tolist(set)`"));
    }
    if keys.len() != values.len() {
        return Err(Fault::whole(format!("there are {} keys and {} values", keys.len(), values.len())));
    }
    let mut zipped = Entries::new();
    let mut secret = false;
    for (key, value) in keys.iter().zip(values) {
        secret |= key.is_secret();
        match key.reveal() {
            Value::String(key) => zipped.insert(key.clone(), value.clone()),
            Value::Unknown(_) => return Ok(Value::unknown(Type::Any)),
            _ => return Err(Fault::new(0, "a key is null")),
        };
    }
    let zipped = match argument(a, 1) {
        Value::List(_) => Value::Map(std::sync::Arc::new(zipped)),
        _ => Value::from(zipped),
    };
    Ok(zipped.secret_if(secret))
}

fn one(_: &mut Run<'_>, a: &[Value]) -> Result<Value, Fault> {
    match elements(a, 0)? {
        [] => Ok(Value::Null),
        [only] => Ok(only.clone()),
        several => Err(Fault::new(0, format!("at most one element is allowed, there are {}", several.len()))),
    }
}

fn coalesce(_: &mut Run<'_>, a: &[Value]) -> Result<Value, Fault> {
    let types: Vec<Type> = a.iter().map(Value::type_of).collect();
    let Some(common) = crate::value::unify(&types) else {
        return Err(Fault::whole("the arguments have no common type"));
    };
    let mut secret = false;
    for (position, value) in a.iter().enumerate() {
        secret |= value.is_secret();
        let converted = convert(value, &common).map_err(|error| Fault::new(position, error.to_string()))?;
        match converted.reveal() {
            Value::Null => {}
            Value::String(text) if text.is_empty() => {}
            // Null later on, or not: only then is it known which one it is. A reference stays what it is when it cannot be null.
            Value::Unknown(_) => return Ok(Value::unknown(common).secret_if(secret)),
            _ => return Ok(converted.secret_if(secret)),
        }
    }
    Err(Fault::whole("all arguments are null or empty strings"))
}

fn coalescelist(_: &mut Run<'_>, a: &[Value]) -> Result<Value, Fault> {
    for (position, list) in a.iter().enumerate() {
        match list {
            Value::List(elements) | Value::Tuple(elements) if elements.is_empty() => {}
            Value::List(_) | Value::Tuple(_) => return Ok(list.clone()),
            other => return Err(wrong(position, "a list or tuple", other)),
        }
    }
    Err(Fault::whole("all lists are empty"))
}
