//! One rung: the losses reported there, and which of them are among the best.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap},
};

use super::super::standing::Standing;
use crate::TrialIndex;

/// Of `n` trials at a rung, floor(n numerator / denominator) go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) numerator: u64,
    pub(super) denominator: u64,
}

impl Share {
    pub(super) fn of(self, count: usize) -> usize {
        // The share is at most 1, so the result is at most `count`.
        (count as u128 * u128::from(self.numerator) / u128::from(self.denominator)) as usize
    }
}

/// The losses at one resource. Two heaps meet at the last loss that goes on: a loss is placed in O(log n), and asking
/// whether one goes on is O(1).
#[derive(Debug)]
pub(super) struct Rung {
    share: Share,
    best: BinaryHeap<Standing>,
    rest: BinaryHeap<Reverse<Standing>>,
    paused: BTreeSet<Standing>,
}

impl Rung {
    pub(super) fn new(share: Share) -> Self {
        Self { share, best: BinaryHeap::new(), rest: BinaryHeap::new(), paused: BTreeSet::new() }
    }

    /// Each trial once.
    pub(super) fn record(&mut self, standing: Standing) {
        if self.best.peek().is_some_and(|last| standing < *last) {
            self.best.push(standing);
        } else {
            self.rest.push(Reverse(standing));
        }
        let goes_on = self.share.of(self.best.len() + self.rest.len());
        if self.best.len() > goes_on {
            self.rest.extend(self.best.pop().map(Reverse));
        } else if self.best.len() < goes_on {
            self.best.extend(self.rest.pop().map(|Reverse(first)| first));
        }
    }

    /// Whether a recorded loss is among the best that go on. Nobody is while there are too few to choose from.
    pub(super) fn is_best(&self, standing: Standing) -> bool {
        self.best.peek().is_some_and(|last| standing <= *last)
    }

    /// Whether there are too few losses to choose anyone.
    pub(super) fn undecided(&self) -> bool {
        self.best.is_empty()
    }

    /// A recorded trial waits here from now on.
    pub(super) fn pause(&mut self, standing: Standing) {
        self.paused.insert(standing);
    }

    /// A trial waits here no more.
    pub(super) fn leave(&mut self, standing: Standing) {
        self.paused.remove(&standing);
    }

    /// The best of those that wait, if it is among the best that go on.
    pub(super) fn promotable(&self) -> Option<TrialIndex> {
        self.paused.first().filter(|first| self.is_best(**first)).map(|first| first.trial)
    }
}
