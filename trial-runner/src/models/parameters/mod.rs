//! The hyperparameters of a built-in model: their names, types, limits and defaults.

mod reader;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub(crate) use self::reader::{Known, did_you_mean};
use self::reader::{Range, Reader};
use crate::models::{
    data::augment::Augmentation,
    network::{Architecture, Family},
    optimizer::{Method, Rule},
    schedule::{Schedule, Shape},
};

/// How to cast the weights and activations of the forward and backward pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Precision {
    /// bfloat16 on a GPU, float32 on a CPU.
    Auto,
    Float32,
    /// Master weights, normalisation and the loss stay in float32.
    Bfloat16,
}

/// Everything that decides what a training run computes, but for the data.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settings {
    pub(crate) architecture: Architecture,
    pub(crate) rule: Rule,
    pub(crate) schedule: Schedule,
    pub(crate) batch_size: i64,
    pub(crate) label_smoothing: f64,
    pub(crate) augmentation: Augmentation,
    /// The greatest norm of the whole gradient.
    pub(crate) gradient_clip: Option<f64>,
    pub(crate) precision: Precision,
    /// Initial weights, order of the samples, dropout and augmentation are drawn from it.
    pub(crate) seed: i64,
    /// The validation part is drawn from it, and from nothing else.
    pub(crate) data_seed: u64,
    /// How many epochs the schedule spans.
    pub(crate) epochs: u32,
}

/// What the command line says where the parameters do not.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Flags {
    pub(crate) model: Option<Family>,
    pub(crate) epochs: Option<u32>,
    /// `TEMPER_RESOURCE_MAX`: the epochs to go to, which is all that is known of the horizon where no `epochs` is
    /// given.
    pub(crate) run_to: Option<u32>,
}

const EPOCHS: u32 = 10;

impl Settings {
    /// Reads every parameter.
    ///
    /// # Errors
    /// Every problem there is: unknown names with the nearest known one, wrong types, values out of range.
    pub(crate) fn read(given: Map<String, Value>, flags: Flags) -> Result<Self, Vec<String>> {
        let mut reader = Reader::new(given);
        let settings = read(&mut reader, flags);
        let mut problems = reader.finish();
        match settings {
            Some(settings) if problems.is_empty() => Ok(settings),
            None if problems.is_empty() => {
                let models: Vec<&str> = Family::ALL.iter().map(|(name, _)| *name).collect();
                problems.push(format!(
                    "no model: give --model or a parameter model, one of {}",
                    models.join(", ")
                ));
                Err(problems)
            }
            _ => Err(problems),
        }
    }

    /// The parameters that `family` understands.
    pub(crate) fn known(family: Family) -> Vec<Known> {
        let mut reader = Reader::new(Map::new());
        read(&mut reader, Flags { model: Some(family), ..Flags::default() });
        reader.known().to_vec()
    }
}

const POSITIVE: Range = Range::Above(0.0, f64::INFINITY);
const NOT_NEGATIVE: Range = Range::Closed(0.0, f64::INFINITY);
const FRACTION: Range = Range::HalfOpen(0.0, 1.0);

fn read(reader: &mut Reader, flags: Flags) -> Option<Settings> {
    let family = reader.choice("model", &[], &Family::ALL, "the model").or(flags.model);
    let architecture = architecture(reader, family);
    let rule = rule(reader);
    let epochs = reader.int(
        "epochs",
        &["maxEpochs"],
        1..=1_000_000,
        "how many epochs the schedule spans (default 10)",
    );
    let epochs =
        flags.epochs.or(epochs.and_then(|epochs| epochs.try_into().ok())).or(flags.run_to).unwrap_or(EPOCHS);
    let schedule = schedule(reader, rule.method, epochs);
    let batch_size =
        reader.int("batchSize", &["batch"], 1..=1 << 20, "samples a step (default 128)").unwrap_or(128);
    let label_smoothing = reader
        .float("labelSmoothing", &[], FRACTION, "share of the target spread over all classes (default 0)")
        .unwrap_or(0.0);
    let augmentation = reader
        .text(
            "augmentation",
            &["augment"],
            Augmentation::ALLOWED,
            "random changes of the images (default none)",
            str::parse,
        )
        .unwrap_or_default();
    let gradient_clip =
        reader.float("gradientClip", &["clip"], POSITIVE, "greatest norm of the gradient (default no limit)");
    let precision = reader
        .choice(
            "precision",
            &[],
            &[("auto", Precision::Auto), ("float32", Precision::Float32), ("bfloat16", Precision::Bfloat16)],
            "of the forward and backward pass (default auto: bfloat16 on a GPU, float32 on a CPU)",
        )
        .unwrap_or(Precision::Auto);
    let seed = reader
        .int("seed", &[], 0..=i64::MAX, "of weights, order, dropout and augmentation (default 0)")
        .unwrap_or(0);
    let data_seed =
        reader.int("dataSeed", &[], 0..=i64::MAX, "of the validation split (default 0)").unwrap_or(0);
    Some(Settings {
        architecture: architecture?,
        rule,
        schedule,
        batch_size,
        label_smoothing,
        augmentation,
        gradient_clip,
        precision,
        seed,
        data_seed: data_seed.unsigned_abs(),
        epochs,
    })
}

fn rule(reader: &mut Reader) -> Rule {
    let method = reader
        .choice("optimizer", &["optim"], &Method::ALL, "how the weights are updated (default adamw)")
        .unwrap_or(Method::AdamW);
    let decay = if method == Method::AdamW { 0.01 } else { 5e-4 };
    Rule {
        method,
        momentum: reader.float("momentum", &[], FRACTION, "for sgd (default 0.9)").unwrap_or(0.9),
        nesterov: reader.bool("nesterov", &[], "for sgd (default true)").unwrap_or(true),
        beta1: reader.float("beta1", &[], FRACTION, "for adam and adamw (default 0.9)").unwrap_or(0.9),
        beta2: reader.float("beta2", &[], FRACTION, "for adam and adamw (default 0.999)").unwrap_or(0.999),
        weight_decay: reader
            .float(
                "weightDecay",
                &["wd"],
                NOT_NEGATIVE,
                "of matrices, not of biases and normalisation (default 0.01 for adamw, else 0.0005)",
            )
            .unwrap_or(decay),
    }
}

fn schedule(reader: &mut Reader, method: Method, epochs: u32) -> Schedule {
    let peak = reader
        .float(
            "learningRate",
            &["lr"],
            POSITIVE,
            "the greatest learning rate (default 0.05 for sgd, else 0.002)",
        )
        .unwrap_or(if method == Method::Sgd { 0.05 } else { 0.002 });
    let shape = reader
        .choice(
            "schedule",
            &["learningRateSchedule", "lrSchedule"],
            &Shape::ALL,
            "of the learning rate (default oneCycle)",
        )
        .unwrap_or(Shape::OneCycle);
    let warmup_epochs = reader.float(
        "warmupEpochs",
        &["warmup"],
        NOT_NEGATIVE,
        "of linear warm-up (default 0; 1 for schedule warmup; a quarter of all for oneCycle)",
    );
    let step_epochs = reader.int(
        "stepEpochs",
        &["stepSize"],
        1..=i64::MAX,
        "for schedule step: epochs between drops (default a third of all)",
    );
    let gamma = reader.float(
        "gamma",
        &[],
        Range::Above(0.0, 1.0),
        "for schedule step: factor at each drop (default 0.1)",
    );
    Schedule::new(shape, peak, epochs, warmup_epochs, step_epochs, gamma)
}

/// The parameters of the chosen model. Those of the other models are known too, and without effect, so that one
/// space can hold `model` itself.
fn architecture(reader: &mut Reader, family: Option<Family>) -> Option<Architecture> {
    let width = reader.int(
        "width",
        &["channels"],
        1..=8192,
        "cnn, resnet: channels of the first stage, doubled at each (default 16); transformer: of a token (default 64)",
    );
    let hidden =
        reader.int("hidden", &["hiddenSize"], 1..=65536, "mlp, cnn: units of a hidden layer (default 128)");
    let layers = reader.int(
        "layers",
        &["depth"],
        1..=200,
        "mlp: hidden layers (default 2); cnn: convolutions (3); resnet: blocks a stage (1); transformer: blocks (4)",
    );
    let kernel = reader.choice(
        "kernel",
        &["kernelSize"],
        &[("3", 3), ("5", 5), ("7", 7)],
        "cnn: side of the filters (default 3)",
    );
    let heads =
        reader.int("heads", &[], 1..=256, "transformer: attention heads, a divisor of width (default 4)");
    let patch =
        reader.int("patch", &["patchSize"], 1..=256, "transformer: side of an image patch (default 4)");
    let dropout = reader
        .float("dropout", &[], Range::HalfOpen(0.0, 1.0), "share of units silenced in training (default 0)")
        .unwrap_or(0.0);
    let heads = heads.unwrap_or(4);
    Some(match family? {
        Family::Mlp => {
            Architecture::Mlp { hidden: hidden.unwrap_or(128), layers: layers.unwrap_or(2), dropout }
        }
        Family::Cnn => Architecture::Cnn {
            width: width.unwrap_or(16),
            layers: layers.unwrap_or(3),
            kernel: kernel.unwrap_or(3),
            hidden: hidden.unwrap_or(128),
            dropout,
        },
        Family::Resnet => {
            Architecture::Resnet { width: width.unwrap_or(16), layers: layers.unwrap_or(1), dropout }
        }
        Family::Transformer => {
            let width = width.unwrap_or(64);
            if width % heads != 0 {
                reader.problem(format!("parameter heads: {heads} does not divide width {width}"));
            }
            Architecture::Transformer {
                width,
                layers: layers.unwrap_or(4),
                heads,
                patch: patch.unwrap_or(4),
                dropout,
            }
        }
    })
}
