//! The laws of the decision function, over generated jobs and generated orders of events.

mod long;
mod recall;
mod world;

use std::collections::BTreeMap;

use proptest::{
    prelude::{Just, ProptestConfig, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest},
    strategy::Strategy as Generator,
};
use temper_advisor::{
    ParamName, Resource, TrialIndex,
    advisor::{Advisor, SchedulerSettings, SearchSettings, Settings},
    past::{PastEnding, PastTrial},
    space::{Condition, Domain, FloatDomain, Parameter, Prior, Scale, Space, Value},
    stopping::{EarlyStopping, StopRules},
};

use super::*;
use world::{LONGEST, Shape, World};

fn space() -> Space {
    let name = |name: &str| ParamName::parse(name).expect("a good name");
    let rate = FloatDomain::new(1e-4, 1e-1, None, Scale::Log, Prior::Uniform).expect("a good range");
    let momentum = FloatDomain::new(0.5, 0.99, None, Scale::Linear, Prior::Uniform).expect("a good range");
    let optimizers = vec![Value::Text("sgd".into()), Value::Text("adam".into())];
    let when = vec![Condition { parent: name("optimizer"), values: vec![Value::Text("sgd".into())] }];
    Space::new(vec![
        Parameter { name: name("rate"), domain: Domain::Float(rate), when: vec![] },
        Parameter {
            name: name("optimizer"),
            domain: Domain::categorical(optimizers, false).expect("a good list"),
            when: vec![],
        },
        Parameter { name: name("momentum"), domain: Domain::Float(momentum), when },
    ])
    .expect("a good space")
}

fn job(shape: &Shape) -> JobState {
    let (scheduler, options) = match shape.scheduler {
        "ASHA promotion" => ("ASHA", serde_json::json!({"mode": "promotion"})),
        name => (name, serde_json::json!({})),
    };
    let settings = Settings {
        space: space(),
        objectives: 1 + usize::from(shape.two_objectives),
        search: SearchSettings { algorithm: shape.searcher.into(), options: serde_json::Map::new() },
        scheduler: SchedulerSettings {
            kind: scheduler.into(),
            min: Resource::ONE,
            max: Resource::new(LONGEST),
            reduction_factor: 3,
            options: options.as_object().expect("an object").clone(),
        },
        seed: shape.seed,
        max_trials: Some(shape.max_trials),
        parallelism: shape.parallelism,
        points: vec![],
        warm_start: shape.earlier > 0,
    };
    let objective = |metric: &str, target| Objective {
        metric: metric.into(),
        goal: Goal::Minimize,
        target,
        strategy: Strategy::Latest,
    };
    let mut objectives = vec![objective("loss", shape.target)];
    objectives.extend(shape.two_objectives.then(|| objective("cost", None)));
    let rules = Rules {
        objectives,
        budget: Budget {
            max_trials: Some(shape.max_trials),
            parallelism: shape.parallelism,
            max_duration: shape.max_duration.map(std::time::Duration::from_millis),
            max_failed_trials: shape.max_failed,
        },
        retries: shape.retries,
        stopping: StopRules {
            early_stopping: shape
                .early_stopping
                .then(|| EarlyStopping::new("loss", 2, 0.05).expect("good settings")),
            stop_when: vec![],
        },
        retention: shape.retention,
    };
    JobState::new(rules, Advisor::new(settings).expect("good settings"))
}

/// What the job learns from an earlier one, if it does.
fn learned(shape: &Shape) -> Option<Observation> {
    let trial = |at| {
        let mut rng = temper_advisor::rng::for_trial(shape.seed, TrialIndex(at), "earlier");
        let place = temper_advisor::search::random::coordinates(&mut rng, space().dimensions().len());
        let reached = Resource::new(1 + u64::from(at) % LONGEST).expect("from 1");
        PastTrial {
            parameters: space().decode(&place),
            ending: if reached.get() == LONGEST { PastEnding::Completed } else { PastEnding::Stopped },
            reports: vec![(reached, vec![place[0]])],
        }
    };
    let trials: Vec<PastTrial> = (0..shape.earlier).map(trial).collect();
    (!trials.is_empty()).then(|| Observation::Learned { message: "learned from last-week".into(), trials })
}

fn shapes() -> impl Generator<Value = Shape> {
    (
        prop::sample::select(vec!["None", "ASHA", "ASHA promotion", "Hyperband", "MedianStopping"]),
        prop::sample::select(
            temper_advisor::search::SEARCHERS
                .iter()
                .map(|s| s.name)
                .filter(|name| ["Random", "Sobol", "TPE"].contains(name))
                .collect::<Vec<_>>(),
        ),
        1..40_u32,
        1..9_u32,
        0..3_u32,
        prop::option::weighted(0.5, 0..6_u32),
        prop::option::weighted(0.3, 1..8_u32),
        (
            prop::option::weighted(0.2, 1_000..200_000_u64),
            prop::option::weighted(0.2, 0.2..0.8),
            any::<bool>(),
            any::<bool>(),
            prop_oneof![Just(0_u32), 1..20_u32],
        ),
        any::<u64>(),
    )
        .prop_map(
            |(scheduler, searcher, max_trials, parallelism, retries, max_failed, retention, rest, seed)| {
                Shape {
                    scheduler,
                    searcher,
                    max_trials,
                    parallelism,
                    retries,
                    max_failed,
                    retention,
                    max_duration: rest.0,
                    target: rest.1,
                    early_stopping: rest.2,
                    two_objectives: rest.3,
                    earlier: rest.4,
                    seed,
                }
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// `World` checks at every step: never more than `parallelism` with a worker, each index once, attempts never
    /// reused, a plan leaves nothing to decide, the incremental index equals a full count.
    #[test]
    fn every_job_ends_whatever_happens_to_its_workers(shape in shapes()) {
        let mut world = World::new(shape.clone());
        world.run_to_the_end();
        let outcome = world.state.outcome().expect("it ended").clone();
        let counts = world.state.counts();
        prop_assert_eq!(counts.live() + counts.paused, 0, "nothing waits in a finished job");
        match outcome.reason {
            FinishReason::MaxTrialsReached => prop_assert_eq!(counts.created, shape.max_trials),
            FinishReason::TooManyFailedTrials => {
                prop_assert!(counts.failed > shape.max_failed.unwrap_or(FAILURES_BEFORE_GIVING_UP - 1));
            }
            FinishReason::TargetReached => {
                let target = shape.target.expect("there is one");
                let reached = world.journal.iter().any(|(_, event)| matches!(event,
                    Event::Observed(Observation::Reported { metrics, .. }) if metrics["loss"] <= target));
                prop_assert!(reached);
            }
            FinishReason::MaxDurationReached => prop_assert!(shape.max_duration.is_some()),
            // A report may still have come after it was decided.
            FinishReason::NoTrialSucceeded => prop_assert!(!outcome.succeeded),
            FinishReason::SearchSpaceExhausted => prop_assert!(false, "a continuous space has no end"),
        }
        for trial in world.state.trials() {
            prop_assert!(trial.failures <= shape.retries + 1);
            prop_assert!(trial.outcome().is_some());
        }
    }

    /// Kill the executor at any moment: the state rebuilt from the journal decides as the one that lived through it.
    #[test]
    fn a_rebuilt_job_decides_as_the_one_that_lived(shape in shapes(), steps in 1..150_usize) {
        let mut world = World::new(shape);
        for _ in 0..steps {
            world.happen();
        }
        let mut rebuilt = world.rebuilt();
        prop_assert_eq!(plan(&mut rebuilt, world.now), vec![], "what was decided is not decided again");
        let recorded = world.journal.len();
        for _ in 0..50 {
            world.happen();
        }
        let mut decided = vec![];
        let mut expected = vec![];
        for (at, event) in &world.journal[recorded..] {
            match event {
                Event::Observed(_) => {
                    rebuilt.apply(*at, event);
                    decided.extend(plan(&mut rebuilt, *at));
                }
                Event::Decided(action) => {
                    // Some decisions follow from the time alone.
                    decided.extend(plan(&mut rebuilt, *at));
                    expected.push(action.clone());
                }
            }
        }
        prop_assert_eq!(decided, expected);
    }

    /// The same, event by event: each observation leads to the same decisions in both.
    #[test]
    fn replaying_observations_gives_the_recorded_decisions(shape in shapes()) {
        let mut world = World::new(shape.clone());
        for _ in 0..150 {
            world.happen();
        }
        let mut again = job(&shape);
        let mut journal = world.journal.iter().peekable();
        while let Some((at, _)) = journal.peek() {
            if let Some((at, event)) = journal.next_if(|(_, event)| matches!(event, Event::Observed(_))) {
                again.apply(*at, event);
                // It is known before anything is decided.
                if matches!(event, Event::Observed(Observation::Learned { .. })) {
                    continue;
                }
            }
            let mut recorded = vec![];
            while let Some((_, event)) = journal.next_if(|(t, e)| t == at && matches!(e, Event::Decided(_))) {
                if let Event::Decided(action) = event {
                    recorded.push(action.clone());
                }
            }
            prop_assert_eq!(plan(&mut again, *at), recorded);
        }
    }

    /// No observation is lost and none is invented by any number of kills.
    #[test]
    fn kills_lose_nothing(shape in shapes(), rounds in prop::collection::vec(1..40_usize, 1..6)) {
        let mut world = World::new(shape);
        for steps in rounds {
            for _ in 0..steps {
                world.happen();
            }
            let before: Vec<_> = world.state.trials().iter().map(|trial| trial.losses.clone()).collect();
            world.kill();
            let after: Vec<_> = world.state.trials()[..before.len()].iter().map(|t| t.losses.clone()).collect();
            prop_assert_eq!(before, after);
        }
        world.run_to_the_end();
    }
}

fn quiet(max_trials: u32, parallelism: u32) -> Shape {
    Shape {
        scheduler: "None",
        searcher: "Random",
        max_trials,
        parallelism,
        retries: 1,
        max_failed: None,
        retention: None,
        max_duration: None,
        target: None,
        early_stopping: false,
        two_objectives: false,
        earlier: 0,
        seed: 7,
    }
}

fn opened(shape: &Shape) -> (JobState, Vec<Action>) {
    let mut state = job(shape);
    state.apply(Millis(0), &Event::Observed(Observation::Opened));
    let actions = plan(&mut state, Millis(0));
    (state, actions)
}

fn see(state: &mut JobState, at: u64, observation: Observation) -> Vec<Action> {
    state.apply(Millis(at), &Event::Observed(observation));
    plan(state, Millis(at))
}

fn ended(trial: u32, attempt: u32, ending: Ending) -> Observation {
    Observation::Ended { trial: TrialIndex(trial), attempt, ending }
}

fn reported(trial: u32, resource: u64, loss: f64) -> Observation {
    Observation::Reported {
        trial: TrialIndex(trial),
        attempt: 1,
        resource: Resource::new(resource).expect("positive"),
        metrics: BTreeMap::from([("loss".to_owned(), loss), ("cost".to_owned(), -loss)]),
    }
}

fn broken() -> Ending {
    Ending::Failed { reason: "ExitCode".into(), message: "exit code 3".into(), retryable: true }
}

#[test]
fn a_failed_trial_is_tried_again_as_often_as_the_job_says_then_counted() {
    let (mut state, _) = opened(&quiet(1, 1));
    let again = see(&mut state, 1, ended(0, 1, broken()));
    assert_eq!(again, [Action::Start { trial: TrialIndex(0), attempt: 2 }]);
    let over = see(&mut state, 2, ended(0, 2, broken()));
    assert!(
        matches!(&over[..], [Action::Finish(JobOutcome { succeeded: false, reason: FinishReason::NoTrialSucceeded, message })]
        if message.contains("exit code 3"))
    );
    assert_eq!(state.counts().failed, 1);
}

#[test]
fn a_failure_that_would_come_again_is_not_retried() {
    let (mut state, _) = opened(&quiet(2, 1));
    let ending = Ending::Failed { reason: "NoMetric".into(), message: "no loss".into(), retryable: false };
    let next = see(&mut state, 1, ended(0, 1, ending));
    assert!(matches!(next[..], [Action::Create { trial: TrialIndex(1), .. }, Action::Start { .. }]));
}

#[test]
fn a_disruption_does_not_count_and_backs_off_when_it_repeats() {
    let (mut state, _) = opened(&quiet(1, 1));
    let disrupted = || Ending::Disrupted { message: "node lost".into() };
    assert_eq!(see(&mut state, 1, ended(0, 1, disrupted())).len(), 1, "at once the first time");
    assert_eq!(see(&mut state, 2, ended(0, 2, disrupted())), [], "later the second time");
    assert_eq!(state.wake_at(Millis(2)), Some(Millis(1_002)));
    assert_eq!(plan(&mut state, Millis(1_002)), [Action::Start { trial: TrialIndex(0), attempt: 3 }]);
    assert_eq!(state.trials()[0].failures, 0);
}

#[test]
fn a_target_ends_the_job_and_stops_what_runs() {
    let (mut state, _) = opened(&Shape { target: Some(0.1), ..quiet(10, 2) });
    let actions = see(&mut state, 5, reported(1, 1, 0.05));
    assert!(
        matches!(
            &actions[..],
            [
                Action::Finish(JobOutcome { succeeded: true, reason: FinishReason::TargetReached, .. }),
                Action::Stop { trial: TrialIndex(0), reason: StopReason::JobFinished },
                Action::Stop { trial: TrialIndex(1), reason: StopReason::JobFinished },
            ]
        ),
        "{actions:?}"
    );
    assert_eq!(state.best(), Some(TrialIndex(1)));
}

#[test]
fn a_suspended_job_pauses_its_workers_and_goes_on_where_it_was() {
    let (mut state, _) = opened(&quiet(3, 1));
    let trial = TrialIndex(0);
    assert_eq!(see(&mut state, 1, Observation::Suspended { suspended: true }), [Action::Pause { trial }]);
    assert_eq!(see(&mut state, 2, ended(0, 1, Ending::Paused)), []);
    let on = see(&mut state, 1_000_000, Observation::Suspended { suspended: false });
    assert_eq!(on, [Action::Start { trial, attempt: 2 }]);
    assert_eq!(state.active_millis(Millis(1_000_000)), 1, "suspended time is not used time");
}

#[test]
fn time_without_an_executor_is_not_used_time() {
    let shape = Shape { max_duration: Some(1_000), ..quiet(3, 1) };
    let (mut state, _) = opened(&shape);
    see(&mut state, 400, reported(0, 1, 0.5));
    assert_eq!(see(&mut state, 90_000, Observation::Opened), []);
    assert_eq!(state.wake_at(Millis(90_000)), Some(Millis(90_600)));
    let over = plan(&mut state, Millis(90_600));
    assert!(matches!(
        &over[0],
        Action::Finish(JobOutcome { succeeded: true, reason: FinishReason::MaxDurationReached, .. })
    ));
}

#[test]
fn five_failures_and_nothing_else_end_a_job_that_sets_no_limit() {
    let mut state = opened(&Shape { retries: 0, ..quiet(100, 1) }).0;
    let mut last = vec![];
    for trial in 0..FAILURES_BEFORE_GIVING_UP {
        last = see(&mut state, 1, ended(trial, 1, broken()));
    }
    assert!(matches!(
        &last[..],
        [Action::Finish(JobOutcome { succeeded: false, reason: FinishReason::TooManyFailedTrials, .. })]
    ));
}

#[test]
fn fewer_places_start_nothing_new_and_end_nothing() {
    let (mut state, _) = opened(&quiet(10, 4));
    state.set_budget(Budget { parallelism: 2, ..state.rules().budget.clone() });
    assert_eq!(plan(&mut state, Millis(1)), []);
    see(&mut state, 2, reported(0, 1, 0.5));
    assert_eq!(see(&mut state, 3, ended(0, 1, Ending::Succeeded)), []);
    assert_eq!(see(&mut state, 4, ended(1, 1, Ending::Succeeded)), []);
    assert_eq!(
        see(&mut state, 5, ended(2, 1, Ending::Succeeded)).len(),
        2,
        "one of two places is free again"
    );
}

#[test]
fn late_and_repeated_reports_change_nothing() {
    let (mut state, _) = opened(&quiet(1, 1));
    see(&mut state, 1, reported(0, 3, 0.5));
    see(&mut state, 2, reported(0, 2, 0.1));
    assert_eq!(state.trials()[0].losses, Some(vec![0.5]));
    see(&mut state, 3, ended(0, 1, Ending::Succeeded));
    see(&mut state, 4, reported(0, 4, 0.0));
    assert_eq!(state.trials()[0].losses, Some(vec![0.5]));
}
