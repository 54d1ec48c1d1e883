//! The agent with real processes and real files: an executor's side of the pipes is played by the test.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod by_hand;
mod checkpoints;
mod endings;
mod executor_gone;
mod formats;
mod harness;
mod install;
mod outcomes;
mod outputs;
#[cfg(feature = "stores")]
#[path = "../s3/mod.rs"]
mod s3;
#[cfg(feature = "stores")]
mod stores;
