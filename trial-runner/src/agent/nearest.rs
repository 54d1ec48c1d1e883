//! The name somebody meant.

/// The known name nearest to `given`, when it is near enough to be a slip of the pen.
pub(super) fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let given = given.to_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&given, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= (given.chars().count().max(name.chars().count()) / 3).max(1))
        .min()
        .map(|(_, name)| name)
}

/// As the end of a sentence: ` (did you mean "x"?)`, or nothing.
pub(super) fn did_you_mean<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(given, known).map(|name| format!(" (did you mean {name:?}?)")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        assert_eq!(nearest("accuracy", ["acurracy", "loss"]), Some("acurracy"));
        assert_eq!(nearest("jsonlines", ["KeyValue", "JSONLines"]), Some("JSONLines"));
        assert_eq!(nearest("accuracy", ["epoch", "loss"]), None);
    }
}
