//! What is optimised.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A metric to optimise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectiveSpec {
    /// Name of the metric as trials report it: with metrics format JSONLines, a key of the JSON object. Example:
    /// accuracy.
    #[schemars(length(min = 1, max = 128))]
    pub metric: String,

    /// Whether smaller (minimize) or larger (maximize) is better.
    pub goal: Goal,

    /// Good enough: the job ends when a trial reaches it. Of several objectives each must reach its own, in one
    /// trial. Absent: the job goes on to the end of its budget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<f64>,

    /// Which report is a trial's result. latest: that of its furthest report, which is what its final checkpoint
    /// has. best: the best one it ever reported. Default: latest.
    #[serde(default)]
    pub strategy: Strategy,
}

/// Which way an objective improves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Goal {
    #[allow(
        missing_docs,
        reason = "the field says it; a comment here would turn the schema's enum into oneOf"
    )]
    Minimize,
    #[allow(missing_docs, reason = "as above")]
    Maximize,
}

impl Goal {
    /// A value as a loss, of which smaller is better; and a loss as the value that it stands for.
    pub fn loss(self, value: f64) -> f64 {
        match self {
            Self::Minimize => value,
            Self::Maximize => -value,
        }
    }
}

/// Which of a trial's reports is its result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
#[allow(missing_docs, reason = "the field says it")]
pub enum Strategy {
    #[default]
    Latest,
    Best,
}
