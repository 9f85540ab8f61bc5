//! The quickstart example through the whole core: files → model → wish → plan, on an empty management plane.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use windlass_clouds::PROVIDERS;
use windlass_core::config::{Inputs, evaluate};
use windlass_core::diag::{Diagnostics, SourceMap};
use windlass_core::encode::DigestKey;
use windlass_core::expand::expand;
use windlass_core::facts::{Demand, Facts, PlaneFact, PlaneIdentity};
use windlass_core::files::{FileError, FileErrorKind, Files};
use windlass_core::lang::parse;
use windlass_core::plan::{Action, ChangeAction, Mode, Plan, PlanOptions, demands, plan};
use windlass_core::recorded::Recorded;

const KEY: DigestKey = DigestKey([9; 32]);

/// The example's folder; patterns have one star, in their last name.
struct Folder(PathBuf);

impl Folder {
    fn at(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }
}

fn fault(path: &str) -> FileError {
    FileError { path: path.to_owned(), kind: FileErrorKind::NotFound, detail: String::new() }
}

impl Files for Folder {
    fn read(&self, path: &str) -> Result<Arc<[u8]>, FileError> {
        std::fs::read(self.at(path)).map(Arc::from).map_err(|_| fault(path))
    }

    fn list(&self, dir: &str, pattern: &str) -> Result<Vec<String>, FileError> {
        let (below, name) = pattern.rsplit_once('/').unwrap_or(("", pattern));
        let (head, tail) = name.split_once('*').unwrap_or((name, ""));
        let entries = std::fs::read_dir(self.at(dir).join(below)).map_err(|_| fault(dir))?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut found: Vec<String> = names.filter(|name| name.starts_with(head) && name.ends_with(tail)).collect();
        found.iter_mut().for_each(|name| *name = if below.is_empty() { name.clone() } else { format!("{below}/{name}") });
        found.sort();
        Ok(found)
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/quickstart")
}

fn first_plan() -> (Plan, Vec<Demand>, Diagnostics) {
    let mut sources = SourceMap::new();
    let text = std::fs::read(folder().join("main.wl.hcl")).expect("the example");
    let (body, mut found) = parse(&mut sources, "main.wl.hcl", &text);
    let files = Folder(folder());
    let inputs =
        Inputs { body: &body, variables: &[], providers: PROVIDERS, files: &files, version: "0.1.0", agent_image: "windlass:test" };
    let (model, more) = evaluate(&inputs, &mut sources);
    found.extend(more);
    let (desired, more) = expand(&model, "lineage");
    found.extend(more);
    let recorded = Recorded { lineage: "lineage".into(), ..Recorded::default() };
    let questions = demands(&desired, &recorded, Mode::Apply);
    let mut facts = Facts::default();
    for question in &questions {
        if let Demand::Plane { plane, access } = question {
            let identity = PlaneIdentity {
                uid: "u".into(),
                version: "v1.34.3".into(),
                endpoint: "https://localhost".into(),
                ca_certificate: String::new(),
                last_serial: None,
                agent_heartbeat_age: None,
                certificate_days: None,
                access_outdated: false,
            };
            facts.planes.insert(plane.clone(), if access.is_some() { PlaneFact::Absent } else { PlaneFact::Reachable(identity) });
        }
    }
    let options = PlanOptions { mode: Mode::Apply, tool_version: "0.1.0", key: &KEY, replace: &[], release_foreign: false, abandon: &[] };
    let (plan, more) = plan(&desired, &recorded, &facts, &options);
    found.extend(more);
    (plan, questions, found)
}

/// The language wants a deep stack in debug builds.
fn on_a_deep_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(16 << 20).spawn_scoped(scope, work).expect("a thread");
        thread.join().expect("no panic")
    })
}

#[test]
fn the_quickstart_is_planned_without_findings() {
    let (plan, questions, found) = on_a_deep_stack(first_plan);
    assert!(found.is_empty(), "{found:#?}");
    assert!(plan.changes.iter().all(|change| matches!(change.action, ChangeAction::Create | ChangeAction::Pivot)), "{:#?}", plan.changes);
    assert!(plan.unplanned.is_empty());
    let kinds: Vec<&str> = plan
        .steps
        .iter()
        .map(|step| match &step.action {
            Action::Pivot { .. } => "pivot",
            Action::PublishLayer { .. } => "publish",
            Action::StoreOutputs { .. } => "outputs",
            _ => "",
        })
        .filter(|word| !word.is_empty())
        .collect();
    assert_eq!(kinds.iter().filter(|word| **word == "pivot").count(), 1);
    assert!(kinds.iter().filter(|word| **word == "publish").count() >= 5, "{kinds:?}");
    let text = serde_json::to_string(&plan).expect("a plan");
    for canary in ["quickstart-only", "cXVpY2tzdGFydC1vbmx5"] {
        assert!(!text.contains(canary), "the plan holds the database password");
    }
    // Names on the workload plane are not asked for before it exists.
    assert!(questions.iter().all(|question| !matches!(question, Demand::Get { key, .. } if key.plane.is_cluster())));
}
