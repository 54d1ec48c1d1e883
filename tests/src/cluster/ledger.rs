//! Everything that is seen of a job's trials and pods while it runs.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
};

use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::{
    ResourceExt,
    runtime::{WatchStreamExt, watcher},
};
use temper_crds::Trial;
use tokio::task::JoinHandle;

use super::world::World;

/// A watch, and what it saw.
pub struct Ledger {
    book: Arc<Mutex<Book>>,
    watches: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Book {
    /// Trials that have a pod and have not said how they ended.
    live: BTreeSet<u32>,
    most_live: usize,
    /// UIDs of the Trial objects, and the attempts, of each index.
    objects: BTreeMap<u32, BTreeSet<String>>,
    attempts: BTreeMap<u32, BTreeSet<u32>>,
    /// UIDs of pods by name.
    pods: BTreeMap<String, BTreeSet<String>>,
}

impl Ledger {
    pub(super) fn open(world: &World, job: &str) -> Self {
        let book: Arc<Mutex<Book>> = Arc::default();
        let trials =
            watcher(world.api::<Trial>(), watcher::Config::default().fields(&format!("spec.job={job}")))
                .default_backoff();
        let pods =
            watcher(world.api::<Pod>(), watcher::Config::default().labels(&format!("temper.rs/job={job}")))
                .default_backoff();
        let (of_trials, of_pods) = (book.clone(), book.clone());
        let trials = world.runtime().spawn(trials.for_each(move |event| {
            if let (Ok(event), Ok(mut book)) = (event, of_trials.lock()) {
                book.take_trial(event);
            }
            async {}
        }));
        let pods = world.runtime().spawn(pods.for_each(move |event| {
            if let (Ok(watcher::Event::Apply(pod) | watcher::Event::InitApply(pod)), Ok(mut book)) =
                (event, of_pods.lock())
            {
                let uid = pod.uid().unwrap_or_default();
                book.pods.entry(pod.name_any()).or_default().insert(uid);
            }
            async {}
        }));
        Self { book, watches: vec![trials, pods] }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(|_| panic!("a watch has failed"))
    }

    /// The most trials that were on their way at once.
    pub fn most_live(&self) -> usize {
        self.book().most_live
    }

    /// Attempts that were seen, for each index.
    pub fn attempts(&self) -> BTreeMap<u32, BTreeSet<u32>> {
        self.book().attempts.clone()
    }

    /// Names of all pods there ever were. None was ever another under the same name.
    pub fn pods(&self) -> BTreeSet<String> {
        let book = self.book();
        for (name, uids) in &book.pods {
            assert_eq!(uids.len(), 1, "pod {name} was made more than once");
        }
        book.pods.keys().cloned().collect()
    }

    /// That indices 0 to `trials` were tried, each once and by one object, and no more than `parallelism` at a time.
    pub fn each_once(&self, trials: u32, parallelism: usize) {
        self.pods();
        let book = self.book();
        assert!(book.objects.keys().copied().eq(0..trials), "indices: {:?}", book.objects.keys());
        for (index, objects) in &book.objects {
            assert_eq!(objects.len(), 1, "index {index} was made more than once");
        }
        for (index, attempts) in &book.attempts {
            assert_eq!(attempts.iter().copied().collect::<Vec<_>>(), [1], "attempts at index {index}");
        }
        assert!(book.most_live <= parallelism, "{} were live at once", book.most_live);
    }
}

impl Book {
    fn take_trial(&mut self, event: watcher::Event<Trial>) {
        let trial = match event {
            watcher::Event::Apply(trial) | watcher::Event::InitApply(trial) => trial,
            watcher::Event::Delete(trial) => {
                self.live.remove(&trial.spec.index);
                return;
            }
            watcher::Event::Init | watcher::Event::InitDone => return,
        };
        let spec = &trial.spec;
        self.objects.entry(spec.index).or_default().insert(trial.uid().unwrap_or_default());
        if spec.pod.is_none() {
            return;
        }
        self.attempts.entry(spec.index).or_default().insert(spec.attempt);
        let report = trial.status.as_ref().and_then(|status| status.report.as_ref());
        if report.is_some_and(|report| report.attempt == spec.attempt && report.state.is_over()) {
            self.live.remove(&spec.index);
        } else {
            self.live.insert(spec.index);
            self.most_live = self.most_live.max(self.live.len());
        }
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.watches.iter().for_each(JoinHandle::abort);
    }
}
