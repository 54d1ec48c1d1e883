//! What Hyperband promises.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::schedule::{
    Context,
    testing::{Event, Pool, build, context, erratic, fields, resource},
};

fn round(min: u64, max: u64, eta: u32) -> Round {
    Round::new(Halving { min, max, eta })
}

fn hyperband(max: u64, max_trials: Option<u32>) -> Box<dyn Scheduler> {
    let context = Context { max: Some(resource(max)), max_trials, ..context() };
    build("Hyperband", &context, &json!({})).expect("valid")
}

/// Starts trials, the next ones, and lets each come to the first rung of its bracket with the loss given.
fn come(hyperband: &mut dyn Scheduler, trials: std::ops::Range<u32>, loss: impl Fn(u32) -> f64) {
    for trial in trials {
        let goal = hyperband.goal(TrialIndex(trial)).expect("Hyperband always starts");
        hyperband.started(TrialIndex(trial), goal);
        let at = goal.run_to.expect("Hyperband says how far");
        assert_eq!(hyperband.reported(TrialIndex(trial), at, loss(trial)), Verdict::Pause);
        hyperband.paused(TrialIndex(trial));
    }
}

fn promote_all(hyperband: &mut dyn Scheduler) -> Vec<(u32, u64)> {
    std::iter::from_fn(|| {
        let promotion = hyperband.promotion()?;
        hyperband.promoted(promotion);
        Some((promotion.trial.0, promotion.run_to.get()))
    })
    .collect()
}

#[test]
fn brackets_are_those_of_the_paper() {
    // Its example, R = 81 and eta = 3: ceil(5 * 3^s / (s + 1)).
    let round = round(1, 81, 3);
    assert_eq!(round.sizes, [81, 34, 15, 8, 5]);
    assert_eq!(round.levels, [1, 3, 9, 27, 81]);
}

#[test]
fn rungs_are_counted_down_from_max_in_units_of_min() {
    assert_eq!(round(1, 100, 3).levels, [1, 4, 11, 33, 100]);
    assert_eq!(round(10, 100, 3).levels, [11, 33, 100]);
    assert_eq!(round(1, 2, 3).levels, [2], "too narrow for a rung: every trial runs to its end");
}

#[test]
fn no_size_overflows() {
    let round = round(1, u64::MAX, 2);
    assert_eq!(round.sizes.len(), 64);
    assert_eq!(round.bracket_of(TrialIndex(u32::MAX)), 0);
}

#[test]
fn brackets_come_in_turn_over_and_over() {
    // R = 9: 9 trials from 1, 5 from 3, 3 from 9.
    let hyperband = hyperband(9, None);
    let goals: Vec<(u32, u64)> = (0..19)
        .filter_map(|trial| hyperband.goal(TrialIndex(trial)))
        .map(|goal| (goal.bracket, goal.run_to.map_or(0, Resource::get)))
        .collect();
    let expected = [vec![(0, 1); 9], vec![(1, 3); 5], vec![(2, 9); 3], vec![(3, 1); 2]].concat();
    assert_eq!(goals, expected);
}

#[test]
fn a_rung_is_decided_when_all_have_come() {
    let mut hyperband = hyperband(9, None);
    come(&mut *hyperband, 0..8, f64::from);
    assert_eq!(hyperband.promotion(), None, "one of nine is missing");
    come(&mut *hyperband, 8..9, |_| 0.5);
    assert_eq!(promote_all(&mut *hyperband), [(0, 3), (8, 3), (1, 3)]);
}

#[test]
fn a_failed_trial_does_not_block_a_rung() {
    let mut hyperband = hyperband(9, None);
    come(&mut *hyperband, 0..8, f64::from);
    let goal = hyperband.goal(TrialIndex(8)).expect("Hyperband always starts");
    hyperband.started(TrialIndex(8), goal);
    hyperband.ended(TrialIndex(8), Ending::Failed);
    assert_eq!(promote_all(&mut *hyperband), [(0, 3), (1, 3), (2, 3)]);
    hyperband.ended(TrialIndex(0), Ending::Failed);
    for (trial, loss) in [(1, 0.2), (2, 0.1)] {
        assert_eq!(hyperband.reported(TrialIndex(trial), resource(3), loss), Verdict::Pause);
        hyperband.paused(TrialIndex(trial));
    }
    assert_eq!(promote_all(&mut *hyperband), [(2, 9)]);
}

#[test]
fn a_paused_trial_that_ends_gives_its_place_to_the_next_best() {
    let mut hyperband = hyperband(9, None);
    come(&mut *hyperband, 0..9, f64::from);
    hyperband.ended(TrialIndex(1), Ending::Failed);
    assert_eq!(promote_all(&mut *hyperband), [(0, 3), (2, 3), (3, 3)]);
}

#[test]
fn the_last_bracket_of_a_job_is_decided_among_those_it_has() {
    let mut hyperband = hyperband(9, Some(4));
    come(&mut *hyperband, 0..4, f64::from);
    assert_eq!(promote_all(&mut *hyperband), [(0, 3)]);
    assert_eq!(hyperband.reported(TrialIndex(0), resource(3), 0.0), Verdict::Pause);
    hyperband.paused(TrialIndex(0));
    assert_eq!(promote_all(&mut *hyperband), [(0, 9)], "at least one goes to the end");
}

#[test]
fn a_bracket_goes_on_where_the_job_may_create_more_trials_or_fewer() {
    let mut hyperband = hyperband(9, Some(6));
    come(&mut *hyperband, 0..4, |trial| f64::from(trial) + 1.0);
    assert_eq!(hyperband.promotion(), None);
    hyperband.set_max_trials(Some(4));
    assert_eq!(promote_all(&mut *hyperband), [(0, 3)]);
    hyperband.ended(TrialIndex(0), Ending::Completed);
    hyperband.set_max_trials(None);
    come(&mut *hyperband, 4..8, |trial| f64::from(trial) + 1.0);
    assert_eq!(hyperband.promotion(), None, "one of nine is missing");
    come(&mut *hyperband, 8..9, |_| 0.0);
    assert_eq!(promote_all(&mut *hyperband), [(8, 3), (1, 3)], "two more, for three of nine");
}

#[test]
fn an_exhausted_space_decides_the_bracket_it_cuts_short() {
    let mut hyperband = hyperband(9, None);
    come(&mut *hyperband, 0..4, f64::from);
    assert_eq!(hyperband.promotion(), None);
    hyperband.no_more_trials();
    assert_eq!(promote_all(&mut *hyperband), [(0, 3)]);
}

#[test]
fn a_trial_beyond_the_next_rung_is_judged_there() {
    let mut hyperband = hyperband(27, Some(3));
    for trial in 0..3 {
        let goal = hyperband.goal(TrialIndex(trial)).expect("Hyperband always starts");
        hyperband.started(TrialIndex(trial), goal);
        assert_eq!(hyperband.reported(TrialIndex(trial), resource(10), f64::from(trial)), Verdict::Pause);
        hyperband.paused(TrialIndex(trial));
    }
    assert_eq!(promote_all(&mut *hyperband), [(0, 27)]);
}

#[test]
fn max_is_needed_and_options_are_not() {
    let wrong = |context: &Context| fields(build("Hyperband", context, &json!({})));
    assert_eq!(wrong(&Context { max: None, ..context() }), ["max"]);
    assert_eq!(wrong(&Context { min: resource(9), ..context() }), ["max"]);
    assert_eq!(fields(build("Hyperband", &context(), &json!({"s": 1}))), ["options.s"]);
}

proptest! {
    #[test]
    fn a_bracket_begins_where_its_first_trial_is(max in 2..500_u64, eta in 2..5_u32, trial in 0..100_000_u32) {
        let round = round(1, max, eta);
        let bracket = round.bracket_of(TrialIndex(trial));
        let trials = round.first_of(bracket)..round.first_of(bracket + 1);
        prop_assert!(trials.contains(&u64::from(trial)));
        prop_assert_eq!(trials.end - trials.start, round.sizes[round.within(bracket)]);
    }

    #[test]
    fn as_many_trials_come_to_each_rung_as_in_the_paper(
        max in 2..250_u64,
        eta in 2..5_u32,
        rounds in 1..3_u32,
        workers in 1..40_usize,
        seed: u64,
    ) {
        let round = round(1, max, eta);
        let max_trials = round.sizes.iter().sum::<u64>() as u32 * rounds;
        let context = Context {
            max: Some(resource(max)), reduction_factor: eta, max_trials: Some(max_trials), ..context()
        };
        let mut hyperband = build("Hyperband", &context, &json!({})).expect("valid");
        let pool = Pool { workers, max_trials, length: max, stride: 1, failures: 0.0, late: 0.0, seed };
        // Trials that set out for each rung of each bracket.
        let mut counts: BTreeMap<(u32, u64), u64> = BTreeMap::new();
        for event in pool.run(&mut *hyperband, erratic(seed)) {
            let to = match event {
                Event::Started(_, goal) => goal.run_to,
                Event::Promoted(promotion) => Some(promotion.run_to),
                _ => None,
            };
            if let Some(to) = to {
                *counts.entry((round.bracket_of(event.trial()), to.get())).or_default() += 1;
            }
        }
        let mut expected = BTreeMap::new();
        for bracket in 0..rounds * round.sizes.len() as u32 {
            for (i, level) in round.levels_of(bracket).iter().enumerate() {
                let n = round.sizes[round.within(bracket)];
                expected.insert((bracket, *level), n / u64::from(eta).pow(i as u32));
            }
        }
        prop_assert_eq!(counts, expected);
    }

    #[test]
    fn those_that_go_on_from_a_rung_are_the_best_of_all_that_came_there(
        workers in 1..40_usize,
        failures in 0.0..0.5,
        seed: u64,
    ) {
        // R = 27: 27 trials in the first bracket, 9 and 3 and 1 of them go on.
        let mut hyperband = hyperband(27, Some(27));
        let pool = Pool { workers, max_trials: 27, length: 27, stride: 1, failures, late: 0.0, seed };
        let events = pool.run(&mut *hyperband, erratic(seed));
        for (level, quota) in [(1, 9), (3, 3), (9, 1)] {
            let mut came: Vec<Standing> = events
                .iter()
                .filter_map(|event| match *event {
                    Event::Reported(trial, at, loss) if at == resource(level) => {
                        Some(Standing::new(trial, loss))
                    }
                    _ => None,
                })
                .collect();
            came.sort();
            let best: Vec<TrialIndex> = came.into_iter().take(quota).map(|standing| standing.trial).collect();
            let went_on: Vec<TrialIndex> = events
                .iter()
                .filter_map(|event| match *event {
                    Event::Promoted(Promotion { trial, run_to }) if run_to == resource(3 * level) => Some(trial),
                    _ => None,
                })
                .collect();
            prop_assert_eq!(went_on, best);
        }
    }

    /// Nothing is kept of what is decided, so a job's length costs no memory.
    #[test]
    fn decided_brackets_are_forgotten(failures in 0.0..0.5, rounds in 1..4_u32, seed: u64) {
        let round = round(1, 27, 3);
        let max_trials = round.sizes.iter().sum::<u64>() as u32 * rounds;
        let mut hyperband = Hyperband::new(Halving { min: 1, max: 27, eta: 3 }, Some(max_trials));
        let pool = Pool { workers: 5, max_trials, length: 27, stride: 1, failures, late: 0.3, seed };
        pool.run(&mut hyperband, erratic(seed));
        prop_assert!(hyperband.brackets.is_empty() && hyperband.members.is_empty());
    }
}
