//! What somebody wants to do, as the authorizer sees it, and the words of its refusal. Knows no role.

use crate::access::Identity;
use crate::http::ResourcePath;
use crate::status::Failure;

/// One wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attributes {
    /// `get`, `list`, `watch`, `create`, …, or the HTTP method in small letters for a path.
    pub verb: String,
    pub target: Target,
}

/// What it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Resource {
        group: String,
        resource: String,
        /// Empty: the resource itself.
        subresource: String,
        /// Empty: cluster scope, or all namespaces.
        namespace: String,
        /// Empty: not one object, or its name is not known yet.
        name: String,
    },
    /// A path that is no resource.
    Path(String),
}

impl Attributes {
    /// What a request for a resource wants; `watch` is its query parameter, `chosen` the name in its field selector.
    pub fn of_request(method: &str, path: &ResourcePath, watch: bool, chosen: Option<&str>) -> Attributes {
        let named = path.name.is_some();
        let verb = match method {
            "GET" | "HEAD" if named => "get",
            "GET" | "HEAD" if watch => "watch",
            "GET" | "HEAD" => "list",
            "POST" => "create",
            "PUT" => "update",
            "PATCH" => "patch",
            "DELETE" if named => "delete",
            "DELETE" => "deletecollection",
            _ => "",
        };
        let name = path.name.as_deref().or(chosen.filter(|_| matches!(verb, "list" | "watch" | "deletecollection"))).unwrap_or("");
        // A namespace is itself in the namespace that it is.
        let is_namespace = path.group.is_empty() && path.plural == "namespaces";
        let namespace = if is_namespace { path.name.clone() } else { path.namespace.clone() };
        Attributes {
            verb: verb.to_owned(),
            target: Target::Resource {
                group: path.group.clone(),
                resource: path.plural.clone(),
                subresource: path.subresource.clone().unwrap_or_default(),
                namespace: namespace.unwrap_or_default(),
                name: name.to_owned(),
            },
        }
    }

    /// What a request for any other path wants.
    pub fn of_path(method: &str, path: &str) -> Attributes {
        Attributes { verb: method.to_lowercase(), target: Target::Path(path.to_owned()) }
    }

    /// The same target with another verb.
    pub fn with_verb(&self, verb: &str) -> Attributes {
        Attributes { verb: verb.to_owned(), target: self.target.clone() }
    }

    /// The namespace whose bindings count, or "".
    pub fn namespace(&self) -> &str {
        match &self.target {
            Target::Resource { namespace, .. } => namespace,
            Target::Path(_) => "",
        }
    }

    /// The refusal, in the real server's words; `reason` is the authorizer's, mostly empty.
    pub fn forbidden(&self, who: &Identity, reason: &str) -> Failure {
        let user = format!("{:?}", who.user);
        let with_reason = |why: String| if reason.is_empty() { why } else { format!("{why}: {reason}") };
        match &self.target {
            Target::Path(path) => {
                let why = with_reason(format!("User {user} cannot {} path {path:?}", self.verb));
                Failure::forbidden("", "", "", &why)
            }
            Target::Resource { group, resource, subresource, namespace, name } => {
                let what = if subresource.is_empty() { resource.clone() } else { format!("{resource}/{subresource}") };
                let place =
                    if namespace.is_empty() { "at the cluster scope".to_owned() } else { format!("in the namespace {namespace:?}") };
                let why = format!("User {user} cannot {} resource {what:?} in API group {group:?} {place}", self.verb);
                Failure::forbidden(group, resource, name, &with_reason(why))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(method: &str, url: &str, watch: bool) -> String {
        let crate::http::Route::Resource(path) = crate::http::route(url) else { return format!("{url} is no resource") };
        let ann = Identity { user: "ann".into(), ..Identity::service_account("t1", "default", "") };
        Attributes::of_request(method, &path, watch, None).forbidden(&ann, "").message
    }

    #[test]
    fn refusals_have_the_real_servers_words() {
        for (method, url, watch, message) in [
            (
                "GET",
                "/api/v1/secrets",
                false,
                "secrets is forbidden: User \"ann\" cannot list resource \"secrets\" in API group \"\" at the cluster scope",
            ),
            (
                "GET",
                "/api/v1/namespaces/a/pods",
                true,
                "pods is forbidden: User \"ann\" cannot watch resource \"pods\" in API group \"\" in the namespace \"a\"",
            ),
            (
                "GET",
                "/api/v1/namespaces/a/pods/p/log",
                false,
                "pods \"p\" is forbidden: User \"ann\" cannot get resource \"pods/log\" in API group \"\" in the namespace \"a\"",
            ),
            (
                "DELETE",
                "/api/v1/namespaces/a",
                false,
                "namespaces \"a\" is forbidden: User \"ann\" cannot delete resource \"namespaces\" in API group \"\" in the namespace \"a\"",
            ),
            (
                "DELETE",
                "/apis/apps/v1/namespaces/a/deployments",
                false,
                "deployments.apps is forbidden: User \"ann\" cannot deletecollection resource \"deployments\" in API group \"apps\" in the namespace \"a\"",
            ),
        ] {
            assert_eq!(refused(method, url, watch), message);
        }
        let path = Attributes::of_path("GET", "/metrics").forbidden(&Identity::service_account("a", "b", ""), "");
        assert_eq!(path.message, "forbidden: User \"system:serviceaccount:a:b\" cannot get path \"/metrics\"");
    }
}
