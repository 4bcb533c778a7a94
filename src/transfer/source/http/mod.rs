//! An HTTP client for the servers of a source.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use ureq::Agent;
use ureq::http::HeaderMap;

use crate::config::SourceAccess;
use crate::remote::{http_tls, read_password};
use crate::transfer::Error;

/// How long to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a server may take until its response begins.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(60);

/// How long the body of a response may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(600);

/// The longest body that is read, in bytes.
const MOST_BODY_BYTES: u64 = 16 << 30;

/// The most characters of a refusal that an error quotes.
const MOST_QUOTED: usize = 300;

/// A client of interchangeable servers: a request goes to the first that can be reached.
#[derive(Clone, Debug)]
pub(super) struct HttpClient {
    agent: Agent,
    /// The kind of server, for errors.
    kind: &'static str,
    scheme: &'static str,
    addresses: Vec<String>,
    /// The header with our credentials.
    header: Option<(&'static str, HeaderSecret)>,
}

#[derive(Clone)]
struct HeaderSecret(String);

impl std::fmt::Debug for HeaderSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HeaderSecret")
    }
}

/// A response.
#[derive(Debug)]
pub(super) struct Response {
    kind: &'static str,
    pub(super) status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl HttpClient {
    pub(super) fn new(
        kind: &'static str,
        addresses: &[String],
        access: &SourceAccess,
    ) -> Result<Self, Error> {
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            // A web proxy from the environment is not meant for a store.
            .proxy(None)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_recv_response(Some(RESPONSE_TIMEOUT))
            .timeout_recv_body(Some(BODY_TIMEOUT))
            .user_agent(concat!("kubekv/", env!("CARGO_PKG_VERSION")));
        let tls = http_tls(&access.access)?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        if let Some(tls) = tls {
            config = config.tls_config(tls);
        }
        Ok(Self {
            agent: config.build().new_agent(),
            kind,
            scheme,
            addresses: addresses.to_vec(),
            header: header(access)?,
        })
    }

    /// Sends a GET, on a thread for blocking work.
    pub(super) async fn get(&self, target: String) -> Result<Response, Error> {
        let client = self.clone();
        let sending = tokio::task::spawn_blocking(move || client.try_each(&target));
        let ended = |_| Error::Unreachable(format!("{}: the request ended", self.kind));
        sending.await.map_err(ended)?
    }

    fn try_each(&self, target: &str) -> Result<Response, Error> {
        let mut why = Error::Unreachable(format!("{}: no address", self.kind));
        for address in &self.addresses {
            match self.try_one(address, target) {
                Err(error @ Error::Unreachable(_)) => why = error,
                result => return result,
            }
        }
        Err(why)
    }

    fn try_one(&self, address: &str, target: &str) -> Result<Response, Error> {
        let failed = |error: &ureq::Error| {
            Error::Unreachable(format!("cannot reach {} at {address}: {error}", self.kind))
        };
        let mut request = self
            .agent
            .get(format!("{}://{address}{target}", self.scheme));
        if let Some((name, HeaderSecret(value))) = &self.header {
            request = request.header(*name, value);
        }
        let mut response = request.call().map_err(|error| failed(&error))?;
        let body = response.body_mut().with_config().limit(MOST_BODY_BYTES);
        let body = body.read_to_vec().map_err(|error| failed(&error))?;
        Ok(Response {
            kind: self.kind,
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body,
        })
    }
}

impl Response {
    /// The value of a header, if it is a number.
    pub(super) fn number(&self, header: &str) -> Option<u64> {
        self.headers.get(header)?.to_str().ok()?.parse().ok()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.body.is_empty()
    }

    /// The body as JSON; an error unless the status is 200.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        if self.status != 200 {
            return Err(self.refused());
        }
        self.parsed()
    }

    /// The body as JSON, whatever the status. Errors do not quote the body.
    pub(super) fn parsed<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let (kind, column) = (self.kind, error.column());
            Error::Refused(format!(
                "this is not what {kind} answers: invalid at byte {column} of line {}",
                error.line()
            ))
        })
    }

    /// The response as an error.
    pub(super) fn refused(&self) -> Error {
        let words = String::from_utf8_lossy(&self.body);
        let quoted: String = words.trim().chars().take(MOST_QUOTED).collect();
        let (kind, status) = (self.kind, self.status);
        Error::Refused(format!(
            "{kind} refused: {status}: {}",
            quoted.escape_debug()
        ))
    }
}

fn header(access: &SourceAccess) -> Result<Option<(&'static str, HeaderSecret)>, Error> {
    if let Some(token) = &access.token {
        return Ok(Some((
            "X-Consul-Token",
            HeaderSecret(read_password(token)?),
        )));
    }
    let Some((user, password)) = &access.access.user else {
        return Ok(None);
    };
    let pair = STANDARD.encode(format!("{user}:{}", read_password(password)?));
    Ok(Some((
        "Authorization",
        HeaderSecret(format!("Basic {pair}")),
    )))
}
