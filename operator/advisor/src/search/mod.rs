//! What proposes configurations.
//!
//! To add one: a file here with a [`Searcher`] and a `REGISTRATION`, and its line in [`SEARCHERS`].

pub mod auto;
pub mod fresh;
pub mod gp;
pub mod grid;
pub mod random;
pub mod sobol;
pub mod tpe;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use crate::{
    Invalid, TrialIndex,
    history::History,
    registry::Registration,
    space::{Configuration, Space},
};

/// What a searcher knows of the job it searches for.
pub struct Context<'a> {
    /// The space to search.
    pub space: &'a Space,
    /// How many objectives there are, at least 1.
    pub objectives: usize,
    /// Seed of the job. Draws come from [`crate::rng::for_trial`] with this and the trial's index.
    pub seed: u64,
    /// How many trials the job may create.
    pub max_trials: Option<u32>,
    /// How many run at once.
    pub parallelism: u32,
    /// Whether there is something to learn from before the first trial has ended.
    pub warm_start: bool,
}

/// Proposes configurations.
///
/// A proposal is a pure function of the context, the history and the index: state inside may only cache what can
/// be computed again from these. A model is made of all trials that are known ([`History::known`]); what was tried and
/// is not to be tried again are the job's own ([`History::contains`]).
pub trait Searcher: Send + Sync {
    /// The configuration to try as trial `index`, which is not yet in the history. Trials in it that are live are
    /// pending: their configuration is known and their result is not.
    /// `None` when the space holds nothing more to try.
    fn propose(
        &mut self,
        context: &Context<'_>,
        history: &History,
        index: TrialIndex,
    ) -> Option<Configuration>;

    /// Whether its proposals depend on what came of trials.
    fn learns(&self) -> bool {
        false
    }

    /// What it would do next and why, in a sentence, for `temper explain`.
    fn explain(&self, context: &Context<'_>, history: &History) -> String;
}

/// How a searcher is built: from the job it is for and its own options.
pub type BuildSearcher = fn(&Context<'_>, &Map<String, Value>) -> Result<Box<dyn Searcher>, Vec<Invalid>>;

/// Every searcher, in the order users see them.
pub static SEARCHERS: &[Registration<BuildSearcher>] = &[
    auto::REGISTRATION,
    random::REGISTRATION,
    sobol::REGISTRATION,
    grid::REGISTRATION,
    tpe::REGISTRATION,
    gp::REGISTRATION,
];

/// The searcher of this name.
///
/// # Errors
/// When there is none: the field is `algorithm`.
pub fn searcher(name: &str) -> Result<&'static Registration<BuildSearcher>, Invalid> {
    Registration::find(SEARCHERS, "searcher", "algorithm", name)
}
