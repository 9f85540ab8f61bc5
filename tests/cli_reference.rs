//! `docs/reference/cli.md` says what the binary's help says.

use std::path::Path;

#[path = "../xtask/src/docs/cli.rs"]
mod cli;

#[test]
fn the_page_of_the_command_line_is_up_to_date() {
    let page = cli::page(Path::new(env!("CARGO_BIN_EXE_windlass"))).expect("every command has a help");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/cli.md");
    let present = std::fs::read_to_string(path).unwrap_or_default();
    assert!(present.ends_with(&page), "docs/reference/cli.md is out of date; run `cargo xtask docs`");
}
