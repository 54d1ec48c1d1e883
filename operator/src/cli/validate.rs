//! `temper validate`.

use std::{io, io::Write, path::PathBuf};

use serde::Serialize;
use temper_crds::validation::{self, Problem};

use super::{Exit, Failure, Shell, shell::style, source::Manifest};

/// Check jobs, telling everything that is wrong with them
///
/// Every problem with its place in the file, the field, what was given and what is allowed. The operator checks the
/// same way. Exit code 2 when any job is wrong; warnings alone are no error.
#[derive(clap::Args)]
#[command(after_help = "\
temper validate job.yaml
# For editors and scripts
temper validate -o json job.yaml
helm template mychart | temper validate -")]
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
        let verdicts =
            self.files.into_iter().map(|file| check(&Manifest::from(file))).collect::<Result<Vec<_>, _>>()?;
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

fn check(manifest: &Manifest) -> Result<Verdict, Failure> {
    let file = manifest.to_string();
    Ok(match validation::parse_job(&manifest.read()?) {
        Ok(job) => {
            let good = style::GOOD;
            let mut text = format!("{file}: {good}valid{good:#} (job {})", job.name);
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
