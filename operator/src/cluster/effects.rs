//! What is under way for one job: requests that its task has sent off and goes on without.

use std::time::Instant;

use k8s_openapi::api::core::v1::Pod;
use kube::{Api, api::DeleteParams};
use temper_advisor::TrialIndex;
use temper_crds::{Trial, tuning_job::TuningJobStatus};
use tokio::task::JoinSet;
use tracing::Instrument as _;

use super::{
    begin::{Begin, Begun},
    job::{Halt, Tended},
    observe::{PodEnd, PodView, Trouble},
    ours,
    writer::Refused,
};

/// Trials of one job for which something is under way at once.
const AT_ONCE: usize = 32;

/// What has come of a request, or of several that belong together.
pub(super) enum Done {
    /// A trial's object was written, and what belongs to it.
    Written(Box<Begun>),
    /// A trial's object was read because its pod has ended.
    Read { index: TrialIndex, attempt: u32, end: PodEnd, found: Result<Option<Box<Trial>>, Refused> },
    /// A pod was deleted.
    Deleted(Result<(), Refused>),
    /// Trials were put into the history.
    Compacted(Result<Vec<TrialIndex>, Refused>),
    /// Some of those were removed.
    Removed,
    /// The job's status was written.
    Reported(Result<Box<TuningJobStatus>, Refused>),
    /// The events of a pod that does not start were read.
    Asked { pod: String, trouble: Option<Trouble> },
}

/// Everything under way; what is not done when it is dropped is not waited for.
pub(super) type Effects = JoinSet<Done>;

impl Tended {
    /// Sends off what has its turn.
    pub(super) fn send_off(&mut self) {
        while let Some(index) = self.turns.next(AT_ONCE, self.keeps_up()) {
            if let Some(begin) = self.due(index) {
                let pod = begin.intended.pod.as_ref().map(|pod| pod.name.clone());
                if let Some(pod) = pod {
                    self.turns.is_about(index, pod);
                }
                self.write(begin);
            } else if let Some((attempt, end)) = self.ended.remove(&index) {
                self.read_trial(index, attempt, end);
            } else {
                self.turns.done(index);
            }
        }
    }

    fn write(&mut self, begin: Begin) {
        let (shared, key, job) = (self.shared.clone(), self.key.clone(), self.job.clone());
        let rungs = self.rungs.clone();
        self.effects.spawn(
            async move {
                let _permit = shared.requests.acquire().await;
                let begun = Box::pin(begin.carry_out(&shared, &key, &job, &rungs)).await;
                Done::Written(Box::new(begun))
            }
            .in_current_span(),
        );
    }

    fn read_trial(&mut self, index: TrialIndex, attempt: u32, end: PodEnd) {
        let (shared, name) = (self.shared.clone(), self.key.trial(index));
        let trials: Api<Trial> = self.api();
        self.effects.spawn(
            async move {
                let _permit = shared.requests.acquire().await;
                let found = shared.writer.until_answered("get", "trials", || trials.get_opt(&name)).await;
                Done::Read { index, attempt, end, found: found.map(|found| found.map(Box::new)) }
            }
            .in_current_span(),
        );
    }

    pub(super) fn delete_pod(&mut self, pod: &PodView) {
        let (shared, name) = (self.shared.clone(), pod.name.clone());
        let pods: Api<Pod> = self.api();
        let params = ours::only(&pod.uid, DeleteParams::default());
        self.effects.spawn(
            async move {
                let _permit = shared.requests.acquire().await;
                let deleted =
                    shared.writer.until_answered("delete", "pods", || pods.delete(&name, &params)).await;
                Done::Deleted(deleted.map(drop))
            }
            .in_current_span(),
        );
    }

    /// An attempt is over, and its pod with it: other containers of it would go on, and hold its part of the node.
    pub(super) fn end_sidecars(&mut self, index: TrialIndex, attempt: u32) {
        if self.is_reused() || !self.job.trial.template.has_sidecars() {
            return;
        }
        let pod = self.pods.get(&self.key.pod(index, attempt)).filter(|pod| pod.may_be_ended());
        if let Some(pod) = pod.cloned() {
            self.delete_pod(&pod);
        }
    }

    /// The same for pods whose attempts were over before this operator looked.
    pub(super) fn end_left_over(&mut self) {
        let has_sidecars = !self.is_reused() && self.job.trial.template.has_sidecars();
        let is_left = |pod: &&PodView| {
            let is_past = has_sidecars && self.runs_in(pod.role, &pod.name).is_none();
            pod.may_be_ended() && (pod.is_left_over || is_past)
        };
        let left: Vec<PodView> = self.pods.values().filter(is_left).cloned().collect();
        for pod in &left {
            self.delete_pod(pod);
        }
    }

    /// Concludes from what is done.
    pub(super) fn take_done(&mut self, done: Done) -> Result<(), Halt> {
        match done {
            Done::Written(begun) => {
                let index = begun.index;
                self.turns.done(index);
                let taken = self.take_written(*begun);
                if self.ended.contains_key(&index) {
                    self.turns.press(index);
                }
                taken
            }
            Done::Read { index, attempt, end, found } => {
                self.turns.done(index);
                self.take_read(index, attempt, found?.as_deref(), end)
            }
            Done::Deleted(Err(refused)) if !refused.is_stale() => Err(refused.into()),
            Done::Deleted(_) => Ok(()),
            Done::Compacted(kept) => {
                self.remove(&kept?);
                Ok(())
            }
            Done::Removed => {
                self.removed();
                Ok(())
            }
            Done::Reported(written) => {
                self.report.written(*written?);
                Ok(())
            }
            Done::Asked { pod, trouble } => {
                self.slow.answered(&pod, trouble, Instant::now());
                Ok(())
            }
        }
    }

    /// Waits for everything that is under way, and concludes no more from it: it is about to be read afresh.
    pub(super) async fn settle(&mut self) {
        while self.effects.join_next().await.is_some() {}
    }
}
