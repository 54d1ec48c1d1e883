//! How orders reach the agent and messages leave it.

use std::{
    collections::VecDeque,
    io::{self, Write},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    os::unix::net::UnixStream,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

use super::protocol::{Message, Order};

/// The agent's end of what joins it to its executor: pipes here, the Kubernetes API in a pod.
///
/// The agent polls; nothing here may wait.
pub(super) trait Link {
    /// Any of them readable: [`Self::receive`] has something.
    fn sources(&self) -> Vec<BorrowedFd<'_>>;
    /// While messages wait to be passed on: writable when [`Self::flush`] can go on.
    fn sink(&self) -> Option<BorrowedFd<'_>>;
    /// The orders that have come.
    fn receive(&mut self) -> Received;
    /// Takes a message. A report may be refused (`false`) when too much waits to be passed on; nothing else is.
    fn send(&mut self, message: &Message) -> bool;
    /// Passes on what waits, as far as it goes.
    fn flush(&mut self);
}

/// What has come over a [`Link`].
#[derive(Debug, Default)]
pub(super) struct Received {
    /// In their order.
    pub(super) orders: Vec<Order>,
    /// The executor is gone.
    pub(super) is_closed: bool,
}

/// So much may wait before reports are refused, in bytes.
const MOST_WAITING: usize = 1 << 20;
/// An order longer than this is none.
const LONGEST_ORDER: usize = 16 << 20;
/// What a pipe takes at once when it is writable.
const PIPE_TAKES: usize = 4096;

/// JSON lines over two pipes.
pub(super) struct Pipes {
    orders: OwnedFd,
    messages: OwnedFd,
    /// Readable when the agent itself was asked to end.
    terminated: UnixStream,
    begun: Vec<u8>,
    waiting: VecDeque<u8>,
    is_closed: bool,
}

impl Pipes {
    /// The agent's stdin and stdout. SIGTERM counts as the executor being gone.
    ///
    /// # Errors
    /// When the process has none, or the signal cannot be caught.
    pub(super) fn stdio() -> io::Result<Self> {
        let (terminated, on_signal) = UnixStream::pair()?;
        signal_hook::low_level::pipe::register(signal_hook::consts::SIGTERM, on_signal)?;
        Ok(Self {
            orders: io::stdin().as_fd().try_clone_to_owned()?,
            messages: io::stdout().as_fd().try_clone_to_owned()?,
            terminated,
            begun: Vec::new(),
            waiting: VecDeque::new(),
            is_closed: false,
        })
    }

    fn read(&mut self, orders: &mut Vec<Order>) -> io::Result<()> {
        let mut chunk = [0; 1 << 14];
        while is_ready(self.orders.as_fd(), PollFlags::IN) {
            let length = match rustix::io::read(&self.orders, &mut chunk) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => length,
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            self.begun.extend_from_slice(&chunk[..length]);
            while let Some(end) = memchr::memchr(b'\n', &self.begun) {
                let line = self.begun[..end].trim_ascii();
                if !line.is_empty() {
                    orders.push(serde_json::from_slice(line).map_err(|error| {
                        io::Error::other(format!("no order: {error}: {}", String::from_utf8_lossy(line)))
                    })?);
                }
                self.begun.drain(..=end);
            }
            if self.begun.len() > LONGEST_ORDER {
                return Err(io::Error::other("an order without an end"));
            }
        }
        Ok(())
    }
}

impl Link for Pipes {
    fn sources(&self) -> Vec<BorrowedFd<'_>> {
        vec![self.orders.as_fd(), self.terminated.as_fd()]
    }

    fn sink(&self) -> Option<BorrowedFd<'_>> {
        (!self.waiting.is_empty() && !self.is_closed).then(|| self.messages.as_fd())
    }

    fn receive(&mut self) -> Received {
        let mut orders = Vec::new();
        if is_ready(self.terminated.as_fd(), PollFlags::IN) {
            self.is_closed = true;
        } else if let Err(error) = self.read(&mut orders) {
            if error.kind() != io::ErrorKind::UnexpectedEof {
                // An executor that cannot be understood is none; whoever runs it reads this.
                eprintln!("temper agent: {error}");
            }
            self.is_closed = true;
        }
        Received { orders, is_closed: self.is_closed }
    }

    fn send(&mut self, message: &Message) -> bool {
        if matches!(message, Message::Report(_)) && self.waiting.len() > MOST_WAITING {
            return false;
        }
        if let Err(error) = serde_json::to_writer(&mut self.waiting, message)
            .and_then(|()| self.waiting.write_all(b"\n").map_err(serde_json::Error::io))
        {
            eprintln!("temper agent: {error}");
        }
        self.flush();
        true
    }

    fn flush(&mut self) {
        while !self.waiting.is_empty() && is_ready(self.messages.as_fd(), PollFlags::OUT) {
            let (front, _) = self.waiting.as_slices();
            match rustix::io::write(&self.messages, &front[..front.len().min(PIPE_TAKES)]) {
                Ok(length) => drop(self.waiting.drain(..length)),
                Err(Errno::INTR) => {}
                // The other end is gone, which the orders' end will say as well.
                Err(_) => {
                    self.waiting.clear();
                    self.is_closed = true;
                }
            }
        }
    }
}

/// Whether reading or writing would not wait.
pub(super) fn is_ready(fd: BorrowedFd<'_>, flags: PollFlags) -> bool {
    poll(&mut [PollFd::new(&fd, flags)], Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
}
