//! Every attribute of every block, changed on a living cluster: refused by name, made in place, or without effect for a written reason.
//! Never ignored.

#[path = "../../../../engine/core/tests/planner/world.rs"]
#[expect(dead_code, reason = "the world of the planner's tests does more than is needed here")]
mod world;

#[path = "../../../../tests/support/repository.rs"]
mod components;
mod table;

/// What the world asks of a wish.
mod wish {
    use windlass_core::addr::{Address, Instance};

    pub const LINEAGE: &str = "11111111-2222-3333-4444-555555555555";

    pub fn cluster(name: &str) -> Address {
        Address::cluster(Instance::new(name))
    }

    pub fn management() -> Address {
        Address::management("sandbox")
    }
}

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::json;
use windlass_clouds::PROVIDERS;
use windlass_core::config::{Inputs, evaluate, schema};
use windlass_core::desired::Desired;
use windlass_core::diag::{Code, Diagnostics, SourceMap};
use windlass_core::expand::expand;
use windlass_core::files::{FileError, FileErrorKind, Files};
use windlass_core::lang::parse;
use windlass_core::object::ObjectKey;
use windlass_core::plan::{ChangeAction, Mode};
use windlass_core::repository::{self, Texts};
use windlass_core::schema::BlockSchema;

use table::{Outcome, Row, table};
use world::World;

/// `some.yaml` and `other.yaml`, each with a ConfigMap.
struct Manifests;

impl Files for Manifests {
    fn read(&self, path: &str) -> Result<Arc<[u8]>, FileError> {
        let name = path.trim_end_matches(".yaml");
        Ok(format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  namespace: kube-system\n").into_bytes().into())
    }

    fn list(&self, dir: &str, _: &str) -> Result<Vec<String>, FileError> {
        Err(FileError { path: dir.to_owned(), kind: FileErrorKind::NotFound, detail: String::new() })
    }
}

/// A configuration with what a row puts into its block.
fn configuration(slot: &str, text: &str) -> String {
    let mut whole = table::CONFIGURATION.to_owned();
    for (name, default) in table::SLOTS {
        // An image is named or looked up, not both.
        let text = match (*name == slot, slot, *name) {
            (true, ..) => text,
            (false, "lookup", "os") => "",
            (false, ..) => default,
        };
        whole = whole.replace(&format!("#{name}#"), text);
    }
    whole
}

fn wish(text: &str) -> (Desired, Diagnostics) {
    let mut sources = SourceMap::new();
    let (body, mut found) = parse(&mut sources, "main.wl.hcl", text.as_bytes());
    let inputs =
        Inputs { body: &body, variables: &[], providers: PROVIDERS, files: &Manifests, version: "0.1.0", agent_image: "windlass:test" };
    let (mut model, more) = evaluate(&inputs, &mut sources);
    found.extend(more);
    for need in repository::needs(&model) {
        let [components, metadata] = components::texts(&need.spec.label);
        let components = components.replace("${REGISTRY_TOKEN}", "none").into_bytes();
        let texts = Texts { name: need.folder(), components, metadata: Some(metadata.into_bytes()) };
        repository::read(&mut model, &need, &texts, &mut sources, &mut found);
    }
    let (desired, more) = expand(&model, wish::LINEAGE);
    found.extend(more);
    found.0.retain(|diagnostic| diagnostic.is_error());
    (desired, found)
}

/// The world in which a configuration is up, and nothing is left to do.
fn up(text: &str) -> Result<World, String> {
    let told = |found: &Diagnostics| found.iter().map(|one| one.summary.clone()).collect::<Vec<_>>().join("; ");
    let (wish, found) = wish(text);
    if !found.is_empty() {
        return Err(format!("the old value is refused: {}", told(&found)));
    }
    let mut world = World::empty();
    installed(&mut world, &wish);
    let (plan, found) = world.plan(&wish, Mode::Apply);
    if !found.is_empty() {
        return Err(format!("the old value cannot be planned: {}", told(&found)));
    }
    world.apply(&plan, usize::MAX);
    let (plan, found) = world.plan(&wish, Mode::Apply);
    match found.is_empty() && plan.steps.is_empty() {
        true => Ok(world),
        false => Err(format!("nothing has changed yet: {}", told(&found))),
    }
}

/// The plane of a `management` block, with the managers that somebody else installs on it.
fn installed(world: &mut World, wish: &Desired) {
    for provider in wish.providers.iter().filter(|provider| !provider.spec.install) {
        let plane = provider.address.root();
        let key = ObjectKey {
            plane: plane.clone(),
            group: "apps".to_owned(),
            kind: "Deployment".to_owned(),
            namespace: Some(provider.spec.namespace.clone()),
            name: provider.spec.deployment.clone(),
        };
        world.planes.insert(plane, "uid-real".to_owned());
        world.objects.insert(key, json!({"spec": {"replicas": 1}}));
    }
}

/// What a change of one attribute gives on a cluster that lives.
fn outcome(row: &Row, worlds: &mut BTreeMap<String, Result<World, String>>) -> Result<(), String> {
    let [old, new] = [row.old, row.new].map(|text| configuration(row.slot, text));
    let world = worlds.entry(old).or_insert_with_key(|old| up(old)).as_ref().map_err(String::clone)?;
    let (after, invalid) = wish(&new);
    let (plan, found) = world.plan(&after, Mode::Apply);
    let told: Vec<String> = found.iter().map(|one| format!("{} {}", one.summary, one.detail)).collect();
    let changed: Vec<(String, ChangeAction)> = plan
        .changes
        .iter()
        .filter(|change| change.action != ChangeAction::NoOp)
        .map(|change| (change.address.to_string(), change.action))
        .collect();
    let day_two = found.iter().all(|one| one.code == Code::DAY_TWO && one.primary.is_some());
    let invalid: Vec<&str> = invalid.iter().map(|one| one.summary.as_str()).collect();
    let well = match row.outcome {
        Outcome::Refused(words) => invalid.is_empty() && day_two && told.iter().any(|text| text.contains(words)),
        Outcome::InPlace(address) => {
            invalid.is_empty() && found.is_empty() && changed == [(address.to_owned(), ChangeAction::Update)] && !plan.steps.is_empty()
        }
        Outcome::Invalid(words) => invalid.iter().any(|text| text.contains(words)),
        Outcome::Nothing(reason) => {
            invalid.is_empty() && found.is_empty() && changed.is_empty() && plan.steps.is_empty() && !reason.is_empty()
        }
    };
    if well { Ok(()) } else { Err(format!("wanted {:?}\ninvalid {invalid:#?}\nfound {told:#?}\nchanged {changed:?}", row.outcome)) }
}

fn paths(prefix: &str, schema: &BlockSchema, found: &mut BTreeSet<String>) {
    found.extend(schema.attributes.iter().map(|attribute| format!("{prefix}.{}", attribute.name)));
    for nested in schema.blocks {
        paths(&format!("{prefix}.{}", nested.name), nested.body, found);
    }
}

/// Attributes of blocks that are part of a living cluster, with the name of their block.
fn attributes() -> BTreeSet<String> {
    // Read apart from the schemas.
    let mut found = BTreeSet::from(["cluster.depends_on".to_owned(), "layer.depends_on".to_owned()]);
    for (name, block) in [
        ("windlass", &schema::WINDLASS),
        ("management", &schema::MANAGEMENT),
        ("cluster", &schema::CLUSTER),
        ("control_plane", &schema::CONTROL_PLANE),
        ("worker_pool", &schema::WORKER_POOL),
        ("profile", &schema::PROFILE),
        ("os", &schema::OS),
        ("kubernetes", &schema::KUBERNETES),
        ("layer", &schema::LAYER),
        ("cloud_controller", &schema::CLOUD_CONTROLLER),
    ] {
        paths(name, block, &mut found);
    }
    for provider in PROVIDERS {
        let schema = provider.schema();
        paths("cloud", schema.cloud, &mut found);
        paths("cluster", schema.cluster, &mut found);
        paths("machine", schema.machine, &mut found);
    }
    found
}

#[test]
fn every_attribute_has_a_row() {
    let rows: BTreeSet<String> = table().iter().map(|row| row.path.to_owned()).collect();
    let known: BTreeSet<String> = attributes();
    let missing: Vec<&String> = known.difference(&rows).collect();
    let unknown: Vec<&String> = rows.difference(&known).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "without a row: {missing:#?}\nno such attribute: {unknown:#?}");
}

#[test]
fn no_change_of_a_living_cluster_is_ignored() {
    // The language wants a deep stack in debug builds.
    let run = || {
        let mut worlds = BTreeMap::new();
        table().iter().filter_map(|row| outcome(row, &mut worlds).err().map(|why| format!("{}: {why}", row.path))).collect::<Vec<_>>()
    };
    let wrong = std::thread::scope(|scope| {
        std::thread::Builder::new().stack_size(16 << 20).spawn_scoped(scope, run).expect("a thread").join().expect("no panic")
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
