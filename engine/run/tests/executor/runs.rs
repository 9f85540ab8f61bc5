//! Single runs: what is done, in which order, what is said, and with which verdict.

use std::sync::atomic::Ordering;
use std::time::Duration;

use windlass_core::facts::{ClusterAccess, PlaneFact};
use windlass_core::plan::{Action, Plan, Unplanned};
use windlass_core::recorded::{Phase, RecordedPlane};
use windlass_run::event::RunEvent;
use windlass_run::execute::{Start, StopRequest};
use windlass_run::ports::RunEnd;
use windlass_run::summary::{Summary, Verdict};

use crate::world::{Bench, Death, Manner, answers, apply, management, object, plan, shop};

fn three_and_a_branch() -> Plan {
    plan(vec![
        ("a", &[], apply(&management(), &["a"])),
        ("b", &[0], apply(&management(), &["b"])),
        ("c", &[1], apply(&shop(), &["c"])),
        ("branch", &[], apply(&shop(), &["branch"])),
    ])
}

fn phases(bench: &Bench, step: &str) -> Vec<Phase> {
    let journal = bench.state.recorded().unfinished.map(|run| run.journal).unwrap_or_default();
    journal.iter().filter(|record| record.step == step).map(|record| record.phase).collect()
}

fn errors(summary: &Summary) -> Vec<String> {
    summary.refused.iter().chain(summary.failed.iter().map(|(_, error)| error)).map(ToString::to_string).collect()
}

/// Lets everything go as far as it can.
async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn all_steps_are_done_in_order_and_the_run_ends() {
    let bench = Bench::new();
    let summary = bench.run(&three_and_a_branch()).await;
    assert_eq!((summary.verdict, summary.done.as_slice(), summary.run.as_deref()), (Verdict::Done, [0, 1, 2, 3].as_slice(), Some("run")));
    let log = bench.world.log();
    assert_eq!(log.first().map(String::as_str), Some("hold management.m cluster.shop for run at 1"));
    assert_eq!(log.last().map(String::as_str), Some("release"));
    let place = |text: &str| log.iter().position(|line| line == text).unwrap();
    assert!(place("run a") < place("run b") && place("run b") < place("run c"));
    assert_eq!(bench.state.recorded().unfinished, None);
    assert_eq!(*bench.state.ended.lock().unwrap(), [RunEnd::Done]);
    let events = bench.events.lock().unwrap();
    assert!(matches!(events.first(), Some(RunEvent::Planned { steps: 4, done, .. }) if done.is_empty()));
    assert_eq!(events.iter().filter(|event| matches!(event, RunEvent::StepDone { .. })).count(), 4);
}

#[tokio::test]
async fn a_failed_step_skips_what_needs_it_and_the_next_run_goes_on_from_there() {
    let bench = Bench::new();
    bench.world.behave("b", Manner::Fails);
    let summary = bench.run(&three_and_a_branch()).await;
    assert_eq!(summary.verdict, Verdict::Failed);
    assert_eq!((summary.done.as_slice(), summary.skipped.as_slice()), ([0, 3].as_slice(), [(2, 1)].as_slice()));
    assert_eq!(errors(&summary), ["403"]);
    assert_eq!(*bench.state.ended.lock().unwrap(), [RunEnd::Partial]);
    assert_eq!(phases(&bench, "b"), [Phase::Started, Phase::Failed]);
    let journal = bench.state.recorded().unfinished.unwrap().journal;
    assert!(journal.iter().all(|record| !record.evidence.to_string().contains("403")), "an API's words may quote secrets");
    let mut done = journal.iter().filter(|record| record.phase == Phase::Done);
    assert!(done.all(|record| record.evidence["took_ms"].is_u64() && record.evidence["of"].is_string()), "{journal:?}");

    bench.world.manners.lock().unwrap().clear();
    bench.world.log.lock().unwrap().clear();
    let summary = bench.run(&three_and_a_branch()).await;
    assert_eq!((summary.verdict, summary.done.len()), (Verdict::Done, 4));
    assert_eq!(bench.world.log(), ["hold management.m cluster.shop for run at 2", "run b", "run c", "release"]);
}

#[tokio::test]
async fn no_more_steps_act_at_once_than_allowed() {
    let ids: Vec<String> = (0..20).map(|index| format!("s{index}")).collect();
    let steps = ids.iter().map(|id| (id.as_str(), [].as_slice(), apply(&management(), &[id]))).collect();
    let bench = Bench { parallelism: 3, ..Bench::new() };
    assert_eq!(bench.run(&plan(steps)).await.verdict, Verdict::Done);
    assert_eq!(*bench.world.most_acting.lock().unwrap(), 3);
}

#[tokio::test]
async fn what_changed_since_the_plan_is_refused_before_anything_is_written() {
    let bench = Bench::new();
    bench.world.objects.lock().unwrap().insert(object(&shop(), "c"), "somebody's".into());
    let before = bench.state.recorded();
    let summary = bench.run(&three_and_a_branch()).await;
    assert_eq!((summary.verdict, summary.run.as_deref()), (Verdict::Stale, None));
    assert_eq!(errors(&summary), ["ConfigMap n/c on cluster.shop: data was absent, is somebody's"]);
    assert_eq!(bench.world.log(), Vec::<String>::new());
    assert_eq!((bench.state.recorded(), bench.state.commits()), (before, 0));
}

#[tokio::test]
async fn what_changes_during_the_run_stops_only_the_step_that_expects_it() {
    let bench = Bench::new();
    bench.world.behave("a", Manner::Waits);
    let plan = three_and_a_branch();
    let meddle = async {
        settle().await;
        bench.world.objects.lock().unwrap().insert(object(&management(), "b"), "somebody's".into());
        bench.world.manners.lock().unwrap().clear();
        bench.clock.advance(Duration::from_secs(601));
    };
    let (summary, ()) = tokio::join!(bench.run(&plan), meddle);
    assert_eq!(summary.verdict, Verdict::TimedOut, "a waited too long, so b was never reached");
    bench.world.log.lock().unwrap().clear();
    let summary = bench.run(&plan).await;
    assert_eq!(summary.verdict, Verdict::Stale);
    assert_eq!(errors(&summary), ["ConfigMap n/b on management.m: data was absent, is somebody's"]);
    assert_eq!(bench.world.log(), Vec::<String>::new());
}

#[tokio::test]
async fn a_step_is_stale_by_itself_if_the_world_changes_after_the_first_check() {
    let bench = Bench::new();
    let plan = three_and_a_branch();
    bench.world.behave("branch", Manner::Waits);
    bench.world.lease_lost.store(true, Ordering::SeqCst);
    let meddle = async {
        settle().await;
        bench.world.objects.lock().unwrap().insert(object(&management(), "a"), "somebody's".into());
        bench.world.lease_lost.store(false, Ordering::SeqCst);
        bench.world.manners.lock().unwrap().clear();
        bench.clock.advance(Duration::from_secs(1));
    };
    let (summary, ()) = tokio::join!(bench.run(&plan), meddle);
    assert_eq!(summary.verdict, Verdict::Stale);
    assert_eq!((summary.done.as_slice(), summary.skipped.as_slice()), ([3].as_slice(), [(1, 0), (2, 0)].as_slice()));
    assert_eq!(phases(&bench, "a"), [], "nothing was begun");
}

/// Runs a plan, one step of which is given no more time than it has.
async fn run_out_of_time(bench: &Bench, plan: &Plan) -> Summary {
    let later = async {
        settle().await;
        bench.clock.advance(Duration::from_secs(600));
    };
    tokio::join!(bench.run(plan), later).0
}

#[tokio::test]
async fn a_step_that_takes_too_long_is_in_progress_and_says_what_it_waits_for() {
    let bench = Bench::new();
    bench.world.behave("b", Manner::Waits);
    let plan = three_and_a_branch();
    let summary = run_out_of_time(&bench, &plan).await;
    assert_eq!((summary.verdict, summary.verdict.exit_code()), (Verdict::TimedOut, 7));
    assert_eq!(errors(&summary), ["Deployment x: 0 of 1 available"]);
    let events = bench.events.lock().unwrap();
    assert_eq!(events.iter().filter(|event| matches!(event, RunEvent::Waiting { .. })).count(), 1, "told once");
}

#[tokio::test]
async fn a_step_that_has_said_nothing_times_out_with_words_of_its_own() {
    let bench = Bench::new();
    bench.world.behave("branch", Manner::IsDeaf);
    let plan = three_and_a_branch();
    let summary = run_out_of_time(&bench, &plan).await;
    assert_eq!(summary.verdict, Verdict::TimedOut);
    assert_eq!(errors(&summary), ["cluster.shop: no answer yet"]);
}

#[tokio::test]
async fn stopping_soon_lets_steps_end_and_begins_no_other() {
    let bench = Bench { parallelism: 1, ..Bench::new() };
    let plan = three_and_a_branch();
    let press = async {
        tokio::task::yield_now().await;
        bench.stop.send_replace(StopRequest::Soon);
    };
    let (summary, ()) = tokio::join!(bench.run(&plan), press);
    assert_eq!((summary.verdict.exit_code(), summary.not_reached.is_empty()), (130, false));
    assert_eq!(summary.done.len() + summary.not_reached.len(), 4);
    assert!(summary.failed.is_empty() && summary.skipped.is_empty());
    bench.stop.send_replace(StopRequest::None);
    assert_eq!(bench.run(&plan).await.verdict, Verdict::Done);
}

#[tokio::test]
async fn stopping_now_stops_steps_that_wait_and_drops_those_that_hear_nothing() {
    for (manner, patience) in [(Manner::Waits, 0), (Manner::IsDeaf, 5)] {
        let bench = Bench::new();
        bench.world.behave("b", manner);
        let plan = three_and_a_branch();
        let press = async {
            settle().await;
            bench.stop.send_replace(StopRequest::Now);
            settle().await;
            bench.clock.advance(Duration::from_secs(patience));
        };
        let (summary, ()) = tokio::join!(bench.run(&plan), press);
        assert_eq!(summary.verdict, Verdict::Stopped, "{manner:?}");
        assert_eq!((summary.done.as_slice(), summary.not_reached.as_slice()), ([0, 3].as_slice(), [2].as_slice()), "{manner:?}");
        assert_eq!((summary.stopped.as_slice(), errors(&summary)), ([1].as_slice(), Vec::new()), "{manner:?}: it did not fail");
        assert!(!summary.is_complete(), "{manner:?}");
        assert_eq!(bench.world.log().last().map(String::as_str), Some("release"));
    }
}

#[tokio::test]
async fn a_full_disk_stops_everything_without_a_further_effect() {
    for commit in 1..8 {
        let bench = Bench { parallelism: 1, ..Bench::new() };
        bench.state.revive(Death::DiskFull(commit));
        let summary = bench.run(&three_and_a_branch()).await;
        assert_eq!(summary.verdict, Verdict::Failed, "{commit}");
        assert_eq!(errors(&summary)[0], "the state could not be written: no space is left", "{commit}");
        let begun = bench.state.recorded().unfinished.unwrap().journal.iter().filter(|record| record.phase == Phase::Started).count();
        let ran = bench.world.log().iter().filter(|line| line.starts_with("run ")).count();
        assert_eq!(begun, ran, "{commit}: a step runs only after its record");
        bench.state.revive(Death::Never);
        assert_eq!(bench.run(&three_and_a_branch()).await.verdict, Verdict::Done, "{commit}");
        assert!(bench.world.made.lock().unwrap().values().all(|times| *times == 1), "{commit}");
    }
    let bench = Bench::new();
    bench.state.revive(Death::DiskFull(0));
    let summary = bench.run(&three_and_a_branch()).await;
    assert_eq!((summary.verdict, summary.run.as_deref()), (Verdict::Failed, None));
    assert_eq!(bench.world.log(), Vec::<String>::new());
}

#[tokio::test]
async fn planes_that_do_not_answer_block_their_steps_only() {
    let bench = Bench::new();
    bench.world.planes.lock().unwrap().insert(shop(), PlaneFact::Unreachable { reason: "no route".into() });
    let summary = bench.run(&three_and_a_branch()).await;
    assert_eq!((summary.verdict, summary.verdict.exit_code()), (Verdict::Unreachable, 3));
    assert_eq!(summary.done, [0, 1]);
    assert_eq!(bench.world.log(), ["hold management.m for run at 1", "run a", "run b", "release"]);
    bench.world.planes.lock().unwrap().insert(management(), PlaneFact::Unreachable { reason: "down".into() });
    let bench = Bench { world: bench.world, ..Bench::new() };
    let summary = bench.run(&three_and_a_branch()).await;
    assert_eq!((summary.verdict, summary.run.as_deref(), bench.state.commits()), (Verdict::Unreachable, None, 0));
}

#[tokio::test]
async fn a_step_that_meets_silence_is_unreachable_and_the_others_go_on() {
    let bench = Bench::new();
    bench.world.behave("branch", Manner::Unreachable);
    let summary = bench.run(&three_and_a_branch()).await;
    assert_eq!((summary.verdict, summary.done.as_slice()), (Verdict::Unreachable, [0, 1, 2].as_slice()));
}

#[tokio::test]
async fn what_could_not_be_planned_makes_a_complete_run_partial() {
    let mut plan = three_and_a_branch();
    plan.unplanned.push(Unplanned { address: shop(), reason: "no route".into() });
    let bench = Bench::new();
    let summary = bench.run(&plan).await;
    assert_eq!((summary.verdict, summary.is_complete()), (Verdict::Unreachable, true));
    assert_eq!(*bench.state.ended.lock().unwrap(), [RunEnd::Done]);
}

#[tokio::test]
async fn another_plane_an_older_state_or_another_lineage_is_refused_untouched() {
    let another = Bench::new();
    another.world.planes.lock().unwrap().insert(shop(), answers("elsewhere", None));
    let older = Bench::new();
    older.world.planes.lock().unwrap().insert(management(), answers("here", Some(3)));
    let recorded_otherwise = Bench::new();
    recorded_otherwise.state.recorded.lock().unwrap().planes.insert(management(), RecordedPlane { uid: "once".into() });
    let lineage = Bench::new();
    lineage.state.recorded.lock().unwrap().lineage = "other".into();
    for (bench, text) in [
        (another, "cluster.shop is not the plane that this state was made with"),
        (older, "this state is older than the one that management.m has seen"),
        (recorded_otherwise, "management.m is not the plane that this state was made with"),
        (lineage, "the plan was made for state lineage, this is state other"),
    ] {
        let summary = bench.run(&three_and_a_branch()).await;
        assert_eq!((summary.verdict, bench.state.commits()), (Verdict::Failed, 0), "{text}");
        assert!(errors(&summary)[0].contains(text), "{:?}", errors(&summary));
        assert_eq!(bench.world.log(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_plane_held_by_another_run_is_noticed_before_anything_is_written() {
    let bench = Bench::new();
    *bench.world.held.lock().unwrap() = Some("run 17".into());
    let summary = bench.run(&three_and_a_branch()).await;
    assert_eq!((summary.verdict, summary.run, bench.state.commits()), (Verdict::Locked, None, 0));
    assert_eq!((bench.state.ended.lock().unwrap().clone(), bench.world.log()), (Vec::new(), Vec::<String>::new()));
}

/// The other run has written with a newer serial by then, so that a copy of the state is old, too: who holds the plane comes first.
#[tokio::test]
async fn a_plane_held_by_another_run_comes_before_the_age_of_the_state() {
    let bench = Bench::new();
    bench.world.planes.lock().unwrap().insert(management(), answers("here", Some(3)));
    *bench.world.held.lock().unwrap() = Some("run 17".into());
    let summary = bench.run(&three_and_a_branch()).await;
    assert_eq!((summary.verdict, summary.verdict.exit_code(), bench.state.commits()), (Verdict::Locked, 6, 0));
    assert!(errors(&summary)[0].contains("run 17"), "{:?}", errors(&summary));
    *bench.world.held.lock().unwrap() = None;
    let summary = bench.run(&three_and_a_branch()).await;
    assert!(errors(&summary)[0].contains("this state is older"), "{:?}", errors(&summary));
}

#[tokio::test]
async fn a_plane_taken_by_another_run_after_the_look_ends_ours_without_an_effect() {
    let bench = Bench::new();
    *bench.world.held.lock().unwrap() = Some("run 17".into());
    bench.world.held_unseen.store(true, Ordering::SeqCst);
    let summary = bench.run(&three_and_a_branch()).await;
    assert_eq!((summary.verdict, summary.verdict.exit_code()), (Verdict::Locked, 6));
    assert_eq!(*bench.state.ended.lock().unwrap(), [RunEnd::Superseded]);
    assert_eq!(summary.not_reached, [0, 1, 2, 3]);
    assert_eq!(bench.world.log(), ["release"]);
}

#[tokio::test]
async fn a_run_that_is_superseded_leaves_its_leases_to_the_next() {
    let bench = Bench::new();
    bench.world.behave("a", Manner::Fails);
    assert_eq!(bench.run(&three_and_a_branch()).await.verdict, Verdict::Failed);
    bench.world.log.lock().unwrap().clear();
    let other = plan(vec![("other", &[], apply(&management(), &["other"]))]);
    let summary = bench.start(&other, Start::New { run: "next", text: "other", digest: "other" }).await;
    assert_eq!(summary.verdict, Verdict::Done);
    let log = ["hold management.m for run at 1", "release", "hold management.m for next at 2", "run other", "release"];
    assert_eq!(bench.world.log(), log);
}

#[tokio::test]
async fn without_a_fresh_lease_no_step_begins() {
    let bench = Bench::new();
    bench.world.lease_lost.store(true, Ordering::SeqCst);
    let plan = three_and_a_branch();
    let pass = async {
        for _ in 0..130 {
            settle().await;
            bench.clock.advance(Duration::from_millis(500));
        }
    };
    let (summary, ()) = tokio::join!(bench.run(&plan), pass);
    assert_eq!(summary.verdict, Verdict::Unreachable);
    assert!(errors(&summary)[0].contains("our Lease on it was not renewed for 60 s"), "{:?}", errors(&summary));
    assert!(bench.world.log().iter().all(|line| !line.starts_with("run ")));
}

#[tokio::test]
async fn a_plane_that_a_step_opens_is_held_before_anything_is_done_on_it() {
    let access = ClusterAccess { name: "shop".into(), namespace: "shop".into(), management: management() };
    let mut plan = plan(vec![("open", &[], Action::OpenPlane { plane: shop(), access }), ("use", &[0], apply(&shop(), &["x"]))]);
    plan.planes[1].uid = None;
    let bench = Bench::new();
    bench.world.planes.lock().unwrap().remove(&shop());
    let summary = bench.run(&plan).await;
    assert_eq!(summary.verdict, Verdict::Done, "{summary:?}");
    assert_eq!(bench.world.log(), ["hold management.m for run at 1", "run open", "join cluster.shop at 1", "run use", "release"]);
    assert_eq!(bench.state.recorded().planes.get(&shop()).map(|plane| plane.uid.as_str()), Some("here"));
}

#[tokio::test]
async fn a_plan_that_contradicts_itself_is_refused() {
    let backwards = plan(vec![("a", &[1], Action::Record), ("b", &[], Action::Record)]);
    let twins = plan(vec![("a", &[], Action::Record), ("a", &[], Action::Record)]);
    let mut dangling = plan(vec![("a", &[], Action::Record)]);
    dangling.steps[0].expects = vec![4];
    for (plan, text) in [(backwards, "step 0 needs step 1"), (twins, "have the id a"), (dangling, "a fingerprint that is not there")] {
        let bench = Bench::new();
        let summary = bench.run(&plan).await;
        assert_eq!((summary.verdict, bench.state.commits()), (Verdict::Failed, 0));
        assert!(errors(&summary)[0].contains(text), "{:?}", errors(&summary));
    }
}

#[tokio::test]
async fn a_run_may_live_on_any_thread() {
    let summary = tokio::spawn(async { Bench::new().run(&three_and_a_branch()).await }).await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done);
    assert!(summary.failed.is_empty() && summary.stopped.is_empty());
}
