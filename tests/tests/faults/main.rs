//! The control plane and the nodes fail while jobs run. Each test breaks the whole cluster, so they take turns, on one
//! of their own with two nodes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod nodes;

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use k8s_openapi::api::core::v1::Pod;
use serde_json::json;
use temper_tests::cluster::{Job, Operator, World};

static TURN: Mutex<()> = Mutex::new(());

/// The only test that runs; `None` where there is no cluster that may be broken.
fn world(name: &str) -> Option<(World, MutexGuard<'static, ()>)> {
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let world = World::on_nodes(2, name)?;
    if !world.is_ours("a TEMPER_TEST_CLUSTER_DIR by which it may be broken") {
        return None;
    }
    // What the test before has broken may not be whole yet; one that failed has left its node cut off.
    world.cluster().fault(&["node-heal", "node-2"]);
    let taints = || world.cluster().must(&["get", "nodes", "-o", "jsonpath={.items[*].spec.taints}"]);
    world.until("fit for pods on all nodes", taints, String::is_empty);
    Some((world, turn))
}

/// Two reports in six seconds.
const SLOW: &str = r#"
echo "{\"epoch\": 1, \"loss\": 1}"; sleep 6; echo "{\"epoch\": 2, \"loss\": $PARAM_x}"
"#;

/// As the kubelet does with a container that has ended.
fn restarted(world: &World, mut operator: Operator) -> Operator {
    if operator.has_ended() { world.operator() } else { operator }
}

fn all_complete(world: &World, job: &str, trials: u32) {
    let status = world.completes(job);
    assert_eq!((status.trials.created, status.trials.completed, status.trials.failed), (trials, trials, 0));
    for trial in world.trials(job) {
        assert_eq!(trial.spec.attempt, 1, "trial {} was tried again", trial.spec.index);
        let report = trial.status.unwrap().report.unwrap();
        assert_eq!(report.series.iter().map(|point| point.resource).collect::<Vec<_>>(), [1, 2]);
    }
}

#[test]
fn trials_finish_while_the_api_server_is_away_and_their_results_arrive() {
    let Some((world, _turn)) = world("apiserver") else { return };
    let operator = world.operator();
    world.apply(&Job::new("cut-off", SLOW).sized(4, 3));
    let reported = || world.trials("cut-off").iter().filter(|trial| trial.status.is_some()).count();
    world.until("three at work", reported, |reported| *reported == 3);
    world.cluster().fault(&["stop-apiserver"]);
    thread::sleep(Duration::from_mins(1));
    world.cluster().fault(&["start-apiserver"]);
    let _operator = restarted(&world, operator);
    all_complete(&world, "cut-off", 4);
}

#[test]
fn a_restart_of_etcd_costs_nothing() {
    let Some((world, _turn)) = world("etcd") else { return };
    let operator = world.operator();
    let ledger = world.ledger("restarted");
    world.apply(&Job::new("restarted", SLOW).sized(4, 3));
    world.status("restarted", "running", |status| status.trials.running == 3);
    world.cluster().fault(&["restart-etcd"]);
    let _operator = restarted(&world, operator);
    all_complete(&world, "restarted", 4);
    ledger.each_once(4, 3);
}

#[test]
fn an_api_server_without_image_volumes_gets_pods_without() {
    let Some((world, _turn)) = world("volumes") else { return };
    let restart = |flags: &[&str]| {
        world.cluster().fault(&["stop-apiserver"]);
        world.cluster().fault(&[&["start-apiserver"], flags].concat());
    };
    restart(&["--feature-gates=ImageVolume=false"]);
    let operator = world.operator();
    operator.says("the API server knows no image volumes");
    world.apply(&Job::new("copied", SLOW).sized(2, 2));
    all_complete(&world, "copied", 2);
    let pods = world.pods("copied");
    let initialised = |pod: &Pod| pod.spec.as_ref().is_some_and(|spec| spec.init_containers.is_some());
    assert!(!pods.is_empty() && pods.iter().all(initialised), "{pods:#?}");
    drop(operator);
    restart(&[]);
    let operator = world.operator();
    operator.says("an image volume brings the agent into trial pods");
}

#[test]
fn an_older_definition_is_refused_with_what_it_lacks_and_how_to_mend_it() {
    let Some((world, _turn)) = world("definition") else { return };
    let cluster = world.cluster();
    let at = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/rungs";
    let patch = json!([{"op": "remove", "path": at}]).to_string();
    cluster.must(&["patch", "crd", "trials.temper.rs", "--type=json", "-p", &patch]);
    let mut operator = world.operator();
    let ended = operator.wait();
    cluster.must(&["apply", "--server-side", "--force-conflicts", "-f", "crds/manifests/trials.yaml"]);
    assert!(!ended.success());
    let log = operator.log();
    assert!(log.contains("trials.temper.rs") && log.contains("spec.rungs"), "{log}");
    let operator = world.operator();
    operator.says("leading");
}
