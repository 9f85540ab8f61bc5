//! A client that has proved who it is.

use std::collections::BTreeMap;

/// Group of everybody who is known.
pub(crate) const AUTHENTICATED: &str = "system:authenticated";
/// Group of everybody else.
pub(crate) const UNAUTHENTICATED: &str = "system:unauthenticated";
/// Groups of a ServiceAccount of a namespace.
pub(crate) fn account_groups(namespace: &str) -> Vec<String> {
    vec!["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}")]
}

/// `userInfo` of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub user: String,
    pub uid: String,
    pub groups: Vec<String>,
    pub extra: BTreeMap<String, Vec<String>>,
    /// True for the sandbox's own controllers and for pods: their requests do not keep the sandbox awake.
    pub internal: bool,
}

impl Identity {
    /// CN is the user, each O a group (Kubernetes' x509 authentication).
    pub fn of_certificate(der: &[u8]) -> Option<Identity> {
        let (_, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
        let subject = certificate.subject();
        let user = subject.iter_common_name().next()?.as_str().ok()?.to_owned();
        let mut groups: Vec<String> = subject.iter_organization().filter_map(|name| name.as_str().ok().map(str::to_owned)).collect();
        groups.push(AUTHENTICATED.to_owned());
        Some(Identity { user, uid: String::new(), groups, extra: BTreeMap::new(), internal: false })
    }

    /// The holder of the plane's admin token.
    pub fn admin() -> Identity {
        Identity {
            user: "kubernetes-admin".to_owned(),
            uid: String::new(),
            groups: vec!["system:masters".to_owned(), AUTHENTICATED.to_owned()],
            extra: BTreeMap::new(),
            internal: false,
        }
    }

    /// One of the sandbox's own clients.
    pub fn internal(user: &str) -> Identity {
        Identity { user: user.to_owned(), internal: true, ..Identity::admin() }
    }

    /// A pod.
    pub fn service_account(namespace: &str, name: &str, uid: &str) -> Identity {
        let mut groups = account_groups(namespace);
        groups.push(AUTHENTICATED.to_owned());
        Identity {
            user: format!("system:serviceaccount:{namespace}:{name}"),
            uid: uid.to_owned(),
            groups,
            extra: BTreeMap::new(),
            internal: true,
        }
    }
}
