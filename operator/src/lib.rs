//! Temper: the one decision function, its executors, and the `temper` command line.
//!
//! - [`plan`]: what is done next with a job; pure
//! - [`simulate`]: jobs in virtual time
//! - [`warm_start`]: what a job learns from earlier ones; pure
//! - [`spans`]: what traces are made under
//! - [`view`]: a job as people and programs look at it
//! - [`plot`]: the same as pictures
//! - [`local`]: jobs on this machine
//! - [`cluster`]: jobs on Kubernetes
//! - [`ask_tell`]: jobs whose trials another program runs
//! - [`explain`]: what a job would do
//! - [`cli`]: the command line

pub mod ask_tell;
pub mod cli;
pub mod cluster;
pub mod explain;
pub mod local;
pub mod plan;
pub mod plot;
pub mod simulate;
pub mod spans;
pub mod view;
pub mod warm_start;
