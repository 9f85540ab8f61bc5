//! What a `management` block says of providers that windlass does not install: it is warned of, as it changes nothing.

use crate::config::Model;
use crate::diag::{Code, Diagnostic, Diagnostics, Span};

use super::needed::CERT_MANAGER;

/// Warns where nothing is installed from a repository, neither on the management plane nor in a cluster that leaves it.
///
/// `version` is no such thing: the kinds of that version are rendered, and a provider of another one is refused. Of cert-manager any will do.
pub fn warn(model: &Model, diagnostics: &mut Diagnostics) {
    let management = &model.management;
    let used = !model.clouds.is_empty() || !model.clusters.is_empty();
    if management.sandbox || !used || model.reads_repository() {
        return;
    }
    let mut warn = |what: String, place: Option<Span>| {
        let summary = format!("{what} has no effect: nothing is installed from a component repository");
        let mut warning = Diagnostic::warning(Code::NO_EFFECT, summary)
            .detail("`install_providers = false` leaves the providers to others, and no cluster pivots.")
            .hint("leave it out, or let windlass install the providers");
        warning.primary = place;
        diagnostics.push(warning);
    };
    if management.component_repository.is_some() {
        warn("`component_repository`".to_owned(), management.component_repository_span);
    }
    for (name, settings) in &model.provider_settings {
        if !settings.variables.is_empty() {
            warn(format!("`variables` of provider {name:?}"), settings.variables_span.or(settings.span));
        }
        if name == CERT_MANAGER && settings.version.is_some() {
            warn(format!("`version` of provider {name:?}"), settings.version_span);
        }
    }
}
