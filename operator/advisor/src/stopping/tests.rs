//! What the rules promise.

use super::*;

fn resource(amount: u64) -> Resource {
    Resource::new(amount).expect("tests name positive resources")
}

fn early_stopping(rounds: u32, min_delta: f64) -> StopRules {
    let rule = EarlyStopping::new("accuracy", rounds, min_delta).expect("valid");
    StopRules { early_stopping: Some(rule), stop_when: Vec::new() }
}

/// Reports one loss after the other, at 1, 2, ...; when it ends and why.
fn run(rules: &StopRules, losses: &[f64]) -> Option<(u64, String)> {
    let mut progress = Progress::default();
    losses.iter().zip(1..).find_map(|(loss, at)| {
        let accuracy = |name: &str| (name == "accuracy").then_some(1.0 - loss);
        let reason = rules.observe(&mut progress, resource(at), *loss, accuracy)?;
        Some((at, reason.to_string()))
    })
}

#[test]
fn so_many_reports_without_an_improvement_end_a_trial() {
    let ended = run(&early_stopping(2, 0.0), &[0.5, 0.4, 0.4, 0.3, 0.31, 0.32, 0.1]);
    assert_eq!(ended, Some((6, "no improvement in accuracy for 2 reports".to_owned())));
}

#[test]
fn less_than_min_delta_is_no_improvement_even_if_it_adds_up_too_late() {
    let ended = run(&early_stopping(3, 0.1), &[0.5, 0.47, 0.44, 0.41]);
    assert_eq!(ended, Some((4, "no improvement of 0.1 in accuracy for 3 reports".to_owned())));
}

#[test]
fn small_improvements_that_add_up_in_time_count() {
    assert_eq!(run(&early_stopping(3, 0.1), &[0.5, 0.45, 0.4, 0.35, 0.3]), None);
}

#[test]
fn an_improvement_of_exactly_min_delta_counts_in_spite_of_rounding() {
    // 0.3 - 0.2 is a little less than 0.1.
    assert_eq!(run(&early_stopping(1, 0.1), &[0.3, 0.2]), None);
}

#[test]
fn the_first_report_is_an_improvement() {
    assert_eq!(run(&early_stopping(1, 0.1), &[7.0]), None);
}

#[test]
fn repeated_steps_of_a_retried_trial_are_no_news() {
    let rules = early_stopping(2, 0.0);
    let mut progress = Progress::default();
    let mut observe = |at| rules.observe(&mut progress, resource(at), 0.5, |_| None);
    assert_eq!((observe(1), observe(2), observe(1), observe(2)), (None, None, None, None));
    assert!(observe(3).is_some());
}

#[test]
fn any_threshold_ends_a_trial_as_complete() {
    let rules = StopRules {
        early_stopping: None,
        stop_when: vec![
            Threshold::Metric { name: "accuracy".into(), comparison: Comparison::AtLeast, value: 0.75 },
            Threshold::Resource { name: "epoch".into(), at_least: resource(3) },
        ],
    };
    assert_eq!(run(&rules, &[0.5, 0.25]), Some((2, "reached accuracy >= 0.75".to_owned())));
    assert_eq!(run(&rules, &[0.5, 0.5, 0.5, 0.5]), Some((3, "reached epoch >= 3".to_owned())));
    let reason = StopReason::Reached(rules.stop_when[1].clone());
    assert_eq!(reason.ending(), Ending::Completed);
}

#[test]
fn a_metric_that_was_not_reported_reaches_nothing() {
    let latency = Threshold::Metric { name: "latency".into(), comparison: Comparison::Below, value: 9.0 };
    assert_eq!(run(&StopRules { early_stopping: None, stop_when: vec![latency] }, &[0.5]), None);
}

#[test]
fn comparisons_are_what_they_say() {
    use Comparison::{Above, AtLeast, AtMost, Below};
    let holds = |reported| [AtLeast, AtMost, Above, Below].map(|is| is.holds(reported, 1.0));
    assert_eq!(holds(0.5), [false, true, false, true]);
    assert_eq!(holds(1.0), [true, true, false, false]);
    assert_eq!(holds(1.5), [true, false, true, false]);
}

#[test]
fn everything_wrong_is_said_at_once() {
    let errors = EarlyStopping::new("accuracy", 0, f64::NAN).err().unwrap_or_default();
    let fields: Vec<&str> = errors.iter().map(|error| error.field.as_str()).collect();
    assert_eq!(fields, ["rounds", "minDelta"]);
    assert!(EarlyStopping::new("accuracy", 1, -0.1).is_err());
}
