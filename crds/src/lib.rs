//! Temper's custom resources: Rust types, their validation, the generated YAML.
//!
//! The types here are *wide*: they can hold whatever the API server admits, right or wrong. [`validation`] narrows
//! a [`TuningJob`] into a [`job::Job`], which cannot be wrong, or says everything that is wrong with it.

pub mod job;
pub mod manifests;
pub mod reference;
mod schema;
pub mod trial;
pub mod trial_history;
pub mod tuning_job;
pub mod validation;

pub use trial::{Trial, TrialSpec, TrialStatus};
pub use trial_history::{TrialHistory, TrialHistorySpec};
pub use tuning_job::{TuningJob, TuningJobSpec, TuningJobStatus};

/// API group of the resources.
pub const GROUP: &str = "temper.rs";
/// Version of the resources.
pub const VERSION: &str = "v1alpha1";
/// Group and version, as manifests have it.
pub const API_VERSION: &str = "temper.rs/v1alpha1";
