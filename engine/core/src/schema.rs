//! Schemas of HCL blocks as data: names, types, defaults and what a change of an attribute does to a living cluster.
//!
//! The blocks of the engine itself (`cluster`, `worker_pool`, …) and the bodies that a provider adds to them are described by the
//! same types; checking, "did you mean", documentation tables and the repave forecast all read them. Knows no cloud.

use std::sync::Arc;

use crate::value::Type;

/// What changing an attribute does to a cluster that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OnChange {
    /// The object is updated and no machine is replaced.
    InPlace,
    /// Every machine of the pool is replaced, one after the other.
    Repave,
    /// The cluster is destroyed and created.
    Recreate,
    /// The change is refused.
    Forbidden,
}

impl OnChange {
    /// The word of the documentation and of plan reasons.
    pub fn word(self) -> &'static str {
        match self {
            OnChange::InPlace => "in-place",
            OnChange::Repave => "repave",
            OnChange::Recreate => "recreate",
            OnChange::Forbidden => "forbidden",
        }
    }
}

/// An attribute that a cluster keeps as long as it lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fixed {
    /// What a change would be.
    pub on_change: OnChange,
    /// What it is where it is left out, as [`Presence::Default`] has it.
    pub default: Option<&'static str>,
}

/// Type of an attribute, in a form that stands in a `static` table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttributeType {
    /// `string`
    String,
    /// `number` that is a whole number
    Integer,
    /// `bool`
    Bool,
    /// `list(string)`
    Strings,
    /// `map(string)`
    StringMap,
    /// `any`: checked by the code that reads it.
    Any,
    /// A reference to a block (`cloud.aws.main`, `[profile.base]`): never evaluated to a plain value.
    Reference,
}

impl AttributeType {
    /// The type constraint that a value is converted to.
    pub fn constraint(self) -> Type {
        match self {
            AttributeType::String => Type::String,
            AttributeType::Integer => Type::Number,
            AttributeType::Bool => Type::Bool,
            AttributeType::Strings => Type::List(Arc::new(Type::String)),
            AttributeType::StringMap => Type::Map(Arc::new(Type::String)),
            AttributeType::Any | AttributeType::Reference => Type::Any,
        }
    }

    /// As users write it.
    pub fn word(self) -> &'static str {
        match self {
            AttributeType::String => "string",
            AttributeType::Integer => "number",
            AttributeType::Bool => "bool",
            AttributeType::Strings => "list(string)",
            AttributeType::StringMap => "map(string)",
            AttributeType::Any => "any",
            AttributeType::Reference => "reference",
        }
    }
}

/// Whether an attribute must be set, and what holds if it is not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Presence {
    /// It must be set.
    Required,
    /// It may be left out; the provider or Kubernetes decides then.
    Optional,
    /// Left out, it is this text, number or truth value (in HCL syntax, for the documentation and the evaluator).
    Default(&'static str),
}

/// One attribute of a block.
#[derive(Debug, Clone, Copy)]
pub struct Attribute {
    /// Its name in HCL.
    pub name: &'static str,
    /// Its type.
    pub ty: AttributeType,
    /// Required, optional or defaulted.
    pub presence: Presence,
    /// Its value never appears in plan, state, log or error.
    pub sensitive: bool,
    /// What changing it does.
    pub on_change: OnChange,
    /// One line for the reference page.
    pub doc: &'static str,
}

/// An attribute that may be shown.
pub const fn attribute(name: &'static str, ty: AttributeType, presence: Presence, on_change: OnChange, doc: &'static str) -> Attribute {
    Attribute { name, ty, presence, sensitive: false, on_change, doc }
}

/// An optional text that is never shown; a change of it is made in place.
pub const fn secret(name: &'static str, doc: &'static str) -> Attribute {
    Attribute { name, ty: AttributeType::String, presence: Presence::Optional, sensitive: true, on_change: OnChange::InPlace, doc }
}

/// How often a nested block may stand in its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// Exactly once.
    One,
    /// At most once.
    Optional,
    /// Any number of times.
    Many,
}

/// A block inside of a block.
#[derive(Debug, Clone, Copy)]
pub struct NestedBlock {
    /// Its type, the word before `{`.
    pub name: &'static str,
    /// Names of its labels, for messages: `["name"]`.
    pub labels: &'static [&'static str],
    /// How often it may stand.
    pub count: Count,
    /// What may stand in it.
    pub body: &'static BlockSchema,
    /// One line for the reference page.
    pub doc: &'static str,
}

/// What may stand in a block.
#[derive(Debug, Clone, Copy)]
pub struct BlockSchema {
    /// Its attributes.
    pub attributes: &'static [Attribute],
    /// Its nested blocks.
    pub blocks: &'static [NestedBlock],
}

impl BlockSchema {
    /// A block in which nothing may stand.
    pub const EMPTY: BlockSchema = BlockSchema { attributes: &[], blocks: &[] };

    /// The attribute of this name.
    pub fn attribute(&self, name: &str) -> Option<&'static Attribute> {
        self.attributes.iter().find(|a| a.name == name)
    }

    /// The attributes that a cluster keeps as long as it lives, as dotted paths below a prefix.
    pub fn fixed(&self, prefix: &str) -> Vec<(String, Fixed)> {
        let path = |name: &str| if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
        let fixed = |attribute: &&Attribute| matches!(attribute.on_change, OnChange::Recreate | OnChange::Forbidden);
        let of = |attribute: &Attribute| match attribute.presence {
            Presence::Default(default) => Fixed { on_change: attribute.on_change, default: Some(default) },
            Presence::Required | Presence::Optional => Fixed { on_change: attribute.on_change, default: None },
        };
        let own = self.attributes.iter().filter(fixed).map(|attribute| (path(attribute.name), of(attribute)));
        own.chain(self.blocks.iter().flat_map(|block| block.body.fixed(&path(block.name)))).collect()
    }

    /// The nested block of this type.
    pub fn block(&self, name: &str) -> Option<&'static NestedBlock> {
        self.blocks.iter().find(|b| b.name == name)
    }
}
