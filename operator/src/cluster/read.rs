//! A job's objects as an API server holds them: which are its own, and what they say to whoever looks at it.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Api, Client, Resource as _, ResourceExt, api::ListParams};
use temper_advisor::TrialIndex;
use temper_crds::{
    Trial, TrialHistory, TuningJob,
    job::Job,
    validation::{self, Errors},
};

use super::{
    names::{AGENT, JobKey},
    recall,
    trial::millis,
};
use crate::{
    plan::{JobState, Millis, Recorded},
    view::{JobView, Recalled, ReportView},
};

/// A job, its trials and its history.
#[derive(Clone, Debug)]
pub struct Objects {
    job: TuningJob,
    trials: Vec<Trial>,
    histories: Vec<TrialHistory>,
}

/// Why a job that is on a cluster cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Its spec is wrong: what is.
    #[error("its spec is not right")]
    Spec(Errors),
    /// Its search or scheduler cannot be built.
    #[error("{0}")]
    Settings(String),
}

impl Objects {
    /// Reads what belongs to `job`. `None` when that did not come from an API server.
    ///
    /// # Errors
    /// What the API server, or the way to it, says.
    pub async fn of(client: &Client, job: TuningJob) -> kube::Result<Option<Self>> {
        let Some(key) = JobKey::of(&job) else { return Ok(None) };
        let trials: Api<Trial> = Api::namespaced(client.clone(), &key.namespace);
        let histories: Api<TrialHistory> = Api::namespaced(client.clone(), &key.namespace);
        // The histories after the trials: what is moved there in between is then seen twice, and not missed.
        let trials = trials.list(&of_job(&key)).await?.items;
        let histories = histories.list(&of_job(&key)).await?.items;
        Ok(Self::new(job, trials, histories))
    }

    /// Those of them that belong to `job`. `None` when that did not come from an API server.
    pub(super) fn new(job: TuningJob, trials: Vec<Trial>, histories: Vec<TrialHistory>) -> Option<Self> {
        let (trials, histories) = owned(&JobKey::of(&job)?, trials, histories);
        Some(Self { job, trials, histories })
    }

    /// The job as it stands at `now`.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn view(&self, now: Millis) -> Result<JobView, Unreadable> {
        let job = parsed(&self.job)?;
        let mut state = JobState::of(&job).map_err(|invalid| {
            Unreadable::Settings(invalid.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
        })?;
        let recorded = recall::recorded(&self.trials, &self.histories, &state.rules().objectives);
        let heard: BTreeMap<u32, Millis> =
            self.trials.iter().filter_map(|trial| Some((trial.spec.index, last_heard(trial)?))).collect();
        let reports = (0..)
            .zip(&recorded)
            .filter_map(|(index, trial)| {
                Some((TrialIndex(index), reports(trial.as_ref()?, heard.get(&index).copied())))
            })
            .collect();
        state.recall(recorded, recall::resumed(&self.job, now), now);
        let status = self.job.status.as_ref();
        let ended = status.and_then(|status| status.completion_time.as_ref()).map(millis);
        let mut view = Recalled::of(state, reports, ended).view(&job, now);
        view.message = view.message.or_else(|| trouble(&self.job));
        Ok(view)
    }

    /// Whether an operator has taken it up.
    pub fn is_tended(&self) -> bool {
        self.job.status.is_some()
    }
}

/// What is asked for when a job's Trials or histories are listed.
pub(super) fn of_job(key: &JobKey) -> ListParams {
    ListParams::default().fields(&of_job_named(&key.name))
}

/// Selects a job's Trials or histories by its name.
pub(super) fn of_job_named(job: &str) -> String {
    format!("spec.job={job}")
}

/// What the job learned when it began, if it did.
pub(super) fn record<'a>(key: &JobKey, histories: &'a [TrialHistory]) -> Option<&'a TrialHistory> {
    let is_record =
        |history: &&TrialHistory| key.owns(history.owner_references()) && history.spec.warm_start.is_some();
    histories.iter().find(is_record)
}

/// Those of this very job, and not of one that had its name before; histories of its own trials, in order.
pub(super) fn owned(
    key: &JobKey,
    mut trials: Vec<Trial>,
    mut histories: Vec<TrialHistory>,
) -> (Vec<Trial>, Vec<TrialHistory>) {
    let is_owned = |owners: &[OwnerReference]| key.owns(owners);
    trials.retain(|trial| is_owned(trial.owner_references()));
    histories.retain(|history| is_owned(history.owner_references()) && history.spec.warm_start.is_none());
    histories.sort_by_key(|history| history.spec.chunk);
    (trials, histories)
}

/// The job that an object describes.
///
/// # Errors
/// [`Unreadable::Spec`].
pub(super) fn parsed(object: &TuningJob) -> Result<Job, Unreadable> {
    validation::parse_object(object).map_err(Unreadable::Spec)
}

/// When the agent last wrote the trial's report: the API server keeps it, to the second, and nothing else does.
fn last_heard(trial: &Trial) -> Option<Millis> {
    let writes = trial.meta().managed_fields.iter().flatten();
    let by_agent = writes.filter(|write| write.manager.as_deref() == Some(AGENT));
    by_agent.filter_map(|write| write.time.as_ref()).map(millis).max()
}

/// A trial's reports. When each came is not kept: they are spread from the start of the attempt to its end, or to when
/// it was last heard of, as if the resource grew evenly.
fn reports(trial: &Recorded, heard: Option<Millis>) -> Vec<ReportView> {
    let begin = trial.started.unwrap_or(trial.created).0;
    let end = trial.ended.or(heard).map_or(begin, |end| end.0.max(begin));
    let furthest = trial.reports.last().map_or(1, |(resource, _)| resource.get());
    trial
        .reports
        .iter()
        .map(|(resource, metrics)| ReportView {
            resource: resource.get(),
            metrics: metrics.clone(),
            at: begin + ((end - begin) as f64 * (resource.get() as f64 / furthest as f64)).round() as u64,
        })
        .collect()
}

/// What keeps a job from running, in the words of its status.
pub fn trouble(job: &TuningJob) -> Option<String> {
    let Some(status) = &job.status else {
        return Some("no operator has taken it up yet".to_owned());
    };
    let condition = |kind: &str| status.conditions.iter().find(|condition| condition.type_ == kind);
    let refused = condition("Accepted").filter(|accepted| accepted.status == "False");
    let stuck = condition("Progressing").filter(|progressing| {
        // Some trials may wait though others run.
        !matches!(progressing.reason.as_str(), "TrialsRunning" | "Suspended")
    });
    refused.or(stuck).map(|condition| condition.message.clone()).filter(|message| !message.is_empty())
}

#[cfg(test)]
mod tests;
