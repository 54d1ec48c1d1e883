//! Workers that do anything workers may do, in any order, driven by one seed; and a journal of what was recorded.

use std::collections::BTreeMap;

use rand::{Rng as _, RngExt as _, SeedableRng as _};
use temper_advisor::{Resource, TrialIndex, rng::Rng};

use super::super::*;

/// How a generated job looks.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) scheduler: &'static str,
    pub(super) searcher: &'static str,
    pub(super) max_trials: u32,
    pub(super) parallelism: u32,
    pub(super) retries: u32,
    pub(super) max_failed: Option<u32>,
    pub(super) retention: Option<u32>,
    pub(super) max_duration: Option<u64>,
    pub(super) target: Option<f64>,
    pub(super) early_stopping: bool,
    pub(super) two_objectives: bool,
    /// Trials of an earlier job that it learns from.
    pub(super) earlier: u32,
    pub(super) seed: u64,
}

/// A job, its journal, and workers.
pub(super) struct World {
    pub(super) shape: Shape,
    pub(super) state: JobState,
    pub(super) journal: Vec<(Millis, Event)>,
    pub(super) now: Millis,
    pub(super) dice: Rng,
    /// How far each running attempt is.
    pub(super) workers: BTreeMap<TrialIndex, (u32, u64)>,
    pub(super) starts: BTreeMap<TrialIndex, u32>,
    suspended: bool,
}

/// The longest trial, in resource.
pub(super) const LONGEST: u64 = 9;

impl World {
    pub(super) fn new(shape: Shape) -> Self {
        let mut world = Self {
            state: super::job(&shape),
            journal: Vec::new(),
            now: Millis(1_000),
            dice: Rng::seed_from_u64(shape.seed),
            workers: BTreeMap::new(),
            starts: BTreeMap::new(),
            suspended: false,
            shape,
        };
        if let Some(learned) = super::learned(&world.shape) {
            let event = Event::Observed(learned);
            world.state.apply(world.now, &event);
            world.journal.push((world.now, event));
        }
        world.see(Observation::Opened);
        world
    }

    /// Records an observation, decides, records the decisions and carries them out, checking every law on the way.
    pub(super) fn see(&mut self, observation: Observation) {
        let event = Event::Observed(observation);
        self.state.apply(self.now, &event);
        self.journal.push((self.now, event));
        self.decide();
    }

    pub(super) fn decide(&mut self) {
        let was_over = self.state.outcome().is_some();
        for action in plan(&mut self.state, self.now) {
            self.obey(&action, was_over);
            self.journal.push((self.now, Event::Decided(action)));
        }
        assert_eq!(plan(&mut self.state, self.now), [], "a plan leaves nothing to decide");
        assert_eq!(self.state.counts(), Counts::of(self.state.trials()), "the index equals a full count");
        let live = self.workers.len() as u32;
        assert_eq!(live, self.state.counts().running, "a worker for each running trial and no other");
        self.assert_front();
    }

    /// Of so few trials all of the front is known.
    fn assert_front(&self) {
        let finished =
            |trial: &&Trial| matches!(trial.phase, Phase::Finished(Outcome::Completed | Outcome::Stopped(_)));
        let losses: Vec<&Vec<f64>> =
            self.state.trials().iter().filter(finished).filter_map(|trial| trial.losses.as_ref()).collect();
        for (index, trial) in (0..).map(TrialIndex).zip(self.state.trials()) {
            let own = trial.losses.as_ref().filter(|own| own.len() > 1 && finished(&trial));
            let is_on_it = own.is_some_and(|own| losses.iter().all(|other| !dominates(other, own)));
            assert_eq!(self.state.front.contains(index), is_on_it, "trial {index}");
            assert!(!is_on_it || self.state.kept.contains(&index), "retention spares the front");
        }
        let spared = self.state.kept.iter().filter(|trial| self.state.front.contains(**trial)).count();
        assert_eq!(self.state.front.kept(), spared);
        // Who is suspended or over only winds up.
        let goes_on = self.state.outcome().is_none() && !self.state.is_suspended();
        if let Some(keep) = self.state.rules.retention.filter(|_| goes_on) {
            let bound = keep as usize + (keep as usize / 10).max(10);
            assert!(self.state.kept.len() - spared < bound, "no more is kept than retention says");
        }
    }

    fn obey(&mut self, action: &Action, was_over: bool) {
        match action {
            Action::Create { trial, .. } => {
                assert!(!was_over, "a finished job creates nothing");
                assert_eq!(trial.0 + 1, self.created() + 1, "each index once, in order");
                assert!(trial.0 < self.shape.max_trials, "never more than maxTrials");
                self.starts.insert(*trial, 0);
            }
            Action::Start { trial, attempt } => {
                assert!(!was_over && !self.suspended, "nothing starts when over or suspended");
                assert!(
                    self.workers.insert(*trial, (*attempt, 0)).is_none(),
                    "an index never runs twice at once"
                );
                assert!(self.workers.len() as u32 <= self.shape.parallelism, "never more than parallelism");
                let starts = self.starts.get_mut(trial).expect("it was created");
                assert!(*attempt > *starts, "an attempt's number is never used again");
                *starts = *attempt;
            }
            _ => {}
        }
    }

    fn created(&self) -> u32 {
        self.starts.len() as u32
    }

    /// One thing happens to one worker, or to the job.
    pub(super) fn happen(&mut self) {
        self.now.0 += self.dice.random_range(0..2_000);
        let running: Vec<_> = self.workers.keys().copied().collect();
        let Some(&trial) = running.get(self.dice.random_range(0..running.len().max(1))) else {
            if self.suspended {
                self.suspended = false;
                self.see(Observation::Suspended { suspended: false });
            } else {
                self.now = self.state.wake_at(self.now).unwrap_or(self.now);
                self.decide();
            }
            return;
        };
        let (attempt, step) = self.workers[&trial];
        match self.dice.random_range(0..100) {
            0..=2 => {
                self.suspended = !self.suspended;
                self.see(Observation::Suspended { suspended: self.suspended });
            }
            3..=5 => self.end(trial, Ending::Disrupted { message: "node lost".into() }),
            6..=11 => {
                let retryable = self.dice.random_bool(0.8);
                let ending =
                    Ending::Failed { reason: "ExitCode".into(), message: "exit code 1".into(), retryable };
                self.end(trial, ending);
            }
            12..=14 => {
                self.see(Observation::Ended { trial, attempt: attempt + 7, ending: Ending::Succeeded });
            }
            15..=17 => self.see(Observation::Checkpointed {
                trial,
                resource: Resource::new(step),
                uri: format!("file:///{trial}"),
            }),
            _ => self.step(trial, attempt, step + 1),
        }
    }

    /// The worker goes on by one step, or ends: when asked, when as far as it was sent, when done.
    fn step(&mut self, trial: TrialIndex, attempt: u32, step: u64) {
        let known = self.state.trial(trial).expect("it runs");
        let sent = known.run_to.map_or(LONGEST, Resource::get);
        match known.phase {
            Phase::Running { asked: Some(Asked::Stop(_)) } if self.dice.random_bool(0.5) => {
                return self.end(trial, Ending::Stopped);
            }
            Phase::Running { asked: Some(Asked::Pause) } if self.dice.random_bool(0.5) => {
                return self.end(trial, Ending::Paused);
            }
            _ => {}
        }
        if step > sent {
            return self.end(trial, Ending::Succeeded);
        }
        self.workers.insert(trial, (attempt, step));
        let quality =
            f64::from(temper_advisor::rng::for_trial(self.shape.seed, trial, "quality").next_u32() % 1_000);
        let cost = f64::from((trial.0 * 37) % 101);
        let loss = quality / 1_000.0 + 1.0 / step as f64;
        let metrics = BTreeMap::from([("loss".to_owned(), loss), ("cost".to_owned(), cost)]);
        let resource = Resource::new(step).expect("from 1");
        self.see(Observation::Reported { trial, attempt, resource, metrics });
    }

    fn end(&mut self, trial: TrialIndex, ending: Ending) {
        let (attempt, _) = self.workers.remove(&trial).expect("it runs");
        self.see(Observation::Ended { trial, attempt, ending });
    }

    /// The executor is killed: its workers are gone, and the state is what the journal says.
    pub(super) fn kill(&mut self) {
        self.state = self.rebuilt();
        self.see(Observation::Opened);
        for trial in self.workers.keys().copied().collect::<Vec<_>>() {
            self.end(trial, Ending::Disrupted { message: "the executor was killed".into() });
        }
    }

    pub(super) fn rebuilt(&self) -> JobState {
        let mut state = super::job(&self.shape);
        for (at, event) in &self.journal {
            state.apply(*at, event);
        }
        state
    }

    /// Goes on until the job is over and no worker is left.
    pub(super) fn run_to_the_end(&mut self) {
        for _ in 0..200_000 {
            if self.state.outcome().is_some() && self.workers.is_empty() {
                return;
            }
            self.happen();
        }
        panic!("the job does not end: {:?} of {:?}", self.state.counts(), self.shape);
    }
}
