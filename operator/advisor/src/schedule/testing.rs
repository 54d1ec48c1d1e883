//! A pool of workers that runs a scheduler to the end, for tests.

use rand::{RngExt, SeedableRng};
use serde_json::Value;

use super::{Context, Ending, Goal, Promotion, Scheduler, Verdict, scheduler};
use crate::{Invalid, Resource, TrialIndex, rng};

/// A positive resource.
pub(crate) fn resource(amount: u64) -> Resource {
    Resource::new(amount).expect("tests name positive resources")
}

/// From 1 to 9 by 3.
pub(crate) fn context() -> Context {
    Context {
        min: Resource::ONE,
        max: Some(resource(9)),
        reduction_factor: 3,
        seed: 1,
        max_trials: None,
        parallelism: 4,
    }
}

/// A registered scheduler; `options` is a JSON object.
pub(crate) fn build(
    name: &str,
    context: &Context,
    options: &Value,
) -> Result<Box<dyn Scheduler>, Vec<Invalid>> {
    let options = options.as_object().expect("options are an object");
    (scheduler(name).expect("it is registered").build)(context, options)
}

/// Fields of the errors.
pub(crate) fn fields(wrong: Result<Box<dyn Scheduler>, Vec<Invalid>>) -> Vec<String> {
    wrong.err().unwrap_or_default().into_iter().map(|error| error.field).collect()
}

/// What happened to a job, in order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Event {
    Started(TrialIndex, Goal),
    Reported(TrialIndex, Resource, f64),
    Paused(TrialIndex),
    Promoted(Promotion),
    Ended(TrialIndex, Ending),
}

impl Event {
    pub(crate) fn trial(self) -> TrialIndex {
        match self {
            Self::Started(trial, _)
            | Self::Reported(trial, ..)
            | Self::Paused(trial)
            | Self::Ended(trial, _) => trial,
            Self::Promoted(promotion) => promotion.trial,
        }
    }
}

/// What a pool of workers asks and tells.
pub(crate) trait Subject {
    fn promotion(&self) -> Option<Promotion>;
    /// Starts the next trial, if one may.
    fn start(&mut self, trial: TrialIndex) -> Option<Goal>;
    /// Tells what happened; the verdict on a report.
    fn tell(&mut self, event: Event) -> Option<Verdict>;
}

impl<S: Scheduler + ?Sized> Subject for S {
    fn promotion(&self) -> Option<Promotion> {
        Scheduler::promotion(self)
    }

    fn start(&mut self, trial: TrialIndex) -> Option<Goal> {
        let goal = self.goal(trial)?;
        self.started(trial, goal);
        Some(goal)
    }

    fn tell(&mut self, event: Event) -> Option<Verdict> {
        match event {
            Event::Started(trial, goal) => self.started(trial, goal),
            Event::Reported(trial, resource, loss) => return Some(self.reported(trial, resource, loss)),
            Event::Paused(trial) => self.paused(trial),
            Event::Promoted(promotion) => self.promoted(promotion),
            Event::Ended(trial, ending) => self.ended(trial, ending),
        }
        None
    }
}

/// Workers that run a job's trials, one step of one of them at a time, in an order drawn from the seed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pool {
    pub(crate) workers: usize,
    /// Of the job; the space of the job may hold fewer.
    pub(crate) max_trials: u32,
    /// Where a trial's script ends by itself.
    pub(crate) length: u64,
    /// A trial reports every so many.
    pub(crate) stride: u64,
    /// Probability that a trial fails instead of its next report.
    pub(crate) failures: f64,
    /// Probability that a trial that was told to pause reports once more before it does.
    pub(crate) late: f64,
    pub(crate) seed: u64,
}

struct Busy {
    trial: TrialIndex,
    at: u64,
    run_to: Option<Resource>,
    told: Verdict,
}

impl Pool {
    /// Runs to the end: what happened. `curve` gives a trial's loss at a resource.
    pub(crate) fn run(
        &self,
        subject: &mut (impl Subject + ?Sized),
        curve: impl Fn(TrialIndex, u64) -> f64,
    ) -> Vec<Event> {
        self.resume(subject, curve, Vec::new())
    }

    /// Goes on where nothing runs and each trial has reached so far.
    pub(crate) fn resume(
        &self,
        subject: &mut (impl Subject + ?Sized),
        curve: impl Fn(TrialIndex, u64) -> f64,
        mut reached: Vec<u64>,
    ) -> Vec<Event> {
        let mut rng = rng::Rng::seed_from_u64(self.seed);
        let mut events = Vec::new();
        let mut busy: Vec<Busy> = Vec::new();
        loop {
            while busy.len() < self.workers
                && let Some((event, next)) = self.next(subject, &mut reached)
            {
                events.push(event);
                busy.push(next);
            }
            if busy.is_empty() {
                return events;
            }
            let picked = rng.random_range(0..busy.len());
            let worker = &mut busy[picked];
            let trial = worker.trial;
            let ends = worker.at + self.stride > self.length;
            let event = match worker.told {
                Verdict::Pause if ends || rng.random::<f64>() >= self.late => Event::Paused(trial),
                Verdict::Stop => Event::Ended(trial, Ending::Stopped),
                Verdict::Complete => Event::Ended(trial, Ending::Completed),
                Verdict::Continue if rng.random::<f64>() < self.failures => {
                    Event::Ended(trial, Ending::Failed)
                }
                Verdict::Continue if ends || worker.run_to.is_some_and(|to| to.get() <= worker.at) => {
                    Event::Ended(trial, Ending::Completed)
                }
                Verdict::Continue | Verdict::Pause => {
                    worker.at += self.stride;
                    reached[trial.at()] = worker.at;
                    Event::Reported(trial, resource(worker.at), curve(trial, worker.at))
                }
            };
            events.push(event);
            match subject.tell(event) {
                // Told once to pause, it pauses.
                Some(verdict) if worker.told == Verdict::Continue => worker.told = verdict,
                Some(_) => {}
                None => drop(busy.swap_remove(picked)),
            }
        }
    }

    /// What a free worker does next.
    fn next(&self, subject: &mut (impl Subject + ?Sized), reached: &mut Vec<u64>) -> Option<(Event, Busy)> {
        let told = Verdict::Continue;
        if let Some(promotion) = subject.promotion() {
            let trial = promotion.trial;
            let event = Event::Promoted(promotion);
            subject.tell(event);
            return Some((
                event,
                Busy { trial, at: reached[trial.at()], run_to: Some(promotion.run_to), told },
            ));
        }
        let trial = TrialIndex(reached.len() as u32);
        if trial.0 >= self.max_trials {
            return None;
        }
        let Some(goal) = subject.start(trial) else {
            // The space may be exhausted, and what waited for more trials goes on.
            return subject.promotion().and_then(|_| self.next(subject, reached));
        };
        reached.push(0);
        Some((Event::Started(trial, goal), Busy { trial, at: 0, run_to: goal.run_to, told }))
    }
}

/// Learning curves that fall by a power law towards an asymptote, each from its own height and at its own rate, so that
/// many cross.
pub(crate) fn falling(seed: u64) -> impl Fn(TrialIndex, u64) -> f64 {
    move |trial, at| {
        let mut rng = rng::for_trial(seed, trial, "curve");
        let asymptote: f64 = rng.random();
        let (height, rate) = (rng.random_range(0.3..0.7), rng.random_range(0.5..1.0));
        asymptote + (1.0 - asymptote) * height * (at as f64).powf(-rate)
    }
}

/// Losses without any order in them, with many ties.
pub(crate) fn erratic(seed: u64) -> impl Fn(TrialIndex, u64) -> f64 {
    move |trial, at| f64::from(rng::for_trial(seed ^ at, trial, "loss").random_range(0..20_u8))
}
