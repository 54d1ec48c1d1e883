//! A real cluster, and what is tried on it.
//!
//! `TEMPER_TEST_KUBECONFIG` names any cluster whose nodes have the images `busybox:1` and
//! `temper.test/runner:dev` (or those of `TEMPER_TEST_IMAGE` and `TEMPER_TEST_RUNNER_IMAGE`). Without it the tests of
//! one program start a cluster of `tests/cluster` and share it; it goes when the program ends, however it ends. Where
//! none can be started the tests say what is missing and are skipped, unless `TEMPER_REQUIRE_CLUSTER` is set.
//!
//! Each test has a namespace, and each of its operators the rights that the chart gives one there.

mod collector;
mod job;
mod ledger;
mod machine;
mod means;
mod operator;
mod plugin;
mod rights;
mod turmoil;
mod world;

pub use self::{
    collector::{Collector, Span},
    job::{Job, TRAINER},
    ledger::Ledger,
    machine::Cluster,
    operator::Operator,
    world::{World, condition},
};
