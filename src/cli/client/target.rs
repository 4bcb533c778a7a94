//! Which gateway, and how it is asked.

use std::time::Duration;

use clap::Args;
use ureq::Agent;
use ureq::http::{Response, Uri};

use super::{Reply, key};
use crate::cli::exit::{self, Failure};

/// How long to wait for a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// Which gateway a command asks.
#[derive(Debug, Args)]
pub(in crate::cli) struct Target {
    /// The gateway's Consul face
    #[arg(
        long,
        value_name = "HOST:PORT",
        env = "KUBEKV_ADDRESS",
        default_value = "127.0.0.1:8500"
    )]
    address: String,
}

impl Target {
    /// Its address, `HOST:PORT`.
    pub(super) fn authority(&self) -> Result<String, Failure> {
        authority(&self.address).ok_or_else(|| {
            let line = "--address: want HOST:PORT, for example 127.0.0.1:8500";
            Failure::new(exit::USAGE, line)
        })
    }

    /// A client of it; nothing is sent yet.
    pub(in crate::cli) fn connect(&self) -> Result<Gateway, Failure> {
        let address = self.authority()?;
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            // A proxy for the web is none for a store.
            .proxy(None)
            .timeout_connect(Some(CONNECT))
            .user_agent(concat!("kubekv/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Gateway {
            agent: config.new_agent(),
            address,
        })
    }
}

/// Reads `HOST:PORT`, or that as a URL.
pub(super) fn authority(text: &str) -> Option<String> {
    let text = text.trim_end_matches('/');
    let text = text.strip_prefix("http://").unwrap_or(text);
    let uri = format!("http://{text}").parse::<Uri>().ok()?;
    let authority = uri.authority()?.as_str() == text;
    let port = uri.port_u16().is_some_and(|port| port > 0);
    (authority && port && !text.contains('@')).then(|| text.to_owned())
}

/// A client of one gateway.
#[derive(Debug)]
pub(in crate::cli) struct Gateway {
    agent: Agent,
    address: String,
}

/// Parameters of a request; without a value, just the name.
type Query<'a> = [(&'a str, Option<&'a str>)];

impl Gateway {
    /// The address it was given.
    pub(in crate::cli) fn address(&self) -> &str {
        &self.address
    }

    /// GET of any page.
    pub(in crate::cli) fn get(&self, path: &str) -> Result<Reply, Failure> {
        self.reply(self.agent.get(self.uri(path, &[])).call())
    }

    /// GET of a key.
    pub(in crate::cli) fn read(&self, key: &[u8], query: &Query<'_>) -> Result<Reply, Failure> {
        self.reply(self.agent.get(self.uri(&key::path(key), query)).call())
    }

    /// PUT of a key: whether it was written.
    pub(in crate::cli) fn put(
        &self,
        key: &[u8],
        value: &[u8],
        query: &Query<'_>,
    ) -> Result<bool, Failure> {
        let request = self.agent.put(self.uri(&key::path(key), query));
        self.reply(request.send(value))
            .and_then(|reply| reply.json())
    }

    /// DELETE of a key: whether it was done.
    pub(in crate::cli) fn delete(&self, key: &[u8], query: &Query<'_>) -> Result<bool, Failure> {
        let request = self.agent.delete(self.uri(&key::path(key), query));
        self.reply(request.call()).and_then(|reply| reply.json())
    }

    fn uri(&self, path: &str, query: &Query<'_>) -> String {
        let mut uri = format!("http://{}{path}", self.address);
        let mut mark = '?';
        for (name, value) in query {
            uri.push(mark);
            uri.push_str(name);
            if let Some(value) = value {
                uri.push('=');
                uri.extend(form_urlencoded::byte_serialize(value.as_bytes()));
            }
            mark = '&';
        }
        uri
    }

    fn reply(&self, outcome: Result<Response<ureq::Body>, ureq::Error>) -> Result<Reply, Failure> {
        let response = outcome.map_err(|error| {
            let line = format!("cannot reach a gateway at {}: {error}", self.address);
            Failure::new(exit::UNREACHABLE, line)
        })?;
        Reply::read(response)
    }
}
