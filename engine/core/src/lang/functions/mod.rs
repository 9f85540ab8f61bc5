//! The functions of the language: one table entry each, with everything that evaluation, `console` and the docs need to
//! know about it. A function is pure: the same arguments and files give the same value.

mod collection;
mod convert;
mod encoding;
mod file;
mod format;
mod json;
mod lazy;
mod merge;
mod network;
mod number;
mod quote;
mod set;
mod text;
mod yaml;
mod yaml_times;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::eval::Run;
use super::ir::Call;
use crate::diag::{Code, Span};
use crate::value::{Type, Value};

/// A function of the language.
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// The parameters that every call gives.
    pub params: &'static [Param],
    /// What further arguments are, when there may be some.
    pub variadic: Option<Param>,
    /// What it sees of unknown and secret arguments.
    pub policy: Policy,
    /// The kind of its result, for arguments that are not known yet.
    pub result: Kind,
    /// What it does, in one sentence.
    pub doc: &'static str,
    /// A call and its result.
    pub example: (&'static str, &'static str),
    pub(super) body: Body,
}

/// A parameter.
#[derive(Clone, Copy)]
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// What arguments are converted to.
    pub kind: Kind,
    /// Whether null is taken.
    pub nullable: bool,
}

/// The types that parameters and results have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any value.
    Any,
    /// A string.
    String,
    /// A number.
    Number,
    /// A bool.
    Bool,
    /// A list of one type.
    List,
    /// A list of strings.
    Strings,
    /// A list of bools.
    Bools,
    /// A set of one type.
    Set,
    /// A set of strings.
    StringSet,
}

/// What a function sees of arguments that are unknown or secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Plain known values only: an unknown part of an argument makes the result unknown, a secret part makes it secret.
    Plain,
    /// Arguments known and open as a whole, whose parts may be unknown or secret and pass through.
    Parts,
    /// Everything as it is.
    Raw,
}

/// What runs when it is called.
#[derive(Clone, Copy)]
pub(super) enum Body {
    /// With evaluated arguments.
    Eager(fn(&mut Run<'_>, &[Value]) -> Result<Value, Fault>),
    /// With the arguments as written.
    Lazy(fn(&mut Run<'_>, &Call, Span) -> Value),
}

/// Why a function has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) code: Code,
    /// The argument that is to blame, counted from 0.
    pub(super) argument: Option<usize>,
    pub(super) message: String,
    pub(super) hint: Option<String>,
    /// The one argument whose content the message may tell; `None`: of any.
    pub(super) tells: Option<usize>,
}

impl Function {
    /// Its form: `replace(string, substring, replacement)`.
    #[must_use]
    pub fn signature(&self) -> String {
        let mut names: Vec<String> = self.params.iter().map(|param| param.name.to_owned()).collect();
        names.extend(self.variadic.map(|param| format!("{}…", param.name)));
        format!("{}({})", self.name, names.join(", "))
    }
}

impl Kind {
    pub(super) fn as_type(self) -> Type {
        match self {
            Kind::Any => Type::Any,
            Kind::String => Type::String,
            Kind::Number => Type::Number,
            Kind::Bool => Type::Bool,
            Kind::List => Type::list(Type::Any),
            Kind::Strings => Type::list(Type::String),
            Kind::Bools => Type::list(Type::Bool),
            Kind::Set => Type::set(Type::Any),
            Kind::StringSet => Type::set(Type::String),
        }
    }
}

impl Fault {
    pub(super) fn new(argument: usize, message: impl Into<String>) -> Fault {
        Fault { code: Code::INVALID_ARGUMENT, argument: Some(argument), message: message.into(), hint: None, tells: None }
    }

    pub(super) fn whole(message: impl Into<String>) -> Fault {
        Fault { code: Code::INVALID_ARGUMENT, argument: None, message: message.into(), hint: None, tells: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Fault {
        self.hint = Some(hint.into());
        self
    }
}

const fn required(name: &'static str, kind: Kind) -> Param {
    Param { name, kind, nullable: false }
}

const fn nullable(name: &'static str, kind: Kind) -> Param {
    Param { name, kind, nullable: true }
}

/// A function of so many evaluated arguments, all of them known and open.
const fn plain(
    name: &'static str,
    params: &'static [Param],
    result: Kind,
    doc: &'static str,
    example: (&'static str, &'static str),
    body: fn(&mut Run<'_>, &[Value]) -> Result<Value, Fault>,
) -> Function {
    Function { name, params, variadic: None, policy: Policy::Plain, result, doc, example, body: Body::Eager(body) }
}

/// The table, one slice per file.
const TABLE: &[&[Function]] = &[
    collection::FUNCTIONS,
    convert::FUNCTIONS,
    encoding::FUNCTIONS,
    file::FUNCTIONS,
    format::FUNCTIONS,
    json::FUNCTIONS,
    lazy::FUNCTIONS,
    merge::FUNCTIONS,
    network::FUNCTIONS,
    number::FUNCTIONS,
    set::FUNCTIONS,
    text::FUNCTIONS,
    yaml::FUNCTIONS,
];

fn table() -> &'static BTreeMap<&'static str, &'static Function> {
    static BY_NAME: OnceLock<BTreeMap<&'static str, &'static Function>> = OnceLock::new();
    BY_NAME.get_or_init(|| TABLE.iter().copied().flatten().map(|function| (function.name, function)).collect())
}

/// All functions by name.
pub fn all() -> impl Iterator<Item = &'static Function> {
    table().values().copied()
}

/// The function of that name; the namespace `core::` may stand before it.
#[must_use]
pub fn find(name: &str) -> Option<&'static Function> {
    table().get(name.strip_prefix("core::").unwrap_or(name)).copied()
}

/// Why a function that Terraform has does not exist here.
pub(super) fn why_missing(name: &str) -> Option<&'static str> {
    match name {
        "timestamp" | "plantimestamp" | "uuid" | "bcrypt" => {
            Some("its result would change with every plan; pass the value in as a variable")
        }
        "list" => Some("use `tolist([…])`"),
        "map" => Some("use `tomap({…})`"),
        "md5" | "sha1" | "filemd5" | "filesha1" => Some("use `sha256`"),
        "pathexpand" | "abspath" => Some("paths are relative to the module folder; use `path.module`"),
        name if name.starts_with("provider::") => Some("functions of providers do not exist; only those of the language"),
        _ => None,
    }
}
