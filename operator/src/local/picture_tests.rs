use std::collections::BTreeMap;

use temper_advisor::Resource;

use super::*;
use crate::plan::{Action, Ending, Event, Observation, plan};

const MANIFEST: &str = "
apiVersion: temper.rs/v1alpha1
kind: TuningJob
metadata: {name: job}
spec:
  objectives: [{metric: a, goal: maximize}]
  parameters: [{name: x, type: float, min: 0, max: 1}]
  pointsToEvaluate: [{x: 0.25}, {x: 0.5}, {x: 0.75}]
  budget: {maxTrials: 3, parallelism: 3}
  trial: {retries: 1, template: {spec: {containers: [{name: trial, command: [train]}]}}}
";

/// A job whose three trials run.
fn begun() -> JobState {
    let job = temper_crds::validation::parse_job(MANIFEST).unwrap();
    let mut state = JobState::of(&job).unwrap();
    see(&mut state, 0, Observation::Opened);
    state
}

fn see(state: &mut JobState, seconds: u64, observation: Observation) -> Vec<Action> {
    let at = Millis(seconds * 1_000);
    state.apply(at, &Event::Observed(observation));
    plan(state, at)
}

fn report(state: &mut JobState, seconds: u64, trial: u32, a: f64) {
    let trial = TrialIndex(trial);
    let attempt = state.trial(trial).map_or(1, |trial| trial.attempts);
    let metrics = BTreeMap::from([("a".to_owned(), a)]);
    see(state, seconds, Observation::Reported { trial, attempt, resource: Resource::ONE, metrics });
}

fn end(state: &mut JobState, seconds: u64, trial: u32, ending: Ending) {
    let trial = TrialIndex(trial);
    let attempt = state.trial(trial).map_or(1, |trial| trial.attempts);
    see(state, seconds, Observation::Ended { trial, attempt, ending });
}

fn broken() -> Ending {
    Ending::Failed { reason: "ExitCode".into(), message: "exit code 3".into(), retryable: true }
}

#[test]
fn the_best_and_those_that_run_have_a_line_each_as_far_as_there_is_room() {
    let mut state = begun();
    report(&mut state, 1, 1, 0.5);
    let picture = Picture::of(&state, Millis(1_000), 2);
    assert_eq!((picture.finished, picture.max, picture.headline.as_str()), (0, Some(3), "  3 running"));
    assert_eq!(
        picture.lines,
        ["best   a=0.5  trial 1  x=0.5", "trial 0    no report yet", "trial 1    1  a=0.5", "and 1 more"]
    );
}

#[test]
fn what_is_left_is_said_while_there_is_something_left() {
    let mut state = begun();
    let line = |state: &JobState, seconds: u64| standing(state, Millis(seconds * 1_000));
    assert_eq!(line(&state, 4), "0 of 3 trials done in 4s  3 running");
    report(&mut state, 8, 0, 0.25);
    end(&mut state, 10, 0, Ending::Succeeded);
    assert_eq!(line(&state, 10), "1 of 3 trials done in 10s, about 20s left  2 running; best a=0.25");
    for trial in [1, 2] {
        report(&mut state, 11, trial, 0.5);
        end(&mut state, 12, trial, Ending::Succeeded);
    }
    assert_eq!(line(&state, 12), "3 of 3 trials done in 12s; best a=0.5");
}

#[test]
fn the_end_of_an_attempt_is_told_by_what_came_of_it() {
    let mut state = begun();
    let first = TrialIndex(0);
    report(&mut state, 1, 0, 0.25);
    end(&mut state, 2, 0, Ending::Succeeded);
    assert_eq!(ended(&state, first), "[1/3] trial 0 completed: a=0.25");
    report(&mut state, 2, 1, 0.5);
    end(&mut state, 3, 1, Ending::Succeeded);
    assert_eq!(ended(&state, TrialIndex(1)), "[2/3] trial 1 completed: a=0.5 (the best so far)");
    assert_eq!(failure(&state, first), None);

    let last = TrialIndex(2);
    state.apply(
        Millis(4_000),
        &Event::Observed(Observation::Ended { trial: last, attempt: 1, ending: broken() }),
    );
    assert!(says_something(&state, last));
    assert_eq!(ended(&state, last), "[2/3] trial 2 is tried again: exit code 3");
    plan(&mut state, Millis(4_000));
    end(&mut state, 5, 2, broken());
    assert_eq!(ended(&state, last), "[3/3] trial 2 failed: exit code 3");
    assert_eq!(state_name(&state.trials()[2]), "Failed");
}

#[test]
fn durations_are_as_exact_as_they_need_to_be() {
    for (millis, text) in [(1, "1s"), (59_001, "1m 0s"), (200_000, "3m 20s"), (7_500_000, "2h 5m")] {
        assert_eq!(duration(millis), text);
    }
}
