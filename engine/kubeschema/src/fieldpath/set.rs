//! A set of paths as a tree; the operations of ownership.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::element::PathElement;
use super::path::FieldPath;
use super::shape::Shape;

/// A set of paths. A path may be a member with members below it (a list item and its fields).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldSet {
    nodes: BTreeMap<PathElement, FieldNode>,
}

/// What a set holds at and below one element.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldNode {
    /// The path that ends here is in the set.
    pub member: bool,
    /// What is below.
    pub children: FieldSet,
}

impl FieldSet {
    /// The empty set.
    pub const fn new() -> FieldSet {
        FieldSet { nodes: BTreeMap::new() }
    }

    /// No path is in it.
    pub fn is_empty(&self) -> bool {
        self.nodes.values().all(|node| !node.member && node.children.is_empty())
    }

    /// Number of paths.
    pub fn len(&self) -> usize {
        let counts = self.nodes.values().map(|node| usize::from(node.member) + node.children.len());
        counts.sum()
    }

    /// Adds one path.
    pub fn insert(&mut self, path: &[PathElement]) {
        if let Some((last, parents)) = path.split_last() {
            let mut set = self;
            for element in parents {
                set = &mut set.nodes.entry(element.clone()).or_default().children;
            }
            set.nodes.entry(last.clone()).or_default().member = true;
        }
    }

    /// The node of one element, made if it is not there.
    pub fn node_mut(&mut self, element: PathElement) -> &mut FieldNode {
        self.nodes.entry(element).or_default()
    }

    /// The node of one element.
    pub fn node(&self, element: &PathElement) -> Option<&FieldNode> {
        self.nodes.get(element)
    }

    /// Drops one element and what is below it.
    pub fn drop_node(&mut self, element: &PathElement) {
        self.nodes.remove(element);
    }

    /// The elements at the top with what is below them, in order.
    pub fn nodes(&self) -> impl Iterator<Item = (&PathElement, &FieldNode)> {
        self.nodes.iter()
    }

    /// The path itself is in the set.
    pub fn contains(&self, path: &FieldPath) -> bool {
        let Some((last, parents)) = path.0.split_last() else {
            return false;
        };
        let mut set = self;
        for element in parents {
            match set.nodes.get(element) {
                Some(node) => set = &node.children,
                None => return false,
            }
        }
        set.nodes.get(last).is_some_and(|node| node.member)
    }

    /// Every path of `other` is in this set.
    pub fn contains_all(&self, other: &FieldSet) -> bool {
        other.nodes.iter().all(|(element, theirs)| match self.nodes.get(element) {
            Some(ours) => (ours.member || !theirs.member) && ours.children.contains_all(&theirs.children),
            None => !theirs.member && theirs.children.is_empty(),
        })
    }

    /// Paths in either.
    pub fn union(&self, other: &FieldSet) -> FieldSet {
        let mut out = self.clone();
        out.extend(other);
        out
    }

    /// Adds every path of another set.
    pub fn extend(&mut self, other: &FieldSet) {
        for (element, theirs) in &other.nodes {
            match self.nodes.entry(element.clone()) {
                Entry::Vacant(place) => {
                    place.insert(theirs.clone());
                }
                Entry::Occupied(mut place) => {
                    let ours = place.get_mut();
                    ours.member |= theirs.member;
                    ours.children.extend(&theirs.children);
                }
            }
        }
    }

    /// Paths in both.
    pub fn intersection(&self, other: &FieldSet) -> FieldSet {
        self.combine(other, &|ours, theirs| FieldNode {
            member: ours.member && theirs.member,
            children: ours.children.intersection(&theirs.children),
        })
    }

    /// Paths in this set and not in the other; a path below one of the other's stays.
    pub fn difference(&self, other: &FieldSet) -> FieldSet {
        let mut out = self.clone();
        out.subtract(other);
        out
    }

    /// Takes every path of another set out of this one.
    pub fn subtract(&mut self, other: &FieldSet) {
        for (element, theirs) in &other.nodes {
            let Some(ours) = self.nodes.get_mut(element) else {
                continue;
            };
            ours.member &= !theirs.member;
            ours.children.subtract(&theirs.children);
            if !ours.member && ours.children.nodes.is_empty() {
                self.nodes.remove(element);
            }
        }
    }

    /// Paths in this set that are neither in the other nor below one of its paths.
    pub fn recursive_difference(&self, other: &FieldSet) -> FieldSet {
        let mut out = FieldSet::new();
        for (element, ours) in &self.nodes {
            let node = match other.nodes.get(element) {
                None => ours.clone(),
                Some(theirs) if theirs.member => continue,
                Some(theirs) => FieldNode { member: ours.member, children: ours.children.recursive_difference(&theirs.children) },
            };
            out.keep(element, node);
        }
        out
    }

    /// The set with every declared struct field on the way to a member as a member too.
    ///
    /// Struct fields are no members of an applied set (only their leaves are), but removal works
    /// on members.
    #[must_use]
    pub fn with_named_fields(&self, shape: Shape<'_>) -> FieldSet {
        let nodes = self.nodes.iter().map(|(element, node)| {
            let (named, below) = match element {
                PathElement::Field(name) => (shape.declares(name), shape.field(name).unwrap_or(Shape::Deduced)),
                _ => (false, shape.item()),
            };
            let node = FieldNode {
                member: node.member || (named && !node.children.nodes.is_empty()),
                children: node.children.with_named_fields(below),
            };
            (element.clone(), node)
        });
        FieldSet { nodes: nodes.collect() }
    }

    /// All paths in the server's order: at each level first what ends there, then what goes on.
    pub fn paths(&self) -> Vec<FieldPath> {
        let mut out = Vec::new();
        self.walk(&mut Vec::new(), &mut |path, _| {
            out.push(FieldPath(path.to_vec()));
        });
        out
    }

    /// The paths that have no other path of the set below them, in the order of [`FieldSet::paths`].
    pub fn leaves(&self) -> Vec<FieldPath> {
        let mut out = Vec::new();
        self.walk(&mut Vec::new(), &mut |path, node| {
            if node.children.is_empty() {
                out.push(FieldPath(path.to_vec()));
            }
        });
        out
    }

    fn walk(&self, path: &mut Vec<PathElement>, visit: &mut dyn FnMut(&[PathElement], &FieldNode)) {
        for (element, node) in self.nodes.iter().filter(|(_, node)| node.member) {
            path.push(element.clone());
            visit(path, node);
            path.pop();
        }
        for (element, node) in self.nodes.iter().filter(|(_, node)| !node.children.nodes.is_empty()) {
            path.push(element.clone());
            node.children.walk(path, visit);
            path.pop();
        }
    }

    fn combine(&self, other: &FieldSet, both: &dyn Fn(&FieldNode, &FieldNode) -> FieldNode) -> FieldSet {
        let mut out = FieldSet::new();
        for (element, ours) in &self.nodes {
            if let Some(theirs) = other.nodes.get(element) {
                out.keep(element, both(ours, theirs));
            }
        }
        out
    }

    fn keep(&mut self, element: &PathElement, node: FieldNode) {
        if node.member || !node.children.nodes.is_empty() {
            self.nodes.insert(element.clone(), node);
        }
    }
}

impl<'p> FromIterator<&'p FieldPath> for FieldSet {
    fn from_iter<I: IntoIterator<Item = &'p FieldPath>>(paths: I) -> FieldSet {
        let mut set = FieldSet::new();
        for path in paths {
            set.insert(&path.0);
        }
        set
    }
}
