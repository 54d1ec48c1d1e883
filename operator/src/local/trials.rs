//! Where the trials of a store live, and what an agent is told about one of them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use temper_advisor::{Resource, TrialIndex};
use temper_runner::agent::{
    is_committed,
    protocol::{Assignment, EnvVar, MetricsSource},
};

use super::{checkpoints::Own, crew::Attempt, workload::Workload};
use crate::plan::JobState;

/// What all trials of a job have in common.
#[derive(Clone, Debug)]
pub(super) struct Trials {
    /// The store's folder, absolute.
    pub(super) dir: PathBuf,
    pub(super) job: String,
    pub(super) workload: Workload,
    pub(super) metrics: MetricsSource,
    /// The metric that counts how far a trial is.
    pub(super) resource: Option<String>,
    /// What trials may do to save time, with commas between; may be empty.
    pub(super) policies: String,
    pub(super) checkpoints: Place,
}

/// Where checkpoints go.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// In the store.
    Own(Own),
    /// Where the job wants them: the store's own folder in a place that others may use too, as a URI.
    Shared(String),
}

impl Trials {
    /// What agents write to stderr.
    pub(super) fn agents_log(&self) -> PathBuf {
        self.dir.join("agents.log")
    }

    /// `trials/0007/1`
    pub(super) fn attempt_dir(&self, attempt: Attempt) -> PathBuf {
        attempt_dir(&self.dir, attempt.trial, attempt.number)
    }

    /// What an agent is told.
    pub(super) fn assignment(&self, attempt: Attempt, state: &JobState) -> Assignment {
        let trial = state.trial(attempt.trial);
        let configuration = state.advisor().history().get(attempt.trial).map(|trial| &trial.configuration);
        let parameters = configuration
            .into_iter()
            .flat_map(|configuration| &configuration.0)
            .map(|(name, value)| (name.to_string(), serde_json::to_value(value).unwrap_or_default()))
            .collect();
        Assignment {
            job: self.job.clone(),
            trial: attempt.trial.0,
            attempt: attempt.number,
            command: self.workload.command.clone(),
            env: self.environment(attempt.trial),
            working_dir: self.workload.working_dir.clone(),
            parameters,
            metrics: self.metrics.clone(),
            objectives: state.rules().objectives.iter().map(|objective| objective.metric.clone()).collect(),
            resource: self.resource.clone(),
            run_to: trial.and_then(|trial| trial.run_to).map(Resource::get),
            reported_to: trial.and_then(|trial| trial.reached).map(Resource::get),
            checkpoints: Some(match &self.checkpoints {
                Place::Own(own) => own.uri().to_owned(),
                Place::Shared(uri) => uri.clone(),
            }),
            resume_from: checkpoint(attempt.trial, state).filter(|uri| !self.is_lost(uri)).map(str::to_owned),
            grace_seconds: self.workload.grace_seconds,
            dir: self.attempt_dir(attempt),
        }
    }

    /// The checkpoint that a trial would go on from, were it still there: the store is the user's to tidy up and to move.
    pub(super) fn lost_checkpoint<'s>(&self, trial: TrialIndex, state: &'s JobState) -> Option<&'s str> {
        checkpoint(trial, state).filter(|uri| self.is_lost(uri))
    }

    fn is_lost(&self, uri: &str) -> bool {
        matches!(self.checkpoints, Place::Own(_)) && is_committed(uri) == Some(false)
    }

    fn environment(&self, trial: TrialIndex) -> Vec<EnvVar> {
        let policies = EnvVar { name: "TEMPER_POLICIES".to_owned(), value: self.policies.clone() };
        let policies = Some(policies).filter(|policies| !policies.value.is_empty());
        policies.into_iter().chain(self.workload.environment(&format!("{}-{trial}", self.job))).collect()
    }

    /// Removes what a trial wrote: its logs, and its checkpoints where these are the store's. What cannot be removed
    /// stays; it takes space and does no other harm.
    pub(super) fn remove(&self, trial: TrialIndex) {
        let _ = fs::remove_dir_all(trial_dir(&self.dir, trial));
        if let Place::Own(own) = &self.checkpoints {
            let _ = fs::remove_dir_all(own.folder().join(trial.0.to_string()));
        }
    }
}

/// Where a trial's last checkpoint is.
fn checkpoint(trial: TrialIndex, state: &JobState) -> Option<&str> {
    Some(&state.trial(trial)?.checkpoint.as_ref()?.uri)
}

fn trial_dir(store: &Path, trial: TrialIndex) -> PathBuf {
    store.join("trials").join(format!("{:04}", trial.0))
}

/// The folder of an attempt: its output, its parameters.
pub(super) fn attempt_dir(store: &Path, trial: TrialIndex, attempt: u32) -> PathBuf {
    trial_dir(store, trial).join(attempt.to_string())
}
