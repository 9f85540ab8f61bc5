//! `cloud` blocks.

use std::collections::BTreeMap;

use crate::addr::{Address, Root};
use crate::desired::DesiredManagement;
use crate::diag::{Code, Diagnostic, Diagnostics, nearest};
use crate::lang::Names;
use crate::provider::CloudInput;

use super::Inputs;
use super::block::{Handled, Reader};
use super::model::CloudModel;
use super::naming::Instances;

/// Clouds of the design that this release does not have yet.
const LATER: [&str; 6] = ["azure", "gcp", "vsphere", "nutanix", "openstack", "maas"];

/// Evaluates the clouds of a module.
pub fn evaluate(
    inputs: &Inputs<'_>,
    instances: &Instances<'_>,
    names: &Names<'_>,
    diagnostics: &mut Diagnostics,
) -> BTreeMap<Address, CloudModel> {
    let mut clouds = BTreeMap::new();
    for instance in &instances.clouds {
        let Root::Cloud(kind, label) = &instance.address.root else { continue };
        let Some(provider) = inputs.providers.iter().find(|provider| provider.name() == kind) else {
            let place = instance.block.labels.first().map_or(instance.block.header_span, |label| label.span);
            diagnostics.push(unknown(kind, inputs).at(place));
            continue;
        };
        let mut scope = Names::on(names);
        if let Some(each) = &instance.each {
            scope.set("each", each.clone());
        }
        let what = format!("cloud {kind:?} {:?}", label.name);
        let reader = Reader { scope: &scope, files: inputs.files, what: &what };
        let handled = Handled { attributes: &["for_each"], blocks: &[], refused: &["count"] };
        let body = reader.read(&instance.block.body, instance.block.header_span, &[provider.schema().cloud], handled, diagnostics);
        let name =
            [Some(kind.as_str()), Some(label.name.as_str()), label.key.as_deref()].into_iter().flatten().collect::<Vec<_>>().join("-");
        if !crate::kube_names::is_dns_label(&name) || name.len() > 63 {
            diagnostics.push(
                Diagnostic::error(Code::INVALID_NAME, format!("{} gives no valid Kubernetes name: {name:?}", instance.address))
                    .at(instance.name_span().unwrap_or(instance.block.header_span))
                    .hint("labels and keys of clouds have lower case letters, digits and `-`"),
            );
            continue;
        }
        if instance.stand_in {
            continue;
        }
        let input = CloudInput { address: instance.address.clone(), name, body };
        clouds.insert(instance.address.clone(), CloudModel { input, provider: *provider });
    }
    clouds
}

/// Clouds that the embedded sandbox does not simulate need a `management` block; what is wrong with one that is there has been told.
pub fn refuse_sandbox(
    inputs: &Inputs<'_>,
    management: &DesiredManagement,
    clouds: &BTreeMap<Address, CloudModel>,
    diagnostics: &mut Diagnostics,
) {
    let written = inputs.body.blocks_of("management").next().is_some() || inputs.body.may_hold("management", &[]);
    if !management.sandbox || written {
        return;
    }
    for (address, cloud) in clouds.iter().filter(|(_, cloud)| !cloud.provider.is_in_sandbox()) {
        let mut error = Diagnostic::error(Code::CLOUD_INCOMPLETE, format!("{address} needs a real management plane"))
            .detail(format!("Without a `management` block the embedded sandbox is used, which has no cloud {:?}.", cloud.provider.name()))
            .hint(format!(
                "add a `management` block for a plane on which Cluster API's provider {:?} runs: docs/how-to/in-memory.md",
                cloud.provider.clusterctl_name()
            ));
        error.primary = cloud.input.body.span;
        diagnostics.push(error);
    }
}

fn unknown(kind: &str, inputs: &Inputs<'_>) -> Diagnostic {
    let known: Vec<&str> = inputs.providers.iter().filter(|provider| provider.is_listed()).map(|provider| provider.name()).collect();
    if LATER.contains(&kind) {
        return Diagnostic::error(Code::NOT_YET, format!("cloud {kind:?} is not supported by this release yet"))
            .hint(format!("this release knows {}", known.join(", ")));
    }
    let error = Diagnostic::error(Code::UNKNOWN_NAME, format!("there is no cloud provider {kind:?}"));
    match nearest(kind, known.iter().copied()) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint(format!("this release knows {}", known.join(", "))),
    }
}
