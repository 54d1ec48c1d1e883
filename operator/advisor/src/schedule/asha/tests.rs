//! What ASHA promises.

use serde_json::{Map, Value, json};

use crate::{
    Invalid, Resource, TrialIndex,
    schedule::{Context, Ending, Promotion, Scheduler, Verdict, scheduler},
};

fn resource(amount: u64) -> Resource {
    Resource::new(amount).expect("tests name positive resources")
}

fn context() -> Context {
    Context {
        min: Resource::ONE,
        max: Some(resource(9)),
        reduction_factor: 3,
        seed: 1,
        max_trials: None,
        parallelism: 4,
    }
}

fn options(options: Value) -> Map<String, Value> {
    options.as_object().cloned().unwrap_or_default()
}

fn build(context: Context, with: Value) -> Result<Box<dyn Scheduler>, Vec<Invalid>> {
    (scheduler("ASHA").expect("ASHA is registered").build)(&context, &options(with))
}

fn asha(with: Value) -> Box<dyn Scheduler> {
    build(context(), with).expect("tests set valid options")
}

/// Starts a trial and reports its loss at the first rung.
fn report_first(asha: &mut dyn Scheduler, trial: u32, loss: f64) -> Verdict {
    let goal = asha.goal(TrialIndex(trial)).expect("ASHA always starts");
    asha.started(TrialIndex(trial), goal);
    asha.reported(TrialIndex(trial), resource(1), loss)
}

fn pause_first(asha: &mut dyn Scheduler, trial: u32, loss: f64) {
    assert_eq!(report_first(asha, trial, loss), Verdict::Pause);
    asha.paused(TrialIndex(trial));
}

#[test]
fn fewer_than_eta_trials_at_a_rung_all_go_on() {
    let mut asha = asha(json!({}));
    assert_eq!(report_first(&mut *asha, 0, 0.9), Verdict::Continue);
    assert_eq!(report_first(&mut *asha, 1, 0.8), Verdict::Continue);
}

#[test]
fn a_trial_goes_on_while_it_is_in_the_best_third() {
    let mut asha = asha(json!({}));
    let losses = [0.5, 0.4, 0.3, 0.35, 0.2, 0.25];
    let verdicts: Vec<Verdict> =
        losses.iter().zip(0..).map(|(loss, trial)| report_first(&mut *asha, trial, *loss)).collect();
    use Verdict::{Continue, Stop};
    assert_eq!(verdicts, [Continue, Continue, Continue, Stop, Continue, Continue]);
}

#[test]
fn of_equal_losses_the_earlier_trial_is_the_better() {
    let mut asha = asha(json!({}));
    report_first(&mut *asha, 0, 0.0);
    report_first(&mut *asha, 1, 0.5);
    assert_eq!(report_first(&mut *asha, 2, -0.0), Verdict::Stop);
}

#[test]
fn promotion_pauses_every_trial_and_lets_the_best_third_go_on_to_the_next_rung() {
    let mut asha = asha(json!({"mode": "promotion"}));
    assert_eq!(asha.goal(TrialIndex(0)).and_then(|goal| goal.run_to), Some(resource(1)));
    pause_first(&mut *asha, 0, 0.5);
    pause_first(&mut *asha, 1, 0.3);
    assert_eq!(asha.promotion(), None, "two are too few to choose from");
    pause_first(&mut *asha, 2, 0.4);
    let promotion = Promotion { trial: TrialIndex(1), run_to: resource(3) };
    assert_eq!(asha.promotion(), Some(promotion));
    asha.promoted(promotion);
    assert_eq!(asha.promotion(), None, "one of three is all that goes on");
}

#[test]
fn a_trial_is_promoted_only_once_its_worker_is_free() {
    let mut asha = asha(json!({"mode": "promotion"}));
    pause_first(&mut *asha, 0, 0.5);
    pause_first(&mut *asha, 1, 0.4);
    assert_eq!(report_first(&mut *asha, 2, 0.3), Verdict::Pause);
    assert_eq!(asha.promotion(), None);
    asha.paused(TrialIndex(2));
    assert_eq!(asha.promotion().map(|promotion| promotion.trial), Some(TrialIndex(2)));
}

#[test]
fn the_highest_rung_is_promoted_first() {
    let mut asha = asha(json!({"mode": "promotion"}));
    for trial in 0..9 {
        pause_first(&mut *asha, trial, f64::from(trial));
    }
    for trial in 0..3 {
        let promotion = asha.promotion().expect("a third of nine");
        assert_eq!(promotion.trial, TrialIndex(trial));
        asha.promoted(promotion);
        assert_eq!(asha.reported(TrialIndex(trial), resource(3), f64::from(trial)), Verdict::Pause);
        asha.paused(TrialIndex(trial));
    }
    pause_first(&mut *asha, 9, -1.0);
    assert_eq!(asha.promotion(), Some(Promotion { trial: TrialIndex(0), run_to: resource(9) }));
}

#[test]
fn a_trial_that_ended_is_not_promoted() {
    let mut asha = asha(json!({"mode": "promotion"}));
    for trial in 0..3 {
        pause_first(&mut *asha, trial, f64::from(trial));
    }
    asha.ended(TrialIndex(0), Ending::Failed);
    assert_eq!(asha.promotion(), None);
}

#[test]
fn a_trial_that_never_reports_at_the_rung_is_judged_when_it_is_beyond() {
    let mut asha = asha(json!({}));
    let verdicts = [0, 1, 2].map(|trial| {
        let goal = asha.goal(TrialIndex(trial)).expect("ASHA always starts");
        asha.started(TrialIndex(trial), goal);
        asha.reported(TrialIndex(trial), resource(2), f64::from(trial))
    });
    assert_eq!(verdicts, [Verdict::Continue, Verdict::Continue, Verdict::Stop]);
}

#[test]
fn rungs_need_not_end_at_a_power() {
    let rungs = |max| {
        let asha = build(Context { max: Some(resource(max)), ..context() }, json!({})).expect("valid");
        asha.rungs().into_iter().map(Resource::get).collect::<Vec<_>>()
    };
    assert_eq!(rungs(81), [1, 3, 9, 27, 81]);
    assert_eq!(rungs(56), [1, 3, 9, 27, 56]);
    assert_eq!(rungs(2), [1, 2]);
}

#[test]
fn everything_wrong_is_said_at_once() {
    let wrong = build(
        Context { max: None, reduction_factor: 1, ..context() },
        json!({"brackets": 0, "rungLevels": [3, 3]}),
    );
    let fields: Vec<String> = wrong.err().unwrap_or_default().into_iter().map(|error| error.field).collect();
    assert_eq!(fields, ["options.brackets", "max", "reductionFactor", "options.rungLevels[1]"]);
}

#[test]
fn an_unknown_option_is_refused() {
    let wrong = build(context(), json!({"bracket": 2})).err().unwrap_or_default();
    assert!(wrong[0].problem.ends_with("did you mean \"brackets\"?"), "{}", wrong[0]);
    assert_eq!(wrong[0].field, "options.bracket");
}
