//! `cargo xtask bench real`: builds the proving ground's components and runs its bench, which measures. Knows nothing else of it.

use super::cargo::watched;
use super::proving_ground;

/// Runs the whole bench, or the part that is named.
pub fn real(parts: &[&str]) -> Result<String, String> {
    if let Some(unknown) = parts.iter().find(|part| !matches!(**part, "layers" | "pivot")) {
        return Err(format!("bench real: there is no part {unknown:?}, only layers and pivot"));
    }
    proving_ground::run(&["build"])?;
    let mut arguments = vec!["bench", "--quiet", "--locked", "--package", "windlass-proving-ground", "--bench", "real", "--"];
    arguments.extend(parts);
    watched(&arguments)?;
    Ok("bench real: done".to_owned())
}
