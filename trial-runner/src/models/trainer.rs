//! The training loop.

use std::{io::Write, time::Instant};

use anyhow::{Context, anyhow};
use serde_json::{Value, json};
use tch::{Device, Kind, Reduction, Tensor};

use super::{
    Failure,
    checkpoint::{Checkpoints, Position, Saved, State},
    data::{Batches, DataSet, Draw, Normalisation, Split, augment::Augmentation, order},
    device,
    network::Model,
    optimizer::Optimizer,
    parameters::Settings,
    signals::Stop,
};

/// What to train on what, how far, and where to keep it.
pub(crate) struct Job<'a> {
    pub(crate) settings: Settings,
    pub(crate) set: &'a DataSet,
    /// What the data is called.
    pub(crate) data: String,
    pub(crate) draw: Draw,
    pub(crate) device: Device,
    /// Epochs to go to, from the first.
    pub(crate) run_to: u32,
    pub(crate) checkpoints: Option<Checkpoints>,
}

/// How a training ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It is as far as it should go.
    Done,
    /// A stop was asked for.
    Stopped,
}

/// Samples a step when nothing has to be kept for a backward pass.
const EVALUATION_BATCH: i64 = 500;

/// How often a CPU, which never has to wait for the answer, looks whether the loss is still a number.
const STEPS_BETWEEN_LOOKS: u32 = 50;

struct Trainer<'a> {
    job: Job<'a>,
    model: Model,
    optimizer: Optimizer,
    batches: Batches,
    /// To train on, as indices into the set.
    train: Tensor,
    validation: Vec<i64>,
    state: State,
    /// Of the epoch so far, float64, on the device: reading it would make a GPU wait.
    loss_sum: Tensor,
}

/// Trains from the newest checkpoint, or from the start, and writes one JSON object a line for each epoch.
///
/// # Errors
/// When data and model do not fit, a checkpoint cannot be read or written, or the loss is no longer a number.
pub(crate) fn train(job: Job<'_>, stop: &Stop, out: &mut dyn Write) -> Result<Ending, Failure> {
    let split = Split::new(job.set, job.draw).map_err(Failure::input)?;
    let normalisation = Normalisation::measure(&job.set.train, &split.train);
    let kind = device::compute_kind(job.settings.precision, job.device);
    let Settings { architecture, rule, schedule, seed, .. } = &job.settings;
    let (shape, classes) = (job.set.shape, job.set.classes);
    let model = Model::new(architecture, shape, classes, *seed, job.device, kind).map_err(Failure::input)?;
    let state = State {
        format: State::FORMAT,
        position: Position { epoch: 0, step: 0 },
        architecture: architecture.clone(),
        data: job.data.clone(),
        shape,
        classes,
        normalisation: normalisation.clone(),
        draw: job.draw,
        rule: *rule,
        optimizer_steps: 0,
        schedule: *schedule,
        seed: *seed,
        loss_sum: 0.0,
        seconds: 0.0,
        history: Vec::new(),
        best_epoch: None,
    };
    let saved = job.checkpoints.as_ref().map(Checkpoints::newest).transpose()?.flatten();
    let mut trainer = Trainer {
        optimizer: Optimizer::new(*rule, model.weights.master(), model.weights.matrices()),
        batches: Batches::new(&job.set.train, &normalisation, job.device),
        train: Tensor::from_slice(&split.train),
        validation: split.validation,
        loss_sum: Tensor::zeros([], (Kind::Double, job.device)),
        model,
        state,
        job,
    };
    if let Some(saved) = saved {
        trainer.resume(saved)?;
    }
    trainer.run(stop, out)
}

impl Trainer<'_> {
    fn resume(&mut self, saved: Saved) -> Result<(), Failure> {
        let Saved { state, weights, moments } = saved;
        self.model.weights.restore(&weights).map_err(|problem| {
            Failure::input(format!(
                "the checkpoint after epoch {} does not fit: {problem:#}\nit holds {:?}\nthe parameters ask for {:?}",
                state.position.epoch, state.architecture, self.state.architecture
            ))
        })?;
        if state.rule.method == self.state.rule.method {
            self.optimizer.restore(state.optimizer_steps, &moments).context("checkpoint")?;
        } else {
            eprintln!("warning: the checkpoint's optimizer is another one: its state starts afresh");
        }
        for (what, differs) in [
            ("data", state.data != self.state.data || state.draw != self.state.draw),
            ("learning-rate schedule", state.schedule != self.state.schedule),
            ("seed", state.seed != self.state.seed),
        ] {
            if differs {
                eprintln!("note: resuming with another {what} than the checkpoint was made with");
            }
        }
        self.loss_sum = Tensor::from(state.loss_sum).to_device(self.job.device);
        self.state.position = state.position;
        self.state.loss_sum = state.loss_sum;
        self.state.seconds = state.seconds;
        self.state.history = state.history;
        self.state.best_epoch = state.best_epoch;
        Ok(())
    }

    fn run(mut self, stop: &Stop, out: &mut dyn Write) -> Result<Ending, Failure> {
        if self.state.position.epoch >= self.job.run_to {
            // The line may have been lost with the process that wrote the checkpoint.
            if let Some(line) = self.state.history.last() {
                print(out, line)?;
            }
            return Ok(Ending::Done);
        }
        while self.state.position.epoch < self.job.run_to {
            if self.epoch(stop, out)? == Ending::Stopped {
                self.commit()?;
                return Ok(Ending::Stopped);
            }
            self.commit()?;
        }
        Ok(Ending::Done)
    }

    fn steps_an_epoch(&self) -> u32 {
        // A last batch that is not full is left out: the order changes with each epoch, so no sample is left out twice.
        u32::try_from(self.train.numel() as i64 / self.job.settings.batch_size).unwrap_or(u32::MAX).max(1)
    }

    fn epoch(&mut self, stop: &Stop, out: &mut dyn Write) -> Result<Ending, Failure> {
        let started = Instant::now();
        let epoch = self.state.position.epoch;
        let order = self.train.index_select(0, &order(self.train.numel(), self.job.settings.seed, epoch));
        let order = order.to_device(self.job.device);
        let (steps, first) = (self.steps_an_epoch(), self.state.position.step);
        let seconds_before = self.state.seconds;
        for step in first..steps {
            if stop.is_asked_for() {
                self.state.seconds = seconds_before + started.elapsed().as_secs_f64();
                return Ok(Ending::Stopped);
            }
            self.step(&order, steps, step)?;
            self.state.position.step = step + 1;
            if self.job.device == Device::Cpu && step % STEPS_BETWEEN_LOOKS == 0 {
                let loss = self.loss_sum.double_value(&[]);
                if !loss.is_finite() {
                    return Err(self.diverged(loss, f64::NAN, f64::NAN, out));
                }
            }
        }
        let train_loss = self.loss_sum.double_value(&[]) / f64::from(steps);
        self.state.seconds = seconds_before + started.elapsed().as_secs_f64();
        let images_per_second = f64::from(steps) * self.batch() as f64 / self.state.seconds;
        if !train_loss.is_finite() {
            return Err(self.diverged(train_loss, f64::NAN, f64::NAN, out));
        }
        let evaluating = Instant::now();
        let Some((accuracy, loss)) = evaluate(&self.model, &self.batches, &self.validation, stop) else {
            return Ok(Ending::Stopped);
        };
        if !loss.is_finite() {
            return Err(self.diverged(train_loss, loss, accuracy, out));
        }
        let line = json!({
            "epoch": epoch + 1,
            "accuracy": accuracy,
            "loss": loss,
            "train_loss": train_loss,
            "learning_rate": self.state.schedule.rate(f64::from(epoch) + 1.0),
            "images_per_second": images_per_second.round(),
            "seconds": rounded(self.state.seconds + evaluating.elapsed().as_secs_f64()),
        });
        print(out, &line)?;
        self.finish_epoch(line);
        Ok(Ending::Done)
    }

    fn batch(&self) -> i64 {
        self.job.settings.batch_size.min(self.train.numel() as i64)
    }

    fn step(&mut self, order: &Tensor, steps: u32, step: u32) -> Result<(), Failure> {
        let settings = &self.job.settings;
        let epoch = self.state.position.epoch;
        let batch = self.batch();
        // Dropout and augmentation of every step have a seed of their own: a resumed training draws what an unbroken
        // one would have drawn.
        tch::manual_seed(step_seed(settings.seed, epoch, step));
        let (x, y) =
            self.batches.gather(&order.narrow(0, i64::from(step) * batch, batch), settings.augmentation);
        let logits = self.model.logits(&x, true);
        let loss = logits.f_cross_entropy_loss(
            &y,
            None::<&Tensor>,
            Reduction::Mean,
            -100,
            settings.label_smoothing,
        )?;
        let mut gradient = self.model.weights.gradient(&loss)?;
        if let Some(limit) = settings.gradient_clip {
            let scale = (limit / (gradient.norm() + 1e-6)).clamp_max(1.0);
            let _ = gradient.g_mul_(&scale);
        }
        let rate = self.state.schedule.rate(f64::from(epoch) + f64::from(step) / f64::from(steps));
        let optimizer = &mut self.optimizer;
        self.model.weights.update(|weights| optimizer.step(weights, gradient, rate));
        self.loss_sum += loss.detach();
        Ok(())
    }

    fn finish_epoch(&mut self, line: Value) {
        let accuracy = |line: &Value| line["accuracy"].as_f64();
        self.state.history.push(line);
        let best = self.state.history.iter().max_by(|a, b| {
            // Of equal ones the earlier: it took less training.
            accuracy(a)
                .partial_cmp(&accuracy(b))
                .unwrap_or(std::cmp::Ordering::Equal)
                .then(std::cmp::Ordering::Greater)
        });
        self.state.best_epoch =
            best.and_then(|line| line["epoch"].as_u64()).and_then(|epoch| u32::try_from(epoch).ok());
        self.state.position = Position { epoch: self.state.position.epoch + 1, step: 0 };
        self.state.seconds = 0.0;
        let _ = self.loss_sum.zero_();
    }

    fn commit(&mut self) -> Result<(), Failure> {
        let Some(checkpoints) = &self.job.checkpoints else { return Ok(()) };
        if self.state.position == (Position { epoch: 0, step: 0 }) {
            return Ok(());
        }
        self.state.loss_sum = self.loss_sum.double_value(&[]);
        self.state.optimizer_steps = self.optimizer.steps();
        checkpoints.commit(&self.state, &self.model.weights, &self.optimizer)?;
        Ok(())
    }

    /// Prints the epoch's line as it is, and says what to do.
    fn diverged(&self, train_loss: f64, loss: f64, accuracy: f64, out: &mut dyn Write) -> Failure {
        let number = |x: f64| if x.is_finite() { x.to_string() } else { "NaN".to_owned() };
        let epoch = self.state.position.epoch + 1;
        let line = format!(
            r#"{{"epoch":{epoch},"accuracy":{},"loss":{},"train_loss":{}}}"#,
            number(accuracy),
            number(loss),
            number(train_loss)
        );
        if let Err(error) = writeln!(out, "{line}").and_then(|()| out.flush()) {
            return anyhow!(error).into();
        }
        let rate = self.state.schedule.rate(f64::from(epoch - 1));
        anyhow!(
            "the loss is no longer a number in epoch {epoch}: the training diverged. The learning rate there is \
             {rate:.3e}; try a third of it, or set gradientClip"
        )
        .into()
    }
}

/// Accuracy and mean loss over the samples at `indices`; nothing when a stop was asked for in between.
pub(crate) fn evaluate(model: &Model, batches: &Batches, indices: &[i64], stop: &Stop) -> Option<(f64, f64)> {
    let _guard = tch::no_grad_guard();
    let device = batches.device();
    let mut correct = Tensor::zeros([], (Kind::Int64, device));
    let mut loss = Tensor::zeros([], (Kind::Double, device));
    let on_device = Tensor::from_slice(indices).to_device(device);
    for part in on_device.split(EVALUATION_BATCH, 0) {
        if stop.is_asked_for() {
            return None;
        }
        let (x, y) = batches.gather(&part, Augmentation::default());
        let logits = model.logits(&x, false);
        correct += logits.argmax(1, false).eq_tensor(&y).sum(Kind::Int64);
        loss += logits.cross_entropy_loss(&y, None::<&Tensor>, Reduction::Sum, -100, 0.0);
    }
    let count = indices.len() as f64;
    Some((correct.int64_value(&[]) as f64 / count, loss.double_value(&[]) / count))
}

/// A seed of its own for each step of each run.
fn step_seed(seed: i64, epoch: u32, step: u32) -> i64 {
    let mixed =
        seed.unsigned_abs().wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (u64::from(epoch) << 32 | u64::from(step));
    (mixed.wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 1).cast_signed()
}

fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

fn print(out: &mut dyn Write, line: &Value) -> Result<(), Failure> {
    writeln!(out, "{line}").and_then(|()| out.flush()).context("cannot write the metrics")?;
    Ok(())
}
