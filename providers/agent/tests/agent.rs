//! The agent against a plane of the sandbox API, handed layers by the engine's own step.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value as Json, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use windlass_agent::AgentOptions;
use windlass_core::addr::{Address, Part};
use windlass_core::agent_objects::agent_objects;
use windlass_core::encode::DigestKey;
use windlass_core::layer::LayerKind;
use windlass_core::marks::{AGENT_NAME, SYSTEM_NAMESPACE};
use windlass_core::plan::action::{LayerContent, Takeover};
use windlass_core::plan::{Action, PlannedObject, Step};
use windlass_core::recorded::{Effect, JournalRecord};
use windlass_kube::kinds::ObjectRef;
use windlass_kube::kubeconfig::{Origin, client, read};
use windlass_kube::layers::content::layer_reference;
use windlass_kube::plane::{Deleted, Force, Only, Persist, Plane};
use windlass_kube::planes::PlaneSource;
use windlass_kube::{Kube, KubeOptions};
use windlass_run::ports::{Outcome, Progress, SecretLeaves, StepContext, StepError, StepJournal, StepRunner, StoreError};
use windlass_sandbox_api::{Options, Sandbox};

struct Quiet;

impl Progress for Quiet {
    fn waiting(&self, _what: &str, _reason: &str) {}
    fn note(&self, _text: &str) {}
    fn asks(&self, _what: &str, _again: Option<&str>) {}
    fn answered(&self) {}
}

impl StepJournal for Quiet {
    fn earlier(&self) -> &[JournalRecord] {
        &[]
    }

    fn progress<'a>(&'a self, _evidence: Json, _effects: Vec<Effect>) -> BoxFuture<'a, Result<(), StoreError>> {
        async { Ok(()) }.boxed()
    }
}

struct Stage {
    kube: Kube,
    plane: Arc<Plane>,
    kubeconfig: String,
    _sandbox: Sandbox,
    _folder: tempfile::TempDir,
}

fn shop() -> Address {
    "cluster.shop".parse().unwrap()
}

impl Stage {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sandbox = Sandbox::open(folder.path(), Options::default()).await.unwrap();
        let kubeconfig = sandbox.management().await.unwrap().admin_kubeconfig();
        let source = PlaneSource::Text { kubeconfig: kubeconfig.clone(), context: None };
        let kube = Kube::new(KubeOptions {
            lineage: "l".into(),
            digest_key: DigestKey([7; 32]),
            sources: BTreeMap::from([(shop(), source)]),
            stable_for: Duration::ZERO,
        });
        let plane = kube.planes().plane(&shop()).await.unwrap();
        for mut object in agent_objects("agent:1") {
            windlass_kube::apply::mark(&mut object, "l", "cluster.shop.agent");
            plane.apply(&object, "windlass", Force::No, Persist::Yes).await.unwrap();
        }
        Self { kube, plane, kubeconfig, _sandbox: sandbox, _folder: folder }
    }

    async fn agent(&self) -> (JoinHandle<()>, watch::Sender<bool>) {
        // Nothing but the token of its ServiceAccount, as in a pod.
        let token = self.token().await;
        let mut kubeconfig: Json = serde_json::from_str(&self.kubeconfig).unwrap();
        kubeconfig["users"][0]["user"] = json!({"token": token});
        let client = client(read(&kubeconfig.to_string(), Origin::User).unwrap(), None).await.unwrap();
        let (stop, stopped) = watch::channel(false);
        let options = AgentOptions {
            identity: "pod-1".into(),
            heartbeat_every: Duration::from_millis(200),
            look_every: Duration::from_millis(300),
            retry_between: (Duration::from_millis(200), Duration::from_secs(1)),
        };
        (tokio::spawn(windlass_agent::run(client, options, stopped)), stop)
    }

    async fn token(&self) -> String {
        let client = client(read(&self.kubeconfig, Origin::User).unwrap(), None).await.unwrap();
        let accounts: kube::Api<k8s_openapi::api::core::v1::ServiceAccount> = kube::Api::namespaced(client, SYSTEM_NAMESPACE);
        let request: k8s_openapi::api::authentication::v1::TokenRequest =
            serde_json::from_value(json!({"spec": {"audiences": []}})).unwrap();
        let answer = accounts.create_token_request(AGENT_NAME, &kube::api::PostParams::default(), &request).await.unwrap();
        answer.status.unwrap().token
    }

    async fn publish(&self, layer: LayerContent, repair: Option<&str>, seconds: u64) -> Result<Outcome, StepError> {
        let step = Step {
            id: "s".into(),
            address: layer.address.clone(),
            action: Action::PublishLayer { plane: shop(), layer, repair: repair.map(str::to_owned) },
            needs: vec![],
            expects: vec![],
            timeout_seconds: seconds,
            on_start: vec![],
            on_done: vec![],
        };
        let (_keep, stop) = watch::channel(false);
        let context = StepContext {
            run: "r".into(),
            lineage: "l".into(),
            secrets: SecretLeaves::new(BTreeMap::from([("s".to_owned(), json!("aHVudGVyMg=="))])),
            progress: Arc::new(Quiet),
            journal: Arc::new(Quiet),
            stop,
        };
        self.kube.run(&step, context).await
    }

    async fn get(&self, api_version: &str, kind: &str, namespace: Option<&str>, name: &str) -> Option<Json> {
        self.plane.get(&ObjectRef::new(api_version, kind, namespace, name)).await.unwrap()
    }

    async fn status(&self, layer: &str) -> Json {
        self.plane.get(&layer_reference(layer)).await.unwrap().map(|live| live["status"].clone()).unwrap_or_default()
    }

    /// Waits for a status of a layer.
    async fn until(&self, layer: &str, so: impl Fn(&Json) -> bool) -> Json {
        for _ in 0..300 {
            let status = self.status(layer).await;
            if so(&status) {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("layer {layer} stays {}", self.status(layer).await);
    }
}

fn layer(name: &str, digest: &str, depends_on: &[&str], objects: Vec<Json>) -> LayerContent {
    let address = shop().with(Part::Layer(name.into()));
    let planned = |mut object: Json| {
        windlass_kube::apply::mark(&mut object, "l", &address.to_string());
        let reference = ObjectRef::of(&object).unwrap();
        PlannedObject { key: reference.key(&shop()), api_version: reference.api_version, content: object, create: true }
    };
    LayerContent {
        name: name.into(),
        kind: LayerKind::Addon,
        depends_on: depends_on.iter().map(|name| (*name).to_owned()).collect(),
        objects: objects.into_iter().map(planned).collect(),
        digest: digest.into(),
        prune: vec![],
        takeovers: vec![],
        address,
        mode: "report".into(),
    }
}

fn space() -> Json {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "play"}})
}

fn map(value: &str) -> Json {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m", "namespace": "play"}, "data": {"a": value}})
}

fn base() -> Vec<Json> {
    let crd = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "toys.example.org"},
        "spec": {
            "group": "example.org", "scope": "Namespaced", "names": {"kind": "Toy", "listKind": "ToyList", "plural": "toys", "singular": "toy"},
            "versions": [{"name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}}}],
        },
    });
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "play"},
        "data": {"k": {"$wl": "secret", "digest": "hmac-sha256:0", "source": "s"}},
    });
    let toy =
        json!({"apiVersion": "example.org/v1", "kind": "Toy", "metadata": {"name": "bear", "namespace": "play"}, "spec": {"soft": true}});
    vec![toy, secret, map("1"), space(), crd]
}

#[tokio::test]
async fn layers_come_in_waves_and_are_pruned() {
    let stage = Stage::open().await;
    let (agent, stop) = stage.agent().await;
    // The dependent is published first, and waits.
    let top = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "top", "namespace": "play"}, "data": {}});
    let waiting = stage.publish(layer("top", "sha256:t", &["base"], vec![top.clone()]), None, 2).await.unwrap_err();
    assert_eq!(waiting.to_string(), "layer top on cluster.shop: WaitingForLayer: there is no layer base yet");
    let done = stage.publish(layer("base", "sha256:1", &[], base()), None, 30).await.unwrap();
    assert_eq!(done.effects.len(), 5);
    assert!(done.effects.iter().all(|effect| matches!(effect, Effect::Object { object, .. } if !object.uid.is_empty())));
    assert!(!format!("{done:?}").contains("aHVudGVyMg=="));
    stage.publish(layer("top", "sha256:t", &["base"], vec![top]), None, 30).await.unwrap();
    assert_eq!(stage.get("v1", "Secret", Some("play"), "s").await.unwrap()["data"]["k"], "aHVudGVyMg==");
    assert!(stage.get("example.org/v1", "Toy", Some("play"), "bear").await.is_some());

    stage.publish(layer("base", "sha256:2", &[], base().into_iter().skip(2).collect()), None, 30).await.unwrap();
    assert!(stage.get("example.org/v1", "Toy", Some("play"), "bear").await.is_none(), "what is no longer rendered goes");
    assert!(stage.get("v1", "ConfigMap", Some("play"), "m").await.is_some());
    let contents = stage.plane.list("v1", "Secret", Some("windlass-system"), Some("agent.windlass.dev/layer=base")).await.unwrap();
    assert_eq!(contents.len(), 1, "old content goes");

    let lease = stage.get("coordination.k8s.io/v1", "Lease", Some("windlass-system"), "windlass-agent").await.unwrap();
    assert_eq!(lease["spec"]["holderIdentity"], "pod-1");
    stop.send(true).unwrap();
    tokio::time::timeout(Duration::from_secs(10), agent).await.unwrap().unwrap();
    let last = stage.get("coordination.k8s.io/v1", "Lease", Some("windlass-system"), "windlass-agent").await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let later = stage.get("coordination.k8s.io/v1", "Lease", Some("windlass-system"), "windlass-agent").await.unwrap();
    assert_eq!(last["spec"]["renewTime"], later["spec"]["renewTime"], "the heart beats after death");
}

#[tokio::test]
async fn drift_is_told_and_repaired_once_for_each_asking() {
    let stage = Stage::open().await;
    let (_agent, _stop) = stage.agent().await;
    let content = layer("base", "sha256:1", &[], vec![space(), map("1")]);
    stage.publish(content.clone(), None, 30).await.unwrap();
    stage.plane.apply(&map("2"), "kubectl", Force::Yes, Persist::Yes).await.unwrap();

    let status = stage.until("base", |status| status["drift"].as_array().is_some_and(|drift| !drift.is_empty())).await;
    assert_eq!(status["drift"][0]["path"], "data.a");
    assert_eq!(status["drift"][0]["manager"], "kubectl");
    assert_eq!(stage.get("v1", "ConfigMap", Some("play"), "m").await.unwrap()["data"]["a"], "2", "told, not repaired");

    let mut repaired = content.clone();
    repaired.takeovers =
        vec![Takeover { key: ObjectRef::of(&map("1")).unwrap().key(&shop()), path: "data.a".into(), manager: "kubectl".into() }];
    stage.publish(repaired.clone(), Some("r1"), 30).await.unwrap();
    assert_eq!(stage.get("v1", "ConfigMap", Some("play"), "m").await.unwrap()["data"]["a"], "1");
    stage.until("base", |status| status["drift"].as_array().is_none_or(Vec::is_empty)).await;

    stage.plane.apply(&map("3"), "kubectl", Force::Yes, Persist::Yes).await.unwrap();
    stage.until("base", |status| status["drift"].as_array().is_some_and(|drift| !drift.is_empty())).await;
    assert_eq!(stage.get("v1", "ConfigMap", Some("play"), "m").await.unwrap()["data"]["a"], "3", "one asking is one repair");
    stage.publish(repaired, Some("r2"), 30).await.unwrap();
    assert_eq!(stage.get("v1", "ConfigMap", Some("play"), "m").await.unwrap()["data"]["a"], "1");
}

#[tokio::test]
async fn healing_needs_no_asking() {
    let stage = Stage::open().await;
    let (_agent, _stop) = stage.agent().await;
    let mut content = layer("base", "sha256:1", &[], vec![space(), map("1")]);
    content.mode = "heal".into();
    stage.publish(content, None, 30).await.unwrap();
    stage.plane.apply(&map("2"), "kubectl", Force::Yes, Persist::Yes).await.unwrap();
    for _ in 0..200 {
        if stage.get("v1", "ConfigMap", Some("play"), "m").await.unwrap()["data"]["a"] == "1" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it was not healed");
}

/// The API never changes a binding's roleRef, so an agent that heals makes the binding again; one that reports does not touch it.
#[tokio::test]
async fn healing_makes_again_what_no_update_puts_right() {
    let binding = |role: &str| {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "reader", "namespace": "play"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": "play"}],
        })
    };
    let reference = ObjectRef::of(&binding("view")).unwrap();
    for (mode, expected) in [("heal", "view"), ("report", "cluster-admin")] {
        let stage = Stage::open().await;
        let (_agent, _stop) = stage.agent().await;
        let mut content = layer("base", "sha256:1", &[], vec![space(), binding("view")]);
        content.mode = mode.into();
        stage.publish(content, None, 30).await.unwrap();
        assert_ne!(stage.plane.delete(&reference, Only::default()).await.unwrap(), Deleted::NotThere);
        // An agent that heals may be faster, and has made it already.
        let _ = stage.plane.apply(&binding("cluster-admin"), "kubectl", Force::Yes, Persist::Yes).await;
        let mut role = Json::Null;
        for _ in 0..100 {
            let live = stage.get("rbac.authorization.k8s.io/v1", "RoleBinding", Some("play"), "reader").await.unwrap_or_default();
            role = live["roleRef"]["name"].clone();
            if mode == "heal" && role == expected {
                break;
            }
            tokio::time::sleep(Duration::from_millis(if mode == "heal" { 50 } else { 5 })).await;
        }
        assert_eq!(role, expected, "{mode}");
    }
}

/// The agent can do what the roles of its ServiceAccount let it, and says what they do not.
#[tokio::test]
async fn an_agent_without_its_binding_does_nothing_and_one_with_too_little_says_so() {
    let stage = Stage::open().await;
    let rbac = "rbac.authorization.k8s.io/v1";
    let binding = ObjectRef::new(rbac, "ClusterRoleBinding", None, AGENT_NAME);
    assert_ne!(stage.plane.delete(&binding, Only::default()).await.unwrap(), Deleted::NotThere);
    let (agent, stop) = stage.agent().await;
    let content = layer("base", "sha256:1", &[], vec![space(), map("1")]);
    let error = stage.publish(content.clone(), None, 4).await.unwrap_err().to_string();
    assert!(error.contains("layer base on cluster.shop"), "{error}");
    assert_eq!(stage.get("coordination.k8s.io/v1", "Lease", Some(SYSTEM_NAMESPACE), AGENT_NAME).await, None, "no heartbeat");
    assert_eq!(stage.get("v1", "Namespace", None, "play").await, None);
    assert_eq!(stage.status("base").await, Json::Null);

    agent.abort();
    drop(stop);

    // Its own namespace and nothing else: it looks after layers, but may apply nothing of them.
    let own = json!({
        "apiVersion": rbac, "kind": "Role", "metadata": {"name": "own", "namespace": SYSTEM_NAMESPACE},
        "rules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
    });
    let to_own = json!({
        "apiVersion": rbac, "kind": "RoleBinding", "metadata": {"name": "own", "namespace": SYSTEM_NAMESPACE},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "own"},
        "subjects": [{"kind": "ServiceAccount", "name": AGENT_NAME, "namespace": SYSTEM_NAMESPACE}],
    });
    for object in [own, to_own] {
        stage.plane.apply(&object, "test", Force::No, Persist::Yes).await.unwrap();
    }
    let (_agent, _stop) = stage.agent().await;
    let words = format!("User \"system:serviceaccount:{SYSTEM_NAMESPACE}:{AGENT_NAME}\" cannot get resource \"namespaces\"");
    is_refused(&stage, content.clone(), &[&words]).await;
    assert_eq!(stage.get("v1", "Namespace", None, "play").await, None);

    let whole = agent_objects("agent:1").into_iter().find(|object| object["kind"] == "ClusterRoleBinding").unwrap();
    stage.plane.apply(&whole, "windlass", Force::No, Persist::Yes).await.unwrap();
    stage.publish(content, None, 60).await.unwrap();
    assert!(stage.get("v1", "ConfigMap", Some("play"), "m").await.is_some());
}

#[tokio::test]
async fn what_does_not_get_ready_is_named() {
    let stage = Stage::open().await;
    let (_agent, _stop) = stage.agent().await;
    let labels = json!({"app": "web"});
    // Nobody runs Deployments on this plane.
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "play"},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}}},
    });
    let error = stage.publish(layer("base", "sha256:1", &[], vec![space(), deployment]), None, 8).await.unwrap_err().to_string();
    assert!(error.starts_with("layer base on cluster.shop: Progressing: Deployment play/web on cluster.shop: "), "{error}");
}

/// What the agent says of a layer that it cannot apply.
fn stall(status: &Json) -> Option<(String, String)> {
    let conditions = status["conditions"].as_array()?;
    let stalled = conditions.iter().find(|condition| condition["type"] == "Stalled" && condition["status"] == "True")?;
    assert!(conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "False"), "{status:#}");
    Some((stalled["reason"].as_str()?.to_owned(), stalled["message"].as_str()?.to_owned()))
}

/// A layer whose step must fail for good long before its timeout, with these words.
async fn is_refused(stage: &Stage, content: LayerContent, words: &[&str]) {
    let begun = std::time::Instant::now();
    let name = content.name.clone();
    let error = stage.publish(content, None, 60).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}: {error}", begun.elapsed());
    let StepError::Refused { summary, hint: Some(_) } = &error else { panic!("{error:?}") };
    let (reason, message) = stall(&stage.status(&name).await).unwrap();
    assert_eq!(*summary, format!("layer {name} on cluster.shop: {reason}: {message}"));
    for word in words {
        assert!(message.contains(word), "{word:?} is missing in {message}");
    }
}

fn web(selected: &str) -> Json {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "play"},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": selected}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}},
        },
    })
}

#[tokio::test]
async fn what_is_invalid_fails_its_step_at_once_and_nothing_else() {
    let stage = Stage::open().await;
    let (_agent, _stop) = stage.agent().await;
    let broken = layer("broken", "sha256:1", &[], vec![space(), map("1"), web("other")]);
    let words = ["Deployment play/web", "spec.template.metadata.labels", "does not match"];
    let beside = layer("beside", "sha256:b", &[], vec![json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "beside"}})]);
    let (_, done) = tokio::join!(is_refused(&stage, broken, &words), stage.publish(beside, None, 30));
    done.unwrap();

    // Content that is valid takes its place; going back to what was never applied whole applies it.
    stage.publish(layer("broken", "sha256:2", &[], vec![space(), map("2")]), None, 30).await.unwrap();
    assert_eq!(stall(&stage.status("broken").await), None);
    is_refused(&stage, layer("broken", "sha256:1", &[], vec![space(), map("1"), web("other")]), &words).await;
    assert_eq!(stage.get("v1", "ConfigMap", Some("play"), "m").await.unwrap()["data"]["a"], "1", "what came before is applied");
    stage.publish(layer("broken", "sha256:2", &[], vec![space(), map("2")]), None, 30).await.unwrap();
    assert_eq!(stage.get("v1", "ConfigMap", Some("play"), "m").await.unwrap()["data"]["a"], "2");
}

#[tokio::test]
async fn a_field_of_another_fails_its_step_until_the_world_is_mended() {
    let stage = Stage::open().await;
    let (_agent, _stop) = stage.agent().await;
    stage.publish(layer("base", "sha256:1", &[], vec![space(), map("1")]), None, 30).await.unwrap();
    stage.plane.apply(&map("2"), "kubectl", Force::Yes, Persist::Yes).await.unwrap();
    let next = layer("base", "sha256:2", &[], vec![space(), map("3")]);
    is_refused(&stage, next.clone(), &["ConfigMap play/m", "data.a is owned by kubectl"]).await;

    // The other one lets go of it: the agent finds out by itself.
    let mut without = map("2");
    without.as_object_mut().unwrap().remove("data");
    stage.plane.apply(&without, "kubectl", Force::Yes, Persist::Yes).await.unwrap();
    stage.until("base", |status| status["ready"] == true && status["digest"] == "sha256:2").await;
    assert_eq!(stage.get("v1", "ConfigMap", Some("play"), "m").await.unwrap()["data"]["a"], "3");
    stage.publish(next, None, 30).await.unwrap();
}

#[tokio::test]
async fn an_old_stall_is_no_answer_to_a_new_apply() {
    let stage = Stage::open().await;
    let theirs = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs", "namespace": "play"}, "data": {}});
    stage.plane.apply(&space(), "kubectl", Force::No, Persist::Yes).await.unwrap();
    stage.plane.apply(&theirs, "kubectl", Force::No, Persist::Yes).await.unwrap();
    let (agent, stop) = stage.agent().await;
    let content = layer("more", "sha256:1", &[], vec![theirs.clone()]);
    is_refused(&stage, content.clone(), &["ConfigMap play/theirs exists already", "it was written by kubectl"]).await;
    stop.send(true).unwrap();
    agent.await.unwrap();

    // Mended while no agent looks: the stall that still stands there is not believed.
    stage.plane.delete(&ObjectRef::of(&theirs).unwrap(), Only::default()).await.unwrap();
    assert!(stall(&stage.status("more").await).is_some());
    let (done, _agent) = tokio::join!(stage.publish(content, None, 30), async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        stage.agent().await
    });
    done.unwrap();
}

#[tokio::test]
async fn what_may_still_come_is_waited_for() {
    let stage = Stage::open().await;
    let (_agent, _stop) = stage.agent().await;
    let [toy, _, _, space, crd] = <[Json; 5]>::try_from(base()).unwrap();
    let waiting = layer("toys", "sha256:1", &[], vec![space, toy]);
    let ((), done) = tokio::join!(
        async {
            let status = stage.until("toys", |status| status["conditions"][0]["reason"] == "ApplyFailed").await;
            assert!(stall(&status).is_none() && status.to_string().contains("the server has no kind Toy in example.org/v1"), "{status}");
            stage.plane.apply(&crd, "kubectl", Force::No, Persist::Yes).await.unwrap();
        },
        stage.publish(waiting, None, 30)
    );
    done.unwrap();
}
