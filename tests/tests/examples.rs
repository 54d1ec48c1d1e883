//! Every example runs, short, by the programs that users run.

#![allow(clippy::panic, reason = "helpers of tests fail by panicking")]

use std::{fs, path::Path};

use serde_json::Value;
use temper_tests::{json, root, shortened, succeed, temper};

/// Runs a shortened example to its end and gives its trials.
fn trials(example: &str, changes: &[(&str, &str)]) -> (tempfile::TempDir, Vec<Value>) {
    let folder = tempfile::tempdir().expect("a folder");
    let manifest = shortened(example, changes, folder.path());
    let store = folder.path().join("store");
    let (manifest, store) = (manifest.to_str().expect("text"), store.to_str().expect("text"));
    succeed(&mut temper(&["run", manifest, "--store", store]));
    let output = succeed(&mut temper(&["trials", "--store", store, "-o", "json"]));
    let trials = json(&output).as_array().expect("an array").clone();
    (folder, trials)
}

fn metric(trial: &Value, name: &str) -> f64 {
    trial["metrics"][name].as_f64().unwrap_or_else(|| panic!("no {name} in {trial}"))
}

#[test]
fn every_example_has_a_test_and_is_valid() {
    let mut examples: Vec<_> = fs::read_dir(root().join("examples"))
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path().join("job.yaml"))
        .filter(|manifest| manifest.exists())
        .collect();
    examples.sort();
    let source = include_str!("examples.rs");
    for manifest in &examples {
        succeed(&mut temper(&["validate", manifest.to_str().expect("text")]));
        let name =
            manifest.parent().and_then(Path::file_name).and_then(|name| name.to_str()).expect("a name");
        assert!(source.contains(&format!("trials(\"{name}\"")), "no test runs the example {name}");
    }
    assert_eq!(examples.len(), 6);
}

#[test]
fn the_built_in_runner_tunes_fashion_mnist() {
    let short = "--data=fashion-mnist, --subset=3000";
    let changes =
        [("maxTrials: 20", "maxTrials: 3"), ("--data=fashion-mnist", short), ("value: 9", "value: 3")];
    let (_store, trials) = trials("fashion-mnist", &changes);
    assert_eq!(trials.len(), 3);
    assert!(trials.iter().any(|trial| metric(trial, "accuracy") > 0.5), "{trials:?}");
    for trial in &trials {
        let sgd = trial["parameters"]["optimizer"] == "sgd";
        assert_eq!(sgd, trial["parameters"].get("momentum").is_some(), "momentum belongs to sgd: {trial}");
    }
}

#[test]
fn a_pytorch_script_that_knows_nothing_of_temper_is_tuned() {
    let (_store, trials) = trials("pytorch", &[("maxTrials: 12", "maxTrials: 3"), ("value: 3", "value: 2")]);
    assert_eq!(trials.len(), 3);
    assert!(trials.iter().all(|trial| metric(trial, "accuracy") > 0.2), "{trials:?}");
}

#[test]
fn a_scikit_learn_script_is_tuned() {
    let (_store, trials) =
        trials("scikit-learn", &[("maxTrials: 20", "maxTrials: 4"), ("max: 200", "max: 30")]);
    assert_eq!(trials.len(), 4);
    assert!(trials.iter().any(|trial| metric(trial, "accuracy") > 0.7), "{trials:?}");
}

#[test]
fn a_shell_script_is_tuned_until_its_target() {
    let (_store, trials) = trials("shell", &[]);
    assert!((1..=30).contains(&trials.len()));
    assert!(trials.iter().all(|trial| metric(trial, "steps") >= 0.0));
}

#[test]
fn in_a_conditional_space_a_trial_has_the_parameters_of_its_branch() {
    let (_store, trials) =
        trials("conditional", &[("maxTrials: 24", "maxTrials: 6"), ("max: 200", "max: 20")]);
    assert_eq!(trials.len(), 6);
    for trial in &trials {
        let has = |name: &str| trial["parameters"].get(name).is_some();
        let model = trial["parameters"]["model"].as_str().expect("always there");
        assert_eq!(has("trees"), model == "forest", "{trial}");
        assert_eq!(has("kernel"), model == "svm", "{trial}");
        assert_eq!(has("width"), trial["parameters"]["kernel"] == "rbf", "{trial}");
        assert!(metric(trial, "accuracy") > 0.0);
    }
}

#[test]
fn two_objectives_end_in_a_front() {
    let (store, trials) =
        trials("two-objectives", &[("maxTrials: 20", "maxTrials: 5"), ("max: 512", "max: 64")]);
    assert_eq!(trials.len(), 5);
    let store = store.path().join("store");
    let front =
        json(&succeed(&mut temper(&["best", "--store", store.to_str().expect("text"), "-o", "json"])));
    let front = front.as_array().cloned().unwrap_or_else(|| vec![front]);
    assert!(!front.is_empty());
    for one in &front {
        for other in &trials {
            let beaten = metric(other, "accuracy") > metric(one, "accuracy")
                && metric(other, "latency") < metric(one, "latency");
            assert!(!beaten, "{one} is no part of a front: {other}");
        }
    }
}
