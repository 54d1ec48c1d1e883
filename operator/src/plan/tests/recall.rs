//! A state read back from its trials decides as the one that lived through their events.

use std::collections::BTreeMap;

use proptest::prelude::{any, prop_assert_eq, proptest};

use super::{shapes, world::World, *};

/// What objects would hold of each trial.
fn recorded(world: &World) -> Vec<Recorded> {
    let state = &world.state;
    let mut kept: Vec<Recorded> = (0..)
        .map(TrialIndex)
        .zip(state.trials())
        .map(|(index, trial)| Recorded {
            parameters: state.advisor().history().get(index).expect("it was created").configuration.clone(),
            bracket: trial.bracket,
            rungs: vec![],
            run_to: trial.run_to,
            attempt: (trial.attempts > 0).then_some(trial.attempts),
            failures: 0,
            reports: vec![],
            checkpoint: trial.checkpoint.clone(),
            asked: None,
            ending: None,
            outcome: trial.outcome().cloned(),
            is_compacted: false,
            created: trial.created,
            started: trial.started,
            ended: trial.ended,
        })
        .collect();
    let mut sent = BTreeMap::new();
    let mut lived = super::job(&world.shape);
    for (at, event) in &world.journal {
        lived.apply(*at, event);
        match event {
            Event::Decided(Action::Create { trial, run_to, .. }) => drop(sent.insert(*trial, *run_to)),
            Event::Decided(Action::Promote { trial, run_to }) => {
                kept[trial.at()].rungs.extend(sent.insert(*trial, Some(*run_to)).flatten());
            }
            Event::Decided(Action::Start { trial: at_start, .. }) => {
                let trial = &mut kept[at_start.at()];
                (trial.ending, trial.asked) = (None, None);
                trial.failures = lived.trials()[at_start.at()].failures;
            }
            Event::Decided(Action::Stop { trial, reason }) => {
                kept[trial.at()].asked = Some(Asked::Stop(*reason));
            }
            Event::Decided(Action::Pause { trial }) => kept[trial.at()].asked = Some(Asked::Pause),
            Event::Decided(Action::Compact { trials }) => {
                for trial in trials {
                    kept[trial.at()].is_compacted = true;
                }
            }
            Event::Observed(Observation::Reported { trial, resource, metrics, .. }) => {
                let reports = &mut kept[trial.at()].reports;
                if reports.last().is_none_or(|(last, _)| last < resource) {
                    reports.push((*resource, metrics.clone()));
                }
            }
            Event::Observed(Observation::Ended { trial, attempt, ending })
                if *attempt <= state.trials()[trial.at()].attempts =>
            {
                kept[trial.at()].ending = Some(ending.clone());
            }
            _ => {}
        }
    }
    kept
}

/// What an attempt said that failed and was followed by another is not kept.
fn without_words(mut actions: Vec<Action>) -> Vec<Action> {
    for action in &mut actions {
        if let Action::Finish(outcome) = action {
            outcome.message.clear();
        }
    }
    actions
}

fn phases(state: &JobState) -> Vec<String> {
    let name = |trial: &Trial| match &trial.phase {
        // When a disrupted trial may be tried again is not kept.
        Phase::Pending { .. } => "Pending".to_owned(),
        phase => format!("{phase:?}"),
    };
    state.trials().iter().map(name).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_state_read_back_from_its_trials_decides_as_the_one_that_lived(
        shape in shapes(), events in 0..300_usize, later in any::<u64>()
    ) {
        let mut world = World::new(shape);
        for _ in 0..events {
            if world.state.outcome().is_some() {
                break;
            }
            world.happen();
        }
        let mut read = super::job(&world.shape);
        let job = Resumed {
            started: world.state.started(),
            active_before: world.state.active_millis(world.now),
            active_since: (!world.state.is_suspended() && world.state.outcome().is_none()).then_some(world.now),
            suspended: world.state.is_suspended(),
            outcome: world.state.outcome().cloned(),
        };
        if let Some(learned) = learned(&world.shape) {
            read.apply(world.now, &Event::Observed(learned));
        }
        read.recall(recorded(&world).into_iter().map(Some).collect(), job, world.now);
        prop_assert_eq!(phases(&read), phases(&world.state));
        prop_assert_eq!(read.counts(), world.state.counts());
        prop_assert_eq!(read.best(), world.state.best());
        let kept = |state: &JobState| state.kept.iter().copied().collect::<std::collections::BTreeSet<_>>();
        prop_assert_eq!(kept(&read), kept(&world.state));

        // From here on both see the same.
        let mut now = Millis(world.now.0 + 400_000);
        for step in 0..40_u64 {
            let (lived, recalled) = (plan(&mut world.state, now), plan(&mut read, now));
            prop_assert_eq!(without_words(lived), without_words(recalled));
            let running: Vec<_> = world.state.running().collect();
            // A job that is over only waits for its workers to end.
            if running.is_empty() || world.state.outcome().is_some() {
                break;
            }
            let trial = running[((later >> (step % 60)) as usize) % running.len()];
            let known = world.state.trial(trial).expect("it runs");
            let (attempt, reached) = (known.attempts, known.reached.map_or(0, Resource::get));
            let next = Resource::new(reached + 1).expect("from 1");
            let goes_on = known.run_to.map_or(reached < LONGEST, |to| next <= to);
            let seen = if goes_on && known.phase == (Phase::Running { asked: None }) {
                let loss = f64::from((trial.0 * 37) % 101) / 101.0 + 1.0 / next.get() as f64;
                let metrics = BTreeMap::from([("loss".to_owned(), loss), ("cost".to_owned(), -loss)]);
                Observation::Reported { trial, attempt, resource: next, metrics }
            } else {
                Observation::Ended { trial, attempt, ending: Ending::Succeeded }
            };
            now.0 += 1;
            world.state.apply(now, &Event::Observed(seen.clone()));
            read.apply(now, &Event::Observed(seen));
        }
    }
    #[test]
    fn a_trial_of_which_nothing_was_kept_is_tried_again(shape in shapes(), events in 1..100_usize, which in any::<usize>()) {
        let mut world = World::new(shape);
        for _ in 0..events {
            world.happen();
        }
        let mut kept: Vec<Option<Recorded>> = recorded(&world).into_iter().map(Some).collect();
        if kept.is_empty() {
            return Ok(());
        }
        let gap = which % kept.len();
        kept[gap] = None;
        let mut read = super::job(&world.shape);
        read.recall(kept, Resumed::default(), world.now);
        prop_assert_eq!(read.trials().len(), world.state.trials().len(), "no index is given twice");
        let again = &read.trials()[gap];
        let waits = matches!(again.phase, Phase::Pending { .. });
        prop_assert!(waits && again.attempts == 0);
    }
}
