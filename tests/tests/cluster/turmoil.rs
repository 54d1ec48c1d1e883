//! Everything at once: people and the cluster do to a job whatever they can, and the operator is killed besides.

use std::{
    env, thread,
    time::{Duration, Instant},
};

use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use serde_json::json;
use temper_tests::cluster::{Job, World};

/// Two reports in about two seconds.
const TRAINS: &str = r#"
echo "{\"epoch\": 1, \"loss\": 1}"; sleep "1.$((RANDOM % 9))"; echo "{\"epoch\": 2, \"loss\": $PARAM_x}"
"#;

/// Does to a job whatever can be done for so many seconds, and sees it come to its end all the same.
fn comes_through(name: &str, policy: &str) {
    let Some(world) = World::new(name) else { return };
    let number = |variable: &str| env::var(variable).ok().and_then(|text| text.parse::<u64>().ok());
    let seconds = number("TEMPER_TEST_TURMOIL").unwrap_or(20);
    let seed = number("TEMPER_TEST_SEED").unwrap_or_else(|| rand::rng().random());
    let mut random = SmallRng::seed_from_u64(seed);
    println!("TEMPER_TEST_SEED={seed}");
    let trials = 2 * u32::try_from(seconds).unwrap();
    world.apply(&Job::new("harried", TRAINS).sized(trials, 6).with(&json!({"trial": {"podPolicy": policy}})));
    let begin = Instant::now();
    let mut operator = world.operator();
    while begin.elapsed() < Duration::from_secs(seconds) {
        thread::sleep(Duration::from_millis(random.random_range(50..800)));
        let done = if random.random_ratio(1, 10) {
            operator.kill();
            operator = world.operator();
            "kill the operator".to_owned()
        } else {
            world.disturb("harried", &mut random)
        };
        println!("{:6.2} s  {done}", begin.elapsed().as_secs_f64());
    }
    world.change("harried", &json!({"suspend": false, "budget": {"parallelism": 6}}));
    let status = world.completes("harried");
    println!("{:6.2} s  complete", begin.elapsed().as_secs_f64());
    // A report that was wiped after its trial's end while no operator looked is gone.
    let counts = status.trials;
    assert_eq!((counts.created, counts.completed + counts.stopped + counts.failed), (trials, trials));
    assert!(counts.failed <= 3, "{counts:?}");
    let mut indexes: Vec<u32> = world.trials("harried").iter().map(|trial| trial.spec.index).collect();
    indexes.extend(
        world.histories("harried").iter().flat_map(|history| &history.spec.trials).map(|it| it.index),
    );
    indexes.sort_unstable();
    indexes.dedup();
    assert_eq!(indexes, (0..trials).collect::<Vec<_>>(), "each trial is kept");
    world.until("rid of its pods", || world.working("harried"), Vec::is_empty);
}

#[test]
fn a_job_comes_through_whatever_is_done_to_it() {
    comes_through("turmoil", "PerTrial");
}

#[test]
fn a_job_with_workers_comes_through_whatever_is_done_to_it() {
    comes_through("turmoil-reuse", "Reuse");
}
