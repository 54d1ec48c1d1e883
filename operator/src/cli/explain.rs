//! `temper explain`.

use std::{io, io::Write, path::PathBuf};

use anyhow::{Context, anyhow};
use temper_advisor::options::in_manifest;

use super::{
    Exit, Failure, Shell,
    output::{MISSING, Table},
    shell::style,
    source::Manifest,
    trials::short,
    warm_start,
};
use crate::explain::{self, Explanation, OptionInUse, Reach, Variable};

/// Say what a job would do, and why
///
/// The space and its size, the algorithm and why it was chosen, how many trials the scheduler lets get how far and what
/// that saves, the options of both with the values in use, the first proposals, and what a trial is given and must
/// report. Nothing is run.
#[derive(clap::Args)]
#[command(after_help = "\
temper explain job.yaml
temper explain -o json job.yaml | jq .proposals")]
pub(super) struct Explain {
    /// The job; - reads stdin.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How many configurations to propose.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1000))]
    proposals: u32,
    /// How to print it: text, json or yaml.
    #[arg(
        short = 'o',
        long = "output",
        value_name = "FORMAT",
        value_enum,
        default_value_t,
        hide_possible_values = true
    )]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    #[default]
    Text,
    Json,
    Yaml,
}

impl Explain {
    pub(super) fn run(self, shell: Shell) -> Result<Exit, Failure> {
        let job = Manifest::from(self.file).job(shell)?;
        let here = std::env::current_dir().context("the current folder cannot be found")?;
        let learned = warm_start::try_to_learn(&job, warm_start::at_home());
        if learned.is_err() {
            shell.warn(
                "the jobs of spec.warmStartFrom are not on this machine as they should be: what follows is without \
                 them. On a cluster the operator looks for them in the job's namespace",
            );
        }
        let explanation = explain::explain(&job, learned, self.proposals, &here).map_err(|invalid| {
            let lines: Vec<String> = invalid.iter().map(ToString::to_string).collect();
            anyhow!("{}", lines.join("\n"))
        })?;
        let mut out = shell.out();
        match self.format {
            Format::Json => {
                serde_json::to_writer_pretty(&mut out, &explanation).map_err(io::Error::from)?;
                writeln!(out)?;
            }
            Format::Yaml => {
                out.write_all(
                    serde_saphyr::to_string(&explanation).map_err(anyhow::Error::from)?.as_bytes(),
                )?;
            }
            Format::Text => {
                text(&mut out, &explanation, &job.resource.unwrap_or_else(|| "report".to_owned()))?;
            }
        }
        out.flush()?;
        Ok(Exit::Done)
    }
}

fn text(out: &mut impl Write, said: &Explanation, unit: &str) -> io::Result<()> {
    writeln!(out, "{0}{1}{0:#}  {2}", anstyle::Style::new().bold(), said.job, said.objectives.join("; "))?;

    heading(out, "Space")?;
    let size = match said.configurations {
        Some(1) => "1 configuration".to_owned(),
        Some(count) => format!("{} configurations", grouped(count)),
        None => "infinitely many configurations".to_owned(),
    };
    writeln!(out, "{size}")?;
    let mut parameters = Table::new(["parameter", "type", "values", "when"]);
    for parameter in &said.parameters {
        let when = parameter.when.clone().unwrap_or_default();
        parameters.row(vec![
            parameter.name.clone().into(),
            parameter.kind.into(),
            parameter.values.clone().into(),
            when.into(),
        ]);
    }
    parameters.print(out)?;

    heading(out, &format!("Search: {}", said.algorithm))?;
    writeln!(out, "{}", said.search)?;
    if let Some(warm_start) = &said.warm_start {
        writeln!(out, "{warm_start}")?;
    }
    if let Some(chosen) = &said.chosen {
        writeln!(out, "To set options, write {chosen} as search.algorithm.")?;
    }
    options(out, "search.options", &said.search_options)?;

    heading(out, "How far trials go")?;
    writeln!(out, "{}", said.scheduler)?;
    options(out, "scheduler.options", &said.scheduler_options)?;
    if let Some(reach) = &said.reach {
        rungs(out, reach, unit)?;
    }

    heading(out, "Budget")?;
    for line in &said.budget {
        writeln!(out, "{line}")?;
    }

    heading(out, "First proposals")?;
    proposals(out, said)?;

    heading(out, "A trial")?;
    writeln!(
        out,
        "runs      {}",
        said.command.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
    )?;
    writeln!(out, "reports   {}", said.metrics)?;
    writeln!(out, "finds in its environment")?;
    for Variable { name, value } in &said.environment {
        writeln!(out, "  {0}{name}{0:#}={value}", style::LITERAL)?;
    }
    Ok(())
}

fn heading(out: &mut impl Write, title: &str) -> io::Result<()> {
    writeln!(out, "\n{0}{title}{0:#}", style::HEADING)
}

/// What can be set under `field`, and how it is set.
fn options(out: &mut impl Write, field: &str, options: &[OptionInUse]) -> io::Result<()> {
    if options.is_empty() {
        return Ok(());
    }
    writeln!(out, "{field}:")?;
    for OptionInUse { option, value } in options {
        let default = if option.default == *value {
            " by default".to_owned()
        } else if option.default.is_null() {
            String::new()
        } else {
            format!(", by default {}", in_manifest(&option.default))
        };
        let set =
            if value.is_null() { "not set".to_owned() } else { format!("{}{default}", in_manifest(value)) };
        writeln!(out, "  {0}{1}{0:#}  {set} ({2})", style::LITERAL, option.name, option.kind)?;
        writeln!(out, "    {}", option.description)?;
    }
    Ok(())
}

fn rungs(out: &mut impl Write, reach: &Reach, unit: &str) -> io::Result<()> {
    let brackets = reach.rungs.iter().map(|rung| rung.bracket).max().unwrap_or_default();
    let mut headings = vec![unit.to_owned(), "trials".to_owned(), "share".to_owned()];
    if brackets > 0 {
        headings.insert(0, "bracket".to_owned());
    }
    let mut table = Table::new(headings);
    for rung in &reach.rungs {
        let share = f64::from(rung.trials) * 100.0 / f64::from(reach.trials.max(1));
        let mut cells = vec![
            rung.resource.to_string().into(),
            rung.trials.to_string().into(),
            format!("{share:.0} %").into(),
        ];
        if brackets > 0 {
            cells.insert(0, rung.bracket.to_string().into());
        }
        table.row(cells);
    }
    table.print(out)?;
    let percent = reach.spent as f64 * 100.0 / reach.without_scheduler.max(1) as f64;
    let (spent, without) = (grouped(reach.spent.into()), grouped(reach.without_scheduler.into()));
    writeln!(out, "{spent} x {unit} in all, against {without} without a scheduler: {percent:.0} %")?;
    let how =
        format!("(simulated: {} trials of random quality whose learning curves do not cross)", reach.trials);
    writeln!(out, "{0}{how}{0:#}", style::DIM)
}

fn proposals(out: &mut impl Write, said: &Explanation) -> io::Result<()> {
    let names: Vec<&str> = said
        .parameters
        .iter()
        .filter(|parameter| parameter.kind != "fixed")
        .map(|parameter| parameter.name.as_str())
        .collect();
    let mut table = Table::new(["trial"].into_iter().chain(names.iter().copied()));
    for (index, configuration) in said.proposals.iter().enumerate() {
        let values =
            names.iter().map(|name| configuration.get(name).map_or_else(|| MISSING.to_owned(), short));
        table.row([index.to_string()].into_iter().chain(values).map(Into::into).collect());
    }
    table.print(out)
}

/// 12,345
fn grouped(number: u128) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).unwrap_or_default())
        .collect();
    groups.join(",")
}

/// As one would type it in a shell.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_grouped_and_words_are_quoted() {
        assert_eq!([1, 999, 1_000, 1_234_567].map(grouped), ["1", "999", "1,000", "1,234,567"]);
        assert_eq!(["--lr=0.1", "a b", "it's", ""].map(quoted), ["--lr=0.1", "'a b'", "'it'\\''s'", "''"]);
    }
}
