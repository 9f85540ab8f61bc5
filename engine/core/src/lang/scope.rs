//! What names mean while an expression is evaluated. Knows values only; which names exist is the caller's decision.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::value::Value;

/// Resolves the first name of a reference. Values are handed out by reference, so that a scope with ten thousand locals
/// costs the same as one with three.
pub trait Scope {
    /// What that name stands for.
    fn root(&self, name: &str) -> Option<Root<'_>>;

    /// All names, for "did you mean".
    fn root_names(&self) -> Vec<&str>;
}

/// What the first name of a reference stands for.
#[derive(Clone, Copy)]
pub enum Root<'s> {
    /// A value, such as `each`, `path` or `target`.
    Value(&'s Value),
    /// A group of values that is not a value itself, such as `var` or `local`: only its entries can be used.
    Group(&'s Group),
}

/// Named values below one root, such as all input variables.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// What an entry is, for messages: `input variable`, `local value`, `cluster`.
    pub noun: &'static str,
    /// The entries. An entry whose evaluation failed is an unknown of any type, so that one fault is not told twice.
    pub entries: BTreeMap<Arc<str>, Value>,
    /// Entries may be missing because what declares them could not be read: a missing one is no fault, and its value is not known.
    pub open: bool,
}

/// Names for evaluation, on top of other names.
///
/// ```
/// use windlass_core::lang::Names;
/// use windlass_core::value::Value;
/// let mut names = Names::new();
/// names.group("var", "input variable");
/// names.set_entry("var", "size", Value::from(3));
/// names.set("each", Value::object([("key", "eu")]));
/// ```
#[derive(Default)]
pub struct Names<'p> {
    parent: Option<&'p dyn Scope>,
    roots: BTreeMap<Arc<str>, OwnedRoot>,
}

enum OwnedRoot {
    Value(Value),
    Group(Group),
}

impl<'p> Names<'p> {
    /// No names.
    #[must_use]
    pub fn new() -> Names<'p> {
        Names::default()
    }

    /// The names of `parent`; what is set here hides the parent's root of the same name.
    #[must_use]
    pub fn on(parent: &'p dyn Scope) -> Names<'p> {
        Names { parent: Some(parent), roots: BTreeMap::new() }
    }

    /// Makes the name stand for a value.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.roots.insert(Arc::from(name), OwnedRoot::Value(value.into()));
    }

    /// Makes the name stand for an empty group; `noun` says in messages what its entries are.
    pub fn group(&mut self, name: &str, noun: &'static str) {
        self.roots.insert(Arc::from(name), OwnedRoot::Group(Group { noun, entries: BTreeMap::new(), open: false }));
    }

    /// Says that entries of a group may be missing without a fault.
    pub fn open(&mut self, group: &str) {
        if let Some(OwnedRoot::Group(group)) = self.roots.get_mut(group) {
            group.open = true;
        }
    }

    /// Puts a value into a group, which is made when there is none.
    pub fn set_entry(&mut self, group: &str, name: impl Into<Arc<str>>, value: impl Into<Value>) {
        if !matches!(self.roots.get(group), Some(OwnedRoot::Group(_))) {
            self.group(group, "value");
        }
        if let Some(OwnedRoot::Group(group)) = self.roots.get_mut(group) {
            group.entries.insert(name.into(), value.into());
        }
    }
}

impl Scope for Names<'_> {
    fn root(&self, name: &str) -> Option<Root<'_>> {
        match self.roots.get(name) {
            Some(OwnedRoot::Value(value)) => Some(Root::Value(value)),
            Some(OwnedRoot::Group(group)) => Some(Root::Group(group)),
            None => self.parent.and_then(|parent| parent.root(name)),
        }
    }

    fn root_names(&self) -> Vec<&str> {
        let inherited = self.parent.map(Scope::root_names).unwrap_or_default();
        self.roots.keys().map(|name| &**name).chain(inherited).collect()
    }
}
