//! How configurations are proposed and how far trials go.

use std::fmt;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::schema;

/// How configurations are proposed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SearchSpec {
    /// Name of the algorithm. Default: Auto.
    #[serde(default = "auto")]
    #[schemars(transform = schema::algorithm)]
    pub algorithm: String,

    /// The algorithm's own settings; `temper explain` lists them. Default: none, each setting has a default.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schemars(schema_with = "schema::free_map")]
    pub options: Map<String, Value>,
}

/// The algorithm that chooses among the others.
pub(crate) fn auto() -> String {
    "Auto".to_owned()
}

impl Default for SearchSpec {
    fn default() -> Self {
        Self { algorithm: auto(), options: Map::new() }
    }
}

/// How far each trial goes.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.max) || self.min <= self.max").message("min must not exceed max"))]
pub struct SchedulerSpec {
    /// Name of the scheduler.
    #[serde(rename = "type")]
    #[schemars(transform = schema::scheduler)]
    pub type_: String,

    /// What a trial's progress is counted in: the key that every report has beside its metrics, as in
    /// {"epoch": 3, "accuracy": 0.91}. Default: epoch.
    #[serde(default = "epoch")]
    #[schemars(length(min = 1, max = 128))]
    pub resource: String,

    /// Least resource a trial gets before it is judged. Default: 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 9_007_199_254_740_991u64))]
    pub min: u64,

    /// Most resource a trial gets. Absent: the value of a fixed parameter epochs, max_t or max_epochs, the first of
    /// these that there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 9_007_199_254_740_991u64))]
    pub max: Option<u64>,

    /// One trial in so many goes on from a rung to the next, and gets so many times the resource. Default: 3.
    #[serde(default = "three")]
    #[schemars(range(min = 2, max = 1000))]
    pub reduction_factor: u32,

    /// The scheduler's own settings; `temper explain` lists them. Default: none, each setting has a default.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schemars(schema_with = "schema::free_map")]
    pub options: Map<String, Value>,
}

fn epoch() -> String {
    "epoch".to_owned()
}

fn one() -> u64 {
    1
}

fn three() -> u32 {
    3
}

/// Ends a trial that no longer improves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EarlyStoppingSpec {
    /// A trial ends after so many reports in a row without an improvement of the first objective. Example: 5.
    #[schemars(range(min = 1))]
    pub rounds: u32,

    /// The least change of the first objective that counts as an improvement. Default: 0, any does.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub min_delta: f64,
}

/// What a trial may do to save time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(
    inline,
    description = "SHARE_PARAMS: start from weights of earlier trials. EARLY_STOP: train short. SKIP_TRAIN: evaluate without training. QUICK_EVAL: evaluate on a part of the validation data. DOWNSCALE: use a smaller model."
)]
#[allow(missing_docs, reason = "the description says it")]
pub enum Policy {
    ShareParams,
    EarlyStop,
    SkipTrain,
    QuickEval,
    Downscale,
}

/// As it is written in a manifest.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}
