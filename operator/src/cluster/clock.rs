//! The API server's clock: what it says is the same for every operator, whatever their own say.

use axum::http::{Request, header};
use k8s_openapi::jiff::fmt::rfc2822;
use kube::{Client, client::Body};

use crate::plan::Millis;

/// What it shows now, in whole seconds; `None` when the API server does not say.
pub(super) async fn of_server(client: &Client) -> Option<Millis> {
    let request = Request::get("/version").body(Body::empty()).ok()?;
    let answer = client.send(request).await.ok()?;
    let date = answer.headers().get(header::DATE)?.to_str().ok()?;
    of_header(date)
}

/// The instant that an HTTP date names.
fn of_header(date: &str) -> Option<Millis> {
    let zoned = rfc2822::parse(date).ok()?;
    u64::try_from(zoned.timestamp().as_millisecond()).ok().map(Millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_an_answer_is_an_instant() {
        assert_eq!(of_header("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Millis(784_111_777_000)));
        assert_eq!(of_header("soon"), None);
    }
}
