//! The simulator: a job in virtual time, over recorded or synthetic learning curves.
//!
//! It drives the decision function exactly as the local executor does, with a queue of future events in place of
//! processes: ten thousand trials take seconds.

pub mod functions;
pub mod synthetic;
pub mod table;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};

use temper_advisor::{Resource, TrialIndex, space::Configuration};

use crate::plan::{Action, Asked, Ending, Event, JobState, Millis, Observation, Phase, plan};

/// One step of a trial.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// How far the trial is after it.
    pub resource: Resource,
    /// How long it takes.
    pub seconds: f64,
    /// What is reported after it.
    pub metrics: BTreeMap<String, f64>,
}

/// What a trial would do if it were left to its end.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// In order of resource.
    pub steps: Vec<Step>,
    /// How it ends after the last step.
    pub ending: Ending,
}

/// Where learning curves come from.
pub trait Source {
    /// What a trial with these parameters does.
    fn curve(&self, trial: TrialIndex, parameters: &Configuration) -> Curve;

    /// Whether every trial takes time; where one takes none, the end of a job's time may never come.
    fn takes_time(&self) -> bool {
        true
    }
}

/// An attempt that runs.
struct Worker {
    attempt: u32,
    curve: Curve,
    /// Position of its next step.
    next: usize,
}

/// A job in virtual time.
struct Simulation<'a, Record> {
    state: &'a mut JobState,
    source: &'a dyn Source,
    record: Record,
    now: Millis,
    /// Virtual time in seconds: milliseconds would round short steps away.
    seconds: f64,
    queue: BinaryHeap<Reverse<Due>>,
    workers: BTreeMap<TrialIndex, Worker>,
    sequence: u64,
}

/// When a worker's next step is done.
#[derive(PartialEq)]
struct Due {
    seconds: f64,
    sequence: u64,
    trial: TrialIndex,
    attempt: u32,
}

impl Eq for Due {}
impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.seconds.total_cmp(&other.seconds).then(self.sequence.cmp(&other.sequence))
    }
}

/// Runs a job to its end in virtual time that begins at `begin`. Every event goes to `record`, in order, as an
/// executor would record it. Returns the virtual seconds it took.
///
/// # Errors
/// Whatever `record` fails with.
pub fn simulate<E>(
    state: &mut JobState,
    source: &dyn Source,
    begin: Millis,
    record: impl FnMut(Millis, Event) -> Result<(), E>,
) -> Result<f64, E> {
    let mut simulation = Simulation {
        state,
        source,
        record,
        now: begin,
        seconds: 0.0,
        queue: BinaryHeap::new(),
        workers: BTreeMap::new(),
        sequence: 0,
    };
    simulation.see(Observation::Opened)?;
    while simulation.state.outcome().is_none() || !simulation.workers.is_empty() {
        let wake = simulation.state.wake_at(simulation.now).map(|at| at.since(begin) as f64 / 1e3);
        match simulation.queue.pop() {
            Some(Reverse(due)) if wake.is_none_or(|wake| due.seconds <= wake) => {
                simulation.advance(begin, due.seconds);
                simulation.step(&due)?;
            }
            due => {
                // Nothing is due before the time at which a decision may change by itself.
                let Some(wake) = wake else { break };
                simulation.queue.extend(due);
                simulation.advance(begin, wake);
                simulation.decide()?;
            }
        }
    }
    Ok(simulation.seconds)
}

impl<E, Record: FnMut(Millis, Event) -> Result<(), E>> Simulation<'_, Record> {
    fn advance(&mut self, begin: Millis, seconds: f64) {
        self.seconds = self.seconds.max(seconds);
        self.now = Millis(begin.0 + (self.seconds * 1e3).ceil() as u64);
    }

    fn see(&mut self, observation: Observation) -> Result<(), E> {
        let event = Event::Observed(observation);
        self.state.apply(self.now, &event);
        (self.record)(self.now, event)?;
        self.decide()
    }

    fn decide(&mut self) -> Result<(), E> {
        for action in plan(self.state, self.now) {
            let carried_out = action.clone();
            (self.record)(self.now, Event::Decided(action))?;
            match carried_out {
                Action::Start { trial, attempt } => self.start(trial, attempt),
                Action::Stop { trial, .. } if self.workers.contains_key(&trial) => self.call(trial),
                Action::Pause { trial } => self.call(trial),
                _ => {}
            }
        }
        Ok(())
    }

    fn start(&mut self, trial: TrialIndex, attempt: u32) {
        let Some(tried) = self.state.advisor().history().get(trial) else { return };
        let curve = self.source.curve(trial, &tried.configuration);
        // It goes on from its checkpoint, which a simulated trial always has.
        let reached = self.state.trial(trial).and_then(|trial| trial.reached);
        let next = curve.steps.partition_point(|step| Some(step.resource) <= reached);
        self.workers.insert(trial, Worker { attempt, curve, next });
        self.schedule(trial);
    }

    /// A worker that was asked something answers at once.
    fn call(&mut self, trial: TrialIndex) {
        let attempt = self.workers.get(&trial).map_or(0, |worker| worker.attempt);
        self.push(self.seconds, trial, attempt);
    }

    fn schedule(&mut self, trial: TrialIndex) {
        let Some(worker) = self.workers.get(&trial) else { return };
        let seconds = worker.curve.steps.get(worker.next).map_or(0.0, |step| step.seconds);
        self.push(self.seconds + seconds, trial, worker.attempt);
    }

    fn push(&mut self, seconds: f64, trial: TrialIndex, attempt: u32) {
        self.sequence += 1;
        self.queue.push(Reverse(Due { seconds, sequence: self.sequence, trial, attempt }));
    }

    fn step(&mut self, due: &Due) -> Result<(), E> {
        let (trial, attempt) = (due.trial, due.attempt);
        let Some(worker) = self.workers.get_mut(&trial).filter(|worker| worker.attempt == attempt) else {
            return Ok(());
        };
        let asked = match self.state.trial(trial).map(|trial| &trial.phase) {
            Some(Phase::Running { asked }) => *asked,
            _ => None,
        };
        match asked {
            Some(Asked::Stop(_)) => return self.end(trial, Ending::Stopped),
            Some(Asked::Pause) => return self.end(trial, Ending::Paused),
            None => {}
        }
        let Some(step) = worker.curve.steps.get(worker.next).cloned() else {
            let ending = worker.curve.ending.clone();
            return self.end(trial, ending);
        };
        worker.next += 1;
        let resource = step.resource;
        self.see(Observation::Reported { trial, attempt, resource, metrics: step.metrics })?;
        if self.state.run_to(trial).is_some_and(|run_to| run_to <= resource) && self.runs_unasked(trial) {
            return self.end(trial, Ending::Succeeded);
        }
        self.schedule(trial);
        Ok(())
    }

    fn runs_unasked(&self, trial: TrialIndex) -> bool {
        self.state.trial(trial).is_some_and(|trial| matches!(trial.phase, Phase::Running { asked: None }))
    }

    fn end(&mut self, trial: TrialIndex, ending: Ending) -> Result<(), E> {
        let Some(worker) = self.workers.remove(&trial) else { return Ok(()) };
        self.see(Observation::Ended { trial, attempt: worker.attempt, ending })
    }
}
