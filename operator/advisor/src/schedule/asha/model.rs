//! ASHA as the papers write it, over the whole list of what was reported, against which the real one is held.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::json;

use crate::{
    Resource, TrialIndex,
    schedule::{
        Context, Promotion, Scheduler, Verdict,
        testing::{Event, Pool, Subject, build, context, erratic, resource},
    },
};

/// Rungs below max with all that was recorded there, in order.
struct Model {
    levels: Vec<u64>,
    max: u64,
    eta: usize,
    recorded: Vec<Vec<(f64, TrialIndex)>>,
    paused: BTreeSet<TrialIndex>,
    promoted: BTreeSet<(usize, TrialIndex)>,
}

impl Model {
    fn new(scheduler: &dyn Scheduler, eta: u32) -> Self {
        let mut levels: Vec<u64> = scheduler.rungs().into_iter().map(Resource::get).collect();
        let max = levels.pop().expect("max is a rung");
        let recorded = vec![Vec::new(); levels.len()];
        let (paused, promoted) = (BTreeSet::new(), BTreeSet::new());
        Self { levels, max, eta: eta as usize, recorded, paused, promoted }
    }

    /// The best floor(n / eta) of a rung.
    fn best(&self, rung: usize) -> Vec<TrialIndex> {
        let mut sorted = self.recorded[rung].clone();
        sorted.sort_by(|(left, l), (right, r)| left.total_cmp(right).then(l.cmp(r)));
        sorted.truncate(sorted.len() / self.eta);
        sorted.into_iter().map(|(_, trial)| trial).collect()
    }

    /// The rung that a report is at, if it is the first of the trial there.
    fn record(&mut self, trial: TrialIndex, at: Resource, loss: f64) -> Option<usize> {
        let rung = self.levels.iter().rposition(|level| *level <= at.get())?;
        if self.stands(trial) >= Some(rung) {
            return None;
        }
        self.recorded[rung].push((loss, trial));
        Some(rung)
    }

    /// The highest rung that a trial was recorded at.
    fn stands(&self, trial: TrialIndex) -> Option<usize> {
        self.recorded.iter().rposition(|recorded| recorded.iter().any(|(_, other)| *other == trial))
    }

    /// Algorithm 2 of Li et al. 2020: from the highest rung, the best of the candidates not yet promoted.
    fn promotion(&self) -> Option<Promotion> {
        (0..self.levels.len()).rev().find_map(|rung| {
            let free = |trial: &TrialIndex| {
                self.paused.contains(trial)
                    && self.stands(*trial) == Some(rung)
                    && !self.promoted.contains(&(rung, *trial))
            };
            let trial = self.best(rung).into_iter().find(free)?;
            let run_to = resource(*self.levels.get(rung + 1).unwrap_or(&self.max));
            Some(Promotion { trial, run_to })
        })
    }
}

fn jobs() -> impl Strategy<Value = (Pool, Context)> {
    let chance = || prop_oneof![Just(0.0), 0.0..0.3];
    let pool = (1..10_usize, 0..60_u32, 1..4_u64, chance(), chance(), any::<u64>());
    (pool, 2..40_u64, 2..5_u32).prop_map(|((workers, max_trials, stride, failures, late, seed), max, eta)| {
        let pool = Pool { workers, max_trials, length: max, stride, failures, late, seed };
        (pool, Context { max: Some(resource(max)), reduction_factor: eta, ..context() })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_verdict_is_by_all_that_was_reported_until_then((pool, context) in jobs()) {
        let mut lived = build("ASHA", &context, &json!({})).expect("valid");
        let events = pool.run(&mut *lived, erratic(pool.seed));
        let mut asha = build("ASHA", &context, &json!({})).expect("valid");
        let mut model = Model::new(&*asha, context.reduction_factor);
        for event in events {
            let verdict = asha.tell(event);
            if let Event::Reported(trial, at, loss) = event {
                let goes_on = model.record(trial, at, loss).is_none_or(|rung| {
                    let best = model.best(rung);
                    best.is_empty() || best.contains(&trial)
                });
                let expected = if goes_on { Verdict::Continue } else { Verdict::Stop };
                prop_assert_eq!(verdict, Some(expected));
            }
        }
    }

    #[test]
    fn every_promotion_is_the_papers((pool, context) in jobs()) {
        let options = json!({"mode": "promotion"});
        let mut lived = build("ASHA", &context, &options).expect("valid");
        let events = pool.run(&mut *lived, erratic(pool.seed));
        let mut asha = build("ASHA", &context, &options).expect("valid");
        let mut model = Model::new(&*asha, context.reduction_factor);
        for event in events {
            asha.tell(event);
            match event {
                Event::Started(..) => {}
                // What ran to the end competes no more.
                Event::Reported(_, at, _) if at.get() >= model.max => {}
                Event::Reported(trial, at, loss) => { model.record(trial, at, loss); }
                Event::Paused(trial) => { model.paused.insert(trial); }
                Event::Ended(trial, _) => { model.paused.remove(&trial); }
                Event::Promoted(Promotion { trial, .. }) => {
                    model.paused.remove(&trial);
                    let rung = model.stands(trial).expect("only a trial that was recorded is promoted");
                    prop_assert!(model.best(rung).contains(&trial), "at most the best 1 in eta go on");
                    prop_assert!(model.promoted.insert((rung, trial)), "once from each rung");
                }
            }
            prop_assert_eq!(asha.promotion(), model.promotion());
        }
    }
}
