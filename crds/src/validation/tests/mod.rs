//! Wrong manifests and what is said of them, word for word.

mod parameters;
mod properties;
mod settings;
mod whole;

use super::{Problem, parse_job};
use crate::job::Job;

const MINIMAL: &str = include_str!("../../../tests/manifests/minimal.yaml");
const FULL: &str = include_str!("../../../tests/manifests/full.yaml");

/// A right manifest, whose lines the tests below make wrong.
const BASE: &str = "\
apiVersion: temper.rs/v1alpha1
kind: TuningJob
metadata: {name: base}
spec:
  objectives:
  - {metric: accuracy, goal: maximize}
  parameters:
  - {name: lr, type: float, min: 0.001, max: 0.1, scale: log}
  - {name: optimizer, type: categorical, values: [sgd, adam]}
  - {name: momentum, type: float, min: 0.5, max: 0.9, when: {optimizer: [sgd]}}
  - {name: epochs, type: fixed, value: 9}
  search: {algorithm: Random}
  budget: {maxTrials: 20}
  trial:
    template:
      spec:
        containers:
        - {name: trial, command: [./train, --lr=$(PARAM_lr)]}
";

fn read(text: &str) -> Result<Job, String> {
    parse_job(text).map_err(|errors| errors.to_string())
}

/// Everything that is said of the base manifest after these replacements: each line with what it points at in the
/// text, after an arrow.
fn said_of(edits: &[(&str, &str)]) -> String {
    let text = edits.iter().fold(BASE.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "nothing to replace: {from}");
        text.replace(from, to)
    });
    let lines: Vec<&str> = text.lines().collect();
    let shown = |kind: &str, problem: &Problem| {
        let place = problem.position.expect("what comes from a text has its place");
        let rest: String = lines[place.line as usize - 1].chars().skip(place.column as usize - 1).collect();
        let token = rest.split_inclusive([',', '}', ']', ':', ' ']).next().unwrap_or_default();
        format!("{kind}{}: {} -> {token}", problem.path, problem.message)
    };
    let lines: Vec<String> = match parse_job(&text) {
        Ok(job) => job.warnings.iter().map(|warning| shown("warning: ", warning)).collect(),
        Err(errors) => errors.errors.iter().map(|error| shown("", error)).collect(),
    };
    lines.join("\n")
}

#[track_caller]
fn expect(table: &[(&str, &str, &str)]) {
    for (from, to, said) in table {
        let actual = said_of(&[(from, to)]);
        assert_eq!(actual, *said, "\n--- {from}\n+++ {to}");
    }
}
