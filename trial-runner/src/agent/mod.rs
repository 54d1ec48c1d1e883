//! The agent: runs any training command, reads its metrics, moves its checkpoints, obeys pause and stop.

mod expand;
mod metrics;
mod nearest;
pub mod protocol;
mod reports;
