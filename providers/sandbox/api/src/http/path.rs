//! URL paths. Knows no resource: whether a name means something is the registry's question.

use super::query::percent_decode_exact;

/// What a path asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    Version,
    /// `/healthz`, `/livez`, `/readyz` and what is below them.
    Health(&'static str),
    CoreVersions,
    Groups,
    Group(String),
    GroupVersion {
        group: String,
        version: String,
    },
    OpenApiV2,
    OpenApiV3Index,
    OpenApiV3 {
        group: String,
        version: String,
    },
    /// The list of paths.
    Root,
    Resource(ResourcePath),
    Unknown,
    /// A broken escape, or bytes that are no text.
    Malformed,
}

/// A path below a group and version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResourcePath {
    pub group: String,
    pub version: String,
    /// `None`: no namespace in the path (cluster scope, or all namespaces).
    pub namespace: Option<String>,
    pub plural: String,
    pub name: Option<String>,
    pub subresource: Option<String>,
}

/// Reads a path.
pub(crate) fn route(path: &str) -> Route {
    let parts: Option<Vec<String>> = path.split('/').filter(|part| !part.is_empty()).map(percent_decode_exact).collect();
    let Some(parts) = parts else { return Route::Malformed };
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    match parts.as_slice() {
        [] => Route::Root,
        ["version"] => Route::Version,
        ["healthz", ..] => Route::Health("healthz"),
        ["livez", ..] => Route::Health("livez"),
        ["readyz", ..] => Route::Health("readyz"),
        ["openapi", "v2"] => Route::OpenApiV2,
        ["openapi", "v3"] => Route::OpenApiV3Index,
        ["openapi", "v3", "api", version] => Route::OpenApiV3 { group: String::new(), version: (*version).to_owned() },
        ["openapi", "v3", "apis", group, version] => Route::OpenApiV3 { group: (*group).to_owned(), version: (*version).to_owned() },
        ["api"] => Route::CoreVersions,
        ["api", version] => Route::GroupVersion { group: String::new(), version: (*version).to_owned() },
        ["api", version, rest @ ..] => resource("", version, rest),
        ["apis"] => Route::Groups,
        ["apis", group] => Route::Group((*group).to_owned()),
        ["apis", group, version] => Route::GroupVersion { group: (*group).to_owned(), version: (*version).to_owned() },
        ["apis", group, version, rest @ ..] => resource(group, version, rest),
        _ => Route::Unknown,
    }
}

fn resource(group: &str, version: &str, rest: &[&str]) -> Route {
    let (namespace, plural, tail): (Option<&str>, &str, &[&str]) = match rest {
        ["namespaces", _, "status" | "finalize"] => (None, "namespaces", rest.get(1..).unwrap_or_default()),
        ["namespaces", namespace, plural, tail @ ..] => (Some(namespace), plural, tail),
        [plural, tail @ ..] => (None, plural, tail),
        [] => return Route::Unknown,
    };
    let (name, subresource) = match tail {
        [] => (None, None),
        [name] => (Some(*name), None),
        [name, subresource] => (Some(*name), Some(*subresource)),
        _ => return Route::Unknown,
    };
    Route::Resource(ResourcePath {
        group: group.to_owned(),
        version: version.to_owned(),
        namespace: namespace.map(str::to_owned),
        plural: plural.to_owned(),
        name: name.map(str::to_owned),
        subresource: subresource.map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_mean_what_they_mean_to_the_real_server() {
        let show = |path: &str| match route(path) {
            Route::Resource(path) => format!(
                "{}|{}|{}|{}|{}|{}",
                path.group,
                path.version,
                path.namespace.as_deref().unwrap_or("-"),
                path.plural,
                path.name.as_deref().unwrap_or("-"),
                path.subresource.as_deref().unwrap_or("-")
            ),
            other => format!("{other:?}"),
        };
        for (path, expected) in [
            ("/api/v1/pods", "|v1|-|pods|-|-"),
            ("/api/v1/namespaces", "|v1|-|namespaces|-|-"),
            ("/api/v1/namespaces/a", "|v1|-|namespaces|a|-"),
            ("/api/v1/namespaces/a/status", "|v1|-|namespaces|a|status"),
            ("/api/v1/namespaces/a/finalize", "|v1|-|namespaces|a|finalize"),
            ("/api/v1/namespaces/a/pods", "|v1|a|pods|-|-"),
            ("/api/v1/namespaces/a/pods/p/log", "|v1|a|pods|p|log"),
            ("/apis/apps/v1/namespaces/a/deployments/d", "apps|v1|a|deployments|d|-"),
            ("/apis/x.io/v1/things/a%2Fb", "x.io|v1|-|things|a/b|-"),
            ("/api/v1/pods/a/b/c", "Unknown"),
            ("/metrics", "Unknown"),
            ("/api/v1/namespaces/%zz/configmaps", "Malformed"),
            ("/api/v1/namespaces/%4/configmaps", "Malformed"),
            ("/api/v1/namespaces/%ff%fe/configmaps", "Malformed"),
            ("/readyz/ping", "Health(\"readyz\")"),
        ] {
            assert_eq!(show(path), expected, "{path}");
        }
    }
}
