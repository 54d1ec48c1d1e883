//! What a command says it has measured: one file for each format.
//!
//! To add a format: its file with a `FORMAT`, and its line in [`FORMATS`].

mod auptimizer;
mod follow;
mod json_lines;
mod key_value;
mod lines;
mod regex;
mod tensorboard;
mod text;

use std::path::{Path, PathBuf};

use super::{nearest::did_you_mean, protocol::MetricsSource};
use follow::Follow;
use lines::Lines;

/// Every format there is.
const FORMATS: [Format; 5] =
    [json_lines::FORMAT, key_value::FORMAT, regex::FORMAT, tensorboard::FORMAT, auptimizer::FORMAT];

/// A format's registration.
struct Format {
    /// As in the job's `trial.metrics.format`.
    name: &'static str,
    open: fn(&Settings) -> Result<Reader, String>,
    /// Says what the metric of this name would look like.
    shape: fn(&str) -> String,
}

/// What a format may need to know.
struct Settings<'a> {
    patterns: &'a [String],
    objectives: &'a [String],
}

enum Reader {
    Lines(Box<dyn LineFormat>),
    Folder(Box<dyn FolderFormat>),
}

/// A format of lines.
trait LineFormat: Send {
    /// Adds the metrics that the line holds. The line has no end mark, may be empty and may be any bytes.
    fn read(&mut self, line: &[u8], values: &mut Vec<(String, f64)>);
}

/// A format of files below a folder.
trait FolderFormat: Send {
    /// Adds what is new. The first call, before the command starts, takes in what is there already.
    fn poll(&mut self, root: &Path, found: &mut Found);
}

/// Metrics that belong together.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Reading {
    /// How far the command was, where the format says so.
    pub(super) resource: Option<f64>,
    /// By name; a later one of the same name counts.
    pub(super) values: Vec<(String, f64)>,
}

/// What a look at the source has brought.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) readings: Vec<Reading>,
    pub(super) warnings: Vec<String>,
}

impl Found {
    fn warn(&mut self, text: String) {
        self.warnings.push(text);
    }
}

/// One of the command's two outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    Stdout,
    Stderr,
}

impl Stream {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

enum Source {
    Output(Stream),
    File(Follow, PathBuf),
    Folder(PathBuf),
}

/// Reads the metrics of one attempt.
pub(super) struct Metrics {
    format: &'static Format,
    reader: Reader,
    source: Source,
    lines: Lines,
}

impl Metrics {
    /// To be called before the command starts: what its file or folder holds then is not its own.
    ///
    /// `at` is where the metrics are, expanded and absolute; `working_dir` is where a format of files looks when
    /// nothing is said.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub(super) fn open(
        settings: &MetricsSource,
        objectives: &[String],
        at: Option<PathBuf>,
        working_dir: &Path,
    ) -> Result<Self, String> {
        let format = FORMATS.iter().find(|format| format.name == settings.format).ok_or_else(|| {
            let names = FORMATS.map(|format| format.name);
            format!(
                "metrics.format: there is no {:?}{}; it is one of {}",
                settings.format,
                did_you_mean(&settings.format, names),
                names.join(", ")
            )
        })?;
        let mut reader = (format.open)(&Settings { patterns: &settings.patterns, objectives })?;
        let source = match (at, &mut reader) {
            (None, Reader::Lines(_)) => Source::Output(Stream::Stdout),
            (Some(path), Reader::Lines(_)) => match path.to_str() {
                Some("/dev/stdout") => Source::Output(Stream::Stdout),
                Some("/dev/stderr") => Source::Output(Stream::Stderr),
                _ => Source::File(Follow::from_end(path.clone()), path),
            },
            (path, Reader::Folder(folder)) => {
                let path = path.unwrap_or_else(|| working_dir.to_owned());
                folder.poll(&path, &mut Found::default());
                Source::Folder(path)
            }
        };
        Ok(Self { format, reader, source, lines: Lines::default() })
    }

    /// Takes what the command has put out.
    pub(super) fn output(&mut self, stream: Stream, chunk: &[u8], found: &mut Found) {
        if let Source::Output(source) = self.source
            && source == stream
        {
            take(&mut self.reader, &mut self.lines, chunk, found);
        }
    }

    /// Whether [`Self::poll`] has anything to look at.
    pub(super) fn is_polled(&self) -> bool {
        !matches!(self.source, Source::Output(_))
    }

    /// Looks for what the command has written to its file or folder; true when there may be more at once.
    pub(super) fn poll(&mut self, found: &mut Found) -> bool {
        match (&mut self.source, &mut self.reader) {
            (Source::File(follow, _), reader) => {
                // Bounded, so that a file that grows as fast as it is read neither keeps the agent from its orders
                // nor piles up readings.
                for _ in 0..64 {
                    let chunk = follow.read();
                    if chunk.is_empty() {
                        return false;
                    }
                    take(reader, &mut self.lines, chunk, found);
                }
                true
            }
            (Source::Folder(root), Reader::Folder(folder)) => {
                folder.poll(root, found);
                false
            }
            _ => false,
        }
    }

    /// Everything is read: the last line need not have an end.
    pub(super) fn finish(&mut self, found: &mut Found) {
        if let Reader::Lines(format) = &mut self.reader {
            self.lines.finish(|line| read(format.as_mut(), line, found));
        }
    }

    /// What was looked for, and where: `lines such as "accuracy=0.91" on stdout (format KeyValue)`.
    pub(super) fn looked_for(&self, metric: &str) -> String {
        let place = match &self.source {
            Source::Output(stream) => format!("on {}", stream.name()),
            Source::File(_, path) => format!("in {}", described(path, Path::is_file)),
            Source::Folder(path) => format!("below {}", described(path, Path::is_dir)),
        };
        format!("{} {place} (format {})", (self.format.shape)(metric), self.format.name)
    }

    /// Whether `output`, which was not the source, has the metric: then the job only looked in the wrong place.
    pub(super) fn would_find(&mut self, metric: &str, stream: Stream, output: &[u8]) -> bool {
        let Reader::Lines(format) = &mut self.reader else { return false };
        if matches!(self.source, Source::Output(source) if source == stream) {
            return false;
        }
        let mut found = Found::default();
        output.split(|byte| *byte == b'\n').for_each(|line| read(format.as_mut(), line, &mut found));
        found.readings.iter().flat_map(|reading| &reading.values).any(|(name, _)| name == metric)
    }
}

fn described(path: &Path, is_there: impl Fn(&Path) -> bool) -> String {
    format!("{}{}", path.display(), if is_there(path) { "" } else { ", which is not there" })
}

fn take(reader: &mut Reader, lines: &mut Lines, chunk: &[u8], found: &mut Found) {
    if let Reader::Lines(format) = reader {
        lines.push(chunk, |line| read(format.as_mut(), line, found));
    }
}

fn read(format: &mut dyn LineFormat, line: &[u8], found: &mut Found) {
    let mut values = Vec::new();
    format.read(&text::without_colours(line), &mut values);
    if !values.is_empty() {
        found.readings.push(Reading { resource: None, values });
    }
}

#[cfg(test)]
mod tests;
