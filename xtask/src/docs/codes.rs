//! `codes.md`: every diagnostic code with its meaning, from the table of the engine.

use std::fmt::Write;

use windlass_core::diag::Code;

/// Ranges as the table's own documentation names them: first number, title.
const RANGES: [(u16, &str); 7] = [
    (0, "Files and syntax"),
    (100, "Expressions and functions"),
    (200, "Configuration blocks"),
    (300, "Model and rendering"),
    (400, "Planning"),
    (500, "State, plan files and the command line"),
    (600, "Planes and applying"),
];

const INTRODUCTION: &str = "# Diagnostic codes

Every error and every warning has a code. A code keeps its meaning for ever and is never used for another one, so that it can be
searched for and tested for. The exit code of a command is another matter: see [exit-codes.md](exit-codes.md).
";

/// The page.
pub fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    for (position, (first, title)) in RANGES.iter().enumerate() {
        let end = RANGES.get(position + 1).map_or(u16::MAX, |(next, _)| *next);
        let codes: Vec<&(Code, &str)> = Code::ALL.iter().filter(|(code, _)| (*first..end).contains(&number(*code))).collect();
        if codes.is_empty() {
            continue;
        }
        let _ = write!(page, "\n## {title}\n\n| code | meaning |\n|---|---|\n");
        for (code, meaning) in codes {
            let _ = writeln!(page, "| `{code}` | {meaning} |");
        }
    }
    page
}

/// `WL0123` -> 123.
fn number(code: Code) -> u16 {
    code.to_string().trim_start_matches("WL").parse().unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Code, page};

    #[test]
    fn no_code_is_left_out() {
        let page = page();
        let missing: Vec<String> =
            Code::ALL.iter().map(|(code, _)| code.to_string()).filter(|code| !page.contains(code.as_str())).collect();
        assert_eq!(missing, Vec::<String>::new());
    }
}
