//! A multi-layer perceptron.

use tch::Tensor;

use super::{
    Network,
    layers::{Dense, dropout},
    weights::{Plan, Weights},
};
use crate::models::data::SampleShape;

/// Hidden layers of equal width with rectifiers.
pub(crate) struct Mlp {
    hidden: Vec<Dense>,
    out: Dense,
    dropout: f64,
}

impl Mlp {
    pub(crate) fn new(
        plan: &mut Plan,
        shape: SampleShape,
        classes: i64,
        width: i64,
        layers: i64,
        dropout: f64,
    ) -> Self {
        let mut from = shape.elements();
        let hidden = (0..layers)
            .map(|layer| {
                Dense::new(plan, &format!("hidden.{layer}"), std::mem::replace(&mut from, width), width)
            })
            .collect();
        Self { hidden, out: Dense::new(plan, "out", from, classes), dropout }
    }
}

impl Network for Mlp {
    fn logits(&self, weights: &Weights, x: &Tensor, training: bool) -> Tensor {
        let flat = x.flatten(1, -1);
        let hidden = self
            .hidden
            .iter()
            .fold(flat, |x, layer| dropout(layer.apply(weights, &x).relu_(), self.dropout, training));
        self.out.apply(weights, &hidden)
    }
}
