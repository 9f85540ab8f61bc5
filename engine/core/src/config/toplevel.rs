//! Which blocks may stand at the top of a file, how many labels they take, and that no name is given twice.

use std::collections::BTreeMap;

use crate::diag::{Code, Diagnostic, Diagnostics, Span, nearest};
use crate::lang::{Block, Body};

/// A block type with the names of its labels.
const BLOCKS: [(&str, &[&str]); 8] = [
    ("windlass", &[]),
    ("variable", &["name"]),
    ("locals", &[]),
    ("output", &["name"]),
    ("management", &["name"]),
    ("cloud", &["provider", "name"]),
    ("profile", &["name"]),
    ("cluster", &["name"]),
];

/// Block types of the design that this release does not have yet.
const LATER: [&str; 6] = ["module", "check", "policy", "moved", "removed", "import"];

/// Words that Terraform users type, and our way.
const TERRAFORM: [(&str, &str); 4] = [
    ("terraform", "settings stand in a `windlass` block"),
    ("resource", "clusters are described by `cluster` blocks, their software by `profile` blocks"),
    ("data", "there are no data sources; use `var`, `file()` or a `cluster` reference"),
    ("provider", "an account of a provider is a `cloud \"aws\" \"name\"` block"),
];

/// Checks the blocks of a module against each other.
pub fn check(body: &Body) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    for attribute in &body.attributes {
        diagnostics.push(
            Diagnostic::error(Code::UNEXPECTED_ATTRIBUTE, format!("`{}` stands outside of any block", attribute.name))
                .at(attribute.name_span)
                .hint("attributes stand in blocks; values of variables stand in a `*.wlvars.hcl` file"),
        );
    }
    let mut seen: BTreeMap<(&str, Vec<&str>), Span> = BTreeMap::new();
    for block in &body.blocks {
        let Some((kind, labels)) = BLOCKS.iter().find(|(kind, _)| *kind == &*block.kind) else {
            diagnostics.push(unknown(block));
            continue;
        };
        if !labelled(block, labels, &mut diagnostics) || *kind == "locals" {
            continue;
        }
        let key = (*kind, block.labels.iter().map(|label| &*label.text).collect());
        if let Some(first) = seen.insert(key, block.header_span) {
            let name: String = block.labels.iter().map(|label| format!(" \"{}\"", label.text)).collect();
            diagnostics.push(
                Diagnostic::error(Code::DUPLICATE_BLOCK, format!("`{kind}{name}` is declared twice"))
                    .at(block.header_span)
                    .related(first, "first declared here")
                    .hint("rename or remove one of them"),
            );
        }
    }
    diagnostics
}

fn unknown(block: &Block) -> Diagnostic {
    let kind = &*block.kind;
    if let Some((_, ours)) = TERRAFORM.iter().find(|(word, _)| *word == kind) {
        return Diagnostic::error(Code::UNKNOWN_BLOCK, format!("there is no `{kind}` block in windlass")).at(block.kind_span).hint(*ours);
    }
    if LATER.contains(&kind) {
        return Diagnostic::error(Code::NOT_YET, format!("`{kind}` blocks are not supported by this release yet"))
            .at(block.kind_span)
            .hint("remove the block: this release does not have it");
    }
    let error = Diagnostic::error(Code::UNKNOWN_BLOCK, format!("there is no block type `{kind}`")).at(block.kind_span);
    match nearest(kind, BLOCKS.iter().map(|(kind, _)| *kind)) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint(format!("block types are {}", BLOCKS.map(|(kind, _)| kind).join(", "))),
    }
}

/// Whether a block has as many labels as it takes.
pub fn labelled(block: &Block, labels: &[&str], diagnostics: &mut Diagnostics) -> bool {
    if block.labels.len() == labels.len() {
        return true;
    }
    let form: String = labels.iter().map(|label| format!(" \"{label}\"")).collect();
    diagnostics.push(
        Diagnostic::error(Code::WRONG_LABELS, format!("`{}` takes {} label(s), {} given", block.kind, labels.len(), block.labels.len()))
            .at(block.header_span)
            .hint(format!("write `{}{form} {{ … }}`", block.kind)),
    );
    false
}
