//! Samples on the device, ready to be gathered into batches.

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::{Samples, augment::Augmentation};

/// Mean and standard deviation of each channel or feature over the samples trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Normalisation {
    mean: Vec<f32>,
    deviation: Vec<f32>,
}

impl Normalisation {
    /// Measures the samples at `indices`, and no others: what is validated or tested on must not leak into training.
    pub(crate) fn measure(samples: &Samples, indices: &[i64]) -> Self {
        let channels = samples.x.size().last().copied().unwrap_or(1);
        let mut sum = Tensor::zeros([channels], (Kind::Double, Device::Cpu));
        let mut squares = sum.zeros_like();
        // In parts, so that a large set is not held a second time in a wider type.
        for part in indices.chunks(4096) {
            let values = samples
                .x
                .index_select(0, &Tensor::from_slice(part))
                .to_kind(Kind::Float)
                .view([-1, channels]);
            sum += values.sum_dim_intlist(0, false, Kind::Double);
            squares += values.square().sum_dim_intlist(0, false, Kind::Double);
        }
        let count =
            indices.len() as f64 * (samples.x.numel() as f64 / samples.len() as f64 / channels as f64);
        let mean = sum / count;
        let deviation = (squares / count - mean.square()).clamp_min(0.0).sqrt();
        // A feature that never changes says nothing: left at 0 rather than divided by 0.
        let deviation = deviation.where_self(&deviation.gt(1e-12), &deviation.ones_like());
        Self { mean: floats(&mean), deviation: floats(&deviation) }
    }
}

fn floats(x: &Tensor) -> Vec<f32> {
    let mut values = vec![0.0; x.numel()];
    x.to_kind(Kind::Float).copy_data(&mut values, x.numel());
    values
}

/// Samples on the device: bytes stay bytes until a batch is made of them.
pub(crate) struct Batches {
    x: Tensor,
    y: Tensor,
    mean: Tensor,
    inverse_deviation: Tensor,
}

impl Batches {
    pub(crate) fn new(samples: &Samples, normalisation: &Normalisation, device: Device) -> Self {
        Self {
            x: samples.x.to_device(device),
            y: samples.y.to_device(device),
            mean: Tensor::from_slice(&normalisation.mean).to_device(device),
            inverse_deviation: Tensor::from_slice(&normalisation.deviation).reciprocal().to_device(device),
        }
    }

    pub(crate) fn device(&self) -> Device {
        self.y.device()
    }

    /// The normalised samples at `indices`, (batch, channels, height, width) with the channels last in memory or
    /// (batch, features), and their classes.
    pub(crate) fn gather(&self, indices: &Tensor, augmentation: Augmentation) -> (Tensor, Tensor) {
        let x = self.x.index_select(0, indices).to_kind(Kind::Float);
        let x = (x - &self.mean).g_mul_(&self.inverse_deviation);
        let y = self.y.index_select(0, indices);
        if x.dim() != 4 {
            return (x, y);
        }
        let x = if augmentation.is_none() { x } else { augmentation.apply(x) };
        (x.permute([0, 3, 1, 2]), y)
    }
}
