//! CAPI providers as resources of the management plane: their objects, from a component repository or from the carried facts, with the
//! credentials of their managers.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use crate::addr::{Address, Part};
use crate::config::Model;
use crate::definitions::Definitions;
use crate::desired::{Desired, DesiredObject, DesiredProvider, DesiredResource, Home};
use crate::diag::{Code, Diagnostic, Diagnostics, Span};
use crate::object::{ObjectKey, split_api_version};
use crate::plan::ProviderSpec;
use crate::repository::{Components, in_namespace, in_order, mentions, prepared};
use crate::value::Value;

use super::mark::Marker;
use super::needed::{Needed, needed};
use super::{RENDER_REVISION, components};

/// Adds the providers that the configured clusters need, and nothing if there are no clusters.
pub fn expand(model: &Model, marker: &Marker, desired: &mut Desired, diagnostics: &mut Diagnostics) {
    let mut previous = BTreeSet::new();
    let of_repository = model.components.values().flat_map(|components| &components.objects).map(|(object, _)| object);
    let definitions: Definitions = of_repository.collect();
    for needed in needed(model, diagnostics) {
        let address = model.management.address.with(Part::Provider(needed.spec.name.clone()));
        let objects = Rendering { model, marker, definitions: &definitions, address: &address }.objects(&needed, diagnostics);
        let spec = needed.spec;
        let settings = model.provider_settings.get(&spec.name).filter(|settings| !settings.variables.is_empty());
        let variables = settings.and_then(|settings| settings.variables_span.or(settings.span));
        let input = Value::object([("version", Value::string(&spec.version)), ("install", Value::Bool(spec.install))]);
        let resource = DesiredResource {
            fixed: BTreeMap::new(),
            address: address.clone(),
            input,
            render_revision: RENDER_REVISION,
            objects: Vec::new(),
            needs: previous.clone(),
            prevent_destroy: false,
            span: model.management.span,
            places: BTreeMap::new(),
        };
        previous.insert(address.clone());
        desired.resources.insert(address.clone(), resource);
        desired.providers.push(DesiredProvider { address, spec, objects, core: needed.core, variables });
    }
}

/// The objects of one provider.
struct Rendering<'r> {
    model: &'r Model,
    marker: &'r Marker,
    /// What all components that were read define.
    definitions: &'r Definitions,
    address: &'r Address,
}

impl Rendering<'_> {
    /// The marked objects of a provider, its Secrets among them, in the order in which they are applied.
    fn objects(&self, needed: &Needed<'_>, diagnostics: &mut Diagnostics) -> Vec<DesiredObject> {
        let credentials = self.credentials(needed, diagnostics);
        if !self.model.reads_repository() {
            return self.carried(&needed.spec, credentials, diagnostics);
        }
        // Not read: the configuration is judged without its providers' objects.
        let Some(components) = self.model.components.get(&needed.spec.name) else { return Vec::new() };
        self.of_repository(needed, components, credentials, diagnostics)
    }

    /// The Secrets that the clouds' managers mount.
    fn credentials(&self, needed: &Needed<'_>, diagnostics: &mut Diagnostics) -> BTreeMap<ObjectKey, DesiredObject> {
        let mut credentials = BTreeMap::new();
        for (cloud, release) in needed.clouds.iter().filter(|(cloud, _)| !cloud.input.body.value.contains_unknown()) {
            for rendered in cloud.provider.manager_credentials(&cloud.input, release) {
                if let Some(object) = self.marked(&rendered.object, cloud.input.body.span, diagnostics) {
                    credentials.entry(object.key.clone()).or_insert(object);
                }
            }
        }
        credentials
    }

    fn marked(&self, object: &Value, span: Option<Span>, diagnostics: &mut Diagnostics) -> Option<DesiredObject> {
        self.marker.mark(object, self.address, Home::Management, &self.model.management.address, span, diagnostics)
    }

    /// From the carried facts: for planes whose managers are simulated.
    fn carried(
        &self,
        spec: &ProviderSpec,
        credentials: BTreeMap<ObjectKey, DesiredObject>,
        diagnostics: &mut Diagnostics,
    ) -> Vec<DesiredObject> {
        let secrets: Vec<&str> = credentials.keys().filter(|key| key.kind == "Secret").map(|key| key.name.as_str()).collect();
        let mut marked = |objects: Vec<Json>| -> Vec<DesiredObject> {
            let span = self.model.management.span;
            objects.iter().filter_map(|object| self.marked(&Value::from_json(object), span, diagnostics)).collect()
        };
        let mut all = marked(components::before_credentials(spec));
        let last = marked(components::after_credentials(spec, &secrets));
        all.extend(credentials.into_values());
        all.extend(last);
        all
    }

    /// As its components say. Credentials of ours stand in the place of those of the same name.
    fn of_repository(
        &self,
        needed: &Needed<'_>,
        components: &Components,
        mut credentials: BTreeMap<ObjectKey, DesiredObject>,
        diagnostics: &mut Diagnostics,
    ) -> Vec<DesiredObject> {
        let spec = &needed.spec;
        let at_home = |(object, span): &(Json, Span)| (in_namespace(object.clone(), spec, self.definitions), Some(*span));
        let mut written: Vec<(Json, Option<Span>)> = components.objects.iter().map(at_home).collect();
        written.sort_by_key(|(object, _)| in_order(object));
        let replaced = |object: &Json| credentials.contains_key(&self.key(object));
        self.refuse_unset(spec, components, written.iter().filter(|(object, _)| !replaced(object)), diagnostics);
        let before = self.missing_namespace(spec, &written).into_iter().chain(components::before_components(spec).iter().cloned());
        let after = components::after_components(spec).into_iter().map(|object| (object, None));
        let mut objects: Vec<DesiredObject> = Vec::new();
        for (object, span) in before.map(|object| (object, None)).chain(written).chain(after) {
            let value = components.sensitive.reveal(&prepared(object, spec));
            if let Some(mut marked) = self.marked(&value, span, diagnostics) {
                marked.span = span;
                objects.push(credentials.remove(&marked.key).unwrap_or(marked));
            }
        }
        // Before what mounts them: the rest begins after namespaces and definitions.
        let at = objects.iter().position(|object| object.key.kind != "Namespace" && object.key.kind != "CustomResourceDefinition");
        let at = at.unwrap_or(objects.len());
        objects.splice(at..at, credentials.into_values());
        self.refuse_without_manager(spec, &objects, diagnostics);
        objects
    }

    /// The namespace of a provider whose components hold none: clusterctl adds it, too. cert-manager's are taken as they are.
    fn missing_namespace(&self, spec: &ProviderSpec, written: &[(Json, Option<Span>)]) -> Option<Json> {
        let namespace = components::namespace(spec);
        let key = self.key(&namespace);
        let is_there = spec.is_cert_manager() || written.iter().any(|(object, _)| self.key(object) == key);
        (!is_there).then_some(namespace)
    }

    fn key(&self, object: &Json) -> ObjectKey {
        let text = |pointer: &str| object.pointer(pointer).and_then(Json::as_str).map(str::to_owned);
        ObjectKey {
            plane: self.model.management.address.clone(),
            group: split_api_version(&text("/apiVersion").unwrap_or_default()).0.to_owned(),
            kind: text("/kind").unwrap_or_default(),
            namespace: text("/metadata/namespace"),
            name: text("/metadata/name").unwrap_or_default(),
        }
    }

    /// Variables that some object needs and that nobody gave a value.
    fn refuse_unset<'o>(
        &self,
        spec: &ProviderSpec,
        components: &Components,
        objects: impl Iterator<Item = &'o (Json, Option<Span>)> + Clone,
        diagnostics: &mut Diagnostics,
    ) {
        for variable in &components.unset {
            let Some((_, place)) = objects.clone().find(|(object, _)| mentions(object, variable)) else { continue };
            let mut refused =
                Diagnostic::error(Code::MISSING_VARIABLE, format!("the components of {} ask for the variable {variable}", spec.label))
                    .hint(format!(
                        "give it a value: `provider {:?} {{ variables = {{ {variable} = … }} }}` in the `management` block",
                        spec.name
                    ));
            refused.primary = self.model.settings_span(&spec.name);
            refused.related.extend(place.map(|place| (place, "it is asked for here".to_owned())));
            diagnostics.push(refused);
        }
    }

    /// Windlass waits for the manager that it knows: components without it are another provider's, or another version's.
    fn refuse_without_manager(&self, spec: &ProviderSpec, objects: &[DesiredObject], diagnostics: &mut Diagnostics) {
        let is_manager = |object: &DesiredObject| {
            let ObjectKey { kind, namespace, name, .. } = &object.key;
            kind == "Deployment" && namespace.as_deref() == Some(&*spec.namespace) && *name == spec.deployment
        };
        if objects.iter().any(is_manager) {
            return;
        }
        let summary =
            format!("the components of {} {} hold no Deployment {}/{}", spec.label, spec.version, spec.namespace, spec.deployment);
        let mut refused = Diagnostic::error(Code::COMPONENTS, summary).hint("the repository's folder of this version holds something else");
        refused.primary = self.model.settings_span(&spec.name);
        diagnostics.push(refused);
    }
}
