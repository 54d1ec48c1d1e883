//! What every scheduler promises, over generated jobs.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    testing::{Event, Pool, Subject, build, context, erratic, falling, resource},
    *,
};

/// Every scheduler in every way it works.
fn kinds() -> Vec<(&'static str, Value)> {
    vec![
        ("None", json!({})),
        ("ASHA", json!({})),
        ("ASHA", json!({"mode": "promotion"})),
        ("ASHA", json!({"brackets": 2})),
        ("ASHA", json!({"mode": "promotion", "brackets": 3, "rungSystemPerBracket": true})),
        ("ASHA", json!({"mode": "promotion", "rungLevels": [2, 5]})),
        ("Hyperband", json!({})),
        ("MedianStopping", json!({"startStep": 2})),
    ]
}

fn jobs() -> impl Strategy<Value = (usize, Pool, Context)> {
    let chance = || prop_oneof![Just(0.0), 0.0..0.5];
    let pool = (1..12_usize, 0..80_u32, 1..30_u64, 1..4_u64, chance(), chance(), any::<u64>());
    let context = (1..4_u64, 1..25_u64, 2..5_u32, any::<bool>());
    (0..kinds().len(), pool, context).prop_map(|(kind, pool, (min, above, eta, bounded))| {
        let (workers, max_trials, length, stride, failures, late, seed) = pool;
        let context = Context {
            // So that three brackets and the rungs written out fit.
            min: resource(min),
            max: Some(resource(min * u64::from(eta * eta) + above + 5)),
            reduction_factor: eta,
            seed,
            max_trials: bounded.then_some(max_trials),
            parallelism: workers as u32,
        };
        (kind, Pool { workers, max_trials, length, stride, failures, late, seed }, context)
    })
}

fn kind(number: usize, context: &Context) -> Box<dyn Scheduler> {
    let (name, options) = &kinds()[number];
    build(name, context, options).expect("valid")
}

/// What a scheduler would do next.
fn outlook(scheduler: &dyn Scheduler, trials: u32) -> (Option<Promotion>, Vec<Option<Goal>>) {
    (scheduler.promotion(), (trials..trials + 10).map(|trial| scheduler.goal(TrialIndex(trial))).collect())
}

fn started(events: &[Event]) -> u32 {
    events.iter().filter(|event| matches!(event, Event::Started(..))).count() as u32
}

/// The furthest report of each trial.
fn reached(events: &[Event], trials: u32) -> Vec<u64> {
    let mut reached = vec![0; trials as usize];
    for event in events {
        if let Event::Reported(trial, at, _) = event {
            reached[trial.at()] = at.get();
        }
    }
    reached
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Also when the space holds fewer trials than the job may create: the last bracket is then short.
    #[test]
    fn every_job_ends_with_every_trial_created_and_none_promotable((number, pool, context) in jobs()) {
        let mut scheduler = kind(number, &context);
        let mut events = pool.run(&mut *scheduler, erratic(pool.seed));
        prop_assert_eq!(started(&events), pool.max_trials);
        scheduler.no_more_trials();
        let none_start = Pool { max_trials: 0, ..pool };
        prop_assert!(events.len() <= pool.max_trials as usize * 80, "a job ends after a bounded number of events");
        // What waited for trials that never came goes on now.
        let reached = reached(&events, pool.max_trials);
        events.extend(none_start.resume(&mut *scheduler, erratic(pool.seed), reached));
        prop_assert_eq!(scheduler.promotion(), None);
    }

    #[test]
    fn a_rebuilt_scheduler_decides_as_the_one_that_lived_through_it((number, pool, context) in jobs()) {
        let mut lived = kind(number, &context);
        let events = pool.run(&mut *lived, erratic(pool.seed));
        let mut first = kind(number, &context);
        let mut again = kind(number, &context);
        for event in &events {
            if let Event::Promoted(promotion) = event {
                prop_assert_eq!(again.promotion(), Some(*promotion));
            }
            prop_assert_eq!(first.tell(*event), again.tell(*event));
            prop_assert_eq!(outlook(&*first, 0), outlook(&*again, 0));
        }
        prop_assert_eq!(outlook(&*lived, pool.max_trials), outlook(&*again, pool.max_trials));
    }

    /// The order between trials is not kept by every store.
    #[test]
    fn what_comes_next_does_not_depend_on_how_events_were_interleaved(
        (number, pool, context) in jobs(),
        cut in 0.0..1.0,
    ) {
        let mut scheduler = kind(number, &context);
        let mut events = pool.run(&mut *scheduler, erratic(pool.seed));
        events.truncate((events.len() as f64 * cut) as usize);
        let trials = started(&events);
        let mut lived = kind(number, &context);
        for event in &events {
            lived.tell(*event);
        }
        events.sort_by_key(|event| event.trial());
        let mut read_back = kind(number, &context);
        for event in &events {
            read_back.tell(*event);
        }
        prop_assert_eq!(outlook(&*lived, trials), outlook(&*read_back, trials));
    }

    #[test]
    fn a_rebuilt_scheduler_does_not_see_that_the_job_was_extended((number, pool, context) in jobs(), more in 0..40_u32) {
        let mut lived = kind(number, &Context { max_trials: Some(pool.max_trials), ..context });
        let mut events = pool.run(&mut *lived, erratic(pool.seed));
        let max_trials = pool.max_trials + more;
        lived.set_max_trials(Some(max_trials));
        let reached = reached(&events, pool.max_trials);
        events.extend(Pool { max_trials, ..pool }.resume(&mut *lived, erratic(pool.seed), reached));
        let mut rebuilt = kind(number, &Context { max_trials: Some(max_trials), ..context });
        for event in &events {
            rebuilt.tell(*event);
        }
        prop_assert_eq!(started(&events), max_trials);
        prop_assert_eq!(outlook(&*rebuilt, max_trials), outlook(&*lived, max_trials));
    }

    #[test]
    fn no_trial_is_promoted_twice_to_one_rung_and_only_upward((number, pool, context) in jobs()) {
        let mut scheduler = kind(number, &context);
        let mut paused = BTreeSet::new();
        let mut run_to: BTreeMap<TrialIndex, Resource> = BTreeMap::new();
        for event in pool.run(&mut *scheduler, erratic(pool.seed)) {
            match event {
                Event::Started(trial, goal) => { goal.run_to.map(|to| run_to.insert(trial, to)); }
                Event::Paused(trial) => { paused.insert(trial); }
                Event::Promoted(promotion) => {
                    prop_assert!(paused.remove(&promotion.trial), "only what is paused goes on");
                    let before = run_to.insert(promotion.trial, promotion.run_to);
                    prop_assert!(before < Some(promotion.run_to));
                    prop_assert!(scheduler.rungs().contains(&promotion.run_to));
                }
                Event::Reported(..) | Event::Ended(..) => {}
            }
        }
    }

    #[test]
    fn a_trial_that_has_all_it_may_get_is_left_to_end((number, pool, context) in jobs()) {
        let mut scheduler = kind(number, &context);
        let events = pool.run(&mut *scheduler, erratic(pool.seed));
        let mut again = kind(number, &context);
        for event in events {
            let verdict = again.tell(event);
            if let Event::Reported(_, at, _) = event && Some(at) >= context.max && pool.stride == 1 {
                prop_assert_eq!(verdict, Some(Verdict::Continue));
            }
        }
    }
}

/// The furthest each trial went, summed, and the best loss of those that went to the end.
fn work_and_best(events: &[Event], max: u64) -> (u64, f64) {
    let mut furthest = BTreeMap::new();
    let mut best = f64::INFINITY;
    for event in events {
        if let Event::Reported(trial, at, loss) = *event {
            furthest.insert(trial, at.get());
            if at.get() == max {
                best = best.min(loss);
            }
        }
    }
    (furthest.values().sum(), best)
}

#[test]
fn halving_finds_the_best_of_no_scheduler_with_a_third_of_the_work() {
    let context = Context { max: Some(resource(81)), max_trials: Some(143), ..context() };
    for (name, options) in
        [("ASHA", json!({})), ("ASHA", json!({"mode": "promotion"})), ("Hyperband", json!({}))]
    {
        let seeds = 0..20;
        let (mut works, mut losses) = (0.0, 0.0);
        for seed in seeds.clone() {
            let pool =
                Pool { workers: 8, max_trials: 143, length: 81, stride: 1, failures: 0.0, late: 0.0, seed };
            let run = |name: &str, options: &Value| {
                let mut scheduler = build(name, &context, options).expect("valid");
                work_and_best(&pool.run(&mut *scheduler, falling(seed)), 81)
            };
            let (all_work, all_best) = run("None", &json!({}));
            let (work, best) = run(name, &options);
            works += work as f64 / all_work as f64;
            losses += best - all_best;
        }
        let (work, loss) = (works / seeds.end as f64, losses / seeds.end as f64);
        assert!(work < 1.0 / 3.0, "{name} {options}: {work} of the work");
        assert!(loss < 0.005, "{name} {options}: {loss} worse than the best of all");
    }
}

#[test]
fn a_hundred_thousand_trials_are_decided_in_one_bracket() {
    // s_max = 10: the first bracket has 59049 trials.
    let context = Context { max: Some(resource(59049)), max_trials: Some(59049), ..context() };
    let mut hyperband = build("Hyperband", &context, &json!({})).expect("valid");
    let pool =
        Pool { workers: 1000, max_trials: 59049, length: 27, stride: 1, failures: 0.01, late: 0.0, seed: 1 };
    let events = pool.run(&mut *hyperband, falling(1));
    let promoted = events.iter().filter(|event| matches!(event, Event::Promoted(_))).count();
    assert_eq!(promoted, 19683 + 6561 + 2187 + 729);
}

#[test]
fn a_name_that_is_almost_right_is_suggested() {
    let error = scheduler("Asha").err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("\"ASHA\"") && error.contains("Hyperband"), "{error}");
}
