//! What the operator tells the agent of a pod, once, when it makes the pod.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::Assignment;

/// The variable of the training container's environment that holds [`PodOrders`] as JSON.
pub const POD_ORDERS: &str = "TEMPER_POD";
/// The variable that the operator has Kubernetes set: only the API server knows a pod's uid.
pub const POD_UID: &str = "TEMPER_POD_UID";

/// All that does not depend on the trial, and how the pod gets its trials. The rest (index, attempt, parameters, how
/// far to go, what to resume from) is read from the Trial object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PodOrders {
    /// The pod's own name.
    pub pod: String,
    /// Its namespace, which is its Trials' too.
    pub namespace: String,
    /// Name of the one Trial that the pod is for. Absent: the pod is a worker that runs every Trial whose
    /// `spec.pod.name` names it, one after another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<String>,
    /// What every attempt has in common. Its `trial`, `attempt`, `parameters`, `run_to`, `reported_to` and
    /// `resume_from` are not looked at; its `dir` is the folder below which each attempt gets its own.
    pub template: Assignment,
    /// Which way each objective of the template is better, in the same order.
    pub goals: Vec<Goal>,
    /// Resources that stay in a trial's series however long it gets: the rungs of its scheduler.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rungs: Vec<u64>,
    /// Where the pod has mounted what `pvc://` URIs name: from `pvc://claim` to a folder.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub mounts: BTreeMap<String, PathBuf>,
    /// A folder with one file for each variable that the store of the checkpoints needs (`AWS_ACCESS_KEY_ID`, ...):
    /// a mounted Secret. Absent: the pod's own identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<PathBuf>,
}

/// Which way an objective is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Goal {
    /// Smaller is better.
    Minimize,
    /// Larger is better.
    Maximize,
}

impl Goal {
    /// Whether one value of the objective is better than another.
    pub fn is_better(self, value: f64, than: f64) -> bool {
        match self {
            Self::Minimize => value < than,
            Self::Maximize => value > than,
        }
    }
}

impl PodOrders {
    /// The value for [`POD_ORDERS`] in a container's `env`. The kubelet expands `$(NAME)` there, so every `$` is
    /// doubled, which it takes back.
    ///
    /// # Errors
    /// When a path is not UTF-8.
    pub fn to_variable(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string(self)?.replace('$', "$$"))
    }

    /// From the variable as the agent finds it, which is what the kubelet has made of [`Self::to_variable`].
    ///
    /// # Errors
    /// What is wrong with it, for a person.
    pub fn from_variable(text: &str) -> Result<Self, String> {
        let orders: Self =
            serde_json::from_str(text).map_err(|error| format!("the variable {POD_ORDERS}: {error}"))?;
        let (objectives, goals) = (orders.template.objectives.len(), orders.goals.len());
        if objectives == 0 {
            return Err(format!("the variable {POD_ORDERS}: template.objectives is empty"));
        }
        if objectives != goals {
            return Err(format!(
                "the variable {POD_ORDERS}: {goals} goals for {objectives} objectives; each has one"
            ));
        }
        Ok(orders)
    }
}

/// What a worker writes to its pod's log before each attempt, as a line of its own: whoever reads the log tells by it
/// where the output of one attempt ends and that of the next begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beginning {
    /// The trial's index.
    pub trial: u32,
    /// The attempt, from 1.
    pub attempt: u32,
}

impl fmt::Display for Beginning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "temper: attempt {} of trial {} begins", self.attempt, self.trial)
    }
}

impl Beginning {
    /// The one with which a line ends, and what stands before it: the last output of the attempt before may have no
    /// line end.
    pub fn at_end_of(line: &str) -> Option<(&str, Self)> {
        let (before, rest) = line.trim_end().strip_suffix(" begins")?.rsplit_once("temper: attempt ")?;
        let (attempt, trial) = rest.split_once(" of trial ")?;
        Some((before, Self { trial: trial.parse().ok()?, attempt: attempt.parse().ok()? }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::expand::expand;

    fn orders() -> PodOrders {
        PodOrders {
            pod: "fashion-x7k2p-3-1".into(),
            namespace: "research".into(),
            trial: Some("fashion-x7k2p-3".into()),
            template: Assignment {
                job: "fashion".into(),
                command: ["sh", "-c", "echo $$HOME $(PARAM_lr) $(HOSTNAME) $$(NOT)"].map(String::from).into(),
                objectives: vec!["accuracy".into()],
                grace_seconds: 28.0,
                dir: "/temper".into(),
                ..Assignment::default()
            },
            goals: vec![Goal::Maximize],
            rungs: vec![1, 3, 9],
            mounts: [("pvc://claim".to_owned(), "/temper-volumes/claim".into())].into(),
            credentials: Some("/temper-credentials".into()),
        }
    }

    #[test]
    fn orders_come_through_the_kubelet_as_they_were_given() {
        let as_the_kubelet_hands_it_on = expand(&orders().to_variable().unwrap(), |_| Some("expanded"));
        assert_eq!(PodOrders::from_variable(&as_the_kubelet_hands_it_on), Ok(orders()));
    }

    #[test]
    fn a_worker_needs_no_more_than_its_name_template_and_goals() {
        let text = r#"{"pod": "p", "namespace": "n", "goals": ["minimize"],
            "template": {"job": "j", "trial": 0, "attempt": 0, "command": ["true"], "parameters": {},
            "objectives": ["loss"], "graceSeconds": 28, "dir": "/temper"}}"#;
        let orders = PodOrders::from_variable(text).unwrap();
        assert_eq!((orders.trial, orders.goals), (None, vec![Goal::Minimize]));
    }

    #[test]
    fn where_an_attempt_begins_is_found_in_a_log() {
        let beginning = Beginning { trial: 12, attempt: 3 };
        assert_eq!(Beginning::at_end_of(&format!("{beginning}\n")), Some(("", beginning)));
        assert_eq!(Beginning::at_end_of(&format!("no end{beginning}\n")), Some(("no end", beginning)));
        for other in ["", "it begins", "temper: attempt 1 of trial x begins", "temper: attempt 1 of trial 2"]
        {
            assert_eq!(Beginning::at_end_of(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, problem) in [
            ("", "the variable TEMPER_POD: EOF while parsing a value at line 1 column 0"),
            (r#"{"tempalte": {}}"#, "unknown field `tempalte`, expected one of `pod`, `namespace`, `trial`"),
            (
                &serde_json::to_string(&PodOrders { goals: vec![], ..orders() }).unwrap(),
                "0 goals for 1 objectives; each has one",
            ),
        ] {
            let said = PodOrders::from_variable(text).unwrap_err();
            assert!(said.contains(problem), "{said}");
        }
    }
}
