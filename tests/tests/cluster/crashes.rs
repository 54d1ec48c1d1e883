//! The operator is killed, and another takes over.

use std::{env, thread, time::Duration};

use rand::RngExt as _;
use temper_tests::cluster::{Job, World, condition};

/// How often, and whether for as long, faults are tried: `TEMPER_TEST_LONG` has it all.
fn is_long() -> bool {
    env::var_os("TEMPER_TEST_LONG").is_some()
}

/// A trial of random length up to a second and a half.
const UNEQUAL: &str = r#"sleep "0.$((RANDOM % 9))"; sleep "0.$((RANDOM % 6))"; echo "{\"loss\": $PARAM_x}""#;

#[test]
fn an_operator_that_is_killed_again_and_again_tries_each_index_once() {
    let Some(world) = World::new("killed") else { return };
    let (kills, trials) = if is_long() { (30, 80) } else { (10, 24) };
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
