//! `temper simulate`, as a shell sees it.

mod common;

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use common::{PROGRAM, Run, run};
use serde_json::Value;

/// A job over these parameters with these further lines of its spec.
fn job(parameters: &str, more: &str) -> String {
    format!(
        "
apiVersion: temper.rs/v1alpha1
kind: TuningJob
metadata: {{name: job}}
spec:
  objectives: [{{metric: acc, goal: maximize}}]
  parameters: {parameters}
{more}
  trial: {{template: {{spec: {{containers: [{{name: trial, command: [train]}}]}}}}}}
"
    )
}

const X: &str = "[{name: x, type: float, min: 0, max: 1}]";
const FOUR: &str = "  search: {algorithm: Random}\n  budget: {maxTrials: 4}";

/// Five configurations, nine epochs each; the accuracy of an epoch is x times its ninth.
fn curves() -> String {
    let mut text = "x,epoch,acc,seconds\n".to_owned();
    for x in [0.0, 0.25, 0.5, 0.75, 1.0] {
        for epoch in 1..=9 {
            text.push_str(&format!("{x},{epoch},{},2\n", x * f64::from(epoch) / 9.0));
        }
    }
    text
}

/// A folder with a job and a table.
fn folder(job: &str, table: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("job.yaml"), job).expect("written");
    fs::write(folder.path().join("curves.csv"), table).expect("written");
    folder
}

fn temper(folder: &Path, line: &str) -> Run {
    run(Command::new(PROGRAM).current_dir(folder).args(line.split(' ')))
}

fn json(folder: &Path, line: &str) -> Vec<Value> {
    match serde_json::from_str(&temper(folder, line).success().stdout).expect("JSON") {
        Value::Array(list) => list,
        one => vec![one],
    }
}

/// The trials of a job simulated over a table.
fn simulated(job: &str, table: &str) -> Vec<Value> {
    let folder = folder(job, table);
    temper(folder.path(), "simulate job.yaml --curves curves.csv").success();
    json(folder.path(), "trials -o json")
}

fn reports(trial: &Value) -> usize {
    trial["reports"].as_array().map_or(0, Vec::len)
}

#[track_caller]
fn refused(folder: &Path, line: &str, parts: &[&str]) -> Run {
    let done = temper(folder, line);
    assert_eq!(done.code, 2, "{}", done.stderr);
    for part in parts {
        assert!(done.stderr.contains(part), "{part:?} is missing from:\n{}", done.stderr);
    }
    assert!(!folder.join(".temper").exists(), "nothing was begun");
    done
}

#[test]
fn without_a_scheduler_a_trial_reports_row_by_row_and_ends_with_the_last() {
    let table = "x,acc\n0,0\n0.5,0.1\n0.5,0.9\n0.5,0.5\n1,0\n";
    let near = "[{name: x, type: float, min: 0.4, max: 0.6}]";
    let table_near = table.replace("\n0,0\n", "\n0.4,0\n").replace("\n1,0\n", "\n0.6,0\n");
    for (strategy, result) in [("latest", 0.5), ("best", 0.9)] {
        let manifest =
            job(near, FOUR).replace("goal: maximize", &format!("goal: maximize, strategy: {strategy}"));
        let trials = simulated(&manifest, &table_near);
        // The first point is the middle, which was recorded.
        let first = &trials[0];
        assert_eq!((first["parameters"]["x"].as_f64(), reports(first)), (Some(0.5), 3));
        assert_eq!((first["result"][0].as_f64(), first["best"].as_f64()), (Some(result), Some(0.9)));
        assert_eq!(first["metrics"]["acc"], 0.5);
        assert_eq!(first["reports"][2]["resource"], 3);
    }
}

#[test]
fn early_stopping_and_thresholds_end_trials_on_the_way() {
    let stale = format!("{FOUR}\n  earlyStopping: {{rounds: 2, minDelta: 10}}");
    for trial in simulated(&job(X, &stale), &curves()) {
        assert_eq!((reports(&trial), trial["state"].as_str()), (3, Some("Stopped")), "{trial}");
    }
    let manifest = job(X, FOUR).replace("  trial: {", "  trial: {stopWhen: [{resource: 5}], ");
    for trial in simulated(&manifest, &curves()) {
        assert_eq!(reports(&trial), 5, "{trial}");
    }
}

#[test]
fn schedulers_find_the_best_of_recorded_curves_with_fewer_epochs() {
    let budget = "  search: {algorithm: Sobol}\n  budget: {maxTrials: 27}";
    let total = |trials: &[Value]| trials.iter().map(reports).sum::<usize>();
    let all = simulated(&job(X, budget), &curves());
    assert_eq!(total(&all), 243);
    for scheduler in [
        "{type: ASHA, max: 9}",
        "{type: ASHA, max: 9, options: {mode: promotion}}",
        "{type: Hyperband, max: 9}",
        "{type: MedianStopping, max: 9, options: {startStep: 2}}",
    ] {
        let trials = simulated(&job(X, &format!("{budget}\n  scheduler: {scheduler}")), &curves());
        assert_eq!(trials.len(), 27, "{scheduler}");
        assert!(total(&trials) < 200, "{scheduler}: {} epochs", total(&trials));
        let best = trials.iter().filter_map(|trial| trial["result"][0].as_f64()).fold(0.0, f64::max);
        assert!((best - 1.0).abs() < 1e-9, "{scheduler}: {best}");
        let whole: Vec<&Value> = trials.iter().filter(|trial| reports(trial) == 9).collect();
        assert!(!whole.is_empty() && whole.iter().all(|trial| trial["state"] == "Completed"), "{scheduler}");
    }
}

#[test]
fn objects_on_lines_are_a_table_too() {
    let folder = folder(&job(X, FOUR), "");
    let lines = "{\"x\": 0.5, \"acc\": 0.25}\n{\"x\": 0.5, \"acc\": 0.75}\n";
    fs::write(folder.path().join("curves.jsonl"), lines).expect("written");
    temper(folder.path(), "simulate job.yaml --curves curves.jsonl").success();
    for trial in json(folder.path(), "trials -o json") {
        assert_eq!((reports(&trial), trial["result"][0].as_f64()), (2, Some(0.75)));
    }
}

#[test]
fn a_simulation_that_nothing_ends_is_refused() {
    let endless = |budget: &str, table: &str| folder(&job(X, &format!("  budget: {budget}")), table);
    let line = "simulate job.yaml --curves curves.csv";
    let nothing = endless("{parallelism: 2}", &curves());
    let done = refused(nothing.path(), line, &["nothing ends this simulation", "set budget.maxTrials or"]);
    assert!(
        done.stderr.contains("warning: job.yaml:") && done.stderr.contains("nothing ends this job"),
        "{done:?}"
    );
    refused(nothing.path(), "simulate job.yaml --function sphere", &["nothing ends this simulation"]);

    let target = job(X, "  budget: {parallelism: 2}").replace("goal: maximize", "goal: maximize, target: 5");
    refused(folder(&target, &curves()).path(), line, &["if the target is never reached"]);

    let instant = curves().replace(",2\n", ",0\n");
    refused(endless("{maxDuration: 1h}", &instant).path(), line, &["some of the curves take no time"]);
    let timed = endless("{maxDuration: 1h}", &curves());
    let done = temper(timed.path(), line).success();
    assert!(done.stdout.contains("is used up"), "{}", done.stdout);

    let finite = job("[{name: x, type: float, min: 0, max: 1, step: 0.25}]", "  budget: {parallelism: 2}");
    let done = temper(folder(&finite, &curves()).path(), line).success();
    assert!(done.stdout.contains("all 5 configurations have been tried"), "{}", done.stdout);
}

#[test]
fn a_wrong_table_is_told_as_a_whole_with_its_lines() {
    let line = "simulate job.yaml --curves curves.csv";
    let manifest = job(X, FOUR);
    let misspelt = folder(&manifest, &curves().replace("x,epoch", "X,epoch"));
    let done = refused(misspelt.path(), line, &["error: curves.csv: no column \"x\"", "did you mean \"X\"?"]);
    assert_eq!(done.stderr.lines().count(), 1, "once, not for each row: {}", done.stderr);

    let negative = folder(&manifest, &curves().replace("0,1,0,2", "0,1,0,-2").replace("1,9,1,2", "7,9,1,2"));
    refused(
        negative.path(),
        line,
        &[
            "curves.csv: line 2, seconds: -2 must",
            "curves.csv: line 46, x: cannot be 7: allowed are numbers from 0 to 1",
        ],
    );
    let many: String = (0..50).map(|_| "2,0.5\n").collect();
    let many = folder(&manifest, &format!("x,acc\n{many}"));
    let done = refused(many.path(), line, &["line 2, x", "line 21, x", "and 30 more"]);
    assert_eq!(done.stderr.lines().count(), 21, "{}", done.stderr);

    refused(folder(&manifest, "x,acc\n1\n2\n").path(), line, &["line 2: 1 fields", "line 3: 1 fields"]);
    refused(folder(&manifest, "").path(), line, &["there are no rows"]);
    refused(
        folder(&manifest, "").path(),
        "simulate job.yaml --curves nowhere.csv",
        &["cannot read nowhere.csv"],
    );
}

#[test]
fn a_wrong_function_is_told_with_what_there_is() {
    let folder = folder(&job(X, FOUR), "");
    let near = ["no function is named \"hartman6\"", "did you mean \"hartmann6\"?"];
    refused(folder.path(), "simulate job.yaml --function hartman6", &near);
    refused(folder.path(), "simulate job.yaml --function branin", &["branin takes 2 parameters"]);
}

#[test]
fn a_gaussian_process_comes_near_the_known_minima() {
    for (function, dimensions, minimum, trials, within) in
        [("branin", 2, 0.397_887, 40, 0.05), ("hartmann6", 6, -3.322_368, 80, 0.15)]
    {
        let parameters: Vec<String> =
            (0..dimensions).map(|d| format!("{{name: x{d}, type: float, min: 0, max: 1}}")).collect();
        let more = format!("  search: {{algorithm: GaussianProcess}}\n  budget: {{maxTrials: {trials}}}");
        let manifest = job(&format!("[{}]", parameters.join(", ")), &more).replace("maximize", "minimize");
        let folder = folder(&manifest, "");
        let line = format!("simulate job.yaml --function {function} -o json");
        let best = json(folder.path(), &line)[0]["best"]["result"][0].as_f64().expect("a number");
        assert!(best >= minimum - 1e-6 && best < minimum + within, "{function}: {best}");
    }
}

#[test]
fn a_function_takes_as_many_steps_as_the_scheduler_goes() {
    let parameters = "[{name: x, type: float, min: 0, max: 1}, {name: epochs, type: fixed, value: 9}]";
    let more = "  search: {algorithm: Random}\n  budget: {maxTrials: 9}\n  scheduler: {type: ASHA}";
    let folder = folder(&job(parameters, more), "");
    temper(folder.path(), "simulate job.yaml --function sphere").success();
    let longest = json(folder.path(), "trials -o json").iter().map(reports).max();
    assert_eq!(longest, Some(9));
}

#[test]
fn what_was_simulated_reads_as_what_was_run_and_can_be_simulated_again() {
    let more = "  search: {algorithm: Random}\n  budget: {maxTrials: 9}\n  scheduler: {type: ASHA, max: 9}";
    let folder = folder(&job(X, more), &curves());
    let here = folder.path();
    temper(here, "simulate job.yaml --curves curves.csv").success();
    let trials = json(here, "trials -o json");
    let best = &json(here, "best -o json")[0];
    assert!(trials.contains(best));
    temper(here, "plot --kind all --out plots.html").success();
    temper(here, "top").success();
    assert_eq!(temper(here, "export").success().stdout.lines().count(), 10);
    temper(here, "export --reports --out again.csv").success();

    temper(here, "simulate job.yaml --curves again.csv --store .temper/again").success();
    let bare = |trials: Vec<Value>| -> Vec<Value> {
        let kept = ["index", "state", "parameters", "metrics", "result", "best", "runTo"];
        trials.iter().map(|trial| kept.iter().map(|&name| trial[name].clone()).collect()).collect()
    };
    assert_eq!(bare(json(here, "trials -o json --store .temper/again")), bare(trials));
}

#[test]
fn ten_thousand_trials_take_seconds_and_little_memory() {
    let more = "  search: {algorithm: Random}\n  budget: {maxTrials: 10000, parallelism: 8}";
    let folder = folder(&job(X, more), &curves());
    let begun = Instant::now();
    let mut child = Command::new(PROGRAM)
        .current_dir(folder.path())
        .args(["simulate", "job.yaml", "--curves", "curves.csv"])
        .stdout(Stdio::null())
        .spawn()
        .expect("the program starts");
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    while child.try_wait().expect("it is ours").is_none() {
        let lines = fs::read_to_string(&status).unwrap_or_default();
        let line = lines.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
        most = most.max(line.trim().trim_end_matches(" kB").parse().unwrap_or(0_u64));
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(child.wait().expect("it has ended").success());
    // Unoptimised and beside other tests; a release takes a fraction.
    assert!(begun.elapsed() < Duration::from_mins(1), "{:?}", begun.elapsed());
    assert!((1_000..200_000).contains(&most), "{most} KiB");
    let counts = temper(folder.path(), "export --format json").success().stdout;
    let job: Value = serde_json::from_str(&counts).expect("JSON");
    assert_eq!(job["counts"]["completed"], 10_000);
}
