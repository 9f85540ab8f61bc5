//! `windlass kubeconfig`: read live, kept nowhere.

use std::process::ExitCode;

use windlass_core::addr::{Address, Root};
use windlass_core::diag::Code;
use windlass_core::facts::ClusterAccess;
use windlass_core::plan::way_in;
use windlass_core::recorded::Recorded;
use windlass_kube::plane::PROBE_PATIENCE;

use super::prepare::{Known, read_state};
use super::world::{self, Banner};
use crate::arguments::{self, Arguments};
use crate::exit::OK;
use crate::failure::Failure;
use crate::module;
use crate::session::Session;
use crate::view::View;

/// Runs the command.
pub async fn run(arguments: &Arguments, command: &arguments::Kubeconfig, view: &View) -> Result<ExitCode, Failure> {
    let session = Session::new(arguments, &command.module, None)?;
    let Known { recorded, key, .. } = read_state(&session)?;
    let loaded = module::load_for_management(&session, &command.module, &arguments.variables, &recorded)?;
    view.warnings(&loaded.warnings, &loaded.sources, command.module.compact_warnings);
    let management = &loaded.model.management;
    let (address, access) = access(&recorded, &command.cluster, &management.address)?;
    let world = world::open(&session, &command.module, management, &recorded, &key, view, Banner::Note).await?;
    world.kube.planes().know(&address, &access);
    let found = world.kube.planes().cluster_kubeconfig(&access, PROBE_PATIENCE).await;
    let found = found.map_err(|error| Failure::from(error.during(&address)))?;
    match found {
        Some((text, _)) => {
            view.data(&text);
            Ok(OK)
        }
        None => Err(no_kubeconfig(&recorded, &address)),
    }
}

/// A cluster that has pivoted has had one, and windlass cannot get in without it.
fn no_kubeconfig(recorded: &Recorded, cluster: &Address) -> Failure {
    match way_in(recorded, cluster) {
        Some(secret) => Failure::new(Code::NO_SUCH_THING, format!("{cluster}: {secret}, which holds its kubeconfig, is gone or empty"))
            .hint(format!(
                "with a kubeconfig that you have kept, `windlass apply -kubeconfig '{cluster}=FILE'` makes the Secret again; without one, \
                 docs/how-to/recover.md says how to go on"
            )),
        None => Failure::new(Code::NO_SUCH_THING, format!("{cluster} has no kubeconfig yet"))
            .hint("it exists once the first control plane machine is being made; `windlass apply` goes on"),
    }
}

/// A recorded cluster by address, label or Kubernetes name, and the way into it.
fn access(recorded: &Recorded, text: &str, management: &Address) -> Result<(Address, ClusterAccess), Failure> {
    let clusters = recorded.resources.iter().filter(|(address, _)| matches!(address.root, Root::Cluster(_)) && address.part.is_none());
    for (address, resource) in clusters {
        let part = |key: &str| resource.facts.get(key).and_then(serde_json::Value::as_str).map(str::to_owned);
        let (Some(name), Some(namespace)) = (part("name"), part("namespace")) else { continue };
        if name == text || address.to_string() == text || address.to_string() == format!("cluster.{text}") {
            return Ok((address.clone(), ClusterAccess { name, namespace, management: management.clone() }));
        }
    }
    Err(Failure::new(Code::NO_SUCH_THING, format!("the state holds no cluster {text:?}"))
        .hint("`windlass state list cluster.` names its clusters"))
}
