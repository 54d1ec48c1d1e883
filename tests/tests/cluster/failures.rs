//! Trials that fail, and jobs that are wrong.

use serde_json::json;
use temper_crds::{Trial, trial::ReportState};
use temper_tests::cluster::{Job, World, condition};

/// Attempts at the only trial of a job that is over, the reason and the message of its failure.
fn failure(world: &World, job: &str) -> (u32, String, String) {
    let status = world.status(job, "failed", |status| condition(status, "Failed").0);
    assert_eq!((status.state.as_str(), status.trials.failed, status.trials.running), ("Failed", 1, 0));
    let trials: Vec<Trial> = world.trials(job);
    let report = trials[0].status.as_ref().and_then(|status| status.report.clone()).unwrap();
    assert_eq!(report.state, ReportState::Failed);
    (trials[0].spec.attempt, report.reason.unwrap(), report.message.unwrap())
}

#[test]
fn a_failure_that_may_pass_is_tried_again_and_others_are_not() {
    let Some(world) = World::new("failures") else { return };
    let _operator = world.operator();
    let once_more = json!({"trial": {"retries": 1}});
    let job = |name: &str, script: &str| Job::new(name, script).sized(1, 1).with(&once_more);
    world.apply(&job("broken", "echo 'no such table: users' >&2; exit 3"));
    world.apply(&job("silent", "true"));
    world.apply(
        &job("diverged", "echo loss=nan").with(&json!({"trial": {"metrics": {"format": "KeyValue"}}})),
    );
    world.apply(&job("absent", "").with_container(&json!({"command": ["train-the-model"]})));

    let (attempts, reason, message) = failure(&world, "broken");
    assert_eq!((attempts, reason.as_str()), (2, "ExitCode"));
    assert!(message.contains("no such table: users"), "{message}");
    let (attempts, reason, message) = failure(&world, "silent");
    assert_eq!((attempts, reason.as_str()), (1, "NoMetric"));
    assert!(message.contains("loss"), "{message}");
    let (attempts, reason, _) = failure(&world, "diverged");
    assert_eq!((attempts, reason.as_str()), (1, "Diverged"));
    let (attempts, reason, message) = failure(&world, "absent");
    assert_eq!((attempts, reason.as_str()), (1, "CannotStart"));
    assert!(message.contains("train-the-model"), "{message}");
    let events = world.kubectl(&["get", "events", "--field-selector", "reason=TrialFailed", "-o", "yaml"]);
    assert!(events.contains("no such table: users"), "{events}");
}

#[test]
fn a_job_ends_when_too_many_trials_have_failed() {
    let Some(world) = World::new("too-many") else { return };
    let _operator = world.operator();
    let strict = json!({"budget": {"maxFailedTrials": 1}, "trial": {"retries": 0}});
    world.apply(&Job::new("failing", "exit 1").sized(10, 1).with(&strict));
    let status = world.status("failing", "failed", |status| condition(status, "Failed").0);
    assert_eq!(condition(&status, "Failed").1, "TooManyFailedTrials");
    assert_eq!((status.trials.failed, status.trials.created), (2, 2));
}

#[test]
fn a_job_that_is_wrong_is_told_everything_at_once_and_gets_no_pod() {
    let Some(world) = World::new("wrong") else { return };
    let _operator = world.operator();
    // What the definition itself can say is refused at the door.
    let refused = Job::new("refused", "true");
    let misspelt = json!({"search": {"algorithm": "Rundom"}, "budget": {"maxTrials": 0}});
    let said = world.try_apply(&refused.clone().with(&misspelt)).unwrap();
    assert!(said.contains("spec.search.algorithm") && said.contains("spec.budget.maxTrials"), "{said}");
    let said = world.try_apply(&refused.with_container(&json!({"command": null}))).unwrap();
    assert!(said.contains("needs a command"), "{said}");
    // And what only the operator can say, by it.
    let wrong = Job::new("wrong", "true").with(&json!({
        "parameters": [
            {"name": "x", "type": "float", "min": 0, "max": 1},
            {"name": "y", "type": "float", "min": 0, "max": 1, "when": {"mode": ["fast"]}},
            {"name": "z", "type": "float", "min": 0, "max": 1, "when": {"kind": ["deep"]}},
        ],
    }));
    world.apply(&wrong);
    let status = world.status("wrong", "refused", |status| !status.conditions.is_empty());
    let (accepted, _, message) = condition(&status, "Accepted");
    assert!(!accepted && status.state == "Invalid");
    assert!(message.contains("spec.parameters[1].when") && message.contains("mode"), "{message}");
    assert!(message.contains("spec.parameters[2].when") && message.contains("kind"), "{message}");
    assert!(world.pods("wrong").is_empty() && world.trials("wrong").is_empty());
}

#[test]
fn a_trial_that_takes_more_memory_than_its_limit_says_so() {
    let Some(world) = World::new("memory") else { return };
    let _operator = world.operator();
    let job = Job::new("greedy", "exec tail /dev/zero")
        .sized(1, 1)
        .with(&json!({"trial": {"retries": 0}}))
        .with_container(&json!({"resources": {"limits": {"memory": "48Mi"}}}));
    world.apply(&job);
    let status = world.status("greedy", "failed", |status| condition(status, "Failed").0);
    assert_eq!(status.trials.failed, 1);
    let message = condition(&status, "Failed").2;
    assert!(message.contains("memory"), "{message}");
    let events = world.kubectl(&["get", "events", "--field-selector", "reason=TrialFailed", "-o", "yaml"]);
    assert!(events.contains("memory"), "{events}");
}
