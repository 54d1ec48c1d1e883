//! How one configuration is trained.

use std::fmt;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::schema;

/// How one configuration is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrialSection {
    /// PerTrial: a pod for each trial. Reuse: pods stay and run one trial after another, each in a fresh process and
    /// directory, which saves the pod's start. Default: PerTrial.
    #[serde(default)]
    pub pod_policy: PodPolicy,

    /// How often a trial that failed is tried again, from its last checkpoint. A pod that was preempted, evicted or
    /// lost with its node does not count. Default: 0.
    #[serde(default)]
    #[schemars(range(max = 100))]
    pub retries: u32,

    /// How the trial says how good it is. Default: JSON lines on stdout, as {"epoch": 3, "accuracy": 0.91}.
    #[serde(default)]
    pub metrics: MetricsSpec,

    /// Where checkpoints are kept, for trials that are paused, retried or continued by others. Absent: with the trial
    /// only (locally, in the job's own directory).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoints: Option<CheckpointsSpec>,

    /// Ends a trial, as completed, when any of these holds. Example: [{metric: accuracy, atLeast: 0.99},
    /// {resource: 50}]. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    pub stop_when: Vec<StopWhenSpec>,

    /// The pod that trains one configuration: a PodTemplateSpec, as in a Job. The container named trial, or else the
    /// first, is the one that trains; it needs a command, because Temper's agent wraps it. $(PARAM_<name>) in its
    /// command and args is replaced by the parameter's value.
    #[schemars(schema_with = "schema::pod_template")]
    pub template: Map<String, Value>,
}

/// Whether pods are used for one trial or for many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(missing_docs, reason = "the field says it")]
pub enum PodPolicy {
    #[default]
    PerTrial,
    Reuse,
}

/// How a trial says how good it is.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("(self.format == 'Regex') == (has(self.patterns) && size(self.patterns) > 0)").message("format Regex needs patterns, the other formats have none"))]
pub struct MetricsSpec {
    /// JSONLines: each line that is a JSON object is a report. KeyValue: each line with accuracy=0.91 or
    /// accuracy: 0.91 anywhere in it. Regex: patterns. TensorBoard: the scalars of event files. Auptimizer: the last
    /// line that begins with #Auptimizer: is the first objective. Default: JSONLines.
    #[serde(default)]
    pub format: MetricsFormat,

    /// The file the reports are in, or for TensorBoard the folder of its event files, relative to the trial's working
    /// directory. Absent: stdout; for TensorBoard, the working directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub file: Option<String>,

    /// For Regex: regular expressions, tried on every line. Their groups are named after metrics, as in
    /// "epoch (?<epoch>[0-9]+).*loss (?<loss>[0-9.e+-]+)", or there are two, the metric's name and its value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(min = 1, max = 1024)), extend("x-kubernetes-list-type" = "atomic"))]
    pub patterns: Vec<String>,
}

/// How reports are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(missing_docs, reason = "the field says it")]
pub enum MetricsFormat {
    #[default]
    JSONLines,
    KeyValue,
    Regex,
    TensorBoard,
    Auptimizer,
}

/// As it is written in a manifest.
impl fmt::Display for MetricsFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// Where checkpoints are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckpointsSpec {
    /// s3://bucket/prefix, gs://bucket/prefix, az://container/prefix, pvc://claim/path or file:///path. Each trial
    /// has its own folder below.
    #[schemars(length(min = 1, max = 2048), regex(pattern = "^(s3|gs|az|pvc|file)://.+$"))]
    pub uri: String,

    /// Secret of the same namespace with the store's credentials, as the environment variables its own tools use
    /// (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL, ...). Absent: the pod's own identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub secret_name: Option<String>,
}

/// A threshold at which a trial ends, as completed.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.metric) != has(self.resource) && has(self.metric) == (has(self.atLeast) || has(self.atMost)) && !(has(self.atLeast) && has(self.atMost))").message("either resource, or metric with one of atLeast and atMost"))]
pub struct StopWhenSpec {
    /// Name of the metric to watch, with atLeast or atMost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub metric: Option<String>,

    /// The trial ends when the metric is this or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,

    /// The trial ends when the metric is this or less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,

    /// The trial ends when it is so far, in the scheduler's resource; without a scheduler, after so many reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 9_007_199_254_740_991u64))]
    pub resource: Option<u64>,
}
