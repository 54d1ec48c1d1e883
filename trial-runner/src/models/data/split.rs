//! Which samples are for training, for validation and for the one test at the end.

use rand::{SeedableRng as _, seq::SliceRandom as _};
use rand_pcg::Pcg64;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::DataSet;

/// Indices into the training part of a data set: no index is in two of them.
#[derive(Debug)]
pub(crate) struct Split {
    /// To fit to.
    pub(crate) train: Vec<i64>,
    /// To measure each epoch on.
    pub(crate) validation: Vec<i64>,
    /// Held out for the test, where the data set has no test part of its own.
    pub(crate) test: Vec<i64>,
}

/// What decides the split.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Draw {
    pub(crate) seed: u64,
    /// Of what is not for the test; between 0 and 1.
    pub(crate) validation_fraction: f64,
    /// Keep that many training samples; validation and test keep their size.
    pub(crate) subset: Option<u32>,
}

/// Of a data set without a test part.
const TEST_FRACTION: f64 = 0.2;

impl Split {
    /// Shuffles by the draw's seed alone, so that every trial of a job is measured on the same samples.
    ///
    /// # Errors
    /// When no sample would be left to train on.
    pub(crate) fn new(set: &DataSet, draw: Draw) -> Result<Self, String> {
        let mut indices: Vec<i64> = (0..set.train.len()).collect();
        indices.shuffle(&mut Pcg64::seed_from_u64(draw.seed));
        let share = |count: usize, fraction: f64| (count as f64 * fraction).round() as usize;
        let held_out = if set.test.is_some() { 0 } else { share(indices.len(), TEST_FRACTION).max(1) };
        let mut rest = indices.split_off(held_out);
        let test = indices;
        let mut train = rest.split_off(share(rest.len(), draw.validation_fraction).max(1).min(rest.len()));
        let validation = rest;
        if train.is_empty() {
            return Err(format!(
                "of {} samples, {} are for validation and {} for the test: none is left to train on",
                set.train.len(),
                validation.len(),
                test.len()
            ));
        }
        if let Some(subset) = draw.subset {
            train.truncate(subset as usize);
        }
        Ok(Self { train, validation, test })
    }
}

/// The order in which epoch `epoch` of a run seeded by `seed` visits `count` samples.
pub(crate) fn order(count: usize, seed: i64, epoch: u32) -> Tensor {
    // Multiplied by an odd constant, seeds that follow each other do not meet each other's epochs.
    let mixed = seed.unsigned_abs().wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(epoch);
    let mut indices: Vec<i64> = (0..count as i64).collect();
    indices.shuffle(&mut Pcg64::seed_from_u64(mixed));
    Tensor::from_slice(&indices)
}
