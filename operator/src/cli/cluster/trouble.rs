//! What goes wrong between a command and a cluster, in words that say what to do.

use std::error::Error;

use anyhow::anyhow;
use kube::{config::InferConfigError, core::Status};

use crate::cli::Failure;

/// The cluster did not answer: later it may.
#[derive(Debug, thiserror::Error)]
#[error("cannot reach the cluster at {server}: {cause}")]
pub(in crate::cli) struct Unreachable {
    server: String,
    cause: String,
}

/// What an error of the API server, or of the way to it, means.
pub(super) fn explain(error: kube::Error, server: &str) -> Failure {
    match error {
        kube::Error::Api(status) => answered(&status, server),
        kube::Error::Auth(error) => {
            let error = anyhow::Error::from(error).context("cannot get credentials for the cluster");
            Failure::wrong_input(error).hint("does kubectl get namespaces work with this kubeconfig?")
        }
        kube::Error::Service(_) | kube::Error::HyperError(_) | kube::Error::ReadEvents(_) => {
            let cause = deepest(&error).to_string();
            let unreachable = Unreachable { server: server.to_owned(), cause };
            Failure::from(anyhow::Error::from(unreachable))
                .hint("is it the right one? --context and --kubeconfig choose another")
        }
        other => Failure::from(anyhow::Error::from(other)),
    }
}

/// What the API server said.
fn answered(status: &Status, server: &str) -> Failure {
    let message = &status.message;
    match status.code {
        401 => Failure::wrong_input(anyhow!("the cluster at {server} does not accept your credentials"))
            .hint("log in again; kubectl auth whoami says as whom you come"),
        403 => Failure::wrong_input(anyhow!("the cluster does not allow it: {message}"))
            .hint("ask for the role view in the namespace, to change jobs for edit: they hold Temper's rights"),
        404 if !names_object(status) => {
            Failure::wrong_input(anyhow!("the cluster at {server} does not know what a TuningJob is"))
                .hint("install Temper there: helm install, or only the definitions: temper crds | kubectl apply --server-side -f -")
        }
        503 | 504 | 429 => {
            let unreachable = Unreachable { server: server.to_owned(), cause: message.clone() };
            Failure::from(anyhow::Error::from(unreachable))
        }
        _ => Failure::wrong_input(anyhow!("the cluster refused: {message}")),
    }
}

/// Whether an object is missing, and not its kind.
pub(super) fn is_missing(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404 && names_object(status))
}

/// An object that is missing is named in the answer, a kind that is missing is not.
pub(super) fn names_object(status: &Status) -> bool {
    status.details.as_ref().is_some_and(|details| !details.name.is_empty())
}

pub(super) fn no_cluster(error: &InferConfigError) -> Failure {
    let cause = deepest(error).to_string();
    Failure::wrong_input(anyhow!("there is no cluster to talk to: {cause}")).hint(
        "give --kubeconfig FILE or set KUBECONFIG; for a job on this machine name no job, or give --store DIR",
    )
}

/// What it came from: the layers above only say that something went wrong.
fn deepest<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest
}

#[cfg(test)]
mod tests {
    use kube::core::response::StatusDetails;
    use serde_json::json;

    use super::*;

    fn status(code: u16, message: &str, name: &str) -> Status {
        let details: StatusDetails = serde_json::from_value(json!({"name": name})).unwrap();
        Status { code, message: message.to_owned(), details: Some(details), ..Status::default() }
    }

    #[test]
    fn a_missing_object_is_not_a_missing_kind() {
        let missing = |status: Status| is_missing(&kube::Error::Api(Box::new(status)));
        assert!(missing(status(404, "tuningjobs.temper.rs \"x\" not found", "x")));
        assert!(!missing(status(404, "the server could not find the requested resource", "")));
        assert!(!missing(status(403, "forbidden", "x")));
    }

    #[test]
    fn what_only_time_mends_is_told_from_what_the_user_must() {
        let is_unreachable = |code| answered(&status(code, "", ""), "https://there").is::<Unreachable>();
        assert!(is_unreachable(503) && is_unreachable(429));
        assert!(!is_unreachable(401) && !is_unreachable(403) && !is_unreachable(404) && !is_unreachable(422));
    }
}
