//! Sets.

use std::collections::BTreeSet;

use super::collection::elements;
use super::{Body, Fault, Function, Kind, Param, Policy, Run, required};
use crate::value::{Type, Value, convert};

const MORE: Option<Param> = Some(required("set", Kind::Set));

const fn set_function(
    name: &'static str,
    params: &'static [Param],
    variadic: Option<Param>,
    doc: &'static str,
    example: (&'static str, &'static str),
    body: fn(&mut Run<'_>, &[Value]) -> Result<Value, Fault>,
) -> Function {
    Function { name, params, variadic, policy: Policy::Plain, result: Kind::Set, doc, example, body: Body::Eager(body) }
}

pub(super) const FUNCTIONS: &[Function] = &[
    set_function(
        "setunion",
        &[required("set", Kind::Set)],
        MORE,
        "The elements that are in at least one of the sets.",
        ("setunion([\"a\"], [\"b\"])", "toset([\"a\", \"b\"])"),
        |_, a| {
            fold(a, |mut all, more| {
                all.extend(more);
                all
            })
        },
    ),
    set_function(
        "setintersection",
        &[required("set", Kind::Set)],
        MORE,
        "The elements that are in all of the sets.",
        ("setintersection([\"a\", \"b\"], [\"b\"])", "toset([\"b\"])"),
        |_, a| fold(a, |all, more| all.intersection(&more).cloned().collect()),
    ),
    set_function(
        "setsubtract",
        &[required("set", Kind::Set), required("minus", Kind::Set)],
        None,
        "The elements of the first set that are not in the second.",
        ("setsubtract([\"a\", \"b\"], [\"b\"])", "toset([\"a\"])"),
        |_, a| fold(a, |all, less| all.difference(&less).cloned().collect()),
    ),
    Function {
        name: "setproduct",
        params: &[required("set", Kind::Any)],
        variadic: Some(required("set", Kind::Any)),
        policy: Policy::Plain,
        result: Kind::Any,
        doc: "All combinations of one element of each set or list.",
        example: ("setproduct([\"a\", \"b\"], [1])", "tolist([[\"a\", 1], [\"b\", 1]])"),
        body: Body::Eager(product),
    },
];

fn product(run: &mut Run<'_>, a: &[Value]) -> Result<Value, Fault> {
    if a.len() < 2 {
        return Err(Fault::whole("two sets or more are needed"));
    }
    let mut rows: Vec<Vec<Value>> = vec![Vec::new()];
    for position in 0..a.len() {
        let choices = elements(a, position)?;
        if !run.spend((rows.len() as u64).saturating_mul(choices.len() as u64), crate::diag::Span::default()) {
            return Err(Fault::whole("there would be too many combinations"));
        }
        rows = rows.iter().flat_map(|row| choices.iter().map(|choice| row.iter().cloned().chain([choice.clone()]).collect())).collect();
    }
    let sets = a.iter().all(|argument| matches!(argument, Value::Set(_)));
    let ty = if sets { Type::set(Type::Any) } else { Type::list(Type::Any) };
    let tuples = Value::Tuple(rows.into_iter().map(Value::from).collect());
    convert(&tuples, &ty).map_err(|error| Fault::whole(error.to_string()))
}

/// Folds sets that were brought to one element type.
fn fold(arguments: &[Value], step: impl Fn(BTreeSet<Value>, BTreeSet<Value>) -> BTreeSet<Value>) -> Result<Value, Fault> {
    let types: Vec<Type> = arguments.iter().map(Value::type_of).collect();
    let Some(common) = crate::value::unify(&types) else {
        return Err(Fault::whole("the sets have elements without a common type"));
    };
    let mut result: Option<BTreeSet<Value>> = None;
    for (position, argument) in arguments.iter().enumerate() {
        let set = convert(argument, &common).map_err(|error| Fault::new(position, error.to_string()))?;
        let set: BTreeSet<Value> = elements(std::slice::from_ref(&set), 0)?.iter().cloned().collect();
        result = Some(match result {
            Some(so_far) => step(so_far, set),
            None => set,
        });
    }
    Ok(Value::set(result.unwrap_or_default()))
}
