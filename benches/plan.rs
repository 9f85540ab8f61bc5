//! How long a plan takes: configuration → wish → plan, for an empty world and for one in which nothing is to be done. Prints a table.
//!
//! `cargo bench -p windlass --bench plan`. A resource is a real one: a cluster's layer or pool with its objects, ten to a cluster (design section 9).
//! Without `--bench` it runs once, small, and measures nothing.
#![expect(clippy::print_stdout, reason = "its table is for people")]

use std::time::{Duration, Instant};

use windlass_clouds::PROVIDERS;
use windlass_core::config::{Inputs, evaluate};
use windlass_core::desired::Desired;
use windlass_core::diag::SourceMap;
use windlass_core::expand::expand;
use windlass_core::files::NoFiles;
use windlass_core::lang;
use windlass_core::plan::{ChangeAction, Mode, PlanOptions};

#[path = "../engine/core/tests/planner/world.rs"]
#[allow(dead_code, clippy::all, clippy::pedantic, reason = "the planner's tests use all of it")]
mod world;

#[path = "support/memory.rs"]
mod memory;
#[path = "../tests/support/small.rs"]
mod small;

/// What the world in memory takes from the planner's tests.
mod wish {
    use windlass_core::addr::{Address, Instance};

    pub const LINEAGE: &str = "6b1c2c9e-0000-4000-8000-000000000001";

    pub fn management() -> Address {
        Address::management("sandbox")
    }

    pub fn cluster(name: &str) -> Address {
        Address::cluster(Instance { name: "c".to_owned(), key: Some(name.to_owned()) })
    }
}

use world::World;

/// Resources of one cluster in this configuration: cluster, control plane, 2 pools, agent, pivot, 4 layers.
const PER_CLUSTER: usize = 10;

fn configuration(clusters: usize) -> String {
    let keys: Vec<String> = (0..clusters).map(|i| format!("\"c{i:05}\"")).collect();
    let object = |name: &str| {
        format!(
            "objects = [for i in range(3) : {{ apiVersion = \"v1\", kind = \"ConfigMap\", metadata = {{ name = \"{name}-${{i}}\", namespace = \"kube-system\" }}, data = {{ cluster = target.name, text = \"line one\\nline two\" }} }}]"
        )
    };
    let one = format!("  addon \"one\" {{\n    {}\n  }}", object("one"));
    let clusters = format!(
        r#"
cluster "c" {{
  for_each = toset([{}])
  name     = each.key
  cloud    = cloud.aws.main
  profiles = [profile.base]
  control_plane {{
    replicas = 3
    machine {{
      instance_type = "m6i.large"
    }}
  }}
  worker_pool "a" {{
    replicas = 3
    machine {{
      instance_type = "m6i.large"
    }}
  }}
  worker_pool "b" {{
    replicas = 2
    machine {{
      instance_type = "m6i.xlarge"
    }}
  }}
}}
"#,
        keys.join(", ")
    );
    small::profile(&object("net"), &object("disk"), &one) + &clusters
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    let result = work();
    (result, begun.elapsed())
}

fn wish(clusters: usize) -> Desired {
    let text = configuration(clusters);
    let mut sources = SourceMap::default();
    let (body, found) = lang::parse(&mut sources, "bench.wl.hcl", text.as_bytes());
    assert!(!found.has_errors(), "{found:?}");
    let inputs = Inputs {
        body: &body,
        variables: &[],
        providers: PROVIDERS,
        files: &NoFiles,
        version: "0.1.0",
        agent_image: "ghcr.io/windlass-dev/windlass:bench",
    };
    let (model, found) = evaluate(&inputs, &mut sources);
    assert!(!found.has_errors(), "{found:?}");
    let (desired, found) = expand(&model, wish::LINEAGE);
    assert!(!found.has_errors(), "{found:?}");
    desired
}

fn measure(clusters: usize) {
    let (desired, evaluated) = timed(|| wish(clusters));
    let mut world = World::empty();
    // What planes would answer is no part of planning.
    let facts = world.facts(&desired, Mode::Apply);
    let options =
        PlanOptions { mode: Mode::Apply, tool_version: "0.1.0", key: &world::KEY, replace: &[], release_foreign: false, abandon: &[] };
    let ((plan, found), planned) = timed(|| windlass_core::plan::plan(&desired, &world.state, &facts, &options));
    assert!(!found.has_errors(), "{found:?}");
    let (bytes, encoded) = timed(|| windlass_core::plan::file::to_bytes(&plan));
    world.apply(&plan, usize::MAX);
    let facts = world.facts(&desired, Mode::Apply);
    let ((second, _), settled) = timed(|| windlass_core::plan::plan(&desired, &world.state, &facts, &options));
    assert!(second.steps.is_empty() && second.changes.iter().all(|change| change.action == ChangeAction::NoOp), "a second plan is empty");
    println!(
        "{:>9} {:>7} {:>12} {:>12} {:>12} {:>12} {:>9} {:>8}",
        plan.changes.len(),
        plan.steps.len(),
        format!("{evaluated:.0?}"),
        format!("{planned:.0?}"),
        format!("{settled:.0?}"),
        format!("{encoded:.0?}"),
        bytes.len() / 1024,
        memory::peak_megabytes("self")
    );
}

fn main() {
    let real = std::env::args().any(|argument| argument == "--bench");
    let sizes: &[usize] = if real { &[1000 / PER_CLUSTER, 2000 / PER_CLUSTER] } else { &[2] };
    let work = move || {
        println!("resources   steps  configuration  first plan  no-op plan    plan file   kB      MB");
        sizes.iter().for_each(|clusters| measure(*clusters));
    };
    // The language wants more stack than a debug build's main thread has.
    let thread = std::thread::Builder::new().stack_size(64 << 20).spawn(work).map(std::thread::JoinHandle::join);
    assert!(matches!(thread, Ok(Ok(()))), "the bench ended early");
}
