//! A job's objects as they change: who looks at a job again and again is sent what is new, and not everything each time.

use std::{
    fmt::Debug,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use futures::{FutureExt as _, StreamExt as _};
use kube::{
    Api, Client, Resource,
    core::NamespaceResourceScope,
    runtime::{
        WatchStreamExt as _,
        reflector::{self, Store},
        watcher,
    },
};
use serde::de::DeserializeOwned;
use temper_crds::{Trial, TrialHistory, TuningJob};

use super::read::{Objects, of_job_named};

/// A job's Trials and histories, kept up to date by watches for as long as the runtime runs that they began in.
#[derive(Debug)]
pub struct Follow {
    trials: Kept<Trial>,
    histories: Kept<TrialHistory>,
}

#[derive(Debug)]
struct Kept<K: Resource<DynamicType = ()> + 'static> {
    store: Store<K>,
    /// Nothing has gone wrong since the watch last told something.
    is_current: Arc<AtomicBool>,
}

impl Follow {
    /// Begins to watch what belongs to the job of this name. Must be called within a runtime.
    pub fn begin(client: &Client, namespace: &str, job: &str) -> Self {
        Self {
            trials: Kept::begin(Api::namespaced(client.clone(), namespace), job),
            histories: Kept::begin(Api::namespaced(client.clone(), namespace), job),
        }
    }

    /// What belongs to `job`. `None` while that is not known for sure: it is to be listed then.
    pub fn objects(&self, job: &TuningJob) -> Option<Objects> {
        // The histories after the trials: what is moved there in between is then seen twice, and not missed.
        let trials = self.trials.all()?;
        let histories = self.histories.all()?;
        Objects::new(job.clone(), trials, histories)
    }
}

impl<K> Kept<K>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + Debug
        + DeserializeOwned
        + Send
        + Sync
        + 'static,
{
    fn begin(api: Api<K>, job: &str) -> Self {
        let (store, writer) = reflector::store();
        let is_current = Arc::new(AtomicBool::new(false));
        let told = is_current.clone();
        let config = watcher::Config::default().fields(&of_job_named(job));
        tokio::spawn(watcher(api, config).default_backoff().reflect(writer).for_each(move |event| {
            told.store(event.is_ok(), Ordering::Relaxed);
            futures::future::ready(())
        }));
        Self { store, is_current }
    }

    fn all(&self) -> Option<Vec<K>> {
        let is_ready = matches!(self.store.wait_until_ready().now_or_never(), Some(Ok(())));
        let is_known = is_ready && self.is_current.load(Ordering::Relaxed);
        is_known.then(|| self.store.state().iter().map(|object| K::clone(object)).collect())
    }
}
