//! A trial's attempt that is to begin: its object first, and then its pod. What was done before is found, not done
//! twice.

use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, Patch},
};
use temper_advisor::TrialIndex;
use temper_crds::{Trial, TrialSpec, job::Job, trial::PodReference};

use super::{
    job::{Shared, Written},
    names::{JOB_UID, JobKey, MANAGED_BY, TEMPER},
    observe::PodView,
    ours,
    pod::{self, Purpose},
    trial,
    writer::Refused,
};

/// A trial's attempt that is to begin: its object as it should be, and then its pod.
pub(super) struct Begin {
    pub(super) index: TrialIndex,
    pub(super) intended: TrialSpec,
    pub(super) before: Option<Written>,
    /// The number of a worker that is to be made for it first.
    pub(super) worker: Option<u32>,
    pub(super) makes_pod: bool,
}

/// How far that went.
pub(super) struct Begun {
    pub(super) index: TrialIndex,
    pub(super) intended: TrialSpec,
    pub(super) written: Option<Written>,
    pub(super) pod: Option<PodView>,
    pub(super) refused: Option<(Stage, Refused)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Trial,
    Pod,
}

impl Begin {
    /// Makes the requests.
    pub(super) async fn carry_out(self, shared: &Shared, key: &JobKey, job: &Job, rungs: &[u64]) -> Begun {
        let Self { index, mut intended, before, worker, makes_pod } = self;
        let mut begun = Begun { index, intended: intended.clone(), written: None, pod: None, refused: None };
        if let Some(number) = worker {
            match make_pod(shared, key, job, rungs, &Purpose::Worker { number }).await {
                Ok(pod) => {
                    intended.pod = Some(PodReference { name: pod.name.clone(), uid: Some(pod.uid.clone()) });
                    begun.pod = Some(pod);
                }
                Err(refused) => {
                    begun.refused = Some((Stage::Pod, refused));
                    return begun;
                }
            }
        }
        let written = match &before {
            Some(written) if written.spec == intended => Ok(written.clone()),
            Some(written) => change_trial(shared, key, index, written, &intended).await,
            None => make_trial(shared, key, index, &intended).await,
        };
        let written = match written {
            Ok(written) => written,
            Err(refused) => {
                begun.refused = Some((Stage::Trial, refused));
                return begun;
            }
        };
        if makes_pod {
            let parameters = serde_json::to_string(&intended.parameters).unwrap_or_default();
            let purpose = Purpose::Attempt {
                trial: index,
                attempt: intended.attempt,
                trial_uid: &written.uid,
                parameters,
            };
            match make_pod(shared, key, job, rungs, &purpose).await {
                Ok(pod) => begun.pod = Some(pod),
                Err(refused) => begun.refused = Some((Stage::Pod, refused)),
            }
        }
        begun.written = Some(written);
        begun
    }
}

async fn make_trial(
    shared: &Shared,
    key: &JobKey,
    index: TrialIndex,
    intended: &TrialSpec,
) -> Result<Written, Refused> {
    let object = trial::object(key, index, intended.clone());
    let trials: Api<Trial> = Api::namespaced(shared.client.clone(), &key.namespace);
    let params = ours::post();
    let made = shared.writer.until_answered("create", "trials", || trials.create(&params, &object)).await;
    match made {
        Ok(made) => Ok(Written::of(&made)),
        // The answer to an earlier request of ours was lost, or somebody else decided the same.
        Err(refused) if refused.code() == Some(409) => {
            let name = key.trial(index);
            let found = shared.writer.until_answered("get", "trials", || trials.get_opt(&name)).await?;
            match found {
                Some(found) if found.spec == *intended => Ok(Written::of(&found)),
                _ => Err(refused),
            }
        }
        Err(refused) => Err(refused),
    }
}

async fn change_trial(
    shared: &Shared,
    key: &JobKey,
    index: TrialIndex,
    before: &Written,
    intended: &TrialSpec,
) -> Result<Written, Refused> {
    let steps =
        trial::patch(&before.spec, intended).map_err(|error| Refused::Impossible(error.to_string()))?;
    let steps = serde_json::from_value(steps).map_err(|error| Refused::Impossible(error.to_string()))?;
    let patch: Patch<()> = Patch::Json(steps);
    let trials: Api<Trial> = Api::namespaced(shared.client.clone(), &key.namespace);
    let params = ours::patch();
    let name = key.trial(index);
    let changed =
        shared.writer.until_answered("patch", "trials", || trials.patch(&name, &params, &patch)).await;
    match changed {
        Ok(changed) => Ok(Written::of(&changed)),
        Err(refused) if refused.is_stale() && !refused.is_not_found() => {
            let found = shared.writer.until_answered("get", "trials", || trials.get_opt(&name)).await?;
            match found {
                Some(found) if found.spec == *intended => Ok(Written::of(&found)),
                _ => Err(refused),
            }
        }
        Err(refused) => Err(refused),
    }
}

/// Whether the watch sees a pod.
fn is_watched(pod: &Pod, key: &JobKey) -> bool {
    let has = |name: &str, value: &str| pod.labels().get(name).is_some_and(|it| it == value);
    has(MANAGED_BY, TEMPER) && has(JOB_UID, &key.uid) && PodView::of(pod).is_some()
}

async fn make_pod(
    shared: &Shared,
    key: &JobKey,
    job: &Job,
    rungs: &[u64],
    purpose: &Purpose<'_>,
) -> Result<PodView, Refused> {
    let delivery = shared.deliveries.of(job.trial.template.pod().spec.as_ref());
    let pod = pod::pod(key, job, rungs, &shared.agent, delivery, purpose)
        .map_err(|error| Refused::Impossible(error.to_string()))?;
    let account = pod::service_account(job, &shared.agent);
    // What else is refused was said when the job was taken up; the job goes on for those who granted it themselves.
    let granted = shared.permissions.grant(&shared.client, &shared.writer, &key.namespace, account).await;
    if let Err(Refused::NotLeader) = granted {
        return Err(Refused::NotLeader);
    }
    let pods: Api<Pod> = Api::namespaced(shared.client.clone(), &key.namespace);
    let params = ours::post();
    let made = match shared.writer.until_answered("create", "pods", || pods.create(&params, &pod)).await {
        Err(refused) if refused.code() == Some(409) => {
            let name = pod.name_any();
            let found = shared.writer.until_answered("get", "pods", || pods.get_opt(&name)).await?;
            let owner = |pod: &Pod| Some(pod.owner_references().first()?.uid.clone());
            match found {
                Some(found) if owner(&found) == owner(&pod) && is_watched(&found, key) => found,
                // Somebody took its labels away, and so hid it from the watch. To give it them back would need a right
                // to change pods: it goes, and another comes, under another name.
                Some(found) if owner(&found) == owner(&pod) => {
                    let params = ours::only(&found.uid().unwrap_or_default(), DeleteParams::default());
                    let deleted =
                        shared.writer.until_answered("delete", "pods", || pods.delete(&name, &params)).await;
                    return match deleted {
                        Err(other) if !other.is_stale() => Err(other),
                        _ => Err(refused),
                    };
                }
                _ => return Err(refused),
            }
        }
        Err(refused) => {
            // Admission looks for the pod's account.
            if refused.to_string().contains("service account") {
                shared.permissions.doubt(&key.namespace);
            }
            return Err(refused);
        }
        Ok(made) => made,
    };
    PodView::of(&made).ok_or_else(|| Refused::Impossible("the pod came back without its labels".to_owned()))
}
