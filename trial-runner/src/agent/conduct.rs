//! When an attempt ends, and how: the rules alone, without processes and clocks.

use std::time::{Duration, Instant};

/// Why an attempt is brought to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// It has gone as far as it was to go.
    ReachedRunTo,
    /// It is to go on later.
    Pause,
    /// It is not wanted any more.
    Stop,
    /// An objective is not finite; says which and where.
    Diverged(String),
    /// Nobody is there to hear of it.
    Abandoned,
}

/// What is to be done to the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Nothing.
    Wait,
    /// Ask it to end: SIGTERM to its group.
    Terminate,
    /// End it: SIGKILL, to everything below.
    Kill,
}

/// A diverged command has nothing left to save: it gets no more than this.
const GRACE_OF_THE_DIVERGED: Duration = Duration::from_secs(1);
/// A command that minds `TEMPER_RESOURCE_MAX` ends by itself when it gets there, and has this long for it.
const LINGER: Duration = Duration::from_secs(1);

/// What there is to wait for before a command is asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WaitFor {
    /// Nothing.
    Nothing,
    /// That it ends by itself, which takes a moment.
    ItsOwnEnd,
    /// That what it has reached is told and committed, at most the grace.
    WhatIsReached,
}

/// The course of one attempt: running, then perhaps lingering (there is something to wait for), then terminating (at most the grace), then killed.
pub(super) struct Conduct {
    grace: Duration,
    /// Killed by then.
    limit: Option<Instant>,
    phase: Phase,
    cause: Option<Cause>,
}

#[derive(Clone, Copy)]
enum Phase {
    Running,
    Lingering { until: Instant },
    Terminating { until: Instant },
    Killed,
}

impl Conduct {
    pub(super) fn new(grace: Duration) -> Self {
        Self { grace, limit: None, phase: Phase::Running, cause: None }
    }

    /// Why it is being brought to its end, if it is.
    pub(super) fn cause(&self) -> Option<&Cause> {
        self.cause.as_ref()
    }

    /// Whether it is to end as soon as nothing is to be waited for.
    pub(super) fn is_lingering(&self) -> bool {
        matches!(self.phase, Phase::Lingering { .. })
    }

    /// When [`Self::wake`] is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Lingering { until } | Phase::Terminating { until } => Some(until),
            Phase::Running | Phase::Killed => None,
        }
    }

    /// Ends the attempt, once what there is to wait for has come.
    ///
    /// What is being ended for one cause is not ended again for another, except that a stop overrules a pause and
    /// waits for nothing, and being abandoned allows of no grace.
    pub(super) fn end(&mut self, cause: Cause, wait_for: WaitFor, now: Instant) -> Act {
        match (&self.cause, cause) {
            (known, Cause::Abandoned) => {
                self.cause = known.clone().or(Some(Cause::Abandoned));
                self.kill()
            }
            (Some(known), Cause::Stop) => {
                if *known == Cause::Pause {
                    self.cause = Some(Cause::Stop);
                }
                if self.is_lingering() { self.terminate(now) } else { Act::Wait }
            }
            (Some(_), _) => Act::Wait,
            (None, cause) => {
                if let Cause::Diverged(_) = cause {
                    self.grace = self.grace.min(GRACE_OF_THE_DIVERGED);
                }
                self.cause = Some(cause);
                self.phase = Phase::Lingering { until: now + self.grace };
                self.linger(wait_for, now)
            }
        }
    }

    /// While it lingers: this is what there is to wait for by now.
    pub(super) fn linger(&mut self, wait_for: WaitFor, now: Instant) -> Act {
        match (&mut self.phase, wait_for) {
            (Phase::Lingering { .. }, WaitFor::Nothing) => self.terminate(now),
            (Phase::Lingering { until }, WaitFor::ItsOwnEnd) => {
                *until = (*until).min(now + LINGER);
                Act::Wait
            }
            _ => Act::Wait,
        }
    }

    /// While it is being ended: no more than so long is left, of which at most half is spent on waiting.
    pub(super) fn limit(&mut self, within: Duration, now: Instant) {
        let limit = self.limit.map_or(now + within, |limit| limit.min(now + within));
        self.limit = Some(limit);
        match &mut self.phase {
            Phase::Lingering { until } => *until = (*until).min(now + (limit - now) / 2),
            Phase::Terminating { until } => *until = (*until).min(limit),
            Phase::Running | Phase::Killed => {}
        }
    }

    /// Time has passed.
    pub(super) fn wake(&mut self, now: Instant) -> Act {
        match self.phase {
            Phase::Lingering { until } if now >= until => self.terminate(now),
            Phase::Terminating { until } if now >= until => self.kill(),
            _ => Act::Wait,
        }
    }

    fn terminate(&mut self, now: Instant) -> Act {
        let until = now + self.grace;
        self.phase = Phase::Terminating { until: self.limit.map_or(until, |limit| limit.min(until)) };
        Act::Terminate
    }

    fn kill(&mut self) -> Act {
        self.phase = Phase::Killed;
        Act::Kill
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(10);

    fn at(seconds: u64) -> Instant {
        // A fixed beginning, so that instants can be told apart.
        use std::sync::LazyLock;
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        *START + Duration::from_secs(seconds)
    }

    #[test]
    fn a_stop_asks_then_kills_after_the_grace() {
        let mut conduct = Conduct::new(GRACE);
        assert_eq!(conduct.end(Cause::Stop, WaitFor::Nothing, at(0)), Act::Terminate);
        assert_eq!(conduct.wake(at(9)), Act::Wait);
        assert_eq!(conduct.deadline(), Some(at(10)));
        assert_eq!(conduct.wake(at(10)), Act::Kill);
        assert_eq!(conduct.deadline(), None);
    }

    #[test]
    fn what_is_to_be_saved_is_waited_for_and_no_longer_than_the_grace() {
        let mut conduct = Conduct::new(GRACE);
        assert_eq!(conduct.end(Cause::ReachedRunTo, WaitFor::WhatIsReached, at(0)), Act::Wait);
        assert_eq!(conduct.linger(WaitFor::Nothing, at(3)), Act::Terminate);
        assert_eq!(conduct.linger(WaitFor::Nothing, at(4)), Act::Wait);
        assert_eq!(conduct.wake(at(13)), Act::Kill);

        let mut conduct = Conduct::new(GRACE);
        conduct.end(Cause::Pause, WaitFor::WhatIsReached, at(0));
        assert_eq!(conduct.wake(at(10)), Act::Terminate);
        assert_eq!(conduct.wake(at(20)), Act::Kill);
    }

    #[test]
    fn a_command_that_has_reached_its_goal_has_a_moment_to_end_by_itself() {
        let mut conduct = Conduct::new(GRACE);
        assert_eq!(conduct.end(Cause::ReachedRunTo, WaitFor::WhatIsReached, at(0)), Act::Wait);
        assert_eq!(conduct.deadline(), Some(at(10)));
        assert_eq!(conduct.linger(WaitFor::ItsOwnEnd, at(3)), Act::Wait);
        assert_eq!(conduct.linger(WaitFor::ItsOwnEnd, at(4)), Act::Wait);
        assert_eq!(conduct.deadline(), Some(at(4)), "counted from when there was nothing else");
        assert_eq!(conduct.wake(at(4)), Act::Terminate);
    }

    #[test]
    fn a_stop_overrules_a_pause_and_nothing_else_is_overruled() {
        let mut conduct = Conduct::new(GRACE);
        conduct.end(Cause::Pause, WaitFor::WhatIsReached, at(0));
        assert_eq!(conduct.end(Cause::Stop, WaitFor::Nothing, at(1)), Act::Terminate);
        assert_eq!(conduct.cause(), Some(&Cause::Stop));

        let mut conduct = Conduct::new(GRACE);
        conduct.end(Cause::ReachedRunTo, WaitFor::WhatIsReached, at(0));
        assert_eq!(conduct.end(Cause::Pause, WaitFor::Nothing, at(1)), Act::Wait);
        assert_eq!(conduct.end(Cause::Stop, WaitFor::Nothing, at(1)), Act::Terminate);
        assert_eq!(conduct.cause(), Some(&Cause::ReachedRunTo), "what it has reached it has reached");
        assert_eq!(conduct.end(Cause::Stop, WaitFor::Nothing, at(2)), Act::Wait);
    }

    #[test]
    fn being_abandoned_kills_at_once_and_keeps_what_was_decided() {
        let mut conduct = Conduct::new(GRACE);
        assert_eq!(conduct.end(Cause::Abandoned, WaitFor::Nothing, at(0)), Act::Kill);
        assert_eq!(conduct.cause(), Some(&Cause::Abandoned));

        let mut conduct = Conduct::new(GRACE);
        conduct.end(Cause::ReachedRunTo, WaitFor::WhatIsReached, at(0));
        assert_eq!(conduct.end(Cause::Abandoned, WaitFor::Nothing, at(1)), Act::Kill);
        assert_eq!(conduct.cause(), Some(&Cause::ReachedRunTo));
    }

    #[test]
    fn a_limit_shortens_what_is_under_way_and_what_comes() {
        let seconds = Duration::from_secs;
        let mut conduct = Conduct::new(GRACE);
        conduct.end(Cause::Pause, WaitFor::WhatIsReached, at(0));
        conduct.limit(seconds(12), at(0));
        assert_eq!(conduct.wake(at(5)), Act::Wait);
        assert_eq!(conduct.wake(at(6)), Act::Terminate, "half of it went on waiting");
        assert_eq!(conduct.wake(at(11)), Act::Wait);
        assert_eq!(conduct.wake(at(12)), Act::Kill);

        let mut conduct = Conduct::new(GRACE);
        conduct.end(Cause::Pause, WaitFor::Nothing, at(0));
        conduct.limit(seconds(30), at(0));
        assert_eq!(conduct.deadline(), Some(at(10)), "no more than the grace");
        conduct.limit(seconds(5), at(2));
        assert_eq!(conduct.deadline(), Some(at(7)));
        conduct.limit(seconds(60), at(3));
        assert_eq!(conduct.deadline(), Some(at(7)), "a limit stays");

        let mut conduct = Conduct::new(GRACE);
        conduct.end(Cause::Stop, WaitFor::Nothing, at(0));
        conduct.limit(seconds(5), at(2));
        assert_eq!(conduct.deadline(), Some(at(7)), "whatever it is ended for");
    }

    #[test]
    fn a_divergence_gets_a_short_grace() {
        let mut conduct = Conduct::new(GRACE);
        assert_eq!(
            conduct.end(Cause::Diverged("loss is NaN".into()), WaitFor::Nothing, at(0)),
            Act::Terminate
        );
        assert_eq!(conduct.wake(at(1)), Act::Kill);
    }
}
