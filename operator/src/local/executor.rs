//! The loop: what agents say becomes observations, [`plan`] decides, all of it is recorded in one transaction, and
//! then it is done.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::{Duration, Instant},
};

use temper_advisor::{Resource, TrialIndex};
use temper_runner::agent::protocol::{Checkpoint, ENDED_FILE, Ended, Message, Order, Outcome, Report};

use super::{
    clock::Clock,
    crew::{AgentId, Attempt, Crew, Input},
    sieve::Sieve,
    store::{Store, StoreError},
    trials::Trials,
};
use crate::plan::{Action, Ending, Event, JobState, Millis, Observation, may_reopen, plan};

/// So many agents dying one after another, and none ending a trial between them, are no accident.
const DEATHS_BEFORE_GIVING_UP: u32 = 10;

/// Most messages taken in at one turn, so that a flood does not keep the loop from acting.
const MESSAGES_A_TURN: usize = 1_000;

/// Why a run came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunEnd {
    /// The job is over.
    Finished,
    /// The user interrupted it.
    Interrupted,
    /// The manifest says that the job is suspended.
    Suspended,
}

/// What keeps a run from going on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No agent lives.
    #[error("{DEATHS_BEFORE_GIVING_UP} agents died one after another, the last: {how}; what they said is in {}", log.display())]
    AgentsDie {
        /// How.
        how: String,
        /// What they wrote to stderr.
        log: PathBuf,
    },
    /// What an earlier run left cannot be ended, and would run beside this one.
    #[error("these processes of an earlier run of this job cannot be killed: {0:?}")]
    Orphans(Vec<i32>),
    /// A defect of this program.
    #[error("nothing runs, and nothing is left to wait for: {0:?}; this is a defect of temper")]
    Stuck(crate::plan::Counts),
}

/// Who follows a run.
pub trait Watcher {
    /// Something may have changed.
    fn see(&mut self, state: &JobState, now: Millis);
    /// An attempt at a trial ended.
    fn ended(&mut self, state: &JobState, trial: TrialIndex);
    /// Something a person should know.
    fn say(&mut self, text: &str);
}

/// A job that is run.
pub(super) struct Executor<'a> {
    pub(super) state: JobState,
    pub(super) store: &'a mut Store,
    pub(super) crew: Crew,
    pub(super) trials: Trials,
    pub(super) inputs: Receiver<Input>,
    pub(super) clock: Clock,
    pub(super) watcher: &'a mut dyn Watcher,
    pub(super) sieves: BTreeMap<AgentId, Sieve>,
    /// Applied to the state and not yet recorded.
    pub(super) unsaved: Vec<(Millis, Event)>,
    /// What agents are told once what they have said is recorded.
    pub(super) once_saved: Vec<(AgentId, Order)>,
    pub(super) interrupted: bool,
    pub(super) deaths: u32,
}

impl Executor<'_> {
    /// Runs the job until it is over, interrupted or suspended. `suspended` is what the manifest says.
    pub(super) fn run(mut self, suspended: bool) -> Result<(RunEnd, JobState, Millis), RunError> {
        self.take_up(suspended)?;
        loop {
            self.turn()?;
            if let Some(end) = self.end() {
                return Ok((end, self.state, self.clock.now()));
            }
            self.wait()?;
        }
    }

    /// What an executor that died left unfinished.
    fn take_up(&mut self, suspended: bool) -> Result<(), RunError> {
        self.observe(Observation::Opened);
        let now = self.clock.now();
        if may_reopen(&mut self.state, now) {
            self.observe(Observation::Reopened);
        }
        if self.state.is_suspended() != suspended {
            self.observe(Observation::Suspended { suspended });
        }
        let mut left_behind = Vec::new();
        for trial in self.state.running().collect::<Vec<_>>() {
            let Some(number) = self.state.trial(trial).map(|trial| trial.attempts) else { continue };
            let attempt = Attempt { trial, number };
            let dir = self.trials.attempt_dir(attempt);
            let ended = Ended::left_behind(&dir).unwrap_or_else(|error| {
                self.watcher.say(&format!(
                    "trial {trial}: what its agent left in {} is unreadable: {error}",
                    dir.display()
                ));
                None
            });
            match ended {
                Some(ended) => {
                    let mut sieve = self.new_sieve();
                    self.attempt_ended(attempt, &mut sieve, ended);
                    left_behind.push(dir.join(ENDED_FILE));
                }
                None => self.disrupted(attempt, "the executor was killed".to_owned()),
            }
        }
        self.save()?;
        for file in left_behind {
            // It is of no more use, and does no harm.
            let _ = std::fs::remove_file(file);
        }
        Ok(())
    }

    /// Decides, records, and does what was decided.
    fn turn(&mut self) -> Result<(), RunError> {
        loop {
            let now = self.clock.now();
            let actions = plan(&mut self.state, now);
            self.unsaved.extend(actions.iter().map(|action| (now, Event::Decided(action.clone()))));
            self.save()?;
            for (agent, order) in std::mem::take(&mut self.once_saved) {
                self.crew.order(agent, &order);
            }
            for action in actions {
                self.act(action)?;
            }
            self.watcher.see(&self.state, now);
            // An agent that could not be started is something to decide about at once.
            if self.unsaved.is_empty() {
                return Ok(());
            }
        }
    }

    fn save(&mut self) -> Result<(), StoreError> {
        self.store.append(&self.unsaved)?;
        self.unsaved.clear();
        Ok(())
    }

    fn act(&mut self, action: Action) -> Result<(), RunError> {
        match action {
            Action::Start { trial, attempt } => {
                let attempt = Attempt { trial, number: attempt };
                if let Some(lost) = self.trials.lost_checkpoint(trial, &self.state) {
                    self.watcher.say(&format!(
                        "trial {trial}: its checkpoint {lost} is not there any more; it starts from scratch"
                    ));
                }
                let assignment = self.trials.assignment(attempt, &self.state);
                match self.crew.assign(attempt, assignment) {
                    Ok(agent) => {
                        let sieve = self.new_sieve();
                        self.sieves.insert(agent, sieve);
                    }
                    Err(error) => {
                        self.agent_died(Some(attempt), &format!("cannot start an agent: {error}"))?;
                    }
                }
            }
            Action::Stop { trial, reason } => {
                let reason = format!("{reason:?}");
                self.crew.order_trial(trial, &Order::Stop { reason });
            }
            Action::Pause { trial } => self.crew.order_trial(trial, &Order::Pause),
            Action::Compact { trials } => trials.into_iter().for_each(|trial| self.trials.remove(trial)),
            Action::Create { .. } | Action::Promote { .. } | Action::Finish(_) => {}
        }
        Ok(())
    }

    fn end(&self) -> Option<RunEnd> {
        if !self.crew.is_idle() {
            return None;
        }
        if self.state.outcome().is_some() {
            Some(RunEnd::Finished)
        } else if self.interrupted {
            Some(RunEnd::Interrupted)
        } else {
            self.state.is_suspended().then_some(RunEnd::Suspended)
        }
    }

    /// Waits until something happens or is due, and takes in all there is.
    fn wait(&mut self) -> Result<(), RunError> {
        let now = self.clock.now();
        let wake = self.state.wake_at(now).map(|at| Duration::from_millis(at.since(now)));
        let due = self.sieves.values().filter_map(Sieve::due).min();
        let due = due.map(|due| due.saturating_duration_since(Instant::now()));
        let first = match wake.into_iter().chain(due).min() {
            Some(timeout) => match self.inputs.recv_timeout(timeout) {
                Ok(input) => Some(input),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return Err(self.stuck()),
            },
            None if self.crew.is_idle() => return Err(self.stuck()),
            None => Some(self.inputs.recv().map_err(|_| self.stuck())?),
        };
        if let Some(input) = first {
            self.take(input)?;
        }
        for _ in 1..MESSAGES_A_TURN {
            let Ok(input) = self.inputs.try_recv() else { break };
            self.take(input)?;
        }
        self.pass_on_due_reports();
        Ok(())
    }

    fn stuck(&self) -> RunError {
        RunError::Stuck(self.state.counts())
    }

    fn take(&mut self, input: Input) -> Result<(), RunError> {
        match input {
            Input::Said(agent, message) => self.hear(agent, message),
            Input::Gone(agent, problem) => {
                self.sieves.remove(&agent).into_iter().for_each(|mut sieve| {
                    if let Some(attempt) = self.crew.attempt_of(agent) {
                        self.report(attempt, sieve.take_rest());
                    }
                });
                if let Some(departed) = self.crew.dismiss(agent) {
                    let how = problem
                        .map_or(departed.how.clone(), |problem| format!("{problem} ({})", departed.how));
                    self.agent_died(departed.attempt, &how)?;
                }
            }
            Input::Interrupted => {
                if !self.interrupted {
                    self.interrupted = true;
                    self.observe(Observation::Suspended { suspended: true });
                }
            }
        }
        Ok(())
    }

    fn hear(&mut self, agent: AgentId, message: Message) {
        let Some(attempt) = self.crew.attempt_of(agent) else { return };
        match message {
            Message::Started { pid, .. } => self.crew.command_started(agent, pid),
            Message::Report(report) => {
                let sieve = self.sieves.get_mut(&agent);
                let passed = sieve.map_or_else(Vec::new, |sieve| sieve.take(report, Instant::now()));
                self.report(attempt, passed);
            }
            Message::Checkpoint(checkpoint) => {
                // What was reported before it was taken is recorded before it: a trial that goes on from there does
                // not report it again.
                let rest = self.sieves.get_mut(&agent).map_or_else(Vec::new, Sieve::take_rest);
                self.report(attempt, rest);
                self.once_saved.push((agent, Order::Recorded { checkpoint: checkpoint.uri.clone() }));
                self.checkpointed(attempt, checkpoint);
            }
            Message::Warning { text } => self.watcher.say(&format!("trial {}: {text}", attempt.trial)),
            Message::Ended(ended) => {
                self.crew.attempt_ended(agent);
                let mut sieve = self.sieves.remove(&agent).unwrap_or_else(|| self.new_sieve());
                self.attempt_ended(attempt, &mut sieve, *ended);
                self.once_saved.push((agent, Order::Ack));
                self.deaths = 0;
            }
        }
    }

    /// Takes in the end of an attempt, with what of its reports and checkpoints was not taken in before.
    fn attempt_ended(&mut self, attempt: Attempt, sieve: &mut Sieve, ended: Ended) {
        let mut passed = sieve.take_rest();
        let known = passed.last().or(sieve.passed()).cloned();
        let is_new = |report: &Report| known.as_ref().is_none_or(|known| known.resource < report.resource);
        let now = Instant::now();
        for report in ended.reports.into_iter().filter(is_new) {
            passed.extend(sieve.take(report, now));
        }
        passed.extend(sieve.take_rest());
        let last = ended.last.filter(|last| passed.last().or(known.as_ref()) != Some(last));
        passed.extend(last);
        self.report(attempt, passed);
        if let Some(checkpoint) = ended.checkpoint {
            self.checkpointed(attempt, checkpoint);
        }
        let ending = match ended.outcome {
            Outcome::Succeeded => Ending::Succeeded,
            Outcome::Failed { reason, message } => {
                Ending::Failed { reason: format!("{reason:?}"), message, retryable: reason.is_retryable() }
            }
            Outcome::Stopped => Ending::Stopped,
            Outcome::Paused => Ending::Paused,
        };
        self.over(attempt, ending);
    }

    fn agent_died(&mut self, attempt: Option<Attempt>, how: &str) -> Result<(), RunError> {
        self.deaths += 1;
        if let Some(attempt) = attempt {
            self.disrupted(attempt, format!("its agent died: {how}"));
            self.watcher.say(&format!("trial {}: its agent died ({how}); it is tried again", attempt.trial));
        }
        if self.deaths >= DEATHS_BEFORE_GIVING_UP {
            self.save()?;
            return Err(RunError::AgentsDie { how: how.to_owned(), log: self.trials.agents_log() });
        }
        Ok(())
    }

    fn disrupted(&mut self, attempt: Attempt, message: String) {
        self.over(attempt, Ending::Disrupted { message });
    }

    fn over(&mut self, attempt: Attempt, ending: Ending) {
        self.observe(Observation::Ended { trial: attempt.trial, attempt: attempt.number, ending });
        self.watcher.ended(&self.state, attempt.trial);
    }

    fn checkpointed(&mut self, attempt: Attempt, checkpoint: Checkpoint) {
        let known = self.state.trial(attempt.trial).and_then(|trial| trial.checkpoint.as_ref());
        if known.is_some_and(|known| known.uri == checkpoint.uri) {
            return;
        }
        let resource = Resource::new(checkpoint.resource);
        self.observe(Observation::Checkpointed { trial: attempt.trial, resource, uri: checkpoint.uri });
    }

    fn report(&mut self, attempt: Attempt, reports: Vec<Report>) {
        for Report { resource, metrics } in reports {
            let Some(resource) = Resource::new(resource) else { continue };
            self.observe(Observation::Reported {
                trial: attempt.trial,
                attempt: attempt.number,
                resource,
                metrics,
            });
        }
    }

    fn pass_on_due_reports(&mut self) {
        let now = Instant::now();
        let due: Vec<_> =
            self.sieves.iter_mut().map(|(agent, sieve)| (*agent, sieve.take_due(now))).collect();
        for (agent, reports) in due.into_iter().filter(|(_, reports)| !reports.is_empty()) {
            if let Some(attempt) = self.crew.attempt_of(agent) {
                self.report(attempt, reports);
            }
        }
    }

    fn observe(&mut self, observation: Observation) {
        let now = self.clock.now();
        let event = Event::Observed(observation);
        self.state.apply(now, &event);
        self.unsaved.push((now, event));
    }

    fn new_sieve(&self) -> Sieve {
        Sieve::new(&self.state.advisor().rungs(), &self.state.rules().objectives[0], Instant::now())
    }
}
