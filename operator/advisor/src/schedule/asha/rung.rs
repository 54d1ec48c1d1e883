//! One rung: the losses reported there, and which of them are among the best.

use std::collections::BTreeSet;

use super::super::standing::{Split, Standing};
use crate::TrialIndex;

/// Of `n` trials at a rung, floor(n numerator / denominator) go on; at most all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) numerator: u64,
    pub(super) denominator: u64,
}

impl Share {
    pub(super) fn of(self, count: usize) -> usize {
        (count as u128 * u128::from(self.numerator) / u128::from(self.denominator)) as usize
    }
}

/// The losses at one resource.
#[derive(Debug)]
pub(super) struct Rung {
    share: Share,
    /// The best that go on, and the rest.
    losses: Split<Standing>,
    paused: BTreeSet<Standing>,
}

impl Rung {
    pub(super) fn new(share: Share) -> Self {
        Self { share, losses: Split::new(), paused: BTreeSet::new() }
    }

    /// Each trial once.
    pub(super) fn record(&mut self, standing: Standing) {
        self.losses.insert(standing, |count| self.share.of(count));
    }

    /// Whether a recorded loss is among the best that go on. Nobody is while there are too few to choose from.
    pub(super) fn is_best(&self, standing: Standing) -> bool {
        self.losses.last_low().is_some_and(|last| standing <= last)
    }

    /// Whether there are too few losses to choose anyone.
    pub(super) fn undecided(&self) -> bool {
        self.losses.last_low().is_none()
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
