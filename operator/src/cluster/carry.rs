//! Carries out what was decided: every action becomes requests, made until they are answered.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api,
    api::{DeleteParams, ListParams},
    runtime::events::EventType,
};
use temper_advisor::{Resource, TrialIndex};
use temper_crds::{
    Trial, TrialHistory, TrialHistorySpec, TrialSpec,
    trial::{Desired, PodReference},
};

use super::{
    begin::{Begin, Begun, Stage},
    job::{Halt, Launch, Tended},
    names::{INDEX, JOB_UID},
    observe::{PodEnd, PodView, Standing, Trouble},
    ours, trial,
    writer::Refused,
};
use crate::plan::{Action, Ending, Observation, Outcome, Phase};

/// Requests made at once for one job.
const AT_ONCE: usize = 32;
/// Removals of a job's trials that go on at once.
pub(super) const REMOVALS_AT_ONCE: u32 = 4;
/// Longest wait before a pod that was refused is tried again.
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// After its grace, a pod that was asked to end has this long before it is deleted, and one that was deleted before it
/// is given up.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

impl Tended {
    pub(super) async fn carry_out(&mut self, actions: Vec<Action>) -> Result<(), Halt> {
        let mut starts = BTreeSet::new();
        let mut asked = Vec::new();
        for action in actions {
            match action {
                Action::Create { .. } => {}
                Action::Promote { trial, .. } => {
                    let sent = self.written.get(&trial).and_then(|written| written.spec.run_to);
                    self.climbed.entry(trial).or_default().extend(sent);
                }
                Action::Start { trial, .. } => drop(starts.insert(trial)),
                Action::Stop { trial, reason } => asked.push((trial, Desired::Stop, reason.name())),
                Action::Pause { trial } => {
                    let reason = if self.state().is_suspended() { "Suspended" } else { "Scheduler" };
                    asked.push((trial, Desired::Pause, reason));
                }
                Action::Compact { trials } => self.compact(trials).await?,
                Action::Finish(outcome) => {
                    let (kind, reason) = if outcome.succeeded {
                        (EventType::Normal, "Complete")
                    } else {
                        (EventType::Warning, "Failed")
                    };
                    self.report.say(kind, reason, &outcome.message);
                }
            }
        }
        self.ask(asked).await?;
        let due = Instant::now();
        let retried: Vec<TrialIndex> = self
            .launches
            .iter()
            .filter(|(index, launch)| launch.again_at <= due && !starts.contains(*index))
            .map(|(index, _)| *index)
            .collect();
        let mut begins = Vec::new();
        for (index, is_new) in starts
            .into_iter()
            .map(|index| (index, true))
            .chain(retried.into_iter().map(|index| (index, false)))
        {
            begins.push(self.begin(index, is_new));
        }
        self.make(begins).await
    }

    /// What a trial's object should say for the attempt that is wanted now.
    fn begin(&mut self, index: TrialIndex, is_new: bool) -> Begin {
        let before = self.written.get(&index).cloned();
        let known = &self.state().trials()[index.at()];
        let (attempt, failures) = (known.attempts, known.failures);
        let run_to = known.run_to.map(Resource::get);
        let mut worker = None;
        let pod = if self.is_reused() {
            let kept = before.as_ref().and_then(|before| before.spec.pod.clone()).filter(|_| !is_new);
            kept.unwrap_or_else(|| {
                let name = self.workers.assign(index).unwrap_or_else(|| {
                    let number = self.workers.next_number();
                    worker = Some(number);
                    let name = self.key.worker(number);
                    self.workers.made(name.clone(), index);
                    name
                });
                let uid = self.pods.get(&name).map(|pod| pod.uid.clone());
                PodReference { name, uid }
            })
        } else {
            PodReference { name: self.key.pod(index, attempt), uid: None }
        };
        let base = before
            .as_ref()
            .map_or_else(|| trial::first_spec(&self.key, self.state(), index), |before| before.spec.clone());
        let intended = TrialSpec {
            desired: Desired::Run,
            reason: None,
            run_to,
            rungs: self.climbed.get(&index).cloned().unwrap_or_default(),
            attempt,
            failures,
            pod: Some(pod),
            ..base
        };
        Begin { index, intended, before, worker, makes_pod: !self.is_reused() }
    }

    async fn make(&mut self, begins: Vec<Begin>) -> Result<(), Halt> {
        let (shared, key, job) = (self.shared.clone(), self.key.clone(), self.job.clone());
        let rungs = self.rungs.clone();
        let mut begun = stream::iter(begins)
            .map(|begin| begin.carry_out(shared.clone(), key.clone(), job.clone(), rungs.clone()))
            .buffer_unordered(AT_ONCE);
        let mut halt = None;
        while let Some(begun) = begun.next().await {
            // What was written is remembered before anything else is concluded.
            if let Err(reason) = self.take_begun(begun) {
                halt.get_or_insert(reason);
            }
        }
        halt.map_or(Ok(()), Err)
    }

    fn take_begun(&mut self, begun: Begun) -> Result<(), Halt> {
        let Begun { index, intended, written, pod, refused } = begun;
        if let Some(written) = written {
            self.written.insert(index, written);
        }
        if let Some(pod) = pod {
            // The watch may know more by now.
            self.pods.entry(pod.name.clone()).or_insert(pod);
        }
        let Some((stage, refused)) = refused else {
            self.launches.remove(&index);
            return Ok(());
        };
        if let (Stage::Pod, true, Some(pod)) = (stage, self.is_reused(), &intended.pod) {
            // The worker was not made.
            self.workers.gone(&pod.name);
        }
        match (stage, refused) {
            (_, Refused::NotLeader) => Err(Halt::NotLeader),
            (Stage::Trial, refused) if refused.is_not_found() => {
                Err(Halt::Stale(format!("trial {index} is gone: {refused}")))
            }
            (Stage::Trial, refused) if refused.is_stale() => {
                Err(Halt::Stale(format!("trial {index}: {refused}")))
            }
            (Stage::Pod, refused)
                if matches!(refused.code(), Some(400 | 409 | 422) | None) && !refused.is_by_admission() =>
            {
                let message = format!("the API server does not take the pod: {refused}");
                let (reason, retryable) = ("CannotStart".to_owned(), false);
                let ending = Ending::Failed { reason, message, retryable };
                self.observe(Observation::Ended { trial: index, attempt: intended.attempt, ending });
                Ok(())
            }
            (_, refused) => {
                let message = refused.to_string();
                let reason = if message.contains("exceeded quota") { "QuotaExceeded" } else { "Refused" };
                let trouble = Trouble { reason: reason.to_owned(), message };
                let wait = self.launches.get(&index).map_or(Duration::from_secs(1), |launch| launch.wait);
                let launch = Launch {
                    again_at: Instant::now() + wait,
                    wait: (wait * 2).min(LONGEST_WAIT),
                    trouble: Some(trouble),
                };
                self.launches.insert(index, launch);
                Ok(())
            }
        }
    }

    /// Tells the pods of trials what is wanted of them. A pod that does not run yet has nobody to tell.
    async fn ask(&mut self, asked: Vec<(TrialIndex, Desired, &'static str)>) -> Result<(), Halt> {
        let patience = Duration::from_secs(self.job.trial.template.grace_seconds()) + PATIENCE;
        let mut changes = Vec::new();
        for (index, desired, reason) in asked {
            let Some(before) = self.written.get(&index).cloned() else { continue };
            let intended = TrialSpec { desired, reason: Some(reason.to_owned()), ..before.spec.clone() };
            changes.push(Begin { index, intended, before: Some(before), worker: None, makes_pod: false });
            if matches!(self.state().trials()[index.at()].phase, Phase::Running { .. }) {
                self.deadlines.insert(index, Instant::now() + patience);
            }
        }
        let indices: Vec<(TrialIndex, Desired)> =
            changes.iter().map(|change| (change.index, change.intended.desired)).collect();
        self.make(changes).await?;
        for (index, desired) in indices {
            let known = &self.state().trials()[index.at()];
            if !matches!(known.phase, Phase::Running { .. }) {
                continue;
            }
            let attempt = known.attempts;
            let waiting = self.pod_of(index);
            match waiting.map(|pod| (&pod.standing, pod.leaving.is_some())) {
                // Not made, or not to be made: it ends here.
                None if !self.is_reused() => {
                    let ending = if desired == Desired::Stop { Ending::Stopped } else { Ending::Paused };
                    self.observe(Observation::Ended { trial: index, attempt, ending });
                }
                Some((Standing::Waiting { .. }, false)) if !self.is_reused() => {
                    if let Some(pod) = waiting.cloned() {
                        self.delete_pod(&pod).await?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Deletes the pods that were asked to end and did not, gives up those that were deleted and are still there, and
    /// forgets what is over.
    pub(super) async fn end_what_does_not(&mut self) -> Result<(), Halt> {
        let late: Vec<TrialIndex> =
            self.deadlines.iter().filter(|(_, at)| **at <= Instant::now()).map(|(index, _)| *index).collect();
        for index in late {
            self.deadlines.remove(&index);
            let Some(pod) = self.pod_of(index).cloned() else { continue };
            let name = &pod.name;
            if pod.leaving.is_none() {
                let message = format!("pod {name} was asked to end and did not; it is deleted");
                self.report.say(EventType::Warning, "PodDoesNotEnd", &message);
                self.delete_pod(&pod).await?;
            } else {
                // Its node is cut off, or its kubelet is away: nobody says how it ended until that is mended.
                let message = format!("pod {name} was deleted and is still there: its node does not answer");
                self.report.say(EventType::Warning, "NodeDoesNotAnswer", &message);
                self.workers.gone(name);
                self.pod_ended(index, PodEnd::Disrupted(message)).await?;
            }
        }
        let over: Vec<TrialIndex> = self
            .written
            .keys()
            .copied()
            .filter(|index| self.state().trials()[index.at()].outcome().is_some())
            .collect();
        for index in over {
            self.forget(index).await?;
        }
        Ok(())
    }

    /// A trial is over: its object is no longer written to.
    async fn forget(&mut self, index: TrialIndex) -> Result<(), Halt> {
        let written = self.written.remove(&index);
        let known = &self.state().trials()[index.at()];
        if let Some(Outcome::Failed { message, .. }) = known.outcome() {
            let failed = self.state().counts().failed;
            // The first few, and then ever fewer: a flood tells no more.
            if failed.is_power_of_two() {
                let message = format!("trial {index} ({failed} so far): {message}");
                self.report.say(EventType::Warning, "TrialFailed", &message);
            }
        }
        if self.is_reused() {
            return Ok(());
        }
        let pod = written.and_then(|written| written.spec.pod).and_then(|pod| self.pods.remove(&pod.name));
        // Other containers of the pod go on though the training one has ended.
        let has_sidecars =
            self.job.trial.template.pod().spec.as_ref().is_some_and(|spec| spec.containers.len() > 1);
        match pod {
            Some(pod) if has_sidecars && !matches!(pod.standing, Standing::Over(_)) => {
                self.delete_pod(&pod).await
            }
            _ => Ok(()),
        }
    }

    /// Workers go when there is nothing more to do.
    pub(super) async fn dismiss_workers(&mut self) -> Result<(), Halt> {
        let idle: Vec<PodView> =
            self.workers.idle().filter_map(|name| self.pods.get(name)).cloned().collect();
        for pod in idle {
            self.workers.gone(&pod.name);
            self.delete_pod(&pod).await?;
        }
        Ok(())
    }

    async fn delete_pod(&self, pod: &PodView) -> Result<(), Halt> {
        let pods: Api<Pod> = self.api();
        let params = ours::only(&pod.uid, DeleteParams::default());
        let deleted =
            self.shared.writer.until_answered("delete", "pods", || pods.delete(&pod.name, &params)).await;
        match deleted {
            Err(refused) if !refused.is_stale() => Err(refused.into()),
            _ => Ok(()),
        }
    }

    /// Puts finished trials into the history, and then removes their objects, with their pods.
    pub(super) async fn compact(&mut self, trials: Vec<TrialIndex>) -> Result<(), Halt> {
        let finished: Vec<_> = trials
            .iter()
            .filter_map(|index| {
                let rungs = self.climbed.get(index).cloned().unwrap_or_default();
                trial::to_history(self.state(), *index, rungs)
            })
            .collect();
        let chunk = self.chunks;
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
        let params = ours::post();
        let histories: Api<TrialHistory> = self.api();
        self.shared
            .writer
            .until_answered("create", "trialhistories", || histories.create(&params, &history))
            .await?;
        self.chunks += 1;
        self.remove(&trials).await;
        for index in &trials {
            self.climbed.remove(index);
        }
        Ok(())
    }

    /// Has the objects of trials removed that the history holds, with their pods. The API server deletes them one after
    /// another, which takes seconds for some hundreds: the job goes on meanwhile, unless it gets too far ahead.
    pub(super) async fn remove(&self, trials: &[TrialIndex]) {
        // It is never closed.
        let Ok(permit) = self.removals.clone().acquire_owned().await else { return };
        let indices: Vec<String> = trials.iter().map(ToString::to_string).collect();
        let selector = format!("{JOB_UID}={},{INDEX} in ({})", self.key.uid, indices.join(","));
        let selected = ListParams::default().labels(&selector);
        let objects: Api<Trial> = self.api();
        let (writer, job) = (self.shared.writer.clone(), self.key.name.clone());
        tokio::spawn(async move {
            let params = DeleteParams::background();
            let removed = writer
                .until_answered("deletecollection", "trials", || {
                    objects.delete_collection(&params, &selected)
                })
                .await;
            if let Err(refused) = removed {
                tracing::warn!(job, %refused, "trials that are in the history keep their objects");
            }
            drop(permit);
        });
    }

    /// Waits until all that was to be removed is.
    pub(super) async fn removed(&self) {
        drop(self.removals.acquire_many(REMOVALS_AT_ONCE).await);
    }
}
