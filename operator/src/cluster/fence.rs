//! Whether this operator may write: it holds the lease, as far as its own clock can tell.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Shared by whoever writes. Every write asks it; when the lease has not been renewed in time nothing is written any
/// more, whether or not somebody else has taken it by then. That is for good: whoever was refused a write has given up
/// what it was for.
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

    /// The lease was taken; the request to do so was sent at `asked`, which is when its time began to run.
    pub(super) fn open_until(&self, asked: Instant, lasts: Duration) {
        self.until.store(self.end(asked, lasts), Ordering::SeqCst);
    }

    /// The lease was renewed; false, and it stays closed, where it had run out before.
    pub(super) fn extend(&self, asked: Instant, lasts: Duration) -> bool {
        let until = self.end(asked, lasts);
        let is_held = |held: u64| (held != 0).then_some(until);
        self.is_open() && self.until.fetch_update(Ordering::SeqCst, Ordering::SeqCst, is_held).is_ok()
    }

    fn end(&self, asked: Instant, lasts: Duration) -> u64 {
        (asked + lasts).saturating_duration_since(self.began).as_millis() as u64
    }

    pub(super) fn close(&self) {
        self.until.store(0, Ordering::SeqCst);
    }

    pub(super) fn is_open(&self) -> bool {
        let until = self.until.load(Ordering::SeqCst);
        if (self.began.elapsed().as_millis() as u64) < until {
            return true;
        }
        // Whoever sees it run out closes it, so that no renewal opens it again; unless it was renewed just now.
        until != 0
            && self.until.compare_exchange(until, 0, Ordering::SeqCst, Ordering::SeqCst).is_err()
            && self.is_open()
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

    #[test]
    fn once_it_ran_out_no_renewal_opens_it() {
        let fence = Fence::new();
        let (now, minute) = (Instant::now(), Duration::from_mins(1));
        fence.open_until(now, minute);
        assert!(fence.extend(now, minute) && fence.is_open(), "renewed in time");
        fence.open_until(now, Duration::ZERO);
        assert!(!fence.extend(Instant::now(), minute), "whether or not somebody was refused meanwhile");
        assert!(!fence.is_open());
    }
}
