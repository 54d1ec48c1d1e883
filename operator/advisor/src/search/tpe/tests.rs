use serde_json::{Value, json};

use super::super::testing::*;
use crate::{
    TrialIndex,
    history::{History, Trial, TrialState},
    space::{Configuration, Space},
};

/// Median over 15 seeds of the best loss found.
fn reached(
    space: &Space,
    name: &str,
    options: &Value,
    trials: u32,
    loss: &dyn Fn(&Configuration) -> f64,
) -> f64 {
    let bests = (0..15).map(|seed| {
        let context = context(space, seed);
        best(&run(&context, build(&context, name, options.clone()).as_mut(), trials, loss))
    });
    median(bests.collect())
}

/// In 80 trials it gets further than random draws do in more.
fn is_faster_than_random(space: &Space, loss: &dyn Fn(&Configuration) -> f64, more: u32, margin: f64) {
    let random = reached(space, "Random", &json!({}), more, loss);
    for options in [json!({}), json!({"multivariate": false})] {
        let found = reached(space, "TPE", &options, 80, loss);
        assert!(found + margin < random, "{options}: {found} is not better than {random} by {margin}");
    }
}

#[test]
fn it_beats_random_on_branin() {
    is_faster_than_random(&branin_space(), &branin, 100, 0.02);
}

#[test]
fn it_beats_random_on_hartmann6() {
    is_faster_than_random(&cube(6), &hartmann6, 160, 0.4);
}

#[test]
fn it_beats_random_in_a_conditional_space() {
    is_faster_than_random(&training_space(), &training, 160, 0.1);
}

#[test]
fn it_learns_where_trials_fail() {
    let space = cube(2);
    let context = context(&space, 0);
    let mut tpe = plain(&context, "TPE");
    let mut history = History::default();
    for index in 0..80 {
        let next = tpe.propose(&context, &history, TrialIndex(index)).unwrap();
        let fails = number(&next, "x0") < 0.5;
        let loss = (number(&next, "x0") - 0.75).powi(2) + number(&next, "x1");
        push(&space, &mut history, next, (!fails).then(|| vec![loss]));
        if fails {
            history.set_state(TrialIndex(index), TrialState::Failed);
        }
    }
    let failed = |trials: &[Trial]| trials.iter().filter(|trial| trial.state == TrialState::Failed).count();
    let (first, last) = history.trials().split_at(40);
    // Of 40 random draws 20 would fail.
    assert!(failed(last) < 10, "{} of the first 40 failed, {} of the last", failed(first), failed(last));
}

#[test]
fn trials_that_run_at_once_keep_apart() {
    let space = cube(3);
    let context = context(&space, 5);
    let mut tpe = plain(&context, "TPE");
    let distance =
        |c: &Configuration| (0..3).map(|d| (number(c, &format!("x{d}")) - 0.3).powi(2)).sum::<f64>();
    let mut history = run(&context, tpe.as_mut(), 30, &distance);
    for index in 30..50 {
        let next = tpe.propose(&context, &history, TrialIndex(index)).unwrap();
        push(&space, &mut history, next, None);
    }
    let pending = &history.trials()[30..];
    let mut nearest = pending.iter().enumerate().map(|(at, trial)| {
        let others = pending[..at].iter().chain(&pending[at + 1..]);
        let gaps = others.map(|other| {
            let pairs = trial.point.iter().zip(&other.point);
            pairs.map(|(a, b)| (a.unwrap() - b.unwrap()).powi(2)).sum::<f64>().sqrt()
        });
        gaps.fold(f64::INFINITY, f64::min)
    });
    assert!(nearest.all(|gap| gap > 0.005));
}

#[test]
fn a_late_proposal_is_thinned_but_still_good() {
    let space = cube(2);
    let context = context(&space, 1);
    let mut draws = crate::rng::for_trial(1, TrialIndex(0), "test");
    let mut history = History::default();
    let loss = |c: &Configuration| (number(c, "x0") - 0.7).abs() + (number(c, "x1") - 0.2).abs();
    for _ in 0..6000 {
        let configuration = space.decode(&super::random::coordinates(&mut draws, 2));
        let loss = loss(&configuration);
        push(&space, &mut history, configuration, Some(vec![loss]));
    }
    let mut tpe = plain(&context, "TPE");
    let losses = (0..20).map(|late| loss(&tpe.propose(&context, &history, TrialIndex(6000 + late)).unwrap()));
    assert!(median(losses.collect()) < 0.15);
}

#[test]
fn wrong_options_are_all_named() {
    let space = cube(1);
    let wrong = json!({"candidates": 0, "startupTrials": 0});
    let built = (super::REGISTRATION.build)(&context(&space, 0), wrong.as_object().unwrap());
    let said: Vec<String> = built.err().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(said, ["startupTrials: must be at least 1, not 0", "candidates: must be at least 1, not 0"]);
}

#[test]
fn it_says_what_it_does() {
    let space = cube(1);
    let context = context(&space, 0);
    let mut tpe = plain(&context, "TPE");
    assert!(tpe.explain(&context, &History::default()).contains("until 10 trials have ended (0 have)"));
    let history = run(&context, tpe.as_mut(), 20, &|c| number(c, "x0"));
    assert!(
        tpe.explain(&context, &history).contains("of 24 draws from the density of the best 3 of 20 trials")
    );
}

mod density {
    use super::*;
    use crate::{
        rng,
        search::tpe::{
            group::{Kind, groups},
            mixture::{Bandwidth, Mixture},
        },
        space::Prior,
    };

    fn mixed() -> Space {
        let log =
            crate::space::IntDomain::new(1, 12, None, crate::space::Scale::Log, Prior::Uniform).unwrap();
        space(vec![
            parameter("x", float(0.0, 1.0)),
            parameter("n", crate::space::Domain::Int(log)),
            parameter("c", choice(&["a", "b", "c"])),
        ])
    }

    fn trials(space: &Space) -> History {
        let context = context(space, 8);
        run(&context, plain(&context, "Random").as_mut(), 40, &|_| 0.0)
    }

    /// Every cell of a grid over the group: its middle and its size. Levels and choices have masses, not densities.
    fn cells(kinds: &[&Kind]) -> Vec<(Vec<f64>, f64)> {
        let of = |kind: &Kind| -> Vec<(f64, f64)> {
            match kind {
                Kind::Smooth => (0..400).map(|k| ((f64::from(k) + 0.5) / 400.0, 1.0 / 400.0)).collect(),
                Kind::Levels { edges } => edges.windows(2).map(|e| (0.5 * (e[0] + e[1]), 1.0)).collect(),
                Kind::Choices { count } => {
                    (0..*count).map(|c| ((c as f64 + 0.5) / *count as f64, 1.0)).collect()
                }
            }
        };
        kinds.iter().fold(vec![(vec![], 1.0)], |grid, kind| {
            let cells = of(kind);
            let extended = grid.iter().flat_map(|(at, size)| {
                cells.iter().map(move |(x, part)| ([at.as_slice(), &[*x]].concat(), size * part))
            });
            extended.collect()
        })
    }

    #[test]
    fn it_sums_to_one_and_draws_follow_it() {
        let space = mixed();
        let history = trials(&space);
        let all: Vec<&Trial> = history.trials().iter().collect();
        for (jointly, bandwidth) in [(true, Bandwidth::Scott), (false, Bandwidth::Gaps)] {
            for group in groups(&space, jointly) {
                for count in [0, 3, 40] {
                    let mixture = Mixture::new(&group, &all[..count], bandwidth);
                    let kinds: Vec<&Kind> = group.dimensions.iter().map(|(_, kind)| kind).collect();
                    let grid = cells(&kinds);
                    let at: Vec<Vec<f64>> = grid.iter().map(|(at, _)| at.clone()).collect();
                    let mut logs = vec![0.0; grid.len()];
                    mixture.score(&group, &at, 1.0, &mut logs);
                    let masses: Vec<f64> =
                        logs.iter().zip(&grid).map(|(log, (_, size))| log.exp() * size).collect();
                    let total: f64 = masses.iter().sum();
                    assert!((total - 1.0).abs() < 2e-3, "{count} kernels: {total}");
                    let mean: f64 = masses.iter().zip(&at).map(|(mass, at)| mass * at[0]).sum();
                    let mut rng = rng::for_trial(0, TrialIndex(0), "test");
                    let drawn: f64 = (0..20_000)
                        .map(|_| {
                            let x = mixture.sample(&group, &mut rng)[0];
                            // As the cells are: by their middles.
                            let index = at
                                .iter()
                                .map(|at| at[0])
                                .min_by(|a, b| (a - x).abs().total_cmp(&(b - x).abs()));
                            if matches!(kinds[0], Kind::Levels { .. }) {
                                space.snap(group.dimensions[0].0, x)
                            } else {
                                index.unwrap()
                            }
                        })
                        .sum::<f64>()
                        / 20_000.0;
                    assert!((drawn - mean).abs() < 0.012, "{count} kernels: {drawn} {mean}");
                }
            }
        }
    }
}
