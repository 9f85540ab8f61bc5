//! A layer of many ConfigMaps: by the engine's step, by a loop of a plain client, by `kubectl apply`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value as Json, json};
use windlass_core::addr::{Address, Part};
use windlass_core::encode::DigestKey;
use windlass_core::layer::LayerKind;
use windlass_core::plan::action::LayerContent;
use windlass_core::plan::{Action, PlannedObject};
use windlass_kube::apply::mark;
use windlass_kube::kinds::ObjectRef;
use windlass_kube::layers::ensure::AT_ONCE;
use windlass_kube::planes::PlaneSource;
use windlass_kube::{Kube, KubeOptions};
use windlass_proving_ground::{Ground, Plane, PlaneSpec};

use super::Size;
use super::hands::{LINEAGE, cluster, run_journalled};
use super::journal::OnDisk;
use super::table::{Contestant, Goal, head};

/// Objects of the turns that only warm the server up.
const WARM: usize = 100;

/// Where and with what.
struct Arena<'a> {
    ground: &'a Ground,
    plane: Plane,
    kubectl: Option<PathBuf>,
}

/// Measures all, prints the table, and gives what is to be reached.
pub async fn measure(ground: &Ground, size: &Size) -> Vec<Goal> {
    let plane = Plane::start(ground, PlaneSpec::named("management").expect("keys")).await.expect("a plane");
    // What is measured is a server and its clients: elsewhere these run on other machines.
    for service in [&plane.controller_manager, &plane.scheduler, &plane.kubelets] {
        service.stop().await;
    }
    let arena = Arena { ground, plane, kubectl: kubectl(ground) };
    arena.say_versions().await;
    arena.engine("warm-engine", WARM.min(size.objects)).await;
    arena.client("warm-client", WARM.min(size.objects), AT_ONCE).await;

    let mut engine = Contestant::new(format!("windlass, the step ApplyLayer, {AT_ONCE} at once"));
    let mut client = Contestant::new(format!("plain client, {AT_ONCE} at once"));
    let mut wider: Vec<_> = size.at_once.iter().map(|n| (*n, Contestant::new(format!("plain client, {n} at once")))).collect();
    let mut kubectl = Contestant::new("kubectl apply --server-side -f, a file of YAML documents");
    let mut kubectl_list = Contestant::new("kubectl apply --server-side -f, a JSON List");
    for round in 0..size.rounds {
        let (a, b) = (format!("engine-{round}"), format!("client-{round}"));
        if round % 2 == 0 {
            engine.took.push(arena.engine(&a, size.objects).await);
            client.took.push(arena.client(&b, size.objects, AT_ONCE).await);
        } else {
            client.took.push(arena.client(&b, size.objects, AT_ONCE).await);
            engine.took.push(arena.engine(&a, size.objects).await);
        }
        for (at_once, contestant) in &mut wider {
            contestant.took.push(arena.client(&format!("client-{round}-by-{at_once}"), size.objects, *at_once).await);
        }
        // It takes minutes, and a second turn of it would tell no more.
        if round == 0 {
            kubectl.took.extend(arena.kubectl(&format!("kubectl-{round}"), size.objects, documents).await);
        }
        kubectl_list.took.extend(arena.kubectl(&format!("kubectl-list-{round}"), size.objects, list).await);
    }
    head();
    let all = [&engine, &client].into_iter().chain(wider.iter().map(|(_, contestant)| contestant)).chain([&kubectl, &kubectl_list]);
    all.filter(|contestant| !contestant.took.is_empty()).for_each(|contestant| contestant.row(size.objects));
    let goal = |other: &Contestant, at_least: f64| {
        let what = format!("a layer of {} objects beside {}", size.objects, other.name);
        (!other.took.is_empty()).then(|| Goal { what, ratio: other.median() / engine.median(), at_least })
    };
    // Within 20 %; and ten times, beside the form that manifests have.
    goal(&client, 1.0 / 1.2).into_iter().chain(goal(&kubectl, 10.0)).collect()
}

/// The one that was built with the servers, else the one that lies on the way.
fn kubectl(ground: &Ground) -> Option<PathBuf> {
    let built = ground.components().program("kubectl");
    let found = if built.is_file() { built } else { PathBuf::from("kubectl") };
    Command::new(&found).arg("version").arg("--client").output().ok().filter(|output| output.status.success()).map(|_| found)
}

impl Arena<'_> {
    async fn say_versions(&self) {
        let server = self.plane.client().apiserver_version().await.expect("a version").git_version;
        let kubectl = match &self.kubectl {
            None => "no kubectl here: it is left out".to_owned(),
            Some(program) => {
                let output = Command::new(program).arg("version").arg("--client").output().expect("it runs");
                let text = String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned();
                format!("kubectl: {text}")
            }
        };
        println!("kube-apiserver {server}; {kubectl}");
    }

    /// The step that a plan has for a layer, by hands that know nothing yet, with the whole of it: inventory, order, waiting for health.
    async fn engine(&self, namespace: &str, count: usize) -> Duration {
        let plane = cluster("bench");
        let kube = Kube::new(KubeOptions {
            lineage: LINEAGE.to_owned(),
            digest_key: DigestKey([7; 32]),
            sources: BTreeMap::from([(plane.clone(), self.source())]),
            stable_for: Duration::ZERO,
        });
        self.make_namespace(namespace).await;
        let layer = layer(&plane, namespace, count);
        let file = self.ground.data_folder("journals").expect("a folder").join(namespace);
        let journal = Arc::new(OnDisk::begin(&file).expect("a journal"));
        let begun = Instant::now();
        let done = run_journalled(&kube, &layer.address.clone(), Action::ApplyLayer { plane, layer }, journal).await;
        let took = begun.elapsed();
        done.unwrap_or_else(|error| panic!("{error}"));
        self.check(namespace, count).await;
        took
    }

    async fn client(&self, namespace: &str, count: usize, at_once: usize) -> Duration {
        self.make_namespace(namespace).await;
        let objects = maps(namespace, count);
        let config = kube::config::Kubeconfig::from_yaml(self.plane.kubeconfig()).expect("a kubeconfig");
        let config = kube::Config::from_custom_kubeconfig(config, &Default::default()).await.expect("a kubeconfig");
        let begun = Instant::now();
        let client = kube::Client::try_from(config).expect("a client");
        let api: Api<ConfigMap> = Api::namespaced(client, namespace);
        let parameters = PatchParams::apply("plain-client").validation_strict();
        let applied = stream::iter(&objects)
            .map(|object| {
                let name = object["metadata"]["name"].as_str().expect("a name");
                let (api, parameters) = (&api, &parameters);
                async move { api.patch(name, parameters, &Patch::Apply(object)).await }
            })
            .buffer_unordered(at_once)
            .try_collect::<Vec<ConfigMap>>()
            .await;
        let took = begun.elapsed();
        assert_eq!(applied.expect("applied").len(), count);
        self.check(namespace, count).await;
        took
    }

    async fn kubectl(&self, namespace: &str, count: usize, form: fn(&[Json]) -> String) -> Option<Duration> {
        let program = self.kubectl.as_ref()?;
        self.make_namespace(namespace).await;
        let folder = self.ground.data_folder("kubectl").expect("a folder");
        let file = folder.join(format!("{namespace}.yaml"));
        std::fs::write(&file, form(&maps(namespace, count))).expect("written");
        let took = tokio::task::block_in_place(|| apply_file(program, self.plane.kubeconfig_file(), &file, &folder));
        self.check(namespace, count).await;
        Some(took)
    }

    fn source(&self) -> PlaneSource {
        PlaneSource::Text { kubeconfig: self.plane.kubeconfig().to_owned(), context: None }
    }

    async fn make_namespace(&self, name: &str) {
        let namespace: Namespace = serde_json::from_value(json!({"metadata": {"name": name}})).expect("a namespace");
        Api::all(self.plane.client()).create(&PostParams::default(), &namespace).await.expect("created");
    }

    async fn check(&self, namespace: &str, count: usize) {
        let api: Api<ConfigMap> = Api::namespaced(self.plane.client(), namespace);
        let there = api.list_metadata(&ListParams::default()).await.expect("listed").items.len();
        assert_eq!(there, count, "ConfigMaps in {namespace}");
    }
}

fn apply_file(program: &Path, kubeconfig: &Path, file: &Path, home: &Path) -> Duration {
    let mut command = Command::new(program);
    command.env("HOME", home).arg("--kubeconfig").arg(kubeconfig).args(["apply", "--server-side", "-f"]).arg(file);
    let begun = Instant::now();
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    begun.elapsed()
}

fn documents(objects: &[Json]) -> String {
    objects.iter().map(|object| format!("---\n{}", serde_saphyr::to_string(object).expect("YAML"))).collect()
}

/// What YAML reads too.
fn list(objects: &[Json]) -> String {
    json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string()
}

fn layer(plane: &Address, namespace: &str, count: usize) -> LayerContent {
    let address = plane.with(Part::Layer(namespace.to_owned()));
    let planned = |content: Json| {
        let reference = ObjectRef::of(&content).expect("an object");
        PlannedObject { key: reference.key(plane), api_version: reference.api_version, content, create: true }
    };
    LayerContent {
        name: namespace.to_owned(),
        kind: LayerKind::Addon,
        depends_on: Default::default(),
        objects: maps(namespace, count).into_iter().map(planned).collect(),
        digest: "sha256:1".to_owned(),
        prune: Vec::new(),
        takeovers: Vec::new(),
        address,
        mode: "report".to_owned(),
    }
}

/// The same objects for all, marks included, of about 1 KB.
fn maps(namespace: &str, count: usize) -> Vec<Json> {
    let address = cluster("bench").with(Part::Layer(namespace.to_owned())).to_string();
    let map = |number: usize| {
        let mut map = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("map-{number:04}"), "namespace": namespace},
            "data": {"number": number.to_string(), "text": "words ".repeat(100)},
        });
        mark(&mut map, LINEAGE, &address);
        map
    };
    (0..count).map(map).collect()
}
