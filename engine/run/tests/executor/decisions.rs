//! What becomes of an unfinished run, and how a half-done pivot is finished.

use serde_json::{Value as Json, json};
use windlass_core::addr::{Address, Instance, Part};
use windlass_core::facts::ClusterAccess;
use windlass_core::plan::{Action, Mode, PivotSpec, Plan};
use windlass_core::recorded::{JournalRecord, Phase, UnfinishedRun};
use windlass_run::execute::Start;
use windlass_run::ports::{EVIDENCE_DELETING_SOURCE, RunEnd};
use windlass_run::resume::{Asked, Decision, Direction, HalfPivot, decide, finishing};
use windlass_run::summary::Verdict;

use crate::world::{Bench, apply, management, plan, shop};

fn pivot() -> PivotSpec {
    let access = ClusterAccess { name: "shop".into(), namespace: "shop".into(), management: management() };
    PivotSpec { cluster: shop(), access, from: management(), to: shop(), providers: Vec::new() }
}

fn pivoting() -> Plan {
    let mut plan = plan(vec![
        ("make", &[], apply(&management(), &["x"])),
        ("pivot", &[0], Action::Pivot { pivot: pivot() }),
        ("verify", &[1], Action::VerifyPivot { pivot: pivot() }),
        ("rest", &[2], apply(&shop(), &["y"])),
    ]);
    plan.steps[1].address = shop().with(Part::Pivot);
    plan
}

/// A journal from `step phase` words; `deleting` is the pivot's record of no return.
fn journal(words: &[(&str, &str)]) -> Vec<JournalRecord> {
    let record = |(seq, (step, what)): (u64, &(&str, &str))| {
        let (phase, evidence) = match *what {
            "started" => (Phase::Started, Json::Null),
            "copied" => (Phase::Progress, json!({"copied": "Cluster"})),
            "deleting" => (Phase::Progress, json!({ EVIDENCE_DELETING_SOURCE: true })),
            "done" => (Phase::Done, Json::Null),
            "refused" | "timed out" | "unreachable" | "stopped" => (Phase::Failed, json!({ "how": what })),
            other => panic!("{other}"),
        };
        JournalRecord { seq, step: (*step).to_owned(), phase, evidence }
    };
    (1..).zip(words).map(record).collect()
}

fn unfinished(words: &[(&str, &str)]) -> UnfinishedRun {
    UnfinishedRun { id: "run".into(), plan_digest: "digest".into(), plan: "text".into(), journal: journal(words) }
}

#[test]
fn an_unfinished_run_goes_on_is_finished_or_gives_way() {
    let same = Asked::Bare { mode: Mode::Apply, desired_digest: "wish" };
    let other = Asked::Bare { mode: Mode::Apply, desired_digest: "another wish" };
    let destroy = Asked::Bare { mode: Mode::Destroy, desired_digest: "wish" };
    let saved = Asked::Saved { digest: "digest" };
    let other_saved = Asked::Saved { digest: "another" };
    let own = [shop()];
    let abandon = Asked::Abandon { clusters: &own };
    let others = [Address::cluster(Instance::new("other"))];
    let abandon_other = Asked::Abandon { clusters: &others };
    let half = |direction| Decision::FinishPivotFirst(HalfPivot { step: 1, direction });
    let before = [("make", "started"), ("make", "done")].as_slice();
    let copying = [("pivot", "started"), ("pivot", "copied")].as_slice();
    let deleting = [("pivot", "started"), ("pivot", "copied"), ("pivot", "deleting")].as_slice();
    let pivoted = [("pivot", "started"), ("pivot", "deleting"), ("pivot", "done")].as_slice();
    let turning = [("pivot", "started"), ("pivot:back", "started"), ("pivot:back", "deleting")].as_slice();
    let turned = [("pivot", "started"), ("pivot:back", "started"), ("pivot:back", "done")].as_slice();
    let table = [
        (before, same, Decision::GoOn),
        (before, saved, Decision::GoOn),
        (before, other, Decision::Supersede),
        (before, destroy, Decision::Supersede),
        (before, other_saved, Decision::Supersede),
        (copying, same, Decision::GoOn),
        (copying, saved, Decision::GoOn),
        (copying, other, half(Direction::Back)),
        (copying, destroy, half(Direction::Back)),
        (deleting, same, Decision::GoOn),
        (deleting, other, half(Direction::Forward)),
        (deleting, destroy, half(Direction::Forward)),
        (pivoted, same, Decision::GoOn),
        (pivoted, other, Decision::Supersede),
        (turning, other, half(Direction::Back)),
        (turning, same, half(Direction::Back)),
        (turned, same, Decision::Supersede),
        (turned, other, Decision::Supersede),
        // What failed by itself is planned anew; what was stopped or did not answer goes on.
        (&[("make", "started"), ("make", "refused")], same, Decision::Supersede),
        (&[("make", "started"), ("make", "timed out")], same, Decision::Supersede),
        (&[("make", "started"), ("make", "refused"), ("make", "started")], same, Decision::GoOn),
        (&[("make", "started"), ("make", "stopped")], same, Decision::GoOn),
        (&[("make", "started"), ("make", "unreachable")], same, Decision::GoOn),
        (&[("make", "started"), ("make", "refused")], saved, Decision::GoOn),
        (&[("pivot", "started"), ("pivot", "timed out")], same, Decision::GoOn),
        (before, abandon, Decision::Supersede),
        (copying, abandon, Decision::Supersede),
        (deleting, abandon, Decision::Supersede),
        (turning, abandon, Decision::Supersede),
        (before, abandon_other, Decision::Supersede),
        (copying, abandon_other, half(Direction::Back)),
        (deleting, abandon_other, half(Direction::Forward)),
    ];
    let plan = pivoting();
    for (words, asked, expected) in table {
        assert_eq!(decide(Some((&unfinished(words), &plan)), asked), expected, "{words:?} {asked:?}");
    }
    for words in [copying, deleting] {
        let refused = decide(Some((&unfinished(words), &plan)), other_saved);
        assert!(
            matches!(&refused, Decision::Refuse { reason, .. } if reason.starts_with("cluster.shop.pivot is half done")),
            "{refused:?}"
        );
    }
    assert_eq!(decide(None, saved), Decision::Begin);
}

#[tokio::test]
async fn a_half_done_pivot_is_finished_alone_and_the_run_superseded() {
    for (direction, steps) in [(Direction::Forward, ["run pivot", "run verify"].as_slice()), (Direction::Back, &["run pivot:back"])] {
        let bench = Bench::new();
        bench.state.recorded.lock().unwrap().unfinished = Some(unfinished(&[("make", "started"), ("make", "done"), ("pivot", "started")]));
        let finishing = finishing(&pivoting(), &HalfPivot { step: 1, direction });
        let summary = bench.start(&finishing, Start::FinishPivot).await;
        assert_eq!(summary.verdict, Verdict::Done, "{summary:?}");
        let ran: Vec<String> = bench.world.log().into_iter().filter(|line| line.starts_with("run ")).collect();
        assert_eq!(ran, steps);
        assert_eq!(*bench.state.ended.lock().unwrap(), [RunEnd::Superseded]);
        if let (Direction::Back, Action::Pivot { pivot }) = (direction, &finishing.steps[0].action) {
            assert_eq!((&pivot.from, &pivot.to), (&shop(), &management()));
        }
    }
}
