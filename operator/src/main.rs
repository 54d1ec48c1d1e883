//! The `temper` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    temper_operator::cli::main(std::env::args_os())
}
