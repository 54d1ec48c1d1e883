//! The operator is killed, and another takes over.

use std::{thread, time::Duration};

use rand::RngExt as _;
use serde_json::json;
use temper_tests::cluster::{Job, World, condition};

/// A trial of random length up to a second and a half.
const UNEQUAL: &str = r#"sleep "0.$((RANDOM % 9))"; sleep "0.$((RANDOM % 6))"; echo "{\"loss\": $PARAM_x}""#;

#[test]
fn an_operator_that_is_killed_again_and_again_tries_each_index_once() {
    let Some(world) = World::new("killed") else { return };
    let (kills, trials) = (30, 80);
    let ledger = world.ledger("often");
    world.apply(&Job::new("often", UNEQUAL).sized(trials, 3));
    let mut operator = world.operator();
    for _ in 0..kills {
        // From before it leads to the middle of its work.
        thread::sleep(Duration::from_millis(rand::rng().random_range(50..1_200)));
        operator.kill();
        operator = world.operator();
    }
    let running = world.job("often").unwrap().status.unwrap_or_default();
    assert!(
        !condition(&running, "Complete").0,
        "it was over before the last was killed: {:?}",
        running.trials
    );
    let status = world.completes("often");
    assert_eq!((status.trials.created, status.trials.completed), (trials, trials));
    ledger.each_once(trials, 3);
    assert_eq!(ledger.pods().len(), trials as usize);
    let reported = world.trials("often").iter().filter(|trial| trial.status.is_some()).count();
    assert_eq!(reported, trials as usize, "no result is lost");
}

#[test]
fn of_two_operators_one_leads_and_the_other_takes_over() {
    let Some(world) = World::new("two") else { return };
    let ledger = world.ledger("shared");
    world.apply(&Job::new("shared", UNEQUAL).sized(24, 2));
    let mut first = world.operator_called("first");
    first.says("leading");
    let second = world.operator_called("second");
    second.says("another operator leads");
    world.status("shared", "on its way", |status| status.trials.completed >= 2);
    // It hangs until its lease has run out, and wakes when another has taken it.
    first.freeze(true);
    second.says("leading");
    let before = world.job("shared").unwrap().status.unwrap().trials.completed;
    first.freeze(false);
    assert!(!first.wait().success(), "it does not go on:\n{}", first.log());
    assert!(first.log().contains("lease"), "{}", first.log());
    let status = world.completes("shared");
    assert!(before < 24 && status.trials.completed == 24, "{before} and {:?}", status.trials);
    ledger.each_once(24, 2);
}

#[test]
fn clocks_an_hour_apart_end_no_job_before_its_time() {
    let Some(world) = World::new("clocks") else { return };
    let ledger = world.ledger("skewed");
    let timed = json!({"budget": {"maxDuration": "30m"}, "ttlSecondsAfterFinished": 600});
    world.apply(&Job::new("skewed", UNEQUAL).sized(10, 2).with(&timed));
    let mut operator = world.operator_ahead();
    world.status("skewed", "on its way", |status| status.trials.completed >= 3);
    // One whose clock is right takes over, and then one whose clock is not.
    operator.kill();
    operator = world.operator();
    world.status("skewed", "further on its way", |status| status.trials.completed >= 5);
    operator.kill();
    let _operator = world.operator_ahead();
    let status = world.completes("skewed");
    assert_eq!(condition(&status, "Complete").1, "MaxTrialsReached");
    assert_eq!(status.trials.completed, 10);
    ledger.each_once(10, 2);
}

#[test]
fn a_finished_job_is_not_deleted_before_its_time_by_a_clock_that_is_ahead() {
    let Some(world) = World::new("expiry") else { return };
    let script = r#"echo "{\"loss\": $PARAM_x}""#;
    world.apply(&Job::new("done", script).sized(1, 1).with(&json!({"ttlSecondsAfterFinished": 600})));
    let mut operator = world.operator();
    world.completes("done");
    operator.kill();
    let operator = world.operator_ahead();
    operator.says("not over by the API server's clock");
    assert!(world.job("done").is_some_and(|job| job.metadata.deletion_timestamp.is_none()));
}
