//! Finished trials that are no longer objects.

use std::collections::BTreeSet;

use serde_json::json;
use temper_tests::cluster::{Job, World, condition};

const QUICK: &str = r#"sleep 0.2; echo "{\"loss\": $PARAM_x}""#;

/// Indices that are objects, and those in the history.
fn indices(world: &World, job: &str) -> (Vec<u32>, Vec<u32>) {
    let objects = world.trials(job).iter().map(|trial| trial.spec.index).collect();
    let histories = world.histories(job);
    let mut kept: Vec<u32> =
        histories.iter().flat_map(|history| &history.spec.trials).map(|trial| trial.index).collect();
    kept.sort_unstable();
    (objects, kept)
}

#[test]
fn trials_beyond_the_retention_live_on_in_the_history_and_nothing_forgets_them() {
    let Some(world) = World::new("retention") else { return };
    let mut operator = world.operator();
    let small = json!({"retention": {"trials": 2}, "trial": {"podPolicy": "Reuse"}});
    world.apply(&Job::new("long", QUICK).sized(30, 2).with(&small));
    // Killed after something was put into the history.
    world.until("compacted", || world.histories("long").len(), |chunks| *chunks > 0);
    operator.kill();
    operator = world.operator();
    let first = world.completes("long");
    assert_eq!((first.trials.created, first.trials.completed), (30, 30));
    let (objects, kept) = indices(&world, "long");
    assert!(kept.len() >= 10, "{kept:?}");
    let all: BTreeSet<u32> = objects.iter().chain(&kept).copied().collect();
    assert!(all.iter().copied().eq(0..30), "objects {objects:?}, history {kept:?}");
    assert_eq!(kept.iter().collect::<BTreeSet<_>>().len(), kept.len(), "none is kept twice: {kept:?}");

    // Another operator knows them all, and goes on from there.
    operator.kill();
    let _operator = world.operator();
    world.change("long", &json!({"budget": {"maxTrials": 45}}));
    let second = world.status("long", "complete again", |status| {
        condition(status, "Complete").0 && status.trials.completed == 45
    });
    let best = |status: &temper_crds::tuning_job::TuningJobStatus| {
        status.best.as_ref().unwrap().objective.parse::<f64>().unwrap()
    };
    assert!(best(&second) <= best(&first));
    let pods = world.until("without workers", || world.pods("long").len(), |left| *left == 0);
    assert_eq!(pods, 0);
}

#[test]
fn trials_go_into_the_history_with_their_pods() {
    let Some(world) = World::new("with-pods") else { return };
    let _operator = world.operator();
    let small = json!({"retention": {"trials": 2}});
    world.apply(&Job::new("each", QUICK).sized(16, 4).with(&small));
    let status = world.completes("each");
    assert_eq!((status.trials.completed, status.trials.failed), (16, 0));
    let (objects, kept) = indices(&world, "each");
    assert!(kept.len() >= 10 && objects.len() + kept.len() == 16, "objects {objects:?}, history {kept:?}");
    let pods = || world.pods("each").len();
    world.until("a pod for each trial that is kept", pods, |pods| *pods == objects.len());
}
