//! `temper agent`: what `temper run` starts for each slot.

use anyhow::Context;

use super::{Exit, Failure};

/// Run trials for an executor that speaks over stdin and stdout
#[derive(clap::Args)]
#[command(hide = true)]
pub(super) struct Agent {}

impl Agent {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let Self {} = self;
        temper_runner::agent::serve().context("the agent cannot be set up")?;
        Ok(Exit::Done)
    }
}
