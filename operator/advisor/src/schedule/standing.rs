//! Who is better than whom.

use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
};

use crate::TrialIndex;

/// A finite loss, ordered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loss(f64);

impl Loss {
    pub(super) fn new(loss: f64) -> Self {
        // -0 is the same loss as 0, which the total order of floats would deny.
        Self(loss + 0.0)
    }

    pub(super) fn get(self) -> f64 {
        self.0
    }
}

impl Ord for Loss {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Loss {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Loss {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Loss {}

/// A trial's loss where it is compared. Ordered from the best; of equal losses the earlier trial is the better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Standing {
    loss: Loss,
    pub(super) trial: TrialIndex,
}

impl Standing {
    pub(super) fn new(trial: TrialIndex, loss: f64) -> Self {
        Self { loss: Loss::new(loss), trial }
    }
}

/// Values split into the lowest few and the rest. Two heaps meet at the border: a value is placed in O(log n), and
/// the two beside the border are known in O(1).
#[derive(Debug)]
pub(super) struct Split<T> {
    low: BinaryHeap<T>,
    high: BinaryHeap<Reverse<T>>,
}

impl<T: Ord + Copy> Split<T> {
    pub(super) fn new() -> Self {
        Self { low: BinaryHeap::new(), high: BinaryHeap::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.low.len() + self.high.len()
    }

    /// Places a value. `lowest` says how many of so many values are the lowest few: it grows with the values, by at
    /// most one for each.
    pub(super) fn insert(&mut self, value: T, lowest: impl FnOnce(usize) -> usize) {
        if self.last_low().is_some_and(|last| value < last) {
            self.low.push(value);
        } else {
            self.high.push(Reverse(value));
        }
        let lowest = lowest(self.len());
        if self.low.len() > lowest {
            self.high.extend(self.low.pop().map(Reverse));
        } else if self.low.len() < lowest {
            self.low.extend(self.high.pop().map(|Reverse(first)| first));
        }
    }

    /// The highest of the lowest few.
    pub(super) fn last_low(&self) -> Option<T> {
        self.low.peek().copied()
    }

    /// The lowest of the rest.
    pub(super) fn first_high(&self) -> Option<T> {
        self.high.peek().map(|Reverse(first)| *first)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use proptest::prelude::*;

    use super::*;

    thread_local! {
        static COMPARISONS: Cell<u64> = const { Cell::new(0) };
    }

    /// A number that counts how often it is compared.
    #[derive(Clone, Copy, PartialEq, Eq)]
    struct Counted(u64);

    impl Ord for Counted {
        fn cmp(&self, other: &Self) -> Ordering {
            COMPARISONS.set(COMPARISONS.get() + 1);
            self.0.cmp(&other.0)
        }
    }

    impl PartialOrd for Counted {
        fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }

    #[test]
    fn placing_a_value_among_a_hundred_thousand_takes_a_logarithm_of_comparisons() {
        let count = 100_000_u64;
        let mut split = Split::new();
        for i in 0..count {
            // Knuth's multiplicative hash: an order that favours no side.
            split.insert(Counted(i.wrapping_mul(0x9e37_79b9_7f4a_7c15)), |n| n / 3);
        }
        let each = COMPARISONS.get() as f64 / count as f64;
        assert!(each < 3.0 * (count as f64).log2(), "{each} comparisons for each value");
    }

    proptest! {
        #[test]
        fn the_border_is_where_sorting_would_put_it(values in prop::collection::vec(0..50_u8, 0..60), part in 1..5_usize) {
            let mut split = Split::new();
            let mut sorted = Vec::new();
            for value in values {
                split.insert(value, |n| n / part);
                sorted.push(value);
                sorted.sort_unstable();
                let lowest = sorted.len() / part;
                prop_assert_eq!(split.last_low(), sorted[..lowest].last().copied());
                prop_assert_eq!(split.first_high(), sorted[lowest..].first().copied());
            }
        }
    }

    #[test]
    fn losses_of_both_zeros_are_the_same() {
        assert_eq!(Loss::new(0.0), Loss::new(-0.0));
        assert!(Standing::new(TrialIndex(0), 0.0) < Standing::new(TrialIndex(1), -0.0));
    }
}
