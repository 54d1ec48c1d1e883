//! `temper validate`.

use std::{io, io::Write, path::PathBuf};

use serde::Serialize;
use temper_crds::validation::{self, Errors, Problem};

use super::{
    Exit, Failure, Shell,
    cluster::{ClusterOptions, Connection},
    shell::style,
    source::Manifest,
};

/// Check jobs, telling everything that is wrong with them
///
/// Every problem with its place in the file, the field, what was given and what is allowed. The operator checks the
/// same way. Exit code 2 when any job is wrong; warnings alone are no error. With --server, what is right by itself is
/// also sent to the cluster for a dry run, which checks it against quotas, admission policies and a job of that name.
#[derive(clap::Args)]
#[command(after_help = "\
temper validate job.yaml
# For editors and scripts
temper validate -o json job.yaml
helm template mychart | temper validate -
# Would this cluster take it?
temper validate --server -n research job.yaml")]
pub(super) struct Validate {
    /// Files with a job each; - reads stdin.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How to print what is found: text or json.
    #[arg(
        short = 'o',
        long = "output",
        value_name = "FORMAT",
        value_enum,
        default_value_t,
        hide_possible_values = true
    )]
    format: Format,
    /// Ask the cluster too, by a dry run.
    #[arg(long, help_heading = "On a cluster")]
    server: bool,
    #[command(flatten)]
    cluster: ClusterOptions,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    #[default]
    Text,
    Json,
}

/// What was found out about a file.
#[derive(Serialize)]
struct Verdict {
    file: String,
    valid: bool,
    /// Name of the job, when it is valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<String>,
    errors: Vec<Problem>,
    warnings: Vec<Problem>,
    #[serde(skip)]
    text: String,
}

impl Validate {
    pub(super) fn run(self, shell: Shell) -> Result<Exit, Failure> {
        // Which cluster is meant says that one is.
        let cluster =
            (self.server || self.cluster.is_given()).then(|| self.cluster.connect(shell)).transpose()?;
        let verdicts = self
            .files
            .into_iter()
            .map(|file| check(&Manifest::from(file), cluster.as_ref()))
            .collect::<Result<Vec<_>, _>>()?;
        let mut out = shell.out();
        if self.format == Format::Json {
            serde_json::to_writer_pretty(&mut out, &verdicts).map_err(io::Error::from)?;
            writeln!(out)?;
        } else {
            for verdict in &verdicts {
                writeln!(out, "{}", verdict.text)?;
            }
        }
        out.flush()?;
        Ok(if verdicts.iter().all(|verdict| verdict.valid) { Exit::Done } else { Exit::WrongInput })
    }
}

fn check(manifest: &Manifest, cluster: Option<&Connection>) -> Result<Verdict, Failure> {
    let file = manifest.to_string();
    Ok(match validation::parse_job(&manifest.read()?) {
        Ok(job) => {
            if let Some(message) = cluster.map(|cluster| cluster.refuses(&job)).transpose()?.flatten() {
                let problem = Problem { path: String::new(), position: None, message };
                let found = Errors { errors: vec![problem], warnings: job.warnings };
                let text = found.render(&file);
                let Errors { errors, warnings } = found;
                return Ok(Verdict { valid: false, job: None, errors, warnings, text, file });
            }
            let good = style::GOOD;
            let by = cluster.map_or_else(String::new, |cluster| {
                format!("; namespace {} takes it", cluster.namespace_of(&job))
            });
            let mut text = format!("{file}: {good}valid{good:#} (job {}{by})", job.name);
            if !job.warnings.is_empty() {
                text = format!("{}\n{text}", validation::render_warnings(&job.warnings, &file));
            }
            Verdict {
                valid: true,
                job: Some(job.name),
                errors: Vec::new(),
                warnings: job.warnings,
                text,
                file,
            }
        }
        Err(found) => {
            let text = found.render(&file);
            Verdict { valid: false, job: None, errors: found.errors, warnings: found.warnings, text, file }
        }
    })
}
