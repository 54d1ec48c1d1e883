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
use crate::spans;

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
    loop {
        if let Some(newer) = mailbox.take_job() {
            object = newer;
        }
        if object.metadata.deletion_timestamp.is_some() {
            return;
        }
        let next = match validation::parse_object(&object) {
            Err(errors) => {
                let message = errors.errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
                refuse(&shared, &key, &object, "Invalid", message).await
            }
            Ok(job) => Box::pin(tend_valid(&shared, &key, &mailbox, &mut object, job)).await,
        };
        match next {
            Ok(()) => {}
            Err(Halt::NotLeader) => return,
            Err(Halt::Broken(defect)) => {
                tracing::error!(
                    namespace = key.namespace,
                    job = key.name,
                    defect,
                    "a defect of the operator"
                );
                let message = format!("a defect of the operator keeps it from deciding: {defect}");
                if refuse(&shared, &key, &object, "Defect", message).await.is_err() {
                    return;
                }
            }
            Err(halt @ (Halt::Stale(_) | Halt::Gone)) => {
                if let Halt::Stale(why) = halt {
                    tracing::info!(namespace = key.namespace, job = key.name, why, "read afresh");
                }
                // Were two operators to do this against each other, they would not do it in step.
                sleep(Duration::from_secs(1).mul_f64(jitter())).await;
                let jobs: Api<TuningJob> = Api::namespaced(shared.client.clone(), &key.namespace);
                match shared.writer.until_answered("get", "tuningjobs", || jobs.get_opt(&key.name)).await {
                    Ok(Some(newer)) if newer.metadata.uid.as_deref() == Some(&key.uid) => {
                        object = Box::new(newer);
                    }
                    Ok(_) | Err(_) => return,
                }
                continue;
            }
        }
        // It is over, or wrong: until somebody changes it, or its time is up.
        object = match wait(&shared, &key, &mailbox, object).await {
            Some(changed) => changed,
            None => return,
        };
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
    loop {
        let due = expires_in(&object);
        let expired = async {
            match due {
                Some(due) => sleep(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = mailbox.arrived() => {}
            () = expired => {
                let jobs: Api<TuningJob> = Api::namespaced(shared.client.clone(), &key.namespace);
                let params = ours::only(&key.uid, DeleteParams::background());
                tracing::info!(namespace = key.namespace, job = key.name, "its ttlSecondsAfterFinished is over");
                // Whatever the answer, this was its end: gone already, or another of its name.
                let _ = shared
                    .writer
                    .until_answered("delete", "tuningjobs", || jobs.delete(&key.name, &params))
                    .await;
                return None;
            }
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

fn expires_in(object: &TuningJob) -> Option<Duration> {
    let ttl = u64::from(object.spec.ttl_seconds_after_finished?) * 1_000;
    let ended = object.status.as_ref()?.completion_time.as_ref().map(trial::millis)?;
    Some(Duration::from_millis((ended.0 + ttl).saturating_sub(now().0)))
}
