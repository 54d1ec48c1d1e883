//! What an error of the API server means for a report.

use std::error::Error as _;

use kube::{Error, core::Status};

use super::session::Failure;

/// Whether a report that was refused may be taken when it comes again.
///
/// An API server that has just started may not know its resources (404), roles (403) and keys (401) yet, so only what
/// says that there is no such Trial, or that the report itself is not admitted, is taken as final.
pub(super) fn classify(error: &Error, trial: &str) -> Failure {
    let text = text(error);
    let Error::Api(status) = error else { return Failure::Passing(text) };
    let Status { code, message, details, .. } = status.as_ref();
    let is_the_trial = details.as_ref().is_some_and(|details| details.name == trial);
    let is_policy = message.contains("ValidatingAdmissionPolicy");
    match code {
        404 if is_the_trial => Failure::Gone(text),
        403 if is_policy => Failure::Refused(text),
        // A UID that is not the Trial's: it was made anew under its name.
        409 if message.contains("UID") => Failure::Gone(text),
        400 | 405 | 406 | 413 | 415 | 422 => Failure::Refused(text),
        _ => Failure::Passing(text),
    }
}

/// In a line, with all its causes.
pub(super) fn text(error: &Error) -> String {
    if let Error::Api(status) = error {
        return format!("{} (HTTP {})", status.message, status.code);
    }
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(status: serde_json::Value) -> Failure {
        classify(&Error::Api(serde_json::from_value(status).unwrap()), "fashion-3")
    }

    #[test]
    fn only_what_will_never_be_taken_is_given_up() {
        let gone = refused(
            json!({"code": 404, "reason": "NotFound", "details": {"name": "fashion-3", "kind": "trials"},
            "message": "trials.temper.rs \"fashion-3\" not found"}),
        );
        assert_eq!(gone, Failure::Gone("trials.temper.rs \"fashion-3\" not found (HTTP 404)".into()));
        let anew = refused(json!({"code": 409, "reason": "Conflict",
            "message": "Precondition failed: UID in precondition: a, UID in object meta: b"}));
        assert!(matches!(anew, Failure::Gone(_)));
        for status in [
            json!({"code": 403, "message": "ValidatingAdmissionPolicy 'temper' with binding 'temper' denied request"}),
            json!({"code": 422, "message": "Trial is invalid: status.report.series: Too many"}),
        ] {
            assert!(matches!(refused(status), Failure::Refused(_)));
        }
    }

    #[test]
    fn what_a_starting_or_busy_server_says_passes() {
        for status in [
            json!({"code": 401, "message": "Unauthorized"}),
            json!({"code": 403, "message": "trials.temper.rs is forbidden: User cannot patch"}),
            json!({"code": 404, "message": "the server could not find the requested resource"}),
            json!({"code": 409, "message": "Operation cannot be fulfilled: the object has been modified"}),
            json!({"code": 429, "message": "Too many requests"}),
            json!({"code": 500, "message": "etcdserver: leader changed"}),
            json!({"code": 503, "message": "apiserver is shutting down"}),
        ] {
            assert!(matches!(refused(status.clone()), Failure::Passing(_)), "{status}");
        }
        let broken = Error::ReadEvents(std::io::ErrorKind::ConnectionReset.into());
        assert!(matches!(classify(&broken, "fashion-3"), Failure::Passing(_)));
    }
}
