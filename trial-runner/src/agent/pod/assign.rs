//! From a Trial to what the agent is to do.

use serde_json::Value;
use temper_crds::Trial;

use crate::agent::protocol::{Assignment, EnvVar, PodOrders};

/// The attempt that a Trial asks for. `inherited`: see [`inherited`].
///
/// # Errors
/// When its parameters are none.
pub(super) fn assignment(
    orders: &PodOrders,
    inherited: &[EnvVar],
    name: &str,
    trial: &Trial,
) -> Result<Assignment, String> {
    let spec = &trial.spec;
    let report = trial.status.as_ref().and_then(|status| status.report.as_ref());
    let parameters = match serde_json::to_value(&spec.parameters) {
        Ok(Value::Object(parameters)) => parameters,
        Ok(other) => return Err(format!("the parameters of Trial {name} are no object: {other}")),
        Err(error) => return Err(format!("the parameters of Trial {name}: {error}")),
    };
    let wanted = spec.resume_from.as_ref().map(|from| &from.checkpoint);
    let own = || Some(&report?.checkpoint.as_ref()?.uri);
    Ok(Assignment {
        trial: spec.index,
        attempt: spec.attempt,
        parameters,
        run_to: spec.run_to,
        reported_to: report.and_then(|report| report.resource),
        resume_from: wanted.or_else(own).cloned(),
        env: inherited.iter().chain(&orders.template.env).cloned().collect(),
        dir: orders.template.dir.join(format!("{name}-{}", spec.attempt)),
        ..orders.template.clone()
    })
}

/// The variables of the process as variables of the command, so that `$(NAME)` can name those that the kubelet has
/// taken from Secrets and the like, which [`PodOrders`] cannot know.
pub(super) fn inherited(variables: impl IntoIterator<Item = (String, String)>) -> Vec<EnvVar> {
    let is_own = |name: &str| name.starts_with("TEMPER_") || name.starts_with("PARAM_");
    variables
        .into_iter()
        .filter(|(name, _)| !is_own(name))
        // They are what they are, and not expanded again.
        .map(|(name, value)| EnvVar { name, value: value.replace('$', "$$") })
        .collect()
}

#[cfg(test)]
mod tests {
    use temper_crds::trial::{CheckpointReport, ResumeFrom, Transfer, TrialStatus};

    use super::*;
    use crate::agent::{
        environment::preview,
        pod::testing::{orders, running, trial},
    };

    #[test]
    fn what_depends_on_the_trial_is_the_trial_s_and_all_else_the_template_s() {
        let mut trial = trial(3);
        trial.spec.attempt = 2;
        trial.spec.run_to = Some(9);
        let first = assignment(&orders(), &[], "fashion-3", &trial).unwrap();
        assert_eq!((first.trial, first.attempt, first.run_to), (3, 2, Some(9)));
        assert_eq!((first.reported_to, &first.resume_from), (None, &None));
        assert_eq!(first.parameters["lr"], serde_json::json!(0.5));
        assert_eq!(first.dir.to_str(), Some("/temper/fashion-3-2"));
        assert_eq!(first.command, orders().template.command);
    }

    #[test]
    fn a_later_attempt_goes_on_from_its_own_checkpoint_unless_it_is_told_from_which() {
        let mut trial = trial(3);
        let mut report = running(1, 5);
        report.checkpoint = Some(CheckpointReport { uri: "s3://b/3/4-1-1".into(), resource: Some(4) });
        trial.status = Some(TrialStatus { report: Some(report), conditions: Vec::new() });
        trial.spec.attempt = 2;
        let own = assignment(&orders(), &[], "fashion-3", &trial).unwrap();
        assert_eq!((own.reported_to, own.resume_from.as_deref()), (Some(5), Some("s3://b/3/4-1-1")));
        trial.spec.resume_from = Some(ResumeFrom {
            trial: "fashion-1".into(),
            checkpoint: "s3://b/1/9-1-2".into(),
            transfer: Transfer::default(),
        });
        let told = assignment(&orders(), &[], "fashion-3", &trial).unwrap();
        assert_eq!(told.resume_from.as_deref(), Some("s3://b/1/9-1-2"));
    }

    #[test]
    fn the_command_may_name_what_the_kubelet_has_set() {
        let mut orders = orders();
        orders.template.command =
            ["run", "$(TOKEN)", "$(PARAM_lr)", "$(TEMPER_JOB)"].map(String::from).into();
        orders.template.env = vec![EnvVar { name: "URL".into(), value: "http://$(TOKEN)@host".into() }];
        let inherited = inherited(
            [("TOKEN", "a$(b)$$"), ("PARAM_lr", "old"), ("TEMPER_JOB", "old"), ("URL", "old")]
                .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        let assignment = assignment(&orders, &inherited, "fashion-3", &trial(3)).unwrap();
        let (variables, command) = preview(&assignment);
        assert_eq!(command, ["run", "a$(b)$$", "0.5", "fashion"]);
        assert!(variables.contains(&("URL".into(), "http://a$(b)$$@host".into())), "{variables:?}");
    }
}
