//! Which of an attempt's reports are recorded: all of a well-behaved script's, and of a flood what a decision needs.

use std::time::{Duration, Instant};

use temper_advisor::Resource;
use temper_runner::agent::protocol::Report;

use crate::plan::{Objective, Strategy};

/// So many reports at once are recorded as they come: more than there are epochs in a usual training.
const BURST: f64 = 256.0;

/// And beyond these so many a second: more than a person or a scheduler can use.
const PER_SECOND: f64 = 10.0;

/// The reports of one attempt on their way to the journal: a token bucket that holds back the newest one, and the
/// best one where the job's result is the best and not the last.
///
/// The first report at or beyond a rung passes at once, since a scheduler decides there.
#[derive(Debug)]
pub(super) struct Sieve {
    /// Those that the attempt has not reached, nearest last.
    rungs: Vec<Resource>,
    /// What the best is measured by, if the best counts.
    best_by: Option<Objective>,
    tokens: f64,
    filled: Instant,
    newest: Option<Report>,
    best: Option<(f64, Report)>,
    passed: Option<Report>,
}

impl Sieve {
    /// For an attempt that begins now, of a job whose trials are judged at `rungs`, in rising order.
    pub(super) fn new(rungs: &[Resource], objective: &Objective, now: Instant) -> Self {
        Self {
            rungs: rungs.iter().rev().copied().collect(),
            best_by: (objective.strategy == Strategy::Best).then(|| objective.clone()),
            tokens: BURST,
            filled: now,
            newest: None,
            best: None,
            passed: None,
        }
    }

    /// Takes a report in; returns what is to be recorded now.
    pub(super) fn take(&mut self, report: Report, now: Instant) -> Vec<Report> {
        let rung = self.passes_a_rung(report.resource);
        self.hold(report);
        self.refill(now);
        if rung || self.tokens >= 1.0 {
            return self.pass();
        }
        Vec::new()
    }

    /// When something held back may pass.
    pub(super) fn due(&self) -> Option<Instant> {
        self.newest.as_ref()?;
        Some(self.filled + Duration::from_secs_f64(((1.0 - self.tokens) / PER_SECOND).max(0.0)))
    }

    /// What was held back and may pass now.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<Report> {
        self.refill(now);
        if self.newest.is_some() && self.tokens >= 1.0 { self.pass() } else { Vec::new() }
    }

    /// All that was held back: the attempt is over.
    pub(super) fn take_rest(&mut self) -> Vec<Report> {
        if self.newest.is_some() { self.pass() } else { Vec::new() }
    }

    /// The last report that passed.
    pub(super) fn passed(&self) -> Option<&Report> {
        self.passed.as_ref()
    }

    fn passes_a_rung(&mut self, resource: u64) -> bool {
        let left = self.rungs.len();
        while self.rungs.last().is_some_and(|rung| rung.get() <= resource) {
            self.rungs.pop();
        }
        self.rungs.len() < left
    }

    fn hold(&mut self, report: Report) {
        match &mut self.newest {
            // Metrics of one point in several lines are one report.
            Some(newest) if newest.resource == report.resource => newest.metrics.extend(report.metrics),
            newest => *newest = Some(report),
        }
        let (Some(objective), Some(newest)) = (&self.best_by, &self.newest) else { return };
        let Some(loss) = newest.metrics.get(&objective.metric).map(|&value| objective.loss(value)) else {
            return;
        };
        if self.best.as_ref().is_none_or(|(best, _)| loss < *best) {
            self.best = Some((loss, newest.clone()));
        }
    }

    fn refill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.tokens = (self.tokens + elapsed * PER_SECOND).min(BURST);
        self.filled = self.filled.max(now);
    }

    fn pass(&mut self) -> Vec<Report> {
        self.tokens = (self.tokens - 1.0).max(0.0);
        self.passed.clone_from(&self.newest);
        let newest = self.newest.take();
        let best = self.best.take().map(|(_, best)| best);
        let apart = best.filter(|best| newest.as_ref().is_some_and(|newest| best.resource < newest.resource));
        apart.into_iter().chain(newest).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::plan::Goal;

    fn sieve(rungs: &[u64], strategy: Strategy, now: Instant) -> Sieve {
        let rungs: Vec<_> = rungs.iter().filter_map(|&rung| Resource::new(rung)).collect();
        let objective = Objective { metric: "a".into(), goal: Goal::Maximize, target: None, strategy };
        Sieve::new(&rungs, &objective, now)
    }

    fn report(resource: u64, a: f64) -> Report {
        Report { resource, metrics: BTreeMap::from([("a".to_owned(), a)]) }
    }

    #[test]
    fn a_usual_training_is_recorded_whole() {
        let now = Instant::now();
        let mut sieve = sieve(&[], Strategy::Latest, now);
        for epoch in 1..=200 {
            assert_eq!(sieve.take(report(epoch, 0.5), now), [report(epoch, 0.5)]);
        }
        assert_eq!(sieve.take_rest(), []);
    }

    #[test]
    fn a_million_lines_in_ten_seconds_become_hundreds_and_the_last_is_among_them() {
        let begun = Instant::now();
        let mut sieve = sieve(&[], Strategy::Latest, begun);
        let mut recorded = Vec::new();
        for step in 1..=1_000_000 {
            recorded.extend(sieve.take(report(step, 0.5), begun + Duration::from_micros(step * 10)));
        }
        recorded.extend(sieve.take_rest());
        assert!((256..=360).contains(&recorded.len()), "{}", recorded.len());
        assert_eq!(recorded.last().map(|report| report.resource), Some(1_000_000));
    }

    #[test]
    fn what_is_held_back_comes_when_it_is_due() {
        let now = Instant::now();
        let mut sieve = sieve(&[], Strategy::Latest, now);
        for step in 1..=300 {
            sieve.take(report(step, 0.5), now);
        }
        let due = sieve.due().unwrap();
        assert!(due > now && due <= now + Duration::from_millis(101));
        assert_eq!(sieve.take_due(now), []);
        assert_eq!(sieve.take_due(due + Duration::from_millis(1)), [report(300, 0.5)]);
        assert_eq!(sieve.due(), None);
    }

    #[test]
    fn rungs_pass_in_the_thickest_flood_also_where_steps_jump_over_them() {
        let now = Instant::now();
        let mut sieve = sieve(&[100, 1_000, 2_000, 9_000], Strategy::Latest, now);
        let recorded: Vec<u64> = (1..=4_000)
            .flat_map(|n| sieve.take(report(n * 3, 0.5), now))
            .map(|report| report.resource)
            .collect();
        assert_eq!(recorded[255..], [768, 1_002, 2_001, 9_000]);
    }

    #[test]
    fn where_the_best_counts_the_best_is_not_lost() {
        let now = Instant::now();
        let mut sieve = sieve(&[], Strategy::Best, now);
        for step in 1..=256 {
            sieve.take(report(step, 0.1), now);
        }
        for step in 257..=400 {
            sieve.take(report(step, if step == 300 { 0.9 } else { 0.2 }), now);
        }
        assert_eq!(sieve.take_rest(), [report(300, 0.9), report(400, 0.2)]);
    }

    #[test]
    fn metrics_of_one_point_in_several_lines_are_one_report() {
        let now = Instant::now();
        let mut sieve = sieve(&[], Strategy::Latest, now);
        for step in 1..=300 {
            sieve.take(report(step, 0.5), now);
        }
        let other = Report { resource: 300, metrics: BTreeMap::from([("b".to_owned(), 1.0)]) };
        sieve.take(other, now);
        let rest = sieve.take_rest();
        assert_eq!(rest[0].metrics, BTreeMap::from([("a".to_owned(), 0.5), ("b".to_owned(), 1.0)]));
    }
}
