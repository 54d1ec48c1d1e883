//! The built-in networks: what they are made of is drawn up from an [`Architecture`] and the shape of the data.

mod cnn;
mod layers;
mod mlp;
mod resnet;
mod transformer;
mod weights;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use self::weights::Plan;
pub(crate) use self::weights::Weights;
use crate::models::data::SampleShape;

/// The kinds of network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Family {
    /// Hidden layers of equal width.
    Mlp,
    /// Convolutions in three stages.
    Cnn,
    /// Residual blocks in three stages.
    Resnet,
    /// An encoder over image patches or features.
    Transformer,
}

impl Family {
    pub(crate) const ALL: [(&'static str, Self); 4] = [
        ("mlp", Self::Mlp),
        ("cnn", Self::Cnn),
        ("resnet", Self::Resnet),
        ("transformer", Self::Transformer),
    ];
}

/// A network's kind and sizes, as it stands in a checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "model", rename_all = "camelCase")]
pub(crate) enum Architecture {
    Mlp { hidden: i64, layers: i64, dropout: f64 },
    Cnn { width: i64, layers: i64, kernel: i64, hidden: i64, dropout: f64 },
    Resnet { width: i64, layers: i64, dropout: f64 },
    Transformer { width: i64, layers: i64, heads: i64, patch: i64, dropout: f64 },
}

/// A network with its weights.
pub(crate) struct Model {
    network: Box<dyn Network>,
    pub(crate) weights: Weights,
}

/// The computation, apart from the weights.
trait Network {
    /// Scores (batch, classes) of the normalised samples `x` (batch, channels, height, width) or (batch, features).
    fn logits(&self, weights: &Weights, x: &Tensor, training: bool) -> Tensor;
}

impl Model {
    /// Draws a new network for samples of `shape`.
    ///
    /// # Errors
    /// When such a network cannot read such samples; what can is part of the message.
    pub(crate) fn new(
        architecture: &Architecture,
        shape: SampleShape,
        classes: i64,
        seed: i64,
        device: Device,
        compute: Kind,
    ) -> Result<Self, String> {
        let mut plan = Plan::default();
        let network: Box<dyn Network> = match *architecture {
            Architecture::Mlp { hidden, layers, dropout } => {
                Box::new(mlp::Mlp::new(&mut plan, shape, classes, hidden, layers, dropout))
            }
            Architecture::Cnn { width, layers, kernel, hidden, dropout } => {
                let sizes = cnn::Sizes { width, layers, kernel, hidden };
                Box::new(cnn::Cnn::new(&mut plan, image(shape, "cnn")?, classes, sizes, dropout))
            }
            Architecture::Resnet { width, layers, dropout } => Box::new(resnet::Resnet::new(
                &mut plan,
                image(shape, "resnet")?,
                classes,
                width,
                layers,
                dropout,
            )),
            Architecture::Transformer { width, layers, heads, patch, dropout } => {
                let sizes = transformer::Sizes { width, layers, heads, patch };
                Box::new(transformer::Transformer::new(&mut plan, shape, classes, sizes, dropout)?)
            }
        };
        Ok(Self { network, weights: Weights::draw(plan, seed, device, compute) })
    }

    /// Scores in float32, (batch, classes), of the normalised float32 samples `x`.
    pub(crate) fn logits(&self, x: &Tensor, training: bool) -> Tensor {
        let x = x.to_kind(self.weights.compute_kind());
        self.network.logits(&self.weights, &x, training).to_kind(Kind::Float)
    }
}

/// Height, width and channels of images.
#[derive(Clone, Copy, Debug)]
struct ImageShape {
    height: i64,
    width: i64,
    channels: i64,
}

fn image(shape: SampleShape, model: &str) -> Result<ImageShape, String> {
    match shape {
        SampleShape::Image { height, width, channels } => Ok(ImageShape { height, width, channels }),
        SampleShape::Row { features } => Err(format!(
            "{model} reads images, and these samples are rows of {features} features: use mlp or transformer"
        )),
    }
}
