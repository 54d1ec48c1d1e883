//! What objects say of a job is what a store on this machine would say of it.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use temper_advisor::{Resource, space::Configuration};
use temper_crds::trial::{PodReference, TrialReport, TrialStatus};

use super::{super::trial, *};
use crate::plan::{Action, Ending, Event, Observation};

/// When the story begins: objects keep whole seconds.
const BEGIN: u64 = 1_790_000_000_000;

fn at(seconds: u64) -> Millis {
    Millis(BEGIN + seconds * 1_000)
}

fn time(seconds: u64) -> Value {
    serde_json::to_value(trial::time(at(seconds))).unwrap()
}

fn object(status: &Value) -> TuningJob {
    serde_json::from_value(json!({
        "apiVersion": "temper.rs/v1alpha1", "kind": "TuningJob",
        "metadata": {"name": "fashion", "namespace": "team", "uid": "1-2-3"},
        "spec": {
            "objectives": [{"metric": "accuracy", "goal": "maximize"}],
            "parameters": [{"name": "lr", "type": "float", "min": 0.1, "max": 1}],
            "search": {"algorithm": "Random"},
            "budget": {"maxTrials": 4, "parallelism": 2},
            "trial": {"retries": 0, "template": {"spec": {"containers": [{"name": "trial", "command": ["train"]}]}}},
        },
        "status": status,
    }))
    .unwrap()
}

fn running() -> Value {
    json!({
        "state": "Running", "startTime": time(0), "activeSeconds": 0, "activeSince": time(0),
        "conditions": [condition("Progressing", "True", "TrialsRunning", "1 trials have a pod")],
    })
}

fn condition(kind: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": time(0)})
}

fn metrics(accuracy: f64, loss: f64) -> BTreeMap<String, f64> {
    BTreeMap::from([("accuracy".to_owned(), accuracy), ("loss".to_owned(), loss)])
}

/// Trial 0 has run to its end, 1 has failed, 2 runs, 3 waits.
fn lived(job: &Job) -> Recalled {
    let create = |index: u32| {
        let parameters = json!({"lr": 0.15 + f64::from(index) / 10.0});
        let parameters: Configuration = serde_json::from_value(parameters).unwrap();
        Event::Decided(Action::Create { trial: TrialIndex(index), parameters, run_to: None, bracket: 0 })
    };
    let start = |index: u32| Event::Decided(Action::Start { trial: TrialIndex(index), attempt: 1 });
    let report = |index: u32, resource: u64, accuracy: f64, loss: f64| {
        let resource = Resource::new(resource).unwrap();
        let metrics = metrics(accuracy, loss);
        Event::Observed(Observation::Reported { trial: TrialIndex(index), attempt: 1, resource, metrics })
    };
    let end = |index: u32, ending: Ending| {
        Event::Observed(Observation::Ended { trial: TrialIndex(index), attempt: 1, ending })
    };
    let checkpoint = Observation::Checkpointed {
        trial: TrialIndex(0),
        resource: Resource::new(2),
        uri: "s3://b/fashion/0".to_owned(),
    };
    let broken =
        Ending::Failed { reason: "ExitCode".to_owned(), message: "exit code 1".to_owned(), retryable: true };
    let mut story = Recalled::new(JobState::of(job).unwrap());
    for (seconds, event) in [
        (0, Event::Observed(Observation::Opened)),
        (0, create(0)),
        (0, create(1)),
        (0, start(0)),
        (0, start(1)),
        (2, report(0, 1, 0.5, 1.0)),
        (3, report(1, 1, 0.6, 0.9)),
        (3, end(1, broken)),
        (4, report(0, 2, 0.7, 0.8)),
        (4, Event::Observed(checkpoint)),
        (4, end(0, Ending::Succeeded)),
        (4, create(2)),
        (4, create(3)),
        (4, start(2)),
        (6, report(2, 1, 0.9, 0.3)),
    ] {
        story.apply(at(seconds), &event);
    }
    story
}

/// The same story as objects: trial 0 has been moved to the history.
fn objects(state: &JobState) -> Objects {
    let job = object(&running());
    let key = JobKey::of(&job).unwrap();
    let kept = |index: u32, created: u64, report: Option<Value>| {
        let mut spec = trial::first_spec(&key, state, TrialIndex(index));
        spec.pod = report.is_some().then(|| PodReference { name: "a-pod".to_owned(), uid: None });
        let mut object = trial::object(&key, TrialIndex(index), spec);
        object.metadata.creation_timestamp = serde_json::from_value(time(created)).unwrap();
        let report = report.map(|report| serde_json::from_value::<TrialReport>(report).unwrap());
        object.status = Some(TrialStatus { report, conditions: Vec::new() });
        object
    };
    let failed = kept(
        1,
        0,
        Some(json!({
            "state": "Failed", "attempt": 1, "pod": {"name": "a-pod"}, "resource": 1,
            "latest": metrics(0.6, 0.9), "series": [[1, 0.6]], "startedAt": time(0), "finishedAt": time(3),
            "reason": "ExitCode", "message": "exit code 1",
        })),
    );
    let mut runs = kept(
        2,
        4,
        Some(json!({
            "state": "Running", "attempt": 1, "pod": {"name": "a-pod"}, "resource": 1,
            "latest": metrics(0.9, 0.3), "series": [[1, 0.9]], "startedAt": time(4),
        })),
    );
    runs.metadata.managed_fields = serde_json::from_value(json!([
        {"manager": "temper-operator", "operation": "Update", "time": time(9)},
        {"manager": "temper-runner", "operation": "Apply", "subresource": "status", "time": time(6)},
    ]))
    .unwrap();
    let waits = kept(3, 4, None);
    let finished = trial::to_history(state, TrialIndex(0), Vec::new()).unwrap();
    let history: TrialHistory = serde_json::from_value(json!({
        "apiVersion": "temper.rs/v1alpha1", "kind": "TrialHistory",
        "metadata": {"name": "fashion-h0", "ownerReferences": [key.owner()]},
        "spec": {"job": "fashion", "chunk": 0, "count": 1, "trials": [finished]},
    }))
    .unwrap();
    // Of a job that had this name before: passed over.
    let mut foreign = kept(0, 0, None);
    foreign.metadata.owner_references.as_mut().unwrap()[0].uid = "9-9-9".to_owned();
    let (trials, histories) = owned(&key, vec![foreign, runs, failed, waits], vec![history]);
    Objects { job, trials, histories }
}

#[test]
fn objects_show_the_job_as_a_store_would() {
    let job = parsed(&object(&Value::Null)).unwrap();
    let local = lived(&job);
    let remote = objects(&local.state).view(at(10)).unwrap();
    let mut local = serde_json::to_value(local.view(&job, at(10))).unwrap();
    // The history keeps the objectives of earlier reports, not their other metrics.
    local["trials"][0]["reports"][0]["metrics"].as_object_mut().unwrap().remove("loss");
    assert_eq!(serde_json::to_value(remote).unwrap(), local);
}

#[test]
fn reports_are_spread_from_the_start_of_the_attempt_to_its_end() {
    let job = parsed(&object(&Value::Null)).unwrap();
    let mut objects = objects(&lived(&job).state);
    let report = objects.trials[1].status.as_mut().and_then(|status| status.report.as_mut()).unwrap();
    report.series = serde_json::from_value(json!([[1, 0.1], [3, 0.5], [6, 0.6]])).unwrap();
    report.resource = Some(6);
    let view = objects.view(at(10)).unwrap();
    let times: Vec<u64> = view.trials[1].reports.iter().map(|report| report.at - BEGIN).collect();
    assert_eq!(times, [500, 1_500, 3_000]);
}

#[test]
fn what_keeps_a_job_from_running_is_told() {
    let said = |status: Value| trouble(&object(&status));
    assert_eq!(said(Value::Null).as_deref(), Some("no operator has taken it up yet"));
    assert_eq!(said(running()), None);
    let stuck = condition("Progressing", "False", "Unschedulable", "trial 3 waits: 0/1 nodes are available");
    let stuck = json!({"state": "Running", "conditions": [stuck]});
    assert_eq!(said(stuck).as_deref(), Some("trial 3 waits: 0/1 nodes are available"));
    let refused =
        json!({"state": "Invalid", "conditions": [condition("Accepted", "False", "Invalid", "no")]});
    assert_eq!(said(refused).as_deref(), Some("no"));
}
