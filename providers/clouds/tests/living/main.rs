//! Every attribute of every block, changed on a living cluster: made in place, made by other machines, refused by name, or without effect for
//! a written reason. Never ignored.

#[path = "../../../../engine/core/tests/planner/world.rs"]
#[expect(dead_code, reason = "the world of the planner's tests does more than is needed here")]
mod world;

mod changes;
#[path = "../../../../tests/support/repository.rs"]
mod components;
mod law;
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
use windlass_core::config::{Inputs, evaluate};
use windlass_core::desired::Desired;
use windlass_core::diag::{Code, Diagnostics, SourceMap};
use windlass_core::expand::expand;
use windlass_core::files::{FileError, FileErrorKind, Files};
use windlass_core::lang::parse;
use windlass_core::object::ObjectKey;
use windlass_core::plan::{Mode, Plan};
use windlass_core::repository::{self, Texts};

use changes::Changes;
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
    let (before, _) = wish(&old);
    let world = worlds.entry(old).or_insert_with_key(|old| up(old)).as_ref().map_err(String::clone)?;
    let (after, invalid) = wish(&new);
    let (plan, found) = world.plan(&after, Mode::Apply);
    let told: Vec<String> = found.iter().map(|one| format!("{} {} {}", one.code, one.summary, one.detail)).collect();
    let invalid: Vec<&str> = invalid.iter().map(|one| one.summary.as_str()).collect();
    let refused = |code: Code, words: &str| {
        let alike = found.iter().all(|one| one.code == code && one.primary.is_some());
        invalid.is_empty() && alike && told.iter().any(|text| text.contains(words))
    };
    let good = invalid.is_empty() && found.is_empty();
    let changes = Changes::of(&plan);
    let well = match row.outcome {
        Outcome::Refused(words) => refused(Code::DAY_TWO, words),
        Outcome::Fixed(words) => refused(Code::FIXED, words),
        Outcome::InPlace(addresses) => {
            let only = changes.repaved.is_empty() && changes.others().is_empty();
            good && changes.updated == addresses && only && !plan.steps.is_empty()
        }
        Outcome::Adds(address) => {
            good && changes.updated == ["cluster.shop"] && changes.repaved.is_empty() && changes.others() == [format!("{address} Create")]
        }
        Outcome::Repave(machines) => good && changes.only_repaves(machines) && changes.are_whole(&before),
        Outcome::Invalid(words) => invalid.iter().any(|text| text.contains(words)),
        Outcome::Nothing(reason) => good && changes.are_none() && plan.steps.is_empty() && !reason.is_empty(),
    };
    let made = if good { made(world, &plan, &after, &changes) } else { Ok(()) };
    match (well, made) {
        (true, Ok(())) => Ok(()),
        (well, made) => Err(format!(
            "{}wanted {:?}\ninvalid {invalid:#?}\nfound {told:#?}\n{changes:?}\n{}",
            if well { "" } else { "NOT AS WANTED: " },
            row.outcome,
            made.err().unwrap_or_default()
        )),
    }
}

/// The plan is carried out: Cluster API rolls what was announced and nothing else, no template is left over, and nothing is left to do.
fn made(world: &World, plan: &Plan, wish: &Desired, changes: &Changes) -> Result<(), String> {
    let mut after = world.clone();
    after.apply(plan, usize::MAX);
    let rolled = changes::rolled(&world.objects, &after.objects);
    let announced: BTreeSet<String> = changes.repaved.keys().cloned().collect();
    if rolled != announced {
        return Err(format!("Cluster API rolls {rolled:?}, announced were {announced:?}"));
    }
    let unused = changes::unused_templates(&after.objects);
    if !unused.is_empty() {
        return Err(format!("nothing refers to {unused:?}"));
    }
    let (plan, found) = after.plan(wish, Mode::Apply);
    let changes = Changes::of(&plan);
    if found.is_empty() && plan.steps.is_empty() && changes.are_none() {
        return Ok(());
    }
    Err(format!("a plan after it finds {:?} {changes:?} {:?}", found.iter().map(|one| &one.summary).collect::<Vec<_>>(), plan.steps))
}

#[test]
fn every_attribute_has_a_row() {
    let rows: BTreeSet<String> = table().iter().map(|row| row.path.to_owned()).collect();
    let known: BTreeSet<String> = law::attributes().into_keys().collect();
    let missing: Vec<&String> = known.difference(&rows).collect();
    let unknown: Vec<&String> = rows.difference(&known).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "without a row: {missing:#?}\nno such attribute: {unknown:#?}");
}

#[test]
fn no_change_of_a_living_cluster_is_ignored() {
    let wrong = on_a_deep_stack(|| {
        let mut worlds = BTreeMap::new();
        table().iter().filter_map(|row| outcome(row, &mut worlds).err().map(|why| format!("{}: {why}", row.path))).collect::<Vec<_>>()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Of a block with attributes that stay, the defaults may be written out, and what may change beside them.
#[test]
fn a_block_with_its_defaults_written_out_is_the_same() {
    on_a_deep_stack(|| {
        let world = up(&configuration("cluster", "")).expect("a cluster");
        let (same, _) = wish(&configuration("cluster", "load_balancer {\n scheme = \"internet-facing\"\n }"));
        let (plan, found) = world.plan(&same, Mode::Apply);
        assert!(found.is_empty(), "{:?}", found.iter().map(|one| &one.summary).collect::<Vec<_>>());
        let changes = Changes::of(&plan);
        assert!(changes.only_repaves(&[]) && changes.updated == ["cluster.shop"], "{changes:?}");
        made(&world, &plan, &same, &changes).expect("the state hears of it, and no plane");
    });
}

/// The language wants a deep stack in debug builds.
fn on_a_deep_stack<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        std::thread::Builder::new().stack_size(16 << 20).spawn_scoped(scope, run).expect("a thread").join().expect("no panic")
    })
}
