//! What a decision needs to know of a job besides its trials.

use std::time::Duration;

use temper_advisor::stopping::StopRules;

/// Which way an objective improves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Smaller is better.
    Minimize,
    /// Larger is better.
    Maximize,
}

/// Which of a trial's reports is its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Strategy {
    /// The furthest: what the final checkpoint has.
    #[default]
    Latest,
    /// The best up to there.
    Best,
}

/// What is optimised.
#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    /// Name of the metric.
    pub metric: String,
    /// Which way.
    pub goal: Goal,
    /// Good enough: the job ends when a trial reaches it.
    pub target: Option<f64>,
    /// Which report counts.
    pub strategy: Strategy,
}

impl Objective {
    /// The metric as a loss: smaller is better.
    pub fn loss(&self, value: f64) -> f64 {
        match self.goal {
            Goal::Minimize => value,
            Goal::Maximize => -value,
        }
    }

    /// The metric that a loss stands for; the inverse of [`Objective::loss`].
    pub fn value(&self, loss: f64) -> f64 {
        self.loss(loss)
    }
}

/// How much a job may use. All of it may change while the job runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Budget {
    /// Trials created, failed ones included.
    pub max_trials: Option<u32>,
    /// Trials that hold a worker at once, at least 1.
    pub parallelism: u32,
    /// Time in which the job was not suspended.
    pub max_duration: Option<Duration>,
    /// The job fails when more trials than this have failed. `None`: when the first
    /// [`FAILURES_BEFORE_GIVING_UP`] trials to end have all failed.
    pub max_failed_trials: Option<u32>,
}

/// Without `maxFailedTrials`, a job whose first trials all fail is taken to be broken: further trials would burn
/// the budget and show nothing new.
pub const FAILURES_BEFORE_GIVING_UP: u32 = 5;

/// What a decision needs to know of a job besides its trials.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// At least one; the first is the one that schedulers and stopping rules judge.
    pub objectives: Vec<Objective>,
    /// How much the job may use.
    pub budget: Budget,
    /// How often a failed trial is tried again.
    pub retries: u32,
    /// Ends trials by what they themselves report.
    pub stopping: StopRules,
    /// How many finished trials are kept in full; `None`: all.
    pub retention: Option<u32>,
}
