//! `functions.md`: every function with its form and an example, from the table that the evaluator calls.

use std::fmt::Write;

use windlass_core::lang::all_functions;

const INTRODUCTION: &str = "# Functions

Functions mean what they mean in Terraform. They are pure: the same arguments and files give the same value, so `timestamp`, `uuid`
and `bcrypt` do not exist. Paths are relative to the module folder. A result is sensitive when an argument that it depends on is.

";

/// The page.
pub fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    let names: Vec<String> = all_functions().map(|function| format!("[`{0}`](#{0})", function.name)).collect();
    page.push_str(&names.join(" · "));
    page.push('\n');
    for function in all_functions() {
        let (call, result) = function.example;
        let _ = write!(page, "\n## {}\n\n`{}`\n\n{}\n", function.name, function.signature(), function.doc);
        let _ = write!(page, "\n```hcl\n{call}\n# {}\n```\n", result.replace('\n', "\n# "));
    }
    page
}
