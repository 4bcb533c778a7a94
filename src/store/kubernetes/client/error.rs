//! What the API server says when it does not do what it was asked to.

use std::time::Duration;

use http::response::Parts;
use http::{StatusCode, header};
use serde::Deserialize;

use crate::store::kubernetes::definition::rules;
use crate::store::shared::metrics::Reason;

/// What to do about a definition that is not there or not ours.
pub(crate) const INSTALL: &str = "install it with: kubekv crd | kubectl apply -f -";

/// The longest part of an answer that is shown where it is not the API server's own.
const SHOWN: usize = 200;

/// What came of a request that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ApiError {
    /// The API server said so, and did nothing.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// It failed, or what stands before it did: whether anything was done is not known.
    #[error("the API server failed: {0}")]
    Failed(Box<Refusal>),
    /// The request did not leave.
    #[error("cannot reach the API server: {0}")]
    NotSent(String),
    /// Whether anything was done is not known.
    #[error("no answer from the API server: {0}")]
    Unknown(String),
}

/// An answer that is no success.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The HTTP status.
    status: u16,
    /// The machine-readable reason, such as `AlreadyExists`.
    reason: String,
    /// For people.
    message: String,
    /// What kind of object it is about; empty where there is no such kind of object.
    kind: String,
    causes: Vec<String>,
    /// The number of the definition, where it is told.
    definition: Option<u32>,
    /// When to come again.
    retry_after: Option<Duration>,
}

impl std::fmt::Display for Refusal {
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

/// The API server's `Status`, as far as it matters here.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    reason: String,
    message: String,
    details: Option<Details>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Details {
    kind: String,
    causes: Vec<Cause>,
    retry_after_seconds: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Cause {
    reason: String,
    message: String,
}

impl ApiError {
    /// The HTTP status of an answer.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(refusal) | Self::Failed(refusal) => Some(refusal.status),
            Self::NotSent(_) | Self::Unknown(_) => None,
        }
    }

    /// The number of the definition, where a refusal tells it.
    pub(crate) fn definition(&self) -> Option<u32> {
        match self {
            Self::Refused(refusal) => refusal.definition,
            Self::Failed(_) | Self::NotSent(_) | Self::Unknown(_) => None,
        }
    }

    /// When the API server asks to come again.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(refusal) | Self::Failed(refusal) => refusal.retry_after,
            Self::NotSent(_) | Self::Unknown(_) => None,
        }
    }

    /// Why it was refused; `None` where that is no refusal, but says how things are.
    pub(crate) fn reason(&self) -> Option<Reason> {
        match self {
            Self::Refused(refusal) => refusal.reason(),
            Self::Failed(_) | Self::NotSent(_) | Self::Unknown(_) => None,
        }
    }
}

impl Refusal {
    /// Why; `None` where that is no refusal, but says how things are: an object that is not there or another one,
    /// a resourceVersion that is forgotten.
    pub(crate) fn reason(&self) -> Option<Reason> {
        let says = |words: &str| self.message.contains(words);
        let is = |cause: &str| self.causes.iter().any(|found| found == cause);
        if is("NamespaceTerminating") || (self.status == 404 && self.kind == "namespaces") {
            return Some(Reason::Terminating);
        }
        // Policies and webhooks choose the status themselves.
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
            // No such path, or being deleted, or with another schema.
            404 | 405 | 422 => Reason::Definition,
            413 => Reason::TooLarge,
            429 => Reason::Throttled,
            _ => Reason::Other,
        })
    }
}

/// Reads an answer that is no success.
pub(crate) fn refused(parts: &Parts, body: &[u8]) -> ApiError {
    let Status {
        reason,
        message,
        details,
    } = serde_json::from_slice(body).unwrap_or_default();
    let message = if message.is_empty() {
        let shown = body.get(..SHOWN).unwrap_or(body);
        String::from_utf8_lossy(shown).trim().replace('\n', " ")
    } else {
        // What stands after it may be a client's value.
        let said = message.split(" Invalid value:").next();
        said.unwrap_or_default().replace('\n', " ")
    };
    let details = details.unwrap_or_default();
    let header = parts.headers.get(header::RETRY_AFTER);
    let seconds = header.and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let mut told = details.causes.iter();
    let definition = told.find_map(|cause| rules::number_in(&cause.message));
    let causes = details.causes.into_iter().map(|cause| cause.reason);
    let refusal = Box::new(Refusal {
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
    // It may have given up half-way, or what stands before it may have. A timeout is its own, too.
    if parts.status.is_server_error() || parts.status == StatusCode::REQUEST_TIMEOUT {
        ApiError::Failed(refusal)
    } else {
        ApiError::Refused(refusal)
    }
}
