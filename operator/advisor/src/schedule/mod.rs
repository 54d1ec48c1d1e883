//! What decides how far a trial goes.
//!
//! To add one: a file here with a [`Scheduler`] and a `REGISTRATION`, and its line in [`SCHEDULERS`].
//!
//! A scheduler is a fold over a job's events in their recorded order: [`Scheduler::started`],
//! [`Scheduler::reported`], [`Scheduler::paused`], [`Scheduler::promoted`], [`Scheduler::ended`]. Its answers depend
//! on these alone. What it would do next depends on what happened to each trial and not on how the trials' events
//! were interleaved, so that a job whose trials are read back one after the other goes on as it would have.

mod asha;
mod hyperband;
mod ladder;
mod median;
mod none;
mod standing;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

pub use asha::{AshaOptions, Mode};
pub use median::MedianOptions;

use crate::{
    Invalid, Resource, TrialIndex,
    registry::{Registration, read_options},
    space::{Domain, Space},
};

/// What every scheduler knows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Context {
    /// Least resource a trial gets before it is judged.
    pub min: Resource,
    /// Most a trial can get; `None` when the trials end by themselves.
    pub max: Option<Resource>,
    /// One trial in so many goes on from a rung; at least 2.
    pub reduction_factor: u32,
    /// Seed of the job.
    pub seed: u64,
    /// How many trials the job may create.
    pub max_trials: Option<u32>,
    /// How many run at once.
    pub parallelism: u32,
}

/// What is to become of a trial after a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Continue,
    /// It ends here; its reports count.
    Stop,
    /// It gives its worker back and waits to be promoted.
    Pause,
    /// It has gone beyond what it may: it ends here, completed. (At exactly what it may, it is left to end by itself.)
    Complete,
}

/// How far a new trial may go, and among whom it competes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Goal {
    /// It runs to here; `None`: to its own end.
    pub run_to: Option<Resource>,
    /// Bracket, from 0; schedulers without brackets say 0.
    pub bracket: u32,
}

/// A paused trial that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promotion {
    /// Which.
    pub trial: TrialIndex,
    /// It runs to here.
    pub run_to: Resource,
}

/// How a trial ended, as a scheduler sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Ran to its end.
    Completed,
    /// Ended early, with its reports.
    Stopped,
    /// Ended without a usable result. It must never block a rung.
    Failed,
}

/// Decides how far trials go. What is about pauses is for those that pause trials, and what is about the number of
/// trials for those that wait for a number of them.
pub trait Scheduler: Send + Sync {
    /// How far the next new trial goes; `None` when no new trial may start before something else happens.
    fn goal(&self, trial: TrialIndex) -> Option<Goal>;

    /// A trial was created with the goal that [`Scheduler::goal`] gave.
    fn started(&mut self, trial: TrialIndex, goal: Goal);

    /// A trial reported its (first) loss at a resource it had not reached before. Also for one that was told to stop or
    /// to pause and has not done so yet, whatever is said now: what it measured counts, and one that pauses waits where
    /// it has come to by then.
    fn reported(&mut self, trial: TrialIndex, resource: Resource, loss: f64) -> Verdict;

    /// A trial that was told to pause has given its worker back.
    fn paused(&mut self, _trial: TrialIndex) {}

    /// The paused trial that should go on now that a worker is free.
    fn promotion(&self) -> Option<Promotion> {
        None
    }

    /// A paused trial went on.
    fn promoted(&mut self, _promotion: Promotion) {}

    /// A trial ended: it will neither report nor be promoted again.
    fn ended(&mut self, trial: TrialIndex, ending: Ending);

    /// How many trials the job may create has changed.
    fn set_max_trials(&mut self, _max_trials: Option<u32>) {}

    /// No trial will start after those that have: the space is exhausted.
    fn no_more_trials(&mut self) {}

    /// Resources at which trials are judged, for people and for searchers that model them. Empty: at every report.
    fn rungs(&self) -> Vec<Resource>;

    /// What it does with these settings, in a sentence, for `temper explain`.
    fn explain(&self) -> String;
}

/// How a scheduler is built: from the job it is for and its own options. The paths of errors are relative to the
/// scheduler's settings: `max`, `options.brackets`.
pub type BuildScheduler = fn(&Context, &Map<String, Value>) -> Result<Box<dyn Scheduler>, Vec<Invalid>>;

/// Every scheduler, in the order users see them.
pub static SCHEDULERS: &[Registration<BuildScheduler>] =
    &[none::REGISTRATION, asha::REGISTRATION, hyperband::REGISTRATION, median::REGISTRATION];

/// The scheduler of this name.
///
/// # Errors
/// When there is none: the field is `type`.
pub fn scheduler(name: &str) -> Result<&'static Registration<BuildScheduler>, Invalid> {
    Registration::find(SCHEDULERS, "scheduler", "type", name)
}

/// Fixed parameters that say how far trials go where the scheduler's `max` is absent, the first that there is.
pub const MAX_PARAMETERS: [&str; 3] = ["epochs", "max_t", "max_epochs"];

/// Name of the scheduler that lets every trial run to its end.
pub const NONE: &str = "None";

/// How far trials go by a fixed parameter of the space.
pub fn max_of(space: &Space) -> Option<Resource> {
    MAX_PARAMETERS.iter().find_map(|name| {
        let parameter = space.parameters().iter().find(|parameter| parameter.name.as_str() == *name)?;
        match &parameter.domain {
            Domain::Fixed(crate::space::Value::Int(amount)) => Resource::new(u64::try_from(*amount).ok()?),
            _ => None,
        }
    })
}

/// A scheduler's own options.
fn read<T: DeserializeOwned + JsonSchema>(options: &Map<String, Value>) -> Result<T, Vec<Invalid>> {
    read_options(options).map_err(|errors| errors.into_iter().map(|error| error.within("options")).collect())
}
