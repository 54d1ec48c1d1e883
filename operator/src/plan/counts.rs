//! How many trials stand where, kept up to date event by event.

use super::trial::{Outcome, Phase, Trial};

/// How many trials stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All that were ever created.
    pub created: u32,
    /// Wanting a worker.
    pub pending: u32,
    /// Having a worker.
    pub running: u32,
    /// Waiting at a rung.
    pub paused: u32,
    /// Ran to their end.
    pub completed: u32,
    /// Ended early, with their reports.
    pub stopped: u32,
    /// Ended without a usable result.
    pub failed: u32,
}

impl Counts {
    /// The same, counted afresh over all trials: what the incremental count must equal.
    pub fn of<'a>(trials: impl IntoIterator<Item = &'a Trial>) -> Self {
        let mut counts = Self::default();
        for trial in trials {
            counts.created += 1;
            *counts.of_phase(&trial.phase) += 1;
        }
        counts
    }

    /// Trials that hold a place.
    pub fn live(&self) -> u32 {
        self.pending + self.running
    }

    /// Trials that are over.
    pub fn finished(&self) -> u32 {
        self.completed + self.stopped + self.failed
    }

    pub(super) fn of_phase(&mut self, phase: &Phase) -> &mut u32 {
        match phase {
            Phase::Pending { .. } => &mut self.pending,
            Phase::Running { .. } => &mut self.running,
            Phase::Paused => &mut self.paused,
            Phase::Finished(Outcome::Completed) => &mut self.completed,
            Phase::Finished(Outcome::Stopped(_)) => &mut self.stopped,
            Phase::Finished(Outcome::Failed { .. }) => &mut self.failed,
        }
    }
}
