//! How one configuration is trained.

use k8s_openapi::api::core::v1::{Container, PodTemplateSpec};
use regex::Regex;
use temper_advisor::{
    space::{Parameter, Space},
    suggest::did_you_mean,
};

use super::{
    super::path::{item, member},
    Reader, quantities,
};
use crate::{
    job::{Checkpoints, Metrics, MetricsFormat, Template, TrialSettings},
    tuning_job::{CheckpointsSpec, MetricsSpec, PodPolicy},
};

const TEMPLATE: &str = "spec.trial.template";

pub(super) fn read(reader: &mut Reader<'_>, space: Option<&Space>) -> Option<TrialSettings> {
    let pod_policy = reader.read("spec.trial.podPolicy", PodPolicy::default());
    let retries = reader.read("spec.trial.retries", 0);
    let metrics = metrics(reader);
    let checkpoints = checkpoints(reader);
    let template = template(reader);
    if let (Some(template), Some(space)) = (&template, space) {
        check_references(reader, template, space);
    }
    Some(TrialSettings {
        pod_policy: pod_policy?,
        retries: retries?,
        metrics: metrics?,
        checkpoints: checkpoints?,
        template: template?,
    })
}

fn metrics(reader: &mut Reader<'_>) -> Option<Metrics> {
    const PATTERNS: &str = "spec.trial.metrics.patterns";
    let spec: MetricsSpec = reader.read("spec.trial.metrics", MetricsSpec::default())?;
    let before = reader.errors.len();
    let is_regex = spec.format == MetricsFormat::Regex;
    if is_regex && spec.patterns.is_empty() {
        reader.error(
            PATTERNS,
            r#"is missing: format Regex needs at least one, as in ["loss (?<loss>[0-9.]+)"]"#,
        );
    } else if !is_regex && !spec.patterns.is_empty() {
        reader.error(PATTERNS, "is for format Regex only");
    }
    for (at, pattern) in spec.patterns.iter().enumerate().filter(|_| is_regex) {
        if let Err(message) = check_pattern(pattern) {
            reader.error(&item(PATTERNS, at), message);
        }
    }
    (reader.errors.len() == before).then_some(Metrics {
        format: spec.format,
        file: spec.file,
        patterns: spec.patterns,
    })
}

/// A pattern must say which metric a number is: by the names of its groups, or by the first of two groups.
fn check_pattern(pattern: &str) -> Result<(), String> {
    let regex = Regex::new(pattern).map_err(|error| {
        let text = error.to_string();
        let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
        format!("{pattern:?} is no regular expression: {reason}")
    })?;
    let named = regex.capture_names().flatten().count();
    if named > 0 || regex.captures_len() == 3 {
        return Ok(());
    }
    Err(format!(
        "{pattern:?} does not say which metric it finds: name its groups after metrics, as in \
         \"loss (?<loss>[0-9.]+)\", or give it two groups, the metric's name and its value"
    ))
}

fn checkpoints(reader: &mut Reader<'_>) -> Option<Option<Checkpoints>> {
    const SCHEMES: [&str; 5] = ["s3", "gs", "az", "pvc", "file"];
    const URI: &str = "spec.trial.checkpoints.uri";
    let Some(spec) = reader.read::<Option<CheckpointsSpec>>("spec.trial.checkpoints", None)? else {
        return Some(None);
    };
    let message = match spec.uri.split_once("://") {
        Some(("file", path)) if !path.starts_with('/') => {
            format!("{:?} must name an absolute path, as file:///path", spec.uri)
        }
        Some((scheme, "" | "/")) if SCHEMES.contains(&scheme) => {
            format!("{:?} names no place, only how to get there", spec.uri)
        }
        Some((scheme, _)) if SCHEMES.contains(&scheme) => {
            return Some(Some(Checkpoints { uri: spec.uri, secret_name: spec.secret_name }));
        }
        Some((scheme, _)) => {
            let allowed = SCHEMES.map(|scheme| format!("{scheme}://")).join(", ");
            format!("{scheme}:// is not known: one of {allowed}{}", did_you_mean(scheme, SCHEMES))
        }
        None => {
            format!("{:?} is no URI: write s3://bucket/prefix, pvc://claim/path or file:///path", spec.uri)
        }
    };
    reader.error(URI, message);
    None
}

fn template(reader: &mut Reader<'_>) -> Option<Template> {
    let json = reader.get(TEMPLATE)?;
    let pod: PodTemplateSpec = reader.decode(TEMPLATE, json)?;
    let spec = pod.spec.as_ref()?;
    let at = Template::position(&spec.containers);
    let containers = member(&member(TEMPLATE, "spec"), "containers");
    let Some(at) = at else {
        reader.error(&containers, "is empty: one container trains");
        return None;
    };
    if let Some(policy) = spec.restart_policy.as_deref().filter(|policy| *policy != "Never") {
        let message = format!(
            "{policy} is not used: trials that fail are tried again by trial.retries, so it is always Never"
        );
        reader.warn(&member(&member(TEMPLATE, "spec"), "restartPolicy"), message);
    }
    quantities::check(reader, &member(TEMPLATE, "spec"), spec);
    let template = Template::new(pod);
    if template.is_none() {
        reader.missing(
            &item(&containers, at),
            "command",
            "Temper's agent runs the command, so it must be known; write out the image's own entry point, as in \
             [python, train.py]",
        );
    }
    template
}

/// `$(PARAM_x)` where there is no x stays as it is written, which is hardly what was meant.
fn check_references(reader: &mut Reader<'_>, template: &Template, space: &Space) {
    let containers = &template.pod().spec.as_ref().map(|spec| spec.containers.as_slice()).unwrap_or_default();
    let at = Template::position(containers).unwrap_or_default();
    let container = item(&member(&member(TEMPLATE, "spec"), "containers"), at);
    for (path, text) in texts(template.container()) {
        for name in references(text) {
            let Some(name) = name.strip_prefix("PARAM_") else { continue };
            let path = format!("{container}.{path}");
            match space.parameter(name) {
                None => {
                    let names = space.parameters().iter().map(|parameter| parameter.name.as_str());
                    let message = format!(
                        "$(PARAM_{name}) names no parameter and stays as it is{}",
                        did_you_mean(name, names)
                    );
                    reader.warn(&path, message);
                }
                Some(parameter) if !parameter.when.is_empty() => {
                    reader.warn(&path, conditional(name, parameter));
                }
                Some(_) => {}
            }
        }
    }
}

fn conditional(name: &str, parameter: &Parameter) -> String {
    let parents: Vec<&str> = parameter.when.iter().map(|condition| condition.parent.as_str()).collect();
    format!(
        "{name} does not always exist (it depends on {}), and where it does not, $(PARAM_{name}) stays as it is: read \
         the environment variable PARAM_{name} or the file $TEMPER_PARAMETERS instead",
        parents.join(", ")
    )
}

/// Texts of a container in which references are replaced.
fn texts(container: &Container) -> Vec<(String, &str)> {
    let mut texts = Vec::new();
    for (field, words) in [("command", &container.command), ("args", &container.args)] {
        texts.extend(words.iter().flatten().enumerate().map(|(at, word)| (item(field, at), word.as_str())));
    }
    for (at, variable) in container.env.iter().flatten().enumerate() {
        texts.extend(variable.value.as_deref().map(|value| (member(&item("env", at), "value"), value)));
    }
    texts
}

/// Names in `$(NAME)`, by Kubernetes' rule: `$$` is a dollar sign.
fn references(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        rest = &rest[dollar + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
            names.push(name);
            rest = after;
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_what_kubernetes_replaces() {
        assert_eq!(references("--lr=$(PARAM_lr) --n=$(PARAM_n)"), ["PARAM_lr", "PARAM_n"]);
        assert_eq!(references("$$(PARAM_lr) $PARAM_lr ${PARAM_lr} $(open $"), [""; 0]);
        assert_eq!(references("$$$(x)"), ["x"]);
    }

    #[test]
    fn a_pattern_says_which_metric_it_finds() {
        assert_eq!(check_pattern("loss (?<loss>[0-9.]+)"), Ok(()));
        assert_eq!(check_pattern("([a-z]+)=([0-9.]+)"), Ok(()));
        assert!(check_pattern("loss ([0-9.]+)").is_err_and(|message| message.contains("which metric")));
        assert!(check_pattern("loss (").is_err_and(|message| message.contains("unclosed group")));
    }
}
