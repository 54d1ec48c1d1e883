//! Places at which the acquisition function is looked at first.

use rand::RngExt;

use super::acquisition::Coordinates;
use crate::{
    rng::Rng,
    search::{random, sobol::Sequence},
    space::{DimensionKind, Point, Space},
};

/// Places around each of the best trials.
const AROUND_EACH: usize = 24;

/// Places all over the space, evenly.
pub(super) fn all_over(
    space: &Space,
    count: u32,
    rng: &mut Rng,
) -> impl Iterator<Item = Coordinates> + use<> {
    let sequence = Sequence::new(space.dimensions().len(), rng.random());
    (0..count).map(move |index| sequence.point(index))
}

/// Places around the best trials, near and far. Where the process is sure of itself, all that is left to gain is in
/// narrow peaks beside these, which places all over the space miss.
pub(super) fn around(space: &Space, best: Vec<&Point>, rng: &mut Rng) -> Vec<Coordinates> {
    let dimensions = space.dimensions();
    // In many dimensions a step along all of them at once leads nowhere.
    let share = (4.0 / dimensions.len() as f64).clamp(0.1, 0.5);
    let mut places = Vec::with_capacity(best.len() * AROUND_EACH);
    for centre in best {
        for near in 0..AROUND_EACH {
            let reach = 0.25 * 0.5_f64.powf((near % 8) as f64);
            let mut place = random::coordinates(rng, dimensions.len());
            for ((x, dimension), known) in place.iter_mut().zip(dimensions).zip(centre) {
                let Some(known) = *known else { continue };
                *x = match dimension.kind {
                    _ if !rng.random_bool(share) => known,
                    DimensionKind::Categorical { .. } => *x,
                    _ => (known + reach * (2.0 * *x - 1.0)).clamp(0.0, 1.0),
                };
            }
            places.push(place);
        }
    }
    places
}
