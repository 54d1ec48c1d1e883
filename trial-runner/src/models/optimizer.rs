//! Updates of all weights at once: the parameters are one flat tensor, so a step is a handful of in-place operations
//! whatever the number of layers.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// Which update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Method {
    Sgd,
    /// Kingma and Ba 2015; weight decay is part of the gradient.
    Adam,
    /// Loshchilov and Hutter 2019; weight decay is apart from the gradient.
    #[serde(rename = "adamw")]
    AdamW,
}

impl Method {
    pub(crate) const ALL: [(&'static str, Self); 3] =
        [("sgd", Self::Sgd), ("adam", Self::Adam), ("adamw", Self::AdamW)];
}

/// An update and its constants; those of the other methods are without effect.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Rule {
    pub(crate) method: Method,
    pub(crate) momentum: f64,
    pub(crate) nesterov: bool,
    pub(crate) beta1: f64,
    pub(crate) beta2: f64,
    pub(crate) weight_decay: f64,
}

const EPSILON: f64 = 1e-8;

/// The state of the update.
pub(crate) struct Optimizer {
    rule: Rule,
    steps: i64,
    /// Elements of the flat tensor, from the first, that weight decay applies to.
    decayed: i64,
    /// Of the size of the parameters: the momentum, or the two moments.
    moments: Vec<(&'static str, Tensor)>,
}

impl Optimizer {
    /// For the flat parameters `weights`, the first `decayed` elements of which are subject to weight decay.
    pub(crate) fn new(rule: Rule, weights: &Tensor, decayed: i64) -> Self {
        let names: &[&str] = match rule.method {
            Method::Sgd if rule.momentum > 0.0 => &["momentum"],
            Method::Sgd => &[],
            Method::Adam | Method::AdamW => &["mean", "square"],
        };
        let moments = names.iter().map(|&name| (name, weights.zeros_like())).collect();
        Self { rule, steps: 0, decayed, moments }
    }

    /// One update of the flat `weights` (in place) by the flat `gradient` (which is used up). As torch.optim's.
    pub(crate) fn step(&mut self, weights: &mut Tensor, mut gradient: Tensor, learning_rate: f64) {
        let Rule { method, momentum, nesterov, beta1, beta2, weight_decay } = self.rule;
        self.steps += 1;
        if weight_decay > 0.0 {
            let mut subject = weights.narrow(0, 0, self.decayed);
            if method == Method::AdamW {
                let _ = subject.g_mul_scalar_(1.0 - learning_rate * weight_decay);
            } else {
                let _ = gradient.narrow(0, 0, self.decayed).g_add_(&(subject * weight_decay));
            }
        }
        match (method, self.moments.as_mut_slice()) {
            (Method::Adam | Method::AdamW, [(_, mean), (_, square)]) => {
                let _ = mean.lerp_(&gradient, 1.0 - beta1);
                let _ = square.lerp_(&gradient.square(), 1.0 - beta2);
                let steps = i32::try_from(self.steps).unwrap_or(i32::MAX);
                let step_size = learning_rate / (1.0 - beta1.powi(steps));
                let root = (1.0 - beta2.powi(steps)).sqrt();
                // In the gradient's memory: it has been used.
                let denominator = square.sqrt_out(&gradient).g_mul_scalar_(1.0 / root).g_add_scalar_(EPSILON);
                let _ = weights.g_sub_(&(&*mean / denominator).g_mul_scalar_(step_size));
            }
            (_, [(_, buffer)]) => {
                let _ = buffer.g_mul_scalar_(momentum).g_add_(&gradient);
                let mut update =
                    if nesterov { gradient.g_add_(&(&*buffer * momentum)) } else { buffer.copy() };
                let _ = weights.g_sub_(&update.g_mul_scalar_(learning_rate));
            }
            _ => {
                let _ = weights.g_sub_(&gradient.g_mul_scalar_(learning_rate));
            }
        }
    }

    /// Name and value of each moment, to be saved.
    pub(crate) fn moments(&self) -> impl Iterator<Item = (&'static str, &Tensor)> {
        self.moments.iter().map(|(name, moment)| (*name, moment))
    }

    pub(crate) fn steps(&self) -> i64 {
        self.steps
    }

    /// Takes up where `steps` steps left the moments `saved`.
    ///
    /// # Errors
    /// When `saved` lacks a moment or has one of another size.
    pub(crate) fn restore(&mut self, steps: i64, saved: &[(String, Tensor)]) -> Result<()> {
        for (name, moment) in &mut self.moments {
            let found = saved.iter().find(|(saved, _)| saved == name).map(|(_, value)| value);
            let Some(value) = found else { anyhow::bail!("the optimizer's {name} is missing") };
            ensure!(value.size() == moment.size(), "the optimizer's {name} is of another size");
            moment.copy_(value);
        }
        self.steps = steps;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind, nn, nn::OptimizerConfig};

    use super::*;

    fn rule(method: Method, momentum: f64, nesterov: bool, weight_decay: f64) -> Rule {
        Rule { method, momentum, nesterov, beta1: 0.9, beta2: 0.99, weight_decay }
    }

    /// Ten steps on a quadratic, by us and by libtorch's own optimizer.
    fn compare(rule: Rule, build: impl Fn(&nn::VarStore) -> nn::Optimizer) {
        tch::manual_seed(1);
        let curvature = Tensor::rand([50], (Kind::Float, Device::Cpu));
        let start = Tensor::randn([50], (Kind::Float, Device::Cpu));

        let store = nn::VarStore::new(Device::Cpu);
        let theirs = store.root().var_copy("w", &start);
        let mut their_optimizer = build(&store);
        let mut ours = start.copy();
        let mut optimizer = Optimizer::new(rule, &ours, 50);
        for step in 0..10 {
            let rate = 0.1 / f64::from(step + 1);
            their_optimizer.set_lr(rate);
            their_optimizer.backward_step(&(&theirs * &theirs * &curvature).sum(Kind::Float));
            let gradient = &ours * &curvature * 2.0;
            optimizer.step(&mut ours, gradient, rate);
        }
        let difference = (&ours - theirs.detach()).abs().max().double_value(&[]);
        assert!(difference < 1e-5, "{rule:?} is off by {difference}");
    }

    #[test]
    fn every_update_is_that_of_torch() {
        for (momentum, nesterov, wd) in [(0.0, false, 0.0), (0.9, false, 0.01), (0.9, true, 0.01)] {
            compare(rule(Method::Sgd, momentum, nesterov, wd), |store| {
                nn::sgd(momentum, 0.0, wd, nesterov).build(store, 0.1).unwrap()
            });
        }
        for wd in [0.0, 0.1] {
            compare(rule(Method::Adam, 0.0, false, wd), |store| {
                nn::adam(0.9, 0.99, wd).build(store, 0.1).unwrap()
            });
            compare(rule(Method::AdamW, 0.0, false, wd), |store| {
                nn::adamw(0.9, 0.99, wd).build(store, 0.1).unwrap()
            });
        }
    }

    #[test]
    fn weight_decay_spares_what_comes_after_the_matrices() {
        let mut weights = Tensor::ones([4], (Kind::Float, Device::Cpu));
        let mut optimizer = Optimizer::new(rule(Method::Sgd, 0.0, false, 0.5), &weights, 2);
        optimizer.step(&mut weights, Tensor::zeros([4], (Kind::Float, Device::Cpu)), 1.0);
        assert_eq!(Vec::<f32>::try_from(weights).unwrap(), [0.5, 0.5, 1.0, 1.0]);
    }
}
