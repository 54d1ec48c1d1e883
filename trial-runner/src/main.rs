//! The `temper-runner` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    temper_runner::cli::main()
}
