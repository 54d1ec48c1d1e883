//! A tuning job that cannot be wrong: what [`crate::validation`] makes of a manifest.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, PodTemplateSpec};
use temper_advisor::{advisor::Settings, stopping::StopRules};

pub use crate::tuning_job::{Goal, MetricsFormat, PodPolicy, Policy, Strategy};
use crate::{tuning_job::TuningJobSpec, validation::Problem};

/// Everything a manifest says, narrowed.
#[derive(Clone, Debug)]
pub struct Job {
    /// Name of the job, a DNS label.
    pub name: String,
    /// Namespace, where the manifest has one.
    pub namespace: Option<String>,
    /// At least one, each of another metric. The first is the one that schedulers and stopping rules judge.
    pub objectives: Vec<Objective>,
    /// What the advisor is told: the space, the search, the scheduler, the points to try first, the seed. The advisor
    /// can be built from them. `max_trials` and `parallelism` are the budget's.
    pub settings: Settings,
    /// The metric that counts how far a trial is. `None`: there is no scheduler to name it, and reports are counted.
    pub resource: Option<String>,
    /// What ends a trial by its own reports.
    pub stop_rules: StopRules,
    /// What trials may do to save time.
    pub policies: Vec<Policy>,
    /// How much the job may use.
    pub budget: Budget,
    /// Names of the jobs to learn from.
    pub warm_start_from: Vec<String>,
    /// How one configuration is trained.
    pub trial: TrialSettings,
    /// No trial may run.
    pub suspend: bool,
    /// How many finished trials are kept in full.
    pub retention: u32,
    /// The job is deleted so long after it finished.
    pub ttl_after_finished: Option<Duration>,
    /// The spec as it was written, with every default filled in.
    pub spec: TuningJobSpec,
    /// What should be looked at though it is not wrong.
    pub warnings: Vec<Problem>,
}

/// What is optimised.
#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    /// Name of the metric.
    pub metric: String,
    /// Which way.
    pub goal: Goal,
    /// Good enough: the job ends when a trial reaches it.
    pub target: Option<f64>,
    /// Which report counts.
    pub strategy: Strategy,
}

impl Objective {
    /// The metric as a loss: smaller is better.
    pub fn loss(&self, value: f64) -> f64 {
        self.goal.loss(value)
    }

    /// The metric that a loss stands for; the inverse of [`Objective::loss`].
    pub fn value(&self, loss: f64) -> f64 {
        self.loss(loss)
    }
}

/// How much a job may use. All of it may change while the job runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Trials created, failed ones included; at least 1.
    pub max_trials: Option<u32>,
    /// Trials that hold a worker at once, at least 1.
    pub parallelism: u32,
    /// Time in which the job is not suspended.
    pub max_duration: Option<Duration>,
    /// The job fails when more trials than this have failed.
    pub max_failed_trials: Option<u32>,
}

/// How one configuration is trained.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialSettings {
    /// Whether pods are used for one trial or for many.
    pub pod_policy: PodPolicy,
    /// How often a trial that failed is tried again.
    pub retries: u32,
    /// How the trial says how good it is.
    pub metrics: Metrics,
    /// Where checkpoints are kept.
    pub checkpoints: Option<Checkpoints>,
    /// The pod.
    pub template: Template,
}

/// How a trial says how good it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metrics {
    /// How reports are written.
    pub format: MetricsFormat,
    /// The file they are in, for `TensorBoard` the folder; `None`: stdout.
    pub file: Option<String>,
    /// For `Regex`: regular expressions with groups named after metrics, or with two groups, name and value.
    pub patterns: Vec<String>,
}

/// Where checkpoints are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoints {
    /// `s3://bucket/prefix`, `pvc://claim/path`, `file:///path`, ...
    pub uri: String,
    /// Secret with the store's credentials.
    pub secret_name: Option<String>,
}

/// A pod template in which the training container is known and has a command.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    pod: PodTemplateSpec,
    container: Container,
}

impl Template {
    /// Name of the container that trains, if there is one of that name; otherwise the first does.
    pub const CONTAINER: &'static str = "trial";
    /// Kubernetes' own default.
    pub const DEFAULT_GRACE_SECONDS: u64 = 30;

    /// `None` when there is no container, or the one that trains has no command.
    pub fn new(pod: PodTemplateSpec) -> Option<Self> {
        let containers = &pod.spec.as_ref()?.containers;
        let container = containers.get(Self::position(containers)?)?.clone();
        (!container.command.as_deref().unwrap_or_default().is_empty()).then_some(Self { pod, container })
    }

    /// Position of the container that trains.
    pub(crate) fn position(containers: &[Container]) -> Option<usize> {
        let named = containers.iter().position(|container| container.name == Self::CONTAINER);
        named.or_else(|| (!containers.is_empty()).then_some(0))
    }

    /// As the user wrote it.
    pub fn pod(&self) -> &PodTemplateSpec {
        &self.pod
    }

    /// The container that trains.
    pub fn container(&self) -> &Container {
        &self.container
    }

    /// Seconds that the pod has to end in once it is asked to.
    pub fn grace_seconds(&self) -> u64 {
        let own = self.pod.spec.as_ref().and_then(|spec| spec.termination_grace_period_seconds);
        own.map_or(Self::DEFAULT_GRACE_SECONDS, |seconds| u64::try_from(seconds).unwrap_or(0))
    }

    /// Whether other containers run beside the training one that nobody but their pod ends.
    pub fn has_sidecars(&self) -> bool {
        self.pod.spec.as_ref().is_some_and(|spec| spec.containers.len() > 1)
    }

    /// What it runs: command followed by args, at least one word, as written (`$(PARAM_x)` not yet replaced).
    pub fn command(&self) -> Vec<String> {
        let parts = [&self.container.command, &self.container.args];
        parts.into_iter().flatten().flatten().cloned().collect()
    }
}
