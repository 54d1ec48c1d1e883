//! The commands that look at a job, on stores that hold simulated jobs.

mod common;

use std::{collections::BTreeMap, convert::Infallible, fs, path::Path, process::Command};

use common::{PROGRAM, Run, run};
use serde_json::Value;
use temper_advisor::{Resource, TrialIndex, space::Configuration};
use temper_crds::validation::parse_job;
use temper_operator::{
    local::store::Store,
    plan::{Ending, JobState, Millis},
    simulate::{self, Curve, Step, simulate},
};

const ONE_OBJECTIVE: &str = "
apiVersion: temper.rs/v1alpha1
kind: TuningJob
metadata: {name: fashion}
spec:
  objectives: [{metric: accuracy, goal: maximize}]
  parameters:
  - {name: lr, type: float, min: 1.0e-4, max: 1.0e-1, scale: log}
  - {name: optimizer, type: categorical, values: [sgd, adam]}
  - {name: momentum, type: float, min: 0.5, max: 0.99, when: {optimizer: [sgd]}}
  - {name: epochs, type: fixed, value: 9}
  search: {algorithm: Random}
  scheduler: {type: ASHA, resource: epoch}
  budget: {maxTrials: 40, parallelism: 4, maxFailedTrials: 40}
  trial: {template: {spec: {containers: [{name: trial, command: [train]}]}}}
";

fn two_objectives() -> String {
    ONE_OBJECTIVE
        .replace("goal: maximize}]", "goal: maximize}, {metric: latency, goal: minimize}]")
        .replace("  scheduler: {type: ASHA, resource: epoch}\n", "")
}

/// Learns faster the nearer its learning rate is to 0.01; every tenth trial fails.
struct Learning;

impl simulate::Source for Learning {
    fn curve(&self, trial: TrialIndex, parameters: &Configuration) -> Curve {
        if trial.0 % 10 == 7 {
            let message = "exit code 1; its stderr ends with\n    out of memory".to_owned();
            let ending = Ending::Failed { reason: "ExitCode".to_owned(), message, retryable: false };
            return Curve { steps: Vec::new(), ending };
        }
        let rate = parameters.get("lr").and_then(temper_advisor::space::Value::as_f64).unwrap_or(1.0);
        let quality = 1.0 - (rate.log10() + 2.0).abs() * 0.2;
        let step = |epoch: u64| {
            let accuracy = quality * (1.0 - 0.5 / epoch as f64);
            let metrics = [("accuracy", accuracy), ("latency", rate * 1e3), ("loss", 1.0 - accuracy)];
            let metrics = metrics.map(|(name, value)| (name.to_owned(), value));
            Some(Step { resource: Resource::new(epoch)?, seconds: 2.0, metrics: BTreeMap::from(metrics) })
        };
        Curve { steps: (1..=9).filter_map(step).collect(), ending: Ending::Succeeded }
    }
}

/// Keeps a simulated run of the job in `folder`/.temper/`name`.
fn keep(folder: &Path, name: &str, manifest: &str) {
    let job = parse_job(manifest).expect("a right manifest");
    let mut state = JobState::of(&job).expect("a right job");
    let mut events = Vec::new();
    let done: Result<f64, Infallible> =
        simulate(&mut state, &Learning, Millis(1_790_000_000_000), |at, event| {
            events.push((at, event));
            Ok(())
        });
    let Ok(_) = done;
    let (mut store, _) = Store::open(&folder.join(".temper").join(name), manifest).expect("a store");
    store.append(&events).expect("recorded");
}

/// A folder with one job in its store.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    keep(folder.path(), "fashion", ONE_OBJECTIVE);
    folder
}

fn temper(folder: &Path, line: &str) -> Run {
    run(Command::new(PROGRAM).current_dir(folder).args(line.split(' ')))
}

fn json(folder: &Path, line: &str) -> Value {
    serde_json::from_str(&temper(folder, line).success().stdout).expect("JSON")
}

#[test]
fn trials_are_an_array_of_objects() {
    let folder = folder();
    let trials = json(folder.path(), "trials -o json");
    assert_eq!(trials.as_array().map(Vec::len), Some(40));
    let first = &trials[0];
    assert_eq!((&first["index"], &first["attempts"]), (&Value::from(0), &Value::from(1)));
    assert!(first["parameters"]["lr"].is_f64() && first["metrics"]["accuracy"].is_f64(), "{first}");
    assert_eq!(first["parameters"]["epochs"], 9);
    assert_eq!(first["reports"][0]["resource"], 1);
    assert_eq!(trials[7]["state"], "Failed");
    assert!(
        trials[7].get("result").is_none()
            && trials[7]["metrics"].as_object().is_some_and(serde_json::Map::is_empty)
    );
    let states: Vec<&str> =
        trials.as_array().into_iter().flatten().filter_map(|t| t["state"].as_str()).collect();
    assert!(states.contains(&"Completed") && states.contains(&"Stopped"), "{states:?}");
}

#[test]
fn yaml_says_the_same_as_json() {
    let folder = folder();
    let yaml = temper(folder.path(), "trials -o yaml --limit 3").success().stdout;
    let yaml: Value = serde_saphyr::from_str(&yaml).expect("YAML");
    assert_eq!(yaml, json(folder.path(), "trials -o json --limit 3"));
}

#[test]
fn tables_have_a_column_for_each_parameter_that_varies() {
    let folder = folder();
    let table = temper(folder.path(), "trials").success().stdout;
    let heading: Vec<&str> = table.lines().next().unwrap_or_default().split_whitespace().collect();
    assert_eq!(heading, ["TRIAL", "STATE", "ACCURACY", "EPOCH", "TIME", "LR", "OPTIMIZER", "MOMENTUM"]);
    assert_eq!(table.lines().count(), 41);
    let wide = temper(folder.path(), "trials -o wide --state failed").success().stdout;
    assert!(wide.contains("EPOCHS") && wide.contains("out of memory") && wide.lines().count() == 5, "{wide}");
}

#[test]
fn trials_are_sorted_and_limited() {
    let folder = folder();
    let trials = json(folder.path(), "trials -o json --sort result --limit 5");
    let values: Vec<f64> =
        trials.as_array().into_iter().flatten().filter_map(|t| t["result"][0].as_f64()).collect();
    assert_eq!(values.len(), 5);
    assert!(values.is_sorted_by(|a, b| a >= b), "{values:?}");
    assert_eq!(trials[0]["index"], json(folder.path(), "best -o json")["index"]);
}

#[test]
fn the_best_is_one_object_and_a_front_is_many() {
    let folder = folder();
    let best = json(folder.path(), "best -o json");
    assert!(best["result"][0].as_f64().is_some_and(|accuracy| accuracy > 0.8), "{best}");
    assert!(best["best"].as_f64() >= best["result"][0].as_f64());
    let text = temper(folder.path(), "best").success().stdout;
    assert!(text.contains("accuracy") && text.contains("lr"), "{text}");

    keep(folder.path(), "two", &two_objectives());
    let front = json(folder.path(), "best -o json --store .temper/two");
    let front: Vec<(f64, f64)> = front
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|trial| Some((trial["result"][0].as_f64()?, trial["result"][1].as_f64()?)))
        .collect();
    assert!(front.len() > 1);
    for (accuracy, latency) in &front {
        assert!(!front.iter().any(|(a, l)| a > accuracy && l < latency), "{front:?}");
    }
}

#[test]
fn a_job_without_results_has_no_best() {
    let folder = tempfile::tempdir().expect("a folder");
    let (store, _) = Store::open(&folder.path().join(".temper/new"), ONE_OBJECTIVE).expect("a store");
    drop(store);
    let done = temper(folder.path(), "best");
    assert_eq!((done.code, done.stderr.as_str()), (1, "error: job fashion has no trials yet\n"));
    assert_eq!(json(folder.path(), "trials -o json"), serde_json::json!([]));
    assert_eq!(temper(folder.path(), "plot --terminal").code, 1);
    temper(folder.path(), "top").success();
}

#[test]
fn the_store_is_found_or_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let none = temper(folder.path(), "trials");
    assert_eq!(none.code, 2);
    assert!(
        none.stderr.contains("there is no job in ./.temper") && none.stderr.contains("--store"),
        "{}",
        none.stderr
    );
    keep(folder.path(), "a", ONE_OBJECTIVE);
    temper(folder.path(), "trials").success();
    keep(folder.path(), "b", ONE_OBJECTIVE);
    let two = temper(folder.path(), "trials");
    assert_eq!(two.code, 2);
    assert!(two.stderr.contains("--store .temper/a | .temper/b"), "{}", two.stderr);
    temper(folder.path(), "trials --store .temper/b").success();
    let above = temper(folder.path(), "trials --store .temper");
    assert!(above.code == 2 && above.stderr.contains(".temper/a | .temper/b"), "{}", above.stderr);
    assert_eq!(temper(folder.path(), "trials --store nowhere").code, 2);
}

#[test]
fn top_prints_once_where_there_is_no_terminal() {
    let folder = folder();
    let text = temper(folder.path(), "top").success().stdout;
    for part in ["fashion", "complete", "40 of 40 trials", "4 failed", "Random, ASHA", "best"] {
        assert!(text.contains(part), "{part:?} is missing from:\n{text}");
    }
    assert!(!text.contains('\u{1b}'));
}

#[test]
fn csv_has_a_row_for_each_trial_and_quotes_what_must_be_quoted() {
    let folder = folder();
    let text = temper(folder.path(), "export").success().stdout;
    let mut rows = csv::Reader::from_reader(text.as_bytes());
    let headings = rows.headers().expect("a heading").clone();
    let column = |name: &str| headings.iter().position(|heading| heading == name).expect("a column");
    let (lr, momentum, message) = (column("parameters.lr"), column("parameters.momentum"), column("message"));
    let records: Vec<csv::StringRecord> = rows.records().collect::<Result<_, _>>().expect("CSV");
    assert_eq!(records.len(), 40);
    assert!(records.iter().all(|record| record[lr].parse::<f64>().is_ok()));
    assert!(records.iter().any(|record| record[momentum].is_empty()));
    assert!(records[7][message].contains("\n    out of memory"));
    assert!(headings.iter().any(|heading| heading == "metrics.accuracy"));
}

#[test]
fn csv_of_reports_and_json_of_everything() {
    let folder = folder();
    let text = temper(folder.path(), "export --reports").success().stdout;
    let reports: usize = json(folder.path(), "trials -o json")
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|trial| trial["reports"].as_array().map(Vec::len))
        .sum();
    assert_eq!(text.lines().count(), reports + 1);
    temper(folder.path(), "export --out job.json").success();
    let job: Value =
        serde_json::from_str(&fs::read_to_string(folder.path().join("job.json")).expect("a file"))
            .expect("JSON");
    assert_eq!((&job["name"], &job["state"]), (&"fashion".into(), &"Complete".into()));
    assert_eq!(job["counts"]["created"], 40);
    assert_eq!(temper(folder.path(), "export --out job.xyz").code, 2);
    assert_eq!(temper(folder.path(), "export --out /nowhere/job.csv").code, 1);
}

#[test]
fn plots_are_written_by_their_suffix() {
    let folder = folder();
    temper(folder.path(), "plot --out history.svg").success();
    let svg = fs::read_to_string(folder.path().join("history.svg")).expect("a file");
    assert!(svg.starts_with("<svg ") && svg.contains("Best so far"));
    temper(folder.path(), "plot --kind parallel --kind curves --out p.png").success();
    for name in ["p-parallel.png", "p-curves.png"] {
        let bytes = fs::read(folder.path().join(name)).expect("a file");
        assert!(bytes.starts_with(b"\x89PNG"), "{name}");
    }
    let all = temper(folder.path(), "plot --kind all --out report.html").success();
    assert!(all.stderr.contains("report.html"), "{}", all.stderr);
    let page = fs::read_to_string(folder.path().join("report.html")).expect("a file");
    assert!(page.matches("<svg ").count() >= 5, "a job of one objective has no front, and all others");
}

#[test]
fn plots_go_to_the_terminal_or_the_stream() {
    let folder = folder();
    assert!(temper(folder.path(), "plot").success().stdout.starts_with("<svg "));
    let drawn = temper(folder.path(), "plot --terminal --kind history").success().stdout;
    assert!(drawn.contains('│') && drawn.contains("best so far"), "{drawn}");
    assert_eq!(temper(folder.path(), "plot --kind history --kind time").code, 2);
    let wrong = temper(folder.path(), "plot --out plot.pdf");
    assert!(wrong.code == 2 && wrong.stderr.contains(".svg, .png or .html"), "{}", wrong.stderr);
    let misspelt = temper(folder.path(), "plot --kind histori");
    assert!(misspelt.code == 2 && misspelt.stderr.contains("'history'"), "{}", misspelt.stderr);
}

#[test]
fn a_store_that_is_none_is_wrong_input() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir_all(folder.path().join(".temper/x")).expect("made");
    fs::write(
        folder.path().join(".temper/x/store.db"),
        "not a database, but long enough to look at it as if it were",
    )
    .expect("written");
    let done = temper(folder.path(), "trials");
    assert_eq!(done.code, 2, "{}", done.stderr);
    assert!(done.stderr.contains("is not a temper store"), "{}", done.stderr);
}
