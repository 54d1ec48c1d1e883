//! What a job learns from finished jobs of its namespace (`spec.warmStartFrom`).
//!
//! They are read once, when the job begins, and what was learned is kept in an object of the job's own: whichever
//! operator takes the job up, it searches on as it would have, though the other jobs be deleted or go on meanwhile.

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use kube::{Api, ResourceExt, api::ListParams, runtime::events::EventType};
use temper_advisor::{
    Resource,
    advisor::Advisor,
    past::{PastEnding, PastTrial},
    suggest::did_you_mean,
};
use temper_crds::{
    Trial, TrialHistory, TrialHistorySpec, TuningJob,
    job::Job,
    trial::SeriesPoint,
    trial_history::{FinishedState, FinishedTrial, WarmStart},
};
use tokio::sync::Notify;

use super::{
    job::{Halt, Shared, now},
    mailbox::Mailbox,
    names::JobKey,
    ours, read, recall,
    report::Report,
    status,
    writer::{Refused, Writer},
};
use crate::{
    plan::{JobState, Objective},
    warm_start::{Earlier, Learned, MOST, Unfit, learn},
};

/// Most bytes of the object that holds what was learned: an API server takes 1.5 MB.
const MOST_BYTES: usize = 1_000_000;

/// Namespace and name of a job.
type Place = (String, String);

/// Jobs that others wait for, and who is to be told of them.
#[derive(Debug, Default)]
pub(super) struct Awaited(Mutex<HashMap<Place, Vec<Weak<Notify>>>>);

impl Awaited {
    /// Is told whenever one of these jobs has come, has finished or is gone, from now on.
    fn subscribe(&self, namespace: &str, names: &[String]) -> Arc<Notify> {
        let told = Arc::new(Notify::new());
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for name in names {
            waiting.entry((namespace.to_owned(), name.clone())).or_default().push(Arc::downgrade(&told));
        }
        told
    }

    /// The job has come, has finished or is gone.
    pub(super) fn changed(&self, key: &JobKey) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.is_empty() {
            return;
        }
        let place = (key.namespace.clone(), key.name.clone());
        if let Some(told) = waiting.get_mut(&place) {
            told.retain(|told| told.upgrade().inspect(|told| told.notify_one()).is_some());
            if told.is_empty() {
                waiting.remove(&place);
            }
        }
    }
}

/// What a look at the other jobs came to.
enum Look {
    Learned(Learned),
    /// Not yet; why.
    Waits(String),
    /// Never; why.
    Unfit(String),
}

/// Sees to it that what the job is to learn is on the record before its first trial, and waits for that as long as it
/// takes. Whether the job can go on: if not, the reason is in its status.
pub(super) async fn settle(
    shared: &Arc<Shared>,
    key: &JobKey,
    mailbox: &Mailbox,
    object: &TuningJob,
    job: &Job,
) -> Result<bool, Halt> {
    let has_begun = object.status.as_ref().is_some_and(|status| status.start_time.is_some());
    if job.warm_start_from.is_empty() || has_begun {
        return Ok(true);
    }
    let histories: Api<TrialHistory> = Api::namespaced(shared.client.clone(), &key.namespace);
    let name = key.warm_start();
    let found = shared.writer.until_answered("get", "trialhistories", || histories.get_opt(&name)).await?;
    if found.is_some() {
        return Ok(true);
    }
    let mut report = Report::new(shared.clone(), key, object.status.clone());
    loop {
        let changed = shared.awaited.subscribe(&key.namespace, &job.warm_start_from);
        let generation = object.metadata.generation;
        match look(shared, key, job).await? {
            Look::Learned(learned) => {
                let record = record(key, &job.objectives, &learned);
                keep(&shared.writer, &histories, &record).await?;
                report.say(EventType::Normal, "WarmStarted", &learned.message);
                return Ok(true);
            }
            Look::Waits(why) => {
                let status = status::waiting(job, "WaitsForJobs", &why, generation, report.last(), now());
                if report.last() != Some(&status) {
                    report.say(EventType::Normal, "WaitsForJobs", &why);
                    report.write_now(status).await?;
                }
            }
            Look::Unfit(why) => {
                let reason = "NothingToLearn";
                let status = status::refused(reason, why.clone(), generation, report.last(), now());
                if report.last() != Some(&status) {
                    report.say(EventType::Warning, reason, &why);
                    report.write_now(status).await?;
                }
                return Ok(false);
            }
        }
        wait(mailbox, &changed, generation).await?;
    }
}

/// Until one of the other jobs has changed; looked at once in a while though nothing was heard.
async fn wait(mailbox: &Mailbox, changed: &Notify, generation: Option<i64>) -> Result<(), Halt> {
    let mut again = std::pin::pin!(tokio::time::sleep(Duration::from_mins(5)));
    loop {
        tokio::select! {
            () = changed.notified() => return Ok(()),
            () = &mut again => return Ok(()),
            () = mailbox.arrived() => {}
        }
        if let Some(newer) = mailbox.take_job() {
            if newer.metadata.deletion_timestamp.is_some() {
                return Err(Halt::Gone);
            }
            if newer.metadata.generation != generation {
                return Err(Halt::Stale("its spec was changed before it began".to_owned()));
            }
        }
    }
}

/// Looks at the other jobs, and learns from them if all are over.
async fn look(shared: &Arc<Shared>, key: &JobKey, job: &Job) -> Result<Look, Halt> {
    let jobs: Api<TuningJob> = Api::namespaced(shared.client.clone(), &key.namespace);
    let (mut earlier, mut waits, mut unfit) = (Vec::new(), Vec::new(), Vec::new());
    for name in &job.warm_start_from {
        let found = shared.writer.until_answered("get", "tuningjobs", || jobs.get_opt(name)).await?;
        match found {
            None => waits.push(missing(shared, key, &jobs, name).await?),
            Some(object) if object.status.as_ref().is_none_or(|status| status.completion_time.is_none()) => {
                waits.push(format!("waits for job {name} to finish"));
            }
            Some(object) => match read(shared, object).await? {
                Ok((theirs, state)) => earlier.push((name.clone(), theirs, state)),
                Err(why) => unfit.push(format!("nothing can be learned from job {name}: {why}")),
            },
        }
    }
    if !unfit.is_empty() {
        return Ok(Look::Unfit(unfit.join("\n")));
    }
    if !waits.is_empty() {
        return Ok(Look::Waits(waits.join("\n")));
    }
    let (job, key) = (job.clone(), key.clone());
    let learned = tokio::task::spawn_blocking(move || {
        let earlier: Vec<Earlier<'_>> =
            earlier.iter().map(|(name, job, state)| Earlier { name, job, state }).collect();
        small_enough(&key, &job, &earlier)
    });
    Ok(match learned.await.map_err(|error| Halt::Broken(error.to_string()))? {
        Ok(learned) => Look::Learned(learned),
        Err(unfit) => Look::Unfit(unfit.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    })
}

async fn missing(shared: &Shared, key: &JobKey, jobs: &Api<TuningJob>, name: &str) -> Result<String, Halt> {
    let some = ListParams::default().limit(500);
    let others = shared.writer.until_answered("list", "tuningjobs", || jobs.list_metadata(&some)).await?;
    let others: Vec<String> =
        others.items.iter().map(ResourceExt::name_any).filter(|other| *other != key.name).collect();
    let near = did_you_mean(name, others.iter().map(String::as_str));
    Ok(format!("waits for job {name}, which is not in namespace {}{near}", key.namespace))
}

/// A finished job and what became of it, or why that cannot be told.
async fn read(shared: &Shared, object: TuningJob) -> Result<Result<(Job, Box<JobState>), String>, Halt> {
    let Some(key) = JobKey::of(&object) else { return Ok(Err("it has no UID".to_owned())) };
    let of_job = read::of_job(&key);
    let trials: Api<Trial> = Api::namespaced(shared.client.clone(), &key.namespace);
    let histories: Api<TrialHistory> = Api::namespaced(shared.client.clone(), &key.namespace);
    let trials = shared.writer.until_answered("list", "trials", || trials.list(&of_job)).await?.items;
    let histories =
        shared.writer.until_answered("list", "trialhistories", || histories.list(&of_job)).await?.items;
    let recalled = tokio::task::spawn_blocking(move || {
        let job = read::parsed(&object).map_err(|error| error.to_string())?;
        let mut state = Box::new(JobState::of(&job).map_err(|invalid| format!("{invalid:?}"))?);
        let (trials, histories) = read::owned(&key, trials, histories);
        let recorded = recall::recorded(&trials, &histories, &state.rules().objectives);
        state.recall(recorded, recall::resumed(&object, now()), now());
        Ok((job, state))
    });
    recalled.await.map_err(|error| Halt::Broken(error.to_string()))
}

/// What the job learns, of as many trials as one object holds.
fn small_enough(key: &JobKey, job: &Job, earlier: &[Earlier<'_>]) -> Result<Learned, Vec<Unfit>> {
    // Of a job that was found to be right it can be built.
    let Ok(advisor) = Advisor::new(job.settings.clone()) else { return Ok(Learned::default()) };
    let mut most = MOST;
    loop {
        let learned = learn(job, &advisor, earlier, most)?;
        let size = serde_json::to_vec(&record(key, &job.objectives, &learned)).map_or(0, |json| json.len());
        if size <= MOST_BYTES || most == 1 {
            return Ok(learned);
        }
        most /= 2;
    }
}

/// The object in which the job keeps what it learned.
fn record(key: &JobKey, objectives: &[Objective], learned: &Learned) -> TrialHistory {
    let trials: Vec<FinishedTrial> =
        (0..).zip(&learned.trials).map(|(index, trial)| finished(index, trial, objectives)).collect();
    let mut record = TrialHistory::new(
        &key.warm_start(),
        TrialHistorySpec {
            job: key.name.clone(),
            chunk: 0,
            count: trials.len() as u32,
            warm_start: Some(WarmStart { message: learned.message.clone() }),
            trials,
        },
    );
    record.metadata.namespace = Some(key.namespace.clone());
    record.metadata.labels = Some(key.labels());
    record.metadata.owner_references = Some(vec![key.owner()]);
    record
}

async fn keep(writer: &Writer, histories: &Api<TrialHistory>, record: &TrialHistory) -> Result<(), Halt> {
    let params = ours::post();
    let made = writer.until_answered("create", "trialhistories", || histories.create(&params, record)).await;
    match made {
        // The answer to an earlier request was lost, or another operator was there first: what it learned counts.
        Err(Refused::Answered(status)) if status.code == 409 => Ok(()),
        made => made.map(drop).map_err(Halt::from),
    }
}

/// What a job's record says that it learned; the inverse of [`record`].
pub(super) fn learned(record: &TrialHistory, objectives: &[Objective]) -> Option<Learned> {
    let WarmStart { message } = record.spec.warm_start.as_ref()?;
    let trials = record.spec.trials.iter().map(|trial| past(trial, objectives)).collect();
    Some(Learned { message: message.clone(), trials })
}

fn finished(index: u32, trial: &PastTrial, objectives: &[Objective]) -> FinishedTrial {
    let values = |losses: &[f64]| {
        objectives.iter().zip(losses).map(|(objective, loss)| objective.value(*loss)).collect()
    };
    FinishedTrial {
        index,
        state: match trial.ending {
            PastEnding::Completed => FinishedState::Completed,
            PastEnding::Stopped => FinishedState::Stopped,
            PastEnding::Failed => FinishedState::Failed,
        },
        reason: None,
        parameters: trial.parameters.clone(),
        metrics: std::collections::BTreeMap::new(),
        series: trial
            .reports
            .iter()
            .map(|(resource, losses)| SeriesPoint { resource: resource.get(), objectives: values(losses) })
            .collect(),
        bracket: 0,
        rungs: Vec::new(),
        run_to: None,
        attempts: 1,
        failures: 0,
        message: None,
        checkpoint: None,
        started_at: None,
        finished_at: None,
    }
}

fn past(trial: &FinishedTrial, objectives: &[Objective]) -> PastTrial {
    let losses = |values: &[f64]| {
        objectives.iter().zip(values).map(|(objective, value)| objective.loss(*value)).collect()
    };
    PastTrial {
        parameters: trial.parameters.clone(),
        ending: match trial.state {
            FinishedState::Completed => PastEnding::Completed,
            FinishedState::Stopped => PastEnding::Stopped,
            FinishedState::Failed => PastEnding::Failed,
        },
        reports: trial
            .series
            .iter()
            .filter_map(|point| Some((Resource::new(point.resource)?, losses(&point.objectives))))
            .collect(),
    }
}
