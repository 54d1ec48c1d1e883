//! Pods that run one trial after another.

use serde_json::json;
use temper_tests::cluster::{Job, World, condition};

use crate::obstacles::is_done_by_one_pod_at_a_time;

const QUICK: &str = r#"sleep 0.5; echo "{\"loss\": $PARAM_x}""#;

fn warm(name: &str) -> Job {
    Job::new(name, QUICK).with(&json!({"trial": {"podPolicy": "Reuse"}}))
}

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

#[test]
fn workers_beyond_a_quota_are_waited_for_and_the_one_there_is_does_the_work() {
    let Some(world) = World::new("few-workers") else { return };
    let _operator = is_done_by_one_pod_at_a_time(&world, &warm("cramped").sized(6, 3), 6);
    world.until("without workers", || world.pods("cramped").len(), |left| *left == 0);
}

#[test]
fn workers_that_nobody_has_room_for_work_once_the_quota_is_raised() {
    let Some(world) = World::new("no-workers") else { return };
    let quota = |pods: &str| {
        world.make(&json!({
            "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"},
            "spec": {"hard": {"pods": pods}},
        }));
    };
    quota("0");
    let _operator = world.operator();
    let ledger = world.ledger("held");
    world.apply(&warm("held"));
    let status = world
        .status("held", "told of the quota", |status| condition(status, "Progressing").1 == "QuotaExceeded");
    let (progressing, _, message) = condition(&status, "Progressing");
    assert!(!progressing && message.contains("exceeded quota: none"), "{message}");
    quota("2");
    let status = world.completes("held");
    assert_eq!((status.trials.completed, status.trials.failed), (4, 0));
    ledger.each_once(4, 2);
}

#[test]
fn workers_that_fit_nowhere_wait_until_a_node_fits_them() {
    let Some(world) = World::new("unplaced-workers") else { return };
    let _operator = world.operator();
    let label = format!("temper.test/{}", world.namespace());
    let ledger = world.ledger("unplaced");
    world.apply(&warm("unplaced").with_pod(&json!({"nodeSelector": {&label: "yes"}})));
    let status =
        world.status("unplaced", "stuck", |status| condition(status, "Progressing").1 == "Unschedulable");
    let (progressing, _, message) = condition(&status, "Progressing");
    assert!(!progressing && message.contains("node"), "{message}");
    world.cluster().must(&["label", "nodes", "--all", &format!("{label}=yes")]);
    let status = world.completes("unplaced");
    world.cluster().must(&["label", "nodes", "--all", &format!("{label}-")]);
    assert_eq!((status.trials.completed, status.trials.failed), (4, 0));
    ledger.each_once(4, 2);
    assert_eq!(ledger.pods().len(), 2, "the workers that waited did the work");
}
