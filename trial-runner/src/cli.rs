//! The command line of `temper-runner`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Runs one trial: wraps a training command, or trains a built-in model.
#[derive(Debug, Parser)]
#[command(name = "temper-runner", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train a built-in model (not in this build).
    #[command(disable_help_flag = true)]
    Train(WithoutModels),
    /// Measure a trained model's checkpoint (not in this build).
    #[command(disable_help_flag = true)]
    Evaluate(WithoutModels),
}

/// Takes any arguments, so that the answer is how to get the built-in models and not a quarrel over a flag.
#[derive(Debug, clap::Args)]
struct WithoutModels {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _arguments: Vec<String>,
}

/// Parses the command line, runs the command, and says with which code to exit: 0 done, 1 failed, 2 wrong input.
pub fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Train(_) | Command::Evaluate(_) => {
            eprintln!(
                "error: this temper-runner was built without the built-in models\n\
                 In the source tree: scripts/setup-torch.sh, then \
                 cargo build --release -p temper-runner --features torch"
            );
            ExitCode::from(2)
        }
    }
}
