//! Paths of fields: `spec.parameters[1].min`, `spec.nodeSelector["kubernetes.io/arch"]`.

/// A member of an object.
pub(super) fn member(parent: &str, key: &str) -> String {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    match (plain, parent.is_empty()) {
        (true, true) => key.to_owned(),
        (true, false) => format!("{parent}.{key}"),
        (false, _) => format!("{parent}[{key:?}]"),
    }
}

/// An item of a list.
pub(super) fn item(parent: &str, at: usize) -> String {
    format!("{parent}[{at}]")
}

/// Whether `path` is `ancestor` or somewhere inside it.
pub(super) fn is_within(path: &str, ancestor: &str) -> bool {
    path.strip_prefix(ancestor).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// The path one level out; `None` for the root.
pub(super) fn parent(path: &str) -> Option<&str> {
    if path.is_empty() {
        return None;
    }
    let quoted = path.ends_with("\"]").then(|| path.rfind("[\"")).flatten();
    Some(&path[..quoted.or_else(|| path.rfind(['.', '['])).unwrap_or(0)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_taken_apart_as_it_was_put_together() {
        for (inner, outer) in [
            (member("", "spec"), ""),
            (member("spec", "trial"), "spec"),
            (item("spec.parameters", 3), "spec.parameters"),
            (member("limits", "nvidia.com/gpu"), "limits"),
            (member("limits", "a[\"b"), "limits"),
        ] {
            assert_eq!(parent(&inner), Some(outer), "{inner}");
        }
        assert_eq!(parent(""), None);
    }

    #[test]
    fn within_is_not_merely_a_common_beginning() {
        assert!(is_within("spec.trial.retries", "spec.trial"));
        assert!(is_within("spec.parameters[1]", "spec.parameters"));
        assert!(!is_within("spec.parameters[10]", "spec.parameters[1]"));
        assert!(!is_within("spec.trials", "spec.trial"));
    }
}
