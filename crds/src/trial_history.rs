//! `TrialHistory`: finished trials that are no longer objects of their own.

#![allow(
    clippy::doc_markdown,
    clippy::duplicated_attributes,
    rustdoc::invalid_html_tags,
    reason = "comments are the schema's descriptions, plain text for kubectl explain; columns repeat their attributes' names"
)]

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use temper_advisor::space::Configuration;

use crate::{schema, trial::SeriesPoint};

/// A chunk of a job's finished trials, at most 500 kB: written by the operator only.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "temper.rs",
    version = "v1alpha1",
    kind = "TrialHistory",
    plural = "trialhistories",
    namespaced,
    doc = "Finished trials of a TuningJob beyond its retention, in chunks. Created by the operator; not to be edited.",
    derive = "PartialEq",
    category = "temper",
    selectable = ".spec.job",
    printcolumn(name = "Job", type_ = "string", json_path = ".spec.job"),
    printcolumn(name = "Chunk", type_ = "integer", json_path = ".spec.chunk"),
    printcolumn(name = "Trials", type_ = "integer", json_path = ".spec.count"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct TrialHistorySpec {
    /// Name of its TuningJob.
    #[schemars(length(min = 1, max = 63))]
    pub job: String,
    /// Number of the chunk, from 0.
    pub chunk: u32,
    /// How many trials it holds.
    pub count: u32,
    /// What the job learned from others (spec.warmStartFrom) when it began: the trials are then those of the other jobs,
    /// with the objectives of this one. Absent: they are the job's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_start: Option<WarmStart>,
    /// The trials.
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub trials: Vec<FinishedTrial>,
}

/// What a job learned when it began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WarmStart {
    /// From which jobs, and from how many of their trials; a line for each.
    #[schemars(length(max = 32768))]
    pub message: String,
}

/// One finished trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FinishedTrial {
    /// Its number within the job.
    pub index: u32,
    /// How it ended: Completed, Stopped or Failed.
    pub state: FinishedState,
    /// Why it ended that way, in one word, where there is something to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Its configuration.
    #[schemars(schema_with = "schema::values_by_name")]
    pub parameters: Configuration,
    /// Metrics of its furthest report.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<String, f64>,
    /// Its learning curve, as in a Trial's report.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::series")]
    pub series: Vec<SeriesPoint>,
    /// The scheduler's bracket in which it competed.
    #[serde(default)]
    pub bracket: u32,
    /// How far it was sent before, from rung to rung.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rungs: Vec<u64>,
    /// How far it was sent last. Absent: to its own end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_to: Option<u64>,
    /// How often it was started.
    pub attempts: u32,
    /// How many of its attempts failed.
    #[serde(default)]
    pub failures: u32,
    /// Why it failed, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub message: Option<String>,
    /// Where its last checkpoint is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
    /// When it was first started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::time")]
    pub started_at: Option<Time>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::time")]
    pub finished_at: Option<Time>,
}

/// How a trial ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(missing_docs, reason = "the field says it")]
pub enum FinishedState {
    Completed,
    Stopped,
    Failed,
}
