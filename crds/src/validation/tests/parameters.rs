//! Parameters, and points of their space.

use super::{expect, said_of};

#[test]
fn ranges() {
    expect(&[
        (
            "min: 0.001",
            "min: 0.5",
            "spec.parameters[0].min: must be less than max, but min is 0.5 and max is 0.1 -> 0.5,",
        ),
        (
            "min: 0.001",
            "min: -1",
            "spec.parameters[0].min: must be positive on a log scale, not -1; use a small positive one or scale: linear -> -1,",
        ),
        (
            "scale: log",
            "scale: logarithmic",
            "spec.parameters[0].scale: \"logarithmic\" is not allowed: one of linear, log, reverseLog -> logarithmic}",
        ),
        (
            ", scale: log",
            ", step: 0.01",
            "spec.parameters[0].step: 0.01 does not divide the range from 0.001 to 0.1; the nearest max that it reaches is 0.101 -> 0.01}",
        ),
        (
            "min: 0.001, ",
            "",
            "spec.parameters[0].min: is missing: a parameter of type float needs min and max -> {name:",
        ),
        (
            ", scale: log",
            ", values: [1]",
            "spec.parameters[0].values: is not for a parameter of type float, which has min, max, step, scale, distribution -> [1]",
        ),
        (
            ", scale: log",
            ", distribution: {type: normal, mean: 0.05}",
            "spec.parameters[0].distribution.standardDeviation: is missing: a normal distribution needs mean and standardDeviation -> distribution:",
        ),
        (
            ", scale: log",
            ", distribution: {type: uniform, mean: 0.05}",
            "spec.parameters[0].distribution: a uniform distribution has neither mean nor standardDeviation; use type: normal for one that has -> {type:",
        ),
    ]);
}

#[test]
fn names_values_and_conditions() {
    let fixed = "{name: epochs, type: fixed, value: 9}";
    expect(&[
        (
            "name: lr,",
            "name: learning-rate,",
            "spec.parameters[0].name: \"learning-rate\" cannot be the name of an environment variable: letters, digits and _ only, not beginning with a digit, at most 63 characters; try \"learning_rate\" -> learning-rate,",
        ),
        (
            "[sgd, adam]",
            "[sgd, adam, sgd]",
            "spec.parameters[1].values[2]: sgd is there already, as values[0]; each value may be given once -> sgd]",
        ),
        (
            "[sgd, adam]",
            "[sgd, {name: adam}]",
            "spec.parameters[1].values[1]: must be text, a number, true or false, not an object -> {name:",
        ),
        ("[sgd, adam]", "[]", "spec.parameters[1].values: needs at least 1 item, not 0 -> values:"),
        (
            "{optimizer: [sgd]}",
            "{optimizer: [sgdd]}",
            "spec.parameters[2].when.optimizer[0]: optimizer cannot be sgdd: allowed is sgd or adam; did you mean \"sgd\"? -> sgdd]",
        ),
        (
            "{optimizer: [sgd]}",
            "{momentum: [0.5]}",
            "spec.parameters[2].when.momentum: momentum cannot depend on itself -> [0.5]",
        ),
        (
            "{optimizer: [sgd]}",
            "{epochs: [9]}",
            "spec.parameters[2].when.epochs: epochs is declared after momentum: move it before -> [9]",
        ),
        (
            "{optimizer: [sgd]}",
            "{a-b: [9]}",
            "spec.parameters[2].when.a-b: there is no parameter \"a-b\" -> [9]",
        ),
        (
            fixed,
            "{name: lr, type: fixed, value: 9}",
            "spec.parameters[3].name: \"lr\" is there already, at spec.parameters[0]; each may be given once -> lr,",
        ),
        (
            fixed,
            "{name: n, type: int, min: 1, max: 10.5}",
            "spec.parameters[3].max: must be a whole number for an int parameter, not 10.5; use type: float for others -> 10.5}",
        ),
        (
            fixed,
            "{name: n, type: int, min: 1, max: 10, step: 2}",
            "spec.parameters[3].step: 2 does not divide the range from 1 to 10; the nearest max that it reaches is 11 -> 2}",
        ),
        (
            fixed,
            "{name: n, type: architecture, positions: [[a], [b, b]]}",
            "spec.parameters[3].positions[1][1]: b is there already, as positions[1][0]; each value may be given once -> b]",
        ),
        (
            fixed,
            "{name: n, type: integer, min: 1, max: 10}",
            "spec.parameters[3].type: \"integer\" is not allowed: one of float, int, categorical, fixed, architecture -> integer,",
        ),
    ]);
}

#[test]
fn a_wrong_parent_raises_no_false_alarm() {
    // What values the parent can take is not known; that it exists is.
    expect(&[(
        "values: [sgd, adam]",
        "values: [sgd, sgd]",
        "spec.parameters[1].values[1]: sgd is there already, as values[0]; each value may be given once -> sgd]",
    )]);
    let said =
        said_of(&[("name: optimizer", "name: opti-mizer"), ("{optimizer: [sgd]}", "{opti-mizer: [sgd]}")]);
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn a_cycle_is_shown_whole() {
    let said = said_of(&[("values: [sgd, adam]}", "values: [sgd, adam], when: {momentum: [0.5]}}")]);
    assert!(
        said.contains("makes a cycle: optimizer depends on momentum, which depends on optimizer"),
        "{said}"
    );
}

#[test]
fn points_to_evaluate() {
    let points = |text: &str| said_of(&[("  budget:", &format!("  pointsToEvaluate: {text}\n  budget:"))]);
    assert_eq!(points("[{lr: 0.01}, {optimizer: adam}]"), "");
    assert_eq!(
        points("[{lr: 1, optimiser: sgd}, {optimizer: adam, momentum: 0.9}, {lr: {a: 1}}]"),
        "\
spec.pointsToEvaluate[0].lr: cannot be 1: allowed are numbers from 0.001 to 0.1 -> 1,
spec.pointsToEvaluate[0].optimiser: there is no such parameter; did you mean \"optimizer\"? -> sgd}
spec.pointsToEvaluate[1].momentum: has no value here: it needs optimizer to be sgd, not adam -> 0.9}
spec.pointsToEvaluate[2].lr: must be text, a number, true or false, not an object -> {a:"
    );
    assert_eq!(
        points("[{lr: 0.01}, {lr: 0.010}]"),
        "warning: spec.pointsToEvaluate[1]: is the same configuration as spec.pointsToEvaluate[0]: it is tried twice -> {lr:"
    );
}
