//! The one rule about repetition: no configuration is proposed twice.
//!
//! Every searcher that draws its proposals passes them through [`fresh`]. Only when every configuration of a finite
//! space has been tried is there nothing more to propose; the job then ends with what it has.

use crate::{
    TrialIndex,
    history::History,
    rng,
    space::{Configuration, Enumeration},
};

use super::Context;

/// How many draws a searcher should offer before the space is walked instead: enough that a space half tried is
/// never walked.
pub const DRAWS: usize = 32;

/// The first of `candidates` (coordinates for [`crate::space::Space::decode`]) that was not tried before. When all
/// were, the next untried configuration from a random one on. `None` when the space holds no other.
pub fn fresh(
    context: &Context<'_>,
    history: &History,
    index: TrialIndex,
    candidates: impl IntoIterator<Item = Vec<f64>>,
) -> Option<Configuration> {
    candidates
        .into_iter()
        .map(|coordinates| context.space.decode(&coordinates))
        .find(|configuration| !history.contains(configuration))
        .or_else(|| untried(context, history, index))
}

fn untried(context: &Context<'_>, history: &History, index: TrialIndex) -> Option<Configuration> {
    let space = context.space;
    let mut rng = rng::for_trial(context.seed, index, "untried");
    let start = super::random::coordinates(&mut rng, space.dimensions().len());
    // More stops on a continuous dimension than there are trials: one of them is untried.
    let levels = u32::try_from(history.different()).unwrap_or(u32::MAX).saturating_add(2);
    let mut walk = Enumeration::from(space, &start, levels);
    // Among one more configuration than were tried there is an untried one, unless the walk has gone full circle.
    for _ in 0..=history.different() {
        if walk.coordinates().is_none() {
            walk = Enumeration::new(space, levels);
        }
        let configuration = space.decode(walk.coordinates()?);
        if !history.contains(&configuration) {
            return Some(configuration);
        }
        walk.advance(space);
    }
    None
}
