//! What a verb is given: the resource it is about, the options of the request, and who asks.

use std::sync::Arc;

use serde_json::Value;

use crate::access::Identity;
use crate::http::Query;
use crate::kinds::{Resource, Served};
use crate::managed::Tracking;
use crate::plane::Plane;
use crate::rbac::Attributes;
use crate::rules::Validation;
use crate::status::Failure;
use crate::world::{ObjectKey, Place, Stored};

/// One request for a resource.
pub(crate) struct Call {
    pub plane: Plane,
    pub served: Served,
    /// Empty for cluster scope and for lists over all namespaces.
    pub namespace: String,
    /// Empty for collections.
    pub name: String,
    pub query: Query,
    pub accept: String,
    pub identity: Identity,
    /// What was authorized; nothing for the server's own work, which needs no leave.
    pub wish: Option<Attributes>,
    pub writer: Writer,
    pub warnings: Vec<String>,
    /// The document of a PATCH, as it was sent.
    pub patch: Option<String>,
    /// What the document names twice, in sentences for field validation.
    pub repeated: Vec<String>,
}

/// Options of a writing request.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    pub manager: String,
    pub manager_given: bool,
    pub dry_run: bool,
    pub force: bool,
    pub validation: Validation,
}

impl Writer {
    /// A write by the server itself.
    pub fn server(manager: &str) -> Writer {
        Writer { manager: manager.to_owned(), manager_given: true, dry_run: false, force: false, validation: Validation::Ignore }
    }

    /// Reads the options from the URL; the default manager is the first part of the User-Agent.
    pub fn read(query: &Query, user_agent: &str) -> Result<Writer, Failure> {
        let given = query.get("fieldManager");
        if given.is_some_and(|name| name.len() > 128 || name.chars().any(char::is_control)) {
            return Err(Failure::new(
                422,
                "Invalid",
                "fieldManager: Invalid value: may not be longer than 128 bytes or hold control characters",
            ));
        }
        let dry_run = match query.all("dryRun").find(|value| !value.is_empty()) {
            None => false,
            Some("All") => true,
            Some(other) => {
                return Err(Failure::new(
                    422,
                    "Invalid",
                    format!("options is invalid: dryRun: Unsupported value: {other:?}: supported values: \"All\""),
                ));
            }
        };
        let agent: String = user_agent.split('/').next().unwrap_or("").chars().filter(|c| !c.is_control()).take(128).collect();
        Ok(Writer {
            manager: given.map_or_else(|| if agent.is_empty() { "unknown".to_owned() } else { agent }, str::to_owned),
            manager_given: given.is_some(),
            dry_run,
            force: query.flag("force"),
            validation: Validation::read(query.get("fieldValidation"))?,
        })
    }
}

impl Call {
    /// A request of the server's own background work.
    pub fn internal(plane: &Plane, resource: &Arc<Resource>, key: &ObjectKey, manager: &str) -> Option<Call> {
        let kinds = plane.kinds();
        let served = resource
            .versions
            .iter()
            .filter(|version| version.served)
            .find_map(|version| kinds.served(resource.group(), &version.name, resource.plural()))?;
        Some(Call {
            plane: plane.clone(),
            served,
            namespace: key.namespace.clone(),
            name: key.name.clone(),
            query: Query::default(),
            accept: String::new(),
            identity: Identity::internal(manager),
            wish: None,
            writer: Writer::server(manager),
            warnings: Vec::new(),
            patch: None,
            repeated: Vec::new(),
        })
    }

    pub fn resource(&self) -> &Arc<Resource> {
        &self.served.resource
    }

    pub fn place(&self) -> Place {
        Place { resource: self.resource().id.clone(), key: ObjectKey::new(&self.namespace, &self.name) }
    }

    /// Refuses a verb that comes on top of the request's own (a patch that creates).
    pub fn authorize(&self, verb: &str) -> Result<(), Failure> {
        match &self.wish {
            Some(wish) => self.plane.authorize(&self.identity, &wish.with_verb(verb)),
            None => Ok(()),
        }
    }

    pub fn stored(&self) -> Option<Arc<Stored>> {
        let place = self.place();
        self.plane.world().get(&place.resource, &place.key)
    }

    pub fn not_found(&self) -> Failure {
        Failure::not_found(self.resource().group(), self.resource().plural(), &self.name)
    }

    pub fn tracking(&self, subresource: Option<&str>) -> Tracking {
        Tracking {
            manager: self.writer.manager.clone(),
            subresource: subresource.unwrap_or("").to_owned(),
            now: self.plane.now(),
            force: self.writer.force,
        }
    }

    /// The object as this version of the API shows it.
    pub fn show(&self, value: &Value) -> Value {
        let mut shown = value.clone();
        if let Some(map) = shown.as_object_mut() {
            map.insert("apiVersion".into(), self.served.api_version().into());
            map.insert("kind".into(), self.resource().kind.clone().into());
        }
        shown
    }

    /// Checks apiVersion, kind, name and namespace of a document against the URL, and fills them in.
    pub fn claim(&self, object: &mut Value) -> Result<(), Failure> {
        let Some(map) = object.as_object_mut() else {
            return Err(Failure::bad_request("the object provided is unrecognized (must be an object)"));
        };
        let resource = self.resource();
        let expected = self.served.api_version();
        let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or("").to_owned();
        let (kind, version) = (text(map.get("kind")), text(map.get("apiVersion")));
        if !kind.is_empty() && kind != resource.kind {
            return Err(Failure::bad_request(format!(
                "{kind} in version {:?} cannot be handled as a {}: converting ({version}.{kind}) to ({}.{}): unknown conversion",
                version.rsplit('/').next().unwrap_or(""),
                resource.kind,
                resource.group(),
                resource.kind
            )));
        }
        if !version.is_empty() && version != expected {
            return Err(Failure::bad_request(format!(
                "the API version in the data ({version}) does not match the expected API version ({expected})"
            )));
        }
        map.insert("kind".into(), resource.kind.clone().into());
        map.insert("apiVersion".into(), expected.into());
        let meta = map.entry("metadata").or_insert_with(|| Value::Object(serde_json::Map::new()));
        if meta.is_null() {
            *meta = Value::Object(serde_json::Map::new());
        }
        let Some(meta) = meta.as_object_mut() else {
            return Err(Failure::bad_request("metadata: expected an object"));
        };
        self.claim_place(meta)
    }

    fn claim_place(&self, meta: &mut serde_json::Map<String, Value>) -> Result<(), Failure> {
        for field in ["name", "namespace", "generateName", "uid", "resourceVersion"] {
            if meta.get(field).is_some_and(|value| !value.is_string() && !value.is_null()) {
                return Err(Failure::bad_request(format!("metadata.{field}: expected a string")));
            }
        }
        let text = |field: &str| meta.get(field).and_then(Value::as_str).unwrap_or("").to_owned();
        let (name, namespace) = (text("name"), text("namespace"));
        if self.resource().namespaced {
            if !namespace.is_empty() && namespace != self.namespace {
                return Err(Failure::bad_request("the namespace of the provided object does not match the namespace sent on the request"));
            }
            meta.insert("namespace".into(), self.namespace.clone().into());
        } else {
            meta.remove("namespace");
        }
        if !self.name.is_empty() {
            if !name.is_empty() && name != self.name {
                return Err(Failure::bad_request(format!(
                    "the name of the object ({name}) does not match the name on the URL ({})",
                    self.name
                )));
            }
            meta.insert("name".into(), self.name.clone().into());
        }
        Ok(())
    }
}
