//! The whole advisor of one job: its history, its searcher and its scheduler behind one door.
//!
//! An advisor is a fold over a job's events: [`Advisor::learn`], [`Advisor::started`], [`Advisor::reported`], [`Advisor::paused`],
//! [`Advisor::promoted`], [`Advisor::ended`]. It is never stored: the same events in a new advisor give the same
//! answers. When a worker is free: first [`Advisor::promotion`], else [`Advisor::goal`] and [`Advisor::propose`];
//! where that proposes nothing more, [`Advisor::promotion`] once again.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{
    Invalid, Resource, TrialIndex,
    history::{History, Report, Trial, TrialState},
    past::PastTrial,
    registry::Registration,
    schedule::{self, Ending, Goal, Promotion, Scheduler, Verdict},
    search::{self, BuildSearcher, Searcher},
    space::{Configuration, Space},
};

/// All that an advisor is told of its job.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What to search.
    pub space: Space,
    /// How many objectives there are, at least 1.
    pub objectives: usize,
    /// What proposes configurations.
    pub search: SearchSettings,
    /// What decides how far trials go.
    pub scheduler: SchedulerSettings,
    /// Seed of every random draw.
    pub seed: u64,
    /// How many trials the job may create.
    pub max_trials: Option<u32>,
    /// How many run at once.
    pub parallelism: u32,
    /// Tried first, in this order: trial `i` tries point `i`.
    pub points: Vec<Configuration>,
    /// Whether it is told what earlier jobs have found ([`Advisor::learn`]) before its first trial.
    pub warm_start: bool,
}

impl Settings {
    /// Most that a trial can get, where that is bounded.
    pub fn max_resource(&self) -> Option<Resource> {
        let implied =
            || if self.scheduler.kind == schedule::NONE { None } else { schedule::max_of(&self.space) };
        self.scheduler.max.or_else(implied)
    }

    /// The algorithm that proposes: where Auto is asked for, what it chooses.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn algorithm(&self) -> Result<&'static Registration<BuildSearcher>, Invalid> {
        let asked = search::searcher(&self.search.algorithm)?;
        let is_auto = asked.name == search::auto::REGISTRATION.name;
        Ok(if is_auto { search::auto::choose(&search_context(self)).0 } else { asked })
    }
}

/// What proposes configurations.
#[derive(Clone, Debug)]
pub struct SearchSettings {
    /// Its name in [`search::SEARCHERS`].
    pub algorithm: String,
    /// Its own options.
    pub options: Map<String, Value>,
}

/// What decides how far trials go.
#[derive(Clone, Debug)]
pub struct SchedulerSettings {
    /// Its name in [`schedule::SCHEDULERS`].
    pub kind: String,
    /// Least resource a trial gets before it is judged.
    pub min: Resource,
    /// Most a trial can get; where absent and there is a scheduler, taken from a fixed parameter
    /// ([`schedule::MAX_PARAMETERS`]).
    pub max: Option<Resource>,
    /// One trial in so many goes on from a rung.
    pub reduction_factor: u32,
    /// Its own options.
    pub options: Map<String, Value>,
}

impl Default for SchedulerSettings {
    /// No scheduler; and where one is named, from 1 by 3.
    fn default() -> Self {
        Self {
            kind: schedule::NONE.to_owned(),
            min: Resource::ONE,
            max: None,
            reduction_factor: 3,
            options: Map::new(),
        }
    }
}

/// A trial that runs or is paused.
#[derive(Clone, Copy, Debug)]
struct Run {
    to: Option<Resource>,
    /// The last word on it.
    verdict: Verdict,
}

/// Advises one job: what to try, how far each trial goes.
pub struct Advisor {
    settings: Settings,
    /// The name of what proposes. The job's limits may change, by which Auto chose; the choice stays.
    algorithm: &'static str,
    history: History,
    searcher: Box<dyn Searcher>,
    scheduler: Box<dyn Scheduler>,
    runs: BTreeMap<TrialIndex, Run>,
    /// Whether trials are being read back: see [`Advisor::set_recalling`].
    recalling: bool,
}

impl Advisor {
    /// # Errors
    /// Everything that is wrong with the choice of searcher and scheduler and with their options; paths begin with
    /// `search` or `scheduler`.
    pub fn new(settings: Settings) -> Result<Self, Vec<Invalid>> {
        let searcher = build_searcher(&settings);
        let scheduler = build_scheduler(&settings);
        match (searcher, scheduler) {
            (Ok(searcher), Ok(scheduler)) => Ok(Self {
                algorithm: settings.algorithm().map_err(|error| vec![error.within("search")])?.name,
                settings,
                history: History::default(),
                searcher,
                scheduler,
                runs: BTreeMap::new(),
                recalling: false,
            }),
            (searcher, scheduler) => {
                Err(searcher.err().into_iter().chain(scheduler.err()).flatten().collect())
            }
        }
    }

    /// While trials are read back one after the other, each with its whole story, a scheduler's word to stop one is
    /// not given: whom a trial was compared with then is not known any more, and whoever recorded its story recorded
    /// whether it was stopped.
    pub fn set_recalling(&mut self, recalling: bool) {
        self.recalling = recalling;
    }

    /// Trials of earlier jobs, for a search that learns. They are none of this job's: no scheduler judges by them. Told
    /// before the first trial, and the same ones whenever the advisor is built anew.
    pub fn learn(&mut self, past: &[PastTrial]) {
        let space = &self.settings.space;
        self.history.learn(past.iter().map(|trial| trial.as_trial(space)).collect());
    }

    /// Whether what it proposes depends on what came of trials.
    pub fn learns(&self) -> bool {
        self.searcher.learns()
    }

    /// What has been tried, and what came of it.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// What it was told of its job.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The name of the algorithm that proposes: where Auto was asked for, what it chose.
    pub fn algorithm(&self) -> &'static str {
        self.algorithm
    }

    /// The job's limits changed while it runs.
    pub fn set_limits(&mut self, max_trials: Option<u32>, parallelism: u32) {
        self.settings.max_trials = max_trials;
        self.settings.parallelism = parallelism;
        self.scheduler.set_max_trials(max_trials);
    }

    /// Resources at which trials are judged; empty: at every report.
    pub fn rungs(&self) -> Vec<Resource> {
        self.scheduler.rungs()
    }

    /// How far the next new trial goes; `None` when no new trial may start before something else happens.
    pub fn goal(&self, index: TrialIndex) -> Option<Goal> {
        self.scheduler.goal(index)
    }

    /// The configuration to try as trial `index`, the next one: a point to evaluate first, then what the searcher
    /// proposes. `None`: the space is exhausted, and no trial will start any more.
    pub fn propose(&mut self, index: TrialIndex) -> Option<Configuration> {
        if let Some(point) = self.settings.points.get(index.at()) {
            return Some(point.clone());
        }
        let context = search_context(&self.settings);
        let proposed = self.searcher.propose(&context, &self.history, index);
        if proposed.is_none() {
            self.scheduler.no_more_trials();
        }
        proposed
    }

    /// Trial `index`, the next one, was created.
    pub fn started(&mut self, index: TrialIndex, configuration: Configuration, goal: Goal) {
        let point = self.settings.space.encode(&configuration);
        self.history.push(Trial { configuration, point, state: TrialState::Live, reports: Vec::new() });
        self.scheduler.started(index, goal);
        self.runs.insert(index, Run { to: goal.run_to, verdict: Verdict::Continue });
    }

    /// A trial reported `losses`, one for each objective, finite.
    ///
    /// A report at or below a resource the trial has reported already changes nothing: a trial that is retried
    /// repeats its steps. Nor does one of a trial that is paused or has ended: it came too late. What a trial was
    /// told stands until it is promoted.
    pub fn reported(&mut self, index: TrialIndex, resource: Resource, losses: Vec<f64>) -> Verdict {
        let Some(run) = self.runs.get_mut(&index) else { return Verdict::Stop };
        let Some(trial) = self.history.get(index) else { return Verdict::Stop };
        let Some(&loss) = losses.first() else { return run.verdict };
        if trial.state != TrialState::Live || trial.last().is_some_and(|last| resource <= last.resource) {
            return run.verdict;
        }
        self.history.report(index, Report { resource, losses });
        run.verdict = match run.verdict {
            Verdict::Continue => match self.scheduler.reported(index, resource, loss) {
                Verdict::Continue if run.to.is_some_and(|to| resource > to) => Verdict::Complete,
                Verdict::Stop if self.recalling => Verdict::Continue,
                verdict => verdict,
            },
            // What it measures until it has ended counts for others.
            told => {
                self.scheduler.reported(index, resource, loss);
                told
            }
        };
        run.verdict
    }

    /// A trial that was told to pause has given its worker back.
    pub fn paused(&mut self, index: TrialIndex) {
        self.history.set_state(index, TrialState::Paused);
        self.scheduler.paused(index);
    }

    /// The paused trial that should go on now that a worker is free.
    pub fn promotion(&self) -> Option<Promotion> {
        self.scheduler.promotion()
    }

    /// A paused trial went on.
    pub fn promoted(&mut self, promotion: Promotion) {
        self.history.set_state(promotion.trial, TrialState::Live);
        self.runs.insert(promotion.trial, Run { to: Some(promotion.run_to), verdict: Verdict::Continue });
        self.scheduler.promoted(promotion);
    }

    /// A trial ended: it will neither report nor be promoted again.
    pub fn ended(&mut self, index: TrialIndex, ending: Ending) {
        self.history.set_state(
            index,
            match ending {
                Ending::Completed => TrialState::Completed,
                Ending::Stopped => TrialState::Stopped,
                Ending::Failed => TrialState::Failed,
            },
        );
        self.runs.remove(&index);
        self.scheduler.ended(index, ending);
    }

    /// What it would do next and why, for `temper explain`.
    pub fn explain(&self) -> String {
        let points = match self.settings.points.len().saturating_sub(self.history.trials().len()) {
            0 => String::new(),
            1 => "First the point to evaluate. ".to_owned(),
            left => format!("First the {left} points to evaluate. "),
        };
        let learned = match self.history.learned() {
            learned if learned == 0 || !self.learns() => String::new(),
            1 => "It has learned from a trial of an earlier job. ".to_owned(),
            learned => format!("It has learned from {learned} trials of earlier jobs. "),
        };
        let search = self.searcher.explain(&search_context(&self.settings), &self.history);
        format!("{points}{learned}{search}\n{}", self.scheduler.explain())
    }
}

fn search_context(settings: &Settings) -> search::Context<'_> {
    search::Context {
        space: &settings.space,
        objectives: settings.objectives,
        seed: settings.seed,
        max_trials: settings.max_trials,
        parallelism: settings.parallelism,
        warm_start: settings.warm_start,
    }
}

fn build_searcher(settings: &Settings) -> Result<Box<dyn Searcher>, Vec<Invalid>> {
    let registration =
        search::searcher(&settings.search.algorithm).map_err(|error| vec![error.within("search")])?;
    (registration.build)(&search_context(settings), &settings.search.options)
        .map_err(|errors| errors.into_iter().map(|error| error.within("search.options")).collect())
}

fn build_scheduler(settings: &Settings) -> Result<Box<dyn Scheduler>, Vec<Invalid>> {
    let chosen = &settings.scheduler;
    let within = |errors: Vec<Invalid>| errors.into_iter().map(|error| error.within("scheduler")).collect();
    let registration = schedule::scheduler(&chosen.kind).map_err(|error| within(vec![error]))?;
    let context = schedule::Context {
        min: chosen.min,
        max: settings.max_resource(),
        reduction_factor: chosen.reduction_factor,
        seed: settings.seed,
        max_trials: settings.max_trials,
        parallelism: settings.parallelism,
    };
    (registration.build)(&context, &chosen.options).map_err(within)
}
