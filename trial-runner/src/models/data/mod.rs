//! Data sets: where they come from, how they are read, split and dealt out in batches.

pub(crate) mod augment;
mod batches;
mod cifar;
mod csv;
mod download;
mod idx;
mod locate;
mod npy;
mod source;
mod split;
#[cfg(test)]
mod tests;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

pub(crate) use self::{
    batches::{Batches, Normalisation},
    source::Source,
    split::{Draw, Split, order},
};

/// The shape of one sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum SampleShape {
    Image { height: i64, width: i64, channels: i64 },
    Row { features: i64 },
}

impl SampleShape {
    /// How many numbers a sample is.
    pub(crate) fn elements(self) -> i64 {
        match self {
            Self::Image { height, width, channels } => height * width * channels,
            Self::Row { features } => features,
        }
    }
}

/// Samples and their classes.
#[derive(Debug)]
pub(crate) struct Samples {
    /// (samples, height, width, channels) or (samples, features); bytes or float32.
    x: Tensor,
    /// (samples), int64, from 0.
    y: Tensor,
}

impl Samples {
    /// # Errors
    /// When the two do not fit: counts differ, there are none, or a class is negative.
    fn new(x: Tensor, y: &Tensor) -> Result<Self> {
        let (samples, labels) = (x.size()[0], y.size()[0]);
        ensure!(samples == labels, "{samples} samples and {labels} labels");
        ensure!(samples > 0, "no samples");
        let y = y.to_kind(Kind::Int64);
        let least = y.min().int64_value(&[]);
        ensure!(least >= 0, "a label is {least}; classes count from 0");
        Ok(Self { x, y })
    }

    pub(crate) fn len(&self) -> i64 {
        self.y.size()[0]
    }

    fn shape(&self) -> SampleShape {
        match *self.x.size().as_slice() {
            [_, height, width, channels] => SampleShape::Image { height, width, channels },
            [_, features] => SampleShape::Row { features },
            // The readers make no others.
            ref other => SampleShape::Row { features: other.iter().skip(1).product() },
        }
    }
}

/// A data set as it is on disk.
#[derive(Debug)]
pub(crate) struct DataSet {
    pub(crate) train: Samples,
    /// Absent where the source is one part: [`Split`] then holds some of it out.
    pub(crate) test: Option<Samples>,
    /// From 0 to one less than this.
    pub(crate) classes: i64,
    pub(crate) shape: SampleShape,
}

impl DataSet {
    /// # Errors
    /// When the parts do not fit each other, or there is but one class.
    fn new(train: Samples, test: Option<Samples>) -> Result<Self> {
        let shape = train.shape();
        if let Some(test) = &test {
            ensure!(
                test.shape() == shape,
                "the test samples are {:?}, those to train on {shape:?}",
                test.shape()
            );
        }
        let greatest = |samples: &Samples| samples.y.max().int64_value(&[]);
        let classes = 1 + test.iter().map(greatest).fold(greatest(&train), i64::max);
        ensure!(classes > 1, "all labels are 0: there is nothing to learn");
        // A label column that is no class (an identifier, a price) would make a network of a million outputs.
        ensure!(classes <= 100_000, "labels go up to {}: these are no classes", classes - 1);
        Ok(Self { train, test, classes, shape })
    }
}
