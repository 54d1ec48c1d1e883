//! `temper suspend` and `temper resume`.

use std::io::Write;

use anyhow::anyhow;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::json;
use temper_crds::TuningJob;

use super::{
    Exit, Failure, Shell,
    cluster::{ClusterOptions, Connection},
};

/// Suspend jobs on a cluster: their trials save what they have and give their pods back
///
/// Trials that save checkpoints go on from them after temper resume; others start again. A suspended job uses up none
/// of its maxDuration. The same as setting spec.suspend.
#[derive(clap::Args)]
#[command(after_help = "\
temper suspend fashion
temper suspend fashion digits -n research")]
#[allow(clippy::doc_markdown, reason = "the comments are the command's help")]
pub(super) struct Suspend {
    #[command(flatten)]
    jobs: Jobs,
}

/// Let suspended jobs on a cluster go on
#[derive(clap::Args)]
#[command(after_help = "\
temper resume fashion
temper resume fashion digits -n research")]
pub(super) struct Resume {
    #[command(flatten)]
    jobs: Jobs,
}

#[derive(clap::Args)]
struct Jobs {
    /// The jobs.
    #[arg(required = true, value_name = "JOB")]
    jobs: Vec<String>,
    #[command(flatten)]
    cluster: ClusterOptions,
}

impl Suspend {
    pub(super) fn run(self, shell: Shell) -> Result<Exit, Failure> {
        self.jobs.set(true, shell)
    }
}

impl Resume {
    pub(super) fn run(self, shell: Shell) -> Result<Exit, Failure> {
        self.jobs.set(false, shell)
    }
}

impl Jobs {
    /// Nothing is changed when one of them is not there.
    fn set(self, suspend: bool, shell: Shell) -> Result<Exit, Failure> {
        let connection = self.cluster.connect(shell)?;
        let jobs = self.jobs.iter().map(|name| connection.job(name)).collect::<Result<Vec<_>, _>>()?;
        let mut out = shell.out();
        for (name, job) in self.jobs.iter().zip(jobs) {
            let said = one(&connection, name, &job, suspend)?;
            writeln!(out, "job {name} {said}")?;
        }
        out.flush()?;
        Ok(Exit::Done)
    }
}

fn one(connection: &Connection, name: &str, job: &TuningJob, suspend: bool) -> Result<&'static str, Failure> {
    if let Some(state @ ("Complete" | "Failed")) = job.status.as_ref().map(|status| status.state.as_str()) {
        return Err(Failure::wrong_input(anyhow!("job {name} is over ({})", state.to_lowercase()))
            .hint("a larger spec.budget makes it go on"));
    }
    match (job.spec.suspend, suspend) {
        (true, true) => return Ok("is suspended already"),
        (false, false) => return Ok("is not suspended"),
        _ => {}
    }
    let jobs: Api<TuningJob> = connection.api();
    let patch = Patch::Merge(json!({"spec": {"suspend": suspend}}));
    connection.ask(jobs.patch(name, &PatchParams::default(), &patch))?;
    Ok(if suspend { "suspended" } else { "resumed" })
}
