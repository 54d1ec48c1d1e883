//! Where the output of a trial's attempt is. Pure.

use kube::ResourceExt;
use temper_advisor::TrialIndex;
use temper_crds::{
    Trial, TuningJob,
    job::{Job, PodPolicy},
};
use temper_runner::agent::protocol::Beginning;

use super::{
    names::JobKey,
    read::{self, Unreadable},
};

/// The output of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Which attempt, from 1.
    pub attempt: u32,
    /// Name of the pod.
    pub pod: String,
    /// The container that trains.
    pub container: String,
    /// Where the pod runs one trial after another: how this one's output begins.
    pub shared_as: Option<Beginning>,
}

/// Why there is no output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoOutput {
    /// It waits for its turn.
    #[error("it has not been started yet")]
    NotStarted,
    /// It had fewer attempts.
    #[error("its last attempt is {0}")]
    NoSuchAttempt(u32),
    /// The pod ran other trials too, and which it was is no longer known.
    #[error("with podPolicy Reuse only the output of the last attempt, {0}, is found")]
    Forgotten(u32),
}

impl Output {
    /// Name of the Trial with this index.
    pub fn trial(job: &TuningJob, index: u32) -> Option<String> {
        Some(JobKey::of(job)?.trial(TrialIndex(index)))
    }

    /// The output of an attempt; of the last one when none is named.
    ///
    /// # Errors
    /// When the job cannot be read; inside, why there is nothing.
    pub fn of(
        job: &TuningJob,
        trial: &Trial,
        attempt: Option<u32>,
    ) -> Result<Result<Self, NoOutput>, Unreadable> {
        Ok(Self::find(&read::parsed(job)?, trial, attempt))
    }

    fn find(job: &Job, trial: &Trial, attempt: Option<u32>) -> Result<Self, NoOutput> {
        let Some(pod) = &trial.spec.pod else { return Err(NoOutput::NotStarted) };
        let last = trial.spec.attempt;
        let attempt = attempt.unwrap_or(last);
        if attempt == 0 || attempt > last {
            return Err(NoOutput::NoSuchAttempt(last));
        }
        let is_shared = job.trial.pod_policy == PodPolicy::Reuse;
        if is_shared && attempt < last {
            return Err(NoOutput::Forgotten(last));
        }
        let pod = if attempt == last { pod.name.clone() } else { JobKey::pod_of(&trial.name_any(), attempt) };
        Ok(Self {
            attempt,
            pod,
            container: job.trial.template.container().name.clone(),
            shared_as: is_shared.then_some(Beginning { trial: trial.spec.index, attempt }),
        })
    }

    /// Whether nothing more will come.
    pub fn is_over(&self, trial: &Trial) -> bool {
        let report = trial.status.as_ref().and_then(|status| status.report.as_ref());
        let has_ended = report.is_some_and(|report| report.attempt == self.attempt && report.state.is_over());
        has_ended || trial.spec.attempt > self.attempt
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn job(policy: &str) -> TuningJob {
        serde_json::from_value(json!({
            "apiVersion": "temper.rs/v1alpha1", "kind": "TuningJob",
            "metadata": {"name": "fashion", "namespace": "team", "uid": "1-2-3"},
            "spec": {
                "objectives": [{"metric": "accuracy", "goal": "maximize"}],
                "parameters": [{"name": "lr", "type": "float", "min": 0.1, "max": 1}],
                "budget": {"maxTrials": 4},
                "trial": {"podPolicy": policy, "template": {"spec": {"containers": [
                    {"name": "proxy"}, {"name": "trial", "command": ["train"]}]}}},
            },
        }))
        .unwrap()
    }

    fn trial(job: &TuningJob, attempt: u32, pod: &Value, report: &Value) -> Trial {
        serde_json::from_value(json!({
            "apiVersion": "temper.rs/v1alpha1", "kind": "Trial",
            "metadata": {"name": Output::trial(job, 7)},
            "spec": {"job": "fashion", "index": 7, "parameters": {}, "attempt": attempt, "pod": pod},
            "status": {"report": report},
        }))
        .unwrap()
    }

    fn found(policy: &str, attempt: Option<u32>) -> Result<Output, NoOutput> {
        let job = job(policy);
        let trial = trial(&job, 3, &json!({"name": "the-pod"}), &Value::Null);
        Output::of(&job, &trial, attempt).unwrap()
    }

    #[test]
    fn each_attempt_has_a_pod_of_its_own() {
        let last = found("PerTrial", None).unwrap();
        assert_eq!((last.pod.as_str(), last.container.as_str(), last.shared_as), ("the-pod", "trial", None));
        let name = Output::trial(&job("PerTrial"), 7).unwrap();
        assert_eq!(found("PerTrial", Some(2)).unwrap().pod, format!("{name}-2"));
        assert_eq!(found("PerTrial", Some(4)), Err(NoOutput::NoSuchAttempt(3)));
        assert_eq!(found("PerTrial", Some(0)), Err(NoOutput::NoSuchAttempt(3)));
    }

    #[test]
    fn a_worker_knows_where_the_last_attempt_begins() {
        assert_eq!(found("Reuse", None).unwrap().shared_as, Some(Beginning { trial: 7, attempt: 3 }));
        assert_eq!(found("Reuse", Some(2)), Err(NoOutput::Forgotten(3)));
    }

    #[test]
    fn what_waits_has_no_output_and_what_has_ended_no_more_of_it() {
        let job = job("PerTrial");
        let waiting = trial(&job, 1, &Value::Null, &Value::Null);
        assert_eq!(Output::of(&job, &waiting, None).unwrap(), Err(NoOutput::NotStarted));
        let output = Output { attempt: 3, ..found("PerTrial", None).unwrap() };
        let report = |state: &str, attempt: u32| json!({"state": state, "attempt": attempt, "pod": {"name": "the-pod"}});
        let is_over = |attempt, report| output.is_over(&trial(&job, attempt, &json!({"name": "p"}), &report));
        assert!(!is_over(3, Value::Null) && !is_over(3, report("Running", 3)));
        assert!(!is_over(3, report("Paused", 2)), "the attempt before");
        assert!(is_over(3, report("Failed", 3)) && is_over(4, report("Paused", 3)));
    }
}
