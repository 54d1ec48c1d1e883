//! The name somebody meant.

/// The known name nearest to `given`: one that is near enough to be a slip of the pen, or else a shorter or longer form
/// of it (`acc`, `val_accuracy`).
pub(super) fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let given = given.to_lowercase();
    let rank = |name: &str| {
        let (name, length) = (name.to_lowercase(), name.chars().count());
        let distance = strsim::damerau_levenshtein(&given, &name);
        let is_slip = distance <= (given.chars().count().max(length) / 3).max(1);
        let is_form =
            length.min(given.chars().count()) >= 3 && (name.contains(&given) || given.contains(&name));
        (is_slip || is_form).then_some((!is_slip, distance))
    };
    known.into_iter().filter_map(|name| Some((rank(name)?, name))).min().map(|(_, name)| name)
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
        assert_eq!(nearest("accuracy", ["epoch", "acc", "loss"]), Some("acc"));
        assert_eq!(nearest("accuracy", ["val_accuracy", "accurracy"]), Some("accurracy"));
        assert_eq!(nearest("accuracy", ["epoch", "loss", "a"]), None);
    }
}
