//! The agent of a pod against a real Kubernetes API server: `TEMPER_TEST_KUBECONFIG` says which. The agents run here,
//! not in pods, so that the tests need no image. Where the cluster is that of `tests/cluster`,
//! `TEMPER_TEST_CLUSTER_DIR` names its folder, and its API server is stopped as well. `tests/agent.sh` sets both and
//! runs them; a plain `cargo test` has no cluster for them, and names them as ignored.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod world;

use std::{
    env, fs,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use temper_crds::trial::ReportState;
use temper_runner::agent::protocol::{Assignment, PodOrders};

use crate::world::World;

/// Trains up to nine epochs and saves after each; resumes.
const TRAINER: &str = r#"
    i=$(cat $TEMPER_CHECKPOINT_DIR/state 2>/dev/null || echo 0)
    while [ $i -lt 9 ]; do
        i=$((i+1)); sleep 0.1
        echo "{\"epoch\": $i, \"accuracy\": 0.$i, \"loss\": 1}"
        echo $i > $TEMPER_CHECKPOINT_DIR/state.tmp; mv $TEMPER_CHECKPOINT_DIR/state.tmp $TEMPER_CHECKPOINT_DIR/state
    done
"#;
/// Reports once, then waits, and saves when it is asked to end.
const PATIENT: &str = r#"
    trap 'echo saved > $TEMPER_CHECKPOINT_DIR/state; exit 0' TERM
    echo '{"epoch": 1, "accuracy": 0.5}'; while :; do sleep 0.02; done
"#;

#[test]
#[ignore = "needs a cluster, which tests/agent.sh (of `make test`) gives it"]
fn a_short_trial_is_one_write_with_everything() {
    let world = World::new();
    world.make(0, &json!({}));
    let versions = world.record();
    let begun = Instant::now();
    let mut pod = world
        .start(&world.orders("echo \"lr=$PARAM_lr\"; echo '{\"epoch\": 1, \"accuracy\": 0.5, \"loss\": 1}'"));
    let started = pod.says("lr=0.5");
    println!("{:?} from the agent's start to its command's first line", started - begun);
    assert!(started - begun < Duration::from_secs(2));
    assert_eq!(pod.wait(), 0);
    let report = world.report(0).unwrap();
    assert_eq!((report.state, report.attempt, report.resource), (ReportState::Succeeded, 1, Some(1)));
    assert_eq!((report.pod.name.as_str(), report.pod.uid.as_deref()), ("p", Some("p-uid")));
    assert_eq!(report.latest, [("accuracy".into(), 0.5), ("loss".into(), 1.0)].into());
    assert_eq!((report.objective.as_deref(), report.exit_code), (Some("0.5"), Some(0)));
    assert!(report.started_at.is_some() && report.finished_at.is_some());
    thread::sleep(Duration::from_millis(300));
    assert_eq!(versions.lock().unwrap().len(), 1, "{versions:?}");
    assert_eq!(pod.log()[0], "lr=0.5", "what it prints is passed through");
}

#[test]
#[ignore = "needs a cluster, which tests/agent.sh (of `make test`) gives it"]
fn a_longer_trial_is_written_once_a_second() {
    let world = World::new();
    world.make(0, &json!({}));
    let versions = world.record();
    let script = "i=0; while [ $i -lt 350 ]; do i=$((i+1)); echo \"{\\\"epoch\\\": $i, \\\"accuracy\\\": 0.5}\"; sleep 0.01; done";
    assert_eq!(world.start(&world.orders(script)).wait(), 0);
    thread::sleep(Duration::from_millis(300));
    let versions = versions.lock().unwrap();
    assert!((4..=6).contains(&versions.len()), "{} writes", versions.len());
    for pair in versions[..versions.len() - 1].windows(2) {
        assert!(pair[1].0 - pair[0].0 > Duration::from_millis(900));
    }
    let last = &versions.last().unwrap().1;
    let resources: Vec<u64> = last.series.iter().map(|point| point.resource).collect();
    assert!(resources.len() <= 256 && resources.contains(&1) && resources.contains(&3));
    assert_eq!(resources.last(), Some(&350));
}

#[test]
#[ignore = "needs a cluster, which tests/agent.sh (of `make test`) gives it"]
fn it_waits_for_its_trial_and_begins_at_once() {
    let world = World::new();
    let mut pod = world.start(&world.orders("echo begun; echo '{\"epoch\": 1, \"accuracy\": 0.5}'"));
    thread::sleep(Duration::from_secs(1));
    assert!(pod.is_running());
    let made = Instant::now();
    world.make(0, &json!({}));
    let begun = pod.says("begun");
    println!("{:?} from the Trial to its command's first line", begun - made);
    assert_eq!(pod.wait(), 0);
}

#[test]
#[ignore = "needs a cluster, which tests/agent.sh (of `make test`) gives it"]
fn it_stops_and_pauses_as_the_trial_says() {
    for (desired, state) in [("Stop", ReportState::Stopped), ("Pause", ReportState::Paused)] {
        let world = World::new();
        world.make(0, &json!({}));
        let mut pod = world.start(&world.orders(PATIENT));
        world.wait(0, "running", |report| report.state == ReportState::Running && report.resource == Some(1));
        world.patch(0, &json!({"desired": desired}));
        assert_eq!(pod.wait(), 0);
        let report = world.report(0).unwrap();
        assert_eq!(report.state, state);
        assert_eq!(report.checkpoint.is_some(), state == ReportState::Paused);
    }
}

#[test]
#[ignore = "needs a cluster, which tests/agent.sh (of `make test`) gives it"]
fn a_trial_that_is_to_end_before_it_has_begun_never_begins_and_says_how_it_ended() {
    for (desired, state) in [("Stop", ReportState::Stopped), ("Pause", ReportState::Paused)] {
        for is_made_first in [true, false] {
            let world = World::new();
            let make = || world.make(0, &json!({"desired": desired}));
            if is_made_first {
                make();
            }
            let mut pod = world.start(&world.orders("echo begun"));
            if !is_made_first {
                thread::sleep(Duration::from_secs(1));
                make();
            }
            assert_eq!(pod.wait(), 0);
            assert_eq!(world.report(0).unwrap().state, state);
            assert!(!pod.log().contains(&"begun".to_owned()), "{:?}", pod.log());
        }
    }
}

#[test]
#[ignore = "needs a cluster, which tests/agent.sh (of `make test`) gives it"]
fn a_pod_that_is_to_end_saves_and_is_resumed_by_another() {
    let world = World::new();
    world.make(0, &json!({}));
    let mut pod = world.start(&world.orders(&TRAINER.replace("sleep 0.1", "sleep 0.3")));
    pod.says("\"epoch\": 3");
    pod.terminate();
    assert_eq!(pod.wait(), 0);
    let paused = world.report(0).unwrap();
    assert_eq!(paused.state, ReportState::Paused);
    let checkpoint = paused.checkpoint.unwrap();
    assert!(checkpoint.uri.starts_with("pvc://claim/jobs/0/"), "{}", checkpoint.uri);
    assert!(paused.resource < Some(9));

    world.patch(0, &json!({"attempt": 2}));
    let mut pod = world.start(&world.orders(TRAINER));
    assert_eq!(pod.wait(), 0);
    let done = world.report(0).unwrap();
    assert_eq!((done.state, done.attempt, done.resource), (ReportState::Succeeded, 2, Some(9)));
    assert!(done.series.iter().map(|point| point.resource).eq(1..=9), "{:?}", done.series);
    assert!(!pod.log().iter().any(|line| line.contains("\"epoch\": 1,")), "it went on: {:?}", pod.log());
}

#[test]
#[ignore = "needs a cluster, which tests/agent.sh (of `make test`) gives it"]
fn a_failure_is_told_and_is_the_exit_code() {
    let world = World::new();
    world.make(0, &json!({}));
    let mut pod = world.start(&world.orders("echo 'ValueError: no' >&2; exit 3"));
    assert_eq!(pod.wait(), 3);
    let report = world.report(0).unwrap();
    assert_eq!(
        (report.state, report.exit_code, report.reason.as_deref()),
        (ReportState::Failed, Some(3), Some("ExitCode"))
    );
    assert!(report.message.unwrap().contains("ValueError: no"));
    let mut pod = world.start(&world.orders("true"));
    assert_eq!(pod.wait(), 0, "the attempt is over");
    pod.says("nothing to do");
}

#[test]
#[ignore = "needs a cluster, which tests/agent.sh (of `make test`) gives it"]
fn what_is_not_wanted_any_more_is_killed_and_not_reported() {
    for drop in [
        (|world: &World| world.delete(0)) as fn(&World),
        |world| world.patch(0, &json!({"attempt": 2})),
        |world| world.patch(0, &json!({"pod": {"name": "other"}})),
    ] {
        let world = World::new();
        world.make(0, &json!({}));
        let mut pod =
            world.start(&world.orders(
                "trap '' TERM; echo '{\"epoch\": 1, \"accuracy\": 0.5}'; while :; do sleep 0.1; done",
            ));
        pod.says("epoch");
        let versions = world.record();
        drop(&world);
        assert_eq!(pod.wait(), 1);
        pod.says("not wanted any more");
        thread::sleep(Duration::from_millis(200));
        assert!(versions.lock().unwrap().iter().all(|(_, report)| report.state == ReportState::Running));
    }
}

#[test]
#[ignore = "needs a cluster, which tests/agent.sh (of `make test`) gives it"]
fn a_trial_that_was_made_anew_under_its_name_is_not_written() {
    let world = World::new();
    world.make(0, &json!({}));
    let mut pod = world.start(&world.orders("echo begun; sleep 1; echo '{\"epoch\": 1, \"accuracy\": 0.5}'"));
    pod.says("begun");
    world.delete(0);
    world.make(0, &json!({"pod": {"name": "other"}}));
    assert_eq!(pod.wait(), 1);
    assert_eq!(world.report(0), None);
}

#[test]
#[ignore = "needs a cluster, which tests/agent.sh (of `make test`) gives it"]
fn a_worker_runs_one_trial_after_another_each_in_a_fresh_folder() {
    let world = World::new();
    let script = "ls $TEMPER_CHECKPOINT_DIR; echo \"{\\\"epoch\\\": 1, \\\"accuracy\\\": $PARAM_lr}\"; echo x > $TEMPER_CHECKPOINT_DIR/state; \
                  if [ $TEMPER_TRIAL = 1 ]; then exit 1; fi";
    let orders = world.worker(script);
    let mut pod = world.start(&orders);
    for index in 0..4 {
        world.make(index, &json!({"parameters": {"lr": f64::from(index)}}));
    }
    for index in 0..4 {
        let report = world.wait(index, "over", |report| report.state.is_over());
        assert_eq!(report.state, if index == 1 { ReportState::Failed } else { ReportState::Succeeded });
        assert!((report.latest["accuracy"] - f64::from(index)).abs() < 1e-9);
    }
    // The next one, given as its predecessor ends, begins without delay.
    let made = Instant::now();
    world.make(4, &json!({}));
    world.wait(4, "over", |report| report.state.is_over());
    println!("{:?} from a Trial to its last report", made.elapsed());
    // A folder goes after the last report was taken.
    let gone_by = Instant::now() + Duration::from_secs(20);
    while fs::read_dir(&orders.template.dir).unwrap().count() > 0 {
        assert!(Instant::now() < gone_by, "something is left of them");
        thread::sleep(Duration::from_millis(5));
    }
    assert!(!pod.log().iter().any(|line| line == "state"), "{:?}", pod.log());

    world.make(5, &json!({}));
    pod.terminate();
    assert_eq!(pod.wait(), 0);
}

#[test]
#[ignore = "needs a cluster, which tests/agent.sh (of `make test`) gives it"]
fn a_worker_drops_a_trial_that_is_not_wanted_and_saves_one_when_it_is_to_end() {
    let world = World::new();
    world.make(0, &json!({}));
    let mut pod = world.start(&world.worker(PATIENT));
    world.wait(0, "running", |report| report.resource == Some(1));
    world.make(1, &json!({}));
    world.delete(0);
    world.wait(1, "running", |report| report.resource == Some(1));
    pod.terminate();
    assert_eq!(pod.wait(), 0);
    let report = world.report(1).unwrap();
    assert_eq!(report.state, ReportState::Paused);
    assert!(report.checkpoint.is_some());
}

#[test]
#[ignore = "needs a cluster, which tests/agent.sh (of `make test`) gives it"]
fn what_is_wrong_with_the_environment_is_said() {
    let world = World::new();
    let good = world.orders("true");
    let without =
        PodOrders { template: Assignment { objectives: Vec::new(), ..good.template.clone() }, ..good };
    let mut pod = world.start(&without);
    assert_eq!(pod.wait(), 2);
    pod.says("error: the variable TEMPER_POD: template.objectives is empty");
}

#[test]
#[ignore = "needs a cluster of tests/cluster: TEMPER_TEST_KUBECONFIG, TEMPER_TEST_CLUSTER_DIR"]
fn an_api_server_that_is_away_for_a_while_costs_nothing() {
    let dir =
        env::var("TEMPER_TEST_CLUSTER_DIR").expect("TEMPER_TEST_CLUSTER_DIR names the cluster's folder");
    let cluster = |command: &str| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/cluster/cluster");
        assert!(Command::new(script).args(["--dir", &dir, command]).status().unwrap().success());
    };
    let world = World::new();
    world.make(0, &json!({}));
    world.make(1, &json!({}));
    let mut running = world.start(&world.orders(&TRAINER.replace("sleep 0.1", "sleep 1")));
    world.wait(0, "running", |report| report.resource >= Some(2));
    cluster("stop-apiserver");
    // One that begins while there is none.
    let mut waiting = world.start(&PodOrders { trial: Some("t-1".into()), ..world.orders(TRAINER) });
    let stopped = Instant::now();
    running.says("\"epoch\": 9");
    thread::sleep(Duration::from_mins(1).saturating_sub(stopped.elapsed()));
    assert!(running.is_running() && waiting.is_running());
    cluster("start-apiserver");
    let back = Instant::now();
    for pod in [&mut running, &mut waiting] {
        assert_eq!(pod.wait(), 0);
    }
    println!("both were done {:?} after the API server was back", back.elapsed());
    for index in [0, 1] {
        let report = world.report(index).unwrap();
        assert_eq!((report.state, report.series.len()), (ReportState::Succeeded, 9));
    }
    running.says("this is tried again until it works");
}
