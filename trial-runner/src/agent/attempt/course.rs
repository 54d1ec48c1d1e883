//! The course of an attempt while its command runs: one loop that waits for whatever comes first.

use std::{
    os::fd::{AsFd, OwnedFd},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::Signal,
};

use super::{
    End, Refusal, Setup, Told,
    output::{Echo, Output},
};
use crate::agent::{
    checkpoints::{Keeper, Mark},
    conduct::{Act, Cause, Conduct, WaitFor},
    metrics::{Found, Metrics, Stream},
    process::{Running, reap_adopted},
    protocol::{Assignment, Order},
    reports::{Event, Reports},
};

/// Between two looks at a metrics file or folder. Looking takes at most a tenth of the agent's time.
const LOOK: Duration = Duration::from_millis(100);
const LOOK_SHARE: u32 = 10;
/// Between two looks for adopted processes that have ended.
const REAP: Duration = Duration::from_secs(1);
/// How long to look for a moment in which the command does not write, and the time between two tries.
const HOLD: Duration = Duration::from_millis(500);
const BREATH: Duration = Duration::from_millis(10);
/// What is read of an output before other things get their turn, in bytes.
const TURN: usize = 1 << 20;
const CHUNK: usize = 1 << 16;

pub(super) struct Course<'t, 'l> {
    pub(super) assignment: &'t Assignment,
    pub(super) told: &'t mut Told<'l>,
    running: Running,
    pub(super) outputs: [Output; 2],
    pub(super) metrics: Metrics,
    pub(super) reports: Reports,
    pub(super) keeper: Option<Keeper>,
    pub(super) conduct: Conduct,
    is_link_closed: bool,
    next_look: Instant,
    next_reap: Instant,
    chunk: Box<[u8]>,
}

/// What has become ready.
#[derive(Default)]
struct Ready {
    orders: bool,
    ended: bool,
}

impl<'t, 'l> Course<'t, 'l> {
    pub(super) fn start(
        setup: Setup,
        assignment: &'t Assignment,
        told: &'t mut Told<'l>,
        echo: Echo,
    ) -> Result<Self, Refusal> {
        let (running, pipes) = setup.launch.start().map_err(Refusal::cannot_start)?;
        told.started(
            assignment.trial,
            assignment.attempt,
            running.pid().as_raw_nonzero().get().cast_unsigned(),
        );
        let [stdout, stderr] = pipes;
        let output = |stream: Stream, pipe: OwnedFd| Output::new(stream, pipe, &setup.folder.dir, echo);
        let now = Instant::now();
        Ok(Self {
            assignment,
            told,
            running,
            outputs: [output(Stream::Stdout, stdout), output(Stream::Stderr, stderr)],
            metrics: setup.metrics,
            reports: setup.reports,
            keeper: setup.keeper,
            conduct: Conduct::new(setup.grace),
            is_link_closed: false,
            next_look: now + LOOK,
            next_reap: now + REAP,
            chunk: vec![0; CHUNK].into(),
        })
    }

    /// To the end of the command and of all that it has started; `None` when nobody is to hear of it.
    pub(super) fn run(mut self, early: Vec<Order>) -> Option<End> {
        self.obey(early);
        loop {
            let ready = self.wait();
            if ready.ended
                && let Ok(Some(status)) = self.running.status()
            {
                return self.finish(status);
            }
            if ready.orders {
                let received = self.told.link().receive();
                self.obey(received.orders);
                if received.is_closed {
                    self.is_link_closed = true;
                    let act = self.conduct.end(Cause::Abandoned, WaitFor::Nothing, Instant::now());
                    self.act(act);
                }
            }
            self.told.link().flush();
            for index in 0..self.outputs.len() {
                self.read_output(index);
            }
            let now = Instant::now();
            if self.metrics.is_polled() && now >= self.next_look {
                let more = self.look_for_metrics();
                self.next_look = if more { now } else { now + LOOK.max(now.elapsed() * LOOK_SHARE) };
            }
            self.tend_checkpoints(now);
            if now >= self.next_reap {
                reap_adopted(self.running.pid());
                self.next_reap = now + REAP;
            }
            if self.conduct.is_lingering() {
                let act = self.conduct.linger(self.wait_for(), now);
                self.act(act);
            }
            let act = self.conduct.wake(now);
            self.act(act);
        }
    }

    /// Waits until something is ready or due.
    fn wait(&mut self) -> Ready {
        let due = [
            Some(self.next_reap),
            self.conduct.deadline(),
            self.keeper.as_ref().map(Keeper::next_look),
            self.metrics.is_polled().then_some(self.next_look),
        ];
        let now = Instant::now();
        let wait = due.into_iter().flatten().min().map_or(REAP, |due| due.saturating_duration_since(now));
        let link = self.told.link();
        let sources = if self.is_link_closed { Vec::new() } else { link.sources() };
        let mut polled: Vec<PollFd> = vec![PollFd::from_borrowed_fd(self.running.ended(), PollFlags::IN)];
        polled.extend(sources.iter().map(|source| PollFd::from_borrowed_fd(*source, PollFlags::IN)));
        polled.extend(link.sink().map(|sink| PollFd::from_borrowed_fd(sink, PollFlags::OUT)));
        let pipes = self.outputs.iter().filter_map(|output| output.pipe.as_ref());
        polled.extend(pipes.map(|pipe| PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN)));
        let done = self.keeper.as_ref().and_then(Keeper::done);
        polled.extend(done.map(|done| PollFd::from_borrowed_fd(done, PollFlags::IN)));
        // An error can only be a signal that came in between; what is ready is then found by the next look.
        if poll(&mut polled, Timespec::try_from(wait).ok().as_ref()).is_err() {
            return Ready::default();
        }
        let is_ready = |fd: &PollFd| !fd.revents().is_empty();
        Ready { ended: is_ready(&polled[0]), orders: polled[1..=sources.len()].iter().any(is_ready) }
    }

    fn obey(&mut self, orders: Vec<Order>) {
        let now = Instant::now();
        for order in orders {
            let act = match order {
                Order::Stop { .. } => self.conduct.end(Cause::Stop, WaitFor::Nothing, now),
                Order::Pause => self.pause(now),
                Order::Vacate { within_seconds } => {
                    // What is no number of seconds is none to wait.
                    let within = Duration::try_from_secs_f64(within_seconds).unwrap_or_default();
                    let act = self.pause(now);
                    self.conduct.limit(within, now);
                    act
                }
                Order::Recorded { checkpoint } => {
                    self.keeper.iter_mut().for_each(|keeper| keeper.recorded(&checkpoint));
                    Act::Wait
                }
                Order::Assign(_) | Order::Ack => {
                    let text = format!("passed over while trial {} runs: {order:?}", self.assignment.trial);
                    self.told.warning(text);
                    Act::Wait
                }
            };
            self.act(act);
        }
    }

    fn pause(&mut self, now: Instant) -> Act {
        if let Some(keeper) = &mut self.keeper {
            keeper.look(now);
        }
        self.conduct.end(Cause::Pause, self.wait_to_pause(), now)
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Wait => {}
            Act::Terminate => {
                self.hold();
                self.running.signal(Signal::TERM);
                self.running.signal(Signal::CONT);
            }
            Act::Kill => self.running.signal(Signal::KILL),
        }
    }

    /// Before a command is asked to end that is to go on later: holds it at a moment in which it does not write a
    /// checkpoint, so that what it has saved is whole even if it ends on the spot. Does not try for long.
    fn hold(&mut self) {
        let (Some(keeper), Some(Cause::Pause | Cause::ReachedRunTo)) =
            (&mut self.keeper, self.conduct.cause())
        else {
            return;
        };
        let deadline = Instant::now() + HOLD;
        loop {
            self.running.signal(Signal::STOP);
            let now = Instant::now();
            if keeper.is_whole(now) || now > deadline {
                return;
            }
            self.running.signal(Signal::CONT);
            thread::sleep(BREATH);
        }
    }

    /// Reads what an output has, up to its turn's bound.
    pub(super) fn read_output(&mut self, index: usize) {
        let mut length = 0;
        while length < TURN {
            let output = &mut self.outputs[index];
            let read = output.read(&mut self.chunk);
            if read == 0 {
                return;
            }
            length += read;
            let mut found = Found::default();
            let chunk = &self.chunk[..read];
            found.warnings.extend(output.keep(chunk));
            self.metrics.output(output.stream, chunk, &mut found);
            self.take(found);
        }
    }

    pub(super) fn look_for_metrics(&mut self) -> bool {
        let mut found = Found::default();
        let more = self.metrics.poll(&mut found);
        self.take(found);
        more
    }

    pub(super) fn take(&mut self, found: Found) {
        for warning in found.warnings {
            self.told.warning(warning);
        }
        for reading in found.readings {
            // What a diverged command says further is of no use.
            if matches!(self.conduct.cause(), Some(Cause::Diverged(_))) {
                return;
            }
            let mut events = Vec::new();
            self.reports.take(reading, &mut events);
            self.tell(events);
        }
        if self.conduct.cause().is_none() && self.reports.reached() {
            let act = self.conduct.end(Cause::ReachedRunTo, self.wait_at_run_to(), Instant::now());
            self.act(act);
        }
    }

    pub(super) fn tell(&mut self, events: Vec<Event>) {
        for event in events {
            match event {
                Event::Report(report) => self.told.report(report),
                Event::Warning(text) => self.told.warning(text),
                Event::Diverged(text) => {
                    let act = self.conduct.end(Cause::Diverged(text), WaitFor::Nothing, Instant::now());
                    self.act(act);
                }
            }
        }
    }

    fn wait_for(&self) -> WaitFor {
        if self.conduct.cause() == Some(&Cause::Pause) { self.wait_to_pause() } else { self.wait_at_run_to() }
    }

    fn wait_to_pause(&self) -> WaitFor {
        if self.keeper.as_ref().is_some_and(Keeper::is_busy) {
            WaitFor::WhatIsReached
        } else {
            WaitFor::Nothing
        }
    }

    fn wait_at_run_to(&self) -> WaitFor {
        let run_to = self.assignment.run_to.unwrap_or(0);
        let is_committed =
            |keeper: &Keeper| keeper.last().is_some_and(|checkpoint| checkpoint.resource >= run_to);
        if self.reports.is_beyond() {
            return WaitFor::Nothing;
        }
        match &self.keeper {
            _ if !self.reports.is_complete() => WaitFor::WhatIsReached,
            None => WaitFor::ItsOwnEnd,
            Some(keeper) if is_committed(keeper) => WaitFor::Nothing,
            Some(_) => WaitFor::WhatIsReached,
        }
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { resource: self.reports.resource(), from_zero: self.reports.counts_from_zero() }
    }

    fn tend_checkpoints(&mut self, now: Instant) {
        let mark = self.mark();
        if let Some(keeper) = &mut self.keeper {
            match keeper.tend(mark, now) {
                Ok(Some(checkpoint)) => self.told.checkpoint(checkpoint),
                Ok(None) => {}
                Err(error) => self.told.warning(format!("{error:#}")),
            }
        }
    }
}
