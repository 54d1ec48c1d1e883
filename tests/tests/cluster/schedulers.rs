//! Successive halving: trials that are stopped, and trials that are paused and go on elsewhere from a checkpoint.

use serde_json::{Value, json};
use temper_tests::cluster::{Job, TRAINER, World};

fn asha(options: &Value) -> Value {
    json!({
        "parameters": [
            {"name": "x", "type": "float", "min": 0, "max": 1},
            {"name": "epochs", "type": "fixed", "value": 9},
        ],
        "scheduler": {"type": "ASHA", "resource": "epoch", "min": 1, "max": 9, "reductionFactor": 3, "options": options},
    })
}

#[test]
fn trials_that_promise_little_are_stopped() {
    let Some(world) = World::new("stopping") else { return };
    let _operator = world.operator();
    let ledger = world.ledger("halved");
    world.apply(&Job::new("halved", TRAINER).sized(8, 2).with(&asha(&json!({}))));
    let status = world.completes("halved");
    assert_eq!(status.trials.completed + status.trials.stopped, 8);
    assert!(status.trials.stopped >= 2 && status.trials.completed >= 1, "{:?}", status.trials);
    ledger.each_once(8, 2);
    let best = status.best.unwrap().index as usize;
    assert_eq!(world.trials("halved")[best].status.clone().unwrap().report.unwrap().resource, Some(9));
}

/// Runs a job by promotion; trials went on from their checkpoints on other pods.
fn promoted(world: &World, checkpoints: &Value) {
    let ledger = world.ledger("promoted");
    let job = Job::new("promoted", TRAINER)
        .sized(5, 2)
        .with(&asha(&json!({"mode": "promotion"})))
        .with(&json!({"trial": {"checkpoints": checkpoints}}));
    world.apply(&job);
    let status = world.completes("promoted");
    assert_eq!(status.trials.failed, 0);
    assert!(ledger.most_live() <= 2);
    let attempts = ledger.attempts();
    let twice: Vec<u32> = attempts.iter().filter(|(_, of)| of.len() > 1).map(|(index, _)| *index).collect();
    assert!(!twice.is_empty(), "one at least went on after a pause: {attempts:?}");
    let name = status.best.as_ref().unwrap().trial.clone();
    let best = world
        .trials("promoted")
        .into_iter()
        .find(|trial| trial.metadata.name.as_ref() == Some(&name))
        .unwrap();
    assert!(best.spec.attempt > 1);
    let log = world.log(&best.spec.pod.unwrap().name);
    let begun = log.lines().find_map(|line| line.strip_prefix("begins after epoch ")).unwrap();
    assert!(begun.parse::<u64>().unwrap() > 0, "it went on from its checkpoint: {log}");
    assert!(status.best.unwrap().checkpoint.is_some());
}

#[test]
fn promoted_trials_go_on_from_a_volume() {
    let Some(world) = World::new("volume") else { return };
    if !world.claim("weights") {
        return;
    }
    let _operator = world.operator();
    promoted(&world, &json!({"uri": "pvc://weights/runs"}));
}

#[test]
fn promoted_trials_go_on_from_an_s3_bucket() {
    let Some(world) = World::new("bucket") else { return };
    if !world.bucket("bucket") {
        return;
    }
    let _operator = world.operator();
    promoted(&world, &json!({"uri": "s3://temper/runs", "secretName": "bucket"}));
}
