//! What runs inside a trial: the agent around any training command, and (feature `torch`) built-in trainers.

pub mod agent;
pub mod cli;
#[cfg(feature = "torch")]
pub mod models;
