//! The layers that networks are made of.

use tch::{Kind, Tensor};

use super::weights::{BufferId, Initial, Plan, WeightId, Weights};

/// A convolution without bias (a normalisation follows), its input padded to keep the size.
#[derive(Debug)]
pub(crate) struct Conv {
    weight: WeightId,
    stride: i64,
    padding: i64,
}

impl Conv {
    pub(crate) fn new(plan: &mut Plan, name: &str, from: i64, to: i64, kernel: i64, stride: i64) -> Self {
        // He et al. 2015, by the fan-out.
        let deviation = (2.0 / (to * kernel * kernel) as f64).sqrt();
        let shape = [to, from, kernel, kernel];
        let weight = plan.weight(format!("{name}.weight"), &shape, Initial::Normal(deviation));
        Self { weight, stride, padding: kernel / 2 }
    }

    pub(crate) fn apply(&self, weights: &Weights, x: &Tensor) -> Tensor {
        let side = |value: i64| [value, value];
        x.conv2d(weights.get(self.weight), None::<&Tensor>, side(self.stride), side(self.padding), [1, 1], 1)
    }
}

/// Batch normalisation (Ioffe and Szegedy 2015).
#[derive(Debug)]
pub(crate) struct BatchNorm {
    scale: WeightId,
    shift: WeightId,
    mean: BufferId,
    variance: BufferId,
}

impl BatchNorm {
    pub(crate) fn new(plan: &mut Plan, name: &str, channels: i64) -> Self {
        Self {
            scale: plan.weight(format!("{name}.weight"), &[channels], Initial::Constant(1.0)),
            shift: plan.weight(format!("{name}.bias"), &[channels], Initial::Constant(0.0)),
            mean: plan.buffer(format!("{name}.running_mean"), channels, 0.0),
            variance: plan.buffer(format!("{name}.running_var"), channels, 1.0),
        }
    }

    pub(crate) fn apply(&self, weights: &Weights, x: &Tensor, training: bool) -> Tensor {
        x.batch_norm(
            Some(weights.get(self.scale)),
            Some(weights.get(self.shift)),
            Some(weights.buffer(self.mean)),
            Some(weights.buffer(self.variance)),
            training,
            0.1,
            1e-5,
            true,
        )
    }
}

/// Layer normalisation (Ba et al. 2016) over the last dimension, in float32.
#[derive(Debug)]
pub(crate) struct LayerNorm {
    scale: WeightId,
    shift: WeightId,
    width: i64,
}

impl LayerNorm {
    pub(crate) fn new(plan: &mut Plan, name: &str, width: i64) -> Self {
        Self {
            scale: plan.weight(format!("{name}.weight"), &[width], Initial::Constant(1.0)),
            shift: plan.weight(format!("{name}.bias"), &[width], Initial::Constant(0.0)),
            width,
        }
    }

    pub(crate) fn apply(&self, weights: &Weights, x: &Tensor) -> Tensor {
        let (scale, shift) = (weights.get(self.scale), weights.get(self.shift));
        x.to_kind(Kind::Float)
            .layer_norm([self.width], Some(scale), Some(shift), 1e-5, true)
            .to_kind(x.kind())
    }
}

/// A linear map with a bias.
#[derive(Debug)]
pub(crate) struct Dense {
    weight: WeightId,
    bias: WeightId,
}

impl Dense {
    pub(crate) fn new(plan: &mut Plan, name: &str, from: i64, to: i64) -> Self {
        // As torch.nn.Linear draws them.
        let bound = 1.0 / (from as f64).sqrt();
        Self {
            weight: plan.weight(format!("{name}.weight"), &[to, from], Initial::Uniform(bound)),
            bias: plan.weight(format!("{name}.bias"), &[to], Initial::Uniform(bound)),
        }
    }

    pub(crate) fn apply(&self, weights: &Weights, x: &Tensor) -> Tensor {
        x.linear(weights.get(self.weight), Some(weights.get(self.bias).to_kind(x.kind())))
    }
}

/// Silences a share of the units while training; nothing to do otherwise.
pub(crate) fn dropout(x: Tensor, share: f64, training: bool) -> Tensor {
    if training && share > 0.0 { x.dropout(share, true) } else { x }
}

/// Halves height and width by the maximum of each two by two.
pub(crate) fn halve(x: &Tensor) -> Tensor {
    x.max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], false)
}
