//! Helpers shared by the end-to-end tests: the real programs, started as a user starts them.
//!
//! The programs are those of `make build` (`target/release`), or what `TEMPER` and `TEMPER_RUNNER` name.

#![allow(clippy::panic, clippy::missing_panics_doc, reason = "helpers of tests fail by panicking")]

pub mod cluster;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

/// Root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// A program of `make build`.
fn program(variable: &str, name: &str) -> PathBuf {
    let path = env::var_os(variable).map_or_else(|| root().join("target/release").join(name), PathBuf::from);
    assert!(path.exists(), "{} is not there: run `make build` first", path.display());
    path
}

/// A command of `temper`, in the repository's root, with `temper-runner` and the Python environment on the path.
pub fn temper(arguments: &[&str]) -> Command {
    let temper = program("TEMPER", "temper");
    let runner = program("TEMPER_RUNNER", "temper-runner");
    let mut folders =
        vec![root().join(".venv/bin"), runner.parent().map(Path::to_path_buf).unwrap_or_default()];
    folders.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    let mut command = Command::new(temper);
    command.args(arguments).current_dir(root());
    if let Ok(path) = env::join_paths(folders) {
        command.env("PATH", path);
    }
    command
}

/// Runs it to its end; shows what it printed when it did not do well.
pub fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// What it printed, as JSON.
pub fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error} in {}", String::from_utf8_lossy(&output.stdout)))
}

/// An example's manifest with some of its text changed, as a file below `folder`.
pub fn shortened(example: &str, changes: &[(&str, &str)], folder: &Path) -> PathBuf {
    let manifest = root().join("examples").join(example).join("job.yaml");
    let mut text =
        fs::read_to_string(&manifest).unwrap_or_else(|error| panic!("{}: {error}", manifest.display()));
    for (from, to) in changes {
        assert!(text.contains(from), "{example} has no {from:?} any more");
        text = text.replace(from, to);
    }
    let file = folder.join(format!("{example}.yaml"));
    fs::write(&file, text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    file
}
