//! A job's state from what is kept of each trial, where there is no journal of events in their order: in a cluster the
//! objects are the record.
//!
//! Every trial's story is told from its beginning to where it stands, one trial after the other. What the search and
//! the schedulers do next depends on the stories and not on how they were interleaved, so the state decides as the
//! one that lived through them (a property test).

use std::collections::{BTreeMap, BTreeSet};

use temper_advisor::{Resource, TrialIndex, space::Configuration};

use super::{
    event::{Action, Ending, Event, JobOutcome, Millis, Observation, StopReason},
    state::JobState,
    trial::{Asked, Checkpoint, Outcome, Phase},
};

/// What is kept of a trial.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// What it tries.
    pub parameters: Configuration,
    /// Among whom it competes.
    pub bracket: u32,
    /// How far it was sent before, from rung to rung.
    pub rungs: Vec<Resource>,
    /// How far it is sent now; `None`: to its own end.
    pub run_to: Option<Resource>,
    /// The attempt that was started last; `None` before the first.
    pub attempt: Option<u32>,
    /// How many attempts before it have failed.
    pub failures: u32,
    /// What it reported, in order of resource.
    pub reports: Vec<(Resource, BTreeMap<String, f64>)>,
    /// Its last complete checkpoint.
    pub checkpoint: Option<Checkpoint>,
    /// What its worker was asked in this attempt.
    pub asked: Option<Asked>,
    /// How this attempt ended, if it has.
    pub ending: Option<Ending>,
    /// How the trial ended, where that is kept itself.
    pub outcome: Option<Outcome>,
    /// Whether it is no longer kept in full.
    pub is_compacted: bool,
    /// When it was created.
    pub created: Millis,
    /// When it was first started.
    pub started: Option<Millis>,
    /// When the attempt, or the trial, ended.
    pub ended: Option<Millis>,
}

/// What is kept of the job besides its trials.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resumed {
    /// When it began.
    pub started: Option<Millis>,
    /// Milliseconds it was active before `active_since`.
    pub active_before: u64,
    /// Since when it is active; `None` while it is suspended or over.
    pub active_since: Option<Millis>,
    /// Whether it is suspended.
    pub suspended: bool,
    /// How it ended, if it has.
    pub outcome: Option<JobOutcome>,
}

impl JobState {
    /// Takes in what is kept of the job's trials, by index from 0, and of the job itself. Meant for a state to which
    /// nothing has happened yet.
    ///
    /// `None`: nothing is kept of a trial though later ones are there. Whoever decided on it ended before it was written,
    /// or somebody took it away; it is proposed again.
    pub fn recall(&mut self, trials: Vec<Option<Recorded>>, job: Resumed, now: Millis) {
        let compacted: BTreeSet<TrialIndex> = (0..)
            .map(TrialIndex)
            .zip(&trials)
            .filter(|(_, trial)| trial.as_ref().is_some_and(|trial| trial.is_compacted))
            .map(|(at, _)| at)
            .collect();
        self.advisor.set_recalling(true);
        for (index, trial) in (0..).map(TrialIndex).zip(trials) {
            match trial {
                Some(trial) => self.recall_trial(index, trial),
                None => self.propose_again(index, now),
            }
        }
        self.advisor.set_recalling(false);
        self.kept.retain(|trial| !compacted.contains(trial));
        for &trial in &compacted {
            self.front.no_longer_kept(trial);
        }
        let trials = &self.trials;
        self.kept.make_contiguous().sort_by_key(|trial| (trials[trial.at()].ended, *trial));
        let Resumed { started, active_before, active_since, suspended, outcome } = job;
        self.started = started;
        self.active_before = active_before;
        self.active_since = active_since;
        self.suspended = suspended;
        self.outcome = outcome;
        self.last_event = now;
    }

    fn propose_again(&mut self, trial: TrialIndex, now: Millis) {
        let goal = self.advisor.goal(trial);
        if let Some(parameters) = self.advisor.propose(trial) {
            let (run_to, bracket) = goal.map_or((None, 0), |goal| (goal.run_to, goal.bracket));
            self.decide(now, Action::Create { trial, parameters, run_to, bracket });
            return;
        }
        // Indices have no gaps.
        let parameters = Configuration::default();
        self.decide(now, Action::Create { trial, parameters, run_to: None, bracket: 0 });
        let (reason, message) = ("Lost".to_owned(), "its Trial object is gone".to_owned());
        self.finish(now, trial, Outcome::Failed { reason, message });
    }

    fn recall_trial(&mut self, trial: TrialIndex, recorded: Recorded) {
        let Recorded { created, run_to, attempt, .. } = recorded;
        let begun = recorded.started.unwrap_or(created);
        let first = recorded.rungs.first().copied().or(run_to);
        let (parameters, bracket) = (recorded.parameters, recorded.bracket);
        self.decide(created, Action::Create { trial, parameters, run_to: first, bracket });
        let Some(attempt) = attempt else {
            if let Some(Asked::Stop(reason)) = recorded.asked {
                self.decide(created, Action::Stop { trial, reason });
            }
            return;
        };
        // As many attempts as there were; of what happened in them only the reports are kept.
        let mut number = 0;
        let mut start = |state: &mut Self, last: bool| {
            number = if last { attempt } else { (number + 1).min(attempt) };
            state.decide(begun, Action::Start { trial, attempt: number });
            number
        };
        for _ in 0..recorded.failures {
            let attempt = start(self, false);
            let (reason, message) = (String::new(), String::new());
            let ending = Ending::Failed { reason, message, retryable: true };
            self.observe(begun, Observation::Ended { trial, attempt, ending });
        }
        let mut reports = recorded.reports.into_iter().peekable();
        let to = recorded.rungs.iter().copied().skip(1).chain(run_to);
        for (rung, to) in recorded.rungs.iter().copied().zip(to) {
            let attempt = start(self, false);
            while let Some((resource, metrics)) = reports.next_if(|(resource, _)| *resource <= rung) {
                self.observe(begun, Observation::Reported { trial, attempt, resource, metrics });
            }
            self.observe(begun, Observation::Ended { trial, attempt, ending: Ending::Paused });
            self.decide(begun, Action::Promote { trial, run_to: to });
        }
        let attempt = start(self, true);
        for (resource, metrics) in reports {
            self.observe(begun, Observation::Reported { trial, attempt, resource, metrics });
        }
        if let Some(Checkpoint { uri, resource }) = recorded.checkpoint {
            self.observe(begun, Observation::Checkpointed { trial, resource, uri });
        }
        let ended = recorded.ended.unwrap_or(begun);
        if let Some(outcome) = recorded.outcome {
            self.trials[trial.at()].failures = recorded.failures;
            self.finish(ended, trial, outcome);
            return;
        }
        match recorded.asked {
            Some(Asked::Stop(reason)) => self.decide(begun, Action::Stop { trial, reason }),
            Some(Asked::Pause) => self.decide(begun, Action::Pause { trial }),
            None => {}
        }
        if let Some(ending) = recorded.ending {
            self.observe(ended, Observation::Ended { trial, attempt, ending });
            // It was asked to stop where it no longer had a worker.
            if let (Some(Asked::Stop(reason)), Phase::Paused | Phase::Pending { .. }) =
                (recorded.asked, &self.trials[trial.at()].phase)
            {
                self.decide(ended, Action::Stop { trial, reason });
            }
        }
    }

    fn decide(&mut self, at: Millis, action: Action) {
        self.apply(at, &Event::Decided(action));
    }

    fn observe(&mut self, at: Millis, observation: Observation) {
        self.apply(at, &Event::Observed(observation));
    }
}

impl StopReason {
    /// As objects have it; the inverse of [`StopReason::parse`].
    pub fn name(self) -> &'static str {
        match self {
            Self::Scheduler => "Scheduler",
            Self::EarlyStopping => "EarlyStopping",
            Self::StopWhen => "StopWhen",
            Self::ResourceReached => "ResourceReached",
            Self::JobFinished => "JobFinished",
        }
    }

    /// `None` for a word that is no reason.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Scheduler, Self::EarlyStopping, Self::StopWhen, Self::ResourceReached, Self::JobFinished]
            .into_iter()
            .find(|reason| reason.name() == name)
    }
}
