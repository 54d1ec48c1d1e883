//! `temper-runner pod`: the agent as the first process of a trial's container.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;

use super::Exit;
use crate::agent::{NoPod, run_in_pod};

/// Run the trials of a pod, as its environment and the Kubernetes API say
///
/// The operator makes this the command of the container that trains: TEMPER_POD says what to run and in which pod, and
/// TEMPER_POD_UID which pod of that name it is. The agent reads its Trial, runs the command, and writes the Trial's
/// status.report. SIGTERM lets the trial save its state and ends it as paused. The exit code of a pod for one trial is 0
/// when the trial is over or paused and that of its command when it has failed; 2 when the environment is wrong.
#[derive(Args)]
#[command(hide = true)]
#[allow(clippy::doc_markdown, reason = "the comments are the help that a person reads in the terminal")]
pub(super) struct Pod {
    /// Speak to the API server as this kubeconfig says, not as the pod's service account
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
}

impl Pod {
    pub(super) fn run(self) -> ExitCode {
        match run_in_pod(self.kubeconfig.as_deref()) {
            Ok(code) => code.into(),
            Err(NoPod::Environment(problems)) => {
                for problem in problems.lines() {
                    eprintln!("error: {problem}");
                }
                Exit::WrongInput.into()
            }
            Err(NoPod::Process(error)) => {
                eprintln!("error: {error}");
                Exit::Failed.into()
            }
        }
    }
}
