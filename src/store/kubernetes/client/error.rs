//! Errors of requests to the API server, and the reason why it refused one.

use std::time::Duration;

use http::response::Parts;
use http::{StatusCode, header};
use serde::Deserialize;

use crate::store::kubernetes::definition::rules;
use crate::store::shared::metrics::Reason;

/// What to do about a definition that is missing, or is not this gateway's.
pub(crate) const INSTALL: &str = "install it with: kubekv crd | kubectl apply -f -";

/// The longest part of a body that an error shows, if a proxy sent it and not the API server.
const SHOWN: usize = 200;

/// Why a request did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ApiError {
    /// The API server refused it, and did nothing.
    #[error("{0}")]
    Refused(Box<ErrorResponse>),
    /// The API server, or a proxy before it, failed: the outcome is unknown.
    #[error("the API server failed: {0}")]
    Failed(Box<ErrorResponse>),
    /// The request was not sent.
    #[error("cannot reach the API server: {0}")]
    NotSent(String),
    /// There was no whole answer: the outcome is unknown.
    #[error("no answer from the API server: {0}")]
    Unknown(String),
}

/// An answer whose status is an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ErrorResponse {
    /// The HTTP status.
    status: u16,
    /// The machine-readable reason, such as `AlreadyExists`.
    reason: String,
    /// The explanation for people.
    message: String,
    /// The kind of object it is about; empty if the API server has no such kind.
    kind: String,
    causes: Vec<String>,
    /// The number of the cluster's definition, if a cause names it.
    definition: Option<u32>,
    /// How long to wait before the next attempt.
    retry_after: Option<Duration>,
}

impl std::fmt::Display for ErrorResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            status,
            reason,
            message,
            ..
        } = self;
        let reason = if reason.is_empty() {
            String::new()
        } else {
            format!(" {reason}")
        };
        write!(f, "{status}{reason}: {message}")
    }
}

/// The fields of the API server's `Status` that matter here.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ApiStatus {
    reason: String,
    message: String,
    details: Option<StatusDetails>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct StatusDetails {
    kind: String,
    causes: Vec<StatusCause>,
    retry_after_seconds: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct StatusCause {
    reason: String,
    message: String,
}

impl ApiError {
    /// The HTTP status, if there was an answer.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(response) | Self::Failed(response) => Some(response.status),
            Self::NotSent(_) | Self::Unknown(_) => None,
        }
    }

    /// The number of the cluster's definition, if a refusal names it.
    pub(crate) fn definition(&self) -> Option<u32> {
        match self {
            Self::Refused(response) => response.definition,
            Self::Failed(_) | Self::NotSent(_) | Self::Unknown(_) => None,
        }
    }

    /// How long the API server asks to wait before the next attempt.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(response) | Self::Failed(response) => response.retry_after,
            Self::NotSent(_) | Self::Unknown(_) => None,
        }
    }

    /// Why it was refused; `None` if the answer is no refusal but reports a state, as [`ErrorResponse::reason`] says.
    pub(crate) fn reason(&self) -> Option<Reason> {
        match self {
            Self::Refused(response) => response.reason(),
            Self::Failed(_) | Self::NotSent(_) | Self::Unknown(_) => None,
        }
    }
}

impl ErrorResponse {
    /// The reason. `None` if the answer is no refusal but reports a state: a missing or a changed object, or a
    /// resourceVersion that was compacted.
    pub(crate) fn reason(&self) -> Option<Reason> {
        let says = |words: &str| self.message.contains(words);
        let is = |cause: &str| self.causes.iter().any(|found| found == cause);
        if is("NamespaceTerminating") || (self.status == 404 && self.kind == "namespaces") {
            return Some(Reason::Terminating);
        }
        // Policies and webhooks choose the status of their refusals.
        if says("admission webhook") || says("ValidatingAdmissionPolicy") {
            return Some(Reason::Admission);
        }
        Some(match self.status {
            404 if self.kind == "entries" => return None,
            409 | 410 => return None,
            401 => Reason::Unauthorized,
            403 if says("exceeded quota") || says("failed quota") => Reason::Quota,
            403 if says(" cannot ") && says(" resource ") => Reason::Forbidden,
            403 => Reason::Admission,
            // The definition is missing, is being deleted, or has another schema.
            404 | 405 | 422 => Reason::Definition,
            413 => Reason::TooLarge,
            429 => Reason::Throttled,
            _ => Reason::Other,
        })
    }
}

/// Reads an answer whose status is an error.
pub(super) fn read_error(parts: &Parts, body: &[u8]) -> ApiError {
    let ApiStatus {
        reason,
        message,
        details,
    } = serde_json::from_slice(body).unwrap_or_default();
    let message = if message.is_empty() {
        let shown = body.get(..SHOWN).unwrap_or(body);
        String::from_utf8_lossy(shown).trim().replace('\n', " ")
    } else {
        // The text after it may be a client's value, which belongs in no log.
        let own = message.split(" Invalid value:").next();
        own.unwrap_or_default().replace('\n', " ")
    };
    let details = details.unwrap_or_default();
    let header = parts.headers.get(header::RETRY_AFTER);
    let seconds = header.and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let mut all = details.causes.iter();
    let definition = all.find_map(|cause| rules::number_in(&cause.message));
    let causes = details.causes.into_iter().map(|cause| cause.reason);
    let response = Box::new(ErrorResponse {
        status: parts.status.as_u16(),
        reason,
        message,
        kind: details.kind,
        causes: causes.collect(),
        definition,
        retry_after: seconds
            .max(details.retry_after_seconds)
            .map(Duration::from_secs),
    });
    // The API server, or a proxy before it, may have given up half-way; also on a timeout of its own.
    if parts.status.is_server_error() || parts.status == StatusCode::REQUEST_TIMEOUT {
        ApiError::Failed(response)
    } else {
        ApiError::Refused(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(status: u16, body: &serde_json::Value) -> ApiError {
        let response = http::Response::builder().status(status).body(()).unwrap();
        read_error(&response.into_parts().0, body.to_string().as_bytes())
    }

    #[test]
    fn refusals_have_a_reason_and_reports_of_a_state_have_none() {
        let entries = serde_json::json!({"kind": "entries"});
        for (status, message, details, reason) in [
            (403, "exceeded quota: none", &entries, Some(Reason::Quota)),
            (
                403,
                "x cannot get resource y",
                &entries,
                Some(Reason::Forbidden),
            ),
            (
                422,
                "spec.key: Required value",
                &entries,
                Some(Reason::Definition),
            ),
            (
                404,
                "not found",
                &serde_json::json!({}),
                Some(Reason::Definition),
            ),
            (
                404,
                "not found",
                &serde_json::json!({"kind": "namespaces"}),
                Some(Reason::Terminating),
            ),
            (404, "not found", &entries, None),
            (409, "the object has been modified", &entries, None),
            (410, "too old resource version", &entries, None),
        ] {
            let body = serde_json::json!({"message": message, "details": details});
            assert_eq!(error(status, &body).reason(), reason, "{status} {message}");
        }
    }

    #[test]
    fn outcome_of_a_server_error_is_unknown_and_values_are_cut() {
        let body = serde_json::json!({"message": "spec.value: Invalid value: \"secret\""});
        for status in [500, 503, 408] {
            assert!(matches!(error(status, &body), ApiError::Failed(_)));
        }
        let refused = error(422, &body);
        assert!(matches!(refused, ApiError::Refused(_)));
        assert!(!refused.to_string().contains("secret"), "{refused}");
    }
}
