//! Requests to the Kubernetes API: Trials are watched and reports written, in a thread of their own.

use std::{
    hash::{BuildHasher, RandomState},
    io::Write as _,
    os::unix::net::UnixStream,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::TryStreamExt;
use k8s_openapi::jiff::Timestamp;
use kube::{
    Api, Client, Config, Error,
    api::{ListParams, Patch, PatchParams, WatchParams},
    core::WatchEvent,
};
use serde_json::json;
use temper_crds::{API_VERSION, Trial};
use tokio::time::{sleep, sleep_until, timeout};

use super::{
    link::Shared,
    pace::backoff,
    refusal::{classify, text},
    session::{Failure, Write},
};

/// The owner of `status.report`.
const MANAGER: &str = "temper-runner";
/// For a connection, and for a request until its answer is there.
pub(super) const CONNECT: Duration = Duration::from_secs(5);
const REQUEST: Duration = Duration::from_secs(15);
/// A watch ends after so many seconds; one that has not ended by itself a little later is a dead connection.
const WATCH: u32 = 120;
const DEAD: Duration = Duration::from_secs(WATCH as u64 + 10);
/// So many failures in a row are nothing to speak of.
const UNSPOKEN: u32 = 3;

/// The connection to the API server.
pub(super) struct Wire {
    api: Api<Trial>,
    selector: String,
    shared: Arc<Shared>,
    wake: UnixStream,
}

impl Wire {
    /// Within a runtime. `selector` selects the fields of the Trials that the pod is for. The agent finds something to
    /// read at the other end of `wake` when there is news for it.
    ///
    /// # Errors
    /// When the configuration cannot be used.
    pub(super) fn new(
        config: Config,
        namespace: &str,
        selector: String,
        shared: Arc<Shared>,
        wake: UnixStream,
    ) -> Result<Self, Error> {
        let api = Api::namespaced(Client::try_from(config)?, namespace);
        Ok(Self { api, selector, shared, wake })
    }

    /// Watches and writes for ever.
    pub(super) async fn run(self) {
        tokio::join!(self.watch(), self.write());
    }

    async fn watch(&self) {
        let mut trouble = Trouble::new("Trials cannot be read");
        loop {
            match self.follow(&mut trouble).await {
                // The list is of too old a version for the server: it is read anew.
                Ok(()) => sleep(backoff(1, jitter())).await,
                Err(error) => sleep(trouble.again(&text(&error))).await,
            }
        }
    }

    /// Reads the Trials, then what changes, until that cannot be continued.
    async fn follow(&self, trouble: &mut Trouble) -> Result<(), Error> {
        let list = ListParams::default().fields(&self.selector);
        let watch = WatchParams::default().fields(&self.selector).timeout(WATCH);
        let found = in_time(REQUEST, self.api.list(&list)).await?;
        let mut version = found.metadata.resource_version.unwrap_or_default();
        trouble.over();
        self.shared.session().synced(found.items, Instant::now(), Timestamp::now());
        self.taken_in();
        loop {
            let events = in_time(REQUEST, self.api.watch(&watch, &version)).await?;
            let mut events = std::pin::pin!(events);
            while let Some(event) = in_time(DEAD, events.try_next()).await? {
                let (now, at) = (Instant::now(), Timestamp::now());
                let newer = match event {
                    WatchEvent::Added(trial) | WatchEvent::Modified(trial) => {
                        let newer = trial.metadata.resource_version.clone();
                        self.shared.session().changed(trial, now, at);
                        newer
                    }
                    WatchEvent::Deleted(trial) => {
                        self.shared.session().removed(&trial, now, at);
                        trial.metadata.resource_version
                    }
                    WatchEvent::Bookmark(bookmark) => Some(bookmark.metadata.resource_version),
                    WatchEvent::Error(status) if status.code == 410 => return Ok(()),
                    WatchEvent::Error(status) => return Err(Error::Api(status)),
                };
                version = newer.unwrap_or(version);
                self.taken_in();
            }
        }
    }

    async fn write(&self) {
        let mut trouble = Trouble::new("the report cannot be written");
        loop {
            let now = Instant::now();
            let (write, due) = {
                let mut session = self.shared.session();
                session.turn(now, Timestamp::now());
                let write = session.begin_write(now);
                (write, session.due())
            };
            self.wake();
            match (write, due) {
                (Some(write), _) => {
                    let result = self.put(&write).await;
                    match &result {
                        Ok(()) => trouble.over(),
                        Err(Failure::Passing(why)) => drop(trouble.again(why)),
                        Err(_) => {}
                    }
                    let (now, at) = (Instant::now(), Timestamp::now());
                    self.shared.session().written(&write, result, jitter(), now, at);
                }
                (None, Some(due)) => tokio::select! {
                    () = sleep_until(due.into()) => {}
                    () = self.shared.told.notified() => {}
                },
                (None, None) => self.shared.told.notified().await,
            }
        }
    }

    async fn put(&self, write: &Write) -> Result<(), Failure> {
        let Write { name, uid, report } = write;
        // With the UID, so that no other Trial of that name takes it.
        let applied = json!({
            "apiVersion": API_VERSION,
            "kind": "Trial",
            "metadata": {"name": name, "uid": uid},
            "status": {"report": report},
        });
        let parameters = PatchParams::apply(MANAGER).force();
        let patch = Patch::Apply(&applied);
        match in_time(REQUEST, self.api.patch_status(name, &parameters, &patch)).await {
            Ok(_) => Ok(()),
            Err(error) => Err(classify(&error, name)),
        }
    }

    /// What was read may be news for the agent. It may be something to write too, without the agent's doing: of a trial
    /// that is to end before it has begun.
    fn taken_in(&self) {
        if self.shared.session().due().is_some() {
            self.shared.told.notify_one();
        }
        self.wake();
    }

    /// Wakes the agent if there is news for it.
    fn wake(&self) {
        if self.shared.session().has_news() {
            // When it is full, the agent is awake.
            let _ = (&self.wake).write(&[0]);
        }
    }
}

async fn in_time<T>(limit: Duration, answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    match timeout(limit, answer).await {
        Ok(answer) => answer,
        Err(_) => Err(Error::Service(format!("no answer for {} s", limit.as_secs()).into())),
    }
}

/// From 0 to 1.
fn jitter() -> f64 {
    RandomState::new().hash_one(0_u8) as f64 / u64::MAX as f64
}

/// Says once that something does not work, and that it works again.
struct Trouble {
    what: &'static str,
    failures: u32,
}

impl Trouble {
    fn new(what: &'static str) -> Self {
        Self { what, failures: 0 }
    }

    /// How long to wait.
    fn again(&mut self, why: &str) -> Duration {
        self.failures += 1;
        if self.failures == UNSPOKEN {
            eprintln!("temper: {}: {why}; this is tried again until it works", self.what);
        }
        backoff(self.failures, jitter())
    }

    fn over(&mut self) {
        if self.failures >= UNSPOKEN {
            eprintln!("temper: the API server answers again, after {} failed requests", self.failures);
        }
        self.failures = 0;
    }
}
