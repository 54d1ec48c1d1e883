//! How much a job may use.

use std::time::Duration;

use super::Reader;
use crate::{job::Budget, tuning_job::BudgetSpec};

const PATH: &str = "spec.budget";

pub(super) fn read(reader: &mut Reader<'_>) -> Option<Budget> {
    let defaults = BudgetSpec::default();
    let max_trials = reader.read("spec.budget.maxTrials", defaults.max_trials);
    let parallelism = reader.read("spec.budget.parallelism", defaults.parallelism);
    let max_failed_trials = reader.read("spec.budget.maxFailedTrials", defaults.max_failed_trials);
    let written: Option<Option<String>> = reader.read("spec.budget.maxDuration", defaults.max_duration);
    let max_duration = match written.map(|text| text.as_deref().map(duration).transpose()) {
        Some(Ok(duration)) => Some(duration),
        Some(Err(message)) => {
            reader.error("spec.budget.maxDuration", message);
            None
        }
        None => None,
    };
    let budget = Budget {
        max_trials: max_trials?,
        parallelism: parallelism?,
        max_duration: max_duration?,
        max_failed_trials: max_failed_trials?,
    };
    check(reader, &budget);
    Some(budget)
}

/// What is allowed and hardly meant.
fn check(reader: &mut Reader<'_>, budget: &Budget) {
    let Budget { max_trials, max_duration, parallelism, .. } = *budget;
    let endless = max_trials.is_none() && max_duration.is_none();
    if endless && reader.items("spec.objectives").iter().all(|objective| objective.get("target").is_none()) {
        reader.warn(
            PATH,
            "nothing ends this job: it goes on until there is nothing more to try; set maxTrials, maxDuration or an \
             objective's target",
        );
    }
    if let Some(max_trials) = max_trials.filter(|max_trials| *max_trials < parallelism) {
        let message = format!("is more than maxTrials, {max_trials}: never more than that run at once");
        reader.warn("spec.budget.parallelism", message);
    }
}

/// `1d`, `2h`, `90m`, `1h30m`, `45s`: whole numbers, larger units first.
fn duration(text: &str) -> Result<Duration, String> {
    const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];
    let wrong = || {
        format!("{text:?} is no duration: write days, hours, minutes and seconds, as 2h, 90m, 1h30m or 45s")
    };
    let mut units = UNITS.iter();
    let mut seconds: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (digits, tail) = rest.split_at(end);
        let amount: u64 = digits.parse().map_err(|_| wrong())?;
        let unit = tail.chars().next().ok_or_else(wrong)?;
        // The iterator goes on from the last unit, so that each may come once and in order.
        let (_, length) = units.find(|(known, _)| *known == unit).ok_or_else(wrong)?;
        seconds = amount.checked_mul(*length).and_then(|part| part.checked_add(seconds)).ok_or_else(wrong)?;
        rest = &tail[unit.len_utf8()..];
    }
    if seconds == 0 {
        return Err(if text.is_empty() { wrong() } else { "must be more than 0s".to_owned() });
    }
    Ok(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_its_parts_together() {
        for (text, seconds) in
            [("2h", 7_200), ("90m", 5_400), ("1h30m", 5_400), ("45s", 45), ("1d2h3m4s", 93_784)]
        {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_told_how_one_looks() {
        for text in
            ["", "2", "h", "2hours", "1.5h", "30m1h", "1h1h", "-1h", "2h ", "99999999999999999999h", "2µ"]
        {
            assert!(duration(text).is_err_and(|message| message.contains("1h30m")), "{text}");
        }
        assert_eq!(duration("0s"), Err("must be more than 0s".to_owned()));
    }
}
