//! A task for every job, for as long as it is there.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::FutureExt as _;
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api,
    api::DeleteParams,
    runtime::{events::EventType, watcher},
};
use temper_crds::{Trial, TuningJob, job::Job, validation};
use tokio::{sync::mpsc, task::JoinHandle, time::sleep};
use tracing::Instrument as _;

use super::{
    clock,
    http::Probes,
    job::{Halt, Shared, Tended, now},
    mailbox::{Mailbox, Mailboxes},
    names::JobKey,
    ours,
    report::Report,
    status, trial, warm_start,
    watch::{self, Namespaces, Seen},
    writer::jitter,
};
use crate::{plan::Millis, spans};

/// A job whose time is up and that could not be deleted is looked at again after so long.
const LOOKED_AT_AGAIN: Duration = Duration::from_mins(1);

/// Tends every job there is and will be. Does not return.
pub(super) async fn tend_all(shared: Arc<Shared>, namespaces: Namespaces, probes: &Probes) {
    let mailboxes = Mailboxes::new(shared.metrics.clone());
    let (all_jobs, all_trials, all_pods) = (
        namespaces.apis::<TuningJob>(&shared.client),
        namespaces.apis::<Trial>(&shared.client),
        namespaces.apis::<Pod>(&shared.client),
    );
    probes.leads(all_jobs.len() + all_trials.len() + all_pods.len());
    for trials in all_trials {
        let seen = watch::watch(trials, watcher::Config::default(), watch::identify_trial);
        tokio::spawn(watch::pass_on_trials(seen, mailboxes.clone(), probes.clone()));
    }
    for pods in all_pods {
        let seen = watch::watch(pods, watch::our_pods(), watch::identify_pod);
        tokio::spawn(watch::pass_on_pods(seen, mailboxes.clone(), probes.clone()));
    }
    let (sender, mut jobs) = mpsc::channel(256);
    for api in all_jobs {
        let mut seen = watch::watch(api, watcher::Config::default(), JobKey::of);
        let sender = sender.clone();
        tokio::spawn(async move {
            while let Some(seen) = seen.recv().await {
                if sender.send(seen).await.is_err() {
                    return;
                }
            }
        });
    }
    let mut tasks: HashMap<String, JoinHandle<()>> = HashMap::new();
    while let Some(seen) = jobs.recv().await {
        match seen {
            Seen::There(key, mut object) => {
                object.metadata.managed_fields = None;
                let (mailbox, is_new) = mailboxes.open(&key.uid);
                let is_over = object.status.as_ref().is_some_and(|status| status.completion_time.is_some());
                if is_new || is_over {
                    shared.awaited.changed(&key);
                }
                if is_new {
                    let task = tend_one(shared.clone(), key.clone(), mailbox.clone(), Box::new(object));
                    let task = task.map(move |()| mailbox.leave());
                    tasks.insert(key.uid, tokio::spawn(task));
                } else {
                    mailbox.put(|changes| changes.job = Some(Box::new(object)));
                }
            }
            Seen::Gone(key) => {
                shared.awaited.changed(&key);
                mailboxes.close(&key.uid);
                if let Some(task) = tasks.remove(&key.uid) {
                    task.abort();
                }
            }
            Seen::Synced { is_first } => {
                tracing::info!(jobs = tasks.len(), "every job is known");
                if is_first {
                    probes.synced();
                }
            }
        }
    }
}

/// One job, from its first sight until it is gone.
async fn tend_one(shared: Arc<Shared>, key: JobKey, mailbox: Arc<Mailbox>, mut object: Box<TuningJob>) {
    let mut pause = Pause::default();
    loop {
        if let Some(newer) = mailbox.take_job() {
            object = newer;
        }
        if object.metadata.deletion_timestamp.is_some() {
            return;
        }
        pause.begins();
        let next = match validation::parse_object(&object) {
            Err(errors) => {
                let message = errors.errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
                refuse(&shared, &key, &object, "Invalid", message).await
            }
            Ok(job) => Box::pin(tend_valid(&shared, &key, &mailbox, &mut object, job)).await,
        };
        let next = match next {
            Err(Halt::Unreadable(what)) => {
                let refused = refuse(&shared, &key, &object, "Unreadable", what.clone()).await;
                Err(refused.err().unwrap_or(Halt::Unreadable(what)))
            }
            Err(Halt::Broken(defect)) => {
                let (namespace, job) = (&key.namespace, &key.name);
                tracing::error!(namespace, job, defect, "a defect of the operator");
                let message = format!("a defect of the operator keeps it from deciding: {defect}");
                refuse(&shared, &key, &object, "Defect", message).await
            }
            next => next,
        };
        if let Err(halt) = next {
            match read_again(&shared, &key, halt, &mut pause).await {
                Some(newer) => object = newer,
                None => return,
            }
            continue;
        }
        // It is over, or wrong: until somebody changes it, or its time is up.
        object = match wait(&shared, &key, &mailbox, object).await {
            Some(changed) => changed,
            None => return,
        };
    }
}

/// The job as it is now, after a while; `None` when it is gone, or another operator's.
///
/// Whatever else the API server says is tried again, for ever: one that has just started may deny what it will allow a
/// moment later, and nobody would take the job up after this.
async fn read_again(
    shared: &Shared,
    key: &JobKey,
    mut halt: Halt,
    pause: &mut Pause,
) -> Option<Box<TuningJob>> {
    let jobs: Api<TuningJob> = Api::namespaced(shared.client.clone(), &key.namespace);
    loop {
        match halt {
            Halt::NotLeader => return None,
            Halt::Gone => {}
            Halt::Stale(why) | Halt::Unreadable(why) | Halt::Broken(why) => {
                tracing::info!(namespace = key.namespace, job = key.name, why, "read afresh");
            }
        }
        sleep(pause.next()).await;
        match shared.writer.until_answered("get", "tuningjobs", || jobs.get_opt(&key.name)).await {
            Ok(found) => {
                return found.filter(|job| job.metadata.uid.as_deref() == Some(&key.uid)).map(Box::new);
            }
            Err(refused) => halt = refused.into(),
        }
    }
}

/// How long to wait before a job is read afresh: longer each time, unless it went well for a while in between.
struct Pause {
    began: Instant,
    next: Duration,
}

impl Pause {
    const SHORTEST: Duration = Duration::from_secs(1);
    const LONGEST: Duration = Duration::from_secs(30);
    /// After so long it went well.
    const WELL: Duration = Duration::from_mins(1);

    fn begins(&mut self) {
        self.began = Instant::now();
    }

    fn next(&mut self) -> Duration {
        if self.began.elapsed() >= Self::WELL {
            self.next = Self::SHORTEST;
        }
        let now = self.next;
        self.next = (now * 2).min(Self::LONGEST);
        // Were two operators to do this against each other, they would not do it in step.
        now.mul_f64(jitter())
    }
}

impl Default for Pause {
    fn default() -> Self {
        Self { began: Instant::now(), next: Self::SHORTEST }
    }
}

async fn refuse(
    shared: &Arc<Shared>,
    key: &JobKey,
    object: &TuningJob,
    reason: &str,
    message: String,
) -> Result<(), Halt> {
    let mut report = Report::new(shared.clone(), key, object.status.clone());
    let generation = object.metadata.generation;
    let status = status::refused(reason, message.clone(), generation, report.last(), now());
    if report.due(&status, Instant::now()).is_some() {
        report.write_now(status).await?;
        report.say(EventType::Warning, reason, &message);
    }
    Ok(())
}

/// `object` is then as it was heard of last.
async fn tend_valid(
    shared: &Arc<Shared>,
    key: &JobKey,
    mailbox: &Arc<Mailbox>,
    object: &mut Box<TuningJob>,
    job: Job,
) -> Result<(), Halt> {
    let is_settled = object.status.as_ref().is_some_and(|status| {
        status.completion_time.is_some() && status.observed_generation == object.metadata.generation
    });
    if is_settled {
        return Ok(());
    }
    if !Box::pin(warm_start::settle(shared, key, mailbox, object, &job)).await? {
        return Ok(());
    }
    let span = tracing::info_span!(
        target: spans::TARGET,
        "open",
        k8s.namespace.name = key.namespace,
        temper.job.name = key.name,
    );
    let opened = Tended::open(shared.clone(), key.clone(), mailbox.clone(), object.clone(), job);
    let mut tended = Box::new(Box::pin(opened.instrument(span)).await?);
    let ended = Box::pin(tended.tend()).await;
    // What came while it was tended does not come again.
    (object.metadata, object.spec) = (tended.object.metadata.clone(), tended.object.spec.clone());
    object.status = tended.report.last().cloned();
    ended
}

/// Waits until the spec of a job that is not tended changes; deletes the job when its time is up.
async fn wait(
    shared: &Arc<Shared>,
    key: &JobKey,
    mailbox: &Mailbox,
    mut object: Box<TuningJob>,
) -> Option<Box<TuningJob>> {
    let generation = object.metadata.generation;
    let mut again = None;
    loop {
        let due = again.take().or_else(|| expires_in(&object, now()));
        let expired = async {
            match due {
                Some(due) => sleep(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = mailbox.arrived() => {}
            () = expired => match expire(shared, key, &object).await {
                None => return None,
                later => again = later,
            },
        }
        if let Some(newer) = mailbox.take_job() {
            if newer.metadata.deletion_timestamp.is_some() {
                return None;
            }
            let is_changed = newer.metadata.generation != generation;
            object = newer;
            if is_changed {
                return Some(object);
            }
        }
    }
}

/// Deletes a job whose time is up; when to look again where it is not, or where that was refused.
async fn expire(shared: &Shared, key: &JobKey, object: &TuningJob) -> Option<Duration> {
    // The operator that wrote when the job ended may have had another clock than this one.
    let Some(clock) = clock::of_server(&shared.client).await else { return Some(LOOKED_AT_AGAIN) };
    let left = expires_in(object, clock)?;
    if !left.is_zero() {
        let (namespace, job) = (&key.namespace, &key.name);
        tracing::info!(namespace, job, "its ttlSecondsAfterFinished is not over by the API server's clock");
        return Some(left);
    }
    let jobs: Api<TuningJob> = Api::namespaced(shared.client.clone(), &key.namespace);
    let params = ours::only(&key.uid, DeleteParams::background());
    tracing::info!(namespace = key.namespace, job = key.name, "its ttlSecondsAfterFinished is over");
    let deleted =
        shared.writer.until_answered("delete", "tuningjobs", || jobs.delete(&key.name, &params)).await;
    match deleted {
        Err(refused) if !refused.is_stale() => {
            let (namespace, job) = (&key.namespace, &key.name);
            tracing::warn!(namespace, job, %refused, "a job whose time is up could not be deleted");
            Some(LOOKED_AT_AGAIN)
        }
        // Gone already, or another of its name.
        _ => None,
    }
}

fn expires_in(object: &TuningJob, now: Millis) -> Option<Duration> {
    let ttl = u64::from(object.spec.ttl_seconds_after_finished?) * 1_000;
    let ended = object.status.as_ref()?.completion_time.as_ref().map(trial::millis)?;
    Some(Duration::from_millis((ended.0 + ttl).saturating_sub(now.0)))
}
