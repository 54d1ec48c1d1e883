//! Every operator here has the chart's rights and no others; a test fails whose operator was refused one.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::json;
use temper_tests::cluster::{Job, World};

const QUICK: &str = r#"echo "{\"loss\": $PARAM_x}""#;

#[test]
fn an_operator_with_rights_in_one_namespace_does_all_its_work_there() {
    let Some(world) = World::confined("confined") else { return };
    // It may not read nodes, and so is told how the agent gets into pods.
    let _operator = world.operator_with(&["--runner-delivery", "init-container"]);
    let small = json!({"retention": {"trials": 2}, "trial": {"podPolicy": "Reuse"}});
    world.apply(&Job::new("earlier", QUICK).sized(30, 2).with(&small));
    world.completes("earlier");
    world.until("in the history", || world.histories("earlier").len(), |chunks| *chunks > 0);
    let warm = json!({"warmStartFrom": [{"name": "earlier"}], "ttlSecondsAfterFinished": 3});
    world.apply(&Job::new("later", QUICK).with(&warm));
    let status = world.completes("later");
    assert_eq!((status.trials.completed, status.trials.failed), (4, 0));
    world.until("gone when its time is up", || world.job("later").is_some(), |is_there| !is_there);
}

#[test]
fn a_right_that_is_missing_is_noticed() {
    let Some(world) = World::confined("lacking") else { return };
    let operator = world.operator();
    operator.says("they may not be read");
    let noticed = catch_unwind(AssertUnwindSafe(|| drop(operator))).unwrap_err();
    let noticed = noticed.downcast_ref::<String>().unwrap();
    assert!(noticed.contains("nodes is forbidden: User"), "{noticed}");
}
