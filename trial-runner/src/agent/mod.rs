//! The agent: runs any training command, reads its metrics, moves its checkpoints, obeys pause and stop.

pub mod protocol;
