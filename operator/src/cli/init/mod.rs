//! `temper init`: a first job from a command's flags.

mod ask;
mod domain;
mod flag;
mod guess;
mod help_text;
mod manifest;
mod metric;
mod program;
mod propose;
mod python;

use std::{
    fs,
    io::{self, IsTerminal, Write},
    path::PathBuf,
};

use anyhow::{Context, anyhow};
use temper_crds::validation;

use self::{
    ask::Dialogue,
    domain::{Domain, FORMS},
    manifest::Plan,
    program::Program,
    propose::{Draft, Treatment},
};
use super::{Exit, Failure, Shell, shell::style};

/// Write a first job from a command's flags
///
/// Reads the flags of a Python script (argparse, click or absl) from its text, or of any program from its --help,
/// guesses from names and defaults what to search, asks, and writes a job with comments. Flags that the command sets
/// stay as they are.
#[derive(clap::Args)]
#[command(after_help = "\
# Ask about every guess
temper init train.py
# Take the guesses, with one's own range for the learning rate
temper init --yes --param lr=1e-4..1e-1:log --metric val_loss python train.py --data ./data
# A program whose flags are in its --help
temper init --from-help ./train")]
#[allow(clippy::doc_markdown, reason = "the comments are the command's help")]
pub(super) struct Init {
    /// The command that trains once, or only its script. What follows it is its own; -- before it says so.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
    /// Where to write the job; - is stdout.
    #[arg(long, short, value_name = "FILE", default_value = "job.yaml")]
    out: PathBuf,
    /// Write over a file that is there.
    #[arg(long)]
    force: bool,
    /// Ask nothing: take the guesses.
    #[arg(long, short)]
    yes: bool,
    /// Run the command with --help to find its flags.
    #[arg(long)]
    from_help: bool,
    /// What to search for one flag: MIN..MAX, MIN..MAX:log, MIN..MAX:STEP, A,B,C or one value. Repeat it for more.
    #[arg(long = "param", value_name = "FLAG=VALUES", value_parser = parse_parameter)]
    parameters: Vec<(String, Domain)>,
    /// A flag to leave at its default. Repeat it for more.
    #[arg(long, value_name = "FLAG")]
    leave: Vec<String>,
    /// Name of the job [default: from the command].
    #[arg(long)]
    name: Option<String>,
    /// The metric to tune for [default: the likeliest that the script prints].
    #[arg(long)]
    metric: Option<String>,
    /// Which way it improves [default: from its name].
    #[arg(long, value_enum)]
    goal: Option<Goal>,
    /// How many trials.
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..))]
    trials: u32,
    /// How many at once.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    parallelism: u32,
    /// Container image that holds the command, for clusters.
    #[arg(long)]
    image: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Goal {
    Minimize,
    Maximize,
}

fn parse_parameter(text: &str) -> Result<(String, Domain), String> {
    let (name, values) =
        text.split_once('=').ok_or_else(|| format!("write it as FLAG=VALUES; values: {FORMS}"))?;
    Ok((propose::parameter_name(name)?, Domain::parse(values)?))
}

impl Init {
    pub(super) fn run(self, shell: Shell) -> Result<Exit, Failure> {
        self.refuse_to_overwrite()?;
        let interactive = !self.yes && io::stdin().is_terminal() && io::stderr().is_terminal();
        let plan = if interactive {
            let (mut input, mut output) = (io::stdin().lock(), anstream::stderr().lock());
            self.plan(Some(&mut Dialogue::new(&mut input, &mut output)))?
        } else {
            self.plan(None)?
        };
        let yaml = plan.yaml().replace("FILE", &self.out_name());
        // What is written must validate, whatever the flags were called.
        validation::parse_job(&yaml).map_err(|errors| {
            anyhow!("{}", errors.render("the new job")).context("no valid job came of these flags")
        })?;
        if self.out.as_os_str() == "-" {
            let mut out = shell.out();
            out.write_all(yaml.as_bytes())?;
            out.flush()?;
            return Ok(Exit::Done);
        }
        fs::write(&self.out, &yaml).with_context(|| format!("cannot write {}", self.out.display()))?;
        let count = match plan.parameters.len() {
            1 => "1 parameter".to_owned(),
            count => format!("{count} parameters"),
        };
        let file = self.out.display();
        shell.note(&format!(
            "{file}: {} of {} over {count}, {} trials\nnext: {on}temper explain {file}{on:#}, then {on}temper run {file}{on:#}",
            if plan.minimize { "the least" } else { "the most" },
            plan.metric,
            plan.trials,
            on = style::LITERAL,
        ));
        Ok(Exit::Done)
    }

    fn out_name(&self) -> String {
        if self.out.as_os_str() == "-" { "job.yaml".to_owned() } else { self.out.display().to_string() }
    }

    fn refuse_to_overwrite(&self) -> Result<(), Failure> {
        if self.force || self.out.as_os_str() == "-" || !self.out.exists() {
            return Ok(());
        }
        let error = anyhow!("{} is there already", self.out.display());
        Err(Failure::wrong_input(error).hint("give another --out, or --force to write over it"))
    }

    fn plan(&self, mut dialogue: Option<&mut Dialogue<'_>>) -> Result<Plan, Failure> {
        let command = match (self.command.as_slice(), dialogue.as_deref_mut()) {
            ([], Some(dialogue)) => {
                let answer = dialogue.ask(
                    "Which command trains once? (for example: python train.py)",
                    None,
                    |answer| {
                        let words: Vec<String> = answer.split_whitespace().map(str::to_owned).collect();
                        if words.is_empty() { Err("a command is needed".to_owned()) } else { Ok(words) }
                    },
                );
                answer?
            }
            ([], None) => {
                let error = anyhow!("there is no command to tune");
                return Err(Failure::wrong_input(error)
                    .hint("give the command that trains once: temper init train.py"));
            }
            (command, _) => command.to_vec(),
        };
        let mut program = Program::of(command)?;
        if program.flags.is_empty()
            && (self.from_help || self.may_run_help(&program, dialogue.as_deref_mut())?)
        {
            program.flags = program.flags_from_help()?;
        }
        self.refuse_what_is_misplaced(&program)?;
        let mut draft = Draft::of(&program);
        draft.settle(&self.parameters, &self.leave).map_err(|error| Failure::wrong_input(anyhow!(error)))?;
        let (mut trials, mut parallelism) = (self.trials, self.parallelism);
        if let Some(dialogue) = dialogue.as_deref_mut() {
            review(&mut draft, dialogue)?;
        }
        self.refuse_what_is_missing(&draft, &program)?;
        let (metric, minimize) = self.objective(&program, dialogue.as_deref_mut())?;
        if let Some(dialogue) = dialogue {
            let whole = |answer: &str| match answer.parse::<u32>() {
                Ok(number) if number > 0 => Ok(number),
                _ => Err("a whole number above 0, please".to_owned()),
            };
            trials = dialogue.ask("How many trials?", Some(&trials.to_string()), whole)?;
            parallelism = dialogue.ask("How many at once?", Some(&parallelism.to_string()), whole)?;
        }
        Ok(Plan {
            name: self.name.clone().unwrap_or_else(|| program.job_name()),
            metric,
            minimize,
            parameters: draft.parameters(),
            left: draft.left(),
            command: draft.command(&program),
            image: self.image.clone(),
            trials,
            parallelism,
            printed: program.seen.printed,
            resource: draft
                .length()
                .zip(program.seen.resource.clone())
                .map(|(length, resource)| (resource, length)),
        })
    }

    fn may_run_help(&self, program: &Program, dialogue: Option<&mut Dialogue<'_>>) -> Result<bool, Failure> {
        match dialogue {
            Some(dialogue) if self.parameters.is_empty() => {
                let question =
                    format!("No flags were found in its text. Run `{} --help`?", program.command.join(" "));
                Ok(dialogue.confirm(&question, true)?)
            }
            _ => Ok(false),
        }
    }

    /// Options of this command that stand behind the other, where they would silently become the other's.
    fn refuse_what_is_misplaced(&self, program: &Program) -> Result<(), Failure> {
        if is_set_off() {
            return Ok(());
        }
        let own = <Self as clap::Args>::augment_args(clap::Command::new("init"));
        let spelt = |option: &clap::Arg, word: &str| {
            let long = option.get_long().map(|name| format!("--{name}"));
            let short = option.get_short().map(|letter| format!("-{letter}"));
            long.into_iter().chain(short).any(|spelling| spelling == word)
        };
        let words = self.command.iter().skip(1).map(|word| word.split('=').next().unwrap_or_default());
        let misplaced: Vec<&str> = words
            .filter(|word| own.get_arguments().any(|option| spelt(option, word)))
            .filter(|word| program.flags.iter().all(|flag| flag.spelling != *word))
            .collect();
        if misplaced.is_empty() {
            return Ok(());
        }
        let error = anyhow!("{} behind the command would be the command's own", misplaced.join(" and "));
        Err(Failure::wrong_input(error).hint(format!(
            "options of temper init go before the command: temper init {} ... {}; if they are the command's own, say so \
             with --: temper init -- {}",
            misplaced.join(" "),
            self.command[0],
            self.command.join(" ")
        )))
    }

    fn refuse_what_is_missing(&self, draft: &Draft, program: &Program) -> Result<(), Failure> {
        let missing: Vec<&str> = draft.missing().collect();
        if !missing.is_empty() {
            let (command, first) = (program.command.join(" "), missing[0]);
            return Err(Failure::wrong_input(anyhow!(
                "{command} does not start without {}",
                missing.join(", ")
            ))
            .hint(format!(
                "set it in the command, {command} {first} VALUE, or search it: --param {first}=A,B"
            )));
        }
        if draft.parameters().iter().any(|parameter| !matches!(parameter.domain, Domain::Fixed(_))) {
            return Ok(());
        }
        let found = program.flags.len();
        let error = match found {
            0 => anyhow!("no flags were found for {}", program.command.join(" ")),
            _ => anyhow!(
                "none of the {found} flags of {} looks like something to tune",
                program.command.join(" ")
            ),
        };
        let known = draft.left().join("\n        ");
        let hint = match (found, self.from_help) {
            (0, false) => {
                "say what to search, --param lr=1e-5..1e-1:log, or let its --help be read, --from-help"
                    .to_owned()
            }
            (0, true) => "say what to search: --param lr=1e-5..1e-1:log".to_owned(),
            _ => format!("say what to search: --param FLAG=VALUES. There are\n        {known}"),
        };
        Err(Failure::wrong_input(error).hint(hint))
    }

    /// The metric, and whether less of it is better.
    fn objective(
        &self,
        program: &Program,
        dialogue: Option<&mut Dialogue<'_>>,
    ) -> Result<(String, bool), Failure> {
        let seen = program.seen.names.first();
        let by_name = |metric: &str| match self.goal {
            Some(goal) => goal == Goal::Minimize,
            None => metric::is_minimized(metric),
        };
        match (self.metric.as_ref().or(seen), dialogue) {
            (Some(metric), None) => Ok((metric.clone(), by_name(metric))),
            (None, None) => {
                let error = anyhow!("no metric was found that the command prints");
                Err(Failure::wrong_input(error).hint("name it: --metric accuracy"))
            }
            (proposed, Some(dialogue)) => {
                let not_empty = |answer: &str| match answer {
                    "" => Err("a name is needed: the metric as the command prints it".to_owned()),
                    name => Ok(name.to_owned()),
                };
                let metric = dialogue.ask(
                    "Which metric says how good a trial is?",
                    proposed.map(String::as_str),
                    not_empty,
                )?;
                let proposed = if by_name(&metric) { "minimize" } else { "maximize" };
                let minimize =
                    dialogue.ask("Minimize or maximize it?", Some(proposed), |answer| match answer {
                        "minimize" | "min" => Ok(true),
                        "maximize" | "max" => Ok(false),
                        _ => Err("answer minimize or maximize".to_owned()),
                    })?;
                Ok((metric, minimize))
            }
        }
    }
}

/// Whether `--` stands before the command to be tuned. Who reads the arguments passes over it and does not tell.
fn is_set_off() -> bool {
    std::env::args_os().any(|argument| argument == "--")
}

/// Shows the guesses and lets them be changed.
fn review(draft: &mut Draft, dialogue: &mut Dialogue<'_>) -> io::Result<()> {
    if draft.choices().is_empty() {
        return Ok(());
    }
    dialogue.say("\nWhat to do with each flag:")?;
    for (flag, treatment) in draft.choices() {
        dialogue.say(&format!("  {:24} {treatment}", flag.spelling))?;
    }
    let good =
        dialogue.ask(
            "\nIs that right? (yes, or edit them one by one)",
            Some("yes"),
            |answer| match answer {
                "y" | "yes" => Ok(true),
                "e" | "edit" | "n" | "no" => Ok(false),
                _ => Err("answer yes or edit".to_owned()),
            },
        )?;
    if good && draft.missing().next().is_none() {
        return Ok(());
    }
    if !good {
        dialogue.say(&format!("For each: enter keeps it, - leaves it out, or {FORMS}"))?;
    }
    for (flag, treatment) in draft.choices_mut() {
        let must = matches!(treatment, Treatment::Missing);
        if good && !must {
            continue;
        }
        let proposed = treatment.answer();
        let read = |answer: &str| match answer {
            "-" if must => Err("the command does not start without it".to_owned()),
            "-" => Ok(Treatment::Leave),
            "" => Err(format!("it needs a value: {FORMS}")),
            answer => Domain::parse(answer).map(Treatment::of),
        };
        let help = if flag.help.is_empty() {
            String::new()
        } else {
            format!(" ({})", propose::one_line(&flag.help))
        };
        *treatment = dialogue.ask(&format!("  {}{help}", flag.spelling), proposed.as_deref(), read)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
