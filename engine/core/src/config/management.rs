//! The `management` and `windlass` blocks: where CAPI runs first, which versions, which agent.

use std::collections::BTreeMap;

use crate::addr::Address;
use crate::desired::{CertManager, DesiredManagement};
use crate::diag::{Code, Diagnostic, Diagnostics, Span};
use crate::expand::core_providers;
use crate::lang::{self, ExprKind, Names};
use crate::provider::Body;
use crate::repository::{NoPlace, Place};
use crate::value::{Type, Value, convert};

use super::Inputs;
use super::block::{Handled, Reader};
use super::model::ProviderSettings;
use super::schema;

/// Name of the plane if HCL names none.
const SANDBOX: &str = "sandbox";

/// The management plane, and what HCL says of the providers on it.
pub fn evaluate(
    inputs: &Inputs<'_>,
    names: &Names<'_>,
    diagnostics: &mut Diagnostics,
) -> (DesiredManagement, BTreeMap<String, ProviderSettings>) {
    let mut blocks = inputs.body.blocks_of("management").filter(|block| block.labels.len() == 1);
    let sandbox = DesiredManagement {
        address: Address::management(SANDBOX),
        sandbox: true,
        kubeconfig: None,
        context: None,
        install_providers: true,
        component_repository: None,
        component_repository_span: None,
        cert_manager: CertManager::Install,
        span: None,
    };
    let Some(block) = blocks.next() else { return (sandbox, BTreeMap::new()) };
    for second in blocks {
        diagnostics.push(
            Diagnostic::error(Code::DUPLICATE_BLOCK, "a configuration has one management plane")
                .at(second.header_span)
                .related(block.header_span, "the first one")
                .hint("clusters of another plane go into another folder"),
        );
    }
    let label = block.label(0).map(|label| label.to_string()).unwrap_or_default();
    if label == SANDBOX {
        diagnostics.push(
            Diagnostic::error(Code::INVALID_NAME, "`management.sandbox` is the embedded sandbox")
                .at(block.header_span)
                .hint("without a `management` block the sandbox is used; call a real plane something else"),
        );
    }
    let what = format!("management {label:?}");
    let reader = Reader { scope: names, files: inputs.files, what: &what };
    let body = reader.read(&block.body, block.header_span, &[&schema::MANAGEMENT], Handled::default(), diagnostics);
    let text = |key: &str| body.value.get(key).and_then(Value::as_str).map(str::to_owned);
    let install_providers = body.value.get("install_providers").is_none_or(|install| install.as_bool() == Some(true));
    let cert_manager = cert_manager(&body, block.header_span, diagnostics);
    let settings = settings(inputs, &block.body, &body, block.header_span, diagnostics);
    let component_repository = text("component_repository");
    let component_repository_span = body.written("component_repository");
    refuse_no_place(component_repository.as_deref(), component_repository_span.unwrap_or(block.header_span), diagnostics);
    let management = DesiredManagement {
        address: Address::management(label),
        sandbox: false,
        kubeconfig: text("kubeconfig"),
        context: text("context"),
        install_providers,
        component_repository,
        component_repository_span,
        cert_manager,
        span: Some(block.header_span),
    };
    (management, settings)
}

fn refuse_no_place(component_repository: Option<&str>, span: Span, diagnostics: &mut Diagnostics) {
    if let Some(Err(NoPlace { summary, hint, hidden })) = component_repository.map(Place::of) {
        diagnostics.push(Diagnostic::error(Code::INVALID_VALUE, summary).at(span).hint(hint).hidden_if(hidden));
    }
}

fn cert_manager(body: &Body, block: Span, diagnostics: &mut Diagnostics) -> CertManager {
    match body.value.get("cert_manager").and_then(Value::as_str) {
        None | Some("install") => CertManager::Install,
        Some("external") => CertManager::External,
        Some(other) => {
            let refused = Diagnostic::error(Code::INVALID_VALUE, format!("`cert_manager` cannot be {other:?}"));
            let place = body.span_of("cert_manager").unwrap_or(block);
            diagnostics.push(refused.at(place).hint("it is \"install\" or \"external\""));
            CertManager::Install
        }
    }
}

/// The `provider` blocks.
fn settings(
    inputs: &Inputs<'_>,
    written: &lang::Body,
    body: &Body,
    block: Span,
    diagnostics: &mut Diagnostics,
) -> BTreeMap<String, ProviderSettings> {
    let mut settings = BTreeMap::new();
    let providers = body.value.get("provider").and_then(Value::as_elements).unwrap_or_default();
    for (i, provider) in providers.iter().enumerate() {
        let part = |key: &str| provider.get(key).and_then(Value::as_str).map(str::to_owned);
        let Some(name) = part("name") else { continue };
        let path = |key: &str| format!("provider[{i}].{key}");
        let place = body.span_of(&format!("provider[{i}]")).unwrap_or(block);
        let known = || core_providers().chain(inputs.providers.iter().map(|provider| provider.name()));
        if !known().any(|known| known == name) {
            let error = Diagnostic::error(Code::UNKNOWN_NAME, format!("there is no provider {name:?}")).at(place);
            let listed = inputs.providers.iter().filter(|provider| provider.is_listed()).map(|provider| provider.name());
            diagnostics.push(error.did_you_mean(&name, core_providers().chain(listed)));
            continue;
        }
        let version = part("version").filter(|version| is_version(version, body.span_of(&path("version")).unwrap_or(place), diagnostics));
        let variables =
            provider.get("variables").map(|given| variables(given, body.span_of(&path("variables")).unwrap_or(place), diagnostics));
        let own = ProviderSettings {
            version,
            version_span: body.written(&path("version")),
            variables: variables.unwrap_or_default(),
            variables_span: body.written(&path("variables")),
            variable_spans: written.blocks_of("provider").nth(i).map(variable_spans).unwrap_or_default(),
            span: Some(place),
        };
        if settings.insert(name.clone(), own).is_some() {
            let summary = format!("provider {name:?} is described twice");
            diagnostics.push(Diagnostic::error(Code::DUPLICATE_BLOCK, summary).at(place).hint("keep one of the two"));
        }
    }
    settings
}

/// Where variables stand that are written out as an object.
fn variable_spans(provider: &lang::Block) -> BTreeMap<String, Span> {
    let written = provider.body.attribute("variables").map(|attribute| &attribute.expr.kind);
    let Some(ExprKind::Object(items)) = written else { return BTreeMap::new() };
    items.iter().filter_map(|item| Some((item.key.as_literal_str()?.to_owned(), item.key.span))).collect()
}

/// Versions are parts of paths and addresses.
fn is_version(version: &str, place: Span, diagnostics: &mut Diagnostics) -> bool {
    let rest = version.trim_start_matches('v');
    let named = rest.starts_with(|c: char| c.is_ascii_digit()) && rest.chars().all(|c| c.is_ascii_alphanumeric() || "._+-".contains(c));
    if !named || rest.contains("..") {
        let refused = Diagnostic::error(Code::INVALID_VALUE, format!("{version:?} is no version")).at(place);
        diagnostics.push(refused.hint("write it as the provider is released, such as \"v1.2.3\""));
        return false;
    }
    true
}

/// Values of variables: texts, numbers and truths, as texts.
fn variables(given: &Value, place: Span, diagnostics: &mut Diagnostics) -> BTreeMap<String, Value> {
    let refuse = |summary: String, hint: &str| Diagnostic::error(Code::WRONG_TYPE, summary).at(place).hint(hint);
    let Some(entries) = given.reveal().as_entries() else {
        if !given.is_unknown() {
            diagnostics.push(refuse("`variables` must be a map".to_owned(), "write `variables = { NAME = \"value\" }`"));
        }
        return BTreeMap::new();
    };
    let mut variables = BTreeMap::new();
    for (name, value) in entries.iter() {
        if value.contains_unknown() {
            let summary = format!("variable {name} of a provider's components is not known before apply");
            let fault = Diagnostic::error(Code::UNKNOWN_NOT_ALLOWED, summary).at(place);
            diagnostics.push(fault.hint("what is installed must be known when the plan is reviewed"));
            continue;
        }
        let sensitive = matches!(given, Value::Secret(_)) || value.contains_secret();
        match convert(value.reveal(), &Type::String) {
            Ok(text @ Value::String(_)) => drop(variables.insert(name.to_string(), text.secret_if(sensitive))),
            _ => diagnostics.push(refuse(format!("variable {name} must be a text"), "a list or map is written with `jsonencode(…)`")),
        }
    }
    variables
}
