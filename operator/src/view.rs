//! The read model: a job and its trials as people and programs look at them.
//!
//! Pure data. Whatever keeps a job (a store on this machine, a simulation, a cluster) gives a [`JobView`]; every table,
//! plot and export is made of one.

mod recall;

use std::collections::BTreeMap;

use serde::Serialize;
use temper_advisor::{
    history::History,
    space::{Configuration, Space},
};

pub use recall::{Recalled, counts_view, trial_view};
pub use temper_crds::job::Goal;

use crate::plan::dominates;

/// A job and all its trials.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JobView {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub state: JobState,
    /// Why it stands there, where there is something to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// At least one; the first decides which trial is best.
    pub objectives: Vec<ObjectiveView>,
    /// What is searched.
    #[serde(skip)]
    pub space: Space,
    /// The trials as the search sees them.
    #[serde(skip)]
    pub history: History,
    /// Name of the algorithm that proposes configurations.
    pub algorithm: String,
    /// Name of the scheduler, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduler: Option<String>,
    /// What trials are measured by: `epoch`, `step`.
    pub resource: String,
    /// Resources at which the scheduler judges; empty when there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rungs: Vec<u64>,
    /// How many trials it may create.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_trials: Option<u32>,
    /// How many run at once.
    pub parallelism: u32,
    /// How many trials stand where.
    pub counts: CountsView,
    /// Index of the trial with the best result by the first objective.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub best: Option<u32>,
    /// With several objectives: trials that no other beats in all of them, in order of their index.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub front: Vec<u32>,
    /// When it began, in milliseconds since 1970 (or since the start of a simulation).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<u64>,
    /// When it ended, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<u64>,
    /// Milliseconds it has run, without the time it was suspended or nobody ran it.
    pub active_millis: u64,
    /// Every trial, by index.
    pub trials: Vec<TrialView>,
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum JobState {
    /// Nothing of it has been started.
    Pending,
    /// It is not over.
    Running,
    /// The user halted it.
    Suspended,
    /// On a machine: the run was ended before the job was over; another goes on with it.
    Interrupted,
    /// It did what was asked.
    Complete,
    /// It could not.
    Failed,
}

/// What is optimised.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectiveView {
    /// Name of the metric.
    pub metric: String,
    /// Which way.
    pub goal: Goal,
    /// Good enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<f64>,
}

impl ObjectiveView {
    /// Whether the metric's value `left` is better than `right`.
    pub fn better(&self, left: f64, right: f64) -> bool {
        self.loss(left) < self.loss(right)
    }

    /// The value, or its negative: smaller is better.
    pub fn loss(&self, value: f64) -> f64 {
        self.goal.loss(value)
    }
}

/// How many trials stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "named as in TrialState")]
pub struct CountsView {
    /// All of them.
    pub created: u32,
    pub pending: u32,
    pub running: u32,
    pub paused: u32,
    pub completed: u32,
    pub stopped: u32,
    pub failed: u32,
}

impl CountsView {
    /// Trials that are over.
    pub fn finished(&self) -> u32 {
        self.completed + self.stopped + self.failed
    }
}

/// Where a trial stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum TrialState {
    /// Waits for a worker.
    Pending,
    /// Has a worker.
    Running,
    /// Waits at a rung: it may be promoted.
    Paused,
    /// Ran to its end.
    Completed,
    /// Ended early because it was not promising; its reports count.
    Stopped,
    /// Ended without a usable result, after its retries.
    Failed,
}

/// One trial.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TrialView {
    /// Its number within the job, from 0.
    pub index: u32,
    /// Where it stands.
    pub state: TrialState,
    /// Its configuration.
    pub parameters: Configuration,
    /// Metrics of its furthest report.
    pub metrics: BTreeMap<String, f64>,
    /// What counts: a value for each objective, in their order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Vec<f64>>,
    /// Best value of the first objective over all its reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub best: Option<f64>,
    /// How often it was started.
    pub attempts: u32,
    /// Among whom it competes; 0 where the scheduler has no brackets.
    pub bracket: u32,
    /// How far it may go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_to: Option<u64>,
    /// When it was created, in milliseconds since 1970 (or since the start of a simulation).
    pub created: u64,
    /// When it was first started, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<u64>,
    /// When it ended, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<u64>,
    /// Where its last checkpoint is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
    /// Why it stands where it stands, or why an attempt failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What it reported, in order of resource.
    pub reports: Vec<ReportView>,
}

/// One report of a trial.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReportView {
    /// How far it was.
    pub resource: u64,
    /// What it measured.
    pub metrics: BTreeMap<String, f64>,
    /// When, in milliseconds since 1970 (or since the start of a simulation).
    pub at: u64,
}

impl JobView {
    /// The objective by which one trial is best.
    ///
    /// # Panics
    /// Never: a job has an objective.
    pub fn objective(&self) -> &ObjectiveView {
        &self.objectives[0]
    }

    /// Trials with a result, with their value of the first objective.
    pub fn results(&self) -> impl Iterator<Item = (&TrialView, f64)> {
        self.trials.iter().filter_map(|trial| Some((trial, *trial.result.as_ref()?.first()?)))
    }

    /// The trial with this index.
    pub fn trial(&self, index: u32) -> Option<&TrialView> {
        self.trials.get(index as usize)
    }

    /// The trial with the best result by the first objective.
    pub fn best_trial(&self) -> Option<&TrialView> {
        self.best.and_then(|index| self.trial(index))
    }
}

/// Which of these losses no other beats: none is at most as large in every objective and smaller in one. In the
/// given order; of equal ones all.
pub fn pareto_front(losses: &[Vec<f64>]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..losses.len()).collect();
    // After sorting, only an earlier one can beat a later one.
    order.sort_by(|&a, &b| compare(&losses[a], &losses[b]));
    let mut front: Vec<usize> = Vec::new();
    for candidate in order {
        let beaten = front.iter().any(|&other| dominates(&losses[other], &losses[candidate]));
        if !beaten {
            front.push(candidate);
        }
    }
    front.sort_unstable();
    front
}

fn compare(left: &[f64], right: &[f64]) -> std::cmp::Ordering {
    left.iter()
        .zip(right)
        .map(|(l, r)| l.total_cmp(r))
        .find(|o| o.is_ne())
        .unwrap_or(std::cmp::Ordering::Equal)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_front_is_what_nothing_beats() {
        let losses = [[1.0, 5.0], [2.0, 2.0], [3.0, 3.0], [5.0, 1.0], [2.0, 2.0]].map(Vec::from);
        assert_eq!(pareto_front(&losses), [0, 1, 3, 4]);
        assert!(pareto_front(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn the_front_agrees_with_comparing_every_pair(
            losses in prop::collection::vec(prop::collection::vec((0..6i32).prop_map(f64::from), 3), 0..40)
        ) {
            let slow: Vec<usize> = (0..losses.len())
                .filter(|&i| !losses.iter().any(|other| dominates(other, &losses[i])))
                .collect();
            prop_assert_eq!(pareto_front(&losses), slow);
        }
    }
}
