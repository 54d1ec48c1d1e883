//! Whether this operator may write: it holds the lease, as far as its own clock can tell.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Shared by whoever writes. Every write asks it; when the lease has not been renewed in time nothing is written any
/// more, whether or not somebody else has taken it by then.
#[derive(Clone, Debug)]
pub(super) struct Fence {
    began: Instant,
    /// Milliseconds after `began` until which the lease is held.
    until: Arc<AtomicU64>,
}

impl Fence {
    /// Closed.
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), until: Arc::new(AtomicU64::new(0)) }
    }

    /// The lease was renewed; the request to do so was sent at `asked`, which is when its time began to run.
    pub(super) fn open_until(&self, asked: Instant, lasts: Duration) {
        let until = (asked + lasts).saturating_duration_since(self.began).as_millis() as u64;
        self.until.store(until, Ordering::SeqCst);
    }

    pub(super) fn close(&self) {
        self.until.store(0, Ordering::SeqCst);
    }

    pub(super) fn is_open(&self) -> bool {
        (self.began.elapsed().as_millis() as u64) < self.until.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_open_only_for_as_long_as_the_lease_lasts() {
        let fence = Fence::new();
        assert!(!fence.is_open());
        fence.open_until(Instant::now(), Duration::from_mins(1));
        assert!(fence.clone().is_open());
        fence.close();
        assert!(!fence.is_open());
        let slow_answer = Instant::now().checked_sub(Duration::from_millis(20)).unwrap();
        fence.open_until(slow_answer, Duration::from_millis(10));
        assert!(!fence.is_open());
    }
}
