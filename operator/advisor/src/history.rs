//! What has been tried, and what came of it.

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

/// All trials of a job, by index: trial `i` is at position `i`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    pub(crate) trials: Vec<Trial>,
}

impl History {
    /// All trials, in order of their index.
    pub fn trials(&self) -> &[Trial] {
        &self.trials
    }

    /// One trial.
    pub fn get(&self, index: TrialIndex) -> Option<&Trial> {
        self.trials.get(index.at())
    }

    /// Index of the next trial.
    pub fn next_index(&self) -> TrialIndex {
        TrialIndex(self.trials.len() as u32)
    }
}
