//! What a flag's name, type and default say of how to tune it.

use super::{
    domain::{Domain, Scale},
    flag::{Flag, Takes, takes_of},
};

/// What is to be done with a flag.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Guess {
    /// Search these values.
    Tune(Domain),
    /// It says how long a trial is: fixed, and what a scheduler counts.
    Length(i64),
    /// Leave it at its default.
    Leave,
}

/// How to tune flags whose name holds one of these words.
struct Rule {
    /// Words of a name, joined by `_`; a name that holds them in this order, as whole words, matches.
    names: &'static [&'static str],
    /// What to do, given the default.
    guess: fn(Option<f64>) -> Option<Domain>,
}

/// Ranges are those in which practitioners search: for the learning rate two decades below the default and one
/// above, for weight decay two to both sides; for counts a factor of four; for shares the part of [0, 1] that is ever good. The first rule that
/// matches holds.
const RULES: &[Rule] = &[
    Rule {
        names: &["lr", "learning_rate", "learningrate", "eta", "step_size"],
        guess: |default| decades(default, 1e-3, (2, 1), 1.0),
    },
    Rule {
        names: &["weight_decay", "wd", "l2", "l1", "decay", "reg", "reg_lambda", "reg_alpha"],
        guess: |default| match default {
            Some(share) if share >= 0.5 => Some(near_one(share)),
            default => decades(default.filter(|&d| d > 0.0), 1e-4, (2, 2), 1.0),
        },
    },
    Rule { names: &["label_smoothing", "smoothing"], guess: |_| Some(linear(0.0, 0.2)) },
    Rule {
        names: &["dropout", "drop", "dropout_rate", "drop_rate", "drop_path", "droppath", "dropout_prob"],
        guess: |_| Some(linear(0.0, 0.6)),
    },
    Rule { names: &["momentum", "beta1", "beta_1"], guess: |_| Some(reverse(0.5, 0.99)) },
    Rule { names: &["beta2", "beta_2"], guess: |_| Some(reverse(0.9, 0.9999)) },
    Rule { names: &["ema", "discount", "gae_lambda"], guess: |_| Some(reverse(0.8, 0.999)) },
    Rule {
        names: &["warmup", "warmup_ratio", "warmup_fraction"],
        guess: |default| match default {
            Some(steps) if steps > 1.0 => around_whole(steps, 4.0),
            _ => Some(linear(0.0, 0.2)),
        },
    },
    Rule {
        names: &[
            "subsample",
            "colsample",
            "colsample_bytree",
            "feature_fraction",
            "bagging_fraction",
            "max_features",
        ],
        guess: |_| Some(linear(0.4, 1.0)),
    },
    Rule {
        names: &["batch_size", "batchsize", "bs", "batch", "minibatch", "mini_batch"],
        guess: |default| around_whole(default.unwrap_or(64.0), 4.0),
    },
    Rule { names: &["kernel_size", "kernel"], guess: |default| default.map(|_| choice(&["3", "5", "7"])) },
    Rule {
        names: &["heads", "num_heads", "n_heads", "nhead", "n_head"],
        guess: |_| Some(choice(&["2", "4", "8"])),
    },
    Rule {
        names: &["max_depth", "num_layers", "n_layers", "layers", "depth", "blocks", "num_blocks", "n_layer"],
        guess: |default| {
            let most = default.map_or(4, |default| (default as i64 * 2).max(default as i64 + 2)).clamp(2, 64);
            Some(Domain::Int { min: 1, max: most, step: 1, scale: Scale::Linear })
        },
    },
    Rule {
        names: &[
            "hidden",
            "hidden_size",
            "hidden_dim",
            "units",
            "width",
            "channels",
            "filters",
            "embed",
            "embedding",
            "embedding_dim",
            "embed_dim",
            "d_model",
            "n_embd",
            "latent",
            "dim",
            "neurons",
            "num_leaves",
        ],
        guess: |default| around_whole(default.unwrap_or(128.0), 4.0),
    },
    Rule {
        names: &["n_estimators", "estimators", "trees", "num_trees", "num_rounds"],
        guess: |default| around_whole(default.unwrap_or(100.0), 10.0),
    },
    Rule {
        names: &["min_samples_leaf", "min_samples_split", "min_child_weight", "min_data_in_leaf"],
        guess: |default| around_whole(default.unwrap_or(5.0).max(2.0), 10.0),
    },
    Rule {
        names: &["temperature", "clip", "grad_clip", "clip_grad", "max_grad_norm", "noise", "sigma", "std"],
        guess: |default| around(default.unwrap_or(1.0), 10.0),
    },
    Rule {
        names: &["c", "gamma", "alpha", "lambda"],
        guess: |default| match default {
            Some(share) if (0.8..1.0).contains(&share) => Some(near_one(share)),
            default => decades(default.filter(|&d| d > 0.0), 1.0, (2, 2), f64::INFINITY),
        },
    },
];

/// Names that say how long a trial is.
const LENGTHS: &[&str] = &[
    "epochs",
    "epoch",
    "num_epochs",
    "n_epochs",
    "max_epochs",
    "max_epoch",
    "max_t",
    "max_steps",
    "num_steps",
    "steps",
    "train_steps",
    "iterations",
    "iters",
    "max_iter",
    "max_iters",
    "n_iter",
    "num_iterations",
];

/// Words that say that a flag is not about the model.
const OTHERS: &[&str] = &[
    "seed",
    "worker",
    "workers",
    "threads",
    "jobs",
    "gpu",
    "gpus",
    "device",
    "rank",
    "port",
    "verbose",
    "verbosity",
    "interval",
    "every",
    "freq",
    "frequency",
    "patience",
    "limit",
    "resume",
    "world",
    "size_limit",
    "log",
    "save",
    "eval",
    "print",
    "version",
    "fold",
    "folds",
    "split",
    "classes",
    "num_classes",
    "cpus",
    "prefetch",
    "eps",
    "epsilon",
    "timeout",
];

/// What to do with a flag.
pub(super) fn guess(flag: &Flag) -> Guess {
    let name = snake_case(&flag.name());
    let default = flag.default.as_deref().and_then(|default| default.parse::<f64>().ok());
    if LENGTHS.contains(&name.as_str()) {
        return default
            .filter(|length| *length >= 1.0)
            .map_or(Guess::Leave, |length| Guess::Length(length as i64));
    }
    if flag.choices.len() > 1 {
        let about_model =
            !words(&name).any(|word| OTHERS.contains(&word) || matches!(word, "data" | "dataset"));
        return if about_model { Guess::Tune(Domain::Choice(flag.choices.clone())) } else { Guess::Leave };
    }
    let takes = flag.takes.or_else(|| flag.default.as_deref().and_then(takes_of));
    if !matches!(takes, Some(Takes::Float | Takes::Int)) || words(&name).any(|word| OTHERS.contains(&word)) {
        return Guess::Leave;
    }
    let matching = RULES.iter().find(|rule| rule.names.iter().any(|pattern| holds(&name, pattern)));
    let domain = match matching {
        Some(rule) => (rule.guess)(default),
        // A number that is nothing known: around its default, if it has one.
        None => default
            .filter(|&default| default > 0.0 && takes == Some(Takes::Float))
            .and_then(|default| around(default, 4.0)),
    };
    domain.map_or(Guess::Leave, |domain| Guess::Tune(fit(domain, takes)))
}

/// A whole number stays one.
fn fit(domain: Domain, takes: Option<Takes>) -> Domain {
    match (domain, takes) {
        (Domain::Float { min, max, scale }, Some(Takes::Int)) if max >= 2.0 => {
            let min = (min.round() as i64).max(i64::from(scale == Scale::Log));
            Domain::Int { min, max: (max.round() as i64).max(min + 1), step: 1, scale }
        }
        (Domain::Int { min, max, scale, .. }, Some(Takes::Float)) => {
            Domain::Float { min: min as f64, max: max as f64, scale }
        }
        (domain, _) => domain,
    }
}

fn linear(min: f64, max: f64) -> Domain {
    Domain::Float { min, max, scale: Scale::Linear }
}

fn reverse(min: f64, max: f64) -> Domain {
    Domain::Float { min, max, scale: Scale::ReverseLog }
}

/// Around a number just below 1.
fn near_one(default: f64) -> Domain {
    reverse(if default > 0.95 { 0.9 } else { 0.5 }, if default > 0.99 { 0.9999 } else { 0.999 })
}

/// So many decades below and above that of the default, up to `most`.
fn decades(default: Option<f64>, otherwise: f64, (below, above): (i32, i32), most: f64) -> Option<Domain> {
    let center = default.filter(|&default| default > 0.0).unwrap_or(otherwise);
    // Whole decades: 0.003 becomes 1e-5..0.01 rather than 3e-5..0.03.
    let exponent = center.log10().floor() as i32;
    let (min, max) = (10f64.powi(exponent - below), 10f64.powi(exponent + above).min(most));
    (min < max).then_some(Domain::Float { min: tidy(min), max: tidy(max.max(center)), scale: Scale::Log })
}

/// By a factor to both sides, on a log scale.
fn around(center: f64, factor: f64) -> Option<Domain> {
    (center > 0.0).then(|| Domain::Float {
        min: tidy(center / factor),
        max: tidy(center * factor),
        scale: Scale::Log,
    })
}

/// The same for whole numbers.
fn around_whole(center: f64, factor: f64) -> Option<Domain> {
    let (min, max) = (((center / factor).round() as i64).max(1), (center * factor).round() as i64);
    (min < max).then_some(Domain::Int { min, max, step: 1, scale: Scale::Log })
}

fn choice(values: &[&str]) -> Domain {
    Domain::Choice(values.iter().map(|&value| value.to_owned()).collect())
}

/// Two significant digits, as a person would write it.
fn tidy(value: f64) -> f64 {
    format!("{value:.1e}").parse().unwrap_or(value)
}

/// `learningRate` as `learning_rate`.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    let mut before = '_';
    for c in name.chars() {
        if c.is_uppercase() && (before.is_lowercase() || before.is_ascii_digit()) {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
        before = c;
    }
    snake
}

fn words(name: &str) -> impl Iterator<Item = &str> {
    name.split('_')
}

/// Whether the words of `pattern` stand in `name`, one after the other.
fn holds(name: &str, pattern: &str) -> bool {
    format!("_{name}_").contains(&format!("_{pattern}_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, takes: Takes, default: &str) -> String {
        let flag = Flag {
            spelling: format!("--{name}"),
            takes: Some(takes),
            default: (!default.is_empty()).then(|| default.to_owned()),
            ..Flag::default()
        };
        match guess(&flag) {
            Guess::Tune(domain) => domain.to_string(),
            Guess::Length(length) => format!("length {length}"),
            Guess::Leave => "leave".to_owned(),
        }
    }

    #[test]
    fn known_names_get_the_ranges_people_search() {
        for (name, takes, default, expected) in [
            ("lr", Takes::Float, "0.001", "1e-5..0.01:log"),
            ("learning-rate", Takes::Float, "0.1", "0.001..1.0:log"),
            ("learningRate", Takes::Float, "", "1e-5..0.01:log"),
            ("weight_decay", Takes::Float, "0", "1e-6..0.01:log"),
            ("dropout", Takes::Float, "0.1", "0.0..0.6"),
            ("momentum", Takes::Float, "0.9", "0.5..0.99:reverseLog"),
            ("batch-size", Takes::Int, "64", "16..256:log"),
            ("hidden", Takes::Int, "128", "32..512:log"),
            ("num-layers", Takes::Int, "3", "1..6"),
            ("max_depth", Takes::Int, "", "1..4"),
            ("n_estimators", Takes::Int, "100", "10..1000:log"),
            ("gamma", Takes::Float, "0.99", "0.9..0.999:reverseLog"),
            ("C", Takes::Float, "1.0", "0.01..100.0:log"),
            ("encoder-dropout", Takes::Float, "0.2", "0.0..0.6"),
            ("strength", Takes::Float, "0.2", "0.05..0.8:log"),
        ] {
            let expected = Domain::parse(expected).map(|domain| domain.to_string());
            assert_eq!(Ok(of(name, takes, default)), expected, "{name}");
        }
    }

    #[test]
    fn what_is_not_about_the_model_is_left() {
        for (name, takes, default) in [
            ("seed", Takes::Int, "0"),
            ("num-workers", Takes::Int, "4"),
            ("log_interval", Takes::Int, "10"),
            ("data", Takes::Text, "./data"),
            ("amp", Takes::Nothing, ""),
            ("count", Takes::Int, "5"),
        ] {
            assert_eq!(of(name, takes, default), "leave", "{name}");
        }
    }

    #[test]
    fn the_length_of_a_trial_is_fixed() {
        assert_eq!(of("epochs", Takes::Int, "10"), "length 10");
        assert_eq!(of("max_steps", Takes::Int, "1000"), "length 1000");
    }

    #[test]
    fn choices_are_searched_unless_they_choose_the_data() {
        let choices = vec!["sgd".to_owned(), "adam".to_owned()];
        let flag = |name: &str| Flag { spelling: name.into(), choices: choices.clone(), ..Flag::default() };
        assert_eq!(guess(&flag("--opt")), Guess::Tune(Domain::Choice(choices.clone())));
        assert_eq!(guess(&flag("--dataset")), Guess::Leave);
    }
}
