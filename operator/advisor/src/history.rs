//! What has been tried, and what came of it.

use std::collections::HashMap;

use crate::{
    Resource, TrialIndex,
    space::{Configuration, Point},
};

/// One report of a trial: how far it was, and how good.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// How far the trial was.
    pub resource: Resource,
    /// One loss for each objective, in the job's order; finite.
    pub losses: Vec<f64>,
}

/// Where a trial stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrialState {
    /// Waiting for its worker, running, or about to be retried.
    Live,
    /// Waiting at a rung: it may be promoted.
    Paused,
    /// Ran to its end.
    Completed,
    /// Ended early because it was not promising. Its reports count.
    Stopped,
    /// Ended without a usable result, after its retries.
    Failed,
}

/// One trial as the search sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// What was tried.
    pub configuration: Configuration,
    /// The same in the unit cube.
    pub point: Point,
    /// Where it stands.
    pub state: TrialState,
    /// In order of resource, at most one for each.
    pub reports: Vec<Report>,
}

impl Trial {
    /// Losses of its furthest report.
    pub fn last(&self) -> Option<&Report> {
        self.reports.last()
    }

    /// First loss of its furthest report.
    pub fn loss(&self) -> Option<f64> {
        self.last()?.losses.first().copied()
    }

    /// First loss at exactly this resource.
    pub fn loss_at(&self, resource: Resource) -> Option<f64> {
        let at = self.reports.binary_search_by_key(&resource, |report| report.resource).ok()?;
        self.reports[at].losses.first().copied()
    }
}

/// What ranks a trial, close together in memory so that a hundred thousand are looked through in no time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// Where the trial stands.
    pub state: TrialState,
    /// Resource and first loss of its furthest report.
    pub furthest: Option<(Resource, f64)>,
}

impl Standing {
    fn of(trial: &Trial) -> Self {
        let furthest = trial.last().and_then(|last| Some((last.resource, *last.losses.first()?)));
        Self { state: trial.state, furthest }
    }
}

/// All trials of a job, by index, and what it learned from earlier jobs. No event costs more with more trials in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// Those of earlier jobs, and then the job's own: trial `i` is at position `learned + i`.
    known: Vec<Trial>,
    /// How many are of earlier jobs.
    learned: usize,
    /// Of each known trial.
    standings: Vec<Standing>,
    not_live: usize,
    /// By the fingerprint of their configuration, the first trial of each different one.
    tried: HashMap<u64, Vec<TrialIndex>>,
    different: usize,
}

impl History {
    /// The job's own trials, in order of their index.
    pub fn trials(&self) -> &[Trial] {
        &self.known[self.learned..]
    }

    /// One trial of the job.
    pub fn get(&self, index: TrialIndex) -> Option<&Trial> {
        self.trials().get(index.at())
    }

    /// What a model is made of: the trials of earlier jobs, and then the job's own.
    pub fn known(&self) -> &[Trial] {
        &self.known
    }

    /// How many of the known trials are of earlier jobs.
    pub fn learned(&self) -> usize {
        self.learned
    }

    /// What ranks each known trial, in the same order.
    pub fn standings(&self) -> &[Standing] {
        &self.standings
    }

    /// How many of the known trials are not live: they ended or are paused.
    pub fn not_live(&self) -> usize {
        self.not_live
    }

    /// Index of the job's next trial.
    pub fn next_index(&self) -> TrialIndex {
        TrialIndex(self.trials().len() as u32)
    }

    /// Whether the job tried this configuration, in whatever state its trial is. What an earlier job tried may be tried
    /// again: the best of it should be.
    pub fn contains(&self, configuration: &Configuration) -> bool {
        let alike = self.tried.get(&configuration.fingerprint());
        alike.is_some_and(|trials| {
            trials.iter().any(|at| self.trials()[at.at()].configuration.same(configuration))
        })
    }

    /// How many different configurations the job tried.
    pub fn different(&self) -> usize {
        self.different
    }

    /// Trials of earlier jobs are known, after those of which it learned before and ahead of the job's own. They have
    /// ended.
    pub fn learn(&mut self, trials: Vec<Trial>) {
        let at = self.learned;
        self.learned += trials.len();
        self.not_live += trials.iter().filter(|trial| trial.state != TrialState::Live).count();
        self.standings.splice(at..at, trials.iter().map(Standing::of));
        self.known.splice(at..at, trials);
    }

    /// Trial [`History::next_index`] was created.
    pub fn push(&mut self, trial: Trial) {
        if !self.contains(&trial.configuration) {
            let index = self.next_index();
            self.tried.entry(trial.configuration.fingerprint()).or_default().push(index);
            self.different += 1;
        }
        self.not_live += usize::from(trial.state != TrialState::Live);
        self.standings.push(Standing::of(&trial));
        self.known.push(trial);
    }

    /// A trial reported. Nothing changes when there is no such trial or it has reported at this resource before.
    pub fn report(&mut self, index: TrialIndex, report: Report) {
        let at = self.learned + index.at();
        let Some(trial) = self.known.get_mut(at) else { return };
        if let Err(place) = trial.reports.binary_search_by_key(&report.resource, |known| known.resource) {
            trial.reports.insert(place, report);
            self.standings[at] = Standing::of(trial);
        }
    }

    /// A trial stands elsewhere now. Nothing changes when there is no such trial.
    pub fn set_state(&mut self, index: TrialIndex, state: TrialState) {
        let at = self.learned + index.at();
        let Some(trial) = self.known.get_mut(at) else { return };
        self.not_live -= usize::from(trial.state != TrialState::Live);
        self.not_live += usize::from(state != TrialState::Live);
        trial.state = state;
        self.standings[at] = Standing::of(trial);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ParamName, space::Value};

    fn trial(x: Value) -> Trial {
        let configuration = Configuration([(ParamName::parse("x").unwrap(), x)].into());
        Trial { configuration, point: vec![None], state: TrialState::Live, reports: vec![] }
    }

    fn at(resource: u64, loss: f64) -> Report {
        Report { resource: Resource::new(resource).unwrap(), losses: vec![loss] }
    }

    #[test]
    fn it_knows_what_was_tried_however_it_was_written() {
        let mut history = History::default();
        for x in [Value::Int(1), Value::Float(0.5), Value::Float(1.0), Value::Float(-0.0)] {
            history.push(trial(x));
        }
        assert!(history.contains(&trial(Value::Float(1.0)).configuration));
        assert!(history.contains(&trial(Value::Int(0)).configuration));
        assert!(!history.contains(&trial(Value::Int(2)).configuration));
        assert!(!history.contains(&trial(Value::Text("1".to_owned())).configuration));
        assert!(!history.contains(&Configuration::default()));
        assert_eq!((history.different(), history.next_index()), (3, TrialIndex(4)));
    }

    #[test]
    fn reports_are_kept_in_order_and_the_first_of_each_resource() {
        let mut history = History::default();
        history.push(trial(Value::Int(1)));
        for report in [at(3, 0.3), at(1, 0.1), at(3, 0.9), at(2, 0.2)] {
            history.report(TrialIndex(0), report);
        }
        assert_eq!(history.trials()[0].reports, [at(1, 0.1), at(2, 0.2), at(3, 0.3)]);
        assert_eq!(history.trials()[0].loss(), Some(0.3));
        assert_eq!(history.trials()[0].loss_at(Resource::new(2).unwrap()), Some(0.2));
        history.report(TrialIndex(1), at(1, 0.0));
        assert_eq!(history.not_live(), 0);
        history.set_state(TrialIndex(0), TrialState::Paused);
        let furthest = Some((Resource::new(3).unwrap(), 0.3));
        assert_eq!(history.standings(), [Standing { state: TrialState::Paused, furthest }]);
        assert_eq!(history.not_live(), 1);
        history.set_state(TrialIndex(0), TrialState::Live);
        assert_eq!(history.not_live(), 0);
    }

    #[test]
    fn what_an_earlier_job_tried_is_known_and_not_the_jobs_own() {
        let mut history = History::default();
        history.push(trial(Value::Int(1)));
        let earlier = |x, loss| Trial {
            state: TrialState::Completed,
            reports: vec![at(1, loss)],
            ..trial(Value::Int(x))
        };
        history.learn(vec![earlier(7, 0.7), earlier(8, 0.8)]);
        history.learn(vec![earlier(9, 0.9)]);
        history.push(trial(Value::Int(2)));
        history.report(TrialIndex(1), at(1, 0.2));
        history.set_state(TrialIndex(1), TrialState::Stopped);
        let losses = |trials: &[Trial]| trials.iter().map(Trial::loss).collect::<Vec<_>>();
        assert_eq!(losses(history.known()), [Some(0.7), Some(0.8), Some(0.9), None, Some(0.2)]);
        assert_eq!(losses(history.trials()), [None, Some(0.2)]);
        assert_eq!(history.standings()[4], Standing::of(&history.trials()[1]));
        assert_eq!(history.get(TrialIndex(1)), history.known().last());
        assert_eq!((history.next_index(), history.not_live(), history.different()), (TrialIndex(2), 4, 2));
        assert!(history.contains(&trial(Value::Int(2)).configuration));
        assert!(!history.contains(&trial(Value::Int(7)).configuration));
    }
}
