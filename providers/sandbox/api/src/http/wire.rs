//! The table of protobuf messages (`facts/wire.txt`), read once. Knows no bytes.

use std::collections::HashMap;
use std::sync::OnceLock;

/// One field of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub number: u64,
    /// Name in JSON; empty if the fields of the message stand in the outer one.
    pub name: &'static str,
    /// Zero is a value here and not the absence of one.
    pub pointer: bool,
    pub many: Many,
    /// A scalar's name, or a message's.
    pub kind: &'static str,
}

/// How often a field comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Many {
    One,
    List,
    Map,
}

/// The fields of a message.
pub(super) fn message(name: &str) -> Option<&'static [Field]> {
    static TABLE: OnceLock<HashMap<&'static str, Vec<Field>>> = OnceLock::new();
    TABLE.get_or_init(read).get(name).map(Vec::as_slice)
}

fn read() -> HashMap<&'static str, Vec<Field>> {
    let mut table: HashMap<&'static str, Vec<Field>> = HashMap::new();
    let mut name = "";
    for line in include_str!("../../facts/wire.txt").lines().filter(|line| !line.starts_with('#')) {
        match field(line) {
            Some(field) => table.entry(name).or_default().push(field),
            None => {
                name = line;
                table.entry(name).or_default();
            }
        }
    }
    table
}

fn field(line: &'static str) -> Option<Field> {
    let mut words = line.split(' ');
    let (number, name, kind) = (words.next()?.parse().ok()?, words.next()?, words.next()?);
    let (pointer, kind) = kind.strip_prefix('*').map_or((false, kind), |kind| (true, kind));
    let (many, kind) = match (kind.strip_prefix("[]"), kind.strip_prefix("{}")) {
        (Some(kind), _) => (Many::List, kind),
        (_, Some(kind)) => (Many::Map, kind),
        _ => (Many::One, kind),
    };
    Some(Field { number, name: if name == "." { "" } else { name }, pointer, many, kind })
}
