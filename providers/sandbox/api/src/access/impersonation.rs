//! Another identity that a request asks to be seen as (`Impersonate-*` headers, kubectl's `--as`). Knows no roles: it says what
//! the client must be allowed, and who it is then.

use std::collections::BTreeMap;

use http::HeaderMap;

use super::Identity;
use super::identity::{AUTHENTICATED, UNAUTHENTICATED, account_groups};
use crate::http::percent_decode;
use crate::rbac::{Attributes, Target};
use crate::status::Failure;

const EXTRA: &str = "impersonate-extra-";
const ANONYMOUS: &str = "system:anonymous";

/// The identity that the headers of a request ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mask {
    user: String,
    uid: String,
    groups: Vec<String>,
    extra: BTreeMap<String, Vec<String>>,
}

impl Mask {
    /// The mask of a request, if it asks for one; a group, uid or extra without a user is a mistake.
    pub fn read(headers: &HeaderMap) -> Result<Option<Mask>, Failure> {
        let texts = |name: &str| -> Vec<String> {
            headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect()
        };
        let first = |name: &str| texts(name).into_iter().next().unwrap_or_default();
        let mut extra: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for name in headers.keys().filter_map(|name| name.as_str().strip_prefix(EXTRA)) {
            extra.entry(percent_decode(name, false)).or_default().extend(texts(&format!("{EXTRA}{name}")));
        }
        let mask = Mask { user: first("impersonate-user"), uid: first("impersonate-uid"), groups: texts("impersonate-group"), extra };
        if !mask.user.is_empty() {
            return Ok(Some(mask));
        }
        if mask.uid.is_empty() && mask.groups.is_empty() && mask.extra.is_empty() {
            return Ok(None);
        }
        Err(Failure::bad_request("requested a group, a uid or an extra without impersonating a user"))
    }

    /// What the client must be allowed to wear it: the verb `impersonate` on each part.
    pub fn wishes(&self) -> Vec<Attributes> {
        let user = match self.account() {
            Some((namespace, name)) => wish("", "serviceaccounts", "", namespace, name),
            None => wish("", "users", "", "", &self.user),
        };
        let groups = self.groups.iter().map(|group| wish("", "groups", "", "", group));
        let authentication = "authentication.k8s.io";
        let extra = self.extra.iter().flat_map(|(key, values)| values.iter().map(move |value| (key, value)));
        let extra = extra.map(|(key, value)| wish(authentication, "userextras", key, "", value));
        let uid = (!self.uid.is_empty()).then(|| wish(authentication, "uids", "", "", &self.uid));
        std::iter::once(user).chain(groups).chain(extra).chain(uid).collect()
    }

    /// Who the client is then.
    pub fn wear(self, client: &Identity) -> Identity {
        let mut groups = match self.account() {
            Some((namespace, _)) if self.groups.is_empty() => account_groups(namespace),
            _ => self.groups.clone(),
        };
        let has = |name: &str| groups.iter().any(|group| group == name);
        let added = match self.user.as_str() {
            ANONYMOUS => (!has(UNAUTHENTICATED)).then_some(UNAUTHENTICATED),
            _ => (!has(AUTHENTICATED) && !has(UNAUTHENTICATED)).then_some(AUTHENTICATED),
        };
        groups.extend(added.map(str::to_owned));
        Identity { user: self.user, uid: self.uid, groups, extra: self.extra, internal: client.internal }
    }

    fn account(&self) -> Option<(&str, &str)> {
        self.user
            .strip_prefix("system:serviceaccount:")?
            .split_once(':')
            .filter(|(namespace, name)| !namespace.is_empty() && !name.is_empty())
    }
}

fn wish(group: &str, resource: &str, subresource: &str, namespace: &str, name: &str) -> Attributes {
    let [group, resource, subresource, namespace, name] = [group, resource, subresource, namespace, name].map(str::to_owned);
    Attributes { verb: "impersonate".to_owned(), target: Target::Resource { group, resource, subresource, namespace, name } }
}
