//! Where a job stands. Its size does not grow with the number of trials.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use temper_advisor::space::Configuration;

use crate::schema;

/// Where a job stands: written by the operator only.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TuningJobStatus {
    /// Accepted: the spec is right; if not, the message says everything that is wrong. Progressing: trials run or
    /// will. Suspended: it waits for spec.suspend to be false. WarmStarted: what it learned from the jobs of
    /// spec.warmStartFrom. Complete and Failed: how it ended, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,

    /// The generation of the spec that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// The conditions in one word, for the Status column: Pending, Invalid, Running, Suspended, Complete or Failed.
    /// Programs should read the conditions.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub state: String,

    /// Finished trials and how many there may be, for the Trials column. Example: 12/40.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub progress: String,

    /// How many trials stand where.
    #[serde(default)]
    pub trials: TrialCounts,

    /// The best trial so far by the first objective.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<BestTrial>,

    /// With several objectives: trials that no other is better than in every objective, at most 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), extend("x-kubernetes-list-type" = "atomic"))]
    pub pareto_front: Vec<BestTrial>,

    /// The search in use, and why it was chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<SearchStatus>,

    /// When the first trial was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::time")]
    pub start_time: Option<Time>,

    /// When the job ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::time")]
    pub completion_time: Option<Time>,

    /// Seconds in which the job was not suspended, up to activeAt: what budget.maxDuration is compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_seconds: Option<u64>,

    /// Since when the job is active and activeSeconds no longer counts. Absent while it is suspended or finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::time")]
    pub active_since: Option<Time>,
}

/// How many trials stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TrialCounts {
    /// All that were ever created.
    pub created: u32,
    /// Waiting for a pod.
    pub pending: u32,
    /// Running now.
    pub running: u32,
    /// Waiting at a rung to be promoted.
    pub paused: u32,
    /// Ran to their end.
    pub completed: u32,
    /// Ended early because they were not promising. Their results count.
    pub stopped: u32,
    /// Ended without a result, after their retries.
    pub failed: u32,
}

/// A trial worth naming in the job's status.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BestTrial {
    /// Name of the Trial object.
    pub trial: String,
    /// Its number within the job.
    pub index: u32,
    /// Its first objective, as text for the Best column. Example: 0.9312.
    pub objective: String,
    /// Its configuration.
    #[schemars(schema_with = "schema::values_by_name")]
    pub parameters: Configuration,
    /// Its metrics.
    pub metrics: BTreeMap<String, f64>,
    /// Where its last checkpoint is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
}

/// The search in use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SearchStatus {
    /// The algorithm that proposes; where Auto was asked for, what it chose.
    pub algorithm: String,
    /// The scheduler, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduler: Option<String>,
    /// Why it was chosen and what it does next, in a sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}
