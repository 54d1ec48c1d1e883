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
    core::Request,
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
/// So many trials are removed by one request; fewer only when nothing was removed for a while.
const TOGETHER: usize = 10;
const WHILE: Duration = Duration::from_secs(5);
/// Between two looks at which pods are over.
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);
/// A pod that is over goes at once, one that runs is asked to end by its node first. A pod ends when its trial has
/// reported; one that has not for so long is not waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Trials that are in the history and whose objects are still there.
#[derive(Debug)]
pub(super) struct Removals {
    /// Since when.
    waiting: BTreeMap<TrialIndex, Instant>,
    /// When it was last looked which can be removed, and when some were.
    looked: Instant,
    removed: Instant,
    under_way: u32,
    at_once: Arc<Semaphore>,
}

impl Default for Removals {
    fn default() -> Self {
        let now = Instant::now();
        let at_once = Arc::new(Semaphore::new(AT_ONCE as usize));
        Self { waiting: BTreeMap::new(), looked: now, removed: now, under_way: 0, at_once }
    }
}

impl Removals {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// When it is to be looked again whether some can be removed, though nothing was heard.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        let patience = self.waiting.values().map(|since| *since + PATIENCE);
        let looks = patience.chain([self.removed + WHILE]).map(|at| at.max(self.looked + BETWEEN_LOOKS));
        looks.filter(|due| *due > now && !self.waiting.is_empty()).min()
    }

    /// Takes out those to be removed now: whose pods are over, or are waited for no longer.
    fn take(&mut self, now: Instant, is_last: bool, is_over: impl Fn(TrialIndex) -> bool) -> Vec<TrialIndex> {
        if self.waiting.is_empty() || !is_last && now < self.looked + BETWEEN_LOOKS {
            return Vec::new();
        }
        self.looked = now;
        let is_ready = |(index, since): &(&TrialIndex, &Instant)| {
            is_last || now >= **since + PATIENCE || is_over(**index)
        };
        let ready: Vec<TrialIndex> = self.waiting.iter().filter(is_ready).map(|(index, _)| *index).collect();
        if ready.is_empty() || !is_last && ready.len() < TOGETHER && now < self.removed + WHILE {
            return Vec::new();
        }
        self.removed = now;
        for index in &ready {
            self.waiting.remove(index);
        }
        ready
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
        let (state, pods, key) = (self.state.as_deref(), &self.pods, &self.key);
        let ready = self.removals.take(Instant::now(), is_last, |index| {
            let attempts = state.and_then(|state| state.trial(index)).map_or(0, |trial| trial.attempts);
            let pod = pods.get(&key.pod(index, attempts));
            pod.is_none_or(|pod| matches!(pod.standing, Standing::Over(_)))
        });
        if ready.is_empty() {
            return;
        }
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

/// The answer holds all that was deleted, and is not read: with many pods it would take more memory than anything else.
async fn delete<K>(shared: &Shared, what: &'static str, objects: &Api<K>, selector: &str)
where
    K: kube::Resource<DynamicType = ()>,
{
    let (selected, params) = (ListParams::default().labels(selector), DeleteParams::background());
    let deleted = shared
        .writer
        .until_answered("deletecollection", what, || async {
            let request = Request::new(objects.resource_url()).delete_collection(&params, &selected);
            shared.client.request_text(request.map_err(kube::Error::BuildRequest)?).await.map(drop)
        })
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
        let waiting = (0..count).map(|index| (TrialIndex(index), since)).collect();
        Removals { waiting, looked: since, removed: since, ..Removals::default() }
    }

    fn odd(index: TrialIndex) -> bool {
        index.0 % 2 == 1
    }

    #[test]
    fn trials_are_removed_together_once_their_pods_are_over() {
        let since = Instant::now();
        let now = since + BETWEEN_LOOKS;
        assert!(removals(18, since).take(now, false, odd).is_empty(), "nine are too few");
        let mut enough = removals(20, since);
        let taken = enough.take(now, false, odd);
        assert_eq!((taken.len(), enough.waiting.len()), (10, 10));
        assert!(taken.into_iter().all(odd));
    }

    #[test]
    fn few_are_not_waited_for_nor_pods_that_do_not_end() {
        let since = Instant::now();
        let mut some = removals(4, since);
        assert_eq!(some.due(since), Some(since + WHILE));
        let now = since + WHILE;
        assert_eq!(some.take(now, false, odd), [TrialIndex(1), TrialIndex(3)]);
        assert_eq!(some.due(now), Some(now + WHILE));
        assert!(some.take(now + WHILE, false, odd).is_empty());
        assert_eq!(
            some.due(now + WHILE),
            Some(now + WHILE + BETWEEN_LOOKS),
            "a pod may end right after a look"
        );
        assert_eq!(some.take(since + PATIENCE, false, odd).len(), 2);
        assert_eq!(some.due(since + PATIENCE), None);
    }

    #[test]
    fn a_steady_flow_goes_in_full_requests_whatever_its_pace() {
        let begin = Instant::now();
        let mut flow = removals(0, begin);
        let mut sizes = Vec::new();
        // A trial every 20 ms, whose pod is over after 5 s.
        for step in 0..1_000_u32 {
            let now = begin + Duration::from_millis(20) * step;
            flow.waiting.insert(TrialIndex(step), now);
            let taken = flow.take(now, false, |index| index.0 + 250 <= step);
            if !taken.is_empty() {
                sizes.push(taken.len());
            }
        }
        assert!(sizes.iter().sum::<usize>() > 700 && sizes.len() < 100, "{sizes:?}");
    }

    #[test]
    fn a_job_that_is_over_leaves_none() {
        let now = Instant::now();
        assert_eq!(removals(3, now).take(now, true, |_| false).len(), 3);
        assert_eq!(removals(0, now).due(now), None);
    }
}
