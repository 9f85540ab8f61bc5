//! Addresses: the names by which HCL, plan, state and people call a resource (design section 4).
//!
//! `cluster.shop`, `cluster.shop["eu"]`, `module.fleet.cluster.shop.worker_pool["general"]`, `cloud.aws.main`,
//! `management.bootstrap.provider["aws"]`. Printing and parsing are inverses. Knows nothing of Kubernetes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A name with the key of its `for_each` instance, if there is one: `shop` or `shop["eu"]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instance {
    /// The block's label.
    pub name: String,
    /// The `for_each` key.
    pub key: Option<String>,
}

impl Instance {
    /// An instance without a `for_each` key.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), key: None }
    }
}

/// The block at the head of an address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Root {
    /// `management.NAME`: the plane where CAPI runs before the pivot.
    Management(String),
    /// `cloud.PROVIDER.NAME`.
    Cloud(String, Instance),
    /// `cluster.NAME`.
    Cluster(Instance),
}

/// What stands below a root.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// `management.X.provider["aws"]`.
    Provider(String),
    /// `cluster.X.control_plane`.
    ControlPlane,
    /// `cluster.X.worker_pool["general"]`.
    WorkerPool(String),
    /// `cluster.X.agent`.
    Agent,
    /// `cluster.X.pivot`.
    Pivot,
    /// `cluster.X.layer["ingress"]`.
    Layer(String),
}

/// The address of a resource, or (without a part) of a cluster, cloud or management plane.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// Enclosing module calls, outermost first.
    pub module: Vec<Instance>,
    /// The block.
    pub root: Root,
    /// The resource below the block.
    pub part: Option<Part>,
}

impl Address {
    /// `cluster.NAME` or `cluster.NAME["key"]`.
    pub fn cluster(instance: Instance) -> Self {
        Self { module: Vec::new(), root: Root::Cluster(instance), part: None }
    }

    /// `cloud.PROVIDER.NAME`.
    pub fn cloud(provider: impl Into<String>, instance: Instance) -> Self {
        Self { module: Vec::new(), root: Root::Cloud(provider.into(), instance), part: None }
    }

    /// `management.NAME`.
    pub fn management(name: impl Into<String>) -> Self {
        Self { module: Vec::new(), root: Root::Management(name.into()), part: None }
    }

    /// The same root with another part.
    pub fn with(&self, part: Part) -> Self {
        Self { part: Some(part), ..self.clone() }
    }

    /// The address without its part: the cluster of a pool, the plane of a provider.
    pub fn root(&self) -> Self {
        Self { part: None, ..self.clone() }
    }

    /// Whether this is a cluster or stands below one.
    pub fn is_cluster(&self) -> bool {
        matches!(self.root, Root::Cluster(_))
    }

    /// Whether this is a management plane or stands below one.
    pub fn is_management(&self) -> bool {
        matches!(self.root, Root::Management(_))
    }
}

/// Why a text is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no address: {reason}")]
pub struct AddressError {
    /// The text as given.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

fn write_quoted(f: &mut fmt::Formatter<'_>, key: &str) -> fmt::Result {
    f.write_str("[\"")?;
    for c in key.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            c => fmt::Write::write_char(f, c)?,
        }
    }
    f.write_str("\"]")
}

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match &self.key {
            Some(key) => write_quoted(f, key),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, key) = match self {
            Part::Provider(k) => ("provider", Some(k)),
            Part::ControlPlane => ("control_plane", None),
            Part::WorkerPool(k) => ("worker_pool", Some(k)),
            Part::Agent => ("agent", None),
            Part::Pivot => ("pivot", None),
            Part::Layer(k) => ("layer", Some(k)),
        };
        f.write_str(word)?;
        match key {
            Some(key) => write_quoted(f, key),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.module {
            write!(f, "module.{step}.")?;
        }
        match &self.root {
            Root::Management(name) => write!(f, "management.{name}")?,
            Root::Cloud(provider, instance) => write!(f, "cloud.{provider}.{instance}")?,
            Root::Cluster(instance) => write!(f, "cluster.{instance}")?,
        }
        match &self.part {
            Some(part) => write!(f, ".{part}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let fail = |reason: &str| AddressError { text: text.to_owned(), reason: reason.to_owned() };
        let segments = split(text).map_err(|reason| fail(&reason))?;
        let mut segments = segments.into_iter().peekable();
        let mut module = Vec::new();
        while segments.peek().is_some_and(|s| s.name == "module" && s.key.is_none()) {
            segments.next();
            module.push(segments.next().ok_or_else(|| fail("a module name is missing after `module.`"))?);
        }
        let head = segments.next().ok_or_else(|| fail("it is empty"))?;
        let mut name = |what: &str| segments.next().ok_or_else(|| fail(&format!("{what} is missing")));
        let root = match (head.name.as_str(), head.key.is_none()) {
            ("management", true) => Root::Management(bare(name("a name")?).map_err(|r| fail(&r))?),
            ("cloud", true) => {
                let provider = bare(name("a provider")?).map_err(|r| fail(&r))?;
                Root::Cloud(provider, name("a name")?)
            }
            ("cluster", true) => Root::Cluster(name("a name")?),
            _ => {
                return Err(fail("it must begin with `cluster.`, `cloud.`, `management.` or `module.`"));
            }
        };
        let part = match segments.next() {
            None => None,
            Some(segment) => Some(part(&root, segment).map_err(|r| fail(&r))?),
        };
        if segments.next().is_some() {
            return Err(fail("nothing may follow the resource"));
        }
        Ok(Self { module, root, part })
    }
}

fn bare(segment: Instance) -> Result<String, String> {
    match segment.key {
        None => Ok(segment.name),
        Some(_) => Err(format!("{} takes no key", segment.name)),
    }
}

fn part(root: &Root, segment: Instance) -> Result<Part, String> {
    let cluster = matches!(root, Root::Cluster(_));
    let management = matches!(root, Root::Management(_));
    match (segment.name.as_str(), segment.key) {
        ("provider", Some(key)) if management => Ok(Part::Provider(key)),
        ("control_plane", None) if cluster => Ok(Part::ControlPlane),
        ("worker_pool", Some(key)) if cluster => Ok(Part::WorkerPool(key)),
        ("agent", None) if cluster => Ok(Part::Agent),
        ("pivot", None) if cluster => Ok(Part::Pivot),
        ("layer", Some(key)) if cluster => Ok(Part::Layer(key)),
        (name, _) => Err(format!("there is no resource `{name}` of this form here")),
    }
}

/// Splits at dots outside of `["…"]`.
fn split(text: &str) -> Result<Vec<Instance>, String> {
    let mut segments = Vec::new();
    let mut chars = text.chars().peekable();
    loop {
        let mut name = String::new();
        while let Some(&c) = chars.peek() {
            if !(c.is_alphanumeric() || c == '_' || c == '-') {
                break;
            }
            name.push(c);
            chars.next();
        }
        if name.is_empty() {
            return Err("a name is missing".to_owned());
        }
        let mut key = None;
        if chars.peek() == Some(&'[') {
            chars.next();
            if chars.next() != Some('"') {
                return Err("a key stands in quotes: [\"key\"]".to_owned());
            }
            key = Some(quoted(&mut chars)?);
            if chars.next() != Some(']') {
                return Err("`]` is missing after the key".to_owned());
            }
        }
        segments.push(Instance { name, key });
        match chars.next() {
            None => return Ok(segments),
            Some('.') => {}
            Some(c) => return Err(format!("{c:?} is unexpected")),
        }
    }
}

fn quoted(chars: &mut impl Iterator<Item = char>) -> Result<String, String> {
    let mut key = String::new();
    loop {
        match chars.next() {
            Some('"') => return Ok(key),
            Some('\\') => match chars.next() {
                Some('n') => key.push('\n'),
                Some(c @ ('"' | '\\')) => key.push(c),
                _ => return Err("only \\\", \\\\ and \\n are escapes in a key".to_owned()),
            },
            Some(c) => key.push(c),
            None => return Err("the key's closing quote is missing".to_owned()),
        }
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn printing_and_parsing_are_inverses() {
        for text in [
            "cluster.shop",
            "cluster.shop[\"eu\"]",
            "module.fleet.cluster.shop",
            "module.fleet[\"a.b\"].cluster.shop.worker_pool[\"general\"]",
            "cloud.aws.main",
            "cloud.aws.main[\"x\\\"y\"]",
            "management.bootstrap.provider[\"aws\"]",
            "cluster.shop.control_plane",
            "cluster.shop.layer[\"ingress\"]",
            "cluster.shop.agent",
            "cluster.shop.pivot",
        ] {
            assert_eq!(text.parse::<Address>().map(|a| a.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn what_is_no_address_says_why() {
        for (text, reason) in [
            ("", "a name is missing"),
            ("shop", "it must begin with"),
            ("cluster", "a name is missing"),
            ("cluster.", "a name is missing"),
            ("cluster.shop.pool", "there is no resource `pool`"),
            ("cluster.shop.agent.x", "nothing may follow"),
            ("cluster.shop[eu]", "a key stands in quotes"),
            ("cluster.shop[\"eu", "closing quote"),
            ("cloud.aws", "a name is missing"),
            ("management.m.agent", "there is no resource `agent`"),
        ] {
            let error = text.parse::<Address>().unwrap_err();
            assert!(error.reason.contains(reason), "{text}: {}", error.reason);
        }
    }

    proptest! {
        #[test]
        fn any_key_survives(key in "\\PC*") {
            let address = Address::cluster(Instance { name: "c".into(), key: Some(key) });
            prop_assert_eq!(address.to_string().parse::<Address>(), Ok(address));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            let _ = text.parse::<Address>();
        }
    }
}
