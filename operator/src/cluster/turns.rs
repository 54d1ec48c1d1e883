//! Whose turn it is: the trials of a job for which something is to be written. Pure.
//!
//! It holds which trials, and not what: that follows from where a trial stands when its turn comes, so a trial that is
//! asked to stop while it waits for its turn to begin never begins. One thing is under way for a trial at a time, and so
//! what is written of it is written in order.

use std::collections::{BTreeMap, BTreeSet};

use temper_advisor::TrialIndex;

/// Those that wait, and those that are under way.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// Something is to be told, or learned, of an attempt: it may free a place, and goes first.
    pressing: BTreeSet<TrialIndex>,
    begins: BTreeSet<TrialIndex>,
    /// With the name of the pod that is being made, or is given to the trial.
    under_way: BTreeMap<TrialIndex, Option<String>>,
}

impl Turns {
    /// Something is to be told to the pod of a trial, or learned of it.
    pub(super) fn press(&mut self, index: TrialIndex) {
        self.begins.remove(&index);
        self.pressing.insert(index);
    }

    /// An attempt at a trial is to begin.
    pub(super) fn begin(&mut self, index: TrialIndex) {
        if !self.pressing.contains(&index) {
            self.begins.insert(index);
        }
    }

    /// The trial whose turn it is, now under way; `None` while `at_once` are, or nobody waits that may go. Attempts
    /// begin only where `may_begin`.
    pub(super) fn next(&mut self, at_once: usize, may_begin: bool) -> Option<TrialIndex> {
        if self.under_way.len() >= at_once {
            return None;
        }
        let index = self
            .pressing
            .iter()
            .chain(self.begins.iter().filter(|_| may_begin))
            .copied()
            .find(|index| !self.under_way.contains_key(index))?;
        self.pressing.remove(&index);
        self.begins.remove(&index);
        self.under_way.insert(index, None);
        Some(index)
    }

    /// What is under way for this trial is about this pod.
    pub(super) fn is_about(&mut self, index: TrialIndex, pod: String) {
        if let Some(about) = self.under_way.get_mut(&index) {
            *about = Some(pod);
        }
    }

    /// What was under way for this trial is done.
    pub(super) fn done(&mut self, index: TrialIndex) {
        self.under_way.remove(&index);
    }

    /// Whether something is under way for this trial.
    pub(super) fn is_under_way(&self, index: TrialIndex) -> bool {
        self.under_way.contains_key(&index)
    }

    /// Whether something is under way about the pod of this name.
    pub(super) fn is_under_way_about(&self, pod: &str) -> bool {
        self.under_way.values().any(|about| about.as_deref() == Some(pod))
    }

    /// Whether anything is still to be done for this trial.
    pub(super) fn holds(&self, index: TrialIndex) -> bool {
        self.is_under_way(index) || self.pressing.contains(&index) || self.begins.contains(&index)
    }

    /// Whether nobody waits and nothing is under way.
    pub(super) fn is_empty(&self) -> bool {
        self.under_way.is_empty() && self.pressing.is_empty() && self.begins.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const AT_ONCE: usize = 2;

    fn at(index: u32) -> TrialIndex {
        TrialIndex(index)
    }

    #[test]
    fn what_is_pressing_goes_before_what_is_to_begin() {
        let mut turns = Turns::default();
        for index in [3, 1, 2] {
            turns.begin(at(index));
        }
        turns.press(at(7));
        turns.press(at(2));
        turns.begin(at(7));
        let order: Vec<_> = std::iter::from_fn(|| turns.next(9, true)).collect();
        assert_eq!(order, [2, 7, 1, 3].map(at), "and each once");
    }

    #[test]
    fn nothing_begins_while_it_may_not() {
        let mut turns = Turns::default();
        turns.begin(at(1));
        turns.press(at(2));
        assert_eq!(turns.next(9, false), Some(at(2)));
        assert_eq!(turns.next(9, false), None);
        assert_eq!(turns.next(9, true), Some(at(1)));
    }

    #[test]
    fn a_trial_waits_while_something_of_it_is_under_way() {
        let mut turns = Turns::default();
        turns.begin(at(1));
        assert_eq!(turns.next(AT_ONCE, true), Some(at(1)));
        turns.is_about(at(1), "pod-1".to_owned());
        turns.press(at(1));
        turns.begin(at(2));
        assert_eq!(turns.next(AT_ONCE, true), Some(at(2)), "others go before it");
        assert!(turns.is_under_way_about("pod-1") && !turns.is_under_way_about("pod-2"));
        turns.done(at(1));
        assert!(turns.holds(at(1)) && !turns.is_under_way(at(1)));
        assert_eq!(turns.next(AT_ONCE, true), Some(at(1)));
    }

    proptest! {
        #[test]
        fn so_many_are_under_way_one_for_each_trial_and_none_is_forgotten(
            steps in prop::collection::vec((0..4_u8, 0..6_u32), 1..200),
        ) {
            let mut turns = Turns::default();
            let (mut wanted, mut under_way) = (BTreeSet::new(), BTreeSet::new());
            for (step, index) in steps {
                match step {
                    0 => { turns.press(at(index)); wanted.insert(index); }
                    1 => { turns.begin(at(index)); wanted.insert(index); }
                    2 => match turns.next(AT_ONCE, true) {
                        Some(next) => {
                            prop_assert!(wanted.remove(&next.0), "only what is wanted");
                            prop_assert!(under_way.insert(next.0), "one at a time");
                            prop_assert!(under_way.len() <= AT_ONCE);
                        }
                        None => prop_assert!(
                            under_way.len() == AT_ONCE || wanted.is_subset(&under_way),
                            "nobody waits without need"
                        ),
                    },
                    _ => { turns.done(at(index)); under_way.remove(&index); }
                }
                for index in 0..6 {
                    prop_assert_eq!(turns.holds(at(index)), wanted.contains(&index) || under_way.contains(&index));
                }
                prop_assert_eq!(turns.is_empty(), wanted.is_empty() && under_way.is_empty());
            }
        }
    }
}
