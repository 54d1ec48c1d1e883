//! Temper's search engine: what to try next, and how far each trial goes.
//!
//! Pure: no clock, no I/O, no Kubernetes types. Every random draw comes from the job's seed and the trial's index,
//! so an advisor rebuilt from a job's recorded events proposes exactly what the one that lived through them would.
//!
//! - [`space`]: the parameters, and their encoding to the unit cube and back
//! - [`history`]: what has been tried and what came of it; [`past`]: and what earlier jobs have found
//! - [`search`]: what proposes configurations (one file and one line of registration each)
//! - [`importance`]: which parameters made the difference
//! - [`schedule`]: what decides how far a trial goes (likewise)
//! - [`stopping`]: rules that end a trial by its own reports, beside any scheduler
//! - [`advisor`]: all of these for one job, behind one door
//!
//! Inside the engine every objective is a **loss**: smaller is better. Goals are turned into losses at the edge.

#![cfg_attr(test, allow(clippy::float_cmp, reason = "what is said to be exact is tested to be"))]

pub mod advisor;
pub mod error;
pub mod history;
pub mod ids;
pub mod importance;
pub mod options;
pub mod past;
pub mod registry;
pub mod rng;
pub mod schedule;
pub mod search;
pub mod space;
pub mod stopping;
pub mod suggest;

pub use error::Invalid;
pub use ids::{ParamName, Resource, TrialIndex};
