//! Clusters in memory, from HCL to objects and refusals: the page that explains them is the input.

#[path = "../module/mod.rs"]
mod module;

mod goldens;
mod overrides;
mod refusals;

use module::wish;
use serde_json::Value as Json;
use windlass_core::desired::Desired;

const PAGE: &str = include_str!("../../../../docs/how-to/in-memory.md");

/// The example of the page.
fn page() -> &'static str {
    PAGE.split("```hcl\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example")
}

/// The example with a text in the place of another one, which stands in it.
fn with(from: &str, to: &str) -> String {
    assert!(page().contains(from), "{from} is not in the page");
    page().replacen(from, to, 1)
}

/// The wish of a text without faults.
fn good(text: &str) -> Desired {
    let (desired, found) = wish(text);
    // Whoever installs the providers is told by another block.
    assert_eq!(found, Vec::<String>::new(), "{text}");
    desired
}

/// All objects of the clusters, by resource and in the order of applying.
fn objects(desired: &Desired) -> Vec<Json> {
    let all = desired.resources.values().flat_map(|resource| &resource.objects);
    all.map(|object| object.content.to_json().expect("plain data")).collect()
}

/// Place of a text in another one, as messages tell it: `line:column`.
fn place(text: &str, of: &str) -> String {
    let before = &text[..text.find(of).unwrap_or_else(|| panic!("{of} is not there"))];
    format!("{}:{}", before.matches('\n').count() + 1, before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1)
}
