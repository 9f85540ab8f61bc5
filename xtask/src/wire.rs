//! `cargo xtask wire`: the protobuf form of built-in kinds, from the pinned Go modules, for the sandbox's API server.
//! Field numbers and types come from `generated.proto`; what those do not say (JSON names, pointers, inlined structs) from the tags
//! in the Go files beside them. It must not know how anybody reads the table.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::crds::{GoModule, Mode, read};

const API: GoModule = GoModule { path: "k8s.io/api", version: "v0.36.3", sum: "h1:NxB+05W2UGqXWFXcLO0RB5cnqnUPP5v5sVlaOH0Iz4w=" };
const MACHINERY: GoModule =
    GoModule { path: "k8s.io/apimachinery", version: "v0.36.3", sum: "h1:PkzMRBRG8joFD8EhCuQAtNPvJlxb82FwplP26HIzvAM=" };

/// Folders of the two modules whose messages are described.
const FOLDERS: &[(&GoModule, &[&str])] = &[
    (
        &API,
        &[
            "admissionregistration/v1",
            "apps/v1",
            "authentication/v1",
            "authorization/v1",
            "autoscaling/v1",
            "autoscaling/v2",
            "batch/v1",
            "certificates/v1",
            "coordination/v1",
            "core/v1",
            "discovery/v1",
            "events/v1",
            "networking/v1",
            "node/v1",
            "policy/v1",
            "rbac/v1",
            "resource/v1",
            "scheduling/v1",
            "storage/v1",
        ],
    ),
    (&MACHINERY, &["pkg/api/resource", "pkg/apis/meta/v1", "pkg/runtime", "pkg/util/intstr"]),
];

/// What the Go tags say of one field.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Tag {
    /// Empty for an inlined struct.
    json: String,
    pointer: bool,
}

/// Struct name and field number.
type Tags = BTreeMap<(String, u32), Tag>;

/// Writes or compares the table.
///
/// # Errors
/// What could not be fetched, read or written; in `Check` mode a difference.
pub fn run(mode: Mode) -> Result<String, String> {
    let mut table = format!("# Made by `cargo xtask wire` from {} and {} {}.\n", API.path, MACHINERY.path, API.version);
    let mut count = 0;
    for (module, folders) in FOLDERS {
        let root = module.fetch()?;
        for folder in *folders {
            count += describe(&root.join(folder), &mut table)?;
        }
    }
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../providers/sandbox/api/facts/wire.txt");
    match mode {
        Mode::Write => std::fs::write(&path, &table).map_err(|error| format!("{}: {error}", path.display()))?,
        Mode::Check if read(&path)? == table => {}
        Mode::Check => return Err(format!("{} differs from what is generated", path.display())),
    }
    Ok(format!("wire.txt: {count} messages, {} bytes", table.len()))
}

/// Appends the messages of one folder.
fn describe(folder: &Path, table: &mut String) -> Result<usize, String> {
    let tags = tags(folder)?;
    let proto = read(&folder.join("generated.proto"))?;
    let (mut package, mut message, mut count) = (String::new(), String::new(), 0);
    for line in proto.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("package ") {
            package = name.trim_end_matches(';').trim_start_matches("k8s.io.").to_owned();
        } else if let Some(name) = line.strip_prefix("message ") {
            message = name.trim_end_matches('{').trim().to_owned();
            let _ = writeln!(table, "{package}.{message}");
            count += 1;
        } else if let Some((kind, name, number)) = field(line) {
            let tag = tags.get(&(message.clone(), number)).cloned().unwrap_or(Tag { json: name, pointer: false });
            let json = if tag.json.is_empty() { "." } else { &tag.json };
            let pointer = if tag.pointer { "*" } else { "" };
            let _ = writeln!(table, "{number} {json} {pointer}{}", qualified(&kind, &package));
        }
    }
    Ok(count)
}

/// `optional TYPE NAME = N;`, `repeated …`, `map<K, V> NAME = N;` as type, name and number; the type is `[]T`, `{}T` or `T`.
fn field(line: &str) -> Option<(String, String, u32)> {
    let (left, number) = line.strip_suffix(';')?.split_once(" = ")?;
    let number = number.trim().parse().ok()?;
    let (kind, name) = left.rsplit_once(' ')?;
    let kind = if let Some(kind) = kind.strip_prefix("optional ") {
        kind.to_owned()
    } else if let Some(kind) = kind.strip_prefix("repeated ") {
        format!("[]{kind}")
    } else {
        let (_, value) = kind.strip_prefix("map<")?.strip_suffix('>')?.split_once(',')?;
        format!("{{}}{}", value.trim())
    };
    Some((kind, name.to_owned(), number))
}

/// Messages get their package; `.k8s.io.` goes.
fn qualified(kind: &str, package: &str) -> String {
    let start = kind.find(|c: char| c != '[' && c != ']' && c != '{' && c != '}').unwrap_or(0);
    let (prefix, name) = kind.split_at(start);
    if let Some(full) = name.strip_prefix(".k8s.io.") {
        format!("{prefix}{full}")
    } else if name.starts_with(|c: char| c.is_ascii_uppercase()) {
        format!("{prefix}{package}.{name}")
    } else {
        kind.to_owned()
    }
}

fn tags(folder: &Path) -> Result<Tags, String> {
    let mut tags = Tags::new();
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "go")) {
        let mut name = String::new();
        for line in read(file)?.lines() {
            if let Some(rest) = line.strip_prefix("type ") {
                name = rest.split_whitespace().next().unwrap_or("").to_owned();
            } else if let Some((number, tag)) = tag(line) {
                tags.insert((name.clone(), number), tag);
            }
        }
    }
    Ok(tags)
}

/// Reads the tags of one line of a Go struct.
fn tag(line: &str) -> Option<(u32, Tag)> {
    let (code, tags) = line.split_once('`')?;
    let value = |name: &str| Some(tags.split_once(&format!("{name}:\""))?.1.split_once('"')?.0);
    let number = value("protobuf")?.split(',').nth(1)?.parse().ok()?;
    let json = value("json")?.split(',').next()?.to_owned();
    // Hidden from JSON: it keeps the name that `generated.proto` gives it.
    if json == "-" {
        return None;
    }
    let pointer = code.split_whitespace().nth(1).is_some_and(|kind| kind.starts_with('*'));
    Some((number, Tag { json, pointer }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_both_sources_are_read() {
        for (line, expected) in [
            ("optional string volumeID = 1;", Some(("string", 1))),
            ("repeated Container containers = 2;", Some(("[]api.core.v1.Container", 2))),
            ("map<string, bytes> data = 2;", Some(("{}bytes", 2))),
            (
                "optional .k8s.io.apimachinery.pkg.apis.meta.v1.ObjectMeta metadata = 1;",
                Some(("apimachinery.pkg.apis.meta.v1.ObjectMeta", 1)),
            ),
            ("// optional string x = 1", None),
        ] {
            let found = field(line).map(|(kind, _, number)| (qualified(&kind, "api.core.v1"), number));
            assert_eq!(found, expected.map(|(kind, number)| (kind.to_owned(), number)), "{line}");
        }
        let inline = tag("\tVolumeSource `json:\",inline\" protobuf:\"bytes,2,opt,name=volumeSource\"`");
        assert_eq!(inline, Some((2, Tag { json: String::new(), pointer: false })));
        let pointer = tag("\tReplicas *int32 `json:\"replicas,omitempty\" protobuf:\"varint,1,opt,name=replicas\"`");
        assert_eq!(pointer, Some((1, Tag { json: "replicas".to_owned(), pointer: true })));
    }
}
