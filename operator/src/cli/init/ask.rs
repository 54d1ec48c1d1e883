//! Questions on a terminal.

use std::io::{self, BufRead, Write};

/// Asks and reads answers. The end of the input is an empty answer: it takes what is proposed.
pub(super) struct Dialogue<'a> {
    input: &'a mut dyn BufRead,
    output: &'a mut dyn Write,
}

impl<'a> Dialogue<'a> {
    pub(super) fn new(input: &'a mut dyn BufRead, output: &'a mut dyn Write) -> Self {
        Self { input, output }
    }

    /// Says something.
    pub(super) fn say(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.output, "{text}")
    }

    /// One line, without blanks around it; `None` at the end of the input.
    fn line(&mut self, prompt: &str) -> io::Result<Option<String>> {
        write!(self.output, "{prompt} ")?;
        self.output.flush()?;
        let mut answer = String::new();
        let read = self.input.read_line(&mut answer)?;
        Ok((read > 0).then(|| answer.trim().to_owned()))
    }

    /// An answer that `read` takes; an empty one is `proposed`. Asks again, with the reason, until it gets one.
    pub(super) fn ask<T>(
        &mut self,
        question: &str,
        proposed: Option<&str>,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> io::Result<T> {
        let prompt = match proposed {
            Some(proposed) => format!("{question} [{proposed}]:"),
            None => format!("{question}:"),
        };
        loop {
            let Some(answer) = self.line(&prompt)? else {
                let ended =
                    || io::Error::new(io::ErrorKind::UnexpectedEof, format!("no answer to: {question}"));
                return proposed.and_then(|proposed| read(proposed).ok()).ok_or_else(ended);
            };
            let answer = if answer.is_empty() { proposed.unwrap_or_default() } else { &answer };
            match read(answer) {
                Ok(value) => return Ok(value),
                Err(reason) => self.say(&format!("  {reason}"))?,
            }
        }
    }

    /// Yes or no.
    pub(super) fn confirm(&mut self, question: &str, proposed: bool) -> io::Result<bool> {
        self.ask(question, Some(if proposed { "yes" } else { "no" }), |answer| {
            match answer.to_lowercase().as_str() {
                "y" | "yes" => Ok(true),
                "n" | "no" => Ok(false),
                _ => Err("answer yes or no".to_owned()),
            }
        })
    }
}
