//! `/api`, `/apis` and what is below them: which resources the plane serves.

use serde_json::{Map, Value, json};

use super::form::aggregated;
use crate::http::Answer;
use crate::kinds::{Kinds, Resource, Version};
use crate::status::Failure;

const ALL_VERBS: &[&str] = &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// Reviews: group, plural, kind, namespaced.
const REVIEWS: &[(&str, &str, &str, bool)] = &[
    ("authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview", false),
    ("authentication.k8s.io", "tokenreviews", "TokenReview", false),
    ("authorization.k8s.io", "localsubjectaccessreviews", "LocalSubjectAccessReview", true),
    ("authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview", false),
    ("authorization.k8s.io", "selfsubjectrulesreviews", "SelfSubjectRulesReview", false),
    ("authorization.k8s.io", "subjectaccessreviews", "SubjectAccessReview", false),
];

/// One line of a resource list.
struct Entry {
    /// `deployments` or `deployments/status`.
    name: String,
    kind: String,
    /// Group and version of the kind, where it is not the list's own.
    own: Option<(&'static str, &'static str)>,
    namespaced: bool,
    verbs: Vec<&'static str>,
    singular: String,
    short_names: Vec<String>,
    categories: Vec<String>,
}

/// `/api`.
pub(crate) fn api_versions(kinds: &Kinds, accept: &str, address: &str) -> Answer {
    if aggregated(accept) {
        return aggregate(kinds, |group| group.is_empty());
    }
    Answer::ok(json!({
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    }))
}

/// `/apis`.
pub(crate) fn api_groups(kinds: &Kinds, accept: &str) -> Answer {
    if aggregated(accept) {
        return aggregate(kinds, |group| !group.is_empty());
    }
    let groups: Vec<Value> = all_groups(kinds)
        .into_iter()
        .filter(|(name, _)| !name.is_empty())
        .map(|(name, versions)| group_object(&name, &versions, false))
        .collect();
    Answer::ok(json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}))
}

/// `/apis/GROUP`.
pub(crate) fn group(kinds: &Kinds, name: &str) -> Result<Answer, Failure> {
    let groups = all_groups(kinds);
    let versions = groups.get(name).filter(|_| !name.is_empty()).ok_or_else(Failure::no_such_path)?;
    Ok(Answer::ok(group_object(name, versions, true)))
}

/// `/api/v1`, `/apis/GROUP/VERSION`.
pub(crate) fn resources(kinds: &Kinds, group: &str, version: &str) -> Result<Answer, Failure> {
    let entries = entries(kinds, group, version);
    if entries.is_empty() {
        return Err(Failure::no_such_path());
    }
    let list: Vec<Value> = entries
        .iter()
        .map(|entry| {
            let mut line = Map::new();
            line.insert("name".into(), entry.name.clone().into());
            line.insert("singularName".into(), entry.singular.clone().into());
            line.insert("namespaced".into(), entry.namespaced.into());
            line.insert("kind".into(), entry.kind.clone().into());
            line.insert("verbs".into(), json!(entry.verbs));
            if let Some((group, version)) = entry.own {
                line.insert("group".into(), group.into());
                line.insert("version".into(), version.into());
            }
            if !entry.short_names.is_empty() {
                line.insert("shortNames".into(), json!(entry.short_names));
            }
            if !entry.categories.is_empty() {
                line.insert("categories".into(), json!(entry.categories));
            }
            Value::Object(line)
        })
        .collect();
    Ok(Answer::ok(json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": group_version(group, version),
        "resources": list,
    })))
}

fn group_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

fn all_groups(kinds: &Kinds) -> std::collections::BTreeMap<String, Vec<String>> {
    let mut groups = kinds.groups();
    for (group, ..) in REVIEWS {
        groups.entry((*group).to_owned()).or_insert_with(|| vec!["v1".to_owned()]);
    }
    groups
}

fn group_object(name: &str, versions: &[String], headed: bool) -> Value {
    let list: Vec<Value> =
        versions.iter().map(|version| json!({"groupVersion": group_version(name, version), "version": version})).collect();
    let mut object = json!({"name": name, "versions": list, "preferredVersion": list.first()});
    if let Some(map) = object.as_object_mut().filter(|_| headed) {
        map.insert("kind".into(), "APIGroup".into());
        map.insert("apiVersion".into(), "v1".into());
    }
    object
}

fn entries(kinds: &Kinds, group: &str, version: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    for resource in kinds.resources().filter(|resource| resource.group() == group) {
        if let Some(served) = resource.version(version).filter(|found| found.served) {
            entries.extend(resource_entries(resource, served));
        }
    }
    for (_, plural, kind, namespaced) in REVIEWS.iter().filter(|review| review.0 == group && version == "v1") {
        entries.push(Entry {
            name: (*plural).to_owned(),
            kind: (*kind).to_owned(),
            own: None,
            namespaced: *namespaced,
            verbs: vec!["create"],
            singular: kind.to_lowercase(),
            short_names: Vec::new(),
            categories: Vec::new(),
        });
    }
    entries
}

fn resource_entries(resource: &Resource, version: &Version) -> Vec<Entry> {
    let sub = |name: &str, kind: &str, own: Option<(&'static str, &'static str)>, verbs: &[&'static str]| Entry {
        name: format!("{}/{name}", resource.plural()),
        kind: kind.to_owned(),
        own,
        namespaced: resource.namespaced,
        verbs: verbs.to_vec(),
        singular: String::new(),
        short_names: Vec::new(),
        categories: Vec::new(),
    };
    let mut verbs = ALL_VERBS.to_vec();
    if resource.is("", "namespaces") || resource.is("", "services") {
        // The real server has no deletecollection for namespaces; for services it came in 1.23.
        verbs.retain(|verb| *verb != "deletecollection" || resource.is("", "services"));
    }
    let mut entries = vec![Entry {
        name: resource.plural().to_owned(),
        kind: resource.kind.clone(),
        own: None,
        namespaced: resource.namespaced,
        verbs,
        singular: resource.singular.clone(),
        short_names: resource.short_names.clone(),
        categories: resource.categories.clone(),
    }];
    let change = &["get", "patch", "update"];
    match (resource.group(), resource.plural()) {
        ("", "namespaces") => entries.push(sub("finalize", "Namespace", None, &["update"])),
        ("", "pods") => entries.push(sub("binding", "Binding", None, &["create"])),
        ("", "serviceaccounts") => {
            entries.push(sub("token", "TokenRequest", Some(("authentication.k8s.io", "v1")), &["create"]));
        }
        _ => {}
    }
    if version.scale.is_some() {
        entries.push(sub("scale", "Scale", Some(("autoscaling", "v1")), change));
    }
    if version.status {
        entries.push(sub("status", &resource.kind, None, change));
    }
    entries
}

/// `apidiscovery.k8s.io/v2`: everything in one answer.
fn aggregate(kinds: &Kinds, wanted: impl Fn(&str) -> bool) -> Answer {
    let items: Vec<Value> = all_groups(kinds)
        .into_iter()
        .filter(|(name, _)| wanted(name))
        .map(|(name, versions)| {
            let versions: Vec<Value> = versions
                .iter()
                .map(|version| {
                    json!({
                        "version": version,
                        "freshness": "Current",
                        "resources": aggregate_resources(&name, version, entries(kinds, &name, version)),
                    })
                })
                .collect();
            let metadata = if name.is_empty() { json!({}) } else { json!({"name": name}) };
            json!({"metadata": metadata, "versions": versions})
        })
        .collect();
    let value = json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": items,
    });
    Answer::Bytes {
        code: 200,
        content_type: "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        bytes: value.to_string().into(),
    }
}

fn aggregate_resources(group: &str, version: &str, entries: Vec<Entry>) -> Vec<Value> {
    let mut resources: Vec<Value> = Vec::new();
    for entry in entries {
        let (own_group, own_version) = entry.own.unwrap_or((group, version));
        let kind = json!({"group": own_group, "version": own_version, "kind": entry.kind});
        if let Some((_, subresource)) = entry.name.split_once('/') {
            let line = json!({"subresource": subresource, "responseKind": kind, "verbs": entry.verbs});
            if let Some(parent) = resources.last_mut().and_then(Value::as_object_mut) {
                let list = parent.entry("subresources").or_insert_with(|| json!([]));
                if let Some(list) = list.as_array_mut() {
                    list.push(line);
                }
            }
            continue;
        }
        let mut line = json!({
            "resource": entry.name,
            "responseKind": kind,
            "scope": if entry.namespaced { "Namespaced" } else { "Cluster" },
            "singularResource": entry.singular,
            "verbs": entry.verbs,
        });
        if let Some(map) = line.as_object_mut() {
            if !entry.short_names.is_empty() {
                map.insert("shortNames".into(), json!(entry.short_names));
            }
            if !entry.categories.is_empty() {
                map.insert("categories".into(), json!(entry.categories));
            }
        }
        resources.push(line);
    }
    resources
}
