//! The protocol, line by line.

use proptest::prelude::*;
use temper_crds::validation::parse_job;

use super::*;

fn job(more: &str) -> AskTell {
    let text = format!(
        "
apiVersion: temper.rs/v1alpha1
kind: TuningJob
metadata: {{name: test}}
spec:
  objectives: [{{metric: y, goal: minimize}}]
  parameters:
  - {{name: x, type: float, min: 0, max: 1}}
  - {{name: epochs, type: fixed, value: 9}}
  search: {{algorithm: Random}}
{more}
  trial: {{template: {{spec: {{containers: [{{name: trial, command: [train]}}]}}}}}}
"
    );
    let job = parse_job(&text).unwrap_or_else(|errors| panic!("{}", errors.render("job")));
    AskTell::new(&job, None, Millis(0)).expect("a right job")
}

fn say(job: &mut AskTell, line: &str) -> Value {
    job.answer(line, Millis(1))
}

fn error(job: &mut AskTell, line: &str) -> String {
    let answer = say(job, line);
    answer["error"].as_str().unwrap_or_else(|| panic!("{line} is answered by {answer}")).to_owned()
}

#[test]
fn a_trial_is_asked_for_and_told_of() {
    let mut job = job("");
    let answer = say(&mut job, r#"{"ask": 1}"#);
    assert_eq!(answer["trials"][0]["id"], 0);
    assert!(answer["trials"][0]["parameters"]["x"].is_f64());
    assert_eq!(answer["trials"][0].as_object().map(Map::len), Some(2), "{answer}");
    assert!(answer.get("reason").is_none());
    assert_eq!(say(&mut job, r#"{"tell": {"id": 0, "metrics": {"y": 0.3}}}"#), json!({"ok": true}));
    assert_eq!(say(&mut job, r#"{"ask": 2}"#)["trials"][1]["id"], 2);
}

#[test]
fn parallelism_is_the_askers() {
    let mut job = job("  budget: {parallelism: 1}");
    assert_eq!(say(&mut job, r#"{"ask": 50}"#)["trials"].as_array().map(Vec::len), Some(50));
}

#[test]
fn wrong_lines_are_answered_and_change_nothing() {
    let mut job = job("");
    assert!(error(&mut job, "hello").contains("no JSON"));
    assert!(error(&mut job, "").contains("no JSON"));
    assert!(error(&mut job, "[1]").contains("no object"));
    assert!(error(&mut job, "{}").contains("nothing"));
    assert!(error(&mut job, r#"{"aks": 1}"#).contains("did you mean \"ask\""));
    assert!(error(&mut job, r#"{"ask": 0}"#).contains("not 0"));
    assert!(error(&mut job, r#"{"ask": "one"}"#).contains("1 to"));
    assert!(error(&mut job, r#"{"ask": 1, "tell": {"id": 0}}"#).contains("lines of their own"));
    assert!(error(&mut job, r#"{"tell": {"id": 0}}"#).contains("none was asked for"));
    say(&mut job, r#"{"ask": 1}"#);
    assert!(error(&mut job, r#"{"tell": {"id": 7, "metrics": {"y": 1}}}"#).contains("there is no trial 7"));
    assert!(error(&mut job, r#"{"tell": {"id": 0, "metrics": {"z": 1}}}"#).contains("\"y\" is missing"));
    assert!(error(&mut job, r#"{"tell": {"id": 0, "metrics": {"y": null}}}"#).contains("no finite number"));
    assert!(error(&mut job, r#"{"tell": {"id": 0, "metrics": {"y": NaN}}}"#).contains("\"failed\": true"));
    assert!(error(&mut job, r#"{"tell": {"id": 0, "metric": {"y": 1}}}"#).contains("unknown field"));
    assert!(error(&mut job, r#"{"tell": {"id": 0, "step": 0, "metrics": {"y": 1}}}"#).contains("nonzero"));
    assert_eq!(say(&mut job, r#"{"tell": {"id": 0, "metrics": {"y": 1}}}"#), json!({"ok": true}));
    assert!(error(&mut job, r#"{"tell": {"id": 0, "metrics": {"y": 1}}}"#).contains("it has completed"));
}

#[test]
fn a_failure_counts_and_is_tried_again_as_the_job_says() {
    let mut without = job("");
    say(&mut without, r#"{"ask": 1}"#);
    assert_eq!(say(&mut without, r#"{"tell": {"id": 0, "failed": true}}"#), json!({"ok": true}));
    assert!(error(&mut without, r#"{"tell": {"id": 0, "metrics": {"y": 1}}}"#).contains("it has failed"));

    let mut with = {
        let mut with = job("");
        with.state = {
            let mut rules = with.state.rules().clone();
            rules.retries = 1;
            let advisor = temper_advisor::advisor::Advisor::new(with.state.advisor().settings().clone());
            let mut state = JobState::new(rules, advisor.expect("right settings"));
            state.apply(Millis(0), &Event::Observed(Observation::Opened));
            state
        };
        with
    };
    let first = say(&mut with, r#"{"ask": 1}"#)["trials"][0].clone();
    say(&mut with, r#"{"tell": {"id": 0, "failed": true, "message": "out of memory"}}"#);
    let again = say(&mut with, r#"{"ask": 1}"#)["trials"][0].clone();
    assert_eq!((&again["id"], &again["attempt"]), (&json!(0), &json!(2)));
    assert_eq!(again["parameters"], first["parameters"]);
}

#[test]
fn the_budget_and_the_target_end_the_job() {
    let mut budget = job("  budget: {maxTrials: 2}");
    let answer = say(&mut budget, r#"{"ask": 3}"#);
    assert_eq!(answer["trials"].as_array().map(Vec::len), Some(2));
    assert!(answer["reason"].as_str().is_some_and(|reason| reason.contains("2 trials that run")), "{answer}");
    for id in 0..2 {
        say(&mut budget, &format!(r#"{{"tell": {{"id": {id}, "metrics": {{"y": 1}}}}}}"#));
    }
    let answer = say(&mut budget, r#"{"ask": 1}"#);
    assert_eq!(answer["trials"], json!([]));
    assert!(answer["reason"].as_str().is_some_and(|reason| reason.contains("the job is over")), "{answer}");
}

#[test]
fn under_a_scheduler_reports_are_decided_on() {
    let mut job = job("  scheduler: {type: ASHA, min: 1, max: 9, reductionFactor: 3}");
    let answer = say(&mut job, r#"{"ask": 4}"#);
    assert_eq!(answer["trials"][0]["runTo"], 9);
    let report = |job: &mut AskTell, id: u32, step: u32, y: f64| {
        let line = format!(r#"{{"tell": {{"id": {id}, "step": {step}, "metrics": {{"y": {y}}}}}}}"#);
        say(job, &line)
    };
    for (id, y) in [(0, 0.1), (1, 0.2), (2, 0.3)] {
        report(&mut job, id, 1, y);
    }
    assert_eq!(report(&mut job, 3, 1, 9.0), json!({"ok": true, "decision": "stop"}));
    assert_eq!(report(&mut job, 0, 2, 0.1), json!({"ok": true, "decision": "continue"}));
    assert!(
        error(&mut job, r#"{"tell": {"id": 0, "step": 2, "metrics": {"y": 1}}}"#).contains("told already")
    );
    assert_eq!(report(&mut job, 0, 9, 0.1)["decision"], "stop");
    assert!(error(&mut job, r#"{"tell": {"id": 3, "metrics": {"y": 1}}}"#).contains("it was stopped"));
}

#[test]
fn a_paused_trial_is_given_out_again() {
    let mut job =
        job("  scheduler: {type: ASHA, min: 1, max: 9, reductionFactor: 3, options: {mode: promotion}}");
    let answer = say(&mut job, r#"{"ask": 3}"#);
    assert_eq!(answer["trials"][0]["runTo"], 1);
    for id in 0..3 {
        // Without a step: at the end of its way.
        let answer = say(&mut job, &format!(r#"{{"tell": {{"id": {id}, "metrics": {{"y": 0.{id}}}}}}}"#));
        assert_eq!(answer, json!({"ok": true, "decision": "pause"}));
    }
    let again = say(&mut job, r#"{"ask": 1}"#)["trials"][0].clone();
    assert_eq!((&again["id"], &again["resume"], &again["runTo"]), (&json!(0), &json!(true), &json!(3)));
    assert!(error(&mut job, r#"{"tell": {"id": 1, "metrics": {"y": 1}}}"#).contains("paused"));
}

proptest! {
    /// Whatever is said, in whatever order: one answer each, indices without gaps, no panic.
    #[test]
    fn every_line_gets_one_answer(lines in prop::collection::vec((0u32..5, 0u32..6, 0u32..12, -1.0..1.0f64), 0..60)) {
        let mut job = job("  budget: {maxTrials: 8}\n  scheduler: {type: ASHA, min: 1, max: 9, options: {mode: promotion}}");
        let mut ids = std::collections::BTreeSet::new();
        for (what, id, step, y) in lines {
            let line = match what {
                0 | 1 => format!(r#"{{"ask": {}}}"#, id + 1),
                2 => format!(r#"{{"tell": {{"id": {id}, "metrics": {{"y": {y}}}}}}}"#),
                3 => format!(r#"{{"tell": {{"id": {id}, "step": {step}, "metrics": {{"y": {y}}}}}}}"#),
                _ => format!(r#"{{"tell": {{"id": {id}, "failed": true}}}}"#),
            };
            let answer = say(&mut job, &line);
            let keys = ["trials", "ok", "error"].iter().filter(|key| answer.get(**key).is_some()).count();
            prop_assert_eq!(keys, 1, "{} is answered by {}", line, answer);
            for trial in answer["trials"].as_array().into_iter().flatten() {
                ids.extend(trial["id"].as_u64());
            }
        }
        prop_assert!(ids.len() <= 8);
        prop_assert!(ids.iter().copied().eq(0..ids.len() as u64));
    }
}
