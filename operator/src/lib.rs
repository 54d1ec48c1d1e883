//! Temper: the one decision function, its executors, and the `temper` command line.

pub mod cli;
pub mod view;
