//! The `temper-runner` command line: one file for each command.

mod exec;
mod install;
#[cfg(feature = "pod")]
mod pod;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Runs one trial: wraps a training command, or trains a built-in model
#[derive(Parser)]
#[command(name = "temper-runner", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Exec(Box<exec::Exec>),
    Install(install::Install),
    #[cfg(feature = "pod")]
    Pod(pod::Pod),
    /// Run the trials of a pod (not in this build)
    #[cfg(not(feature = "pod"))]
    #[command(hide = true)]
    Pod,
    /// Train a built-in model and print one metric line per epoch
    #[cfg(feature = "torch")]
    Train(crate::models::cli::TrainArgs),
    /// Measure a trained model's checkpoint on a split of its data and print one line
    #[cfg(feature = "torch")]
    Evaluate(crate::models::cli::EvaluateArgs),
    /// Train a built-in model (not in this build)
    #[cfg(not(feature = "torch"))]
    #[command(disable_help_flag = true)]
    Train(WithoutModels),
    /// Measure a trained model's checkpoint (not in this build)
    #[cfg(not(feature = "torch"))]
    #[command(disable_help_flag = true)]
    Evaluate(WithoutModels),
    /// Run trials for an executor, which speaks JSON lines on stdin and stdout
    #[command(hide = true)]
    Agent,
}

/// Takes any arguments, so that the answer is how to get the built-in models and not a quarrel over a flag.
#[cfg(not(feature = "torch"))]
#[derive(Debug, clap::Args)]
struct WithoutModels {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _arguments: Vec<String>,
}

/// How a command ends.
enum Exit {
    Done,
    Failed,
    WrongInput,
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::WrongInput => 2,
            // 128 + SIGINT, as shells report a program that the signal ended.
            Exit::Interrupted => 130,
        })
    }
}

/// Parses the command line, runs the command, and says with which code to exit: 0 done, 1 failed, 2 wrong input, 130
/// interrupted.
pub fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Exec(exec) => code(exec.run()),
        Command::Install(install) => code(install.run()),
        #[cfg(feature = "pod")]
        Command::Pod(pod) => pod.run(),
        #[cfg(not(feature = "pod"))]
        Command::Pod => {
            eprintln!(
                "error: this temper-runner was built without what a pod needs\n\
                 In the source tree: cargo build --release -p temper-runner --features pod"
            );
            Exit::WrongInput.into()
        }
        Command::Agent => code(crate::agent::serve().map(|()| Exit::Done).map_err(Into::into)),
        #[cfg(feature = "torch")]
        Command::Train(args) => args.run(),
        #[cfg(feature = "torch")]
        Command::Evaluate(args) => args.run(),
        #[cfg(not(feature = "torch"))]
        Command::Train(_) | Command::Evaluate(_) => {
            eprintln!(
                "error: this temper-runner was built without the built-in models\n\
                 In the source tree: scripts/setup-torch.sh, then \
                 cargo build --release -p temper-runner --features torch"
            );
            Exit::WrongInput.into()
        }
    }
}

/// The exit code, after an error was printed.
fn code(done: anyhow::Result<Exit>) -> ExitCode {
    let exit = done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        Exit::Failed
    });
    exit.into()
}
