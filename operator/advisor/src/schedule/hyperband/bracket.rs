//! One bracket of Hyperband.

use std::collections::BTreeSet;

use super::super::standing::Standing;
use crate::TrialIndex;

/// Trials that started with the same head start. Rungs are numbered from the bracket's first.
#[derive(Debug)]
pub(super) struct Bracket {
    /// How many trials it has unless the job ends before.
    size: u64,
    started: u64,
    eta: u64,
    rungs: Vec<Rung>,
}

#[derive(Debug, Default)]
struct Rung {
    /// How many set out for it.
    entered: u64,
    /// How many of them have come, or ended on the way.
    settled: u64,
    promoted: u64,
    /// Those that have come and were not promoted (yet).
    waiting: BTreeSet<Standing>,
}

impl Bracket {
    pub(super) fn new(size: u64, rungs: usize, eta: u64) -> Self {
        Self { size, started: 0, eta, rungs: (0..rungs).map(|_| Rung::default()).collect() }
    }

    /// One more trial sets out for the first rung.
    pub(super) fn start(&mut self) {
        self.started += 1;
        self.rungs[0].entered += 1;
    }

    /// A trial passed its rung for a higher one.
    pub(super) fn leap(&mut self, from: usize, to: usize) {
        self.rungs[from].settled += 1;
        self.rungs[to].entered += 1;
    }

    /// A trial has come to its rung and waits.
    pub(super) fn come(&mut self, rung: usize, standing: Standing) {
        if self.rungs[rung].waiting.insert(standing) {
            self.rungs[rung].settled += 1;
        }
    }

    /// A trial that waited at a rung sets out for the next.
    pub(super) fn promote(&mut self, rung: usize, standing: Standing) {
        self.rungs[rung].waiting.remove(&standing);
        self.rungs[rung].promoted += 1;
        self.rungs[rung + 1].entered += 1;
    }

    /// A trial ended, on its way to the rung or waiting there.
    pub(super) fn end(&mut self, rung: usize, standing: Option<Standing>) {
        let waited = standing.is_some_and(|standing| self.rungs[rung].waiting.remove(&standing));
        if !waited {
            self.rungs[rung].settled += 1;
        }
    }

    /// Of all that started, how many go on from a rung: floor(n eta^-(i+1)), as in the paper; at least one, which only
    /// matters in a bracket that the end of the job cuts short.
    fn quota(&self, rung: usize, size: u64) -> u64 {
        if rung + 1 == self.rungs.len() {
            return 0;
        }
        // A power that does not fit is above every size.
        let power = u32::try_from(rung + 1).ok().and_then(|exponent| self.eta.checked_pow(exponent));
        power.map_or(0, |power| size / power).max(1)
    }

    /// How many of the rungs, from the first, have seen all that will ever come. `coming` is how many trials of the
    /// bracket the job will have, those that have started among them.
    fn complete(&self, coming: u64) -> usize {
        if self.started < coming.min(self.size) {
            return 0;
        }
        let mut complete = 0;
        for (number, rung) in self.rungs.iter().enumerate() {
            if rung.settled < rung.entered {
                return complete;
            }
            complete += 1;
            if rung.promoted < self.quota(number, self.started) && !rung.waiting.is_empty() {
                return complete;
            }
        }
        complete
    }

    /// The trial that goes on next and the rung it waits at, the highest first.
    pub(super) fn promotable(&self, coming: u64) -> Option<(usize, TrialIndex)> {
        // Below the last complete rung everyone that goes on has gone.
        let rung = self.complete(coming).checked_sub(1)?;
        if self.rungs[rung].promoted >= self.quota(rung, self.started) {
            return None;
        }
        self.rungs[rung].waiting.first().map(|best| (rung, best.trial))
    }

    /// Whether nobody will set out any more, even if the job may create more trials than was said.
    pub(super) fn is_decided(&self, closed: bool) -> bool {
        (closed || self.started >= self.size) && self.complete(0) == self.rungs.len()
    }

    /// Those that were not promoted.
    pub(super) fn waiting(&self) -> impl Iterator<Item = TrialIndex> {
        self.rungs.iter().flat_map(|rung| rung.waiting.iter().map(|standing| standing.trial))
    }
}
