//! The state of one job: a fold over its recorded events.
//!
//! Everything a decision looks at is kept up to date event by event, so that an event costs no more at 100,000
//! finished trials than at ten.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use temper_advisor::{
    Resource, TrialIndex,
    advisor::Advisor,
    schedule::{Goal, Promotion, Verdict},
    stopping::{Progress, StopReason as RuleReason},
};

use super::{
    counts::Counts,
    event::{Action, Event, JobOutcome, Millis, Observation, StopReason},
    front::Front,
    rules::{FAILURES_BEFORE_GIVING_UP, Rules, Strategy},
    trial::{Asked, Checkpoint, Outcome, Phase, Trial},
};

/// The state of one job.
pub struct JobState {
    pub(super) rules: Rules,
    pub(super) advisor: Advisor,
    pub(super) trials: Vec<Trial>,
    pub(super) counts: Counts,
    /// Trials that want a worker.
    pub(super) pending: BTreeSet<TrialIndex>,
    /// Trials whose worker has yet to be asked something.
    pub(super) to_ask: BTreeSet<TrialIndex>,
    /// Trials with a worker.
    pub(super) running: BTreeSet<TrialIndex>,
    /// Trials at a rung.
    pub(super) paused: BTreeSet<TrialIndex>,
    /// First loss of every trial that has a usable result.
    pub(super) ranking: BTreeSet<(Loss, TrialIndex)>,
    /// Finished trials that are kept in full, in order of their end.
    pub(super) kept: VecDeque<TrialIndex>,
    /// Finished trials that no other beats in all objectives.
    pub(super) front: Front,
    pub(super) target_reached_by: Option<TrialIndex>,
    pub(super) exhausted: bool,
    pub(super) suspended: bool,
    pub(super) outcome: Option<JobOutcome>,
    /// From what earlier jobs it learned, for people.
    learned: Option<String>,
    pub(super) started: Option<Millis>,
    /// When the job was last seen to be running, and how long it had been by then.
    pub(super) active_since: Option<Millis>,
    pub(super) active_before: u64,
    pub(super) last_event: Millis,
}

/// A finite loss, as a key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Loss(pub(super) f64);
impl Eq for Loss {}
impl PartialOrd for Loss {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Loss {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl JobState {
    /// A job to which nothing has happened yet.
    pub fn new(rules: Rules, advisor: Advisor) -> Self {
        Self {
            rules,
            advisor,
            trials: Vec::new(),
            counts: Counts::default(),
            pending: BTreeSet::new(),
            to_ask: BTreeSet::new(),
            running: BTreeSet::new(),
            paused: BTreeSet::new(),
            ranking: BTreeSet::new(),
            kept: VecDeque::new(),
            front: Front::default(),
            target_reached_by: None,
            exhausted: false,
            suspended: false,
            outcome: None,
            learned: None,
            started: None,
            active_since: None,
            active_before: 0,
            last_event: Millis(0),
        }
    }

    /// All trials, by index.
    pub fn trials(&self) -> &[Trial] {
        &self.trials
    }

    /// One trial.
    pub fn trial(&self, index: TrialIndex) -> Option<&Trial> {
        self.trials.get(index.at())
    }

    /// How many trials stand where.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The rules in force.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The search, with its history.
    pub fn advisor(&self) -> &Advisor {
        &self.advisor
    }

    /// The trial with the best usable result so far, by the first objective.
    pub fn best(&self) -> Option<TrialIndex> {
        self.ranking.first().map(|&(_, trial)| trial)
    }

    /// Trials with a usable result, best first by the first objective.
    pub fn ranking(&self) -> impl Iterator<Item = TrialIndex> + '_ {
        self.ranking.iter().map(|&(_, trial)| trial)
    }

    /// How the job ended, once it has.
    pub fn outcome(&self) -> Option<&JobOutcome> {
        self.outcome.as_ref()
    }

    /// Trials that have a worker.
    pub fn running(&self) -> impl Iterator<Item = TrialIndex> + '_ {
        self.running.iter().copied()
    }

    /// Whether the user asked it to be suspended.
    pub fn is_suspended(&self) -> bool {
        self.suspended
    }

    /// From what earlier jobs it learned when it began, for people; a line for each.
    pub fn learned(&self) -> Option<&str> {
        self.learned.as_deref()
    }

    /// When the job began.
    pub fn started(&self) -> Option<Millis> {
        self.started
    }

    /// Milliseconds in which the job was neither suspended nor without an executor.
    pub fn active_millis(&self, now: Millis) -> u64 {
        self.active_before + self.active_since.map_or(0, |since| now.since(since))
    }

    /// Milliseconds it was active before the time since which it is active.
    pub fn active(&self) -> (u64, Option<Millis>) {
        (self.active_before, self.active_since)
    }

    /// Whether a finished trial is kept in full.
    pub fn keeps(&self, trial: TrialIndex) -> bool {
        self.kept.contains(&trial)
    }

    /// The next time at which a decision may change though nothing happens.
    pub fn wake_at(&self, now: Millis) -> Option<Millis> {
        if self.outcome.is_some() || self.suspended {
            return None;
        }
        let deadline = self.rules.budget.max_duration.zip(self.active_since).map(|(limit, _)| {
            Millis(now.0 + (limit.as_millis() as u64).saturating_sub(self.active_millis(now)))
        });
        let retry = self
            .pending
            .iter()
            .filter_map(|trial| match self.trials[trial.at()].phase {
                Phase::Pending { not_before } => Some(not_before),
                _ => None,
            })
            .filter(|&at| at > now)
            .min();
        deadline.into_iter().chain(retry).min()
    }

    /// Changes what may change while a job runs.
    pub fn set_budget(&mut self, budget: super::rules::Budget) {
        self.advisor.set_limits(budget.max_trials, budget.parallelism);
        self.rules.budget = budget;
    }

    /// Changes how many finished trials are kept in full.
    pub fn set_retention(&mut self, retention: Option<u32>) {
        self.rules.retention = retention;
    }

    /// Takes one recorded event in. Events of trials or attempts that are over change nothing: a report may arrive
    /// late, and twice.
    pub fn apply(&mut self, at: Millis, event: &Event) {
        match event {
            Event::Decided(action) => self.decided(at, action),
            Event::Observed(observation) => self.observed(at, observation),
        }
        self.last_event = at;
    }

    fn decided(&mut self, at: Millis, action: &Action) {
        match action {
            Action::Create { trial, parameters, run_to, bracket } => {
                debug_assert_eq!(trial.at(), self.trials.len(), "indices are given in order, once each");
                self.trials.push(Trial {
                    phase: Phase::Pending { not_before: at },
                    run_to: *run_to,
                    bracket: *bracket,
                    attempts: 0,
                    failures: 0,
                    disruptions: 0,
                    reached: None,
                    metrics: BTreeMap::new(),
                    losses: None,
                    checkpoint: None,
                    created: at,
                    started: None,
                    ended: None,
                    message: None,
                    progress: Progress::default(),
                    verdict: None,
                });
                self.counts.created += 1;
                self.counts.pending += 1;
                self.pending.insert(*trial);
                self.advisor.started(*trial, parameters.clone(), Goal { run_to: *run_to, bracket: *bracket });
            }
            Action::Promote { trial, run_to } => {
                self.trials[trial.at()].run_to = Some(*run_to);
                self.advisor.promoted(Promotion { trial: *trial, run_to: *run_to });
                self.set_phase(*trial, Phase::Pending { not_before: at });
            }
            Action::Start { trial, attempt } => {
                self.set_phase(*trial, Phase::Running { asked: None });
                let trial = &mut self.trials[trial.at()];
                trial.attempts = *attempt;
                trial.started.get_or_insert(at);
            }
            Action::Stop { trial, reason } => {
                // A trial without a worker has nobody to ask: it is over at once.
                if matches!(self.trials[trial.at()].phase, Phase::Running { .. }) {
                    // What it is told stands, whatever else was concluded meanwhile.
                    self.trials[trial.at()].verdict.take_if(|verdict| *verdict != Asked::Pause);
                    self.set_phase(*trial, Phase::Running { asked: Some(Asked::Stop(*reason)) });
                } else {
                    self.finish(at, *trial, Outcome::Stopped(*reason));
                }
            }
            Action::Pause { trial } => self.set_phase(*trial, Phase::Running { asked: Some(Asked::Pause) }),
            Action::Compact { trials } => {
                self.kept.retain(|trial| !trials.contains(trial));
                for &trial in trials {
                    self.front.no_longer_kept(trial);
                }
            }
            Action::Finish(outcome) => {
                self.active_before = self.active_millis(at);
                self.active_since = None;
                self.outcome = Some(outcome.clone());
            }
        }
    }

    fn observed(&mut self, at: Millis, observation: &Observation) {
        match observation {
            Observation::Learned { message, trials } => {
                self.advisor.learn(trials);
                self.learned = Some(message.clone());
            }
            Observation::Opened => {
                self.started.get_or_insert(at);
                // What lies between the last event of the one who died and this was nobody's time.
                self.active_before = self.active_millis(self.last_event);
                self.active_since = (!self.suspended && self.outcome.is_none()).then_some(at);
            }
            Observation::Reopened => {
                self.outcome = None;
                self.active_since = (!self.suspended).then_some(at);
            }
            Observation::Suspended { suspended } => {
                self.active_before = self.active_millis(at);
                self.suspended = *suspended;
                self.active_since = (!suspended && self.outcome.is_none()).then_some(at);
            }
            Observation::Reported { trial, attempt, resource, metrics } => {
                if self.is_current(*trial, *attempt) {
                    self.reported(*trial, *resource, metrics);
                }
            }
            Observation::Checkpointed { trial, resource, uri } => {
                if let Some(trial) = self.trials.get_mut(trial.at()) {
                    trial.checkpoint = Some(Checkpoint { uri: uri.clone(), resource: *resource });
                }
            }
            Observation::Ended { trial, attempt, ending } => {
                if self.is_current(*trial, *attempt) {
                    self.attempt_ended(at, *trial, ending);
                }
            }
        }
    }

    fn is_current(&self, trial: TrialIndex, attempt: u32) -> bool {
        self.trials
            .get(trial.at())
            .is_some_and(|trial| matches!(trial.phase, Phase::Running { .. }) && trial.attempts == attempt)
    }

    fn reported(&mut self, index: TrialIndex, resource: Resource, metrics: &BTreeMap<String, f64>) {
        let trial = &mut self.trials[index.at()];
        if trial.reached.is_some_and(|reached| resource < reached) {
            return;
        }
        trial.disruptions = 0;
        // Objectives may come in several reports of the same resource; the first complete one is judged.
        let judged = trial.reached == Some(resource)
            && self
                .advisor
                .history()
                .get(index)
                .is_some_and(|t| t.last().is_some_and(|r| r.resource == resource));
        trial.reached = Some(resource);
        trial.metrics.extend(metrics.iter().map(|(name, value)| (name.clone(), *value)));
        if judged || !self.rules.objectives.iter().any(|objective| metrics.contains_key(&objective.metric)) {
            return;
        }
        let Some(mut losses) = self
            .rules
            .objectives
            .iter()
            .map(|objective| trial.metrics.get(&objective.metric).map(|&value| objective.loss(value)))
            .collect::<Option<Vec<f64>>>()
        else {
            return;
        };
        if let Some(before) = &trial.losses {
            for ((loss, before), objective) in losses.iter_mut().zip(before).zip(&self.rules.objectives) {
                if objective.strategy == Strategy::Best {
                    *loss = loss.min(*before);
                }
            }
        }
        if let Some(before) = trial.losses.replace(losses.clone()) {
            self.ranking.remove(&(Loss(before[0]), index));
        }
        self.ranking.insert((Loss(losses[0]), index));
        let reaches_target = self.rules.objectives.iter().any(|objective| objective.target.is_some())
            && self.rules.objectives.iter().zip(&losses).all(|(objective, &loss)| {
                objective.target.is_none_or(|target| loss <= objective.loss(target))
            });
        if reaches_target {
            self.target_reached_by.get_or_insert(index);
        }
        let by_rule = self
            .rules
            .stopping
            .observe(&mut trial.progress, resource, losses[0], |name| trial.metrics.get(name).copied());
        let by_scheduler = self.advisor.reported(index, resource, losses);
        let verdict = match (&by_rule, by_scheduler) {
            (_, Verdict::Stop) => Some(Asked::Stop(StopReason::Scheduler)),
            (_, Verdict::Complete) => Some(Asked::Stop(StopReason::ResourceReached)),
            (Some(RuleReason::Reached(_)), _) => Some(Asked::Stop(StopReason::StopWhen)),
            (Some(RuleReason::NoImprovement(_)), _) => Some(Asked::Stop(StopReason::EarlyStopping)),
            (None, Verdict::Pause) => Some(Asked::Pause),
            (None, Verdict::Continue) => None,
        };
        let trial = &mut self.trials[index.at()];
        // What it was told stands.
        let is_ending = matches!(trial.phase, Phase::Running { asked: Some(Asked::Stop(_)) });
        if let (Some(verdict), None, false) = (verdict, trial.verdict, is_ending) {
            trial.verdict = Some(verdict);
            trial.message = by_rule.map(|reason| reason.to_string());
            // A worker that got as far as it was sent ends the attempt without being asked.
            if verdict != Asked::Pause || trial.run_to.is_none_or(|run_to| resource < run_to) {
                self.to_ask.insert(index);
            }
        }
    }

    /// The one place where a trial's phase changes: counts and sets follow.
    pub(super) fn set_phase(&mut self, index: TrialIndex, phase: Phase) {
        let trial = &mut self.trials[index.at()];
        let before = std::mem::replace(&mut trial.phase, phase);
        let waits_to_be_asked =
            trial.verdict.is_some() && matches!(trial.phase, Phase::Running { asked: None });
        *self.counts.of_phase(&before) -= 1;
        *self.counts.of_phase(&trial.phase) += 1;
        member(&mut self.pending, index, matches!(trial.phase, Phase::Pending { .. }));
        member(&mut self.running, index, matches!(trial.phase, Phase::Running { .. }));
        member(&mut self.paused, index, matches!(trial.phase, Phase::Paused));
        member(&mut self.to_ask, index, waits_to_be_asked);
    }

    /// Whether so much has failed that the job should end.
    pub(super) fn too_many_failed(&self) -> bool {
        match self.rules.budget.max_failed_trials {
            Some(limit) => self.counts.failed > limit,
            None => {
                self.counts.failed >= FAILURES_BEFORE_GIVING_UP
                    && self.counts.failed == self.counts.finished()
            }
        }
    }

    /// The first trial that wants a worker and may have one.
    pub(super) fn next_pending(&self, now: Millis) -> Option<TrialIndex> {
        self.pending.iter().copied().find(|trial| {
            matches!(self.trials[trial.at()].phase, Phase::Pending { not_before } if not_before <= now)
        })
    }

    /// A resource as the command is told it: how far to go.
    pub fn run_to(&self, trial: TrialIndex) -> Option<Resource> {
        self.trial(trial).and_then(|trial| trial.run_to)
    }
}

fn member(set: &mut BTreeSet<TrialIndex>, trial: TrialIndex, belongs: bool) {
    if belongs {
        set.insert(trial);
    } else {
        set.remove(&trial);
    }
}
