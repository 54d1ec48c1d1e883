//! The pods of a job: the user's template, and what the agent needs.

use k8s_openapi::{
    api::core::v1::{
        EmptyDirVolumeSource, EnvVar, EnvVarSource, ObjectFieldSelector, PersistentVolumeClaimVolumeSource,
        Pod, PodSpec, SecretVolumeSource, Volume, VolumeMount,
    },
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use temper_advisor::TrialIndex;
use temper_crds::job::{self, Job};
use temper_runner::agent::protocol::{
    Assignment, EnvVar as Variable, Goal, MetricsSource, POD_ORDERS, POD_UID, PodOrders,
};

use super::{
    delivery::{self, Delivery},
    names::{INDEX, JobKey, PARAMETERS, WORKER},
};

/// A pod's scratch volume, which holds the attempts' folders, and below which the agent lies.
const HOME: &str = "/temper";
/// Where claims are mounted that hold checkpoints.
const CLAIMS: &str = "/temper-volumes";
/// Where the Secret of the checkpoints' store is mounted.
const CREDENTIALS: &str = "/temper-credentials";
/// Annotation: whose logs `kubectl logs` shows.
const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";
/// Of a pod's grace, what the agent keeps for its last words, in seconds.
const LAST_WORDS: u64 = 2;

/// What the operator puts into every pod, whatever the job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentImage {
    /// An image whose `/temper-runner` is the agent, linked statically.
    pub image: String,
    /// `Always`, `IfNotPresent` or `Never`.
    pub pull_policy: String,
    /// The service account of pods whose template names none.
    pub service_account: String,
}

/// Which pod.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Purpose<'a> {
    /// One attempt at one trial.
    Attempt {
        trial: TrialIndex,
        attempt: u32,
        /// UID of the Trial, which owns the pod.
        trial_uid: &'a str,
        /// As JSON, for people who look at the pod.
        parameters: String,
    },
    /// One trial after another.
    Worker { number: u32 },
}

/// The pod of a purpose. The template is the user's: nothing in it is changed but the training container's command,
/// `restartPolicy`, and the service account where it names none; volumes, mounts and variables are added.
///
/// # Errors
/// None in practice: when a path in the orders is not UTF-8, and all of them are.
pub(super) fn pod(
    key: &JobKey,
    job: &Job,
    rungs: &[u64],
    agent: &AgentImage,
    delivery: Delivery,
    purpose: &Purpose<'_>,
) -> serde_json::Result<Pod> {
    let template = job.trial.template.pod().clone();
    let mut metadata = template.metadata.unwrap_or_default();
    let mut spec = template.spec.unwrap_or_default();
    metadata.labels.get_or_insert_default().extend(key.labels());
    if spec.containers.len() > 1 {
        let container = job.trial.template.container().name.clone();
        metadata.annotations.get_or_insert_default().entry(DEFAULT_CONTAINER.to_owned()).or_insert(container);
    }
    let labels = metadata.labels.get_or_insert_default();
    let (name, owner) = match purpose {
        Purpose::Attempt { trial, attempt, trial_uid, parameters } => {
            labels.insert(INDEX.to_owned(), trial.to_string());
            metadata.annotations.get_or_insert_default().insert(PARAMETERS.to_owned(), parameters.clone());
            let owner = OwnerReference {
                kind: "Trial".to_owned(),
                name: key.trial(*trial),
                uid: (*trial_uid).to_owned(),
                ..key.owner()
            };
            (key.pod(*trial, *attempt), owner)
        }
        Purpose::Worker { number } => {
            labels.insert(WORKER.to_owned(), number.to_string());
            (key.worker(*number), key.owner())
        }
    };
    let orders = orders(key, job, rungs, purpose, &name).to_variable()?;
    install(&mut spec, job, agent, delivery, &orders);
    Ok(Pod {
        metadata: ObjectMeta {
            name: Some(name),
            namespace: Some(key.namespace.clone()),
            owner_references: Some(vec![owner]),
            ..metadata
        },
        spec: Some(spec),
        status: None,
    })
}

/// The service account that the pods of a job run as.
pub(super) fn service_account<'a>(job: &'a Job, agent: &'a AgentImage) -> &'a str {
    let own = job.trial.template.pod().spec.as_ref().and_then(|spec| spec.service_account_name.as_deref());
    own.filter(|name| !name.is_empty()).unwrap_or(&agent.service_account)
}

/// Name of the claim, and the path below it, of `pvc://claim/path`.
fn claim(uri: &str) -> Option<&str> {
    uri.strip_prefix("pvc://").map(|rest| rest.split('/').next().unwrap_or(rest))
}

fn orders(key: &JobKey, job: &Job, rungs: &[u64], purpose: &Purpose<'_>, pod: &str) -> PodOrders {
    let container = job.trial.template.container();
    let grace = job.trial.template.grace_seconds();
    let policies = job.policies.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let policies =
        (!policies.is_empty()).then(|| Variable { name: "TEMPER_POLICIES".to_owned(), value: policies });
    let own = container.env.iter().flatten().filter_map(|variable| {
        let value = variable.value.clone()?;
        Some(Variable { name: variable.name.clone(), value })
    });
    let checkpoints = job.trial.checkpoints.as_ref();
    let claim = checkpoints.and_then(|checkpoints| claim(&checkpoints.uri));
    PodOrders {
        pod: pod.to_owned(),
        namespace: key.namespace.clone(),
        trial: match purpose {
            Purpose::Attempt { trial, .. } => Some(key.trial(*trial)),
            Purpose::Worker { .. } => None,
        },
        template: Assignment {
            job: key.name.clone(),
            command: job.trial.template.command(),
            env: policies.into_iter().chain(own).collect(),
            metrics: MetricsSource {
                format: job.trial.metrics.format.to_string(),
                file: job.trial.metrics.file.clone(),
                patterns: job.trial.metrics.patterns.clone(),
            },
            objectives: job.objectives.iter().map(|objective| objective.metric.clone()).collect(),
            resource: job.resource.clone(),
            // Two jobs may share a place: each has its own folder in it.
            checkpoints: checkpoints
                .map(|checkpoints| format!("{}/{}", checkpoints.uri.trim_end_matches('/'), key.uid)),
            grace_seconds: grace.saturating_sub(LAST_WORDS).max(1) as f64,
            dir: format!("{HOME}/attempts").into(),
            ..Assignment::default()
        },
        goals: job.objectives.iter().map(|objective| goal(objective.goal)).collect(),
        rungs: rungs.to_vec(),
        mounts: claim
            .map(|claim| (format!("pvc://{claim}"), format!("{CLAIMS}/{claim}").into()))
            .into_iter()
            .collect(),
        credentials: checkpoints
            .is_some_and(|checkpoints| checkpoints.secret_name.is_some())
            .then(|| CREDENTIALS.into()),
    }
}

fn goal(goal: job::Goal) -> Goal {
    match goal {
        job::Goal::Minimize => Goal::Minimize,
        job::Goal::Maximize => Goal::Maximize,
    }
}

/// Puts the agent around the training container.
fn install(spec: &mut PodSpec, job: &Job, agent: &AgentImage, delivery: Delivery, orders: &str) {
    spec.restart_policy = Some("Never".to_owned());
    spec.service_account_name = Some(service_account(job, agent).to_owned());
    // The agent speaks for the pod.
    spec.automount_service_account_token = Some(true);
    spec.volumes.get_or_insert_default().push(Volume {
        name: "temper".to_owned(),
        empty_dir: Some(EmptyDirVolumeSource::default()),
        ..Volume::default()
    });
    let mut mounts = delivery.bring(spec, agent, mount("temper", HOME, false));
    let volumes = spec.volumes.get_or_insert_default();
    if let Some(checkpoints) = &job.trial.checkpoints {
        if let Some(claim) = claim(&checkpoints.uri) {
            volumes.push(Volume {
                name: "temper-checkpoints".to_owned(),
                persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
                    claim_name: claim.to_owned(),
                    read_only: None,
                }),
                ..Volume::default()
            });
            mounts.push(mount("temper-checkpoints", &format!("{CLAIMS}/{claim}"), false));
        }
        if let Some(secret) = &checkpoints.secret_name {
            volumes.push(Volume {
                name: "temper-credentials".to_owned(),
                secret: Some(SecretVolumeSource {
                    secret_name: Some(secret.clone()),
                    ..SecretVolumeSource::default()
                }),
                ..Volume::default()
            });
            mounts.push(mount("temper-credentials", CREDENTIALS, true));
        }
    }
    let name = &job.trial.template.container().name;
    for container in spec.containers.iter_mut().filter(|container| container.name == *name) {
        container.command = Some(vec![delivery::PROGRAM.to_owned(), "pod".to_owned()]);
        container.args = None;
        container.volume_mounts.get_or_insert_default().extend(mounts.iter().cloned());
        container.env.get_or_insert_default().extend([
            EnvVar { name: POD_UID.to_owned(), value: None, value_from: Some(own_uid()) },
            EnvVar { name: POD_ORDERS.to_owned(), value: Some(orders.to_owned()), value_from: None },
        ]);
    }
}

fn mount(name: &str, path: &str, read_only: bool) -> VolumeMount {
    VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        read_only: read_only.then_some(true),
        ..VolumeMount::default()
    }
}

/// The uid of the pod that a container is in.
fn own_uid() -> EnvVarSource {
    let path = "metadata.uid".to_owned();
    EnvVarSource {
        field_ref: Some(ObjectFieldSelector { api_version: None, field_path: path }),
        ..EnvVarSource::default()
    }
}
