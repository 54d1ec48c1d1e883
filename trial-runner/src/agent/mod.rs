//! The agent: runs any training command, reads its metrics, moves its checkpoints, obeys pause and stop.

mod checkpoints;
mod conduct;
mod environment;
mod expand;
mod log;
mod metrics;
mod nearest;
mod process;
pub mod protocol;
mod reports;

pub use process::end_leftovers;
