//! How much a job may use, and how much of it is kept.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much a job may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BudgetSpec {
    /// How many trials are created, failed ones included. Absent: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_trials: Option<u32>,

    /// How many trials run at once. Default: 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 10_000))]
    pub parallelism: u32,

    /// The job ends after so long, not counting the time it is suspended: days, hours, minutes and
    /// seconds, as 2h, 90m, 1h30m or 45s. Trials that still run are stopped. Absent: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 32), regex(pattern = "^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$"))]
    pub max_duration: Option<String>,

    /// The job fails when more trials than this have failed, after their retries. Absent: it fails only when its
    /// first trials fail one after another and none succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_failed_trials: Option<u32>,
}

fn one() -> u32 {
    1
}

impl Default for BudgetSpec {
    fn default() -> Self {
        Self { max_trials: None, parallelism: 1, max_duration: None, max_failed_trials: None }
    }
}

/// What is kept of a job's trials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RetentionSpec {
    /// How many finished trials are kept as Trial objects, the best always among them. The others' results go to
    /// TrialHistory objects; nothing is lost. Default: 100.
    #[serde(default = "hundred")]
    #[schemars(range(max = 10_000))]
    pub trials: u32,
}

fn hundred() -> u32 {
    100
}

impl Default for RetentionSpec {
    fn default() -> Self {
        Self { trials: hundred() }
    }
}
