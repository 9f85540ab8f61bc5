//! Machines of another kind in a pivoted cluster: what the plan announces is what the cloud's ledger and the Machines saw replaced; killed in the
//! middle, and taken back in the middle.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use support::small::base;
use support::{Done, Place};
use windlass_sandbox_controllers::Ledger;

const CAPI: &str = "/apis/cluster.x-k8s.io/v1beta2/namespaces/shop";
const CONTROL_PLANE: &str = "cluster.shop.control_plane";
const POOL: &str = "cluster.shop.worker_pool[\"general\"]";
const HOLD: &str = "test.example.com/hold";
/// Variables of the debug binary that name the record after which it dies, and the steps that count.
const DIES: [(&str, &str); 2] = [("WL_CRASH_AFTER", "1"), ("WL_CRASH_STEP", "wait")];

/// A cluster of three control plane machines and a pool, with these instance types.
fn shop(control_plane: &str, pool: &str, workers: u32) -> [String; 2] {
    let cluster = format!(
        r#"
cluster "shop" {{
  cloud    = cloud.aws.main
  profiles = [profile.base]
  control_plane {{
    replicas = 3
    machine {{
      instance_type = "{control_plane}"
    }}
  }}
  worker_pool "general" {{
    replicas = {workers}
    machine {{
      instance_type = "{pool}"
    }}
  }}
}}
"#
    );
    [base(""), cluster]
}

/// A Machine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Machine {
    /// Its instance in the cloud: the last part of its providerID.
    instance: String,
    name: String,
    going: bool,
}

/// The Machines of the cluster by the address of their control plane or pool.
type Fleet = BTreeMap<&'static str, BTreeSet<Machine>>;

#[track_caller]
fn list(place: &Place, path: &str) -> Vec<Json> {
    let list = place.kubectl("shop").get(path).expect("the kind is there");
    list["items"].as_array().cloned().expect("a list")
}

#[track_caller]
fn fleet(place: &Place) -> Fleet {
    let mut fleet = Fleet::new();
    for machine in list(place, &format!("{CAPI}/machines")) {
        let labels = &machine["metadata"]["labels"];
        let owner = match labels["cluster.x-k8s.io/deployment-name"].as_str() {
            None => CONTROL_PLANE,
            Some("shop-general") => POOL,
            Some(other) => panic!("a pool {other}"),
        };
        let id = machine["spec"]["providerID"].as_str().unwrap_or_default();
        fleet.entry(owner).or_default().insert(Machine {
            instance: id.rsplit('/').next().unwrap_or_default().to_owned(),
            name: machine["metadata"]["name"].as_str().expect("a name").to_owned(),
            going: machine["metadata"]["deletionTimestamp"].is_string(),
        });
    }
    fleet
}

/// Instances that live, by the cloud's books.
#[track_caller]
fn living(place: &Place) -> BTreeSet<String> {
    let ledger = Ledger::open_read(&place.path().join(".windlass/sandbox/store/ledger.db")).expect("the ledger");
    ledger.live().expect("its rows").into_iter().filter(|thing| thing.thing == "instance").map(|thing| thing.id).collect()
}

/// How many machines that were there, and that nobody had begun to take away, are in the cloud no more.
fn replaced(before: &Fleet, living: &BTreeSet<String>) -> BTreeMap<String, u64> {
    let gone = |machines: &BTreeSet<Machine>| machines.iter().filter(|one| !one.going && !living.contains(&one.instance)).count() as u64;
    before.iter().map(|(owner, machines)| ((*owner).to_owned(), gone(machines))).filter(|(_, gone)| *gone > 0).collect()
}

/// Plans into `p.wlplan`: what is said, and the machines that its JSON announces.
#[track_caller]
fn plan(place: &Place) -> (Done, BTreeMap<String, u64>) {
    let said = place.run(&["plan", "-detailed-exitcode", "-out=p.wlplan"]).expect(2);
    let shown: Json = serde_json::from_str(&place.run(&["show", "-json", "p.wlplan"]).expect(0).stdout).expect("JSON");
    let changes = shown["windlass"]["changes"].as_array().expect("changes");
    let repaved = changes.iter().filter(|change| change["action"] == "repave");
    let number =
        |change: &Json| (change["address"].as_str().expect("an address").to_owned(), change["machines"].as_u64().expect("a number"));
    (said, repaved.map(number).collect())
}

/// Applies `p.wlplan`; the rest of the story is as it was announced.
#[track_caller]
fn carried_out(place: &Place, announced: &BTreeMap<String, u64>) -> Done {
    let before = fleet(place);
    let done = place.run(&["apply", "p.wlplan"]).expect(0);
    assert_eq!(&replaced(&before, &living(place)), announced, "{}", done.stdout);
    done
}

/// The cluster is whole, of these instance types, and nothing of others is left in it.
#[track_caller]
fn is_whole(place: &Place, control_plane: &str, pool: &str, workers: usize) {
    place.settled();
    let fleet = fleet(place);
    assert_eq!((fleet[CONTROL_PLANE].len(), fleet[POOL].len()), (3, workers), "{fleet:?}");
    let instances: BTreeSet<String> = fleet.values().flatten().map(|machine| machine.instance.clone()).collect();
    assert_eq!(living(place), instances);
    let infrastructure = "/apis/infrastructure.cluster.x-k8s.io/v1beta2/namespaces/shop";
    let types = |path: &str, at: &str| {
        let mut types: Vec<String> = list(place, &format!("{infrastructure}/{path}"))
            .iter()
            .map(|one| one.pointer(at).and_then(Json::as_str).expect("a type").to_owned())
            .collect();
        types.sort();
        types
    };
    let mut templates = vec![control_plane.to_owned(), pool.to_owned()];
    templates.sort();
    assert_eq!(types("awsmachinetemplates", "/spec/template/spec/instanceType"), templates);
    let mut machines = [vec![control_plane.to_owned(); 3], vec![pool.to_owned(); workers]].concat();
    machines.sort();
    assert_eq!(types("awsmachines", "/spec/instanceType"), machines);
    assert_eq!(list(place, "/apis/bootstrap.cluster.x-k8s.io/v1beta2/namespaces/shop/kubeadmconfigtemplates").len(), 1);
    place.run(&["drift"]).expect(0).says("No drift.");
}

fn numbers(machines: &[(&str, u64)]) -> BTreeMap<String, u64> {
    machines.iter().map(|(owner, count)| ((*owner).to_owned(), *count)).collect()
}

#[test]
fn what_the_plan_announces_is_replaced_and_nothing_else() {
    let place = Place::small(&shop("m6i.large", "m6i.large", 2));
    place.apply();
    is_whole(&place, "m6i.large", "m6i.large", 2);

    place.configure(&shop("m6i.large", "m7i.large", 2));
    let (said, announced) = plan(&place);
    assert_eq!(announced, numbers(&[(POOL, 2)]));
    let said = said
        .says("# cluster.shop.worker_pool[\"general\"] will be repaved, 2 machines are replaced")
        .says("# (machine.instance_type: \"m6i.large\" -> \"m7i.large\", changed in configuration)")
        .says("# meanwhile up to 1 more, and never fewer (maxSurge 1, maxUnavailable 0)")
        .says("Plan: 0 to add, 1 to change, 0 to destroy.")
        .says("1 to repave (2 machines).");
    assert!(!said.stdout.contains(CONTROL_PLANE), "{}", said.stdout);
    carried_out(&place, &announced);
    is_whole(&place, "m6i.large", "m7i.large", 2);

    place.configure(&shop("m7i.large", "m7i.large", 2));
    let (said, announced) = plan(&place);
    assert_eq!(announced, numbers(&[(CONTROL_PLANE, 3)]));
    let said = said
        .says("# cluster.shop.control_plane will be repaved, 3 machines are replaced")
        .says("# one machine after the other: a new one comes before an old one goes (maxSurge 1)");
    assert!(!said.stdout.contains(POOL), "{}", said.stdout);
    carried_out(&place, &announced);
    is_whole(&place, "m7i.large", "m7i.large", 2);

    // Both, with one more worker; the workers come after the control plane.
    place.configure(&shop("m6i.large", "m6i.large", 3));
    let (said, announced) = plan(&place);
    assert_eq!(announced, numbers(&[(CONTROL_PLANE, 3), (POOL, 2)]));
    said.says("# (replicas: 2 -> 3, changed in configuration)").says("2 to repave (5 machines).");
    let done = carried_out(&place, &announced);
    let line =
        |text: &str| done.stdout.lines().position(|line| line.starts_with(text)).unwrap_or_else(|| panic!("{text:?}:\n{}", done.stdout));
    assert!(line("cluster.shop.control_plane: removing machine templates") < line(POOL), "{}", done.stdout);
    is_whole(&place, "m6i.large", "m6i.large", 3);
}

#[test]
fn a_roll_that_is_killed_goes_on_and_may_be_taken_back_in_the_middle() {
    let place = Place::small(&shop("m6i.large", "m6i.large", 1));
    place.apply();
    let first = fleet(&place);

    place.configure(&shop("m7i.large", "m6i.large", 1));
    let (_, announced) = plan(&place);
    assert_eq!(announced, numbers(&[(CONTROL_PLANE, 3)]));
    let middle = killed_in_the_middle(&place, &["apply", "p.wlplan"]);
    let_go(&place, &middle);
    place.apply().says("Going on with run");
    assert_eq!(replaced(&first, &living(&place)), announced);
    is_whole(&place, "m7i.large", "m6i.large", 1);

    let second = fleet(&place);
    place.configure(&shop("m6i.large", "m6i.large", 1));
    let middle = killed_in_the_middle(&place, &["apply", "-auto-approve"]);
    place.configure(&shop("m7i.large", "m6i.large", 1));
    // The machine that has come for the change that is taken back, and that one only.
    let (said, announced) = plan(&place);
    assert_eq!(announced, numbers(&[(CONTROL_PLANE, 1)]), "{}", said.stdout);
    let before = fleet(&place);
    let mut apply = place.spawn(&["apply", "p.wlplan"]);
    eventually("the old template at the control plane again", || template_of(&place) == template_in(&middle.control_plane));
    let_go(&place, &middle);
    assert!(apply.wait().expect("it ran").success());
    let alive = living(&place);
    assert_eq!(replaced(&before, &alive), announced);
    // Of those that were there first one had gone already when it was taken back.
    assert_eq!(replaced(&second, &alive), numbers(&[(CONTROL_PLANE, 1)]));
    is_whole(&place, "m7i.large", "m6i.large", 1);
}

/// A roll of the control plane that stands still: a new machine has come, and an old one is on its way.
struct Middle {
    held: Vec<String>,
    control_plane: Json,
}

fn template_in(control_plane: &Json) -> Json {
    control_plane["spec"]["machineTemplate"]["spec"]["infrastructureRef"]["name"].clone()
}

#[track_caller]
fn control_plane(place: &Place) -> Json {
    let path = "/apis/controlplane.cluster.x-k8s.io/v1beta2/namespaces/shop/kubeadmcontrolplanes/shop-control-plane";
    place.kubectl("shop").get(path).expect("the control plane")
}

#[track_caller]
fn template_of(place: &Place) -> Json {
    template_in(&control_plane(place))
}

/// The command dies when it has asked for other machines; the roll goes on without it until a machine that goes is held.
#[track_caller]
fn killed_in_the_middle(place: &Place, command: &[&str]) -> Middle {
    let before = control_plane(place);
    let held: Vec<String> = fleet(place)[CONTROL_PLANE].iter().map(|machine| format!("{CAPI}/machines/{}", machine.name)).collect();
    let kubectl = place.kubectl("shop");
    held.iter().for_each(|path| kubectl.hold(path, HOLD));
    let done = place.run_with(command, &DIES);
    assert_eq!(done.code, None, "it does not die:\n{}\n{}", done.stdout, done.stderr);
    eventually("the middle of the roll", || {
        let machines = &fleet(place)[CONTROL_PLANE];
        // The new one, and not the one that goes, though what that was made from may be gone already.
        let counted = control_plane(place)["status"]["upToDateReplicas"] == 1;
        machines.len() == 4 && machines.iter().filter(|machine| machine.going).count() == 1 && counted
    });
    assert_ne!(template_of(place), template_in(&before));
    Middle { held, control_plane: before }
}

/// What was held may go, or stay.
#[track_caller]
fn let_go(place: &Place, middle: &Middle) {
    let kubectl = place.kubectl("shop");
    middle.held.iter().for_each(|path| kubectl.let_go(path, HOLD));
}

#[track_caller]
fn eventually(what: &str, so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what} has not come");
        std::thread::sleep(Duration::from_millis(100));
    }
}
