//! `cargo xtask proving-ground …`: runs the proving ground's own program, and its tests. Knows nothing else of it.

use super::cargo::{program, watched, watched_program};

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
    let real = ["test", "--locked", "--workspace", "--test", "real", "--bench", "real"];
    // Half of a test is waiting for controllers: three at once keep two cores at work.
    watched(&[&real[..], &["--", "--ignored", "--nocapture", "--test-threads=3"]].concat())?;
    Ok("proving-ground test: every test passed".to_owned())
}
