//! `GatewayReply`: a successful answer of the gateway, or its refusal as an error.

use serde::de::DeserializeOwned;
use ureq::http::Response;

use crate::cli::exit::{self, CommandError};

/// The limit of an answer, in bytes: more than a gateway can hold in memory.
const MAX_ANSWER: u64 = 64 << 30;
/// The limit of a refusal's text in an error, in characters.
const MAX_SHOWN: usize = 500;

/// A successful answer, or 404 for a missing key.
#[derive(Debug)]
pub(in crate::cli) struct GatewayReply {
    /// Whether the key exists: the status was not 404.
    pub(in crate::cli) found: bool,
    /// `X-Consul-Index`, or 0.
    pub(in crate::cli) index: u64,
    body: Vec<u8>,
}

impl GatewayReply {
    pub(super) fn read(mut response: Response<ureq::Body>) -> Result<Self, CommandError> {
        let status = response.status();
        let index = response.headers().get("x-consul-index");
        let index = index
            .and_then(|index| index.to_str().ok()?.parse().ok())
            .unwrap_or(0);
        let body = response.body_mut().with_config().limit(MAX_ANSWER);
        let body = body.read_to_vec().map_err(|error| {
            let line = format!("the connection broke during the gateway's answer: {error}");
            CommandError::new(exit::UNREACHABLE, line)
        })?;
        let found = status.as_u16() != 404;
        // A 404 for an unknown page has a body; a 404 for a missing key has none.
        if (found && !status.is_success()) || (!found && !body.is_empty()) {
            return Err(refused(status.as_u16(), &body));
        }
        Ok(Self { found, index, body })
    }

    /// Reads the body as JSON.
    pub(in crate::cli) fn json<T: DeserializeOwned>(&self) -> Result<T, CommandError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let line = format!("the gateway's answer is not an answer of Consul: {error}");
            CommandError::new(exit::REFUSED, line)
        })
    }
}

fn refused(status: u16, body: &[u8]) -> CommandError {
    let text = String::from_utf8_lossy(body);
    let text: String = text.trim().chars().take(MAX_SHOWN).collect();
    let line = format!("the gateway refused: {status}: {}", text.escape_debug());
    CommandError::new(exit::REFUSED, line)
}
