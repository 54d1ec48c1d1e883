//! Pods that run one trial after another. Pure: which worker runs what.

use std::collections::{BTreeMap, BTreeSet};

use temper_advisor::TrialIndex;

use super::{
    job::Written,
    observe::{PodView, Role, Standing},
};
use crate::plan::JobState;

/// The workers of a job, by the names of their pods.
#[derive(Debug, Default)]
pub(super) struct Workers {
    /// Those that have nothing to do.
    idle: BTreeSet<String>,
    /// What each of the others runs.
    busy: BTreeMap<String, TrialIndex>,
    /// Which of them runs a trial.
    of_trial: BTreeMap<TrialIndex, String>,
    next: u32,
}

/// The worker of a trial that is to begin.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Assigned {
    /// It is there.
    There(String),
    /// A worker of this number is to be made.
    New(u32),
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
                workers.idle.insert(pod.name.clone());
            }
        }
        for index in state.running() {
            let pod = written.get(&index).and_then(|written| written.spec.pod.as_ref());
            if let Some(name) = pod.and_then(|pod| workers.idle.take(&pod.name)) {
                workers.gives(name, index);
            }
        }
        workers
    }

    /// The worker of a trial: the one it has, else one that has nothing to do, else a new one, which `name_of` names.
    pub(super) fn assign(&mut self, trial: TrialIndex, name_of: impl FnOnce(u32) -> String) -> Assigned {
        if let Some(name) = self.of_trial.get(&trial) {
            return Assigned::There(name.clone());
        }
        if let Some(name) = self.idle.pop_first() {
            self.gives(name.clone(), trial);
            return Assigned::There(name);
        }
        let number = self.next;
        self.next += 1;
        self.gives(name_of(number), trial);
        Assigned::New(number)
    }

    fn gives(&mut self, name: String, trial: TrialIndex) {
        self.busy.insert(name.clone(), trial);
        self.of_trial.insert(trial, name);
    }

    /// Whoever ran this trial has nothing to do any more.
    pub(super) fn free(&mut self, trial: TrialIndex) {
        if let Some(name) = self.of_trial.remove(&trial) {
            self.busy.remove(&name);
            self.idle.insert(name);
        }
    }

    /// A worker's pod is gone, or going.
    pub(super) fn gone(&mut self, name: &str) {
        self.idle.remove(name);
        if let Some(trial) = self.busy.remove(name) {
            self.of_trial.remove(&trial);
        }
    }

    /// Workers with nothing to do.
    pub(super) fn idle(&self) -> impl Iterator<Item = &String> {
        self.idle.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_keeps_its_worker_and_a_free_worker_is_taken_before_one_is_made() {
        let name = |number| format!("w{number}");
        let (one, other) = (TrialIndex(1), TrialIndex(2));
        let mut workers = Workers::default();
        assert_eq!(workers.assign(one, name), Assigned::New(0));
        assert_eq!(workers.assign(one, name), Assigned::There("w0".to_owned()), "asked again");
        assert_eq!(workers.assign(other, name), Assigned::New(1));
        workers.free(one);
        assert_eq!(workers.idle().collect::<Vec<_>>(), ["w0"]);
        assert_eq!(workers.assign(TrialIndex(3), name), Assigned::There("w0".to_owned()));
        workers.gone("w1");
        assert_eq!(workers.assign(other, name), Assigned::New(2), "a number is never used twice");
    }
}
