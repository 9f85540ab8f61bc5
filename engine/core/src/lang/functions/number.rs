//! Numbers.

use super::collection::{argument, elements, integer};
use super::{Body, Fault, Function, Kind, Param, Policy, Run, required};
use crate::value::{Number, NumberError, Type, Value, convert};

const NUMBER: &[Param] = &[required("number", Kind::Number)];

const fn numeric(
    name: &'static str,
    params: &'static [Param],
    variadic: Option<Param>,
    doc: &'static str,
    example: (&'static str, &'static str),
    body: fn(&mut Run<'_>, &[Value]) -> Result<Value, Fault>,
) -> Function {
    Function { name, params, variadic, policy: Policy::Plain, result: Kind::Number, doc, example, body: Body::Eager(body) }
}

pub(super) const FUNCTIONS: &[Function] = &[
    numeric("abs", NUMBER, None, "The number without its sign.", ("abs(-2)", "2"), |_, a| Ok(Value::Number(number(a, 0).abs()))),
    numeric("ceil", NUMBER, None, "The next whole number above.", ("ceil(1.2)", "2"), |_, a| Ok(Value::Number(number(a, 0).ceil()))),
    numeric("floor", NUMBER, None, "The next whole number below.", ("floor(1.8)", "1"), |_, a| Ok(Value::Number(number(a, 0).floor()))),
    numeric("signum", NUMBER, None, "-1, 0 or 1 for a whole number below, at or above 0.", ("signum(-3)", "-1"), |_, a| {
        let number = number(a, 0);
        if !number.is_integer() {
            return Err(Fault::new(0, "it takes a whole number"));
        }
        Ok(Value::from(number.cmp(&Number::from(0)) as i64))
    }),
    numeric("max", NUMBER, NUMBERS, "The greatest of the numbers.", ("max(1, 3, 2)", "3"), |_, a| {
        Ok(Value::Number((0..a.len()).map(|position| number(a, position)).max().unwrap_or_else(|| Number::from(0))))
    }),
    numeric("min", NUMBER, NUMBERS, "The least of the numbers.", ("min(1, 3, 2)", "1"), |_, a| {
        Ok(Value::Number((0..a.len()).map(|position| number(a, position)).min().unwrap_or_else(|| Number::from(0))))
    }),
    numeric("sum", &[required("list", Kind::Any)], None, "The sum of the elements.", ("sum([1, 2, 3])", "6"), sum),
    numeric(
        "parseint",
        &[required("string", Kind::Any), required("base", Kind::Number)],
        None,
        "The whole number that the digits of that base stand for.",
        ("parseint(\"ff\", 16)", "255"),
        parseint,
    ),
];

const NUMBERS: Option<Param> = Some(required("number", Kind::Number));

fn number(arguments: &[Value], position: usize) -> Number {
    argument(arguments, position).as_number().cloned().unwrap_or_else(|| Number::from(0))
}

fn sum(_: &mut Run<'_>, a: &[Value]) -> Result<Value, Fault> {
    let list = elements(a, 0)?;
    if list.is_empty() {
        return Err(Fault::new(0, "an empty list has no sum"));
    }
    let mut total = Number::from(0);
    for element in list {
        let Ok(Value::Number(addend)) = convert(element, &Type::Number) else {
            return Err(Fault::new(0, "all elements must be numbers"));
        };
        total = total.add(&addend).map_err(|error| Fault::new(0, error.to_string()))?;
    }
    Ok(Value::Number(total))
}

fn parseint(_: &mut Run<'_>, a: &[Value]) -> Result<Value, Fault> {
    let Value::String(digits) = argument(a, 0) else {
        return Err(super::collection::wrong(0, "a string", argument(a, 0)));
    };
    let base = u32::try_from(integer(a, 1)?).unwrap_or(0);
    if !(2..=62).contains(&base) {
        return Err(Fault::new(1, "the base must be between 2 and 62"));
    }
    match Number::from_digits(digits, base) {
        Ok(number) => Ok(Value::Number(number)),
        Err(NumberError::NotANumber) => Err(Fault::new(0, format!("{digits:?} is no whole number in base {base}"))),
        Err(error) => Err(Fault::new(0, error.to_string())),
    }
}
