//! The agent's link to the Kubernetes API: what comes and goes between its loop and the [wire](super::wire).

use std::{
    io::{self, ErrorKind, Read},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use k8s_openapi::jiff::Timestamp;
use signal_hook::consts::SIGTERM;
use tokio::sync::Notify;

use super::session::{News, Over, Session};
use crate::agent::{
    link::{Link, Received},
    protocol::{Message, Order},
};

/// What the agent's loop and the wire have in common.
pub(super) struct Shared {
    session: Mutex<Session>,
    /// The wire has something to look at.
    pub(super) told: Notify,
}

impl Shared {
    pub(super) fn new(session: Session) -> Self {
        Self { session: Mutex::new(session), told: Notify::new() }
    }

    /// Nothing waits while it holds this.
    pub(super) fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why the link has closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Closed {
    /// The session says so.
    Over(Over),
    /// The pod was asked to end while it had nothing to do.
    Terminated,
    /// The wire is gone, which it never should be.
    Lost,
}

/// What the agent is at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle,
    Running,
    /// The end is told and not acknowledged.
    Ending,
}

pub(super) struct PodLink {
    shared: Arc<Shared>,
    /// Readable when the session has news, at its end when the wire is gone.
    woken: UnixStream,
    /// Readable when the pod was asked to end.
    terminated: UnixStream,
    phase: Phase,
    grace_seconds: f64,
    is_leaving: bool,
    closed: Option<Closed>,
}

impl PodLink {
    /// `woken` is the other end of what the wire wakes the agent by. From now on SIGTERM lets the attempt save its
    /// state and end within the grace.
    ///
    /// # Errors
    /// When the signal cannot be caught.
    pub(super) fn new(shared: Arc<Shared>, woken: UnixStream, grace_seconds: f64) -> io::Result<Self> {
        let (terminated, on_signal) = UnixStream::pair()?;
        signal_hook::low_level::pipe::register(SIGTERM, on_signal)?;
        for stream in [&terminated, &woken] {
            stream.set_nonblocking(true)?;
        }
        Ok(Self {
            shared,
            woken,
            terminated,
            phase: Phase::Idle,
            grace_seconds,
            is_leaving: false,
            closed: None,
        })
    }

    /// Why it has closed, if it has.
    pub(super) fn closed(&self) -> Option<&Closed> {
        self.closed.as_ref()
    }

    /// Lets go of an attempt that is not wanted any more: there may be others.
    pub(super) fn reopen(&mut self) {
        self.closed = None;
        self.phase = Phase::Idle;
        self.shared.session().let_go();
        self.shared.told.notify_one();
    }

    fn take_news(&mut self, orders: &mut Vec<Order>) {
        for news in self.shared.session().take_news() {
            match news {
                News::Order(Order::Assign(_)) if self.is_leaving => {}
                News::Order(order) => {
                    match order {
                        Order::Assign(_) => self.phase = Phase::Running,
                        Order::Ack => self.phase = Phase::Idle,
                        Order::Stop { .. } | Order::Pause | Order::Vacate { .. } | Order::Recorded { .. } => {
                        }
                    }
                    orders.push(order);
                }
                News::Over(over) => self.closed = Some(Closed::Over(over)),
            }
        }
    }
}

impl Link for PodLink {
    fn sources(&self) -> Vec<BorrowedFd<'_>> {
        vec![self.woken.as_fd(), self.terminated.as_fd()]
    }

    fn sink(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn receive(&mut self) -> Received {
        let mut orders = Vec::new();
        let is_wire_gone = drain(&mut self.woken) == Drained::Ended;
        let is_asked = drain(&mut self.terminated) == Drained::Some && !self.is_leaving;
        self.is_leaving |= is_asked;
        self.take_news(&mut orders);
        if is_asked && self.phase == Phase::Running {
            eprintln!("temper: the pod is to end; the trial gets {} s to save its state", self.grace_seconds);
            orders.push(Order::Vacate { within_seconds: self.grace_seconds });
        }
        if self.closed.is_none() {
            if is_wire_gone {
                self.closed = Some(Closed::Lost);
            } else if self.is_leaving && self.phase == Phase::Idle {
                self.closed = Some(Closed::Terminated);
            }
        }
        Received { orders, is_closed: self.closed.is_some() }
    }

    fn send(&mut self, message: &Message) -> bool {
        match message {
            Message::Warning { text } => eprintln!("temper: warning: {text}"),
            Message::Ended(_) => self.phase = Phase::Ending,
            Message::Started { .. } | Message::Report(_) | Message::Checkpoint(_) => {}
        }
        if self.shared.session().message(message, Instant::now(), Timestamp::now()) {
            self.shared.told.notify_one();
        }
        true
    }

    fn flush(&mut self) {}
}

#[derive(PartialEq, Eq)]
enum Drained {
    None,
    Some,
    Ended,
}

fn drain(stream: &mut UnixStream) -> Drained {
    let mut drained = Drained::None;
    let mut chunk = [0; 64];
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => return Drained::Ended,
            Ok(_) => drained = Drained::Some,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return drained,
        }
    }
}
