//! `temper run` as a user runs it: the real program, real agents, real processes.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod checkpoints;
mod commands;
mod curves;
mod interruption;
mod killing;
mod learning;
mod live;
mod settings;
mod stores;
mod world;
