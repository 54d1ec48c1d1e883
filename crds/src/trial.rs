//! `Trial`: one configuration, what is wanted of it, and what came of it.

#![allow(
    clippy::doc_markdown,
    clippy::duplicated_attributes,
    rustdoc::invalid_html_tags,
    reason = "comments are the schema's descriptions, plain text for kubectl explain; columns repeat their attributes' names"
)]

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use temper_advisor::space::Configuration;

use crate::schema;

/// One configuration of a job: written by the operator only.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "temper.rs",
    version = "v1alpha1",
    kind = "Trial",
    namespaced,
    doc = "One configuration of a TuningJob: what it tries, what is wanted of it, and what came of it. Created by the operator; not to be edited.",
    status = "TrialStatus",
    derive = "PartialEq",
    category = "temper",
    selectable = ".spec.job",
    selectable = ".spec.desired",
    selectable = ".spec.pod.name",
    selectable = ".status.report.state",
    printcolumn(name = "Job", type_ = "string", json_path = ".spec.job"),
    printcolumn(name = "Index", type_ = "integer", json_path = ".spec.index"),
    printcolumn(name = "State", type_ = "string", json_path = ".status.report.state"),
    printcolumn(name = "Resource", type_ = "integer", json_path = ".status.report.resource"),
    printcolumn(name = "Objective", type_ = "string", json_path = ".status.report.objective"),
    printcolumn(name = "Attempt", type_ = "integer", json_path = ".spec.attempt", priority = "1"),
    printcolumn(name = "Pod", type_ = "string", json_path = ".spec.pod.name", priority = "1"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct TrialSpec {
    /// Name of its TuningJob.
    #[schemars(length(min = 1, max = 63))]
    pub job: String,

    /// Its number within the job, from 0, in the order of creation.
    pub index: u32,

    /// The configuration: a value for every parameter that is active.
    #[schemars(schema_with = "schema::values_by_name")]
    pub parameters: Configuration,

    /// What is wanted of it. Run: that it trains. Pause: that it saves a checkpoint and gives its pod back. Stop: that
    /// it ends; its reports count.
    #[serde(default)]
    pub desired: Desired,

    /// Why that is wanted, when it is not Run: Scheduler, EarlyStopping, StopWhen, JobFinished or Suspended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,

    /// How far it may go, in the scheduler's resource. Absent: to its own end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub run_to: Option<u64>,

    /// The scheduler's bracket in which it competes, from 0.
    #[serde(default)]
    pub bracket: u32,

    /// Number of the attempt that is wanted, from 1; grows with every start after a pause or a failure.
    #[serde(default = "first_attempt")]
    #[schemars(range(min = 1))]
    pub attempt: u32,

    /// How far it was sent before, to each rung in turn; runTo is not among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub rungs: Vec<u64>,

    /// How many of its attempts have failed. Those that were preempted, evicted or lost with their node do not count.
    #[serde(default)]
    pub failures: u32,

    /// What it starts from. Absent: from nothing, or from its own last checkpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume_from: Option<ResumeFrom>,

    /// The pod that runs the attempt, and the only one that may write the report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<PodReference>,
}

fn first_attempt() -> u32 {
    1
}

/// What is wanted of a trial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(missing_docs, reason = "the field says it")]
pub enum Desired {
    #[default]
    Run,
    Pause,
    Stop,
}

/// Whose weights a trial starts from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResumeFrom {
    /// Name of the Trial; it may be the trial itself.
    pub trial: String,
    /// Where the checkpoint is.
    pub checkpoint: String,
    /// Exact: every tensor must fit. FunctionPreserving: where shapes differ, the network is widened or deepened so
    /// that it computes the same function. Default: Exact.
    #[serde(default)]
    pub transfer: Transfer,
}

/// How weights move between networks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(missing_docs, reason = "the field says it")]
pub enum Transfer {
    #[default]
    Exact,
    FunctionPreserving,
}

/// The pod that runs a trial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodReference {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Its UID, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
}

/// What came of a trial. Two owners: the agent in the trial's pod writes `report`, the operator `conditions`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrialStatus {
    /// Written by the agent in the trial's pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<TrialReport>,

    /// Written by the operator, only where the report cannot say it: the pod vanished, was refused, timed out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
}

/// What the agent says of its trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrialReport {
    /// Running; Paused: it saved a checkpoint and ended; Succeeded: the command ended by itself or reached what it
    /// was to reach; Stopped: it ended because it was asked to; Failed.
    pub state: ReportState,

    /// The attempt that it is about.
    #[schemars(range(min = 1))]
    pub attempt: u32,

    /// The pod that wrote it: the API server admits no other, and the operator believes no other.
    pub pod: PodReference,

    /// How far the trial is, in the scheduler's resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<u64>,

    /// The first objective, as text for the Objective column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objective: Option<String>,

    /// Metrics of the furthest report.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub latest: BTreeMap<String, f64>,

    /// Objectives at their best so far.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub best: BTreeMap<String, f64>,

    /// The learning curve: [resource, first objective, second objective, ...] in order of resource, thinned out to
    /// at most 256 entries. Rungs and the furthest report are always among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), schema_with = "schema::series")]
    pub series: Vec<SeriesPoint>,

    /// The last complete checkpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<CheckpointReport>,

    /// When the attempt's command started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::time")]
    pub started_at: Option<Time>,

    /// When the attempt ended; absent while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::time")]
    pub finished_at: Option<Time>,

    /// Exit code of the command; 128 + n when signal n ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,

    /// Why it failed, in one word: ExitCode, Signal, Diverged, NoMetric, CannotStart, ...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,

    /// Why it failed, for people, with the last lines of its output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub message: Option<String>,
}

/// Where an attempt stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(missing_docs, reason = "the field says it")]
pub enum ReportState {
    Running,
    Paused,
    Succeeded,
    Stopped,
    Failed,
}

impl ReportState {
    /// Whether the attempt is over.
    pub fn is_over(self) -> bool {
        self != Self::Running
    }
}

/// A checkpoint that can be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckpointReport {
    /// Where it is.
    pub uri: String,
    /// How far the trial was when it was saved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<u64>,
}

/// One point of a learning curve. As JSON it is one list: `[resource, objective, ...]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<f64>", into = "Vec<f64>")]
pub struct SeriesPoint {
    /// How far the trial was; below 2^53.
    pub resource: u64,
    /// One value for each objective, in the job's order.
    pub objectives: Vec<f64>,
}

impl TryFrom<Vec<f64>> for SeriesPoint {
    type Error = String;
    fn try_from(numbers: Vec<f64>) -> Result<Self, String> {
        match numbers.split_first() {
            Some((&resource, objectives)) if resource >= 1.0 && resource.fract() == 0.0 => {
                Ok(Self { resource: resource as u64, objectives: objectives.to_vec() })
            }
            _ => Err("a point of a series is [resource, objective, ...] with a whole resource of at least 1"
                .into()),
        }
    }
}

impl From<SeriesPoint> for Vec<f64> {
    fn from(point: SeriesPoint) -> Self {
        std::iter::once(point.resource as f64).chain(point.objectives).collect()
    }
}
