//! Pods that end by nobody's fault in the trial: it goes on in another, from its last checkpoint, and nothing is counted.

use serde_json::{Value, json};
use temper_crds::Trial;
use temper_tests::cluster::{Job, TRAINER, World, condition};

/// Runs one trial, ends its pod in the middle, and sees it go on.
fn goes_on(world: &World, checkpoints: &Value, container: &Value, end: impl Fn(&str)) {
    let job = Job::new("interrupted", &TRAINER.replace("sleep 0.3", "sleep 0.8"))
        .sized(1, 1)
        .with(&json!({"trial": {"retries": 0, "checkpoints": checkpoints}}))
        .with_container(container);
    let _operator = world.operator();
    world.apply(&job);
    let saved = || {
        let report = world.trials("interrupted").pop()?.status?.report?;
        report.checkpoint.is_some().then_some((report.pod.name, report.resource?))
    };
    let (pod, reached) =
        world.until("saved", saved, |saved| saved.as_ref().is_some_and(|it| it.1 >= 3)).unwrap();
    assert!(reached < 9, "it ended too soon to be interrupted");
    end(&pod);
    let status = world.completes("interrupted");
    assert_eq!((status.trials.completed, status.trials.failed), (1, 0));
    let trial = world.trials("interrupted").pop().unwrap();
    assert_eq!((trial.spec.attempt, trial.spec.failures), (2, 0));
    let report = trial.status.unwrap().report.unwrap();
    let resources: Vec<u64> = report.series.iter().map(|point| point.resource).collect();
    assert_eq!(resources, (1..=9).collect::<Vec<_>>(), "one series over both attempts");
    let log = world.log(&trial.spec.pod.unwrap().name);
    let begun = log.lines().find_map(|line| line.strip_prefix("begins after epoch ")).unwrap();
    assert!(begun.parse::<u64>().unwrap() > 0, "it went on from its checkpoint: {log}");
}

#[test]
fn an_evicted_trial_saves_and_goes_on() {
    let Some(world) = World::new("evicted") else { return };
    if !world.claim("weights") {
        return;
    }
    goes_on(&world, &json!({"uri": "pvc://weights/runs"}), &json!({}), |pod| {
        let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}});
        let path = format!("/api/v1/namespaces/{}/pods/{pod}/eviction", world.namespace());
        world.cluster().must_with(&["create", "--raw", &path, "-f", "-"], eviction.to_string().as_bytes());
    });
}

#[test]
fn a_trial_whose_pod_is_torn_away_goes_on_from_what_was_committed() {
    let Some(world) = World::new("torn") else { return };
    if !world.bucket("bucket") {
        return;
    }
    goes_on(&world, &json!({"uri": "s3://temper/runs", "secretName": "bucket"}), &json!({}), |pod| {
        world.kubectl(&["delete", "pod", pod, "--grace-period=0", "--force"]);
    });
}

#[test]
fn trials_whose_pods_all_go_at_once_are_each_tried_again_at_once() {
    let Some(world) = World::new("collected") else { return };
    let _operator = world.operator();
    let script = r#"echo "{\"epoch\": 1, \"loss\": 1}"; sleep 10; echo "{\"epoch\": 2, \"loss\": $PARAM_x}""#;
    world.apply(&Job::new("collected", script).sized(12, 12));
    let at_work = |attempt: u32| {
        let is_at_work = |trial: &Trial| {
            trial.spec.attempt == attempt
                && trial.status.as_ref().is_some_and(|status| status.report.is_some())
        };
        world.until(
            "at work",
            || world.trials("collected").iter().filter(|trial| is_at_work(trial)).count(),
            |at_work| *at_work == 12,
        );
    };
    for attempt in 1..3 {
        at_work(attempt);
        world.collect_garbage("collected");
    }
    let status = world.completes("collected");
    assert_eq!((status.trials.completed, status.trials.failed), (12, 0));
    assert!(
        world.trials("collected").iter().all(|trial| (trial.spec.attempt, trial.spec.failures) == (3, 0))
    );
}

#[test]
fn a_preempted_trial_saves_and_goes_on_when_there_is_room_again() {
    let Some(world) = World::new("preempted") else { return };
    if !world.claim("weights") {
        return;
    }
    let slot = format!("temper.test/{}", world.namespace());
    world.offer(&slot, 1);
    let class = format!("temper-test-{}", world.namespace());
    world.make(&json!({
        "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": class}, "value": 1000,
    }));
    let room = json!({"resources": {"limits": {&slot: 1}}});
    goes_on(&world, &json!({"uri": "pvc://weights/runs"}), &room, |_| {
        world.make(&json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "urgent"},
            "spec": {
                "priorityClassName": class, "terminationGracePeriodSeconds": 0, "restartPolicy": "Never",
                "containers": [{
                    "name": "urgent", "image": world.image(), "command": ["sleep", "600"],
                    "resources": {"limits": {&slot: 1}},
                }],
            },
        }));
        world.kubectl(&["wait", "pod/urgent", "--for=condition=Ready", "--timeout=60s"]);
        world
            .status("interrupted", "waiting", |status| condition(status, "Progressing").1 == "Unschedulable");
        world.kubectl(&["delete", "pod", "urgent"]);
    });
    world.cluster().must(&["delete", "priorityclass", &class]);
}
