//! What has changed of each job since its task last looked. Watches put in, one task a job takes out; nothing is kept
//! that nobody waits for.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use temper_advisor::TrialIndex;
use temper_crds::{Trial, TuningJob};
use tokio::sync::Notify;

use super::{observe::PodView, turns::Turns};

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

    /// All that has changed, but for what concerns a trial or a pod about which something is under way: that stays
    /// until its outcome is known, and is then told as it is by then.
    pub(super) fn take(&self, turns: &Turns) -> Changes {
        let mut kept = unpoisoned(&self.changes);
        let Changes { job, trials, pods } = std::mem::take(&mut *kept);
        let (held_trials, trials) =
            trials.into_iter().partition(|(index, _)| turns.is_under_way(TrialIndex(*index)));
        let (held_pods, pods) = pods.into_iter().partition(|(name, _)| turns.is_under_way_about(name));
        *kept = Changes { job: None, trials: held_trials, pods: held_pods };
        Changes { job, trials, pods }
    }

    /// The job's object, if it has changed; what has changed of its trials and pods is forgotten.
    pub(super) fn take_job(&self) -> Option<Box<TuningJob>> {
        std::mem::take(&mut *unpoisoned(&self.changes)).job
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
