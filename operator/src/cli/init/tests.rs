//! The dialogue, from answers to a plan.

use clap::Parser;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    init: Init,
}

const SCRIPT: &str = "
p.add_argument('--lr', type=float, default=0.01)
p.add_argument('--width', type=int, default=64)
p.add_argument('--data', required=True)
print(f'accuracy={accuracy}')
";

/// What comes of these answers, and what was asked.
fn answered(answers: &str) -> (Result<Plan, Failure>, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("train.py");
    fs::write(&script, SCRIPT).expect("written");
    let line = Line::try_parse_from(["init", script.to_str().expect("utf-8")]).expect("arguments");
    let mut output = Vec::new();
    let mut input = answers.as_bytes();
    let plan = line.init.plan(Some(&mut Dialogue::new(&mut input, &mut output)));
    (plan, String::from_utf8(output).expect("utf-8"))
}

fn domains(plan: &Plan) -> Vec<String> {
    plan.parameters.iter().map(|parameter| format!("{}={}", parameter.name, parameter.domain)).collect()
}

#[test]
fn enter_takes_every_guess_but_what_has_none_is_asked_for() {
    let (plan, asked) = answered("\nd.csv\n\n\n\n\n");
    let plan = plan.expect("a plan");
    assert_eq!(domains(&plan), ["lr=0.0001..0.1:log", "width=16..256:log", "data=d.csv"]);
    assert_eq!(
        (plan.metric.as_str(), plan.minimize, plan.trials, plan.parallelism),
        ("accuracy", false, 40, 2)
    );
    assert!(asked.contains("--data                   needs a value"), "{asked}");
}

#[test]
fn each_guess_can_be_changed_and_a_wrong_answer_is_asked_again() {
    let (plan, asked) = answered("edit\n1..0\n1e-3..1e-2\n-\na.csv,b.csv\nloss\nmax\n9\n0\n3\n");
    let plan = plan.expect("a plan");
    assert_eq!(domains(&plan), ["lr=0.001..0.01", "data=a.csv,b.csv"]);
    assert_eq!((plan.metric.as_str(), plan.minimize, plan.trials, plan.parallelism), ("loss", false, 9, 3));
    assert!(asked.contains("must be less than the largest"), "{asked}");
    assert!(asked.contains("a whole number above 0"), "{asked}");
    assert_eq!(plan.left, ["--width 64"]);
}

#[test]
fn an_input_that_ends_is_an_error_where_an_answer_is_needed() {
    let (plan, _) = answered("");
    assert!(plan.is_err());
}
