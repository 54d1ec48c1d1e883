//! A job is taken up: everything of it is read, and what happened while nobody looked is found out.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Resource, ResourceExt as _, api::ListParams, core::DeserializeGuard, runtime::events::EventType,
};
use temper_advisor::TrialIndex;
use temper_crds::{Trial, TrialHistory, TuningJob, job::Job};

use super::{
    compact::Removals,
    effects::Effects,
    job::{Halt, Shared, Tended, Written, now},
    mailbox::Mailbox,
    names::{JOB_UID, JobKey},
    observe::{PodView, Role},
    pod, read, recall,
    report::Report,
    slow::Slow,
    turns::Turns,
    warm_start,
    workers::Workers,
    writer::Refused,
};
use crate::plan::{Event, JobState, Observation};

/// Requests that a job's task makes at once when it takes the job up: three lists and a grant.
const REQUESTS_TO_OPEN: u32 = 4;

impl Tended {
    /// Reads everything of the job, which is right and not over (or may go on).
    pub(super) async fn open(
        shared: Arc<Shared>,
        key: JobKey,
        mailbox: Arc<Mailbox>,
        object: Box<TuningJob>,
        job: Job,
    ) -> Result<Self, Halt> {
        let state = JobState::of(&job).map_err(|invalid| Halt::Stale(format!("{invalid:?}")))?;
        let rungs = state.advisor().rungs().into_iter().map(temper_advisor::Resource::get).collect();
        let report = Report::new(shared.clone(), &key, object.status.clone());
        let mut tended = Self {
            workers: Workers::default(),
            state: Some(Box::new(state)),
            job: Arc::new(job),
            rungs,
            written: BTreeMap::new(),
            climbed: BTreeMap::new(),
            pods: BTreeMap::new(),
            slow: Slow::default(),
            launches: BTreeMap::new(),
            deadlines: BTreeMap::new(),
            ended: BTreeMap::new(),
            turns: Turns::default(),
            effects: Effects::new(),
            chunks: 0,
            removals: Removals::default(),
            report,
            told: None,
            looked_over: Instant::now(),
            is_undecided: true,
            shared,
            key,
            mailbox,
            object,
        };
        // What comes in from here on is newer than what is read now.
        let shared = tended.shared.clone();
        let (namespace, account) =
            (tended.key.namespace.clone(), pod::service_account(&tended.job, &shared.agent).to_owned());
        // A thousand jobs that come at once, or that a new leader takes up, would be more than an API server bears.
        let permit = shared.requests.acquire_many(REQUESTS_TO_OPEN).await;
        let granted = shared.permissions.grant(&shared.client, &shared.writer, &namespace, &account);
        let (granted, read) = tokio::join!(granted, tended.read());
        drop(permit);
        match granted {
            Ok(()) => {}
            Err(Refused::NotLeader) => return Err(Halt::NotLeader),
            // The pods' own failures would say it less well; the job goes on for those who granted it themselves.
            Err(refused) => tended.report.say(
                EventType::Warning,
                "CannotGrant",
                &format!("trial pods may be unable to report: {refused}"),
            ),
        }
        let (trials, histories, pods) = read?;
        tended.recall(trials, histories, &pods);
        Ok(tended)
    }

    async fn read(&self) -> Result<(Vec<Trial>, Vec<TrialHistory>, Vec<Pod>), Halt> {
        let of_job = read::of_job(&self.key);
        let (trials, histories): (Api<Listed<Trial>>, Api<Listed<TrialHistory>>) = (self.api(), self.api());
        let pods: Api<Pod> = self.api();
        let selected = ListParams::default().labels(&self.key.selector());
        let writer = &self.shared.writer;
        // The histories after the trials: what is moved there in between is then seen twice, and not missed.
        let (of_trials, pods) = tokio::join!(
            async {
                let trials = writer.until_answered("list", "trials", || trials.list(&of_job)).await?;
                let histories =
                    writer.until_answered("list", "trialhistories", || histories.list(&of_job)).await?;
                Ok::<_, Refused>((trials.items, histories.items))
            },
            writer.until_answered("list", "pods", || pods.list(&selected)),
        );
        let (trials, histories) = of_trials?;
        Ok((readable(trials)?, readable(histories)?, pods?.items))
    }

    fn recall(&mut self, trials: Vec<Trial>, histories: Vec<TrialHistory>, pods: &[Pod]) {
        let objectives = &self.state().rules().objectives;
        let learned =
            read::record(&self.key, &histories).and_then(|record| warm_start::learned(record, objectives));
        if let Some(learned) = learned {
            self.state_mut().apply(now(), &Event::Observed(learned.into()));
        }
        let (trials, histories) = read::owned(&self.key, trials, histories);
        self.chunks = histories.last().map_or(0, |history| history.spec.chunk + 1);
        for pod in pods {
            let Some(view) = PodView::of(pod) else { continue };
            match (pod.labels().get(JOB_UID), view.role) {
                (Some(uid), _) if *uid == self.key.uid => drop(self.keep_pod(view)),
                // Somebody took its label away, and so hid it from the watch: it would wait for ever.
                (None, Role::Worker(number)) if view.name == self.key.worker(number) => {
                    self.delete_pod(&view);
                }
                _ => {}
            }
        }

        let recorded = recall::recorded(&trials, &histories, &self.state().rules().objectives);
        let resumed = recall::resumed(&self.object, now());
        self.state_mut().recall(recorded, resumed, now());
        let mut in_history = Vec::new();
        for trial in trials {
            let index = TrialIndex(trial.spec.index);
            if !trial.spec.rungs.is_empty() {
                self.climbed.insert(index, trial.spec.rungs.clone());
            }
            if self.state().trial(index).is_some_and(|known| known.outcome().is_none()) {
                self.written.insert(index, Written::of(&trial));
            } else if !self.state().keeps(index) {
                in_history.push(index);
            }
        }
        // The operator that put them there ended before they were removed.
        self.remove(&in_history);
        if self.state().started().is_none() {
            self.observe(Observation::Opened);
        }
        self.take_changed_spec();
        self.workers = Workers::of(self.pods.values(), &self.written, self.state());
        self.find_lost_pods();
        self.end_left_over();
    }
}

/// An object that may be other than the program understands.
type Listed<K> = DeserializeGuard<K>;

/// All of them as they are: a job goes by everything that is known of it, or not at all.
fn readable<K: Resource<DynamicType = ()>>(listed: Vec<Listed<K>>) -> Result<Vec<K>, Halt> {
    let (mut read, mut wrong) = (Vec::new(), Vec::new());
    for object in listed {
        match object.0 {
            Ok(object) => read.push(object),
            Err(invalid) => {
                let name = invalid.metadata.name.unwrap_or_default();
                wrong.push(format!("{} {name} cannot be read: {}", K::kind(&()), invalid.error));
            }
        }
    }
    if wrong.is_empty() {
        return Ok(read);
    }
    wrong.truncate(10);
    Err(Halt::Unreadable(format!("{}; mend it or delete it, and the job goes on", wrong.join("; "))))
}
