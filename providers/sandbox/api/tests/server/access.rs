//! Who may do what: roles, bindings, impersonation and the reviews that ask about them.

use kube::Client;
use serde_json::{Value, json};

use crate::selfmade::{Reply, World, send, world};

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
const SECRETS: &str = "/api/v1/namespaces/t1/secrets";

/// Namespace t1 with a Secret.
async fn with_secret() -> World {
    let world = world().await;
    assert_eq!(world.post("/api/v1/namespaces", &json!({"metadata": {"name": "t1"}})).await.code, 201);
    assert_eq!(world.post(SECRETS, &json!({"metadata": {"name": "s"}, "stringData": {"k": "v"}})).await.code, 201);
    world
}

async fn grant(world: &World, namespace: &str, rules: Value, subjects: Value) {
    let (kind, role, roles, bindings) = match namespace {
        "" => ("ClusterRole", "clusterroles", format!("{RBAC}/clusterroles"), format!("{RBAC}/clusterrolebindings")),
        _ => ("Role", "roles", format!("{RBAC}/namespaces/{namespace}/roles"), format!("{RBAC}/namespaces/{namespace}/rolebindings")),
    };
    let made = world.post(&roles, &json!({"metadata": {"name": "given"}, "rules": rules})).await;
    assert_eq!(made.code, 201, "{role}: {}", made.body);
    let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": "given"});
    let made = world.post(&bindings, &json!({"metadata": {"name": "given"}, "roleRef": role, "subjects": subjects})).await;
    assert_eq!(made.code, 201, "{}", made.body);
}

fn account(name: &str) -> Value {
    json!([{"kind": "ServiceAccount", "name": name, "namespace": "t1"}])
}

async fn get(client: &Client, path: &str) -> Reply {
    send(client, "GET", path, &[], "").await
}

async fn post(client: &Client, path: &str, body: &Value) -> Reply {
    send(client, "POST", path, &[("content-type", "application/json")], &body.to_string()).await
}

#[tokio::test]
async fn the_token_of_an_account_without_a_role_opens_nothing() {
    let world = with_secret().await;
    let bot = world.account("t1", "default").await;
    let refused = get(&bot, "/api/v1/secrets").await;
    assert_eq!((refused.code, refused.text("/reason")), (403, "Forbidden"));
    assert_eq!(
        refused.text("/message"),
        "secrets is forbidden: User \"system:serviceaccount:t1:default\" cannot list resource \"secrets\" in API group \"\" at the \
         cluster scope"
    );
    assert_eq!(refused.at("/details"), &json!({"kind": "secrets"}));
    for (method, path, verb) in [
        ("GET", format!("{SECRETS}/s"), "get"),
        ("GET", format!("{SECRETS}?watch=true"), "watch"),
        ("POST", SECRETS.to_owned(), "create"),
        ("PUT", format!("{SECRETS}/s"), "update"),
        ("PATCH", format!("{SECRETS}/s"), "patch"),
        ("DELETE", format!("{SECRETS}/s"), "delete"),
        ("DELETE", SECRETS.to_owned(), "deletecollection"),
    ] {
        let refused = send(&bot, method, &path, &[], "{}").await;
        assert_eq!(refused.code, 403, "{method} {path}: {}", refused.body);
        let words = format!("cannot {verb} resource \"secrets\" in API group \"\" in the namespace \"t1\"");
        assert!(refused.text("/message").ends_with(&words), "{}", refused.body);
    }
    // What is not there is no secret either: the refusal comes first.
    assert_eq!(get(&bot, "/apis/no.io/v1/things").await.code, 403);
    assert_eq!(
        get(&bot, "/metrics").await.text("/message"),
        "forbidden: User \"system:serviceaccount:t1:default\" cannot get path \"/metrics\""
    );
    for open in ["/version", "/api", "/apis", "/apis/apps/v1", "/openapi/v3", "/readyz"] {
        assert_eq!(get(&bot, open).await.code, 200, "{open}");
    }
    assert_eq!(world.get(&format!("{SECRETS}/s")).await.code, 200, "nothing was done");
}

#[tokio::test]
async fn a_role_gives_what_it_says_where_it_says_until_it_is_gone() {
    let world = with_secret().await;
    let (bot, other) = (world.account("t1", "bot").await, world.account("t1", "other").await);
    let rules = json!([{"verbs": ["get", "list"], "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["s"]}]);
    grant(&world, "t1", rules, json!([{"kind": "ServiceAccount", "name": "bot"}])).await;
    assert_eq!(get(&bot, &format!("{SECRETS}/s")).await.code, 200);
    assert_eq!(get(&bot, &format!("{SECRETS}/other")).await.code, 403);
    assert_eq!(get(&bot, SECRETS).await.code, 403, "a list is of no name");
    assert_eq!(get(&bot, &format!("{SECRETS}?fieldSelector=metadata.name%3Ds")).await.code, 200, "unless it is chosen");
    assert_eq!(get(&bot, "/api/v1/namespaces/default/secrets/s").await.code, 403);
    assert_eq!(get(&other, &format!("{SECRETS}/s")).await.code, 403);
    let role = format!("{RBAC}/namespaces/t1/roles/given");
    let more = json!({"rules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]});
    assert_eq!(world.merge(&role, &more).await.code, 200);
    assert_eq!(get(&bot, SECRETS).await.code, 200, "a changed role counts at once");
    world.delete(&role).await;
    let refused = get(&bot, SECRETS).await;
    let words = ": RBAC: role.rbac.authorization.k8s.io \"given\" not found";
    assert!(refused.code == 403 && refused.text("/message").ends_with(words), "{}", refused.body);
    world.delete(&format!("{RBAC}/namespaces/t1/rolebindings/given")).await;
    assert!(get(&bot, SECRETS).await.text("/message").ends_with("in the namespace \"t1\""));
}

#[tokio::test]
async fn subresources_are_rights_of_their_own_and_groups_are_subjects() {
    let world = with_secret().await;
    let rules = json!([
        {"verbs": ["patch", "get"], "apiGroups": ["apps"], "resources": ["*/scale"]},
        {"verbs": ["get"], "nonResourceURLs": ["/metrics*"]},
    ]);
    grant(&world, "", rules, json!([{"kind": "Group", "name": "system:serviceaccounts:t1"}])).await;
    let bot = world.account("t1", "bot").await;
    let path = "/apis/apps/v1/namespaces/t1/deployments/d";
    assert_eq!(get(&bot, path).await.code, 403);
    assert_eq!(get(&bot, &format!("{path}/scale")).await.code, 404);
    assert_eq!(get(&bot, &format!("{path}/status")).await.code, 403);
    assert_eq!(get(&bot, "/metrics").await.code, 404);
    let stranger = world.account("default", "bot").await;
    assert_eq!(get(&stranger, &format!("{path}/scale")).await.code, 403);
}

#[tokio::test]
async fn an_apply_that_creates_needs_the_right_to_create() {
    let world = with_secret().await;
    let rules = json!([{"verbs": ["patch"], "apiGroups": [""], "resources": ["configmaps"]}]);
    grant(&world, "t1", rules, account("bot")).await;
    let bot = world.account("t1", "bot").await;
    let apply = |data: &'static str| {
        let bot = bot.clone();
        async move {
            let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"k": data}}).to_string();
            let path = "/api/v1/namespaces/t1/configmaps/m?fieldManager=bot";
            send(&bot, "PATCH", path, &[("content-type", "application/apply-patch+yaml")], &body).await
        }
    };
    let refused = apply("1").await;
    assert!(refused.code == 403 && refused.text("/message").contains("cannot create resource \"configmaps\""), "{}", refused.body);
    world.post("/api/v1/namespaces/t1/configmaps", &json!({"metadata": {"name": "m"}})).await;
    assert_eq!(apply("1").await.code, 200);
}

#[tokio::test]
async fn who_may_wears_a_mask_and_is_judged_by_it() {
    let world = with_secret().await;
    let as_bob = [("impersonate-user", "bob")];
    let refused = world.send("GET", SECRETS, &as_bob, "").await;
    assert_eq!(
        refused.text("/message"),
        "secrets is forbidden: User \"bob\" cannot list resource \"secrets\" in API group \"\" in the namespace \"t1\""
    );
    let masters = [("impersonate-user", "bob"), ("impersonate-group", "system:masters")];
    assert_eq!(world.send("GET", SECRETS, &masters, "").await.code, 200);
    let whole = [("impersonate-user", "bob"), ("impersonate-uid", "7"), ("impersonate-extra-team", "red")];
    let review = world.send("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", &whole, "{}").await;
    let expected = json!({"username": "bob", "uid": "7", "groups": ["system:authenticated"], "extra": {"team": ["red"]}});
    assert_eq!(review.at("/status/userInfo"), &expected);
    let account = [("impersonate-user", "system:serviceaccount:t1:bot")];
    let review = world.send("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", &account, "{}").await;
    let groups = json!(["system:serviceaccounts", "system:serviceaccounts:t1", "system:authenticated"]);
    assert_eq!(review.at("/status/userInfo/groups"), &groups);
    assert_eq!(world.send("GET", SECRETS, &[("impersonate-group", "a")], "").await.code, 400, "a group of nobody");
    let bot = world.account("t1", "bot").await;
    let refused = send(&bot, "GET", SECRETS, &as_bob, "").await;
    assert_eq!(
        refused.text("/message"),
        "users \"bob\" is forbidden: User \"system:serviceaccount:t1:bot\" cannot impersonate resource \"users\" in API group \"\" at \
         the cluster scope"
    );
    let rules = json!([{"verbs": ["impersonate"], "apiGroups": [""], "resources": ["users"], "resourceNames": ["bob"]}]);
    grant(&world, "", rules, self::account("bot")).await;
    assert!(send(&bot, "GET", SECRETS, &as_bob, "").await.text("/message").contains("User \"bob\" cannot list"));
    assert_eq!(send(&bot, "GET", SECRETS, &masters, "").await.text("/details/kind"), "groups", "but not as a master");
}

#[tokio::test]
async fn reviews_say_what_requests_would_find() {
    let world = with_secret().await;
    let rules = json!([{"verbs": ["list"], "apiGroups": [""], "resources": ["secrets"]}]);
    grant(&world, "t1", rules, account("bot")).await;
    let bot = world.account("t1", "bot").await;
    let wish = |namespace: &str| json!({"verb": "list", "resource": "secrets", "namespace": namespace});
    let own = |namespace: &str| json!({"spec": {"resourceAttributes": wish(namespace)}});
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let yes = post(&bot, path, &own("t1")).await;
    let reason = "RBAC: allowed by RoleBinding \"given/t1\" of Role \"given\" to ServiceAccount \"bot/t1\"";
    assert_eq!(yes.at("/status"), &json!({"allowed": true, "reason": reason}));
    assert_eq!(post(&bot, path, &own("default")).await.at("/status"), &json!({"allowed": false}));
    let as_bob = [("impersonate-user", "bob"), ("content-type", "application/json")];
    assert_eq!(world.send("POST", path, &as_bob, &own("t1").to_string()).await.at("/status/allowed"), &json!(false), "can-i --as=bob");
    assert_eq!(world.post(path, &own("t1")).await.at("/status/allowed"), &json!(true));
    let others = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
    let about = json!({"spec": {"user": "system:serviceaccount:t1:bot", "resourceAttributes": wish("t1")}});
    assert_eq!(post(&bot, others, &about).await.code, 403, "who asks about others needs a right");
    assert_eq!(world.post(others, &about).await.at("/status/allowed"), &json!(true));
    let nobody = world.post(others, &json!({"spec": {"resourceAttributes": wish("t1")}})).await;
    assert_eq!((nobody.code, nobody.text("/details/causes/0/field")), (422, "spec.user"));
    let path =
        json!({"spec": {"user": "ann", "groups": ["system:authenticated"], "nonResourceAttributes": {"verb": "get", "path": "/version"}}});
    assert_eq!(world.post(others, &path).await.at("/status/allowed"), &json!(true));
    let local = "/apis/authorization.k8s.io/v1/namespaces/default/localsubjectaccessreviews";
    assert_eq!(world.post(local, &about).await.code, 400);
    let rules = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
    let found = post(&bot, rules, &json!({"spec": {"namespace": "t1"}})).await;
    let given = json!({"apiGroups": [""], "resources": ["secrets"], "verbs": ["list"]});
    assert!(found.at("/status/resourceRules").as_array().unwrap().contains(&given), "{}", found.body);
    assert!(!found.at("/status/nonResourceRules").as_array().unwrap().is_empty());
    let elsewhere = post(&bot, rules, &json!({"spec": {"namespace": "default"}})).await;
    assert!(!elsewhere.at("/status/resourceRules").as_array().unwrap().contains(&given));
}

#[tokio::test]
async fn a_plane_starts_with_the_roles_of_a_real_one_and_sums_follow_their_parts() {
    let world = with_secret().await;
    for role in
        ["cluster-admin", "admin", "edit", "view", "system:discovery", "system:basic-user", "system:public-info-viewer", "system:node"]
    {
        assert_eq!(world.get(&format!("{RBAC}/clusterroles/{role}")).await.code, 200, "{role}");
    }
    let view = world.account("t1", "viewer").await;
    let binding = json!({
        "metadata": {"name": "viewers"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "ServiceAccount", "name": "viewer"}],
    });
    assert_eq!(world.post(&format!("{RBAC}/namespaces/t1/rolebindings"), &binding).await.code, 201);
    assert_eq!(get(&view, "/api/v1/namespaces/t1/configmaps").await.code, 200);
    assert_eq!(get(&view, "/api/v1/configmaps").await.code, 403, "only there");
    assert_eq!(get(&view, SECRETS).await.code, 403);
    let part = json!({
        "metadata": {"name": "more", "labels": {"rbac.authorization.k8s.io/aggregate-to-view": "true"}},
        "rules": [{"verbs": ["list"], "apiGroups": [""], "resources": ["secrets"]}],
    });
    assert_eq!(world.post(&format!("{RBAC}/clusterroles"), &part).await.code, 201);
    for _ in 0..500 {
        // Admin is the sum of edit, which is the sum of view: one follows after the other.
        let sum = world.get(&format!("{RBAC}/clusterroles/admin")).await;
        let given = json!({"apiGroups": [""], "resources": ["secrets"], "verbs": ["list"]});
        if get(&view, SECRETS).await.code == 200 && sum.at("/rules").as_array().unwrap().contains(&given) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the sum never got its new part");
}

#[tokio::test]
async fn kubernetes_own_namespaces_have_their_roles_and_bindings() {
    let world = world().await;
    for (namespace, name) in [
        ("kube-system", "extension-apiserver-authentication-reader"),
        ("kube-system", "system:controller:bootstrap-signer"),
        ("kube-system", "system:controller:cloud-provider"),
        ("kube-system", "system:controller:token-cleaner"),
        ("kube-system", "system::leader-locking-kube-controller-manager"),
        ("kube-system", "system::leader-locking-kube-scheduler"),
        ("kube-public", "system:controller:bootstrap-signer"),
    ] {
        assert_eq!(world.get(&format!("{RBAC}/namespaces/{namespace}/roles/{name}")).await.code, 200, "{namespace}/{name}");
        let binding = if name.starts_with("system:") { name.to_owned() } else { format!("system::{name}") };
        let bound = world.get(&format!("{RBAC}/namespaces/{namespace}/rolebindings/{binding}")).await;
        assert_eq!((bound.text("/roleRef/kind"), bound.text("/roleRef/name")), ("Role", name), "{}", bound.body);
    }
    // What a cloud's controller is bound to by every cloud's manifests.
    let binding = json!({
        "metadata": {"name": "reader"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "extension-apiserver-authentication-reader"},
        "subjects": [{"kind": "ServiceAccount", "name": "bot", "namespace": "default"}],
    });
    assert_eq!(world.post(&format!("{RBAC}/namespaces/kube-system/rolebindings"), &binding).await.code, 201);
    let bot = world.account("default", "bot").await;
    let maps = "/api/v1/namespaces/kube-system/configmaps";
    assert_eq!(get(&bot, &format!("{maps}/extension-apiserver-authentication")).await.code, 404, "it may, and there is none");
    assert_eq!(get(&bot, maps).await.code, 403);
}

#[tokio::test]
async fn nobody_gives_rights_that_he_does_not_have() {
    let world = with_secret().await;
    let (roles, bindings) = (format!("{RBAC}/namespaces/t1/roles"), format!("{RBAC}/namespaces/t1/rolebindings"));
    let rules = json!([
        {"verbs": ["create", "update", "patch", "get"], "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles", "rolebindings"]},
        {"verbs": ["get"], "apiGroups": [""], "resources": ["configmaps"]},
    ]);
    grant(&world, "t1", rules, account("bot")).await;
    let bot = world.account("t1", "bot").await;
    let role = |name: &str, verbs: &[&str]| json!({"metadata": {"name": name}, "rules": [{"verbs": verbs, "apiGroups": [""], "resources": ["configmaps"]}]});
    assert_eq!(post(&bot, &roles, &role("reader", &["get"])).await.code, 201, "what it has it gives");
    let lacks = |what: &str| {
        format!(
            "user \"system:serviceaccount:t1:bot\" (groups=[\"system:serviceaccounts\" \"system:serviceaccounts:t1\" \
             \"system:authenticated\"]) is attempting to grant RBAC permissions not currently held:\n{what}"
        )
    };
    let writing = lacks("{APIGroups:[\"\"], Resources:[\"configmaps\"], Verbs:[\"delete\" \"list\"]}");
    let refused = post(&bot, &roles, &role("writer", &["get", "delete", "list"])).await;
    assert_eq!((refused.code, refused.text("/reason")), (403, "Forbidden"));
    assert_eq!(refused.text("/message"), format!("roles.rbac.authorization.k8s.io \"writer\" is forbidden: {writing}"));

    // Neither by an update, nor by an apply, nor by a dry run.
    let more = role("reader", &["get", "delete", "list"]);
    let merge = [("content-type", "application/merge-patch+json")];
    let apply = [("content-type", "application/apply-patch+yaml")];
    let whole = {
        let mut whole = more.clone();
        whole["apiVersion"] = json!("rbac.authorization.k8s.io/v1");
        whole["kind"] = json!("Role");
        whole.to_string()
    };
    for (method, path, headers, body) in [
        ("PUT", format!("{roles}/reader"), &merge[..0], whole.clone()),
        ("PATCH", format!("{roles}/reader"), &merge[..], more.to_string()),
        ("PATCH", format!("{roles}/reader?fieldManager=bot&force=true"), &apply[..], whole.clone()),
        ("PATCH", format!("{roles}/reader?dryRun=All"), &merge[..], more.to_string()),
    ] {
        let refused = send(&bot, method, &path, headers, &body).await;
        assert!(refused.code == 403 && refused.text("/message").ends_with(&writing), "{method} {path}: {}", refused.body);
    }
    assert_eq!(world.get(&format!("{roles}/reader")).await.at("/rules/0/verbs"), &json!(["get"]));
    let owner = json!({"metadata": {"finalizers": ["a.b/c"]}}).to_string();
    assert_eq!(send(&bot, "PATCH", &format!("{roles}/given"), &merge, &owner).await.code, 200, "finalizers give nothing");

    // Bindings: what the role gives must be had, or `bind` be allowed.
    let binding = |name: &str, kind: &str, role: &str| {
        let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role});
        json!({"metadata": {"name": name}, "roleRef": role, "subjects": account("other")})
    };
    assert_eq!(post(&bot, &bindings, &binding("reader", "Role", "reader")).await.code, 201);
    let refused = post(&bot, &bindings, &binding("all", "ClusterRole", "cluster-admin")).await;
    let all = lacks("{APIGroups:[\"*\"], Resources:[\"*\"], Verbs:[\"*\"]}\n{NonResourceURLs:[\"*\"], Verbs:[\"*\"]}");
    assert!(refused.code == 403 && refused.text("/message").ends_with(&all), "{}", refused.body);
    assert_eq!(post(&bot, &bindings, &binding("none", "Role", "nothing")).await.code, 404, "what nobody knows nobody gives");
    let explicit = json!({"rules": [
        {"verbs": ["*"], "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles", "rolebindings"]},
        {"verbs": ["bind"], "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"], "resourceNames": ["view"]},
    ]});
    assert_eq!(world.merge(&format!("{roles}/given"), &explicit).await.code, 200);
    assert_eq!(post(&bot, &roles, &role("writer", &["delete"])).await.code, 201, "`escalate` is among the verbs");
    assert_eq!(post(&bot, &bindings, &binding("view", "ClusterRole", "view")).await.code, 201);
    assert_eq!(post(&bot, &bindings, &binding("edit", "ClusterRole", "edit")).await.code, 403);
}

#[tokio::test]
async fn who_has_everything_may_sum_everything() {
    let world = with_secret().await;
    let rules = json!([{"verbs": ["create"], "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"]}]);
    grant(&world, "", rules, account("bot")).await;
    let bot = world.account("t1", "bot").await;
    let sum = |name: &str| json!({"metadata": {"name": name}, "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]}});
    let path = format!("{RBAC}/clusterroles");
    let refused = post(&bot, &path, &sum("one")).await;
    let words = "must have cluster-admin privileges to use the aggregationRule";
    assert!(refused.code == 403 && refused.text("/message").ends_with(words), "{}", refused.body);
    let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"});
    let binding = json!({"metadata": {"name": "all"}, "roleRef": role, "subjects": account("bot")});
    assert_eq!(world.post(&format!("{RBAC}/clusterrolebindings"), &binding).await.code, 201);
    assert_eq!(post(&bot, &path, &sum("one")).await.code, 201);
}

#[tokio::test]
async fn roles_and_bindings_that_say_nothing_are_refused() {
    let world = world().await;
    for (plural, body, message) in [
        (
            "clusterroles",
            json!({"rules": [{"verbs": ["get"]}]}),
            "[rules[0].apiGroups: Required value: resource rules must supply at least one api group, rules[0].resources: Required value: resource rules must supply at least one resource]",
        ),
        (
            "clusterroles",
            json!({"rules": [{"verbs": [], "nonResourceURLs": ["/a"]}]}),
            "rules[0].verbs: Required value: verbs must contain at least one value",
        ),
        (
            "clusterrolebindings",
            json!({"roleRef": {"kind": "Role", "name": "a"}}),
            "roleRef.kind: Unsupported value: \"Role\": supported values: \"ClusterRole\"",
        ),
        (
            "clusterrolebindings",
            json!({"roleRef": {"kind": "ClusterRole", "name": "a"}, "subjects": [{"kind": "ServiceAccount", "name": "a"}]}),
            "subjects[0].namespace: Required value",
        ),
    ] {
        let mut object = body;
        object["metadata"] = json!({"name": "x"});
        let refused = world.post(&format!("{RBAC}/{plural}"), &object).await;
        assert_eq!(refused.code, 422, "{}", refused.body);
        assert!(refused.text("/message").ends_with(message), "{}", refused.text("/message"));
    }
}
