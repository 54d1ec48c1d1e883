//! Tables as people keep them: CSV with a header, or an object on each line.

use std::collections::HashMap;

use csv::{ReaderBuilder, Trim};
use serde_json::{Map, Value as Json};

/// A table as it was read.
#[derive(Debug, Default)]
pub struct Rows {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// In the order of the file.
    pub rows: Vec<Row>,
}

/// A row.
#[derive(Debug)]
pub struct Row {
    /// Its line in the file, from 1.
    pub line: usize,
    /// A value for each column; null, or missing at the end, where there is none.
    pub cells: Vec<Json>,
}

/// Reads CSV with a header. Every value is a text: what it means depends on its column.
///
/// # Errors
/// Every row that has more or fewer fields than the header, with its line.
pub fn read_csv(text: &str) -> Result<Rows, Vec<String>> {
    // Spreadsheets put a byte order mark before the first name.
    let text = text.trim_start_matches('\u{feff}');
    let said = |error: csv::Error| vec![error.to_string()];
    let mut reader = ReaderBuilder::new().trim(Trim::All).flexible(true).from_reader(text.as_bytes());
    let columns: Vec<String> = reader.headers().map_err(said)?.iter().map(str::to_owned).collect();
    let mut table = Rows { columns, rows: Vec::new() };
    let mut wrong = Vec::new();
    let mut lines = Lines { text, line: 1, at: 0 };
    for record in reader.records() {
        let record = record.map_err(said)?;
        let line = lines.of(record.position().map_or(0, csv::Position::byte) as usize);
        let (given, wanted) = (record.len(), table.columns.len());
        if given == wanted {
            table.rows.push(Row { line, cells: record.iter().map(field).collect() });
        } else {
            wrong.push(format!("line {line}: {given} fields, and the header has {wanted}"));
        }
    }
    if wrong.is_empty() { Ok(table) } else { Err(wrong) }
}

fn field(text: &str) -> Json {
    if text.is_empty() { Json::Null } else { text.into() }
}

/// Counts lines. The reader's own count is one behind after `\r\n` and empty lines.
struct Lines<'a> {
    text: &'a str,
    line: usize,
    at: usize,
}

impl Lines<'_> {
    /// The line of the record whose reading began at this byte, which is not before that of the last call.
    fn of(&mut self, byte: usize) -> usize {
        let rest = &self.text.as_bytes()[byte.min(self.text.len())..];
        let begin = byte + rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        self.line += self.text.get(self.at..begin).unwrap_or_default().matches('\n').count();
        self.at = begin;
        self.line
    }
}

/// Reads a JSON object from each line; the columns are all names that there are.
///
/// # Errors
/// Every line that is no JSON object.
pub fn read_jsonl(text: &str) -> Result<Rows, Vec<String>> {
    let mut table = Rows::default();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut wrong = Vec::new();
    for (at, text) in text.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
        let line = at + 1;
        match serde_json::from_str::<Map<String, Json>>(text) {
            Ok(object) => {
                let mut cells = vec![Json::Null; table.columns.len()];
                for (name, value) in object {
                    let place = *places.entry(name).or_insert_with_key(|name| {
                        table.columns.push(name.clone());
                        cells.push(Json::Null);
                        table.columns.len() - 1
                    });
                    cells[place] = value;
                }
                table.rows.push(Row { line, cells });
            }
            Err(error) => {
                let problem = error.to_string();
                let (problem, _) = problem.rsplit_once(" at line ").unwrap_or((&problem, ""));
                // None where it is something else as a whole.
                let column = match error.column() {
                    0 => String::new(),
                    column => format!(", column {column}"),
                };
                wrong.push(format!("line {line}{column}: no JSON object: {problem}"));
            }
        }
    }
    if wrong.is_empty() { Ok(table) } else { Err(wrong) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_know_their_lines_however_lines_end() {
        for text in ["a,b\n1,2\n\n\"x\ny\",4\n5,6\n", "\u{feff}a,b\r\n1,2\r\n\r\n\"x\ny\",4\r\n5,6"] {
            let table = read_csv(text).expect("a table");
            assert_eq!(table.columns, ["a", "b"]);
            let lines: Vec<usize> = table.rows.iter().map(|row| row.line).collect();
            assert_eq!(lines, [2, 4, 6], "{text:?}");
        }
    }

    #[test]
    fn every_row_of_another_width_is_told() {
        let wrong = read_csv("a,b\n1\n1,2\n1,2,3\n").expect_err("two rows are wrong");
        assert_eq!(
            wrong,
            ["line 2: 1 fields, and the header has 2", "line 4: 3 fields, and the header has 2"]
        );
    }

    #[test]
    fn objects_may_have_different_names() {
        let table = read_jsonl("{\"a\": 1}\n\n{\"b\": null, \"a\": \"x\"}\n").expect("a table");
        assert_eq!(table.columns, ["a", "b"]);
        assert_eq!(table.rows[0].cells, [Json::from(1)]);
        assert_eq!((table.rows[1].line, &table.rows[1].cells), (3, &vec!["x".into(), Json::Null]));
    }

    #[test]
    fn every_line_that_is_no_object_is_told() {
        let wrong = read_jsonl("{\"a\" 1}\n{}\n[1]\n").expect_err("two lines are wrong");
        assert_eq!(wrong[0], "line 1, column 6: no JSON object: expected `:`");
        assert_eq!(wrong[1], "line 3: no JSON object: invalid type: sequence, expected a map");
        assert_eq!(wrong.len(), 2);
    }
}
