//! Flags that a program lists in its `--help`: argparse, click, clap, absl, Go's flag and those that look like them.

use std::sync::LazyLock;

use regex::Regex;

use super::flag::{Flag, Takes};

/// A line that begins a flag: dashes, a name, perhaps what it takes, then two blanks, a colon or the end.
static HEAD: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\s{1,12}(-{1,2}[A-Za-z].*)$"));
/// One way to write a flag and what follows it.
static SPELLING: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(-{1,2}(?:\[no-?\])?[A-Za-z][A-Za-z0-9_.\-]*)(?:[ =]+(\{[^}]*\}|\[[^\]]*\]|<[^>]*>|[A-Za-z][A-Za-z0-9_\-]*))?$",
    )
});
static DEFAULT: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"(?i)defaults?(?:\s*[:=]\s*|\s+to\s+|\s+)['"]?([^'")\];,\s]+)"#));
static VALUES: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)(?:possible values|choices|one of|allowed values)\s*:?\s*[\[{(<]?([A-Za-z0-9_.\-]+(?:\s*[,|/]\s*[A-Za-z0-9_.\-]+)+)",
    )
});

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("the patterns above are right: the tests compile each of them")
}

/// The flags, in their order.
pub(super) fn flags(help: &str) -> Vec<Flag> {
    let mut entries: Vec<(String, String)> = Vec::new();
    for line in help.lines() {
        let head = HEAD.captures(line).map(|found| found[1].to_owned());
        match (head, entries.last_mut()) {
            (Some(head), _) => {
                let (spellings, description) = split_head(&head);
                entries.push((spellings.to_owned(), description.to_owned()));
            }
            // A heading ends what stands above it.
            (None, _) if !line.starts_with([' ', '\t']) => entries.push((String::new(), String::new())),
            (None, Some((_, description))) => {
                description.push(' ');
                description.push_str(line.trim());
            }
            (None, None) => {}
        }
    }
    entries.iter().filter_map(|(spellings, description)| flag(spellings, description)).collect()
}

/// What is written and what it means.
fn split_head(head: &str) -> (&str, &str) {
    // `--lr: how fast`, as absl has it, or two blanks.
    let blanks = head.find("  ").or_else(|| head.find('\t'));
    match (blanks, head.find(": ")) {
        (blanks, Some(colon)) if blanks.is_none_or(|blanks| colon < blanks) => {
            (&head[..colon], head[colon + 2..].trim())
        }
        (Some(blanks), _) => (&head[..blanks], head[blanks..].trim()),
        (None, _) => (head.trim_end_matches(':'), ""),
    }
}

fn flag(spellings: &str, description: &str) -> Option<Flag> {
    let mut found: Vec<(String, Option<String>)> = Vec::new();
    for part in split_spellings(spellings) {
        let captures = SPELLING.captures(part.trim())?;
        found.push((captures[1].to_owned(), captures.get(2).map(|operand| operand.as_str().to_owned())));
    }
    let (name, _) = found.iter().find(|(name, _)| name.starts_with("--")).or(found.first())?.clone();
    if name.contains('[') || matches!(name.as_str(), "--help" | "-h" | "-help" | "--version" | "-V") {
        return None;
    }
    let operand = found.into_iter().find_map(|(_, operand)| operand);
    let mut choices = operand.as_deref().map(choices).unwrap_or_default();
    if choices.is_empty()
        && let Some(values) = VALUES.captures(description)
    {
        choices = values[1].split([',', '|', '/']).map(|value| value.trim().to_owned()).collect();
    }
    let default = DEFAULT.captures(description).map(|found| found[1].to_owned());
    let default = default.filter(|default| !matches!(default.as_str(), "None" | "null" | "nil"));
    let takes =
        match operand.as_deref().map(|operand| operand.trim_matches(['<', '>', '[', ']']).to_lowercase()) {
            _ if !choices.is_empty() => Some(Takes::Text),
            Some(operand) => match operand.as_str() {
                "float" | "float64" | "float32" | "number" | "double" => Some(Takes::Float),
                "int" | "integer" | "uint" | "int64" => Some(Takes::Int),
                "string" | "text" | "path" | "file" | "dir" => Some(Takes::Text),
                _ => None,
            },
            // absl tells the type under the flag.
            None if description.contains("(a number)") => Some(Takes::Float),
            None if description.contains("(an integer)") => Some(Takes::Int),
            None if default.as_deref().is_some_and(|default| default.parse::<f64>().is_ok()) => None,
            None => Some(Takes::Nothing),
        };
    let required = description.contains("[required]") || description.contains("(required)");
    Some(
        Flag { spelling: name, takes, default, choices, required, help: description.to_owned() }
            .guess_takes(),
    )
}

/// `-l LR, --lr LR` in its parts; a comma within braces is none between them.
fn split_spellings(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut depth) = (0, 0usize);
    for (at, c) in text.char_indices() {
        match c {
            '{' | '[' | '<' => depth += 1,
            '}' | ']' | '>' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// `{sgd,adam}`, `[sgd|adam]`
fn choices(operand: &str) -> Vec<String> {
    let inner = operand.trim_matches(['{', '}', '[', ']', '<', '>']);
    if !operand.starts_with(['{', '[', '<']) || !inner.contains([',', '|']) {
        return Vec::new();
    }
    inner.split([',', '|']).map(|value| value.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(help: &str) -> Vec<String> {
        let show = |flag: Flag| {
            let takes = flag.takes.map_or("?".to_owned(), |takes| format!("{takes:?}"));
            let default = flag.default.unwrap_or_default();
            format!("{} {takes} {default} {}", flag.spelling, flag.choices.join("|")).trim_end().to_owned()
        };
        flags(help).into_iter().map(show).collect()
    }

    #[test]
    fn argparse() {
        let help = "usage: train.py [-h] [--lr LR]\n\noptions:\n  -h, --help            show this help message and exit\n  \
                    -l LR, --lr LR        learning rate (default: 0.01)\n  --batch-size BATCH_SIZE\n                        \
                    how many at once\n                        (default: 64)\n  --opt {sgd,adam}      which (default: sgd)\n  \
                    --amp                 mixed precision (default: False)\n";
        assert_eq!(
            summary(help),
            ["--lr Float 0.01", "--batch-size Int 64", "--opt Text sgd sgd|adam", "--amp Nothing False"]
        );
    }

    #[test]
    fn clap_and_click() {
        let clap = "Options:\n      --lr <LR>    Step size [default: 0.001]\n      --opt <OPT>  [default: adam] [possible values: sgd, adam]\n  -v, --verbose    More\n  -V, --version    Print version\n";
        assert_eq!(summary(clap), ["--lr Float 0.001", "--opt Text adam sgd|adam", "--verbose Nothing"]);
        let click = "Options:\n  --lr FLOAT           [default: 0.1]\n  --opt [sgd|adam]\n  --bs INTEGER  per step  [required]\n  --help               Show this message and exit.\n";
        assert_eq!(summary(click), ["--lr Float 0.1", "--opt Text  sgd|adam", "--bs Int"]);
        assert!(flags(click)[2].required);
    }

    #[test]
    fn go_and_absl() {
        let go = "Usage of train:\n  -lr float\n    \tlearning rate (default 0.01)\n  -verbose\n    \tmore\n";
        assert_eq!(summary(go), ["-lr Float 0.01", "-verbose Nothing"]);
        let absl = "train.py:\n  --lr: how fast\n    (default: '0.1')\n    (a number)\n  --[no]amp: mixed\n    (default: 'true')\n";
        assert_eq!(summary(absl), ["--lr Float 0.1"]);
    }
}
