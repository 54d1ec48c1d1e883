//! One trial after another, for as long as there is an executor.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
};

use rustix::event::{PollFd, PollFlags, poll};

use super::{
    attempt::{self, Echo, Finished},
    checkpoints::Places,
    link::{Link, Pipes},
    process::become_reaper,
    protocol::{Assignment, ENDED_FILE, Ended, Message, Order},
};

/// Serves an executor over stdin and stdout until it is gone.
///
/// The process must be the agent's own, and the calling thread its first: all children are waited for, and the
/// command dies with the thread.
///
/// # Errors
/// When the process cannot be set up so that nothing it starts gets away.
pub fn serve() -> io::Result<()> {
    // Signals from the executor's terminal are the executor's to deal with. Fails when the agent leads a process
    // group of its own already, which serves as well.
    let _ = rustix::process::setsid();
    become_reaper()?;
    serve_over(&mut Pipes::stdio()?);
    Ok(())
}

fn serve_over(link: &mut dyn Link) {
    let mut waiting = Waiting::default();
    while let Some(assignment) = waiting.assignment(link) {
        let early = waiting.early();
        let Some(finished) = attempt::run(&assignment, &Places::default(), early, link, Echo::None) else {
            return;
        };
        link.send(&Message::Ended(Box::new(finished.ended.clone())));
        if !waiting.acknowledgement(link) {
            leave_behind(finished);
            return;
        }
    }
}

/// Orders that have come between two attempts.
#[derive(Default)]
pub(super) struct Waiting(std::collections::VecDeque<Order>);

impl Waiting {
    /// The next assignment; `None` when the executor is gone. Orders for the attempt before are passed over.
    pub(super) fn assignment(&mut self, link: &mut dyn Link) -> Option<Box<Assignment>> {
        loop {
            if let Order::Assign(assignment) = self.next(link)? {
                return Some(assignment);
            }
        }
    }

    /// What has come behind the assignment.
    pub(super) fn early(&mut self) -> Vec<Order> {
        self.0.drain(..).collect()
    }

    /// Whether the end of the attempt was acknowledged; if not the executor is gone.
    pub(super) fn acknowledgement(&mut self, link: &mut dyn Link) -> bool {
        loop {
            match self.next(link) {
                Some(Order::Ack) => return true,
                Some(_) => {}
                None => return false,
            }
        }
    }

    fn next(&mut self, link: &mut dyn Link) -> Option<Order> {
        loop {
            if let Some(order) = self.0.pop_front() {
                return Some(order);
            }
            let sources = link.sources();
            let mut polled: Vec<PollFd> =
                sources.iter().map(|source| PollFd::from_borrowed_fd(*source, PollFlags::IN)).collect();
            polled.extend(link.sink().map(|sink| PollFd::from_borrowed_fd(sink, PollFlags::OUT)));
            // An error can only be a signal that came in between.
            let is_ready = poll(&mut polled, None).is_ok()
                && polled[..sources.len()].iter().any(|source| !source.revents().is_empty());
            link.flush();
            if is_ready {
                let received = link.receive();
                self.0.extend(received.orders);
                if received.is_closed && self.0.is_empty() {
                    return None;
                }
            }
        }
    }
}

/// Keeps an end that nobody has acknowledged where the next executor finds it.
fn leave_behind(finished: Finished) {
    let ended = Ended { reports: finished.reports, ..finished.ended };
    if let Err(error) = write_durably(&finished.dir, &ended) {
        eprintln!(
            "temper agent: the end of trial {} is lost: {}: {error}",
            ended.trial,
            finished.dir.join(ENDED_FILE).display()
        );
    }
}

fn write_durably(dir: &Path, ended: &Ended) -> io::Result<()> {
    let mut unnamed = tempfile::NamedTempFile::new_in(dir)?;
    unnamed.write_all(&serde_json::to_vec(ended)?)?;
    unnamed.as_file().sync_all()?;
    unnamed.persist(dir.join(ENDED_FILE))?;
    File::open(dir)?.sync_all()
}
