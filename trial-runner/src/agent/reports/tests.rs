use proptest::prelude::*;

use super::*;

fn aim() -> Aim {
    Aim { objectives: vec!["accuracy".into()], resource: Some("epoch".into()), ..Aim::default() }
}

fn uncounted() -> Aim {
    Aim { resource: None, ..aim() }
}

/// Readings written as `epoch=1 accuracy=0.5`, one a line.
fn take_all(reports: &mut Reports, lines: &[&str]) -> Vec<Event> {
    let mut events = Vec::new();
    for line in lines {
        let values = line
            .split_whitespace()
            .map(|pair| pair.split_once('=').unwrap())
            .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
            .collect();
        reports.take(Reading { resource: None, values }, &mut events);
    }
    reports.finish(&mut events);
    events
}

/// Events as text: `1: accuracy=0.5`.
fn told(aim: Aim, lines: &[&str]) -> Vec<String> {
    take_all(&mut Reports::new(aim), lines)
        .into_iter()
        .map(|event| match event {
            Event::Report(report) => {
                let metrics: Vec<_> =
                    report.metrics.iter().map(|(name, value)| format!("{name}={value}")).collect();
                format!("{}: {}", report.resource, metrics.join(" "))
            }
            Event::Diverged(text) => format!("diverged: {text}"),
            Event::Warning(text) => format!("warning: {text}"),
        })
        .collect()
}

#[test]
fn the_resource_in_the_same_reading_says_how_far() {
    assert_eq!(
        told(aim(), &["epoch=1 accuracy=0.5", "epoch=2 accuracy=0.6"]),
        ["1: accuracy=0.5", "2: accuracy=0.6"]
    );
}

#[test]
fn a_reading_of_the_resource_alone_sets_it_for_those_that_follow() {
    assert_eq!(
        told(aim(), &["epoch=1", "loss=3", "accuracy=0.5", "epoch=2", "accuracy=0.6"]),
        ["1: accuracy=0.5 loss=3", "2: accuracy=0.6"]
    );
}

#[test]
fn without_a_resource_reports_are_counted_on_from_the_checkpoint() {
    assert_eq!(
        told(uncounted(), &["loss=1", "accuracy=0.5", "accuracy=0.6"]),
        ["1: accuracy=0.5 loss=1", "2: accuracy=0.6"]
    );
    assert_eq!(told(Aim { resumed_at: 4, ..uncounted() }, &["accuracy=0.5"]), ["5: accuracy=0.5"]);
}

#[test]
fn a_resource_that_never_comes_is_warned_of_with_the_nearest_name() {
    assert_eq!(
        told(aim(), &["epochs=1 accuracy=0.5", "epochs=2 accuracy=0.6"]),
        [
            "warning: no epoch is reported (did you mean \"epochs\"?): the reports are counted instead",
            "1: accuracy=0.5 epochs=1",
            "2: accuracy=0.6 epochs=2"
        ]
    );
}

#[test]
fn a_command_that_counts_from_zero_is_one_further_than_it_says() {
    assert_eq!(
        told(aim(), &["epoch=0 accuracy=0.5", "epoch=1 accuracy=0.6"]),
        ["1: accuracy=0.5", "2: accuracy=0.6"]
    );
    let resumed = Aim { resumed_at: 2, from_zero: true, reported_to: 2, ..aim() };
    assert_eq!(told(resumed, &["epoch=1 accuracy=0.6", "epoch=2 accuracy=0.7"]), ["3: accuracy=0.7"]);
}

#[test]
fn a_fraction_counts_as_what_is_completed() {
    assert_eq!(
        told(
            aim(),
            &[
                "epoch=0.5 loss=2",
                "epoch=0.5 accuracy=0.1",
                "epoch=1.0 accuracy=0.5",
                "epoch=1.5 accuracy=0.4"
            ]
        ),
        ["1: accuracy=0.5"]
    );
    assert_eq!(told(aim(), &["epoch=2.9999999999 accuracy=0.5"]), ["3: accuracy=0.5"]);
}

#[test]
fn further_objectives_of_the_same_resource_are_added_to_its_report() {
    let two = |aim: Aim| Aim { objectives: vec!["accuracy".into(), "latency".into()], ..aim };
    assert_eq!(
        told(two(aim()), &["epoch=1 accuracy=0.5", "latency=7", "epoch=2 accuracy=0.6"]),
        ["1: accuracy=0.5", "1: accuracy=0.5 latency=7", "2: accuracy=0.6"]
    );
    assert_eq!(
        told(two(uncounted()), &["accuracy=0.5", "latency=7", "accuracy=0.6", "latency=8"]),
        ["1: accuracy=0.5", "1: accuracy=0.5 latency=7", "2: accuracy=0.6", "2: accuracy=0.6 latency=8"]
    );
}

#[test]
fn other_values_of_the_same_resource_are_told_with_the_next_step_or_at_the_end() {
    assert_eq!(
        told(aim(), &["epoch=1 accuracy=0.5", "loss=3", "epoch=2 accuracy=0.6", "loss=2"]),
        ["1: accuracy=0.5", "1: accuracy=0.5 loss=3", "2: accuracy=0.6", "2: accuracy=0.6 loss=2"]
    );
}

#[test]
fn what_earlier_attempts_have_reported_is_not_told_again() {
    let mut reports = Reports::new(Aim { reported_to: 2, run_to: Some(2), ..aim() });
    assert_eq!(take_all(&mut reports, &["epoch=1 accuracy=0.5"]), []);
    assert!(!reports.reached());
    assert_eq!(take_all(&mut reports, &["epoch=2 accuracy=0.6"]), []);
    assert!(reports.reached() && reports.is_complete());
    assert_eq!(reports.last().map(|last| last.resource), Some(2));
}

#[test]
fn going_back_is_passed_over_with_one_warning() {
    assert_eq!(
        told(
            aim(),
            &["epoch=2 accuracy=0.5", "epoch=1 accuracy=0.9", "epoch=1 accuracy=0.8", "epoch=3 accuracy=0.6"]
        ),
        [
            "2: accuracy=0.5",
            "warning: epoch went back from 2 to 1: what is reported there is passed over",
            "3: accuracy=0.6"
        ]
    );
}

#[test]
fn an_objective_that_is_not_finite_is_a_divergence_and_another_value_is_left_out() {
    assert_eq!(told(aim(), &["epoch=3 accuracy=NaN"]), ["diverged: accuracy is NaN at epoch 3"]);
    assert_eq!(
        told(uncounted(), &["accuracy=1", "accuracy=-inf"])[1],
        "diverged: accuracy is -inf at report 2"
    );
    assert_eq!(told(aim(), &["epoch=3 accuracy=0.5 loss=NaN"]), ["3: accuracy=0.5"]);
}

#[test]
fn nothing_beyond_the_report_that_reaches_run_to_is_told() {
    let mut reports = Reports::new(Aim { run_to: Some(150), ..aim() });
    let events = take_all(&mut reports, &["epoch=100 accuracy=0.5", "epoch=200 accuracy=0.6"]);
    assert_eq!(events.len(), 2, "200 is what reaches 150");
    assert!(reports.reached() && !reports.is_beyond());
    assert_eq!(take_all(&mut reports, &["epoch=300 accuracy=NaN", "epoch=300 loss=1"]), []);
    assert!(reports.is_beyond());
    assert_eq!(reports.resource(), 200);
}

#[test]
fn a_reading_with_any_number_of_metrics_makes_a_bounded_report_that_has_the_objective() {
    let values = (0..1000).map(|i| (format!("m{i}"), 1.0)).chain([("accuracy".into(), 0.5)]).collect();
    let mut events = Vec::new();
    Reports::new(uncounted()).take(Reading { resource: None, values }, &mut events);
    assert!(matches!(&events[..], [Event::Report(report)]
        if report.metrics.len() == MOST_METRICS + 1 && report.metrics.contains_key("accuracy")));
}

proptest! {
    /// Whatever is read: told resources never go back, start above what was reported, and hold finite values with
    /// an objective among them.
    #[test]
    fn what_is_told_is_in_order_and_finite(
        lines in proptest::collection::vec(
            (proptest::option::of(-2.0..12.0_f64), proptest::option::of(any::<f64>()), any::<bool>()), 0..40),
        reported_to in 0_u64..4,
        run_to in proptest::option::of(1_u64..8),
        whole in any::<bool>(),
    ) {
        let mut reports = Reports::new(Aim { run_to, reported_to, ..aim() });
        let mut events = Vec::new();
        for (epoch, accuracy, loss) in lines {
            let epoch = epoch.map(|epoch| if whole { epoch.round() } else { epoch });
            let mut values: Vec<_> = epoch.map(|epoch| ("epoch".to_owned(), epoch)).into_iter().collect();
            values.extend(accuracy.map(|accuracy| ("accuracy".to_owned(), accuracy)));
            values.extend(loss.then(|| ("loss".to_owned(), 1.0)));
            reports.take(Reading { resource: None, values }, &mut events);
        }
        reports.finish(&mut events);
        let mut before = 0;
        for event in events {
            if let Event::Report(report) = event {
                prop_assert!(report.resource > reported_to && report.resource >= before);
                prop_assert!(before < run_to.unwrap_or(u64::MAX) || report.resource == before);
                prop_assert!(report.metrics.contains_key("accuracy"));
                prop_assert!(report.metrics.values().all(|value| value.is_finite()));
                before = report.resource;
            }
        }
    }
}
