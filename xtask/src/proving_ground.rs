//! `cargo xtask proving-ground …`: runs the proving ground's own program, and its tests. Knows nothing else of it.

use super::cargo::{program, root, watched, watched_program};

const PROGRAM: &str = "windlass-proving-ground";

/// The program does it, and says what it does.
pub fn run(words: &[&str]) -> Result<String, String> {
    watched(&["build", "--quiet", "--locked", "--workspace", "--bin", PROGRAM])?;
    watched_program(&program("debug", PROGRAM), words)?;
    Ok(format!("proving-ground {}: done", words.join(" ")))
}

/// Builds what is missing, and runs the tests that need it, and once, small, the bench, which only has to work. A test that fails ends it with
/// an error.
pub fn test() -> Result<String, String> {
    run(&["build"])?;
    // What some tests run.
    watched(&["build", "--quiet", "--locked", "--workspace", "--bin", "windlass"])?;
    let tests = tests()?;
    let mut arguments = vec!["test", "--locked", "--workspace"];
    arguments.extend(tests.iter().flat_map(|test| ["--test", test.as_str()]));
    arguments.extend(["--bench", "real"]);
    // Two planes with their managers fill two cores; more at once would only make each of them slower.
    arguments.extend(["--", "--ignored", "--nocapture", "--test-threads=2"]);
    watched(&arguments)?;
    Ok("proving-ground test: every test passed".to_owned())
}

/// Names of the proving ground's tests: a file or a folder with a `main.rs` for each.
fn tests() -> Result<Vec<String>, String> {
    let folder = root().join("tests/proving-ground/tests");
    let entries = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| format!("{}: {error}", folder.display()))?.path();
        if path.extension().is_some_and(|extension| extension == "rs") || path.join("main.rs").is_file() {
            names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}
