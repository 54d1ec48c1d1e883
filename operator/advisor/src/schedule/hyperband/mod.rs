//! Hyperband (Li et al. 2018, JMLR 18-185): synchronous successive halving in brackets that trade the number of
//! trials against their head start, from the most trials to the fewest, over and over.
//!
//! A bracket decides a rung when all of its trials there have come. Workers do not wait for that: the trials of the
//! next bracket start meanwhile.

mod bracket;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use bracket::Bracket;

use super::{
    Ending, Goal, Promotion, Scheduler, Verdict,
    ladder::{self, Halving},
    read,
    standing::Standing,
};
use crate::{
    Resource, TrialIndex,
    registry::{NoOptions, Registration},
};

/// `Hyperband`.
pub(super) const REGISTRATION: Registration<super::BuildScheduler> = Registration {
    name: "Hyperband",
    summary: "Compares trials at rungs once all have come, with several head starts in turn: when it is not known \
              whether early results tell the late ones. Trials pause, so they should save checkpoints.",
    options: || schemars::schema_for!(NoOptions),
    build: |context, options| {
        read::<NoOptions>(options)?;
        Ok(Box::new(Hyperband::new(Halving::new("Hyperband", context)?, context.max_trials)))
    },
};

/// Where a trial that has not ended stands.
#[derive(Clone, Copy, Debug)]
struct Member {
    bracket: u32,
    /// The rung it runs to or waits at, from its bracket's first.
    rung: usize,
    /// Its loss there, once it was told to pause.
    standing: Option<Standing>,
}

/// How many brackets a round has and how large they are.
#[derive(Clone, Debug)]
struct Round {
    /// Rungs of the first bracket, ascending; bracket `b` of a round begins at the `b`th.
    levels: Vec<u64>,
    /// n of each bracket.
    sizes: Vec<u64>,
    eta: u64,
}

struct Hyperband {
    round: Round,
    max_trials: u64,
    /// How many trials there are, once no more will come.
    closed: bool,
    members: BTreeMap<TrialIndex, Member>,
    /// By number, across rounds; those that are decided are gone.
    brackets: BTreeMap<u32, Bracket>,
}

impl Round {
    /// Algorithm 1 of the paper, R in units of min: `s_max = floor(log_eta R)`, `n = ceil(B/R eta^s / (s+1))` with
    /// `B = (s_max+1) R`, and `r_i = R eta^(i-s)`, rounded.
    fn new(halving: Halving) -> Self {
        let (min, max, eta) = (u128::from(halving.min), u128::from(halving.max), u128::from(halving.eta));
        let powers: Vec<u128> = std::iter::successors(Some(1), |power| Some(power * eta))
            .take_while(|power| min * power <= max)
            .collect();
        let brackets = powers.len() as u128;
        let descending = powers.iter().rev();
        Self {
            levels: descending.clone().map(|power| ((max + power / 2) / power) as u64).collect(),
            sizes: descending
                .zip(0..)
                .map(|(power, bracket)| (brackets * power).div_ceil(brackets - bracket))
                .map(|size| u64::try_from(size).unwrap_or(u64::MAX))
                .collect(),
            eta: u64::from(halving.eta),
        }
    }

    /// How many trials a round has.
    fn trials(&self) -> u64 {
        self.sizes.iter().fold(0, |sum, size| sum.saturating_add(*size))
    }

    /// The bracket that a trial is in.
    fn bracket_of(&self, trial: TrialIndex) -> u32 {
        let trial = u64::from(trial.0);
        let rounds = trial / self.trials();
        let mut left = trial % self.trials();
        let within = self.sizes.iter().take_while(|size| match left.checked_sub(**size) {
            Some(rest) => {
                left = rest;
                true
            }
            None => false,
        });
        // No more brackets than trials, so their number fits like theirs.
        (rounds * self.sizes.len() as u64 + within.count() as u64) as u32
    }

    /// First trial of a bracket.
    fn first_of(&self, bracket: u32) -> u64 {
        let rounds = u64::from(bracket) / self.sizes.len() as u64;
        rounds * self.trials() + self.sizes[..self.within(bracket)].iter().sum::<u64>()
    }

    /// Position of a bracket in its round.
    fn within(&self, bracket: u32) -> usize {
        bracket as usize % self.sizes.len()
    }

    /// Resources of a bracket's rungs.
    fn levels_of(&self, bracket: u32) -> &[u64] {
        &self.levels[self.within(bracket)..]
    }
}

impl Hyperband {
    fn new(halving: Halving, max_trials: Option<u32>) -> Self {
        Self {
            round: Round::new(halving),
            max_trials: max_trials.map_or(u64::MAX, u64::from),
            closed: false,
            members: BTreeMap::new(),
            brackets: BTreeMap::new(),
        }
    }

    /// How many trials of a bracket the job will have.
    fn coming(&self, bracket: u32) -> u64 {
        if self.closed { 0 } else { self.max_trials.saturating_sub(self.round.first_of(bracket)) }
    }

    /// Forgets a bracket that has nothing left to decide.
    fn settle(&mut self, number: u32) {
        if let Some(bracket) = self.brackets.get(&number)
            && bracket.is_decided(self.closed)
            && let Some(bracket) = self.brackets.remove(&number)
        {
            for trial in bracket.waiting() {
                self.members.remove(&trial);
            }
        }
    }
}

impl Scheduler for Hyperband {
    fn goal(&self, trial: TrialIndex) -> Option<Goal> {
        let bracket = self.round.bracket_of(trial);
        Some(Goal { run_to: Resource::new(self.round.levels_of(bracket)[0]), bracket })
    }

    fn started(&mut self, trial: TrialIndex, _: Goal) {
        let number = self.round.bracket_of(trial);
        let size = self.round.sizes[self.round.within(number)];
        let rungs = self.round.levels_of(number).len();
        let eta = self.round.eta;
        self.brackets.entry(number).or_insert_with(|| Bracket::new(size, rungs, eta)).start();
        self.members.insert(trial, Member { bracket: number, rung: 0, standing: None });
    }

    fn reported(&mut self, trial: TrialIndex, resource: Resource, loss: f64) -> Verdict {
        let Some(member) = self.members.get_mut(&trial) else { return Verdict::Continue };
        let Some(bracket) = self.brackets.get_mut(&member.bracket) else { return Verdict::Continue };
        let levels = self.round.levels_of(member.bracket);
        let reached = levels.partition_point(|level| *level <= resource.get());
        if reached <= member.rung || reached == levels.len() {
            return Verdict::Continue;
        }
        // A trial that leapt over rungs is judged at the highest it has reached: below, others had less resource.
        if reached - 1 > member.rung {
            bracket.leap(member.rung, reached - 1);
        }
        *member = Member { rung: reached - 1, standing: Some(Standing::new(trial, loss)), ..*member };
        Verdict::Pause
    }

    fn paused(&mut self, trial: TrialIndex) {
        if let Some(&Member { bracket: number, rung, standing: Some(standing) }) = self.members.get(&trial) {
            if let Some(bracket) = self.brackets.get_mut(&number) {
                bracket.come(rung, standing);
            }
            self.settle(number);
        }
    }

    fn promotion(&self) -> Option<Promotion> {
        self.brackets.iter().find_map(|(number, bracket)| {
            let (rung, trial) = bracket.promotable(self.coming(*number))?;
            Some(Promotion { trial, run_to: Resource::new(self.round.levels_of(*number)[rung + 1])? })
        })
    }

    fn promoted(&mut self, promotion: Promotion) {
        let Some(member) = self.members.get_mut(&promotion.trial) else { return };
        let Some(standing) = member.standing.take() else { return };
        if let Some(bracket) = self.brackets.get_mut(&member.bracket) {
            bracket.promote(member.rung, standing);
        }
        member.rung += 1;
    }

    fn ended(&mut self, trial: TrialIndex, _: Ending) {
        let Some(member) = self.members.remove(&trial) else { return };
        if let Some(bracket) = self.brackets.get_mut(&member.bracket) {
            bracket.end(member.rung, member.standing);
        }
        self.settle(member.bracket);
    }

    fn set_max_trials(&mut self, max_trials: Option<u32>) {
        self.max_trials = max_trials.map_or(u64::MAX, u64::from);
    }

    fn no_more_trials(&mut self) {
        self.closed = true;
        let open: Vec<u32> = self.brackets.keys().copied().collect();
        for number in open {
            self.settle(number);
        }
    }

    fn rungs(&self) -> Vec<Resource> {
        ladder::resources(&self.round.levels)
    }

    fn explain(&self) -> String {
        let brackets: Vec<String> = (self.round.sizes.iter().enumerate())
            .map(|(bracket, size)| format!("{size} from {}", self.round.levels[bracket]))
            .collect();
        format!(
            "Brackets of {}, in turn; in each, when all have come to a rung ({}), the best 1 in {} go on to the \
             next.",
            brackets.join(", "),
            ladder::list(&self.round.levels),
            self.round.eta
        )
    }
}
