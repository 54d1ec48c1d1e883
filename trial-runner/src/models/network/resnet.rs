//! A residual network for small images (He et al. 2016, section 4.2).

use tch::{Kind, Tensor};

use super::{
    ImageShape, Network,
    layers::{BatchNorm, Conv, Dense, dropout},
    weights::{Plan, Weights},
};

/// Three stages of blocks of two convolutions; the second and third halve the image and double the channels.
pub(crate) struct Resnet {
    stem: (Conv, BatchNorm),
    blocks: Vec<Block>,
    out: Dense,
    dropout: f64,
}

struct Block {
    first: (Conv, BatchNorm),
    second: (Conv, BatchNorm),
    /// Where the shape changes, a 1x1 convolution fits the input to the output.
    shortcut: Option<(Conv, BatchNorm)>,
}

impl Resnet {
    pub(crate) fn new(
        plan: &mut Plan,
        image: ImageShape,
        classes: i64,
        width: i64,
        blocks_a_stage: i64,
        dropout: f64,
    ) -> Self {
        let mut pair = |name: String, from: i64, to: i64, kernel: i64, stride: i64| {
            let conv = Conv::new(plan, &format!("{name}.conv"), from, to, kernel, stride);
            (conv, BatchNorm::new(plan, &format!("{name}.norm"), to))
        };
        let stem = pair("stem".into(), image.channels, width, 3, 1);
        let mut from = width;
        let mut blocks = Vec::new();
        for stage in 0..3 {
            for block in 0..blocks_a_stage {
                let to = width << stage;
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                let name = |part: &str| format!("stage.{stage}.{block}.{part}");
                blocks.push(Block {
                    first: pair(name("first"), from, to, 3, stride),
                    second: pair(name("second"), to, to, 3, 1),
                    shortcut: (stride != 1 || from != to)
                        .then(|| pair(name("shortcut"), from, to, 1, stride)),
                });
                from = to;
            }
        }
        Self { stem, blocks, out: Dense::new(plan, "out", from, classes), dropout }
    }
}

fn normalised((conv, norm): &(Conv, BatchNorm), weights: &Weights, x: &Tensor, training: bool) -> Tensor {
    norm.apply(weights, &conv.apply(weights, x), training)
}

impl Network for Resnet {
    fn logits(&self, weights: &Weights, x: &Tensor, training: bool) -> Tensor {
        let stem = normalised(&self.stem, weights, x, training).relu_();
        let features = self.blocks.iter().fold(stem, |x, block| {
            let inner = normalised(&block.first, weights, &x, training).relu_();
            let mut sum = normalised(&block.second, weights, &inner, training);
            let _ = match &block.shortcut {
                Some(shortcut) => sum.g_add_(&normalised(shortcut, weights, &x, training)),
                None => sum.g_add_(&x),
            };
            sum.relu_()
        });
        let pooled = features.mean_dim([2, 3].as_slice(), false, None::<Kind>);
        self.out.apply(weights, &dropout(pooled, self.dropout, training))
    }
}
