//! A small transformer encoder.

use tch::{Kind, Tensor};

use super::{
    Network,
    layers::{Dense, LayerNorm, dropout},
    weights::{Initial, Plan, WeightId, Weights},
};
use crate::models::data::SampleShape;

/// Images are cut into patches, each a token (Dosovitskiy et al. 2021); of a row every feature is one, scaled by its
/// own direction (Gorishniy et al. 2021). Blocks normalise before attention and perceptron; the tokens' mean is
/// classified.
pub(crate) struct Transformer {
    embedding: Embedding,
    position: WeightId,
    blocks: Vec<Block>,
    norm: LayerNorm,
    out: Dense,
    heads: i64,
    dropout: f64,
}

enum Embedding {
    /// (rows, columns) of patches, their side, and the map from a patch to its token.
    Patches { rows: i64, columns: i64, side: i64, project: Dense },
    /// A direction for each feature; its offset is the position.
    Features { directions: WeightId },
}

struct Block {
    before_attention: LayerNorm,
    /// To queries, keys and values at once.
    attention: Dense,
    project: Dense,
    before_perceptron: LayerNorm,
    widen: Dense,
    narrow: Dense,
}

#[derive(Clone, Copy)]
pub(crate) struct Sizes {
    /// Of a token.
    pub(crate) width: i64,
    pub(crate) layers: i64,
    pub(crate) heads: i64,
    pub(crate) patch: i64,
}

/// Inner units of a block's perceptron, as a multiple of the width.
const WIDENING: i64 = 2;

impl Transformer {
    /// # Errors
    /// When an image is smaller than a patch.
    pub(crate) fn new(
        plan: &mut Plan,
        shape: SampleShape,
        classes: i64,
        sizes: Sizes,
        dropout: f64,
    ) -> Result<Self, String> {
        let Sizes { width, layers, heads, patch } = sizes;
        let (embedding, tokens) = match shape {
            SampleShape::Image { height, width: across, channels } => {
                let (rows, columns) = (height / patch, across / patch);
                if rows == 0 || columns == 0 {
                    return Err(format!(
                        "parameter patch: {patch} is more than the images' {height} x {across}"
                    ));
                }
                let project = Dense::new(plan, "embed", patch * patch * channels, width);
                (Embedding::Patches { rows, columns, side: patch, project }, rows * columns)
            }
            SampleShape::Row { features } => {
                let directions = plan.weight("embed.weight".into(), &[features, width], Initial::Normal(0.2));
                (Embedding::Features { directions }, features)
            }
        };
        let position = plan.weight("position".into(), &[tokens, width], Initial::Normal(0.02));
        let blocks = (0..layers)
            .map(|layer| {
                let name = |part: &str| format!("block.{layer}.{part}");
                Block {
                    before_attention: LayerNorm::new(plan, &name("attention_norm"), width),
                    attention: Dense::new(plan, &name("attention"), width, 3 * width),
                    project: Dense::new(plan, &name("project"), width, width),
                    before_perceptron: LayerNorm::new(plan, &name("perceptron_norm"), width),
                    widen: Dense::new(plan, &name("widen"), width, WIDENING * width),
                    narrow: Dense::new(plan, &name("narrow"), WIDENING * width, width),
                }
            })
            .collect();
        let norm = LayerNorm::new(plan, "norm", width);
        let out = Dense::new(plan, "out", width, classes);
        Ok(Self { embedding, position, blocks, norm, out, heads, dropout })
    }

    /// (batch, tokens, width)
    fn tokens(&self, weights: &Weights, x: &Tensor) -> Tensor {
        match &self.embedding {
            Embedding::Patches { rows, columns, side, project } => {
                let channels = x.size()[1];
                let patches = x
                    .narrow(2, 0, rows * side)
                    .narrow(3, 0, columns * side)
                    .reshape([-1, channels, *rows, *side, *columns, *side])
                    .permute([0, 2, 4, 3, 5, 1])
                    .reshape([-1, rows * columns, side * side * channels]);
                project.apply(weights, &patches)
            }
            Embedding::Features { directions } => x.unsqueeze(-1) * weights.get(*directions),
        }
    }

    fn attend(&self, weights: &Weights, block: &Block, x: &Tensor, training: bool) -> Tensor {
        let size = x.size();
        let (batch, tokens, width) = (size[0], size[1], size[2]);
        let parts = block
            .attention
            .apply(weights, &block.before_attention.apply(weights, x))
            .view([batch, tokens, 3, self.heads, width / self.heads])
            .permute([2, 0, 3, 1, 4]);
        let silenced = if training { self.dropout } else { 0.0 };
        let attended = Tensor::scaled_dot_product_attention(
            &parts.get(0),
            &parts.get(1),
            &parts.get(2),
            None::<&Tensor>,
            silenced,
            false,
            None,
            false,
        );
        block.project.apply(weights, &attended.transpose(1, 2).reshape([batch, tokens, width]))
    }
}

impl Network for Transformer {
    fn logits(&self, weights: &Weights, x: &Tensor, training: bool) -> Tensor {
        let embedded = self.tokens(weights, x) + weights.get(self.position);
        let tokens = self.blocks.iter().fold(embedded, |x, block| {
            let attended = self.attend(weights, block, &x, training);
            let x = x + dropout(attended, self.dropout, training);
            let inner = block.widen.apply(weights, &block.before_perceptron.apply(weights, &x)).gelu("none");
            let outer = block.narrow.apply(weights, &inner);
            x + dropout(outer, self.dropout, training)
        });
        let mean = self.norm.apply(weights, &tokens).mean_dim(1, false, None::<Kind>);
        self.out.apply(weights, &mean)
    }
}
