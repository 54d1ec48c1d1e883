//! One job's task: takes in what has changed, decides, writes what follows, and waits.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client,
    api::ListParams,
    runtime::events::{EventType, Recorder},
};
use temper_advisor::{Resource, TrialIndex};
use temper_crds::{
    Trial, TrialHistory, TrialSpec, TuningJob,
    job::{Job, PodPolicy},
};
use tokio::sync::Semaphore;
use tracing::{Instrument as _, field::Empty};

use super::{
    compact,
    effects::{Done, Effects},
    mailbox::Mailbox,
    metrics::Metrics,
    names::JobKey,
    observe::{self, PodEnd, PodView, Standing},
    pace::Pace,
    permissions::Permissions,
    pod::{self, AgentImage},
    read, recall,
    report::Report,
    runtimes::Deliveries,
    status::{self, Troubles},
    turns::Turns,
    warm_start::{self, Awaited},
    workers::Workers,
    writer::{Refused, Writer},
};
use crate::{
    plan::{Action, Event, JobState, Millis, Observation, plan},
    spans,
};

/// A job with a thousand trials under way hears of some every few milliseconds: what its status says of all of them is
/// not put together more often than this.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// What all jobs share.
pub(super) struct Shared {
    pub(super) client: Client,
    pub(super) writer: Writer,
    pub(super) agent: AgentImage,
    pub(super) deliveries: Deliveries,
    pub(super) permissions: Permissions,
    pub(super) metrics: Arc<Metrics>,
    pub(super) recorder: Recorder,
    /// Decisions that are made at once, on threads of their own: a slow one takes no other job's place.
    pub(super) deciders: Semaphore,
    /// Requests that are made at once, by all jobs.
    pub(super) requests: Semaphore,
    /// Jobs that others wait for.
    pub(super) awaited: Awaited,
    /// Of what jobs write about themselves.
    pub(super) pace: Pace,
}

/// Why a job's task does not go on as it is.
#[derive(Debug)]
pub(super) enum Halt {
    /// The job is gone, or going.
    Gone,
    /// Somebody else has changed what is ours: everything is read afresh.
    Stale(String),
    /// Another operator may lead.
    NotLeader,
    /// A defect of this program; only this job is affected.
    Broken(String),
}

impl From<Refused> for Halt {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NotLeader => Self::NotLeader,
            Refused::Answered(status) if status.code == 404 => Self::Gone,
            other => Self::Stale(other.to_string()),
        }
    }
}

/// Requests that a job's task makes at once when it takes the job up: three lists and a grant.
const REQUESTS_TO_OPEN: u32 = 4;

/// A pod that could not be made yet.
#[derive(Clone, Debug)]
pub(super) struct Launch {
    /// `None` while it waits for its turn.
    pub(super) again_at: Option<Instant>,
    pub(super) wait: Duration,
    pub(super) trouble: Option<observe::Trouble>,
}

/// A trial's object as it was last written or read.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) uid: String,
    pub(super) generation: i64,
    pub(super) spec: TrialSpec,
}

impl Written {
    pub(super) fn of(trial: &Trial) -> Self {
        Self {
            uid: trial.metadata.uid.clone().unwrap_or_default(),
            generation: trial.metadata.generation.unwrap_or(0),
            spec: trial.spec.clone(),
        }
    }
}

/// A job that is being tended.
pub(super) struct Tended {
    pub(super) shared: Arc<Shared>,
    pub(super) key: JobKey,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) object: Box<TuningJob>,
    pub(super) job: Arc<Job>,
    /// Out for a decision for moments only.
    pub(super) state: Option<Box<JobState>>,
    pub(super) rungs: Arc<[u64]>,
    /// Of trials that are not over.
    pub(super) written: BTreeMap<TrialIndex, Written>,
    /// Rungs of those that went through some: what compaction keeps.
    pub(super) climbed: BTreeMap<TrialIndex, Vec<u64>>,
    pub(super) pods: BTreeMap<String, PodView>,
    pub(super) launches: BTreeMap<TrialIndex, Launch>,
    pub(super) workers: Workers,
    /// When pods that were asked to end are deleted.
    pub(super) deadlines: BTreeMap<TrialIndex, Instant>,
    /// Running trials whose pods have ended, with the attempt: what they said last is still to be read.
    pub(super) ended: BTreeMap<TrialIndex, (u32, PodEnd)>,
    pub(super) turns: Turns,
    pub(super) effects: Effects,
    pub(super) chunks: u32,
    /// Removals of trials that are still to be done, and those that may go on at once.
    pub(super) removals: u32,
    pub(super) removing: Arc<Semaphore>,
    pub(super) report: Report,
    /// When it was last looked at what the status should say.
    told: Option<Instant>,
    /// Something has happened that a decision has not seen.
    pub(super) is_undecided: bool,
}

pub(super) fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(since.as_millis() as u64)
}

impl Tended {
    pub(super) fn state(&self) -> &JobState {
        // It is taken out only while `decide` waits for its thread, and put back there.
        self.state.as_deref().unwrap_or_else(|| unreachable!("the state is back after every decision"))
    }

    pub(super) fn state_mut(&mut self) -> &mut JobState {
        self.state.as_deref_mut().unwrap_or_else(|| unreachable!("the state is back after every decision"))
    }

    pub(super) fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.shared.client.clone(), &self.key.namespace)
    }

    pub(super) fn is_reused(&self) -> bool {
        self.job.trial.pod_policy == PodPolicy::Reuse
    }

    /// The pod that a trial's object names, where it is there.
    pub(super) fn pod_of(&self, index: TrialIndex) -> Option<&PodView> {
        let pod = self.written.get(&index)?.spec.pod.as_ref()?;
        self.pods.get(&pod.name)
    }

    /// Reads everything of the job, which is right and not over (or may go on).
    pub(super) async fn open(
        shared: Arc<Shared>,
        key: JobKey,
        mailbox: Arc<Mailbox>,
        object: Box<TuningJob>,
        job: Job,
    ) -> Result<Self, Halt> {
        let state = JobState::of(&job).map_err(|invalid| Halt::Stale(format!("{invalid:?}")))?;
        let rungs = state.advisor().rungs().into_iter().map(Resource::get).collect();
        let report = Report::new(shared.clone(), &key, object.status.clone());
        let mut tended = Self {
            workers: Workers::default(),
            state: Some(Box::new(state)),
            job: Arc::new(job),
            rungs,
            written: BTreeMap::new(),
            climbed: BTreeMap::new(),
            pods: BTreeMap::new(),
            launches: BTreeMap::new(),
            deadlines: BTreeMap::new(),
            ended: BTreeMap::new(),
            turns: Turns::default(),
            effects: Effects::new(),
            chunks: 0,
            removals: 0,
            removing: Arc::new(Semaphore::new(compact::AT_ONCE as usize)),
            report,
            told: None,
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
        let (trials, histories): (Api<Trial>, Api<TrialHistory>) = (self.api(), self.api());
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
        Ok((trials, histories, pods?.items))
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
        self.pods = pods.iter().filter_map(PodView::of).map(|pod| (pod.name.clone(), pod)).collect();

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
        if !in_history.is_empty() {
            self.remove(&in_history);
        }
        if self.state().started().is_none() {
            self.observe(Observation::Opened);
        }
        self.take_changed_spec();
        self.workers = Workers::of(self.pods.values(), &self.written, self.state());
        self.find_lost_pods();
    }

    /// What happened to the pods of running trials while nobody looked.
    fn find_lost_pods(&mut self) {
        let running: Vec<TrialIndex> = self.state().running().collect();
        for index in running {
            let Some(pod) = self.written.get(&index).and_then(|written| written.spec.pod.clone()) else {
                continue;
            };
            match self.pods.get(&pod.name).map(|pod| pod.standing.clone()) {
                Some(Standing::Over(end)) => self.pod_ended(index, end),
                Some(_) => self.expect_end_of(&pod.name),
                // It was to be made next when the operator that decided so ended.
                None if !self.is_reused() && !self.has_reported(index) => self.turns.begin(index),
                None => {
                    let end = PodEnd::Disrupted("its pod is gone".to_owned());
                    self.pod_ended(index, end);
                }
            }
        }
    }

    fn has_reported(&self, index: TrialIndex) -> bool {
        let attempt = self.state().trial(index).map_or(0, |trial| trial.attempts);
        attempt > 1 || self.state().trial(index).is_some_and(|trial| trial.reached.is_some())
    }

    pub(super) fn observe(&mut self, observation: Observation) {
        if let Observation::Ended { trial, .. } = &observation {
            self.launches.remove(trial);
            self.deadlines.remove(trial);
            self.workers.free(*trial);
        }
        self.is_undecided = true;
        let at = now();
        self.state_mut().apply(at, &Event::Observed(observation));
    }

    /// Tends the job until it is over and everything of it is written.
    pub(super) async fn tend(&mut self) -> Result<(), Halt> {
        let ended = self.tend_on().await;
        if matches!(ended, Err(Halt::Stale(_) | Halt::Broken(_))) {
            self.settle().await;
        }
        ended
    }

    async fn tend_on(&mut self) -> Result<(), Halt> {
        let mut came = None;
        loop {
            let span = tracing::info_span!(
                target: spans::TARGET,
                "reconcile",
                k8s.namespace.name = self.key.namespace,
                temper.job.name = self.key.name,
            );
            let (next, is_done) = self.turn(came.take()).instrument(span).await?;
            if is_done {
                return Ok(());
            }
            came = self.wait(next).await?;
        }
    }

    /// Takes in what has changed and what is done, decides, sends off what follows. When the status is to be written
    /// again, and whether all is done.
    async fn turn(&mut self, came: Option<Done>) -> Result<(Option<Instant>, bool), Halt> {
        let began = Instant::now();
        came.map_or(Ok(()), |done| self.take_done(done))?;
        while let Some(done) = self.effects.try_join_next() {
            self.take_done(done.map_err(|error| Halt::Broken(error.to_string()))?)?;
        }
        let changes = self.mailbox.take(&self.turns);
        self.take_in(changes)?;
        if self.is_undecided {
            let actions = self.decide().await?;
            self.carry_out(actions);
        }
        self.launch_again();
        self.end_what_does_not();
        // After everything that puts a trial in line: nothing wakes the task for one that waits here.
        self.send_off();
        let is_over = self.is_over();
        if is_over || self.state().is_suspended() {
            self.dismiss_workers();
        }
        let is_done = is_over && self.turns.is_empty() && self.effects.is_empty();
        let next = self.tell(is_done);
        self.shared.metrics.reconciled(began.elapsed());
        Ok((next, is_done && next.is_none() && self.effects.is_empty()))
    }

    fn is_over(&self) -> bool {
        let counts = self.state().counts();
        self.state().outcome().is_some() && counts.live() + counts.paused == 0
    }

    /// Writes where the job stands if it is time; when it will be.
    fn tell(&mut self, is_over: bool) -> Option<Instant> {
        let now = Instant::now();
        if let Some(again) =
            self.told.map(|told| told + BETWEEN_LOOKS).filter(|again| *again > now && !is_over)
        {
            return Some(again);
        }
        self.told = Some(now);
        let generation = self.object.metadata.generation;
        let (troubles, before) = (self.troubles(), self.report.last());
        let mut status = status::of(
            &self.key,
            &self.job,
            self.state(),
            &troubles,
            generation,
            before,
            is_over,
            self::now(),
        );
        let due = self.report.due(&status, now)?;
        if due > now {
            return Some(due);
        }
        // It takes time with many trials, and changes only where something else does.
        status.pareto_front = status::front(&self.key, self.state());
        let written = self.report.write(status);
        self.effects.spawn(async { Done::Reported(written.await.map(Box::new)) }.in_current_span());
        None
    }

    fn troubles(&self) -> Troubles {
        let mut troubles = Troubles::new();
        let mut add = |trouble: &observe::Trouble, index| {
            troubles.entry(trouble.clone()).or_default().push(index);
        };
        for (index, launch) in &self.launches {
            launch.trouble.iter().for_each(|trouble| add(trouble, *index));
        }
        for index in self.state().running() {
            if let Some(PodView { standing: Standing::Waiting { trouble: Some(trouble) }, .. }) =
                self.pod_of(index)
            {
                add(trouble, index);
            }
        }
        troubles
    }

    /// Waits until something changes, is done, or is due.
    async fn wait(&mut self, status_due: Option<Instant>) -> Result<Option<Done>, Halt> {
        let launches = self.launches.values().filter_map(|launch| launch.again_at);
        let wake = self
            .state()
            .wake_at(now())
            .map(|at| Instant::now() + Duration::from_millis(at.since(now())).max(Duration::from_millis(1)));
        // Looked at once in a while though nothing was heard: a watch may have missed something.
        let decision = wake.unwrap_or_else(|| Instant::now() + Duration::from_mins(5));
        let due = launches.chain(self.deadlines.values().copied()).chain(status_due).chain([decision]).min();
        tokio::select! {
            () = self.mailbox.arrived() => {}
            Some(done) = self.effects.join_next() => {
                return done.map(Some).map_err(|error| Halt::Broken(error.to_string()));
            }
            () = tokio::time::sleep_until(due.unwrap_or(decision).into()) => {
                self.is_undecided |= decision <= Instant::now();
            }
        }
        Ok(None)
    }

    async fn decide(&mut self) -> Result<Vec<Action>, Halt> {
        let Some(mut state) = self.state.take() else { return Ok(Vec::new()) };
        let _permit = self.shared.deciders.acquire().await;
        let began = Instant::now();
        let before = state.counts();
        let span = tracing::info_span!(
            target: spans::TARGET,
            "decide",
            temper.search.algorithm = self.job.settings.search.algorithm,
            temper.actions = Empty,
            temper.trials.created = Empty,
        );
        let in_thread = span.clone();
        let decided = tokio::task::spawn_blocking(move || {
            let actions = in_thread.in_scope(|| plan(&mut state, now()));
            (state, actions)
        });
        let (state, actions) = decided.await.map_err(|error| Halt::Broken(error.to_string()))?;
        let suggestions = state.counts().created - before.created;
        span.record("temper.actions", actions.len()).record("temper.trials.created", suggestions);
        let algorithm = &self.job.settings.search.algorithm;
        self.shared.metrics.decided(algorithm, suggestions, began.elapsed());
        self.state = Some(state);
        self.is_undecided = false;
        Ok(actions)
    }
}
