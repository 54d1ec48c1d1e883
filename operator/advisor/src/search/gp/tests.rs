use serde_json::json;

use super::super::testing::*;
use super::*;
use crate::{
    Resource,
    history::{Report, Trial, TrialState},
    space::Space,
};

/// Median over 10 seeds of the best loss found.
fn reached(space: &Space, name: &str, trials: u32, loss: &dyn Fn(&Configuration) -> f64) -> f64 {
    let bests = (0..10).map(|seed| {
        let context = context(space, seed);
        best(&run(&context, plain(&context, name).as_mut(), trials, loss))
    });
    median(bests.collect())
}

#[test]
fn it_finds_the_minimum_of_branin() {
    let (found, sobol) =
        (reached(&branin_space(), NAME, 25, &branin), reached(&branin_space(), "Sobol", 100, &branin));
    assert!(found < 0.42 && found < sobol, "{found}, Sobol in four times the trials {sobol}");
}

#[test]
fn it_finds_the_minimum_of_hartmann6() {
    let (found, sobol) =
        (reached(&cube(6), NAME, 50, &hartmann6), reached(&cube(6), "Sobol", 200, &hartmann6));
    assert!(found < -3.1 && found < sobol - 0.3, "{found}, Sobol in four times the trials {sobol}");
}

#[test]
fn it_finds_the_best_of_a_mixed_conditional_space() {
    let space = training_space();
    let (found, sobol) = (reached(&space, NAME, 50, &training), reached(&space, "Sobol", 200, &training));
    assert!(found < 0.35 && found < sobol - 0.2, "{found}, Sobol in four times the trials {sobol}");
}

#[test]
fn a_loss_beyond_all_bounds_ruins_nothing() {
    let diverges = |c: &Configuration| if number(c, "x") > 7.0 { 1e30 } else { branin(c) };
    let found = reached(&branin_space(), NAME, 30, &diverges);
    assert!(found < 0.42, "{found}");
}

#[test]
fn it_finds_the_minimum_under_noise() {
    let noisy = |c: &Configuration| {
        let noise = (1e4 * (number(c, "x0") + 3.0 * number(c, "x1"))).sin();
        (number(c, "x0") - 0.3).powi(2) + (number(c, "x1") - 0.6).powi(2) + 0.02 * noise
    };
    let space = cube(2);
    let context = context(&space, 4);
    let history = run(&context, plain(&context, NAME).as_mut(), 40, &noisy);
    let off = |trial: &Trial| {
        let c = &trial.configuration;
        ((number(c, "x0") - 0.3).powi(2) + (number(c, "x1") - 0.6).powi(2)).sqrt()
    };
    let late = median(history.trials()[20..].iter().map(off).collect());
    assert!(late < 0.15, "half of the later trials are further off than {late}");
}

#[test]
fn it_learns_where_trials_fail() {
    let space = cube(2);
    let context = context(&space, 0);
    let mut searcher = plain(&context, NAME);
    let mut history = History::default();
    for index in 0..40 {
        let next = searcher.propose(&context, &history, TrialIndex(index)).unwrap();
        let fails = number(&next, "x0") < 0.5;
        let loss = number(&next, "x0") + number(&next, "x1");
        push(&space, &mut history, next, (!fails).then(|| vec![loss]));
        if fails {
            history.set_state(TrialIndex(index), TrialState::Failed);
        }
    }
    let failed = history.trials()[10..].iter().filter(|trial| trial.state == TrialState::Failed).count();
    let best = best(&history);
    assert!(failed < 10 && best < 0.52, "{failed} of the last 30 failed, best {best}");
}

#[test]
fn trials_that_run_at_once_keep_apart() {
    let space = cube(3);
    let context = context(&space, 5);
    let mut searcher = plain(&context, NAME);
    let distance =
        |c: &Configuration| (0..3).map(|d| (number(c, &format!("x{d}")) - 0.3).powi(2)).sum::<f64>();
    let mut history = run(&context, searcher.as_mut(), 15, &distance);
    for index in 15..31 {
        let next = searcher.propose(&context, &history, TrialIndex(index)).unwrap();
        push(&space, &mut history, next, None);
    }
    let at = |trial: &Trial| -> Vec<f64> { trial.point.iter().copied().flatten().collect() };
    let all: Vec<Vec<f64>> = history.trials().iter().map(at).collect();
    for (i, pending) in all.iter().enumerate().skip(15) {
        for other in &all[..i] {
            let gap: f64 = pending.iter().zip(other).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
            assert!(gap > 0.005, "{pending:?} {other:?}");
        }
    }
}

#[test]
fn eight_at_once_still_find_the_minimum() {
    let found: Vec<f64> = (0..5)
        .map(|seed| {
            let space = branin_space();
            let context = Context { parallelism: 8, ..context(&space, seed) };
            let mut searcher = plain(&context, NAME);
            let mut history = History::default();
            for index in 0..56 {
                if let Some(oldest) = u32::checked_sub(index, 8).map(TrialIndex) {
                    let losses = vec![branin(&history.get(oldest).unwrap().configuration)];
                    history.report(oldest, Report { resource: Resource::ONE, losses });
                    history.set_state(oldest, TrialState::Completed);
                }
                let next = searcher.propose(&context, &history, TrialIndex(index)).unwrap();
                push(&space, &mut history, next, None);
            }
            best(&history)
        })
        .collect();
    assert!(median(found.clone()) < 0.41, "{found:?}");
}

/// The best of two objectives that pull apart, on a line from one end to the other.
#[test]
fn several_objectives_get_a_front() {
    let space = cube(2);
    let context = Context { objectives: 2, ..context(&space, 2) };
    let mut searcher = plain(&context, NAME);
    let mut history = History::default();
    for index in 0..40 {
        let next = searcher.propose(&context, &history, TrialIndex(index)).unwrap();
        let (x, y) = (number(&next, "x0"), number(&next, "x1"));
        push(&space, &mut history, next, Some(vec![x * x + y, 100.0 * ((1.0 - x).powi(2) + y)]));
    }
    let front: Vec<f64> = history
        .trials()
        .iter()
        .filter(|trial| number(&trial.configuration, "x1") < 0.05)
        .map(|trial| number(&trial.configuration, "x0"))
        .collect();
    for third in 0..3 {
        let (from, to) = (f64::from(third) / 3.0, f64::from(third + 1) / 3.0);
        let there = front.iter().filter(|x| (from..=to).contains(*x)).count();
        assert!(there >= 3, "{front:?}");
    }
}

/// Loss after so many steps of training that ends at `last`.
fn curve(last: f64, steps: u64) -> Vec<Report> {
    (1..=steps)
        .map(|step| {
            let losses = vec![last + 2.0 / step as f64];
            Report { resource: Resource::new(step).unwrap(), losses }
        })
        .collect()
}

/// As successive halving would: each trial stops at 1, 3 or 9 steps by how it compares with those before.
#[test]
fn trials_stopped_early_count_for_what_they_showed() {
    let space = branin_space();
    let found: Vec<f64> = (0..10)
        .map(|seed| {
            let context = context(&space, seed);
            let mut searcher = plain(&context, NAME);
            let mut history = History::default();
            let mut finals: Vec<f64> = vec![];
            for index in 0..40 {
                let next = searcher.propose(&context, &history, TrialIndex(index)).unwrap();
                let last = branin(&next) / 10.0;
                let better = finals.iter().filter(|other| **other < last).count();
                let steps = match (better + 1) as f64 / (finals.len() + 1) as f64 {
                    0.0..0.2 => 9,
                    0.2..0.4 => 3,
                    _ => 1,
                };
                finals.push(last);
                push(&space, &mut history, next, None);
                for report in curve(last, steps) {
                    history.report(TrialIndex(index), report);
                }
                let state = if steps == 9 { TrialState::Completed } else { TrialState::Stopped };
                history.set_state(TrialIndex(index), state);
            }
            finals.into_iter().fold(f64::INFINITY, f64::min)
        })
        .collect();
    assert!(median(found.clone()) < 0.042, "{found:?}");
}

#[test]
fn wrong_options_are_all_named() {
    let space = cube(1);
    let wrong = json!({"candidates": 0, "startupTrials": 0});
    let built = (REGISTRATION.build)(&context(&space, 0), wrong.as_object().unwrap());
    let said: Vec<String> = built.err().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(said, ["startupTrials: must be at least 1, not 0", "candidates: must be at least 1, not 0"]);
}

#[test]
fn it_says_what_it_does() {
    let space = cube(2);
    let context = context(&space, 0);
    let mut searcher = plain(&context, NAME);
    let before = searcher.explain(&context, &History::default());
    assert!(before.starts_with("A Sobol sequence for the first 5 trials (0 have begun)"), "{before}");
    let history = run(&context, searcher.as_mut(), 8, &|c| number(c, "x0"));
    let after = searcher.explain(&context, &history);
    assert!(after.contains("from the outcomes of 8 trials; 0 more are awaited"), "{after}");
}

/// Where hyperparameters are no longer fitted for each proposal, and trials end out of order.
#[test]
fn a_searcher_built_late_proposes_what_the_one_that_saw_all_does() {
    let space = cube(2);
    let context = Context { parallelism: 3, max_trials: Some(200), ..context(&space, 3) };
    let built =
        |context: &Context<'_>| super::super::testing::build(context, NAME, json!({"candidates": 64}));
    let mut lived = built(&context);
    let mut history = History::default();
    for index in 0..110 {
        let next = lived.propose(&context, &history, TrialIndex(index)).unwrap();
        if index % 6 == 1 || index > 104 {
            let rebuilt = built(&context).propose(&context, &history, TrialIndex(index)).unwrap();
            assert_eq!(next, rebuilt, "trial {index}");
        }
        push(&space, &mut history, next, None);
        // Of every three that run the last ends first.
        if index % 3 == 2 {
            for ended in [index, index - 2, index - 1].map(TrialIndex) {
                let c = &history.get(ended).unwrap().configuration;
                let losses = vec![(number(c, "x0") - 0.4).powi(2) + (5.0 * number(c, "x1")).sin()];
                history.report(ended, Report { resource: Resource::ONE, losses });
                history.set_state(ended, TrialState::Completed);
            }
        }
    }
}
