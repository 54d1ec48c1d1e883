//! What decides how far a trial goes.
//!
//! To add one: a file here with a [`Scheduler`] and a `REGISTRATION`, and its line in [`SCHEDULERS`].
//!
//! A scheduler is a fold over a job's events in their recorded order: [`Scheduler::started`],
//! [`Scheduler::reported`], [`Scheduler::promoted`], [`Scheduler::ended`]. Its answers depend on these alone.

use serde_json::{Map, Value};

use crate::{Invalid, Resource, TrialIndex, registry::Registration};

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

/// Decides how far trials go.
pub trait Scheduler: Send {
    /// How far the next new trial goes; `None` when no new trial may start before something else happens.
    fn goal(&self, trial: TrialIndex) -> Option<Goal>;

    /// A trial was created with the goal that [`Scheduler::goal`] gave.
    fn started(&mut self, trial: TrialIndex, goal: Goal);

    /// A trial reported its (first) loss at a resource it had not reached before.
    fn reported(&mut self, trial: TrialIndex, resource: Resource, loss: f64) -> Verdict;

    /// The paused trial that should go on now that a worker is free.
    fn promotion(&self) -> Option<Promotion>;

    /// A paused trial went on.
    fn promoted(&mut self, promotion: Promotion);

    /// A trial ended: it will neither report nor be promoted again.
    fn ended(&mut self, trial: TrialIndex, ending: Ending);

    /// Resources at which trials are judged, for people and for searchers that model them. Empty: at every report.
    fn rungs(&self) -> Vec<Resource>;

    /// What it does with these settings, in a sentence, for `temper explain`.
    fn explain(&self) -> String;
}

/// How a scheduler is built: from the job it is for and its own options.
pub type BuildScheduler = fn(&Context, &Map<String, Value>) -> Result<Box<dyn Scheduler>, Vec<Invalid>>;

/// Every scheduler, in the order users see them.
pub static SCHEDULERS: &[Registration<BuildScheduler>] = &[];
