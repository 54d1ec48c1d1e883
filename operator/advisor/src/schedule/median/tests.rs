//! What the median rule promises.

use serde_json::json;

use super::*;
use crate::schedule::testing::{build, context, fields, resource};

fn rule(options: &serde_json::Value) -> Box<dyn Scheduler> {
    let context = Context { max: None, ..context() };
    build("MedianStopping", &context, options).expect("valid")
}

/// A trial that reports one loss after the other, at 1, 2, ...; the last verdict.
fn run(rule: &mut dyn Scheduler, trial: u32, losses: &[f64]) -> Verdict {
    let goal = rule.goal(TrialIndex(trial)).expect("the median rule always starts");
    rule.started(TrialIndex(trial), goal);
    let verdicts =
        losses.iter().zip(1..).map(|(loss, at)| rule.reported(TrialIndex(trial), resource(at), *loss));
    verdicts.last().unwrap_or(Verdict::Continue)
}

#[test]
fn a_trial_whose_best_is_worse_than_the_median_of_running_averages_ends() {
    let verdict = |best: f64| {
        let mut rule = rule(&json!({"startStep": 2}));
        // Running averages at 2: 0.2, 0.5, 0.9. Their median is 0.5, their mean 0.533.
        run(&mut *rule, 0, &[0.3, 0.1]);
        run(&mut *rule, 1, &[0.6, 0.4]);
        run(&mut *rule, 2, &[1.0, 0.8]);
        run(&mut *rule, 3, &[0.9, best])
    };
    assert_eq!(verdict(0.51), Verdict::Stop);
    assert_eq!(verdict(0.49), Verdict::Continue);
}

#[test]
fn the_best_so_far_counts_and_not_the_last() {
    let mut rule = rule(&json!({"startStep": 2}));
    for trial in 0..3 {
        run(&mut *rule, trial, &[0.5, 0.5]);
    }
    assert_eq!(run(&mut *rule, 3, &[0.4, 0.9]), Verdict::Continue);
    assert_eq!(run(&mut *rule, 4, &[0.5, 0.9]), Verdict::Continue, "as good as the median is good enough");
}

#[test]
fn of_an_even_number_the_median_is_between_the_two() {
    let mut rule = rule(&json!({"startStep": 1, "graceTrials": 2}));
    run(&mut *rule, 0, &[0.0]);
    run(&mut *rule, 1, &[1.0]);
    assert_eq!(run(&mut *rule, 2, &[0.51]), Verdict::Stop);
    let mut again = self::rule(&json!({"startStep": 1, "graceTrials": 2}));
    run(&mut *again, 0, &[0.0]);
    run(&mut *again, 1, &[1.0]);
    assert_eq!(run(&mut *again, 2, &[0.49]), Verdict::Continue);
}

#[test]
fn nobody_is_judged_before_the_start_step_or_against_too_few() {
    let mut rule = rule(&json!({}));
    for trial in 0..2 {
        run(&mut *rule, trial, &[0.1; 5]);
    }
    assert_eq!(run(&mut *rule, 2, &[0.9; 5]), Verdict::Continue, "two others are too few");
    assert_eq!(run(&mut *rule, 3, &[0.95; 3]), Verdict::Continue, "3 is before 4");
    assert_eq!(rule.reported(TrialIndex(3), resource(4), 0.95), Verdict::Stop);
}

#[test]
fn a_trial_is_not_compared_with_itself() {
    let mut rule = rule(&json!({"startStep": 1, "graceTrials": 1}));
    assert_eq!(run(&mut *rule, 0, &[0.1, 0.9, 0.9, 0.9]), Verdict::Continue);
}

#[test]
fn a_trial_at_the_most_it_can_get_is_left_to_end() {
    let mut rule = build("MedianStopping", &context(), &json!({"startStep": 9})).expect("valid");
    for trial in 0..3 {
        run(&mut *rule, trial, &[0.1; 9]);
    }
    assert_eq!(run(&mut *rule, 3, &[0.9; 9]), Verdict::Continue);
}

#[test]
fn everything_wrong_is_said_at_once() {
    let options = json!({"graceTrials": 0, "startStep": 0});
    let context = Context { min: resource(10), ..context() };
    let wrong = fields(build("MedianStopping", &context, &options));
    assert_eq!(wrong, ["options.graceTrials", "options.startStep", "max"]);
}
