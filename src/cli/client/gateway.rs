//! Address and HTTP client of a gateway's Consul face.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use kubekv::remote::first_line;
use ureq::http::{HeaderValue, Response, Uri};
use ureq::{Agent, RequestBuilder};

use super::GatewayReply;
use super::key_path::key_path;
use super::tls::TlsArguments;
use crate::cli::exit::{self, CommandError};

/// The time limit to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The gateway of a command (`--address`).
#[derive(Debug, Args)]
pub(in crate::cli) struct GatewayAddress {
    /// The address of the gateway's Consul face
    #[arg(
        long,
        value_name = "HOST:PORT",
        env = "KUBEKV_ADDRESS",
        default_value = "127.0.0.1:8500"
    )]
    address: String,
    /// The file whose first line is the token that proves who asks (Consul's X-Consul-Token)
    #[arg(long, value_name = "FILE", env = "KUBEKV_CLIENT_TOKEN_FILE")]
    token_file: Option<PathBuf>,
    #[command(flatten)]
    tls: TlsArguments,
}

impl GatewayAddress {
    /// The address, `HOST:PORT`.
    pub(super) fn authority(&self) -> Result<String, CommandError> {
        let asked = self.address.split_once("://").map(|(scheme, _)| scheme);
        if asked.is_some_and(|scheme| scheme != self.tls.scheme()) {
            let line = "--address: https:// needs --tls-ca, and http:// has none";
            return Err(CommandError::new(exit::USAGE, line));
        }
        authority(&self.address).ok_or_else(|| {
            let line = "--address: want HOST:PORT, for example 127.0.0.1:8500";
            CommandError::new(exit::USAGE, line)
        })
    }

    /// How the gateway is asked.
    pub(super) fn tls(&self) -> &TlsArguments {
        &self.tls
    }

    /// A client of the gateway. It does not connect yet.
    pub(in crate::cli) fn connect(&self) -> Result<GatewayClient, CommandError> {
        let address = self.authority()?;
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            // A web proxy of the environment does not apply to a store.
            .proxy(None)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .tls_config(self.tls.config()?)
            .user_agent(concat!("kubekv/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(GatewayClient {
            agent: config.new_agent(),
            scheme: self.tls.scheme(),
            address,
            token: self.token()?,
        })
    }

    /// The token to show, if there is one.
    fn token(&self) -> Result<Option<HeaderValue>, CommandError> {
        let Some(path) = &self.token_file else {
            return Ok(None);
        };
        let token = first_line(path).map_err(|error| CommandError::new(exit::IO, error.0))?;
        let token = HeaderValue::from_str(&token)
            .ok()
            .filter(|token| !token.is_empty());
        let Some(mut token) = token else {
            let line = format!("{}: its first line is no token", path.display());
            return Err(CommandError::new(exit::USAGE, line));
        };
        token.set_sensitive(true);
        Ok(Some(token))
    }
}

/// Parses `HOST:PORT`, also after `http://` or `https://`.
pub(super) fn authority(text: &str) -> Option<String> {
    let text = text.trim_end_matches('/');
    let text = text.strip_prefix("http://").unwrap_or(text);
    let text = text.strip_prefix("https://").unwrap_or(text);
    let uri = format!("http://{text}").parse::<Uri>().ok()?;
    let authority = uri.authority()?.as_str() == text;
    let port = uri.port_u16().is_some_and(|port| port > 0);
    (authority && port && !text.contains('@')).then(|| text.to_owned())
}

/// A client of one gateway.
#[derive(Debug)]
pub(in crate::cli) struct GatewayClient {
    agent: Agent,
    scheme: &'static str,
    address: String,
    token: Option<HeaderValue>,
}

/// Parameters of a request; `None` is a parameter without a value.
type Query<'a> = [(&'a str, Option<&'a str>)];

impl GatewayClient {
    /// The address of the gateway.
    pub(in crate::cli) fn address(&self) -> &str {
        &self.address
    }

    /// GET of a page.
    pub(in crate::cli) fn get(&self, path: &str) -> Result<GatewayReply, CommandError> {
        let request = self.agent.get(self.uri(path, &[]));
        self.reply(self.proving(request).call())
    }

    /// GET of a key.
    pub(in crate::cli) fn read(
        &self,
        key: &[u8],
        query: &Query<'_>,
    ) -> Result<GatewayReply, CommandError> {
        let request = self.agent.get(self.uri(&key_path(key), query));
        self.reply(self.proving(request).call())
    }

    /// PUT of a key; returns whether it was written.
    pub(in crate::cli) fn put(
        &self,
        key: &[u8],
        value: &[u8],
        query: &Query<'_>,
    ) -> Result<bool, CommandError> {
        let request = self.agent.put(self.uri(&key_path(key), query));
        self.reply(self.proving(request).send(value))
            .and_then(|reply| reply.json())
    }

    /// DELETE of a key; returns whether it was deleted.
    pub(in crate::cli) fn delete(
        &self,
        key: &[u8],
        query: &Query<'_>,
    ) -> Result<bool, CommandError> {
        let request = self.agent.delete(self.uri(&key_path(key), query));
        self.reply(self.proving(request).call())
            .and_then(|reply| reply.json())
    }

    /// The request with the token, if there is one.
    fn proving<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match &self.token {
            Some(token) => request.header("X-Consul-Token", token),
            None => request,
        }
    }

    fn uri(&self, path: &str, query: &Query<'_>) -> String {
        let mut uri = format!("{}://{}{path}", self.scheme, self.address);
        let mut separator = '?';
        for (name, value) in query {
            uri.push(separator);
            uri.push_str(name);
            if let Some(value) = value {
                uri.push('=');
                uri.extend(form_urlencoded::byte_serialize(value.as_bytes()));
            }
            separator = '&';
        }
        uri
    }

    fn reply(
        &self,
        result: Result<Response<ureq::Body>, ureq::Error>,
    ) -> Result<GatewayReply, CommandError> {
        let response = result.map_err(|error| {
            let line = format!("cannot reach a gateway at {}: {error}", self.address);
            CommandError::new(exit::UNREACHABLE, line)
        })?;
        GatewayReply::read(response)
    }
}
