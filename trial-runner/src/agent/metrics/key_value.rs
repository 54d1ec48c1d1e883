//! `KeyValue`: `epoch=3 accuracy=0.91`, `accuracy: 0.91`, and what is printed of a Python dictionary.

use super::{Format, LineFormat, Reader, text};

pub(super) const FORMAT: Format = Format {
    name: "KeyValue",
    open: |_| Ok(Reader::Lines(Box::new(KeyValue))),
    shape: |metric| format!("lines such as \"{metric}=0.91\" or \"{metric}: 0.91\""),
};

/// Anywhere in a line: a name, `=` or `:`, a number; spaces around the sign and quotes around name and number are
/// allowed.
///
/// A name is made of letters, digits and `_ - . /`, with a letter or `_` among them. A number is taken only whole:
/// `time=12s` and `version: 1.2.3` are no metrics. Two things may follow it: a `%`, which is passed over (`91%` is 91,
/// the number a person reads), and `/` as in `epoch: 3/10`, which is 3.
struct KeyValue;

impl LineFormat for KeyValue {
    fn read(&mut self, line: &[u8], values: &mut Vec<(String, f64)>) {
        for at in memchr::memchr2_iter(b'=', b':', line) {
            if let Some(value) = value_at_start(&line[at + 1..])
                && let Some(name) = name_at_end(&line[..at])
            {
                values.push((String::from_utf8_lossy(name).into_owned(), value));
            }
        }
    }
}

fn is_quote(byte: u8) -> bool {
    byte == b'"' || byte == b'\''
}

/// Bytes from 0x80 on are letters of other alphabets.
fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn name_at_end(before: &[u8]) -> Option<&[u8]> {
    let before = before.trim_ascii_end();
    let before = before.split_last().filter(|(last, _)| is_quote(**last)).map_or(before, |(_, rest)| rest);
    let belongs = |byte: &u8| is_letter(*byte) || byte.is_ascii_digit() || b"-./".contains(byte);
    let start = before.len() - before.iter().rev().take_while(|byte| belongs(byte)).count();
    let name = &before[start..];
    // A dash of its own parts two metrics: `loss: 0.5 -accuracy: 0.9`.
    let name = &name[name.iter().take_while(|byte| b"-./".contains(byte)).count()..];
    name.iter().any(|byte| is_letter(*byte)).then_some(name)
}

fn value_at_start(after: &[u8]) -> Option<f64> {
    let after = after.trim_ascii_start();
    let quoted = after.first().is_some_and(|byte| is_quote(*byte));
    let (value, length) = text::number(&after[usize::from(quoted)..])?;
    let rest = &after[usize::from(quoted) + length..];
    let ends = match rest {
        [] => true,
        [b'.', next, ..] => !next.is_ascii_alphanumeric(),
        [next, ..] => !is_letter(*next) && !next.is_ascii_digit() && *next != b':' && *next != b'-',
    };
    ends.then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::metrics::tests::read_line;

    fn read(line: &str) -> String {
        let values = read_line(&mut KeyValue, line);
        values.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn reads_what_programs_print() {
        for (line, values) in [
            ("epoch=3 accuracy=0.91", "epoch=3 accuracy=0.91"),
            ("accuracy: 0.91", "accuracy=0.91"),
            ("accuracy = +.5, loss=1e-3;", "accuracy=0.5 loss=0.001"),
            ("2024-05-01T12:30:45Z INFO {metricName: accuracy, metricValue: 0.9}", "metricValue=0.9"),
            ("Validation-accuracy=0.91", "Validation-accuracy=0.91"),
            ("{'eval/loss': 0.25, \"epoch\": '2.0'}", "eval/loss=0.25 epoch=2"),
            ("10/10 - 0s - loss: 0.5 - val_accuracy: 0.9123", "loss=0.5 val_accuracy=0.9123"),
            ("accuracy=91%", "accuracy=91"),
            ("epoch: 3/10", "epoch=3"),
            ("loss=nan", "loss=NaN"),
            ("loss is 3, accuracy=0.5.", "accuracy=0.5"),
            ("top5=0.9 genauigkeit_ä=1", "top5=0.9 genauigkeit_ä=1"),
            ("a=b=3", "b=3"),
        ] {
            assert_eq!(read(line), values, "{line}");
        }
    }

    #[test]
    fn leaves_alone_what_is_no_metric() {
        for line in [
            "",
            "=",
            ":",
            "12:30:45",
            "time=12s",
            "version: 1.2.3",
            "date: 2024-05-01",
            "at: 12:30",
            "http://x",
            "acc 0.9",
            "= 0.9",
            "lr=1e-3x",
            "none=None",
            "size: 0x10",
            "loss=nano",
        ] {
            assert_eq!(read(line), "", "{line}");
        }
    }
}
