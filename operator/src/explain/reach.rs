//! How many trials a scheduler lets get how far, by simulating the job.

use std::collections::BTreeMap;

use serde::Serialize;
use temper_advisor::{
    Invalid, Resource, TrialIndex,
    advisor::{Advisor, SearchSettings},
    rng, schedule,
    space::Configuration,
};
use temper_crds::job::Job;

use super::longest;
use crate::{
    plan::{Ending, Event, JobState, Millis, Rules},
    simulate::{self, Curve, Step},
};

/// Trials that are simulated at most: shares do not change beyond.
const MOST: u32 = 1_000;
/// Trials that are simulated when the job has no limit.
const UNLIMITED: u32 = 100;
/// Reports of a trial where the scheduler judges at every one.
const REPORTS: u64 = 30;

/// How many trials get how far.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reach {
    /// Trials that were simulated.
    pub trials: u32,
    /// Every rung of every bracket.
    pub rungs: Vec<Rung>,
    /// Resource that all trials used together.
    pub spent: u64,
    /// What they would use without a scheduler.
    pub without_scheduler: u64,
}

/// A place where trials are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rung {
    /// Bracket, from 0.
    pub bracket: u32,
    /// How far a trial is there.
    pub resource: u64,
    /// Trials that got there.
    pub trials: u32,
}

/// Simulates the job with learning curves that do not cross, and trials that are drawn at random. `None` when nothing
/// is judged, or how far trials go is not known.
pub(super) fn reach(job: &Job, rungs: &[Resource]) -> Result<Option<Reach>, Vec<Invalid>> {
    let Some(max) = longest(job).filter(|_| job.settings.scheduler.kind != schedule::NONE) else {
        return Ok(None);
    };
    let trials = job.budget.max_trials.unwrap_or(UNLIMITED).min(MOST);
    let mut settings = job.settings.clone();
    settings.search = SearchSettings { algorithm: "Random".to_owned(), ..settings.search };
    settings.search.options.clear();
    settings.points.clear();
    settings.objectives = 1;
    settings.max_trials = Some(trials);
    let mut rules = Rules::from(job);
    rules.objectives.truncate(1);
    rules.objectives[0].target = None;
    rules.budget.max_trials = Some(trials);
    rules.budget.max_duration = None;
    rules.stopping.early_stopping = None;
    rules.stopping.stop_when.clear();
    rules.retention = None;

    let mut places: Vec<u64> = rungs.iter().map(|rung| rung.get()).filter(|&rung| rung < max.get()).collect();
    if places.is_empty() {
        places.extend((1..REPORTS).map(|k| (max.get() * k / REPORTS).max(1)));
        places.dedup();
    }
    if places.last() != Some(&max.get()) {
        places.push(max.get());
    }
    let metric = rules.objectives[0].metric.clone();
    let sign = rules.objectives[0].loss(1.0);
    let curves = Curves { metric, sign, seed: settings.seed, places: places.clone() };
    let mut state = JobState::new(rules, Advisor::new(settings)?);
    let simulated: Result<f64, std::convert::Infallible> =
        simulate::simulate(&mut state, &curves, Millis(0), |_: Millis, _: Event| Ok(()));
    let Ok(_) = simulated;

    let reached = |trial: &crate::plan::Trial| trial.reached.map_or(0, Resource::get);
    let brackets = state.trials().iter().map(|trial| trial.bracket).max().unwrap_or_default();
    let judged: Vec<u64> = if rungs.is_empty() { vec![max.get()] } else { places };
    let mut table = Vec::new();
    for bracket in 0..=brackets {
        let members = || state.trials().iter().filter(|trial| trial.bracket == bracket);
        let rungs = judged.iter().map(|&resource| {
            let trials = members().filter(|trial| reached(trial) >= resource).count() as u32;
            Rung { bracket, resource, trials }
        });
        let rungs: Vec<Rung> = rungs.collect();
        // Later brackets are spared the first rungs: all their trials pass them.
        let spared = rungs.windows(2).take_while(|pair| pair[0].trials == pair[1].trials).count();
        table.extend(&rungs[spared..]);
    }
    let spent = state.trials().iter().map(reached).sum();
    let created = state.counts().created;
    Ok(Some(Reach {
        trials: created,
        rungs: table,
        spent,
        without_scheduler: u64::from(created) * max.get(),
    }))
}

/// Trials of random quality that all learn in the same way.
struct Curves {
    metric: String,
    /// 1, or -1 where larger is better.
    sign: f64,
    seed: u64,
    places: Vec<u64>,
}

impl simulate::Source for Curves {
    fn curve(&self, trial: TrialIndex, _: &Configuration) -> Curve {
        use rand::RngExt as _;
        let quality: f64 = rng::for_trial(self.seed, trial, "explain").random();
        let mut before = 0;
        let steps = self
            .places
            .iter()
            .filter_map(|&place| {
                let loss = quality + 1.0 / (place as f64).sqrt();
                let seconds = (place - before) as f64;
                before = place;
                let metrics = BTreeMap::from([(self.metric.clone(), self.sign * loss)]);
                Some(Step { resource: Resource::new(place)?, seconds, metrics })
            })
            .collect();
        Curve { steps, ending: Ending::Succeeded }
    }
}
