//! The figures there are, each made of a job's read model.

mod axes;
mod curves;
mod history;
mod importance;
mod parallel;
mod pareto;
mod slices;

use super::{NothingToShow, brief, figure::Figure};
use crate::view::{JobView, TrialState};

/// What a figure shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// Each trial's result, and the best so far, over the trials.
    History,
    /// The same over time.
    Time,
    /// What each trial reported, step by step.
    Curves,
    /// How much of the differences in the result each parameter causes.
    Importance,
    /// All parameters and the result side by side, a line for each trial.
    Parallel,
    /// The result over each parameter by itself.
    Slices,
    /// Several objectives against each other.
    Pareto,
}

impl Kind {
    /// All of them, in the order of a report.
    pub const ALL: [Self; 7] = [
        Self::History,
        Self::Time,
        Self::Curves,
        Self::Importance,
        Self::Parallel,
        Self::Slices,
        Self::Pareto,
    ];

    /// Its name, in options and in names of files.
    pub fn name(self) -> &'static str {
        match self {
            Self::History => "history",
            Self::Time => "time",
            Self::Curves => "curves",
            Self::Importance => "importance",
            Self::Parallel => "parallel",
            Self::Slices => "slices",
            Self::Pareto => "pareto",
        }
    }
}

pub(super) fn figure(kind: Kind, job: &JobView) -> Result<Figure, NothingToShow> {
    match kind {
        Kind::History => history::over_trials(job),
        Kind::Time => history::over_time(job),
        Kind::Curves => curves::figure(job),
        Kind::Importance => importance::figure(job),
        Kind::Parallel => parallel::figure(job),
        Kind::Slices => slices::figure(job),
        Kind::Pareto => pareto::figure(job),
    }
}

/// The job in a line: trials, failures, the best.
fn subtitle(job: &JobView) -> String {
    let counts = job.counts;
    let mut parts = vec![match counts.created {
        1 => "1 trial".to_owned(),
        trials => format!("{trials} trials"),
    }];
    for (count, what) in
        [(counts.stopped, "stopped early"), (counts.paused, "paused"), (counts.failed, "failed")]
    {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    if let Some(best) = job.best_trial()
        && let Some(value) = best.result.as_ref().and_then(|result| result.first())
    {
        parts.push(format!("best {} {} (trial {})", job.objective().metric, brief(*value), best.index));
    }
    format!("{}: {}", job.name, parts.join(", "))
}

fn no_results(job: &JobView) -> NothingToShow {
    let metric = &job.objective().metric;
    NothingToShow(match job.counts.created {
        0 => format!("job {} has no trials yet", job.name),
        trials => format!("none of the {trials} trials of job {} has reported {metric} yet", job.name),
    })
}

/// Indices of trials that failed, as places on an axis.
fn failed(job: &JobView) -> impl Iterator<Item = &crate::view::TrialView> {
    job.trials.iter().filter(|trial| trial.state == TrialState::Failed)
}
