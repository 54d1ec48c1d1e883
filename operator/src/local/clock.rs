//! The time as the journal has it.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::plan::Millis;

/// Never goes back, within a run or between runs, whatever becomes of the machine's clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    origin: Millis,
    begun: Instant,
}

impl Clock {
    /// Begins now, but not before `last`.
    pub(super) fn after(last: Millis) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
        Self { origin: last.max(Millis(now)), begun: Instant::now() }
    }

    /// The time.
    pub(super) fn now(&self) -> Millis {
        Millis(self.origin.0 + self.begun.elapsed().as_millis() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on_after_a_clock_that_was_ahead() {
        let future = Millis(u64::from(u32::MAX) * 1_000_000);
        assert!(Clock::after(future).now() >= future);
        assert!(Clock::after(Millis(0)).now() > Millis(1_700_000_000_000));
    }
}
