//! What has changed of each job since its task last looked. Watches put in, one task a job takes out; nothing is kept
//! that nobody waits for.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use temper_crds::{Trial, TuningJob};
use tokio::sync::Notify;

use super::observe::PodView;

/// The newest version of everything that has changed; `None` for what is gone.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) job: Option<Box<TuningJob>>,
    pub(super) trials: BTreeMap<u32, Option<Box<Trial>>>,
    /// By name.
    pub(super) pods: BTreeMap<String, Option<PodView>>,
}

/// One job's.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    changes: Mutex<Changes>,
    arrived: Notify,
}

impl Mailbox {
    pub(super) fn put(&self, change: impl FnOnce(&mut Changes)) {
        change(&mut unpoisoned(&self.changes));
        self.arrived.notify_one();
    }

    pub(super) fn take(&self) -> Changes {
        std::mem::take(&mut unpoisoned(&self.changes))
    }

    /// Returns when something was put in since it last returned.
    pub(super) async fn arrived(&self) {
        self.arrived.notified().await;
    }
}

/// All jobs', by UID.
#[derive(Clone, Debug, Default)]
pub(super) struct Mailboxes(Arc<Mutex<HashMap<String, Arc<Mailbox>>>>);

impl Mailboxes {
    /// The job's, made if need be; whether it was.
    pub(super) fn open(&self, uid: &str) -> (Arc<Mailbox>, bool) {
        let mut all = unpoisoned(&self.0);
        if let Some(mailbox) = all.get(uid) {
            return (mailbox.clone(), false);
        }
        let mailbox = Arc::new(Mailbox::default());
        all.insert(uid.to_owned(), mailbox.clone());
        (mailbox, true)
    }

    /// The job is gone.
    pub(super) fn close(&self, uid: &str) {
        unpoisoned(&self.0).remove(uid);
    }

    /// Puts something into the mailbox of a job that has one: what nobody waits for is dropped, since who opens a
    /// mailbox reads everything afresh.
    pub(super) fn put(&self, uid: &str, change: impl FnOnce(&mut Changes)) {
        let mailbox = unpoisoned(&self.0).get(uid).cloned();
        if let Some(mailbox) = mailbox {
            mailbox.put(change);
        }
    }
}

/// What a panic elsewhere left behind is whole: each change is one assignment.
fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
