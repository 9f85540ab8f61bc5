//! `CollectTemplates`: machine and bootstrap templates that were replaced go, once no MachineSet makes machines of them.
//!
//! Cluster API deletes a MachineSet when its last machine has gone (core/reconcilers/machinedeployment/machinedeployment_sync.go,
//! `cleanupDeployment`, v1.14), and never a template (issues #6375, #1775).

use serde_json::{Value as Json, json};
use windlass_core::addr::Address;
use windlass_core::plan::action::DoomedObject;
use windlass_core::recorded::Effect;
use windlass_run::ports::{Ensured, Outcome, StepError};

use crate::pivot::MACHINE_API_VERSION;
use crate::ready::machines::name;
use crate::work::{Work, more};

pub async fn run(work: &Work<'_>, plane: &Address, objects: &[DoomedObject]) -> Result<Outcome, StepError> {
    let plane = work.plane(plane).await?;
    let namespaces: std::collections::BTreeSet<&str> = objects.iter().filter_map(|object| object.key.namespace.as_deref()).collect();
    for namespace in namespaces {
        let sets = work.watch(&plane, MACHINE_API_VERSION, "MachineSet", Some(namespace)).await?;
        let what = format!("the last machines of the old templates in {namespace} to go");
        work.patience.until(&sets, &what, |view| view.all().try_for_each(|set| unused(set, objects))).await?;
    }
    let mut ensured = Ensured::NotNeeded;
    let mut effects = Vec::with_capacity(objects.len());
    for object in objects {
        work.patience.go_on()?;
        ensured = more(ensured, work.remove_and_wait(&plane, object, work.ours()).await?);
        effects.push(Effect::ObjectGone { key: object.key.clone() });
    }
    Ok(Outcome { evidence: json!({"collected": effects.len()}), effects, ensured })
}

/// Whether a MachineSet refers to none of the templates.
fn unused(set: &Json, templates: &[DoomedObject]) -> Result<(), String> {
    let namespace = set.pointer("/metadata/namespace").and_then(Json::as_str);
    let refers = |template: &&DoomedObject| {
        let named = |pointer: &str| {
            let reference = set.pointer(pointer);
            let text = |field: &str| reference.and_then(|reference| reference.get(field)).and_then(Json::as_str);
            text("kind") == Some(&template.key.kind) && text("name") == Some(&template.key.name)
        };
        template.key.namespace.as_deref() == namespace
            && (named("/spec/template/spec/infrastructureRef") || named("/spec/template/spec/bootstrap/configRef"))
    };
    match templates.iter().find(refers) {
        None => Ok(()),
        Some(template) => Err(format!("MachineSet {} still makes machines of {}", name(set), template.key.short())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use windlass_core::object::ObjectKey;

    #[test]
    fn both_references_of_a_machine_set_hold_a_template() {
        let template = |kind: &str, name: &str| DoomedObject {
            key: ObjectKey {
                plane: Address::management("m"),
                group: "x".into(),
                kind: kind.into(),
                namespace: Some("shop".into()),
                name: name.into(),
            },
            api_version: "x/v1".into(),
            uid: None,
        };
        let set = |namespace: &str| {
            json!({"metadata": {"name": "set", "namespace": namespace}, "spec": {"template": {"spec": {
                "infrastructureRef": {"kind": "AWSMachineTemplate", "name": "old"},
                "bootstrap": {"configRef": {"kind": "KubeadmConfigTemplate", "name": "config"}},
            }}}})
        };
        for (namespace, kind, name, free) in [
            ("shop", "AWSMachineTemplate", "old", false),
            ("shop", "KubeadmConfigTemplate", "config", false),
            ("shop", "AWSMachineTemplate", "config", true),
            ("shop", "AWSMachineTemplate", "other", true),
            ("elsewhere", "AWSMachineTemplate", "old", true),
        ] {
            assert_eq!(unused(&set(namespace), &[template(kind, name)]).is_ok(), free, "{namespace} {kind} {name}");
        }
        assert_eq!(
            unused(&set("shop"), &[template("AWSMachineTemplate", "old")]),
            Err("MachineSet set still makes machines of AWSMachineTemplate shop/old".to_owned())
        );
    }
}
