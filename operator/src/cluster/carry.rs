//! Carries out what was decided: what each trial's object should say, and what follows from its being written.

use std::time::{Duration, Instant};

use kube::runtime::events::EventType;
use temper_advisor::{Resource, TrialIndex};
use temper_crds::{
    TrialSpec,
    trial::{Desired, PodReference},
};

use super::{
    begin::{Begin, Begun, Stage},
    job::{Halt, Launch, Tended},
    observe::{PodEnd, PodView, Standing, Trouble},
    trial,
    workers::Assigned,
    writer::{Refused, jitter},
};
use crate::plan::{Action, Asked, Ending, Observation, Outcome, Phase};

/// Longest wait before a pod that was refused is tried again.
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// After its grace, a pod that was asked to end has this long before it is deleted, and one that was deleted before it
/// is given up.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

impl Tended {
    /// Puts what was decided in line; it is sent off when its turn comes.
    pub(super) fn carry_out(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Create { .. } => {}
                Action::Promote { trial, .. } => {
                    let sent = self.written.get(&trial).and_then(|written| written.spec.run_to);
                    self.climbed.entry(trial).or_default().extend(sent);
                }
                Action::Start { trial, .. } => self.turns.begin(trial),
                Action::Stop { trial, .. } | Action::Pause { trial } => self.turns.press(trial),
                Action::Compact { trials } => self.compact(&trials),
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
    }

    /// Pods that could not be made are tried again when it is time.
    pub(super) fn launch_again(&mut self) {
        let now = Instant::now();
        for (index, launch) in &mut self.launches {
            if launch.again_at.is_some_and(|at| at <= now) {
                launch.again_at = None;
                self.turns.begin(*index);
            }
        }
    }

    /// What is to be written of a trial as it stands now.
    pub(super) fn due(&mut self, index: TrialIndex) -> Option<Begin> {
        let attempt = self.state().trials()[index.at()].attempts;
        // An end that was seen twice and taken in once: it is not that of the attempt that is to begin.
        self.ended.extract_if(index..=index, |_, (ended, _)| *ended != attempt).for_each(drop);
        let asked = match &self.state().trials()[index.at()].phase {
            Phase::Running { asked: None } => None,
            Phase::Running { asked: Some(asked) } => Some(*asked),
            // It had no worker when it was asked. What was never written needs no end.
            Phase::Finished(Outcome::Stopped(reason)) if self.written.contains_key(&index) => {
                Some(Asked::Stop(*reason))
            }
            _ => return None,
        };
        let before = self.written.get(&index);
        let (desired, reason) = match asked {
            // What became of it comes before whatever else is done for it.
            None if self.ended.contains_key(&index) => return None,
            None => return Some(self.begin(index)),
            Some(Asked::Stop(reason)) => (Desired::Stop, reason.name()),
            Some(Asked::Pause) => {
                (Desired::Pause, if self.state().is_suspended() { "Suspended" } else { "Scheduler" })
            }
        };
        if before.is_some_and(|before| before.spec.desired == desired) && self.has_begun(index) {
            return None;
        }
        let base = before
            .map_or_else(|| trial::first_spec(&self.key, self.state(), index), |before| before.spec.clone());
        let intended = TrialSpec { desired, reason: Some(reason.to_owned()), ..base };
        Some(Begin { index, intended, before: before.cloned(), worker: None, makes_pod: false })
    }

    /// Whether the trial's object says that its latest attempt goes on. Until then it has no pod that could.
    pub(super) fn has_begun(&self, index: TrialIndex) -> bool {
        let attempt = self.state().trial(index).map(|known| known.attempts);
        self.written
            .get(&index)
            .is_some_and(|written| Some(written.spec.attempt) == attempt && written.spec.pod.is_some())
    }

    /// What a trial's object should say for the attempt that is wanted now.
    fn begin(&mut self, index: TrialIndex) -> Begin {
        let before = self.written.get(&index).cloned();
        let known = &self.state().trials()[index.at()];
        let (attempt, failures) = (known.attempts, known.failures);
        let run_to = known.run_to.map(Resource::get);
        let mut worker = None;
        let kept =
            before.as_ref().and_then(|before| before.spec.pod.clone()).filter(|_| self.has_begun(index));
        let pod = if !self.is_reused() {
            PodReference { name: self.key.pod(index, attempt), uid: None }
        } else if let Some(kept) = kept {
            kept
        } else {
            let name;
            (name, worker) = self.worker_of(index);
            let uid = self.pods.get(&name).map(|pod| pod.uid.clone());
            PodReference { name, uid }
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

    /// Name of the worker that is to run a trial, and its number where it is to be made.
    fn worker_of(&mut self, index: TrialIndex) -> (String, Option<u32>) {
        match self.workers.assign(index, |number| self.key.worker(number)) {
            Assigned::New(number) => (self.key.worker(number), Some(number)),
            Assigned::There(name) => (name, None),
        }
    }

    /// What was written is remembered before anything else is concluded.
    pub(super) fn take_written(&mut self, begun: Begun) -> Result<(), Halt> {
        let Begun { index, intended, written, pod, refused } = begun;
        if let Some(written) = written {
            self.written.insert(index, written);
        }
        if let Some(pod) = pod {
            let end = match &pod.standing {
                Standing::Over(end) => Some(end.clone()),
                _ => None,
            };
            self.keep_pod(pod);
            // It was made before, and nobody waited for it when it ended.
            if let Some(end) = end {
                self.pod_ended(index, end);
            }
        }
        let Some((stage, refused)) = refused else {
            self.launches.remove(&index);
            if intended.desired != Desired::Run {
                self.take_asked(index, intended.desired);
            }
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
            // That of a Trial that had this name before and was deleted, and it is on its way. The next has another name.
            (Stage::Pod, refused) if refused.says_already_there() && !self.is_reused() => {
                let ending = Ending::Disrupted { message: refused.to_string() };
                self.observe(Observation::Ended { trial: index, attempt: intended.attempt, ending });
                Ok(())
            }
            (Stage::Pod, refused)
                if matches!(refused.code(), Some(400 | 422) | None) && !refused.is_by_admission() =>
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
                    again_at: Some(Instant::now() + wait.mul_f64(jitter())),
                    wait: (wait * 2).min(LONGEST_WAIT),
                    trouble: Some(trouble),
                };
                self.launches.insert(index, launch);
                Ok(())
            }
        }
    }

    /// A trial's object says what is asked of its pod. A pod that does not run yet has nobody to tell.
    fn take_asked(&mut self, index: TrialIndex, desired: Desired) {
        let known = &self.state().trials()[index.at()];
        if !matches!(known.phase, Phase::Running { .. }) {
            return;
        }
        let attempt = known.attempts;
        let ending = if desired == Desired::Stop { Ending::Stopped } else { Ending::Paused };
        if !self.has_begun(index) {
            self.observe(Observation::Ended { trial: index, attempt, ending });
            return;
        }
        self.expect_end(index);
        if self.is_reused() {
            return;
        }
        let pod = self.pod_of(index);
        match pod.map(|pod| (&pod.standing, pod.leaving.is_some())) {
            // Not made, or not to be made: it ends here.
            None => self.observe(Observation::Ended { trial: index, attempt, ending }),
            Some((Standing::Waiting { .. }, false)) => {
                if let Some(pod) = pod.cloned() {
                    self.delete_pod(&pod);
                }
            }
            _ => {}
        }
    }

    /// The pod of a trial was asked to end it, and is given so long.
    pub(super) fn expect_end(&mut self, index: TrialIndex) {
        let patience = Duration::from_secs(self.job.trial.template.grace_seconds()) + PATIENCE;
        self.deadlines.insert(index, Instant::now() + patience);
    }

    /// Deletes the pods that were asked to end and did not, gives up those that were deleted and are still there, and
    /// forgets what is over.
    pub(super) fn end_what_does_not(&mut self) {
        let late: Vec<TrialIndex> =
            self.deadlines.iter().filter(|(_, at)| **at <= Instant::now()).map(|(index, _)| *index).collect();
        for index in late {
            self.deadlines.remove(&index);
            let Some(pod) = self.pod_of(index).cloned() else { continue };
            let name = &pod.name;
            if pod.leaving.is_none() {
                let message = format!("pod {name} was asked to end and did not; it is deleted");
                self.report.say(EventType::Warning, "PodDoesNotEnd", &message);
                self.delete_pod(&pod);
            } else {
                // Its node is cut off, or its kubelet is away: nobody says how it ended until that is mended.
                let message = format!("pod {name} was deleted and is still there: its node does not answer");
                self.report.say(EventType::Warning, "NodeDoesNotAnswer", &message);
                self.workers.gone(name);
                self.pod_ended(index, PodEnd::Disrupted(message));
            }
        }
        let over: Vec<TrialIndex> = self
            .written
            .keys()
            .copied()
            .filter(|index| self.state().trials()[index.at()].outcome().is_some())
            .filter(|index| !self.turns.holds(*index))
            .collect();
        for index in over {
            self.forget(index);
        }
    }

    /// A trial is over: its object is no longer written to.
    fn forget(&mut self, index: TrialIndex) {
        self.written.remove(&index);
        let known = &self.state().trials()[index.at()];
        if let Some(Outcome::Failed { message, .. }) = known.outcome() {
            let failed = self.state().counts().failed;
            // The first few, and then ever fewer: a flood tells no more.
            if failed.is_power_of_two() {
                let message = format!("trial {index} ({failed} so far): {message}");
                self.report.say(EventType::Warning, "TrialFailed", &message);
            }
        }
        self.ended.remove(&index);
    }

    /// Workers go when there is nothing more to do.
    pub(super) fn dismiss_workers(&mut self) {
        let idle: Vec<PodView> =
            self.workers.idle().filter_map(|name| self.pods.get(name)).cloned().collect();
        for pod in idle {
            self.workers.gone(&pod.name);
            self.delete_pod(&pod);
        }
    }
}
