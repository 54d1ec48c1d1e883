//! `temper ask-tell`.

use std::{
    io::{self, BufRead, Write},
    path::PathBuf,
    time::Instant,
};

use anyhow::{Context, anyhow};

use super::{Exit, Failure, Shell, source::Manifest, warm_start};
use crate::{ask_tell::AskTell, plan::Millis};

/// Speak JSON lines with a program that runs the trials itself
///
/// Each line of stdin gets one line on stdout, in order.
///
/// {"ask": 1} is answered by {"trials": [{"id": 0, "parameters": {...}}]}; with fewer trials than asked for, by a
/// "reason" too. {"tell": {"id": 0, "metrics": {"loss": 0.3}}} ends a trial; with "step": 3 it goes on, and under a
/// scheduler the answer says "decision": "continue", "stop" or "pause". A paused trial may be given out again, with
/// "resume": true and how far it goes, "runTo". {"tell": {"id": 0, "failed": true}} tells a failure. What cannot be
/// understood is answered by {"error": "..."}.
#[derive(clap::Args)]
#[command(after_help = r#"echo '{"ask": 2}' | temper ask-tell job.yaml"#)]
pub(super) struct AskTellCommand {
    /// The job. Its trial section is not used.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl AskTellCommand {
    pub(super) fn run(self, shell: Shell) -> Result<Exit, Failure> {
        if self.file.as_os_str() == "-" {
            return Err(Failure::wrong_input(anyhow!(
                "the job cannot come from stdin: that is for asking and telling"
            )));
        }
        let job = Manifest::from(self.file).job(shell)?;
        let begin = Instant::now();
        let now = || Millis(begin.elapsed().as_millis() as u64);
        let learned = warm_start::learn(&job, warm_start::at_home())?;
        if let Some(learned) = &learned {
            shell.note(&learned.message);
        }
        let mut dialogue = AskTell::new(&job, learned, now()).map_err(|invalid| {
            let lines: Vec<String> = invalid.iter().map(ToString::to_string).collect();
            anyhow!("{}", lines.join("\n"))
        })?;
        let mut input = io::stdin().lock();
        let mut out = shell.out();
        let mut line = Vec::new();
        while input.read_until(b'\n', &mut line).context("cannot read stdin")? > 0 {
            // What is no UTF-8 is no JSON either.
            let answer = dialogue.answer(&String::from_utf8_lossy(&line), now());
            serde_json::to_writer(&mut out, &answer).map_err(io::Error::from)?;
            writeln!(out)?;
            out.flush()?;
            line.clear();
        }
        Ok(Exit::Done)
    }
}
