//! Manifests that modules have in parts only, put together once, when the components are built: Cluster API's as its releases do with
//! kustomize, cert-manager's as its releases do with its chart. Changes nothing in them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::components::{CERT_MANAGER_VERSION, Components};
use crate::error::GroundError;
use crate::manager::MANAGERS;

/// The folder of cert-manager's chart.
const CHART: &str = "cert-manager-chart";

/// Where the manifests of a provider's release lie, as kustomize gives them.
pub(crate) fn provider_manifests(components: &Components, program: &str) -> PathBuf {
    components.files(program).join("components.yaml")
}

/// Where the manifests of cert-manager's release lie.
pub(crate) fn cert_manager_manifests(components: &Components) -> PathBuf {
    components.files(CHART).join("cert-manager.yaml")
}

/// Renders all of them.
pub(crate) fn render(components: &Components) -> Result<(), GroundError> {
    for manager in &MANAGERS {
        let folder = components.files(manager.program).join("default");
        let text = said(Command::new(components.program("kustomize")).arg("build").arg(&folder))?;
        write(&provider_manifests(components, manager.program), &text)?;
    }
    let mut chart = Command::new(components.program(CHART));
    let text = said(chart.arg(components.files(CHART)).arg(CERT_MANAGER_VERSION))?;
    write(&cert_manager_manifests(components), &text)
}

fn said(command: &mut Command) -> Result<Vec<u8>, GroundError> {
    let what = command.get_program().display().to_string();
    let output = command.env_clear().output().map_err(|source| GroundError::Io { what: what.clone(), source })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(GroundError::Io { what, source: std::io::Error::other(said) })
}

fn write(path: &Path, text: &[u8]) -> Result<(), GroundError> {
    std::fs::write(path, text).map_err(GroundError::io(path))
}
