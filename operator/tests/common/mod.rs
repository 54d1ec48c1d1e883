//! Runs the program and keeps what it said.

use std::process::{Command, Stdio};

/// The built program.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_temper");

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Run {
    /// Exit code; -1 when a signal ended it.
    pub(crate) code: i32,
    /// All of it.
    #[allow(dead_code, reason = "not every test program needs it")]
    pub(crate) stdout: String,
    /// All of it.
    pub(crate) stderr: String,
}

impl Run {
    /// The same, when the exit code was 0.
    #[track_caller]
    #[allow(dead_code, reason = "not every test program needs it")]
    pub(crate) fn success(self) -> Self {
        assert_eq!(self.code, 0, "{}", self.stderr);
        self
    }
}

/// `temper` with these arguments, without input.
#[allow(dead_code, reason = "not every test program needs it")]
pub(crate) fn temper(arguments: &[&str]) -> Run {
    run(Command::new(PROGRAM).args(arguments))
}

/// Any command, without input and without this process's wishes about colours.
pub(crate) fn run(command: &mut Command) -> Run {
    let output = command
        .stdin(Stdio::null())
        .env_remove("NO_COLOR")
        .env_remove("CLICOLOR_FORCE")
        .output()
        .expect("the program starts");
    Run {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).expect("utf-8"),
        stderr: String::from_utf8(output.stderr).expect("utf-8"),
    }
}
