//! `cli.md`: the help of every command, as the binary prints it. Shared with the test of the whole house that compares the page.

use std::path::Path;
use std::process::Command;

/// Said at the top of the page.
const INTRODUCTION: &str = "# Command line

Flags have one dash, as Terraform's; two dashes work too. `-NAME=VALUE` and `-NAME VALUE` are the same.
";

/// The page, from the help of a binary and of all its commands.
///
/// # Errors
/// A binary that cannot be started or that has no help.
pub fn page(binary: &Path) -> Result<String, String> {
    let mut page = INTRODUCTION.to_owned();
    let mut left = vec![Vec::new()];
    while let Some(command) = left.pop() {
        let help = help(binary, &command)?;
        let title = std::iter::once("windlass").chain(command.iter().map(String::as_str)).collect::<Vec<_>>().join(" ");
        page.push_str(&format!("\n## {title}\n\n```text\n{}\n```\n", help.trim()));
        let below = commands(&help).into_iter().map(|name| command.iter().cloned().chain([name]).collect());
        let mut below: Vec<Vec<String>> = below.collect();
        below.reverse();
        left.extend(below);
    }
    Ok(page)
}

fn help(binary: &Path, command: &[String]) -> Result<String, String> {
    let output = Command::new(binary)
        .args(command)
        .arg("-help")
        .env("COLUMNS", "120")
        .env("NO_COLOR", "1")
        .env_remove("WL_STATE")
        .env_remove("WL_KUBECONFIG_DIR")
        .output()
        .map_err(|error| format!("{}: {error}", binary.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() || text.is_empty() {
        return Err(format!("`windlass {} -help`: {}", command.join(" "), String::from_utf8_lossy(&output.stderr)));
    }
    // Lines end where the text ends: the help pads some of them.
    Ok(text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n"))
}

/// Names in the section `Commands:`.
fn commands(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| line.starts_with(' '));
    lines.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}
