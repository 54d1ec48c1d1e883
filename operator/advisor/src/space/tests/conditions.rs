//! Names, conditions, completion.

use super::*;

fn given(values: &[(&str, Value)]) -> BTreeMap<String, Value> {
    values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

#[test]
fn each_wrong_condition_says_how_to_mend_it() {
    let wrong = Space::new(vec![
        parameter("optimizer", choice(&["sgd", "adam"])),
        when(parameter("momentum", float(0.0, 1.0)), "optimiser", &[text("sgd")]),
        when(parameter("beta", float(0.0, 1.0)), "beta", &[Value::Float(0.5)]),
        when(parameter("decay", float(0.0, 1.0)), "schedule", &[text("cosine")]),
        parameter("schedule", choice(&["none", "cosine"])),
        when(parameter("a", int(0, 1)), "b", &[Value::Int(0)]),
        when(parameter("b", int(0, 1)), "a", &[Value::Int(0)]),
        when(parameter("c", int(0, 1)), "optimizer", &[text("adm"), text("sgd"), Value::Int(1)]),
        when(parameter("d", int(0, 1)), "momentum", &[Value::Float(0.5)]),
        when(parameter("e", int(0, 1)), "optimizer", &[]),
        parameter("optimizer", int(0, 1)),
    ]);
    assert_eq!(
        said(wrong),
        [
            "[1].when.optimiser: there is no parameter optimiser; did you mean \"optimizer\"?",
            "[2].when.beta: beta cannot depend on itself",
            "[3].when.schedule: schedule is declared after decay: move it before",
            "[5].when.b: makes a cycle: a depends on b, which depends on a",
            "[7].when.optimizer[0]: optimizer cannot be adm: allowed is sgd or adam; did you mean \"adam\"?",
            "[7].when.optimizer[2]: optimizer cannot be 1: allowed is sgd or adam",
            "[8].when.momentum: momentum is a float without a step, which as good as never has exactly one value; \
             give it a step",
            "[9].when.optimizer: is empty: give at least one value of optimizer",
            "[10].name: optimizer is the name of [0] too; every parameter needs its own",
        ]
    );
}

#[test]
fn a_longer_cycle_is_spelt_out() {
    let wrong = Space::new(vec![
        when(parameter("a", int(0, 1)), "c", &[Value::Int(0)]),
        when(parameter("b", int(0, 1)), "a", &[Value::Int(0)]),
        when(parameter("c", int(0, 1)), "b", &[Value::Int(0)]),
    ]);
    assert_eq!(
        said(wrong),
        ["[0].when.c: makes a cycle: a depends on c, which depends on b, which depends on a"]
    );
}

#[test]
fn conditions_nest() {
    let space = training();
    let names = |u: &[f64]| -> Vec<String> { space.decode(u).0.keys().map(ToString::to_string).collect() };
    // Coordinates: optimizer, momentum, nesterov, beta.
    assert_eq!(names(&[0.9, 0.9, 0.9, 0.5]), ["beta", "epochs", "optimizer"]);
    assert_eq!(names(&[0.1, 0.1, 0.9, 0.5]), ["epochs", "momentum", "optimizer"]);
    assert_eq!(names(&[0.1, 0.9, 0.9, 0.5]), ["epochs", "momentum", "nesterov", "optimizer"]);
}

#[test]
fn values_not_given_are_the_defaults() {
    let complete = training().complete(&given(&[("momentum", Value::Float(0.9))])).unwrap();
    assert_eq!(complete.get("optimizer"), Some(&text("sgd")));
    assert_eq!(complete.get("nesterov"), Some(&Value::Bool(false)));
    assert_eq!(complete.get("epochs"), Some(&Value::Int(9)));
    assert_eq!(complete.get("beta"), None);
}

#[test]
fn numbers_are_taken_whichever_way_they_are_written() {
    let space = Space::new(vec![parameter("units", int(1, 9)), parameter("rate", float(0.0, 2.0))]).unwrap();
    let complete = space.complete(&given(&[("units", Value::Float(3.0)), ("rate", Value::Int(1))])).unwrap();
    assert_eq!(complete.get("units"), Some(&Value::Int(3)));
    assert_eq!(complete.get("rate"), Some(&Value::Float(1.0)));
}

#[test]
fn a_configuration_outside_the_space_says_everything_at_once() {
    let wrong = training().complete(&given(&[
        ("optimizer", text("adm")),
        ("momentum", Value::Float(0.55)),
        ("beta", Value::Float(0.9)),
        ("epochs", Value::Int(3)),
        ("learningRate", Value::Float(0.1)),
    ]));
    assert_eq!(
        said(wrong),
        [
            "learningRate: there is no such parameter",
            "optimizer: cannot be adm: allowed is sgd or adam; did you mean \"adam\"?",
            "momentum: cannot be 0.55: allowed are numbers from 0.5 to 0.9 in steps of 0.1",
            "beta: has no value here: it needs optimizer to be adam, not sgd",
            "epochs: cannot be 3: it is fixed at 9",
        ]
    );
    let nested = training().complete(&given(&[("optimizer", text("adam")), ("nesterov", Value::Bool(true))]));
    assert_eq!(
        said(nested),
        ["nesterov: has no value here: it needs momentum to be 0.8 or 0.9, which is itself inactive"]
    );
}

#[test]
fn architectures_say_which_position_is_wrong() {
    let layers = Domain::architecture(vec![texts(&["conv3", "conv5"]), texts(&["pool", "skip"])]).unwrap();
    let space = Space::new(vec![parameter("layers", layers)]).unwrap();
    let wrong = |value| said(space.complete(&given(&[("layers", value)])));
    assert_eq!(
        wrong(Value::List(texts(&["conv3", "pol"]))),
        ["layers: cannot be [\"conv3\",\"pol\"]: position 1 allows pool or skip; did you mean \"pool\"?"]
    );
    assert_eq!(
        wrong(Value::List(texts(&["conv3"]))),
        ["layers: cannot be [\"conv3\"]: it needs 2 choices, one for each position, not 1"]
    );
}

#[test]
fn configurations_are_counted() {
    assert_eq!(training().cardinality(), None);
    let finite = Space::new(vec![
        parameter("optimizer", choice(&["sgd", "adam"])),
        when(parameter("momentum", int(1, 5)), "optimizer", &[text("sgd")]),
        when(parameter("nesterov", int(0, 1)), "momentum", &[Value::Int(4), Value::Int(5)]),
        parameter("width", int(1, 7)),
    ])
    .unwrap();
    assert_eq!(finite.cardinality(), Some((1 + 3 + 2 * 2) * 7));
}

#[test]
fn a_parameter_that_is_never_active_does_not_count() {
    let twice = when(parameter("rate", float(0.0, 1.0)), "optimizer", &[text("sgd")]);
    let never = when(twice, "optimizer", &[text("adam")]);
    let space = Space::new(vec![parameter("optimizer", choice(&["sgd", "adam"])), never]).unwrap();
    assert_eq!(space.cardinality(), Some(2));
}

#[test]
fn counting_is_quick_however_many_branches_there_are() {
    let mut parameters = vec![parameter("root", int(0, 9))];
    for branch in 0..60 {
        let called = format!("branch{branch}");
        parameters.push(when(parameter(&called, int(0, 9)), "root", &[Value::Int(branch % 10)]));
        parameters.push(when(parameter(&format!("leaf{branch}"), int(0, 1)), &called, &[Value::Int(3)]));
    }
    // Each value of the root opens 6 branches, each with 9 + 2 outcomes.
    assert_eq!(Space::new(parameters).unwrap().cardinality(), Some(10 * 11_u128.pow(6)));
}
