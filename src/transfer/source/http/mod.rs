//! Asking a server over HTTP.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use rustls::crypto::ring::default_provider;
use serde::de::DeserializeOwned;
use ureq::Agent;
use ureq::http::HeaderMap;
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};

use crate::config::{SourceAccess, StorePassword};
use crate::transfer::Error;

/// How long to wait for a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// How long a server may take until its answer begins.
const BEGIN: Duration = Duration::from_secs(60);

/// How long an answer may take.
const WHOLE: Duration = Duration::from_secs(600);

/// The longest answer that is read, in bytes.
const LONGEST: u64 = 16 << 30;

/// The longest part of a refusal that is shown, in characters.
const SHOWN: usize = 300;

/// All but the characters a path may hold as they are, and the slash.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// A key in a path.
pub(super) fn escaped(key: &[u8]) -> String {
    percent_encode(key, ESCAPED).to_string()
}

/// Servers that are one: the first that answers is asked.
#[derive(Clone, Debug)]
pub(super) struct Servers {
    agent: Agent,
    /// What they are, in errors.
    what: &'static str,
    scheme: &'static str,
    addresses: Vec<String>,
    /// A header that says who we are.
    header: Option<(&'static str, Secret)>,
}

#[derive(Clone)]
struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// What was answered.
#[derive(Debug)]
pub(super) struct Answer {
    what: &'static str,
    pub(super) status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Servers {
    pub(super) fn new(
        what: &'static str,
        addresses: &[String],
        access: &SourceAccess,
    ) -> Result<Self, Error> {
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            // A proxy for the web is none for a store.
            .proxy(None)
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(BEGIN))
            .timeout_recv_body(Some(WHOLE))
            .user_agent(concat!("kubekv/", env!("CARGO_PKG_VERSION")));
        let tls = tls(access)?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        if let Some(tls) = tls {
            config = config.tls_config(tls);
        }
        Ok(Self {
            agent: config.build().new_agent(),
            what,
            scheme,
            addresses: addresses.to_vec(),
            header: header(access)?,
        })
    }

    /// GET of a page, away from the runtime's threads.
    pub(super) async fn get(&self, page: String) -> Result<Answer, Error> {
        let servers = self.clone();
        let asking = tokio::task::spawn_blocking(move || servers.ask(&page));
        let ended = |_| Error::Unreachable(format!("{}: the request ended", self.what));
        asking.await.map_err(ended)?
    }

    fn ask(&self, page: &str) -> Result<Answer, Error> {
        let mut why = Error::Unreachable(format!("{}: no address", self.what));
        for address in &self.addresses {
            match self.ask_one(address, page) {
                Err(error @ Error::Unreachable(_)) => why = error,
                answered => return answered,
            }
        }
        Err(why)
    }

    fn ask_one(&self, address: &str, page: &str) -> Result<Answer, Error> {
        let failed = |error: &ureq::Error| {
            Error::Unreachable(format!("cannot reach {} at {address}: {error}", self.what))
        };
        let mut request = self.agent.get(format!("{}://{address}{page}", self.scheme));
        if let Some((name, Secret(value))) = &self.header {
            request = request.header(*name, value);
        }
        let mut response = request.call().map_err(|error| failed(&error))?;
        let body = response.body_mut().with_config().limit(LONGEST);
        let body = body.read_to_vec().map_err(|error| failed(&error))?;
        Ok(Answer {
            what: self.what,
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body,
        })
    }
}

impl Answer {
    /// A number among the headers.
    pub(super) fn number(&self, header: &str) -> Option<u64> {
        self.headers.get(header)?.to_str().ok()?.parse().ok()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.body.is_empty()
    }

    /// The body as JSON, where it is a 200.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        if self.status != 200 {
            return Err(self.refused());
        }
        self.parsed()
    }

    /// The body as JSON. Errors hold nothing of it.
    pub(super) fn parsed<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let (what, column) = (self.what, error.column());
            Error::Refused(format!(
                "this is not what {what} answers: wrong at byte {column} of line {}",
                error.line()
            ))
        })
    }

    /// What it says, where it is a refusal.
    pub(super) fn refused(&self) -> Error {
        let words = String::from_utf8_lossy(&self.body);
        let words: String = words.trim().chars().take(SHOWN).collect();
        let (what, status) = (self.what, self.status);
        Error::Refused(format!(
            "{what} refused: {status}: {}",
            words.escape_debug()
        ))
    }
}

fn first_line(path: &Path) -> Result<String, Error> {
    let text = String::from_utf8_lossy(&read(path)?).into_owned();
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |error| Error::Input(format!("cannot read {}: {error}", path.display()));
    std::fs::read(path).map_err(failed)
}

/// The password, or what its file says.
pub(super) fn secret(password: &StorePassword) -> Result<String, Error> {
    match password {
        StorePassword::File(path) => first_line(path),
        StorePassword::Text(text) => Ok(text.clone()),
    }
}

fn header(access: &SourceAccess) -> Result<Option<(&'static str, Secret)>, Error> {
    if let Some(token) = &access.token {
        return Ok(Some(("X-Consul-Token", Secret(secret(token)?))));
    }
    let Some((user, password)) = &access.access.user else {
        return Ok(None);
    };
    let pair = STANDARD.encode(format!("{user}:{}", secret(password)?));
    Ok(Some(("Authorization", Secret(format!("Basic {pair}")))))
}

/// TLS, where somebody is to vouch for the servers.
fn tls(access: &SourceAccess) -> Result<Option<TlsConfig>, Error> {
    let Some(authorities) = &access.access.authorities else {
        return Ok(None);
    };
    let config = TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(default_provider()))
        .root_certs(RootCerts::Specific(Arc::new(certificates(authorities)?)));
    let Some((certificate, key)) = &access.access.certificate else {
        return Ok(Some(config.build()));
    };
    let failed = |_| Error::Input(format!("{} holds no key in PEM", key.display()));
    let pem = PrivateKey::from_pem(&read(key)?).map_err(failed)?;
    let own = ClientCert::new_with_certs(&certificates(certificate)?, pem);
    Ok(Some(config.client_cert(Some(own)).build()))
}

fn certificates(path: &Path) -> Result<Vec<Certificate<'static>>, Error> {
    let pem = read(path)?;
    let found: Vec<_> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if found.is_empty() {
        let line = format!("{} holds no certificate in PEM", path.display());
        return Err(Error::Input(line));
    }
    Ok(found)
}
