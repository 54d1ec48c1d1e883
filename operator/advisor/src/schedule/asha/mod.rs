//! Asynchronous successive halving (Li et al. 2020, arXiv:1810.05934), in the promotion variant of the paper and in
//! the stopping variant that needs no checkpoints (Klein et al. 2020, arXiv:2003.10865).

#[cfg(test)]
mod model;
mod options;
mod rung;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use rand::RngExt;

use options::Settings;
pub use options::{AshaOptions, Mode};
use rung::Rung;

use super::{Context, Ending, Goal, Promotion, Scheduler, Verdict, ladder, read, standing::Standing};
use crate::{Resource, TrialIndex, registry::Registration, rng};

/// `ASHA`.
pub(super) const REGISTRATION: Registration<super::BuildScheduler> = Registration {
    name: "ASHA",
    summary: "Compares trials at rungs, ends or pauses all but the best, and never waits for one: the first to try \
              when trials report as they go.",
    options: || schemars::schema_for!(AshaOptions),
    build: |context, options| Ok(Box::new(Asha::new(Settings::new(context, read(options)?)?, context))),
};

/// Where a trial that has not ended stands.
#[derive(Clone, Copy, Debug)]
struct Climb {
    bracket: u32,
    /// Position of the first rung it has not been judged at.
    next: usize,
    /// Its loss at the rung before `next`, while it waits there.
    waits: Option<Standing>,
}

struct Asha {
    settings: Settings,
    seed: u64,
    /// For each bracket, or the one that they share: a rung for each level.
    systems: Vec<Vec<Rung>>,
    /// Trials that have not ended.
    climbing: BTreeMap<TrialIndex, Climb>,
}

impl Asha {
    fn new(settings: Settings, context: &Context) -> Self {
        let systems = if settings.system_per_bracket { settings.brackets } else { 1 };
        let system = || settings.levels.iter().map(|level| Rung::new(level.share)).collect();
        Self {
            systems: (0..systems).map(|_| system()).collect(),
            seed: context.seed,
            climbing: BTreeMap::new(),
            settings,
        }
    }

    /// Of one system that all share, it is 0.
    fn system(&self, bracket: u32) -> usize {
        bracket as usize % self.systems.len()
    }

    /// How far a trial runs that is judged next at rung `next`.
    fn run_to(&self, next: usize) -> Option<Resource> {
        let level = match self.settings.mode {
            Mode::Stopping => None,
            Mode::Promotion => self.settings.levels.get(next),
        };
        Resource::new(level.map_or(self.settings.max, |level| level.resource))
    }

    /// `P(s) ~ S / ((S - s) r_s)`, as many as Hyperband's brackets would hold (Klein et al. 2020, section 4).
    fn draw_bracket(&self, trial: TrialIndex) -> u32 {
        if self.settings.brackets == 1 {
            return 0;
        }
        let rungs = self.settings.levels.len() + 1;
        let lowest = self.settings.levels.iter().map(|level| level.resource).chain([self.settings.max]);
        let weights: Vec<f64> = lowest
            .take(self.settings.brackets as usize)
            .enumerate()
            .map(|(s, lowest)| rungs as f64 / ((rungs - s) as f64 * lowest as f64))
            .collect();
        let mut left =
            rng::for_trial(self.seed, trial, "bracket").random::<f64>() * weights.iter().sum::<f64>();
        let drawn = weights.iter().position(|weight| {
            left -= weight;
            left < 0.0
        });
        drawn.map_or(self.settings.brackets - 1, |bracket| bracket as u32)
    }
}

impl Scheduler for Asha {
    fn goal(&self, trial: TrialIndex) -> Option<Goal> {
        let bracket = self.draw_bracket(trial);
        Some(Goal { run_to: self.run_to(bracket as usize), bracket })
    }

    fn started(&mut self, trial: TrialIndex, goal: Goal) {
        let climb = Climb { bracket: goal.bracket, next: goal.bracket as usize, waits: None };
        self.climbing.insert(trial, climb);
    }

    fn reported(&mut self, trial: TrialIndex, resource: Resource, loss: f64) -> Verdict {
        let Some(&climb) = self.climbing.get(&trial) else { return Verdict::Continue };
        let reached = self.settings.levels.partition_point(|level| level.resource <= resource.get());
        let ends = self.settings.mode == Mode::Promotion && resource.get() >= self.settings.max;
        if reached <= climb.next || ends {
            return Verdict::Continue;
        }
        // A trial that leapt over rungs is judged at the highest it has reached: below, others had less resource.
        let standing = Standing::new(trial, loss);
        let system = self.system(climb.bracket);
        let rung = &mut self.systems[system][reached - 1];
        rung.record(standing);
        let (verdict, waits) = match self.settings.mode {
            Mode::Promotion => (Verdict::Pause, Some(standing)),
            Mode::Stopping if rung.undecided() || rung.is_best(standing) => (Verdict::Continue, None),
            Mode::Stopping => (Verdict::Stop, None),
        };
        self.climbing.insert(trial, Climb { next: reached, waits, ..climb });
        verdict
    }

    fn paused(&mut self, trial: TrialIndex) {
        let Some(&Climb { bracket, next, waits: Some(standing) }) = self.climbing.get(&trial) else { return };
        let system = self.system(bracket);
        self.systems[system][next - 1].pause(standing);
    }

    fn promotion(&self) -> Option<Promotion> {
        // The highest rung first; of brackets with the same rung, the first.
        (0..self.settings.levels.len()).rev().find_map(|rung| {
            let trial = self.systems.iter().find_map(|system| system[rung].promotable())?;
            Some(Promotion { trial, run_to: self.run_to(rung + 1)? })
        })
    }

    fn promoted(&mut self, promotion: Promotion) {
        self.leave(promotion.trial);
        if let Some(climb) = self.climbing.get_mut(&promotion.trial) {
            climb.waits = None;
        }
    }

    fn ended(&mut self, trial: TrialIndex, _: Ending) {
        self.leave(trial);
        self.climbing.remove(&trial);
    }

    fn rungs(&self) -> Vec<Resource> {
        let below: Vec<u64> = self.settings.levels.iter().map(|level| level.resource).collect();
        ladder::resources(&[below, vec![self.settings.max]].concat())
    }

    fn explain(&self) -> String {
        self.settings.explain()
    }
}

impl Asha {
    fn leave(&mut self, trial: TrialIndex) {
        if let Some(&Climb { bracket, next, waits: Some(standing) }) = self.climbing.get(&trial) {
            let system = self.system(bracket);
            self.systems[system][next - 1].leave(standing);
        }
    }
}
