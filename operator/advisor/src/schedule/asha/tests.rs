//! What ASHA promises.

use serde_json::{Value, json};

use crate::{
    Resource, TrialIndex,
    schedule::{
        Context, Ending, Promotion, Scheduler, Verdict,
        testing::{build, context, fields, resource},
    },
};

fn asha(options: &Value) -> Box<dyn Scheduler> {
    build("ASHA", &context(), options).expect("tests set valid options")
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
    let mut asha = asha(&json!({}));
    assert_eq!(report_first(&mut *asha, 0, 0.9), Verdict::Continue);
    assert_eq!(report_first(&mut *asha, 1, 0.8), Verdict::Continue);
}

#[test]
fn a_trial_goes_on_while_it_is_in_the_best_third() {
    let mut asha = asha(&json!({}));
    let losses = [0.5, 0.4, 0.3, 0.35, 0.2, 0.25];
    let verdicts: Vec<Verdict> =
        losses.iter().zip(0..).map(|(loss, trial)| report_first(&mut *asha, trial, *loss)).collect();
    let stopped = verdicts.iter().position(|verdict| *verdict == Verdict::Stop);
    assert_eq!(stopped, Some(3));
    assert_eq!(verdicts.iter().filter(|verdict| **verdict == Verdict::Continue).count(), 5);
}

#[test]
fn of_equal_losses_the_earlier_trial_is_the_better() {
    let mut asha = asha(&json!({}));
    report_first(&mut *asha, 0, 0.0);
    report_first(&mut *asha, 1, 0.5);
    assert_eq!(report_first(&mut *asha, 2, -0.0), Verdict::Stop);
}

#[test]
fn promotion_pauses_every_trial_and_lets_the_best_third_go_on_to_the_next_rung() {
    let mut asha = asha(&json!({"mode": "promotion"}));
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
    let mut asha = asha(&json!({"mode": "promotion"}));
    pause_first(&mut *asha, 0, 0.5);
    pause_first(&mut *asha, 1, 0.4);
    assert_eq!(report_first(&mut *asha, 2, 0.3), Verdict::Pause);
    assert_eq!(asha.promotion(), None);
    asha.paused(TrialIndex(2));
    assert_eq!(asha.promotion().map(|promotion| promotion.trial), Some(TrialIndex(2)));
}

#[test]
fn the_highest_rung_is_promoted_first() {
    let mut asha = asha(&json!({"mode": "promotion"}));
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
    let mut asha = asha(&json!({"mode": "promotion"}));
    for trial in 0..3 {
        pause_first(&mut *asha, trial, f64::from(trial));
    }
    asha.ended(TrialIndex(0), Ending::Failed);
    assert_eq!(asha.promotion(), None);
}

#[test]
fn a_trial_that_never_reports_at_the_rung_is_judged_when_it_is_beyond() {
    let mut asha = asha(&json!({}));
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
        let context = Context { max: Some(resource(max)), ..context() };
        let asha = build("ASHA", &context, &json!({})).expect("valid");
        asha.rungs().into_iter().map(Resource::get).collect::<Vec<_>>()
    };
    assert_eq!(rungs(81), [1, 3, 9, 27, 81]);
    assert_eq!(rungs(56), [1, 3, 9, 27, 56]);
    assert_eq!(rungs(2), [1, 2]);
}

#[test]
fn rungs_written_out_keep_the_ratio_of_each_to_the_next() {
    // From 2 to 8 one in four goes on; from 8 to 9 eight in nine.
    let mut asha = asha(&json!({"rungLevels": [2, 8]}));
    let mut at_first = |trial: u32| {
        let goal = asha.goal(TrialIndex(trial)).expect("ASHA always starts");
        asha.started(TrialIndex(trial), goal);
        asha.reported(TrialIndex(trial), resource(2), f64::from(trial))
    };
    assert_eq!([0, 1, 2].map(&mut at_first), [Verdict::Continue; 3]);
    assert_eq!(at_first(3), Verdict::Stop);
    let rungs: Vec<u64> = asha.rungs().into_iter().map(Resource::get).collect();
    assert_eq!(rungs, [2, 8, 9]);
}

#[test]
fn later_brackets_are_spared_rungs_and_get_fewer_trials() {
    let context = Context { max: Some(resource(81)), ..context() };
    let asha = build("ASHA", &context, &json!({"mode": "promotion", "brackets": 3})).expect("valid");
    let mut counts = [0_u32; 3];
    for trial in 0..10_000 {
        let goal = asha.goal(TrialIndex(trial)).expect("ASHA always starts");
        assert_eq!(goal.run_to, Some(resource(3_u64.pow(goal.bracket))));
        counts[goal.bracket as usize] += 1;
    }
    // P(s) ~ 5 / ((5 - s) 3^s): 1, 5/12, 5/27.
    let sum = 1.0 + 5.0 / 12.0 + 5.0 / 27.0;
    for (count, weight) in counts.into_iter().zip([1.0, 5.0 / 12.0, 5.0 / 27.0]) {
        // Four standard deviations of a count of 10,000 draws.
        assert!((f64::from(count) - 10_000.0 * weight / sum).abs() < 200.0, "{counts:?}");
    }
}

#[test]
fn brackets_compete_among_themselves_only_where_each_has_its_own_rungs() {
    let verdicts = |own: bool| {
        let options = json!({"brackets": 2, "rungSystemPerBracket": own});
        let mut asha = build("ASHA", &context(), &options).expect("valid");
        let in_bracket = |wanted| {
            let asha = &asha;
            (0..)
                .map(TrialIndex)
                .filter(move |trial| asha.goal(*trial).is_some_and(|goal| goal.bracket == wanted))
        };
        let low: Vec<TrialIndex> = in_bracket(0).take(3).collect();
        let high: Vec<TrialIndex> = in_bracket(1).take(1).collect();
        let trials = [low, high].concat();
        trials
            .into_iter()
            .zip([0.1, 0.2, 0.3, 0.4])
            .map(|(trial, loss)| {
                let goal = asha.goal(trial).expect("ASHA always starts");
                asha.started(trial, goal);
                asha.reported(trial, resource(3), loss)
            })
            .last()
    };
    assert_eq!(verdicts(false), Some(Verdict::Stop), "the worst of four");
    assert_eq!(verdicts(true), Some(Verdict::Continue), "the first of its bracket");
}

#[test]
fn everything_wrong_is_said_at_once() {
    let context = Context { max: None, reduction_factor: 1, ..context() };
    let wrong = build("ASHA", &context, &json!({"brackets": 0, "rungLevels": [3, 3]}));
    assert_eq!(fields(wrong), ["options.brackets", "max", "reductionFactor", "options.rungLevels[1]"]);
}

#[test]
fn wrong_rungs_are_refused() {
    let wrong = |options: Value| fields(build("ASHA", &context(), &options));
    assert_eq!(wrong(json!({"rungLevels": []})), ["options.rungLevels"]);
    assert_eq!(wrong(json!({"rungLevels": [9]})), ["options.rungLevels"]);
    assert_eq!(wrong(json!({"rungLevels": [0, 3, 10]})), ["options.rungLevels[0]", "options.rungLevels[2]"]);
    assert_eq!(wrong(json!({"rungLevels": [3, 9], "brackets": 3})), ["options.brackets"]);
    assert_eq!(wrong(json!({"brackets": 4})), ["options.brackets"]);
    assert_eq!(wrong(json!({"brackets": 3})), [""; 0]);
}

#[test]
fn an_unknown_option_is_refused() {
    let wrong = build("ASHA", &context(), &json!({"bracket": 2})).err().unwrap_or_default();
    assert_eq!(wrong[0].field, "options.bracket");
    assert!(wrong[0].problem.ends_with("did you mean \"brackets\"?"), "{}", wrong[0]);
}

#[test]
fn it_explains_what_it_does() {
    let asha = build("ASHA", &context(), &json!({})).expect("valid");
    assert_eq!(
        asha.explain(),
        "Trials are compared at 1, 3: each goes on while it is among the best 1 in 3 there, up to 9."
    );
}
