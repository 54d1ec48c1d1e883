//! Where the trials of a store live, and what an agent is told about one of them.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use temper_advisor::{Resource, TrialIndex};
use temper_runner::agent::protocol::{Assignment, EnvVar, MetricsSource};

use super::{crew::Attempt, workload::Workload};
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
    /// Where the job wants its checkpoints; absent: in the store.
    pub(super) checkpoints: Option<String>,
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
            checkpoints: Some(
                self.checkpoints.clone().unwrap_or_else(|| file_uri(&self.dir.join("checkpoints"))),
            ),
            resume_from: trial
                .and_then(|trial| trial.checkpoint.as_ref())
                .map(|checkpoint| checkpoint.uri.clone()),
            grace_seconds: self.workload.grace_seconds,
            dir: self.attempt_dir(attempt),
        }
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
        if self.checkpoints.is_none() {
            let _ = fs::remove_dir_all(self.dir.join("checkpoints").join(trial.0.to_string()));
        }
    }
}

fn trial_dir(store: &Path, trial: TrialIndex) -> PathBuf {
    store.join("trials").join(format!("{:04}", trial.0))
}

/// The folder of an attempt: its output, its parameters.
pub(super) fn attempt_dir(store: &Path, trial: TrialIndex, attempt: u32) -> PathBuf {
    trial_dir(store, trial).join(attempt.to_string())
}

/// A path as RFC 8089 writes it.
pub(super) fn file_uri(path: &Path) -> String {
    let mut uri = "file://".to_owned();
    for &byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                uri.push(byte as char);
            }
            // Writing to a string does not fail.
            _ => drop(write!(uri, "%{byte:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_uri_whatever_is_in_it() {
        assert_eq!(file_uri(Path::new("/a/b-1.c")), "file:///a/b-1.c");
        assert_eq!(file_uri(Path::new("/my models/50%/é#?")), "file:///my%20models/50%25/%C3%A9%23%3F");
    }
}
