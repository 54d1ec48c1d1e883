//! What a Trial's report and a trial's pod say, as observations. Pure.

use std::{collections::BTreeMap, time::Duration};

use k8s_openapi::api::core::v1::{ContainerStatus, EnvVar, Pod};
use kube::ResourceExt;
use temper_advisor::{Resource, TrialIndex};
use temper_crds::trial::{ReportState, TrialReport};
use temper_runner::agent::protocol::{FailureReason, POD_ORDERS};

use super::names::{INDEX, WORKER};
use crate::plan::{self, Ending, Objective, Observation};

/// What a report says that `known` does not have yet, in order.
pub(super) fn of_report(
    index: TrialIndex,
    report: &TrialReport,
    known: &plan::Trial,
    objectives: &[Objective],
) -> Vec<Observation> {
    let attempt = report.attempt;
    let mut seen: Vec<Observation> = Vec::new();
    for (resource, metrics) in reports(report, objectives) {
        if known.reached.is_none_or(|reached| resource > reached) {
            seen.push(Observation::Reported { trial: index, attempt, resource, metrics });
        }
    }
    if let Some(checkpoint) = &report.checkpoint
        && known.checkpoint.as_ref().is_none_or(|known| known.uri != checkpoint.uri)
    {
        let resource = checkpoint.resource.and_then(Resource::new);
        seen.push(Observation::Checkpointed { trial: index, resource, uri: checkpoint.uri.clone() });
    }
    seen.extend(ending(report).map(|ending| Observation::Ended { trial: index, attempt, ending }));
    seen
}

/// How the attempt of a report ended, if it did.
pub(super) fn ending(report: &TrialReport) -> Option<Ending> {
    Some(match report.state {
        ReportState::Running => return None,
        ReportState::Paused => Ending::Paused,
        ReportState::Succeeded => Ending::Succeeded,
        ReportState::Stopped => Ending::Stopped,
        ReportState::Failed => {
            let reason = report.reason.clone().unwrap_or_else(|| "Failed".to_owned());
            let message = report.message.clone().unwrap_or_else(|| "it did not say why".to_owned());
            let retryable = FailureReason::parse(&reason).is_none_or(FailureReason::is_retryable);
            Ending::Failed { reason, message, retryable }
        }
    })
}

/// What a report says of each point of its series, in order.
pub(super) fn reports(
    report: &TrialReport,
    objectives: &[Objective],
) -> Vec<(Resource, BTreeMap<String, f64>)> {
    let names = || objectives.iter().map(|objective| objective.metric.clone());
    report
        .series
        .iter()
        .filter_map(|point| {
            let resource = Resource::new(point.resource)?;
            let metrics = if report.resource == Some(point.resource) {
                report.latest.clone()
            } else {
                names().zip(point.objectives.iter().copied()).collect()
            };
            Some((resource, metrics))
        })
        .collect()
}

/// What matters of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PodView {
    pub(super) name: String,
    pub(super) uid: String,
    /// The trial it is for, or the number of a worker.
    pub(super) role: Role,
    /// It has a node. Until then it says itself what it waits for.
    pub(super) is_placed: bool,
    pub(super) standing: Standing,
    /// Its training container has ended, and others of it go on: with them it keeps what it has of its node.
    pub(super) is_left_over: bool,
    /// Being deleted: for so long it may still run.
    pub(super) leaving: Option<Duration>,
}

/// What a pod is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Attempt(TrialIndex),
    Worker(u32),
}

/// Where a pod stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Not yet running.
    Waiting {
        /// What keeps it, where that is more than a moment's wait.
        trouble: Option<Trouble>,
    },
    Running,
    /// Its training container, or all of it, has ended.
    Over(PodEnd),
}

/// What keeps a pod from running: something a person can mend.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Trouble {
    /// In one word: `Unschedulable`, `ImagePullBackOff`, ...
    pub(super) reason: String,
    pub(super) message: String,
}

/// How a pod ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PodEnd {
    /// By nobody's fault in it: evicted, preempted, its node lost.
    Disrupted(String),
    /// By a fault of the trial or its surroundings.
    Failed { reason: String, message: String },
    /// All is well.
    Succeeded,
}

impl PodView {
    /// `None` for a pod that carries no label of ours.
    pub(super) fn of(pod: &Pod) -> Option<Self> {
        let label = |name: &str| pod.labels().get(name)?.parse::<u32>().ok();
        let role = match (label(WORKER), label(INDEX)) {
            (Some(number), _) => Role::Worker(number),
            (None, Some(index)) => Role::Attempt(TrialIndex(index)),
            (None, None) => return None,
        };
        let standing = standing(pod);
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        // What stands among the init containers, the kubelet ends with those that do not.
        let has_others = pod.spec.as_ref().is_some_and(|spec| spec.containers.len() > 1);
        Some(Self {
            name: pod.name_any(),
            uid: pod.uid()?,
            role,
            is_placed: pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_some()),
            is_left_over: has_others && matches!(standing, Standing::Over(_)) && phase == Some("Running"),
            standing,
            leaving: pod.metadata.deletion_timestamp.as_ref().map(|_| {
                let grace = pod.metadata.deletion_grace_period_seconds.unwrap_or(0);
                Duration::from_secs(grace.unsigned_abs())
            }),
        })
    }

    /// Whether containers of it still run and nobody has asked them to end.
    pub(super) fn may_be_ended(&self) -> bool {
        self.leaving.is_none() && (self.is_left_over || !matches!(self.standing, Standing::Over(_)))
    }
}

fn standing(pod: &Pod) -> Standing {
    let Some(status) = &pod.status else { return Standing::Waiting { trouble: None } };
    let containers = || {
        let of = |list: &Option<Vec<ContainerStatus>>| list.clone().unwrap_or_default();
        of(&status.init_container_statuses).into_iter().chain(of(&status.container_statuses))
    };
    match status.phase.as_deref() {
        Some("Succeeded") => Standing::Over(PodEnd::Succeeded),
        Some("Failed") => Standing::Over(end(pod, containers())),
        // With other containers in it a pod runs on without the one that trains.
        Some("Running") => match training_ended(pod) {
            Some(training) => Standing::Over(end(pod, std::iter::once(training))),
            None => Standing::Running,
        },
        _ => {
            let unschedulable = status
                .conditions
                .iter()
                .flatten()
                .find(|condition| condition.type_ == "PodScheduled" && condition.status == "False");
            let waiting = containers().find_map(|container| {
                let waiting = container.state?.waiting?;
                let reason = waiting
                    .reason
                    .filter(|reason| !matches!(reason.as_str(), "PodInitializing" | "ContainerCreating"))?;
                let message = waiting.message.unwrap_or_default();
                let message = format!("container {}: {reason}: {message}", container.name);
                Some(Trouble { reason, message })
            });
            let trouble = unschedulable
                .map(|condition| Trouble {
                    reason: condition.reason.clone().unwrap_or_else(|| "Unschedulable".to_owned()),
                    message: condition.message.clone().unwrap_or_default(),
                })
                .or(waiting);
            Standing::Waiting { trouble }
        }
    }
}

/// The status of the training container, where it has ended for good: the one that has the agent's orders.
fn training_ended(pod: &Pod) -> Option<ContainerStatus> {
    let has_orders = |variable: &EnvVar| variable.name == POD_ORDERS;
    let containers = &pod.spec.as_ref()?.containers;
    let training = containers.iter().find(|container| container.env.iter().flatten().any(has_orders))?;
    let statuses = pod.status.as_ref()?.container_statuses.as_ref()?;
    let status = statuses.iter().find(|status| status.name == training.name)?;
    // A container may have a restart policy of its own, by which it is started again.
    let is_final = training.restart_policy.as_ref().is_none_or(|policy| policy == "Never");
    (is_final && status.state.as_ref()?.terminated.is_some()).then(|| status.clone())
}

fn end(pod: &Pod, containers: impl Iterator<Item = ContainerStatus>) -> PodEnd {
    let Some(status) = &pod.status else { return PodEnd::Succeeded };
    let disruption = status
        .conditions
        .iter()
        .flatten()
        .find(|condition| condition.type_ == "DisruptionTarget" && condition.status == "True");
    if let Some(disruption) = disruption {
        let reason = disruption.reason.as_deref().unwrap_or("DisruptionTarget");
        let message = disruption.message.as_deref().unwrap_or("the pod was disrupted");
        return PodEnd::Disrupted(format!("{reason}: {message}"));
    }
    let message = status.message.clone().unwrap_or_default();
    match status.reason.as_deref() {
        // The kubelet's own words for what it or the node did, and not the trial.
        Some(
            reason @ ("Evicted" | "Preempting" | "NodeLost" | "NodeShutdown" | "Terminated" | "Shutdown"),
        ) => {
            return PodEnd::Disrupted(format!("{reason}: {message}"));
        }
        // Devices or room were gone when the pod came to its node: another attempt finds another node.
        Some(reason) if reason.starts_with("OutOf") || reason == "UnexpectedAdmissionError" => {
            return PodEnd::Disrupted(format!("{reason}: {message}"));
        }
        Some(reason) => return PodEnd::Failed { reason: reason.to_owned(), message },
        None => {}
    }
    for container in containers {
        let Some(ended) = container.state.and_then(|state| state.terminated) else { continue };
        if ended.exit_code == 0 {
            continue;
        }
        let reason = ended.reason.unwrap_or_else(|| "Error".to_owned());
        let said = ended.message.map_or_else(String::new, |message| format!(": {message}"));
        let message = if reason == "OOMKilled" {
            format!(
                "container {} used more memory than its limit and was killed (OOMKilled); raise \
                 resources.limits.memory in spec.trial.template",
                container.name
            )
        } else {
            format!("container {} ended with exit code {} ({reason}){said}", container.name, ended.exit_code)
        };
        return PodEnd::Failed { reason, message };
    }
    if status.phase.as_deref() == Some("Running") {
        return PodEnd::Succeeded;
    }
    PodEnd::Failed { reason: "PodFailed".to_owned(), message: "the pod failed without saying why".to_owned() }
}

impl PodEnd {
    /// What became of an attempt whose pod ended so and whose agent did not say how it went.
    pub(super) fn ending(self) -> Ending {
        match self {
            Self::Disrupted(message) => Ending::Disrupted { message },
            Self::Failed { reason, message } => Ending::Failed { reason, message, retryable: true },
            Self::Succeeded => Ending::Failed {
                reason: "NoReport".to_owned(),
                message: "its pod ended well and its agent wrote no report".to_owned(),
                retryable: true,
            },
        }
    }
}
