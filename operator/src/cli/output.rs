//! `-o`: what a person reads as a table, a program reads as JSON or YAML.

use std::io::{self, Write};

use serde::Serialize;

use super::{Failure, shell::style};

/// How a result is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// A table that fits a terminal.
    #[default]
    Table,
    /// The table with every column.
    Wide,
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

/// The option of every command that prints a table.
#[derive(clap::Args, Clone, Copy, Debug)]
pub(super) struct Output {
    /// How to print it: `table`, `wide` (every column), `json` or `yaml`.
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

impl Output {
    /// Prints `value`, or the table made of it.
    pub(super) fn print<T: Serialize>(
        self,
        out: &mut impl Write,
        value: &T,
        table: impl FnOnce(Columns) -> Table,
    ) -> Result<(), Failure> {
        match self.format {
            Format::Table => table(Columns::Main).print(out)?,
            Format::Wide => table(Columns::All).print(out)?,
            Format::Json => {
                serde_json::to_writer_pretty(&mut *out, value).map_err(io::Error::from)?;
                writeln!(out)?;
            }
            Format::Yaml => {
                let text = serde_saphyr::to_string(value).map_err(anyhow::Error::from)?;
                out.write_all(text.as_bytes())?;
            }
        }
        out.flush()?;
        Ok(())
    }
}

/// Which columns a table should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Columns {
    /// What one looks for first.
    Main,
    /// Everything.
    All,
}

/// Text in columns: numbers to the right, words to the left, nothing drawn around them, as kubectl does it.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    headings: Vec<String>,
    rows: Vec<Vec<Cell>>,
}

/// A text and its style.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    text: String,
    style: anstyle::Style,
}

impl Cell {
    /// A text that stands out or back.
    pub(super) fn styled(text: impl Into<String>, style: anstyle::Style) -> Self {
        Self { text: text.into(), style }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::styled(text, anstyle::Style::new())
    }
}

impl Table {
    pub(super) fn new(headings: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { headings: headings.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// Adds a row, one cell for each heading.
    pub(super) fn row(&mut self, cells: Vec<Cell>) {
        debug_assert_eq!(cells.len(), self.headings.len(), "a cell for each heading");
        self.rows.push(cells);
    }

    fn widths(&self) -> Vec<usize> {
        (0..self.headings.len())
            .map(|column| {
                let cells = self.rows.iter().map(|row| width(&row[column].text));
                cells.chain([width(&self.headings[column])]).max().unwrap_or_default()
            })
            .collect()
    }

    /// Columns of a terminal that it takes.
    pub(super) fn width(&self) -> usize {
        let gaps = GAP.len() * self.headings.len().saturating_sub(1);
        self.widths().iter().sum::<usize>() + gaps
    }

    pub(super) fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let widths = self.widths();
        let numeric: Vec<bool> = (0..self.headings.len())
            .map(|column| self.rows.iter().all(|row| is_number(&row[column].text)))
            .collect();
        let heading =
            self.headings.iter().map(|text| Cell::styled(text.to_uppercase(), style::DIM)).collect();
        for row in std::iter::once(&heading).chain(&self.rows) {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let padding = " ".repeat(widths[column] - width(&cell.text));
                let text = format!("{0}{1}{0:#}", cell.style, cell.text);
                match (numeric[column], column + 1 == row.len()) {
                    (true, _) => line.push_str(&format!("{padding}{text}{GAP}")),
                    (false, true) => line.push_str(&text),
                    (false, false) => line.push_str(&format!("{text}{padding}{GAP}")),
                }
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// Between two columns.
const GAP: &str = "   ";

/// Columns on a terminal; every character of ours takes one.
fn width(text: &str) -> usize {
    text.chars().count()
}

/// Whether it is a number, a time such as 1m05s, or a share such as 35 %.
fn is_number(text: &str) -> bool {
    let is_time = || {
        text.starts_with(|c: char| c.is_ascii_digit())
            && text.chars().all(|c| "0123456789.smhd %".contains(c))
    };
    text.is_empty() || text == MISSING || text.parse::<f64>().is_ok() || is_time()
}

/// What stands where there is no value.
pub(super) const MISSING: &str = "-";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_to_the_right_and_words_to_the_left() {
        let mut table = Table::new(["trial", "loss", "state"]);
        table.row(vec!["7".into(), "0.25".into(), "Running".into()]);
        table.row(vec!["11".into(), MISSING.into(), "Failed".into()]);
        let mut out = Vec::new();
        table.print(&mut out).expect("a vector takes everything");
        let text = anstream::adapter::strip_bytes(&out).into_vec();
        let text = String::from_utf8(text).expect("utf-8");
        assert_eq!(text, "TRIAL   LOSS   STATE\n    7   0.25   Running\n   11      -   Failed\n");
    }
}
