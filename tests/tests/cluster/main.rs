//! The operator on a real cluster: a process of this machine that can be killed, with trials in pods.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod crashes;
mod delivery;
mod disruptions;
mod edits;
mod examples;
mod failures;
mod learning;
mod lifecycle;
mod neighbours;
mod obstacles;
mod plugin;
mod pods;
mod probes;
mod retention;
mod reuse;
mod rights;
mod runs;
mod schedulers;
mod sidecars;
mod traces;
mod turmoil;
