use temper_advisor::{ParamName, space::Value};
use temper_crds::validation::parse_job;

use super::{
    rows::{read_csv, read_jsonl},
    *,
};

/// A job with these objectives and parameters, without a scheduler.
fn job(objectives: &str, parameters: &str) -> temper_crds::job::Job {
    parse_job(&format!(
        "
apiVersion: temper.rs/v1alpha1
kind: TuningJob
metadata: {{name: job}}
spec:
  objectives: {objectives}
  parameters: {parameters}
  budget: {{maxTrials: 4}}
  trial: {{template: {{spec: {{containers: [{{name: trial, command: [train]}}]}}}}}}
"
    ))
    .expect("a right job")
}

const ONE: &str = "[{metric: acc, goal: maximize}]";
const X: &str = "[{name: x, type: float, min: 0, max: 1}]";
const BRANCHES: &str = "[{name: optimizer, type: categorical, values: [sgd, adam]}, {name: momentum, type: float, \
                        min: 0, max: 1, when: {optimizer: [sgd]}}, {name: epochs, type: fixed, value: 3}]";

/// Steps as (resource, seconds, metrics).
type Steps = Vec<(u64, f64, Vec<(String, f64)>)>;

fn table(
    text: &str,
    resource: Option<&str>,
    objectives: &str,
    parameters: &str,
) -> Result<Table, Vec<String>> {
    let job = job(objectives, parameters);
    let rows = if text.starts_with('{') { read_jsonl(text) } else { read_csv(text) };
    Table::new(&rows?, &job.settings.space, resource, &job.objectives)
}

fn curves(text: &str, resource: Option<&str>, objectives: &str, parameters: &str) -> Vec<Steps> {
    let table = table(text, resource, objectives, parameters).expect("a right table");
    let step = |step: &Step| {
        let metrics = step.metrics.iter().map(|(name, &value)| (name.clone(), value)).collect();
        (step.resource.get(), step.seconds, metrics)
    };
    table.recorded.iter().map(|recorded| recorded.curve.steps.iter().map(step).collect()).collect()
}

fn wrong(text: &str, resource: Option<&str>, objectives: &str, parameters: &str) -> Vec<String> {
    table(text, resource, objectives, parameters).expect_err("a wrong table")
}

fn acc(values: &[f64]) -> Steps {
    let step = |(at, &value): (usize, &f64)| (at as u64 + 1, 1.0, vec![("acc".to_owned(), value)]);
    values.iter().enumerate().map(step).collect()
}

#[test]
fn without_a_resource_the_rows_of_each_configuration_are_counted() {
    let text = "x,acc\n0.5,0.1\n0.25,0.7\n0.5,0.3\n0.5,0.2\n";
    assert_eq!(curves(text, None, ONE, X), [acc(&[0.1, 0.3, 0.2]), acc(&[0.7])]);
}

#[test]
fn a_row_that_adds_another_objective_is_no_report_of_its_own() {
    let two = "[{metric: acc, goal: maximize}, {metric: ms, goal: minimize}]";
    let text = "x,acc,ms\n0.5,0.1,\n0.5,,3\n0.5,0.2,\n0.5,,4\n";
    let step = |at, acc, ms| (at, 1.0, vec![("acc".to_owned(), acc), ("ms".to_owned(), ms)]);
    assert_eq!(curves(text, None, two, X), [[step(1, 0.1, 3.0), step(2, 0.2, 4.0)]]);
}

#[test]
fn with_a_resource_rows_may_come_in_any_order() {
    let text = "epoch,acc,x\n2,0.3,0.5\n1,0.1,0.5\n3,0.2,0.5\n";
    assert_eq!(curves(text, Some("epoch"), ONE, X), [acc(&[0.1, 0.3, 0.2])]);
    let jsonl = "{\"x\": 0.5, \"epoch\": 2, \"acc\": 0.3}\n{\"acc\": 0.1, \"epoch\": 1, \"x\": 0.5, \"note\": \"a\"}\n";
    assert_eq!(curves(jsonl, Some("epoch"), ONE, X), [acc(&[0.1, 0.3])]);
}

#[test]
fn an_export_is_read_and_its_times_are_the_seconds() {
    let text = "index,resource,at,parameters.x,metrics.acc\n\
                0,1,5000,0.5,0.1\n0,2,8000,0.5,0.3\n1,1,9000,0.5,0.2\n2,1,9000,0.75,0.4\n2,2,13000,0.75,0.5\n";
    let step = |at, seconds, acc| (at, seconds, vec![("acc".to_owned(), acc)]);
    // The second trial of the same configuration did not go as far; what first reports took is not known.
    let expected = [vec![step(1, 4.0, 0.1), step(2, 3.0, 0.3)], vec![step(1, 4.0, 0.4), step(2, 4.0, 0.5)]];
    assert_eq!(curves(text, Some("epoch"), ONE, X), expected);
    assert_eq!(curves(text, None, ONE, X), expected, "the count is in the export");
}

#[test]
fn seconds_may_be_an_objective_too() {
    let objectives = "[{metric: seconds, goal: minimize}]";
    let steps = curves("x,seconds\n0.5,7\n", None, objectives, X);
    assert_eq!(steps, [[(1, 7.0, vec![("seconds".to_owned(), 7.0)])]]);
}

#[test]
fn values_are_read_as_their_parameter_wants_them() {
    let parameters = "[{name: text, type: categorical, values: ['1', 'true']}, {name: layers, type: architecture, \
                      positions: [[a, b], [a, b]]}, {name: rate, type: float, min: 0, max: 1}]";
    let text =
        "text,layers,rate,acc\n1,\"[\"\"a\"\",\"\"b\"\"]\",1e-1,0.5\ntrue,\"[\"\"b\"\",\"\"b\"\"]\",1,0.5\n";
    let table = table(text, None, ONE, parameters).expect("a right table");
    let mut known: Vec<&String> = table.exact.keys().collect();
    known.sort();
    assert_eq!(known, [r#"layers=["a","b"];rate=0.1;text=1;"#, r#"layers=["b","b"];rate=1.0;text=true;"#]);
}

#[test]
fn what_was_not_recorded_does_what_the_nearest_did() {
    let table = table("x,acc\n0.1,0.1\n0.6,0.6\n", None, ONE, X).expect("a right table");
    let curve = |x: f64| {
        let name = ParamName::parse("x").expect("a name");
        let asked = Configuration([(name, Value::Float(x))].into());
        table.curve(TrialIndex(0), &asked).steps[0].metrics["acc"].to_string()
    };
    assert_eq!([0.0, 0.3, 0.4, 1.0].map(curve), ["0.1", "0.1", "0.6", "0.6"]);
}

#[test]
fn a_trial_that_never_reported_an_objective_failed() {
    let two = "[{metric: acc, goal: maximize}, {metric: ms, goal: minimize}]";
    let table = table("x,acc,ms\n0.5,0.1,\n0.7,0.2,5\n", None, two, X).expect("a right table");
    let endings: Vec<bool> = (table.recorded.iter())
        .map(|recorded| matches!(&recorded.curve.ending, Ending::Failed { message, .. } if message.contains("ms")))
        .collect();
    assert_eq!(endings, [true, false]);
}

#[test]
fn a_misspelt_column_is_told_with_the_nearest_and_all_that_there_are() {
    assert_eq!(
        wrong("X,epoch,acc,seconds\n0.5,1,0.1,2\n", Some("epoch"), ONE, X),
        [r#"no column "x", a parameter of the job: there are X, epoch, acc, seconds; did you mean "X"?"#]
    );
    assert_eq!(
        wrong("x,epohc,ac\n0.5,1,0.1\n", Some("epoch"), ONE, X),
        [
            r#"no column "epoch", the resource of the job: there are x, epohc, ac; did you mean "epohc"?"#,
            r#"no column "acc", an objective of the job: there are x, epohc, ac; did you mean "ac"?"#,
        ]
    );
    assert_eq!(
        wrong("parameters.X,metrics.ac\n0.5,0.1\n", None, ONE, X),
        [
            r#"column "parameters.X": the job has no such parameter"#,
            r#"no column "metrics.acc", an objective of the job: there are parameters.X, metrics.ac; did you mean "metrics.ac"?"#,
            r#"no column "parameters.x", a parameter of the job: there are parameters.X, metrics.ac; did you mean "parameters.X"?"#,
        ]
    );
    assert_eq!(wrong("x,x,acc\n0,0,1\n", None, ONE, X), [r#"columns "x" and "x" are the same"#]);
}

#[test]
fn a_parameter_needs_a_value_where_it_is_active_and_only_there() {
    let right = "optimizer,momentum,acc\nsgd,0.5,1\nadam,,2\n";
    assert_eq!(table(right, None, ONE, BRANCHES).expect("a right table").configurations(), 2);
    assert_eq!(
        table("optimizer,acc\nadam,2\n", None, ONE, BRANCHES).expect("never active").configurations(),
        1
    );
    assert_eq!(
        wrong("optimizer,momentum,acc\nsgd,,1\nadam,0.5,2\n,,3\n", None, ONE, BRANCHES),
        [
            "line 2, momentum: has no value here",
            "line 3, momentum: has no value here: it needs optimizer to be sgd, not adam",
            "line 4, optimizer: has no value here",
            "line 4, momentum: has no value here",
        ]
    );
    assert_eq!(
        wrong("optimizer,acc\nsgd,1\nsgd,2\n", None, ONE, BRANCHES),
        [r#"no column "momentum", a parameter of the job: there are optimizer, acc"#]
    );
}

#[test]
fn everything_that_is_wrong_with_the_rows_is_told_at_once_with_its_line() {
    let text = "x,epoch,acc,seconds\n0.1,1,0.5,-5\n0.1,2,abc,1\n7,0,0.5,soon\n0.1,3,0.5,1\n0.1,3,0.6,1\n0.1,2.5,,1\n";
    assert_eq!(
        wrong(text, Some("epoch"), ONE, X),
        [
            "line 2, seconds: -5 must be a number and not negative",
            "line 3, acc: abc is no number",
            "line 4, epoch: 0 must be a whole number from 1 on",
            "line 4, seconds: soon must be a number and not negative",
            "line 4, x: cannot be 7: allowed are numbers from 0 to 1",
            "line 6, epoch: 3 of this configuration is on line 5 already",
            "line 7, epoch: 2.5 must be a whole number from 1 on",
        ]
    );
    assert_eq!(wrong("x,acc\n0.5,\n", None, ONE, X), ["line 2, acc: has no value here"]);
    assert_eq!(wrong("x,acc\n", None, ONE, X), ["there are no rows"]);
    assert_eq!(
        wrong("{\"x\": {}, \"acc\": true}\n", None, ONE, X),
        ["line 1, x: {} is no value of a parameter", "line 1, acc: true is no number"]
    );
}
