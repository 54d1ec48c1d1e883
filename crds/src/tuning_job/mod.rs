//! `TuningJob`: what people write.

#![allow(
    clippy::doc_markdown,
    clippy::duplicated_attributes,
    rustdoc::invalid_html_tags,
    reason = "comments are the schema's descriptions, plain text for kubectl explain; columns repeat their attributes' names"
)]
#![allow(unreachable_pub, reason = "KubeSchema derives a private twin of each struct with its visibility")]

mod budget;
mod changes;
mod objective;
mod parameter;
mod search;
mod status;
mod trial_section;

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use budget::{BudgetSpec, RetentionSpec};
pub use changes::CHANGEABLE;
pub use objective::{Goal, ObjectiveSpec, Strategy};
pub use parameter::{DistributionSpec, DistributionType, ParameterSpec, ParameterType, ScaleName};
pub use search::{EarlyStoppingSpec, Policy, SchedulerSpec, SearchSpec};
pub use status::{BestTrial, SearchStatus, TrialCounts, TuningJobStatus};
pub use trial_section::{CheckpointsSpec, MetricsFormat, MetricsSpec, PodPolicy, StopWhenSpec, TrialSection};

use crate::schema::{self, frozen, frozen_option};

/// A search for the best configuration of a model: what to optimise, over which parameters, with which budget, and
/// the pod that trains one configuration.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "temper.rs",
    version = "v1alpha1",
    kind = "TuningJob",
    namespaced,
    doc = "A search for the best configuration of a model: what to optimise, over which parameters, with which budget, and the pod that trains one configuration.",
    status = "TuningJobStatus",
    derive = "PartialEq",
    shortname = "tj",
    category = "temper",
    validation = Rule::new("size(self.metadata.name) <= 63 && !self.metadata.name.contains('.')").message("the name must be a DNS label: no dots, at most 63 characters; it becomes part of the names of pods"),
    selectable = ".spec.suspend",
    selectable = ".status.state",
    printcolumn(
        name = "Algorithm",
        type_ = "string",
        json_path = ".status.search.algorithm",
        description = "The search algorithm in use."
    ),
    printcolumn(
        name = "Trials",
        type_ = "string",
        json_path = ".status.progress",
        description = "Finished trials, and how many there may be."
    ),
    printcolumn(
        name = "Running",
        type_ = "integer",
        json_path = ".status.trials.running",
        description = "Trials running now."
    ),
    printcolumn(
        name = "Failed",
        type_ = "integer",
        json_path = ".status.trials.failed",
        description = "Trials that failed for good."
    ),
    printcolumn(
        name = "Best",
        type_ = "string",
        json_path = ".status.best.objective",
        description = "First objective of the best trial so far."
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Status",
        type_ = "string",
        json_path = ".status.state",
        description = "Where the job stands."
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = frozen("objectives"))]
#[x_kube(validation = frozen("parameters"))]
#[x_kube(validation = frozen("search"))]
#[x_kube(validation = frozen_option("scheduler"))]
#[x_kube(validation = frozen_option("earlyStopping"))]
#[x_kube(validation = frozen_option("policies"))]
#[x_kube(validation = frozen_option("pointsToEvaluate"))]
#[x_kube(validation = frozen_option("warmStartFrom"))]
#[x_kube(validation = frozen("seed"))]
#[x_kube(validation = frozen("trial"))]
pub struct TuningJobSpec {
    /// What to optimise: metrics that every trial reports. The first is the one that schedulers, early stopping and
    /// the Best column judge by. More than one asks for a Pareto front. Cannot be changed.
    #[schemars(length(min = 1, max = 8), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["metric"]))]
    pub objectives: Vec<ObjectiveSpec>,

    /// The search space. A trial gets each parameter as environment variable PARAM_<name>, as $(PARAM_<name>) in its
    /// command and arguments, and in the JSON file named by $TEMPER_PARAMETERS. Cannot be changed.
    #[schemars(length(min = 1, max = 256), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub parameters: Vec<ParameterSpec>,

    /// How configurations are proposed. Absent: Auto, which chooses by the space and the budget and says why in the
    /// status. Cannot be changed.
    #[serde(default)]
    pub search: SearchSpec,

    /// How far each trial goes: ends or pauses the unpromising ones early. Absent: every trial runs to its end.
    /// Cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduler: Option<SchedulerSpec>,

    /// Ends a trial that no longer improves, beside any scheduler. Absent: none. Cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<EarlyStoppingSpec>,

    /// What a trial may do to save time. Trials get the list in $TEMPER_POLICIES. Default: none. Cannot be changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "set"))]
    pub policies: Vec<Policy>,

    /// How much the job may use. Can be changed while it runs.
    #[serde(default)]
    pub budget: BudgetSpec,

    /// Configurations to try first, in this order, for example [{learningRate: 0.01, optimizer: adam}]. What a point
    /// leaves out is filled in with the parameter's default: the middle of its range in its scale, or its first
    /// value. Absent: one point with all defaults. An empty list: none. Cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1000), schema_with = "schema::points")]
    pub points_to_evaluate: Option<Vec<BTreeMap<String, Value>>>,

    /// Finished jobs of the same namespace whose trials the search learns from, where their parameters and objectives
    /// have the same names. Cannot be changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub warm_start_from: Vec<JobReference>,

    /// Seed of every random draw: the same job with the same seed and the same results proposes the same
    /// configurations. Default: 0. Cannot be changed.
    #[serde(default)]
    #[schemars(range(max = 9_007_199_254_740_991u64))]
    pub seed: u64,

    /// How one configuration is trained. Cannot be changed.
    pub trial: TrialSection,

    /// true: no trial runs; running ones are paused at their last checkpoint. Default: false. Can be changed.
    #[serde(default)]
    pub suspend: bool,

    /// How many finished Trial objects are kept. Can be changed.
    #[serde(default)]
    pub retention: RetentionSpec,

    /// The job is deleted, with its trials, so many seconds after it finished. Absent: it is kept. Can be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_seconds_after_finished: Option<u32>,
}

/// Names a `TuningJob` in the same namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobReference {
    /// Name of the TuningJob.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
}
