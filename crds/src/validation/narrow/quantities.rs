//! Amounts of resources in a pod template: what the API server would refuse is refused here, with its place.

use std::sync::LazyLock;

use k8s_openapi::api::core::v1::{Container, PodSpec};
use regex::Regex;

use super::{
    super::path::{item, member},
    Reader,
};

/// `pod` stands at `path`.
pub(super) fn check(reader: &mut Reader<'_>, path: &str, pod: &PodSpec) {
    let init = pod.init_containers.as_deref().unwrap_or_default();
    for (field, containers) in [("initContainers", init), ("containers", &pod.containers)] {
        for (at, container) in containers.iter().enumerate() {
            check_container(reader, &item(&member(path, field), at), container);
        }
    }
}

fn check_container(reader: &mut Reader<'_>, path: &str, container: &Container) {
    let Some(resources) = &container.resources else { return };
    for (field, amounts) in [("limits", &resources.limits), ("requests", &resources.requests)] {
        let path = member(&member(path, "resources"), field);
        for (name, amount) in amounts.iter().flatten() {
            if let Some(message) = wrong(name, &amount.0) {
                reader.error(&member(&path, name), message);
            }
        }
    }
}

/// What is wrong with an amount of a resource, if something is.
fn wrong(resource: &str, amount: &str) -> Option<String> {
    // Kubernetes' own grammar of quantities. Less than nothing can be written in it, and not asked for.
    static AMOUNT: LazyLock<Option<Regex>> = LazyLock::new(|| {
        let units = "[numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]+";
        Regex::new(&format!(r"^\+?([0-9]+(\.[0-9]*)?|\.[0-9]+)({units})?$")).ok()
    });
    let is_amount = AMOUNT.as_ref().is_none_or(|amounts| amounts.is_match(amount));
    let is_device = resource.contains('/') && !resource.contains("kubernetes.io/");
    let examples = match resource {
        _ if is_device => {
            let is_whole = amount.parse::<u64>().is_ok();
            return (!is_whole).then(|| format!("{amount:?} is no whole number: {resource} is counted"));
        }
        "cpu" => "a number of CPUs, as 2, 0.5 or 500m",
        "memory" | "ephemeral-storage" => "bytes, as 512Mi or 4Gi",
        _ => "a number, with a unit if need be, as 2 or 4Gi",
    };
    (!is_amount).then(|| format!("{amount:?} is no amount: write {examples}"))
}

#[cfg(test)]
mod tests {
    use super::wrong;

    #[test]
    fn amounts_are_what_kubernetes_takes_for_such() {
        for amount in ["2", "0.5", "500m", ".5", "2.", "4Gi", "1e3", "1E-3", "0", "+1", "100k", "1Ei"] {
            assert_eq!(wrong("cpu", amount), None, "{amount}");
        }
        for amount in ["", "many", "-1", "4GB", "4 Gi", "1.2.3", "1e", "Gi", "."] {
            assert!(wrong("memory", amount).is_some(), "{amount}");
        }
        assert_eq!(wrong("nvidia.com/gpu", "2"), None);
        assert!(wrong("nvidia.com/gpu", "0.5").is_some_and(|said| said.contains("no whole number")));
    }
}
