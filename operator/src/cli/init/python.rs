//! Flags that a Python script defines with argparse, click or absl, read from its text: the script is not run.

mod literal;

use std::collections::HashMap;

use literal::{Call, Literal, calls};

use super::flag::{Flag, Takes};

/// The flags that a script defines, in their order.
pub(super) fn flags(source: &str) -> Vec<Flag> {
    let constants = constants(source);
    let mut flags: Vec<Flag> = Vec::new();
    for call in calls(source) {
        let flag = match call.name.rsplit('.').next().unwrap_or_default() {
            "add_argument" => argparse(&call, &constants),
            "option" => click(&call, &constants),
            name => name.strip_prefix("DEFINE_").and_then(|kind| absl(kind, &call, &constants)),
        };
        // A script may define a flag on several sub-commands; the first stands for all.
        if let Some(flag) = flag
            && flags.iter().all(|known| known.spelling != flag.spelling)
        {
            flags.push(flag.guess_takes());
        }
    }
    flags
}

type Constants = HashMap<String, Literal>;

/// Simple assignments of the script: `LR = 0.1`.
fn constants(source: &str) -> Constants {
    source
        .lines()
        .filter_map(|line| line.split_once('='))
        .filter(|(name, _)| {
            let name = name.trim_end();
            !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_')
        })
        .filter_map(|(name, value)| match Literal::parse(value) {
            Literal::Other(_) => None,
            literal => Some((name.trim().to_owned(), literal)),
        })
        .collect()
}

fn resolved<'a>(literal: &'a Literal, constants: &'a Constants) -> &'a Literal {
    match literal {
        Literal::Other(name) => constants.get(name).unwrap_or(literal),
        literal => literal,
    }
}

/// `parser.add_argument("-l", "--lr", type=float, default=0.1, choices=[...], help="...")`
fn argparse(call: &Call, constants: &Constants) -> Option<Flag> {
    let flag = long_flag(call.positional.iter().filter_map(Literal::text))?;
    let mut found = Flag { spelling: flag, ..common(call, constants) };
    found.takes = match call.named("type") {
        Some(Literal::Other(name)) => takes_of_type(name),
        _ => None,
    };
    found.required = call.named("required") == Some(&Literal::Bool(true));
    if let Some(action) = call.named("action") {
        let flips = match action {
            Literal::Text(action) => {
                action.starts_with("store_") || matches!(action.as_str(), "count" | "help" | "version")
            }
            Literal::Other(action) => action.ends_with("BooleanOptionalAction"),
            _ => false,
        };
        if flips {
            found.takes = Some(Takes::Nothing);
        }
    }
    if call.named("nargs").is_some_and(|nargs| *nargs != Literal::Text("?".to_owned())) {
        found.takes = Some(Takes::Text);
        found.default = None;
    }
    Some(found)
}

/// `@click.option("--lr", default=0.1, type=click.Choice([...]), help="...")`
fn click(call: &Call, constants: &Constants) -> Option<Flag> {
    let names: Vec<&str> = call.positional.iter().filter_map(Literal::text).collect();
    // `--shuffle/--no-shuffle` is there or not.
    let switch = names.iter().any(|name| name.starts_with("--") && name.contains('/'))
        || call.named("is_flag") == Some(&Literal::Bool(true));
    let flag = long_flag(names.iter().map(|name| name.split('/').next().unwrap_or(name)))?;
    let mut found = Flag { spelling: flag, ..common(call, constants) };
    found.required = call.named("required") == Some(&Literal::Bool(true));
    match call.named("type") {
        Some(Literal::Other(name)) => found.takes = takes_of_type(name),
        Some(Literal::Call(inner)) => {
            found.takes = match inner.name.rsplit('.').next().unwrap_or_default() {
                "Choice" => {
                    found.choices = inner.positional.first().map(choices).unwrap_or_default();
                    Some(Takes::Text)
                }
                "FloatRange" => Some(Takes::Float),
                "IntRange" => Some(Takes::Int),
                _ => Some(Takes::Text),
            };
        }
        _ => {}
    }
    if switch {
        found.takes = Some(Takes::Nothing);
    }
    Some(found)
}

/// `flags.DEFINE_float("lr", 0.1, "help")`, `flags.DEFINE_enum("opt", "sgd", [...], "help")`
fn absl(kind: &str, call: &Call, constants: &Constants) -> Option<Flag> {
    let at = |position: usize| call.positional.get(position).map(|literal| resolved(literal, constants));
    let name = at(0)?.text()?;
    let help_at = if kind == "enum" { 3 } else { 2 };
    let default = call.named("default").map(|literal| resolved(literal, constants)).or_else(|| at(1));
    let takes = match kind {
        "float" => Takes::Float,
        "integer" => Takes::Int,
        "bool" | "boolean" => Takes::Nothing,
        "enum" | "string" => Takes::Text,
        _ => return None,
    };
    let values = if kind == "enum" { call.named("enum_values").or_else(|| at(2)) } else { None };
    Some(Flag {
        spelling: format!("--{name}"),
        takes: Some(takes),
        default: default.and_then(Literal::value),
        choices: values.map(choices).unwrap_or_default(),
        required: false,
        help: call
            .named("help")
            .or_else(|| at(help_at))
            .and_then(Literal::text)
            .unwrap_or_default()
            .to_owned(),
    })
}

/// What argparse and click name alike.
fn common(call: &Call, constants: &Constants) -> Flag {
    let choices = call.named("choices").map(|list| choices(resolved(list, constants))).unwrap_or_default();
    Flag {
        default: call.named("default").and_then(|default| resolved(default, constants).value()),
        choices,
        help: call.named("help").and_then(Literal::text).unwrap_or_default().to_owned(),
        ..Flag::default()
    }
}

/// The first flag with two dashes, or else with one; `None` for what is no flag.
fn long_flag<'a>(names: impl Iterator<Item = &'a str>) -> Option<String> {
    let flags: Vec<&str> = names.filter(|name| name.starts_with('-')).collect();
    let long = flags.iter().find(|name| name.starts_with("--"));
    long.or(flags.first()).map(|&flag| flag.to_owned())
}

fn choices(list: &Literal) -> Vec<String> {
    match list {
        Literal::List(items) => items.iter().filter_map(Literal::value).collect(),
        _ => Vec::new(),
    }
}

fn takes_of_type(name: &str) -> Option<Takes> {
    match name {
        "float" | "click.FLOAT" => Some(Takes::Float),
        "int" | "click.INT" => Some(Takes::Int),
        "str" | "click.STRING" => Some(Takes::Text),
        // A function of the script's own may parse anything: its default tells.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flag(source: &str) -> Flag {
        let mut flags = flags(source);
        assert_eq!(flags.len(), 1, "{flags:?}");
        flags.remove(0)
    }

    #[test]
    fn argparse_gives_type_default_and_help() {
        let found = flag(
            r#"
p = argparse.ArgumentParser()
p.add_argument('-l', "--learning-rate", type=float,  # how fast
               default=1e-3, help="step size "
                                  "of the optimizer (log scale)")
"#,
        );
        assert_eq!(
            found,
            Flag {
                spelling: "--learning-rate".into(),
                takes: Some(Takes::Float),
                default: Some("1e-3".into()),
                help: "step size of the optimizer (log scale)".into(),
                ..Flag::default()
            }
        );
        assert_eq!(found.name(), "learning_rate");
    }

    #[test]
    fn choices_constants_and_required_flags_are_seen() {
        let found =
            flag("OPTS = ['sgd', 'adam']\nparser.add_argument('--opt', choices=OPTS, default=OPTS[0])");
        assert_eq!(found.choices, ["sgd", "adam"]);
        let found = flag("WIDTH = 1_024\nx.add_argument('--width', type=int, default=WIDTH)");
        assert_eq!(found.default.as_deref(), Some("1024"));
        assert!(flag("a.add_argument('--data', required=True)").required);
    }

    #[test]
    fn what_takes_no_value_is_known() {
        for source in [
            "a.add_argument('--amp', action='store_true')",
            "a.add_argument('--amp', action=argparse.BooleanOptionalAction, default=True)",
            "@click.option('--amp/--no-amp', default=True)",
            "@click.option('--amp', is_flag=True)",
            "flags.DEFINE_bool('amp', True, 'mixed precision')",
        ] {
            assert_eq!(flag(source).takes, Some(Takes::Nothing), "{source}");
        }
    }

    #[test]
    fn a_positional_argument_is_no_flag() {
        assert!(flags("a.add_argument('data')").is_empty());
    }

    #[test]
    fn click_options_are_read() {
        let source = "@click.option('-b', '--batch-size', 'bs', default=32, show_default=True, help='per step')\n\
                      @click.option('--opt', type=click.Choice(['sgd', 'adam'], case_sensitive=False))\n\
                      @click.option('--drop', type=click.FloatRange(0, 1), default=.1)\ndef main(): pass";
        let found = flags(source);
        assert_eq!(found.len(), 3);
        assert_eq!((found[0].spelling.as_str(), found[0].takes), ("--batch-size", Some(Takes::Int)));
        assert_eq!(found[1].choices, ["sgd", "adam"]);
        assert_eq!((found[2].takes, found[2].default.as_deref()), (Some(Takes::Float), Some(".1")));
    }

    #[test]
    fn absl_flags_are_read() {
        let source = "flags.DEFINE_float('lr', 0.1, 'rate')\nflags.DEFINE_integer(name='n', default=3, help='x')\n\
                      DEFINE_enum('opt', 'sgd', ['sgd', 'adam'], 'which')";
        let found = flags(source);
        assert_eq!(found[0].default.as_deref(), Some("0.1"));
        assert_eq!(found.last().map(|flag| flag.choices.clone()), Some(vec!["sgd".into(), "adam".into()]));
        assert_eq!(found.last().map(|flag| flag.help.as_str()), Some("which"));
    }

    #[test]
    fn comments_and_strings_are_not_code() {
        let source = "# p.add_argument('--old')\nprint(\"p.add_argument('--fake')\")\n'''\np.add_argument('--doc')\n'''\n\
                      p.add_argument('--real', default=1)";
        assert_eq!(flag(source).spelling, "--real");
    }
}
