//! Providers that somebody else installs (`install_providers = false`, or has installed): whether they run, from facts alone. Never plans to
//! install them.

use serde_json::Value as Json;

use super::ProviderSpec;
use super::demands::manager;
use super::verdict::View;
use crate::addr::Address;
use crate::desired::DesiredProvider;
use crate::diag::{Code, Diagnostic, Diagnostics, Span};

/// What is wrong with the manager of a provider.
enum Manager<'f> {
    /// There is none, or it was scaled to none: nobody will act.
    Missing(&'static str),
    /// It is there and not Available, in Kubernetes' words.
    NotAvailable(&'f str),
}

/// Reports a provider whose manager does not run on a plane: an error, since a step could only wait for somebody else. One that is not
/// Available at this moment may be on its way, and is a line for the reviewer.
pub(super) fn check(
    view: &View<'_>,
    plane: &Address,
    spec: &ProviderSpec,
    span: Option<Span>,
    diagnostics: &mut Diagnostics,
) -> Option<String> {
    view.facts.reachable(plane)?;
    let key = manager(plane, spec);
    match judge(view.facts.object(&key))? {
        Manager::Missing(how) => {
            let mut diagnostic = Diagnostic::error(Code::PROVIDER_MISSING, format!("provider {:?} does not run on {plane}", spec.name))
                .detail(format!("{} {how}. Somebody else installs it, so nothing is planned for it.", key.short()))
                .hint(format!(
                    "install {} {} on it (`clusterctl init`), or start its Deployment, and plan again",
                    spec.label, spec.version
                ));
            diagnostic.primary = span;
            diagnostics.push(diagnostic);
            None
        }
        Manager::NotAvailable(why) => {
            Some(format!("provider {:?} on {plane}: {} is not Available ({why}); steps that need it wait for it", spec.name, key.short()))
        }
    }
}

/// Warns of variables for components that somebody else has put there. Where nothing is installed at all they are warned of in `expand`.
pub(super) fn unused_variables(provider: &DesiredProvider, plane: &Address) -> Option<Diagnostic> {
    let place = provider.variables.filter(|_| provider.spec.install)?;
    let name = &provider.spec.name;
    let mut warning = Diagnostic::warning(Code::NO_EFFECT, format!("`variables` of provider {name:?} have no effect on {plane}"))
        .detail("Somebody else has installed it there, and it is used as it is; in clusters that pivot windlass installs it with them.")
        .hint("leave them to whoever has installed the provider");
    warning.primary = Some(place);
    Some(warning)
}

fn judge(live: Option<&Json>) -> Option<Manager<'_>> {
    let Some(live) = live else { return Some(Manager::Missing("does not exist")) };
    if live.pointer("/spec/replicas").and_then(Json::as_u64) == Some(0) {
        return Some(Manager::Missing("is scaled to 0"));
    }
    let conditions = live.pointer("/status/conditions").and_then(Json::as_array);
    let available = conditions.into_iter().flatten().find(|condition| condition.get("type").and_then(Json::as_str) == Some("Available"));
    let text = |name: &str| available.and_then(|condition| condition.get(name)).and_then(Json::as_str);
    match text("status") {
        Some("True") | None => None,
        Some(_) => Some(Manager::NotAvailable(text("message").or(text("reason")).unwrap_or("no reason is given"))),
    }
}
