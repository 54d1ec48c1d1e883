//! Pods with containers beside the training one, which do not end by themselves.

use serde_json::json;
use temper_crds::tuning_job::TuningJobStatus;
use temper_tests::cluster::{Job, TRAINER, World};

/// Goes on until it is told to end.
const GOES_ON: &str = "trap 'exit 0' TERM; while :; do sleep 0.2; done";
/// Kills the agent, as the kernel does when memory is short and a control group is not killed whole.
const KILLS: &str = r#"
for process in /proc/[0-9]*; do
    read -r name <"$process/comm" && [ "$name" = temper-runner ] && kill -9 "${process#/proc/}"
done"#;
const DONE: &str = r#"echo "{\"loss\": $PARAM_x}""#;

fn nothing_is_left(world: &World, job: &str) {
    world.until("no pod being left", || world.pods(job), Vec::is_empty);
}

#[test]
fn every_attempt_takes_its_pod_with_it() {
    let Some(world) = World::new("beside") else { return };
    let _operator = world.operator();
    let once_more = json!({"trial": {"retries": 1}});
    let script = format!("case $HOSTNAME in *-1) exit 3;; esac; sleep 2; {DONE}");
    world.apply(&Job::new("fails", &script).sized(1, 1).with(&once_more).beside(world.image(), GOES_ON));
    let goes_on = world.until(
        "the second attempt alone",
        || world.pods("fails"),
        |pods| matches!(&pods[..], [pod] if pod.metadata.name.as_deref().is_some_and(|name| name.ends_with("-2"))),
    );
    assert_eq!(goes_on[0].spec.as_ref().unwrap().containers.len(), 2);
    let shown =
        goes_on[0].metadata.annotations.as_ref().unwrap()["kubectl.kubernetes.io/default-container"].as_str();
    assert_eq!(shown, "trial", "whose logs kubectl shows");
    let TuningJobStatus { trials, .. } = world.completes("fails");
    assert_eq!((trials.completed, trials.failed), (1, 0));
    nothing_is_left(&world, "fails");
}

#[test]
fn a_suspended_job_gives_back_whole_pods() {
    let Some(world) = World::new("whole") else { return };
    let _operator = world.operator();
    if !world.claim("weights") {
        return;
    }
    let kept = json!({"trial": {"checkpoints": {"uri": "pvc://weights/runs"}}});
    world.apply(&Job::new("long", TRAINER).sized(1, 1).with(&kept).beside(world.image(), GOES_ON));
    let saved = || world.trials("long").pop().and_then(|trial| trial.status?.report?.checkpoint);
    world.until("saved", saved, Option::is_some);
    world.change("long", &json!({"suspend": true}));
    nothing_is_left(&world, "long");
    world.change("long", &json!({"suspend": false}));
    assert_eq!(world.completes("long").trials.completed, 1);
    nothing_is_left(&world, "long");
}

#[test]
fn an_agent_that_is_killed_beside_others_is_a_failed_attempt() {
    let Some(world) = World::new("killed") else { return };
    let _operator = world.operator();
    let kills = format!("case $HOSTNAME in *-1) sleep 2; {KILLS}\n;; esac; {GOES_ON}");
    let shared = json!({"shareProcessNamespace": true});
    let settings = json!({"trial": {"retries": 1}});
    let script = format!("case $HOSTNAME in *-1) sleep 600;; esac; {DONE}");
    let job = Job::new("torn", &script).sized(1, 1).with(&settings).with_pod(&shared);
    world.apply(&job.beside(world.image(), &kills));
    let status = world.completes("torn");
    assert_eq!((status.trials.completed, status.trials.failed), (1, 0));
    let trial = world.trials("torn").pop().unwrap();
    assert_eq!((trial.spec.attempt, trial.spec.failures), (2, 1));
    nothing_is_left(&world, "torn");
}

#[test]
fn a_worker_whose_agent_is_killed_beside_others_is_replaced() {
    let Some(world) = World::new("replaced") else { return };
    let _operator = world.operator();
    let kills = format!("case $HOSTNAME in *-w0) sleep 2; {KILLS}\n;; esac; {GOES_ON}");
    let shared = json!({"shareProcessNamespace": true});
    let settings = json!({"trial": {"retries": 1, "podPolicy": "Reuse"}});
    let script = format!("case $HOSTNAME in *-w0) sleep 600;; esac; {DONE}");
    let job = Job::new("pool", &script).sized(2, 1).with(&settings).with_pod(&shared);
    world.apply(&job.beside(world.image(), &kills));
    let status = world.completes("pool");
    assert_eq!((status.trials.completed, status.trials.failed), (2, 0));
    nothing_is_left(&world, "pool");
}
