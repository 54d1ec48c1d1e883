//! What an advisor promises.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    past::PastEnding,
    rng,
    schedule::testing::{Event, Pool, Subject, erratic, resource},
    search::testing::{choice, cube, float, int, parameter, space},
    space::{Domain, Value as ParameterValue},
};

fn options(options: Value) -> Map<String, Value> {
    let Value::Object(options) = options else { unreachable!("options are an object") };
    options
}

fn settings(algorithm: &str, scheduler: &str, with: Value) -> Settings {
    Settings {
        space: cube(2),
        objectives: 1,
        search: SearchSettings { algorithm: algorithm.to_owned(), options: Map::new() },
        scheduler: SchedulerSettings {
            kind: scheduler.to_owned(),
            max: Some(resource(9)),
            options: options(with),
            ..SchedulerSettings::default()
        },
        seed: 7,
        max_trials: Some(20),
        parallelism: 4,
        points: Vec::new(),
        warm_start: false,
    }
}

/// An advisor that starts what it proposes, and remembers it.
struct Job {
    advisor: Advisor,
    configurations: Vec<Configuration>,
}

impl Job {
    fn new(settings: Settings) -> Self {
        Self::after(&[], settings)
    }

    /// A job that learns from these.
    fn after(past: &[PastTrial], settings: Settings) -> Self {
        let mut advisor = Advisor::new(settings).expect("valid");
        advisor.learn(past);
        Self { advisor, configurations: Vec::new() }
    }
}

impl Subject for Job {
    fn promotion(&self) -> Option<Promotion> {
        self.advisor.promotion()
    }

    fn start(&mut self, trial: TrialIndex) -> Option<Goal> {
        let goal = self.advisor.goal(trial)?;
        let configuration = self.advisor.propose(trial)?;
        self.configurations.push(configuration.clone());
        self.advisor.started(trial, configuration, goal);
        Some(goal)
    }

    fn tell(&mut self, event: Event) -> Option<Verdict> {
        match event {
            Event::Started(trial, goal) => {
                self.advisor.started(trial, self.configurations[trial.at()].clone(), goal);
            }
            Event::Reported(trial, at, loss) => return Some(self.advisor.reported(trial, at, vec![loss])),
            Event::Paused(trial) => self.advisor.paused(trial),
            Event::Promoted(promotion) => self.advisor.promoted(promotion),
            Event::Ended(trial, ending) => self.advisor.ended(trial, ending),
        }
        None
    }
}

fn start(advisor: &mut Advisor, trial: u32) -> TrialIndex {
    let trial = TrialIndex(trial);
    let goal = advisor.goal(trial).expect("the scheduler starts it");
    let configuration = advisor.propose(trial).expect("the space has more");
    advisor.started(trial, configuration, goal);
    trial
}

fn kinds() -> impl Strategy<Value = Settings> {
    let algorithm = prop_oneof![Just("Random"), Just("Sobol"), Just("Grid")];
    let scheduler = prop_oneof![
        Just(("None", json!({}))),
        Just(("ASHA", json!({"brackets": 2}))),
        Just(("ASHA", json!({"mode": "promotion"}))),
        Just(("Hyperband", json!({}))),
        Just(("MedianStopping", json!({"startStep": 2}))),
    ];
    let small = space(vec![parameter("a", int(1, 4)), parameter("b", choice(&["x", "y", "z"]))]);
    (algorithm, scheduler, any::<bool>(), any::<u64>(), 0..3_usize).prop_map(
        move |(algorithm, (scheduler, with), finite, seed, points)| {
            let mut settings = settings(algorithm, scheduler, with);
            if finite {
                settings.space = small.clone();
            }
            settings.points = vec![settings.space.defaults(); points];
            Settings { seed, ..settings }
        },
    )
}

/// Trials of an earlier job over `space`: where they were, how they ended, and what they reported.
fn past(space: &Space, count: u32, seed: u64) -> Vec<PastTrial> {
    let endings = [PastEnding::Completed, PastEnding::Stopped, PastEnding::Failed];
    (0..count)
        .map(|at| {
            let mut rng = rng::for_trial(seed, TrialIndex(at), "past");
            let place = search::random::coordinates(&mut rng, space.dimensions().len());
            let ending = endings[(at as usize + seed as usize % 7) % 3];
            let furthest = if ending == PastEnding::Completed { 9 } else { u64::from(at) % 4 };
            let loss = |step: u64| place.iter().sum::<f64>() + 1.0 / step as f64;
            let reports = (1..=furthest).map(|step| (resource(step), vec![loss(step)])).collect();
            PastTrial { parameters: space.decode(&place), ending, reports }
        })
        .collect()
}

fn pools() -> impl Strategy<Value = Pool> {
    let chance = || prop_oneof![Just(0.0), 0.0..0.4];
    (1..8_usize, 1..12_u64, 1..3_u64, chance(), chance(), any::<u64>()).prop_map(
        |(workers, length, stride, failures, late, seed)| Pool {
            workers,
            max_trials: 20,
            length,
            stride,
            failures,
            late,
            seed,
        },
    )
}

proptest! {
    #[test]
    fn the_same_events_give_the_same_proposals_verdicts_and_promotions(
        settings in kinds(), pool in pools(), earlier in 0..12_u32
    ) {
        let past = past(&settings.space, earlier, pool.seed);
        let mut lived = Job::after(&past, settings.clone());
        let events = pool.run(&mut lived, erratic(pool.seed));
        let mut first = Job::after(&past, settings.clone());
        first.configurations.clone_from(&lived.configurations);
        let Job { advisor: mut rebuilt, .. } = Job::after(&past, settings);
        for event in events {
            let verdict = first.tell(event);
            match event {
                Event::Started(trial, goal) => {
                    prop_assert_eq!(rebuilt.goal(trial), Some(goal));
                    let proposed = rebuilt.propose(trial).expect("as before");
                    prop_assert_eq!(&proposed, &lived.configurations[trial.at()]);
                    rebuilt.started(trial, proposed, goal);
                }
                Event::Reported(trial, at, loss) => {
                    prop_assert_eq!(Some(rebuilt.reported(trial, at, vec![loss])), verdict);
                    // A retried trial repeats its steps.
                    for repeated in 1..=at.get() {
                        prop_assert_eq!(Some(rebuilt.reported(trial, resource(repeated), vec![-1.0])), verdict);
                    }
                }
                Event::Promoted(promotion) => {
                    let exhausted = || rebuilt.history().next_index().at() == lived.configurations.len();
                    // What waits for more trials is not promoted before it is known that none come.
                    prop_assert!(rebuilt.promotion() == Some(promotion) || exhausted());
                    rebuilt.promoted(promotion);
                }
                Event::Paused(trial) => rebuilt.paused(trial),
                Event::Ended(trial, ending) => rebuilt.ended(trial, ending),
            }
        }
        let next = lived.advisor.history().next_index();
        prop_assert_eq!(rebuilt.history(), lived.advisor.history());
        prop_assert_eq!(rebuilt.propose(next), lived.advisor.propose(next));
        prop_assert_eq!(rebuilt.promotion(), lived.advisor.promotion());
    }

    #[test]
    fn every_job_ends_with_nothing_left_to_do(settings in kinds(), pool in pools()) {
        let mut job = Job::new(settings);
        pool.run(&mut job, erratic(pool.seed));
        prop_assert_eq!(job.advisor.promotion(), None);
        let live = |trial: &Trial| trial.state == TrialState::Live;
        prop_assert!(!job.advisor.history().trials().iter().any(live));
        let next = job.advisor.history().next_index();
        prop_assert!(next.0 == 20 || job.advisor.propose(next).is_none(), "it stopped early only for want of space");
    }
}

#[test]
fn every_searcher_proposes_the_same_again() {
    let pool = Pool { workers: 3, max_trials: 20, length: 9, stride: 1, failures: 0.1, late: 0.0, seed: 3 };
    let names = search::SEARCHERS.iter().map(|registration| registration.name);
    for (name, earlier) in names.flat_map(|name| [(name, 0), (name, 30)]) {
        let settings = settings(name, "ASHA", json!({}));
        let past = past(&settings.space, earlier, 3);
        let mut lived = Job::after(&past, settings.clone());
        let mut rebuilt = Job::after(&past, settings);
        for event in pool.run(&mut lived, erratic(3)) {
            if let Event::Started(trial, _) = event {
                rebuilt.start(trial);
            } else {
                rebuilt.tell(event);
            }
        }
        assert_eq!(rebuilt.configurations, lived.configurations, "{name} after {earlier}");
    }
}

/// Trials all over a space of two dimensions, as they would be in an earlier job whose loss is least at (0.8, 0.2).
fn good_past(space: &Space) -> Vec<PastTrial> {
    let grid = (0..64).map(|at| [f64::from(at % 8) / 7.0, f64::from(at / 8) / 7.0]);
    grid.map(|at| PastTrial {
        parameters: space.decode(&at),
        ending: PastEnding::Completed,
        reports: vec![(resource(9), vec![(at[0] - 0.8).abs() + (at[1] - 0.2).abs()])],
    })
    .collect()
}

#[test]
fn a_search_that_learns_begins_where_an_earlier_job_was_good() {
    for name in ["TPE", "GaussianProcess", "Auto"] {
        let settings = settings(name, "None", json!({}));
        let mut job = Job::after(&good_past(&settings.space), Settings { warm_start: true, ..settings });
        assert!(job.advisor.learns(), "{name}");
        let offs: Vec<f64> = (0..6)
            .map(|trial| {
                job.start(TrialIndex(trial)).expect("it starts");
                let at: Vec<f64> = job.advisor.history().known()[64 + trial as usize]
                    .point
                    .iter()
                    .copied()
                    .flatten()
                    .collect();
                (at[0] - 0.8).abs().max((at[1] - 0.2).abs())
            })
            .collect();
        // One of six random places is as near by a chance of two in three; four of six by one in two hundred.
        let near = offs.iter().filter(|off| **off < 0.2).count();
        assert!(near >= 4, "{name}: {offs:?}");
        assert!(
            job.advisor.explain().contains("learned from 64 trials of earlier jobs"),
            "{}",
            job.advisor.explain()
        );
    }
}

#[test]
fn a_search_that_does_not_learn_goes_as_without_earlier_jobs() {
    for name in ["Random", "Sobol", "Grid"] {
        let settings = settings(name, "None", json!({}));
        let mut after = Job::after(&good_past(&settings.space), settings.clone());
        let mut plain = Job::new(settings);
        assert!(!after.advisor.learns(), "{name}");
        for trial in 0..6 {
            after.start(TrialIndex(trial));
            plain.start(TrialIndex(trial));
        }
        assert_eq!(after.configurations, plain.configurations, "{name}");
        assert!(!after.advisor.explain().contains("earlier"), "{name}");
    }
}

#[test]
fn no_scheduler_judges_by_trials_of_earlier_jobs() {
    let settings = settings("TPE", "ASHA", json!({}));
    let mut advisor = Job::after(&good_past(&settings.space), settings).advisor;
    let trial = start(&mut advisor, 0);
    // It would be the worst of sixty-five.
    assert_eq!(advisor.reported(trial, resource(1), vec![99.0]), Verdict::Continue);
    assert_eq!(advisor.history().trials().len(), 1);
    assert_eq!(advisor.history().next_index(), TrialIndex(1));
}

#[test]
fn points_to_evaluate_come_first_in_their_order() {
    let settings = settings("Random", "None", json!({}));
    let points: Vec<Configuration> = [[0.25, 0.5], [0.75, 0.5]].map(|at| settings.space.decode(&at)).into();
    let mut advisor = Advisor::new(Settings { points: points.clone(), ..settings }).expect("valid");
    for trial in 0..3 {
        start(&mut advisor, trial);
    }
    let tried: Vec<&Configuration> =
        advisor.history().trials().iter().map(|trial| &trial.configuration).collect();
    assert_eq!(tried[..2], [&points[0], &points[1]]);
    assert!(!points.contains(tried[2]));
}

#[test]
fn what_a_trial_was_told_stands() {
    let mut advisor = Advisor::new(settings("Random", "ASHA", json!({}))).expect("valid");
    let trials = [0, 1, 2].map(|trial| start(&mut advisor, trial));
    for (trial, loss) in trials.into_iter().zip([0.1, 0.2, 0.3]) {
        advisor.reported(trial, resource(1), vec![loss]);
    }
    assert_eq!(advisor.reported(trials[2], resource(2), vec![0.0]), Verdict::Stop);
    assert_eq!(advisor.reported(trials[2], resource(3), vec![0.0]), Verdict::Stop, "not judged again");
    advisor.ended(trials[2], Ending::Stopped);
    assert_eq!(advisor.reported(trials[2], resource(4), vec![0.0]), Verdict::Stop);
    assert_eq!(advisor.history().trials()[2].reports.len(), 3, "too late to count");
}

#[test]
fn a_report_that_comes_after_the_pause_changes_nothing() {
    let mut advisor = Advisor::new(settings("Random", "ASHA", json!({"mode": "promotion"}))).expect("valid");
    for trial in 0..3 {
        let trial = start(&mut advisor, trial);
        assert_eq!(advisor.reported(trial, resource(1), vec![0.5]), Verdict::Pause);
        advisor.paused(trial);
        assert_eq!(advisor.reported(trial, resource(2), vec![0.5]), Verdict::Pause);
        assert_eq!(advisor.history().trials()[trial.at()].state, TrialState::Paused);
    }
    let promotion = advisor.promotion().expect("one of three");
    advisor.promoted(promotion);
    assert_eq!(advisor.history().trials()[0].state, TrialState::Live);
    assert_eq!(advisor.reported(promotion.trial, resource(2), vec![0.4]), Verdict::Continue);
    assert_eq!(advisor.reported(promotion.trial, resource(3), vec![0.3]), Verdict::Pause);
}

#[test]
fn a_trial_that_goes_beyond_what_it_may_is_complete() {
    let mut advisor = Advisor::new(settings("Random", "None", json!({}))).expect("valid");
    let trial = start(&mut advisor, 0);
    assert_eq!(advisor.reported(trial, resource(9), vec![0.5]), Verdict::Continue, "it ends by itself");
    assert_eq!(advisor.reported(trial, resource(10), vec![0.5]), Verdict::Complete);
}

#[test]
fn max_is_taken_from_a_fixed_parameter() {
    let fixed = |name: &str, epochs| parameter(name, Domain::Fixed(ParameterValue::Int(epochs)));
    let run_to = |kind: &str, parameters| {
        let mut settings = settings("Random", kind, json!({}));
        settings.space = space(parameters);
        settings.scheduler.max = None;
        Advisor::new(settings).map(|advisor| advisor.goal(TrialIndex(0)).and_then(|goal| goal.run_to))
    };
    let both = || vec![parameter("x", float(0.0, 1.0)), fixed("max_epochs", 5), fixed("epochs", 27)];
    assert_eq!(run_to("ASHA", both()), Ok(Some(resource(27))));
    assert_eq!(run_to("MedianStopping", vec![fixed("max_t", 5)]), Ok(Some(resource(5))));
    assert_eq!(run_to("None", both()), Ok(None), "without a scheduler a trial ends by itself");
    let errors = run_to("Hyperband", vec![fixed("epochs", 0)]).expect_err("no maximum");
    assert_eq!(errors[0].field, "scheduler.max");
    assert!(errors[0].problem.contains("epochs, max_t, max_epochs"), "{}", errors[0]);
}

#[test]
fn everything_wrong_is_said_at_once() {
    let mut settings = settings("Randon", "Hyperbamd", json!({}));
    let said = |settings: &Settings| -> Vec<String> {
        let errors = Advisor::new(settings.clone()).err().unwrap_or_default();
        errors.iter().map(ToString::to_string).collect()
    };
    let wrong = said(&settings);
    assert!(wrong[0].starts_with("search.algorithm: ") && wrong[0].contains("\"Random\""), "{}", wrong[0]);
    assert!(wrong[1].starts_with("scheduler.type: ") && wrong[1].contains("\"Hyperband\""), "{}", wrong[1]);
    settings.search.algorithm = "Random".to_owned();
    settings.search.options = options(json!({"sead": 1}));
    settings.scheduler.kind = "ASHA".to_owned();
    settings.scheduler.options = options(json!({"brackets": 9}));
    let wrong = said(&settings);
    assert!(wrong[0].starts_with("search.options.sead: "), "{}", wrong[0]);
    assert!(wrong[1].starts_with("scheduler.options.brackets: "), "{}", wrong[1]);
}

#[test]
fn it_explains_what_comes_next() {
    let settings = settings("Random", "None", json!({}));
    let points = vec![settings.space.defaults()];
    let mut advisor = Advisor::new(Settings { points, ..settings }).expect("valid");
    assert!(advisor.explain().starts_with("First the point to evaluate. "), "{}", advisor.explain());
    assert!(advisor.explain().ends_with("\nEvery trial runs to 9."), "{}", advisor.explain());
    start(&mut advisor, 0);
    assert!(!advisor.explain().contains("point"), "{}", advisor.explain());
}

#[test]
fn what_auto_chose_stays_when_the_limits_change_by_which_it_chose() {
    let mut advisor = Advisor::new(settings("Auto", "None", json!({}))).expect("valid");
    let chosen = advisor.algorithm();
    assert!(chosen != "Auto" && chosen == advisor.settings().algorithm().expect("valid").name);
    advisor.set_limits(Some(4), 4);
    assert_ne!(
        advisor.settings().algorithm().expect("valid").name,
        chosen,
        "a new job would search otherwise"
    );
    assert_eq!(advisor.algorithm(), chosen);
}
