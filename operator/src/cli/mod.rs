//! The `temper` command line: one file for each command.
//!
//! A command is a struct of arguments with a `run(self, Shell) -> Result<Exit, Failure>`: a thin shell around
//! code that knows nothing of terminals. To add one: its file, its line in [`Command`] and in [`Command::run`],
//! and its name in one of the groups of [`help`].

mod agent;
mod ask_tell;
mod best;
mod cluster;
mod completions;
mod crds;
mod exit;
mod explain;
mod export;
mod help;
mod init;
mod logs;
mod look;
mod man;
mod operator;
mod output;
mod plot;
mod run;
mod shell;
mod simulate;
mod source;
mod store;
mod suspend;
mod top;
mod trials;
mod validate;
mod warm_start;

use std::{
    ffi::{OsStr, OsString},
    path::Path,
    process::ExitCode,
};

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

pub use exit::{Exit, Failure};
pub use shell::Shell;

/// Tunes machine-learning models: on the machine at hand, or on Kubernetes
#[derive(Parser)]
#[command(name = "temper", version, max_term_width = 100, after_help = EXAMPLES)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
# From a script to its best settings
temper init train.py
temper run job.yaml
temper best
# What a command does, its options, and more examples
temper run --help";

/// Options that every command takes.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Global options")]
#[allow(clippy::doc_markdown, reason = "the comments are the help of the options")]
struct Global {
    /// When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never.
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        value_enum,
        default_value_t,
        hide_possible_values = true,
        hide_default_value = true,
        display_order = 100
    )]
    color: clap::ColorChoice,
    /// Say more of what is being done.
    #[arg(long, short, global = true, conflicts_with = "quiet", display_order = 101)]
    verbose: bool,
    /// Say nothing but results and errors.
    #[arg(long, short, global = true, display_order = 102)]
    quiet: bool,
}

#[derive(Subcommand)]
enum Command {
    Init(init::Init),
    Validate(validate::Validate),
    Explain(explain::Explain),
    Agent(agent::Agent),
    Run(run::Run),
    Simulate(simulate::Simulate),
    AskTell(ask_tell::AskTellCommand),
    Top(top::Top),
    Best(best::Best),
    Trials(trials::Trials),
    Plot(plot::Plot),
    Export(export::Export),
    Logs(logs::Logs),
    Suspend(suspend::Suspend),
    Resume(suspend::Resume),
    Operator(operator::Operator),
    Crds(crds::Crds),
    Completions(completions::Completions),
    Man(man::Man),
}

impl Command {
    fn run(self, shell: Shell) -> Result<Exit, Failure> {
        match self {
            Self::Init(command) => command.run(shell),
            Self::Validate(command) => command.run(shell),
            Self::Explain(command) => command.run(shell),
            Self::Agent(command) => command.run(),
            Self::Run(command) => command.run(shell),
            Self::Simulate(command) => command.run(shell),
            Self::AskTell(command) => command.run(shell),
            Self::Top(command) => command.run(shell),
            Self::Best(command) => command.run(shell),
            Self::Trials(command) => command.run(shell),
            Self::Plot(command) => command.run(shell),
            Self::Export(command) => command.run(shell),
            Self::Logs(command) => command.run(shell),
            Self::Suspend(command) => command.run(shell),
            Self::Resume(command) => command.run(shell),
            Self::Operator(command) => command.run(shell),
            Self::Crds(command) => command.run(shell),
            Self::Completions(command) => command.run(shell),
            Self::Man(command) => command.run(shell),
        }
    }
}

/// What the program is called: by its file's name, a kubectl plugin or itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Invoked {
    Temper,
    KubectlPlugin,
}

impl Invoked {
    /// kubectl runs a file `kubectl-temper` for `kubectl temper`.
    fn from_program(program: Option<&OsStr>) -> Self {
        let stem = program.and_then(|program| Path::new(program).file_stem());
        if stem == Some(OsStr::new("kubectl-temper")) { Self::KubectlPlugin } else { Self::Temper }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Temper => "temper",
            Self::KubectlPlugin => "kubectl temper",
        }
    }
}

/// The whole command line as clap knows it, for parsing, help, completions and manual pages.
fn command(invoked: Invoked) -> clap::Command {
    help::decorate(Cli::command(), invoked)
}

/// Runs the command that `arguments` ask for; the first of them is the program's own name.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    // Help and errors about arguments are printed before there are parsed options.
    shell::choose_colors(shell::color_argument(&arguments));
    let invoked = Invoked::from_program(arguments.first().map(OsString::as_os_str));
    let parsed =
        command(invoked).try_get_matches_from(arguments).and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            let exit = if error.use_stderr() { Exit::WrongInput } else { Exit::Done };
            // Nobody is left to tell when even this cannot be printed.
            let _ = error.print();
            return exit.into();
        }
    };
    shell::choose_colors(cli.global.color);
    let shell = Shell::new(cli.global.verbose, cli.global.quiet, invoked);
    match cli.command.run(shell) {
        Ok(exit) => exit.into(),
        Err(failure) => failure.report().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_of_all_commands_are_consistent() {
        command(Invoked::Temper).debug_assert();
    }

    #[test]
    fn the_file_name_tells_how_it_was_called() {
        let invoked = |program: &str| Invoked::from_program(Some(OsStr::new(program)));
        assert_eq!(invoked("/usr/local/bin/kubectl-temper"), Invoked::KubectlPlugin);
        assert_eq!(invoked("./temper"), Invoked::Temper);
        assert_eq!(Invoked::from_program(None), Invoked::Temper);
    }
}
