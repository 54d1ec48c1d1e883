//! What `--help` looks like: commands in groups, examples, colours.

use clap::builder::{StyledStr, Styles};

use super::{Invoked, shell::style};

/// Every command that help shows, in the order of a job's life.
const GROUPS: &[(&str, &[&str])] = &[
    ("Write a job", &["init", "validate", "explain"]),
    ("Tune", &["run", "simulate", "ask-tell"]),
    ("Look", &["top", "best", "trials", "plot", "export", "logs"]),
    ("Steer a job on a cluster", &["suspend", "resume"]),
    ("Set up", &["operator", "crds", "completions", "man"]),
];

/// Width of the column of command names.
const NAME_WIDTH: usize = 11;

/// Adds what clap does not do by itself, and puts the name the user called us by into it.
pub(super) fn decorate(command: clap::Command, invoked: Invoked) -> clap::Command {
    let command = command
        .bin_name(invoked.name())
        .styles(
            Styles::styled()
                .header(style::HEADING)
                .usage(style::HEADING)
                .literal(style::LITERAL)
                .placeholder(style::DIM)
                .error(style::ERROR)
                .valid(style::GOOD)
                .invalid(style::WARNING),
        )
        .mut_subcommands(|subcommand| decorate_examples(subcommand, invoked));
    let command = decorate_examples(command, invoked);
    let template = format!(
        "{{about}}\n\n{{usage-heading}} {{usage}}\n{0}\n{1}Options:{1:#}\n{{options}}{{after-help}}",
        groups(&command),
        style::HEADING
    );
    command.help_template(StyledStr::from(template))
}

fn decorate_examples(command: clap::Command, invoked: Invoked) -> clap::Command {
    match command.get_after_help().map(StyledStr::to_string) {
        Some(examples) => command.after_help(render_examples(&examples, invoked)),
        None => command,
    }
}

/// The commands by group, each with the first line of its description.
fn groups(command: &clap::Command) -> String {
    let mut text = String::new();
    for (title, names) in GROUPS {
        text.push_str(&format!("\n{0}{title}:{0:#}\n", style::HEADING));
        for name in *names {
            let about = command
                .find_subcommand(name)
                .and_then(clap::Command::get_about)
                .map(StyledStr::to_string)
                .unwrap_or_default();
            text.push_str(&format!("  {0}{name:NAME_WIDTH$}{0:#}  {about}\n", style::LITERAL));
        }
    }
    text
}

/// Examples are written as in a shell: lines of `# what it does` and of `temper …`.
fn render_examples(examples: &str, invoked: Invoked) -> StyledStr {
    let mut text = format!("{0}Examples:{0:#}", style::HEADING);
    for line in examples.lines() {
        let style = if line.starts_with('#') { style::DIM } else { style::LITERAL };
        let line = line.replace("temper ", &format!("{} ", invoked.name()));
        text.push_str(&format!("\n  {style}{line}{style:#}"));
    }
    StyledStr::from(text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::cli::command;

    #[test]
    fn every_visible_command_is_in_one_group_and_has_a_description() {
        let command = command(Invoked::Temper);
        let visible: BTreeSet<&str> =
            command.get_subcommands().filter(|c| !c.is_hide_set()).map(clap::Command::get_name).collect();
        let grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        assert_eq!(grouped.iter().copied().collect::<BTreeSet<_>>(), visible);
        assert_eq!(grouped.len(), visible.len(), "a command is in two groups");
        for subcommand in command.get_subcommands() {
            assert!(subcommand.get_about().is_some(), "{} has no description", subcommand.get_name());
        }
    }
}
