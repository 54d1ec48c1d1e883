//! `JSONLines`: every line that is one JSON object is a report, every other line is a log.

use std::borrow::Cow;

use serde_json::Value;

use super::{Format, LineFormat, Reader, text};

pub(super) const FORMAT: Format = Format {
    name: "JSONLines",
    open: |_| Ok(Reader::Lines(Box::new(JsonLines))),
    shape: |metric| format!("lines such as {{\"{metric}\": 0.91}}"),
};

struct JsonLines;

impl LineFormat for JsonLines {
    /// Numbers, and strings that are a number. What is nested gets a dotted name: `{"val": {"loss": 1}}` is
    /// `val.loss`. `NaN` and `Infinity`, which Python writes though JSON knows none, are understood.
    fn read(&mut self, line: &[u8], values: &mut Vec<(String, f64)>) {
        let line = line.trim_ascii();
        if !(line.starts_with(b"{") && line.ends_with(b"}")) {
            return;
        }
        let object = serde_json::from_slice(line).or_else(|error| match quote_not_finite(line) {
            Cow::Owned(mended) => serde_json::from_slice(&mended),
            Cow::Borrowed(_) => Err(error),
        });
        if let Ok(object) = object {
            flatten(String::new(), &object, values);
        }
    }
}

fn flatten(name: String, value: &Value, values: &mut Vec<(String, f64)>) {
    match value {
        Value::Number(number) => values.extend(number.as_f64().map(|number| (name, number))),
        Value::String(number) => {
            values.extend(text::whole_number(number.as_bytes()).map(|number| (name, number)));
        }
        Value::Object(object) => {
            for (key, value) in object {
                let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                flatten(name, value, values);
            }
        }
        Value::Null | Value::Bool(_) | Value::Array(_) => {}
    }
}

/// Puts the bare words `NaN`, `Infinity` and `-Infinity` into quotes; the same line when there are none.
fn quote_not_finite(line: &[u8]) -> Cow<'_, [u8]> {
    const WORDS: [&[u8]; 3] = [b"NaN", b"-Infinity", b"Infinity"];
    if !WORDS.iter().any(|word| memchr::memmem::find(line, word).is_some()) {
        return Cow::Borrowed(line);
    }
    let mut quoted = Vec::with_capacity(line.len() + 16);
    let (mut at, mut in_string) = (0, false);
    while at < line.len() {
        let rest = &line[at..];
        let word = WORDS.iter().find(|word| !in_string && rest.starts_with(word));
        let taken = if let Some(word) = word {
            quoted.push(b'"');
            quoted.extend_from_slice(word);
            quoted.push(b'"');
            word.len()
        } else {
            let taken = if in_string && rest[0] == b'\\' { rest.len().min(2) } else { 1 };
            in_string ^= rest[0] == b'"';
            quoted.extend_from_slice(&rest[..taken]);
            taken
        };
        at += taken;
    }
    Cow::Owned(quoted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::metrics::tests::read_line;

    fn read(line: &str) -> Vec<(String, f64)> {
        read_line(&mut JsonLines, line)
    }

    fn named(values: &[(&str, f64)]) -> Vec<(String, f64)> {
        values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
    }

    #[test]
    fn an_object_on_a_line_gives_its_numbers() {
        assert_eq!(
            read(r#"  {"epoch": 3, "accuracy": 0.91, "name": "x", "ok": true}"#),
            named(&[("epoch", 3.0), ("accuracy", 0.91)])
        );
    }

    #[test]
    fn nested_keys_are_dotted_and_numbers_in_strings_count() {
        assert_eq!(
            read(r#"{"val": {"loss": 1e-3, "by": {"a": 2}}, "acc": "0.5", "s": "5s"}"#),
            named(&[("val.loss", 1e-3), ("val.by.a", 2.0), ("acc", 0.5)])
        );
    }

    #[test]
    fn what_is_not_an_object_is_a_log() {
        for line in
            ["", "epoch 3", "[1, 2]", "0.91", "{", "{}", "{accuracy: 1}", r#"x {"a": 1}"#, r#"{"a": 1} x"#]
        {
            assert_eq!(read(line), [], "{line}");
        }
    }

    #[test]
    fn python_s_nan_and_infinity_are_understood_outside_strings() {
        let values = read(r#"{"a\"NaN": "is \\", "b": NaN, "c": -Infinity, "d": Infinity, "e": "NaN"}"#);
        let names: Vec<_> = values.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["b", "c", "d", "e"]);
        assert!(values[0].1.is_nan() && values[3].1.is_nan());
        assert_eq!((values[1].1, values[2].1), (f64::NEG_INFINITY, f64::INFINITY));
    }
}
