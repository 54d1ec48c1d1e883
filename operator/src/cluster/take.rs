//! Takes in what has changed of a job: its spec, its trials' objects, its pods.

use std::{sync::Arc, time::Instant};

use kube::runtime::events::EventType;
use temper_advisor::TrialIndex;
use temper_crds::{Trial, validation};

use super::{
    carry::PATIENCE,
    job::{Halt, Tended, now},
    mailbox::Changes,
    observe::{self, PodEnd, PodView, Role, Standing},
};
use crate::plan::{Action, Ending, Event, Observation, Phase, Rules, may_reopen};

impl Tended {
    pub(super) fn take_in(&mut self, changes: Changes) -> Result<(), Halt> {
        if let Some(object) = changes.job {
            if object.metadata.deletion_timestamp.is_some() {
                return Err(Halt::Gone);
            }
            self.object = object;
            self.take_changed_spec();
        }
        for (index, trial) in changes.trials {
            let index = TrialIndex(index);
            match trial {
                Some(trial) => self.take_trial(index, &trial)?,
                None => self.trial_deleted(index),
            }
        }
        for (name, pod) in changes.pods {
            self.take_pod(&name, pod);
        }
        Ok(())
    }

    /// The parts of the spec that may change while a job runs.
    pub(super) fn take_changed_spec(&mut self) {
        match validation::parse_object(&self.object) {
            Ok(job) => {
                let rules = Rules::from(&job);
                let state = self.state_mut();
                if state.rules().budget != rules.budget {
                    state.set_budget(rules.budget);
                }
                state.set_retention(rules.retention);
                if may_reopen(state, now()) {
                    self.observe(Observation::Reopened);
                }
                self.is_undecided = true;
                if self.state().is_suspended() != job.suspend && self.state().outcome().is_none() {
                    self.observe(Observation::Suspended { suspended: job.suspend });
                    let (reason, message) = if job.suspend {
                        ("Suspended", "its trials are paused; set spec.suspend to false to go on")
                    } else {
                        ("Resumed", "its trials go on from their last checkpoints")
                    };
                    self.report.say(EventType::Normal, reason, message);
                }
                self.job = Arc::new(job);
            }
            Err(errors) => {
                self.report.say(EventType::Warning, "Invalid", &format!("the change is not taken: {errors}"));
            }
        }
    }

    fn take_trial(&mut self, index: TrialIndex, trial: &Trial) -> Result<(), Halt> {
        let Some(written) = self.written.get(&index) else { return Ok(()) };
        if trial.metadata.uid.as_deref() != Some(&written.uid) {
            return Ok(());
        }
        let generation = trial.metadata.generation.unwrap_or(0);
        if generation > written.generation && trial.spec != written.spec {
            return Err(Halt::Stale(format!("the spec of trial {index} was changed by somebody else")));
        }
        let Some(report) = trial.status.as_ref().and_then(|status| status.report.as_ref()) else {
            return Ok(());
        };
        let Some(known) = self.state().trial(index) else { return Ok(()) };
        let is_current = matches!(known.phase, Phase::Running { .. }) && known.attempts == report.attempt;
        let pod = written.spec.pod.as_ref();
        let is_believed = pod.is_some_and(|pod| {
            let uid = pod.uid.as_ref().or(self.pods.get(&pod.name).map(|pod| &pod.uid));
            pod.name == report.pod.name
                && uid.is_none_or(|uid| report.pod.uid.as_ref().is_none_or(|it| it == uid))
        });
        if !is_current || !is_believed {
            return Ok(());
        }
        let seen = observe::of_report(index, report, known, &self.state().rules().objectives);
        for observation in seen {
            self.observe(observation);
        }
        Ok(())
    }

    /// Somebody deleted a Trial by hand. One that is not over is tried again; what is known of one that is over is kept
    /// here, and put into the history with the others.
    fn trial_deleted(&mut self, index: TrialIndex) {
        let Some(known) = self.state().trial(index) else { return };
        if known.outcome().is_some() {
            if self.state().keeps(index) {
                self.compact(&[index]);
                self.state_mut().apply(now(), &Event::Decided(Action::Compact { trials: vec![index] }));
            }
            return;
        }
        let (attempt, is_running) = (known.attempts, matches!(known.phase, Phase::Running { .. }));
        self.written.remove(&index);
        if is_running {
            let message = "its Trial object was deleted".to_owned();
            self.observe(Observation::Ended { trial: index, attempt, ending: Ending::Disrupted { message } });
        }
    }

    fn take_pod(&mut self, name: &str, pod: Option<PodView>) {
        let before = match &pod {
            Some(pod) => self.keep_pod(pod.clone()),
            None => self.forget_pod(name),
        };
        let Some(role) = pod.as_ref().or(before.as_ref()).map(|pod| pod.role) else { return };
        // Nobody was seen to delete it: somebody may only have taken its labels away, and it would run on unseen.
        if pod.is_none()
            && let Some(before) = &before
            && before.leaving.is_none()
            && !matches!(before.standing, Standing::Over(_))
        {
            self.delete_pod(before);
        }
        if let Some(left) = pod.as_ref().filter(|pod| pod.is_left_over && pod.leaving.is_none()) {
            self.delete_pod(left);
        }
        let end = match pod.map(|pod| pod.standing) {
            Some(Standing::Over(end)) => end,
            Some(_) => {
                self.expect_end_of(name);
                return;
            }
            None => match before.map(|before| before.standing) {
                // Its end was taken in before it was removed.
                Some(Standing::Over(_)) => return,
                _ => PodEnd::Disrupted("its pod was deleted".to_owned()),
            },
        };
        self.workers.gone(name);
        if let Some(index) = self.runs_in(role, name) {
            self.pod_ended(index, end);
        }
    }

    /// The trial whose latest attempt a pod runs. What a trial's object names before the next attempt is written is the
    /// pod of the one before.
    pub(super) fn runs_in(&self, role: Role, pod: &str) -> Option<TrialIndex> {
        let is_named = |index: &TrialIndex| {
            let named = self.written.get(index).and_then(|written| written.spec.pod.as_ref());
            self.has_begun(*index) && named.is_some_and(|named| named.name == pod)
        };
        match role {
            Role::Attempt(index) => Some(index).filter(is_named),
            Role::Worker(_) => self.state().running().find(is_named),
        }
    }

    /// A pod that is being deleted is given nothing more to do. It may never go, as one on a node that is cut off.
    pub(super) fn expect_end_of(&mut self, name: &str) {
        let Some(&PodView { leaving: Some(grace), role, .. }) = self.pods.get(name) else { return };
        self.workers.gone(name);
        // Counted from now on, since the API server's clock may be another.
        let at = Instant::now() + grace + PATIENCE;
        if let Some(index) = self.runs_in(role, name) {
            let deadline = self.deadlines.entry(index).or_insert(at);
            *deadline = (*deadline).min(at);
        }
    }

    /// The pod of a running trial ended: it may have said how it went, and the word be still on its way. Its object is
    /// read before anything is concluded.
    pub(super) fn pod_ended(&mut self, index: TrialIndex, end: PodEnd) {
        let Some(known) = self.state().trial(index) else { return };
        if matches!(known.phase, Phase::Running { .. }) {
            self.ended.insert(index, (known.attempts, end));
            self.turns.press(index);
        }
    }

    /// What the object of a trial says whose pod has ended.
    pub(super) fn take_read(
        &mut self,
        index: TrialIndex,
        attempt: u32,
        found: Option<&Trial>,
        end: PodEnd,
    ) -> Result<(), Halt> {
        if let Some(trial) = found {
            self.take_trial(index, trial)?;
        }
        let still_runs = self
            .state()
            .trial(index)
            .is_some_and(|known| matches!(known.phase, Phase::Running { .. }) && known.attempts == attempt);
        if still_runs {
            self.observe(Observation::Ended { trial: index, attempt, ending: end.ending() });
        }
        Ok(())
    }
}
