//! Pods that run one trial after another.

use serde_json::json;
use temper_tests::cluster::{Job, World};

#[test]
fn two_workers_run_all_trials_and_go_at_the_end() {
    let Some(world) = World::new("reuse") else { return };
    let _operator = world.operator();
    let ledger = world.ledger("warm");
    // Every trial finds a folder of its own, in a process of its own.
    let script = r#"ls -A; [ ! -e mark ] || exit 1; touch mark; echo "{\"loss\": $PARAM_x}""#;
    world.apply(&Job::new("warm", script).sized(12, 2).with(&json!({"trial": {"podPolicy": "Reuse"}})));
    let status = world.completes("warm");
    assert_eq!((status.trials.completed, status.trials.failed), (12, 0));
    ledger.each_once(12, 2);
    let pods = ledger.pods();
    assert_eq!(pods.len(), 2, "{pods:?}");
    for trial in world.trials("warm") {
        let report = trial.status.unwrap().report.unwrap();
        assert!(pods.contains(&report.pod.name));
    }
    world.until("without workers", || world.pods("warm").len(), |left| *left == 0);
}

#[test]
fn a_worker_that_is_deleted_is_replaced_and_its_trial_tried_again() {
    let Some(world) = World::new("workers") else { return };
    let _operator = world.operator();
    let ledger = world.ledger("warm");
    let script = r#"sleep 0.7; echo "{\"loss\": $PARAM_x}""#;
    world.apply(&Job::new("warm", script).sized(8, 2).with(&json!({"trial": {"podPolicy": "Reuse"}})));
    world.status("warm", "half done", |status| status.trials.completed >= 2);
    let pods = world.pods("warm");
    let name = pods[0].metadata.name.as_ref().unwrap();
    world.kubectl(&["delete", "pod", name, "--grace-period=0", "--force"]);
    let status = world.completes("warm");
    assert_eq!((status.trials.created, status.trials.completed, status.trials.failed), (8, 8, 0));
    assert!(ledger.most_live() <= 2);
    assert_eq!(ledger.pods().len(), 3);
}
