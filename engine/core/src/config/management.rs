//! The `management` and `windlass` blocks: where CAPI runs first, which versions, which agent.

use std::collections::BTreeMap;

use crate::addr::Address;
use crate::desired::DesiredManagement;
use crate::diag::{Code, Diagnostic, Diagnostics, Span};
use crate::expand::core_providers;
use crate::lang::Names;
use crate::value::Value;

use super::Inputs;
use super::block::{Handled, Reader};
use super::required_version::fulfils;
use super::schema;

/// Name of the plane if HCL names none.
const SANDBOX: &str = "sandbox";

/// The management plane and the provider versions that HCL pins on it.
pub fn evaluate(
    inputs: &Inputs<'_>,
    names: &Names<'_>,
    diagnostics: &mut Diagnostics,
) -> (DesiredManagement, BTreeMap<String, (String, Option<Span>)>) {
    let mut blocks = inputs.body.blocks_of("management").filter(|block| block.labels.len() == 1);
    let sandbox = DesiredManagement {
        address: Address::management(SANDBOX),
        sandbox: true,
        kubeconfig: None,
        context: None,
        install_providers: true,
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
    if install_providers {
        diagnostics.push(
            Diagnostic::error(Code::NOT_YET, "this release cannot install CAPI providers on a real plane yet")
                .at(body.span_of("install_providers").unwrap_or(block.header_span))
                .hint("install them with `clusterctl init --infrastructure aws` and set `install_providers = false`: windlass then checks that they answer"),
        );
    }
    let mut versions = BTreeMap::new();
    let providers = body.value.get("provider").and_then(Value::as_elements).unwrap_or_default();
    for (i, provider) in providers.iter().enumerate() {
        let part = |key: &str| provider.get(key).and_then(Value::as_str).map(str::to_owned);
        let (Some(name), Some(version)) = (part("name"), part("version")) else { continue };
        let place = body.span_of(&format!("provider[{i}]")).unwrap_or(block.header_span);
        let known = || core_providers().chain(inputs.providers.iter().map(|provider| provider.name()));
        if !known().any(|known| known == name) {
            let error = Diagnostic::error(Code::UNKNOWN_NAME, format!("there is no provider {name:?}")).at(place);
            let listed = inputs.providers.iter().filter(|provider| provider.is_listed()).map(|provider| provider.name());
            diagnostics.push(error.did_you_mean(&name, core_providers().chain(listed)));
        } else if versions.insert(name.clone(), (version, body.span_of(&format!("provider[{i}].version")))).is_some() {
            let summary = format!("the version of provider {name:?} is given twice");
            diagnostics.push(Diagnostic::error(Code::DUPLICATE_BLOCK, summary).at(place).hint("keep one of the two"));
        }
    }
    let management = DesiredManagement {
        address: Address::management(label),
        sandbox: false,
        kubeconfig: text("kubeconfig"),
        context: text("context"),
        install_providers,
        span: Some(block.header_span),
    };
    (management, versions)
}

/// The agent's image: of the `windlass` block or of the release.
pub fn agent_image(inputs: &Inputs<'_>, names: &Names<'_>, diagnostics: &mut Diagnostics) -> String {
    let mut image = None;
    for block in inputs.body.blocks_of("windlass") {
        let reader = Reader { scope: names, files: inputs.files, what: "windlass" };
        let body = reader.read(&block.body, block.header_span, &[&schema::WINDLASS], Handled::default(), diagnostics);
        image = body.value.get("agent_image").and_then(Value::as_str).map(str::to_owned).or(image);
        if let Some(wanted) = body.value.get("required_version").and_then(Value::as_str) {
            let span = body.span_of("required_version").unwrap_or(block.header_span);
            match fulfils(wanted, inputs.version) {
                Ok(true) => {}
                Ok(false) => diagnostics.push(
                    Diagnostic::error(
                        Code::REQUIRED_VERSION,
                        format!("this is windlass {}, the configuration needs {wanted}", inputs.version),
                    )
                    .at(span)
                    .hint("use a windlass that fits, or change `required_version`"),
                ),
                Err(part) => diagnostics.push(
                    Diagnostic::error(Code::INVALID_VALUE, format!("{part:?} is no constraint on versions"))
                        .at(span)
                        .hint("write \">= 0.1, < 0.3\" or \"~> 0.1.2\"; operators are =, !=, >, >=, <, <= and ~>"),
                ),
            }
        }
    }
    image.unwrap_or_else(|| inputs.agent_image.to_owned())
}
