//! What holds for every searcher, and the rules of the simple ones.

use proptest::prelude::*;
use serde_json::json;

use super::{testing::*, *};
use crate::space::{Value, strategies};

/// A loss for any configuration whatever.
fn some_loss(configuration: &Configuration) -> f64 {
    let sum: f64 = configuration.0.values().filter_map(Value::as_f64).map(|x| (x * 0.1).sin()).sum();
    sum + configuration.0.len() as f64
}

fn small() -> Space {
    space(vec![
        parameter("optimizer", choice(&["sgd", "adam"])),
        when(parameter("momentum", int(1, 3)), "optimizer", &[text("sgd")]),
        parameter("layers", int(1, 4)),
    ])
}

fn written(configuration: &Configuration) -> String {
    configuration.0.values().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_configuration_of_a_finite_space_is_tried_once_and_then_none() {
    let space = small();
    for (name, options) in every() {
        let context = context(&space, 3);
        let history = run(&context, build(&context, name, options).as_mut(), 100, &some_loss);
        assert_eq!(history.trials().len(), 16, "{name}");
        assert_eq!(history.different(), 16, "{name}");
    }
}

#[test]
fn a_finite_branch_used_up_leaves_the_others() {
    // Nearly all of the prior is on b = 0, which has a single configuration.
    let prior = crate::space::Prior::Normal { mean: 0.0, sd: 1e-6 };
    let b = crate::space::IntDomain::new(0, 1, None, crate::space::Scale::Linear, prior).unwrap();
    let space = space(vec![
        parameter("b", crate::space::Domain::Int(b)),
        when(parameter("x", float(0.0, 1.0)), "b", &[Value::Int(1)]),
    ]);
    for name in ["Random", "Sobol"] {
        let context = context(&space, 1);
        let history = run(&context, plain(&context, name).as_mut(), 60, &some_loss);
        assert_eq!(history.different(), 60, "{name}");
    }
}

#[test]
fn the_grid_goes_in_order_and_jumps_what_was_tried() {
    let space = small();
    let context = context(&space, 0);
    let mut grid = plain(&context, "Grid");
    let mut history = History::default();
    let mut tried = Vec::new();
    let given = context.space.defaults();
    push(&space, &mut history, given.clone(), None);
    while let Some(next) = grid.propose(&context, &history, history.next_index()) {
        tried.push(written(&next));
        push(&space, &mut history, next, Some(vec![0.0]));
    }
    // Values are written in the order of the names: layers, momentum, optimizer.
    assert_eq!(tried[..5], ["1 1 sgd", "2 1 sgd", "3 1 sgd", "4 1 sgd", "1 2 sgd"]);
    assert_eq!(tried[11..], ["1 adam", "2 adam", "3 adam", "4 adam"]);
    assert!(!tried.contains(&written(&given)));
    assert_eq!(history.next_index().0, 16);
}

#[test]
fn the_grid_puts_levels_on_floats() {
    let space = space(vec![parameter("rate", log(1e-4, 1e-2)), parameter("fixed", int(0, 1))]);
    let context = context(&space, 0);
    let mut grid = build(&context, "Grid", json!({"levels": 3}));
    let history = run(&context, grid.as_mut(), 100, &some_loss);
    let rates: Vec<f64> = history.trials().iter().map(|t| number(&t.configuration, "rate")).collect();
    assert_eq!(rates.len(), 6);
    for (found, expected) in rates.iter().zip([1e-4, 1e-4, 1e-3, 1e-3, 1e-2, 1e-2]) {
        assert!((found / expected - 1.0).abs() < 1e-9);
    }
    let wrong = (searcher("Grid").unwrap().build)(&context, json!({"levels": 0}).as_object().unwrap());
    assert_eq!(wrong.err().unwrap()[0].to_string(), "levels: must be at least 1, not 0");
}

#[test]
fn a_searcher_that_does_not_exist_is_named_with_the_nearest() {
    let error = searcher("Radnom").err().unwrap().to_string();
    assert!(
        error.starts_with("algorithm: there is no searcher \"Radnom\": it is one of Auto, Random"),
        "{error}"
    );
    assert!(error.ends_with("did you mean \"Random\"?"), "{error}");
}

#[test]
fn auto_says_what_it_chose_and_why() {
    let flat = cube(4);
    let branchy = space(vec![
        parameter("optimizer", choice(&["sgd", "adam"])),
        when(parameter("momentum", float(0.0, 1.0)), "optimizer", &[text("sgd")]),
        parameter("rate", float(0.0, 1.0)),
    ]);
    let single = space(vec![parameter("epochs", crate::space::Domain::Fixed(Value::Int(3)))]);
    let layers = crate::space::Domain::architecture(vec![vec![text("a"), text("b")]; 20]).unwrap();
    let layers = space(vec![parameter("layers", layers)]);
    let chosen = |space: &Space, objectives, max_trials, parallelism| {
        auto::choose(&Context { space, objectives, seed: 0, max_trials, parallelism, warm_start: false })
            .0
            .name
    };
    assert_eq!(chosen(&single, 1, Some(10), 1), "Random");
    assert_eq!(chosen(&small(), 1, Some(16), 1), "Grid");
    assert_eq!(chosen(&small(), 1, None, 1), "Grid");
    assert_ne!(chosen(&small(), 1, Some(15), 1), "Grid");
    assert_eq!(chosen(&flat, 1, Some(10), 10), "Sobol");
    assert_eq!(chosen(&flat, 1, Some(100), 4), "GaussianProcess");
    assert_eq!(chosen(&flat, 2, Some(100), 4), "TPE");
    assert_eq!(chosen(&flat, 1, Some(5000), 4), "TPE");
    assert_eq!(chosen(&flat, 1, None, 4), "TPE");
    assert_eq!(chosen(&flat, 1, Some(500), 64), "TPE");
    assert_eq!(chosen(&branchy, 1, Some(100), 4), "TPE");
    assert_eq!(chosen(&layers, 1, Some(100), 4), "TPE");
    let space = small();
    let context = Context { max_trials: Some(20), ..context(&space, 0) };
    let auto = plain(&context, "Auto");
    assert_eq!(
        auto.explain(&context, &History::default()),
        "Grid, chosen because all 16 configurations fit the budget. All 16 configurations, the last parameter \
         changing fastest; none is tried twice."
    );
}

proptest! {
    // Each case is 24 trials with every searcher, thrice.
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Proposals lie in the space, differ from all before them, and depend on the history alone: a searcher built
    /// anew proposes what the one that saw every trial does. Every third trial is still running.
    #[test]
    fn proposals_are_new_inside_and_a_function_of_the_history(space in strategies::space(), seed in any::<u64>()) {
        for (name, options) in every() {
            let context = context(&space, seed);
            let mut lived = build(&context, name, options.clone());
            let mut history = History::default();
            for index in 0..24 {
                let proposed = lived.propose(&context, &history, TrialIndex(index));
                let rebuilt = build(&context, name, options.clone()).propose(&context, &history, TrialIndex(index));
                prop_assert_eq!(&proposed, &rebuilt);
                prop_assert_eq!(&proposed, &lived.propose(&context, &history, TrialIndex(index)));
                let Some(proposed) = proposed else {
                    prop_assert!(name == "Grid" || space.cardinality() == Some(history.different() as u128));
                    break;
                };
                prop_assert!(space.contains(&proposed));
                prop_assert!(!history.contains(&proposed));
                let losses = (index % 3 != 2).then(|| vec![some_loss(&proposed)]);
                push(&space, &mut history, proposed, losses);
            }
        }
    }
}
