//! Which name somebody probably meant.

/// The candidate nearest to `name`, if any is near enough to be what was meant: by edits (Damerau-Levenshtein, so
/// that two swapped letters are one), whatever the case of the letters. Of several as near, the first.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    let (distance, candidate) = candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&wanted, &candidate.to_lowercase()), candidate))
        .min_by_key(|(distance, _)| *distance)?;
    // A third of the letters may be wrong, and one always: more than that is another word.
    let allowed = (wanted.chars().count().max(candidate.chars().count()) / 3).max(1);
    (distance <= allowed).then_some(candidate)
}

/// `; did you mean "adam"?` to put at the end of an error, or nothing when no candidate is near.
pub fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, candidates).map_or_else(String::new, |near| format!("; did you mean {near:?}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIMIZERS: [&str; 3] = ["sgd", "adam", "adamw"];

    #[test]
    fn a_slip_of_the_keyboard_is_understood() {
        assert_eq!(nearest("adma", OPTIMIZERS), Some("adam"));
        assert_eq!(nearest("SGD", OPTIMIZERS), Some("sgd"));
        assert_eq!(nearest("learningrate", ["hidden", "learningRate"]), Some("learningRate"));
        assert_eq!(did_you_mean("adm", OPTIMIZERS), "; did you mean \"adam\"?");
    }

    #[test]
    fn another_word_suggests_nothing() {
        assert_eq!(nearest("rmsprop", OPTIMIZERS), None);
        assert_eq!(nearest("", OPTIMIZERS), None);
        assert_eq!(nearest("adam", []), None);
        assert_eq!(did_you_mean("rmsprop", OPTIMIZERS), "");
    }
}
