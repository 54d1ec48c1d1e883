//! The Pareto front of the trials that have finished, kept up to date as each of them ends.
//!
//! What a finished trial has reported does not change, so a trial that another beats once is beaten for good.

use std::collections::BTreeMap;

use temper_advisor::TrialIndex;

/// Of a larger front so many are known, the best by the first objective. It bounds what the front costs: of disk, as its
/// trials are kept in full, and of time, as each trial that ends is held against it.
pub const LARGEST_FRONT: usize = 100;

/// Trials that no other beats in all objectives; none where there is only one objective.
#[derive(Debug, Default)]
pub(super) struct Front {
    members: BTreeMap<TrialIndex, Member>,
}

#[derive(Debug)]
struct Member {
    losses: Vec<f64>,
    is_kept: bool,
}

impl Front {
    /// A trial has finished with this result.
    pub(super) fn add(&mut self, trial: TrialIndex, losses: &[f64]) {
        let is_beaten = self.members.values().any(|member| dominates(&member.losses, losses));
        if losses.len() < 2 || is_beaten {
            return;
        }
        self.members.retain(|_, member| !dominates(losses, &member.losses));
        self.members.insert(trial, Member { losses: losses.to_vec(), is_kept: true });
        if self.members.len() > LARGEST_FRONT {
            let worst = self
                .members
                .iter()
                .max_by(|(_, one), (_, other)| one.losses[0].total_cmp(&other.losses[0]))
                .map(|(trial, _)| *trial);
            worst.map(|worst| self.members.remove(&worst));
        }
    }

    /// Whether the trial is on it.
    pub(super) fn contains(&self, trial: TrialIndex) -> bool {
        self.members.contains_key(&trial)
    }

    /// How many of its trials are kept in full.
    pub(super) fn kept(&self) -> usize {
        self.members.values().filter(|member| member.is_kept).count()
    }

    /// The trial is no longer kept in full. Who decided that knew of no front, or of one that was too large.
    pub(super) fn no_longer_kept(&mut self, trial: TrialIndex) {
        if let Some(member) = self.members.get_mut(&trial) {
            member.is_kept = false;
        }
    }
}

/// Whether losses beat others: at most as large in every objective, and smaller in one.
pub fn dominates(left: &[f64], right: &[f64]) -> bool {
    left.iter().zip(right).all(|(left, right)| left <= right) && left != right
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn front(losses: &[Vec<f64>]) -> Front {
        let mut front = Front::default();
        (0..).map(TrialIndex).zip(losses).for_each(|(trial, losses)| front.add(trial, losses));
        front
    }

    proptest! {
        #[test]
        fn trial_by_trial_it_becomes_what_comparing_every_pair_gives(
            losses in prop::collection::vec(prop::collection::vec((0..6i32).prop_map(f64::from), 2..4), 0..60)
        ) {
            let objectives = losses.first().map_or(2, Vec::len);
            let losses: Vec<Vec<f64>> = losses.into_iter().filter(|losses| losses.len() == objectives).collect();
            let front = front(&losses);
            for (trial, own) in (0..).map(TrialIndex).zip(&losses) {
                let is_beaten = losses.iter().any(|other| dominates(other, own));
                prop_assert_eq!(front.contains(trial), !is_beaten);
            }
        }
    }

    #[test]
    fn of_a_front_that_is_too_large_the_best_by_the_first_objective_stay() {
        let losses: Vec<Vec<f64>> = (0..300).map(|at| f64::from(at * 7 % 300)).map(|x| vec![x, -x]).collect();
        let front = front(&losses);
        for (trial, losses) in (0..).map(TrialIndex).zip(&losses) {
            assert_eq!(front.contains(trial), losses[0] < LARGEST_FRONT as f64);
        }
    }

    #[test]
    fn with_one_objective_there_is_none() {
        assert_eq!(front(&[vec![1.0], vec![0.5]]).kept(), 0);
    }
}
