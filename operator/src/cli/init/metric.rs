//! Which metric a script seems to report, and how.

use std::sync::LazyLock;

use regex::Regex;

/// How a script seems to print its metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Printed {
    /// `{"accuracy": 0.9}`, a line each.
    JsonLines,
    /// `accuracy=0.9` or `accuracy: 0.9` somewhere in a line.
    KeyValue,
    /// Event files.
    TensorBoard,
}

impl Printed {
    /// As a job names it.
    pub(super) fn format(self) -> &'static str {
        match self {
            Self::JsonLines => "JSONLines",
            Self::KeyValue => "KeyValue",
            Self::TensorBoard => "TensorBoard",
        }
    }
}

/// What a script's text says of its metrics.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Seen {
    /// Names, the likeliest objective first.
    pub(super) names: Vec<String>,
    /// How they are printed, where that can be seen.
    pub(super) printed: Option<Printed>,
    /// The name of what counts how far a trial is, if it is reported too.
    pub(super) resource: Option<String>,
}

/// Names of objectives, the ones people tune for first.
const KNOWN: &[&str] = &[
    "val_accuracy",
    "val_acc",
    "valid_accuracy",
    "validation_accuracy",
    "eval_accuracy",
    "val_f1",
    "val_auc",
    "val_score",
    "val_loss",
    "valid_loss",
    "validation_loss",
    "eval_loss",
    "accuracy",
    "acc",
    "top1",
    "f1",
    "auc",
    "roc_auc",
    "map",
    "reward",
    "mean_reward",
    "episode_reward",
    "return",
    "score",
    "r2",
    "perplexity",
    "ppl",
    "rmse",
    "mse",
    "mae",
    "error",
    "test_accuracy",
    "test_acc",
    "test_loss",
    "loss",
];

/// Names whose smaller values are better.
const SMALLER: &[&str] = &[
    "loss",
    "error",
    "err",
    "rmse",
    "mse",
    "mae",
    "perplexity",
    "ppl",
    "nll",
    "cost",
    "regret",
    "latency",
    "time",
    "wer",
    "cer",
    "fid",
];

/// Names that count how far a trial is.
const RESOURCES: &[&str] = &["epoch", "step", "iteration", "iter", "round"];

/// In code that prints, a name and what comes after it: `"name":`, `name=`, `name: {`; not the `name` of `{name:.4f}`.
static NAMED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?:^|[^{A-Za-z0-9_/\-])([A-Za-z][A-Za-z0-9_/\-]*)["']?\s*[:=]"#)
        .expect("the pattern is right: the tests compile it")
});

/// Reads a script's text.
pub(super) fn look(source: &str) -> Seen {
    let mut seen = Seen::default();
    let mut found: Vec<(usize, String)> = Vec::new();
    for line in source.lines().map(str::trim_start).filter(|line| !line.starts_with('#')) {
        let printed = if line.contains("json.dumps") {
            Printed::JsonLines
        } else if line.contains("add_scalar(") || line.contains("tf.summary.scalar(") {
            Printed::TensorBoard
        } else if line.contains("print")
            || line.contains("echo")
            || line.contains("write(")
            || line.contains("log")
        {
            Printed::KeyValue
        } else {
            continue;
        };
        let names: Vec<String> = if printed == Printed::TensorBoard {
            line.split(['"', '\'']).skip(1).step_by(2).map(str::to_owned).collect()
        } else {
            NAMED.captures_iter(line).map(|found| found[1].to_owned()).collect()
        };
        for name in names {
            let plain = plain(&name);
            if RESOURCES.contains(&plain.as_str()) {
                seen.resource.get_or_insert(name);
            } else if let Some(rank) = KNOWN.iter().position(|known| *known == plain) {
                found.push((rank, name));
                // What is structured is what was meant to be read by programs.
                if seen.printed != Some(Printed::JsonLines) {
                    seen.printed = Some(printed);
                }
            }
        }
    }
    found.sort();
    found.dedup();
    seen.names = found.into_iter().map(|(_, name)| name).collect();
    seen
}

/// Lower case with `_` between its parts.
fn plain(name: &str) -> String {
    name.to_lowercase().replace(['-', '/'], "_")
}

/// Whether a smaller value of this metric is better, as far as its name tells.
pub(super) fn is_minimized(name: &str) -> bool {
    plain(name).split('_').any(|word| SMALLER.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_json_is_seen() {
        let seen = look(
            "for epoch in range(9):\n    print(json.dumps({\"epoch\": epoch, \"loss\": l, \"val_accuracy\": a}))",
        );
        assert_eq!(seen.names, ["val_accuracy", "loss"]);
        assert_eq!(seen.printed, Some(Printed::JsonLines));
        assert_eq!(seen.resource.as_deref(), Some("epoch"));
    }

    #[test]
    fn printed_names_with_values_are_seen() {
        let seen =
            look("print(f'epoch={epoch} accuracy={acc:.4f}')\n# print(f'val_loss={x}')\nx = dict(auc=1)");
        assert_eq!((seen.names, seen.printed), (vec!["accuracy".to_owned()], Some(Printed::KeyValue)));
        assert_eq!(look("echo \"accuracy: $acc\"").names, ["accuracy"]);
    }

    #[test]
    fn tensorboard_scalars_are_seen() {
        let seen = look("writer.add_scalar('val/loss', loss, epoch)");
        assert_eq!((seen.names, seen.printed), (vec!["val/loss".to_owned()], Some(Printed::TensorBoard)));
    }

    #[test]
    fn the_goal_follows_from_the_name() {
        assert!(is_minimized("val_loss") && is_minimized("RMSE") && is_minimized("val/loss"));
        assert!(!is_minimized("accuracy") && !is_minimized("reward"));
    }
}
