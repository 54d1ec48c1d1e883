//! Tables of numbers with a class in one column.

use std::{collections::BTreeSet, path::Path};

use anyhow::{Context, Result, bail, ensure};
use tch::Tensor;

use super::{DataSet, Samples};

/// Column names, in lower case, that mean the class.
const CLASS_NAMES: [&str; 3] = ["label", "class", "target"];

/// How many problems are told before the rest is only counted.
const TOLD: usize = 10;

/// Reads a table: comma-separated, a header if no feature of the first line is a number. The class is the column
/// named `label`, `class` or `target`, else the last one; it may be text. All other columns are numbers.
///
/// # Errors
/// When a cell is no number, a line has another length, or there is nothing to read: line and column of each.
pub(crate) fn read(path: &Path) -> Result<DataSet> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .trim(csv::Trim::All)
        .from_path(path)
        .with_context(|| path.display().to_string())?;
    let mut rows = Vec::new();
    for record in reader.records() {
        rows.push(record.with_context(|| path.display().to_string())?);
    }
    parse(rows).with_context(|| path.display().to_string())
}

fn parse(mut rows: Vec<csv::StringRecord>) -> Result<DataSet> {
    let first = rows.first().context("empty")?;
    ensure!(
        first.len() > 1,
        "one column: a feature and a class are needed (columns are separated by commas)"
    );
    let named = first.iter().position(|cell| CLASS_NAMES.contains(&cell.to_lowercase().as_str()));
    let class_column = named.unwrap_or(first.len() - 1);
    let is_feature = |column: usize| column != class_column;
    let numbers =
        first.iter().enumerate().filter(|(column, cell)| is_feature(*column) && cell.parse::<f32>().is_ok());
    let has_header = named.is_some() || numbers.count() == 0;
    let header = has_header.then(|| rows.remove(0));
    ensure!(!rows.is_empty(), "a header and no rows");

    let mut problems = Vec::new();
    let mut values = Vec::with_capacity(rows.len() * rows[0].len());
    for row in &rows {
        let line = row.position().map_or(0, csv::Position::line);
        for (column, cell) in row.iter().enumerate().filter(|(column, _)| is_feature(*column)) {
            match cell.parse::<f32>() {
                Ok(value) if value.is_finite() => values.push(value),
                _ => {
                    let name = header
                        .as_ref()
                        .and_then(|header| header.get(column))
                        .map(|name| format!(" ({name})"));
                    let name = name.unwrap_or_default();
                    problems.push(format!("line {line}, column {}{name}: {cell:?} is no number", column + 1));
                }
            }
        }
        if row[class_column].is_empty() {
            problems.push(format!("line {line}: no class"));
        }
    }
    if !problems.is_empty() {
        let more = problems.len().saturating_sub(TOLD);
        problems.truncate(TOLD);
        if more > 0 {
            problems.push(format!("and {more} more"));
        }
        bail!("{}", problems.join("\n"));
    }

    let labels: Vec<&str> = rows.iter().map(|row| &row[class_column]).collect();
    let features = (rows[0].len() - 1) as i64;
    let x = Tensor::from_slice(&values).view([-1, features]);
    DataSet::new(Samples::new(x, &Tensor::from_slice(&classes(&labels)?))?, None)
}

/// Numbers the distinct labels from 0 in their order: by value if all are numbers, else by alphabet.
fn classes(labels: &[&str]) -> Result<Vec<i64>> {
    let mut distinct: Vec<&str> = labels.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
    let numbers: Option<Vec<f64>> = distinct.iter().map(|label| label.parse().ok()).collect();
    if numbers.is_some() {
        let value = |label: &&str| label.parse::<f64>().unwrap_or_default();
        distinct.sort_by(|a, b| value(a).total_cmp(&value(b)));
    }
    let of = |label: &&str| distinct.iter().position(|known| known == label).map(|class| class as i64);
    ensure!(distinct.len() <= 10_000, "{} different classes: is this the right column?", distinct.len());
    labels.iter().map(|label| of(label).context("a label without a class")).collect()
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    fn table(text: &str) -> Result<DataSet> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        read(file.path())
    }

    fn labels(set: &DataSet) -> Vec<i64> {
        Vec::try_from(&set.train.y).unwrap()
    }

    #[test]
    fn with_and_without_a_header_and_with_the_class_in_any_column() {
        for text in [
            "1,2,0\n3,4,1\n",
            "a,b,c\n1,2,0\n3,4,1\n",
            "label,a,b\n0,1,2\n1,3,4\n",
            "a,Class,b\n1,cat,2\n3,dog,4\n",
        ] {
            let set = table(text).unwrap();
            assert_eq!(labels(&set), [0, 1], "{text}");
            let expected = Tensor::from_slice(&[1.0_f32, 2.0, 3.0, 4.0]).view([2, 2]);
            assert!(set.train.x.to_device(Device::Cpu).equal(&expected), "{text}");
        }
    }

    #[test]
    fn numeric_classes_keep_their_order() {
        assert_eq!(labels(&table("1,10\n2,9\n3,-1\n").unwrap()), [2, 1, 0]);
        assert_eq!(table("1,10\n2,9\n3,-1\n").unwrap().train.x.kind(), Kind::Float);
    }

    #[test]
    fn every_bad_cell_is_told_with_its_line_and_column() {
        let error = format!("{:#}", table("a,b,label\n1,x,0\n,2,1\n3,4,\n").unwrap_err());
        for part in ["line 2, column 2 (b): \"x\"", "line 3, column 1 (a): \"\"", "line 4: no class"] {
            assert!(error.contains(part), "{part} is not in: {error}");
        }
        assert!(format!("{:#}", table("1,2,0\n1,0\n").unwrap_err()).contains("line: 2"));
        assert!(format!("{:#}", table("").unwrap_err()).contains("empty"));
        assert!(format!("{:#}", table("a,b\n").unwrap_err()).contains("no rows"));
    }
}
