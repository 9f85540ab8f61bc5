//! `exit-codes.md`: the exit codes, read from the one source file in which they are numbers.

use std::fmt::Write;
use std::path::Path;

const INTRODUCTION: &str = "# Exit codes

| code | meaning |
|---|---|
| 0 | Everything is as wished. |
";

/// The page. `source` holds one variant a line, each below a line of documentation: `/// Meaning.` and `Name = 5,`.
///
/// # Errors
/// A file that cannot be read or has no such lines.
pub fn page(source: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(source).map_err(|error| format!("{}: {error}", source.display()))?;
    let codes = codes(&text);
    if codes.is_empty() {
        return Err(format!("{} holds no exit codes", source.display()));
    }
    Ok(codes.iter().fold(INTRODUCTION.to_owned(), |mut page, (code, meaning)| {
        let _ = writeln!(page, "| {code} | {meaning} |");
        page
    }))
}

fn codes(text: &str) -> Vec<(u8, String)> {
    let mut codes = Vec::new();
    let mut meaning = String::new();
    for line in text.lines().map(str::trim) {
        if let Some(words) = line.strip_prefix("///") {
            meaning = format!("{meaning} {}", words.trim()).trim().to_owned();
            continue;
        }
        let number = line.strip_suffix(',').and_then(|line| line.split_once(" = ")).and_then(|(_, number)| number.parse().ok());
        if let Some(number) = number {
            codes.push((number, meaning.clone()));
        }
        meaning.clear();
    }
    codes.sort();
    codes
}

#[cfg(test)]
mod tests {
    use super::codes;

    #[test]
    fn variants_with_a_number_are_codes() {
        let text = "/// All.\npub enum Exit {\n    /// Wrong,\n    /// really.\n    Error = 1,\n    /// None.\n    Other,\n    /// Late.\n    Late = 7,\n}\n";
        assert_eq!(codes(text), [(1, "Wrong, really.".to_owned()), (7, "Late.".to_owned())]);
    }
}
