//! All weights of a network in one flat tensor, with a view of it for each layer.

use anyhow::{Result, bail};
use tch::{Device, Kind, Tensor};

/// A weight by its place in the plan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WeightId(usize);

/// A running statistic by its place in the plan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BufferId(usize);

/// How a weight is first drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Initial {
    Constant(f64),
    /// Normal of this standard deviation.
    Normal(f64),
    /// Uniform between the bound and its negative.
    Uniform(f64),
}

#[derive(Clone, Debug)]
struct Planned {
    name: String,
    shape: Vec<i64>,
    initial: Initial,
}

/// What a network needs, before it is laid out in memory.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    weights: Vec<Planned>,
    buffers: Vec<(String, i64, f64)>,
}

impl Plan {
    pub(crate) fn weight(&mut self, name: String, shape: &[i64], initial: Initial) -> WeightId {
        self.weights.push(Planned { name, shape: shape.to_vec(), initial });
        WeightId(self.weights.len() - 1)
    }

    pub(crate) fn buffer(&mut self, name: String, length: i64, initial: f64) -> BufferId {
        self.buffers.push((name, length, initial));
        BufferId(self.buffers.len() - 1)
    }
}

/// The weights of a network.
///
/// `master` holds all of them in float32, the matrices (which weight decay applies to) before the vectors. The
/// forward pass uses views of it; in bfloat16 the matrices' views are of a copy of their part, renewed by one cast a
/// step.
pub(crate) struct Weights {
    planned: Vec<Planned>,
    /// Elements of the matrices together.
    matrices: i64,
    master: Tensor,
    half: Option<Tensor>,
    /// What the forward pass uses, in the plan's order.
    leaves: Vec<Tensor>,
    /// The leaves' indices in the order in which `master` holds them.
    order: Vec<usize>,
    buffers: Vec<(String, Tensor)>,
}

impl Weights {
    /// Draws the initial weights; the same for the same seed whatever the device.
    pub(crate) fn draw(plan: Plan, seed: i64, device: Device, compute: Kind) -> Self {
        tch::manual_seed(seed);
        let _guard = tch::no_grad_guard();
        let planned = plan.weights;
        let is_matrix = |at: usize| planned[at].shape.len() > 1;
        let order: Vec<usize> = {
            let (matrices, vectors): (Vec<usize>, Vec<usize>) =
                (0..planned.len()).partition(|&at| is_matrix(at));
            matrices.into_iter().chain(vectors).collect()
        };
        let drawn: Vec<Tensor> = order
            .iter()
            .map(|&at| {
                let mut values = Tensor::empty(&planned[at].shape, (Kind::Float, Device::Cpu));
                let _ = match planned[at].initial {
                    Initial::Constant(value) => values.fill_(value),
                    Initial::Normal(deviation) => values.normal_(0.0, deviation),
                    Initial::Uniform(bound) => values.uniform_(-bound, bound),
                };
                stored(&values)
            })
            .collect();
        let master = Tensor::cat(&drawn, 0).to_device(device);
        let matrices =
            order.iter().filter(|&&at| is_matrix(at)).map(|&at| elements(&planned[at].shape)).sum();
        let half = (compute != Kind::Float).then(|| master.narrow(0, 0, matrices).to_kind(compute));

        let mut leaves: Vec<Option<Tensor>> = planned.iter().map(|_| None).collect();
        let mut offset = 0;
        for &at in &order {
            let shape = &planned[at].shape;
            let source = if is_matrix(at) { half.as_ref().unwrap_or(&master) } else { &master };
            let view = shaped(&source.narrow(0, offset, elements(shape)), shape);
            leaves[at] = Some(view.detach().set_requires_grad(true));
            offset += elements(shape);
        }
        let buffers = plan
            .buffers
            .into_iter()
            .map(|(name, length, initial)| (name, Tensor::full([length], initial, (Kind::Float, device))))
            .collect();
        Self {
            leaves: leaves.into_iter().flatten().collect(),
            planned,
            matrices,
            master,
            half,
            order,
            buffers,
        }
    }

    /// The weight as the forward pass uses it.
    pub(crate) fn get(&self, id: WeightId) -> &Tensor {
        &self.leaves[id.0]
    }

    /// A running statistic.
    pub(crate) fn buffer(&self, id: BufferId) -> &Tensor {
        &self.buffers[id.0].1
    }

    /// Kind of the activations.
    pub(crate) fn compute_kind(&self) -> Kind {
        self.half.as_ref().map_or(Kind::Float, Tensor::kind)
    }

    /// The gradient of `loss` by all weights: flat, float32, in `master`'s order.
    pub(crate) fn gradient(&self, loss: &Tensor) -> Result<Tensor> {
        let wanted: Vec<&Tensor> = self.order.iter().map(|&at| &self.leaves[at]).collect();
        let gradients = Tensor::f_run_backward(&[loss], &wanted, false, false)?;
        let flat: Vec<Tensor> =
            gradients.iter().map(|gradient| stored(gradient).to_kind(Kind::Float)).collect();
        Ok(Tensor::f_cat(&flat, 0)?)
    }

    /// Lets `update` change the weights, and brings the copy that the forward pass uses up to date.
    pub(crate) fn update(&mut self, update: impl FnOnce(&mut Tensor)) {
        tch::no_grad(|| {
            update(&mut self.master);
            if let Some(half) = &mut self.half {
                half.copy_(&self.master.narrow(0, 0, self.matrices));
            }
        });
    }

    /// All weights, flat, float32.
    pub(crate) fn master(&self) -> &Tensor {
        &self.master
    }

    /// How many elements, from the first of the flat weights, belong to matrices.
    pub(crate) fn matrices(&self) -> i64 {
        self.matrices
    }

    /// Every weight and running statistic by name, float32, contiguous, on the CPU.
    pub(crate) fn named(&self) -> Vec<(String, Tensor)> {
        let mut offset = 0;
        let mut named: Vec<(String, Tensor)> = self
            .order
            .iter()
            .map(|&at| {
                let Planned { name, shape, .. } = &self.planned[at];
                let value = shaped(&self.master.narrow(0, offset, elements(shape)), shape);
                offset += elements(shape);
                (name.clone(), value.to_device(Device::Cpu).contiguous())
            })
            .collect();
        named.extend(self.buffers.iter().map(|(name, value)| (name.clone(), value.to_device(Device::Cpu))));
        named
    }

    /// Takes every weight and running statistic from `saved`.
    ///
    /// # Errors
    /// When names or shapes differ: what is missing, what is of another shape, what is too many.
    pub(crate) fn restore(&mut self, saved: &[(String, Tensor)]) -> Result<()> {
        let mine: Vec<(&str, Vec<i64>)> = self
            .planned
            .iter()
            .map(|planned| (planned.name.as_str(), planned.shape.clone()))
            .chain(self.buffers.iter().map(|(name, value)| (name.as_str(), value.size())))
            .collect();
        let mut problems = Vec::new();
        for (name, shape) in &mine {
            match saved.iter().find(|(saved, _)| saved == name) {
                None => problems.push(format!("{name} is missing")),
                Some((_, value)) if value.size() != *shape => {
                    problems
                        .push(format!("{name} has shape {:?}, this network's has {shape:?}", value.size()));
                }
                Some(_) => {}
            }
        }
        let extra = saved.iter().filter(|(name, _)| !mine.iter().any(|(mine, _)| mine == name));
        problems.extend(extra.map(|(name, _)| format!("{name} is not part of this network")));
        if let [first, rest @ ..] = problems.as_slice() {
            let more = if rest.is_empty() { String::new() } else { format!(" (and {} more)", rest.len()) };
            bail!("the saved weights are not this network's: {first}{more}");
        }
        let value = |name: &str| saved.iter().find(|(saved, _)| saved == name).map(|(_, value)| value);
        let flat: Vec<Tensor> =
            self.order.iter().filter_map(|&at| value(&self.planned[at].name)).map(stored).collect();
        let flat = Tensor::f_cat(&flat, 0)?;
        self.update(|master| master.copy_(&flat));
        for (name, buffer) in &mut self.buffers {
            if let Some(value) = value(name) {
                buffer.copy_(value);
            }
        }
        Ok(())
    }
}

fn elements(shape: &[i64]) -> i64 {
    shape.iter().product()
}

/// A weight as it lies in the flat tensor: filters with their channels last, which is how the convolutions read and
/// write them.
fn stored(value: &Tensor) -> Tensor {
    if value.dim() == 4 { value.permute([0, 2, 3, 1]).reshape([-1]) } else { value.reshape([-1]) }
}

/// The reverse of [`stored`], as a view.
fn shaped(flat: &Tensor, shape: &[i64]) -> Tensor {
    if let [filters, channels, height, width] = *shape {
        flat.view([filters, height, width, channels]).permute([0, 3, 1, 2])
    } else {
        flat.view(shape)
    }
}
