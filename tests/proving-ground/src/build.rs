//! Builds the components once: what is there is not built again, and a build that was cut off goes on where it stopped.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::components::{COMPONENTS, Components, FILES, GoModule, LINKER_FLAGS};
use crate::error::GroundError;
use crate::folder_lock::FolderLock;
use crate::go::Go;
use crate::render::render;
use crate::workspace::proving_ground_folder;

/// What a build did.
#[derive(Debug)]
pub struct BuildReport {
    /// The components.
    pub components: Components,
    /// Programs that were not there before.
    pub built: usize,
    /// How long it took.
    pub took: Duration,
}

/// Builds what is missing; `say` hears one line for each thing that takes time.
///
/// # Errors
/// No Go, no module proxy, or a component that does not compile.
pub fn build(say: &dyn Fn(String)) -> Result<BuildReport, GroundError> {
    let begun = Instant::now();
    let components = Components::wanted()?;
    let _lock = FolderLock::take(&proving_ground_folder().join("build.lock"))?;
    if components.complete_mark().is_file() {
        return Ok(BuildReport { components, built: 0, took: begun.elapsed() });
    }
    timed(say, "modules of the locks", || GoModule::ALL.into_iter().try_for_each(|module| Go::find(&module.folder())?.download()))?;
    let bin = components.folder().join("bin");
    fs::create_dir_all(&bin).map_err(GroundError::io(&bin))?;
    let mut built = 0;
    for (number, component) in (1..).zip(COMPONENTS) {
        let file = components.program(component.program);
        if !file.is_file() {
            let half = bin.join(format!("{}.half", component.program));
            let title = format!("{} ({number} of {})", component.program, COMPONENTS.len());
            let go = Go::find(&component.module.folder())?;
            timed(say, &title, || go.build(component.package, LINKER_FLAGS, &half))?;
            fs::rename(&half, &file).map_err(GroundError::io(&file))?;
            built += 1;
        }
    }
    copy_files(&components)?;
    timed(say, "manifests", || render(&components))?;
    fs::write(components.complete_mark(), "").map_err(GroundError::io(&components.complete_mark()))?;
    remove_other_builds(components.folder());
    Ok(BuildReport { components, built, took: begun.elapsed() })
}

fn timed<T>(say: &dyn Fn(String), title: &str, work: impl FnOnce() -> Result<T, GroundError>) -> Result<T, GroundError> {
    let begun = Instant::now();
    let done = work()?;
    say(format!("{title}: {:.1} s", begun.elapsed().as_secs_f64()));
    Ok(done)
}

fn copy_files(components: &Components) -> Result<(), GroundError> {
    for file in FILES {
        let source = Go::find(&file.module.folder())?.module_folder(file.of)?.join(file.path);
        let folder = components.files(file.to);
        if source.is_dir() {
            copy_folder(&source, &folder)?;
        } else {
            copy_file(&source, &folder.join(source.file_name().unwrap_or_default()))?;
        }
    }
    Ok(())
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), GroundError> {
    for entry in fs::read_dir(from).map_err(GroundError::io(from))?.flatten() {
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() { copy_folder(&source, &target)? } else { copy_file(&source, &target)? }
    }
    Ok(())
}

/// The module cache is read-only; the copy is not, so that it can be removed.
fn copy_file(from: &Path, to: &Path) -> Result<(), GroundError> {
    let folder = to.parent().unwrap_or(to);
    fs::create_dir_all(folder).map_err(GroundError::io(folder))?;
    let bytes = fs::read(from).map_err(GroundError::io(from))?;
    fs::write(to, bytes).map_err(GroundError::io(to))
}

/// Each build is 600 MB, and nobody looks for one of another lock.
fn remove_other_builds(keep: &Path) {
    for entry in fs::read_dir(proving_ground_folder()).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with("built-") && entry.path() != keep {
            // What cannot be removed is only room on a disk.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
