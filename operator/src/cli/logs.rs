//! `temper logs`.

mod stream;

use anyhow::anyhow;
use kube::Api;
use temper_advisor::suggest::did_you_mean;
use temper_crds::{Trial, TuningJob};

use self::stream::{Ended, Stream};
use super::{
    Exit, Failure, Shell,
    cluster::{ClusterOptions, Connection},
};
use crate::cluster::{NoOutput, Output};

/// Print what a trial on a cluster has written to stdout and stderr
///
/// As kubectl logs of the right pod and container. Where pods run one trial after another (podPolicy Reuse), only the
/// lines of this one. A job on this machine keeps them in its store, as stdout.log and stderr.log of each attempt.
#[derive(clap::Args)]
#[command(after_help = "\
temper logs fashion 3
temper logs fashion best --tail 20
# While it runs
temper logs fashion 7 --follow
# What the attempt before said
temper logs fashion 7 --attempt 1")]
#[allow(clippy::doc_markdown, reason = "the comments are the command's help")]
pub(super) struct Logs {
    /// The job.
    #[arg(value_name = "JOB")]
    job: String,
    /// The trial: its number, best, or the name of its object.
    #[arg(value_name = "TRIAL")]
    trial: String,
    /// Go on until the attempt ends; wait for it where it has not started.
    #[arg(short, long)]
    follow: bool,
    /// Of this attempt, from 1 [default: the last one].
    #[arg(long, value_name = "N")]
    attempt: Option<u32>,
    /// Of this container of the pod [default: the one that trains].
    #[arg(short, long, value_name = "NAME")]
    container: Option<String>,
    /// Only so many of the last lines.
    #[arg(long, value_name = "LINES")]
    tail: Option<u32>,
    /// With the time of each line.
    #[arg(long)]
    timestamps: bool,
    #[command(flatten)]
    cluster: ClusterOptions,
}

impl Logs {
    pub(super) fn run(self, shell: Shell) -> Result<Exit, Failure> {
        let connection = self.cluster.connect(shell)?;
        let job = connection.job(&self.job)?;
        let name = self.name_of_trial(&job)?;
        let trials: Api<Trial> = connection.api();
        let trial = match connection.wait(trials.get_opt(&name)) {
            Ok(Some(trial)) => trial,
            Ok(None) => return Err(self.no_such_trial(&job)),
            Err(error) => return Err(connection.explain(error)),
        };
        let mut output = match self.output(&connection, &job, &trial)? {
            Ok(output) => output,
            Err(NoOutput::NotStarted) if self.follow => self.first_output(&connection, &job, &name, shell)?,
            Err(reason) => return Err(self.no_output(reason)),
        };
        if let Some(container) = &self.container {
            output.container.clone_from(container);
        }
        let stream = Stream {
            pods: connection.api(),
            trials,
            trial: name,
            follow: self.follow,
            tail: self.tail,
            timestamps: self.timestamps,
            output,
        };
        let pod = stream.output.pod.clone();
        match connection.wait(stream.run(&mut shell.out(), |text| shell.note(text)))? {
            Ended::Done => Ok(Exit::Done),
            Ended::Nothing => {
                Err(anyhow!("the log of pod {pod} no longer goes back to when trial {} began", self.trial)
                    .into())
            }
            Ended::Refused(error) => Err(self.refused(&connection, error, &pod)),
        }
    }

    /// Name of the Trial that is meant.
    fn name_of_trial(&self, job: &TuningJob) -> Result<String, Failure> {
        let index = match self.trial.as_str() {
            "best" => {
                let best = job.status.as_ref().and_then(|status| status.best.as_ref());
                best.map(|best| best.index).ok_or_else(|| {
                    Failure::from(anyhow!("no trial of job {} has reported its objective yet", self.job))
                })?
            }
            text => match text.parse() {
                Ok(index) => index,
                Err(_) if text.contains('-') => return Ok(text.to_owned()),
                Err(_) => {
                    let near = did_you_mean(text, ["best"]);
                    let error = anyhow!("{text:?} is no trial{near}");
                    return Err(Failure::wrong_input(error)
                        .hint("give its number, best, or the name that kubectl get trials shows"));
                }
            },
        };
        Output::trial(job, index)
            .ok_or_else(|| anyhow!("the API server gave job {} without a UID", self.job).into())
    }

    fn output(
        &self,
        connection: &Connection,
        job: &TuningJob,
        trial: &Trial,
    ) -> Result<Result<Output, NoOutput>, Failure> {
        Output::of(job, trial, self.attempt)
            .map_err(|unreadable| connection.cannot_show(&self.job, unreadable))
    }

    /// Waits for a trial that has no pod yet.
    fn first_output(
        &self,
        connection: &Connection,
        job: &TuningJob,
        name: &str,
        shell: Shell,
    ) -> Result<Output, Failure> {
        shell.note(&format!("trial {} has not been started yet; waiting", self.trial));
        let trials: Api<Trial> = connection.api();
        loop {
            connection.wait(tokio::time::sleep(stream::POLL));
            let trial = connection.ask(trials.get(name))?;
            match self.output(connection, job, &trial)? {
                Ok(output) => return Ok(output),
                Err(NoOutput::NotStarted) => {}
                Err(reason) => return Err(self.no_output(reason)),
            }
        }
    }

    fn no_such_trial(&self, job: &TuningJob) -> Failure {
        let created = job.status.as_ref().map_or(0, |status| status.trials.created);
        let (name, trial) = (&self.job, &self.trial);
        match self.trial.parse::<u32>() {
            Ok(index) if index < created => Failure::from(anyhow!(
                "trial {trial} of job {name} is no longer kept in full, and its pods are gone"
            ))
            .hint(format!(
                "what is kept of it: temper trials {name} -o wide; spec.retention says how many are"
            )),
            Ok(_) => {
                let last = created.checked_sub(1);
                let has = last.map_or_else(|| "has none yet".to_owned(), |last| format!("has 0 to {last}"));
                Failure::wrong_input(anyhow!("job {name} has no trial {trial}: it {has}"))
            }
            Err(_) => Failure::wrong_input(anyhow!("there is no trial {trial:?}")),
        }
    }

    fn no_output(&self, reason: NoOutput) -> Failure {
        let failure = Failure::from(anyhow!(
            "there is no output of trial {} of job {}: {reason}",
            self.trial,
            self.job
        ));
        match reason {
            NoOutput::NotStarted => failure.hint("--follow waits for it"),
            NoOutput::NoSuchAttempt(_) | NoOutput::Forgotten(_) => failure,
        }
    }

    /// The pod does not tell.
    fn refused(&self, connection: &Connection, error: kube::Error, pod: &str) -> Failure {
        match &error {
            kube::Error::Api(status) if status.code == 404 => Failure::from(anyhow!(
                "pod {pod}, in which trial {} ran, is gone, and its output with it",
                self.trial
            ))
            .hint(format!("the last lines of a failed one: temper trials {} -o wide", self.job)),
            kube::Error::Api(status) if status.code == 400 => {
                let failure = Failure::from(anyhow!("{}", status.message));
                if stream::is_not_yet(status) { failure.hint("--follow waits for it") } else { failure }
            }
            _ => connection.explain(error),
        }
    }
}
