//! Running trials of which nothing would be heard any more: whose pods ended, went, or were never made, and nobody saw
//! it.

use std::time::{Duration, Instant};

use temper_advisor::TrialIndex;
use temper_crds::trial::Desired;

use super::{
    job::Tended,
    observe::{PodEnd, Standing},
};
use crate::plan::{Asked, Phase};

/// A job is looked over so often though nothing was heard.
const BETWEEN_LOOKS: Duration = Duration::from_secs(30);

impl Tended {
    /// What happened to the pods of running trials while nobody looked.
    pub(super) fn find_lost_pods(&mut self) {
        let running: Vec<TrialIndex> = self.state().running().collect();
        for index in running {
            self.find_pod(index);
            if self.is_asked(index) && self.is_told(index) {
                self.expect_end(index);
            }
        }
    }

    fn find_pod(&mut self, index: TrialIndex) {
        let Some(pod) = self.written.get(&index).and_then(|written| written.spec.pod.clone()) else { return };
        match self.pods.get(&pod.name).map(|pod| pod.standing.clone()) {
            Some(Standing::Over(end)) => self.pod_ended(index, end),
            Some(_) => self.expect_end_of(&pod.name),
            // It was to be made next when the operator that decided so ended.
            None if !self.is_reused() && !self.has_reported(index) && !self.is_asked(index) => {
                self.turns.begin(index);
            }
            None => self.pod_ended(index, PodEnd::Disrupted("its pod is gone".to_owned())),
        }
    }

    /// Whether its pod is to end it.
    fn is_asked(&self, index: TrialIndex) -> bool {
        matches!(self.state().trials()[index.at()].phase, Phase::Running { asked: Some(_) })
    }

    fn has_reported(&self, index: TrialIndex) -> bool {
        let attempt = self.state().trial(index).map_or(0, |trial| trial.attempts);
        attempt > 1 || self.state().trial(index).is_some_and(|trial| trial.reached.is_some())
    }

    /// When the job is to be looked over.
    pub(super) fn look_over_at(&self) -> Option<Instant> {
        (self.state().counts().running > 0).then(|| self.looked_over + BETWEEN_LOOKS)
    }

    /// Takes up again each running trial that nothing is under way for and that nothing more would be heard of. There is
    /// none, unless this program or a watch has a defect: no trial is to stick for that.
    pub(super) fn look_over(&mut self) {
        if self.look_over_at().is_none_or(|at| at > Instant::now()) {
            return;
        }
        self.looked_over = Instant::now();
        let overlooked: Vec<TrialIndex> =
            self.state().running().filter(|index| self.is_overlooked(*index)).collect();
        for index in overlooked {
            let (namespace, job) = (&self.key.namespace, &self.key.name);
            tracing::warn!(namespace, job, trial = index.0, "a trial was overlooked and is taken up again");
            if self.is_told(index) { self.find_pod(index) } else { self.turns.press(index) }
        }
    }

    fn is_overlooked(&self, index: TrialIndex) -> bool {
        if self.turns.holds(index) || self.launches.contains_key(&index) {
            return false;
        }
        let has_pod = self.pod_of(index).is_some_and(|pod| !matches!(pod.standing, Standing::Over(_)));
        !self.is_told(index) || !has_pod
    }

    /// Whether the trial's object says of its latest attempt what is wanted of it.
    fn is_told(&self, index: TrialIndex) -> bool {
        let wanted = match &self.state().trials()[index.at()].phase {
            Phase::Running { asked: Some(Asked::Stop(_)) } => Some(Desired::Stop),
            Phase::Running { asked: Some(Asked::Pause) } => Some(Desired::Pause),
            _ => None,
        };
        let said = self.written.get(&index).map(|written| written.spec.desired);
        self.has_begun(index) && (wanted.is_none() || wanted == said)
    }
}
