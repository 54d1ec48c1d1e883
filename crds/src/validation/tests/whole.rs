//! Texts and manifests as a whole.

use serde_json::Value;
use temper_advisor::space;

use super::{BASE, FULL, MINIMAL, expect, read, said_of};
use crate::{
    job::{Goal, Strategy},
    validation::{parse_job, parse_value},
};

#[test]
fn right_manifests_are_read_whole() {
    let job = read(MINIMAL).unwrap();
    assert_eq!((job.name.as_str(), job.budget.parallelism, job.retention), ("smallest", 1, 100));
    assert_eq!(job.settings.points.len(), 1, "an absent list of points is one point of defaults");
    assert_eq!(job.trial.template.command(), ["./train", "--x=$(PARAM_x)"]);
    assert_eq!(job.resource, None);
    assert_eq!(job.warnings, []);

    let job = read(FULL).unwrap();
    assert_eq!(job.namespace.as_deref(), Some("research"));
    assert_eq!(job.settings.space.parameters().len(), 8);
    assert_eq!(job.settings.points.len(), 2);
    let [first, second] = &job.settings.points[..] else { panic!("two points") };
    assert_eq!(
        (first.get("momentum").is_some(), second.get("momentum")),
        (true, Some(&space::Value::Float(0.9)))
    );
    assert_eq!((job.objectives[0].goal, job.objectives[0].strategy), (Goal::Maximize, Strategy::Best));
    assert_eq!(
        job.trial.template.container().name,
        "trial",
        "not the first container, but the one named trial"
    );
    assert_eq!(job.trial.template.command()[2], "--lr=$(PARAM_learningRate)");
    assert_eq!(job.stop_rules.stop_when.len(), 3);
    assert_eq!(job.resource.as_deref(), Some("epoch"));
    assert_eq!(job.budget.max_duration.map(|duration| duration.as_secs()), Some(5_400));
    let volumes = job.trial.template.pod().spec.as_ref().and_then(|spec| spec.volumes.clone()).unwrap();
    assert_eq!(volumes[0].secret.as_ref().and_then(|secret| secret.default_mode), Some(0o644));
}

#[test]
fn an_empty_list_of_points_is_no_point() {
    let text = BASE.replace("  budget:", "  pointsToEvaluate: []\n  budget:");
    assert_eq!(read(&text).unwrap().settings.points, []);
}

#[test]
fn json_is_read_as_yaml_and_as_the_api_server_gives_it() {
    let value: Value = serde_saphyr::from_str(FULL).unwrap();
    let as_json = serde_json::to_string_pretty(&value).unwrap();
    let from_json = read(&as_json).unwrap();
    let mut of_server = value;
    of_server["status"] = serde_json::json!({"anything": 1});
    let from_value = parse_value(&of_server).unwrap();
    assert_eq!(from_json.settings.space, from_value.settings.space);
    assert_eq!(from_json.trial, from_value.trial);
}

#[test]
fn everything_is_said_at_once_in_the_order_of_the_text() {
    let said = said_of(&[
        ("name: base", "name: My Job"),
        ("maximize", "maximise"),
        ("min: 0.001", "min: 0"),
        ("{optimizer: [sgd]}", "{optimiser: [sgd]}"),
        ("Random", "Randm"),
        ("maxTrials: 20", "maxTrials: 0, paralelism: 4"),
        ("command: [./train", "comand: [./train"),
    ]);
    assert_eq!(
        said,
        "\
metadata.name: \"My Job\" is not allowed: small letters, digits and -, not at the ends, at most 63 characters; try my-job -> My 
spec.objectives[0].goal: \"maximise\" is not allowed: one of minimize, maximize; did you mean \"maximize\"? -> maximise}
spec.parameters[0].min: must be positive on a log scale, not 0; use a small positive one or scale: linear -> 0,
spec.parameters[2].when.optimiser: there is no parameter optimiser; did you mean \"optimizer\"? -> [sgd]
spec.search.algorithm: \"Randm\" is not allowed: one of "
            .to_owned()
            + &algorithms()
            + "; did you mean \"Random\"? -> Randm}
spec.budget.maxTrials: must be at least 1, not 0 -> 0,
spec.budget.paralelism: there is no such field; did you mean \"parallelism\"? -> paralelism:
spec.trial.template.spec.containers[0].comand: there is no such field; did you mean \"command\"? -> comand:"
    );
}

fn algorithms() -> String {
    let names: Vec<&str> =
        temper_advisor::search::SEARCHERS.iter().map(|registration| registration.name).collect();
    names.join(", ")
}

#[test]
fn for_a_terminal_each_line_begins_with_the_file() {
    let errors =
        parse_job(&BASE.replace("maximize", "up").replace("Random}", "Random, options: []}")).unwrap_err();
    assert_eq!(
        errors.render("job.yaml"),
        "\
job.yaml:6:30: spec.objectives[0].goal: \"up\" is not allowed: one of minimize, maximize
job.yaml:12:40: spec.search.options: must be an object (name: value), not a list
2 errors"
    );
    let errors = parse_value(&serde_json::json!({"kind": "Job", "apiVersion": "batch/v1"})).unwrap_err();
    assert_eq!(errors.render("job.yaml"), "job.yaml: kind: must be TuningJob, not \"Job\"\n1 error");
}

#[test]
fn text_that_is_no_manifest() {
    for (text, said) in [
        ("", "there is nothing in it; `temper init` writes a first job"),
        ("# a comment\n---\n", "there is nothing in it; `temper init` writes a first job"),
        (
            "metadata: {name: a\nspec: 1",
            "2:5: the YAML is malformed: while parsing a flow mapping, did not find expected ',' or '}'",
        ),
        (
            "metadata: {}\nspec: a: b",
            "2:8: the YAML is malformed: mapping values are not allowed in this context (a space missing after a colon, \
             text with a colon that needs quotes, or lines that are not indented alike)",
        ),
        (
            "spec:\n\tobjectives: []",
            "2:2: the YAML is malformed: tabs disallowed within this context (block indentation) (indent with spaces)",
        ),
        (
            "metadata:\n  name: {{ name }}",
            "2:10: the YAML is malformed: expected string scalar, as the name of a field (text that begins with { or [ \
             needs quotes, as \"{{ name }}\": without them it is an object or a list)",
        ),
        (
            "a: .inf",
            "1:4: the YAML is malformed: non-finite float `.inf` rejected by the configured policy (numbers must be finite)",
        ),
        (
            "- a",
            "1:1: a TuningJob is an object that begins with `apiVersion: temper.rs/v1alpha1`, not a list",
        ),
        ("kind: TuningJob", "1:1: apiVersion: is missing: write `apiVersion: temper.rs/v1alpha1`"),
        ("spec: {}", "1:1: kind: is missing: write `kind: TuningJob`"),
        (
            "apiVersion: temper.rs/v1alpha1\nkind: TuningJobs",
            "2:1: kind: must be TuningJob, not \"TuningJobs\"; did you mean \"TuningJob\"?",
        ),
        (
            "apiVersion: temper.rs/v1\nkind: TuningJob",
            "1:1: apiVersion: must be temper.rs/v1alpha1, not \"temper.rs/v1\": this version of temper knows no other",
        ),
        (
            "apiVersion: kubeflow.org/v1beta1\nkind: TuningJob",
            "1:1: apiVersion: must be temper.rs/v1alpha1, not \"kubeflow.org/v1beta1\"",
        ),
        ("a: 1\n---\nb: 1", "none of its 2 documents is a TuningJob"),
    ] {
        assert_eq!(read(text).unwrap_err(), said, "{text}");
    }
}

#[test]
fn of_several_documents_the_job_is_taken() {
    let service = "apiVersion: v1\nkind: Service\n---\n";
    assert_eq!(read(&format!("{service}{BASE}")).unwrap().name, "base");
    let twice = format!("{BASE}---\n{BASE}");
    assert_eq!(
        read(&twice).unwrap_err(),
        "1:1: there are 2 TuningJobs in it, at lines 1, 20; give one at a time"
    );
    let wrong = format!("{service}{}", BASE.replace("maximize", "up"));
    assert!(
        read(&wrong).unwrap_err().starts_with("9:30: spec.objectives[0].goal"),
        "lines are those of the file"
    );
}

#[test]
fn structure() {
    expect(&[
        (
            "maxTrials: 20",
            "maxTrials: 20, maxTrials: 30",
            "spec.budget.maxTrials: is given twice, first in line 13; remove one -> maxTrials:",
        ),
        (
            "maxTrials: 20",
            "maxTrials: \"20\"",
            "spec.budget.maxTrials: must be a whole number, not the text \"20\"; remove the quotes -> \"20\"}",
        ),
        (
            "maxTrials: 20",
            "maxTrials: 2.5",
            "spec.budget.maxTrials: must be a whole number, not the number 2.5 -> 2.5}",
        ),
        ("maxTrials: 20", "maxTrials: 20.0", ""),
        (
            "maxTrials: 20",
            "maxTrials: 20, maxFailedTrials: 5000000000",
            "spec.budget.maxFailedTrials: must be at most 4294967295, not 5000000000 -> 5000000000}",
        ),
        ("maxTrials: 20", "maxTrials: 20, maxDuration:", ""),
        (
            "maxTrials: 20",
            "maxTrials: 20, parallelism: 10001",
            "spec.budget.parallelism: must be at most 10000, not 10001 -> 10001}",
        ),
        (
            "{metric: accuracy, goal: maximize}",
            "{metric: accuracy}",
            "spec.objectives[0].goal: is missing: whether smaller (minimize) or larger (maximize) is better -> {metric:",
        ),
        (
            "{metric: accuracy, goal: maximize}",
            "{metric: \"\", goal: maximize}",
            "spec.objectives[0].metric: is empty -> \"\",",
        ),
        (
            "{metric: accuracy, goal: maximize}",
            "{metric: accuracy, goal: maximize}\n  - {metric: accuracy, goal: minimize}",
            "spec.objectives[1].metric: \"accuracy\" is there already, at spec.objectives[0]; each may be given once -> accuracy,",
        ),
        (
            "  budget:",
            "  maxTrials: 3\n  budget:",
            "spec.maxTrials: there is no such field here; it belongs in spec.budget -> maxTrials:",
        ),
        (
            "  budget:",
            "  parallelsim: 3\n  budget:",
            "spec.parallelsim: there is no such field here; did you mean \"parallelism\" in spec.budget? -> parallelsim:",
        ),
        (
            "  trial:",
            "  policies: [SHARE_PARAMS, SHARE_PARAMS]\n  trial:",
            "spec.policies[1]: \"SHARE_PARAMS\" is there already, at spec.policies[0]; each may be given once -> SHARE_PARAMS]",
        ),
        (
            "  trial:",
            "  trial: [1]\n  trials:",
            "spec.trial: must be an object (name: value), not a list -> [1]\nspec.trials: there is no such field; did you mean \"trial\"? -> trials:",
        ),
        (
            "metadata: {name: base}",
            "metadata: {labels: {}}",
            "metadata.name: is missing: a job needs a name, as in `metadata: {name: my-job}` -> metadata:",
        ),
        (
            "metadata: {name: base}",
            "metadata: {name: base, label: {}}",
            "metadata.label: there is no such field; did you mean \"labels\"? -> label:",
        ),
        (
            "metadata: {name: base}",
            "metadata: {name: 7}",
            "metadata.name: must be text, not the number 7; put it in quotes -> 7}",
        ),
    ]);
}

#[test]
fn what_is_missing_altogether() {
    let said =
        read("apiVersion: temper.rs/v1alpha1\nkind: TuningJob\nmetadata: {name: a}\nspec: {}").unwrap_err();
    let paths: Vec<&str> = said.lines().filter_map(|line| line.split(": ").nth(1)).collect();
    assert_eq!(paths, ["spec.objectives", "spec.parameters", "spec.trial"]);
    let said = read("apiVersion: temper.rs/v1alpha1\nkind: TuningJob").unwrap_err();
    assert_eq!(
        said,
        "1:1: metadata: is missing\n1:1: spec: is missing: a search for the best configuration of a model: what to \
         optimise, over which parameters, with which budget, and the pod that trains one configuration"
    );
}

#[test]
fn words_that_kubectl_takes_for_booleans_are_warned_of() {
    expect(&[
        (
            "[sgd, adam]",
            "[sgd, on]",
            "warning: spec.parameters[1].values[1]: kubectl reads on without quotes as true: write \"on\" or true -> on]",
        ),
        ("[sgd, adam]", "[sgd, \"on\"]", ""),
        (
            "metric: accuracy",
            "metric: y",
            "warning: spec.objectives[0].metric: kubectl reads y without quotes as true: write \"y\" or true -> y,",
        ),
        (
            "  budget:",
            "  suspend: yes\n  budget:",
            "spec.suspend: must be true or false, not the text \"yes\" -> yes",
        ),
    ]);
}

#[test]
fn anchors_and_merges_are_understood() {
    let text = BASE.replace(
        "  parameters:\n",
        "  parameters:\n  - &unit {name: a, type: float, min: 0, max: 1}\n  - {<<: *unit, name: b}\n",
    );
    assert_eq!(read(&text).unwrap().settings.space.parameters().len(), 6);
}
