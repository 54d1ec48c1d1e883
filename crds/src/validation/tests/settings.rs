//! Search, scheduler, budget and the trial.

use super::{expect, said_of};

#[test]
fn search_and_scheduler() {
    let scheduler = |text: &str| said_of(&[("  budget:", &format!("  scheduler: {text}\n  budget:"))]);
    assert_eq!(scheduler("{type: ASHA}"), "", "max is that of the fixed parameter epochs");
    assert_eq!(scheduler("{type: None}"), "");
    assert_eq!(
        scheduler("{type: ASHA, min: 9, max: 3, reductionFactor: 1, options: {mode: stoping, brakets: 2}}"),
        "\
spec.scheduler.min: must not exceed max, but min is 9 and max is 3 -> 9,
spec.scheduler.reductionFactor: must be at least 2, not 1 -> 1,
spec.scheduler.options.mode: \"stoping\" is not allowed: one of stopping, promotion; did you mean \"stopping\"? -> stoping,
spec.scheduler.options.brakets: there is no such field; did you mean \"brackets\"? -> brakets:"
    );
    assert_eq!(scheduler("{type: ASHA, min: 0}"), "spec.scheduler.min: must be at least 1, not 0 -> 0}");
    assert!(scheduler("{type: Asha}").contains("did you mean \"ASHA\"?"));
    assert_eq!(
        scheduler("{type: ASHA, resource: accuracy}"),
        "spec.scheduler.resource: accuracy is an objective: name what progress is counted in, such as epoch or step -> accuracy}"
    );
    let no_max =
        said_of(&[("  budget:", "  scheduler: {type: ASHA}\n  budget:"), ("name: epochs", "name: rounds")]);
    assert!(no_max.starts_with("spec.scheduler.max: "), "{no_max}");
    assert!(["epochs", "max_t", "max_epochs"].iter().all(|name| no_max.contains(name)), "{no_max}");
    let text =
        said_of(&[("  budget:", "  scheduler: {type: ASHA}\n  budget:"), ("value: 9", "value: \"9\"")]);
    assert_eq!(
        text,
        "spec.parameters[3].value: is the text \"9\", and epochs tells the scheduler how far trials go, for which a \
         whole number above 0 is needed: write 9 without quotes; or set spec.scheduler.max -> \"9\"}"
    );
    assert!(
        said_of(&[("Random}", "Random, options: {speed: 1}}")])
            .starts_with("spec.search.options.speed: there is no such field")
    );
}

#[test]
fn several_objectives_with_a_scheduler_are_warned_of() {
    let said = said_of(&[
        ("goal: maximize}", "goal: maximize}\n  - {metric: latency, goal: minimize}"),
        ("  budget:", "  scheduler: {type: ASHA}\n  budget:"),
    ]);
    assert_eq!(
        said,
        "warning: spec.scheduler: judges trials by the first objective, accuracy, alone -> {type:"
    );
}

#[test]
fn budget() {
    expect(&[
        (
            "maxTrials: 20",
            "maxTrials: 20, maxDuration: 2 hours",
            "spec.budget.maxDuration: \"2 hours\" is no duration: write days, hours, minutes and seconds, as 2h, 90m, 1h30m or 45s -> 2 ",
        ),
        ("maxTrials: 20", "maxDuration: 0s", "spec.budget.maxDuration: must be more than 0s -> 0s}"),
        (
            "maxTrials: 20",
            "maxTrials: 2, parallelism: 4",
            "warning: spec.budget.parallelism: is more than maxTrials, 2: never more than that run at once -> 4}",
        ),
        (
            "  budget: {maxTrials: 20}\n",
            "",
            "warning: spec.budget: nothing ends this job: it goes on until there is nothing more to try; set maxTrials, maxDuration or an objective's target -> spec:",
        ),
    ]);
}

#[test]
fn amounts_of_resources() {
    let asks = |resources: &str| {
        said_of(&[("lr=$(PARAM_lr)]}", &format!("lr=$(PARAM_lr)], resources: {{{resources}}}}}"))])
    };
    assert_eq!(asks("limits: {cpu: 2, memory: 4Gi, nvidia.com/gpu: 1}, requests: {cpu: 500m}"), "");
    assert_eq!(
        asks("limits: {cpu: many, nvidia.com/gpu: 0.5}, requests: {memory: 4GB}"),
        "\
spec.trial.template.spec.containers[0].resources.limits.cpu: \"many\" is no amount: write a number of CPUs, as 2, 0.5 or 500m -> many,
spec.trial.template.spec.containers[0].resources.limits[\"nvidia.com/gpu\"]: \"0.5\" is no whole number: nvidia.com/gpu is counted -> 0.5}
spec.trial.template.spec.containers[0].resources.requests.memory: \"4GB\" is no amount: write bytes, as 512Mi or 4Gi -> 4GB}"
    );
}

#[test]
fn trial() {
    let extra = |text: &str| said_of(&[("  trial:\n", &format!("  trial:\n    {text}\n"))]);
    assert_eq!(extra("retries: 101"), "spec.trial.retries: must be at most 100, not 101 -> 101");
    assert!(extra("metrics: {format: JSONlines}").ends_with("did you mean \"JSONLines\"? -> JSONlines}"));
    assert_eq!(
        extra("metrics: {format: Regex}"),
        "spec.trial.metrics.patterns: is missing: format Regex needs at least one, as in [\"loss (?<loss>[0-9.]+)\"] -> metrics:"
    );
    assert_eq!(
        extra("metrics: {patterns: [x]}"),
        "spec.trial.metrics.patterns: is for format Regex only -> [x]"
    );
    assert_eq!(
        extra("metrics: {format: Regex, patterns: [\"loss (\"]}"),
        "spec.trial.metrics.patterns[0]: \"loss (\" is no regular expression: unclosed group -> \"loss "
    );
    assert_eq!(
        extra("checkpoints: {uri: \"s4://bucket\"}"),
        "spec.trial.checkpoints.uri: s4:// is not known: one of s3://, gs://, az://, pvc://, file://; did you mean \"s3\"? -> \"s4:"
    );
    assert!(extra("checkpoints: {uri: ./here}").contains("is no URI"));
    assert!(extra("checkpoints: {uri: \"file://here\"}").contains("must name an absolute path"));
    assert_eq!(
        extra("stopWhen: [{metric: accuracy, atLeast: 0.9}, {metric: accuracy, atLeast: 0.99}]"),
        "spec.trial.stopWhen[1]: is about the same as spec.trial.stopWhen[0]: one of them never matters -> {metric:"
    );
    assert!(extra("stopWhen: [{metric: accuracy}]").contains("needs either a resource"));
    assert_eq!(
        extra("stopWhen: [{metric: accuracy, atLeast: 0.9}, {metric: accuracy, atMost: 0.1}, {resource: 5}]"),
        ""
    );
}

#[test]
fn template() {
    let command = "command: [./train, --lr=$(PARAM_lr)]";
    expect(&[
        (
            command,
            "image: train:1",
            "spec.trial.template.spec.containers[0].command: is missing: Temper's agent runs the command, so it must be known; write out the image's own entry point, as in [python, train.py] -> {name:",
        ),
        (
            command,
            "command: [./train], imge: x",
            "spec.trial.template.spec.containers[0].imge: there is no such field; did you mean \"image\"? -> imge:",
        ),
        (
            command,
            "command: ./train",
            "spec.trial.template.spec.containers[0].command: must be a list, not the text \"./train\"; write it as a list of one, in [ ] -> ./train}",
        ),
        (
            command,
            "command: [./train, 3]",
            "spec.trial.template.spec.containers[0].command[1]: must be text, not the number 3; put it in quotes -> 3]",
        ),
        (
            "$(PARAM_lr)",
            "$(PARAM_lrr)",
            "warning: spec.trial.template.spec.containers[0].command[1]: $(PARAM_lrr) names no parameter and stays as it is; did you mean \"lr\"? -> --lr=$(PARAM_lrr)]",
        ),
        ("$(PARAM_lr)", "$$(PARAM_lrr)", ""),
        (
            "$(PARAM_lr)",
            "$(PARAM_momentum)",
            "warning: spec.trial.template.spec.containers[0].command[1]: momentum does not always exist (it depends on optimizer), and where it does not, $(PARAM_momentum) stays as it is: read the environment variable PARAM_momentum or the file $TEMPER_PARAMETERS instead -> --lr=$(PARAM_momentum)]",
        ),
        (
            "      spec:\n",
            "      spec:\n        restartPolicy: Always\n",
            "warning: spec.trial.template.spec.restartPolicy: Always is not used: trials that fail are tried again by trial.retries, so it is always Never -> Always",
        ),
        (
            "      spec:\n",
            "      spec:\n        nodeSelector: {a: 1}\n",
            "spec.trial.template.spec.nodeSelector.a: must be text, not the number 1; put it in quotes -> 1}",
        ),
        (
            "        containers:\n",
            "        container:\n",
            "spec.trial.template.spec.container: there is no such field; did you mean \"containers\"? -> container:",
        ),
    ]);
}
