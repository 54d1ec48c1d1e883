//! Finished trials that are no longer kept in full: into the history, and then their objects go.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api,
    api::{DeleteParams, ListParams},
};
use temper_advisor::TrialIndex;
use temper_crds::{Trial, TrialHistory, TrialHistorySpec};
use tokio::sync::Semaphore;
use tracing::Instrument as _;

use super::{
    effects::Done,
    job::{Shared, Tended},
    names::{INDEX, JOB_UID},
    observe::Standing,
    ours, trial,
    writer::Refused,
};

/// Removals of a job's trials that go on at once.
const AT_ONCE: u32 = 4;
/// With so many removals to be done no further trial begins: whoever makes objects must not get far ahead of who
/// removes them.
const MOST: u32 = 4 * AT_ONCE;
/// So many trials are removed by one request, or those that there are after a while.
const TOGETHER: usize = 10;
const WHILE: Duration = Duration::from_secs(5);
/// A pod that is over goes at once, one that runs is asked to end by its node first. A pod ends when its trial has
/// reported; one that has not for so long is not waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Trials that are in the history and whose objects are still there.
#[derive(Debug)]
pub(super) struct Removals {
    /// Since when.
    waiting: BTreeMap<TrialIndex, Instant>,
    under_way: u32,
    at_once: Arc<Semaphore>,
}

impl Default for Removals {
    fn default() -> Self {
        Self { waiting: BTreeMap::new(), under_way: 0, at_once: Arc::new(Semaphore::new(AT_ONCE as usize)) }
    }
}

impl Removals {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// When it is to be looked again whether some can be removed, though nothing was heard.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        let looks = self.waiting.values().flat_map(|since| [*since + WHILE, *since + PATIENCE]);
        looks.filter(|due| *due > now).min()
    }

    /// Those to be removed now, if there are enough of them: whose pods are over, or are waited for no longer.
    fn ready(&self, now: Instant, is_last: bool, is_over: impl Fn(TrialIndex) -> bool) -> Vec<TrialIndex> {
        let ready: Vec<(TrialIndex, Instant)> = self
            .waiting
            .iter()
            .filter(|(index, since)| is_last || now >= **since + PATIENCE || is_over(**index))
            .map(|(index, since)| (*index, *since))
            .collect();
        let is_time =
            is_last || ready.len() >= TOGETHER || ready.iter().any(|(_, since)| now >= *since + WHILE);
        if is_time { ready.into_iter().map(|(index, _)| index).collect() } else { Vec::new() }
    }
}

impl Tended {
    /// Puts finished trials into the history; their objects and pods are removed after that.
    pub(super) fn compact(&mut self, trials: &[TrialIndex]) {
        let finished: Vec<_> = trials
            .iter()
            .filter_map(|index| {
                let rungs = self.climbed.remove(index).unwrap_or_default();
                trial::to_history(self.state(), *index, rungs)
            })
            .collect();
        let chunk = self.chunks;
        self.chunks += 1;
        let mut history = TrialHistory::new(
            &self.key.history(chunk),
            TrialHistorySpec {
                job: self.key.name.clone(),
                chunk,
                count: finished.len() as u32,
                warm_start: None,
                trials: finished,
            },
        );
        history.metadata.namespace = Some(self.key.namespace.clone());
        history.metadata.labels = Some(self.key.labels());
        history.metadata.owner_references = Some(vec![self.key.owner()]);
        let (shared, histories): (_, Api<TrialHistory>) = (self.shared.clone(), self.api());
        let trials = trials.to_vec();
        self.effects.spawn(
            async move { Done::Compacted(keep(&shared, &histories, &history).await.map(|()| trials)) }
                .in_current_span(),
        );
    }

    /// The objects of trials that the history holds are to go.
    pub(super) fn remove(&mut self, trials: &[TrialIndex]) {
        let now = Instant::now();
        self.removals.waiting.extend(trials.iter().map(|index| (*index, now)));
    }

    /// Whether removals keep up with what is made.
    pub(super) fn keeps_up(&self) -> bool {
        self.removals.under_way < MOST
    }

    /// Removes the objects of trials that the history holds, and their pods. The API server deletes one after another,
    /// which takes seconds for some hundreds: the job goes on meanwhile.
    pub(super) fn send_off_removals(&mut self, is_last: bool) {
        let is_over = |index: TrialIndex| {
            let attempts = self.state().trial(index).map_or(0, |trial| trial.attempts);
            let pod = self.pods.get(&self.key.pod(index, attempts));
            pod.is_none_or(|pod| matches!(pod.standing, Standing::Over(_)))
        };
        let ready = self.removals.ready(Instant::now(), is_last, is_over);
        if ready.is_empty() {
            return;
        }
        self.removals.waiting.retain(|index, _| !ready.contains(index));
        self.removals.under_way += 1;
        let indices: Vec<String> = ready.iter().map(ToString::to_string).collect();
        let selector = format!("{JOB_UID}={},{INDEX} in ({})", self.key.uid, indices.join(","));
        let (pods, trials): (Api<Pod>, Api<Trial>) = (self.api(), self.api());
        let (shared, at_once, is_reused) =
            (self.shared.clone(), self.removals.at_once.clone(), self.is_reused());
        self.effects.spawn(
            async move {
                let _permit = at_once.acquire().await;
                // Otherwise the garbage collector would ask after each, and delete it by a request of its own.
                if !is_reused {
                    delete(&shared, "pods", &pods, &selector).await;
                }
                delete(&shared, "trials", &trials, &selector).await;
                Done::Removed
            }
            .in_current_span(),
        );
    }

    pub(super) fn removed(&mut self) {
        self.removals.under_way -= 1;
    }
}

async fn delete<K>(shared: &Shared, what: &'static str, objects: &Api<K>, selector: &str)
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let (selected, params) = (ListParams::default().labels(selector), DeleteParams::background());
    let deleted = shared
        .writer
        .until_answered("deletecollection", what, || objects.delete_collection(&params, &selected))
        .await;
    if let Err(refused) = deleted {
        tracing::warn!(what, selector, %refused, "of trials that are in the history something is left");
    }
}

async fn keep(shared: &Shared, histories: &Api<TrialHistory>, history: &TrialHistory) -> Result<(), Refused> {
    let params = ours::post();
    shared
        .writer
        .until_answered("create", "trialhistories", || histories.create(&params, history))
        .await
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn removals(count: u32, since: Instant) -> Removals {
        Removals {
            waiting: (0..count).map(|index| (TrialIndex(index), since)).collect(),
            ..Removals::default()
        }
    }

    #[test]
    fn trials_are_removed_together_once_their_pods_are_over() {
        let now = Instant::now();
        let odd = |index: TrialIndex| index.0 % 2 == 1;
        assert!(removals(18, now).ready(now, false, odd).is_empty(), "nine are too few");
        let ready = removals(20, now).ready(now, false, odd);
        assert_eq!(ready.len(), 10);
        assert!(ready.into_iter().all(odd));
    }

    #[test]
    fn few_are_not_waited_for_nor_pods_that_do_not_end() {
        let now = Instant::now();
        let some = removals(4, now);
        assert_eq!(some.due(now), Some(now + WHILE));
        assert_eq!(some.ready(now + WHILE, false, |index| index.0 == 2), [TrialIndex(2)]);
        assert!(some.ready(now + WHILE, false, |_| false).is_empty());
        assert_eq!(some.due(now + WHILE), Some(now + PATIENCE));
        assert_eq!(some.ready(now + PATIENCE, false, |_| false).len(), 4);
    }

    #[test]
    fn a_job_that_is_over_leaves_none() {
        let now = Instant::now();
        assert_eq!(removals(3, now).ready(now, true, |_| false).len(), 3);
        assert_eq!(removals(0, now).due(now), None);
    }
}
