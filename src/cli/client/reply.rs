//! What the gateway answered.

use serde::de::DeserializeOwned;
use ureq::http::Response;

use crate::cli::exit::{self, Failure};

/// The longest answer that is read, in bytes: more than everything a gateway can hold in memory is no answer.
const LONGEST: u64 = 64 << 30;
/// The longest part of a refusal that is shown, in characters.
const SHOWN: usize = 500;

/// An answer that is no failure.
#[derive(Debug)]
pub(in crate::cli) struct Reply {
    /// Whether there is what was asked for: not 404.
    pub(in crate::cli) found: bool,
    /// `X-Consul-Index`, or 0.
    pub(in crate::cli) index: u64,
    body: Vec<u8>,
}

impl Reply {
    pub(super) fn read(mut response: Response<ureq::Body>) -> Result<Self, Failure> {
        let status = response.status();
        let index = response.headers().get("x-consul-index");
        let index = index
            .and_then(|index| index.to_str().ok()?.parse().ok())
            .unwrap_or(0);
        let body = response.body_mut().with_config().limit(LONGEST);
        let body = body.read_to_vec().map_err(|error| {
            let line = format!("the gateway's answer broke off: {error}");
            Failure::new(exit::UNREACHABLE, line)
        })?;
        let found = status.as_u16() != 404;
        // A page that is not there has words of its own; a key that is not there has none.
        if (found && !status.is_success()) || (!found && !body.is_empty()) {
            return Err(refused(status.as_u16(), &body));
        }
        Ok(Self { found, index, body })
    }

    /// Reads the body as JSON.
    pub(in crate::cli) fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let line = format!("the gateway's answer is not what Consul answers: {error}");
            Failure::new(exit::REFUSED, line)
        })
    }
}

fn refused(status: u16, body: &[u8]) -> Failure {
    let words = String::from_utf8_lossy(body);
    let words: String = words.trim().chars().take(SHOWN).collect();
    let line = format!("the gateway refused: {status}: {}", words.escape_debug());
    Failure::new(exit::REFUSED, line)
}
