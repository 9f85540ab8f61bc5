//! One plane: an API with its own objects, kinds, certificate authority and tokens.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use ipnet::IpNet;
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use serde_json::{Value, json};

use crate::access::{self, Authority, Claims, Gate, Identity, Tokens};
pub(crate) use crate::activity::Activity;
use crate::activity::ActivityLog;
use crate::clock::{Clock, seconds};
use crate::error::Error;
use crate::faults::{Fault, FaultPlan};
use crate::kinds::{Builtins, Kinds, Resource, Served};
use crate::rbac::{self, Attributes, Authorizer, Rule, Verdict};
use crate::rules::ClusterIps;
use crate::status::Failure;
use crate::store::PlaneRecord;
use crate::world::{GroupResource, ObjectKey, World};

/// A booted plane; clones are the same plane.
#[derive(Clone)]
pub struct Plane(Arc<Core>);

struct Core {
    id: String,
    address: SocketAddr,
    ca_cert_pem: String,
    version: RwLock<String>,
    service_network: IpNet,
    world: World,
    builtins: Builtins,
    kinds: RwLock<Arc<Kinds>>,
    gate: Gate,
    tokens: Tokens,
    authorizer: Authorizer,
    surroundings: Surroundings,
    allocation: tokio::sync::Mutex<()>,
}

/// What all planes of a sandbox share.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub clock: Arc<dyn Clock>,
    pub faults: Arc<FaultPlan>,
    pub activity: ActivityLog,
}

impl std::fmt::Debug for Plane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Plane({} at {})", self.0.id, self.0.address)
    }
}

impl Plane {
    pub(crate) fn new(record: &PlaneRecord, world: World, builtins: Builtins, surroundings: Surroundings) -> Result<Plane, Error> {
        let authority = Authority::from_pem(&record.id, &record.ca_cert_pem, &record.ca_key_pem)?;
        let kinds = Kinds::new(&builtins, &world.list(&definitions(), "", None).0, None);
        Ok(Plane(Arc::new(Core {
            id: record.id.clone(),
            address: SocketAddr::from(([127, 0, 0, 1], record.port)),
            ca_cert_pem: record.ca_cert_pem.clone(),
            version: RwLock::new(record.version.clone()),
            service_network: record.service_network()?,
            gate: Gate::new(&record.id, &authority)?,
            tokens: Tokens::new(&record.token_key, &record.service_account_key),
            authorizer: Authorizer::default(),
            kinds: RwLock::new(Arc::new(kinds)),
            world,
            builtins,
            surroundings,
            allocation: tokio::sync::Mutex::new(()),
        })))
    }

    /// The plane's name in the sandbox.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// `https://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("https://{}", self.0.address)
    }

    /// The CA that signed its serving certificate.
    pub fn ca_cert_pem(&self) -> &str {
        &self.0.ca_cert_pem
    }

    /// A kubeconfig for a user; its requests count as use of the sandbox.
    pub fn admin_kubeconfig(&self) -> String {
        let user = "kubernetes-admin";
        access::kubeconfig(&self.0.id, &self.url(), &self.0.ca_cert_pem, user, &self.0.tokens.admin())
    }

    /// A kubeconfig for one of the sandbox's own clients (a controller, a simulated kubelet), which is known by `user`.
    pub fn internal_kubeconfig(&self, user: &str) -> String {
        access::kubeconfig(&self.0.id, &self.url(), &self.0.ca_cert_pem, user, &self.0.tokens.internal(user))
    }

    /// The identity of the plane: the uid of its namespace `kube-system`.
    pub fn uid_of_kube_system(&self) -> String {
        let namespaces = GroupResource::new("", "namespaces");
        let found = self.0.world.get(&namespaces, &ObjectKey::new("", "kube-system"));
        found.map(|stored| stored.meta("uid").to_owned()).unwrap_or_default()
    }

    /// The Kubernetes version that it reports (`v1.34.3`).
    pub fn version(&self) -> String {
        self.0.version.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_version(&self, version: &str) {
        *self.0.version.write().unwrap_or_else(PoisonError::into_inner) = version.to_owned();
    }

    pub(crate) fn world(&self) -> &World {
        &self.0.world
    }

    pub(crate) fn kinds(&self) -> Arc<Kinds> {
        self.0.kinds.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// False once the resource's definition is gone or the version is no longer served.
    pub(crate) fn serves(&self, served: &Served) -> bool {
        let resource = &served.resource;
        !resource.custom || self.kinds().served(resource.group(), &served.version().name, resource.plural()).is_some()
    }

    /// Takes note of a written definition, role or binding.
    pub(crate) fn after_write(&self, resource: &Resource) {
        if resource.group() == rbac::GROUP {
            self.0.authorizer.note_write();
        }
        if resource.id == definitions() {
            let mut kinds = self.0.kinds.write().unwrap_or_else(PoisonError::into_inner);
            let (all, _) = self.0.world.list(&definitions(), "", None);
            *kinds = Arc::new(Kinds::new(&self.0.builtins, &all, Some(&kinds)));
        }
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.0.surroundings.clock
    }

    /// The present time as objects hold it.
    pub(crate) fn now(&self) -> String {
        seconds(self.clock().now())
    }

    pub(crate) fn new_uid(&self) -> String {
        uuid::Uuid::new_v4().to_string()
    }

    /// Five characters for a generated name, from the real server's alphabet.
    pub(crate) fn name_suffix(&self) -> String {
        const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
        let random: [u8; 5] = rand::random();
        random.iter().filter_map(|byte| ALPHABET.get(usize::from(*byte) % ALPHABET.len())).map(|b| char::from(*b)).collect()
    }

    /// Held while an address is chosen and its Service written.
    pub(crate) async fn allocation(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.0.allocation.lock().await
    }

    /// Where the addresses of Services come from.
    pub(crate) fn service_network(&self) -> &IpNet {
        &self.0.service_network
    }

    /// The addresses and ports that Services have.
    pub(crate) fn cluster_ips(&self) -> ClusterIps {
        let (services, _) = self.0.world.list(&GroupResource::new("", "services"), "", None);
        ClusterIps::in_use(self.0.service_network, services.iter().map(|stored| &stored.value))
    }

    /// What a create would be told about its namespace.
    pub(crate) fn require_namespace(&self, resource: &Resource, key: &ObjectKey) -> Result<(), Failure> {
        if !resource.namespaced {
            return Ok(());
        }
        let namespaces = GroupResource::new("", "namespaces");
        match self.0.world.get(&namespaces, &ObjectKey::new("", &key.namespace)) {
            None => Err(Failure::not_found("", "namespaces", &key.namespace)),
            Some(stored) if !stored.meta("deletionTimestamp").is_empty() => Err(self.terminating(resource, key)),
            Some(_) => Ok(()),
        }
    }

    /// The refusal of a create in a namespace that is being deleted.
    pub(crate) fn terminating(&self, resource: &Resource, key: &ObjectKey) -> Failure {
        let why = format!("unable to create new content in namespace {} because it is being terminated", key.namespace);
        let mut failure = Failure::forbidden(resource.group(), resource.plural(), &key.name, &why);
        if let Some(details) = failure.details.as_mut().and_then(Value::as_object_mut) {
            details.insert(
                "causes".into(),
                json!([{
                    "reason": "NamespaceTerminating",
                    "message": format!("namespace {} is being terminated", key.namespace),
                    "field": "metadata.namespace",
                }]),
            );
        }
        failure
    }

    pub(crate) fn tls(&self) -> Arc<ServerConfig> {
        self.0.gate.config.clone()
    }

    pub(crate) fn identify_certificate(&self, chain: &[CertificateDer<'_>]) -> Option<Identity> {
        self.0.gate.identify(chain)
    }

    /// Who a bearer token stands for; the token of a deleted ServiceAccount stands for nobody.
    pub(crate) fn identify_token(&self, token: &str) -> Option<Identity> {
        match self.0.tokens.verify(token)? {
            Claims::Admin => Some(Identity::admin()),
            Claims::Internal(user) => Some(Identity::internal(&user)),
            Claims::ServiceAccount { namespace, name, uid, expires, audiences } => {
                let accounts = GroupResource::new("", "serviceaccounts");
                let account = self.0.world.get(&accounts, &ObjectKey::new(&namespace, &name))?;
                let alive = account.meta("uid") == uid
                    && expires > self.clock().now().as_second()
                    && audiences.iter().any(|audience| audience == access::ISSUER);
                alive.then(|| Identity::service_account(&namespace, &name, &uid))
            }
        }
    }

    /// A token and the audiences that it is for.
    pub(crate) fn service_account_token(
        &self,
        account: (&str, &str, &str),
        audiences: &[String],
        now: i64,
        lifetime: i64,
    ) -> (String, Vec<String>) {
        let audiences = if audiences.is_empty() { vec![access::ISSUER.to_owned()] } else { audiences.to_vec() };
        (self.0.tokens.service_account(account, &audiences, now, lifetime), audiences)
    }

    /// Whether `who` may do what it wishes, and why.
    pub(crate) fn decide(&self, who: &Identity, wish: &Attributes) -> Verdict {
        self.0.authorizer.decide(&self.0.world, who, wish)
    }

    /// Refuses what `who` may not do.
    pub(crate) fn authorize(&self, who: &Identity, wish: &Attributes) -> Result<(), Failure> {
        let verdict = self.decide(who, wish);
        if verdict.allowed { Ok(()) } else { Err(wish.forbidden(who, &verdict.reason)) }
    }

    /// Every rule that `who` has in a namespace, and what is wrong with bindings.
    pub(crate) fn rules_of(&self, who: &Identity, namespace: &str) -> (Vec<Rule>, Vec<String>) {
        self.0.authorizer.rules(&self.0.world, who, namespace)
    }

    pub(crate) fn activity(&self) -> &ActivityLog {
        &self.0.surroundings.activity
    }

    pub(crate) fn fault(&self, writes: bool) -> Option<Fault> {
        self.0.surroundings.faults.next(writes)
    }

    pub(crate) fn watch_fault(&self) -> Option<Duration> {
        self.0.surroundings.faults.next_watch()
    }

    /// The document at `/version`.
    pub(crate) fn version_info(&self) -> Value {
        let version = self.version();
        let mut numbers = version.trim_start_matches('v').split('.');
        json!({
            "major": numbers.next().unwrap_or(""),
            "minor": numbers.next().unwrap_or(""),
            "gitVersion": version,
            "gitCommit": "",
            "gitTreeState": "clean",
            "buildDate": "1970-01-01T00:00:00Z",
            "goVersion": "",
            "compiler": "",
            "platform": "windlass/sandbox",
        })
    }
}

fn definitions() -> GroupResource {
    GroupResource::new("apiextensions.k8s.io", "customresourcedefinitions")
}
