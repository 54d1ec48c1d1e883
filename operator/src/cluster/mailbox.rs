//! What has changed of each job since its task last looked. Watches put in, one task a job takes out; nothing is kept
//! that nobody waits for.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use temper_advisor::TrialIndex;
use temper_crds::{Trial, TuningJob};
use tokio::sync::Notify;

use super::{metrics::Metrics, observe::PodView, turns::Turns};

/// The newest version of everything that has changed; `None` for what is gone.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) job: Option<Box<TuningJob>>,
    pub(super) trials: BTreeMap<u32, Option<Box<Trial>>>,
    /// By name.
    pub(super) pods: BTreeMap<String, Option<PodView>>,
}

/// One job's.
#[derive(Debug)]
pub(super) struct Mailbox {
    kept: Mutex<Kept>,
    arrived: Notify,
    metrics: Arc<Metrics>,
}

#[derive(Debug, Default)]
struct Kept {
    changes: Changes,
    attention: Attention,
}

/// What a job waits for from its task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Attention {
    /// To be read for the first time.
    #[default]
    Unread,
    /// To be looked at: something was put in since.
    Changed,
    /// Nothing.
    LookedAt,
    /// Nothing ever again: it has no task any more.
    Over,
}

impl Attention {
    fn is_awaited(self) -> bool {
        matches!(self, Self::Unread | Self::Changed)
    }
}

impl Mailbox {
    /// That of a job that is about to be read.
    fn new(metrics: Arc<Metrics>) -> Self {
        metrics.waiting(1);
        Self { kept: Mutex::default(), arrived: Notify::new(), metrics }
    }

    pub(super) fn put(&self, change: impl FnOnce(&mut Changes)) {
        let mut kept = unpoisoned(&self.kept);
        change(&mut kept.changes);
        if kept.attention == Attention::LookedAt {
            self.becomes(&mut kept, Attention::Changed);
        }
        drop(kept);
        self.arrived.notify_one();
    }

    /// All that has changed, but for what concerns a trial or a pod about which something is under way: that stays
    /// until its outcome is known, and is then told as it is by then.
    pub(super) fn take(&self, turns: &Turns) -> Changes {
        let mut kept = unpoisoned(&self.kept);
        self.becomes(&mut kept, Attention::LookedAt);
        let Changes { job, trials, pods } = std::mem::take(&mut kept.changes);
        let (held_trials, trials) =
            trials.into_iter().partition(|(index, _)| turns.is_under_way(TrialIndex(*index)));
        let (held_pods, pods) = pods.into_iter().partition(|(name, _)| turns.is_under_way_about(name));
        kept.changes = Changes { job: None, trials: held_trials, pods: held_pods };
        Changes { job, trials, pods }
    }

    /// The job's object, if it has changed; what has changed of its trials and pods is forgotten. Of a job that was not
    /// read yet nothing else is known afterwards.
    pub(super) fn take_job(&self) -> Option<Box<TuningJob>> {
        let mut kept = unpoisoned(&self.kept);
        if kept.attention == Attention::Changed {
            self.becomes(&mut kept, Attention::LookedAt);
        }
        std::mem::take(&mut kept.changes).job
    }

    /// Returns when something was put in since it last returned. Whoever waits for that has read the job.
    pub(super) async fn arrived(&self) {
        {
            let mut kept = unpoisoned(&self.kept);
            if kept.attention == Attention::Unread {
                self.becomes(&mut kept, Attention::LookedAt);
            }
        }
        self.arrived.notified().await;
    }

    /// Nobody looks into it any more.
    pub(super) fn leave(&self) {
        self.becomes(&mut unpoisoned(&self.kept), Attention::Over);
    }

    fn becomes(&self, kept: &mut Kept, attention: Attention) {
        let before = std::mem::replace(&mut kept.attention, attention);
        if before == Attention::Over {
            kept.attention = before;
        }
        self.metrics.waiting(i64::from(kept.attention.is_awaited()) - i64::from(before.is_awaited()));
    }
}

/// All jobs', by UID.
#[derive(Clone, Debug)]
pub(super) struct Mailboxes {
    all: Arc<Mutex<HashMap<String, Arc<Mailbox>>>>,
    metrics: Arc<Metrics>,
}

impl Mailboxes {
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        Self { all: Arc::default(), metrics }
    }

    /// The job's, made if need be; whether it was.
    pub(super) fn open(&self, uid: &str) -> (Arc<Mailbox>, bool) {
        let mut all = unpoisoned(&self.all);
        if let Some(mailbox) = all.get(uid) {
            return (mailbox.clone(), false);
        }
        let mailbox = Arc::new(Mailbox::new(self.metrics.clone()));
        all.insert(uid.to_owned(), mailbox.clone());
        (mailbox, true)
    }

    /// The job is gone.
    pub(super) fn close(&self, uid: &str) {
        if let Some(mailbox) = unpoisoned(&self.all).remove(uid) {
            mailbox.leave();
        }
    }

    /// Puts something into the mailbox of a job that has one: what nobody waits for is dropped, since who opens a
    /// mailbox reads everything afresh.
    pub(super) fn put(&self, uid: &str, change: impl FnOnce(&mut Changes)) {
        let mailbox = unpoisoned(&self.all).get(uid).cloned();
        if let Some(mailbox) = mailbox {
            mailbox.put(change);
        }
    }
}

/// What a panic elsewhere left behind is whole: each change is one assignment.
fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    /// Mailboxes, and how many jobs the gauge says are waiting.
    fn mailboxes() -> (Mailboxes, impl Fn() -> i64) {
        let metrics = Arc::new(Metrics::new());
        let waiting = metrics.clone();
        let waiting = move || {
            let text = waiting.text().unwrap();
            let line = text.lines().find_map(|line| line.strip_prefix("temper_queue_depth ")).unwrap();
            line.parse().unwrap()
        };
        (Mailboxes::new(metrics), waiting)
    }

    fn gone(changes: &mut Changes) {
        changes.trials.insert(1, None);
    }

    #[test]
    fn a_job_waits_until_it_was_read_and_from_then_on_while_something_is_not_looked_at() {
        let (mailboxes, waiting) = mailboxes();
        let (one, is_new) = mailboxes.open("one");
        assert!(is_new && waiting() == 1, "it is to be read");
        mailboxes.put("one", gone);
        assert!(one.take_job().is_none() && waiting() == 1, "and still is, whatever has changed");
        one.take(&Turns::default());
        assert_eq!(waiting(), 0);
        mailboxes.put("one", gone);
        mailboxes.put("one", gone);
        assert_eq!(waiting(), 1, "one job, however much has changed");
        let (_other, _) = mailboxes.open("other");
        assert_eq!(waiting(), 2);
        assert_eq!(one.take(&Turns::default()).trials.len(), 1);
        mailboxes.close("other");
        assert_eq!(waiting(), 0, "what is gone waits for nothing");
    }

    #[test]
    fn what_is_held_back_while_a_request_is_under_way_was_looked_at() {
        let (mailboxes, waiting) = mailboxes();
        let (one, _) = mailboxes.open("one");
        one.put(gone);
        let mut turns = Turns::default();
        turns.begin(TrialIndex(1));
        turns.next(1, true);
        assert!(one.take(&turns).trials.is_empty() && waiting() == 0);
        turns.done(TrialIndex(1));
        assert_eq!(one.take(&turns).trials.len(), 1, "and is told later");
    }

    #[test]
    fn a_job_that_is_over_has_been_read_once_its_task_waits_for_changes() {
        let (mailboxes, waiting) = mailboxes();
        let (one, _) = mailboxes.open("one");
        assert!(one.take_job().is_none() && one.arrived().now_or_never().is_none());
        assert_eq!(waiting(), 0);
        mailboxes.put("one", gone);
        assert_eq!((waiting(), one.arrived().now_or_never()), (1, Some(())));
        assert_eq!(waiting(), 1, "it is woken, and has not looked yet");
        one.take_job();
        assert_eq!(waiting(), 0);
    }

    #[test]
    fn a_job_without_a_task_waits_for_nothing_whatever_becomes_of_it() {
        let (mailboxes, waiting) = mailboxes();
        let (one, _) = mailboxes.open("one");
        one.leave();
        mailboxes.put("one", gone);
        assert_eq!(waiting(), 0);
        mailboxes.close("one");
        one.take_job();
        assert_eq!(waiting(), 0);
    }
}
