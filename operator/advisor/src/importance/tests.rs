use super::*;
use crate::{
    history::{Report, Trial, TrialState},
    search::{random, testing::*},
    space::{Configuration, Value},
};

/// Importance over random trials of a function.
fn of(space: &Space, trials: usize, loss: impl Fn(&Configuration) -> f64) -> Vec<(String, f64)> {
    let mut history = History::default();
    let mut draws = rng::for_trial(7, TrialIndex(0), "test");
    for _ in 0..trials {
        let configuration = space.decode(&random::coordinates(&mut draws, space.dimensions().len()));
        let loss = loss(&configuration);
        push(space, &mut history, configuration, Some(vec![loss]));
    }
    named(importance(space, &history, 0))
}

fn named(found: Vec<(ParamName, f64)>) -> Vec<(String, f64)> {
    let total: f64 = found.iter().map(|(_, share)| share).sum();
    assert!(found.is_empty() || (total - 1.0).abs() < 1e-9);
    assert!(found.iter().all(|(_, share)| (0.0..=1.0).contains(share)));
    found.into_iter().map(|(name, share)| (name.to_string(), share)).collect()
}

fn is_near(found: &[(String, f64)], expected: &[(&str, f64)], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (name, share) in expected {
        let found = found.iter().find(|(found, _)| found == name).map(|(_, share)| *share).unwrap();
        assert!((found - share).abs() < tolerance, "{name}: {found} is not {share}");
    }
}

#[test]
fn parameters_count_by_the_variance_they_cause() {
    // Variances of 3 x and x: 9 to 1; the third makes no difference.
    let found = of(&cube(3), 300, |c| 3.0 * number(c, "x0") + number(c, "x1"));
    is_near(&found, &[("x0", 0.9), ("x1", 0.1), ("x2", 0.0)], 0.03);
    assert_eq!(found[0].0, "x0", "the largest comes first");
}

#[test]
fn distances_are_measured_in_the_parameters_scale() {
    let space = space(vec![parameter("rate", log(1e-4, 1.0)), parameter("momentum", float(0.0, 1.0))]);
    // Both go evenly from 0 to 1 in their scales.
    let found = of(&space, 300, |c| number(c, "rate").log10() / 4.0 + number(c, "momentum"));
    is_near(&found, &[("rate", 0.5), ("momentum", 0.5)], 0.06);
}

#[test]
fn choices_and_whole_numbers_count() {
    let space = space(vec![
        parameter("optimizer", choice(&["a", "b", "c", "d"])),
        parameter("layers", int(0, 3)),
        parameter("idle", choice(&["a", "b", "c", "d", "e", "f"])),
    ]);
    // Losses of the choices 0, 1, 0, 1: variance 1/4. Of the layers 0, 1/2, 1, 3/2: 5/16.
    let found = of(&space, 400, |c| {
        let optimizer = if [text("b"), text("d")].contains(c.get("optimizer").unwrap()) { 1.0 } else { 0.0 };
        optimizer + 0.5 * number(c, "layers")
    });
    is_near(&found, &[("optimizer", 4.0 / 9.0), ("layers", 5.0 / 9.0), ("idle", 0.0)], 0.04);
}

#[test]
fn a_conditional_parameter_counts_where_it_is_active() {
    let space = space(vec![
        parameter("optimizer", choice(&["sgd", "adam"])),
        when(parameter("momentum", float(0.0, 1.0)), "optimizer", &[text("sgd")]),
        when(parameter("beta", float(0.0, 1.0)), "optimizer", &[text("adam")]),
    ]);
    // Averaged over the optimizer, momentum goes from -1/2 to 1/2: variance 1/12. The optimizer: 0 or 1: 1/4.
    let found =
        of(&space, 600, |c| c.get("momentum").map_or(1.0, |momentum| 2.0 * momentum.as_f64().unwrap() - 1.0));
    is_near(&found, &[("optimizer", 0.75), ("momentum", 0.25), ("beta", 0.0)], 0.04);
}

#[test]
fn an_architecture_counts_as_one_parameter() {
    let positions = vec![vec![text("conv"), text("pool")]; 3];
    let layers = crate::space::Domain::architecture(positions).unwrap();
    let fixed = crate::space::Domain::Fixed(Value::Int(3));
    let space =
        space(vec![parameter("layers", layers), parameter("x", float(0.0, 1.0)), parameter("epochs", fixed)]);
    let found = of(&space, 400, |c| {
        let Some(Value::List(layers)) = c.get("layers") else { unreachable!() };
        let convolutions = layers.iter().filter(|layer| **layer == text("conv")).count();
        // Each position: variance 1/4; x: 9/12.
        convolutions as f64 + 3.0 * number(c, "x")
    });
    is_near(&found, &[("layers", 0.5), ("x", 0.5)], 0.05);
}

#[test]
fn it_makes_no_difference_where_the_search_looked() {
    // Nine in ten trials in a tenth of x0's range.
    let space = cube(2);
    let mut history = History::default();
    let mut draws = rng::for_trial(7, TrialIndex(0), "test");
    for at in 0..600 {
        let mut u = random::coordinates(&mut draws, 2);
        u[0] *= if at % 10 == 0 { 1.0 } else { 0.1 };
        let configuration = space.decode(&u);
        let loss = u[0] + u[1];
        push(&space, &mut history, configuration, Some(vec![loss]));
    }
    is_near(&named(importance(&space, &history, 0)), &[("x0", 0.5), ("x1", 0.5)], 0.12);
}

#[test]
fn one_trial_that_diverged_does_not_drown_the_others() {
    let found = of(&cube(2), 200, |c| {
        let x = number(c, "x1");
        if x > 0.995 { 1e9 } else { number(c, "x0") + 0.2 * x }
    });
    assert!(found[0].0 == "x0" && found[0].1 > 0.8, "{found:?}");
}

#[test]
fn trials_are_compared_at_one_resource_and_by_one_objective() {
    let space = cube(2);
    let mut history = History::default();
    let mut draws = rng::for_trial(7, TrialIndex(0), "test");
    for at in 0..200 {
        let u = random::coordinates(&mut draws, 2);
        let configuration = space.decode(&u);
        push(&space, &mut history, configuration, None);
        // Only a few go on to 3. Reports at 1 say nothing.
        for (resource, losses) in [(1, [0.0, 0.0]), (2, [u[0], u[1]]), (3, [9.0, 9.0])] {
            if resource < 3 || at % 20 == 0 {
                let resource = Resource::new(resource).unwrap();
                history.report(TrialIndex(at), Report { resource, losses: losses.to_vec() });
            }
        }
    }
    is_near(&named(importance(&space, &history, 0)), &[("x0", 1.0), ("x1", 0.0)], 0.02);
    is_near(&named(importance(&space, &history, 1)), &[("x0", 0.0), ("x1", 1.0)], 0.02);
}

#[test]
fn nothing_is_said_of_nothing() {
    let space = cube(2);
    assert_eq!(importance(&space, &History::default(), 0), []);
    assert_eq!(of(&space, 3, |c| number(c, "x0")), []);
    assert_eq!(of(&space, 100, |_| 0.5), []);
    let mut failed = History::default();
    failed.push(Trial {
        configuration: space.defaults(),
        point: space.encode(&space.defaults()),
        state: TrialState::Failed,
        reports: vec![],
    });
    assert_eq!(importance(&space, &failed, 0), []);
}
