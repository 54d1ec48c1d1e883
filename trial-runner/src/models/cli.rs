//! `temper-runner train` and `temper-runner evaluate`.

use std::{
    env, fs,
    io::{self, Write},
    panic,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, anyhow};
use clap::Args;
use serde_json::{Map, Value, json};
use tch::Device;

use super::{
    Failure, checkpoint,
    checkpoint::Checkpoints,
    data::{Batches, DataSet, Draw, Source, Split},
    device,
    network::{Family, Model},
    parameters::{Flags, Settings},
    signals::Stop,
    trainer::{self, Ending, Job},
};

/// Train a built-in model.
#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// The model; a parameter `model` goes first.
    #[arg(long, value_enum)]
    model: Option<Family>,
    /// fashion-mnist, mnist, cifar10, idx:DIR, csv:FILE, npy:FILE.npz or npy:DIR.
    #[arg(long, required_unless_present = "list_parameters")]
    data: Option<Source>,
    /// A parameter, as --set lr=0.01; goes before those of the file.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// A JSON object of parameters.
    #[arg(long, env = "TEMPER_PARAMETERS", value_name = "FILE")]
    parameters: Option<PathBuf>,
    /// Epochs that the learning-rate schedule spans, and to go to where `TEMPER_RESOURCE_MAX` says nothing.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    epochs: Option<u32>,
    /// Train on that many samples only.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    subset: Option<u32>,
    /// Share of the training samples that the epochs are measured on.
    #[arg(long, value_name = "SHARE", default_value_t = 0.1, value_parser = fraction)]
    val_fraction: f64,
    #[command(flatten)]
    machine: Machine,
    /// Where to save after each epoch, and to resume from.
    #[arg(long, env = "TEMPER_CHECKPOINT_DIR", value_name = "DIR")]
    checkpoint_dir: Option<PathBuf>,
    /// Epochs to go to.
    #[arg(long, env = "TEMPER_RESOURCE_MAX", value_name = "EPOCHS", value_parser = whole, hide = true)]
    resource_max: Option<u32>,
    /// Print the parameters of --model and end.
    #[arg(long, requires = "model")]
    list_parameters: bool,
}

/// Measure a trained model.
#[derive(Debug, Args)]
pub(crate) struct EvaluateArgs {
    /// A checkpoint, or a folder of them (then its best).
    #[arg(long, value_name = "DIR")]
    model_dir: PathBuf,
    /// The data, when it is not what the model was trained on.
    #[arg(long)]
    data: Option<Source>,
    /// Which part of it.
    #[arg(long, value_enum, default_value_t = Part::Test)]
    split: Part,
    #[command(flatten)]
    machine: Machine,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Part {
    Train,
    Validation,
    Test,
}

#[derive(Debug, Args)]
struct Machine {
    /// What to compute on.
    #[arg(long, value_enum, default_value_t)]
    device: device::Wish,
    /// Threads of the CPU [default: `OMP_NUM_THREADS`, else the cores this process may use].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    threads: Option<i32>,
}

impl Machine {
    fn set_up(&self) -> Result<Device, Failure> {
        device::keep_freed_memory();
        let device = device::choose(self.device)?;
        device::set_threads(self.threads);
        Ok(device)
    }
}

impl TrainArgs {
    /// Runs the command and says how it went.
    pub(crate) fn run(self) -> ExitCode {
        report(move || self.train())
    }

    fn train(self) -> Result<ExitCode, Failure> {
        if let (true, Some(family)) = (self.list_parameters, self.model) {
            list(family)?;
            return Ok(ExitCode::SUCCESS);
        }
        let source = self.data.clone().ok_or_else(|| Failure::input("--data is missing"))?;
        let stop = Stop::on_signals()?;
        let flags = Flags { model: self.model, epochs: self.epochs, run_to: self.resource_max };
        let settings = Settings::read(self.given()?, flags).map_err(Failure::Input)?;
        let device = self.machine.set_up()?;
        let checkpoints = self.checkpoint_dir.as_deref().map(Checkpoints::create).transpose()?;
        let set = read(&source)?;
        let job = Job {
            run_to: self.resource_max.unwrap_or(settings.epochs),
            draw: Draw {
                seed: settings.data_seed,
                validation_fraction: self.val_fraction,
                subset: self.subset,
            },
            data: source.to_string(),
            set: &set,
            settings,
            device,
            checkpoints,
        };
        let ending = trainer::train(job, &stop, &mut io::stdout().lock())?;
        if ending == Ending::Stopped {
            eprintln!("stopped as asked");
        }
        Ok(if stop.is_by_hand() { ExitCode::from(130) } else { ExitCode::SUCCESS })
    }

    /// The parameters of the file, with those of `--set` over them.
    fn given(&self) -> Result<Map<String, Value>, Failure> {
        let mut given = self.parameters.as_deref().map(read_parameters).transpose()?.unwrap_or_default();
        let mut problems = Vec::new();
        for setting in &self.set {
            match setting.split_once('=') {
                Some((name, value)) if !name.is_empty() => {
                    let value =
                        serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
                    given.insert(name.to_owned(), value);
                }
                _ => problems.push(format!("--set {setting}: not of the form NAME=VALUE")),
            }
        }
        if problems.is_empty() { Ok(given) } else { Err(Failure::Input(problems)) }
    }
}

impl EvaluateArgs {
    /// Runs the command and says how it went.
    pub(crate) fn run(self) -> ExitCode {
        report(move || self.evaluate())
    }

    fn evaluate(self) -> Result<ExitCode, Failure> {
        let stop = Stop::on_signals()?;
        let device = self.machine.set_up()?;
        let saved = checkpoint::read_best(&self.model_dir)
            .map_err(|problem| Failure::input(format!("{problem:#}")))?;
        let state = saved.state;
        let source = match self.data {
            Some(source) => source,
            None => state
                .data
                .parse()
                .map_err(|problem| Failure::input(format!("the checkpoint's data: {problem}")))?,
        };
        let set = read(&source)?;
        if set.shape != state.shape || set.classes > state.classes {
            return Err(Failure::input(format!(
                "data {source} has samples {:?} of {} classes; the model reads {:?} of {}",
                set.shape, set.classes, state.shape, state.classes
            )));
        }
        let kind = tch::Kind::Float;
        let mut model = Model::new(&state.architecture, state.shape, state.classes, 0, device, kind)
            .map_err(Failure::input)?;
        model.weights.restore(&saved.weights)?;
        let split = Split::new(&set, state.draw).map_err(Failure::input)?;
        let (samples, indices) = match (self.split, &set.test) {
            (Part::Train, _) => (&set.train, split.train),
            (Part::Validation, _) => (&set.train, split.validation),
            (Part::Test, Some(test)) => (test, (0..test.len()).collect()),
            (Part::Test, None) => (&set.train, split.test),
        };
        let batches = Batches::new(samples, &state.normalisation, device);
        let Some((accuracy, loss)) = trainer::evaluate(&model, &batches, &indices, &stop) else {
            return Err(anyhow!("stopped as asked").into());
        };
        let part = match self.split {
            Part::Train => "train",
            Part::Validation => "validation",
            Part::Test => "test",
        };
        let line = json!({
            "split": part,
            "accuracy": accuracy,
            "loss": loss,
            "samples": indices.len(),
            "epoch": state.position.epoch,
        });
        writeln!(io::stdout(), "{line}").context("cannot write the result")?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Runs `command`, says what went wrong on stderr, and gives the exit code. libtorch's own failures (out of memory,
/// a broken driver) arrive as panics and are told as errors.
fn report(command: impl FnOnce() -> Result<ExitCode, Failure> + panic::UnwindSafe) -> ExitCode {
    panic::set_hook(Box::new(|info| {
        let text = info.payload_as_str().unwrap_or("it gave no reason");
        eprintln!("error: libtorch could not go on: {text}");
        if env::var_os("RUST_BACKTRACE").is_some() {
            eprintln!("{info}\n{}", std::backtrace::Backtrace::force_capture());
        }
    }));
    match panic::catch_unwind(command) {
        Ok(Ok(code)) => code,
        Ok(Err(failure)) => {
            eprintln!("error: {failure}");
            ExitCode::from(failure.exit_code())
        }
        Err(_) => ExitCode::FAILURE,
    }
}

fn read(source: &Source) -> Result<DataSet, Failure> {
    source.read().map_err(|problem| Failure::input(format!("{problem:#}")))
}

fn read_parameters(path: &Path) -> Result<Map<String, Value>, Failure> {
    let wrong = |problem: String| Failure::input(format!("parameters {}: {problem}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| wrong(format!("not a JSON object: {error}")))
}

fn list(family: Family) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    for known in Settings::known(family) {
        let names: Vec<&str> = std::iter::once(&known.name).chain(known.aliases).copied().collect();
        writeln!(out, "{:<36} {}\n{:<36} {}", names.join(", "), known.about, "", known.allowed)
            .context("stdout")?;
    }
    Ok(())
}

fn fraction(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_| format!("{text} is no number"))?;
    if share > 0.0 && share < 1.0 { Ok(share) } else { Err(format!("{text} is not between 0 and 1")) }
}

/// A count of epochs, as a scheduler may write it: 9 or 9.0.
fn whole(text: &str) -> Result<u32, String> {
    let count: f64 = text.parse().map_err(|_| format!("{text} is no number"))?;
    if count >= 1.0 && count.fract() == 0.0 && count < 1e9 {
        Ok(count as u32)
    } else {
        Err(format!("{text} is no count of epochs"))
    }
}
