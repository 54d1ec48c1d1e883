//! Kubernetes' `$(NAME)` in a container's command, arguments and environment.

/// Replaces `$(NAME)` by what `value_of` gives for it.
///
/// The kubelet's rules, to the letter: a name nothing is known of stays as it stands, `$$` is a `$` (so `$$(NAME)`
/// becomes `$(NAME)`), any other `$` is itself, and what was put in is not expanded again.
pub(super) fn expand<'a>(text: &str, value_of: impl Fn(&str) -> Option<&'a str>) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        expanded.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        if let Some(behind) = after.strip_prefix('$') {
            expanded.push('$');
            rest = behind;
        } else if let Some((name, behind)) =
            after.strip_prefix('(').and_then(|reference| reference.split_once(')'))
        {
            match value_of(name) {
                Some(value) => expanded.push_str(value),
                None => expanded.extend(["$(", name, ")"]),
            }
            rest = behind;
        } else {
            expanded.push('$');
            rest = after;
        }
    }
    expanded.push_str(rest);
    expanded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What Kubernetes' own tests of this function hold it to, with the same variables.
    #[test]
    fn does_what_the_kubelet_does() {
        let value_of = |name: &str| match name {
            "VAR_A" => Some("A"),
            "VAR_B" => Some("B"),
            "VAR_C" => Some("C"),
            "VAR_REF" => Some("$(VAR_A)"),
            "VAR_EMPTY" => Some(""),
            _ => None,
        };
        for (text, expanded) in [
            ("$(VAR_A)", "A"),
            ("___$(VAR_B)___", "___B___"),
            ("___$(VAR_C)", "___C"),
            ("$(VAR_A)-$(VAR_A)", "A-A"),
            ("$(VAR_A)$(VAR_B)_$(VAR_C)", "AB_C"),
            ("$(VAR_EMPTY)", ""),
            ("$(VAR_REF)", "$(VAR_A)"),
            ("%%$(VAR_REF)--$(VAR_REF)%%", "%%$(VAR_A)--$(VAR_A)%%"),
            ("$(MISSING)", "$(MISSING)"),
            ("f000-$(MISSING)-$(VAR_A)", "f000-$(MISSING)-A"),
            ("\\$(VAR_A)", "\\A"),
            ("$$(VAR_A)", "$(VAR_A)"),
            ("$$$(VAR_A)", "$A"),
            ("$$$$(VAR_A)", "$$(VAR_A)"),
            ("f000-$$VAR_A", "f000-$VAR_A"),
            ("$VAR_A", "$VAR_A"),
            ("$(VAR_A", "$(VAR_A"),
            ("$(VAR_A$(VAR_B)", "$(VAR_A$(VAR_B)"),
            ("foo$", "foo$"),
            ("$$", "$"),
            ("$", "$"),
            ("$()", "$()"),
            ("$((VAR_A))", "$((VAR_A))"),
            ("\n$(VAR_A)é$é", "\nAé$é"),
            ("${VAR_A}", "${VAR_A}"),
        ] {
            assert_eq!(expand(text, value_of), expanded, "{text}");
        }
    }

    proptest! {
        #[test]
        fn text_without_a_dollar_is_left_alone(text in "[^$]*") {
            prop_assert_eq!(expand(&text, |_| Some("x")), text);
        }

        #[test]
        fn doubling_every_dollar_escapes_any_text(text in ".*") {
            prop_assert_eq!(expand(&text.replace('$', "$$"), |_| Some("x")), text);
        }
    }
}
