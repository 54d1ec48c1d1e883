//! When to write.

use std::time::{Duration, Instant};

/// Between the beginnings of two writes, but for the last one.
pub(super) const INTERVAL: Duration = Duration::from_secs(1);
/// After a write that has failed: from the first to the longest wait, doubled with each.
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// How long to wait after so many failures in a row. `jitter` from 0 to 1 spreads those who have failed together
/// over half the time.
pub(super) fn backoff(failures: u32, jitter: f64) -> Duration {
    let wait = LONGEST.min(SHORTEST * 2_u32.saturating_pow(failures.saturating_sub(1)));
    wait.mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0))
}

/// Of an attempt's report: at most one write a second, and one that has everything at the end.
///
/// The start of the command counts as a write, so that one that ends within a second needs one write in all.
pub(super) struct Pace {
    last: Instant,
    not_before: Instant,
    has_news: bool,
    is_last: bool,
    is_under_way: bool,
    failures: u32,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self { last: now, not_before: now, has_news: false, is_last: false, is_under_way: false, failures: 0 }
    }

    /// There is something to write; whether there was nothing before.
    pub(super) fn news(&mut self) -> bool {
        !std::mem::replace(&mut self.has_news, true)
    }

    /// There is something to write, and nothing will come after it.
    pub(super) fn finish(&mut self) {
        self.has_news = true;
        self.is_last = true;
        // What the server has refused before it may take now; the waits begin anew.
        self.failures = 0;
        self.not_before = self.last;
    }

    /// When to write; `None` while there is nothing to write, or a write is under way.
    pub(super) fn due(&self) -> Option<Instant> {
        let due = if self.is_last { self.not_before } else { self.not_before.max(self.last + INTERVAL) };
        (self.has_news && !self.is_under_way).then_some(due)
    }

    /// A write of all that is known begins.
    pub(super) fn begin(&mut self, now: Instant) {
        self.last = now;
        self.has_news = false;
        self.is_under_way = true;
    }

    /// It has arrived; whether it was the last.
    pub(super) fn done(&mut self) -> bool {
        self.is_under_way = false;
        self.failures = 0;
        self.is_last && !self.has_news
    }

    /// It has not, and is to be tried again with what has come since.
    pub(super) fn failed(&mut self, now: Instant, jitter: f64) {
        self.is_under_way = false;
        self.has_news = true;
        self.failures += 1;
        self.not_before = now + backoff(self.failures, jitter);
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn what_ends_within_a_second_is_written_once() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        assert_eq!(pace.due(), None);
        assert!(pace.news() && !pace.news());
        assert_eq!(pace.due(), Some(start + INTERVAL));
        pace.finish();
        assert!(pace.due().unwrap() <= start, "at once");
        pace.begin(start + millis(700));
        assert!(pace.done());
        assert_eq!(pace.due(), None);
    }

    #[test]
    fn the_first_news_after_a_silent_second_is_written_at_once() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        pace.news();
        assert!(pace.due().unwrap() <= start + millis(3000));
        pace.begin(start + millis(3000));
        assert_eq!(pace.due(), None);
        pace.news();
        assert_eq!(pace.due(), None, "one at a time");
        assert!(!pace.done());
        assert_eq!(pace.due(), Some(start + millis(4000)));
    }

    #[test]
    fn failures_are_waited_for_longer_and_longer_and_the_end_begins_anew() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let mut waits = Vec::new();
        pace.news();
        for _ in 0..9 {
            pace.begin(start);
            pace.failed(start, 1.0);
            waits.push(pace.not_before - start);
        }
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000].map(millis));
        assert_eq!(backoff(3, 0.0), millis(200));
        assert_eq!(backoff(40, 0.0), millis(2500), "and never overflows");
        pace.finish();
        assert!(pace.due().unwrap() <= start);
        pace.begin(start);
        pace.failed(start, 0.0);
        assert_eq!(pace.due(), Some(start + millis(50)), "sooner than a second");
    }

    proptest! {
        /// Whatever comes whenever, and whatever fails.
        #[test]
        fn never_two_writes_within_a_second_and_the_last_has_everything(
            events in vec((0_u64..2500, 0_u8..4), 0..60),
            failures in vec(any::<bool>(), 60),
        ) {
            let start = Instant::now();
            let mut pace = Pace::new(start);
            let mut failures = failures.into_iter().chain(std::iter::repeat(false));
            let (mut now, mut told, mut written) = (start, 0, 0);
            let mut begun = vec![start];
            let mut write = |pace: &mut Pace, until: Instant, told: u32, is_last: bool| {
                let mut is_done = false;
                while let Some(due) = pace.due().filter(|due| *due <= until) {
                    let at = due.max(*begun.last().unwrap());
                    if !is_last {
                        assert!(at - *begun.last().unwrap() >= INTERVAL, "two writes within a second");
                    }
                    begun.push(at);
                    pace.begin(at);
                    if failures.next().unwrap() {
                        pace.failed(at, 0.0);
                    } else {
                        written = told;
                        is_done = pace.done();
                    }
                }
                is_done
            };
            for (wait, news) in events {
                now += millis(wait);
                write(&mut pace, now, told, false);
                if news > 0 {
                    told += 1;
                    pace.news();
                }
            }
            told += 1;
            pace.finish();
            prop_assert!(write(&mut pace, now + Duration::from_hours(1), told, true));
            prop_assert_eq!(written, told);
            prop_assert_eq!(pace.due(), None);
        }
    }
}
