//! `temper init` and `temper validate` on files as people have them.

mod common;

use std::{fs, process::Command};

use common::{PROGRAM, Run, run, temper};
use serde_json::Value;

const ARGPARSE: &str = r#"
import argparse, json

def main():
    parser = argparse.ArgumentParser(formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--lr", "--learning-rate", type=float, default=1e-3, help="step size")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--optimizer", choices=["sgd", "adam", "adamw"], default="adam")
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--epochs", type=int, default=9)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--amp", action="store_true")
    args = parser.parse_args()
    for epoch in range(1, args.epochs + 1):
        print(json.dumps({"epoch": epoch, "val_accuracy": accuracy(), "loss": 1.0}), flush=True)
"#;

const CLICK: &str = r#"
import click

@click.command()
@click.option("--weight-decay", default=1e-4, show_default=True)
@click.option("--n-estimators", type=int, default=100)
@click.option("--data", required=True, type=click.Path())
def main(weight_decay, n_estimators, data):
    print(f"rmse={rmse:.3f}")
"#;

/// `temper init` in a folder of its own that holds this script.
fn init(script: &str, arguments: &[&str]) -> (Run, String) {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("train.py"), script).expect("written");
    let done = run(Command::new(PROGRAM).current_dir(&folder).arg("init").args(arguments));
    let job = fs::read_to_string(folder.path().join("job.yaml")).unwrap_or_default();
    (done, job)
}

fn parsed(yaml: &str) -> Value {
    serde_saphyr::from_str(yaml).expect("YAML")
}

fn validated(yaml: &str) -> Run {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("job.yaml");
    fs::write(&file, yaml).expect("written");
    temper(&["validate", file.to_str().expect("utf-8")])
}

#[test]
fn a_script_with_argparse_becomes_a_job_that_validates() {
    let (done, yaml) = init(ARGPARSE, &["--yes", "train.py"]);
    let done = done.success();
    assert!(done.stderr.contains("job.yaml"), "{}", done.stderr);
    validated(&yaml).success();
    let job = parsed(&yaml);
    let spec = &job["spec"];
    assert_eq!(job["metadata"]["name"], "train");
    assert_eq!(spec["objectives"][0], serde_json::json!({"metric": "val_accuracy", "goal": "maximize"}));
    let names: Vec<&str> =
        spec["parameters"].as_array().into_iter().flatten().filter_map(|p| p["name"].as_str()).collect();
    assert_eq!(names, ["lr", "batch_size", "optimizer", "dropout", "epochs"]);
    assert_eq!(spec["parameters"][0]["scale"], "log");
    assert_eq!(spec["parameters"][2]["values"], serde_json::json!(["sgd", "adam", "adamw"]));
    assert_eq!(spec["parameters"][4], serde_json::json!({"name": "epochs", "type": "fixed", "value": 9}));
    assert_eq!(spec["scheduler"]["type"], "ASHA");
    assert_eq!(spec["scheduler"]["resource"], "epoch");
    assert_eq!(spec["trial"]["metrics"]["format"], "JSONLines");
    let command = &spec["trial"]["template"]["spec"]["containers"][0]["command"];
    assert_eq!(command[2], "--lr=$(PARAM_lr)");
    assert_eq!(command[3], "--batch-size=$(PARAM_batch_size)");
    assert!(yaml.contains("step size; default 1e-3"), "{yaml}");
    assert!(yaml.contains("--seed 0"), "{yaml}");
}

#[test]
fn what_the_command_sets_stays_and_ranges_can_be_given() {
    let arguments =
        ["--yes", "--param", "lr=1e-4..1e-1:log", "--leave", "dropout", "--trials", "7", "--name", "mine"];
    let command = ["python3", "train.py", "--batch-size", "32", "--epochs=3"];
    let (done, yaml) = init(ARGPARSE, &[&arguments[..], &command[..]].concat());
    done.success();
    let spec = &parsed(&yaml)["spec"];
    let names: Vec<&str> =
        spec["parameters"].as_array().into_iter().flatten().filter_map(|p| p["name"].as_str()).collect();
    assert_eq!(names, ["lr", "optimizer"]);
    assert_eq!(
        (spec["parameters"][0]["min"].as_f64(), spec["parameters"][0]["max"].as_f64()),
        (Some(1e-4), Some(0.1))
    );
    assert_eq!(spec["budget"]["maxTrials"], 7);
    let words = &spec["trial"]["template"]["spec"]["containers"][0]["command"];
    assert_eq!(words.as_array().map(Vec::len), Some(7), "{words}");
}

#[test]
fn an_option_behind_the_command_is_not_silently_the_commands() {
    let (done, _) = init(ARGPARSE, &["train.py", "-y", "-o", "j2.yaml"]);
    assert_eq!(done.code, 2);
    for said in [
        "-y and -o behind the command",
        "temper init -y -o ... train.py",
        "temper init -- train.py -y -o j2.yaml",
    ] {
        assert!(done.stderr.contains(said), "{}", done.stderr);
    }
    let (done, yaml) = init(ARGPARSE, &["--yes", "--", "train.py", "-o", "j2.yaml"]);
    done.success();
    assert!(yaml.contains("-o"), "{yaml}");
    // What its text declares is its own.
    let script = ARGPARSE.replace("\"--seed\"", "\"--name\"");
    assert_ne!(script, ARGPARSE);
    let (done, yaml) = init(&script, &["--yes", "train.py", "--name=7"]);
    done.success();
    assert!(yaml.contains("--name=7"), "{yaml}");
}

#[test]
fn a_flag_that_must_be_given_is_asked_for() {
    let (done, _) = init(CLICK, &["--yes", "train.py"]);
    assert_eq!(done.code, 2);
    assert!(done.stderr.contains("does not start without --data"), "{}", done.stderr);
    let (done, yaml) = init(CLICK, &["--yes", "train.py", "--data", "d.csv"]);
    done.success();
    let job = parsed(&yaml);
    assert_eq!(job["spec"]["objectives"][0], serde_json::json!({"metric": "rmse", "goal": "minimize"}));
    assert_eq!(job["spec"]["trial"]["metrics"]["format"], "KeyValue");
    validated(&yaml).success();
}

#[cfg(unix)]
#[test]
fn a_programs_help_is_read_when_asked_for() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("train");
    let help = "Usage: train [OPTIONS]\n\nOptions:\n      --lr <LR>  Step size [default: 0.01]\n      --opt <OPT>  [default: a] [possible values: a, b]";
    fs::write(&program, format!("#!/bin/sh\ncat <<'END'\n{help}\nEND\n")).expect("written");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("made executable");
    let arguments = ["init", "--yes", "--out", "-", "--from-help", "--metric", "loss", "./train"];
    let done = run(Command::new(PROGRAM).current_dir(&folder).args(arguments)).success();
    let job = parsed(&done.stdout);
    assert_eq!(job["spec"]["parameters"][1]["values"], serde_json::json!(["a", "b"]));
    assert_eq!(job["spec"]["objectives"][0]["goal"], "minimize");
}

#[test]
fn what_cannot_be_guessed_is_said() {
    let (done, yaml) = init("print('accuracy=1')", &["--yes", "train.py"]);
    assert_eq!((done.code, yaml.as_str()), (2, ""));
    assert!(
        done.stderr.contains("no flags were found") && done.stderr.contains("--param"),
        "{}",
        done.stderr
    );
    let (done, _) = init("p.add_argument('--lr', default=.1)", &["--yes", "train.py"]);
    assert!(done.stderr.contains("--metric accuracy"), "{}", done.stderr);
    let (done, _) = init("", &["--yes", "nowhere.py"]);
    assert!(done.stderr.contains("there is no file nowhere.py"), "{}", done.stderr);
    let (done, _) = init("", &["--yes", "--param", "lr=3..1", "train.py"]);
    assert!(done.code == 2 && done.stderr.contains("must be less"), "{}", done.stderr);
}

#[test]
fn a_file_is_not_written_over_without_force() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("train.py"), ARGPARSE).expect("written");
    fs::write(folder.path().join("job.yaml"), "mine").expect("written");
    let again = |extra: &[&str]| {
        run(Command::new(PROGRAM).current_dir(&folder).args(["init", "--yes"]).args(extra).arg("train.py"))
    };
    let refused = again(&[]);
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("--force"), "{}", refused.stderr);
    again(&["--force"]).success();
    assert_ne!(fs::read_to_string(folder.path().join("job.yaml")).expect("read"), "mine");
}

const WRONG: &str = "apiVersion: temper.rs/v1alpha1
kind: TuningJob
metadata: {name: wrong}
spec:
  objectives: [{metric: accuracy, goal: up}]
  parameters:
  - {name: lr, type: float, min: 1, max: 0.1}
  trial: {template: {spec: {containers: [{name: trial, command: [train]}]}}}
";

#[test]
fn validate_tells_every_error_with_its_place_and_exits_with_2() {
    let wrong = validated(WRONG);
    assert_eq!(wrong.code, 2);
    for part in ["job.yaml:5:", "spec.objectives[0].goal", "job.yaml:7:", "spec.parameters[0]"] {
        assert!(wrong.stdout.contains(part), "{part:?} is missing from:\n{}", wrong.stdout);
    }
}

#[test]
fn validate_speaks_json_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("job.yaml");
    fs::write(&file, WRONG).expect("written");
    let done = temper(&["validate", "-o", "json", file.to_str().expect("utf-8")]);
    assert_eq!(done.code, 2);
    let verdicts: Value = serde_json::from_str(&done.stdout).expect("JSON");
    assert_eq!(verdicts[0]["valid"], false);
    assert_eq!(verdicts[0]["errors"][0]["line"], 5);
}

#[test]
fn a_file_that_is_not_there_is_wrong_input() {
    let done = temper(&["validate", "/nowhere/job.yaml"]);
    assert_eq!(done.code, 2);
    assert!(done.stderr.contains("cannot read /nowhere/job.yaml"), "{}", done.stderr);
}
