//! The terminal: what goes to stdout and stderr, in what colours, and how much of it.
//!
//! Results go to stdout, everything said about them to stderr.

use std::{
    ffi::OsString,
    io::{self, IsTerminal, Write},
};

use anstream::AutoStream;

use super::Invoked;

/// Styles, by what they mean.
pub(crate) mod style {
    use anstyle::{AnsiColor, Style};

    /// Something is wrong.
    pub(crate) const ERROR: Style = AnsiColor::Red.on_default().bold();
    /// Something may be wrong.
    pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default().bold();
    /// What to do about it.
    pub(crate) const HINT: Style = AnsiColor::Cyan.on_default().bold();
    /// A heading.
    pub(crate) const HEADING: Style = Style::new().bold().underline();
    /// What is typed as it stands: commands, flags.
    pub(crate) const LITERAL: Style = AnsiColor::Cyan.on_default();
    /// What stands out: the best, what succeeded.
    pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
    /// What stands back.
    pub(crate) const DIM: Style = Style::new().dimmed();
}

/// Where a command writes.
#[derive(Clone, Copy, Debug)]
pub struct Shell {
    verbose: bool,
    quiet: bool,
    invoked: Invoked,
}

impl Shell {
    pub(super) fn new(verbose: bool, quiet: bool, invoked: Invoked) -> Self {
        Self { verbose, quiet, invoked }
    }

    /// As what the user called the program.
    pub(super) fn invoked(self) -> Invoked {
        self.invoked
    }

    /// Stdout, buffered, without colours where they are not wanted. Flush it: what is not flushed may be lost
    /// without an error.
    pub fn out(self) -> io::BufWriter<AutoStream<io::StdoutLock<'static>>> {
        io::BufWriter::new(anstream::stdout().lock())
    }

    /// Whether a person reads stdout.
    pub fn out_is_terminal(self) -> bool {
        io::stdout().is_terminal()
    }

    /// How wide the terminal is; `None` where stdout is none.
    pub fn columns(self) -> Option<usize> {
        terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0))
    }

    /// How high the terminal is; `None` where stdout is none.
    pub fn rows(self) -> Option<usize> {
        terminal_size::terminal_size_of(io::stdout()).map(|(_, height)| usize::from(height.0))
    }

    /// Says something to whoever is watching.
    pub fn note(self, text: &str) {
        if !self.quiet {
            to_stderr(text);
        }
    }

    /// Says something to whoever wants to know more.
    pub fn detail(self, text: &str) {
        if self.verbose {
            to_stderr(text);
        }
    }

    /// Says that something may be wrong.
    pub fn warn(self, text: &str) {
        if !self.quiet {
            to_stderr(&format!("{0}warning{0:#}: {text}", style::WARNING));
        }
    }
}

/// A stderr that nobody reads any more is no reason to fail.
pub(super) fn to_stderr(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Sets when colours are used, for this process.
pub(super) fn choose_colors(choice: clap::ColorChoice) {
    let choice = match choice {
        clap::ColorChoice::Auto => anstream::ColorChoice::Auto,
        clap::ColorChoice::Always => anstream::ColorChoice::Always,
        clap::ColorChoice::Never => anstream::ColorChoice::Never,
    };
    choice.write_global();
}

/// What `--color` says in arguments that are not parsed yet, `Auto` where it says nothing sensible.
pub(super) fn color_argument(arguments: &[OsString]) -> clap::ColorChoice {
    let texts: Vec<&str> = arguments.iter().filter_map(|argument| argument.to_str()).collect();
    let apart = texts.windows(2).filter(|pair| pair[0] == "--color").map(|pair| pair[1]);
    let joined = texts.iter().filter_map(|text| text.strip_prefix("--color="));
    apart.chain(joined).find_map(|value| value.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_color_option_is_found_before_parsing() {
        let choice = |line: &str| color_argument(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        assert_eq!(choice("temper --color never trials"), clap::ColorChoice::Never);
        assert_eq!(choice("temper trials --color=always"), clap::ColorChoice::Always);
        assert_eq!(choice("temper trials --color"), clap::ColorChoice::Auto);
        assert_eq!(choice("temper trials --color=blue"), clap::ColorChoice::Auto);
    }
}
