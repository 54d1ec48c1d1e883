//! What a decision needs to know of a job besides its trials.

use temper_advisor::{Invalid, advisor::Advisor, stopping::StopRules};
use temper_crds::job::Job;
pub use temper_crds::job::{Budget, Goal, Objective, Strategy};

use super::state::JobState;

/// Without `maxFailedTrials`, a job whose first trials all fail is taken to be broken: further trials would burn
/// the budget and show nothing new.
pub const FAILURES_BEFORE_GIVING_UP: u32 = 5;

/// What a decision needs to know of a job besides its trials.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// At least one; the first is the one that schedulers and stopping rules judge.
    pub objectives: Vec<Objective>,
    /// How much the job may use. All of it may change while the job runs.
    pub budget: Budget,
    /// How often a failed trial is tried again.
    pub retries: u32,
    /// Ends trials by what they themselves report.
    pub stopping: StopRules,
    /// How many finished trials are kept in full; `None`: all.
    pub retention: Option<u32>,
}

impl From<&Job> for Rules {
    fn from(job: &Job) -> Self {
        Self {
            objectives: job.objectives.clone(),
            budget: job.budget.clone(),
            retries: job.trial.retries,
            stopping: job.stop_rules.clone(),
            retention: Some(job.retention),
        }
    }
}

impl JobState {
    /// The job of a manifest, to which nothing has happened yet.
    ///
    /// # Errors
    /// What is wrong with the search or the scheduler; a [`Job`] was found to be right in both.
    pub fn of(job: &Job) -> Result<Self, Vec<Invalid>> {
        Ok(Self::new(Rules::from(job), Advisor::new(job.settings.clone())?))
    }
}
