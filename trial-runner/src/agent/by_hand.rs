//! An attempt run by a person, without an executor.

use std::{
    io::{self, Read},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
};

use rustix::event::PollFlags;
use signal_hook::consts::{SIGINT, SIGTERM};

use super::{
    attempt::{self, Echo},
    checkpoints::Places,
    link::{Link, Received, is_ready},
    metrics::Metrics,
    process::become_reaper,
    protocol::{Assignment, Ended, Message, MetricsSource, Order, Report},
};

/// What came of an attempt run by hand.
pub struct ByHand {
    /// Its end; `None` when it was interrupted twice, and so killed.
    pub ended: Option<Ended>,
    /// All its reports, the newest few thousand.
    pub reports: Vec<Report>,
    /// It was interrupted.
    pub interrupted: bool,
}

/// Runs an attempt as an executor would have it run. What the command puts out is passed through, `all_to_stderr`
/// or each to its own. SIGINT and SIGTERM
/// stop it; a second one kills it. `tell` gets every message but the reports and the end as it comes.
///
/// The process must be the caller's own: every child is waited for.
///
/// # Errors
/// When the process cannot be set up so that nothing it starts gets away.
pub fn run_by_hand(
    assignment: &Assignment,
    all_to_stderr: bool,
    tell: impl FnMut(&Message),
) -> io::Result<ByHand> {
    let echo = if all_to_stderr { Echo::ToStderr } else { Echo::Same };
    become_reaper()?;
    let (signals, on_signal) = UnixStream::pair()?;
    for signal in [SIGINT, SIGTERM] {
        signal_hook::low_level::pipe::register(signal, on_signal.try_clone()?)?;
    }
    let mut person = Person { signals, times: 0, tell };
    let finished = attempt::run(assignment, &Places::default(), Vec::new(), &mut person, echo);
    let interrupted = person.times > 0;
    Ok(match finished {
        Some(finished) => ByHand { ended: Some(finished.ended), reports: finished.reports, interrupted },
        None => ByHand { ended: None, reports: Vec::new(), interrupted },
    })
}

/// Says what is wrong with how metrics are to be read, if anything is: an unknown format, a bad pattern.
///
/// # Errors
/// What is wrong, one problem a line.
pub fn check_metrics(source: &MetricsSource, objectives: &[String]) -> Result<(), String> {
    // Nothing is looked for: that what is named is there is not for now.
    Metrics::open(source, objectives, source.file.as_ref().map(Into::into), "/nonexistent".as_ref()).map(drop)
}

/// The link to whoever sits at the terminal.
struct Person<F> {
    signals: UnixStream,
    times: usize,
    tell: F,
}

impl<F: FnMut(&Message)> Link for Person<F> {
    fn sources(&self) -> Vec<BorrowedFd<'_>> {
        vec![self.signals.as_fd()]
    }

    fn sink(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn receive(&mut self) -> Received {
        let mut orders = Vec::new();
        while is_ready(self.signals.as_fd(), PollFlags::IN) {
            if self.signals.read(&mut [0]).is_ok_and(|length| length == 0) {
                break;
            }
            self.times += 1;
            orders.push(Order::Stop { reason: "interrupted".into() });
        }
        Received { orders, is_closed: self.times > 1 }
    }

    fn send(&mut self, message: &Message) -> bool {
        if !matches!(message, Message::Report(_)) {
            (self.tell)(message);
        }
        true
    }

    fn flush(&mut self) {}
}
