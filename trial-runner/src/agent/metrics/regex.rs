//! `Regex`: the user's own patterns.

use regex::bytes::{Captures, Regex};

use super::{Format, LineFormat, Reader, text};

pub(super) const FORMAT: Format = Format {
    name: "Regex",
    open: |settings| Ok(Reader::Lines(Box::new(Patterns::compile(settings.patterns)?))),
    shape: |metric| format!("matches of the patterns that give {metric}"),
};

/// Every match in a line counts. A pattern with named groups gives each of them as the metric of that name; one
/// without gives the metric that its first group names, with its second group as the value.
struct Patterns(Vec<Pattern>);

struct Pattern {
    regex: Regex,
    /// Name and place of every named group.
    named: Vec<(String, usize)>,
}

impl Patterns {
    fn compile(patterns: &[String]) -> Result<Self, String> {
        if patterns.is_empty() {
            return Err("metrics.patterns: the format Regex needs at least one pattern, \
                such as \"accuracy is (?P<accuracy>[0-9.]+)\""
                .into());
        }
        let mut problems = Vec::new();
        let mut compiled = Vec::new();
        for (index, pattern) in patterns.iter().enumerate() {
            match Pattern::compile(pattern) {
                Ok(pattern) => compiled.push(pattern),
                Err(problem) => problems.push(format!("metrics.patterns[{index}]: {problem}")),
            }
        }
        if problems.is_empty() { Ok(Self(compiled)) } else { Err(problems.join("\n")) }
    }
}

impl Pattern {
    fn compile(pattern: &str) -> Result<Self, String> {
        let regex = Regex::new(pattern).map_err(|error| error.to_string())?;
        let named: Vec<_> = regex
            .capture_names()
            .enumerate()
            .filter_map(|(group, name)| name.map(|name| (name.to_owned(), group)))
            .collect();
        if named.is_empty() && regex.captures_len() < 3 {
            return Err(format!(
                "{pattern:?} has neither a group named after a metric, as in (?P<accuracy>[0-9.]+), \
                 nor two groups, the metric's name and its value, as in ([a-z]+)=([0-9.]+)"
            ));
        }
        Ok(Self { regex, named })
    }

    fn read(&self, line: &[u8], values: &mut Vec<(String, f64)>) {
        let number = |captures: &Captures, group| {
            captures.get(group).and_then(|text| text::whole_number(text.as_bytes()))
        };
        for captures in self.regex.captures_iter(line) {
            if self.named.is_empty() {
                let name = captures.get(1).map(|name| String::from_utf8_lossy(name.as_bytes()).into_owned());
                values.extend(name.zip(number(&captures, 2)));
            } else {
                values.extend(
                    self.named
                        .iter()
                        .filter_map(|(name, group)| Some((name.clone(), number(&captures, *group)?))),
                );
            }
        }
    }
}

impl LineFormat for Patterns {
    fn read(&mut self, line: &[u8], values: &mut Vec<(String, f64)>) {
        for pattern in &self.0 {
            pattern.read(line, values);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::metrics::tests::read_line;

    fn read(pattern: &str, line: &str) -> Vec<(String, f64)> {
        read_line(&mut Patterns::compile(&[pattern.to_owned()]).unwrap(), line)
    }

    #[test]
    fn named_groups_are_metrics() {
        assert_eq!(
            read(r"Epoch (?P<epoch>\d+)/\d+: got (?<accuracy>\S+)", "Epoch 3/10: got .91"),
            [("epoch".to_owned(), 3.0), ("accuracy".to_owned(), 0.91)]
        );
    }

    #[test]
    fn two_groups_are_name_and_value_and_every_match_counts() {
        assert_eq!(
            read(r"([\w|-]+)\s*=\s*([+-]?\d*(\.\d+)?([Ee][+-]?\d+)?)", "val-loss=0.5 \u{fffd} top5 = 9e-1"),
            [("val-loss".to_owned(), 0.5), ("top5".to_owned(), 0.9)]
        );
    }

    #[test]
    fn a_group_that_did_not_match_or_is_no_number_gives_nothing() {
        assert_eq!(read("(?P<a>[0-9]+)|(?P<b>[a-z]+)", "7 x"), [("a".to_owned(), 7.0)]);
    }

    #[test]
    fn every_bad_pattern_is_named() {
        let problem = Patterns::compile(&["(".into(), "acc".into(), "(?P<a>.)".into()]).err().unwrap();
        assert!(problem.contains("patterns[0]") && problem.contains("patterns[1]"), "{problem}");
        assert!(!problem.contains("patterns[2]"), "{problem}");
        assert!(Patterns::compile(&[]).is_err());
    }
}
