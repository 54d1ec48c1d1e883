//! Reads named, typed values out of what the trial was given, and remembers every problem.
//!
//! A parameter is known because something asked for it, so the list of names, types and limits is where the values
//! are used and nowhere else.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

/// One parameter as a person meets it in `--help-parameters`.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) name: &'static str,
    pub(crate) aliases: &'static [&'static str],
    /// What is allowed, in words.
    pub(crate) allowed: String,
    pub(crate) about: &'static str,
}

/// The values not asked for yet, what was asked for, and what was wrong with it.
pub(crate) struct Reader {
    given: Vec<(String, Value)>,
    known: Vec<Known>,
    problems: Vec<String>,
}

/// The range of a float.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Range {
    /// min <= x <= max
    Closed(f64, f64),
    /// min <= x < max
    HalfOpen(f64, f64),
    /// min < x <= max
    Above(f64, f64),
}

impl Range {
    fn holds(self, x: f64) -> bool {
        match self {
            Self::Closed(min, max) => (min..=max).contains(&x),
            Self::HalfOpen(min, max) => (min..max).contains(&x),
            Self::Above(min, max) => min < x && x <= max,
        }
    }

    fn words(self) -> String {
        let bound = |sign: &str, x: f64| if x.is_finite() { format!("{sign} {x}") } else { String::new() };
        let (low, high) = match self {
            Self::Closed(min, max) => (bound(">=", min), bound("<=", max)),
            Self::HalfOpen(min, max) => (bound(">=", min), bound("<", max)),
            Self::Above(min, max) => (bound(">", min), bound("<=", max)),
        };
        ["a number", &low, &high].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

/// `learning_rate`, `learning-rate` and `learningRate` are one name.
fn folded(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect()
}

impl Reader {
    pub(crate) fn new(given: Map<String, Value>) -> Self {
        Self { given: given.into_iter().collect(), known: Vec::new(), problems: Vec::new() }
    }

    /// A number in `range`, or `default`.
    pub(crate) fn float(
        &mut self,
        name: &'static str,
        aliases: &'static [&'static str],
        range: Range,
        about: &'static str,
    ) -> Option<f64> {
        self.read(name, aliases, &range.words(), about, |value| value.as_f64().filter(|&x| range.holds(x)))
    }

    /// A whole number in `range`; 32.0 is one.
    pub(crate) fn int(
        &mut self,
        name: &'static str,
        aliases: &'static [&'static str],
        range: RangeInclusive<i64>,
        about: &'static str,
    ) -> Option<i64> {
        let allowed = match *range.end() {
            i64::MAX => format!("a whole number >= {}", range.start()),
            end => format!("a whole number from {} to {end}", range.start()),
        };
        self.read(name, aliases, &allowed, about, |value| {
            let whole = |x: &f64| x.fract() == 0.0 && x.abs() < 9.0e15;
            value
                .as_i64()
                .or_else(|| value.as_f64().filter(whole).map(|x| x as i64))
                .filter(|x| range.contains(x))
        })
    }

    pub(crate) fn bool(
        &mut self,
        name: &'static str,
        aliases: &'static [&'static str],
        about: &'static str,
    ) -> Option<bool> {
        self.read(name, aliases, "true or false", about, |value| {
            value.as_bool().or_else(|| match value.as_str() {
                Some("true") => Some(true),
                Some("false") => Some(false),
                _ => None,
            })
        })
    }

    /// One of `choices`, compared as names are; a misspelt one gets the nearest.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        name: &'static str,
        aliases: &'static [&'static str],
        choices: &[(&'static str, T)],
        about: &'static str,
    ) -> Option<T> {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let allowed = format!("one of {}", words.join(", "));
        let value = self.take(name, aliases, &allowed, about)?;
        // A choice may look like a number: kernel 3.
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let found = choices.iter().find(|(word, _)| folded(word) == folded(&text));
        if found.is_none() {
            let hint = did_you_mean(&text, &words);
            self.problem(format!("parameter {name}: {value} is not {allowed}{hint}"));
        }
        found.map(|&(_, choice)| choice)
    }

    /// A text that `parse` makes something of, or says what is wrong with it.
    pub(crate) fn text<T>(
        &mut self,
        name: &'static str,
        aliases: &'static [&'static str],
        allowed: &str,
        about: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.take(name, aliases, allowed, about)?;
        let parsed = match value.as_str() {
            Some(text) => parse(text),
            None => Err(format!("{value} is not {allowed}")),
        };
        parsed.map_err(|problem| self.problem(format!("parameter {name}: {problem}"))).ok()
    }

    /// Records what the caller found wrong.
    pub(crate) fn problem(&mut self, problem: String) {
        self.problems.push(problem);
    }

    /// What has been asked for so far.
    pub(crate) fn known(&self) -> &[Known] {
        &self.known
    }

    /// All problems, those with names that nothing asked for included.
    pub(crate) fn finish(mut self) -> Vec<String> {
        let names: Vec<&str> = self
            .known
            .iter()
            .flat_map(|known| std::iter::once(&known.name).chain(known.aliases))
            .copied()
            .collect();
        for (name, _) in &self.given {
            self.problems.push(format!("parameter {name}: not known{}", did_you_mean(name, &names)));
        }
        self.problems
    }

    fn read<T>(
        &mut self,
        name: &'static str,
        aliases: &'static [&'static str],
        allowed: &str,
        about: &'static str,
        parse: impl Fn(&Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.take(name, aliases, allowed, about)?;
        let parsed = parse(&value);
        if parsed.is_none() {
            self.problem(format!("parameter {name}: {value} is not {allowed}"));
        }
        parsed
    }

    /// Takes the value out of what was given; `null` is as good as absent.
    fn take(
        &mut self,
        name: &'static str,
        aliases: &'static [&'static str],
        allowed: &str,
        about: &'static str,
    ) -> Option<Value> {
        self.known.push(Known { name, aliases, allowed: allowed.to_owned(), about });
        let is_it = |given: &str| {
            std::iter::once(&name).chain(aliases).any(|candidate| folded(candidate) == folded(given))
        };
        let mut found: Vec<(String, Value)> = self.given.extract_if(.., |(given, _)| is_it(given)).collect();
        if found.len() > 1 {
            let spelt: Vec<&str> = found.iter().map(|(given, _)| given.as_str()).collect();
            self.problems.push(format!(
                "parameter {name}: given {} times, as {}",
                spelt.len(),
                spelt.join(" and ")
            ));
        }
        found.pop().map(|(_, value)| value).filter(|value| !value.is_null())
    }
}

/// `; did you mean X?` when X is near enough to be what was meant.
pub(crate) fn did_you_mean(word: &str, known: &[&str]) -> String {
    let distance = |candidate: &str| strsim::damerau_levenshtein(&folded(word), &folded(candidate));
    known
        .iter()
        .map(|candidate| (distance(candidate), candidate))
        .min()
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .map(|(_, candidate)| format!("; did you mean {candidate}?"))
        .unwrap_or_default()
}
