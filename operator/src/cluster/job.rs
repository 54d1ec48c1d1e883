//! One job's task: takes in what has changed, decides, writes what follows, and waits. It begins in `open`.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use kube::{Api, Client, runtime::events::Recorder};
use temper_advisor::TrialIndex;
use temper_crds::{
    Trial, TrialSpec, TuningJob,
    job::{Job, PodPolicy},
};
use tokio::sync::Semaphore;
use tracing::{Instrument as _, field::Empty};

use super::{
    compact::Removals,
    effects::{Done, Effects},
    mailbox::Mailbox,
    metrics::Metrics,
    names::JobKey,
    observe::{self, PodEnd, PodView, Standing},
    pace::Pace,
    permissions::Permissions,
    pod::AgentImage,
    report::Report,
    runtimes::Deliveries,
    slow::{Questions, Slow},
    status::{self, Troubles},
    turns::Turns,
    warm_start::Awaited,
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
/// A turn goes through all of them, and so is not taken for each thing that is heard: a thousand live trials rest for
/// ten milliseconds, ten for none that is seen.
const REST_FOR_EACH: Duration = Duration::from_micros(10);

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
    /// Of what they ask about pods that do not start.
    pub(super) questions: Questions,
}

/// Why a job's task does not go on as it is.
#[derive(Debug)]
pub(super) enum Halt {
    /// The job is gone, or going, as far as this can be told from one thing of it that is.
    Gone,
    /// Somebody else has changed what is ours: everything is read afresh.
    Stale(String),
    /// An object of the job is not what the program understands; which, and how. Whoever made it so can mend it.
    Unreadable(String),
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
    pub(super) slow: Slow,
    pub(super) launches: BTreeMap<TrialIndex, Launch>,
    pub(super) workers: Workers,
    /// When pods that were asked to end are deleted.
    pub(super) deadlines: BTreeMap<TrialIndex, Instant>,
    /// Running trials whose pods have ended, with the attempt: what they said last is still to be read.
    pub(super) ended: BTreeMap<TrialIndex, (u32, PodEnd)>,
    pub(super) turns: Turns,
    pub(super) effects: Effects,
    pub(super) chunks: u32,
    /// Of trials that the history holds.
    pub(super) removals: Removals,
    pub(super) report: Report,
    /// When it was last looked at what the status should say.
    pub(super) told: Option<Instant>,
    /// When it was last looked for trials of which nothing more would be heard.
    pub(super) looked_over: Instant,
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

    pub(super) fn observe(&mut self, observation: Observation) {
        if let Observation::Ended { trial, attempt, .. } = &observation {
            self.launches.remove(trial);
            self.deadlines.remove(trial);
            self.workers.free(*trial);
            self.end_sidecars(*trial, *attempt);
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
            let turned = Instant::now();
            came = self.wait(next).await?;
            let rest = REST_FOR_EACH * self.state().counts().live();
            // Timers count milliseconds.
            if rest >= Duration::from_millis(1) {
                tokio::time::sleep_until((turned + rest).into()).await;
            }
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
        self.ask_why_slow();
        self.look_over();
        // After everything that puts a trial in line: nothing wakes the task for one that waits here.
        self.send_off();
        let is_over = self.is_over();
        if is_over || self.state().is_suspended() {
            self.dismiss_workers();
        }
        self.send_off_removals(is_over);
        let is_done = is_over && self.turns.is_empty() && self.effects.is_empty() && self.removals.is_empty();
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
            let Some(PodView { name, standing: Standing::Waiting { trouble }, .. }) = self.pod_of(index)
            else {
                continue;
            };
            if let Some(trouble) = trouble.as_ref().or(self.slow.trouble(name)) {
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
        let others =
            status_due.into_iter().chain(self.slow.due()).chain(self.look_over_at()).chain([decision]);
        let others = others.chain(self.removals.due(Instant::now()));
        let due = launches.chain(self.deadlines.values().copied()).chain(others).min();
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
