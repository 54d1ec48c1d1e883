//! `temper plot`.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, anyhow};
use clap::ValueEnum;

use super::{Exit, Failure, Shell, look::JobOption};
use crate::{
    plot::{self, Figure, Kind},
    view::JobView,
};

/// Draw a job: results, parameters, learning curves
///
/// To a file by --out: .svg, .png, or .html for a page with all of them. Without --out it is drawn in the terminal, and
/// where stdout is no terminal it is SVG. With several kinds, --out plot.svg becomes plot-history.svg and so on.
#[derive(clap::Args)]
#[command(after_help = "\
# In the terminal
temper plot
temper plot --kind importance --out importance.png
# Everything on one page
temper plot --kind all --out report.html
# Of a job on a cluster
temper plot fashion -n research --kind curves")]
#[allow(clippy::doc_markdown, reason = "the comments are the command's help")]
pub(super) struct Plot {
    #[command(flatten)]
    job: JobOption,
    /// What to draw. Repeat it for more.
    #[arg(long, value_name = "KIND", value_enum, default_value = "history")]
    kind: Vec<Choice>,
    /// The file to write, .svg, .png or .html.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Draw with characters, whatever stdout is.
    #[arg(long, conflicts_with = "out")]
    terminal: bool,
}

/// A kind, or all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    One(Kind),
    All,
}

impl ValueEnum for Choice {
    fn value_variants<'a>() -> &'a [Self] {
        static VARIANTS: std::sync::LazyLock<Vec<Choice>> = std::sync::LazyLock::new(|| {
            Kind::ALL.into_iter().map(Choice::One).chain([Choice::All]).collect()
        });
        &VARIANTS
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        match self {
            Self::One(kind) => kind.to_possible_value(),
            Self::All => {
                Some(clap::builder::PossibleValue::new("all").help("All that the job has something for"))
            }
        }
    }
}

/// What a file can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Svg,
    Png,
    Html,
}

impl Plot {
    pub(super) fn run(self, shell: Shell) -> Result<Exit, Failure> {
        let format = self.out.as_deref().map(format_of).transpose()?;
        let job = self.job.open(shell)?.view()?;
        let figures = self.figures(&job, shell)?;
        let mut out = shell.out();
        match (&self.out, format) {
            (Some(path), Some(format)) => {
                for written in write(&job, &figures, path, format)? {
                    shell.note(&format!("written to {}", written.display()));
                }
            }
            _ if self.terminal || shell.out_is_terminal() => {
                let columns = shell.columns().unwrap_or(100);
                let texts: Vec<String> =
                    figures.iter().map(|(_, figure)| plot::to_text(figure, columns)).collect();
                out.write_all(texts.join("\n").as_bytes())?;
            }
            _ => match figures.as_slice() {
                [(_, figure)] => out.write_all(plot::to_svg(figure).as_bytes())?,
                several => {
                    let error = anyhow!("{} drawings do not go into one stream", several.len());
                    return Err(
                        Failure::wrong_input(error).hint("give --out FILE, --terminal, or one --kind")
                    );
                }
            },
        }
        out.flush()?;
        Ok(Exit::Done)
    }

    /// What was asked for. A kind that the job has nothing for is an error by itself, and a note among others.
    fn figures(&self, job: &JobView, shell: Shell) -> Result<Vec<(Kind, Figure)>, Failure> {
        let all = self.kind.contains(&Choice::All);
        let mut kinds: Vec<Kind> = Vec::new();
        for kind in Kind::ALL {
            if all || self.kind.contains(&Choice::One(kind)) {
                kinds.push(kind);
            }
        }
        let mut figures = Vec::new();
        let mut reasons = Vec::new();
        for kind in kinds {
            match plot::figure(kind, job) {
                Ok(figure) => figures.push((kind, figure)),
                Err(reason) => reasons.push(format!("{}: {reason}", kind.name())),
            }
        }
        if figures.is_empty() {
            return Err(anyhow!("there is nothing to draw\n  {}", reasons.join("\n  ")).into());
        }
        for reason in reasons {
            if all { shell.detail(&reason) } else { shell.warn(&reason) }
        }
        Ok(figures)
    }
}

fn format_of(path: &Path) -> Result<Format, Failure> {
    match path.extension().and_then(|suffix| suffix.to_str()).map(str::to_lowercase).as_deref() {
        Some("svg") => Ok(Format::Svg),
        Some("png") => Ok(Format::Png),
        Some("html" | "htm") => Ok(Format::Html),
        _ => Err(Failure::wrong_input(anyhow!("{} does not say what to draw", path.display()))
            .hint("end it in .svg, .png or .html")),
    }
}

/// Writes the figures; gives the files.
fn write(
    job: &JobView,
    figures: &[(Kind, Figure)],
    path: &Path,
    format: Format,
) -> anyhow::Result<Vec<PathBuf>> {
    let save = |path: PathBuf, bytes: &[u8]| {
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    };
    if format == Format::Html {
        let figures: Vec<Figure> = figures.iter().map(|(_, figure)| figure.clone()).collect();
        return Ok(vec![save(
            path.to_owned(),
            plot::to_html(&format!("Job {}", job.name), &figures).as_bytes(),
        )?]);
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let suffix = path.extension().unwrap_or_default().to_string_lossy();
    figures
        .iter()
        .map(|(kind, figure)| {
            let path = match figures.len() {
                1 => path.to_owned(),
                _ => path.with_file_name(format!("{stem}-{}.{suffix}", kind.name())),
            };
            match format {
                Format::Png => save(path, &plot::to_png(figure)?),
                Format::Svg | Format::Html => save(path, plot::to_svg(figure).as_bytes()),
            }
        })
        .collect()
}
