//! The resources at which trials are judged.

use super::Context;
use crate::{Invalid, Resource};

/// What successive halving needs of the context, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Halving {
    pub(super) min: u64,
    pub(super) max: u64,
    pub(super) eta: u32,
}

impl Halving {
    /// # Errors
    /// Everything that keeps `name` from halving: paths are relative to the scheduler's settings.
    pub(super) fn new(name: &str, context: &Context) -> Result<Self, Vec<Invalid>> {
        let mut errors = Vec::new();
        let min = context.min.get();
        match context.max.map(Resource::get) {
            None => errors.push(Invalid::new(
                "max",
                format!(
                    "{name} needs the most resource a trial can get: set it, or give the job a fixed \
                     parameter named {}",
                    super::MAX_PARAMETERS.join(", ")
                ),
            )),
            Some(max) if max <= min => errors.push(Invalid::new(
                "max",
                format!("{max} must be above min, which is {min}: between the two, trials are judged"),
            )),
            Some(_) => {}
        }
        if context.reduction_factor < 2 {
            errors.push(Invalid::new(
                "reductionFactor",
                format!("{} must be at least 2: one trial in so many goes on", context.reduction_factor),
            ));
        }
        match context.max {
            Some(max) if errors.is_empty() => Ok(Self { min, max: max.get(), eta: context.reduction_factor }),
            _ => Err(errors),
        }
    }

    /// `r_min eta^j` below max, then max, which needs not be such a power (Li et al. 2020, ASHA, algorithm 2).
    pub(super) fn upward(self) -> Vec<u64> {
        let eta = u64::from(self.eta);
        std::iter::successors(Some(self.min), |level| level.checked_mul(eta))
            .take_while(|level| *level < self.max)
            .chain([self.max])
            .collect()
    }
}

/// As resources; levels are positive by construction, so none is lost.
pub(super) fn resources(levels: &[u64]) -> Vec<Resource> {
    levels.iter().filter_map(|level| Resource::new(*level)).collect()
}

/// `1, 3, 9`, for people.
pub(super) fn list(levels: &[u64]) -> String {
    levels.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}
