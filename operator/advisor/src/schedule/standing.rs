//! Who is better than whom.

use std::cmp::Ordering;

use crate::TrialIndex;

/// A trial's loss where it is compared. Ordered from the best; of equal losses the earlier trial is the better.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    loss: f64,
    pub(super) trial: TrialIndex,
}

impl Standing {
    pub(super) fn new(trial: TrialIndex, loss: f64) -> Self {
        // -0 is the same loss as 0, which the total order of floats would deny.
        Self { loss: loss + 0.0, trial }
    }
}

impl Ord for Standing {
    fn cmp(&self, other: &Self) -> Ordering {
        self.loss.total_cmp(&other.loss).then(self.trial.cmp(&other.trial))
    }
}

impl PartialOrd for Standing {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Standing {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Standing {}
