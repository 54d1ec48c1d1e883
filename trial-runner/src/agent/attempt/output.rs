//! One of a command's outputs.

use std::{
    io::{self, Write},
    os::fd::{AsFd, OwnedFd},
    path::Path,
    time::Instant,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

use crate::agent::{log::Log, metrics::Stream};

/// Where what the command puts out goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::agent) enum Echo {
    /// To its log.
    None,
    /// To its log, and to the agent's output of the same name.
    Same,
    /// To its log, and all of it to the agent's stderr.
    ToStderr,
    /// To the agent's output of the same name, which somebody else keeps.
    #[cfg_attr(not(feature = "pod"), allow(dead_code, reason = "as in a pod"))]
    Instead,
}

pub(super) struct Output {
    pub(super) stream: Stream,
    /// `None` once it has ended.
    pub(super) pipe: Option<OwnedFd>,
    pub(super) log: Log,
    echo: Echo,
}

impl Output {
    /// Its log, if one is kept, lies in `dir`.
    pub(super) fn new(stream: Stream, pipe: OwnedFd, dir: &Path, echo: Echo) -> Self {
        let log = match echo {
            Echo::Instead => Log::unkept(),
            _ => Log::new(dir.join(format!("{}.log", stream.name()))),
        };
        Self { stream, pipe: Some(pipe), log, echo }
    }

    /// How much was read; 0 when there is nothing for now, or for good.
    pub(super) fn read(&mut self, chunk: &mut [u8]) -> usize {
        while let Some(pipe) = &self.pipe {
            match rustix::io::read(pipe, &mut *chunk) {
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Ok(0) | Err(_) => self.pipe = None,
                Ok(read) => return read,
            }
        }
        0
    }

    /// Logs what was read and passes it on; a warning when it cannot be logged.
    pub(super) fn keep(&mut self, chunk: &[u8]) -> Option<String> {
        // Whoever does not read it any more does not want it.
        let _ = match (self.echo, self.stream) {
            (Echo::None, _) => Ok(()),
            (Echo::Same | Echo::Instead, Stream::Stdout) => {
                io::stdout().write_all(chunk).and_then(|()| io::stdout().flush())
            }
            (Echo::Same | Echo::Instead, Stream::Stderr) | (Echo::ToStderr, _) => {
                io::stderr().write_all(chunk)
            }
        };
        self.log.take(chunk)
    }

    /// Waits for more, at most until `deadline`; false when there is none to come.
    pub(super) fn wait(&self, deadline: Instant) -> bool {
        let Some(pipe) = &self.pipe else { return false };
        let left = deadline.saturating_duration_since(Instant::now());
        let wait = Timespec::try_from(left).unwrap_or_default();
        let mut polled = [PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN)];
        !left.is_zero() && poll(&mut polled, Some(&wait)).is_ok_and(|ready| ready > 0)
    }
}
