//! Pods that cannot run for now: the job says why, and goes on when the cause goes.

use serde_json::json;
use temper_tests::cluster::{Job, World, condition};

const QUICK: &str = r#"sleep 1; echo "{\"loss\": $PARAM_x}""#;

#[test]
fn an_image_that_cannot_be_pulled_is_named() {
    let Some(world) = World::new("image") else { return };
    let _operator = world.operator();
    world.apply(&Job::new("unpulled", QUICK).with_container(&json!({"image": "registry.invalid/nothing:1"})));
    let status = world.status("unpulled", "stuck", |status| {
        condition(status, "Progressing").1.contains("Image") && !condition(status, "Progressing").0
    });
    let (_, reason, message) = condition(&status, "Progressing");
    assert!(["ErrImagePull", "ImagePullBackOff"].contains(&reason), "{reason}");
    assert!(message.contains("registry.invalid/nothing:1"), "{message}");
    world.kubectl(&["delete", "tj", "unpulled"]);
    world.until("without pods", || world.pods("unpulled").len(), |left| *left == 0);
}

#[test]
fn pods_that_fit_nowhere_wait_until_a_node_fits_them() {
    let Some(world) = World::new("nowhere") else { return };
    let _operator = world.operator();
    let label = format!("temper.test/{}", world.namespace());
    world.apply(&Job::new("unplaced", QUICK).with_pod(&json!({"nodeSelector": {&label: "yes"}})));
    let status =
        world.status("unplaced", "stuck", |status| condition(status, "Progressing").1 == "Unschedulable");
    let (progressing, _, message) = condition(&status, "Progressing");
    assert!(!progressing && message.contains("node"), "{message}");
    world.cluster().must(&["label", "nodes", "--all", &format!("{label}=yes")]);
    let status = world.completes("unplaced");
    world.cluster().must(&["label", "nodes", "--all", &format!("{label}-")]);
    assert_eq!(status.trials.completed, 4);
}

#[test]
fn a_quota_slows_a_job_and_does_not_fail_it() {
    let Some(world) = World::new("quota") else { return };
    world.make(&json!({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "one"}, "spec": {"hard": {"pods": "1"}},
    }));
    let _operator = world.operator();
    let ledger = world.ledger("cramped");
    world.apply(&Job::new("cramped", QUICK).sized(3, 3));
    let status = world.status("cramped", "told of the quota", |status| {
        condition(status, "Progressing").1 == "QuotaExceeded"
    });
    let (_, _, message) = condition(&status, "Progressing");
    assert!(message.contains("exceeded quota: one"), "{message}");
    let status = world.completes("cramped");
    assert_eq!((status.trials.completed, status.trials.failed), (3, 0));
    ledger.each_once(3, 3);
}
