//! The comparison as a table: every known source of noise (reference/review-drift-reliability.md 3.2), and every kind of real change.

use serde_json::{Value as Json, json};
use windlass_kubeschema::SchemaRef;
use windlass_kubeschema::fieldpath::FieldSet;

use super::{Comparison, LeafDiff, compare};
use crate::encode::DigestKey;
use crate::kinds::known_kind;

const KEY: DigestKey = DigestKey([1; 32]);

/// Another manager's entry: manager, operation, subresource, fields.
type Entry = (&'static str, &'static str, &'static str, Json);

struct Row {
    what: &'static str,
    applied: Json,
    /// Merged over what we applied; `null` removes.
    live: Json,
    /// Fields that are ours no more.
    lost: Option<Json>,
    others: Vec<Entry>,
    /// `path: applied -> live by manager`.
    expected: &'static [&'static str],
}

fn row(what: &'static str, applied: Json, live: Json, expected: &'static [&'static str]) -> Row {
    Row { what, applied, live, lost: None, others: Vec::new(), expected }
}

impl Row {
    fn by(mut self, manager: &'static str, operation: &'static str, subresource: &'static str, fields: Json) -> Self {
        self.lost = Some(fields.clone());
        self.others.push((manager, operation, subresource, fields));
        self
    }

    /// As [`Row::by`], but we still own the field, too.
    fn beside(mut self, manager: &'static str, fields: Json) -> Self {
        self.others.push((manager, "Update", "", fields));
        self
    }

    fn lost(mut self, fields: Json) -> Self {
        self.lost = Some(fields);
        self
    }
}

/// RFC 7396.
fn merge(into: &mut Json, patch: &Json) {
    let (Some(target), Some(patch)) = (into.as_object_mut(), patch.as_object()) else {
        *into = patch.clone();
        return;
    };
    for (name, value) in patch {
        if value.is_null() {
            target.remove(name);
        } else if value.is_object() && target.get(name).is_some_and(Json::is_object) {
            merge(target.get_mut(name).unwrap(), value);
        } else {
            target.insert(name.clone(), value.clone());
        }
    }
}

fn check(row: &Row) {
    let mut live = row.applied.clone();
    merge(&mut live, &row.live);
    let api_version = row.applied["apiVersion"].as_str().unwrap();
    let schema = known_kind(api_version, row.applied["kind"].as_str().unwrap()).map(|kind| kind.schema);
    let shape = schema.unwrap_or_else(SchemaRef::untyped).as_resource();
    let mut ours = FieldSet::of(&row.applied, shape).without_identity();
    if let Some(lost) = &row.lost {
        ours = ours.difference(&FieldSet::from_fields_v1(lost).unwrap());
    }
    let entry = |manager: &str, operation: &str, subresource: &str, fields: Json| {
        json!({"manager": manager, "operation": operation, "subresource": subresource, "apiVersion": api_version, "fieldsType": "FieldsV1",
            "time": "2026-03-03T00:00:00Z", "fieldsV1": fields})
    };
    let mut managed = vec![entry("windlass", "Apply", "", ours.to_fields_v1())];
    managed
        .extend(row.others.iter().map(|(manager, operation, subresource, fields)| entry(manager, operation, subresource, fields.clone())));
    live["metadata"]["managedFields"] = Json::Array(managed);
    let found = compare(Comparison { applied: &row.applied, live: &live, schema, key: Some(&KEY) });
    let shown: Vec<String> = found.iter().map(shown).collect();
    assert_eq!(shown, row.expected, "{}", row.what);
}

fn shown(diff: &LeafDiff) -> String {
    let value = |value: &Option<Json>| value.as_ref().map_or("none".to_owned(), Json::to_string);
    let actor = diff.actor.as_ref().map_or("unknown".to_owned(), |actor| match &actor.subresource {
        Some(subresource) => format!("{}/{subresource}", actor.manager),
        None => actor.manager.clone(),
    });
    format!("{}: {} -> {} by {actor}", diff.path_text(), value(&diff.applied), value(&diff.live))
}

fn deployment(spec: Json) -> Json {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}}, "spec": spec})
}

fn pod(container: Json) -> Json {
    deployment(json!({"template": {"spec": {"containers": [container]}}}))
}

fn custom(spec: Json) -> Json {
    json!({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "x"}, "spec": spec})
}

fn service(ports: Json) -> Json {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"ports": ports}})
}

fn cluster(spec: Json) -> Json {
    json!({"apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "Cluster", "metadata": {"name": "shop", "namespace": "shop"}, "spec": spec})
}

/// Differences that are none: defaults, webhooks, controllers, spellings, orders.
fn noise() -> Vec<Row> {
    let port = json!([{"port": 80, "targetPort": 8080}]);
    let container = json!({"name": "web", "image": "web:1"});
    vec![
        row(
            "1 defaults beside ours",
            deployment(json!({"replicas": 2})),
            json!({"spec": {"strategy": {"type": "RollingUpdate"}, "revisionHistoryLimit": 10}}),
            &[],
        ),
        row(
            "1 defaults inside of keyed items",
            service(port.clone()),
            json!({"spec": {"ports": [{"port": 80, "protocol": "TCP", "targetPort": 8080}], "clusterIP": "10.0.0.1"}}),
            &[],
        ),
        row(
            "1 a default that is a key",
            service(json!([{"port": 80}])),
            json!({"spec": {"ports": [{"port": 80, "protocol": "TCP", "nodePort": 30000}]}}),
            &[],
        ),
        row(
            "1 defaults in a container",
            pod(container.clone()),
            json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "web:1", "imagePullPolicy": "Always"}]}}}}),
            &[],
        ),
        row(
            "2 a webhook adds a sidecar",
            pod(container.clone()),
            json!({"spec": {"template": {"spec": {"containers": [{"name": "proxy", "image": "p"}, {"name": "web", "image": "web:1"}]}}}}),
            &[],
        ),
        row("2 a webhook adds labels", deployment(json!({})), json!({"metadata": {"labels": {"injected": "yes"}}}), &[]),
        row("3 replicas that we do not set", deployment(json!({"paused": true})), json!({"spec": {"replicas": 9}}), &[])
            .beside("hpa", json!({"f:spec": {"f:replicas": {}}})),
        row(
            "3 an endpoint set by a controller",
            cluster(json!({"paused": true})),
            json!({"spec": {"controlPlaneEndpoint": {"host": "h", "port": 6443}}}),
            &[],
        )
        .beside("manager", json!({"f:spec": {"f:controlPlaneEndpoint": {"f:host": {}}}})),
        row(
            "3 subnets filled in in an atomic list that stays ours",
            custom(json!({"subnets": [{"id": "a"}]})),
            json!({"spec": {"subnets": [{"id": "a", "zone": "z1"}]}}),
            &[],
        ),
        row(
            "3 a CA bundle filled in",
            custom(json!({"webhook": {"caBundle": "Cg=="}})),
            json!({"spec": {"webhook": {"caBundle": "QUJD"}}}),
            &[],
        )
        .by("cert-manager-cainjector", "Update", "", json!({"f:spec": {"f:webhook": {"f:caBundle": {}}}})),
        row(
            "5 the server's own fields",
            deployment(json!({"replicas": 1})),
            json!({"metadata": {"uid": "u", "resourceVersion": "7", "generation": 3, "creationTimestamp": "t", "selfLink": "s"}, "status": {"replicas": 1}}),
            &[],
        ),
        row("5 a status that we rendered", custom(json!({"a": 1})), json!({"status": {"b": 2}}), &[]),
        row(
            "6 quantities",
            pod(json!({"name": "web", "resources": {"limits": {"cpu": "1000m", "memory": "1Gi"}}})),
            json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "resources": {"limits": {"cpu": "1", "memory": "1024Mi"}}}]}}}}),
            &[],
        ),
        row(
            "6 a quantity written as a number",
            pod(json!({"name": "web", "resources": {"limits": {"cpu": 1}}})),
            json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "resources": {"limits": {"cpu": "1"}}}]}}}}),
            &[],
        ),
        row("6 quantities of unknown kinds", custom(json!({"limits": {"cpu": "0.5"}})), json!({"spec": {"limits": {"cpu": "500m"}}}), &[]),
        row("6 durations", custom(json!({"timeout": "1h"})), json!({"spec": {"timeout": "1h0m0s"}}), &[]),
        row(
            "6 int or string",
            service(json!([{"port": 80, "targetPort": 8080}])),
            json!({"spec": {"ports": [{"port": 80, "targetPort": "8080"}]}}),
            &[],
        ),
        row("6 1.0 and 1", custom(json!({"weight": 1.0})), json!({"spec": {"weight": 1}}), &[]),
        row(
            "6 false that the server drops",
            pod(json!({"name": "web", "stdin": false})),
            json!({"spec": {"template": {"spec": {"containers": [{"name": "web"}]}}}}),
            &[],
        ),
        row("6 empty text that the server drops", custom(json!({"host": ""})), json!({"spec": {"host": null}}), &[]),
        row(
            "7 the order of keyed items",
            pod(json!({"name": "web", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]})),
            json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "env": [{"name": "B", "value": "2"}, {"name": "A", "value": "1"}]}]}}}}),
            &[],
        ),
        row(
            "7 the order of a set",
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n", "finalizers": ["a/x", "b/y"]}}),
            json!({"metadata": {"finalizers": ["b/y", "a/x"]}}),
            &[],
        ),
        row(
            "7 more members of a set",
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n", "finalizers": ["a/x"]}}),
            json!({"metadata": {"finalizers": ["c/z", "a/x"]}}),
            &[],
        ),
        row(
            "8 kubectl's last applied configuration",
            deployment(json!({})),
            json!({"metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}}}),
            &[],
        ),
        row("9 another version is stored", cluster(json!({"paused": true})), json!({"apiVersion": "cluster.x-k8s.io/v1beta1"}), &[]),
        row("10 an empty map that is absent", custom(json!({"selector": {}})), json!({"spec": {"selector": null}}), &[]),
        row("10 an empty map that was filled", custom(json!({"selector": {}})), json!({"spec": {"selector": {"a": "b"}}}), &[]),
        row("10 an empty list that is absent", custom(json!({"hosts": []})), json!({"spec": {"hosts": null}}), &[]),
        row("10 null", custom(json!({"host": null})), json!({}), &[]),
        row("10 null that was defaulted", custom(json!({"host": null})), json!({"spec": {"host": "x"}}), &[]),
        row(
            "11 foreign fields in what keeps unknown fields",
            custom(json!({"values": {"a": 1}})),
            json!({"spec": {"values": {"a": 1, "b": {"c": 2}}}}),
            &[],
        )
        .beside("kubectl-edit", json!({"f:spec": {"f:values": {"f:b": {"f:c": {}}}}})),
        row(
            "13 owners and finalizers of controllers",
            cluster(json!({"paused": true})),
            json!({"metadata": {"finalizers": ["cluster.cluster.x-k8s.io"], "ownerReferences": [{"apiVersion": "v1", "kind": "X", "name": "x", "uid": "u"}]}}),
            &[],
        ),
        row("the same value owned by another too", deployment(json!({"replicas": 2})), json!({}), &[])
            .beside("kubectl", json!({"f:spec": {"f:replicas": {}}})),
        row("the same value owned by another alone", deployment(json!({"replicas": 2})), json!({}), &[]).by(
            "kubectl",
            "Apply",
            "",
            json!({"f:spec": {"f:replicas": {}}}),
        ),
        row(
            "what is known only after apply",
            custom(json!({"host": {"$wl": "unknown", "ref": "cluster.a.endpoint"}})),
            json!({"spec": {"host": "x"}}),
            &[],
        ),
        row("a number beyond doubles", custom(json!({"n": {"$wl": "number", "value": "0.5"}})), json!({"spec": {"n": 0.5}}), &[]),
    ]
}

/// Differences that are changes.
fn changes() -> Vec<Row> {
    let replicas = || json!({"f:spec": {"f:replicas": {}}});
    vec![
        row("a scalar", deployment(json!({"replicas": 2})), json!({"spec": {"replicas": 3}}), &["spec.replicas: 2 -> 3 by kubectl-edit"])
            .by("kubectl-edit", "Update", "", replicas()),
        row(
            "by a subresource",
            deployment(json!({"replicas": 2})),
            json!({"spec": {"replicas": 3}}),
            &["spec.replicas: 2 -> 3 by kubectl/scale"],
        )
        .by("kubectl", "Update", "scale", replicas()),
        row(
            "by somebody who shows no fields",
            deployment(json!({"replicas": 2})),
            json!({"spec": {"replicas": 3}}),
            &["spec.replicas: 2 -> 3 by unknown"],
        )
        .lost(replicas()),
        row(
            "by ourselves (another state)",
            deployment(json!({"replicas": 2})),
            json!({"spec": {"replicas": 3}}),
            &["spec.replicas: 2 -> 3 by windlass"],
        ),
        row(
            "forced by another applier",
            deployment(json!({"replicas": 2})),
            json!({"spec": {"replicas": 3}}),
            &["spec.replicas: 2 -> 3 by argocd"],
        )
        .by("argocd", "Apply", "", replicas()),
        row(
            "a label with dots",
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n", "labels": {"a.b/c": "d"}}}),
            json!({"metadata": {"labels": {"a.b/c": "e"}}}),
            &["metadata.labels[\"a.b/c\"]: \"d\" -> \"e\" by kubectl-label"],
        )
        .by("kubectl-label", "Update", "", json!({"f:metadata": {"f:labels": {"f:a.b/c": {}}}})),
        row(
            "a removed leaf has no actor",
            deployment(json!({"replicas": 2, "paused": true})),
            json!({"spec": {"paused": null}}),
            &["spec.paused: true -> none by unknown"],
        )
        .lost(json!({"f:spec": {"f:paused": {}}})),
        row(
            "false that somebody removed",
            pod(json!({"name": "web", "stdin": false})),
            json!({"spec": {"template": {"spec": {"containers": [{"name": "web"}]}}}}),
            &["spec.template.spec.containers[name=\"web\"].stdin: false -> none by unknown"],
        )
        .lost(json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {"f:stdin": {}}}}}}})),
        row(
            "a leaf of a keyed item",
            pod(json!({"name": "web", "image": "web:1"})),
            json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "web:2"}]}}}}),
            &["spec.template.spec.containers[name=\"web\"].image: \"web:1\" -> \"web:2\" by kubectl-set"],
        )
        .by(
            "kubectl-set",
            "Update",
            "",
            json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {"f:image": {}}}}}}}),
        ),
        row(
            "an item that is gone is one finding",
            pod(json!({"name": "web", "env": [{"name": "A", "value": "1"}]})),
            json!({"spec": {"template": {"spec": {"containers": [{"name": "web"}]}}}}),
            &["spec.template.spec.containers[name=\"web\"].env[name=\"A\"]: {\"name\":\"A\",\"value\":\"1\"} -> none by unknown"],
        ),
        row(
            "a member of a set that is gone",
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n", "finalizers": ["a/x"]}}),
            json!({"metadata": {"finalizers": []}}),
            &["metadata.finalizers[=\"a/x\"]: \"a/x\" -> none by unknown"],
        ),
        row(
            "members that others added to a set of an unknown kind",
            custom(json!({"owner": "dana"})),
            json!({"spec": {"members": ["lena", "dana"]}}),
            &[],
        )
        .beside("kubectl-edit", json!({"f:spec": {"f:members": {"v:\"lena\"": {}}}})),
        row(
            "a member of a set of an unknown kind that is gone",
            custom(json!({"members": ["dana", "kim"]})),
            json!({"spec": {"members": ["kim", "lena"]}}),
            &["spec.members[=\"dana\"]: \"dana\" -> none by unknown"],
        )
        .lost(json!({"f:spec": {"f:members": {}}}))
        .beside("kubectl-edit", json!({"f:spec": {"f:members": {"v:\"lena\"": {}}}})),
        row(
            "an atomic list is one leaf",
            pod(json!({"name": "web", "args": ["a", "b"]})),
            json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "args": ["a", "c"]}]}}}}),
            &["spec.template.spec.containers[name=\"web\"].args: [\"a\",\"b\"] -> [\"a\",\"c\"] by kubectl"],
        )
        .by(
            "kubectl",
            "Update",
            "",
            json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {"f:args": {}}}}}}}),
        ),
        row(
            "the order of an atomic list counts",
            custom(json!({"hosts": ["a", "b"]})),
            json!({"spec": {"hosts": ["b", "a"]}}),
            &["spec.hosts: [\"a\",\"b\"] -> [\"b\",\"a\"] by windlass"],
        ),
        row(
            "an atomic list that another filled in is another's",
            custom(json!({"subnets": [{"id": "a"}]})),
            json!({"spec": {"subnets": [{"id": "a", "zone": "z1"}]}}),
            &["spec.subnets: [{\"id\":\"a\"}] -> [{\"id\":\"a\",\"zone\":\"z1\"}] by kubectl"],
        )
        .by("kubectl", "Update", "", json!({"f:spec": {"f:subnets": {}}})),
        row(
            "a map that became a scalar",
            custom(json!({"a": {"b": 1}})),
            json!({"spec": {"a": 5}}),
            &["spec.a: {\"b\":1} -> 5 by windlass"],
        ),
        row(
            "every leaf of a map that is gone",
            custom(json!({"a": {"b": 1, "c": 2}})),
            json!({"spec": {"a": null}}),
            &["spec.a.b: 1 -> none by unknown", "spec.a.c: 2 -> none by unknown"],
        ),
        row(
            "text that looks like a quantity",
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"limits": "1000m"}}),
            json!({"data": {"limits": "1"}}),
            &["data.limits: \"1000m\" -> \"1\" by windlass"],
        ),
        row(
            "text that looks like a duration",
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "annotations": {"t": "1h"}}}),
            json!({"metadata": {"annotations": {"t": "60m"}}}),
            &["metadata.annotations.t: \"1h\" -> \"60m\" by windlass"],
        ),
        row(
            "text that looks like a number",
            pod(json!({"name": "web", "env": [{"name": "A", "value": "1.0"}]})),
            json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "env": [{"name": "A", "value": "1"}]}]}}}}),
            &["spec.template.spec.containers[name=\"web\"].env[name=\"A\"].value: \"1.0\" -> \"1\" by windlass"],
        ),
        row(
            "another quantity",
            pod(json!({"name": "web", "resources": {"limits": {"cpu": "1"}}})),
            json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "resources": {"limits": {"cpu": "2"}}}]}}}}),
            &["spec.template.spec.containers[name=\"web\"].resources.limits.cpu: \"1\" -> \"2\" by windlass"],
        ),
        row(
            "true to false",
            deployment(json!({"paused": true})),
            json!({"spec": {"paused": false}}),
            &["spec.paused: true -> false by windlass"],
        ),
        row(
            "0 is not absent when it is lost",
            deployment(json!({"replicas": 0})),
            json!({"spec": {"replicas": null}}),
            &["spec.replicas: 0 -> none by unknown"],
        )
        .lost(replicas()),
        row(
            "items that are there twice count as a whole",
            pod(json!({"name": "web", "env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]})),
            json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "env": [{"name": "A", "value": "1"}]}]}}}}),
            &[
                "spec.template.spec.containers[name=\"web\"].env: [{\"name\":\"A\",\"value\":\"1\"},{\"name\":\"A\",\"value\":\"2\"}] -> [{\"name\":\"A\",\"value\":\"1\"}] by windlass",
            ],
        ),
    ]
}

#[test]
fn noise_is_nothing() {
    let rows = noise();
    assert!(rows.len() >= 35);
    rows.iter().for_each(check);
}

#[test]
fn changes_are_found_with_their_actors() {
    let rows = changes();
    assert!(rows.len() >= 20);
    rows.iter().for_each(check);
}

#[test]
fn a_leaf_that_we_own_and_no_longer_apply_is_found() {
    let applied = deployment(json!({"replicas": 2}));
    let mut live = deployment(json!({"replicas": 2, "paused": true}));
    let fields = FieldSet::of(&live, known_kind("apps/v1", "Deployment").unwrap().schema).without_identity().to_fields_v1();
    live["metadata"]["managedFields"] =
        json!([{"manager": "windlass", "operation": "Apply", "apiVersion": "apps/v1", "fieldsType": "FieldsV1", "fieldsV1": fields}]);
    let schema = known_kind("apps/v1", "Deployment").map(|kind| kind.schema);
    let found = compare(Comparison { applied: &applied, live: &live, schema, key: None });
    assert_eq!(found.iter().map(shown).collect::<Vec<_>>(), ["spec.paused: none -> true by windlass"]);
}

#[test]
fn secrets_are_compared_by_digest_and_never_shown() {
    let encoded = json!("aHVudGVyMg==");
    let digest = KEY.digest_secret_data(&encoded);
    let secret = |data: Json| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": data});
    let applied = secret(json!({"password": {"$wl": "secret", "digest": digest, "source": "x.y"}}));
    let schema = known_kind("v1", "Secret").map(|kind| kind.schema);
    let found = |live: &Json| compare(Comparison { applied: &applied, live, schema, key: Some(&KEY) });
    for same in [json!("aHVudGVyMg=="), json!("aHVu dGVy\nMg=="), json!({"$wl": "secret", "digest": digest})] {
        assert_eq!(found(&secret(json!({"password": same, "foreign": "Zm9yZWlnbg=="}))), vec![], "{same}");
    }
    let changed = found(&secret(json!({"password": "bGVha2Vk"})));
    assert_eq!(changed.len(), 1);
    let text = format!("{changed:?}");
    assert!(!text.contains("bGVha2Vk") && !text.contains("leaked"), "{text}");
    assert_eq!(found(&secret(json!({})))[0].live, None);
    // Ours by managedFields, no longer applied: its value stays hidden, too.
    let mut live = secret(json!({"password": "aHVudGVyMg==", "old": "bGVha2Vk"}));
    live["metadata"]["managedFields"] = json!([{"manager": "windlass", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {"f:data": {"f:old": {}, "f:password": {}}}}]);
    let text = format!("{:?}", found(&live));
    assert!(text.contains("old") && !text.contains("bGVha2Vk"), "{text}");
}
