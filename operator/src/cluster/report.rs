//! What the job's object says: its status, and events for what a person should hear of.

use std::{sync::Arc, time::Instant};

use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Api, Resource,
    api::{Patch, PatchParams},
    runtime::events::{Event, EventType},
};
use serde_json::json;
use temper_crds::{
    API_VERSION, TuningJob,
    tuning_job::{TrialCounts, TuningJobStatus},
};

use super::{
    job::Shared,
    names::{JobKey, MANAGER},
    pace::Turn,
    writer::Refused,
};

/// The status and the events of one job.
pub(super) struct Report {
    shared: Arc<Shared>,
    key: JobKey,
    /// As it was written last.
    last: Option<TuningJobStatus>,
    turn: Turn,
    is_under_way: bool,
    counted: TrialCounts,
    state: Option<&'static str>,
}

impl Report {
    pub(super) fn new(shared: Arc<Shared>, key: &JobKey, last: Option<TuningJobStatus>) -> Self {
        let counted = last.as_ref().map(|last| last.trials).unwrap_or_default();
        // What had finished before this operator led is not counted again.
        let counted = TrialCounts { pending: 0, running: 0, paused: 0, ..counted };
        Self {
            shared,
            key: key.clone(),
            last,
            turn: Turn::default(),
            is_under_way: false,
            counted,
            state: None,
        }
    }

    pub(super) fn last(&self) -> Option<&TuningJobStatus> {
        self.last.as_ref()
    }

    /// Tells people something, as an event of the job. Nothing depends on it.
    pub(super) fn say(&self, kind: EventType, reason: &str, message: &str) {
        let JobKey { namespace, name, uid } = &self.key;
        tracing::info!(namespace, job = name, reason, note = message, "said of a job");
        let object = ObjectReference {
            api_version: Some(API_VERSION.to_owned()),
            kind: Some(TuningJob::kind(&()).into_owned()),
            namespace: Some(namespace.clone()),
            name: Some(name.clone()),
            uid: Some(uid.clone()),
            ..ObjectReference::default()
        };
        let event = Event {
            type_: kind,
            reason: reason.to_owned(),
            // The API's own bound.
            note: Some(message.chars().take(1_000).collect()),
            action: "Tune".to_owned(),
            secondary: None,
        };
        let recorder = self.shared.recorder.clone();
        if self.shared.writer.fence.is_open() {
            tokio::spawn(async move {
                if let Err(error) = recorder.publish(&event, &object).await {
                    tracing::debug!(%error, "an event was not taken");
                }
            });
        }
    }

    /// When the status is to be written, where it says anything new. One write is under way at a time.
    pub(super) fn due(&mut self, status: &TuningJobStatus, now: Instant) -> Option<Instant> {
        self.count(status);
        if self.is_under_way {
            None
        } else {
            self.turn.of(&self.shared.pace, self.last.as_ref(), status, now)
        }
    }

    /// The request that writes it. What comes of it is for [`Report::written`].
    pub(super) fn write(
        &mut self,
        status: TuningJobStatus,
    ) -> impl Future<Output = Result<TuningJobStatus, Refused>> + use<> {
        self.is_under_way = true;
        let (shared, key) = (self.shared.clone(), self.key.clone());
        async move {
            let jobs: Api<TuningJob> = Api::namespaced(shared.client.clone(), &key.namespace);
            let applied = Patch::Apply(json!({
                "apiVersion": API_VERSION,
                "kind": "TuningJob",
                // The UID makes it this job's, and not that of another with its name.
                "metadata": {"name": key.name, "uid": key.uid},
                "status": status,
            }));
            let params = PatchParams::apply(MANAGER).force();
            shared
                .writer
                .until_answered("apply", "tuningjobs/status", || {
                    jobs.patch_status(&key.name, &params, &applied)
                })
                .await?;
            Ok(status)
        }
    }

    /// Writes it, and waits until it is written.
    pub(super) async fn write_now(&mut self, status: TuningJobStatus) -> Result<(), Refused> {
        self.count(&status);
        let written = self.write(status).await?;
        self.written(written);
        Ok(())
    }

    pub(super) fn written(&mut self, status: TuningJobStatus) {
        self.is_under_way = false;
        self.last = Some(status);
        self.turn.written(Instant::now());
    }

    fn count(&mut self, status: &TuningJobStatus) {
        let metrics = &self.shared.metrics;
        let (before, after) = (self.counted, status.trials);
        for (state, before, after) in [
            ("pending", before.pending, after.pending),
            ("running", before.running, after.running),
            ("paused", before.paused, after.paused),
        ] {
            if before != after {
                metrics.trials_changed(state, i64::from(after) - i64::from(before));
            }
        }
        for (outcome, before, after) in [
            ("completed", before.completed, after.completed),
            ("stopped", before.stopped, after.stopped),
            ("failed", before.failed, after.failed),
        ] {
            (before..after).for_each(|_| metrics.trial_finished(outcome));
        }
        self.counted = after;
        let state = match status.state.as_str() {
            "Pending" => "pending",
            "Running" => "running",
            "Suspended" => "suspended",
            "Complete" => "complete",
            "Failed" => "failed",
            _ => "invalid",
        };
        if self.state != Some(state) {
            if let Some(before) = self.state.replace(state) {
                metrics.jobs_changed(before, -1);
            }
            metrics.jobs_changed(state, 1);
        }
    }
}

/// What is counted of a job that is no longer tended is taken back.
impl Drop for Report {
    fn drop(&mut self) {
        for (state, count) in [
            ("pending", self.counted.pending),
            ("running", self.counted.running),
            ("paused", self.counted.paused),
        ] {
            if count > 0 {
                self.shared.metrics.trials_changed(state, -i64::from(count));
            }
        }
        if let Some(state) = self.state {
            self.shared.metrics.jobs_changed(state, -1);
        }
    }
}
