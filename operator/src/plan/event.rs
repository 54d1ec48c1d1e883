//! What happens to a job, in the order in which it is recorded.
//!
//! A job's state is a fold over these events ([`super::JobState::apply`]), so whoever keeps them in order can rebuild
//! it. An [`Action`] is decided here and carried out by an executor; an [`Observation`] is what an executor saw.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use temper_advisor::{Resource, TrialIndex, past::PastTrial, space::Configuration};

/// Milliseconds since the Unix epoch, or since the start of a simulation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub u64);

impl Millis {
    /// Time from `earlier` to this, zero when it is not earlier.
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Event {
    /// It was decided.
    Decided(Action),
    /// It was seen.
    Observed(Observation),
}

/// What is to be done. Recorded first, carried out after: an executor that dies in between finds it recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Action {
    /// A new trial exists.
    Create {
        /// The next index.
        trial: TrialIndex,
        /// What it tries.
        parameters: Configuration,
        /// How far it may go; absent: to its own end.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run_to: Option<Resource>,
        /// Among whom it competes.
        #[serde(default)]
        bracket: u32,
    },
    /// A paused trial goes on, to here.
    Promote {
        /// Which.
        trial: TrialIndex,
        /// How far it may go now.
        run_to: Resource,
    },
    /// A worker runs the trial. It resumes from its last checkpoint, if it has one.
    Start {
        /// Which.
        trial: TrialIndex,
        /// From 1, never used twice.
        attempt: u32,
    },
    /// The worker is asked to end the trial.
    Stop {
        /// Which.
        trial: TrialIndex,
        /// Why, for people and for what becomes of the trial.
        reason: StopReason,
    },
    /// The worker is asked to save the trial and give its place back.
    Pause {
        /// Which.
        trial: TrialIndex,
    },
    /// These finished trials are no longer kept in full.
    Compact {
        /// Which, oldest first.
        trials: Vec<TrialIndex>,
    },
    /// The job is over.
    Finish(JobOutcome),
}

/// What an executor saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "saw", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Observation {
    /// What earlier jobs have found is known to the search. At the job's beginning only.
    Learned {
        /// From what, for people.
        message: String,
        /// What the search is told.
        trials: Vec<PastTrial>,
    },
    /// An executor took the job up: at its beginning, and again after each interruption.
    Opened,
    /// A job that was over goes on: its budget was raised.
    Reopened,
    /// A worker reported metrics.
    Reported {
        /// Of which trial.
        trial: TrialIndex,
        /// Which attempt of it.
        attempt: u32,
        /// How far it was.
        resource: Resource,
        /// Finite numbers.
        metrics: BTreeMap<String, f64>,
    },
    /// A checkpoint is complete and can be read.
    Checkpointed {
        /// Of which trial.
        trial: TrialIndex,
        /// How far it was.
        resource: Option<Resource>,
        /// Where it is.
        uri: String,
    },
    /// A worker no longer runs the trial.
    Ended {
        /// Which trial.
        trial: TrialIndex,
        /// Which attempt of it.
        attempt: u32,
        /// How.
        ending: Ending,
    },
    /// The user asked for the job to be suspended (`true`) or to go on (`false`).
    Suspended {
        /// Which.
        suspended: bool,
    },
}

/// How an attempt at a trial ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "camelCase")]
pub enum Ending {
    /// The command ended by itself, or was ended at the resource it was to reach.
    Succeeded,
    /// It failed by its own fault.
    Failed {
        /// For programs: `ExitCode`, `Signal`, `Diverged`, `NoMetric`, `CannotStart`, ...
        reason: String,
        /// For people.
        message: String,
        /// Whether another attempt could end otherwise.
        retryable: bool,
    },
    /// It ended because it was asked to stop.
    Stopped,
    /// It ended because it was asked to pause.
    Paused,
    /// It was taken away by something that is not its fault: executor or node lost, eviction, preemption.
    Disrupted {
        /// For people.
        message: String,
    },
}

/// Why a trial is asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StopReason {
    /// The scheduler: not promising.
    Scheduler,
    /// No improvement for so many reports.
    EarlyStopping,
    /// A threshold of `trial.stopWhen`.
    StopWhen,
    /// It went beyond the resource it was to reach.
    ResourceReached,
    /// The job is over.
    JobFinished,
}

impl StopReason {
    /// Whether a trial that is ended for this reason did all it was to do.
    pub fn completes(self) -> bool {
        matches!(self, Self::StopWhen | Self::ResourceReached)
    }
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobOutcome {
    /// Whether it did what was asked. A failed job may still have good trials.
    pub succeeded: bool,
    /// For programs.
    pub reason: FinishReason,
    /// For people.
    pub message: String,
}

/// Why a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FinishReason {
    /// An objective's target was reached.
    TargetReached,
    /// All trials of the budget have ended.
    MaxTrialsReached,
    /// The time of the budget is used up.
    MaxDurationReached,
    /// The search space holds nothing more to try.
    SearchSpaceExhausted,
    /// More trials failed than the budget allows.
    TooManyFailedTrials,
    /// Not one trial reported the objective.
    NoTrialSucceeded,
}
