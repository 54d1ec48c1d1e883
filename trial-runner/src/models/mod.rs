//! Built-in models and their trainer, on libtorch.
//!
//! `train` reads the trial's parameters, trains on the training part of a data set, measures each epoch on a
//! validation part of it, and prints one JSON object a line. The test part is measured by `evaluate` alone.
#![allow(clippy::cast_possible_wrap, reason = "libtorch counts in i64; no length here comes near its end")]

pub(crate) mod checkpoint;
pub mod cli;
pub(crate) mod data;
pub(crate) mod device;
mod failure;
pub(crate) mod network;
pub(crate) mod optimizer;
pub(crate) mod parameters;
pub(crate) mod schedule;
pub(crate) mod signals;
pub(crate) mod trainer;

pub(crate) use failure::Failure;
