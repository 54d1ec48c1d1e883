//! What objects are called, and how they are marked as belonging to a job.
//!
//! Names follow from the job's UID and the trial's index, so that whoever decides the same thing twice, or two who
//! decide at once, meet at the same object and not at two.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Resource as _, ResourceExt};
use sha2::{Digest, Sha256};
use temper_advisor::TrialIndex;
use temper_crds::TuningJob;

/// Label: name of the job.
pub(super) const JOB: &str = "temper.rs/job";
/// Label: UID of the job.
pub(super) const JOB_UID: &str = "temper.rs/job-uid";
/// Label: the trial's index.
pub(super) const INDEX: &str = "temper.rs/index";
/// Label: number of a worker that runs one trial after another.
pub(super) const WORKER: &str = "temper.rs/worker";
/// Annotation: the trial's parameters, as JSON.
pub(super) const PARAMETERS: &str = "temper.rs/parameters";
/// Label: who manages the object.
pub(super) const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Value of [`MANAGED_BY`].
pub(super) const TEMPER: &str = "temper";
/// Field manager of all that the operator writes.
pub(super) const MANAGER: &str = "temper-operator";
/// Field manager of all that the agent of a pod writes.
pub(super) const AGENT: &str = "temper-runner";

/// Letters and digits that are never mistaken for each other and make no words, as Kubernetes' own suffixes.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// One `TuningJob`, for good: another of the same name has another UID.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct JobKey {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) uid: String,
}

impl JobKey {
    /// `None` for an object that did not come from an API server.
    pub(super) fn of(job: &TuningJob) -> Option<Self> {
        Some(Self { namespace: job.namespace()?, name: job.name_any(), uid: job.uid()? })
    }

    /// `fashion-x7k2p-`
    fn prefix(&self) -> String {
        let digest = Sha256::digest(self.uid.as_bytes());
        let tag = digest.iter().take(5).map(|byte| ALPHABET[usize::from(*byte) % ALPHABET.len()] as char);
        format!("{}-{}-", self.name, tag.collect::<String>())
    }

    pub(super) fn trial(&self, index: TrialIndex) -> String {
        format!("{}{index}", self.prefix())
    }

    /// The pod of one attempt.
    pub(super) fn pod(&self, index: TrialIndex, attempt: u32) -> String {
        Self::pod_of(&self.trial(index), attempt)
    }

    /// The pod of one attempt at the trial of this name.
    pub(super) fn pod_of(trial: &str, attempt: u32) -> String {
        format!("{trial}-{attempt}")
    }

    /// A pod that runs one trial after another; `number` is never used twice.
    pub(super) fn worker(&self, number: u32) -> String {
        format!("{}w{number}", self.prefix())
    }

    pub(super) fn history(&self, chunk: u32) -> String {
        format!("{}h{chunk}", self.prefix())
    }

    /// What the job learned when it began.
    pub(super) fn warm_start(&self) -> String {
        format!("{}warm-start", self.prefix())
    }

    /// Labels of everything that belongs to the job.
    pub(super) fn labels(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            (JOB.to_owned(), self.name.clone()),
            (JOB_UID.to_owned(), self.uid.clone()),
            (MANAGED_BY.to_owned(), TEMPER.to_owned()),
        ])
    }

    /// What the job's pods are found by, and those of others that had its name.
    pub(super) fn selector(&self) -> String {
        format!("{MANAGED_BY}={TEMPER},{JOB}={}", self.name)
    }

    /// Makes an object go when the job goes.
    pub(super) fn owner(&self) -> OwnerReference {
        OwnerReference {
            api_version: TuningJob::api_version(&()).into_owned(),
            kind: TuningJob::kind(&()).into_owned(),
            name: self.name.clone(),
            uid: self.uid.clone(),
            controller: Some(true),
            block_owner_deletion: Some(false),
        }
    }

    /// Whether an object with these owners is the job's own.
    pub(super) fn owns(&self, owners: &[OwnerReference]) -> bool {
        owners.iter().any(|owner| owner.uid == self.uid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(uid: &str) -> JobKey {
        JobKey { namespace: "team".into(), name: "fashion".into(), uid: uid.into() }
    }

    #[test]
    fn names_follow_from_the_uid_and_the_index() {
        let (one, other) = (key("a"), key("b"));
        assert_eq!(one.trial(TrialIndex(7)), key("a").trial(TrialIndex(7)));
        assert_ne!(one.trial(TrialIndex(7)), other.trial(TrialIndex(7)));
        assert!(one.trial(TrialIndex(7)).starts_with("fashion-") && one.trial(TrialIndex(7)).ends_with("-7"));
        assert_eq!(one.pod(TrialIndex(7), 2), format!("{}-2", one.trial(TrialIndex(7))));
    }

    #[test]
    fn names_of_the_longest_job_are_names() {
        let longest = JobKey { name: "x".repeat(63), ..key("a") };
        assert!(longest.pod(TrialIndex(u32::MAX), u32::MAX).len() <= 253);
    }
}
