//! The `temper-runner` command.
fn main() {}
