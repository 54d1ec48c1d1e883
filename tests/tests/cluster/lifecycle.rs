//! What people do to a job while it runs, and how it ends.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use temper_crds::trial::ReportState;
use temper_tests::cluster::{Job, World, condition};

const QUICK: &str = r#"echo "{\"loss\": $PARAM_x}""#;
/// Reports at once, and then does not end unless it is asked to.
const ENDLESS: &str = r#"trap 'exit 0' TERM; echo "{\"loss\": $PARAM_x}"; while :; do sleep 0.1; done"#;

#[test]
fn a_suspended_job_has_no_pods_and_goes_on_when_it_is_resumed() {
    let Some(world) = World::new("suspend") else { return };
    let _operator = world.operator();
    let ledger = world.ledger("held");
    world.apply(&Job::new("held", r#"sleep 3; echo "{\"loss\": $PARAM_x}""#).sized(3, 2));
    let is_running = |pod: &k8s_openapi::api::core::v1::Pod| {
        pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Running")
    };
    let running = || world.pods("held").iter().filter(|pod| is_running(pod)).count();
    world.until("running", running, |running| *running == 2);
    world.change("held", &json!({"suspend": true}));
    let status =
        world.status("held", "suspended", |status| status.state == "Suspended" && status.trials.running == 0);
    assert!(condition(&status, "Suspended").0 && !condition(&status, "Progressing").0);
    world.until("without running pods", running, |running| *running == 0);
    thread::sleep(Duration::from_secs(1));
    assert_eq!(world.pods("held").iter().filter(|pod| is_running(pod)).count(), 0, "none is made meanwhile");
    world.change("held", &json!({"suspend": false}));
    let status = world.completes("held");
    assert!(!condition(&status, "Suspended").0);
    assert_eq!((status.trials.created, status.trials.completed, status.trials.failed), (3, 3, 0));
    assert!(ledger.most_live() <= 2);
    assert!(world.trials("held").iter().all(|trial| trial.spec.failures == 0), "a pause is no failure");
}

#[test]
fn a_job_that_is_suspended_while_its_trials_begin_makes_no_more_pods() {
    const AT_ONCE: u32 = 400;
    let Some(world) = World::new("interrupted") else { return };
    let _operator = world.operator();
    // No node takes them: what is tried is the operator alone.
    let nowhere = json!({"nodeSelector": {"temper.test/node": "none"}});
    world.apply(&Job::new("crowd", QUICK).sized(AT_ONCE, AT_ONCE).with_pod(&nowhere));
    world.until("the first pods", || world.pods("crowd").len(), |pods| *pods > 0);
    world.change("crowd", &json!({"suspend": true}));
    let status = world.status("crowd", "suspended", |status| {
        status.state == "Suspended" && status.trials.running == 0 && status.trials.pending == AT_ONCE
    });
    assert_eq!(status.trials.created, AT_ONCE);
    world.until("without pods", || world.pods("crowd").len(), |pods| *pods == 0);
    let trials = world.trials("crowd");
    assert_eq!(trials.len() as u32, AT_ONCE, "each is on record");
    let never_begun = trials.iter().filter(|trial| trial.spec.pod.is_none()).count() as u32;
    assert!(never_begun > AT_ONCE / 4, "the line was interrupted, not worked off: {never_begun}");
    world.change("crowd", &json!({"suspend": false}));
    world.until("pods again", || world.pods("crowd").len(), |pods| *pods > 0);
}

#[test]
fn a_budget_is_raised_while_a_job_runs_and_after_its_end() {
    let Some(world) = World::new("budget") else { return };
    let _operator = world.operator();
    let ledger = world.ledger("growing");
    world.apply(&Job::new("growing", r#"sleep 1.5; echo "{\"loss\": $PARAM_x}""#).sized(4, 1));
    world.status("growing", "running", |status| status.trials.running == 1);
    world.change("growing", &json!({"budget": {"parallelism": 3}}));
    let first = world.completes("growing");
    assert_eq!((first.trials.completed, ledger.most_live()), (4, 3));
    world.change("growing", &json!({"budget": {"maxTrials": 6}}));
    let second = world.status("growing", "complete again", |status| {
        condition(status, "Complete").0 && status.trials.completed == 6
    });
    assert_eq!(second.progress, "6/6");
    assert_eq!(second.start_time, first.start_time);
    ledger.each_once(6, 3);
}

#[test]
fn a_budget_is_lowered_while_a_job_runs() {
    let Some(world) = World::new("lower") else { return };
    let _operator = world.operator();
    world.apply(&Job::new("shrinking", r#"sleep 1; echo "{\"loss\": $PARAM_x}""#).sized(20, 4));
    world.status("shrinking", "running", |status| status.trials.running == 4);
    world.change("shrinking", &json!({"budget": {"parallelism": 1, "maxTrials": 9}}));
    // What runs is not ended for it.
    world.status("shrinking", "down to one", |status| status.trials.running <= 1);
    let ledger = world.ledger("shrinking");
    let status = world.completes("shrinking");
    assert_eq!((status.trials.created, status.trials.completed, status.progress.as_str()), (9, 9, "9/9"));
    ledger.each_once(9, 1);
}

#[test]
fn a_command_that_does_not_end_when_it_is_asked_to_is_ended_within_its_pod_s_grace() {
    let Some(world) = World::new("stubborn") else { return };
    let _operator = world.operator();
    let script = r#"trap '' TERM; echo "{\"loss\": $PARAM_x}"; while :; do sleep 0.1; done"#;
    world.apply(&Job::new("stubborn", script).sized(1, 1));
    let report = || world.trials("stubborn").pop().and_then(|trial| trial.status?.report);
    world.until("at work", report, Option::is_some);
    let asked = Instant::now();
    world.change("stubborn", &json!({"suspend": true}));
    let report = world.until("paused", report, |report| {
        report.as_ref().is_some_and(|report| report.state == ReportState::Paused)
    });
    // A grace of 5 s, and what a busy machine needs to hear and to tell of it.
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    assert!(report.is_some_and(|report| report.finished_at.is_some()));
    let events = world.kubectl(&["get", "events", "-o", "yaml"]);
    assert!(!events.contains("PodDoesNotEnd"), "it is not for the operator to end it: {events}");
}

#[test]
fn a_job_ends_at_its_target() {
    let Some(world) = World::new("target") else { return };
    let _operator = world.operator();
    let target = json!({"objectives": [{"metric": "loss", "goal": "minimize", "target": 1.0}]});
    world.apply(&Job::new("aimed", QUICK).sized(50, 1).with(&target));
    let status = world.completes("aimed");
    assert_eq!(condition(&status, "Complete").1, "TargetReached");
    assert!(status.trials.created < 5, "{:?}", status.trials);
}

#[test]
fn a_job_ends_when_its_time_is_over() {
    let Some(world) = World::new("time") else { return };
    let _operator = world.operator();
    world.apply(&Job::new("timed", ENDLESS).with(&json!({"budget": {"maxDuration": "6s"}})));
    let status = world.status("timed", "over", |status| status.completion_time.is_some());
    assert_eq!(condition(&status, "Progressing").1, "MaxDurationReached");
    assert_eq!(status.trials.running, 0);
    assert!(status.active_seconds.unwrap() >= 6);
    assert!(status.best.is_some(), "what was reported counts");
    let is_over = |pod: &k8s_openapi::api::core::v1::Pod| {
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        matches!(phase, Some("Succeeded" | "Failed"))
    };
    world.until("over", || world.pods("timed").iter().all(is_over), |over| *over);
}

#[test]
fn a_finished_job_goes_with_all_that_was_its_own_when_its_time_to_live_is_over() {
    let Some(world) = World::new("ttl") else { return };
    let _operator = world.operator();
    world.apply(&Job::new("short", QUICK).sized(2, 2).with(&json!({"ttlSecondsAfterFinished": 3})));
    world.completes("short");
    world.until("gone", || world.job("short").is_none(), |gone| *gone);
    let left = || world.trials("short").len() + world.pods("short").len();
    world.until("gone with its job", left, |left| *left == 0);
}

#[test]
fn a_job_that_is_deleted_leaves_nothing() {
    let Some(world) = World::new("deleted") else { return };
    let mut operator = world.operator();
    world.apply(&Job::new("doomed", ENDLESS));
    world.apply(&Job::new("other", ENDLESS));
    let reported = |job: &str| world.trials(job).iter().filter(|trial| trial.status.is_some()).count();
    world.until("both running", || (reported("doomed"), reported("other")), |seen| *seen == (2, 2));
    world.kubectl(&["delete", "tj", "doomed", "--wait=false"]);
    let left = |job: &str| world.trials(job).len() + world.pods(job).len();
    world.until("gone", || left("doomed"), |left| *left == 0);
    // And one that goes while no operator is there.
    operator.kill();
    world.kubectl(&["delete", "tj", "other"]);
    let _operator = world.operator();
    world.until("gone", || left("other"), |left| *left == 0);
    thread::sleep(Duration::from_secs(1));
    assert_eq!(left("doomed") + left("other"), 0, "nothing is made for a job that is gone");
}
