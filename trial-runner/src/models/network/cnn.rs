//! A small convolutional network.

use tch::Tensor;

use super::{
    ImageShape, Network,
    layers::{BatchNorm, Conv, Dense, dropout, halve},
    weights::{Plan, Weights},
};

/// Up to three stages of convolutions; each stage ends by halving the image and doubles the channels.
///
/// The halving comes before the normalisation and the rectifier, which then work on a quarter of the values. A
/// maximum commutes with both while the normalisation's scale is positive, so little is lost.
pub(crate) struct Cnn {
    convolutions: Vec<(Conv, BatchNorm, bool)>,
    hidden: Dense,
    out: Dense,
    dropout: f64,
}

#[derive(Clone, Copy)]
pub(crate) struct Sizes {
    /// Channels of the first stage.
    pub(crate) width: i64,
    /// Convolutions in all.
    pub(crate) layers: i64,
    /// Side of the filters.
    pub(crate) kernel: i64,
    /// Units of the hidden layer behind the convolutions.
    pub(crate) hidden: i64,
}

const STAGES: i64 = 3;

impl Cnn {
    pub(crate) fn new(plan: &mut Plan, image: ImageShape, classes: i64, sizes: Sizes, dropout: f64) -> Self {
        let Sizes { width, layers, kernel, hidden } = sizes;
        let stages = layers.min(STAGES);
        let stage_of = |layer: i64| layer * stages / layers;
        let (mut height, mut side, mut channels) = (image.height, image.width, image.channels);
        let convolutions = (0..layers)
            .map(|layer| {
                let to = width << stage_of(layer);
                let conv = Conv::new(plan, &format!("conv.{layer}"), channels, to, kernel, 1);
                channels = to;
                let is_last_of_stage = layer + 1 == layers || stage_of(layer + 1) != stage_of(layer);
                let halves = is_last_of_stage && height.min(side) >= 2;
                if halves {
                    (height, side) = (height / 2, side / 2);
                }
                (conv, BatchNorm::new(plan, &format!("norm.{layer}"), to), halves)
            })
            .collect();
        Self {
            convolutions,
            hidden: Dense::new(plan, "hidden", channels * height * side, hidden),
            out: Dense::new(plan, "out", hidden, classes),
            dropout,
        }
    }
}

impl Network for Cnn {
    fn logits(&self, weights: &Weights, x: &Tensor, training: bool) -> Tensor {
        let features = self.convolutions.iter().fold(x.shallow_clone(), |x, (conv, norm, halves)| {
            let mut x = conv.apply(weights, &x);
            if *halves {
                x = halve(&x);
            }
            norm.apply(weights, &x, training).relu_()
        });
        // In the order in which the values lie in memory, channels last.
        let flat = dropout(features.permute([0, 2, 3, 1]).flatten(1, -1), self.dropout, training);
        let hidden = dropout(self.hidden.apply(weights, &flat).relu_(), self.dropout, training);
        self.out.apply(weights, &hidden)
    }
}
