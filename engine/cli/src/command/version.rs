//! `windlass version`

use std::process::ExitCode;

use serde_json::json;
use windlass_clouds::PROVIDERS;

use crate::arguments;
use crate::exit::OK;
use crate::failure::Failure;
use crate::view::View;

/// Runs the command.
pub fn run(command: &arguments::Version, view: &View) -> Result<ExitCode, Failure> {
    let version = env!("CARGO_PKG_VERSION");
    let known = |name: &str| {
        windlass_kubeschema::facts_table::bundles().iter().filter(|file| file.name == name).map(|file| file.version).collect::<Vec<_>>()
    };
    let listed = || PROVIDERS.iter().filter(|cloud| cloud.is_listed());
    if command.json {
        let clouds: serde_json::Map<String, serde_json::Value> =
            listed().map(|cloud| (cloud.name().to_owned(), json!(known(cloud.name())))).collect();
        view.data(&format!("{}\n", json!({"windlass_version": version, "cluster_api": known("cluster-api"), "providers": clouds})));
        return Ok(OK);
    }
    let mut text = format!("Windlass v{version}\n  Cluster API {}\n", known("cluster-api").join(", "));
    for cloud in listed() {
        text.push_str(&format!("  {} {}\n", cloud.title(), known(cloud.name()).join(", ")));
    }
    view.out(&text);
    Ok(OK)
}
