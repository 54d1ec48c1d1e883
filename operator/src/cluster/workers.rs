//! Pods that run one trial after another. Pure: which worker runs what.

use std::collections::BTreeMap;

use temper_advisor::TrialIndex;

use super::{
    job::Written,
    observe::{PodView, Role, Standing},
};
use crate::plan::JobState;

/// The workers of a job, by the names of their pods.
#[derive(Debug, Default)]
pub(super) struct Workers {
    /// What each runs.
    busy: BTreeMap<String, Option<TrialIndex>>,
    next: u32,
}

impl Workers {
    /// As the pods and the trials have it.
    pub(super) fn of<'a>(
        pods: impl Iterator<Item = &'a PodView>,
        written: &BTreeMap<TrialIndex, Written>,
        state: &JobState,
    ) -> Self {
        let mut workers = Self::default();
        for pod in pods {
            let Role::Worker(number) = pod.role else { continue };
            workers.next = workers.next.max(number + 1);
            if pod.leaving.is_none() && !matches!(pod.standing, Standing::Over(_)) {
                workers.busy.insert(pod.name.clone(), None);
            }
        }
        for index in state.running() {
            let pod = written.get(&index).and_then(|written| written.spec.pod.as_ref());
            if let Some(runs) = pod.and_then(|pod| workers.busy.get_mut(&pod.name)) {
                *runs = Some(index);
            }
        }
        workers
    }

    /// A worker that has nothing to do, now this trial's.
    pub(super) fn assign(&mut self, trial: TrialIndex) -> Option<String> {
        let (name, runs) = self.busy.iter_mut().find(|(_, runs)| runs.is_none())?;
        *runs = Some(trial);
        Some(name.clone())
    }

    /// The number of a worker to be made.
    pub(super) fn next_number(&mut self) -> u32 {
        self.next += 1;
        self.next - 1
    }

    /// A worker was made for this trial.
    pub(super) fn made(&mut self, name: String, trial: TrialIndex) {
        self.busy.insert(name, Some(trial));
    }

    /// Whoever ran this trial has nothing to do any more.
    pub(super) fn free(&mut self, trial: TrialIndex) {
        self.busy.values_mut().filter(|runs| **runs == Some(trial)).for_each(|runs| *runs = None);
    }

    /// A worker's pod is gone, or going.
    pub(super) fn gone(&mut self, name: &str) {
        self.busy.remove(name);
    }

    /// Workers with nothing to do.
    pub(super) fn idle(&self) -> impl Iterator<Item = &String> {
        self.busy.iter().filter(|(_, runs)| runs.is_none()).map(|(name, _)| name)
    }
}
