//! `temper explain` and `temper ask-tell`.

mod common;

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
};

use common::{PROGRAM, temper};
use serde_json::{Value, json};

const JOB: &str = "
apiVersion: temper.rs/v1alpha1
kind: TuningJob
metadata: {name: fashion}
spec:
  objectives: [{metric: y, goal: minimize}]
  parameters:
  - {name: x, type: float, min: 0, max: 1}
  - {name: kind, type: categorical, values: [a, b]}
  - {name: depth, type: int, min: 1, max: 4, when: {kind: [b]}}
  - {name: epochs, type: fixed, value: 9}
  search: {algorithm: Random}
  budget: {maxTrials: 27, parallelism: 3}
  scheduler: {type: ASHA}
  trial:
    template: {spec: {containers: [{name: trial, command: [train, --x=$(PARAM_x)], env: [{name: MODE, value: fast}]}]}}
";

fn file(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("job.yaml");
    fs::write(&file, text).expect("written");
    let name = file.to_str().expect("utf-8").to_owned();
    (folder, name)
}

#[test]
fn explain_says_what_would_be_done_and_why() {
    let (_folder, job) = file(JOB);
    let text = temper(&["explain", &job]).success().stdout;
    for part in [
        "minimize y",
        "kind is b",
        "Search: Random",
        "First proposals",
        "27 trials, 3 at once",
        "{\"epoch\": 3, \"y\": 0.91}",
        "PARAM_x=",
        "MODE=fast",
        "TEMPER_RESOURCE_MAX=9",
        "without a scheduler",
    ] {
        assert!(text.contains(part), "{part:?} is missing from:\n{text}");
    }
}

#[test]
fn explain_lists_the_options_of_both_algorithms_with_the_values_in_use() {
    let text = JOB
        .replace("{algorithm: Random}", "{algorithm: TPE, options: {candidates: 48}}")
        .replace("{type: ASHA}", "{type: ASHA, options: {mode: promotion}}");
    let (_folder, job) = file(&text);
    let text = temper(&["explain", &job]).success().stdout;
    for part in [
        "search.options:\n  multivariate  true by default (boolean)\n    Whether parameters are modelled together",
        "  candidates  48, by default 24 (integer, at least 1)\n",
        "scheduler.options:\n  mode  promotion, by default stopping (stopping or promotion)\n",
        "  rungLevels  not set (list of integer)\n",
    ] {
        assert!(text.contains(part), "{part:?} is missing from:\n{text}");
    }
    let said = temper(&["explain", "-o", "json", &job]).success().stdout;
    let said: Value = serde_json::from_str(&said).expect("JSON");
    let candidates = &said["searchOptions"][2];
    assert_eq!(
        (&candidates["name"], &candidates["type"]),
        (&json!("candidates"), &json!("integer, at least 1"))
    );
    assert_eq!((&candidates["default"], &candidates["value"]), (&json!(24), &json!(48)));
    assert!(candidates["description"].as_str().is_some_and(|text| text.contains("for each proposal")));
    assert_eq!(said["schedulerOptions"][0]["value"], "promotion");
}

#[test]
fn explain_lists_the_options_of_what_auto_chose() {
    let (_folder, job) = file(&JOB.replace("algorithm: Random", "algorithm: Auto"));
    let text = temper(&["explain", &job]).success().stdout;
    let said = temper(&["explain", "-o", "json", &job]).success().stdout;
    let said: Value = serde_json::from_str(&said).expect("JSON");
    let chosen = said["chosen"].as_str().expect("Auto chose one");
    assert!(text.contains(&format!("To set options, write {chosen} as search.algorithm.")), "{text}");
    assert!(said["searchOptions"].as_array().is_some_and(|options| !options.is_empty()), "{said}");
}

#[test]
fn explain_counts_trials_at_rungs_and_their_cost() {
    let (_folder, job) = file(JOB);
    let said: Value =
        serde_json::from_str(&temper(&["explain", "-o", "json", &job]).success().stdout).expect("JSON");
    let rungs: Vec<u64> = said["reach"]["rungs"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|r| r["trials"].as_u64())
        .collect();
    assert_eq!((rungs.len(), rungs[0]), (3, 27), "{said}");
    assert!(rungs.is_sorted_by(|a, b| a > b), "fewer at each rung: {rungs:?}");
    assert_eq!(said["reach"]["withoutScheduler"], 27 * 9);
    assert!(said["reach"]["spent"].as_u64() < Some(27 * 9));
    assert_eq!(said["proposals"].as_array().map(Vec::len), Some(4));
    let x = said["proposals"][0]["x"].as_f64().expect("a number");
    assert_eq!(said["command"], json!(["train", format!("--x={x:?}")]));
}

#[test]
fn explain_counts_a_finite_space() {
    let (_folder, job) = file(&JOB.replace("type: float, min: 0, max: 1", "type: int, min: 1, max: 10"));
    assert!(temper(&["explain", &job]).success().stdout.contains("50 configurations"));
}

#[test]
fn explain_refuses_what_is_wrong_as_validate_does() {
    let (_folder, job) = file(&JOB.replace("min: 0, max: 1", "min: 1, max: 0"));
    let done = temper(&["explain", &job]);
    assert_eq!(done.code, 2);
    assert!(done.stderr.contains("spec.parameters[0]"), "{}", done.stderr);
}

#[test]
fn ask_tell_answers_each_line_before_the_next_is_written() {
    let (_folder, job) = file(JOB);
    let mut child = Command::new(PROGRAM)
        .args(["ask-tell", &job])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut input = child.stdin.take().expect("a pipe");
    let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut say = |line: &str| -> Value {
        writeln!(input, "{line}").expect("written");
        let mut answer = String::new();
        output.read_line(&mut answer).expect("read");
        serde_json::from_str(&answer).expect("one JSON object a line")
    };
    let asked = say(r#"{"ask": 1}"#);
    assert_eq!(asked["trials"][0]["id"], 0);
    assert_eq!(asked["trials"][0]["runTo"], 9);
    assert_eq!(
        say(r#"{"tell": {"id": 0, "metrics": {"y": 0.5}, "step": 1}}"#),
        json!({"ok": true, "decision": "continue"})
    );
    assert!(say("{").get("error").is_some());
    assert!(say("").get("error").is_some());
    assert_eq!(say(r#"{"tell": {"id": 0, "metrics": {"y": 0.3}}}"#), json!({"ok": true, "decision": "stop"}));
    assert!(
        say(r#"{"tell": {"id": 0, "metrics": {"y": 0.3}}}"#)["error"]
            .as_str()
            .is_some_and(|e| e.contains("trial 0 is over"))
    );
    drop(input);
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn ask_tell_without_a_scheduler_follows_the_protocol_to_the_letter() {
    let (_folder, job) = file(&JOB.replace("  scheduler: {type: ASHA}\n", ""));
    let lines = "{\"ask\": 1}\n{\"tell\": {\"id\": 0, \"metrics\": {\"y\": 0.3}}}\n{\"ask\": 1}\n{\"tell\": {\"id\": 1, \"failed\": true}}\n";
    let mut child = Command::new(PROGRAM)
        .args(["ask-tell", &job])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    child.stdin.take().expect("a pipe").write_all(lines.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("it ends");
    let answers: Vec<Value> =
        output.stdout.lines().map(|line| serde_json::from_str(&line.expect("text")).expect("JSON")).collect();
    assert_eq!(answers.len(), 4);
    let keys: Vec<&String> =
        answers[0]["trials"][0].as_object().into_iter().flat_map(|trial| trial.keys()).collect();
    assert_eq!(keys, ["id", "parameters"]);
    assert_eq!(answers[1], json!({"ok": true}));
    assert_eq!(answers[3], json!({"ok": true}));
}

#[test]
fn explain_shows_each_bracket_from_where_it_is_judged() {
    let hyperband =
        JOB.replace("{type: ASHA}", "{type: Hyperband}").replace("maxTrials: 27", "maxTrials: 18");
    let (_folder, job) = file(&hyperband);
    let said: Value =
        serde_json::from_str(&temper(&["explain", "-o", "json", &job]).success().stdout).expect("JSON");
    let rungs: Vec<(u64, u64)> = said["reach"]["rungs"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|rung| Some((rung["bracket"].as_u64()?, rung["resource"].as_u64()?)))
        .collect();
    assert!(rungs.starts_with(&[(0, 1), (0, 3), (0, 9), (1, 3), (1, 9), (2, 9)]), "{rungs:?}");
}
