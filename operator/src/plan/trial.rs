//! One trial as a decision sees it.

use std::collections::BTreeMap;

use temper_advisor::{Resource, stopping::Progress};

use super::event::{Millis, StopReason};

/// Where a trial stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Wants a worker: new, promoted, resumed, or about to be tried again. Holds a place among the live.
    Pending {
        /// Not before this: after a disruption, so that a broken node makes no hot loop.
        not_before: Millis,
    },
    /// Has a worker.
    Running {
        /// What the worker was asked, if it was asked anything.
        asked: Option<Asked>,
    },
    /// Waits at a rung; holds no worker.
    Paused,
    /// It is over.
    Finished(Outcome),
}

/// What a worker was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// To end the trial.
    Stop(StopReason),
    /// To save it and give its place back.
    Pause,
}

/// How a trial ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It ran to its end, or to the threshold at which it was to end.
    Completed,
    /// It was ended early; what it reported counts.
    Stopped(StopReason),
    /// It has no usable result, after its retries.
    Failed {
        /// For programs.
        reason: String,
        /// For people.
        message: String,
    },
}

/// One trial.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// Where it stands.
    pub phase: Phase,
    /// How far it may go; `None`: to its own end.
    pub run_to: Option<Resource>,
    /// Among whom it competes.
    pub bracket: u32,
    /// Attempts started.
    pub attempts: u32,
    /// Attempts that failed by their own fault.
    pub failures: u32,
    /// Attempts that were taken away since the last one that reported anything.
    pub disruptions: u32,
    /// Furthest resource at which it reported an objective or anything else.
    pub reached: Option<Resource>,
    /// Metrics at the furthest resource; a metric that was not reported there keeps its last value.
    pub metrics: BTreeMap<String, f64>,
    /// One loss for each objective: the trial's result so far.
    pub losses: Option<Vec<f64>>,
    /// Its last complete checkpoint.
    pub checkpoint: Option<Checkpoint>,
    /// When it was created.
    pub created: Millis,
    /// When its first attempt started.
    pub started: Option<Millis>,
    /// When it finished.
    pub ended: Option<Millis>,
    /// Why it, or its last attempt, ended as it did, where that needs saying.
    pub message: Option<String>,
    /// What the stopping rules remember.
    pub(super) progress: Progress,
    /// What was concluded from its reports and not yet asked of its worker.
    pub(super) verdict: Option<Asked>,
}

/// A checkpoint that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Where.
    pub uri: String,
    /// How far the trial was.
    pub resource: Option<Resource>,
}

impl Trial {
    /// Whether it holds one of the job's places: `parallelism` bounds these.
    pub fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Pending { .. } | Phase::Running { .. })
    }

    /// Whether it is over.
    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.phase {
            Phase::Finished(outcome) => Some(outcome),
            _ => None,
        }
    }
}
