//! `etcd` of a control plane as written: an etcd that somebody else runs, and the certificates by which the API servers are its clients. What
//! kubeadm, Cluster API or an API server would refuse of it is said before a machine exists. Knows no Kubernetes object.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::kube_names::is_subdomain;
use crate::provider::Body;
use crate::value::Value;

use super::key_pair::belongs;
use super::pem::{self, Fault};

/// Path of the block in `control_plane`.
const EXTERNAL: [&str; 2] = ["etcd", "external"];
/// Most endpoints, and most bytes of one (schema of KubeadmControlPlane, Cluster API v1.14).
const MOST: usize = 50;
const LONGEST: usize = 512;
/// Port of an HTTPS URL without one.
const HTTPS: u16 = 443;
const ENDPOINT_FORM: &str = "write `https://HOST:PORT`, such as `https://etcd-1.example.com:2379` or `https://[2001:db8::1]:2379`";

/// `etcd { external { … } }`.
#[derive(Debug, Clone)]
pub struct ExternalEtcd {
    /// `https://HOST:PORT` of each member, in the order in which they are written.
    pub endpoints: Vec<String>,
    /// Authorities that the members' certificates are held against.
    pub ca: Certificates,
    /// The API servers' certificate as clients; those of authorities between may follow it.
    pub client: Certificates,
    /// Its private key, PEM: a secret.
    pub client_key: Value,
}

/// Certificates as a PEM text.
#[derive(Debug, Clone)]
pub struct Certificates {
    /// The text as given.
    pub pem: String,
    /// SHA-256 of each, for people.
    fingerprints: Vec<String>,
}

impl ExternalEtcd {
    /// As plans show it: certificates are told apart by their fingerprints.
    pub fn shown(&self) -> Value {
        let external = Value::object([
            ("endpoints", Value::list(&self.endpoints)),
            ("ca_certificate", self.ca.shown()),
            ("client_certificate", self.client.shown()),
            ("client_key", self.client_key.clone()),
        ]);
        Value::object([("external", external)])
    }
}

impl Certificates {
    fn shown(&self) -> Value {
        Value::string(self.fingerprints.iter().map(|hash| format!("sha256:{hash}")).collect::<Vec<_>>().join(", "))
    }
}

/// Whether the block is there, however much of it could be read.
pub fn is_external(body: &Body) -> bool {
    body.value.get_path(&EXTERNAL).is_some()
}

/// Reads the block of a control plane; `None`: it is not there, or holds a fault, which has been told.
pub fn read(body: &Body, what: &str, diagnostics: &mut Diagnostics) -> Option<ExternalEtcd> {
    let external = body.value.get_path(&EXTERNAL)?;
    let what = format!("`external` of `etcd` of {what}");
    let endpoints = endpoints(external, body, &what, diagnostics);
    let mut faults = Faults { body, what: &what, diagnostics };
    let ca = faults.certificates(external, "ca_certificate");
    let client = faults.certificates(external, "client_certificate");
    let client_key = faults.private_key(external, "client_key");
    if let (Some(client), Some(key)) = (&client, client_key.as_ref().and_then(|key| key.reveal().as_str()))
        && !belongs(&client.pem, key)
    {
        faults.refuse("client_key", "does not belong to `client_certificate`", "give the key that its first certificate was made for");
        return None;
    }
    Some(ExternalEtcd { endpoints: endpoints?, ca: ca?, client: client?, client_key: client_key? })
}

fn endpoints(external: &Value, body: &Body, what: &str, diagnostics: &mut Diagnostics) -> Option<Vec<String>> {
    let elements = external.get("endpoints")?.as_elements()?;
    let place = body.span_of("etcd.external.endpoints");
    let mut sound = true;
    let mut refuse = |summary: String, hint: &str| {
        sound = false;
        let mut diagnostic = Diagnostic::error(Code::INVALID_VALUE, summary).hint(hint);
        diagnostic.primary = place;
        diagnostics.push(diagnostic);
    };
    if elements.is_empty() {
        refuse(format!("{what} has no endpoint"), "name each member of etcd: `endpoints = [\"https://etcd-1.example.com:2379\"]`");
    }
    if elements.len() > MOST {
        refuse(format!("{what} has {} endpoints; {MOST} are allowed", elements.len()), "name members of one etcd only");
    }
    let mut seen = BTreeSet::new();
    let mut endpoints = Vec::with_capacity(elements.len());
    for endpoint in elements.iter().map(|element| element.as_str().unwrap_or_default()) {
        match host_and_port(endpoint) {
            None => refuse(format!("{endpoint:?} in `endpoints` of {what} is no address of an etcd"), ENDPOINT_FORM),
            Some(known) if seen.contains(&known) => {
                refuse(format!("{endpoint:?} stands twice in `endpoints` of {what}"), "name each member once");
            }
            Some(new) => {
                seen.insert(new);
                endpoints.push(endpoint.to_owned());
            }
        }
    }
    sound.then_some(endpoints)
}

/// Host in lower case and port of `https://HOST[:PORT]`. API servers have client certificates here, so etcd must speak TLS (kubeadm refuses
/// plain HTTP then), and what follows the port means nothing to them.
fn host_and_port(endpoint: &str) -> Option<(String, u16)> {
    let authority = endpoint.strip_prefix("https://").filter(|_| endpoint.len() <= LONGEST)?;
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            (address.parse::<Ipv6Addr>().ok()?.to_string(), port)
        }
        None => {
            let at = authority.find(':').unwrap_or(authority.len());
            let (host, port) = authority.split_at(at);
            (name_or_address(&host.to_ascii_lowercase())?, port)
        }
    };
    let port = match port.strip_prefix(':') {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok().filter(|port| *port > 0)?,
        None if port.is_empty() => HTTPS,
        _ => return None,
    };
    Some((host, port))
}

/// A name that ends in a number is an address, or nothing (WHATWG URL, "ends in a number").
fn name_or_address(host: &str) -> Option<String> {
    let last = host.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|byte| byte.is_ascii_digit()) {
        return host.parse::<Ipv4Addr>().ok().map(|address| address.to_string());
    }
    is_subdomain(host).then(|| host.to_owned())
}

/// Where faults of PEM texts are told: at the block, since the line of an attribute may hold the key itself.
struct Faults<'f> {
    body: &'f Body,
    what: &'f str,
    diagnostics: &'f mut Diagnostics,
}

impl Faults<'_> {
    fn certificates(&mut self, external: &Value, name: &str) -> Option<Certificates> {
        let pem = external.get(name)?.as_str()?;
        match pem::certificates(pem) {
            Ok(fingerprints) => Some(Certificates { pem: pem.to_owned(), fingerprints }),
            Err(fault) => self.told(name, fault),
        }
    }

    fn private_key(&mut self, external: &Value, name: &str) -> Option<Value> {
        let key = external.get(name)?;
        match pem::private_key(key.reveal().as_str()?) {
            Ok(()) => Some(key.clone()),
            Err(fault) => self.told(name, fault),
        }
    }

    fn told<T>(&mut self, name: &str, fault: Fault) -> Option<T> {
        self.refuse(name, fault.words(), fault.hint());
        None
    }

    fn refuse(&mut self, name: &str, words: &str, hint: &str) {
        let mut diagnostic = Diagnostic::error(Code::INVALID_VALUE, format!("`{name}` of {} {words}", self.what)).hint(hint);
        diagnostic.primary = self.body.span_of(&EXTERNAL.join("."));
        self.diagnostics.push(diagnostic);
    }
}

#[cfg(test)]
mod tests {
    use super::host_and_port;

    #[test]
    fn endpoints_are_told_from_other_urls() {
        let known = |host: &str, port: u16| Some((host.to_owned(), port));
        let long = format!("https://{}:2379", "a.".repeat(300) + "b");
        for (endpoint, expected) in [
            ("https://etcd-1.example.com:2379", known("etcd-1.example.com", 2379)),
            ("https://ETCD:2379", known("etcd", 2379)),
            ("https://10.0.0.1:2379", known("10.0.0.1", 2379)),
            ("https://[2001:DB8::1]:2379", known("2001:db8::1", 2379)),
            ("https://etcd", known("etcd", 443)),
            ("https://[::1]", known("::1", 443)),
            ("", None),
            ("etcd:2379", None),
            ("http://etcd:2379", None),
            ("HTTPS://etcd:2379", None),
            ("https://", None),
            ("https://:2379", None),
            ("https://etcd:", None),
            ("https://etcd:0", None),
            ("https://etcd:65536", None),
            ("https://etcd:+1", None),
            ("https://etcd:2379/", None),
            ("https://etcd:2379/v3", None),
            ("https://etcd?x", None),
            ("https://user@etcd:2379", None),
            ("https://e_tcd:2379", None),
            ("https://-etcd:2379", None),
            ("https://10.0.0:2379", None),
            ("https://10.0.0.256:2379", None),
            ("https://2001:db8::1:2379", None),
            ("https://[10.0.0.1]:2379", None),
            ("https://[::1]2379", None),
            ("https://[::1:2379", None),
            (" https://etcd:2379", None),
            (&long, None),
        ] {
            assert_eq!(host_and_port(endpoint), expected, "{endpoint}");
        }
    }
}
